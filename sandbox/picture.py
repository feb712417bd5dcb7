"""The README's picture, made by the local engine: `python -m sandbox.picture docs/try-on.jpg` (or `make picture`)."""

import io
import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image

from sandbox import drawings
from sandbox.people import PEOPLE, person
from sandbox.stack import ROOT
from services.tryon.engines.local.engine import LocalEngine, Options

_HEIGHT = 340


def main(target: Path) -> None:
    """Writes person, outfit and result side by side, of drawn people."""
    engine = LocalEngine(ROOT / ".cache" / "models")
    engine.prepare()
    rows, tom = [], PEOPLE["Tom"]
    for photo, outfit in (
        (person(tom), drawings.tshirt((34, 54, 92), "badge")),
        (person(replace(tom, skin=(226, 184, 152), hair=(92, 62, 40), top=(70, 84, 110))), drawings.dress()),
        (person(replace(tom, skin=(186, 134, 100), top=(150, 70, 60))), drawings.sweater(pattern="stripes")),
    ):
        result = engine.generate(photo, outfit, Options()).data
        rows.append([_tile(data) for data in (photo, outfit, result)])
    width = max(sum(tile.width for tile in row) for row in rows)
    sheet = Image.new("RGB", (width, _HEIGHT * len(rows)), "white")
    for number, row in enumerate(rows):
        left = (width - sum(tile.width for tile in row)) // 2
        for tile in row:
            sheet.paste(tile, (left, number * _HEIGHT))
            left += tile.width
    sheet.save(target, quality=88, optimize=True)


def _tile(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
