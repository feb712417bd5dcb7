"""Persons with accounts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from services.auth.accounts import Account, Accounts
from services.auth.devices import Device
from services.auth.mailed_links import Links
from services.auth.passwords import Passwords
from services.auth.sessions import Credentials, Sessions
from services.auth.throttling import Throttle, ThrottleLimits
from services.kit.database import Database
from services.kit.ids import new_id

DAY = timedelta(days=1)
HOLDERS = ("media", "tryon", "billing")
PASSWORD = "correct horse battery"
PHONE = Device("Phone/1.0", "192.0.2.1")


def make_accounts(
    database: Database, passwords: Passwords, sessions: Sessions, holders: tuple[str, ...] = HOLDERS
) -> Accounts:
    """Accounts that nobody is kept from trying."""
    return Accounts(database, passwords, sessions, unthrottled(database), make_links(database), holders)


def make_links(database: Database, lifetime: timedelta = DAY) -> Links:
    """Links that work for so long."""
    return Links(database, b"links", {"verify": lifetime, "change": lifetime, "reset": lifetime})


def unthrottled(database: Database) -> Throttle:
    """A throttle that lets everything pass."""
    return Throttle(database, b"throttle", ThrottleLimits(enabled=False))


def new_email() -> str:
    """An address that nobody has."""
    return f"{new_id()}@example.com"


@dataclass(frozen=True)
class Person:
    """An account and its first session."""

    account: Account
    credentials: Credentials

    @property
    def ids(self) -> tuple[str, str]:
        """The user's id and the session's."""
        return self.account.id, self.credentials.session_id


@dataclass(frozen=True)
class People:
    """Opens accounts, and looks at what is kept of them."""

    database: Database
    accounts: Accounts

    async def join(self, email: str | None = None, name: str | None = "Ann") -> Person:
        """Registers somebody."""
        return Person(*await self.accounts.register(email or new_email(), PASSWORD, name, PHONE))

    async def rows(self, statement: str, **values: object) -> list[Any]:
        """What a statement finds."""
        async with self.database.read() as connection:
            return list(await connection.execute(text(statement), values))

    async def mailed(self, user_id: str, purpose: str) -> str:
        """The token in the link that was mailed last for the purpose."""
        [row] = await self.rows(
            "SELECT id FROM mail_tokens WHERE user_id = :id AND purpose = :purpose", id=user_id, purpose=purpose
        )
        return make_links(self.database).token(row.id)

    async def sessions_of(self, user_id: str) -> list[Any]:
        """The user's sessions."""
        return await self.rows("SELECT * FROM sessions WHERE user_id = :id", id=user_id)
