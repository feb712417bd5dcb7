"""Which store has a blob, its smaller copies, its blurhash; pictures on their way through Cloudinary."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("blobs", sa.Column("blurhash", sa.String(), nullable=False, server_default=""))
    op.add_column("blobs", sa.Column("store", sa.String(), nullable=False, server_default="disk"))
    op.add_column("blobs", sa.Column("parent_id", sa.String(), nullable=False, server_default=""))
    op.add_column("blobs", sa.Column("rendition", sa.String(), nullable=False, server_default=""))
    # Only Cloudinary's locations begin so; the disk's are folders of two characters.
    op.execute("UPDATE blobs SET store = 'cloudinary' WHERE location LIKE 'virtual-tryon/%'")
    op.alter_column("blobs", "store", server_default=None)
    op.drop_index("blobs_live", "blobs")
    op.create_index(
        "blobs_live",
        "blobs",
        ["user_id", "sha256"],
        unique=True,
        postgresql_where=sa.text("state = 'live' AND parent_id = ''"),
    )
    op.create_index(
        "blobs_copies",
        "blobs",
        ["parent_id", "rendition"],
        unique=True,
        postgresql_where=sa.text("state = 'live' AND parent_id <> ''"),
    )
    op.create_index("blobs_of_parent", "blobs", ["parent_id"], postgresql_where=sa.text("parent_id <> ''"))
    op.create_index("blobs_at", "blobs", ["store", "location"], unique=True)
    op.create_table(
        "direct_uploads",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False, index=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False, unique=True),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
