"""Tries engines in the configured order, each inside its limits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from services.kit import telemetry
from services.tryon import metrics
from services.tryon.engines.base import (
    Engine,
    EngineFailed,
    EngineUnusable,
    InputProblem,
    NotForThisEngine,
    NotTried,
    Options,
    Progress,
    ProviderRun,
    Result,
    Task,
)
from services.tryon.engines.breaker import Breaker
from services.tryon.engines.queued import QueuedEngine

log = logging.getLogger(__name__)

_GRACE_SECONDS = 5
"""How long after its deadline an engine may tell its provider so."""


@dataclass(frozen=True)
class Limits:
    """What one engine may take."""

    timeout_seconds: float
    concurrency: int = 100
    """Pictures at once, in this process."""
    daily_budget: int = 0
    """Pictures begun in a day (UTC), by all workers together; 0 is no limit."""
    cost_usd: float = 0
    """Of one picture, for the logs."""
    failures: int = 5
    """In a row, after which the engine is left alone for a while; 0 is never."""


class Budget(Protocol):
    """Counts what is spent."""

    async def take(self, engine: str, most: int) -> bool:
        """Counts one more picture of today, unless there are `most` already."""


class Station:
    """An engine with what guards it."""

    def __init__(self, engine: Engine, limits: Limits, budget: Budget | None, breaker: Breaker, grace: float) -> None:
        self.engine = engine
        self._limits = limits
        self._budget = budget
        self._breaker = breaker
        self._grace = grace
        self._slots = asyncio.Semaphore(limits.concurrency)

    async def generate(self, task: Task) -> Result:
        """Makes a picture. Raises InputProblem, EngineFailed."""
        deadline = asyncio.get_running_loop().time() + self._limits.timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError as error:
            raise NotTried("busy with other pictures") from error
        try:
            with self._breaker.attempt():
                await self._spend(task)
                return await self._told_of(task, deadline)
        finally:
            self._slots.release()

    async def _spend(self, task: Task) -> None:
        """Counts a picture; one that is resumed was counted when it was begun."""
        most = self._limits.daily_budget
        if self._budget and most and not task.resume and not await self._budget.take(self.engine.name, most):
            raise NotTried(f"today's budget of {most} pictures is spent")

    async def _told_of(self, task: Task, deadline: float) -> Result:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = "canceled"
        try:
            with telemetry.span(f"engine {self.engine.name}", {"drape.engine": self.engine.name}):
                result = await self._in_time(task, deadline)
            outcome = "succeeded"
        except InputProblem as problem:
            outcome = problem.reason
            raise
        except EngineFailed as error:
            outcome = "unusable" if isinstance(error, EngineUnusable) else "failed"
            raise
        finally:
            figures: dict[str, Any] = {
                "engine": self.engine.name,
                "outcome": outcome,
                "seconds": round(loop.time() - began, 3),
                "cost_usd": self._limits.cost_usd if outcome == "succeeded" else 0,
                "resumed": bool(task.resume),
            }
            log.info("engine run", extra=figures)
            metrics.count_run(self.engine.name, outcome, loop.time() - began, figures["cost_usd"])
        return result

    async def _in_time(self, task: Task, deadline: float) -> Result:
        try:
            async with asyncio.timeout_at(deadline + self._grace):
                return await self.engine.generate(task, deadline)
        except TimeoutError as error:
            raise EngineFailed("no picture in time") from error


class EngineChain:
    """The engines of this installation; the last one is our own."""

    def __init__(
        self,
        engines: Sequence[Engine],
        timeout_seconds: float,
        limits: Mapping[str, Limits] | None = None,
        budget: Budget | None = None,
        *,
        breaker: Callable[[Limits], Breaker] = lambda limits: Breaker(failures=limits.failures),
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        """`timeout_seconds` is for the engines that `limits` does not name; `breaker` makes one for each engine."""
        self._stations: list[Station] = []
        for engine in engines:
            own = (limits or {}).get(engine.name, Limits(timeout_seconds))
            self._stations.append(Station(engine, own, budget, breaker(own), grace_seconds))

    async def prepare(self) -> None:
        """Gets every engine ready. One that cannot be is told of, and tried again with each picture."""
        await asyncio.gather(*(_prepare(station.engine) for station in self._stations))

    async def generate(
        self,
        person: bytes,
        garment: bytes,
        options: Options,
        progress: Progress,
        earlier: ProviderRun | None = None,
        remember: Callable[[ProviderRun], Awaitable[None]] | None = None,
    ) -> tuple[str, Result]:
        """The name of the engine that made the picture, and the picture. Raises InputProblem, EngineFailed.

        `earlier` is the run that an earlier attempt told `remember` of: its engine is asked first.
        """
        run = earlier or ProviderRun()
        task = Task(person, garment, options, progress)
        unsuited: NotForThisEngine | None = None
        failed = False
        for station in sorted(self._stations, key=lambda one: one.engine.name != run.engine):
            name = station.engine.name
            own = replace(task, resume=run.id if name == run.engine else "", remember=_under(name, remember))
            try:
                return name, await station.generate(own)
            except NotForThisEngine as problem:
                unsuited = unsuited or problem
            except EngineFailed as error:
                failed = True
                _tell(name, error)
        if unsuited and not failed:
            raise unsuited
        raise EngineFailed("no engine made a picture")

    def forgets(self, engine: str) -> bool:
        """Whether what the engine's provider keeps of a run is deleted there."""
        return any(kept.forgets for kept in self._keepers(engine))

    async def forget(self, run: ProviderRun) -> None:
        """Deletes what a provider keeps of a run, if it can be told to. Raises EngineFailed."""
        if not (keepers := self._keepers(run.engine)):
            raise EngineFailed(f"{run.engine} is not one of this worker's engines")
        for keeper in keepers:
            await keeper.forget_run(run.id)

    def _keepers(self, engine: str) -> list[QueuedEngine]:
        engines = [station.engine for station in self._stations if station.engine.name == engine]
        return [one for one in engines if isinstance(one, QueuedEngine)]

    async def close(self) -> None:
        """Closes every engine."""
        for station in self._stations:
            await station.engine.close()


async def _prepare(engine: Engine) -> None:
    try:
        await engine.prepare()
    except EngineFailed:
        log.exception("engine not ready", extra={"engine": engine.name})


def _under(engine: str, remember: Callable[[ProviderRun], Awaitable[None]] | None) -> Callable[[str], Awaitable[None]]:
    async def note(provider_job_id: str) -> None:
        if remember:
            await remember(ProviderRun(engine, provider_job_id))

    return note


def _tell(engine: str, error: EngineFailed) -> None:
    match error:
        case NotTried():
            log.info("engine not asked", extra={"engine": engine, "why": str(error)})
        case EngineUnusable():
            # It waits for somebody to act; the others mend themselves.
            log.error("engine unusable", extra={"engine": engine, "error": str(error)})
        case _:
            log.warning("engine failed", extra={"engine": engine, "error": repr(error)})
