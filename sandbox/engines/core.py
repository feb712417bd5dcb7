"""What every endpoint works with: the runs, the clock, the knobs."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from .config import Config
from .errors import ApiError
from .knobs import Knobs
from .painter import Inputs, Painter, Unpaintable
from .webhooks import Signing, tell

STUCK = "stuck"
"""An outcome of every provider: the run never ends."""


@dataclass
class Run:
    """One picture that somebody asked for."""

    id: str
    provider: str
    given: dict[str, Any]
    """The request's fields, without the pictures."""
    inputs: Inputs
    began: float
    outcome: str
    painting: asyncio.Task[bytes] = field(repr=False)
    looks: int = 0
    canceled: bool = False
    deleted: bool = False
    stored: bool = True
    """Whether the provider keeps what went in and came out."""
    webhook_answers: list[int] = field(default_factory=list)
    """The status with which each webhook was answered; 0 is no answer."""

    @property
    def painted(self) -> bool:
        """Whether there is a picture, or a reason for none."""
        return self.painting.done()


class Sandbox:
    """One pretend account at each provider. Everything runs on one event loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.knobs = Knobs()
        self.painter = Painter(config)
        self.signing = Signing(config.webhook_secret)
        self.runs: dict[str, Run] = {}
        self.keys_at_files = 0
        """How often somebody showed a key to where the results are, which is not the API."""
        self._calls: dict[str, deque[float]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def begin(self, provider: str, given: dict[str, Any], inputs: Inputs) -> Run:
        """A new run, which is worked on from now on."""
        painting = asyncio.create_task(self.painter.paint(inputs))
        painting.add_done_callback(lambda task: task.cancelled() or task.exception())
        run = Run(
            id=f"{provider}-{secrets.token_hex(8)}",
            provider=provider,
            given=given,
            inputs=inputs,
            began=self.config.clock(),
            outcome=self.knobs.take_outcome(),
            painting=painting,
        )
        self.runs[run.id] = run
        return run

    def tell(self, run: Run, url: str, content: Callable[[], dict[str, Any]]) -> None:
        """Has a webhook sent when the run has ended, if there is somebody to tell."""
        if url:
            telling = asyncio.create_task(tell(self, run, url, content))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    def find(self, provider: str, run_id: str) -> Run:
        """A run of the provider. Raises ApiError."""
        run = self.runs.get(run_id)
        if run is None or run.provider != provider or run.deleted:
            raise ApiError(404, "NotFound", "There is no such run.")
        return run

    def phase(self, run: Run) -> str:
        """queued, working, done or canceled."""
        if run.canceled:
            return "canceled"
        elapsed = 1000 * (self.config.clock() - run.began)
        if elapsed < self.knobs.queue_ms:
            return "queued"
        unfinished = elapsed < self.knobs.queue_ms + self.knobs.run_ms or not run.painted
        return "working" if unfinished or self.knobs.held or run.outcome == STUCK else "done"

    def share(self, run: Run) -> float:
        """How much of a run is done, 0 to 1."""
        worked = 1000 * (self.config.clock() - run.began) - self.knobs.queue_ms
        return max(0.0, min(1.0, worked / self.knobs.run_ms)) if self.knobs.run_ms else 0.5

    def picture(self, run: Run) -> bytes:
        """What a finished run made, spoiled if the knobs say so. Raises Unpaintable."""
        data = run.painting.result()
        match self.knobs.picture:
            case "broken":
                return b"\x89PNG\r\n\x1a\n and then nothing of the kind"
            case "huge":
                return data + bytes(self.knobs.huge_bytes)
            case "other_shape":
                return _squeezed(data, run.inputs.output_format)
            case _:
                return data

    def problem(self, run: Run) -> Unpaintable | None:
        """What the painter says is wrong with a run's pictures."""
        error = run.painting.exception()
        if error is None:
            return None
        if not isinstance(error, Unpaintable):
            raise error
        return error

    def count(self, what: str, most: int, seconds: float) -> None:
        """Counts a call against a limit. Raises ApiError."""
        if not self.knobs.limits:
            return
        calls = self._calls.setdefault(what, deque())
        now = self.config.clock()
        while calls and calls[0] <= now - seconds:
            calls.popleft()
        if len(calls) >= most:
            raise ApiError(429, "RateLimitExceeded", "Too many requests.")
        calls.append(now)

    def reset(self) -> None:
        """Forgets every run and turns every knob back."""
        for run in self.runs.values():
            run.painting.cancel()
        for telling in self._telling:
            telling.cancel()
        self.runs.clear()
        self._calls.clear()
        self.keys_at_files = 0
        self.knobs = Knobs()


def _squeezed(data: bytes, output_format: str) -> bytes:
    picture = Image.open(io.BytesIO(data))
    buffer = io.BytesIO()
    picture.resize((picture.width, max(1, picture.height // 2))).save(buffer, output_format.upper())
    return buffer.getvalue()
