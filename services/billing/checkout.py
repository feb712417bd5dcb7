"""Buying: a row first, then a page at Stripe, then, when Stripe says it is paid, the credits."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.account import LockedAccount
from services.billing.catalog import Catalog
from services.billing.closing import give_back
from services.billing.customers import Customers
from services.billing.errors import IdempotencyKeyReused, InvalidIdempotencyKey, InvalidPlan
from services.billing.ledger import Ledger
from services.billing.mirror import Mirror
from services.billing.models import Checkout
from services.billing.payments import Payments
from services.billing.portal import Portal
from services.billing.sales import PaymentPage, Purchase, revoked_credits
from services.billing.stripe_states import SessionState
from services.kit.database import Database
from services.kit.ids import new_id

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True)
class Offer:
    """Something that is sold."""

    kind: str
    plan: str
    name: str
    credits: int
    amount: int


class Checkouts:
    """Begins purchases and fulfils them."""

    def __init__(self, database: Database, ledger: Ledger, payments: Payments, catalog: Catalog) -> None:
        self._database = database
        self._ledger = ledger
        self._payments = payments
        self._catalog = catalog
        self._customers = Customers(database, ledger, payments)
        self._portal = Portal(database, self._customers, payments, catalog)
        self._mirror = Mirror(database, ledger)

    async def begin(self, user_id: str, kind: str, plan: str, idempotency_key: str) -> PaymentPage:
        """A page to pay at; who has a plan already gets the portal, to change it. The same key gives the same page.

        Raises InvalidPlan, InvalidIdempotencyKey, IdempotencyKeyReused, PaymentsUnavailable, AccountClosed.
        """
        offer = self._offer(kind, plan.lower())
        if len(idempotency_key) > MAX_KEY_CHARACTERS:
            raise InvalidIdempotencyKey("Idempotency-Key must be at most 255 characters")
        if offer.kind == "subscription" and (page := await self._change(user_id, offer, idempotency_key)):
            return page
        row = await self._begin_row(user_id, offer, idempotency_key)
        if (row.type, row.plan) != (offer.kind, offer.plan):
            raise IdempotencyKeyReused("This Idempotency-Key was used for another request")
        if row.session_id and row.url:
            return PaymentPage(row.session_id, row.url)
        price = (await self._portal.plans())[offer.plan].price_id if kind == "subscription" else None
        page = await self._customers.served(
            user_id, lambda customer: self._payments.create_page(_purchase(row, offer), customer, price)
        )
        await self._set(row.id, session_id=page.session_id, url=page.url)
        return page

    async def fulfil(self, session_id: str) -> None:
        """Does what the session's state at Stripe calls for. Safe to call at any time, any number of times."""
        await self._settle(session_id, failed=False)

    async def fail(self, session_id: str) -> None:
        """Marks a purchase whose payment did not come, unless it did after all."""
        await self._settle(session_id, failed=True)

    async def _settle(self, session_id: str, *, failed: bool) -> None:
        session = await self._payments.session(session_id)
        checkout = await self._of(session)
        if checkout is None:
            return

        async def look() -> tuple[SessionState | None, int]:
            now = await self._payments.session(session_id)
            paid_for_credits = now is not None and now.paid and checkout.type == "credits"
            return now, await self._payments.withdrawn(now.payment_id) if now and paid_for_credits else 0

        async def write(connection: AsyncConnection, account: LockedAccount, seen: tuple[Any, int]) -> None:
            now, refunded = seen
            values: dict[str, Any] = {}
            if now is not None and now.paid:
                values = {"status": "completed", "payment_id": now.payment_id, "refunded": refunded}
                # What was paid is for Stripe to say: somebody may have given a discount there.
                values |= {"amount": now.amount, "currency": now.currency}
                if checkout.type == "credits":
                    await account.grant("purchase", checkout.id, checkout.credits)
                    total = revoked_credits(checkout.credits, now.amount, refunded)
                    await account.revoke("purchase", checkout.id, total)
                    if refunded < now.amount:
                        await give_back(connection, account, "purchase", checkout.id, now.payment_id)
            elif now is not None and failed:
                values = {"status": "failed"}
            elif now is not None and now.status == "expired":
                values = {"status": "expired"}
            if values:
                mine = update(Checkout).where(col(Checkout.id) == checkout.id)
                await connection.execute(mine.values(values | {"session_id": session_id}))

        await self._mirror.write(checkout.user_id, look, write)

    def _offer(self, kind: str, plan: str) -> Offer:
        if kind == "subscription":
            found = self._catalog.plans.get(plan)
            if found is None or not found.price:
                raise InvalidPlan("Invalid subscription plan")
            return Offer(kind, plan, f"Drape {found.name}, {found.credits} credits a month", found.credits, found.price)
        package = self._catalog.packages.get(plan)
        if package is None:
            raise InvalidPlan("Invalid credit package")
        return Offer("credits", plan, f"Drape, {package.credits} credits", package.credits, package.price)

    async def _begin_row(self, user_id: str, offer: Offer, key: str) -> Row[Checkout]:
        checkout_id = new_id()
        row = {
            "id": checkout_id,
            "user_id": user_id,
            # Without a key every request is a purchase of its own.
            "idempotency_key": key or checkout_id,
            "type": offer.kind,
            "plan": offer.plan,
            "credits": offer.credits,
            "amount": offer.amount,
            "currency": self._catalog.currency,
            "status": "pending",
            "created_at": datetime.now(UTC),
        }
        async with self._database.transaction() as connection:
            await connection.execute(upsert(Checkout).values(row).on_conflict_do_nothing())
            statement = select(Checkout).where(
                col(Checkout.user_id) == user_id, col(Checkout.idempotency_key) == row["idempotency_key"]
            )
            return (await connection.execute(statement)).one()

    async def _change(self, user_id: str, offer: Offer, key: str) -> PaymentPage | None:
        """Where a user who has a plan changes it; None for who has none, or began this purchase when they had none."""
        mine = select(col(Checkout.id)).where(col(Checkout.user_id) == user_id, col(Checkout.idempotency_key) == key)
        async with self._database.read() as connection:
            begun = (await connection.execute(mine)).first() is not None
        return None if begun else await self._portal.change(user_id, offer.plan, key)

    async def _of(self, session: SessionState | None) -> Row[Checkout] | None:
        if session is None:
            return None
        # By our own id in the metadata: the session's may not be written down yet, or was lost in a crash.
        async with self._database.read() as connection:
            found = await connection.execute(select(Checkout).where(col(Checkout.id) == session.checkout_id))
            return found.first()

    async def _set(self, checkout_id: str, **values: str | None) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(Checkout).where(col(Checkout.id) == checkout_id).values(values))


def _purchase(row: Row[Checkout], offer: Offer) -> Purchase:
    metadata = {"type": offer.kind, "plan": offer.plan}
    return Purchase(row.id, row.user_id, offer.kind, offer.name, row.amount, row.currency, metadata)
