"""Writing down what Stripe's objects say, so that an older look never undoes a newer one.

Events come in any order and several workers act on them at once, but no transaction may wait for Stripe. So a look
counts only if nothing else was written down for the account since it began; otherwise we look again. The last
write is then always of what Stripe said after the one before it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.account import LockedAccount
from services.billing.errors import PaymentsUnavailable
from services.billing.ledger import Ledger
from services.billing.models import Account
from services.kit.database import Database

T = TypeVar("T")

_LOOKS = 30


class Mirror:
    """Looks at Stripe, then writes under the account's lock."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def write(
        self,
        user_id: str,
        look: Callable[[], Awaitable[T]],
        write: Callable[[AsyncConnection, LockedAccount, T], Awaitable[None]],
    ) -> None:
        """Calls `write` with what `look` found. Raises PaymentsUnavailable when the account never keeps still."""
        for _ in range(_LOOKS):
            revision = await self._revision(user_id)
            seen = await look()
            async with self._ledger.locked(user_id) as (connection, account):
                if account.stripe_revision == revision:
                    await account.update(stripe_revision=revision + 1)
                    await write(connection, account, seen)
                    return
        raise PaymentsUnavailable("Payments are not available right now. Please try again later.")

    async def _revision(self, user_id: str) -> int:
        statement = select(col(Account.stripe_revision)).where(col(Account.user_id) == user_id)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar() or 0
