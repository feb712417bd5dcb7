"""What a picture is to us: of a known format, of a sane size, upright, in sRGB, without metadata.

Everything here reads bytes of strangers, so it runs in processes of its own (`picture_worker.py`) and imports little.
"""

import hashlib
import io
import struct
import warnings
import zlib
from typing import BinaryIO

import blurhash
import pi_heif
from PIL import AvifImagePlugin, ImageCms
from PIL import Image as PillowImage

from services.media import disguises
from services.media.picture import Picture

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
_CONTAINERS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
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
    RuntimeError,
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
_QUALITY = {
    "JPEG": {"quality": 92},
    "PNG": {"compress_level": 4},
    "WEBP": {"quality": 92, "method": 2},
}
_SMALL_QUALITY = {
    "JPEG": {"quality": 82},
    "PNG": {"compress_level": 6},
    "WEBP": {"quality": 80, "method": 4},
    "AVIF": {"quality": 62, "speed": 8, "max_threads": 1},
}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
# Enough for waves that are a third of the picture long; what it takes grows with the square.
_BLURHASH_SIDE = 12

# One core a job: the pool knows how many it has, and each thread would claim address space of its own.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pi_heif.options.DECODE_THREADS = 1
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Its limits are far above ours, and are checked all the same.
warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)


class Rejected(Exception):
    """The bytes are no picture that we take. `reason` is for programs, the message for people."""

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata


def normalize(source: BinaryIO, target: BinaryIO) -> Picture:
    """Writes an upload upright, in sRGB, encoded anew without its metadata.

    AVIF and HEIC become JPEG, or WebP where they are transparent. Raises Rejected.
    """
    data = source.read()
    with _opened(data) as image:
        if hidden := disguises.hidden_in(data):
            raise Rejected("IMAGE_POLYGLOT", "The file hides something else than a picture.", found=hidden)
        _load(image)
        upright = _in_srgb(_upright(image))
        kind = _kept_format(image, upright)
    return _written(upright, kind, _QUALITY[kind], target)


def inspect(source: BinaryIO) -> Picture:
    """Checks a picture that one of our engines made; its bytes stay as they are. Raises Rejected."""
    data = source.read()
    with _opened(data) as image:
        size = image.size
        # Whether a JPEG is whole shows at an eighth of its size too: all of its code has to be read.
        image.draft("RGB", (_BLURHASH_SIDE, _BLURHASH_SIDE))
        _load(image)
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        if kind not in _QUALITY:
            raise Rejected("INVALID_FILE_TYPE", _ALLOWED, found=kind.lower())
        return _described(image, kind, data, size)


def derive(source: BinaryIO, target: BinaryIO, width: int, content_type: str) -> Picture:
    """Writes a picture at most `width` wide in another format; never larger than it is. Raises Rejected."""
    with _opened(source.read(), smallest=1) as image:
        # JPEGs are decoded at a fraction of their size where that is enough.
        image.draft("RGB", (width, max(1, width * image.height // image.width)))
        _load(image)
        small = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
        if small.width > width:
            height = max(1, round(small.height * width / small.width))
            small = small.resize((width, height), PillowImage.Resampling.LANCZOS)
    kind = next(name for name, each in FORMATS.items() if each == content_type)
    if kind == "JPEG" and small.mode == "RGBA":
        small = PillowImage.alpha_composite(PillowImage.new("RGBA", small.size, "white"), small).convert("RGB")
    return _written(small, kind, _SMALL_QUALITY[kind], target)


def _opened(data: bytes, smallest: int = MIN_SIDE) -> PillowImage.Image:
    try:
        image = PillowImage.open(io.BytesIO(data), formats=_CONTAINERS)
    except PillowImage.DecompressionBombError as error:
        raise Rejected("IMAGE_TOO_LARGE", _TOO_LARGE) from error
    except _BROKEN as error:
        raise Rejected("INVALID_FILE_TYPE", _ALLOWED, found=disguises.kind_of(data)) from error
    # Before any pixel is decoded: a few kilobytes can claim to be gigabytes.
    if image.width * image.height > MAX_PIXELS:
        raise Rejected("IMAGE_TOO_LARGE", _TOO_LARGE)
    if min(image.size) < smallest:
        raise Rejected("IMAGE_TOO_SMALL", f"The image must be at least {smallest} pixels wide and high.")
    if disguises.is_sequence(data) or _is_animated(image):
        raise Rejected("IMAGE_ANIMATED", "Animated images are not supported. Please choose a photo.")
    return image


def _is_animated(image: PillowImage.Image) -> bool:
    """Phones put depth maps, previews and bursts behind a photo (MPO, HEIC): the photo comes first."""
    return bool(getattr(image, "is_animated", False)) and image.format not in ("MPO", "HEIF")


def _load(image: PillowImage.Image) -> None:
    try:
        image.load()
    except _BROKEN as error:
        raise Rejected("IMAGE_DAMAGED", "The image is damaged. Please choose another one.") from error


def _upright(image: PillowImage.Image) -> PillowImage.Image:
    """As ImageOps.exif_transpose, which fails on metadata that it cannot write anew; we keep none of it."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        turn = None
    return image if turn is None else image.transpose(turn)


def _in_srgb(image: PillowImage.Image) -> PillowImage.Image:
    """The picture as RGB or RGBA, its colours moved from the profile it brings to sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256)  # converting alone would cut 16 bits off at 255
    transparent = "A" in image.getbands() or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if transparent else None
    image = _converted(image, profile) if profile else image.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        image.putalpha(alpha)
    return image


def _converted(image: PillowImage.Image, profile: bytes) -> PillowImage.Image:
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("L" if image.mode in ("LA", "1") else "RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, *_BROKEN):
        converted = None  # a profile that is none, or one for other pixels than these
    return converted or image.convert("RGB")


def _kept_format(image: PillowImage.Image, pixels: PillowImage.Image) -> str:
    if image.format in ("PNG", "WEBP"):
        return image.format
    return "WEBP" if pixels.mode == "RGBA" else "JPEG"


def _written(image: PillowImage.Image, kind: str, options: dict[str, int], target: BinaryIO) -> Picture:
    out = io.BytesIO()
    image.info = {}  # what a save would write beside the pixels
    image.save(out, kind, **options)
    target.write(out.getbuffer())
    target.flush()
    return _described(image, kind, out.getbuffer(), image.size)


def _described(image: PillowImage.Image, kind: str, data: bytes | memoryview, size: tuple[int, int]) -> Picture:
    """`size` is the whole picture's, of which `image` may be a smaller copy."""
    return Picture(FORMATS[kind], *size, len(data), hashlib.sha256(data).hexdigest(), _blurhash(image))


def _blurhash(image: PillowImage.Image) -> str:
    """A few dozen characters that stand for the picture while it loads (https://blurha.sh)."""
    scale = min(1.0, _BLURHASH_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.resize(size, PillowImage.Resampling.BOX, reducing_gap=2.0).convert("RGB")
    flat = list(small.get_flattened_data())
    rows = [flat[start : start + size[0]] for start in range(0, len(flat), size[0])]
    across, down = (4, 3) if image.width >= image.height else (3, 4)
    return str(blurhash.encode(rows, across, down))
