"""What a refund takes back: the credits it paid for, and nothing else."""

from datetime import timedelta

import pytest
import stripe

from services.billing.tests.shop import Shop
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def payment_of(shop: Shop, session_id: str) -> str:
    """The payment intent of a paid session."""
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(session_id)
    assert isinstance(session.payment_intent, str)
    return session.payment_intent


async def bought(shop: Shop, user: str, plan: str = "small") -> str:
    """Buys a package and gives the payment's id."""
    page = await shop.buy(user, plan)
    await shop.checkouts.fulfil(page.session_id)
    return await payment_of(shop, page.session_id)


async def refund(shop: Shop, payment: str, amount: int | None = None) -> stripe.Refund:
    """Gives money back, and lets us know."""
    before = sum(delivery.event["type"] == "charge.refunded" for delivery in shop.sandbox.deliveries)
    asked: stripe.params.RefundCreateParams = {"payment_intent": payment}
    if amount:
        asked["amount"] = amount
    made = await shop.sandbox.client.v1.refunds.create_async(asked)
    await shop.act_on(await shop.sandbox.delivered("charge.refunded", before + 1))
    return made


async def spend(shop: Shop, user: str, credits: int) -> None:
    """Spends credits."""
    hold_id = new_id()
    await shop.ledger.hold(user, hold_id, credits, MINUTE)
    await shop.ledger.capture(user, hold_id)


async def books(shop: Shop, user: str) -> tuple[int, int, dict[str, int]]:
    """What can be spent, what is owed, and what is left by source."""
    standing = await shop.ledger.standing(user)
    return standing.credits, standing.debt, {grant.source: grant.remaining for grant in standing.grants}


async def test_a_refund_takes_back_what_it_paid_for_and_no_more(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await refund(shop, payment)
    assert await books(shop, user) == (5, 0, {"signup": 5})


async def test_what_was_spent_already_becomes_a_debt_and_no_other_grant_is_touched(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 8)
    await shop.ledger.grant(user, "promotion", new_id(), 3)
    await refund(shop, payment)
    assert await books(shop, user) == (3, 8, {"promotion": 3})


async def test_the_next_grant_pays_the_debt_first(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 8)
    await refund(shop, payment)
    await bought(shop, user, "medium")
    assert await books(shop, user) == (17, 0, {"purchase": 17})


async def test_a_debt_that_one_grant_does_not_cover_waits_for_another(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await spend(shop, user, 5 + 10)
    await refund(shop, payment)
    await shop.ledger.grant(user, "promotion", new_id(), 4)
    assert await books(shop, user) == (0, 6, {})
    await shop.ledger.grant(user, "promotion", new_id(), 7)
    assert await books(shop, user) == (1, 0, {"promotion": 1})


async def test_a_part_of_the_money_takes_that_part_of_the_credits(shop: Shop, user: str) -> None:
    payment = await bought(shop, user, "medium")
    await refund(shop, payment, 400)  # of 999 for 25: 10.01 credits
    assert (await books(shop, user))[2]["purchase"] == 15
    await refund(shop, payment, 599)
    assert await books(shop, user) == (5, 0, {"signup": 5})


async def test_a_refund_that_fails_gives_the_credits_back(shop: Shop, user: str) -> None:
    payment = await bought(shop, user)
    await shop.sandbox.knobs(refund="pending", async_settle_ms=3_600_000)
    made = await refund(shop, payment)
    assert (await books(shop, user))[0] == 5
    await shop.sandbox.control(f"refund/{made.id}", outcome="fails")
    await shop.act_on(await shop.sandbox.delivered("refund.failed"))
    assert await books(shop, user) == (15, 0, {"signup": 5, "purchase": 10})


async def test_credits_in_a_hold_are_owed_until_it_is_given_back(shop: Shop, user: str) -> None:
    payment, hold_id = await bought(shop, user), new_id()
    await shop.ledger.hold(user, hold_id, 15, MINUTE)
    await refund(shop, payment)
    assert (await books(shop, user))[:2] == (0, 10)
    await shop.ledger.release(user, hold_id)
    assert await books(shop, user) == (5, 0, {"signup": 5})


async def test_a_refund_that_is_told_before_the_purchase_comes_to_the_same(shop: Shop, user: str) -> None:
    page = await shop.buy(user)
    payment = await payment_of(shop, page.session_id)
    await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment})
    await shop.act_on((await shop.sandbox.delivered("charge.refunded"))[::-1])
    assert await books(shop, user) == (5, 0, {"signup": 5})
    assert (await shop.checkout(page.session_id)).refunded == 499


async def test_a_refunded_invoice_takes_the_months_credits(shop: Shop, user: str) -> None:
    await shop.buy(user, "basic", "subscription")
    await shop.act_on(await shop.sandbox.delivered("checkout.session.completed"))
    await spend(shop, user, 5 + 20)
    charges = await shop.sandbox.client.v1.charges.list_async({"limit": 1})
    await refund(shop, str(charges.data[0].payment_intent))
    assert await books(shop, user) == (0, 20, {})


@pytest.mark.parametrize("times", [1, 3])
async def test_a_refund_of_a_deleted_account_changes_nothing_that_can_be_spent(
    shop: Shop, user: str, times: int
) -> None:
    payment = await bought(shop, user)
    await shop.ledger.close(user)
    await refund(shop, payment)
    for _ in range(times):
        await shop.webhooks.settle_payment(payment)
    assert (await books(shop, user))[0] == 0
