"""What is taken as a picture, and what becomes of it."""

import random
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from services.media import pictures
from services.media.errors import ImageTooLarge, ImageTooSmall, InvalidFileType
from services.media.tests.samples import (
    LEFT,
    LOW_LEFT,
    LOW_RIGHT,
    RIGHT,
    decoded,
    encoded,
    exif,
    plain,
    png_header,
    quarters,
)

CHECKS = [pictures.normalize, pictures.inspect]
FORMATS = [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
Check = Callable[[bytes], pictures.Picture]


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
    assert pictures.inspect(data).data == data


def test_the_same_upload_becomes_the_same_bytes() -> None:
    first, second = pictures.normalize(plain()), pictures.normalize(plain())
    assert first == second
    assert first.sha256 == second.sha256
    assert first.sha256 != pictures.normalize(plain(colour="navy")).sha256


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_of_pictures_are_refused(check: Check, kind: str) -> None:
    with pytest.raises(InvalidFileType, match=r"Invalid file type\. Allowed: jpg, jpeg, png, webp"):
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
    with pytest.raises(InvalidFileType, match="Invalid file type"):
        check(data)


def test_a_page_hidden_behind_a_picture_is_cut_off() -> None:
    picture = pictures.normalize(plain() + b"<script>alert(1)</script>")
    assert b"script" not in picture.data


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_truncated_picture_is_refused(check: Check, kind: str, share: float) -> None:
    data = encoded(Image.effect_noise((128, 128), 80).convert("RGB"), kind)
    with pytest.raises(InvalidFileType):
        check(data[: int(len(data) * share)])


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animated_picture_is_refused(check: Check, kind: str) -> None:
    frames = [Image.new("RGB", (96, 64), colour) for colour in ("red", "green", "blue")]
    with pytest.raises(InvalidFileType, match="Animated images are not supported"):
        check(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100))


def test_a_photo_with_a_second_one_inside_is_a_photo() -> None:
    """Phones add depth maps and previews to a JPEG, in the Multi-Picture Format."""
    second = Image.new("RGB", (160, 96), "black")
    data = encoded(quarters(), "MPO", save_all=True, append_images=[second])
    picture = pictures.normalize(data)
    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 160, 96)
    assert close(decoded(picture.data).getpixel((10, 10)), LEFT)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("side", [6_325, 9_500, 14_000, 60_000])
def test_too_many_pixels_are_refused_before_any_is_decoded(check: Check, side: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLarge, match="more than 40 megapixels"):
            check(png_header(side, side))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_forty_megapixels_are_not_too_many() -> None:
    with pytest.raises(InvalidFileType, match="damaged"):
        pictures.normalize(png_header(8_000, 5_000))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("size", [(63, 200), (200, 63), (1, 1)])
def test_too_few_pixels_are_refused(check: Check, size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooSmall, match="at least 64 pixels wide and high"):
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
    picture = pictures.normalize(encoded(stored, kind, exif=exif(orientation)))
    upright = decoded(picture.data)
    assert upright.size == (picture.width, picture.height) == (160, 96)
    corners = [upright.getpixel(place) for place in ((20, 12), (140, 12), (20, 84), (140, 84))]
    assert all(close(seen, wanted) for seen, wanted in zip(corners, (LEFT, RIGHT, LOW_LEFT, LOW_RIGHT), strict=True))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_means_upright(orientation: int) -> None:
    picture = pictures.normalize(encoded(quarters(), exif=exif(orientation)))
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
    picture = pictures.normalize(data)
    for secret in (b"Secret", b"Exif", b"xmp"):
        assert secret not in picture.data
    left = decoded(picture.data)
    assert not dict(left.getexif())
    assert not left.info.keys() & {"exif", "xmp", "comment", "icc_profile", "photoshop"}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Tag data", "ignore:Truncated", "ignore:Metadata")
@pytest.mark.parametrize("block", [b"MM\0*\0\0\0\x08\xff\xff", b"MMMM", b"II*\0\xff\xff\xff\xff"])
def test_metadata_that_cannot_be_read_does_not_spoil_the_picture(block: bytes) -> None:
    assert pictures.normalize(with_exif(plain(), block)).width == 96


def test_metadata_that_only_its_camera_understands_does_not_keep_a_picture_from_being_turned() -> None:
    """The resolution as text is against the standard, and seen in the wild."""
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 4, b"72\0\0")
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + orientation + resolution + bytes(4)
    picture = pictures.normalize(with_exif(plain(), block))
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
            pictures.normalize(bytes(data))
            outcomes["taken"] += 1
        except (InvalidFileType, ImageTooLarge, ImageTooSmall):
            outcomes["refused"] += 1
    assert all(outcomes.values())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_kept(kind: str) -> None:
    image = quarters().convert("RGBA")
    image.putpixel((80, 48), (0, 0, 0, 0))
    image.paste((10, 20, 30, 0), (0, 0, 40, 40))
    left = decoded(pictures.normalize(encoded(image, kind)).data)
    assert left.mode == "RGBA"
    clear, solid = left.getpixel((10, 10)), left.getpixel((140, 84))
    assert isinstance(clear, tuple)
    assert isinstance(solid, tuple)
    assert (clear[3], solid[3]) == (0, 255)


def test_a_transparent_colour_of_a_palette_is_kept() -> None:
    image = Image.new("P", (96, 64), 0)
    image.putpalette([0, 0, 0, 250, 10, 10])
    image.paste(1, (48, 0, 96, 64))
    left = decoded(pictures.normalize(encoded(image, "PNG", transparency=0)).data)
    assert (left.mode, left.getpixel((10, 10)), left.getpixel((80, 10))) == ("RGBA", (0, 0, 0, 0), (250, 10, 10, 255))


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "RGBA"])
def test_every_kind_of_pixel_becomes_red_green_and_blue(mode: str) -> None:
    source = Image.new("RGB", (96, 64), (255, 255, 255)).convert(mode)
    picture = pictures.normalize(encoded(source, "JPEG" if mode == "CMYK" else "PNG"))
    left = decoded(picture.data)
    assert left.mode in ("RGB", "RGBA")
    assert left.convert("RGB").getpixel((50, 30)) == (255, 255, 255)


def test_grey_of_sixteen_bits_keeps_its_brightness() -> None:
    source = Image.new("I;16", (96, 64), 0x8080)
    left = decoded(pictures.normalize(encoded(source, "PNG")).data)
    assert close(left.getpixel((50, 30)), (128, 128, 128))
