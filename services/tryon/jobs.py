"""Jobs in the database: every change of a job's row is here, and the database announces each (migration 0003)."""

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import SQLModel, col

from services.kit import tasks
from services.kit.database import Database, directly
from services.kit.failpoints import Step
from services.kit.statements import Statement
from services.tryon import line
from services.tryon.errors import InvalidPageToken, JobNotFound
from services.tryon.metrics import QueueState
from services.tryon.models import Job
from services.tryon.waiting import TELLING, Waiter, Waiters

log = logging.getLogger(__name__)

CHANNEL = "job_changed"
FIELDS = {"person": "personImageId", "garment": "outfitImageId"}
"""The request's fields, by what engines call their images."""
FINISHED = ("succeeded", "failed", "canceled")

UNWANTED = frozenset({"releasing", *FINISHED})
"""The states of jobs for which no picture is to be made any more."""

JobRow = Row[Job]

_ADD, _FORGET, _FORGET_USER, _PRUNE, _MEND = (
    Step(f"jobs.{name}") for name in ("add", "forget", "forget_user", "prune", "mend")
)
_PRUNED_AT_ONCE = 1000


def _changing(where: ColumnElement[bool], **values: Any) -> ReturningUpdate[Job]:
    """The values of each run are those that are parameters here."""
    values = values | {"version": col(Job.version) + 1}
    return update(Job).where(col(Job.id) == bindparam("job_id"), where).values(values).returning(Job)


def _among(*states: str) -> ColumnElement[bool]:
    return col(Job.state).in_([literal_column(f"'{state}'") for state in states])


_GET = Statement(select(Job).where(col(Job.id) == bindparam("job_id"), col(Job.user_id) == bindparam("user_id")))
_STATE = Statement(select(col(Job.state)).where(col(Job.id) == bindparam("job_id")))
# The states stand in its text, for else it would not find the index of the open ones.
_UNFINISHED = Statement(text("SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'canceled')"))
_BEGINS = _among("held", "running")
_TAKE = Statement(
    _changing(
        _among("held", "running", "stored", "releasing"),
        attempt=col(Job.attempt) + 1,
        state=case((_BEGINS, "running"), else_=col(Job.state)),
        stage=case((_BEGINS, "preparing"), else_=col(Job.stage)),
        progress=case((_BEGINS, 0), else_=col(Job.progress)),
    )
)


class Jobs:
    """Reads and changes jobs, and waits for changes that any process makes."""

    def __init__(self, database: Database, running_per_user: int = 2) -> None:
        """`running_per_user` is how many jobs of one user are in line or worked on at a time."""
        self._database = database
        self._running_per_user = running_per_user
        self.waiters = Waiters()
        """Who waits for jobs in this process."""

    async def add(self, values: dict[str, Any]) -> tuple[JobRow, bool]:
        """Adds a job, or finds the one with the same idempotency key; tells whether it is new."""
        while True:
            async with _ADD:
                if row := await self._database.first(_INSERT, **values):
                    return row, True
            # Between these two the other one may be forgotten: then there is room again.
            if known := await self.by_key(values["user_id"], values["idempotency_key"]):
                return known, False

    async def by_key(self, user_id: str, key: str) -> JobRow | None:
        """The user's job with that idempotency key."""
        statement = select(Job).where(col(Job.user_id) == user_id, col(Job.idempotency_key) == key)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).first()

    async def get(self, user_id: str, job_id: str) -> JobRow:
        """A job of the user. Raises JobNotFound."""
        row: JobRow | None = await self._database.first(_GET, job_id=job_id, user_id=user_id)
        if row is None:
            raise JobNotFound("Job not found")
        return row

    async def state_of(self, job_id: str) -> str | None:
        """The job's state, whoever's it is; None when it is gone."""
        found = await self._database.first(_STATE, job_id=job_id)
        return found and str(found.state)

    async def until_ended(self, waiter: Waiter) -> None:
        """Returns when the job of a waiter for `UNWANTED` needs no picture any more: it is gone or being released."""
        while True:
            await waiter.changed.wait()
            waiter.changed.clear()
            if await self.state_of(waiter.job_id) in (None, *UNWANTED):
                return

    async def page(self, user_id: str, size: int, token: str) -> tuple[Sequence[JobRow], str]:
        """Some of the user's jobs, newest first, and the next page's token. Raises InvalidPageToken."""
        statement = select(Job).where(col(Job.user_id) == user_id)
        if token:
            statement = statement.where(col(Job.id) < _read_token(token))
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.order_by(col(Job.id).desc()).limit(size + 1))).all()
        more = len(rows) > size
        return rows[:size], base64.urlsafe_b64encode(rows[size - 1].id.encode()).decode() if more else ""

    async def change(
        self, connection: AsyncConnection, job_id: str, where: ColumnElement[bool], **values: Any
    ) -> JobRow | None:
        """Changes a job that meets the condition; None when it does not meet it.

        A change by which the job comes to the line, or leaves it, moves its user's next one up.
        """
        row = (await connection.execute(_changing(where, **values), {"job_id": job_id})).first()
        if row is not None and values.get("state") in line.MOVES:
            await line.move_up(await directly(connection), row.user_id, self._running_per_user)
        return row

    async def change_now(self, step: Step, job_id: str, where: ColumnElement[bool], **values: Any) -> JobRow | None:
        """As `change`, in a transaction of its own, which is that step."""
        if values.get("state") in line.MOVES:
            async with step, self._database.transaction() as connection:
                return await self.change(connection, job_id, where, **values)
        async with step, self._database.statement() as connection:
            return (await connection.execute(_changing(where, **values), {"job_id": job_id})).first()

    async def take(self, step: Step, job_id: str) -> JobRow | None:
        """Begins an attempt at a job; None when there is nothing left to do for it. The transaction is that step."""
        async with step:
            row: JobRow | None = await self._database.first(_TAKE, job_id=job_id)
            return row

    async def advance(self, step: Step, job: JobRow, *, telling: str = "", **values: Any) -> JobRow | None:
        """Changes a job that is still in the state and the attempt of this row; None when it is not.

        A change by which the job comes to the line, or leaves it, moves its user's next one up. `telling` reaches
        whoever waits for the job together with the change, and is kept nowhere.
        """
        moves = values.get("state") in line.MOVES
        statement = _advancing(tuple(values), moves, bool(telling))
        # Only a job that comes to the line is sure to be sent on; one that leaves it seldom has another behind it.
        sending = tasks.sending(line.WORK_TASK) if values.get("state") == "held" else contextlib.nullcontext()
        values = {f"new_{name}": value for name, value in values.items()}
        values |= {"job_id": job.id, "own_attempt": job.attempt, "own_state": job.state}
        async with step:
            with sending as headers:
                if moves:
                    values |= {"most": self._running_per_user, "headers": headers}
                if telling:
                    values["telling"] = f"{job.id} {TELLING}{telling}"
                row: JobRow | None = await self._database.first(statement, **values)
                return row

    async def forget(self, job: JobRow) -> None:
        """Deletes a job that was never begun, so that its idempotency key can be used again."""
        # With a key there may be a second request, which has set its credit aside meanwhile and died over it.
        shared = job.idempotency_key != job.id
        await self._delete(_FORGET, col(Job.id) == job.id, col(Job.state) == "created", clear_up=shared)

    async def forget_user(self, user_id: str) -> None:
        """Deletes all jobs of a user; workers that are at one, and whoever waits for one, find it gone."""
        await self._delete(_FORGET_USER, col(Job.user_id) == user_id, clear_up=True)

    async def prune(self, keep: timedelta) -> None:
        """Deletes the rows of jobs that finished longer ago than that. Their pictures stay."""
        old = col(Job.finished_at) < datetime.now(UTC) - keep
        some = select(col(Job.id)).where(old).order_by(col(Job.finished_at)).limit(_PRUNED_AT_ONCE)
        while await self._delete(_PRUNE, col(Job.id).in_(some.scalar_subquery()), old) == _PRUNED_AT_ONCE:
            pass

    async def mend(self) -> None:
        """Moves up jobs whose turn was missed. None should be: this is for what nobody has thought of."""
        async with self._database.read() as connection:
            users = await line.left_behind(connection, self._running_per_user)
        for user_id in users:
            log.warning("a job had been left behind", extra={"user_id": user_id})
            async with _MEND, self._database.direct() as connection:
                await line.move_up(connection, user_id, self._running_per_user)

    async def _delete(self, step: Step, *where: ColumnElement[bool], clear_up: bool = False) -> int:
        """Deletes jobs; how many there were.

        With `clear_up` workers give back what is set aside for those that were not finished, and delete what is stored.
        """
        statement = delete(Job).where(*where).returning(col(Job.id), col(Job.user_id), col(Job.state))
        async with step, self._database.transaction() as connection:
            gone = (await connection.execute(statement)).all()
            for job in gone:
                if clear_up and job.state not in FINISHED:
                    await tasks.enqueue(connection, line.WORK_TASK, line.payload(job), priority=1)
            return len(gone)

    async def unfinished(self) -> int:
        """How many jobs are not finished."""
        return int((await self._database.first(_UNFINISHED))[0])

    async def queue_state(self) -> QueueState:
        """How many jobs wait and are worked on, and for how long the first of them has waited."""
        waiting = col(Job.state).in_(("created", "held"))
        statement = select(
            func.count().filter(waiting),
            func.count().filter(col(Job.state).in_(("running", "stored"))),
            func.extract("epoch", func.now() - func.min(col(Job.created_at)).filter(waiting)),
        ).where(col(Job.state).not_in(FINISHED))
        async with self._database.read() as connection:
            count, running, oldest = (await connection.execute(statement)).one()
        return QueueState(count, running, float(oldest or 0))

    async def position(self, job: JobRow) -> int:
        """How many jobs that wait as it does come before it."""
        async with self._database.read() as connection:
            return await line.position(connection, job.id)

    async def changes(self, user_id: str, job_id: str, every_seconds: float) -> AsyncIterator[JobRow]:
        """The job now, after each change and at least as often as told, until it is finished. Raises JobNotFound.

        When this process ends it ends earlier; whoever watches comes back to another one.
        """
        with self.waiters.waiting(job_id) as waiter:
            while True:
                waiter.changed.clear()
                yield (job := await self.get(user_id, job_id))
                if job.state in FINISHED or self.waiters.hurried:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(waiter.changed.wait(), every_seconds)

    async def finished(self, user_id: str, job_id: str, timeout_seconds: float, waiter: Waiter | None = None) -> JobRow:
        """The job once it is finished, or as it is after the timeout. Raises JobNotFound.

        Who has a waiter from before the job began does not look before something is heard.
        """
        with self.waiters.waiting(job_id, frozenset(FINISHED)) as own, contextlib.suppress(TimeoutError):
            own.changed.set()
            told = waiter or own
            async with asyncio.timeout(timeout_seconds):
                while not self.waiters.hurried:
                    await told.changed.wait()
                    told.changed.clear()
                    if (job := await self.get(user_id, job_id)).state in FINISHED:
                        return job
        return await self.get(user_id, job_id)

    async def listen(self, stop: asyncio.Event) -> None:
        """Hears of changes until `stop`; runs beside the server."""
        await self._database.listen(CHANNEL, self.waiters.heard, stop)


@lru_cache
def _advancing(names: tuple[str, ...], moves: bool, tells: bool) -> Statement:
    """The change of these columns of a job that is as its row said, and what is to happen with it."""
    owned = and_(col(Job.attempt) == bindparam("own_attempt"), col(Job.state) == bindparam("own_state"))
    columns = SQLModel.metadata.tables["jobs"].columns
    change = _changing(owned, **{name: bindparam(f"new_{name}", type_=columns[name].type) for name in names})
    changed = change.cte("changed")
    beside: list[ColumnElement[Any]] = [line.come_up(changed.c.user_id)] if moves else []
    if tells:
        beside.append(func.pg_notify(CHANNEL, bindparam("telling", type_=String())))
    return Statement(select(changed, *beside) if beside else change)


def new_job(user_id: str, job_id: str, key: str, person: str, outfit: str, options: dict[str, Any]) -> dict[str, Any]:
    """The values of a new job's row."""
    return {
        "id": job_id,
        "user_id": user_id,
        # Without a key every request is a job of its own.
        "idempotency_key": key or job_id,
        "person_image_id": person,
        "outfit_image_id": outfit,
        "options": options,
        "state": "created",
        "stage": "queued",
        "progress": 0,
        "version": 0,
        "attempt": 0,
        "engine": "",
        "created_at": datetime.now(UTC),
    }


_COLUMNS = new_job("", "", "", "", "", {})
_INSERT = Statement(upsert(Job).on_conflict_do_nothing().returning(Job), _COLUMNS)


def _read_token(token: str) -> str:
    try:
        job_id = base64.urlsafe_b64decode(token.encode()).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise InvalidPageToken("pageToken is not valid") from error
    if len(job_id) != 36 or not job_id.isprintable():
        raise InvalidPageToken("pageToken is not valid")
    return job_id
