from collections.abc import AsyncIterator, Callable

import pytest

from services.kit import tasks
from services.kit.database import Database


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database with a task queue and nothing else."""
    url = database_url("kit")
    await tasks.install(url)
    db = Database(url, pool=10)
    yield db
    await db.close()
