"""Uploading, listing, reading and deleting, on a real PostgreSQL."""

import base64

import pytest

from services.kit.ids import new_id
from services.media.errors import ImageNotFound, InvalidPageToken, PictureRejected, StorageUnavailable
from services.media.links import Links
from services.media.tests.fakes import Inspector, MemoryBlobs, Uploads
from services.media.tests.samples import plain
from services.media.tests.test_links import parts_of

PHOTO, OTHER, THIRD = plain(), plain(colour="navy"), plain(colour="olive")


async def test_an_upload_is_kept_in_its_normal_form(gallery: Uploads, blobs: MemoryBlobs, user: str) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    assert (image.user_id, image.type, image.content_type, image.width, image.height) == (
        user,
        "user",
        "image/jpeg",
        96,
        64,
    )
    (data,) = blobs.stored.values()
    assert image.size == len(data)
    assert (await gallery.read(user, image.id)) == (image, data)
    assert await gallery.bytes_of(image) == data


async def test_what_is_no_picture_leaves_nothing(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    with pytest.raises(PictureRejected):
        await gallery.upload_bytes(user, "user", b"<svg/>")
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_images_are_listed_newest_first(gallery: Uploads, user: str) -> None:
    ids = [(await gallery.upload_bytes(user, "user", data)).id for data in (PHOTO, OTHER, THIRD)]
    page = await gallery.page(user, "", 1000, "")
    assert [image.id for image in page.images] == ids[::-1]
    assert page.next_token == ""


async def test_a_list_can_be_filtered_by_type(gallery: Uploads, user: str) -> None:
    person = await gallery.upload_bytes(user, "user", PHOTO)
    outfit = await gallery.upload_bytes(user, "outfit", OTHER)
    result = await gallery.generated(user, new_id(), THIRD, {})
    for kind, wanted in (("user", person), ("outfit", outfit), ("generated", result)):
        assert [image.id for image in (await gallery.page(user, kind, 10, "")).images] == [wanted.id]


@pytest.mark.parametrize("kind", ["", "User", "all", "' OR 1=1 --"])
async def test_an_unknown_type_filters_nothing(gallery: Uploads, user: str, kind: str) -> None:
    for image_type in ("user", "outfit"):
        await gallery.upload_bytes(user, image_type, PHOTO)
    assert len((await gallery.page(user, kind, 10, "")).images) == 2


async def test_pages_show_every_image_once(gallery: Uploads, user: str) -> None:
    ids = [(await gallery.upload_bytes(user, "user", PHOTO)).id for _ in range(7)]
    for size, lengths in ((3, [3, 3, 1]), (7, [7]), (6, [6, 1]), (1, [1] * 7)):
        seen: list[list[str]] = []
        token = ""
        while not seen or token:
            page = await gallery.page(user, "user", size, token)
            seen.append([image.id for image in page.images])
            token = page.next_token
        assert [len(page_ids) for page_ids in seen] == lengths
        assert [image_id for page_ids in seen for image_id in page_ids] == ids[::-1]


async def test_paging_goes_on_when_images_come_and_go(gallery: Uploads, user: str) -> None:
    ids = [(await gallery.upload_bytes(user, "user", PHOTO)).id for _ in range(4)]
    first = await gallery.page(user, "", 2, "")
    await gallery.delete(user, ids[2])
    await gallery.upload_bytes(user, "user", OTHER)
    second = await gallery.page(user, "", 2, first.next_token)
    assert [image.id for image in second.images] == [ids[1], ids[0]]


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "????",
        "AAAA",
        base64.urlsafe_b64encode(b"\0" * 36).decode(),
        base64.urlsafe_b64encode("é".encode() * 18).decode(),
        base64.urlsafe_b64encode(b"x" * 37).decode(),
    ],
)
async def test_a_page_token_that_is_not_ours_is_refused(gallery: Uploads, user: str, token: str) -> None:
    with pytest.raises(InvalidPageToken, match="pageToken is not valid"):
        await gallery.page(user, "", 10, token)


async def test_images_are_found_in_the_order_asked_for(gallery: Uploads, user: str, stranger: str) -> None:
    first, second = await gallery.upload_bytes(user, "user", PHOTO), await gallery.upload_bytes(user, "outfit", PHOTO)
    foreign = await gallery.upload_bytes(stranger, "user", PHOTO)
    found = await gallery.find(user, [second.id, "none", foreign.id, first.id])
    assert [image.id for image in found] == [second.id, first.id]
    assert await gallery.find(user, []) == []


async def test_images_are_read_together_as_far_as_there_is_room(gallery: Uploads, user: str) -> None:
    first, second = [await gallery.upload_bytes(user, kind, PHOTO) for kind in ("user", "outfit")]
    ids, both = [second.id, first.id], first.size + second.size
    assert [image for image, _ in await gallery.read_some(user, ids, both)] == [second, first]
    assert [image for image, _ in await gallery.read_some(user, ids, both - 1)] == [second]
    assert [image for image, _ in await gallery.read_some(user, ids, 1)] == [second]
    with pytest.raises(ImageNotFound):
        await gallery.read_some(user, [first.id, new_id()], both)


async def test_a_deleted_image_is_gone_and_so_are_its_bytes(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    await gallery.delete(user, image.id)
    assert (await gallery.page(user, "", 10, "")).images == []
    with pytest.raises(ImageNotFound, match="Image not found"):
        await gallery.read(user, image.id)
    await inside.work(user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])
    with pytest.raises(ImageNotFound):
        await gallery.delete(user, image.id)


async def test_what_is_somebody_elses_looks_as_if_it_did_not_exist(gallery: Uploads, user: str, stranger: str) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    for missing in (image.id, new_id()):
        with pytest.raises(ImageNotFound, match="Image not found"):
            await gallery.delete(stranger, missing)
        with pytest.raises(ImageNotFound, match="Image not found"):
            await gallery.read(stranger, missing)
    assert (await gallery.page(stranger, "", 10, "")).images == []
    assert (await gallery.read(user, image.id))[0] == image


async def test_the_same_bytes_are_kept_once_for_a_user(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    images = [await gallery.upload_bytes(user, kind, PHOTO) for kind in ("user", "user", "outfit")]
    assert len({image.id for image in images}) == 3
    assert len(blobs.stored) == 1
    await gallery.delete(user, images[0].id)
    await gallery.delete(user, images[2].id)
    await inside.work(user)
    assert (await gallery.read(user, images[1].id))[1] == next(iter(blobs.stored.values()))
    await gallery.delete(user, images[1].id)
    await inside.work(user)
    assert (blobs.stored, await inside.states(user)) == ({}, [])


async def test_users_do_not_share_bytes(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, stranger: str
) -> None:
    mine, theirs = await gallery.upload_bytes(user, "user", PHOTO), await gallery.upload_bytes(stranger, "user", PHOTO)
    assert len(blobs.stored) == 2
    await gallery.delete(user, mine.id)
    await inside.work(user)
    assert list(blobs.stored) == [theirs.location]


async def test_bytes_can_come_back_after_they_were_deleted(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str
) -> None:
    first = await gallery.upload_bytes(user, "user", PHOTO)
    await gallery.delete(user, first.id)
    second = await gallery.upload_bytes(user, "user", PHOTO)
    assert second.location != first.location
    await inside.work(user)
    assert list(blobs.stored) == [second.location]
    assert (await gallery.read(user, second.id))[0] == second


async def test_a_signed_url_shows_its_image_until_it_is_deleted(gallery: Uploads, links: Links, user: str) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    image_id, expires, signature = parts_of(links.url(image.id))
    assert await gallery.served(image_id, expires, signature) == image
    for wrong in ((new_id(), expires, signature), (image_id, str(int(expires) + 1), signature), (image_id, "", "")):
        with pytest.raises(ImageNotFound, match="Image not found"):
            await gallery.served(*wrong)
    await gallery.delete(user, image.id)
    with pytest.raises(ImageNotFound, match="Image not found"):
        await gallery.served(image_id, expires, signature)


async def test_an_image_whose_bytes_cannot_be_had_is_told_apart_from_none(
    gallery: Uploads, blobs: MemoryBlobs, user: str
) -> None:
    image = await gallery.upload_bytes(user, "user", PHOTO)
    blobs.stored.clear()
    with pytest.raises(StorageUnavailable):
        await gallery.read(user, image.id)


async def test_everything_of_a_user_is_deleted_and_nothing_of_others(
    gallery: Uploads, blobs: MemoryBlobs, inside: Inspector, user: str, stranger: str
) -> None:
    for data in (PHOTO, PHOTO, OTHER):
        await gallery.upload_bytes(user, "user", data)
    kept = await gallery.upload_bytes(stranger, "user", PHOTO)
    await gallery.delete_all(user)
    await gallery.delete_all(user)
    assert (await gallery.page(user, "", 10, "")).images == []
    await inside.work(user)
    assert list(blobs.stored) == [kept.location]
    assert (await inside.states(user), await inside.states(stranger)) == ([], ["live"])
