"""Tables of the billing service. Credits are whole numbers; money is in minor units with its currency."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, CheckConstraint, Computed, Identity, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

TIME: Any = TIMESTAMP(timezone=True)


class Account(SQLModel, table=True):
    """A user's standing: what the entries add up to, kept beside them."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("available >= 0"), CheckConstraint("held >= 0"), CheckConstraint("debt >= 0"))

    user_id: str = Field(primary_key=True)
    available: int = 0
    held: int = 0
    debt: int = 0
    """Credits that were spent and whose money went back; the next grant pays them first."""
    due_at: datetime | None = Field(default=None, sa_type=TIME)
    """Nothing of the account begins or ends by itself before then."""
    stripe_revision: int = 0
    """Counts what was written down of Stripe's objects, so that an older look at them cannot undo a newer one."""
    plan: str = "free"
    stripe_customer_id: str | None = Field(default=None, unique=True)
    created_at: datetime = Field(sa_type=TIME)
    closed_at: datetime | None = Field(default=None, sa_type=TIME)


class Grant(SQLModel, table=True):
    """Credits that came in at once, and what is left of them."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("source", "reference"),
        CheckConstraint("amount > 0"),
        CheckConstraint("least(used, expired, revoked) >= 0"),
        CheckConstraint("used + expired <= amount AND revoked <= amount"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    source: str
    """signup, purchase, subscription, promotion or adjustment."""
    reference: str
    """What it was granted for; at most one grant of a source for each."""
    amount: int
    used: int = 0
    """In open holds, spent, or paid for a debt."""
    expired: int = 0
    revoked: int = 0
    """Credits whose money went back. Those of them that are used are owed: see Debt."""
    remaining: int = Field(sa_column_args=(Computed("greatest(0, amount - used - expired - revoked)", persisted=True),))
    """What can be spent; 0 until the grant has entered."""
    priority: int
    """Lower is spent first."""
    paid: bool = False
    """Whether money was paid for it."""
    created_at: datetime = Field(sa_type=TIME)
    effective_at: datetime = Field(sa_type=TIME)
    entered_at: datetime | None = Field(default=None, sa_type=TIME)
    """When its credits came in, at `effective_at` or soon after."""
    expires_at: datetime | None = Field(default=None, sa_type=TIME)


class Debt(SQLModel, table=True):
    """What is owed for a grant that was revoked after it was used: revoked + used - amount."""

    __tablename__ = "debts"
    __table_args__ = (CheckConstraint("paid BETWEEN 0 AND owed"),)

    grant_id: str = Field(primary_key=True, foreign_key="grants.id")
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    owed: int
    paid: int = 0
    parts: list[list[Any]] = Field(sa_type=JSONB)
    """Pairs of the id of a grant that paid and its credits, oldest first; paid back if the debt turns out smaller."""
    created_at: datetime = Field(sa_type=TIME)


class Hold(SQLModel, table=True):
    """Credits set aside. Open, then captured, released or expired, once."""

    __tablename__ = "holds"

    id: str = Field(primary_key=True)
    """Chosen by the caller."""
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    amount: int
    state: str
    """open, captured, released or expired."""
    parts: list[list[Any]] = Field(sa_type=JSONB)
    """Pairs of a grant's id and the credits taken from it."""
    captured: int | None = None
    """How much was spent; the rest went back."""
    created_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)


class Entry(SQLModel, table=True):
    """One line of the ledger. Never updated or deleted; a trigger sees to that."""

    __tablename__ = "entries"

    id: str = Field(primary_key=True)
    number: int = Field(sa_column_args=(Identity(always=True),))
    """Counts up in the order in which an account's entries were made."""
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    kind: str
    """grant, hold, capture, return, release, expire, revoke, restore or repay."""
    amount: int
    """Change of what can be spent."""
    held: int = 0
    """Change of what is set aside."""
    debt: int = 0
    """Change of what is owed."""
    balance: int
    """What could be spent after it."""
    parts: list[list[Any]] = Field(sa_type=JSONB)
    """Pairs of a grant's id and the change of what is left of it; of a capture, the grants it consumed."""
    grant_id: str | None = None
    hold_id: str | None = None
    created_at: datetime = Field(sa_type=TIME)


class Checkout(SQLModel, table=True):
    """A purchase that was begun. The row comes first; its id is Stripe's idempotency key."""

    __tablename__ = "checkouts"
    __table_args__ = (UniqueConstraint("user_id", "idempotency_key"),)

    id: str = Field(primary_key=True)
    user_id: str = Field(index=True)
    idempotency_key: str
    type: str
    """credits or subscription."""
    plan: str
    credits: int
    amount: int
    currency: str
    status: str
    """pending, completed, failed or expired."""
    session_id: str | None = Field(default=None, unique=True)
    url: str | None = None
    payment_id: str | None = None
    refunded: int = 0
    """How much of the amount went back, by refund or dispute."""
    created_at: datetime = Field(sa_type=TIME)


class Subscription(SQLModel, table=True):
    """A subscription as Stripe last had it."""

    __tablename__ = "subscriptions"

    id: str = Field(primary_key=True)
    """Stripe's."""
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    plan: str
    status: str
    """Stripe's: active, trialing, past_due, canceled, …"""
    cancels_at_period_end: bool
    period_end: datetime | None = Field(default=None, sa_type=TIME)


class Invoice(SQLModel, table=True):
    """A bill for a subscription. Its credits come with its payment, at most once."""

    __tablename__ = "invoices"

    id: str = Field(primary_key=True)
    stripe_id: str = Field(unique=True)
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    subscription_id: str
    plan: str
    credits: int
    """Below zero when a change of plan gives more back than it bills."""
    amount: int
    """What is paid for it, beside what the customer's balance pays."""
    total: int
    """What it bills."""
    currency: str
    status: str
    """pending, completed or failed."""
    payment_id: str | None = None
    refunded: int = 0
    """How much of the amount went back, by refund or dispute."""
    created_at: datetime = Field(sa_type=TIME)


class StripeEvent(SQLModel, table=True):
    """An event as Stripe sent it, kept before it is acted on."""

    __tablename__ = "stripe_events"

    id: str = Field(primary_key=True)
    type: str
    payload: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=TIME)
    processed_at: datetime | None = Field(default=None, sa_type=TIME)
