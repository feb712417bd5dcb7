"""The audit of the books of a running system."""

import asyncio

from sqlalchemy import text

from sandbox.stack import Stack
from services.billing.audit import breaches
from services.kit import embedded
from services.kit.database import Database


class Audit:
    """Audits the books whenever credits have moved since it last did."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._seen = -1

    def check(self) -> None:
        """Fails when the books break a rule."""
        asyncio.run(self._check())

    async def _check(self) -> None:
        database = Database(embedded.service_url(self._stack.data_dir, "billing"), pool=1)
        try:
            async with database.read() as connection:
                last = await connection.execute(text("SELECT coalesce(max(number), 0) FROM entries"))
                newest = int(last.scalar_one())
            if newest != self._seen:
                found = await breaches(database)
                assert not found, found
                self._seen = newest
        finally:
            await database.close()
