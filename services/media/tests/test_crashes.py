"""What is left when the service is killed, or a user goes, in the middle of storing a picture: nothing."""

import asyncio

import pytest
from sqlalchemy import text

from services.kit.database import Database, UnstorableText
from services.kit.ids import new_id
from services.media.blob_rows import BlobRows
from services.media.blobs import Stores
from services.media.errors import ImageNotFound, StorageUnavailable
from services.media.tests.fakes import Crash, Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import plain

PHOTO = plain()


async def crash(_: str) -> None:
    """Ends the process."""
    raise Crash


async def swept(rows: BlobRows, inside: Inspector, user: str) -> None:
    """Lets the time pass, the minute strike and the queue work."""
    await inside.pass_time(user)
    await rows.sweep_pending()
    await inside.work(user, later=True)


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
async def test_what_a_crash_leaves_around_storing_the_bytes_is_swept(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str, moment: str
) -> None:
    setattr(blobs, moment, crash)
    with pytest.raises(Crash):
        await gallery.upload_bytes(user, "user", PHOTO)
    assert (await inside.states(user), await inside.images(user)) == (["pending"], 0)
    await swept(rows, inside, user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_a_store_that_does_not_answer_leaves_nothing_for_long(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    async def unavailable(_: str) -> None:
        raise StorageUnavailable("later")

    blobs.after_put = unavailable
    with pytest.raises(StorageUnavailable):
        await gallery.upload_bytes(user, "user", PHOTO)
    await swept(rows, inside, user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_an_upload_can_be_repeated_right_after_a_crash(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    usual = blobs.after_put
    blobs.after_put = crash
    with pytest.raises(Crash):
        await gallery.upload_bytes(user, "user", PHOTO)
    blobs.after_put = usual
    image = await gallery.upload_bytes(user, "user", PHOTO)
    await swept(rows, inside, user)
    assert list(blobs.stored) == [image.location]
    assert await inside.states(user) == ["live"]


async def test_bytes_whose_image_cannot_be_written_are_swept(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    with pytest.raises(UnstorableText):
        await gallery.generated(user, new_id(), plain("PNG"), {"postgres takes no": "\0"})
    await swept(rows, inside, user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_an_upload_that_is_under_way_is_not_swept(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    async def a_minute_passes(_: str) -> None:
        await rows.sweep_pending()
        await inside.work(user, later=True)

    blobs.before_put = blobs.after_put = a_minute_passes
    image = await gallery.upload_bytes(user, "user", PHOTO)
    assert (await gallery.read(user, image.id))[0] == image


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("swept_at_once", [True, False])
async def test_a_user_who_goes_during_an_upload_leaves_nothing(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, moment: str, repeats: int, swept_at_once: bool
) -> None:
    async def leave(_: str) -> None:
        for _each in range(repeats):
            await gallery.delete_all(user)
        if swept_at_once:
            await inside.work(user)

    setattr(blobs, moment, leave)
    with pytest.raises(ImageNotFound):
        await gallery.upload_bytes(user, "user", PHOTO)
    await inside.work(user, later=True)
    assert (blobs.stored, await inside.states(user), await inside.images(user)) == ({}, [], 0)


@pytest.mark.parametrize("repeats", [1, 2])
async def test_a_user_who_goes_during_an_upload_that_is_killed_then_leaves_nothing(
    gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str, repeats: int
) -> None:
    async def leave(_: str) -> None:
        for _each in range(repeats):
            await gallery.delete_all(user)
            await inside.work(user)

    blobs.before_put, blobs.after_put = leave, crash
    with pytest.raises(Crash):
        await gallery.upload_bytes(user, "user", PHOTO)
    assert len(blobs.stored) == 1
    await swept(rows, inside, user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


@pytest.mark.parametrize("killed", [True, False])
async def test_right_after_an_account_is_deleted_no_row_names_its_user(
    database: Database, gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, killed: bool
) -> None:
    image = await gallery.upload_bytes(user, "user", plain(colour="olive"))
    if killed:
        blobs.after_put = crash
        with pytest.raises(Crash):
            await gallery.upload_bytes(user, "user", PHOTO)
    await gallery.delete_all(user)
    traces = {"user": user, "id": image.id}
    named = (
        "SELECT count(*) FROM blobs WHERE user_id = :user OR (user_id = '' AND (sha256 <> '' OR blurhash <> ''))",
        "SELECT count(*) FROM images WHERE user_id = :user OR id = :id",
    )
    async with database.read() as connection:
        for statement in named:
            used = {name: value for name, value in traces.items() if f":{name}" in statement}
            assert (await connection.execute(text(statement), used)).scalar_one() == 0
    await inside.work(user, later=True)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_the_same_upload_twice_at_once_keeps_the_bytes_once(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    both = asyncio.Barrier(2)

    async def together(_: str) -> None:
        await both.wait()

    blobs.after_put = together
    first, second = await asyncio.gather(*(gallery.upload_bytes(user, "user", PHOTO) for _ in range(2)))
    assert first.id != second.id
    assert first.location == second.location
    await inside.work(user, later=True)
    assert list(blobs.stored) == [first.location]
    assert (await gallery.read(user, second.id))[0] == second


async def test_a_blob_that_dies_just_before_it_is_shared_is_not_shown(
    database: Database, gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    await gallery.upload_bytes(user, "user", PHOTO)
    async with database.transaction() as connection:
        await connection.execute(text("SELECT id FROM blobs WHERE user_id = :user FOR UPDATE"), {"user": user})
        again = asyncio.create_task(gallery.upload_bytes(user, "user", PHOTO))
        await inside.someone_waits_for_a_lock()
        await connection.execute(text("DELETE FROM images WHERE user_id = :user"), {"user": user})
        await connection.execute(text("UPDATE blobs SET state = 'dead' WHERE user_id = :user"), {"user": user})
    with pytest.raises(ImageNotFound, match="Please try again"):
        await again
    assert await inside.images(user) == 0


async def test_a_sweep_that_fails_is_done_again(
    database: Database, gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    class Unreachable(MemoryBlobs):
        async def delete(self, location: str) -> None:
            raise StorageUnavailable("later")

    image = await gallery.upload_bytes(user, "user", PHOTO)
    await gallery.delete(user, image.id)
    (task,) = await inside.queued(user)
    with pytest.raises(StorageUnavailable):
        await BlobRows(database, Stores({"memory": Unreachable()}, "memory")).sweep(task.blob_id)
    assert await inside.states(user) == ["dead"]
    await rows.sweep(task.blob_id)
    await rows.sweep(task.blob_id)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_a_live_blob_is_never_swept(gallery: Uploads, rows: BlobRows, blobs: MemoryBlobs, user: str) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    await rows.sweep(image.blob_id)
    await rows.sweep(new_id())
    assert list(blobs.stored) == [image.location]
