from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from sandbox.cloudinary.config import Config
from sandbox.cloudinary.serving import serving as serving_cloudinary
from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
from services.media.blob_rows import BlobRows
from services.media.blobs import Stores
from services.media.links import Links
from services.media.picture_pool import PicturePool
from services.media.quota import Quota
from services.media.renditions import Renditions
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
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


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[PicturePool]:
    """The processes that read pictures."""
    running = PicturePool(workers=2, seconds=60, memory_bytes=1024**3, waiting=100)
    yield running
    await running.close()


@pytest.fixture
def stores(blobs: MemoryBlobs) -> Stores:
    """The store in memory, as the only one."""
    return Stores({"memory": blobs}, "memory")


@pytest.fixture
def rows(database: Database, stores: Stores) -> BlobRows:
    """The rows of blobs."""
    return BlobRows(database, stores)


@pytest.fixture
def quota() -> Quota:
    """More than any test needs."""
    return Quota(images=10_000, bytes=1024**3)


@pytest.fixture
def gallery(
    database: Database, rows: BlobRows, stores: Stores, pool: PicturePool, links: Links, quota: Quota
) -> Uploads:
    """The gallery on the real database, with its bytes in memory."""
    return Uploads(database, rows, stores, pool, links, quota)


@pytest.fixture
def renditions(database: Database, rows: BlobRows, stores: Stores, pool: PicturePool, links: Links) -> Renditions:
    """Smaller copies of the gallery's pictures."""
    return Renditions(database, rows, stores, pool, links, {})


@pytest.fixture
def inside(database: Database, rows: BlobRows) -> Inspector:
    """A look into the database."""
    return Inspector(database, rows)


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


@pytest.fixture(scope="session")
async def sandbox() -> AsyncIterator[Config]:
    """A stand-in for Cloudinary."""
    async with serving_cloudinary(Config(cloud_name="Drape", api_secret="s3cret-_")) as config:
        yield config


@pytest.fixture
async def cloud(sandbox: Config) -> AsyncIterator[httpx.AsyncClient]:
    """The stand-in's controls, with everything as at its start."""
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
        await http.post("/_sandbox/reset")
        yield http


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server that speaks S3, and its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> Any:
    """An empty bucket."""
    resource = boto3.resource(
        "s3", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="s3cret"
    )
    return resource.create_bucket(Bucket=f"drape-{new_id()}")
