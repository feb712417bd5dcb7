"""Rows and bytes beside each other: in each store, and as the command says it."""

import asyncio
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
from services.media.audit import Audit
from services.media.blob_rows import BlobRows
from services.media.blobs import Blobs, DiskBlobs, Stores
from services.media.picture import Picture
from services.media.tests.conftest import MIGRATIONS
from services.media.tests.fakes import MemoryBlobs
from services.media.tests.samples import plain
from services.media.tests.test_blobs import at_cloudinary, at_s3

PHOTO = plain()
PICTURE = Picture("image/jpeg", 100, 100, 3, "0" * 64, "")


@pytest.fixture
async def own(database_url: Callable[[str], str]) -> Any:
    """A database that nobody else stores anything in."""
    url = database_url(f"audit_{new_id()[-12:]}")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=3)
    yield db
    await db.close()


async def stored(database: Database, stores: Stores, *, hours: float = 2, state: str = "live") -> dict[str, Any]:
    """A blob, with a row of that age and state."""
    rows = BlobRows(database, stores)
    age = datetime.now(UTC) - timedelta(hours=hours)
    blob = rows.new(new_id(), "user", PICTURE) | {"sha256": new_id(), "created_at": age}
    await rows.put(blob, io.BytesIO(PHOTO))
    async with database.transaction() as connection:
        statement = text("UPDATE blobs SET state = :state WHERE id = :id")
        await connection.execute(statement, {"state": state, "id": blob["id"]})
    return blob


@pytest.fixture(params=["disk", "cloudinary", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Each store, empty."""
    if request.param == "cloudinary":
        request.getfixturevalue("cloud")
        return at_cloudinary(request.getfixturevalue("sandbox"))
    if request.param == "s3":
        return at_s3(request.getfixturevalue("s3_server"), request.getfixturevalue("bucket").name)
    return DiskBlobs(tmp_path)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored just now counts as old."""
    monkeypatch.setattr("services.media.audit.PENDING_FOR", timedelta(hours=-1))
    monkeypatch.setattr("services.media.audit._SWEPT_AFTER", timedelta(hours=-1))


async def test_a_store_that_agrees_with_its_rows_is_good(own: Database, store: Blobs, later: None) -> None:
    stores = Stores({"it": store}, "it")
    for state in ("live", "live", "pending", "dead"):
        await stored(own, stores, state=state)
    (found,) = await Audit(own, stores).look()
    assert (found.store, found.rows, found.blobs, found.good) == ("it", 2, 4, True), found


async def test_both_kinds_of_disagreement_are_found_and_bytes_without_a_row_are_swept(
    own: Database, store: Blobs, later: None
) -> None:
    stores = Stores({"it": store}, "it")
    kept, lost, forgotten = [await stored(own, stores) for _ in range(3)]
    await store.delete(lost["location"])
    async with own.transaction() as connection:
        await connection.execute(text("DELETE FROM blobs WHERE id = :id"), {"id": forgotten["id"]})
    (found,) = await Audit(own, stores).look()
    assert (found.rows, found.blobs, found.good) == (2, 2, False)
    assert (found.rows_without_blob, found.blobs_without_row) == ([lost["id"]], [forgotten["location"]])
    await Audit(own, stores).sweep()
    (found,) = await Audit(own, stores).look()
    assert (found.rows_without_blob, found.blobs_without_row) == ([lost["id"]], [])
    assert [each.location async for page in store.list() for each in page] == [kept["location"]]


async def test_what_is_young_is_left_alone(own: Database) -> None:
    memory = MemoryBlobs()
    stores = Stores({"memory": memory}, "memory")
    young = await stored(own, stores, hours=0)
    await memory.delete(young["location"])
    memory.stored["user/just-now"] = b"abc"
    audit = Audit(own, stores)
    assert [found.good for found in await audit.look()] == [True]
    memory.stored_at["user/just-now"] = datetime.now(UTC) - timedelta(hours=2)
    assert [found.blobs_without_row for found in await audit.look()] == [["user/just-now"]]
    await audit.sweep()
    assert "user/just-now" in memory.stored, "a day has not passed"
    memory.stored_at["user/just-now"] = datetime.now(UTC) - timedelta(hours=25)
    await audit.sweep()
    assert "user/just-now" not in memory.stored


async def test_what_is_deleted_during_the_look_is_no_disagreement(own: Database) -> None:
    class Busy(MemoryBlobs):
        """While it is listed, somebody deletes what was listed already."""

        async def list(self) -> Any:
            async for page in super().list():
                yield page
            self.stored.clear()
            async with own.transaction() as connection:
                await connection.execute(text("DELETE FROM blobs"))

    busy = Busy()
    stores = Stores({"busy": busy}, "busy")
    for _ in range(3):
        blob = await stored(own, stores)
        busy.stored_at[blob["location"]] = datetime.now(UTC) - timedelta(hours=2)
    assert [found.good for found in await Audit(own, stores).look()] == [True]


async def test_a_store_that_rows_name_and_nobody_knows_is_told(own: Database) -> None:
    stores = Stores({"memory": MemoryBlobs()}, "memory")
    await stored(own, stores)
    (disk, memory) = await Audit(own, Stores({"disk": MemoryBlobs()}, "disk")).look()
    assert (disk.good, memory.good, memory.problem) == (True, False, "rows name this store, and it is not configured")


async def run(*, url: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of the command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.media", "audit"),
        env={"PYTHONPATH": ":".join(sys.path), "DATABASE_URL": url, "DATA_DIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_command_prints_counts_and_fails_when_they_disagree(own: Database, tmp_path: Path) -> None:
    stores = Stores({"disk": DiskBlobs(tmp_path / "blobs")}, "disk")
    kept, lost = [await stored(own, stores) for _ in range(2)]
    assert await run(url=own.url, folder=tmp_path) == (
        0,
        "disk: 2 rows, 2 blobs, 0 rows without blob, 0 blobs without row\n",
    )
    await stores.delete("disk", lost["location"])
    code, output = await run(url=own.url, folder=tmp_path)
    assert code == 1
    assert output.splitlines() == [
        "disk: 2 rows, 1 blobs, 1 rows without blob, 0 blobs without row",
        f"  row without blob: {lost['id']}",
    ]
    assert kept["id"] not in output
