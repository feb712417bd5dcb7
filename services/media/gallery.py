"""The gallery: images of users, and the blobs behind them.

A blob's row is written before its bytes and deleted after them, so bytes without a row do not exist: what a crash
leaves behind is a row that is pending or dead, and the sweep deletes both.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.kit import tasks
from services.kit.database import Database
from services.kit.ids import new_id
from services.media import pictures
from services.media.blobs import Blobs
from services.media.errors import ImageNotFound, InvalidPageToken, MetadataTooLarge, NotYourImage
from services.media.links import Links
from services.media.models import Blob, Image
from services.media.pictures import Picture

TYPES = ("user", "outfit", "generated")
MAX_PAGE = 1000
MAX_METADATA_CHARACTERS = 10_000
SWEEP_TASK = "sweep_blob"
"""Deletes a dead blob's bytes, then its row. Payload: blob_id, and keep_row while bytes may still be on their way."""

# Longer than any upload takes, so that a pending blob older than this was left by a crash.
_PENDING_FOR = timedelta(minutes=15)
# When to look again for bytes that were on their way to the store as their account went: soon, for nothing of a user
# may be left, and after every upload has ended.
_SWEEP_UNFINISHED_AFTER = (timedelta(), timedelta(seconds=5), _PENDING_FOR)

# Everything a stored picture's message shows, in one row of one query.
StoredImage = Row[Any]
_COLUMNS: tuple[Any, ...] = (
    col(Image.id),
    col(Image.user_id),
    col(Image.type),
    col(Image.details),
    col(Image.created_at),
    col(Blob.id).label("blob_id"),
    col(Blob.sha256),
    col(Blob.size),
    col(Blob.width),
    col(Blob.height),
    col(Blob.content_type),
    col(Blob.location),
    col(Blob.address),
)
_STORED = select(*_COLUMNS).join(Blob, col(Blob.id) == col(Image.blob_id))


@dataclass(frozen=True)
class Page:
    """Some of a user's images, newest first, and the token of the next page, empty on the last."""

    images: Sequence[StoredImage]
    next_token: str


class Gallery:
    """The use cases of images."""

    def __init__(self, database: Database, blobs: Blobs, links: Links) -> None:
        self._database = database
        self._blobs = blobs
        self._links = links

    async def upload(self, user_id: str, kind: str, data: bytes) -> StoredImage:
        """Stores an upload in its normal form. Raises InvalidFileType, ImageTooLarge, ImageTooSmall."""
        picture = await asyncio.to_thread(pictures.normalize, data)
        return await self._store(user_id, kind, picture, {}, None)

    async def store_generated(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
        """Stores what an engine made; the same key again gives the image of the first time."""
        if found := await self._by_key(user_id, key):
            return found
        picture = await asyncio.to_thread(pictures.inspect, data)
        return await self._store(user_id, "generated", picture, metadata, key)

    async def page(self, user_id: str, kind: str, size: int, token: str) -> Page:
        """One page of a user's images; a kind that is none means all kinds. Raises InvalidPageToken."""
        statement = _STORED.where(col(Image.user_id) == user_id)
        if kind in TYPES:
            statement = statement.where(col(Image.type) == kind)
        if token:
            statement = statement.where(col(Image.id) < _read_token(token))
        statement = statement.order_by(col(Image.id).desc()).limit(size + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        more = len(rows) > size
        return Page(rows[:size], _write_token(rows[size - 1].id) if more else "")

    async def find(self, user_id: str, ids: Sequence[str]) -> list[StoredImage]:
        """Those of the images that exist and are the user's, in the order asked for."""
        statement = _STORED.where(col(Image.user_id) == user_id, col(Image.id).in_(ids))
        async with self._database.read() as connection:
            rows = {row.id: row for row in (await connection.execute(statement)).all()}
        return [rows[image_id] for image_id in ids if image_id in rows]

    async def read(self, user_id: str, image_id: str) -> tuple[StoredImage, bytes]:
        """An image of the user with its bytes. Raises ImageNotFound, StorageUnavailable."""
        if not (found := await self.find(user_id, [image_id])):
            raise ImageNotFound("Image not found")
        return found[0], await self._blobs.get(found[0].location, found[0].address)

    async def served(self, image_id: str, expires: str, signature: str) -> StoredImage:
        """The image a signed URL stands for. Raises ImageNotFound, also when the signature is not good."""
        row = None
        if self._links.allows(image_id, expires, signature):
            async with self._database.read() as connection:
                row = (await connection.execute(_STORED.where(col(Image.id) == image_id))).first()
        if row is None:
            raise ImageNotFound("Image not found")
        return row

    async def bytes_of(self, image: StoredImage) -> bytes:
        """The bytes behind an image. Raises StorageUnavailable."""
        return await self._blobs.get(image.location, image.address)

    async def save(self, user_id: str, url: str, metadata: dict[str, Any]) -> StoredImage:
        """Puts one of the user's pictures among the generated ones, or finds it there. Raises NotYourImage."""
        if len(json.dumps(metadata)) > MAX_METADATA_CHARACTERS:
            raise MetadataTooLarge("The metadata is too long")
        image_id = self._links.image_id(url)
        found = await self.find(user_id, [image_id]) if image_id else []
        if not found:
            raise NotYourImage("The URL is not that of one of your images")
        same = _STORED.where(
            col(Image.user_id) == user_id,
            col(Image.blob_id) == found[0].blob_id,
            col(Image.type) == "generated",
        ).limit(1)
        async with self._database.transaction() as connection:
            # The lock keeps the blob from dying, and a double click from saving twice.
            if not await _lock_live(connection, found[0].blob_id):
                raise NotYourImage("The URL is not that of one of your images")
            row = (await connection.execute(same)).first()
            if row is None:
                image = _image_row(user_id, found[0].blob_id, "generated", metadata, None)
                await connection.execute(insert(Image).values(image))
                row = (await connection.execute(_STORED.where(col(Image.id) == image["id"]))).one()
        return row

    async def delete(self, user_id: str, image_id: str) -> None:
        """Deletes an image; its bytes go with the last image that shows them. Raises ImageNotFound."""
        async with self._database.transaction() as connection:
            statement = (
                delete(Image)
                .where(col(Image.id) == image_id, col(Image.user_id) == user_id)
                .returning(col(Image.blob_id))
            )
            blob_id = (await connection.execute(statement)).scalar_one_or_none()
            if blob_id is None:
                raise ImageNotFound("Image not found")
            await self._bury(connection, [blob_id])

    async def delete_generated(self, user_id: str, key: str) -> None:
        """Deletes what was stored under a key; nothing there is no error."""
        if found := await self._by_key(user_id, key):
            with suppress(ImageNotFound):
                await self.delete(user_id, found.id)

    async def delete_all(self, user_id: str) -> None:
        """Deletes every image of a user. Safe to repeat."""
        async with self._database.transaction() as connection:
            mine = col(Blob.user_id) == user_id
            # Locked first: an image that is just being added is there before, or finds its blob dead.
            locked = select(col(Blob.id), col(Blob.state)).where(mine).with_for_update()
            blobs = (await connection.execute(locked)).all()
            await connection.execute(delete(Image).where(col(Image.user_id) == user_id))
            # What is still to be swept later says nothing of the user any more.
            await connection.execute(update(Blob).where(mine).values(state="dead", user_id="", sha256=""))
            for blob in blobs:
                if blob.state == "pending":
                    await self._sweep_unfinished(connection, blob.id)
                else:
                    await tasks.enqueue(connection, SWEEP_TASK, {"blob_id": blob.id})

    async def sweep(self, blob_id: str, *, keep_row: bool = False) -> None:
        """Deletes a dead blob's bytes, then its row."""
        async with self._database.read() as connection:
            dead = select(Blob).where(col(Blob.id) == blob_id, col(Blob.state) == "dead")
            row = (await connection.execute(dead)).first()
        if row is None:
            return
        await self._blobs.delete(row.location)
        if not keep_row:
            async with self._database.transaction() as connection:
                await connection.execute(delete(Blob).where(col(Blob.id) == blob_id))

    async def sweep_pending(self) -> None:
        """Buries the blobs of uploads that a crash cut off."""
        old = select(col(Blob.id)).where(
            col(Blob.state) == "pending", col(Blob.created_at) < datetime.now(UTC) - _PENDING_FOR
        )
        async with self._database.transaction() as connection:
            await self._bury(connection, list((await connection.execute(old)).scalars()))

    async def _by_key(self, user_id: str, key: str) -> StoredImage | None:
        statement = _STORED.where(col(Image.user_id) == user_id, col(Image.source_key) == key)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).first()

    async def _store(
        self, user_id: str, kind: str, picture: Picture, metadata: dict[str, Any], key: str | None
    ) -> StoredImage:
        """Row, bytes, image: each step leaves only what the sweep can clear away."""
        blob = _blob_row(user_id, picture)
        blob["location"] = self._blobs.location(blob["id"], kind)
        address = ""
        if not (blob_id := await self._live_blob(user_id, blob["sha256"])):
            async with self._database.transaction() as connection:
                await connection.execute(insert(Blob).values(blob))
            address = await self._blobs.put(blob["location"], picture.data)
        # Together, for a live blob without an image would stay for ever.
        try:
            async with self._database.transaction() as connection:
                if blob_id is None:
                    blob_id = await self._enliven(connection, blob, address)
                return await self._add_image(connection, _image_row(user_id, blob_id, kind, metadata, key))
        except ImageNotFound:
            # The sweep of a deleted account may have come and gone before the bytes were there.
            await self._blobs.delete(blob["location"])
            raise

    async def _live_blob(self, user_id: str, sha256: str) -> str | None:
        statement = select(col(Blob.id)).where(
            col(Blob.user_id) == user_id, col(Blob.sha256) == sha256, col(Blob.state) == "live"
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def _enliven(self, connection: AsyncConnection, blob: dict[str, Any], address: str) -> str:
        """Makes a pending blob live, unless the same bytes became so meanwhile: then that one is used."""
        lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
        await connection.exec_driver_sql(lock, (blob["user_id"] + blob["sha256"],))
        same = select(col(Blob.id)).where(
            col(Blob.user_id) == blob["user_id"], col(Blob.sha256) == blob["sha256"], col(Blob.state) == "live"
        )
        if other := (await connection.execute(same)).scalar_one_or_none():
            await self._bury(connection, [blob["id"]])
            return str(other)
        pending = update(Blob).where(col(Blob.id) == blob["id"], col(Blob.state) == "pending")
        await connection.execute(pending.values(state="live", address=address))
        return str(blob["id"])

    async def _add_image(self, connection: AsyncConnection, image: dict[str, Any]) -> StoredImage:
        """Adds an image, or finds the one with its key. Raises ImageNotFound when the blob is not live any more."""
        if not await _lock_live(connection, image["blob_id"]):
            # Deleted between our look and our lock: a rare race that a repeat of the request gets right.
            raise ImageNotFound("The image was deleted while it was stored. Please try again.")
        statement = upsert(Image).values(image).on_conflict_do_nothing().returning(col(Image.id))
        if (await connection.execute(statement)).first():
            return (await connection.execute(_STORED.where(col(Image.id) == image["id"]))).one()
        await self._bury(connection, [image["blob_id"]])
        same = _STORED.where(col(Image.user_id) == image["user_id"], col(Image.source_key) == image["source_key"])
        return (await connection.execute(same)).one()

    async def _bury(self, connection: AsyncConnection, blob_ids: Sequence[str]) -> None:
        """Marks those blobs dead that no image shows, and has their bytes deleted."""
        if not blob_ids:
            return
        await connection.execute(select(col(Blob.id)).where(col(Blob.id).in_(blob_ids)).with_for_update())
        statement = (
            update(Blob)
            .where(
                col(Blob.id).in_(blob_ids),
                col(Blob.state) != "dead",
                ~exists().where(col(Image.blob_id) == col(Blob.id)),
            )
            .values(state="dead")
            .returning(col(Blob.id))
        )
        for blob_id in (await connection.execute(statement)).scalars():
            await tasks.enqueue(connection, SWEEP_TASK, {"blob_id": blob_id})

    async def _sweep_unfinished(self, connection: AsyncConnection, blob_id: str) -> None:
        for delay in _SWEEP_UNFINISHED_AFTER:
            payload = {"blob_id": blob_id, "keep_row": delay < _PENDING_FOR}
            await tasks.enqueue(connection, SWEEP_TASK, payload, delay=delay)


async def _lock_live(connection: AsyncConnection, blob_id: str) -> bool:
    """Keeps a blob from dying until the transaction ends; False when it is dead already."""
    statement = select(col(Blob.id)).where(col(Blob.id) == blob_id, col(Blob.state) == "live").with_for_update()
    return (await connection.execute(statement)).first() is not None


def _blob_row(user_id: str, picture: Picture) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": user_id,
        "sha256": picture.sha256,
        "size": len(picture.data),
        "width": picture.width,
        "height": picture.height,
        "content_type": picture.content_type,
        "state": "pending",
        "address": "",
        "created_at": datetime.now(UTC),
    }


def _image_row(user_id: str, blob_id: str, kind: str, metadata: dict[str, Any], key: str | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": user_id,
        "blob_id": blob_id,
        "type": kind,
        "details": metadata,
        "source_key": key,
        "created_at": datetime.now(UTC),
    }


def _write_token(image_id: str) -> str:
    return base64.urlsafe_b64encode(image_id.encode()).decode()


def _read_token(token: str) -> str:
    try:
        image_id = base64.urlsafe_b64decode(token.encode()).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise InvalidPageToken("pageToken is not valid") from error
    if len(image_id) != 36 or not image_id.isprintable():
        raise InvalidPageToken("pageToken is not valid")
    return image_id
