"""Stripe's events: verify, keep, answer; then act on each as a durable task."""

import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.billing import metrics
from services.billing.catalog import Catalog
from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.models import StripeEvent
from services.billing.payments import Payments
from services.billing.privacy import without_people
from services.billing.subscriptions import Subscriptions
from services.kit import tasks
from services.kit.database import Database

PROCESS_TASK = "process_stripe_event"
"""Acts on a stored event. Payload: event_id."""


class Webhooks:
    """Takes events and acts on them. Events come repeated and out of order, so each only says where to look."""

    def __init__(
        self, database: Database, ledger: Ledger, checkouts: Checkouts, payments: Payments, catalog: Catalog
    ) -> None:
        self._database = database
        self._checkouts = checkouts
        self._payments = payments
        self._subscriptions = Subscriptions(database, ledger, payments, catalog)

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
        if isinstance(created := row.payload.get("created"), int):
            metrics.LAG.record(max(0.0, time.time() - created), {"type": row.type})
        async with self._database.transaction() as connection:
            await connection.execute(
                update(StripeEvent).where(col(StripeEvent.id) == event_id).values(processed_at=datetime.now(UTC))
            )

    async def _act(self, event_type: str, subject: dict[str, Any]) -> None:
        match event_type.split("."):
            case ["checkout", "session", "completed" | "async_payment_succeeded" | "expired"]:
                if _ours(subject):
                    await self._checkouts.fulfil(subject["id"])
            case ["checkout", "session", "async_payment_failed"]:
                if _ours(subject):
                    await self._checkouts.fail(subject["id"])
            case ["invoice", "paid" | "payment_failed" | "voided" | "marked_uncollectible"]:
                await self._subscriptions.settle(subject["id"])
            case ["customer", "subscription", _]:
                if _ours(subject):
                    await self._subscriptions.follow(subject["id"])
            case ["charge", "refunded"] | ["refund", _] | ["charge", "dispute", _]:
                if isinstance(payment_id := subject.get("payment_intent"), str):
                    await self.settle_payment(payment_id)

    async def settle_payment(self, payment_id: str) -> None:
        """Does what the refunds and disputes of a payment call for. Safe to call at any time."""
        if session_id := await self._payments.session_of(payment_id):
            await self._checkouts.fulfil(session_id)
        elif invoice_id := await self._payments.invoice_of(payment_id):
            await self._subscriptions.settle(invoice_id)


def _subject_of(event: dict[str, Any]) -> dict[str, Any] | None:
    """The object that the event is about; None when it names none."""
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) and isinstance(subject.get("id"), str) else None


def _ours(subject: dict[str, Any]) -> bool:
    """Whether the object was made by us; others' are kept and left alone."""
    return bool((subject.get("metadata") or {}).get("checkout_id"))
