"""Pictures that engines made: one for each key, whoever stores it how often."""

import asyncio

import pytest

from services.kit.ids import new_id
from services.media.errors import ImageNotFound, PictureRejected
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import plain

PHOTO, OTHER = plain("PNG"), plain("PNG", colour="navy")


async def test_a_result_keeps_its_bytes_and_says_what_made_it(gallery: Uploads, user: str) -> None:
    image = await gallery.generated(user, new_id(), PHOTO, {"engine": "local", "seed": 7})
    assert (image.type, image.content_type, image.details) == (
        "generated",
        "image/png",
        {"engine": "local", "seed": 7},
    )
    assert (await gallery.read(user, image.id))[1] == PHOTO


async def test_the_same_key_again_gives_the_image_of_the_first_time(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    key = new_id()
    first = await gallery.generated(user, key, PHOTO, {})
    assert await gallery.generated(user, key, PHOTO, {}) == first
    assert await gallery.generated(user, key, OTHER, {"other": True}) == first
    assert (await inside.images(user), len(blobs.stored)) == (1, 1)


async def test_another_key_gives_another_image_of_the_same_bytes(
    gallery: Uploads, blobs: MemoryBlobs, user: str
) -> None:
    first, second = [await gallery.generated(user, new_id(), PHOTO, {}) for _ in range(2)]
    assert first.id != second.id
    assert len(blobs.stored) == 1


@pytest.mark.parametrize("pictures", [[PHOTO] * 5, [plain("PNG", colour=name) for name in ("red", "tan", "navy")]])
async def test_storing_at_the_same_time_stores_one_image_and_leaves_no_bytes(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, pictures: list[bytes]
) -> None:
    everybody = asyncio.Barrier(len(pictures))

    async def together(_: str) -> None:
        await everybody.wait()

    blobs.before_put = together
    key = new_id()
    images = await asyncio.gather(*(gallery.generated(user, key, data, {}) for data in pictures))
    assert len({image.id for image in images}) == 1
    assert await inside.images(user) == 1
    await inside.work(user, later=True)
    assert list(blobs.stored) == [images[0].location]
    assert await inside.states(user) == ["live"]


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
async def test_a_result_whose_user_goes_meanwhile_leaves_nothing(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, moment: str
) -> None:
    async def leave(_: str) -> None:
        await gallery.delete_all(user)

    setattr(blobs, moment, leave)
    with pytest.raises(ImageNotFound):
        await gallery.generated(user, new_id(), PHOTO, {})
    await inside.work(user, later=True)
    assert (blobs.stored, await inside.states(user), await inside.images(user)) == ({}, [], 0)


async def test_a_result_with_bytes_that_the_user_got_meanwhile_shares_them(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    async def upload(_: str) -> None:
        blobs.before_put = nothing
        await gallery.generated(user, new_id(), PHOTO, {})

    async def nothing(_: str) -> None:
        """The second one is not stepped into."""

    blobs.before_put = upload
    await gallery.generated(user, new_id(), PHOTO, {})
    await inside.work(user)
    assert (await inside.images(user), await inside.states(user), len(blobs.stored)) == (2, ["live"], 1)


async def test_a_key_belongs_to_its_user(gallery: Uploads, user: str, stranger: str) -> None:
    key = new_id()
    mine = await gallery.generated(user, key, PHOTO, {})
    theirs = await gallery.generated(stranger, key, OTHER, {})
    assert (mine.user_id, theirs.user_id) == (user, stranger)
    await gallery.delete_generated(stranger, key)
    assert await gallery.find(user, [mine.id]) == [mine]


async def test_a_result_is_deleted_by_its_key_as_often_as_one_likes(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    key = new_id()
    await gallery.delete_generated(user, key)
    await gallery.generated(user, key, PHOTO, {})
    await gallery.delete_generated(user, key)
    await gallery.delete_generated(user, key)
    await inside.work(user)
    assert (await inside.images(user), blobs.stored) == (0, {})


async def test_deleting_by_key_at_the_same_time_is_no_error(gallery: Uploads, inside: Inspector, user: str) -> None:
    for _ in range(5):
        key = new_id()
        await gallery.generated(user, key, PHOTO, {})
        await asyncio.gather(*(gallery.delete_generated(user, key) for _ in range(4)))
        assert await inside.images(user) == 0


async def test_what_an_engine_made_must_be_a_picture(gallery: Uploads, inside: Inspector, user: str) -> None:
    with pytest.raises(PictureRejected):
        await gallery.generated(user, new_id(), b"oops", {})
    assert await inside.states(user) == []
