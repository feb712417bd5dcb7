"""Accounts: registering, signing in, the profile, deletion."""

from dataclasses import dataclass
from datetime import UTC, datetime

import email_validator
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from services.auth.errors import (
    EmailInUse,
    InvalidCredentials,
    InvalidEmail,
    UserAlreadyExists,
    WrongCurrentPassword,
)
from services.auth.models import Session, User
from services.auth.passwords import Passwords, check_new_password
from services.auth.sessions import Credentials, Device, Sessions
from services.kit import tasks
from services.kit.database import Database
from services.kit.errors import Unauthenticated
from services.kit.ids import new_id

# Shops try us out on .test and .local; whether mail arrives is not decided by a list of names.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

FORGET_TASK = "forget_user"
"""Deletes a user's data at one other service. Payload: user_id, service."""


@dataclass(frozen=True)
class Account:
    """What others may know of an account."""

    id: str
    email: str
    name: str | None
    created_at: datetime


@dataclass(frozen=True)
class ProfileChange:
    """What to change; None or "" leaves it."""

    name: str | None = None
    email: str | None = None
    password: str | None = None
    current_password: str | None = None


class Accounts:
    """The use cases of accounts."""

    def __init__(self, database: Database, passwords: Passwords, sessions: Sessions, holders: tuple[str, ...]) -> None:
        """`holders` names the services that keep data of users."""
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._holders = holders

    async def register(
        self, email: str, password: str, name: str | None, device: Device
    ) -> tuple[Account, Credentials]:
        """Opens an account and a session. Raises InvalidEmail, InvalidPassword, UserAlreadyExists."""
        address = _checked_email(email)
        check_new_password(password)
        row = {
            "id": new_id(),
            "email": address,
            "email_key": address.lower(),
            "name": name or None,
            "password_hash": await self._passwords.hash(password),
            "created_at": datetime.now(UTC),
        }
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(User).values(row))
                credentials = await self._sessions.open(connection, row["id"], device)  # type: ignore[arg-type]
        except IntegrityError as error:
            raise UserAlreadyExists("User already exists") from error
        return Account(row["id"], address, row["name"], row["created_at"]), credentials  # type: ignore[arg-type]

    async def login(self, email: str, password: str, device: Device) -> tuple[Account, Credentials]:
        """Opens a session. Raises InvalidCredentials, unknown e-mail and wrong password take the same time."""
        async with self._database.read() as connection:
            found = await connection.execute(select(User).where(col(User.email_key) == _email_key(email)))
            user = found.first()
        if not await self._passwords.verify(password, user.password_hash if user else None) or user is None:
            raise InvalidCredentials("Invalid credentials")
        try:
            async with self._database.transaction() as connection:
                credentials = await self._sessions.open(connection, user.id, device)
        except IntegrityError as error:  # deleted meanwhile
            raise InvalidCredentials("Invalid credentials") from error
        return _account(user), credentials

    async def profile(self, user_id: str, session_id: str) -> Account:
        """The account, if the session has not ended. Raises Unauthenticated."""
        return _account(await self._user_in_session(user_id, session_id))

    async def update(self, user_id: str, session_id: str, change: ProfileChange) -> Account:
        """Changes the profile; a new password ends all other sessions.

        Raises WrongCurrentPassword, InvalidEmail, InvalidPassword, EmailInUse.
        """
        user = await self._user_in_session(user_id, session_id)
        values = await self._checked_changes(user, change)
        if not values:
            return _account(user)
        try:
            async with self._database.transaction() as connection:
                statement = update(User).where(col(User.id) == user_id).values(values).returning(User)
                if (changed := (await connection.execute(statement)).first()) is None:
                    raise Unauthenticated("Invalid or expired token")
                if "password_hash" in values:
                    await self._sessions.end_others(connection, user_id, session_id)
        except IntegrityError as error:
            raise EmailInUse("Email already in use") from error
        return _account(changed)

    async def delete(self, user_id: str, session_id: str, password: str | None) -> None:
        """Deletes the account now, and what other services keep as durable tasks. Raises WrongCurrentPassword."""
        user = await self._user_in_session(user_id, session_id)
        if password and not await self._passwords.verify(password, user.password_hash):
            raise WrongCurrentPassword("Current password is incorrect")
        async with self._database.transaction() as connection:
            deleted = await connection.execute(delete(User).where(col(User.id) == user_id))
            if not deleted.rowcount:
                raise Unauthenticated("Invalid or expired token")
            for service in self._holders:
                await tasks.enqueue(connection, FORGET_TASK, {"user_id": user_id, "service": service})

    async def _checked_changes(self, user: Row[User], change: ProfileChange) -> dict[str, object]:
        values: dict[str, object] = {}
        if change.name and change.name != user.name:
            values["name"] = change.name
        if change.email and (address := _checked_email(change.email)) != user.email:
            values |= {"email": address, "email_key": address.lower()}
        if change.password:
            check_new_password(change.password)
        guarded = change.password or "email" in values
        if guarded and not await self._passwords.verify(change.current_password or "", user.password_hash):
            raise WrongCurrentPassword("Current password is incorrect")
        if change.password:
            values["password_hash"] = await self._passwords.hash(change.password)
        return values

    async def _user_in_session(self, user_id: str, session_id: str) -> Row[User]:
        statement = (
            select(User)
            .join(Session, col(Session.user_id) == col(User.id))
            .where(col(User.id) == user_id, col(Session.id) == session_id)
        )
        async with self._database.read() as connection:
            user = (await connection.execute(statement)).first()
        if user is None:
            raise Unauthenticated("Invalid or expired token")
        return user


def _checked_email(email: str) -> str:
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidEmail("Please enter a valid email address") from error


def _email_key(email: str) -> str | None:
    """What addresses are compared by; None, which nobody has, when it is no address."""
    try:
        return _checked_email(email).lower()
    except InvalidEmail:
        return None


def _account(row: Row[User]) -> Account:
    return Account(row.id, row.email, row.name, row.created_at)
