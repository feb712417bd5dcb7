"""What HTTP asks of a download beside the bytes: validators, parts, and the format a browser likes best."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from services.media.errors import RangeNotSatisfiable

Headers = tuple[tuple[str, str], ...]

_CACHE = "private, max-age=31536000, immutable"
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/avif": "avif"}
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@dataclass(frozen=True)
class Download:
    """A picture as it is served; its bytes are read only if they are sent."""

    name: str
    content_type: str
    sha256: str
    size: int
    read: Callable[[], Awaitable[bytes]]
    varies: bool = False
    """Whether the request's Accept has chosen the format."""

    @property
    def etag(self) -> str:
        """A strong validator: the same tag means the same bytes."""
        return f'"{self.sha256}"'

    def headers(self) -> Headers:
        """What every answer about the picture says."""
        file_name = f"{self.name}.{EXTENSIONS[self.content_type]}"
        return (
            ("etag", self.etag),
            ("cache-control", _CACHE),
            ("content-disposition", f'inline; filename="{file_name}"'),
            ("accept-ranges", "bytes"),
            *((("vary", "accept"),) if self.varies else ()),
        )


def is_known(request: Mapping[str, str], etag: str) -> bool:
    """Whether the browser has these bytes already (RFC 9110, 13.1.2: a weak comparison)."""
    told = request.get("if-none-match", "")
    return told.strip() == "*" or etag in [each.strip().removeprefix("W/") for each in told.split(",")]


def part_of(request: Mapping[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the part asked for; None for the whole.

    Several parts at once, units other than bytes, and a condition that does not hold give the whole (RFC 9110, 14.2).
    Raises RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(request.get("range", "").replace(" ", ""))
    if match is None or request.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not (first or last) or (first and last and int(last) < int(first)):
        return None  # not a range at all
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start >= size or start > end:
        raise RangeNotSatisfiable(size)
    return start, end


def preferred_format(accept: str) -> str:
    """AVIF or WebP, whichever the browser likes better; JPEG for one that takes neither.

    Only a browser that names AVIF takes it; all that send wildcards take WebP.
    """
    likes = dict(_like(each) for each in accept.split(",") if each.strip())
    anything = likes.get("image/*", likes.get("*/*", 0.0 if likes else 1.0))
    avif, webp = likes.get("image/avif", 0.0), likes.get("image/webp", anything)
    if max(avif, webp) <= 0:
        return "image/jpeg"
    return "image/avif" if avif >= webp else "image/webp"


def _like(item: str) -> tuple[str, float]:
    name, *options = (part.strip() for part in item.lower().split(";"))
    for option in options:
        if option.startswith("q="):
            try:
                return name, float(option[2:])
            except ValueError:
                return name, 0.0
    return name, 1.0
