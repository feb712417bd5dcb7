"""Throttling of guesses: some tries are free, then each costs a pause twice as long as the one before.

Kept in PostgreSQL, so that replicas share it. A try is counted before its password is looked at, and taken back when
it was right: a hundred tries side by side are counted as a hundred.
"""

import hmac
import ipaddress
import math
from dataclasses import dataclass

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth.errors import TooManyAttempts
from services.auth.models import ThrottleEntry
from services.kit.database import Database

# No pause is one that ended in 1970 and not now: now() is when a transaction began, and of two side by side the one
# that began first may come second to the row.
_COUNT = text("""
    INSERT INTO throttles AS t (key, failures, blocked_until, last_at)
    VALUES (:key, 1, to_timestamp(0), now())
    ON CONFLICT (key) DO UPDATE SET
      failures = CASE WHEN t.last_at < now() - make_interval(secs => :memory) THEN 1 ELSE t.failures + 1 END,
      blocked_until = CASE
        WHEN t.last_at < now() - make_interval(secs => :memory) OR t.failures < :free THEN to_timestamp(0)
        ELSE now() + make_interval(secs => LEAST(:longest, :first * power(2, LEAST(t.failures - :free, 30))))
      END,
      last_at = now()
    WHERE t.blocked_until <= now()
    RETURNING key
""")
_WAIT = text("SELECT extract(epoch FROM blocked_until - now()) FROM throttles WHERE key = :key")
_TAKE_BACK = text(
    "UPDATE throttles SET failures = GREATEST(failures - 1, 0), blocked_until = to_timestamp(0) WHERE key = :key"
)


@dataclass(frozen=True)
class ThrottleLimits:
    """How many tries are free, and how long the pauses are, in seconds."""

    enabled: bool = True
    account_free: int = 5
    address_free: int = 100
    first: float = 1
    longest: float = 900
    memory: float = 3600
    """After so long without a try all is forgotten."""


class Throttle:
    """Counts tries by account and by address."""

    def __init__(self, database: Database, secret: bytes, limits: ThrottleLimits) -> None:
        self._database = database
        self._secret = secret
        self._limits = limits

    async def count(self, what: str, *, account: str = "", address: str = "") -> None:
        """Counts a try. Raises TooManyAttempts, and counts nothing, during a pause of the account or the address."""
        if not self._limits.enabled:
            return
        # In one order for all, so that two requests never wait for each other.
        buckets = sorted(
            (
                (self._key(what, "account", account), self._limits.account_free, bool(account)),
                (self._key(what, "address", _network(address)), self._limits.address_free, bool(address)),
            )
        )
        async with self._database.transaction() as connection:
            for key, free, known in buckets:
                if known and not await self._counted(connection, key, free):
                    raise await self._refusal(connection, key)

    async def take_back(self, connection: AsyncConnection, what: str, *, account: str, address: str) -> None:
        """The try was right: the account starts anew, the address has not failed. In the caller's transaction."""
        await self.forget(connection, what, account)
        if address:
            await connection.execute(_TAKE_BACK, {"key": self._key(what, "address", _network(address))})

    async def forget(self, connection: AsyncConnection, what: str, account: str) -> None:
        """The account starts anew."""
        key = self._key(what, "account", account)
        await connection.execute(delete(ThrottleEntry).where(col(ThrottleEntry.key) == key))

    async def prune(self, connection: AsyncConnection) -> None:
        """Deletes what is forgotten."""
        await connection.execute(
            text("DELETE FROM throttles WHERE last_at < now() - make_interval(secs => :memory)"),
            {"memory": self._limits.memory},
        )

    async def _counted(self, connection: AsyncConnection, key: bytes, free: int) -> bool:
        limits = self._limits
        values = {"key": key, "free": free, "first": limits.first, "longest": limits.longest, "memory": limits.memory}
        return (await connection.execute(_COUNT, values)).first() is not None

    async def _refusal(self, connection: AsyncConnection, key: bytes) -> TooManyAttempts:
        wait = (await connection.execute(_WAIT, {"key": key})).scalar_one_or_none()
        return TooManyAttempts(max(1, math.ceil(wait or 0)))

    def _key(self, what: str, kind: str, value: str) -> bytes:
        return hmac.digest(self._secret, f"{what}:{kind}:{value}".encode(), "sha256")


def _network(address: str) -> str:
    """The address, or of IPv6 the /64 that one customer has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
