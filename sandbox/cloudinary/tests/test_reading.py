"""Copies, the list of the admin API, and notifications."""

from __future__ import annotations

import io

import cloudinary.api
import cloudinary.exceptions as sdk
import cloudinary.utils
import pytest
from PIL import Image

from sandbox.cloudinary.signatures import sign_notification

from .conftest import Cloud, picture


def _url(cloud: Cloud, public_id: str, extension: str, **change: object) -> str:
    url, _ = cloudinary.utils.cloudinary_url(
        public_id,
        type="authenticated",
        format=extension,
        transformation=[change],
        sign_url=True,
        cname=cloud.config.base_url.removeprefix("http://"),
        **cloud.options,
    )
    return str(url)


@pytest.mark.parametrize(("extension", "kind"), [("webp", "WEBP"), ("avif", "AVIF"), ("png", "PNG"), ("jpg", "JPEG")])
async def test_a_smaller_copy_is_delivered_to_whoever_has_it_signed(cloud: Cloud, extension: str, kind: str) -> None:
    await cloud.upload(picture(size=(800, 400)), public_id="ann", type="authenticated")
    url = _url(cloud, "ann", extension, width=320, crop="limit")
    answer = await cloud.http.get(url)
    copy = Image.open(io.BytesIO(answer.content))
    assert (copy.format, copy.size) == (kind, (320, 160))
    assert (await cloud.http.get(url.replace("w_320", "w_640"))).status_code == 401


async def test_a_change_that_the_stand_in_does_not_know_is_refused(cloud: Cloud) -> None:
    await cloud.upload(picture(), public_id="ann", type="authenticated")
    assert (await cloud.http.get(_url(cloud, "ann", "webp", width=320, crop="fill"))).status_code == 400


async def test_pictures_are_listed_in_pages_to_the_keys_owner(cloud: Cloud) -> None:
    for number in range(5):
        await cloud.upload(picture(), public_id=f"a/{number}", type="authenticated")
    await cloud.upload(picture(), public_id="b/1", type="authenticated")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while cursor is not None:
        options = {"type": "authenticated", "prefix": "a/", "max_results": 2, **cursor, **cloud.options}
        page = await cloud.listed(**options)
        seen += [each["public_id"] for each in page["resources"]]
        if "next_cursor" not in page:
            break
        cursor = {"next_cursor": page["next_cursor"]}
    assert seen == [f"a/{number}" for number in range(5)]
    with pytest.raises(sdk.AuthorizationRequired):
        await cloud.listed(**(cloud.options | {"type": "authenticated", "api_secret": "other"}))


async def test_a_format_that_is_not_allowed_is_refused(cloud: Cloud) -> None:
    with pytest.raises(sdk.BadRequest, match="format jpg not allowed"):
        await cloud.upload(picture(), allowed_formats="png,webp")


def test_a_notification_is_signed_over_body_and_time() -> None:
    cloudinary.config(api_secret="s3cret")
    signature = sign_notification('{"a":1}', "4000000000", "s3cret")
    assert cloudinary.utils.verify_notification_signature('{"a":1}', "4000000000", signature)
    assert not cloudinary.utils.verify_notification_signature('{"a":2}', "4000000000", signature)
