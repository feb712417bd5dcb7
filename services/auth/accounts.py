"""Accounts: registering, signing in, the profile, deletion."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth import audit
from services.auth.addresses import checked_email, email_key
from services.auth.devices import Device
from services.auth.errors import (
    AccountDisabled,
    EmailInUse,
    InvalidCredentials,
    UserAlreadyExists,
    WrongCurrentPassword,
)
from services.auth.mailed_links import Links, notify
from services.auth.models import Session, User
from services.auth.passwords import Passwords, check_new_password
from services.auth.recovery import LOGIN
from services.auth.sessions import Credentials, Sessions
from services.auth.throttling import Throttle
from services.kit import tasks
from services.kit.database import Database
from services.kit.errors import Unauthenticated
from services.kit.ids import new_id

FORGET_TASK = "forget_user"
"""Deletes a user's data at one other service. Payload: user_id, service."""
FORGET_AFTER = tuple(timedelta(seconds=seconds) for seconds in (0, 2, 5, 60, 300))
"""Asked again for what was under way when it was first asked: an upload whose body took its time, a picture that
a worker was storing. The last one comes after every deadline there is."""
CONFIRM = "confirm"
REGISTER = "register"


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

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        sessions: Sessions,
        throttle: Throttle,
        links: Links,
        holders: tuple[str, ...],
    ) -> None:
        """`holders` names the services that keep data of users."""
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._links = links
        self._holders = holders

    async def register(
        self, email: str, password: str, name: str | None, device: Device
    ) -> tuple[Account, Credentials]:
        """Opens an account and a session. Raises InvalidEmail, InvalidPassword, UserAlreadyExists, TooManyAttempts."""
        address = checked_email(email)
        check_new_password(password)
        # Each account comes with credits, and each try tells whether an address is taken: not by the thousand.
        await self._throttle.count(REGISTER, address=device.address)
        row: dict[str, Any] = {
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
                credentials = await self._sessions.open(connection, row["id"], device)
                await self._links.issue(connection, row["id"], "verify", address)
                await audit.note(connection, "registered", credentials.user_id, credentials.session_id, device)
        except IntegrityError as error:
            raise UserAlreadyExists("User already exists") from error
        return Account(row["id"], address, row["name"], row["created_at"]), credentials

    async def login(self, email: str, password: str, device: Device) -> tuple[Account, Credentials]:
        """Opens a session. Raises InvalidCredentials, TooManyAttempts, and AccountDisabled to who has the password.

        Unknown e-mail and wrong password take the same steps, and so the same time.
        """
        key = email_key(email)
        account = key or email
        await self._throttle.count(LOGIN, account=account, address=device.address)
        async with self._database.read() as connection:
            user = (await connection.execute(select(User).where(col(User.email_key) == key))).first()
        if not await self._passwords.verify(password, user.password_hash if user else None) or user is None:
            async with self._database.transaction() as connection:
                await audit.note(connection, "login_failed", user.id if user else None, device=device)
            raise InvalidCredentials("Invalid credentials")
        if user.disabled_at is not None:
            raise AccountDisabled("This account is disabled. Please contact our support.")
        better = await self._passwords.hash(password) if self._passwords.outdated(user.password_hash) else None
        try:
            async with self._database.transaction() as connection:
                await self._check_still(connection, user, password)
                credentials = await self._sessions.open(connection, user.id, device)
                await self._throttle.take_back(connection, LOGIN, account=account, address=device.address)
                if better:
                    await _keep_hash(connection, user, better)
                await audit.note(connection, "logged_in", user.id, credentials.session_id, device)
        except IntegrityError as error:  # deleted meanwhile
            raise InvalidCredentials("Invalid credentials") from error
        return _account(user), credentials

    async def profile(self, user_id: str, session_id: str) -> Account:
        """The account, if the session has not ended. Raises Unauthenticated."""
        return _account(await self._user_in_session(user_id, session_id))

    async def update(
        self, user_id: str, session_id: str, change: ProfileChange, device: Device | None = None
    ) -> Account:
        """Changes the profile; a new password ends all other sessions, a new address waits until it is confirmed.

        Raises WrongCurrentPassword, InvalidEmail, InvalidPassword, EmailInUse, TooManyAttempts.
        """
        user = await self._user_in_session(user_id, session_id)
        address = await self._new_address(user, change)
        if change.password:
            check_new_password(change.password)
        if change.password or address:
            await self._check_password(user, change.current_password or "", device)
        password_hash = await self._passwords.hash(change.password) if change.password else None
        async with self._database.transaction() as connection:
            values = _at_once(user, change, address)
            # Locked also when nothing changes at once, for the account may be deleted meanwhile.
            statement = update(User).where(col(User.id) == user_id).values(values or {"id": user_id}).returning(User)
            if (changed := (await connection.execute(statement)).first()) is None:
                raise Unauthenticated("Invalid or expired token")
            if (password_hash or address) and changed.password_hash != user.password_hash:
                raise WrongCurrentPassword("Current password is incorrect")  # the one that was changed meanwhile
            if password_hash:
                await self._change_password(connection, changed, session_id, password_hash, device)
            if address and "email" not in values:
                await self._links.issue(connection, user_id, "change", address)
                await notify(connection, user.email, "change_requested")
                await audit.note(connection, "email_change_requested", user_id, session_id, device)
        return _account(changed)

    async def delete(self, user_id: str, session_id: str, password: str | None, device: Device | None = None) -> None:
        """Deletes the account now, and what other services keep as durable tasks.

        Raises WrongCurrentPassword, TooManyAttempts.
        """
        user = await self._user_in_session(user_id, session_id)
        if password:
            await self._check_password(user, password, device)
        await self.remove(user_id, actor="user")

    async def remove(self, user_id: str, actor: str) -> None:
        """Deletes an account without asking anybody. Raises Unauthenticated when somebody else just did."""
        async with self._database.transaction() as connection:
            if not (await connection.execute(delete(User).where(col(User.id) == user_id))).rowcount:
                raise Unauthenticated("Invalid or expired token")
            for service in self._holders:
                payload = {"user_id": user_id, "service": service}
                for delay in FORGET_AFTER:
                    await tasks.enqueue(connection, FORGET_TASK, payload, delay=delay)
            await audit.forget_places(connection, user_id)
            await audit.note(connection, "account_deleted", user_id, actor=actor)

    async def _new_address(self, user: Row[User], change: ProfileChange) -> str | None:
        """The address to change to, if it is another one. Raises InvalidEmail, EmailInUse."""
        if not change.email or (address := checked_email(change.email)) == user.email:
            return None
        others = select(col(User.id)).where(col(User.email_key) == address.lower(), col(User.id) != user.id)
        async with self._database.read() as connection:
            if (await connection.execute(others)).first() is not None:
                # Told to who has the password only: the check of that comes first where it is wrong.
                await self._check_password(user, change.current_password or "", None)
                raise EmailInUse("Email already in use")
        return address

    async def _check_password(self, user: Row[User], password: str, device: Device | None) -> None:
        """Raises WrongCurrentPassword, TooManyAttempts: a stolen session is no place to guess either."""
        place = device.address if device else ""
        await self._throttle.count(CONFIRM, account=user.id, address=place)
        if not await self._passwords.verify(password, user.password_hash):
            raise WrongCurrentPassword("Current password is incorrect")
        async with self._database.transaction() as connection:
            await self._throttle.take_back(connection, CONFIRM, account=user.id, address=place)

    async def _check_still(self, connection: AsyncConnection, user: Row[User], password: str) -> None:
        """Raises InvalidCredentials when the password, or the account, is not good any more since it was looked at.

        Locks the account, so that who changes its password after this finds the session that is opened, and ends it.
        """
        mine = select(col(User.password_hash)).where(col(User.id) == user.id, col(User.disabled_at).is_(None))
        now = (await connection.execute(mine.with_for_update(key_share=True))).scalar_one_or_none()
        # Another hash may be that of the same password, made at another cost by a sign-in beside this one.
        if now is None or (now != user.password_hash and not await self._passwords.verify(password, now)):
            raise InvalidCredentials("Invalid credentials")

    async def _change_password(
        self, connection: AsyncConnection, user: Row[User], session_id: str, password_hash: str, device: Device | None
    ) -> None:
        await connection.execute(update(User).where(col(User.id) == user.id).values(password_hash=password_hash))
        await self._sessions.end_others(connection, user.id, session_id)
        await self._links.withdraw(connection, user.id, "reset", "change")
        await notify(connection, user.email, "password_changed")
        await audit.note(connection, "password_changed", user.id, session_id, device)

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


def _at_once(user: Row[User], change: ProfileChange, address: str | None) -> dict[str, str]:
    """What needs no confirmation: a name, and another spelling of the same address."""
    values = {}
    if change.name and change.name != user.name:
        values["name"] = change.name
    if address and address.lower() == user.email_key:
        values["email"] = address
    return values


async def _keep_hash(connection: AsyncConnection, user: Row[User], password_hash: str) -> None:
    """Unless the password was changed meanwhile."""
    same = and_(col(User.id) == user.id, col(User.password_hash) == user.password_hash)
    await connection.execute(update(User).where(same).values(password_hash=password_hash))


def _account(row: Row[User]) -> Account:
    return Account(row.id, row.email, row.name, row.created_at)
