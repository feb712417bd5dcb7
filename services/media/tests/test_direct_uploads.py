"""Pictures that come by way of Cloudinary, on a real PostgreSQL; Cloudinary itself is a dictionary here."""

import hashlib
import json
import time

import pytest
from sqlalchemy import text

from services.kit.database import Database
from services.kit.ids import new_id
from services.media.cloudinary_blobs import CloudinaryBlobs
from services.media.direct_uploads import IMPORT_TASK, DirectUploads, Permission
from services.media.errors import (
    BlobMissing,
    DirectUploadUnavailable,
    FileTooLarge,
    NotificationRefused,
    QuotaExceeded,
    StorageUnavailable,
    UploadNotFound,
)
from services.media.quota import Quota
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import encoded, plain, quarters

PHOTO = encoded(quarters())
NOTIFIED_AT = "https://drape.example/api/images/direct/notification"


class Cloud(CloudinaryBlobs):
    """Signs and verifies as Cloudinary's SDK does; keeps what browsers send in a dictionary."""

    def __init__(self) -> None:
        super().__init__("cloudinary://key:s3cret@cloud")
        self.assets: dict[str, bytes] = {}
        self.down = False

    async def incoming(self, location: str, file_format: str, max_bytes: int) -> bytes:
        """The bytes."""
        if self.down:
            raise StorageUnavailable("later")
        if location not in self.assets:
            raise BlobMissing("gone")
        if len(self.assets[location]) > max_bytes:
            raise FileTooLarge("too large")
        return self.assets[location]

    async def delete(self, location: str) -> None:
        """Forgets the bytes."""
        self.assets.pop(location, None)

    def receive(self, permission: Permission, data: bytes) -> tuple[bytes, str, str]:
        """Takes a browser's file, and gives the notification of it: body, timestamp, signature."""
        location = f"{permission.fields['folder']}/{permission.fields['public_id']}"
        self.assets[location] = data
        return self.notification({"notification_type": "upload", "public_id": location, "format": "jpg"})

    def notification(self, told: object, age: float = 0) -> tuple[bytes, str, str]:
        """What Cloudinary would post."""
        body, timestamp = json.dumps(told).encode(), str(int(time.time() - age))
        return body, timestamp, hashlib.sha1(body + timestamp.encode() + b"s3cret").hexdigest()  # noqa: S324


@pytest.fixture
def cloud() -> Cloud:
    """An empty cloud."""
    return Cloud()


@pytest.fixture
def direct(database: Database, gallery: Uploads, quota: Quota, cloud: Cloud) -> DirectUploads:
    """Direct uploads of up to a megabyte."""
    return DirectUploads(database, gallery, quota, cloud, NOTIFIED_AT, 1024 * 1024)


async def queued(database: Database, upload_id: str) -> list[dict[str, str]]:
    """The work that was asked for."""
    statement = text(
        "SELECT convert_from(payload, 'UTF8')::json AS payload FROM pgqueuer WHERE entrypoint = :name"
        " AND convert_from(payload, 'UTF8')::json ->> 'id' = :id"
    )
    async with database.read() as connection:
        return list((await connection.execute(statement, {"name": IMPORT_TASK, "id": upload_id})).scalars())


async def pass_time(database: Database, user_id: str) -> None:
    """Makes a user's uploads two hours old."""
    async with database.transaction() as connection:
        statement = text("UPDATE direct_uploads SET created_at = created_at - interval '2 hours' WHERE user_id = :user")
        await connection.execute(statement, {"user": user_id})


async def states(database: Database, upload_id: str) -> list[tuple[str, str]]:
    """User and state of an upload, if there is a row of it."""
    async with database.read() as connection:
        statement = text("SELECT user_id, state FROM direct_uploads WHERE id = :id")
        return [(row.user_id, row.state) for row in (await connection.execute(statement, {"id": upload_id})).all()]


async def test_a_picture_that_arrives_becomes_an_image_once(
    database: Database, direct: DirectUploads, gallery: Uploads, cloud: Cloud, inside: Inspector, user: str
) -> None:
    permission = await direct.allow(user, "outfit")
    assert (await direct.get(user, permission.id))[0].state == "waiting"
    notification = cloud.receive(permission, PHOTO)
    for _ in range(3):
        await direct.notified(*notification)
    assert await queued(database, permission.id) == [{"id": permission.id, "format": "jpg"}]
    for _ in range(3):
        await direct.bring(permission.id, "jpg")
    row, image = await direct.get(user, permission.id)
    assert image is not None
    assert (row.state, image.type, image.width, image.content_type) == ("stored", "outfit", 160, "image/jpeg")
    assert await inside.images(user) == 1
    assert cloud.assets == {}


async def test_work_that_was_cut_off_before_it_was_noted_is_done_once(
    database: Database, direct: DirectUploads, cloud: Cloud, inside: Inspector, user: str
) -> None:
    permission = await direct.allow(user, "user")
    await direct.notified(*cloud.receive(permission, PHOTO))
    await direct.bring(permission.id, "jpg")
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE direct_uploads SET state = 'arrived' WHERE id = :id"), {"id": permission.id}
        )
    cloud.receive(permission, PHOTO)
    await direct.bring(permission.id, "jpg")
    assert ((await direct.get(user, permission.id))[0].state, await inside.images(user)) == ("stored", 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<svg/>", "INVALID_FILE_TYPE"),
        (plain(size=(20, 20)), "IMAGE_TOO_SMALL"),
        (PHOTO + b"<script>", "IMAGE_POLYGLOT"),
        (bytes(2 * 1024 * 1024), "FILE_TOO_LARGE"),
    ],
)
async def test_what_is_no_picture_of_ours_is_refused_and_deleted(
    direct: DirectUploads, cloud: Cloud, blobs: MemoryBlobs, inside: Inspector, user: str, data: bytes, reason: str
) -> None:
    permission = await direct.allow(user, "user")
    await direct.notified(*cloud.receive(permission, data))
    await direct.bring(permission.id, "jpg")
    row, image = await direct.get(user, permission.id)
    assert (row.state, row.reason, image) == ("refused", reason, None)
    assert row.message
    assert (cloud.assets, blobs.stored, await inside.images(user)) == ({}, {}, 0)


async def test_a_cloud_that_does_not_answer_is_asked_again(direct: DirectUploads, cloud: Cloud, user: str) -> None:
    permission = await direct.allow(user, "user")
    await direct.notified(*cloud.receive(permission, PHOTO))
    cloud.down = True
    with pytest.raises(StorageUnavailable):
        await direct.bring(permission.id, "jpg")
    cloud.down = False
    await direct.bring(permission.id, "jpg")
    assert (await direct.get(user, permission.id))[0].state == "stored"


async def test_a_notification_that_cloudinary_has_not_signed_changes_nothing(
    direct: DirectUploads, cloud: Cloud, user: str
) -> None:
    permission = await direct.allow(user, "user")
    body, timestamp, signature = cloud.receive(permission, PHOTO)
    old = cloud.notification(json.loads(body), age=7300)
    early = cloud.notification(json.loads(body), age=-600)
    for wrong in (
        (body + b" ", timestamp, signature),
        (body, str(int(timestamp) + 1), signature),
        (body, timestamp, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        (body, timestamp, ""),
        (body, "", signature),
        (body, "-1", signature),
        (body, "9" * 5000, signature),
        (body, timestamp, "é" * 40),
        old,
        early,
    ):
        with pytest.raises(NotificationRefused):
            await direct.notified(*wrong)
    assert (await direct.get(user, permission.id))[0].state == "waiting"


@pytest.mark.parametrize(
    "told",
    [[], {}, {"notification_type": "delete"}, {"notification_type": "upload", "public_id": "virtual-tryon/user/x"}],
)
async def test_a_notification_of_anything_else_is_passed_over(
    direct: DirectUploads, cloud: Cloud, told: object
) -> None:
    await direct.notified(*cloud.notification(told))


async def test_what_is_signed_is_one_place_for_one_hour(direct: DirectUploads, user: str) -> None:
    permission = await direct.allow(user, "user")
    assert permission.url == "https://api.cloudinary.com/v1_1/cloud/image/upload"
    assert permission.fields | {"signature": "", "timestamp": ""} == {
        "public_id": permission.id,
        "folder": "virtual-tryon/incoming",
        "type": "authenticated",
        "overwrite": "false",
        "allowed_formats": "jpg,png,webp,avif,heic",
        "notification_url": NOTIFIED_AT,
        "api_key": "key",
        "signature": "",
        "timestamp": "",
    }
    assert abs(int(permission.fields["timestamp"]) - time.time()) < 60
    assert "s3cret" not in str(permission)


async def test_uploads_are_their_owners(direct: DirectUploads, user: str, stranger: str) -> None:
    permission = await direct.allow(user, "user")
    for who, what in ((stranger, permission.id), (user, new_id())):
        with pytest.raises(UploadNotFound, match="Upload not found"):
            await direct.get(who, what)


async def test_only_so_many_may_be_under_way(direct: DirectUploads, user: str, stranger: str) -> None:
    for _ in range(20):
        await direct.allow(user, "user")
    with pytest.raises(QuotaExceeded, match="unfinished"):
        await direct.allow(user, "user")
    await direct.allow(stranger, "user")


async def test_a_full_gallery_is_told_before_anything_is_sent(
    database: Database, gallery: Uploads, cloud: Cloud, user: str
) -> None:
    small = DirectUploads(database, gallery, Quota(images=1, bytes=10**9), cloud, NOTIFIED_AT, 10**6)
    await small.allow(user, "user")
    with pytest.raises(QuotaExceeded):
        await small.allow(user, "user")


async def test_what_nobody_tells_us_of_is_swept(
    database: Database, direct: DirectUploads, cloud: Cloud, user: str
) -> None:
    permission = await direct.allow(user, "user")
    cloud.receive(permission, PHOTO)
    await direct.sweep()
    assert len(cloud.assets) == 1
    await pass_time(database, user)
    await direct.sweep()
    assert (cloud.assets, await states(database, permission.id)) == ({}, [])


async def test_a_deleted_account_leaves_nothing_at_cloudinary(
    database: Database, direct: DirectUploads, gallery: Uploads, cloud: Cloud, inside: Inspector, user: str
) -> None:
    permission = await direct.allow(user, "user")
    notification = cloud.receive(permission, PHOTO)
    await direct.notified(*notification)
    await direct.forget(user)
    await direct.bring(permission.id, "jpg")
    assert await inside.images(user) == 0
    assert await states(database, permission.id) == [("", "forgotten")]
    await direct.sweep()
    assert (cloud.assets, await states(database, permission.id)) == ({}, [("", "gone")])


async def test_an_account_that_goes_while_its_picture_is_brought_takes_it_along(
    database: Database,
    direct: DirectUploads,
    gallery: Uploads,
    cloud: Cloud,
    blobs: MemoryBlobs,
    inside: Inspector,
    user: str,
) -> None:
    permission = await direct.allow(user, "user")
    await direct.notified(*cloud.receive(permission, PHOTO))

    async def leave(_: str) -> None:
        await direct.forget(user)

    blobs.after_put = leave
    await direct.bring(permission.id, "jpg")
    assert (await gallery.page(user, "", 10, "")).images == []
    await inside.work(user, later=True)
    assert (cloud.assets, blobs.stored, await inside.states(user)) == ({}, {}, [])


async def test_without_cloudinary_there_are_no_direct_uploads(
    database: Database, gallery: Uploads, quota: Quota, user: str
) -> None:
    none = DirectUploads(database, gallery, quota, None, NOTIFIED_AT, 10**6)
    with pytest.raises(DirectUploadUnavailable):
        await none.allow(user, "user")
    with pytest.raises(DirectUploadUnavailable):
        await none.notified(b"{}", "1", "x")
    await none.sweep()
