"""Contact sheets of the local engine, to look at: python -m tests.bench.sheet PERSON_DIR GARMENT_DIR OUT_DIR [COUNT]

Writes each pair at full size (person, garment, result) with its number, pages of six pairs, and table.md with a row for
each: what the self-check says is there and not in the pictures, so that eyes judge before they know it.
"""

import io
import os
import sys
import time
from math import gcd
from pathlib import Path

from PIL import Image, ImageDraw

from services.tryon.engines.local.engine import InputProblem, LocalEngine, Options

_MODELS = Path(os.environ.get("TRYON_MODELS", ".cache/models"))
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_COLUMNS, _ROWS, _WIDE, _TILE = 2, 3, 1080, 480


def pairs_of(persons: Path, garments: Path, count: int) -> list[tuple[Path, Path]]:
    """That many different pairs, with each person and each garment about as often as any other."""
    people, clothes = (
        sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES) for folder in (persons, garments)
    )
    if not people or not clothes:
        sys.exit(f"Put JPEG, PNG or WebP files into {persons} and {garments}.")
    cycle = len(people) * len(clothes) // gcd(len(people), len(clothes))  # then the same pairs would come again
    return [
        (people[number % len(people)], clothes[(number + number // cycle) % len(clothes)])
        for number in range(min(count, len(people) * len(clothes)))
    ]


def _beside(pictures: list[Image.Image], height: int) -> Image.Image:
    scaled = [
        one.resize((round(one.width * height / one.height), height), Image.Resampling.LANCZOS) for one in pictures
    ]
    row = Image.new("RGB", (sum(one.width for one in scaled), height), "white")
    left = 0
    for one in scaled:
        row.paste(one, (left, 0))
        left += one.width
    return row


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _row(engine: LocalEngine, person: bytes, garment: bytes) -> tuple[Image.Image, str]:
    """The pictures side by side, and the score or what was refused."""
    try:
        image, verdict = engine.attempt(person, garment, Options())
    except InputProblem as problem:
        return _beside([_opened(person), _opened(garment)], 1024), f"refused: {problem}"
    result = Image.fromarray(image[:, :, ::-1])
    told = " ".join(f"{name} {grade:.2f}," for name, grade in verdict.grades.items() if grade < 1)
    return _beside([_opened(person), _opened(garment), result], result.height), f"{verdict.score:.2f}  {told}"


def main() -> None:
    """Make the sheets."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    persons, garments, target = (Path(argument) for argument in sys.argv[1:4])
    pairs = pairs_of(persons, garments, int(sys.argv[4]) if len(sys.argv) > 4 else 36)
    target.mkdir(parents=True, exist_ok=True)
    engine = LocalEngine(_MODELS)
    rows = []
    table = ["| row | person | garment | verdict | what is wrong | self-check |", "|---|---|---|---|---|---|"]
    for number, (person, garment) in enumerate(pairs, 1):
        before = time.perf_counter()
        row, told = _row(engine, person.read_bytes(), garment.read_bytes())
        print(f"{number:3} {time.perf_counter() - before:5.1f} s  {person.stem} + {garment.stem}  {told}", flush=True)
        table.append(f"| {number} | {person.stem} | {garment.stem} | | | {told} |")
        (target / "table.md").write_text("\n".join(table) + "\n")
        ImageDraw.Draw(row).text((8, 8), str(number), fill="red", font_size=28)
        row.save(target / f"{number:03}.png")
        row.thumbnail((_WIDE, _TILE))
        rows.append(row)
    for first in range(0, len(rows), _COLUMNS * _ROWS):
        sheet = Image.new("RGB", (_COLUMNS * _WIDE, _ROWS * _TILE), "white")
        for index, row in enumerate(rows[first : first + _COLUMNS * _ROWS]):
            sheet.paste(row, (index % _COLUMNS * _WIDE, index // _COLUMNS * _TILE))
        sheet.save(target / f"sheet-{first // (_COLUMNS * _ROWS) + 1}.png")


if __name__ == "__main__":
    main()
