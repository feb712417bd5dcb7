"""Reading uploaded pictures safely and writing results."""

import io
from typing import Literal

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from services.tryon.engines.local.arrays import Image
from services.tryon.engines.local.problems import Canceled, InputProblem, Which

MOST_PIXELS = 40_000_000
LEAST_SIDE = 256
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 92

OutputFormat = Literal["jpeg", "png", "webp"]


def read_picture(data: bytes, which: Which, most_side: int | None = None) -> Image:
    """Decode, turn as EXIF says, flatten onto white, and shrink to `most_side` on the long side.

    The size is looked at before anything is decoded. Raises InputProblem.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as opened:
            width, height = opened.size
            _check_size(width, height, which)
            if most_side is not None:
                opened.draft("RGB", (most_side, most_side))
            upright = ImageOps.exif_transpose(opened)
            rgb = _flattened(upright)
    except (InputProblem, Canceled):
        raise
    except Exception as error:
        raise _unreadable(which) from error
    if most_side is not None and max(rgb.size) > most_side:
        scale = most_side / max(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        # The gap keeps 40 million pixels from taking half a second that nothing could interrupt.
        rgb = rgb.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=1.5)
    return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


def _check_size(width: int, height: int, which: Which) -> None:
    if width * height > MOST_PIXELS:
        raise InputProblem(
            "IMAGE_TOO_LARGE",
            f"This picture has {width} x {height} pixels. Please use one with at most 40 million.",
            which,
        )
    if min(width, height) < LEAST_SIDE:
        raise InputProblem(
            "IMAGE_TOO_SMALL",
            f"This picture has only {width} x {height} pixels. Please use one with at least {LEAST_SIDE} on each side.",
            which,
        )


def _unreadable(which: Which) -> InputProblem:
    message = "This file could not be read as a picture. Please use an undamaged JPEG, PNG or WebP file."
    return InputProblem("IMAGE_UNREADABLE", message, which)


def _flattened(picture: Pillow.Image) -> Pillow.Image:
    """RGB, with white behind what is transparent, as catalogue pictures have it."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, (255, 255, 255, 255))
        return Pillow.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def write_picture(image: Image, output_format: OutputFormat) -> tuple[bytes, str]:
    """The encoded picture and its content type. No metadata of the source gets into it."""
    buffer = io.BytesIO()
    picture = Pillow.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    if output_format == "png":
        picture.save(buffer, "PNG", compress_level=3)
    elif output_format == "webp":
        picture.save(buffer, "WEBP", quality=_QUALITY, method=2)
    else:
        picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue(), f"image/{output_format}"
