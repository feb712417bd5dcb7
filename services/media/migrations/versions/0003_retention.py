"""How long users want their pictures to be kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "retention_choices",
        sa.Column("user_id", sa.String(), primary_key=True),
        sa.Column("days", sa.Integer(), nullable=False),
    )
