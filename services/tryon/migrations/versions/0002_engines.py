"""What engines outside remember of a job, and what they spend in a day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("provider_engine", "provider_job_id"):
        op.add_column("jobs", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.create_table(
        "engine_days",
        sa.Column("engine", sa.String(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("pictures", sa.Integer(), nullable=False),
    )
