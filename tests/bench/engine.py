"""Where the local engine's time and memory go: python -m tests.bench.engine [PERSON_DIR GARMENT_DIR]

Without folders it dresses the astronaut of scikit-image (public domain), enlarged to a phone photo's size, and a drawn
person in drawn garments. With them, person i gets garment i. Each size is measured in a process of its own: alone with
two threads, and as one of two such processes at once, which keeps two cores busy. The time that canceling takes is from
the call until the process is free for something else, at moments all over a picture, with both cores busy too.
"""

import asyncio
import contextlib
import io
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from skimage import data

from sandbox import mannequin
from sandbox.drawings import OUTFITS, dress, shorts, skirt, trousers
from services.tryon.engines import base
from services.tryon.engines.local.engine import InputProblem, LocalEngine, Options, ResultNotGoodEnough
from services.tryon.engines.processes import LocalProcesses

_ROUNDS = 3
_CANCELS = 30  # at as many moments
_SIZES = ((768, 1024), (1152, 1536))  # pixels; a usual photo, and the largest that results have
_MODELS = Path(os.environ.get("TRYON_MODELS", ".cache/models"))

Pairs = list[tuple[str, bytes, bytes]]


@dataclass(frozen=True)
class Figures:
    """What one process measured; seconds and MB."""

    cold: float
    steps: dict[str, float]
    totals: list[float]
    known: list[float]  # with a garment that was understood before
    outcomes: list[str]
    peak: float


def _drawn_pairs(size: tuple[int, int]) -> Pairs:
    astronaut = Pillow.fromarray(np.asarray(data.astronaut()))
    buffer = io.BytesIO()
    astronaut.crop((64, 0, 448, 512)).resize(size, Pillow.Resampling.LANCZOS).save(buffer, "JPEG")
    whole = io.BytesIO()
    Pillow.fromarray(mannequin.person()).resize((size[0], size[0] * 5 // 3), Pillow.Resampling.LANCZOS).save(
        whole, "JPEG"
    )
    legs = {"trousers": trousers, "shorts": shorts, "skirt": skirt, "dress": dress}
    pairs = [(name, buffer.getvalue(), draw()) for name, draw in OUTFITS.items()]
    return pairs + [(name, whole.getvalue(), draw()) for name, draw in legs.items()]


def _resized(picture: Path, side: int) -> bytes:
    with Pillow.open(picture) as opened:
        image = opened.convert("RGB")
    scale = side / max(image.size)
    buffer = io.BytesIO()
    image.resize((round(image.width * scale), round(image.height * scale))).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _pairs_from(persons: Path, garments: Path, side: int) -> Pairs:
    people, clothes = (sorted(path for path in folder.iterdir() if path.is_file()) for folder in (persons, garments))
    count = max(len(people), len(clothes))
    both = [pair for pair, _ in zip(zip(cycle(people), cycle(clothes), strict=False), range(count), strict=False)]
    return [(f"{one.stem} + {other.stem}", _resized(one, side), other.read_bytes()) for one, other in both]


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


def _measure(pairs: Pairs) -> Figures:
    """Load the engine and dress all pairs a few times; the first picture and the loading are the cold start."""
    started = time.perf_counter()
    engine, cold = LocalEngine(_MODELS), 0.0
    engine.garments_kept = 0
    spent: dict[str, list[float]] = defaultdict(list)
    totals, outcomes = [], []
    for round_number in range(_ROUNDS):
        for name, person, garment in pairs:
            before = time.perf_counter()
            try:
                score = f"{engine.generate(person, garment, Options(), _Clock(spent)).score:.2f}"
            except (InputProblem, ResultNotGoodEnough) as problem:
                score = str(problem)[:60]
            else:
                totals.append(time.perf_counter() - before)
                cold = cold or time.perf_counter() - started
            if round_number == 0:
                outcomes.append(f"{time.perf_counter() - before:6.2f} s  {score}  {name}")
    known = _known_times(engine, pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(
        cold, {step: statistics.median(seconds) for step, seconds in spent.items()}, totals, known, outcomes, peak
    )


def _known_times(engine: LocalEngine, pairs: Pairs) -> list[float]:
    """Seconds for pictures with the garment of the picture before."""
    engine.garments_kept, times = 1, []
    for _, person, garment in pairs:
        with contextlib.suppress(InputProblem, ResultNotGoodEnough):
            engine.generate(person, garment, Options())
            before = time.perf_counter()
            engine.generate(person, garment, Options())
            times.append(time.perf_counter() - before)
    return times


def _measured(pairs: Pairs, processes: int) -> Figures:
    """The figures of one fresh process out of so many that work at once."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(_measure, pairs) for _ in range(processes)]
        return runs[0].result()


async def _cancel_times(pairs: Pairs, usual: float) -> list[float]:
    """Seconds from canceling a picture until its process is free, at moments spread over the `usual` seconds."""
    measured, other = (LocalProcesses(str(_MODELS), workers=1, threads=2) for _ in range(2))
    await asyncio.gather(measured.prepare(), other.prepare())

    async def dress(engine: LocalProcesses, person: bytes, garment: bytes) -> None:
        with contextlib.suppress(base.InputProblem, base.EngineFailed, base.NotForThisEngine):
            await engine.generate(base.Task(person, garment), float("inf"))

    async def keep_busy() -> None:
        for _, person, garment in cycle(pairs):
            await dress(other, person, garment)

    busy, times = asyncio.create_task(keep_busy()), []
    for number, (_, person, garment) in zip(range(_CANCELS), cycle(pairs), strict=False):
        making = asyncio.create_task(dress(measured, person, garment))
        await asyncio.sleep(usual * (number + 0.5) / _CANCELS)
        before = time.perf_counter()
        if making.cancel():
            await measured.check(None, None)  # the next in line, which takes no time
            times.append(time.perf_counter() - before)
    busy.cancel()
    await asyncio.wait([busy])
    await asyncio.gather(measured.close(), other.close())
    return times


def main() -> None:
    """Run and print."""
    folders = [Path(argument) for argument in sys.argv[1:3]]
    for size in _SIZES:
        pairs = _pairs_from(folders[0], folders[1], max(size)) if len(folders) == 2 else _drawn_pairs(size)
        for processes in (1, 2):
            figures = _measured(pairs, processes)
            print(f"\n{size[0]} x {size[1]}, {'alone' if processes == 1 else 'two processes at once'}")
            if processes == 1:
                print("\n".join(figures.outcomes))
            for step, seconds in figures.steps.items():
                print(f"{seconds * 1000:7.0f} ms  {step}")
            totals, median = figures.totals, statistics.median(figures.totals)
            print(f"{median * 1000:7.0f} ms  in all (median of {len(totals)}, worst {max(totals):.2f} s)")
            print(f"{statistics.median(figures.known) * 1000:7.0f} ms  in all, with a garment understood before")
            print(f"{figures.cold * 1000:7.0f} ms  cold start: models loaded, first picture made")
            print(f"{figures.peak:7.0f} MB  peak memory of a process", flush=True)
        times = asyncio.run(_cancel_times(pairs, median))
        print(
            f"{statistics.median(times) * 1000:7.0f} ms  to cancel (median of {len(times)}, worst {max(times):.2f} s)"
        )


if __name__ == "__main__":
    main()
