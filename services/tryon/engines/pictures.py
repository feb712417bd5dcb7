"""Pictures on their way to a provider and back. Blocking: call from a thread."""

import io
from dataclasses import dataclass, field

from PIL import Image, ImageCms, ImageOps

from services.tryon.engines.base import EngineFailed, InputProblem, Result

MOST_PIXELS = 40_000_000
_UPLOAD_SIDE = 2000
"""Pixels of the longer side; providers work on less, and refuse bodies of many megabytes."""
_QUALITY = 95
_FORMATS = ("JPEG", "PNG", "WEBP")
_STRETCH = 0.04
"""How far a result's aspect ratio may be off, from a provider's rounding of sizes, and is put right."""


@dataclass(frozen=True)
class Upload:
    """A picture as providers get it: upright, opaque, JPEG, without the metadata of the camera."""

    data: bytes = field(repr=False)
    size: tuple[int, int]
    box: tuple[float, float, float, float] = (0, 0, 1, 1)
    """Where in it the person's photo is: left, top, right, bottom; the rest is padding."""

    @property
    def ratio(self) -> float:
        """Width to height of the photo without the padding."""
        left, top, right, bottom = self.box
        return self.size[0] * (right - left) / (self.size[1] * (bottom - top))


def upload_of(data: bytes, which: str, ratio: float | None = None) -> Upload:
    """The picture made ready, padded to `ratio` (width to height) if one is given. Raises InputProblem."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError("too large")
            opened.draft("RGB", (_UPLOAD_SIDE, _UPLOAD_SIDE))
            picture = _in_srgb(_opaque(ImageOps.exif_transpose(opened)))
    except Exception as error:
        message = "This file could not be read as a picture. Please use an undamaged JPEG, PNG or WebP file."
        raise InputProblem("IMAGE_UNREADABLE", message, which) from error
    picture.thumbnail((_UPLOAD_SIDE, _UPLOAD_SIDE), Image.Resampling.LANCZOS)
    box = (0.0, 0.0, 1.0, 1.0)
    if ratio is not None:
        picture, box = _padded(picture, ratio)
    return Upload(_encoded(picture, "jpeg"), picture.size, box)


def result_of(data: bytes, output_format: str, person: Upload) -> Result:
    """A provider's picture, checked, in the person's aspect ratio and the wanted format. Raises EngineFailed."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            found = str(opened.format).lower()
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError("too large")
            opened.load()
            picture = _fitting(opened, person)
    except EngineFailed:
        raise
    except Exception as error:
        raise EngineFailed("the provider's result is not a picture") from error
    if picture is opened and found == output_format:
        return Result(data, f"image/{output_format}")
    return Result(_encoded(_opaque(picture), output_format), f"image/{output_format}")


def encoded(picture: Image.Image, output_format: str) -> Result:
    """A picture that was made here, in the wanted format."""
    return Result(_encoded(_opaque(picture), output_format), f"image/{output_format}")


def _fitting(picture: Image.Image, person: Upload) -> Image.Image:
    """Without the padding, and of the person's aspect ratio to the pixel."""
    if person.box != (0, 0, 1, 1):
        width, height = picture.size
        left, top, right, bottom = person.box
        picture = picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))
    wanted = round(picture.height * person.ratio)
    if abs(picture.width - wanted) > _STRETCH * wanted:
        raise EngineFailed(f"the result of {picture.size} has another shape than the photo")
    return picture if abs(picture.width - wanted) <= 1 else picture.resize((wanted, picture.height))


def _padded(picture: Image.Image, ratio: float) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """White around the picture, and where it is in that."""
    width, height = picture.size
    outer = max(width, round(height * ratio)), max(height, round(width / ratio))
    left, top = (outer[0] - width) // 2, (outer[1] - height) // 2
    canvas = Image.new("RGB", outer, "white")
    canvas.paste(picture, (left, top))
    return canvas, (left / outer[0], top / outer[1], (left + width) / outer[0], (top + height) / outer[1])


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Phones use wider colours, whose profile providers drop: what they return would look faded."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, found, ImageCms.createProfile("sRGB"), outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError):
        return picture


def _encoded(picture: Image.Image, output_format: str) -> bytes:
    buffer = io.BytesIO()
    # Nothing of the source's metadata is passed on: it may hold where the photo was taken.
    picture.info = {}
    match output_format:
        case "png":
            picture.save(buffer, "PNG", compress_level=3)
        case "webp":
            picture.save(buffer, "WEBP", quality=_QUALITY, method=2)
        case _:
            picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
