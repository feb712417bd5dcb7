"""Durable tasks on the service's own database: enqueued in the transaction they belong to, done at least once.

Built on pgqueuer. A task whose worker dies is picked up by another one after the heartbeat timeout; one that
raises is tried again with growing pauses until it succeeds, so every task must be safe to repeat.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import FailingListenerError, RetryRequested
from pgqueuer.executors import EntrypointExecutor
from pgqueuer.models import Context, Job, Schedule
from pgqueuer.queries import Queries
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.database import connect

log = logging.getLogger(__name__)

Payload = dict[str, Any]
Handler = Callable[[Payload], Awaitable[None]]

# A dead worker's task is taken over when its heartbeat is that old and somebody looks: within ten seconds.
HEARTBEAT_TIMEOUT = timedelta(seconds=6)
LOOK_EVERY = timedelta(seconds=2)
_FIRST_PAUSE = timedelta(milliseconds=500)
_LONGEST_PAUSE = timedelta(minutes=1)


async def enqueue(
    connection: AsyncConnection, name: str, payload: Payload, *, delay: timedelta | None = None, priority: int = 0
) -> None:
    """Adds a task to the transaction of `connection`: it exists if, and only if, the transaction commits.

    Of tasks that wait, the one with the highest priority is done first, of these the oldest.
    """
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None  # noqa: S101 - the connection is open
    if not raw.is_in_transaction():
        # SQLAlchemy sends BEGIN with its first statement; ours goes past it.
        await connection.execute(text("SELECT 1"))
    queries = Queries(AsyncpgDriver(raw))
    await queries.enqueue(name, json.dumps(payload).encode(), priority=priority, execute_after=delay)


async def install(url: str) -> None:
    """Creates or upgrades the queue's tables. Several replicas may do so at once."""
    connection = await connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext('drape.tasks'))")
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
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
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, FailingListenerError):
                log.exception("the task queue lost its database, trying again")
                await asyncio.sleep(1)

    async def _run_once(self, stop: asyncio.Event) -> None:
        connection = await connect(self._url)
        queue = PgQueuer.from_asyncpg_connection(connection)
        # Not `stop` itself: the queue also sets its event when it ends for want of a connection.
        stopping = asyncio.create_task(_pass_on(stop, queue.shutdown))
        for name, handler in self._handlers.items():
            queue.qm.entrypoint(name, executor_factory=_UntilDone)(_unpacked(handler))
        for name, cron, tick in self._schedules:
            queue.sm.schedule(name, cron, clean_old=True)(_ticked(tick))
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
            await connection.close(timeout=2)


class _UntilDone(EntrypointExecutor):
    """Has a task that raised tried again, however often it did. (The queue's own executor gives up in the end.)"""

    async def execute(self, job: Job, context: Context) -> None:
        try:
            await super().execute(job, context)
        except Exception as error:
            pause = min(_FIRST_PAUSE * 2 ** min(job.attempts, 10), _LONGEST_PAUSE)
            log.warning("task failed, it will be tried again", extra={"task": job.entrypoint}, exc_info=error)
            raise RetryRequested(pause, type(error).__name__) from error


async def _pass_on(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


def _unpacked(handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def handle(job: Job) -> None:
        await handler(json.loads(job.payload or b"{}"))

    return handle


def _ticked(tick: Callable[[], Awaitable[None]]) -> Callable[[Schedule], Awaitable[None]]:
    async def handle(_: Schedule) -> None:
        await tick()

    return handle
