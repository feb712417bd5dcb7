"""What Stripe's objects say now, in this service's words, and how it is read out of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# A refund that is still on its way has left us; one that failed has not.
_REFUNDED = ("succeeded", "pending", "requires_action")
# The bank takes the money when a dispute opens and returns it when we win. An inquiry takes none.
_DISPUTED = ("needs_response", "under_review", "lost")


@dataclass(frozen=True)
class SessionState:
    """A checkout session as it stands now."""

    id: str
    status: str
    paid: bool
    checkout_id: str
    payment_id: str | None
    amount: int
    """What is paid, after any discount."""
    currency: str
    subscription_id: str | None = None


@dataclass(frozen=True)
class InvoiceLine:
    """A line of an invoice: credit for what is unused is negative. `amount` in minor units."""

    price_id: str | None
    amount: int


@dataclass(frozen=True)
class InvoiceState:
    """An invoice of a subscription as it stands now. Money in minor units."""

    id: str
    status: str
    attempted: bool
    amount: int
    """What is paid for it, beside what the customer's balance pays."""
    total: int
    currency: str
    subscription_id: str | None
    payment_id: str | None
    period_end: datetime | None
    lines: Sequence[InvoiceLine]
    created_at: datetime

    @property
    def paid(self) -> bool:
        """Whether nothing is left to pay."""
        return self.status == "paid"


@dataclass(frozen=True)
class PlanPrice:
    """A price at Stripe of one of our plans. `amount` in minor units."""

    plan: str
    amount: int


@dataclass(frozen=True)
class SubscriptionState:
    """A subscription as it stands now."""

    id: str
    status: str
    user_id: str | None
    plan: str | None
    checkout_id: str = ""
    cancels_at_period_end: bool = False
    period_end: datetime | None = None
    item_id: str = ""
    """What of it has the plan's price."""
    latest_invoice: str | None = None


def read_session(found: Any) -> SessionState:
    """A checkout session."""
    return SessionState(
        id=found.id,
        status=found.status or "",
        paid=found.payment_status in ("paid", "no_payment_required"),
        checkout_id=_metadata(found).get("checkout_id", ""),
        payment_id=id_of(found.payment_intent),
        amount=found.amount_total or 0,
        currency=found.currency or "",
        subscription_id=id_of(found.subscription),
    )


def read_invoice(found: Any, fallback_id: str = "") -> InvoiceState:
    """An invoice that was fetched with its `payments`."""
    details = found.parent.subscription_details if found.parent else None
    lines = [InvoiceLine(_price_of(line), line.amount) for line in found.lines.data]
    ends = [line.period.end for line in found.lines.data]
    return InvoiceState(
        id=found.id or fallback_id,
        status=found.status or "",
        attempted=bool(found.attempted),
        amount=found.amount_paid if found.status == "paid" else found.amount_due,
        total=found.total,
        currency=found.currency,
        subscription_id=id_of(details.subscription) if details else None,
        payment_id=_payment_of(found),
        period_end=_moment(max(ends)) if ends else None,
        lines=lines,
        created_at=datetime.fromtimestamp(found.created, UTC),
    )


def read_subscription(found: Any) -> SubscriptionState:
    """A subscription. Its plan is its price's; the metadata tell only which one it began with."""
    metadata = _metadata(found)
    item = found["items"].data[0]
    return SubscriptionState(
        id=found.id,
        status=found.status,
        user_id=metadata.get("user_id"),
        plan=_metadata(item.price).get("plan") or metadata.get("plan"),
        checkout_id=metadata.get("checkout_id", ""),
        cancels_at_period_end=bool(found.cancel_at_period_end),
        period_end=_moment(item.current_period_end),
        item_id=item.id,
        latest_invoice=id_of(found.latest_invoice),
    )


def read_price(found: Any) -> PlanPrice | None:
    """A price of a plan; None for any other."""
    plan = _metadata(found).get("plan")
    return PlanPrice(plan, found.unit_amount) if plan and found.unit_amount else None


def withdrawn(refunds: Sequence[Any], disputes: Sequence[Any]) -> int:
    """How much of a payment is no longer ours, in minor units."""
    refunded = sum(refund.amount for refund in refunds if refund.status in _REFUNDED)
    return int(refunded + sum(dispute.amount for dispute in disputes if dispute.status in _DISPUTED))


def _metadata(found: Any) -> dict[str, str]:
    return found.metadata.to_dict() if found.metadata else {}


def id_of(found: Any) -> str | None:
    """The id of what may have been expanded."""
    return found if isinstance(found, str) or found is None else str(found.id)


def _price_of(line: Any) -> str | None:
    details = line.pricing.price_details if line.pricing else None
    return id_of(details.price) if details else None


def _payment_of(invoice: Any) -> str | None:
    payments = invoice.payments.data if getattr(invoice, "payments", None) else []
    chosen = sorted(payments, key=lambda each: each.status != "paid")
    return id_of(chosen[0].payment.payment_intent) if chosen else None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
