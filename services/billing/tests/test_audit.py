"""The audit finds what is wrong with the books, names the rows, and says so to whoever started it."""

import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.billing.audit import check
from services.billing.ledger import Ledger
from services.kit.database import Database
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def change(database: Database, statement: str, user: str) -> None:
    """Changes the books behind the ledger's back."""
    async with database.transaction() as connection:
        await connection.execute(text(statement), {"user": user})


async def run(database: Database) -> tuple[int | None, str]:
    """The command's exit code, and what it says."""
    environment = os.environ | {"DATABASE_URL": database.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-m", "services.billing", "audit")
    process = await create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_books_in_order_exit_with_zero(ledger: Ledger, user: str, database: Database) -> None:
    await ledger.hold(user, new_id(), 2, MINUTE)
    code, said = await run(database)
    assert (code, said) == (0, "The books keep all 9 rules.\n")


async def test_books_out_of_order_exit_with_one_and_name_the_rows(
    ledger: Ledger, user: str, database: Database
) -> None:
    await ledger.standing(user)
    await change(database, "UPDATE accounts SET available = 6 WHERE user_id = :user", user)
    code, said = await run(database)
    await change(database, "UPDATE accounts SET available = 5 WHERE user_id = :user", user)
    assert code == 1
    assert "Broken: an account's sums are those of its entries, grants, open holds and debts" in said
    assert user in said


@pytest.mark.parametrize(
    ("wrong", "right", "rule"),
    [
        ("UPDATE accounts SET held = held + 1", "UPDATE accounts SET held = held - 1", "sums"),
        ("UPDATE accounts SET debt = debt + 1", "UPDATE accounts SET debt = debt - 1", "sums"),
        ("UPDATE grants SET used = used + 1", "UPDATE grants SET used = used - 1", "what was used of a grant"),
        ("UPDATE grants SET expired = expired + 1", "UPDATE grants SET expired = expired - 1", "its entries say"),
        ("UPDATE grants SET revoked = 4", "UPDATE grants SET revoked = 0", "what is owed"),
        ("UPDATE holds SET amount = amount + 1", "UPDATE holds SET amount = amount - 1", "a hold is of its parts"),
        ("UPDATE holds SET state = 'released'", "UPDATE holds SET state = 'open'", "resolved once"),
    ],
)
async def test_each_kind_of_breach_is_found_and_logged(
    ledger: Ledger,
    user: str,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
    right: str,
    rule: str,
) -> None:
    await ledger.hold(user, new_id(), 2, MINUTE)
    assert await check(database)
    await change(database, f"{wrong} WHERE user_id = :user", user)
    assert not await check(database)
    await change(database, f"{right} WHERE user_id = :user", user)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert any(rule in record.getMessage() for record in errors)
    assert all(record.__dict__["row"]["user_id"] == user for record in errors)
    assert await check(database)


async def test_the_database_refuses_to_resolve_a_hold_twice(ledger: Ledger, user: str, database: Database) -> None:
    hold_id = new_id()
    await ledger.hold(user, hold_id, 2, MINUTE)
    await ledger.capture(user, hold_id)
    again = (
        "INSERT INTO entries (id, user_id, kind, amount, hold_id, balance, created_at) "
        f"SELECT gen_random_uuid()::text, :user, 'release', 2, '{hold_id}', 5, now()"
    )
    with pytest.raises(IntegrityError, match="entries_hold_resolved"):
        await change(database, again, user)
