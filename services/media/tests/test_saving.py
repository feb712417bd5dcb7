"""Saving one's own pictures into the gallery, on a real PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import text

from services.kit.database import Database
from services.kit.ids import new_id
from services.media.errors import InvalidMetadata, NotYourImage
from services.media.links import Links
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import plain

PHOTO, OTHER = plain(), plain(colour="navy")


async def test_a_picture_of_ones_own_is_saved_among_the_generated_ones(
    gallery: Uploads, blobs: MemoryBlobs, links: Links, user: str
) -> None:
    source = await gallery.upload_bytes(user, "user", PHOTO)
    saved = await gallery.save(user, links.url(source.id), {"note": "nice", "of": [1, {"a": None}]})
    assert (saved.type, saved.user_id, saved.details) == ("generated", user, {"note": "nice", "of": [1, {"a": None}]})
    assert saved.id != source.id
    assert len(blobs.stored) == 1
    assert [image.id for image in (await gallery.page(user, "generated", 10, "")).images] == [saved.id]


async def test_saving_again_gives_the_first_image(gallery: Uploads, links: Links, user: str) -> None:
    source = await gallery.upload_bytes(user, "outfit", PHOTO)
    first = await gallery.save(user, links.url(source.id), {"a": 1})
    assert await gallery.save(user, links.url(source.id), {"b": 2}) == first
    assert await gallery.save(user, links.url(first.id), {}) == first


async def test_saving_a_generated_picture_gives_that_one(gallery: Uploads, links: Links, user: str) -> None:
    result = await gallery.generated(user, new_id(), PHOTO, {"engine": "local"})
    assert await gallery.save(user, links.url(result.id), {}) == result


async def test_a_url_whose_time_is_over_still_names_an_image_to_save(gallery: Uploads, user: str) -> None:
    result = await gallery.generated(user, new_id(), PHOTO, {})
    old = Links("https://drape.example", "secret", days=-5).url(result.id)
    assert await gallery.save(user, old, {}) == result


async def test_saving_at_the_same_time_saves_once(gallery: Uploads, inside: Inspector, links: Links, user: str) -> None:
    source = await gallery.upload_bytes(user, "user", PHOTO)
    saved = await asyncio.gather(*(gallery.save(user, links.url(source.id), {"n": n}) for n in range(8)))
    assert len({image.id for image in saved}) == 1
    assert await inside.images(user) == 2


async def test_what_is_not_ones_own_cannot_be_saved(
    gallery: Uploads, inside: Inspector, links: Links, user: str, stranger: str
) -> None:
    foreign = await gallery.upload_bytes(stranger, "user", PHOTO)
    deleted = await gallery.upload_bytes(user, "user", PHOTO)
    await gallery.delete(user, deleted.id)
    for url in (
        links.url(foreign.id),
        links.url(deleted.id),
        links.url(new_id()),
        "https://images.example/cat.jpg",
        "https://drape.example/media/",
        "not a url",
    ):
        with pytest.raises(NotYourImage, match="The URL is not that of one of your images"):
            await gallery.save(user, url, {})
    assert await inside.images(user) == 0


async def test_more_metadata_than_is_kept_is_refused(gallery: Uploads, links: Links, user: str) -> None:
    source = await gallery.upload_bytes(user, "user", PHOTO)
    with pytest.raises(InvalidMetadata):
        await gallery.save(user, links.url(source.id), {"note": "x" * 10_000})
    await gallery.save(user, links.url(source.id), {"note": "x" * 9_900})


async def test_a_picture_that_is_deleted_while_it_is_saved_is_not_saved(
    database: Database, gallery: Uploads, inside: Inspector, links: Links, user: str
) -> None:
    source = await gallery.upload_bytes(user, "user", PHOTO)
    async with database.transaction() as connection:
        lock = text("SELECT id FROM blobs WHERE user_id = :user FOR UPDATE")
        await connection.execute(lock, {"user": user})
        saving = asyncio.create_task(gallery.save(user, links.url(source.id), {}))
        await inside.someone_waits_for_a_lock()
        await connection.execute(text("DELETE FROM images WHERE user_id = :user"), {"user": user})
        await connection.execute(text("UPDATE blobs SET state = 'dead' WHERE user_id = :user"), {"user": user})
    with pytest.raises(NotYourImage):
        await saving
    assert await inside.images(user) == 0
