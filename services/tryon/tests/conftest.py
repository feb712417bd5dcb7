from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
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
