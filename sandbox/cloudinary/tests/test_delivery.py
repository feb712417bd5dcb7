"""Reading back what was stored."""

from __future__ import annotations

import cloudinary.utils
import pytest

from .conftest import Cloud, picture

PHOTO = picture()


@pytest.mark.parametrize("kind", ["upload", "private", "authenticated"])
async def test_the_url_of_the_answer_gives_the_bytes_back(cloud: Cloud, kind: str) -> None:
    answer = await cloud.upload(PHOTO, folder="a/b", public_id="ann", type=kind)
    delivered = await cloud.http.get(answer["secure_url"])
    assert (delivered.status_code, delivered.headers["content-type"]) == (200, "image/jpeg")
    assert delivered.content == PHOTO


@pytest.mark.parametrize("long", [False, True])
async def test_a_url_that_the_sdk_signs_is_good(cloud: Cloud, long: bool) -> None:
    answer = await cloud.upload(PHOTO, public_id="a/ann", type="authenticated")
    url, _ = cloudinary.utils.cloudinary_url(
        "a/ann",
        format="jpg",
        type="authenticated",
        version=answer["version"],
        sign_url=True,
        long_url_signature=long,
        cloud_name=cloud.config.cloud_name,
        api_secret=cloud.config.api_secret,
    )
    path = url.partition("res.cloudinary.com")[2]
    assert (await cloud.http.get(path)).content == PHOTO


async def test_an_authenticated_picture_needs_the_right_signature(cloud: Cloud) -> None:
    mine = (await cloud.upload(PHOTO, public_id="ann", type="authenticated"))["url"]
    other = (await cloud.upload(PHOTO, public_id="bob", type="authenticated"))["url"]
    signature = mine.split("/")[-3]
    for url in (mine.replace(signature + "/", ""), mine.replace("s--", "s--x"), other.replace("bob", "ann")):
        answer = await cloud.http.get(url)
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Signature mismatch - ann.jpg")
        assert PHOTO not in answer.content


async def test_an_authenticated_picture_is_not_delivered_as_a_public_one(cloud: Cloud) -> None:
    url = (await cloud.upload(PHOTO, public_id="ann", type="authenticated"))["url"]
    assert (await cloud.http.get(url.replace("/authenticated/", "/upload/"))).status_code == 404


async def test_what_is_not_there_is_404(cloud: Cloud) -> None:
    url = (await cloud.upload(PHOTO, public_id="ann"))["url"]
    for wrong in (url.replace("ann", "bob"), url.replace("jpg", "png"), url.replace("/sandbox/", "/other/")):
        answer = await cloud.http.get(wrong)
        assert answer.status_code == 404
        assert answer.headers["X-Cld-Error"].startswith("Resource not found")
    await cloud.destroy("ann")
    assert (await cloud.http.get(url)).status_code == 404
