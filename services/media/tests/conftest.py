from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
from services.media.gallery import Gallery
from services.media.links import Links
from services.media.tests.fakes import Inspector, MemoryBlobs
from services.media.tests.served import Media, serving

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """The service's own database, migrated; tests keep apart by using users of their own."""
    url = database_url("media")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    yield db
    await db.close()


@pytest.fixture
def blobs() -> MemoryBlobs:
    """An empty store."""
    return MemoryBlobs()


@pytest.fixture
def links() -> Links:
    """URLs under one secret."""
    return Links("https://drape.example", "secret", days=7)


@pytest.fixture
def gallery(database: Database, blobs: MemoryBlobs, links: Links) -> Gallery:
    """The gallery on the real database, with its bytes in memory."""
    return Gallery(database, blobs, links)


@pytest.fixture
def inside(database: Database) -> Inspector:
    """A look into the database."""
    return Inspector(database)


@pytest.fixture
def user() -> str:
    """A user that nobody else has."""
    return new_id()


@pytest.fixture
def stranger() -> str:
    """Another user."""
    return new_id()


@pytest.fixture(scope="session")
async def media(database_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Media]:
    """The running service, on a database of its own because it sweeps it."""
    url = database_url("media_served")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    async with serving(url, tmp_path_factory.mktemp("media")) as running:
        yield running
