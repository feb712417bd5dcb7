"""Who is next. A user's jobs stand in line a few at a time, so that one user's hundred hold up nobody's first."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit import tasks
from services.kit.statements import Direct, Statement

WORK_TASK = "tryon"
"""Brings a job to its end. Payload: job_id, user_id."""

MOVES = frozenset({"held", "succeeded", "releasing"})
"""The states by which a job comes to the line or leaves its place to the user's next one."""


def come_up(user_id: ColumnElement[str]) -> ColumnElement[None]:
    """What puts the user's next job in line, as part of a statement; `most` and `headers` are its parameters."""
    return func.come_up(
        user_id, bindparam("most", type_=Integer()), bindparam("headers", type_=JSONB(none_as_null=True))
    )


_COME_UP = Statement(select(come_up(bindparam("user_id"))))
# As the queue has it: who stands in line by round and turn; behind them the others, by how many of their user's own
# jobs come first.
_POSITION = text("""
    WITH open AS (
        SELECT id, state, turn IS NULL AS behind, coalesce(turn, 0) AS turn,
            CASE WHEN turn IS NULL THEN row_number() OVER (PARTITION BY user_id ORDER BY id) ELSE round END AS round
        FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'canceled')
    )
    SELECT count(*) FROM open AS other JOIN open AS mine ON mine.id = :job_id
    WHERE other.state IN ('created', 'held')
        AND (other.behind, other.round, other.turn, other.id) < (mine.behind, mine.round, mine.turn, mine.id)
""")
_LEFT_BEHIND = text("""
    SELECT user_id FROM jobs WHERE state IN ('held', 'running', 'stored')
    GROUP BY user_id HAVING bool_or(state = 'held' AND turn IS NULL) AND count(turn) < :most
""")


def payload(job: Any) -> tasks.Payload:
    """What the task of a job is told."""
    return {"job_id": job.id, "user_id": job.user_id}


async def move_up(connection: Direct, user_id: str, most: int) -> None:
    """Puts the user's next job in line, unless `most` of them stand there or are being worked on."""
    with tasks.sending(WORK_TASK) as headers:
        await connection.run(_COME_UP, user_id=user_id, most=most, headers=headers)


async def position(connection: AsyncConnection, job_id: str) -> int:
    """How many waiting jobs come before this one."""
    return int((await connection.execute(_POSITION, {"job_id": job_id})).scalar_one())


async def left_behind(connection: AsyncConnection, most: int) -> list[str]:
    """Users who have a job that could stand in line and does not; there are none unless something went wrong."""
    return list((await connection.execute(_LEFT_BEHIND, {"most": most})).scalars())
