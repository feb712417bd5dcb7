"""What other services ask of the service, over a real channel."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from drape.auth.v1 import user_data_pb2
from drape.media.v1 import image_store_pb2 as store
from drape.media.v1 import media_pb2 as pb
from grpc import StatusCode

from sandbox.cloudinary.config import Config
from sandbox.cloudinary.serving import serving as serving_cloudinary
from services.kit.database import Database
from services.kit.ids import new_id
from services.kit.tests.wire import Refusal, refusal
from services.media.tests.samples import decoded
from services.media.tests.served import OTHER, Media, serving


async def test_other_services_read_and_find_images_of_the_user_they_act_for(
    media: Media, user: str, stranger: str
) -> None:
    mine, theirs = await media.upload(user), await media.upload(stranger)
    service = media.as_service("tryon", user)
    found = await media.store.BatchGetImages(
        store.BatchGetImagesRequest(ids=[theirs.id, mine.id, "none"]), metadata=service
    )
    assert [image.id for image in found.images] == [mine.id]
    read = await media.store.ReadImage(store.ReadImageRequest(id=mine.id), metadata=service)
    assert (read.content_type, len(read.data), list(read.more_data)) == ("image/jpeg", mine.size, [])
    for missing in ([theirs.id], [mine.id, theirs.id], [theirs.id, mine.id], [mine.id, "none"]):
        request = store.ReadImageRequest(id=missing[0], more_ids=missing[1:])
        refused = await refusal(media.store.ReadImage(request, metadata=service))
        assert refused == Refusal(StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND", "Image not found")


async def test_images_are_read_together_in_the_order_asked_for(media: Media, user: str) -> None:
    images = [await media.upload(user), await media.upload(user, OTHER)]
    for first, second in (images, images[::-1]):
        request = store.ReadImageRequest(id=first.id, more_ids=[second.id])
        read = await media.store.ReadImage(request, metadata=media.as_service("tryon", user))
        assert [sha256(data).hexdigest() for data in (read.data, *read.more_data)] == [first.sha256, second.sha256]


async def test_a_result_is_stored_once_under_its_key_and_deleted_by_it(media: Media, user: str) -> None:
    service, key = media.as_service("tryon", user), new_id()
    request = store.StoreGeneratedImageRequest(key=key, data=OTHER)
    first = (await media.store.StoreGeneratedImage(request, metadata=service)).image
    again = (await media.store.StoreGeneratedImage(request, metadata=service)).image
    assert (first.type, first.id) == ("generated", again.id)
    for _ in range(2):
        await media.store.DeleteGeneratedImage(store.DeleteGeneratedImageRequest(key=key), metadata=service)
    assert (await media.api.ListImages(pb.ListImagesRequest(), metadata=media.as_user(user))).images == []


async def test_what_is_for_services_refuses_users_and_other_services(media: Media, user: str) -> None:
    request = store.BatchGetImagesRequest(ids=[])
    for metadata in ((), media.as_user(user), media.as_service("billing", user), media.as_service("auth", user)):
        refused = await refusal(media.store.BatchGetImages(request, metadata=metadata))
        assert (refused.code, refused.message) == (StatusCode.UNAUTHENTICATED, "A service token is required")


async def test_a_service_token_is_no_ticket_to_what_is_for_users(media: Media, user: str) -> None:
    request = pb.ListImagesRequest()
    refused = await refusal(media.api.ListImages(request, metadata=media.as_service("tryon", user)))
    assert refused.code is StatusCode.UNAUTHENTICATED


async def test_auth_has_a_users_data_deleted(media: Media, user: str, stranger: str) -> None:
    mine, theirs = await media.upload(user), await media.upload(stranger)
    request = user_data_pb2.DeleteUserDataRequest(user_id=user)
    for wrong in (media.as_user(user), media.as_service("tryon", user)):
        refused = await refusal(media.user_data.DeleteUserData(request, metadata=wrong))
        assert refused.code is StatusCode.UNAUTHENTICATED
    for _ in range(2):
        await media.user_data.DeleteUserData(request, metadata=media.as_service("auth", user))
    assert (await refusal(media.download(mine.url))).code is StatusCode.NOT_FOUND
    assert len((await media.download(theirs.url))[2]) == theirs.size


async def test_with_a_cloudinary_url_pictures_are_kept_there(database: Database, tmp_path: Path, user: str) -> None:
    async with (
        serving_cloudinary(Config()) as cloud,
        serving(
            database.url, tmp_path, cloudinary_url=cloud.cloudinary_url, cloudinary_upload_prefix=cloud.base_url
        ) as media,
    ):
        image = await media.upload(user)
        assert image.cloudinary_id.startswith("virtual-tryon/user/")
        assert len((await media.download(image.url))[2]) == image.size
    assert not (tmp_path / "blobs").exists()


@pytest.mark.parametrize("key", ["", "k" * 101])
async def test_a_key_has_at_least_one_and_at_most_a_hundred_characters(media: Media, user: str, key: str) -> None:
    request = store.StoreGeneratedImageRequest(key=key, data=OTHER)
    refused = await refusal(media.store.StoreGeneratedImage(request, metadata=media.as_service("tryon", user)))
    assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")


async def test_cloudinary_makes_the_smaller_copies_where_it_is_told_to(
    database: Database, tmp_path: Path, user: str
) -> None:
    async with (
        serving_cloudinary(Config()) as cloud,
        serving(
            database.url,
            tmp_path,
            cloudinary_url=cloud.cloudinary_url,
            cloudinary_upload_prefix=cloud.base_url,
            cloudinary_renditions=True,
        ) as media,
    ):
        image = await media.upload(user)
        headers, content_type, data = await media.download(image.url, w="320", accept="image/avif")
        assert (content_type, decoded(data).format, decoded(data).size) == ("image/avif", "AVIF", (320, 213))
        assert await media.download(image.url, w="320", accept="image/avif") == (headers, content_type, data)
        async with httpx.AsyncClient(base_url=cloud.base_url, trust_env=False) as http:
            assert len((await http.get("/_sandbox/stored")).json()["assets"]) == 1


async def test_what_another_store_keeps_stays_there_when_the_settings_change(
    database: Database, tmp_path: Path, user: str
) -> None:
    async with serving(database.url, tmp_path) as media:
        old = await media.upload(user)
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == 1
    async with (
        serving_cloudinary(Config()) as cloud,
        serving(
            database.url, tmp_path, cloudinary_url=cloud.cloudinary_url, cloudinary_upload_prefix=cloud.base_url
        ) as media,
    ):
        new = await media.upload(user, OTHER)
        assert (old.cloudinary_id, bool(new.cloudinary_id)) == ("", True)
        for image in (old, new):
            assert len((await media.download(image.url))[2]) == image.size


async def test_with_a_bucket_pictures_are_kept_there(
    database: Database, tmp_path: Path, s3_server: str, bucket: Any, user: str
) -> None:
    keys = {"s3_endpoint_url": s3_server, "s3_access_key_id": "key", "s3_secret_access_key": "s3cret"}
    async with serving(database.url, tmp_path, s3_bucket=bucket.name, **keys) as media:
        image = await media.upload(user)
        assert len((await media.download(image.url))[2]) == image.size
        assert decoded((await media.download(image.url, w="320"))[2]).size == (320, 213)
    kept = await asyncio.to_thread(lambda: [each.key for each in bucket.objects.all()])
    assert len(kept) == 2
    assert all(key.startswith("user/") for key in kept)
