"""Single-use links that are mailed: their tokens, and the tasks that mail them.

A token is HMAC(secret, its row's id). So the task that mails it can make it again, though the row and the queue hold
nothing that opens anything: the row its hash, the queue its id.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth.errors import InvalidLink
from services.auth.models import MailToken
from services.kit import tasks
from services.kit.database import Database
from services.kit.ids import new_id

Purpose = Literal["verify", "change", "reset"]

LINK_TASK = "mail_link"
"""Mails a link. Payload: token_id."""
NOTICE_TASK = "mail_notice"
"""Mails something to know. Payload: to, letter, id, until (seconds since 1970)."""

# A second mail so soon helps nobody but those who want to fill somebody's inbox.
_PAUSE = timedelta(minutes=1)
_NOTICE_FOR = timedelta(days=1)


class Links:
    """Issues and redeems the tokens in mailed links."""

    def __init__(self, database: Database, secret: bytes, lifetimes: Mapping[Purpose, timedelta]) -> None:
        self._database = database
        self._secret = secret
        self._lifetimes = lifetimes

    async def issue(self, connection: AsyncConnection, user_id: str, purpose: Purpose, email: str) -> bool:
        """Makes a link and has it mailed, in the caller's transaction; earlier ones for the purpose end.

        False, and nothing is mailed, when the same was mailed to the same address within the last minute.
        """
        now = datetime.now(UTC)
        mine = select(MailToken).where(col(MailToken.user_id) == user_id, col(MailToken.purpose) == purpose)
        before = (await connection.execute(mine.with_for_update())).first()
        if before is not None and before.email == email and now - before.created_at < _PAUSE:
            return False
        await self.withdraw(connection, user_id, purpose)
        token_id = new_id()
        row = {
            "id": token_id,
            "token_hash": _hash(self.token(token_id)),
            "user_id": user_id,
            "purpose": purpose,
            "email": email,
            "created_at": now,
            "expires_at": now + self._lifetimes[purpose],
        }
        await connection.execute(insert(MailToken).values(row))
        await tasks.enqueue(connection, LINK_TASK, {"token_id": token_id})
        return True

    async def withdraw(self, connection: AsyncConnection, user_id: str, *purposes: Purpose) -> None:
        """Ends the links that were mailed for these purposes."""
        await connection.execute(
            delete(MailToken).where(col(MailToken.user_id) == user_id, col(MailToken.purpose).in_(purposes))
        )

    async def redeem(self, connection: AsyncConnection, token: str, *purposes: Purpose) -> Row[MailToken]:
        """Uses a token up, in the caller's transaction. Raises InvalidLink."""
        statement = delete(MailToken).where(*_good(token, purposes)).returning(MailToken)
        return _found((await connection.execute(statement)).first())

    async def check(self, token: str, *purposes: Purpose) -> None:
        """Raises InvalidLink when the token could not be redeemed."""
        async with self._database.read() as connection:
            _found((await connection.execute(select(MailToken).where(*_good(token, purposes)))).first())

    async def waiting(self, token_id: str) -> Row[MailToken] | None:
        """The link to mail; None when it is not good any more."""
        statement = select(MailToken).where(
            col(MailToken.id) == token_id, col(MailToken.expires_at) > datetime.now(UTC)
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement)).first()

    async def address(self, connection: AsyncConnection, user_id: str, purpose: Purpose) -> str | None:
        """Where the link for the purpose went, if there is one, even if it is too old by now."""
        statement = select(col(MailToken.email)).where(
            col(MailToken.user_id) == user_id, col(MailToken.purpose) == purpose
        )
        return (await connection.execute(statement)).scalar_one_or_none()

    async def prune(self, connection: AsyncConnection) -> None:
        """Deletes what has expired."""
        await connection.execute(delete(MailToken).where(col(MailToken.expires_at) < datetime.now(UTC)))

    def token(self, token_id: str) -> str:
        """The token of a row."""
        digest = hmac.digest(self._secret, token_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def notify(connection: AsyncConnection, email: str, letter: str) -> None:
    """Has a letter without a link mailed, in the caller's transaction."""
    until = (datetime.now(UTC) + _NOTICE_FOR).timestamp()
    await tasks.enqueue(connection, NOTICE_TASK, {"to": email, "letter": letter, "id": new_id(), "until": until})


def _good(token: str, purposes: tuple[Purpose, ...]) -> tuple[ColumnElement[bool], ...]:
    return (
        col(MailToken.token_hash) == _hash(token),
        col(MailToken.purpose).in_(purposes),
        col(MailToken.expires_at) > datetime.now(UTC),
    )


def _found(row: Row[MailToken] | None) -> Row[MailToken]:
    if row is None:
        raise InvalidLink("This link is not valid any more. Please ask for a new one.")
    return row


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
