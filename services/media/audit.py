"""Rows and bytes beside each other: `python -m services.media audit`, and the nightly sweep of bytes without a row.

A service that runs meanwhile does not disturb: what is young is left out, and what looks wrong is looked at twice.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, select
from sqlmodel import col

from services.kit.database import Database
from services.media.blob_rows import PENDING_FOR
from services.media.blobs import Blobs, Stores
from services.media.errors import StorageUnavailable
from services.media.models import Blob, DirectUpload

log = logging.getLogger(__name__)

# Bytes without a row are rare enough to be kept until somebody may have noticed a restored backup.
_SWEPT_AFTER = timedelta(days=1)
_ROWS_AT_ONCE = 5000


@dataclass
class Found:
    """What one store holds, and where it and the database disagree."""

    store: str
    rows: int = 0
    blobs: int = 0
    rows_without_blob: list[str] = field(default_factory=list)
    """Their ids."""
    blobs_without_row: list[str] = field(default_factory=list)
    """Their locations."""
    problem: str = ""
    """Why nothing could be told."""

    @property
    def good(self) -> bool:
        """Whether rows and blobs agree."""
        return not (self.rows_without_blob or self.blobs_without_row or self.problem)


class Audit:
    """Compares the database with every store that is configured or named by a row."""

    def __init__(self, database: Database, stores: Stores) -> None:
        self._database = database
        self._stores = stores

    async def look(self) -> list[Found]:
        """What was found, store by store."""
        return [await self._compared(name, PENDING_FOR) for name in await self._names()]

    async def sweep(self) -> None:
        """Deletes bytes that have been without a row for a day; says of rows without bytes that they are there."""
        for name, store in self._stores.by_name.items():
            found = await self._compared(name, _SWEPT_AFTER)
            for location in found.blobs_without_row:
                await store.delete(location)
            if not found.good:
                counts = {"swept": len(found.blobs_without_row), "rows_without_blob": len(found.rows_without_blob)}
                log.error("rows and blobs disagree", extra={"store": name, **counts})

    async def _names(self) -> list[str]:
        async with self._database.read() as connection:
            named = (await connection.execute(select(col(Blob.store)).distinct())).scalars()
            return sorted({*self._stores.by_name, *named})

    async def _compared(self, name: str, grace: timedelta) -> Found:
        found = Found(name)
        before = datetime.now(UTC) - grace
        if (store := self._stores.by_name.get(name)) is None:
            found.problem = "rows name this store, and it is not configured"
        else:
            try:
                await self._compare(found, store, before)
            except StorageUnavailable as error:
                found.problem = error.message
        return found

    async def _compare(self, found: Found, store: Blobs, before: datetime) -> None:
        listed = await _listed(store)
        found.blobs = len(listed)
        suspects: dict[str, str] = {}
        async for row in self._rows(found.store):
            found.rows += row.state == "live"
            if listed.pop(row.location, None) is None and row.state == "live" and row.created_at < before:
                suspects[row.id] = row.location
        orphans = {location for location, stored_at in listed.items() if stored_at < before}
        orphans -= await self._incoming(found.store)
        if suspects or orphans:
            now_there = await _listed(store)
            still = await self._live([*suspects])
            lost = {blob_id for blob_id, location in suspects.items() if location not in now_there}
            found.rows_without_blob = sorted(lost & still)
            found.blobs_without_row = sorted(orphans & now_there.keys())

    async def _rows(self, store: str) -> AsyncIterator[Row[str, str, str, datetime]]:
        last = ""
        while True:
            columns = select(col(Blob.id), col(Blob.location), col(Blob.state), col(Blob.created_at))
            page = columns.where(col(Blob.store) == store, col(Blob.id) > last).order_by(col(Blob.id))
            async with self._database.read() as connection:
                rows = (await connection.execute(page.limit(_ROWS_AT_ONCE))).all()
            for row in rows:
                yield row
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1].id

    async def _live(self, ids: Sequence[str]) -> set[str]:
        statement = select(col(Blob.id)).where(col(Blob.id).in_(ids), col(Blob.state) == "live")
        async with self._database.read() as connection:
            return set((await connection.execute(statement)).scalars())

    async def _incoming(self, store: str) -> set[str]:
        """Where browsers may have put pictures that are not ours yet."""
        if store != "cloudinary":
            return set()
        async with self._database.read() as connection:
            return set((await connection.execute(select(col(DirectUpload.location)))).scalars())


async def _listed(store: Blobs) -> dict[str, datetime]:
    return {each.location: each.stored_at async for page in store.list() for each in page}
