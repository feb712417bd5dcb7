"""Sessions: families of rotating refresh tokens (RFC 9700, section 4.14).

A token's successor is HMAC(secret, token). So a token shown twice within the grace window gives the same
successor, though nothing but hashes is kept.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth.errors import InvalidSession
from services.auth.keys import Keys
from services.auth.models import Session, SpentToken
from services.kit.database import Database
from services.kit.ids import new_id


@dataclass(frozen=True)
class Device:
    """Where a session was opened, for the person to recognise it by."""

    user_agent: str = ""
    address: str = ""


@dataclass(frozen=True)
class Credentials:
    """What a browser is given."""

    user_id: str
    session_id: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class SessionLimits:
    """How long sessions last."""

    idle: timedelta
    absolute: timedelta
    grace: timedelta


class Sessions:
    """Opens, renews and ends sessions."""

    def __init__(self, database: Database, keys: Keys, secret: str, limits: SessionLimits) -> None:
        self._database = database
        self._keys = keys
        self._secret = secret.encode()
        self._limits = limits

    async def open(self, connection: AsyncConnection, user_id: str, device: Device) -> Credentials:
        """Opens a session in the caller's transaction."""
        token = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        session_id = new_id()
        row = {
            "id": session_id,
            "user_id": user_id,
            "token_hash": _hash(token),
            "created_at": now,
            "rotated_at": now,
            "user_agent": device.user_agent[:300],
            "address": device.address[:60],
        }
        await connection.execute(insert(Session).values(row))
        return self._credentials(user_id, session_id, token)

    async def refresh(self, token: str) -> Credentials:
        """Gives the token's successor. Raises InvalidSession; a token used before ends its whole session.

        The parent of the good token gives that same good token within the grace window, since browsers send
        several requests at once and only one of them can be the first.
        """
        shown = _hash(token)
        child = self._successor(token)
        now = datetime.now(UTC)
        async with self._database.transaction() as connection:
            row = (
                await connection.execute(
                    select(Session)
                    .where(or_(col(Session.token_hash) == shown, col(Session.parent_hash) == shown))
                    .with_for_update()
                )
            ).first()
            if row is not None and self._alive(row.created_at, row.rotated_at, now):
                if row.token_hash == shown:
                    await self._rotate(connection, row.id, row.parent_hash, shown, _hash(child), now)
                    return self._credentials(row.user_id, row.id, child)
                if now - row.rotated_at <= self._limits.grace:
                    return self._credentials(row.user_id, row.id, child)
            await self._end_family(connection, shown, row.id if row is not None else None)
        raise InvalidSession("Invalid or expired token")

    async def end(self, session_id: str) -> None:
        """Ends a session; none of that id is no error."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(Session).where(col(Session.id) == session_id))

    async def end_by_token(self, token: str) -> None:
        """Ends the session that a refresh token belongs to."""
        shown = _hash(token)
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(Session).where(or_(col(Session.token_hash) == shown, col(Session.parent_hash) == shown))
            )

    async def end_others(self, connection: AsyncConnection, user_id: str, session_id: str) -> None:
        """Ends every session of the user but one, in the caller's transaction."""
        await connection.execute(
            delete(Session).where(and_(col(Session.user_id) == user_id, col(Session.id) != session_id))
        )

    def _alive(self, created: datetime, used: datetime, now: datetime) -> bool:
        return now - used < self._limits.idle and now - created < self._limits.absolute

    async def _rotate(
        self,
        connection: AsyncConnection,
        session_id: str,
        grandparent: bytes | None,
        parent: bytes,
        child: bytes,
        now: datetime,
    ) -> None:
        if grandparent is not None:
            spent = {"token_hash": grandparent, "session_id": session_id}
            await connection.execute(upsert(SpentToken).values(spent).on_conflict_do_nothing())
        await connection.execute(
            update(Session)
            .where(col(Session.id) == session_id)
            .values(token_hash=child, parent_hash=parent, rotated_at=now)
        )

    async def _end_family(self, connection: AsyncConnection, shown: bytes, session_id: str | None) -> None:
        if session_id is None:
            found = await connection.execute(
                select(col(SpentToken.session_id)).where(col(SpentToken.token_hash) == shown)
            )
            session_id = found.scalar_one_or_none()
        if session_id is not None:
            await connection.execute(delete(Session).where(col(Session.id) == session_id))

    def _successor(self, token: str) -> str:
        digest = hmac.digest(self._secret, token.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _credentials(self, user_id: str, session_id: str, refresh_token: str) -> Credentials:
        return Credentials(user_id, session_id, self._keys.access_token(user_id, session_id), refresh_token)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
