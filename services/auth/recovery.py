"""Getting back in without the password, and confirming addresses: what mailed links lead to."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from services.auth import audit
from services.auth.addresses import email_key
from services.auth.devices import Device
from services.auth.errors import EmailInUse
from services.auth.mailed_links import Links, notify
from services.auth.models import Session, User
from services.auth.passwords import Passwords, check_new_password
from services.auth.sessions import Sessions
from services.auth.throttling import Throttle
from services.kit import tasks
from services.kit.database import Database
from services.kit.errors import Unauthenticated

FORGOT_TASK = "forgot_password"
"""Mails a link to choose a new password, if there is such an account. Payload: email."""
LOGIN = "login"
FORGOT = "forgot"


class Recovery:
    """The use cases of mailed links."""

    def __init__(
        self, database: Database, passwords: Passwords, sessions: Sessions, throttle: Throttle, links: Links
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._links = links

    async def forgot(self, email: str, device: Device) -> None:
        """Has a link mailed. Does the same, in the same time, whether there is such an account or not.

        Counted by address only: whoever tries to guess somebody's password does not keep them from a new one.
        Raises TooManyAttempts.
        """
        await self._throttle.count(FORGOT, address=device.address)
        async with self._database.transaction() as connection:
            await tasks.enqueue(connection, FORGOT_TASK, {"email": email_key(email) or ""})

    async def mail_reset(self, payload: tasks.Payload) -> None:
        """Does what `forgot` has enqueued."""
        async with self._database.transaction() as connection:
            statement = select(User).where(col(User.email_key) == payload["email"], col(User.disabled_at).is_(None))
            user = (await connection.execute(statement.with_for_update())).first()
            if user is not None and await self._links.issue(connection, user.id, "reset", user.email):
                await audit.note(connection, "password_reset_requested", user.id)

    async def reset(self, token: str, password: str, device: Device) -> None:
        """Sets a new password, ends every session, signs nobody in. Raises InvalidPassword, InvalidLink."""
        check_new_password(password)
        await self._links.check(token, "reset")
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as connection:
            link = await self._links.redeem(connection, token, "reset")
            # Who reads the mails of the address has shown that it is theirs.
            values = {"password_hash": password_hash, "email_verified_at": datetime.now(UTC)}
            changed = update(User).where(col(User.id) == link.user_id).values(values).returning(User)
            user = (await connection.execute(changed)).one()
            await self._links.withdraw(connection, user.id, "verify", "change")
            await self._sessions.end_all(connection, user.id)
            await self._throttle.forget(connection, LOGIN, user.email_key)
            await notify(connection, user.email, "password_changed")
            await audit.note(connection, "password_reset", user.id, device=device)

    async def resend(self, user_id: str, session_id: str) -> None:
        """Has the link that confirms an address mailed again: the one it is to be changed to, else its present one.

        Nothing is mailed when there is nothing to confirm, or it was mailed within the last minute.
        Raises Unauthenticated.
        """
        mine = select(User).join(Session, col(Session.user_id) == col(User.id))
        mine = mine.where(col(User.id) == user_id, col(Session.id) == session_id)
        async with self._database.transaction() as connection:
            if (user := (await connection.execute(mine.with_for_update(of=User))).first()) is None:
                raise Unauthenticated("Invalid or expired token")
            if address := await self._links.address(connection, user_id, "change"):
                await self._links.issue(connection, user_id, "change", address)
            elif user.email_verified_at is None:
                await self._links.issue(connection, user_id, "verify", user.email)

    async def verify(self, token: str, device: Device) -> None:
        """Confirms an address; a new one takes the old one's place. Raises InvalidLink, EmailInUse."""
        try:
            async with self._database.transaction() as connection:
                link = await self._links.redeem(connection, token, "verify", "change")
                user = (await connection.execute(select(User).where(col(User.id) == link.user_id))).one()
                values: dict[str, object] = {"email_verified_at": datetime.now(UTC)}
                if link.purpose == "change":
                    values |= {"email": link.email, "email_key": link.email.lower()}
                    await notify(connection, user.email, "email_changed")
                    await self._links.withdraw(connection, user.id, "verify", "reset")
                await connection.execute(update(User).where(col(User.id) == user.id).values(values))
                event = "email_changed" if link.purpose == "change" else "email_verified"
                await audit.note(connection, event, user.id, device=device)
        except IntegrityError as error:
            raise EmailInUse("Email already in use") from error
