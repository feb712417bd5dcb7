"""Tables of the auth service."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, LargeBinary
from sqlmodel import Field, SQLModel

TIME: Any = TIMESTAMP(timezone=True)


class User(SQLModel, table=True):
    """A person's account."""

    __tablename__ = "users"

    id: str = Field(primary_key=True)
    email: str
    """As the person wrote it."""
    email_key: str = Field(unique=True)
    """Lower case: addresses are compared without case."""
    name: str | None = None
    password_hash: str
    created_at: datetime = Field(sa_type=TIME)
    email_verified_at: datetime | None = Field(default=None, sa_type=TIME)
    disabled_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when nobody may sign in to it."""


class Session(SQLModel, table=True):
    """One sign-in on one device: a family of refresh tokens of which the newest is good."""

    __tablename__ = "sessions"

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    """SHA-256 of the refresh token that is good."""
    parent_hash: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True)
    """SHA-256 of the one before it."""
    created_at: datetime = Field(sa_type=TIME)
    rotated_at: datetime = Field(sa_type=TIME)
    user_agent: str = ""
    address: str = ""


class SpentToken(SQLModel, table=True):
    """A refresh token older than the parent. Whoever shows one has stolen it, or was stolen from."""

    __tablename__ = "spent_tokens"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    session_id: str = Field(foreign_key="sessions.id", ondelete="CASCADE", index=True)


class SigningKey(SQLModel, table=True):
    """A key that access tokens are signed with."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True)
    private_key: bytes = Field(sa_type=LargeBinary)
    """Encrypted under KEY_ENCRYPTION_SECRET."""
    created_at: datetime = Field(sa_type=TIME)
    active_at: datetime = Field(sa_type=TIME)
    """When it begins to sign; it is published before."""


class RevokedSession(SQLModel, table=True):
    """A session that has ended, for as long as its access tokens could be good. Written by a trigger."""

    __tablename__ = "revoked_sessions"

    session_id: str = Field(primary_key=True)
    revoked_at: datetime = Field(sa_type=TIME, index=True)


class ThrottleEntry(SQLModel, table=True):
    """What one account or address has tried in vain of late."""

    __tablename__ = "throttles"

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    """A keyed digest: the table holds no e-mail and no address."""
    failures: int
    blocked_until: datetime = Field(sa_type=TIME)
    last_at: datetime = Field(sa_type=TIME, index=True)


class MailToken(SQLModel, table=True):
    """A link that was mailed and not used yet."""

    __tablename__ = "mail_tokens"

    id: str = Field(primary_key=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    """SHA-256 of the token."""
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    purpose: str
    """verify, change or reset."""
    email: str
    """Where it was mailed to."""
    created_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME, index=True)


class AuditEntry(SQLModel, table=True):
    """Who did what, when and from where. No secret, no e-mail."""

    __tablename__ = "audit_log"

    id: str = Field(primary_key=True)
    at: datetime = Field(sa_type=TIME, index=True)
    event: str
    actor: str
    """user, admin or system."""
    user_id: str | None = Field(default=None, index=True)
    session_id: str | None = None
    address: str = ""
    user_agent: str = ""
