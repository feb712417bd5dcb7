"""Users as Stripe's customers: one each, for whatever they buy, and a portal where they manage it."""

from sqlalchemy import select, update
from sqlmodel import col

from services.billing.errors import AccountClosed
from services.billing.ledger import Ledger
from services.billing.models import Account
from services.billing.payments import Payments
from services.kit.database import Database
from services.kit.ids import new_id


class Customers:
    """Finds a user's customer, or makes one."""

    def __init__(self, database: Database, ledger: Ledger, payments: Payments) -> None:
        self._database = database
        self._ledger = ledger
        self._payments = payments

    async def of(self, user_id: str) -> str:
        """The id of the user's customer. Raises PaymentsUnavailable, AccountClosed."""
        await self._ledger.standing(user_id)  # opens the account
        known = select(col(Account.stripe_customer_id), col(Account.closed_at)).where(col(Account.user_id) == user_id)
        async with self._database.read() as connection:
            customer, closed_at = (await connection.execute(known)).one()
        if closed_at is not None:
            raise AccountClosed("This account was deleted")
        if customer:
            return str(customer)
        created = await self._payments.create_customer(user_id)
        async with self._database.transaction() as connection:
            await connection.execute(
                update(Account).where(col(Account.user_id) == user_id).values(stripe_customer_id=created)
            )
        return created

    async def portal(self, user_id: str) -> str:
        """The address of the user's portal at Stripe. Raises PaymentsUnavailable, AccountClosed."""
        return await self._payments.create_portal(await self.of(user_id), new_id())
