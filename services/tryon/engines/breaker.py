"""Leaves an engine alone that keeps failing, and finds out when it works again."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.tryon.engines.base import EngineFailed, EngineUnusable, InputProblem, NotTried
from services.tryon.engines.pace import Clock


class Breaker:
    """Opens after failures in a row; then lets one attempt through after each pause, and closes when one succeeds."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        failures: int = 5,
        pause_seconds: float = 15,
        longest_pause_seconds: float = 300,
        unusable_seconds: float = 600,
    ) -> None:
        """`unusable_seconds` is the pause after EngineUnusable, which opens at once; 0 `failures` are any number."""
        self._clock = clock or Clock()
        self._most_failures = failures
        self._first_pause = pause_seconds
        self._longest_pause = longest_pause_seconds
        self._unusable_pause = unusable_seconds
        self._failures = 0
        self._pause = pause_seconds
        self._closed = True
        self._probe_at = 0.0
        self._probing = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one attempt, whose outcome it sees. Raises NotTried while open."""
        probe = self._enter()
        try:
            yield
        except NotTried:
            raise
        except EngineUnusable:
            self._open(self._unusable_pause)
            raise
        except EngineFailed:
            self._failed(probe)
            raise
        except InputProblem:
            # The engine looked at the pictures and answered: it works.
            self._close()
            raise
        else:
            self._close()
        finally:
            if probe:
                self._probing = False

    def _enter(self) -> bool:
        """Whether this attempt is a probe."""
        if self._closed:
            return False
        if self._probing or self._clock.now() < self._probe_at:
            raise NotTried("it failed too often of late")
        self._probing = True
        return True

    def _failed(self, probe: bool) -> None:
        self._failures += 1
        if probe:
            self._pause = min(2 * self._pause, self._longest_pause)
            self._open(self._pause)
        elif self._closed and 0 < self._most_failures <= self._failures:
            self._open(self._pause)

    def _open(self, seconds: float) -> None:
        self._closed = False
        self._probe_at = self._clock.now() + seconds

    def _close(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._closed = True
