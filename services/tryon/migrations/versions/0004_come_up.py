"""Moving a user's next job up and enqueueing its work as one call, which can be part of the change that makes room."""

from alembic import op

revision = "0004"
down_revision = "0003"

# A user's second job comes after everybody's first. The work's name is line.WORK_TASK.
COME_UP = """
CREATE FUNCTION come_up(of_user text, most integer, headers jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE up record;
BEGIN
    SELECT * INTO up FROM move_up(of_user, most);
    IF FOUND THEN
        PERFORM enqueue_tasks(
            ARRAY[-up.job_round],
            ARRAY['tryon'],
            ARRAY[convert_to(json_build_object('job_id', up.job_id, 'user_id', of_user)::text, 'UTF8')],
            ARRAY[interval '0'],
            ARRAY[NULL]::text[],
            ARRAY[coalesce(headers, 'null')]
        );
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(COME_UP)
