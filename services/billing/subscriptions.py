"""Subscriptions: each paid invoice grants credits, the subscription's state decides the plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.account import LockedAccount
from services.billing.catalog import Catalog
from services.billing.closing import END_TASK, ENDED, close, give_back
from services.billing.ledger import Ledger
from services.billing.mirror import Mirror
from services.billing.models import Checkout, Invoice, Subscription
from services.billing.payments import Payments
from services.billing.sales import revoked_credits
from services.billing.stripe_states import InvoiceState, SubscriptionState
from services.kit import tasks
from services.kit.database import Database
from services.kit.ids import new_id

# A renewal's invoice may be paid some days late; the credits of the month before last until then.
_GRACE = timedelta(days=3)
# While Stripe still tries to collect a renewal the plan stays; its credits come only with the payment.
ENTITLED = ("active", "trialing", "past_due")
_STATUS = {"paid": "completed", "void": "failed", "uncollectible": "failed"}


@dataclass(frozen=True)
class Bill:
    """An invoice as Stripe has it now, what it gives, and the subscription that it is for."""

    invoice: InvoiceState
    subscription: SubscriptionState
    plan: str
    credits: int
    refunded: int


class Subscriptions:
    """Keeps plans and their credits as Stripe has them. Every method is safe to call at any time."""

    def __init__(self, database: Database, ledger: Ledger, payments: Payments, catalog: Catalog) -> None:
        self._database = database
        self._ledger = ledger
        self._payments = payments
        self._catalog = catalog
        self._mirror = Mirror(database, ledger)

    async def follow(self, subscription_id: str) -> None:
        """Writes down what the subscription is now, and which plan that makes."""
        user_id = await self._owner(await self._payments.subscription(subscription_id))
        if user_id is None:
            return

        async def write(connection: AsyncConnection, account: LockedAccount, now: SubscriptionState | None) -> None:
            if now is not None:
                await self._write_subscription(connection, account, now)

        await self._mirror.write(user_id, lambda: self._payments.subscription(subscription_id), write)

    async def settle(self, invoice_id: str) -> None:
        """Grants what a paid invoice gives, and takes back what of it was refunded."""
        invoice = await self._payments.invoice(invoice_id)
        if invoice is None or invoice.subscription_id is None:
            return
        user_id = await self._owner(await self._payments.subscription(invoice.subscription_id))
        if user_id is not None:
            await self._mirror.write(user_id, lambda: self._bill(invoice_id), self._write_bill)

    async def forget(self, user_id: str) -> None:
        """Closes the user's account, and has nothing billed for it any more."""
        async with self._ledger.locked(user_id, signup=False) as (connection, account):
            await close(connection, account)

    async def _owner(self, subscription: SubscriptionState | None) -> str | None:
        """Whose subscription it is; None unless it was begun by a checkout of ours."""
        if subscription is None or subscription.plan not in self._catalog.plans:
            return None
        statement = select(col(Checkout.user_id)).where(col(Checkout.id) == subscription.checkout_id)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar()

    async def _bill(self, invoice_id: str) -> Bill | None:
        invoice = await self._payments.invoice(invoice_id)
        if invoice is None or invoice.subscription_id is None:
            return None
        subscription = await self._payments.subscription(invoice.subscription_id)
        if subscription is None:
            return None
        refunded = await self._payments.withdrawn(invoice.payment_id) if invoice.paid else 0
        plan, credits = await self._worth(invoice)
        return Bill(invoice, subscription, plan or subscription.plan or "", credits, refunded)

    async def _worth(self, invoice: InvoiceState) -> tuple[str, int]:
        """The plan that an invoice bills, and its credits: they go with the money, also when a plan changes.

        A line for half a month of a plan is worth half of its credits, one that gives half a month back takes
        half of them off. They are below zero for an invoice that gives more back than it bills.
        """
        worth: dict[str, Fraction] = {}
        for price_id in {line.price_id for line in invoice.lines} - {None}:
            price = await self._payments.price(price_id or "")
            plan = self._catalog.plans.get(price.plan) if price else None
            if price and plan:
                billed = sum(line.amount for line in invoice.lines if line.price_id == price_id)
                worth[price.plan] = worth.get(price.plan, Fraction(0)) + Fraction(plan.credits * billed, price.amount)
        return max(worth, key=lambda key: worth[key], default=""), int(sum(worth.values()))

    async def _write_bill(self, connection: AsyncConnection, account: LockedAccount, bill: Bill | None) -> None:
        if bill is None:
            return
        invoice = bill.invoice
        await self._write_subscription(connection, account, bill.subscription)
        row = await _write_invoice(connection, account.user_id, bill)
        if invoice.paid:
            begun = update(Checkout).where(col(Checkout.id) == bill.subscription.checkout_id)
            await connection.execute(begun.values(status="completed"))
            if row.credits > 0:
                expires = invoice.period_end + _GRACE if invoice.period_end else None
                await account.grant("subscription", invoice.id, row.credits, expires)
            if bill.refunded < invoice.amount:
                await give_back(connection, account, "subscription", invoice.id, invoice.payment_id)
            for stripe_id, credits in _lost_credits(await _paid_invoices(connection, bill.subscription.id)):
                await account.revoke("subscription", stripe_id, credits)

    async def _write_subscription(
        self, connection: AsyncConnection, account: LockedAccount, now: SubscriptionState
    ) -> None:
        row: dict[str, Any] = {
            "id": now.id,
            "user_id": account.user_id,
            "plan": now.plan,
            "status": now.status,
            "cancels_at_period_end": now.cancels_at_period_end,
            "period_end": now.period_end,
        }
        statement = upsert(Subscription).values(row).on_conflict_do_update(index_elements=["id"], set_=row)
        await connection.execute(statement)
        if account.closed and now.status not in ENDED:
            await tasks.enqueue(connection, END_TASK, {"subscription_id": now.id})
        plan = await self._plan(connection, account.user_id)
        if plan != account.plan:
            account.plan = plan
            await account.update(plan=plan)

    async def _plan(self, connection: AsyncConnection, user_id: str) -> str:
        """The dearest plan that one of the user's subscriptions entitles to."""
        statement = select(col(Subscription.plan)).where(
            col(Subscription.user_id) == user_id, col(Subscription.status).in_(ENTITLED)
        )
        plans = (await connection.execute(statement)).scalars().all()
        known = [plan for plan in plans if plan in self._catalog.plans]
        return max(known, key=lambda plan: self._catalog.plans[plan].price, default="free")


async def _write_invoice(connection: AsyncConnection, user_id: str, bill: Bill) -> Row[Invoice]:
    """The invoice's row. How many credits it gives is settled when it is first paid."""
    invoice = bill.invoice
    changing: dict[str, Any] = {
        "amount": invoice.amount,
        "total": invoice.total,
        "status": _STATUS.get(invoice.status, "failed" if invoice.attempted else "pending"),
        "payment_id": invoice.payment_id,
        "refunded": bill.refunded,
    }
    fixed = {
        "id": new_id(),
        "stripe_id": invoice.id,
        "user_id": user_id,
        "subscription_id": bill.subscription.id,
        "plan": bill.plan,
        "credits": bill.credits,
        "currency": invoice.currency,
        "created_at": invoice.created_at,
    }
    statement = upsert(Invoice).values(fixed | changing)
    statement = statement.on_conflict_do_update(index_elements=["stripe_id"], set_=changing)
    await connection.execute(statement)
    return (await connection.execute(select(Invoice).where(col(Invoice.stripe_id) == invoice.id))).one()


async def _paid_invoices(connection: AsyncConnection, subscription_id: str) -> Sequence[Row[Invoice]]:
    """The paid invoices of a subscription, newest first; of the same second those first that give money back."""
    mine = select(Invoice).where(
        col(Invoice.subscription_id) == subscription_id, col(Invoice.status) == _STATUS["paid"]
    )
    return (await connection.execute(mine.order_by(col(Invoice.created_at).desc(), col(Invoice.credits)))).all()


def _lost_credits(newest_first: Sequence[Row[Invoice]]) -> Iterator[tuple[str, int]]:
    """How many of each invoice's credits go back: with its own money, or with that of a change to a cheaper plan.

    Otherwise who changes to a cheaper plan and back again would be given credits for nothing.
    """
    given_back = 0
    for invoice in newest_first:
        if invoice.credits < 0:
            given_back -= invoice.credits
            continue
        lost = revoked_credits(invoice.credits, invoice.total, invoice.refunded)
        more = min(given_back, invoice.credits - lost)
        given_back -= more
        yield invoice.stripe_id, lost + more
