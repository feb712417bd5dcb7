"""What is taken as a picture, and what becomes of it."""

import hashlib
import io
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import blurhash
import pytest
from PIL import Image

from services.media import pictures
from services.media.picture import Picture
from services.media.pictures import Rejected
from services.media.tests import profiles
from services.media.tests.samples import (
    LEFT,
    LOW_LEFT,
    LOW_RIGHT,
    RIGHT,
    archive,
    decoded,
    encoded,
    exif,
    plain,
    png_header,
    quarters,
)

FORMATS = [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]


@dataclass(frozen=True)
class Made(Picture):
    """A picture with its bytes."""

    data: bytes


Check = Callable[[bytes], Made]


def normalized(data: bytes) -> Made:
    """What becomes of an upload."""
    target = io.BytesIO()
    picture = pictures.normalize(io.BytesIO(data), target)
    assert hashlib.sha256(target.getvalue()).hexdigest() == picture.sha256
    assert len(target.getvalue()) == picture.size
    return Made(**asdict(picture), data=target.getvalue())


def inspected(data: bytes) -> Made:
    """An engine's picture."""
    return Made(**asdict(pictures.inspect(io.BytesIO(data))), data=data)


CHECKS = [normalized, inspected]


@contextmanager
def refused(reason: str, message: str | None = None) -> Iterator[None]:
    """The block refuses a picture for the reason."""
    with pytest.raises(Rejected, match=message) as raised:
        yield
    assert raised.value.reason == reason


def close(seen: object, wanted: tuple[int, ...]) -> bool:
    """Whether a pixel is of the colour, as far as compression lets it."""
    assert isinstance(seen, tuple)
    return all(abs(one - other) <= 12 for one, other in zip(seen, wanted, strict=True))


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    """The JPEG with metadata written by hand."""
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\0\0" + block + jpeg[2:]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("kind", "content_type"), FORMATS)
def test_each_format_is_taken_and_stays_what_it_is(check: Check, kind: str, content_type: str) -> None:
    picture = check(plain(kind))
    assert (picture.content_type, picture.width, picture.height) == (content_type, 96, 64)
    assert decoded(picture.data).format == kind


def test_an_engines_picture_keeps_its_bytes() -> None:
    data = plain("PNG")
    assert inspected(data).data == data


def test_the_same_upload_becomes_the_same_bytes() -> None:
    first, second = normalized(plain()), normalized(plain())
    assert first == second
    assert first.sha256 == second.sha256
    assert first.sha256 != normalized(plain(colour="navy")).sha256


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_of_pictures_are_refused(check: Check, kind: str) -> None:
    with refused("INVALID_FILE_TYPE", r"Invalid file type\. Allowed: jpg, jpeg, png, webp"):
        check(plain(kind))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'><script>alert(1)</script></svg>",
        b"<!doctype html><html><body onload=alert(1)>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        b"%PDF-1.7",
        bytes(10_000),
    ],
)
def test_what_is_no_picture_is_refused(check: Check, data: bytes) -> None:
    with refused("INVALID_FILE_TYPE", "Invalid file type"):
        check(data)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_truncated_picture_is_refused(check: Check, kind: str, share: float) -> None:
    data = encoded(Image.effect_noise((128, 128), 80).convert("RGB"), kind)
    with pytest.raises(Rejected):
        check(data[: int(len(data) * share)])


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animated_picture_is_refused(check: Check, kind: str) -> None:
    frames = [Image.new("RGB", (96, 64), colour) for colour in ("red", "green", "blue")]
    with refused("IMAGE_ANIMATED", "Animated images are not supported"):
        check(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100))


def test_a_photo_with_a_second_one_inside_is_a_photo() -> None:
    """Phones add depth maps and previews to a JPEG, in the Multi-Picture Format."""
    second = Image.new("RGB", (160, 96), "black")
    data = encoded(quarters(), "MPO", save_all=True, append_images=[second])
    picture = normalized(data)
    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 160, 96)
    assert close(decoded(picture.data).getpixel((10, 10)), LEFT)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("side", [6_325, 9_500, 14_000, 60_000])
def test_too_many_pixels_are_refused_before_any_is_decoded(check: Check, side: int) -> None:
    tracemalloc.start()
    try:
        with refused("IMAGE_TOO_LARGE", "more than 40 megapixels"):
            check(png_header(side, side))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_forty_megapixels_are_not_too_many() -> None:
    with refused("IMAGE_DAMAGED", "damaged"):
        normalized(png_header(8_000, 5_000))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("size", [(63, 200), (200, 63), (1, 1)])
def test_too_few_pixels_are_refused(check: Check, size: tuple[int, int]) -> None:
    with refused("IMAGE_TOO_SMALL", "at least 64 pixels wide and high"):
        check(plain(size=size))
    check(plain(size=(64, 64)))


# Where the quarters of an upright picture are when it is stored with an orientation (EXIF 2.32, 4.6.4).
STORED = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", list(STORED))
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    stored = STORED[orientation](quarters())
    picture = normalized(encoded(stored, kind, exif=exif(orientation)))
    upright = decoded(picture.data)
    assert upright.size == (picture.width, picture.height) == (160, 96)
    corners = [upright.getpixel(place) for place in ((20, 12), (140, 12), (20, 84), (140, 84))]
    assert all(close(seen, wanted) for seen, wanted in zip(corners, (LEFT, RIGHT, LOW_LEFT, LOW_RIGHT), strict=True))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_means_upright(orientation: int) -> None:
    picture = normalized(encoded(quarters(), exif=exif(orientation)))
    assert (picture.width, picture.height) == (160, 96)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_metadata_is_left(kind: str) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretPlace</x:xmpmeta>"
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": "SecretWords", "xmp": xmp},
        "WEBP": {"xmp": xmp},
        "PNG": {"icc_profile": b"Secret"},
    }
    data = encoded(quarters(), kind, exif=exif(6), **options[kind])
    assert b"SecretPhone" in data
    picture = normalized(data)
    for secret in (b"Secret", b"Exif", b"xmp"):
        assert secret not in picture.data
    left = decoded(picture.data)
    assert not dict(left.getexif())
    assert not left.info.keys() & {"exif", "xmp", "comment", "icc_profile", "photoshop"}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Tag data", "ignore:Truncated", "ignore:Metadata")
@pytest.mark.parametrize("block", [b"MM\0*\0\0\0\x08\xff\xff", b"MMMM", b"II*\0\xff\xff\xff\xff"])
def test_metadata_that_cannot_be_read_does_not_spoil_the_picture(block: bytes) -> None:
    assert normalized(with_exif(plain(), block)).width == 96


def test_metadata_that_only_its_camera_understands_does_not_keep_a_picture_from_being_turned() -> None:
    """The resolution as text is against the standard, and seen in the wild."""
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 4, b"72\0\0")
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + orientation + resolution + bytes(4)
    picture = normalized(with_exif(plain(), block))
    assert (picture.width, picture.height) == (64, 96)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_whatever_bytes_come_the_answer_is_a_picture_or_a_refusal(kind: str) -> None:
    noise = random.Random(7)  # noqa: S311 - the same each time
    source = encoded(quarters((80, 64)), kind, exif=exif(6))
    outcomes = {"taken": 0, "refused": 0}
    for _ in range(400):
        data = bytearray(source)
        for _ in range(noise.randint(1, 6)):
            data[noise.randrange(min(400, len(data)))] = noise.randrange(256)
        try:
            normalized(bytes(data))
            outcomes["taken"] += 1
        except Rejected:
            outcomes["refused"] += 1
    assert all(outcomes.values())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_kept(kind: str) -> None:
    image = quarters().convert("RGBA")
    image.putpixel((80, 48), (0, 0, 0, 0))
    image.paste((10, 20, 30, 0), (0, 0, 40, 40))
    left = decoded(normalized(encoded(image, kind)).data)
    assert left.mode == "RGBA"
    clear, solid = left.getpixel((10, 10)), left.getpixel((140, 84))
    assert isinstance(clear, tuple)
    assert isinstance(solid, tuple)
    assert (clear[3], solid[3]) == (0, 255)


def test_a_transparent_colour_of_a_palette_is_kept() -> None:
    image = Image.new("P", (96, 64), 0)
    image.putpalette([0, 0, 0, 250, 10, 10])
    image.paste(1, (48, 0, 96, 64))
    left = decoded(normalized(encoded(image, "PNG", transparency=0)).data)
    assert (left.mode, left.getpixel((10, 10)), left.getpixel((80, 10))) == ("RGBA", (0, 0, 0, 0), (250, 10, 10, 255))


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "RGBA"])
def test_every_kind_of_pixel_becomes_red_green_and_blue(mode: str) -> None:
    source = Image.new("RGB", (96, 64), (255, 255, 255)).convert(mode)
    picture = normalized(encoded(source, "JPEG" if mode == "CMYK" else "PNG"))
    left = decoded(picture.data)
    assert left.mode in ("RGB", "RGBA")
    assert left.convert("RGB").getpixel((50, 30)) == (255, 255, 255)


def test_grey_of_sixteen_bits_keeps_its_brightness() -> None:
    source = Image.new("I;16", (96, 64), 0x8080)
    left = decoded(normalized(encoded(source, "PNG")).data)
    assert close(left.getpixel((50, 30)), (128, 128, 128))


HEIC = Path(__file__).parent / "heic"
"""Pictures of `quarters`, encoded by x265 with a camera's orientation, place and name."""


@pytest.mark.parametrize("orientation", list(STORED))
def test_a_heic_is_converted_upright_and_without_its_metadata(orientation: int) -> None:
    source = (HEIC / f"orientation-{orientation}.heic").read_bytes()
    assert b"SecretPhone" in source
    picture = normalized(source)
    upright = decoded(picture.data)
    assert (picture.content_type, upright.format, upright.size) == ("image/jpeg", "JPEG", (160, 96))
    corners = [upright.getpixel(place) for place in ((20, 12), (140, 12), (20, 84), (140, 84))]
    assert all(close(seen, wanted) for seen, wanted in zip(corners, (LEFT, RIGHT, LOW_LEFT, LOW_RIGHT), strict=True))
    assert not {b"Secret", b"Exif"} & {word for word in (b"Secret", b"Exif") if word in picture.data}


@pytest.mark.parametrize("orientation", list(STORED))
def test_an_avif_is_converted_upright_and_without_its_metadata(orientation: int) -> None:
    source = encoded(STORED[orientation](quarters()), "AVIF", exif=exif(orientation))
    picture = normalized(source)
    upright = decoded(picture.data)
    assert (picture.content_type, upright.size) == ("image/jpeg", (160, 96))
    corners = [upright.getpixel(place) for place in ((20, 12), (140, 12), (20, 84), (140, 84))]
    assert all(close(seen, wanted) for seen, wanted in zip(corners, (LEFT, RIGHT, LOW_LEFT, LOW_RIGHT), strict=True))
    assert b"Secret" not in picture.data


def test_a_transparent_heic_or_avif_stays_transparent() -> None:
    image = quarters().convert("RGBA")
    image.paste((10, 20, 30, 0), (0, 0, 40, 40))
    for source in ((HEIC / "transparent.heic").read_bytes(), encoded(image, "AVIF")):
        picture = normalized(source)
        left = decoded(picture.data)
        assert (picture.content_type, left.mode) == ("image/webp", "RGBA")
        clear, solid = left.getpixel((10, 10)), left.getpixel((140, 84))
        assert isinstance(clear, tuple)
        assert isinstance(solid, tuple)
        assert (clear[3], solid[3]) == (0, 255)


def test_an_animated_avif_is_refused() -> None:
    frames = [Image.new("RGB", (96, 64), colour) for colour in ("red", "green", "blue")]
    with refused("IMAGE_ANIMATED"):
        normalized(encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=100))


@pytest.mark.parametrize("check", [inspected])
def test_no_engine_makes_avif_or_heic(check: Check) -> None:
    with refused("INVALID_FILE_TYPE"):
        check((HEIC / "orientation-1.heic").read_bytes())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_colours_are_moved_from_a_pictures_own_profile_to_srgb(kind: str) -> None:
    """In this profile red is called green: who passes it over shows the wrong colour."""
    source = encoded(Image.new("RGB", (96, 64), (255, 0, 0)), kind, icc_profile=profiles.swapped())
    left = decoded(normalized(source).data)
    assert "icc_profile" not in left.info
    red, green, blue = left.convert("RGB").getpixel((50, 30))  # type: ignore[misc]
    assert (red < 40, green > 215, blue < 40) == (True, True, True), (red, green, blue)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_colours_of_a_transparent_picture_are_moved_too(kind: str) -> None:
    image = Image.new("RGBA", (96, 64), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 40, 40))
    left = decoded(normalized(encoded(image, kind, icc_profile=profiles.swapped())).data)
    pixel = left.getpixel((80, 50))
    assert isinstance(pixel, tuple)
    assert pixel[1] > 215
    assert (pixel[3], left.getpixel((10, 10))[3]) == (255, 0)  # type: ignore[index]


@pytest.mark.parametrize("profile", [b"junk", b"\0" * 128, b"acsp" * 100])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_profile_that_is_none_leaves_the_colours_as_they_are(profile: bytes, mode: str) -> None:
    source = encoded(Image.new("RGB", (96, 64), (200, 200, 200)).convert(mode), "PNG", icc_profile=profile)
    left = decoded(normalized(source).data)
    assert left.convert("RGB").getpixel((50, 30)) == (200, 200, 200)


def test_a_profile_for_other_pixels_leaves_the_colours_as_they_are() -> None:
    grey = encoded(Image.new("L", (96, 64), 200), "PNG", icc_profile=profiles.swapped())
    assert decoded(normalized(grey).data).convert("RGB").getpixel((50, 30)) == (200, 200, 200)


def test_a_picture_has_a_blurhash_of_its_colours() -> None:
    made = normalized(encoded(quarters((640, 384)), "PNG"))
    rows = blurhash.decode(made.blurhash, 8, 8)
    assert [max(range(3), key=rows[y][x].__getitem__) for x, y in ((1, 1), (6, 1), (1, 6))] == [0, 1, 2]
    assert normalized(encoded(quarters((384, 640)), "PNG")).blurhash != made.blurhash


@pytest.mark.parametrize(
    ("tail", "found"),
    [
        (b"<script>alert(1)</script>", "markup"),
        (b"<!DOCTYPE html><p>", "markup"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload=alert(1)>", "markup"),
        (b"<?php system($_GET[0]);", "markup"),
        (b"<img src=x onerror = alert(1)>", "markup"),
        (archive(), "zip"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_that_is_also_something_else_is_refused(kind: str, tail: bytes, found: str) -> None:
    with pytest.raises(Rejected) as raised:
        normalized(plain(kind) + tail)
    assert (raised.value.reason, raised.value.metadata) == ("IMAGE_POLYGLOT", {"found": found})


def test_markup_in_metadata_is_found_too() -> None:
    with refused("IMAGE_POLYGLOT"):
        normalized(encoded(quarters(), comment=b"<script>alert(1)</script>"))


def test_a_head_that_opens_a_comment_is_found() -> None:
    """`ÿØÿà/*` is an assignment in JavaScript, once the length of the first segment is `/*`."""
    jpeg = plain()
    script = jpeg[:2] + b"\xff\xe0" + b"/*" + b"JFIF\0" + bytes(0x2F2A - 7) + jpeg[2:]
    with refused("IMAGE_POLYGLOT"):
        normalized(script)


@pytest.mark.parametrize("tail", [bytes(5000), b"MotionPhoto_Data\0\0\0\x18ftypmp42" + bytes(3000), b"\r\n"])
def test_what_phones_put_behind_a_photo_does_not_matter(tail: bytes) -> None:
    assert normalized(plain() + tail).content_type == "image/jpeg"


def test_noise_is_not_taken_for_something_hidden() -> None:
    noise = random.Random(5)  # noqa: S311 - the same each time
    assert all(normalized(plain() + noise.randbytes(500_000)).width == 96 for _ in range(10))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (plain("GIF"), "gif"),
        (plain("BMP"), "bmp"),
        (plain("TIFF"), "tiff"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        (b"<!doctype html><title>a</title>", "html"),
        (b"%PDF-1.7", "pdf"),
        (b"hello", ""),
    ],
)
def test_the_refusal_of_another_kind_of_file_says_what_it_is(data: bytes, found: str) -> None:
    with pytest.raises(Rejected) as raised:
        normalized(data)
    assert raised.value.metadata == {"found": found}


@pytest.mark.parametrize("content_type", ["image/webp", "image/avif", "image/jpeg"])
@pytest.mark.parametrize(
    ("size", "small"), [((800, 400), (320, 160)), ((200, 100), (200, 100)), ((321, 20), (320, 20))]
)
def test_a_copy_is_as_wide_as_asked_for_but_never_wider_than_the_picture(
    content_type: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    target = io.BytesIO()
    made = pictures.derive(io.BytesIO(encoded(quarters(size), "PNG")), target, 320, content_type)
    copy = decoded(target.getvalue())
    assert ((made.width, made.height), copy.size) == (small, small)
    assert f"image/{(copy.format or '').lower()}" == made.content_type == content_type
    assert close(copy.convert("RGB").getpixel((5, 5)), LEFT)


def test_a_transparent_copy_is_transparent_where_it_can_be_and_white_elsewhere() -> None:
    image = Image.new("RGBA", (800, 400), (0, 0, 0, 0))
    for content_type, wanted in (("image/webp", 0), ("image/avif", 0), ("image/jpeg", 255)):
        target = io.BytesIO()
        pictures.derive(io.BytesIO(encoded(image, "PNG")), target, 320, content_type)
        pixel = decoded(target.getvalue()).getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[-1] == wanted
