"""Compares what Stripe has with what we have written down, and makes up for webhooks that never came."""

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlmodel import SQLModel, col

from services.billing import metrics
from services.billing.checkout import Checkouts
from services.billing.models import Checkout, Invoice, Subscription
from services.billing.payments import Payments
from services.billing.subscriptions import Subscriptions
from services.billing.webhooks import Webhooks
from services.kit.database import Database

log = logging.getLogger(__name__)

# Stripe tries to deliver an event for three days; a day more for what it gave up on.
WINDOW = timedelta(days=4)


class Reconciliation:
    """Looks for what we have missed and repairs it the way its webhook would have."""

    def __init__(
        self,
        database: Database,
        payments: Payments,
        checkouts: Checkouts,
        subscriptions: Subscriptions,
        webhooks: Webhooks,
    ) -> None:
        self._database = database
        self._payments = payments
        self._checkouts = checkouts
        self._subscriptions = subscriptions
        self._webhooks = webhooks

    async def run(self, now: datetime | None = None) -> int:
        """How much had to be repaired among what Stripe made in the last four days, and every subscription."""
        since = (now or datetime.now(UTC)) - WINDOW
        repaired = await self._sessions(since) + await self._invoices(since)
        repaired += await self._withdrawals(since) + await self._plans()
        metrics.REPAIRED.add(repaired)
        if repaired:
            log.warning("webhooks were missed, and made up for", extra={"repaired": repaired})
        return repaired

    async def _sessions(self, since: datetime) -> int:
        sessions = [found async for found in self._payments.recent_sessions(since) if found.checkout_id]
        known = await self._known(Checkout, "id", "status", [session.checkout_id for session in sessions])
        repaired = 0
        for session in sessions:
            missed = session.paid or session.status == "expired"
            if missed and known.get(session.checkout_id) in ("pending", "failed"):
                await self._checkouts.fulfil(session.id)
                repaired += 1
        return repaired

    async def _invoices(self, since: datetime) -> int:
        invoices = [found async for found in self._payments.recent_invoices(since) if found.paid]
        known = await self._known(Invoice, "stripe_id", "status", [invoice.id for invoice in invoices])
        missed = [invoice.id for invoice in invoices if known.get(invoice.id) != "completed"]
        for invoice_id in missed:
            await self._subscriptions.settle(invoice_id)
        # Those of other people's subscriptions stay unknown, and are not ours to repair.
        return len(await self._known(Invoice, "stripe_id", "status", missed))

    async def _withdrawals(self, since: datetime) -> int:
        repaired = 0
        for payment_id in {found async for found in self._payments.recent_withdrawals(since)}:
            written = await self._refunded(payment_id)
            if written is not None and written != await self._payments.withdrawn(payment_id):
                await self._webhooks.settle_payment(payment_id)
                repaired += 1
        return repaired

    async def _plans(self) -> int:
        found = [subscription async for subscription in self._payments.subscriptions() if subscription.checkout_id]
        known = await self._known_subscriptions([subscription.id for subscription in found])
        repaired = 0
        for now in found:
            if known.get(now.id) != (now.status, now.plan, now.cancels_at_period_end):
                await self._subscriptions.follow(now.id)
                repaired += 1
        return repaired

    async def _known(self, table: type[SQLModel], key: str, value: str, keys: Collection[str]) -> Mapping[str, str]:
        statement = select(col(getattr(table, key)), col(getattr(table, value))).where(
            col(getattr(table, key)).in_(keys)
        )
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(statement)}

    async def _known_subscriptions(self, ids: Collection[str]) -> Mapping[str, tuple[str, str, bool]]:
        statement = select(Subscription).where(col(Subscription.id).in_(ids))
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {row.id: (row.status, row.plan, row.cancels_at_period_end) for row in rows}

    async def _refunded(self, payment_id: str) -> int | None:
        """What we believe to have gone back of a payment; None when it is not one that we know."""
        statements = (
            select(col(table.refunded)).where(col(table.payment_id) == payment_id) for table in (Checkout, Invoice)
        )
        async with self._database.read() as connection:
            for statement in statements:
                if (found := (await connection.execute(statement)).scalar()) is not None:
                    return int(found)
        return None
