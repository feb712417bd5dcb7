"""A store in memory, and looks into the database that no use case offers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text

from services.kit.database import Database
from services.media.errors import StorageUnavailable
from services.media.gallery import SWEEP_TASK, Gallery


class Crash(BaseException):
    """The process is killed here: nothing catches it and nothing is cleared up."""


async def _nothing(_location: str) -> None:
    return None


class MemoryBlobs:
    """Keeps bytes in a dictionary. A test may step in right before and right after they are stored."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.before_put: Callable[[str], Awaitable[None]] = _nothing
        self.after_put: Callable[[str], Awaitable[None]] = _nothing

    def location(self, blob_id: str, kind: str) -> str:
        """Kind and id."""
        return f"{kind}/{blob_id}"

    async def put(self, location: str, data: bytes) -> str:
        """Stores the bytes."""
        await self.before_put(location)
        self.stored[location] = data
        await self.after_put(location)
        return f"memory:{location}"

    async def get(self, location: str, address: str) -> bytes:
        """The bytes."""
        if address != f"memory:{location}" or location not in self.stored:
            raise StorageUnavailable("gone")
        return self.stored[location]

    async def delete(self, location: str) -> None:
        """Forgets the bytes."""
        self.stored.pop(location, None)


@dataclass(frozen=True)
class Queued:
    """A blob whose sweep was asked for."""

    blob_id: str
    due: bool
    keep_row: bool


class Inspector:
    """Looks into the database, and does what the task queue would do."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    async def work(self, gallery: Gallery, user_id: str, *, later: bool = False) -> None:
        """Does the sweeps that are due; with `later`, also those that are due some time."""
        for task in await self.queued(user_id):
            if later or task.due:
                await gallery.sweep(task.blob_id, keep_row=task.keep_row)

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
