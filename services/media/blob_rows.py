"""A blob's life: its row is written before its bytes and deleted after them, so bytes without a row do not exist.

What a crash leaves behind is a row that is pending or dead, and the sweep deletes both.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from sqlalchemy import Select, bindparam, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel, col

from services.kit import tasks
from services.kit.database import Database
from services.kit.ids import new_id
from services.kit.statements import Statement
from services.media.blobs import Stores
from services.media.models import Blob, Image
from services.media.picture import Picture

SWEEP_TASK = "sweep_blob"
"""Deletes a dead blob's bytes, then its row. Payload: blob_id, and keep_row while bytes may still be on their way."""

# Longer than any upload takes, so that a pending blob older than this was left by a crash.
PENDING_FOR = timedelta(minutes=15)
# When to look again for bytes that were on their way to the store as their account went: soon, for nothing of a user
# may be left, and after every upload has ended.
_SWEEP_UNFINISHED_AFTER = (timedelta(), timedelta(seconds=5), PENDING_FOR)


def _same_as(user_id: Any, sha256: Any) -> Select[str]:
    return select(col(Blob.id)).where(
        col(Blob.user_id) == user_id,
        col(Blob.sha256) == sha256,
        col(Blob.state) == "live",
        col(Blob.parent_id) == "",
    )


def _unless_same() -> Select[str]:
    """The id of the live blob with the same bytes; without one, adds the row."""
    columns = SQLModel.metadata.tables["blobs"].columns
    same = _same_as(bindparam("user_id"), bindparam("sha256")).cte("same")
    row = select(*(bindparam(column.name, type_=column.type) for column in columns)).where(~exists(select(same.c.id)))
    added = insert(Blob).from_select([column.name for column in columns], row, include_defaults=False).cte("added")
    return select(same.c.id).add_cte(added)


_UNLESS_SAME = Statement(_unless_same())
_INSERT = Statement(insert(Blob), Blob.model_fields)


class BlobRows:
    """Rows of blobs, and the bytes that they stand for."""

    def __init__(self, database: Database, stores: Stores) -> None:
        self._database = database
        self._stores = stores

    def new(self, user_id: str, kind: str, picture: Picture, **copy: str) -> dict[str, Any]:
        """A row for a picture that is to be stored; `parent_id` and `rendition` for a smaller copy."""
        blob_id = new_id()
        return {
            "id": blob_id,
            "user_id": user_id,
            "sha256": picture.sha256,
            "blurhash": picture.blurhash,
            "size": picture.size,
            "width": picture.width,
            "height": picture.height,
            "content_type": picture.content_type,
            "state": "pending",
            "store": self._stores.current,
            "location": self._stores.location(blob_id, kind),
            "address": "",
            "parent_id": "",
            "rendition": "",
            "created_at": datetime.now(UTC),
            **copy,
        }

    async def put(self, blob: dict[str, Any], file: BinaryIO) -> str:
        """Writes the row, then the bytes, and returns their address. Raises StorageUnavailable."""
        await self._database.run(_INSERT, **blob)
        return await self._stores.put(blob["location"], file, blob["size"])

    async def put_unless_same(self, blob: dict[str, Any], file: BinaryIO) -> tuple[str, str]:
        """As `put`, unless the user has these bytes already: the id of the blob that has them, and the address."""
        if known := await self._database.first(_UNLESS_SAME, **blob):
            return str(known.id), ""
        return str(blob["id"]), await self._stores.put(blob["location"], file, blob["size"])

    async def enliven(self, connection: AsyncConnection, blob: dict[str, Any], address: str) -> str:
        """Makes a pending blob live, unless the same one became so meanwhile: then that one is used.

        The transaction must hold the user's lock.
        """
        same = _same_as(blob["user_id"], blob["sha256"])
        if blob["parent_id"]:
            same = select(col(Blob.id)).where(
                col(Blob.parent_id) == blob["parent_id"],
                col(Blob.rendition) == blob["rendition"],
                col(Blob.state) == "live",
            )
        if other := (await connection.execute(same)).scalar_one_or_none():
            await self.bury(connection, [blob["id"]])
            return str(other)
        pending = update(Blob).where(col(Blob.id) == blob["id"], col(Blob.state) == "pending")
        await connection.execute(pending.values(state="live", address=address))
        return str(blob["id"])

    async def discard(self, blob: dict[str, Any]) -> None:
        """Takes a blob back whose bytes are stored and that nothing shows."""
        async with self._database.transaction() as connection:
            await self.bury(connection, [blob["id"]])
        # The sweep of a deleted account may have come and gone before the bytes were there.
        await self._stores.delete(blob["store"], blob["location"])

    async def bury(self, connection: AsyncConnection, blob_ids: Sequence[str]) -> None:
        """Marks those blobs dead that no image shows, with their copies, and has their bytes deleted."""
        if not blob_ids:
            return
        await connection.execute(select(col(Blob.id)).where(col(Blob.id).in_(blob_ids)).with_for_update())
        unseen = (col(Blob.state) != "dead", ~exists().where(col(Image.blob_id) == col(Blob.id)))
        buried = update(Blob).where(col(Blob.id).in_(blob_ids), *unseen).values(state="dead").returning(col(Blob.id))
        dead = list((await connection.execute(buried)).scalars())
        copies = select(col(Blob.id), col(Blob.state)).where(col(Blob.parent_id).in_(dead), col(Blob.state) != "dead")
        found = (await connection.execute(copies.with_for_update())).all() if dead else []
        await connection.execute(update(Blob).where(col(Blob.id).in_([copy.id for copy in found])).values(state="dead"))
        for blob_id in dead:
            await tasks.enqueue(connection, SWEEP_TASK, {"blob_id": blob_id})
        for copy in found:
            await self._have_swept(connection, copy.id, copy.state)

    async def bury_all(self, connection: AsyncConnection, user_id: str) -> None:
        """Marks every blob of a user dead, shown or not; its row says nothing of the user any more."""
        mine = col(Blob.user_id) == user_id
        # Locked first: an image that is just being added is there before, or finds its blob dead.
        locked = select(col(Blob.id), col(Blob.state)).where(mine).with_for_update()
        blobs = (await connection.execute(locked)).all()
        await connection.execute(delete(Image).where(col(Image.user_id) == user_id))
        await connection.execute(update(Blob).where(mine).values(state="dead", user_id="", sha256="", blurhash=""))
        for blob in blobs:
            await self._have_swept(connection, blob.id, blob.state)

    async def sweep(self, blob_id: str, *, keep_row: bool = False) -> None:
        """Deletes a dead blob's bytes, then its row."""
        async with self._database.read() as connection:
            dead = select(Blob).where(col(Blob.id) == blob_id, col(Blob.state) == "dead")
            row = (await connection.execute(dead)).first()
        if row is None:
            return
        await self._stores.delete(row.store, row.location)
        if not keep_row:
            async with self._database.transaction() as connection:
                await connection.execute(delete(Blob).where(col(Blob.id) == blob_id))

    async def sweep_pending(self) -> None:
        """Buries the blobs of uploads that a crash cut off."""
        old = select(col(Blob.id)).where(
            col(Blob.state) == "pending", col(Blob.created_at) < datetime.now(UTC) - PENDING_FOR
        )
        async with self._database.transaction() as connection:
            await self.bury(connection, list((await connection.execute(old)).scalars()))

    async def _have_swept(self, connection: AsyncConnection, blob_id: str, state: str) -> None:
        if state != "pending":
            await tasks.enqueue(connection, SWEEP_TASK, {"blob_id": blob_id})
            return
        for delay in _SWEEP_UNFINISHED_AFTER:
            payload = {"blob_id": blob_id, "keep_row": delay < PENDING_FOR}
            await tasks.enqueue(connection, SWEEP_TASK, payload, delay=delay)


async def lock_user(connection: AsyncConnection, user_id: str) -> None:
    """Lets one transaction at a time change what a user has, until it ends."""
    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", (user_id,))


async def lock_live(connection: AsyncConnection, blob_id: str) -> bool:
    """Keeps a blob from dying until the transaction ends; False when it is dead already."""
    statement = select(col(Blob.id)).where(col(Blob.id) == blob_id, col(Blob.state) == "live").with_for_update()
    return (await connection.execute(statement)).first() is not None
