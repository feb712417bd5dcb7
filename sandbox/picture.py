"""The README's picture, made by the local engine: `python -m sandbox.picture docs/try-on.jpg` (or `make picture`)."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from sandbox import samples
from sandbox.stack import ROOT
from services.tryon.engines.local.engine import LocalEngine, Options

_HEIGHT = 512


def main(target: Path) -> None:
    """Writes person, outfit and result side by side."""
    engine = LocalEngine(ROOT / ".cache" / "models")
    engine.prepare()
    with tempfile.TemporaryDirectory() as folder:
        person, outfit = (path.read_bytes() for path in samples.write(Path(folder)))
    result = engine.generate(person, outfit, Options()).data
    tiles = [_tile(data) for data in (person, outfit, result)]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), _HEIGHT), "white")
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width
    sheet.save(target, quality=88, optimize=True)


def _tile(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
