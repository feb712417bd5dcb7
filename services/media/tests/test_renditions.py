"""Smaller copies, on a real PostgreSQL and with real processes that make them."""

import asyncio

import pytest
from sqlalchemy import text

from services.kit.database import Database
from services.kit.ids import new_id
from services.media.blob_rows import BlobRows
from services.media.downloads import Download
from services.media.errors import ImageNotFound, StorageUnavailable
from services.media.gallery import StoredImage
from services.media.links import Links
from services.media.renditions import Renditions
from services.media.tests.fakes import Crash, Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import decoded, encoded, quarters
from services.media.tests.test_crashes import swept
from services.media.tests.test_links import parts_of

PHOTO = encoded(quarters((800, 480)))


async def copy_of(
    renditions: Renditions, links: Links, image: StoredImage, width: int = 320, content_type: str = "image/webp"
) -> Download:
    """The copy that the image's URL shows."""
    return await renditions.served(*parts_of(links.url(image.id)), width, content_type)


async def test_a_copy_is_made_once_and_kept(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, inside: Inspector, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    first = await copy_of(renditions, links, image)
    again = await copy_of(renditions, links, image)
    assert (first.etag, first.size, first.content_type) == (again.etag, again.size, again.content_type)
    assert await first.read() == await again.read()
    copy = decoded(await again.read())
    assert (copy.format, copy.size) == ("WEBP", (320, 192))
    assert len(blobs.stored) == 2
    assert await inside.states(user) == ["live", "live"]


async def test_each_width_and_format_is_a_copy_of_its_own(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    sizes = {
        (width, kind): decoded(await (await copy_of(renditions, links, image, width, kind)).read()).size
        for width in (320, 640, 1280)
        for kind in ("image/webp", "image/avif")
    }
    assert {width: size for (width, _), size in sizes.items()} == {320: (320, 192), 640: (640, 384), 1280: (800, 480)}
    assert len(blobs.stored) == 7


async def test_many_who_ask_at_once_have_it_made_once(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    puts: list[str] = []

    async def noted(location: str) -> None:
        puts.append(location)

    blobs.before_put = noted
    copies = await asyncio.gather(*(copy_of(renditions, links, image) for _ in range(10)))
    assert (len({copy.etag for copy in copies}), len(puts)) == (1, 1)


async def test_whoever_asked_first_may_go_away(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    storing, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: str) -> None:
        storing.set()
        await go_on.wait()

    blobs.before_put = wait
    first = asyncio.create_task(copy_of(renditions, links, image))
    await storing.wait()
    second = asyncio.create_task(copy_of(renditions, links, image))
    await asyncio.sleep(0.05)
    first.cancel()
    go_on.set()
    assert decoded(await (await second).read()).size == (320, 192)


async def test_two_services_that_make_the_same_copy_keep_one(
    database: Database,
    gallery: Uploads,
    renditions: Renditions,
    blobs: MemoryBlobs,
    links: Links,
    inside: Inspector,
    user: str,
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    other = Renditions(database, renditions._rows, renditions._stores, renditions._pool, links, {})
    both = asyncio.Barrier(2)

    async def together(_: str) -> None:
        await both.wait()

    blobs.before_put = together
    first, second = await asyncio.gather(copy_of(renditions, links, image), copy_of(other, links, image))
    assert first.etag == second.etag
    await inside.work(user, later=True)
    assert len(blobs.stored) == 2


async def test_a_copy_goes_with_its_original(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, inside: Inspector, user: str
) -> None:
    image, kept = [await gallery.upload_bytes(user, kind, PHOTO) for kind in ("user", "outfit")]
    await copy_of(renditions, links, image)
    await gallery.delete(user, image.id)
    await inside.work(user)
    assert len(blobs.stored) == 2, "another image still shows the picture"
    with pytest.raises(ImageNotFound):
        await copy_of(renditions, links, image)
    await copy_of(renditions, links, kept)
    await gallery.delete(user, kept.id)
    with pytest.raises(ImageNotFound):
        await copy_of(renditions, links, kept)
    await inside.work(user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_an_account_takes_its_copies_along(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, inside: Inspector, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    await copy_of(renditions, links, image)
    await gallery.delete_all(user)
    await inside.work(user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
@pytest.mark.parametrize("whole_account", [True, False])
async def test_a_picture_that_is_deleted_while_its_copy_is_made_leaves_nothing(
    gallery: Uploads,
    renditions: Renditions,
    blobs: MemoryBlobs,
    links: Links,
    inside: Inspector,
    user: str,
    moment: str,
    whole_account: bool,
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)

    async def leave(_: str) -> None:
        await (gallery.delete_all(user) if whole_account else gallery.delete(user, image.id))
        await inside.work(user)

    setattr(blobs, moment, leave)
    with pytest.raises(ImageNotFound):
        await copy_of(renditions, links, image)
    await inside.work(user, later=True)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
@pytest.mark.parametrize("deleted", [True, False])
async def test_a_copy_that_a_crash_cut_off_is_swept_and_made_again(
    gallery: Uploads,
    renditions: Renditions,
    rows: BlobRows,
    blobs: MemoryBlobs,
    links: Links,
    inside: Inspector,
    user: str,
    moment: str,
    deleted: bool,
) -> None:
    async def crash(_: str) -> None:
        raise asyncio.CancelledError

    image = await gallery.upload_bytes(user, "user", PHOTO)
    usual = blobs.before_put
    setattr(blobs, moment, crash)
    with pytest.raises((Crash, asyncio.CancelledError)):
        await copy_of(renditions, links, image)
    setattr(blobs, moment, usual)
    assert await inside.states(user) == ["live", "pending"]
    if deleted:
        await gallery.delete(user, image.id)
    await swept(rows, inside, user)
    assert await inside.states(user) == ([] if deleted else ["live"])
    assert list(blobs.stored) == ([] if deleted else [image.location])
    if not deleted:
        await copy_of(renditions, links, image)


async def test_a_url_must_be_signed_for_its_copies_too(
    gallery: Uploads, renditions: Renditions, links: Links, user: str
) -> None:
    image_id, expires, signature = parts_of(links.url((await gallery.upload_bytes(user, "user", PHOTO)).id))
    for wrong in (
        (new_id(), expires, signature),
        (image_id, str(int(expires) + 1), signature),
        (image_id, expires, ""),
    ):
        with pytest.raises(ImageNotFound, match="Image not found"):
            await renditions.served(*wrong, 320, "image/webp")


async def test_a_copy_that_cannot_be_made_now_can_be_made_later(
    gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    data = blobs.stored.pop(image.location)
    with pytest.raises(StorageUnavailable):
        await copy_of(renditions, links, image)
    blobs.stored[image.location] = data
    await copy_of(renditions, links, image)


async def test_copies_do_not_count_as_uploads_of_the_same_bytes(
    database: Database, gallery: Uploads, renditions: Renditions, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    """Two pictures whose copies are the same bytes, and a copy that is the same bytes as an upload."""
    first = await gallery.upload_bytes(user, "user", PHOTO)
    copy = await copy_of(renditions, links, first, 320, "image/webp")
    async with database.transaction() as connection:
        same = text("UPDATE blobs SET sha256 = :sha WHERE id = :id")
        await connection.execute(same, {"sha": copy.sha256, "id": first.blob_id})
    assert await gallery.find(user, [first.id])
    second = await gallery.upload_bytes(user, "user", PHOTO)
    assert second.blob_id != first.blob_id
