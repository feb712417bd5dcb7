"""How long to wait between requests to a provider, and how often to repeat them."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from services.tryon.engines.base import EngineFailed, TryAgain

T = TypeVar("T")


class Clock:
    """The event loop's time; tests put their own in its place."""

    def now(self) -> float:
        """Seconds, from an arbitrary beginning."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Waits for the event, so long at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


@dataclass(frozen=True)
class Pace:
    """The habits of one engine's client. Times are in seconds."""

    poll: float = 1
    first_pause: float = 0.5
    """After the first failure; it doubles with each more, up to `longest_pause`."""
    longest_pause: float = 8
    tries: int = 4
    """Of a request that begins or fetches something."""
    runs: int = 2
    """Begun at most for one picture, when the provider's own work fails."""
    cleanup: float = 3
    """May be spent on telling the provider that a picture is not wanted any more."""
    jitter: Callable[[], float] = random.random
    clock: Clock = field(default_factory=Clock)


class Patience:
    """Pauses between the tries of one request, inside a deadline."""

    def __init__(self, pace: Pace, deadline: float, tries: int | None = None) -> None:
        """`tries` of None is as many as the deadline allows."""
        self._pace = pace
        self._deadline = deadline
        self._tries = tries
        self._failures = 0

    async def pause(self, error: TryAgain) -> None:
        """Waits as the provider asks, or longer each time. Raises EngineFailed when that would be in vain."""
        self._failures += 1
        if self._tries is not None and self._failures >= self._tries:
            raise EngineFailed(f"{error}, {self._failures} times") from error
        pause = min(self._pace.first_pause * 2 ** (self._failures - 1), self._pace.longest_pause)
        # Half of it is random, so that many workers that failed together do not come back together.
        wait = max(pause * (0.5 + 0.5 * self._pace.jitter()), error.retry_after or 0)
        if self._pace.clock.now() + wait >= self._deadline:
            raise EngineFailed(f"{error}; no time is left to try again") from error
        await self._pace.clock.sleep(wait)


async def persist(call: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """The result of `call`, repeated while it raises TryAgain. Raises EngineFailed when patience ends."""
    while True:
        try:
            return await call()
        except TryAgain as error:
            await patience.pause(error)


class RateLimit:
    """At most so many calls in any window of so many seconds, in the order they came."""

    def __init__(self, calls: int, seconds: float, clock: Clock | None = None) -> None:
        self._seconds = seconds
        self._clock = clock or Clock()
        self._taken: deque[float] = deque(maxlen=calls)
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Waits for its turn."""
        async with self._turn:
            if len(self._taken) == self._taken.maxlen:
                wait = self._taken[0] + self._seconds - self._clock.now()
                if wait > 0:
                    await self._clock.sleep(wait)
            self._taken.append(self._clock.now())
