"""Durable tasks: part of their transaction, done until they succeed, by whoever is alive."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.kit import tasks
from services.kit.database import Database, connect
from services.kit.ids import new_id
from services.kit.tasks import Payload, TaskRunner
from services.kit.tests.programs import running, says
from services.kit.tests.waiting import eventually


@pytest.fixture
def name() -> str:
    """A task's name that no other test uses."""
    return f"task-{new_id()}"


class Workbook:
    """A task that writes down what it was given, after failing as often as it was told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.done: list[Payload] = []

    async def __call__(self, payload: Payload) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not yet")
        self.done.append(payload)

    async def has(self, count: int) -> bool:
        return len(self.done) >= count


@asynccontextmanager
async def working(database: Database, *names: str, handler: tasks.Handler) -> AsyncIterator[asyncio.Event]:
    """A runner at work on tasks of these names; ends when its event is set, or the block does."""
    runner, stop = TaskRunner(database.url), asyncio.Event()
    for name in names:
        runner.task(name, handler)
    work = asyncio.create_task(runner.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await work


async def enqueue(database: Database, name: str, payload: Payload, delay: timedelta | None = None) -> None:
    """Enqueues a task in a transaction of its own."""
    async with database.transaction() as connection:
        await tasks.enqueue(connection, name, payload, delay=delay)


async def waiting(database: Database, name: str) -> list[Any]:
    """The tasks of that name in the queue."""
    async with database.read() as connection:
        return list(await connection.execute(text("SELECT * FROM pgqueuer WHERE entrypoint = :name"), {"name": name}))


async def test_a_task_is_done_with_its_payload(database: Database, name: str) -> None:
    book = Workbook()
    async with working(database, name, handler=book):
        await enqueue(database, name, {"user_id": "ü", "number": 1})
        await eventually(lambda: book.has(1), "the task")
    assert book.done == [{"user_id": "ü", "number": 1}]
    assert await waiting(database, name) == []


async def test_a_task_exists_when_its_transaction_commits(database: Database, name: str) -> None:
    async with database.transaction() as connection:
        await tasks.enqueue(connection, name, {})
        assert await waiting(database, name) == []
    assert len(await waiting(database, name)) == 1


async def test_a_task_is_gone_when_its_transaction_rolls_back(database: Database, name: str) -> None:
    async def change_my_mind() -> None:
        async with database.transaction() as connection:
            await tasks.enqueue(connection, name, {})
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    assert await waiting(database, name) == []


async def test_a_delayed_task_waits_for_its_time(database: Database, name: str) -> None:
    book = Workbook()
    await enqueue(database, name, {"when": "later"}, timedelta(hours=1))
    await enqueue(database, name, {"when": "now"})
    async with working(database, name, handler=book):
        await eventually(lambda: book.has(1), "the task")
    assert book.done == [{"when": "now"}]
    [task] = await waiting(database, name)
    assert timedelta(minutes=59) < task.execute_after - datetime.now(task.execute_after.tzinfo) < timedelta(hours=1)


async def test_of_waiting_tasks_the_most_urgent_is_done_first(database: Database, name: str) -> None:
    book = Workbook()
    async with database.transaction() as connection:
        for priority in (-1, 1, 0, 1):
            await tasks.enqueue(connection, name, {"priority": priority}, priority=priority)
    async with working(database, name, handler=book):
        await eventually(lambda: book.has(4), "the tasks")
    assert [payload["priority"] for payload in book.done] == [1, 1, 0, -1]


async def test_a_task_that_fails_is_tried_again_until_it_succeeds(database: Database, name: str) -> None:
    book = Workbook(failures=2)
    async with working(database, name, handler=book):
        await enqueue(database, name, {"number": 1})
        await eventually(lambda: book.has(1), "the task")
    assert book.done == [{"number": 1}]
    assert await waiting(database, name) == []


async def test_a_task_that_has_failed_for_hours_is_not_given_up(database: Database, name: str) -> None:
    await enqueue(database, name, {})
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE pgqueuer SET attempts = 5000 WHERE entrypoint = :name"), {"name": name})

    async def tried() -> bool:
        return [task.attempts for task in await waiting(database, name)] != [5000]

    async with working(database, name, handler=Workbook(failures=1)):
        await eventually(tried, "the attempt")
    [task] = await waiting(database, name)
    assert (task.attempts, task.status) == (5001, "queued")
    assert task.execute_after - datetime.now(task.execute_after.tzinfo) <= timedelta(minutes=1)


async def test_a_task_is_done_by_one_of_several_workers(database: Database, name: str) -> None:
    book = Workbook()
    async with working(database, name, handler=book), working(database, name, handler=book):
        for number in range(20):
            await enqueue(database, name, {"number": number})
        await eventually(lambda: book.has(20), "the tasks")
    assert Counter(payload["number"] for payload in book.done) == Counter(range(20))


async def test_a_worker_that_is_told_to_stop_ends_what_it_has_in_hand(database: Database, name: str) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def handler(_: Payload) -> None:
        begun.set()
        await end.wait()

    async with working(database, name, handler=handler) as stop:
        await enqueue(database, name, {})
        await asyncio.wait_for(begun.wait(), 10)
        stop.set()
        end.set()
    assert await waiting(database, name) == []


async def test_a_worker_that_loses_its_connection_makes_another(database: Database, name: str) -> None:
    book = Workbook()
    async with working(database, name, handler=book) as stop:
        await enqueue(database, name, {"number": 1})
        await eventually(lambda: book.has(1), "the first task")
        await database.close()
        await _end_connections(database)
        await enqueue(database, name, {"number": 2})
        await eventually(lambda: book.has(2), "the second task", seconds=15)
        assert not stop.is_set()


async def _end_connections(database: Database) -> None:
    connection = await connect(database.url)
    ended = await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
    assert ended


async def test_a_task_left_by_a_killed_worker_is_done_by_another_within_10_seconds(database: Database) -> None:
    book = Workbook()
    await enqueue(database, "hang", {"number": 1})
    async with running("services.kit.tests.hanging_worker", database.url) as process:
        await says(process, "taken")
        async with working(database, "hang", handler=book):
            process.kill()
            killed = time.monotonic()
            await eventually(lambda: book.has(1), "the task", seconds=10)
    assert time.monotonic() - killed < 10
    assert book.done == [{"number": 1}]


class Replica:
    """A runner with a yearly schedule that it shares, and one of every second that shows when it has looked."""

    def __init__(self, database: Database, number: int, name: str, yearly: Callable[[], Awaitable[None]]) -> None:
        self.looks = 0
        self._runner = TaskRunner(database.url)
        self._runner.every("0 0 1 1 *", name, yearly)
        self._runner.every("* * * * * *", f"{name}-{number}", self._look)

    async def run(self, stop: asyncio.Event) -> None:
        await self._runner.run(stop)

    async def _look(self) -> None:
        self.looks += 1

    async def looks_twice(self) -> None:
        """Waits until it has looked twice more for what is due."""
        wanted = self.looks + 2

        async def looked() -> bool:
            return self.looks >= wanted

        await eventually(looked, "the replica", seconds=20)


async def test_a_schedule_is_kept_by_one_of_several_workers(database: Database, name: str) -> None:
    years: list[int] = []

    async def yearly() -> None:
        years.append(1)

    stop, replicas = asyncio.Event(), [Replica(database, number, name, yearly) for number in range(2)]
    work = [asyncio.create_task(replica.run(stop)) for replica in replicas]
    await asyncio.gather(*(replica.looks_twice() for replica in replicas))
    assert years == []
    async with database.transaction() as connection:
        due = text("UPDATE pgqueuer_schedules SET next_run = now() WHERE entrypoint = :name")
        await connection.execute(due, {"name": name})
    await asyncio.gather(*(replica.looks_twice() for replica in replicas))
    stop.set()
    await asyncio.gather(*work)
    assert years == [1]


async def test_several_replicas_may_install_the_queue_at_once(database_url: Callable[[str], str]) -> None:
    url = database_url("kit_install")
    await asyncio.gather(*(tasks.install(url) for _ in range(4)))
    db = Database(url)
    await enqueue(db, "some task", {})
    assert len(await waiting(db, "some task")) == 1
    await db.close()


async def test_what_is_handed_back_is_begun_by_another_while_the_first_is_still_at_it(
    database: Database, name: str
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def hang(_: Payload) -> None:
        begun.set()
        await never.wait()

    first, stop, book = TaskRunner(database.url), asyncio.Event(), Workbook()
    await first.hand_back()  # nothing, yet
    first.task(name, hang)
    work = asyncio.create_task(first.run(stop))
    await enqueue(database, name, {"number": 1})
    await begun.wait()
    stop.set()
    await first.hand_back()
    async with working(database, name, handler=book):
        await eventually(lambda: book.has(1), "the task")
    assert not work.done()
    never.set()
    await work
