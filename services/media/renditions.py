"""Smaller copies of pictures: made when they are first asked for, kept, and gone with their original."""

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from services.kit.database import Database
from services.media.blob_rows import BlobRows, lock_live, lock_user
from services.media.blobs import Scaling, Stores
from services.media.downloads import EXTENSIONS, Download
from services.media.errors import ImageNotFound
from services.media.links import Links
from services.media.models import Blob, Image
from services.media.picture_pool import PicturePool

_Copy: Any = aliased(Blob)
_FOUND = select(
    col(Image.id),
    col(Image.type),
    col(Blob.id).label("blob_id"),
    col(Blob.user_id),
    col(Blob.store),
    col(Blob.location),
    col(Blob.address),
    _Copy.sha256.label("copy_sha256"),
    _Copy.size.label("copy_size"),
    _Copy.store.label("copy_store"),
    _Copy.location.label("copy_location"),
    _Copy.address.label("copy_address"),
).join(Blob, col(Blob.id) == col(Image.blob_id))

Found = Row[Any]


class Renditions:
    """Copies of a few widths, in the formats that browsers like."""

    def __init__(
        self,
        database: Database,
        rows: BlobRows,
        stores: Stores,
        pool: PicturePool,
        links: Links,
        scaling: Mapping[str, Scaling],
    ) -> None:
        """`scaling` are those stores, by name, that make the copies of what they keep themselves."""
        self._database = database
        self._rows = rows
        self._stores = stores
        self._pool = pool
        self._links = links
        self._scaling = scaling
        # Many browsers ask for a new picture at once; it is made for the first, and the others wait.
        self._under_way: dict[tuple[str, str], asyncio.Task[Download]] = {}

    async def served(self, image_id: str, expires: str, signature: str, width: int, content_type: str) -> Download:
        """The copy of the image that a signed URL stands for. Raises ImageNotFound, StorageUnavailable, Busy."""
        rendition = f"{width}.{EXTENSIONS[content_type]}"
        found = None
        if self._links.allows(image_id, expires, signature):
            async with self._database.read() as connection:
                found = (await connection.execute(_with_copy(image_id, rendition))).first()
        if found is None:
            raise ImageNotFound("Image not found")
        if found.copy_sha256 is not None:
            read = partial(self._stores.get, found.copy_store, found.copy_location, found.copy_address)
            return Download(f"{image_id}-{width}", content_type, found.copy_sha256, found.copy_size, read, varies=True)
        return await self._made_once(found, rendition, width, content_type)

    async def _made_once(self, found: Found, rendition: str, width: int, content_type: str) -> Download:
        key = (found.blob_id, rendition)
        if (task := self._under_way.get(key)) is None:
            scaling = self._scaling.get(found.store)
            making = (
                self._delivered(scaling, found, width, content_type)
                if scaling
                else self._made(found, rendition, width, content_type)
            )
            task = self._under_way[key] = asyncio.create_task(making)
            task.add_done_callback(lambda _: self._under_way.pop(key))
        # Whoever goes away does not take the copy from the others.
        return await asyncio.shield(task)

    async def _delivered(self, scaling: Scaling, found: Found, width: int, content_type: str) -> Download:
        data = await scaling.scaled(found.location, found.address, width, content_type)
        return _download(found, width, content_type, data)

    async def _made(self, found: Found, rendition: str, width: int, content_type: str) -> Download:
        original = await self._stores.get(found.store, found.location, found.address)
        with tempfile.TemporaryFile() as source:
            await asyncio.to_thread(source.write, original)
            source.flush()
            picture, file = await self._pool.derive(source, width, content_type)
        with file:
            blob = self._rows.new(found.user_id, found.type, picture, parent_id=found.blob_id, rendition=rendition)
            address = await self._rows.put(blob, file)
            try:
                async with self._database.transaction() as connection:
                    await lock_user(connection, found.user_id)
                    if not await lock_live(connection, found.blob_id):
                        raise ImageNotFound("Image not found")
                    await self._rows.enliven(connection, blob, address)
            except ImageNotFound:
                await self._rows.discard(blob)
                raise
            file.seek(0)
            return _download(found, width, content_type, file.read())


def _with_copy(image_id: str, rendition: str) -> Any:
    of_it = and_(_Copy.parent_id == col(Blob.id), _Copy.rendition == rendition, _Copy.state == "live")
    return _FOUND.outerjoin(_Copy, of_it).where(col(Image.id) == image_id)


def _download(found: Found, width: int, content_type: str, data: bytes) -> Download:
    async def read() -> bytes:
        return data

    sha256 = hashlib.sha256(data).hexdigest()
    return Download(f"{found.id}-{width}", content_type, sha256, len(data), read, varies=True)
