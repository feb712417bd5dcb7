"""Capturing a part of a hold, and what entries say of it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.billing.errors import HoldAlreadyCaptured, HoldMismatch
from services.billing.ledger import Ledger
from services.kit.database import Database
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def entries(database: Database, user: str) -> list[tuple[str, int, int, list[int], int]]:
    """Kind, amount, held, the credits of each grant, and the balance of each entry."""
    statement = text("SELECT kind, amount, held, parts, balance FROM entries WHERE user_id = :user ORDER BY number")
    async with database.read() as connection:
        rows = (await connection.execute(statement, {"user": user})).all()
    return [(row.kind, row.amount, row.held, [part[1] for part in row.parts], row.balance) for row in rows]


async def test_a_part_is_spent_of_the_grants_that_come_first_and_the_rest_goes_back(
    ledger: Ledger, user: str, database: Database
) -> None:
    await ledger.grant(user, "purchase", new_id(), 10)
    hold_id = new_id()
    assert await ledger.hold(user, hold_id, 9, MINUTE) == 6
    assert await ledger.capture(user, hold_id, 6) == 9
    assert [(grant.source, grant.remaining) for grant in (await ledger.standing(user)).grants] == [("purchase", 9)]
    assert await entries(database, user) == [
        ("grant", 5, 0, [5], 5),
        ("grant", 10, 0, [10], 15),
        ("hold", -9, 9, [-5, -4], 6),
        ("return", 3, -3, [3], 9),
        ("capture", 0, -6, [5, 1], 9),
    ]


async def test_the_same_capture_again_gives_the_first_answer(ledger: Ledger, user: str) -> None:
    for part in (None, 1):
        hold_id = new_id()
        await ledger.hold(user, hold_id, 2, MINUTE)
        first = await ledger.capture(user, hold_id, part)
        await ledger.grant(user, "promotion", new_id(), 1)
        assert await ledger.capture(user, hold_id, part) == first


async def test_what_comes_back_to_an_ended_grant_is_not_in_the_answer(
    ledger: Ledger, user: str, database: Database
) -> None:
    moment, hold_id = datetime.now(UTC), new_id()
    ours = Ledger(database, 5, lambda: moment)
    await ours.grant(user, "promotion", new_id(), 3, moment + MINUTE)
    await ours.hold(user, hold_id, 3, 2 * MINUTE)
    moment += MINUTE
    assert [await ours.capture(user, hold_id, 1) for _ in range(2)] == [5, 5]


async def test_a_hold_is_captured_with_one_amount(ledger: Ledger, user: str) -> None:
    hold_id = new_id()
    await ledger.hold(user, hold_id, 3, MINUTE)
    with pytest.raises(HoldMismatch):
        await ledger.capture(user, hold_id, 4)
    await ledger.capture(user, hold_id, 2)
    for other in (1, 3, None):
        with pytest.raises(HoldAlreadyCaptured):
            await ledger.capture(user, hold_id, other)


async def test_credits_that_cost_nothing_go_before_paid_ones_of_the_same_priority_and_end(
    ledger: Ledger, user: str
) -> None:
    end = datetime.now(UTC) + MINUTE
    for source in ("purchase", "promotion"):
        await ledger.grant(user, source, new_id(), 1, end, priority=1)
    assert [grant.source for grant in (await ledger.standing(user)).grants] == ["promotion", "purchase", "signup"]


async def test_credits_that_begin_later_cannot_be_spent_before(ledger: Ledger, user: str, database: Database) -> None:
    moment = datetime.now(UTC)
    ours = Ledger(database, 5, lambda: moment)
    await ours.grant(user, "promotion", new_id(), 10, effective_at=moment + MINUTE)
    assert (await ours.standing(user)).credits == 5
    moment += MINUTE
    assert (await ours.standing(user)).credits == 15
