"""`python -m services.auth admin …`: finds, disables, enables and deletes users, rotates keys.

Reads the same settings as the service.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, func, or_, select, update
from sqlmodel import col

from services.auth import audit
from services.auth.addresses import email_key
from services.auth.models import Session, User
from services.auth.parts import Parts, build
from services.auth.settings import Settings
from services.kit import database, settings


def main(arguments: list[str]) -> int:
    """Runs the command; the exit status is 1 when there is no such user."""
    given = _parser().parse_args(arguments)
    return asyncio.run(_run(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.auth admin")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("find", "show an account"),
        ("disable", "end its sessions and let nobody sign in"),
        ("enable", "let its owner sign in again"),
        ("delete", "delete it and everything that belongs to it, in every service"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("user", help="e-mail address or id")
    rotate = commands.add_parser("rotate-keys", help="publish a new signing key, which takes over after the lead")
    rotate.add_argument("--now", action="store_true", help="sign with it at once, though not all may know it yet")
    return parser


async def _run(given: argparse.Namespace) -> int:
    config = settings.load(Settings)
    db = database.Database(await asyncio.to_thread(database.database_url, config, "auth"), pool=2)
    try:
        parts = build(config, db)
        if given.command == "rotate-keys":
            await parts.keys.load()
            kid = await parts.keys.rotate("admin", timedelta(0) if given.now else None)
            _say(f"The next signing key is {kid}.")
            return 0
        if (user := await _find(db, given.user)) is None:
            _say("There is no such user.")
            return 1
        await _do(parts, given.command, user)
        return 0
    finally:
        await db.close()


async def _do(parts: Parts, command: str, user: Row[User]) -> None:
    match command:
        case "find":
            await _show(parts.database, user)
        case "disable":
            await _set_disabled(parts, user, datetime.now(UTC))
            _say(f"{user.id} is disabled and signed out everywhere.")
        case "enable":
            await _set_disabled(parts, user, None)
            _say(f"{user.id} can sign in again.")
        case "delete":
            await parts.accounts.remove(user.id, actor="admin")
            _say(f"{user.id} is deleted; the other services follow.")


async def _find(db: database.Database, wanted: str) -> Row[User] | None:
    statement = select(User).where(or_(col(User.id) == wanted, col(User.email_key) == email_key(wanted)))
    async with db.read() as connection:
        return (await connection.execute(statement)).first()


async def _show(db: database.Database, user: Row[User]) -> None:
    count = select(func.count()).select_from(Session).where(col(Session.user_id) == user.id)
    async with db.read() as connection:
        sessions = (await connection.execute(count)).scalar_one()
    _say(f"id        {user.id}")
    _say(f"email     {user.email} ({'verified' if user.email_verified_at else 'not verified'})")
    _say(f"name      {user.name or ''}")
    _say(f"created   {user.created_at:%Y-%m-%d %H:%M} UTC")
    _say(f"sessions  {sessions}")
    _say(f"state     {'disabled' if user.disabled_at else 'enabled'}")


async def _set_disabled(parts: Parts, user: Row[User], since: datetime | None) -> None:
    async with parts.database.transaction() as connection:
        await connection.execute(update(User).where(col(User.id) == user.id).values(disabled_at=since))
        if since is not None:
            await parts.sessions.end_all(connection, user.id)
            await parts.links.withdraw(connection, user.id, "reset", "change")
        await audit.note(connection, "account_disabled" if since else "account_enabled", user.id, actor="admin")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
