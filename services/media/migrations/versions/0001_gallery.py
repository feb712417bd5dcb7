"""Images and blobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False, index=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index(
        "blobs_live", "blobs", ["user_id", "sha256"], unique=True, postgresql_where=sa.text("state = 'live'")
    )
    op.create_index("blobs_not_live", "blobs", ["created_at"], postgresql_where=sa.text("state <> 'live'"))
    op.create_table(
        "images",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("blob_id", sa.String(), sa.ForeignKey("blobs.id"), nullable=False, index=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.Column("source_key", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("user_id", "source_key"),
    )
    op.create_index("images_of_user", "images", ["user_id", sa.text("id DESC")])
