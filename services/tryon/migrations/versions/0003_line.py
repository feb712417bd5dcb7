"""Places in line, where a refused image is wrong, how good a result is, and when a job may be forgotten."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

# Whoever waits for a job hears of each change with its commit, and of the state, so that most need not look.
ANNOUNCE = """
CREATE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('job_changed', OLD.id || ' gone');
    ELSE
        PERFORM pg_notify('job_changed', NEW.id || ' ' || NEW.state);
    END IF;
    RETURN NULL;
END $$
"""
ANNOUNCED = """
CREATE TRIGGER announce_job AFTER DELETE OR UPDATE OF version ON jobs FOR EACH ROW EXECUTE FUNCTION announce_job()
"""
# The lock first, and the counting with a snapshot of its own after it: of two that move up at once the second sees
# what the first has done. A row that is locked is being canceled; whoever does so moves the next one up.
MOVE_UP = """
CREATE FUNCTION move_up(of_user text, most integer) RETURNS TABLE (job_id text, job_round integer)
LANGUAGE plpgsql AS $$
DECLARE standing integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_user, 0));
    SELECT count(*) INTO standing FROM jobs
        WHERE user_id = of_user AND turn IS NOT NULL AND state IN ('held', 'running', 'stored');
    IF standing < most THEN
        RETURN QUERY UPDATE jobs SET turn = nextval('job_turns'), round = standing
            WHERE id = (
                SELECT id FROM jobs WHERE user_id = of_user AND state = 'held' AND turn IS NULL
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id::text, round;
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE job_turns")
    op.add_column("jobs", sa.Column("turn", sa.BigInteger()))
    op.add_column("jobs", sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("score", sa.Float()))
    op.add_column("jobs", sa.Column("error_field", sa.String()))
    op.add_column("jobs", sa.Column("error_box", JSONB()))
    # Jobs of before are in the queue already.
    op.execute("UPDATE jobs SET turn = nextval('job_turns') WHERE state IN ('held', 'running', 'stored')")
    op.execute(ANNOUNCE)
    op.execute(ANNOUNCED)
    op.execute(MOVE_UP)
    op.create_index("jobs_finished", "jobs", ["finished_at"], postgresql_where=sa.text("finished_at IS NOT NULL"))
