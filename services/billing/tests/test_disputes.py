"""A dispute takes the credits when it opens, and gives them back if it is won."""

import pytest

from services.billing.tests.shop import Shop
from services.billing.tests.test_refunds import books, bought, refund, spend
from services.billing.transactions import Transactions


async def dispute(shop: Shop, payment: str, outcome: str | None = None) -> None:
    """Has the bank open a dispute of the payment, and decide it if an outcome is given."""
    charge = (await shop.sandbox.client.v1.charges.list_async({"payment_intent": payment})).data[0]
    known = await shop.sandbox.client.v1.disputes.list_async({"payment_intent": payment})
    if not known.data:
        await shop.sandbox.control("dispute", charge=charge.id)
        await shop.act_on(await shop.sandbox.delivered("charge.dispute.funds_withdrawn"))
    if outcome:
        known = await shop.sandbox.client.v1.disputes.list_async({"payment_intent": payment})
        await shop.sandbox.control("dispute", dispute=known.data[0].id, outcome=outcome)
        await shop.act_on(await shop.sandbox.delivered("charge.dispute.closed"))


async def test_an_open_dispute_takes_the_credits(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 4)
    await dispute(shop, payment)
    assert await books(shop, user) == (0, 4, {})


@pytest.mark.parametrize(("outcome", "expected"), [("won", (6, 0, {"purchase": 6})), ("lost", (0, 4, {}))])
async def test_a_decided_dispute_gives_the_credits_back_if_it_was_won(
    shop: Shop, user: str, outcome: str, expected: object
) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 4)
    await dispute(shop, payment, outcome)
    assert await books(shop, user) == expected


async def test_a_dispute_of_a_payment_that_was_refunded_in_part_takes_no_more_than_was_bought(
    shop: Shop, user: str
) -> None:
    payment = await bought(shop, user)
    await refund(shop, payment, 250)
    await dispute(shop, payment)
    assert await books(shop, user) == (5, 0, {"signup": 5})
    (row,) = (await Transactions(shop.database).page(user, 10, "")).rows
    assert (row.status, row.amount, row.refunded) == ("refunded", 499, 499)
    await dispute(shop, payment, "won")
    assert await books(shop, user) == (10, 0, {"signup": 5, "purchase": 5})


async def test_who_paid_a_debt_that_turns_out_to_be_none_gets_it_back(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 8)
    await dispute(shop, payment)
    await shop.ledger.grant(user, "promotion", payment, 10)
    assert await books(shop, user) == (2, 0, {"promotion": 2})
    await dispute(shop, payment, "won")
    assert await books(shop, user) == (12, 0, {"promotion": 10, "purchase": 2})
