"""Pictures to upload, made on the spot."""

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image

ORIENTATION = 0x0112
_GPS = 0x8825

LEFT, RIGHT, LOW_LEFT, LOW_RIGHT = (220, 30, 30), (30, 180, 30), (30, 30, 220), (230, 230, 40)
"""Colours of the four quarters of `quarters`, upper ones first."""


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(kind: str = "JPEG", size: tuple[int, int] = (96, 64), colour: str = "teal") -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", size, colour), kind)


def quarters(size: tuple[int, int] = (160, 96)) -> Image.Image:
    """A picture that tells which way up it is."""
    width, height = size
    image = Image.new("RGB", size, LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height // 2))
    image.paste(LOW_LEFT, (0, height // 2, width // 2, height))
    image.paste(LOW_RIGHT, (width // 2, height // 2, width, height))
    return image


def exif(orientation: int = 1) -> Image.Exif:
    """What a phone writes: which way it was held, where it was, and whose it is."""
    found = Image.Exif()
    found[ORIENTATION] = orientation
    found[0x010F] = "SecretPhone"
    found.get_ifd(_GPS)[1] = "N"
    found.get_ifd(_GPS)[2] = (52.0, 31.0, 12.0)
    return found


def decoded(data: bytes) -> Image.Image:
    """The file as a picture."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(b"\0")),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def archive() -> bytes:
    """A ZIP with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("a.txt", "hello")
    return out.getvalue()
