"""Two pictures to try the system with: an astronaut's portrait, and an outfit that is drawn here."""

from pathlib import Path

import skimage.data
from PIL import Image

from sandbox.drawings import sweater


def write(folder: Path) -> tuple[Path, Path]:
    """Writes person.jpg and outfit.png into the folder, if they are not there, and returns their paths.

    The portrait is NASA's of Eileen Collins, in the public domain, as scikit-image ships it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    person, outfit = folder / "person.jpg", folder / "outfit.png"
    if not person.exists():
        Image.fromarray(skimage.data.astronaut()).save(person, quality=95)
    if not outfit.exists():
        outfit.write_bytes(sweater(pattern="badge"))
    return person, outfit
