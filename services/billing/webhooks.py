"""Stripe's events: verify, keep, answer; then act on each as a durable task."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.billing.catalog import Catalog
from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.models import Account, StripeEvent
from services.billing.payments import Payments, SubscriptionState
from services.billing.privacy import without_people
from services.kit import tasks
from services.kit.database import Database

PROCESS_TASK = "process_stripe_event"
"""Acts on a stored event. Payload: event_id."""

# A renewal's invoice may be paid some days late; the credits of the month before last until then.
_GRACE = timedelta(days=3)
_ENTITLED = ("active", "trialing", "past_due")


class Webhooks:
    """Takes events and acts on them. Events come repeated and out of order, so each only says where to look."""

    def __init__(
        self, database: Database, ledger: Ledger, checkouts: Checkouts, payments: Payments, catalog: Catalog
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._checkouts = checkouts
        self._payments = payments
        self._catalog = catalog

    async def receive(self, body: bytes, signature: str) -> None:
        """Keeps the event and enqueues what follows, unless it is known already. Raises SignatureInvalid."""
        event = self._payments.verified_event(body, signature)
        row = {
            "id": event["id"],
            "type": event["type"],
            "payload": without_people(event),
            "received_at": datetime.now(UTC),
        }
        async with self._database.transaction() as connection:
            statement = upsert(StripeEvent).values(row).on_conflict_do_nothing().returning(col(StripeEvent.id))
            if (await connection.execute(statement)).first() is not None:
                await tasks.enqueue(connection, PROCESS_TASK, {"event_id": event["id"]})

    async def process(self, event_id: str) -> None:
        """Acts on a stored event."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(StripeEvent).where(col(StripeEvent.id) == event_id))).one()
        if subject := _subject_of(row.payload):
            await self._act(row.type, subject)
        async with self._database.transaction() as connection:
            await connection.execute(
                update(StripeEvent).where(col(StripeEvent.id) == event_id).values(processed_at=datetime.now(UTC))
            )

    async def _act(self, event_type: str, subject: dict[str, Any]) -> None:
        match event_type:
            case "checkout.session.completed" | "checkout.session.async_payment_succeeded" | "checkout.session.expired":
                if _ours(subject):
                    await self._checkouts.fulfil(subject["id"])
            case "checkout.session.async_payment_failed":
                if _ours(subject):
                    await self._checkouts.fail(subject["id"])
            case "invoice.paid":
                await self._grant_for_invoice(subject["id"])
            case "customer.subscription.created" | "customer.subscription.updated" | "customer.subscription.deleted":
                if _ours(subject):
                    await self._follow_subscription(await self._payments.subscription(subject["id"]))

    async def _grant_for_invoice(self, invoice_id: str) -> None:
        invoice = await self._payments.invoice(invoice_id)
        if invoice is None or not invoice.paid or not invoice.subscription_id:
            return
        subscription = await self._payments.subscription(invoice.subscription_id)
        plan = self._catalog.plans.get(subscription.plan or "") if subscription else None
        if subscription is None or subscription.user_id is None or plan is None:
            return
        expires = invoice.period_end + _GRACE if invoice.period_end else None
        await self._ledger.grant(subscription.user_id, "subscription", invoice.id, plan.credits, expires)
        await self._follow_subscription(subscription)

    async def _follow_subscription(self, subscription: SubscriptionState | None) -> None:
        if subscription is None or subscription.user_id is None:
            return
        # A user may have several; the end of one must not end what another still gives.
        plans = [
            each.plan
            for each in await self._payments.subscriptions_of(subscription.customer_id)
            if each.plan in self._catalog.plans and each.status in _ENTITLED
        ]
        plan = max(plans, key=lambda name: self._catalog.plans[name].price, default="free")
        async with self._database.transaction() as connection:
            await connection.execute(
                update(Account).where(col(Account.user_id) == subscription.user_id).values(plan=plan)
            )


def _subject_of(event: dict[str, Any]) -> dict[str, Any] | None:
    """The object that the event is about; None when it names none."""
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) and isinstance(subject.get("id"), str) else None


def _ours(subject: dict[str, Any]) -> bool:
    """Whether the object was made by us; others' are kept and left alone."""
    return bool((subject.get("metadata") or {}).get("checkout_id"))
