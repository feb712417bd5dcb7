"""How credits come in, in which order they are spent, and how they end."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.billing.errors import InsufficientCredits
from services.billing.ledger import Ledger
from services.billing.tests.books import assert_books_balance
from services.kit.database import Database
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


def ago(time: timedelta) -> datetime:
    """The moment that long before now; after now when negative."""
    return datetime.now(UTC) - time


async def left(ledger: Ledger, user: str) -> dict[str, int]:
    """What is left of each grant, by its source, in spending order."""
    return {grant.source: grant.remaining for grant in (await ledger.standing(user)).grants}


async def test_an_account_opens_with_the_signup_credits(ledger: Ledger, user: str) -> None:
    standing = await ledger.standing(user)
    assert (standing.credits, standing.held, standing.plan) == (5, 0, "free")
    assert [(grant.source, grant.remaining) for grant in standing.grants] == [("signup", 5)]


async def test_signup_credits_are_granted_once(ledger: Ledger, user: str) -> None:
    for _ in range(3):
        assert (await ledger.standing(user)).credits == 5


async def test_a_grant_adds_its_credits(ledger: Ledger, user: str) -> None:
    assert await ledger.grant(user, "purchase", new_id(), 10)
    assert (await ledger.standing(user)).credits == 15


async def test_a_grant_counts_once_for_its_reference(ledger: Ledger, user: str) -> None:
    reference = new_id()
    assert [await ledger.grant(user, "purchase", reference, 10) for _ in range(3)] == [True, False, False]
    assert (await ledger.standing(user)).credits == 15


async def test_the_same_reference_of_another_source_is_another_grant(ledger: Ledger, user: str) -> None:
    reference = new_id()
    assert await ledger.grant(user, "purchase", reference, 10)
    assert await ledger.grant(user, "subscription", reference, 50)
    assert (await ledger.standing(user)).credits == 65


async def test_credits_that_cost_nothing_are_spent_before_those_that_were_bought(ledger: Ledger, user: str) -> None:
    for source in ("adjustment", "purchase", "subscription", "promotion"):
        await ledger.grant(user, source, new_id(), 1)
    assert list(await left(ledger, user)) == ["promotion", "signup", "subscription", "purchase", "adjustment"]
    await ledger.hold(user, new_id(), 7, MINUTE)
    assert await left(ledger, user) == {"purchase": 1, "adjustment": 1}


async def test_of_one_source_those_that_end_first_are_spent_first(ledger: Ledger, user: str) -> None:
    await ledger.hold(user, new_id(), 5, MINUTE)
    for days in (20, None, 10):
        await ledger.grant(user, "purchase", new_id(), days or 99, ago(-timedelta(days=days)) if days else None)
    assert [grant.amount for grant in (await ledger.standing(user)).grants] == [10, 20, 99]
    await ledger.hold(user, new_id(), 12, MINUTE)
    assert [grant.remaining for grant in (await ledger.standing(user)).grants] == [18, 99]


async def test_a_grant_whose_time_is_over_can_no_longer_be_spent(ledger: Ledger, user: str) -> None:
    await ledger.grant(user, "subscription", new_id(), 50, ago(MINUTE))
    with pytest.raises(InsufficientCredits):
        await ledger.hold(user, new_id(), 6, MINUTE)
    assert await left(ledger, user) == {"signup": 5}


async def test_what_was_left_of_an_ended_grant_is_an_entry(ledger: Ledger, user: str, database: Database) -> None:
    await ledger.grant(user, "subscription", new_id(), 50, ago(MINUTE))
    assert (await ledger.standing(user)).credits == 5
    async with database.read() as connection:
        rows = await connection.execute(
            text("SELECT kind, amount FROM entries WHERE user_id = :user ORDER BY id"), {"user": user}
        )
        assert rows.all() == [("grant", 5), ("grant", 50), ("expire", -50)]


@pytest.mark.parametrize("change", ["UPDATE entries SET amount = 1000", "DELETE FROM entries", "TRUNCATE entries"])
async def test_entries_are_never_changed(ledger: Ledger, user: str, database: Database, change: str) -> None:
    await ledger.standing(user)
    with pytest.raises(DBAPIError, match="never changed"):
        async with database.transaction() as connection:
            await connection.execute(text(change))


async def test_a_balance_below_zero_is_refused_by_the_database(ledger: Ledger, user: str, database: Database) -> None:
    await ledger.standing(user)
    with pytest.raises(DBAPIError, match="accounts_available_check"):
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE accounts SET available = -1 WHERE user_id = :user"), {"user": user})


async def test_books_that_do_not_add_up_are_noticed(ledger: Ledger, user: str, database: Database) -> None:
    change = text("UPDATE accounts SET available = available + :by WHERE user_id = :user")
    await ledger.standing(user)
    async with database.transaction() as connection:
        await connection.execute(change, {"by": 1, "user": user})
    with pytest.raises(AssertionError, match=user):
        await assert_books_balance(database)
    async with database.transaction() as connection:
        await connection.execute(change, {"by": -1, "user": user})
