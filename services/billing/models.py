"""Tables of the billing service. Credits are whole numbers; money is in minor units with its currency."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, CheckConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

TIME: Any = TIMESTAMP(timezone=True)


class Account(SQLModel, table=True):
    """A user's standing: what the entries add up to, kept beside them."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("available >= 0"), CheckConstraint("held >= 0"))

    user_id: str = Field(primary_key=True)
    available: int = 0
    held: int = 0
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
        CheckConstraint("remaining BETWEEN 0 AND amount"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    source: str
    """signup, purchase, subscription, promotion or adjustment."""
    reference: str
    """What it was granted for; at most one grant of a source for each."""
    amount: int
    remaining: int
    priority: int
    """Lower is spent first."""
    created_at: datetime = Field(sa_type=TIME)
    expires_at: datetime | None = Field(default=None, sa_type=TIME)


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
    created_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)


class Entry(SQLModel, table=True):
    """One line of the ledger. Never updated or deleted; a trigger sees to that."""

    __tablename__ = "entries"

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="accounts.user_id", index=True)
    kind: str
    """grant, hold, capture, release or expire."""
    amount: int
    """Change of what can be spent."""
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
    created_at: datetime = Field(sa_type=TIME)


class StripeEvent(SQLModel, table=True):
    """An event as Stripe sent it, kept before it is acted on."""

    __tablename__ = "stripe_events"

    id: str = Field(primary_key=True)
    type: str
    payload: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=TIME)
    processed_at: datetime | None = Field(default=None, sa_type=TIME)
