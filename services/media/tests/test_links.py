"""URLs that carry their own permission."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from services.kit.ids import new_id
from services.media.links import Links

DAY = 86_400
LINKS = Links("https://drape.example/", "secret", days=7)


def parts_of(url: str) -> tuple[str, str, str]:
    """Id, expiry and signature in a URL."""
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path.removeprefix("/media/"), query["exp"][0], query["sig"][0]


def test_a_url_is_absolute_and_allows_what_it_names() -> None:
    image_id = new_id()
    url = LINKS.url(image_id)
    assert url.startswith(f"https://drape.example/media/{image_id}?")
    assert parts_of(url)[0] == image_id
    assert LINKS.allows(*parts_of(url))


def test_a_url_is_the_same_all_day_so_that_browsers_can_cache_it() -> None:
    image_id = new_id()
    before = time.time() // DAY
    first, second = LINKS.url(image_id), LINKS.url(image_id)
    same_day = time.time() // DAY == before
    assert first == second or not same_day
    expires = int(parts_of(second)[1])
    assert expires % DAY == 0
    assert 7 * DAY <= expires - time.time() <= 8 * DAY


def test_a_changed_id_expiry_or_signature_is_not_allowed() -> None:
    image_id, expires, signature = parts_of(LINKS.url(new_id()))
    assert not LINKS.allows(new_id(), expires, signature)
    assert not LINKS.allows(image_id, str(int(expires) + DAY), signature)
    assert not LINKS.allows(image_id, "0" + expires, signature)
    for place, character in enumerate(signature):
        changed = signature[:place] + ("A" if character != "A" else "B") + signature[place + 1 :]
        assert not LINKS.allows(image_id, expires, changed)


@pytest.mark.parametrize("signature", ["", "é", "x" * 1000, "\0"])
def test_a_made_up_signature_is_not_allowed(signature: str) -> None:
    image_id, expires, _ = parts_of(LINKS.url(new_id()))
    assert not LINKS.allows(image_id, expires, signature)


def test_another_secret_allows_nothing() -> None:
    url = Links("https://drape.example", "other", days=7).url(new_id())
    assert not LINKS.allows(*parts_of(url))


def test_a_url_whose_time_is_over_is_not_allowed() -> None:
    url = Links("https://drape.example", "secret", days=-2).url(new_id())
    image_id, expires, signature = parts_of(url)
    assert int(expires) < time.time()
    assert not LINKS.allows(image_id, expires, signature)


def test_the_bounds_between_id_and_expiry_are_signed() -> None:
    image_id, expires, signature = parts_of(LINKS.url("a"))
    assert not LINKS.allows(f"{image_id}.{expires[:3]}", expires[3:], signature)
    assert not LINKS.allows(image_id, f"{expires}.1", signature)


def test_the_image_of_a_url_of_ours_is_known() -> None:
    image_id = new_id()
    assert LINKS.image_id(LINKS.url(image_id)) == image_id
    assert LINKS.image_id(f"https://drape.example/media/{image_id}") == image_id


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://drape.example/media/",
        "https://drape.example.evil/media/x",
        "http://drape.example/media/x",
        "https://evil.example/?u=https://drape.example/media/x",
        "//drape.example/media/x",
        "/media/x",
        "file:///etc/passwd",
    ],
)
def test_no_other_url_stands_for_an_image(url: str) -> None:
    assert LINKS.image_id(url) is None
