"""Try-on jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("person_image_id", sa.String(), nullable=False),
        sa.Column("outfit_image_id", sa.String(), nullable=False),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("image_id", sa.String()),
        sa.Column("credits_remaining", sa.Integer()),
        sa.Column("error_reason", sa.String()),
        sa.Column("error_message", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.UniqueConstraint("user_id", "idempotency_key"),
    )
    op.create_index("jobs_of_user", "jobs", ["user_id", sa.text("id DESC")])
    op.create_index(
        "jobs_open", "jobs", ["id"], postgresql_where=sa.text("state NOT IN ('succeeded', 'failed', 'canceled')")
    )
