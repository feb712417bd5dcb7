"""Compares what Stripe has with what we have written down, and makes up for webhooks that never came."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlmodel import SQLModel, col

from services.billing import metrics
from services.billing.checkout import Checkouts
from services.billing.closing import ENDED
from services.billing.models import Checkout, Invoice, Subscription
from services.billing.payments import Payments
from services.billing.stripe_states import SubscriptionState
from services.billing.subscriptions import Subscriptions
from services.billing.webhooks import Webhooks
from services.kit.database import Database

log = logging.getLogger(__name__)

# Stripe tries to deliver an event for three days; a day more for what it gave up on.
WINDOW = timedelta(days=4)
# A bank takes so long at most to debit an account or to refuse a refund, and to decide a dispute.
SETTLING = timedelta(days=35)
DECIDING = timedelta(days=120)


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
        """How much had to be repaired among what Stripe made in the last four days, or has not ended yet."""
        now = now or datetime.now(UTC)
        since = now - WINDOW
        subscriptions = [each async for each in self._payments.subscriptions() if each.checkout_id]
        latest = [each.latest_invoice for each in subscriptions if each.latest_invoice and each.status not in ENDED]
        repaired = await self._sessions(since) + await self._late_sessions(now - SETTLING, since)
        repaired += await self._invoices(since, latest)
        repaired += await self._withdrawals(now) + await self._plans(subscriptions)
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

    async def _late_sessions(self, begun: datetime, until: datetime) -> int:
        """Payments that are on their way for long, such as a bank's."""
        waiting = select(col(Checkout.session_id)).where(
            col(Checkout.status) == "pending",
            col(Checkout.session_id).is_not(None),
            col(Checkout.created_at).between(begun, until),
        )
        async with self._database.read() as connection:
            sessions = [str(found) for found in (await connection.execute(waiting)).scalars()]
        for session_id in sessions:
            await self._checkouts.fulfil(session_id)
        known = await self._known(Checkout, "session_id", "status", sessions)
        return sum(status != "pending" for status in known.values())

    async def _invoices(self, since: datetime, latest: Collection[str]) -> int:
        """Recent ones, and the latest of each subscription, which may be paid long after it was made."""
        paid = {found.id async for found in self._payments.recent_invoices(since) if found.paid}
        known = await self._known(Invoice, "stripe_id", "status", paid.union(latest))
        missed = [invoice_id for invoice_id in paid.union(latest) if known.get(invoice_id) != "completed"]
        for invoice_id in missed:
            if invoice_id in paid or ((found := await self._payments.invoice(invoice_id)) and found.paid):
                await self._subscriptions.settle(invoice_id)
        # Those of other people's subscriptions stay unknown, and are not ours to repair.
        after = await self._known(Invoice, "stripe_id", "status", missed)
        return sum(status == "completed" for status in after.values())

    async def _withdrawals(self, now: datetime) -> int:
        repaired = 0
        recent = await self._payments.recent_withdrawals(now - SETTLING, now - DECIDING)
        for payment_id, listed in recent.items():
            written = await self._refunded(payment_id)
            # Of some payments a part went back before that, and only Stripe has the sum.
            if written not in (None, listed) and written != await self._payments.withdrawn(payment_id):
                await self._webhooks.settle_payment(payment_id)
                repaired += 1
        return repaired

    async def _plans(self, found: Sequence[SubscriptionState]) -> int:
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
