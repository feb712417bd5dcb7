"""Users as Stripe's customers: one each, for whatever they buy."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import select, update
from sqlmodel import col

from services.billing.errors import AccountClosed
from services.billing.ledger import Ledger
from services.billing.models import Account
from services.billing.payments import CustomerGone, Payments
from services.kit.database import Database

T = TypeVar("T")


class Customers:
    """Finds a user's customer, or makes one."""

    def __init__(self, database: Database, ledger: Ledger, payments: Payments) -> None:
        self._database = database
        self._ledger = ledger
        self._payments = payments

    async def served(self, user_id: str, serve: Callable[[str], Awaitable[T]]) -> T:
        """What `serve` gives for the user's customer; for a new one if somebody has deleted it at Stripe.

        Raises PaymentsUnavailable, AccountClosed.
        """
        customer = await self._of(user_id)
        try:
            return await serve(customer)
        except CustomerGone:
            return await serve(await self._make(user_id, instead_of=customer))

    async def _of(self, user_id: str) -> str:
        await self._ledger.standing(user_id)  # opens the account
        known = select(col(Account.stripe_customer_id), col(Account.closed_at)).where(col(Account.user_id) == user_id)
        async with self._database.read() as connection:
            customer, closed_at = (await connection.execute(known)).one()
        if closed_at is not None:
            raise AccountClosed("This account was deleted")
        return str(customer) if customer else await self._make(user_id)

    async def _make(self, user_id: str, instead_of: str = "") -> str:
        created = await self._payments.create_customer(user_id, instead_of)
        mine = update(Account).where(col(Account.user_id) == user_id, col(Account.closed_at).is_(None))
        async with self._database.transaction() as connection:
            await connection.execute(mine.values(stripe_customer_id=created))
        return created
