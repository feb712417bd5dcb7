"""The auth service's own parts put together from its settings; the service and the admin command share them."""

import hmac
from dataclasses import dataclass
from datetime import timedelta

from services.auth import audit
from services.auth.accounts import Accounts
from services.auth.keys import Keys, Rotation
from services.auth.mailed_links import Links
from services.auth.passwords import Passwords
from services.auth.recovery import Recovery
from services.auth.revocations import Revocations
from services.auth.sessions import SessionLimits, Sessions
from services.auth.settings import Settings
from services.auth.throttling import Throttle, ThrottleLimits
from services.kit.database import Database

HOLDERS = ("media", "tryon", "billing")
"""The other services that keep data of users."""


@dataclass(frozen=True)
class Parts:
    """What the use cases are made of."""

    database: Database
    keys: Keys
    sessions: Sessions
    throttle: Throttle
    links: Links
    revocations: Revocations
    accounts: Accounts
    recovery: Recovery
    audit_retention: timedelta

    async def prune(self) -> None:
        """Deletes what is over: sessions, links, revocations, old entries of the audit log."""
        async with self.database.transaction() as connection:
            await self.sessions.prune(connection)
            await self.links.prune(connection)
            await self.revocations.prune(connection)
            await self.throttle.prune(connection)
            await audit.prune(connection, self.audit_retention)


def build(config: Settings, database: Database) -> Parts:
    """Puts the parts together. Nothing is asked of the database yet."""
    rotation = Rotation(timedelta(days=config.key_rotation_days), timedelta(seconds=config.key_lead_seconds))
    secret = config.key_encryption_secret.get_secret_value()
    keys = Keys(database, secret, config.token_issuer, config.access_token_seconds, rotation)
    sessions = Sessions(database, keys, config.refresh_secret.get_secret_value(), session_limits(config))
    passwords = Passwords(config.password_pepper.get_secret_value(), config.bcrypt_cost)
    throttle = Throttle(database, _derived(config, "throttle"), _throttle_limits(config))
    lifetimes = timedelta(hours=config.verify_hours), timedelta(minutes=config.reset_minutes)
    links = Links(
        database,
        _derived(config, "links"),
        {"verify": lifetimes[0], "change": lifetimes[0], "reset": lifetimes[1]},
    )
    return Parts(
        database=database,
        keys=keys,
        sessions=sessions,
        throttle=throttle,
        links=links,
        revocations=Revocations(database, config.access_token_seconds),
        accounts=Accounts(database, passwords, sessions, throttle, links, holders=HOLDERS),
        recovery=Recovery(database, passwords, sessions, throttle, links),
        audit_retention=timedelta(days=config.audit_days),
    )


def session_limits(config: Settings) -> SessionLimits:
    """How long sessions last."""
    return SessionLimits(
        idle=timedelta(days=config.session_idle_days),
        absolute=timedelta(days=config.session_absolute_days),
        grace=timedelta(seconds=config.refresh_grace_seconds),
    )


def _throttle_limits(config: Settings) -> ThrottleLimits:
    return ThrottleLimits(
        enabled=config.throttle == "on",
        account_free=config.throttle_account_free,
        address_free=config.throttle_address_free,
        first=config.throttle_first_seconds,
        longest=config.throttle_longest_seconds,
    )


def _derived(config: Settings, purpose: str) -> bytes:
    """A secret of its own for each purpose, out of one."""
    return hmac.digest(config.refresh_secret.get_secret_value().encode(), purpose.encode(), "sha256")
