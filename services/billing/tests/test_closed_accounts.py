"""What becomes of the credits of a deleted account."""

from datetime import timedelta

import pytest

from services.billing.errors import AccountClosed
from services.billing.ledger import Ledger
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def test_a_closed_account_holds_nothing_any_more(ledger: Ledger, user: str) -> None:
    await ledger.standing(user)
    await ledger.close(user)
    with pytest.raises(AccountClosed):
        await ledger.hold(user, new_id(), 1, MINUTE)


async def test_what_was_left_ends_when_the_account_is_closed(ledger: Ledger, user: str) -> None:
    await ledger.grant(user, "purchase", new_id(), 10)
    await ledger.close(user)
    standing = await ledger.standing(user)
    assert (standing.credits, standing.grants) == (0, [])


async def test_a_closed_account_is_granted_nothing_any_more(ledger: Ledger, user: str) -> None:
    await ledger.standing(user)
    await ledger.close(user)
    assert not await ledger.grant(user, "purchase", new_id(), 10)
    assert (await ledger.standing(user)).credits == 0


async def test_an_account_that_is_closed_before_it_was_opened_gets_no_signup_credits(ledger: Ledger, user: str) -> None:
    await ledger.close(user)
    assert (await ledger.standing(user)).credits == 0


async def test_an_account_can_be_closed_again(ledger: Ledger, user: str) -> None:
    for _ in range(2):
        await ledger.close(user)
    assert (await ledger.standing(user)).credits == 0


async def test_a_hold_of_a_closed_account_can_still_be_captured(ledger: Ledger, user: str) -> None:
    hold_id = new_id()
    await ledger.hold(user, hold_id, 2, MINUTE)
    await ledger.close(user)
    assert await ledger.capture(user, hold_id) == 0
    assert (await ledger.standing(user)).held == 0


async def test_what_a_closed_account_is_given_back_ends_too(ledger: Ledger, user: str) -> None:
    hold_id = new_id()
    await ledger.hold(user, hold_id, 2, MINUTE)
    await ledger.close(user)
    assert await ledger.release(user, hold_id) == 0
    standing = await ledger.standing(user)
    assert (standing.credits, standing.held) == (0, 0)
