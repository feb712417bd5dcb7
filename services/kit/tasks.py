"""Durable tasks on the service's own database: enqueued in the transaction they belong to, done at least once.

Built on pgqueuer. A task whose worker dies is picked up by another one after the heartbeat timeout; one that
raises is tried again with growing pauses until it succeeds, so every task must be safe to repeat.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import asyncpg
from opentelemetry import propagate
from opentelemetry.trace import SpanKind
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import FailingListenerError, RetryRequested
from pgqueuer.executors import EntrypointExecutor
from pgqueuer.models import Context, Job, Schedule
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit import telemetry
from services.kit.database import connect, directly
from services.kit.statements import Direct

log = logging.getLogger(__name__)

Payload = dict[str, Any]
Handler = Callable[[Payload], Awaitable[None]]

# A dead worker's task is taken over when its heartbeat is that old and somebody looks: within ten seconds.
HEARTBEAT_TIMEOUT = timedelta(seconds=6)
LOOK_EVERY = timedelta(seconds=2)
_FIRST_PAUSE = timedelta(milliseconds=500)
_LONGEST_PAUSE = timedelta(minutes=1)

# The driver's internal error is what a connection says that was lost in the midst of an operation.
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_MEASURE_SECONDS = 5
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('drape.tasks.gauges')) AS mine"
_WAITING = """
SELECT entrypoint, count(*) AS waiting, extract(epoch FROM now() - min(execute_after)) AS age
FROM pgqueuer WHERE status = 'queued' AND execute_after <= now() GROUP BY entrypoint
"""
_SOONEST = """
SELECT execute_after - now() AS eta FROM pgqueuer WHERE status = 'queued' AND entrypoint = ANY($1)
ORDER BY execute_after LIMIT 1
"""
_HAND_BACK = """
UPDATE pgqueuer SET status = 'queued', execute_after = now(), updated = now(), queue_manager_id = NULL
WHERE status = 'picked' AND queue_manager_id = $1
"""
# The queue's own statement as a function, so that functions of a service can enqueue what a change of theirs brings up.
_ENQUEUE_FUNCTION = """
CREATE OR REPLACE FUNCTION enqueue_tasks(integer[], text[], bytea[], interval[], text[], jsonb[]) RETURNS void
LANGUAGE sql AS $enqueue$ {statement} $enqueue$
"""
_processed = telemetry.meter.create_histogram(
    "messaging.process.duration", "s", explicit_bucket_boundaries_advisory=telemetry.SECONDS
)
_length = telemetry.meter.create_gauge("drape.queue.length", "{task}", "Tasks that are due and not begun")
_oldest = telemetry.meter.create_gauge("drape.queue.oldest_age", "s", "How long the oldest of them has been due")


async def enqueue(
    connection: AsyncConnection | Direct,
    name: str,
    payload: Payload,
    *,
    delay: timedelta | None = None,
    priority: int = 0,
) -> None:
    """Adds a task to the transaction of `connection`: it exists if, and only if, the transaction commits.

    Of tasks that wait, the one with the highest priority is done first, of these the oldest.
    """
    direct = connection if isinstance(connection, Direct) else await directly(connection)
    queries = Queries(AsyncpgDriver(direct.driver))
    with sending(name) as headers:
        await queries.enqueue(
            name, json.dumps(payload).encode(), priority=priority, execute_after=delay, headers=headers
        )


@contextmanager
def sending(name: str) -> Iterator[dict[str, str] | None]:
    """A span around the enqueueing of a task; yields the headers by which whoever does it carries the trace on."""
    if not telemetry.exporting():
        yield None
        return
    with telemetry.span(f"send {name}", _about(name, "send"), SpanKind.PRODUCER):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        yield headers or None


async def install(url: str) -> None:
    """Creates or upgrades the queue's tables and functions. Several replicas may do so at once.

    SQL enqueues with `enqueue_tasks`: priorities, names, payloads, delays, keys or NULL, headers.
    """
    connection = await connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext('drape.tasks'))")
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
        await connection.execute(_ENQUEUE_FUNCTION.format(statement=queries.qbq.build_enqueue_query()))
    finally:
        await connection.close(timeout=2)


class TaskRunner:
    """Runs the tasks of one service's database in this process."""

    def __init__(self, url: str, concurrency: int = 10) -> None:
        """`concurrency` is how many tasks this process has in hand at most, at least 2."""
        self._url = url
        self._concurrency = concurrency
        self._handlers: dict[str, Handler] = {}
        self._schedules: list[tuple[str, str, Callable[[], Awaitable[None]]]] = []
        self._id: uuid.UUID | None = None
        """Under which the queue has what is in hand here."""

    def task(self, name: str, handler: Handler) -> None:
        """Calls `handler` with the payload of each task of that name."""
        self._handlers[name] = handler

    def every(self, cron: str, name: str, handler: Callable[[], Awaitable[None]]) -> None:
        """Calls `handler` at the times of a cron expression; in one of the replicas, not in all."""
        self._schedules.append((name, cron, handler))

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`, then ends what is in hand. Starts again when the database was away."""
        while not stop.is_set():
            try:
                await self._run_once(stop)
            except (*_LOST, FailingListenerError):
                log.exception("the task queue lost its database, trying again")
                await asyncio.sleep(1)

    async def hand_back(self) -> None:
        """Puts what is in hand back into the queue, so that others begin it at once. This process must end then."""
        if self._id:
            connection = await connect(self._url)
            await connection.execute(_HAND_BACK, self._id)
            await connection.close(timeout=2)

    async def _run_once(self, stop: asyncio.Event) -> None:
        connection = await connect(self._url)
        driver = AsyncpgDriver(connection)
        queue = PgQueuer(driver, queries=_Queries(driver))
        self._id = queue.qm.queue_manager_id
        # Not `stop` itself: the queue also sets its event when it ends for want of a connection.
        stopping = asyncio.create_task(_pass_on(stop, queue.shutdown))
        measuring = asyncio.create_task(self._measure(driver)) if telemetry.exporting() else None
        for name, handler in self._handlers.items():
            queue.qm.entrypoint(name, executor_factory=_UntilDone)(_unpacked(handler))
        for name, cron, tick in self._schedules:
            queue.sm.schedule(name, cron, clean_old=True)(_ticked(name, tick))
        try:
            await queue.run(
                dequeue_timeout=LOOK_EVERY,
                batch_size=max(1, self._concurrency // 2),
                max_concurrent_tasks=max(2, self._concurrency),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
            )
        finally:
            stopping.cancel()
            if measuring:
                measuring.cancel()
            await connection.close(timeout=2)

    async def _measure(self, driver: AsyncpgDriver) -> None:
        """Measures the queue; of all replicas the one that has the lock does, so that nothing is counted twice."""
        mine = False
        with suppress(*_LOST):
            while True:
                mine = mine or bool((await driver.fetch(_TRY_LOCK))[0]["mine"])
                if mine:
                    self._tell(await driver.fetch(_WAITING))
                await asyncio.sleep(_MEASURE_SECONDS)

    def _tell(self, rows: list[dict[str, Any]]) -> None:
        empty = dict.fromkeys(self._handlers, (0, 0))
        waiting = {row["entrypoint"]: (row["waiting"], row["age"]) for row in rows}
        for name, (count, age) in (empty | waiting).items():
            about = {"messaging.destination.name": name}
            _length.set(count, about)
            _oldest.set(float(age), about)


class _Queries(Queries):
    """Asks in one statement what the queue asks in three, each time before it waits for more."""

    _soonest: timedelta | None = None

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        rows = await self.driver.fetch(_SOONEST, entrypoints)
        self._soonest = cast(timedelta, rows[0]["eta"]) if rows else None
        return int(self._soonest is not None and self._soonest <= timedelta())

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        return self._soonest

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        return int(self._soonest is not None)


class _UntilDone(EntrypointExecutor):
    """Has a task that raised tried again, however often it did. (The queue's own executor gives up in the end.)"""

    async def execute(self, job: Job, context: Context) -> None:
        try:
            await self._traced(job, context)
        except Exception as error:
            pause = min(_FIRST_PAUSE * 2 ** min(job.attempts, 10), _LONGEST_PAUSE)
            log.warning("task failed, it will be tried again", extra={"task": job.entrypoint}, exc_info=error)
            raise RetryRequested(pause, type(error).__name__) from error

    async def _traced(self, job: Job, context: Context) -> None:
        about = _about(job.entrypoint, "process")
        began = time.perf_counter()
        failed: telemetry.Attributes = {}
        with telemetry.span(
            f"process {job.entrypoint}",
            about | {"messaging.message.id": str(job.id)},
            SpanKind.CONSUMER,
            propagate.extract(job.headers or {}),
        ):
            try:
                await super().execute(job, context)
            except Exception as error:
                failed = {"error.type": type(error).__qualname__}
                raise
            finally:
                _processed.record(time.perf_counter() - began, about | failed)


async def _pass_on(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


def _about(name: str, operation: str) -> telemetry.Attributes:
    return {
        "messaging.system": "pgqueuer",
        "messaging.destination.name": name,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }


def _unpacked(handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def handle(job: Job) -> None:
        await handler(json.loads(job.payload or b"{}"))

    return handle


def _ticked(name: str, tick: Callable[[], Awaitable[None]]) -> Callable[[Schedule], Awaitable[None]]:
    async def handle(_: Schedule) -> None:
        with telemetry.span(f"schedule {name}"):
            await tick()

    return handle
