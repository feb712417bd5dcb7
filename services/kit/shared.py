"""Work that is done once for all who ask for it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable


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
