"""Pictures to try the system with: people and outfits, all drawn."""

import io
from pathlib import Path

from PIL import Image

from sandbox.drawings import OUTFITS, dress, sweater, trousers
from sandbox.people import PEOPLE, person


def write(folder: Path) -> tuple[Path, Path]:
    """Writes person.jpg and outfit.png into the folder, if they are not there, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, outfit = folder / "person.jpg", folder / "outfit.png"
    if not photo.exists():
        Image.open(io.BytesIO(person(PEOPLE["Tom"]))).save(photo, quality=95)
    if not outfit.exists():
        outfit.write_bytes(sweater(pattern="badge"))
    return photo, outfit


def people() -> list[bytes]:
    """Photos of people, all drawn."""
    return [person(look) for look in PEOPLE.values()]


def outfits() -> list[bytes]:
    """Outfits, laid flat, all drawn."""
    tops = [OUTFITS[name]() for name in ("red T-shirt", "badge T-shirt", "mustard sweater", "dotted vest")]
    return [*tops, trousers(), dress()]
