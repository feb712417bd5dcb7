"""Sessions: families of rotating refresh tokens (RFC 9700, section 4.14).

A token's successor is HMAC(secret, token). So a token shown twice within the grace window gives the same
successor, though nothing but hashes is kept.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth import audit
from services.auth.devices import Device
from services.auth.errors import InvalidSession, SessionNotFound
from services.auth.keys import Keys
from services.auth.models import Session, SpentToken
from services.kit.database import Database
from services.kit.errors import Unauthenticated
from services.kit.ids import new_id


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

    async def end(self, session_id: str, device: Device | None = None) -> None:
        """Ends a session; none of that id is no error."""
        await self._log_out(col(Session.id) == session_id, device)

    async def end_by_token(self, token: str, device: Device | None = None) -> None:
        """Ends the session that a refresh token belongs to."""
        shown = _hash(token)
        await self._log_out(or_(col(Session.token_hash) == shown, col(Session.parent_hash) == shown), device)

    async def end_others(self, connection: AsyncConnection, user_id: str, session_id: str) -> int:
        """Ends every session of the user but one, in the caller's transaction, and tells how many there were."""
        statement = delete(Session).where(col(Session.user_id) == user_id, col(Session.id) != session_id)
        return (await connection.execute(statement)).rowcount

    async def end_all(self, connection: AsyncConnection, user_id: str) -> None:
        """Ends every session of the user, in the caller's transaction."""
        await connection.execute(delete(Session).where(col(Session.user_id) == user_id))

    async def of_user(self, user_id: str, session_id: str) -> Sequence[Row[Session]]:
        """The user's sessions, the one used last first. Raises Unauthenticated when the one that asks has ended."""
        now = datetime.now(UTC)
        statement = (
            select(Session)
            .where(
                col(Session.user_id) == user_id,
                col(Session.rotated_at) > now - self._limits.idle,
                col(Session.created_at) > now - self._limits.absolute,
            )
            .order_by(col(Session.rotated_at).desc())
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        if session_id not in {row.id for row in rows}:
            raise Unauthenticated("Invalid or expired token")
        return rows

    async def end_one(self, user_id: str, session_id: str, target: str, device: Device) -> None:
        """Ends a session of the user at the word of another. Raises SessionNotFound, Unauthenticated."""
        async with self._database.transaction() as connection:
            await _check_open(connection, user_id, session_id)
            statement = delete(Session).where(col(Session.id) == target, col(Session.user_id) == user_id)
            if not (await connection.execute(statement)).rowcount:
                raise SessionNotFound("Session not found")
            await audit.note(connection, "session_ended", user_id, target, device)

    async def end_all_but(self, user_id: str, session_id: str, device: Device) -> int:
        """Ends all other sessions of the user and tells how many there were. Raises Unauthenticated."""
        async with self._database.transaction() as connection:
            await _check_open(connection, user_id, session_id)
            ended = await self.end_others(connection, user_id, session_id)
            await audit.note(connection, "other_sessions_ended", user_id, session_id, device)
            return ended

    async def prune(self, connection: AsyncConnection) -> None:
        """Deletes sessions that are over."""
        now = datetime.now(UTC)
        over = or_(
            col(Session.rotated_at) < now - self._limits.idle, col(Session.created_at) < now - self._limits.absolute
        )
        await connection.execute(delete(Session).where(over))

    async def _log_out(self, which: ColumnElement[bool], device: Device | None) -> None:
        async with self._database.transaction() as connection:
            statement = delete(Session).where(which).returning(col(Session.user_id), col(Session.id))
            for row in (await connection.execute(statement)).all():
                await audit.note(connection, "logged_out", row.user_id, row.id, device)

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
            statement = delete(Session).where(col(Session.id) == session_id).returning(col(Session.user_id))
            if user_id := (await connection.execute(statement)).scalar_one_or_none():
                await audit.note(connection, "old_refresh_token_refused", user_id, session_id, actor="system")

    def _successor(self, token: str) -> str:
        digest = hmac.digest(self._secret, token.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _credentials(self, user_id: str, session_id: str, refresh_token: str) -> Credentials:
        return Credentials(user_id, session_id, self._keys.access_token(user_id, session_id), refresh_token)


async def _check_open(connection: AsyncConnection, user_id: str, session_id: str) -> None:
    mine = select(col(Session.id)).where(col(Session.id) == session_id, col(Session.user_id) == user_id)
    if (await connection.execute(mine)).first() is None:
        raise Unauthenticated("Invalid or expired token")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
