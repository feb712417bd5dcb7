"""What HTTP asks of a download beside the bytes."""

import pytest

from services.media.downloads import Download, is_known, part_of, preferred_format
from services.media.errors import RangeNotSatisfiable

TAG = '"abc"'
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,*/*;q=0.5"


async def nothing() -> bytes:
    """The bytes of no picture."""
    return b""


@pytest.mark.parametrize("told", [TAG, f"W/{TAG}", f'"x", {TAG}', f'W/"y" , W/{TAG}', "*"])
def test_a_tag_that_the_browser_names_is_known(told: str) -> None:
    assert is_known({"if-none-match": told}, TAG)


@pytest.mark.parametrize("told", ["", "abc", '"abcd"', 'W/"x"', "**"])
def test_another_tag_is_not_known(told: str) -> None:
    assert not is_known({"if-none-match": told}, TAG)
    assert not is_known({}, TAG)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-99", (0, 99)),
        ("bytes=10-", (10, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-1000", (0, 99)),
        ("bytes=99-1000", (99, 99)),
        ("bytes = 1 - 2", (1, 2)),
    ],
)
def test_a_part_is_found(asked: str, part: tuple[int, int]) -> None:
    assert part_of({"range": asked}, TAG, 100) == part


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,5-6",
        "lines=0-1",
        "0-1",
        "bytes=1" + "0" * 30 + "-",
    ],
)
def test_what_is_no_one_part_is_the_whole(asked: str) -> None:
    assert part_of({"range": asked}, TAG, 100) is None


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_part_behind_the_end_is_refused_with_the_size(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as raised:
        part_of({"range": asked}, TAG, 100)
    assert raised.value.http_status == 416
    assert raised.value.headers == (("content-range", "bytes */100"),)


def test_a_part_of_what_has_changed_is_the_whole() -> None:
    asked = {"range": "bytes=0-1"}
    assert part_of(asked | {"if-range": TAG}, TAG, 100) == (0, 1)
    assert part_of(asked | {"if-range": '"old"'}, TAG, 100) is None
    assert part_of(asked | {"if-range": f"W/{TAG}"}, TAG, 100) is None


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (CHROME, "image/avif"),
        (SAFARI, "image/avif"),
        ("", "image/webp"),
        ("*/*", "image/webp"),
        ("image/*;q=0.8", "image/webp"),
        ("image/webp,*/*;q=0.1", "image/webp"),
        ("image/avif;q=0.3, image/webp;q=0.9", "image/webp"),
        ("IMAGE/AVIF", "image/avif"),
        ("image/jpeg", "image/jpeg"),
        ("image/png, image/webp;q=0", "image/jpeg"),
        ("text/html", "image/jpeg"),
        ("image/avif;q=none", "image/jpeg"),
    ],
)
def test_a_browser_gets_the_format_it_likes_best(accept: str, wanted: str) -> None:
    assert preferred_format(accept) == wanted


def test_a_download_says_what_browsers_and_caches_need() -> None:
    whole = dict(Download("id", "image/png", "abc", 3, nothing).headers())
    assert whole == {
        "etag": '"abc"',
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": 'inline; filename="id.png"',
        "accept-ranges": "bytes",
    }
    copy = dict(Download("id-320", "image/avif", "abc", 3, nothing, varies=True).headers())
    assert (copy["vary"], copy["content-disposition"]) == ("accept", 'inline; filename="id-320.avif"')
