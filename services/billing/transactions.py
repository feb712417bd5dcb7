"""What a user bought and spent, newest first."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from services.billing.errors import InvalidPageToken
from services.kit.database import Database

TransactionRow = Row[Any]
"""The columns of the view `transactions`."""

_PAGE = text(
    "SELECT id, type, plan, amount, currency, credits, payment_id, refunded, status, created_at FROM transactions "
    "WHERE user_id = :user AND (created_at, id) < (:time, :id) ORDER BY created_at DESC, id DESC LIMIT :size"
)
_FIRST = text(_PAGE.text.replace("AND (created_at, id) < (:time, :id) ", ""))


@dataclass(frozen=True)
class Page:
    """Some of a user's transactions, and the token of the next page, empty on the last."""

    rows: Sequence[TransactionRow]
    next_token: str


class Transactions:
    """Reads the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user_id: str, size: int, token: str) -> Page:
        """One page. Raises InvalidPageToken."""
        values: dict[str, Any] = {"user": user_id, "size": size + 1}
        if token:
            values["time"], values["id"] = _read_token(token)
        async with self._database.read() as connection:
            rows = (await connection.execute(_PAGE if token else _FIRST, values)).all()
        more = len(rows) > size
        return Page(rows[:size], _write_token(rows[size - 1]) if more else "")


def _write_token(last: Row[Any]) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).decode()


def _read_token(token: str) -> tuple[datetime, str]:
    try:
        time, _, row_id = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode("ascii").partition(" ")
        moment = datetime.fromisoformat(time)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise InvalidPageToken("pageToken is not valid") from error
    if not row_id or moment.tzinfo is None:
        raise InvalidPageToken("pageToken is not valid")
    return moment, row_id
