from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.kit import tasks
from services.kit.database import Database, migrate

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """The service's own database, migrated; tests keep apart by using users of their own."""
    url = database_url("auth")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    yield db
    await db.close()
