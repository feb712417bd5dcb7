"""A store in memory, and looks into the database that no use case offers."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from sqlalchemy import text

from services.kit.database import Database
from services.media.blob_rows import SWEEP_TASK, BlobRows
from services.media.blobs import Listed
from services.media.errors import BlobMissing
from services.media.gallery import Gallery, StoredImage


class Crash(BaseException):
    """The process is killed here: nothing catches it and nothing is cleared up."""


async def _nothing(_location: str) -> None:
    return None


class MemoryBlobs:
    """Keeps bytes in a dictionary. A test may step in right before and right after they are stored."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.stored_at: dict[str, datetime] = {}
        self.before_put: Callable[[str], Awaitable[None]] = _nothing
        self.after_put: Callable[[str], Awaitable[None]] = _nothing

    def location(self, blob_id: str, kind: str) -> str:
        """Kind and id."""
        return f"{kind}/{blob_id}"

    async def put(self, location: str, file: BinaryIO) -> str:
        """Stores the bytes."""
        await self.before_put(location)
        file.seek(0)
        self.stored[location] = file.read()
        await self.after_put(location)
        return f"memory:{location}"

    async def get(self, location: str, address: str) -> bytes:
        """The bytes."""
        if address != f"memory:{location}" or location not in self.stored:
            raise BlobMissing("gone")
        return self.stored[location]

    async def delete(self, location: str) -> None:
        """Forgets the bytes."""
        self.stored.pop(location, None)

    async def list(self) -> AsyncIterator[list[Listed]]:
        """Everything, on one page."""
        yield [Listed(each, self.stored_at.get(each, datetime.now(UTC))) for each in self.stored]


class Uploads(Gallery):
    """The gallery, which takes files, for tests that have bytes."""

    async def upload_bytes(self, user_id: str, kind: str, data: bytes) -> StoredImage:
        """As `upload`."""
        return await self.upload(user_id, kind, io_file(data))

    async def generated(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
        """As `store_generated`."""
        return await self.store_generated(user_id, key, io_file(data), metadata)

    async def read(self, user_id: str, image_id: str) -> tuple[StoredImage, bytes]:
        """As `read_some`, one image."""
        [found] = await self.read_some(user_id, [image_id], most=0)
        return found


def io_file(data: bytes) -> BinaryIO:
    """The bytes as a file that other processes can read."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - gone with its last user
    file.write(data)
    file.flush()
    return file


@dataclass(frozen=True)
class Queued:
    """A blob whose sweep was asked for."""

    blob_id: str
    due: bool
    keep_row: bool


class Inspector:
    """Looks into the database, and does what the task queue would do."""

    def __init__(self, database: Database, rows: BlobRows) -> None:
        self._database = database
        self._rows = rows

    async def states(self, user_id: str) -> list[str]:
        """The states of the blobs of a user and of deleted ones, oldest first."""
        statement = text("SELECT state FROM blobs WHERE user_id IN (:user, '') ORDER BY id")
        async with self._database.read() as connection:
            return list((await connection.execute(statement, {"user": user_id})).scalars())

    async def images(self, user_id: str) -> int:
        """How many images a user has."""
        statement = text("SELECT count(*) FROM images WHERE user_id = :user")
        async with self._database.read() as connection:
            return int((await connection.execute(statement, {"user": user_id})).scalar_one())

    async def queued(self, user_id: str) -> list[Queued]:
        """Every sweep of blobs of a user, or of deleted ones, that was asked for, the soonest first."""
        statement = text(
            "SELECT blobs.id, execute_after <= now() AS due, convert_from(payload, 'UTF8')::json AS payload"
            " FROM pgqueuer"
            " JOIN blobs ON blobs.id = convert_from(payload, 'UTF8')::json ->> 'blob_id'"
            " WHERE entrypoint = :name AND user_id IN (:user, '') ORDER BY execute_after"
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement, {"name": SWEEP_TASK, "user": user_id})).all()
        return [Queued(row.id, bool(row.due), row.payload.get("keep_row", False)) for row in rows]

    async def work(self, user_id: str, *, later: bool = False) -> None:
        """Does the sweeps that are due; with `later`, also those that are due some time."""
        for task in await self.queued(user_id):
            if later or task.due:
                await self._rows.sweep(task.blob_id, keep_row=task.keep_row)

    async def pass_time(self, user_id: str) -> None:
        """Makes a user's blobs older than any upload takes."""
        async with self._database.transaction() as connection:
            statement = text("UPDATE blobs SET created_at = created_at - interval '1 hour' WHERE user_id = :user")
            await connection.execute(statement, {"user": user_id})

    async def someone_waits_for_a_lock(self) -> None:
        """Returns once a statement in this database stands in line for a lock."""
        statement = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        deadline = time.monotonic() + 10
        while True:
            async with self._database.read() as connection:
                if (await connection.execute(statement)).scalar_one():
                    return
            assert time.monotonic() < deadline, "nobody waits for a lock"
            await asyncio.sleep(0.005)
