"""Two-phase spending: hold, then capture or release, each at most once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.billing.errors import (
    HoldAlreadyCaptured,
    HoldAlreadyReleased,
    HoldExpired,
    HoldMismatch,
    HoldNotFound,
    InsufficientCredits,
)
from services.billing.ledger import Ledger
from services.kit.database import Database
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)
OVER = timedelta(seconds=-1)


@pytest.fixture
def hold_id() -> str:
    """An id that no hold has."""
    return new_id()


async def stand(ledger: Ledger, user: str) -> tuple[int, int]:
    """What the user can spend, and what is set aside."""
    standing = await ledger.standing(user)
    return standing.credits, standing.held


async def test_a_hold_sets_credits_aside(ledger: Ledger, user: str, hold_id: str) -> None:
    assert await ledger.hold(user, hold_id, 2, MINUTE) == 3
    assert await stand(ledger, user) == (3, 2)


async def test_the_same_hold_again_sets_nothing_more_aside(ledger: Ledger, user: str, hold_id: str) -> None:
    assert [await ledger.hold(user, hold_id, 2, MINUTE) for _ in range(3)] == [3, 3, 3]
    assert await stand(ledger, user) == (3, 2)


async def test_a_captured_hold_is_spent(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    assert await ledger.capture(user, hold_id) == 3
    assert await stand(ledger, user) == (3, 0)


async def test_a_hold_captured_again_is_spent_once(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    assert [await ledger.capture(user, hold_id) for _ in range(3)] == [3, 3, 3]
    assert await stand(ledger, user) == (3, 0)


async def test_a_released_hold_gives_its_credits_back(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    assert await ledger.release(user, hold_id) == 5
    assert await stand(ledger, user) == (5, 0)


async def test_a_hold_released_again_gives_back_once(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    assert [await ledger.release(user, hold_id) for _ in range(3)] == [5, 5, 5]
    assert await stand(ledger, user) == (5, 0)


async def test_released_credits_go_back_to_the_grants_they_came_from(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.grant(user, "purchase", new_id(), 10)
    before = [(grant.id, grant.remaining) for grant in (await ledger.standing(user)).grants]
    await ledger.hold(user, hold_id, 8, MINUTE)
    await ledger.release(user, hold_id)
    assert [(grant.id, grant.remaining) for grant in (await ledger.standing(user)).grants] == before


async def test_a_released_hold_cannot_be_captured(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    await ledger.release(user, hold_id)
    with pytest.raises(HoldAlreadyReleased):
        await ledger.capture(user, hold_id)
    assert await stand(ledger, user) == (5, 0)


async def test_a_captured_hold_cannot_be_released(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    await ledger.capture(user, hold_id)
    with pytest.raises(HoldAlreadyCaptured):
        await ledger.release(user, hold_id)
    assert await stand(ledger, user) == (3, 0)


async def test_a_hold_that_never_was_cannot_be_captured(ledger: Ledger, user: str, hold_id: str) -> None:
    with pytest.raises(HoldNotFound):
        await ledger.capture(user, hold_id)


async def test_a_hold_that_was_released_before_it_came_sets_nothing_aside(
    ledger: Ledger, user: str, hold_id: str
) -> None:
    assert [await ledger.release(user, hold_id) for _ in range(2)] == [5, 5]
    with pytest.raises(HoldAlreadyReleased):
        await ledger.hold(user, hold_id, 2, MINUTE)
    with pytest.raises(HoldAlreadyReleased):
        await ledger.capture(user, hold_id)
    assert await stand(ledger, user) == (5, 0)


async def test_a_hold_of_more_than_there_is_changes_nothing(ledger: Ledger, user: str, hold_id: str) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        await ledger.hold(user, hold_id, 6, MINUTE)
    assert refused.value.metadata == {"credits": "5", "required": "6"}
    assert await stand(ledger, user) == (5, 0)
    assert await ledger.hold(user, hold_id, 5, MINUTE) == 0


async def test_a_hold_keeps_to_its_amount(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, MINUTE)
    with pytest.raises(HoldMismatch):
        await ledger.hold(user, hold_id, 3, MINUTE)
    assert await stand(ledger, user) == (3, 2)


async def test_a_hold_belongs_to_its_user(ledger: Ledger, user: str, hold_id: str) -> None:
    other = new_id()
    await ledger.hold(user, hold_id, 2, MINUTE)
    with pytest.raises(HoldMismatch):
        await ledger.hold(other, hold_id, 2, MINUTE)
    with pytest.raises(HoldMismatch):
        await ledger.capture(other, hold_id)
    with pytest.raises(HoldMismatch):
        await ledger.release(other, hold_id)
    assert await stand(ledger, user) == (3, 2)
    assert await stand(ledger, other) == (5, 0)


async def test_an_expired_hold_frees_itself_when_the_account_is_asked_about(
    ledger: Ledger, user: str, hold_id: str
) -> None:
    await ledger.hold(user, hold_id, 2, OVER)
    assert await stand(ledger, user) == (5, 0)


async def test_an_expired_hold_frees_its_credits_for_the_next(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 5, OVER)
    assert await ledger.hold(user, new_id(), 5, MINUTE) == 0


async def test_an_expired_hold_can_neither_be_captured_nor_made_again(ledger: Ledger, user: str, hold_id: str) -> None:
    await ledger.hold(user, hold_id, 2, OVER)
    with pytest.raises(HoldExpired):
        await ledger.capture(user, hold_id)
    with pytest.raises(HoldExpired):
        await ledger.hold(user, hold_id, 2, MINUTE)
    assert await ledger.release(user, hold_id) == 5


async def test_expired_holds_of_accounts_nobody_asks_about_are_freed(
    ledger: Ledger, user: str, hold_id: str, database: Database
) -> None:
    open_id = new_id()
    await ledger.hold(user, open_id, 1, MINUTE)
    await ledger.hold(user, hold_id, 2, OVER)
    await ledger.expire_due()
    async with database.read() as connection:
        account = text("SELECT available, held FROM accounts WHERE user_id = :user")
        assert (await connection.execute(account, {"user": user})).one() == (4, 1)
        states = text("SELECT id, state FROM holds WHERE user_id = :user")
        found = {row.id: row.state for row in await connection.execute(states, {"user": user})}
    assert found == {open_id: "open", hold_id: "expired"}


async def test_credits_released_to_a_grant_that_has_ended_since_end_too(
    ledger: Ledger, user: str, hold_id: str, database: Database
) -> None:
    await ledger.hold(user, new_id(), 5, MINUTE)
    reference = new_id()
    await ledger.grant(user, "subscription", reference, 10, datetime.now(UTC) + MINUTE)
    await ledger.hold(user, hold_id, 10, MINUTE)
    async with database.transaction() as connection:
        end = text("UPDATE grants SET expires_at = now() WHERE reference = :reference")
        await connection.execute(end, {"reference": reference})
    assert await ledger.release(user, hold_id) == 0
    assert await stand(ledger, user) == (0, 5)
