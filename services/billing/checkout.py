"""Buying: a row first, then a page at Stripe, then, when Stripe says it is paid, the credits."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.billing.catalog import Catalog
from services.billing.errors import IdempotencyKeyReused, InvalidIdempotencyKey, InvalidPlan
from services.billing.ledger import Ledger
from services.billing.models import Account, Checkout
from services.billing.payments import PaymentPage, Payments, Purchase, SessionState
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

    async def begin(self, user_id: str, kind: str, plan: str, idempotency_key: str) -> PaymentPage:
        """A page to pay at. The same idempotency key gives the same page.

        Raises InvalidPlan, InvalidIdempotencyKey, IdempotencyKeyReused, PaymentsUnavailable.
        """
        offer = self._offer(kind, plan.lower())
        if len(idempotency_key) > MAX_KEY_CHARACTERS:
            raise InvalidIdempotencyKey("Idempotency-Key must be at most 255 characters")
        row = await self._begin_row(user_id, offer, idempotency_key)
        if (row.type, row.plan) != (offer.kind, offer.plan):
            raise IdempotencyKeyReused("This Idempotency-Key was used for another request")
        if row.session_id and row.url:
            return PaymentPage(row.session_id, row.url)
        customer = await self._customer(user_id)
        page = await self._payments.create_page(_purchase(row, offer), customer)
        await self._set(row.id, session_id=page.session_id, url=page.url)
        return page

    async def fulfil(self, session_id: str) -> None:
        """Does what the session's state at Stripe calls for. Safe to call at any time, any number of times."""
        session = await self._payments.session(session_id)
        checkout = await self._of(session)
        if session is None or checkout is None:
            return
        if session.paid:
            if checkout.type == "credits":
                await self._ledger.grant(checkout.user_id, "purchase", checkout.id, checkout.credits)
            await self._set(checkout.id, status="completed", payment_id=session.payment_id)
        elif session.status == "expired" and checkout.status == "pending":
            await self._set(checkout.id, status="expired")

    async def fail(self, session_id: str) -> None:
        """Marks a purchase whose payment did not come, unless it did after all."""
        session = await self._payments.session(session_id)
        checkout = await self._of(session)
        if session is not None and checkout is not None and not session.paid:
            await self._set(checkout.id, status="failed")

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

    async def _customer(self, user_id: str) -> str:
        await self._ledger.standing(user_id)  # opens the account
        known = select(col(Account.stripe_customer_id)).where(col(Account.user_id) == user_id)
        async with self._database.read() as connection:
            customer = (await connection.execute(known)).scalar_one()
        if customer:
            return str(customer)
        created = await self._payments.create_customer(user_id)
        async with self._database.transaction() as connection:
            await connection.execute(
                update(Account).where(col(Account.user_id) == user_id).values(stripe_customer_id=created)
            )
        return created

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
