"""Where the local engine's time and memory go: python -m tests.bench.engine [PERSON_DIR GARMENT_DIR]

Without folders it dresses the astronaut of scikit-image, enlarged to a phone photo's size, in drawn garments. With
them, person i gets garment i.
"""

import io
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from skimage import data

from sandbox.drawings import OUTFITS
from services.tryon.engines.local.engine import InputProblem, LocalEngine, Options, ResultNotGoodEnough

_ROUNDS = 3
_MODELS = Path(os.environ.get("TRYON_MODELS", ".cache/models"))

Pairs = list[tuple[str, bytes, bytes]]


def _drawn_pairs() -> Pairs:
    astronaut = Pillow.fromarray(np.asarray(data.astronaut()))
    buffer = io.BytesIO()
    astronaut.crop((64, 0, 448, 512)).resize((768, 1024), Pillow.Resampling.LANCZOS).save(buffer, "JPEG")
    return [(name, buffer.getvalue(), draw()) for name, draw in OUTFITS.items()]


def _pairs_from(persons: Path, garments: Path) -> Pairs:
    people, clothes = (sorted(path for path in folder.iterdir() if path.is_file()) for folder in (persons, garments))
    count = max(len(people), len(clothes))
    both = [pair for pair, _ in zip(zip(cycle(people), cycle(clothes), strict=False), range(count), strict=False)]
    return [(f"{one.stem} + {other.stem}", one.read_bytes(), other.read_bytes()) for one, other in both]


class _Clock:
    """A progress callback that adds up how long each step took."""

    def __init__(self, spent: dict[str, list[float]]) -> None:
        self._spent, self._total = spent, defaultdict[str, float](float)
        self._step, self._since = "", time.perf_counter()

    def __call__(self, step: str, fraction: float) -> None:
        now = time.perf_counter()
        if self._step:
            self._total[self._step] += now - self._since
        self._step, self._since = step, now
        if fraction >= 1:
            for name, seconds in self._total.items():
                self._spent[name].append(seconds)


def main() -> None:
    """Run and print."""
    folders = [Path(argument) for argument in sys.argv[1:3]]
    pairs = _pairs_from(*folders) if len(folders) == 2 else _drawn_pairs()
    started = time.perf_counter()
    engine = LocalEngine(_MODELS)
    engine.prepare()
    print(f"cold start: {time.perf_counter() - started:.2f} s")
    spent: dict[str, list[float]] = defaultdict(list)
    totals = []
    for round_number in range(_ROUNDS):
        for name, person, garment in pairs:
            before = time.perf_counter()
            try:
                score = f"{engine.generate(person, garment, Options(), _Clock(spent)).score:.2f}"
            except (InputProblem, ResultNotGoodEnough) as problem:
                score = str(problem)[:60]
            else:
                totals.append(time.perf_counter() - before)
            if round_number == 0:
                print(f"{time.perf_counter() - before:6.2f} s  {score}  {name}")
    for step, seconds in spent.items():
        print(f"{statistics.median(seconds) * 1000:7.0f} ms  {step}")
    print(f"{statistics.median(totals) * 1000:7.0f} ms  in all (median of {len(totals)}, worst {max(totals):.2f} s)")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
