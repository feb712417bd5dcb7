"""What a browser gets from an image's URL: parts, copies, and what it may keep."""

import hashlib

import pytest

from services.media.tests.samples import encoded, quarters
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused

AVIF = "image/avif,image/webp,image/*,*/*;q=0.8"
WEBP = "image/webp,*/*;q=0.8"


@pytest.fixture
def image(user: Browser) -> Json:
    """A photo of 1600 × 960 pixels that was uploaded."""
    return user.upload(encoded(quarters((1600, 960))))


def test_an_image_says_what_browsers_and_caches_need(image: Json) -> None:
    answer = fetch(image["url"])
    headers = answer.headers
    assert answer.status_code == 200
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    assert headers["etag"] == f'"{image["sha256"]}"'
    assert hashlib.sha256(answer.content).hexdigest() == image["sha256"]
    assert headers["content-disposition"] == f'inline; filename="{image["id"]}.jpg"'
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert "vary" not in headers or "accept" not in headers["vary"].lower().split(", ")


def test_what_a_browser_has_is_not_sent_again(image: Json) -> None:
    etag = fetch(image["url"]).headers["etag"]
    for told in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = fetch(image["url"], if_none_match=told)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert fetch(image["url"], if_none_match='"x"').status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-99", 0, 100), ("bytes=1000-", 1000, None), ("bytes=-50", -50, None)]
)
def test_a_part_of_an_image_can_be_had(image: Json, asked: str, start: int, end: int | None) -> None:
    whole = fetch(image["url"]).content
    answer = fetch(image["url"], range=asked)
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"


def test_a_part_that_an_image_does_not_have_is_a_416(image: Json) -> None:
    answer = fetch(image["url"], range="bytes=99999999-")
    assert_refused(answer, 416, reason="RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{image['size']}"
    assert fetch(image["url"], range="bytes=0-1", if_range='"old"').status_code == 200


@pytest.mark.parametrize("width", [320, 640, 1280])
@pytest.mark.parametrize(("accept", "kind"), [(AVIF, "AVIF"), (WEBP, "WEBP"), ("image/png", "JPEG")])
def test_a_smaller_copy_comes_in_the_format_that_the_browser_likes(
    image: Json, width: int, accept: str, kind: str
) -> None:
    url = f"{image['url']}&w={width}"
    answer = fetch(url, accept=accept)
    assert answer.status_code == 200
    copy = pictures.decoded(answer.content)
    assert (copy.format, copy.size) == (kind, (width, width * 960 // 1600))
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert "accept" in answer.headers["vary"].lower()
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    etag = answer.headers["etag"]
    assert etag != f'"{image["sha256"]}"'
    assert fetch(url, accept=accept, if_none_match=etag).status_code == 304
    assert fetch(url, accept=accept, range="bytes=0-9").content == answer.content[:10]
    assert fetch(url, accept=accept).content == answer.content


@pytest.mark.parametrize("width", ["0", "100", "321", "-320", "x", "320.0", "10000000000", "%00"])
def test_another_width_is_a_400(image: Json, width: str) -> None:
    assert_refused(fetch(f"{image['url']}&w={width}"), 400, "w must be 320, 640 or 1280")


def test_copies_die_with_their_image(user: Browser, image: Json) -> None:
    url = f"{image['url']}&w=320"
    assert fetch(url).status_code == 200
    user.delete(f"/api/images/{image['id']}")
    for gone in (url, image["url"], f"{image['url']}&w=640"):
        assert_refused(fetch(gone), 404, "Image not found")


def test_a_copy_needs_the_images_signature(image: Json) -> None:
    place = image["url"].split("?")[0]
    assert_refused(fetch(f"{place}?w=320"), 404, "Image not found")
    assert_refused(fetch(f"{image['url']}x&w=320"), 404, "Image not found")


def test_an_image_has_a_blurhash_and_a_digest_wherever_it_is_shown(user: Browser, image: Json) -> None:
    assert len(image["sha256"]) == 64
    assert 20 < len(image["blurhash"]) < 40
    assert user.images() == [image]


@pytest.mark.parametrize("source", ["AVIF", "HEIC"])
def test_avif_and_heic_are_taken_and_become_jpeg(user: Browser, source: str) -> None:
    data = pictures.heic() if source == "HEIC" else encoded(quarters(), "AVIF")
    image = user.upload(data)
    shown = fetch(image["url"])
    assert shown.headers["content-type"] == image["contentType"] == "image/jpeg"
    assert pictures.decoded(shown.content).size == (160, 96)
