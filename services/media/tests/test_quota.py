"""How much a user may keep, on a real PostgreSQL."""

import asyncio

import pytest

from services.kit.ids import new_id
from services.media.errors import QuotaExceeded
from services.media.links import Links
from services.media.quota import Quota
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import encoded, plain, quarters

COLOURS = ["red", "tan", "navy", "teal", "olive", "pink"]
MUCH = 10**9


@pytest.fixture
def quota() -> Quota:
    """Room for three images."""
    return Quota(images=3, bytes=MUCH)


async def test_as_many_images_as_allowed_can_be_had(gallery: Uploads, blobs: MemoryBlobs, user: str) -> None:
    images = [await gallery.upload_bytes(user, "user", plain(colour=colour)) for colour in COLOURS[:3]]
    with pytest.raises(QuotaExceeded, match="You have 3 images, and there is no room for more") as raised:
        await gallery.upload_bytes(user, "user", plain(colour="pink"))
    assert (raised.value.http_status, raised.value.metadata) == (413, {"images": "3"})
    assert len(blobs.stored) == 3
    await gallery.delete(user, images[0].id)
    await gallery.upload_bytes(user, "user", plain(colour="pink"))


@pytest.mark.parametrize("colours", [COLOURS, ["red"] * 6])
async def test_uploading_at_the_same_time_does_not_get_around_it(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, colours: list[str]
) -> None:
    everybody = asyncio.Barrier(len(colours))

    async def together(_: str) -> None:
        await everybody.wait()

    blobs.after_put = together
    uploads = (gallery.upload_bytes(user, "user", plain(colour=colour)) for colour in colours)
    outcomes = await asyncio.gather(*uploads, return_exceptions=True)
    assert sum(isinstance(each, QuotaExceeded) for each in outcomes) == 3, outcomes
    assert await inside.images(user) == 3
    await inside.work(user, later=True)
    assert len(blobs.stored) == min(3, len({*colours}))
    assert set(await inside.states(user)) == {"live"}


async def test_bytes_are_counted_once_however_many_images_show_them(
    gallery: Uploads, blobs: MemoryBlobs, user: str
) -> None:
    photo = plain(colour="red")
    size = (await gallery.upload_bytes(user, "user", photo)).size
    gallery._quota = Quota(images=100, bytes=size + 1)
    for _ in range(3):
        await gallery.upload_bytes(user, "outfit", photo)
    with pytest.raises(QuotaExceeded, match="may take up 0 MB") as raised:
        await gallery.upload_bytes(user, "user", encoded(quarters()))
    assert int(raised.value.metadata["bytes"]) > size
    assert len(blobs.stored) == 1


async def test_saving_counts_and_what_was_paid_for_is_kept_all_the_same(
    gallery: Uploads, links: Links, inside: Inspector, user: str
) -> None:
    images = [await gallery.upload_bytes(user, "user", plain(colour=colour)) for colour in COLOURS[:3]]
    with pytest.raises(QuotaExceeded):
        await gallery.save(user, links.url(images[0].id), {})
    result = await gallery.generated(user, new_id(), plain("PNG"), {})
    assert await inside.images(user) == 4
    assert await gallery.save(user, links.url(result.id), {}) == result, "it is there already"


async def test_a_users_quota_is_nobody_elses_concern(gallery: Uploads, user: str, stranger: str) -> None:
    for colour in COLOURS[:3]:
        await gallery.upload_bytes(user, "user", plain(colour=colour))
    await gallery.upload_bytes(stranger, "user", plain())
