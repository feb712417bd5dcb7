"""What the try-on service counts. Without a provider of OpenTelemetry all of this does nothing."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

log = logging.getLogger(__name__)

_meter = get_meter("drape.tryon")
_runs = _meter.create_counter("drape.tryon.engine.runs", "{run}", "Runs of engines, by engine and outcome")
_cost = _meter.create_counter("drape.tryon.engine.cost", "USD", "What pictures have cost us, by engine")
_seconds = _meter.create_histogram(
    "drape.tryon.engine.duration",
    "s",
    "How long engines took, by engine and outcome",
    explicit_bucket_boundaries_advisory=[0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120],
)
_LOOK_EVERY_SECONDS = 10


@dataclass(frozen=True)
class QueueState:
    """All workers' queue."""

    waiting: int = 0
    running: int = 0
    oldest_seconds: float = 0
    """How long the job has waited that has waited longest."""


def count_run(engine: str, outcome: str, seconds: float, cost_usd: float) -> None:
    """Counts one run of an engine."""
    attributes = {"drape.engine": engine, "drape.outcome": outcome}
    _runs.add(1, attributes)
    _seconds.record(seconds, attributes)
    if cost_usd:
        _cost.add(cost_usd, {"drape.engine": engine})


class QueueGauges:
    """Shows the queue's state as it was at the last look. Every worker shows the same: take one, do not add."""

    def __init__(self, look: Callable[[], Awaitable[QueueState]]) -> None:
        self._look = look
        self._state = QueueState()
        for name, unit, what, value in (
            ("waiting", "{job}", "Jobs that wait for a worker", lambda state: state.waiting),
            ("running", "{job}", "Jobs that workers are at", lambda state: state.running),
            ("oldest", "s", "How long the job has waited that has waited longest", lambda state: state.oldest_seconds),
        ):
            _meter.create_observable_gauge(f"drape.tryon.queue.{name}", [self._showing(value)], unit, what)

    async def run(self, stop: asyncio.Event) -> None:
        """Looks again and again until `stop`."""
        while not stop.is_set():
            try:
                self._state = await self._look()
            except Exception:
                log.exception("the queue's state is not known")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_EVERY_SECONDS)

    def _showing(self, value: Callable[[QueueState], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [Observation(value(self._state))]
