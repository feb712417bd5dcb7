"""The gallery: images of users, over the blobs that hold their bytes."""

import asyncio
import base64
import binascii
import json
from collections import namedtuple
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, BinaryIO, cast

from sqlalchemy import ARRAY, Row, Text, any_, bindparam, delete, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.kit.database import Database
from services.kit.ids import new_id
from services.kit.statements import Statement
from services.media.blob_rows import BlobRows, lock_live, lock_user
from services.media.blobs import Stores
from services.media.errors import ImageNotFound, InvalidMetadata, InvalidPageToken, NotYourImage, QuotaExceeded
from services.media.links import Links
from services.media.models import Blob, Image
from services.media.picture import Picture
from services.media.picture_pool import PicturePool
from services.media.quota import Quota

TYPES = ("user", "outfit", "generated")
MAX_PAGE = 1000
MAX_METADATA_CHARACTERS = 10_000

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
    col(Blob.blurhash),
    col(Blob.size),
    col(Blob.width),
    col(Blob.height),
    col(Blob.content_type),
    col(Blob.store),
    col(Blob.location),
    col(Blob.address),
)
_Added: Any = namedtuple("_Added", [column.key for column in _COLUMNS])  # type: ignore[misc]
_STORED = select(*_COLUMNS).join(Blob, col(Blob.id) == col(Image.blob_id))
_IDS = bindparam("ids", type_=ARRAY(Text))
_FIND = Statement(_STORED.where(col(Image.user_id) == bindparam("user_id"), col(Image.id) == any_(_IDS)))
_BY_KEY = Statement(
    _STORED.where(col(Image.user_id) == bindparam("user_id"), col(Image.source_key) == bindparam("key"))
)
_ADD_GENERATED = Statement(
    text("SELECT add_generated(:blob_id, :address, :id, :user_id, :details, :source_key, :created_at)").bindparams(
        bindparam("details", type_=JSONB)
    )
)


@dataclass(frozen=True)
class Page:
    """Some of a user's images, newest first, and the token of the next page, empty on the last."""

    images: Sequence[StoredImage]
    next_token: str


class Gallery:
    """The use cases of images."""

    def __init__(
        self, database: Database, rows: BlobRows, stores: Stores, pool: PicturePool, links: Links, quota: Quota
    ) -> None:
        self._database = database
        self._rows = rows
        self._stores = stores
        self._pool = pool
        self._links = links
        self._quota = quota

    async def upload(self, user_id: str, kind: str, file: BinaryIO, key: str | None = None) -> StoredImage:
        """Stores an upload in its normal form; the same key again gives the image of the first time.

        Raises PictureRejected, QuotaExceeded, Busy.
        """
        if key and (found := await self.by_key(user_id, key)):
            return found
        async with self._database.read() as connection:
            await self._quota.check(connection, user_id, more=1)
        picture, normal = await self._pool.normalize(file)
        with normal:
            return await self._store(user_id, kind, picture, normal, {}, key)

    async def store_generated(self, user_id: str, key: str, file: BinaryIO, metadata: dict[str, Any]) -> StoredImage:
        """Stores what an engine made; the same key again gives the image of the first time.

        It has been paid for, so it is kept whatever the quota says.
        """
        if found := await self.by_key(user_id, key):
            return found
        picture = await self._pool.inspect(file)
        return await self._store(user_id, "generated", picture, file, metadata, key)

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
        rows = {row.id: row for row in await self._database.run(_FIND, user_id=user_id, ids=ids)}
        return [rows[image_id] for image_id in ids if image_id in rows]

    async def read_some(self, user_id: str, ids: Sequence[str], most: int) -> list[tuple[StoredImage, bytes]]:
        """The first image with its bytes, and those of the others that come to `most` bytes with it, in their order.

        Raises ImageNotFound when any of them is not there, StorageUnavailable.
        """
        found = await self.find(user_id, ids)
        if len(found) < len(ids):
            raise ImageNotFound("Image not found")
        sizes = accumulate(image.size for image in found)
        some = [image for image, size in zip(found, sizes, strict=True) if size <= most or image is found[0]]
        reads = (self._stores.recent(image.store, image.location, image.address) for image in some)
        return list(zip(some, await asyncio.gather(*reads), strict=True))

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
        return await self._stores.get(image.store, image.location, image.address)

    async def save(self, user_id: str, url: str, metadata: dict[str, Any]) -> StoredImage:
        """Puts one of the user's pictures among the generated ones, or finds it there.

        Raises NotYourImage, InvalidMetadata, QuotaExceeded.
        """
        _check_metadata(metadata)
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
            await lock_user(connection, user_id)
            # The lock keeps the blob from dying, and a double click from saving twice.
            if not await lock_live(connection, found[0].blob_id):
                raise NotYourImage("The URL is not that of one of your images")
            row = (await connection.execute(same)).first()
            if row is None:
                image = _image_row(user_id, found[0].blob_id, "generated", metadata, None)
                await connection.execute(insert(Image).values(image))
                await self._quota.check(connection, user_id)
                row = (await connection.execute(_STORED.where(col(Image.id) == image["id"]))).one()
        return row

    async def delete(self, user_id: str, image_id: str) -> None:
        """Deletes an image; its bytes go with the last image that shows them. Raises ImageNotFound."""
        async with self._database.transaction() as connection:
            await lock_user(connection, user_id)
            statement = (
                delete(Image)
                .where(col(Image.id) == image_id, col(Image.user_id) == user_id)
                .returning(col(Image.blob_id))
            )
            blob_id = (await connection.execute(statement)).scalar_one_or_none()
            if blob_id is None:
                raise ImageNotFound("Image not found")
            await self._rows.bury(connection, [blob_id])

    async def delete_generated(self, user_id: str, key: str) -> None:
        """Deletes what was stored under a key; nothing there is no error."""
        if found := await self.by_key(user_id, key):
            with suppress(ImageNotFound):
                await self.delete(user_id, found.id)

    async def delete_all(self, user_id: str) -> None:
        """Deletes every image of a user. Safe to repeat."""
        async with self._database.transaction() as connection:
            await lock_user(connection, user_id)
            await self._rows.bury_all(connection, user_id)

    async def by_key(self, user_id: str, key: str) -> StoredImage | None:
        """The image that was stored under a key, if there is one."""
        found: StoredImage | None = await self._database.first(_BY_KEY, user_id=user_id, key=key)
        return found

    async def _store(
        self, user_id: str, kind: str, picture: Picture, file: BinaryIO, metadata: dict[str, Any], key: str | None
    ) -> StoredImage:
        """Row, bytes, image: each step leaves only what the sweep can clear away."""
        blob = self._rows.new(user_id, kind, picture)
        blob_id, address = await self._rows.put_unless_same(blob, file)
        own = blob_id == blob["id"]
        image = _image_row(user_id, blob_id, kind, metadata, key)
        if kind == "generated" and key and own:
            # All that is left to do in one call, unless something came between.
            [[added]] = await self._database.run(_ADD_GENERATED, address=address, **image)
            if added:
                return _stored(blob | {"address": address}, image)
        # Together, for a live blob without an image would stay for ever.
        try:
            async with self._database.transaction() as connection:
                await lock_user(connection, user_id)
                if own:
                    image["blob_id"] = await self._rows.enliven(connection, blob, address)
                stored = await self._add_image(connection, image)
                if kind != "generated" and stored.id == image["id"]:
                    await self._quota.check(connection, user_id)
                return stored
        except (ImageNotFound, QuotaExceeded):
            if own:
                await self._rows.discard(blob)
            raise

    async def _add_image(self, connection: AsyncConnection, image: dict[str, Any]) -> StoredImage:
        """Adds an image, or finds the one with its key. Raises ImageNotFound when the blob is not live any more."""
        if not await lock_live(connection, image["blob_id"]):
            # Deleted between our look and our lock: a rare race that a repeat of the request gets right.
            raise ImageNotFound("The image was deleted while it was stored. Please try again.")
        statement = upsert(Image).values(image).on_conflict_do_nothing().returning(col(Image.id))
        if (await connection.execute(statement)).first():
            return (await connection.execute(_STORED.where(col(Image.id) == image["id"]))).one()
        await self._rows.bury(connection, [image["blob_id"]])
        same = _STORED.where(col(Image.user_id) == image["user_id"], col(Image.source_key) == image["source_key"])
        return (await connection.execute(same)).one()


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


def _stored(blob: dict[str, Any], image: dict[str, Any]) -> StoredImage:
    """What `_STORED` would find of an image that has just been added."""
    values = blob | image
    return cast(StoredImage, _Added(*(values[column.key] for column in _COLUMNS)))


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


def _check_metadata(metadata: dict[str, Any]) -> None:
    if len(json.dumps(metadata)) > MAX_METADATA_CHARACTERS:
        raise InvalidMetadata("The metadata is too long")
