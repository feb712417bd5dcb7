"""What a picture is to us: known format, sane size, upright, without metadata."""

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image as PillowImage

from services.media.errors import ImageTooLarge, ImageTooSmall, InvalidFileType

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_PIXELS = 40_000_000
MIN_SIDE = 64
_ALLOWED = "Invalid file type. Allowed: jpg, jpeg, png, webp"
_TOO_LARGE = "The image has more than 40 megapixels. Please choose a smaller one."
# What Pillow raises when bytes are not what they claim to be.
_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_ORIENTATION = 0x0112
# How a stored picture is turned upright, by its orientation (EXIF 2.32, 4.6.4).
_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


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
        _load(image)
        return _encoded(_upright(image), _format(image))


def inspect(data: bytes) -> Picture:
    """Checks a picture that one of our engines made and keeps its bytes. Raises as `normalize` does."""
    with _opened(data) as image:
        _load(image)
        return Picture(data, FORMATS[_format(image)], image.width, image.height)


def _opened(data: bytes) -> PillowImage.Image:
    try:
        image = PillowImage.open(io.BytesIO(data), formats=list(FORMATS))
    except PillowImage.DecompressionBombError as error:
        raise ImageTooLarge(_TOO_LARGE) from error
    except _BROKEN as error:
        raise InvalidFileType(_ALLOWED) from error
    # Before any pixel is decoded: a few kilobytes can claim to be gigabytes.
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooLarge(_TOO_LARGE)
    if min(image.size) < MIN_SIDE:
        raise ImageTooSmall(f"The image must be at least {MIN_SIDE} pixels wide and high.")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise InvalidFileType("Animated images are not supported. Please choose a photo.")
    return image


def _load(image: PillowImage.Image) -> None:
    try:
        image.load()
    except _BROKEN as error:
        raise InvalidFileType("The image is damaged. Please choose another one.") from error


def _format(image: PillowImage.Image) -> str:
    """Phones put depth maps and previews behind a JPEG, which Pillow then calls MPO; the photo comes first."""
    return "JPEG" if image.format == "MPO" else image.format or ""


def _upright(image: PillowImage.Image) -> PillowImage.Image:
    """As ImageOps.exif_transpose, which fails on metadata that it cannot write anew; we keep none of it."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        turn = None
    return image if turn is None else image.transpose(turn)


def _encoded(image: PillowImage.Image, kind: str) -> Picture:
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256)  # converting alone would cut 16 bits off at 255
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if transparent and kind != "JPEG" else "RGB")
    out = io.BytesIO()
    options = {"JPEG": {"quality": 92}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 92, "method": 2}}[kind]
    # A fresh image carries no EXIF, no comment and no colour profile over.
    image.info = {}
    image.save(out, kind, **options)
    return Picture(out.getvalue(), FORMATS[kind], image.width, image.height)
