"""Work that is done once: for all who ask for it at the same time, or for those who ask again before long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Shared:
    """Runs a function for everybody who waits for it: whoever comes while it is under way joins, nobody queues up."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self._running: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        """Returns when it is done, or raises what it raised. Who gives up waiting takes it from nobody else."""
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
            self._running.add_done_callback(self._ended)
        await asyncio.shield(self._running)

    def _ended(self, running: "asyncio.Future[None]") -> None:
        self._running = None
        if not running.cancelled():
            running.exception()  # is seen here also when nobody waits any more


class Kept(Generic[KeyT, ValueT]):
    """Values until their time is over. To sign or check a token costs more than all the rest of a small call."""

    def __init__(self, bound: int = 10_000) -> None:
        """`bound` is how many are kept at most."""
        self._bound = bound
        self._values: dict[KeyT, tuple[ValueT, float]] = {}

    def get(self, key: KeyT) -> ValueT | None:
        """The value, unless its time is over."""
        found = self._values.get(key)
        return found[0] if found and found[1] > time.time() else None

    def put(self, key: KeyT, value: ValueT, ends: float) -> None:
        """Keeps a value until `ends`, in seconds since 1970; the oldest goes for it if need be."""
        self._values.pop(key, None)
        if len(self._values) >= self._bound:
            del self._values[next(iter(self._values))]
        self._values[key] = value, ends

    def clear(self) -> None:
        """Forgets everything."""
        self._values.clear()
