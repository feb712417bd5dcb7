"""What a picture is to us: known format, sane size, upright, without metadata."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from services.media.errors import ImageTooLarge, ImageTooSmall, InvalidFileType

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_PIXELS = 40_000_000
MIN_SIDE = 64
_ALLOWED = "Invalid file type. Allowed: jpg, jpeg, png, webp"


@dataclass(frozen=True)
class Picture:
    """A checked picture. Sizes in pixels."""

    data: bytes
    content_type: str
    width: int
    height: int

    @property
    def sha256(self) -> str:
        """Of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


def normalize(data: bytes) -> Picture:
    """Turns an upload upright and encodes it anew without its metadata, which may tell where it was taken.

    Raises InvalidFileType, ImageTooLarge, ImageTooSmall.
    """
    with _opened(data) as image:
        kind = image.format or ""
        try:
            upright = ImageOps.exif_transpose(image)
            upright.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise InvalidFileType("The image is damaged. Please choose another one.") from error
        return _encoded(upright, kind)


def inspect(data: bytes) -> Picture:
    """Checks a picture that one of our engines made and keeps its bytes. Raises as `normalize` does."""
    with _opened(data) as image:
        try:
            image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise InvalidFileType("The image is damaged.") from error
        return Picture(data, FORMATS[image.format or ""], image.width, image.height)


def _opened(data: bytes) -> PillowImage.Image:
    try:
        image = PillowImage.open(io.BytesIO(data), formats=list(FORMATS))
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        PillowImage.DecompressionBombError,
    ) as error:
        raise InvalidFileType(_ALLOWED) from error
    # Before any pixel is decoded: a few kilobytes can claim to be gigabytes.
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooLarge("The image has more than 40 megapixels. Please choose a smaller one.")
    if min(image.size) < MIN_SIDE:
        raise ImageTooSmall(f"The image must be at least {MIN_SIDE} pixels wide and high.")
    if getattr(image, "is_animated", False):
        raise InvalidFileType("Animated images are not supported. Please choose a photo.")
    return image


def _encoded(image: PillowImage.Image, kind: str) -> Picture:
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if transparent and kind != "JPEG" else "RGB")
    out = io.BytesIO()
    options = {"JPEG": {"quality": 92}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 92, "method": 2}}[kind]
    # A fresh image carries no EXIF, no comment and no colour profile over.
    image.info = {}
    image.save(out, kind, **options)
    return Picture(out.getvalue(), FORMATS[kind], image.width, image.height)
