"""Storing and destroying, through the real SDK."""

from __future__ import annotations

import base64

import cloudinary.exceptions
import pytest

from .conftest import Cloud, picture

PHOTO = picture()


async def test_an_upload_is_described_in_cloudinarys_shape(cloud: Cloud) -> None:
    answer = await cloud.upload(PHOTO, folder="virtual-tryon/user", public_id="ann")
    assert answer["public_id"] == "virtual-tryon/user/ann"
    assert (answer["width"], answer["height"], answer["format"], answer["bytes"]) == (80, 64, "jpg", len(PHOTO))
    assert (answer["resource_type"], answer["type"], answer["version"]) == ("image", "upload", int(cloud.clock.now))
    assert answer["secure_url"] == answer["url"]
    assert answer["url"].endswith(f"/sandbox/image/upload/v{answer['version']}/virtual-tryon/user/ann.jpg")
    assert answer["request_id"]


async def test_an_answers_signature_is_the_one_that_the_sdk_verifies(cloud: Cloud) -> None:
    answer = await cloud.upload(PHOTO, public_id="ann")
    cloudinary.config(api_secret=cloud.config.api_secret)
    try:
        assert cloudinary.utils.verify_api_response_signature("ann", answer["version"], answer["signature"])
        assert not cloudinary.utils.verify_api_response_signature("bob", answer["version"], answer["signature"])
    finally:
        cloudinary.reset_config()


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
async def test_the_format_is_read_from_the_content(cloud: Cloud, kind: str, name: str) -> None:
    answer = await cloud.upload(picture(kind), public_id="ann", filename="photo.tiff")
    assert answer["format"] == name


async def test_a_picture_without_a_public_id_is_given_one(cloud: Cloud) -> None:
    first, second = await cloud.upload(PHOTO), await cloud.upload(PHOTO)
    assert first["public_id"] != second["public_id"]


async def test_overwriting_replaces_the_bytes_and_raises_the_version(cloud: Cloud) -> None:
    first = await cloud.upload(PHOTO, public_id="ann")
    second = await cloud.upload(picture("PNG"), public_id="ann", overwrite=True)
    assert second["overwritten"] is True
    assert (second["asset_id"], second["format"]) == (first["asset_id"], "png")
    assert second["version"] > first["version"]


async def test_without_overwriting_the_first_picture_stays(cloud: Cloud) -> None:
    first = await cloud.upload(PHOTO, public_id="ann")
    second = await cloud.upload(picture("PNG"), public_id="ann", overwrite=False)
    assert second["existing"] is True
    assert (second["version"], second["format"]) == (first["version"], "jpg")


async def test_the_same_public_id_is_another_picture_in_another_type(cloud: Cloud) -> None:
    await cloud.upload(PHOTO, public_id="ann")
    await cloud.upload(PHOTO, public_id="ann", type="authenticated")
    assert (await cloud.destroy("ann", type="authenticated"))["result"] == "ok"
    assert [asset["type"] for asset in (await cloud.http.get("/_sandbox/stored")).json()["assets"]] == ["upload"]


async def test_a_data_uri_is_a_file(cloud: Cloud) -> None:
    text = "data:image/jpeg;base64," + base64.b64encode(PHOTO).decode()
    assert (await cloud.upload(text, public_id="ann"))["bytes"] == len(PHOTO)


async def test_destroying_is_told_apart_from_finding_nothing(cloud: Cloud) -> None:
    await cloud.upload(PHOTO, public_id="ann")
    assert (await cloud.destroy("ann"))["result"] == "ok"
    assert (await cloud.destroy("ann"))["result"] == "not found"
    assert (await cloud.http.get("/_sandbox/stored")).json() == {"assets": []}


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "Invalid image file"),
        (b"not a picture", {}, "Invalid image file"),
        (PHOTO + bytes(10 * 1024 * 1024), {}, "File size too large"),
        (PHOTO, {"public_id": "what?"}, "is invalid"),
        (PHOTO, {"public_id": "x" * 256}, "is invalid"),
        (PHOTO, {"type": "secret"}, "Invalid value secret"),
    ],
)
async def test_what_cannot_be_stored_is_a_bad_request(
    cloud: Cloud, data: bytes, options: dict[str, str], message: str
) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match=message):
        await cloud.upload(data, **options)
    assert (await cloud.http.get("/_sandbox/stored")).json() == {"assets": []}


async def test_a_missing_file_is_a_bad_request(cloud: Cloud) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Missing required parameter - file"):
        await cloud.upload(b"", public_id="ann")
