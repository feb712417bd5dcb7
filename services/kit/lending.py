"""Connections of a pool for statements that go past SQLAlchemy.

To take one out of the pool and put it back costs more than most statements, so the last ones used stay at hand for
the next. They are still the pool's: as soon as it has no other left, they go back to it.
"""

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

# Through the pool's own checks at least that often, which retire old connections.
_AT_HAND_SECONDS = 1.0


class Lending:
    """Lends the connections of an engine's pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._at_hand: list[PoolProxiedConnection] = []
        self._returning: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many are at hand: out of the pool, and not in use."""
        return len(self._at_hand)

    async def take(self) -> PoolProxiedConnection:
        """A connection that is open as far as it knows itself. Raises as the pool does."""
        while self._at_hand:
            lent = self._at_hand.pop()
            if not driver_of(lent).is_closed():
                return lent
            lent.invalidate()
            lent.close()
        return await self._engine.raw_connection()

    def give_back(self, lent: PoolProxiedConnection) -> None:
        """Takes back a connection on which nothing is open any more."""
        if self._is_empty():
            lent.close()  # somebody may be waiting for it
            return
        self._at_hand.append(lent)
        if self._returning is None:
            self._returning = asyncio.get_running_loop().call_later(_AT_HAND_SECONDS, self.return_all)

    def make_room(self) -> None:
        """To be called before a connection is taken out of the pool itself."""
        if self._at_hand and self._is_empty():
            self._at_hand.pop().close()

    def return_all(self) -> None:
        """Puts what is at hand back into the pool."""
        if self._returning:
            self._returning.cancel()
            self._returning = None
        while self._at_hand:
            self._at_hand.pop().close()

    def _is_empty(self) -> bool:
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            raise TypeError("only a pool of limited size can run out")
        return pool.checkedout() >= pool.size()


def driver_of(lent: PoolProxiedConnection) -> Any:
    """asyncpg's own connection."""
    return lent.driver_connection
