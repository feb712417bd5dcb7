"""What we know of a picture whose bytes have been read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A checked picture. Sides in pixels, size in bytes, SHA-256 of the bytes in hex."""

    content_type: str
    width: int
    height: int
    size: int
    sha256: str
    blurhash: str
