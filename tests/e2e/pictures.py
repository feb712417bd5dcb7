"""The pictures that people upload in the tests."""

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data as samples

from sandbox.drawings import tshirt
from sandbox.people import PEOPLE
from sandbox.people import person as draw_person

PERSON_SIZE = (480, 640)
# Left, top, right, bottom of the chest in the picture of the person.
TORSO = (185, 260, 300, 440)
# Likewise of what is behind the person and must stay as it is.
SKY = (400, 20, 470, 120)


@cache
def person() -> bytes:
    """A photo of a person, a JPEG of PERSON_SIZE: drawn, with hands to be seen, so that a try-on of it is good."""
    look = replace(PEOPLE["Tom"], top=(160, 60, 70))
    drawn = Image.open(io.BytesIO(draw_person(look))).convert("RGB")
    return _encoded(drawn.resize(PERSON_SIZE, Image.Resampling.LANCZOS), "JPEG")


@cache
def landscape() -> bytes:
    """A photo that shows nobody."""
    return _encoded(Image.fromarray(samples.coffee()), "JPEG")


@cache
def garment() -> bytes:
    """A striped T-shirt, laid flat."""
    return tshirt((30, 120, 70), "stripes")


def noise(kind: str = "JPEG", size: tuple[int, int] = (96, 128)) -> bytes:
    """A small picture that is never the same twice."""
    pixels = np.random.default_rng().integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return _encoded(Image.fromarray(pixels), kind)


def tagged() -> bytes:
    """A photo of 96 × 128 taken with the camera on its side, which says where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    exif[0x010E] = "Secret Street 1"
    out = io.BytesIO()
    decoded(noise()).save(out, "JPEG", exif=exif)
    return out.getvalue()


def heic() -> bytes:
    """A picture of 160 × 96 as phones take them, with the camera on its side."""
    return (Path(__file__).parents[2] / "services" / "media" / "tests" / "heic" / "orientation-6.heic").read_bytes()


def padded(size: int) -> bytes:
    """A valid JPEG of exactly `size` bytes."""
    data = noise()
    return data + b"\0" * (size - len(data))


def decoded(data: bytes) -> Image.Image:
    """The picture, every pixel of it read."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(image: Image.Image, box: tuple[int, int, int, int] | None = None) -> npt.NDArray[np.int16]:
    """Colours of the picture, or of a part of it."""
    return np.asarray((image.crop(box) if box else image).convert("RGB"), dtype=np.int16)


def _encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
