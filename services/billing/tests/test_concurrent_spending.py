"""Many at once on one account: every change takes effect once, and the books balance."""

import asyncio
import random
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest

from services.billing.errors import HoldAlreadyCaptured, HoldAlreadyReleased, InsufficientCredits
from services.billing.ledger import Ledger
from services.billing.tests.books import assert_books_balance
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def outcome(call: Awaitable[object]) -> str:
    """The name of the error the call raised, or "done"."""
    try:
        await call
    except ServiceError as error:
        return type(error).__name__
    return "done"


async def test_32_holds_on_10_credits_give_exactly_10(ledger: Ledger, user: str) -> None:
    await ledger.grant(user, "purchase", new_id(), 5)
    outcomes = await asyncio.gather(*(outcome(ledger.hold(user, new_id(), 1, MINUTE)) for _ in range(32)))
    assert outcomes.count("done") == 10
    assert outcomes.count(InsufficientCredits.__name__) == 22
    standing = await ledger.standing(user)
    assert (standing.credits, standing.held) == (0, 10)


async def test_one_hold_asked_for_16_times_at_once_is_one(ledger: Ledger, user: str) -> None:
    hold_id = new_id()
    assert set(await asyncio.gather(*(ledger.hold(user, hold_id, 2, MINUTE) for _ in range(16)))) == {3}
    assert (await ledger.standing(user)).held == 2


async def test_an_account_asked_for_16_times_at_once_opens_once(ledger: Ledger, user: str) -> None:
    standings = await asyncio.gather(*(ledger.standing(user) for _ in range(16)))
    assert {standing.credits for standing in standings} == {5}
    assert len((await ledger.standing(user)).grants) == 1


async def test_one_grant_made_16_times_at_once_counts_once(ledger: Ledger, user: str) -> None:
    reference = new_id()
    granted = await asyncio.gather(*(ledger.grant(user, "purchase", reference, 10) for _ in range(16)))
    assert granted.count(True) == 1
    assert (await ledger.standing(user)).credits == 15


async def test_of_a_capture_and_a_release_at_once_one_takes_effect(ledger: Ledger, user: str) -> None:
    for _ in range(4):
        before, hold_id = (await ledger.standing(user)).credits, new_id()
        await ledger.hold(user, hold_id, 1, MINUTE)
        captured, released = await asyncio.gather(
            outcome(ledger.capture(user, hold_id)), outcome(ledger.release(user, hold_id))
        )
        after = await ledger.standing(user)
        if captured == "done":
            assert (released, after.credits) == (HoldAlreadyCaptured.__name__, before - 1)
        else:
            assert (captured, released, after.credits) == (HoldAlreadyReleased.__name__, "done", before)
        assert after.held == 0


async def test_replicas_that_are_asked_for_the_same_ids_by_two_users_at_once_give_each_to_one(
    database: Database,
) -> None:
    users, replicas = [new_id(), new_id()], [Ledger(database, 50), Ledger(database, 50)]
    for user in users:
        await replicas[0].standing(user)
    async with asyncio.timeout(60):
        for _ in range(5):
            ids = [new_id() for _ in range(4)]
            calls = [(replica, user, hold_id) for hold_id in ids for replica, user in zip(replicas, users, strict=True)]
            outcomes = await asyncio.gather(
                *(outcome(replica.hold(user, hold_id, 1, MINUTE)) for replica, user, hold_id in calls)
            )
            for pair in zip(outcomes[::2], outcomes[1::2], strict=True):
                assert sorted(pair) == ["HoldMismatch", "done"]


async def test_at_the_moment_when_a_hold_ends_it_is_either_spent_or_given_back(database: Database) -> None:
    moment = datetime(2150, 1, 1, tzinfo=UTC)
    before, after = Ledger(database, 5, lambda: moment), Ledger(database, 5, lambda: moment + MINUTE)
    for _ in range(8):
        user, hold_id = new_id(), new_id()
        await before.hold(user, hold_id, 2, MINUTE)
        captured, standing = await asyncio.gather(outcome(before.capture(user, hold_id)), after.standing(user))
        assert (captured, standing.held) in [("done", 0), ("HoldExpired", 0)]
        assert (await after.standing(user)).credits == (3 if captured == "done" else 5)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_books_balance_through_a_storm(ledger: Ledger, user: str, database: Database, seed: int) -> None:
    choices = random.Random(seed)  # noqa: S311 - the same storm each time
    holds = [new_id() for _ in range(8)]
    references = [new_id() for _ in range(3)]

    def change() -> Awaitable[object]:
        hold_id = choices.choice(holds)
        match choices.randrange(5):
            case 0:
                return ledger.grant(user, "purchase", choices.choice(references), 2)
            case 1:
                return ledger.capture(user, hold_id)
            case 2:
                return ledger.release(user, hold_id)
            case _:
                lifetime = MINUTE * choices.choice([-1, 1, 1])
                return ledger.hold(user, hold_id, 2, lifetime)

    for _ in range(6):
        await asyncio.gather(*(outcome(change()) for _ in range(24)))
        await assert_books_balance(database)
    await ledger.expire_due()
