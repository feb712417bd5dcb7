"""Places in line, where a refused image is wrong, how good a result is, and when a job may be forgotten."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE SEQUENCE job_turns")
    op.add_column("jobs", sa.Column("turn", sa.BigInteger()))
    op.add_column("jobs", sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("score", sa.Float()))
    op.add_column("jobs", sa.Column("error_field", sa.String()))
    op.add_column("jobs", sa.Column("error_box", JSONB()))
    # Jobs of before are in the queue already.
    op.execute("UPDATE jobs SET turn = nextval('job_turns') WHERE state IN ('held', 'running', 'stored')")
    op.create_index("jobs_finished", "jobs", ["finished_at"], postgresql_where=sa.text("finished_at IS NOT NULL"))
