"""Pictures that browsers send straight to Cloudinary, and that become images once we have looked at them.

Cloudinary's signed notification starts the work; it may come twice, late or never. Whatever is put where we allowed it
is gone from there within the hour: stored as any upload is, or refused.
"""

import asyncio
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlmodel import col

from services.kit import tasks
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.ids import new_id
from services.media.blob_rows import lock_user
from services.media.errors import (
    BlobMissing,
    DirectUploadUnavailable,
    FileTooLarge,
    NotificationRefused,
    PictureRejected,
    QuotaExceeded,
    UploadNotFound,
)
from services.media.gallery import Gallery, StoredImage
from services.media.models import DirectUpload
from services.media.quota import Quota

IMPORT_TASK = "import_direct_upload"
"""Makes an image of what has arrived at Cloudinary. Payload: id and format."""

SIGNED_FOR = timedelta(hours=1)
# Longer than Cloudinary takes what was signed, and than its answer to that may take.
_KEPT_FOR = SIGNED_FOR + timedelta(minutes=15)
_MOST_WAITING = 20
_FINAL = (PictureRejected, QuotaExceeded, FileTooLarge, BlobMissing)


class Cloud(Protocol):
    """What Cloudinary does for it."""

    def signed_upload(self, location: str, notification_url: str) -> tuple[str, dict[str, str]]:
        """Where a browser may put one picture, and the fields that it has to send."""

    def is_notification(self, body: bytes, timestamp: str, signature: str) -> bool:
        """Whether Cloudinary itself has signed this, and lately."""

    async def incoming(self, location: str, file_format: str, max_bytes: int) -> bytes:
        """What a browser has put there."""

    async def delete(self, location: str) -> None:
        """Deletes it, if it is there."""


@dataclass(frozen=True)
class Permission:
    """What a browser needs to send its picture."""

    id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime


class DirectUploads:
    """The use cases of direct uploads. Without a cloud, none is allowed."""

    def __init__(
        self,
        database: Database,
        gallery: Gallery,
        quota: Quota,
        cloud: Cloud | None,
        notification_url: str,
        max_bytes: int,
    ) -> None:
        self._database = database
        self._gallery = gallery
        self._quota = quota
        self._configured = cloud
        self._notification_url = notification_url
        self._max_bytes = max_bytes

    async def allow(self, user_id: str, kind: str) -> Permission:
        """Lets a browser send one picture. Raises DirectUploadUnavailable, QuotaExceeded."""
        upload_id, now = new_id(), datetime.now(UTC)
        location = f"virtual-tryon/incoming/{upload_id}"
        url, fields = self._cloud.signed_upload(location, self._notification_url)
        waiting = select(func.count()).where(
            col(DirectUpload.user_id) == user_id, col(DirectUpload.state).in_(("waiting", "arrived"))
        )
        row = {"id": upload_id, "user_id": user_id, "type": kind, "state": "waiting", "location": location}
        async with self._database.transaction() as connection:
            await lock_user(connection, user_id)
            already = (await connection.execute(waiting)).scalar_one()
            if already >= _MOST_WAITING:
                raise QuotaExceeded("Too many uploads are unfinished. Please wait for them first.", uploads=already)
            await self._quota.check(connection, user_id, more=already + 1)
            await connection.execute(
                insert(DirectUpload).values(**row, image_id="", reason="", message="", created_at=now)
            )
        return Permission(upload_id, url, fields, now + SIGNED_FOR)

    async def get(self, user_id: str, upload_id: str) -> tuple[Row[Any], StoredImage | None]:
        """What has become of an upload, and its image if there is one. Raises UploadNotFound."""
        mine = select(DirectUpload).where(col(DirectUpload.id) == upload_id, col(DirectUpload.user_id) == user_id)
        async with self._database.read() as connection:
            row = (await connection.execute(mine)).first()
        if row is None:
            raise UploadNotFound("Upload not found")
        found = await self._gallery.find(user_id, [row.image_id]) if row.image_id else []
        return row, found[0] if found else None

    async def notified(self, body: bytes, timestamp: str, signature: str) -> None:
        """Takes Cloudinary's word that a picture has arrived, once however often it says so.

        Raises NotificationRefused.
        """
        if not self._cloud.is_notification(body, timestamp, signature):
            raise NotificationRefused("The notification's signature is not good")
        told = _told(body)
        if told.get("notification_type") != "upload":
            return
        arrived = (
            update(DirectUpload)
            .where(col(DirectUpload.location) == str(told.get("public_id", "")), col(DirectUpload.state) == "waiting")
            .values(state="arrived")
            .returning(col(DirectUpload.id))
        )
        async with self._database.transaction() as connection:
            upload_id = (await connection.execute(arrived)).scalar_one_or_none()
            if upload_id is not None:
                payload = {"id": upload_id, "format": str(told.get("format", ""))}
                await tasks.enqueue(connection, IMPORT_TASK, payload)

    async def bring(self, upload_id: str, file_format: str) -> None:
        """Makes an image of what has arrived, or refuses it. Safe to repeat."""
        arrived = select(DirectUpload).where(
            col(DirectUpload.id) == upload_id, col(DirectUpload.state) == "arrived", col(DirectUpload.user_id) != ""
        )
        async with self._database.read() as connection:
            row = (await connection.execute(arrived)).first()
        if row is None:
            return
        outcome = await self._brought(row, file_format)
        mine = update(DirectUpload).where(col(DirectUpload.id) == row.id, col(DirectUpload.user_id) == row.user_id)
        async with self._database.transaction() as connection:
            await lock_user(connection, row.user_id)
            still_there = (await connection.execute(mine.values(**outcome))).rowcount
        if not still_there:
            await self._gallery.delete_all(row.user_id)  # the account went meanwhile
        await self._cloud.delete(row.location)

    async def forget(self, user_id: str) -> None:
        """Forgets whose a user's uploads were; what is at Cloudinary goes with the next sweep."""
        mine = update(DirectUpload).where(col(DirectUpload.user_id) == user_id)
        async with self._database.transaction() as connection:
            await lock_user(connection, user_id)
            await connection.execute(mine.values(user_id="", image_id="", message="", state="forgotten"))

    async def sweep(self) -> None:
        """Deletes what is at Cloudinary of uploads that are over, and of deleted accounts at once."""
        if self._configured is None:
            return
        over = col(DirectUpload.created_at) < datetime.now(UTC) - _KEPT_FOR
        due = select(DirectUpload).where(or_(over, col(DirectUpload.state) == "forgotten"))
        async with self._database.read() as connection:
            rows = (await connection.execute(due)).all()
        for row in rows:
            await self._cloud.delete(row.location)
            this = col(DirectUpload.id) == row.id
            async with self._database.transaction() as connection:
                await connection.execute(delete(DirectUpload).where(this, over))
                # The browser may still send it; its row stays until Cloudinary takes it no more.
                await connection.execute(
                    update(DirectUpload).where(this, col(DirectUpload.state) == "forgotten").values(state="gone")
                )

    async def _brought(self, row: Row[Any], file_format: str) -> dict[str, str]:
        try:
            data = await self._cloud.incoming(row.location, file_format, self._max_bytes)
            with tempfile.TemporaryFile() as file:
                await asyncio.to_thread(file.write, data)
                file.flush()
                image = await self._gallery.upload(row.user_id, row.type, file, key=f"direct:{row.id}")
        except _FINAL as error:
            return _refused(error)
        return {"state": "stored", "image_id": image.id}

    @property
    def _cloud(self) -> Cloud:
        if self._configured is None:
            raise DirectUploadUnavailable("Direct uploads are not available. Please use the usual upload.")
        return self._configured


def _refused(error: ServiceError) -> dict[str, str]:
    return {"state": "refused", "reason": error.reason, "message": error.message}


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError as error:
        raise NotificationRefused("The notification is not JSON") from error
    return told if isinstance(told, dict) else {}
