import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
from services.tryon.line import WORK_TASK
from services.tryon.tests.served import Tryon, serving
from services.tryon.tests.shop import Shop

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """The service's own database, migrated; tests keep apart by using users of their own."""
    url = database_url("tryon")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    yield db
    await db.close()


@pytest.fixture
def shop(database: Database) -> Shop:
    """The service with nothing in it; nobody works unless a test says so."""
    return Shop(database)


@pytest.fixture
def user() -> str:
    """A user that nobody else has."""
    return new_id()


@pytest.fixture
def stranger() -> str:
    """Another user."""
    return new_id()


@pytest.fixture(scope="session")
async def shared_live(database_url: Callable[[str], str]) -> AsyncIterator[Shop]:
    """The service with a worker at the real queue, on a database of its own because it works that off."""
    url = database_url("tryon_live")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    live = Shop(db, wait_seconds=20)
    runner, stop = tasks.TaskRunner(url, concurrency=10), asyncio.Event()

    async def work(payload: tasks.Payload) -> None:
        await live.saga.run(payload["job_id"], payload["user_id"])

    runner.task(WORK_TASK, work)
    background = [asyncio.ensure_future(run(stop)) for run in (runner.run, live.jobs.listen, live.api_jobs.listen)]
    yield live
    stop.set()
    await asyncio.gather(*background)
    await db.close()


@pytest.fixture
def live(shared_live: Shop) -> Shop:
    """The working service, its engine and billing as they usually are."""
    shared_live.engine.instead = None
    shared_live.billing.before_hold = shared_live.billing.after_hold = None
    return shared_live


@pytest.fixture(scope="session")
async def shared_tryon(shared_live: Shop) -> AsyncIterator[Tryon]:
    """The working service on a channel."""
    async with serving(shared_live) as running:
        yield running


@pytest.fixture
def tryon(shared_tryon: Tryon, live: Shop) -> Tryon:
    """The working service on a channel, its engine and billing as they usually are."""
    assert shared_tryon.shop is live
    return shared_tryon
