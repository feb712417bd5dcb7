"""Makes the pictures: real ones with Drape's own engine, or at once by pasting the garment on."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from .config import Config


@dataclass(frozen=True)
class Inputs:
    """What a run is asked for."""

    person: bytes = field(repr=False)
    garment: bytes = field(repr=False)
    category: str
    """auto, tops, bottoms or onePieces."""
    output_format: str
    """jpeg or png."""
    seed: int = 0


class Unpaintable(Exception):
    """The engine says what is wrong with the pictures: `reason` is its own."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Painter:
    """One picture at a time, in a thread."""

    def __init__(self, config: Config) -> None:
        self._paint = _paste if config.painter == "instant" else _local_engine(config.model_dir)
        self._thread = ThreadPoolExecutor(1, "painter")

    async def paint(self, inputs: Inputs) -> bytes:
        """The picture. Raises Unpaintable."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._paint, inputs)

    def close(self) -> None:
        """Drops what waits."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _paste(inputs: Inputs) -> bytes:
    try:
        person = Image.open(io.BytesIO(inputs.person)).convert("RGB")
        garment = Image.open(io.BytesIO(inputs.garment)).convert("RGB")
    except OSError as error:
        raise Unpaintable("IMAGE_UNREADABLE", "The picture cannot be read.") from error
    size = max(1, person.width // 2), max(1, person.height // 2)
    person.paste(garment.resize(size), (person.width // 4, person.height // 3))
    buffer = io.BytesIO()
    person.save(buffer, inputs.output_format.upper())
    return buffer.getvalue()


def _local_engine(model_dir: Path) -> Callable[[Inputs], bytes]:
    # OpenCV and the models take a second to import, which those who want instant pictures should not wait for.
    from services.tryon.engines.local.engine import InputProblem, LocalEngine, Options, ResultNotGoodEnough, ignore

    engine = LocalEngine(model_dir)

    def paint(inputs: Inputs) -> bytes:
        options = Options(
            category=inputs.category,  # type: ignore[arg-type]
            seed=inputs.seed,
            output_format=inputs.output_format,  # type: ignore[arg-type]
        )
        try:
            return engine.generate(inputs.person, inputs.garment, options, ignore).data
        except InputProblem as problem:
            raise Unpaintable(problem.reason, problem.message) from problem
        except ResultNotGoodEnough as error:
            raise Unpaintable("RESULT_NOT_GOOD_ENOUGH", str(error)) from error

    return paint
