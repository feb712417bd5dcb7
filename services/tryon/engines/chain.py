"""Tries engines in the configured order, each with a deadline."""

import asyncio
import logging
from collections.abc import Sequence

from services.tryon.engines.base import Engine, EngineFailed, Options, Progress, Result

log = logging.getLogger(__name__)


class EngineChain:
    """The engines of this installation; the last one is our own."""

    def __init__(self, engines: Sequence[Engine], timeout_seconds: float) -> None:
        self._engines = engines
        self._timeout = timeout_seconds

    async def prepare(self) -> None:
        """Gets every engine ready. One that cannot be is told of, and tried again with each picture."""
        for engine in self._engines:
            try:
                await engine.prepare()
            except EngineFailed:
                log.exception("engine not ready", extra={"engine": engine.name})

    async def generate(self, person: bytes, garment: bytes, options: Options, progress: Progress) -> tuple[str, Result]:
        """The name of the engine that made the picture, and the picture. Raises InputProblem, EngineFailed."""
        for engine in self._engines:
            try:
                async with asyncio.timeout(self._timeout):
                    return engine.name, await engine.generate(person, garment, options, progress)
            except (EngineFailed, TimeoutError) as error:
                log.warning("engine failed", extra={"engine": engine.name, "error": repr(error)})
        raise EngineFailed("no engine made a picture")

    async def close(self) -> None:
        """Closes every engine."""
        for engine in self._engines:
            await engine.close()
