"""Credits go with the money when a plan changes, in both directions."""

import random
from datetime import timedelta

import pytest

from services.billing.tests.lives import advance, change_plan, clocked_customer
from services.billing.tests.shop import Shop
from services.billing.tests.stripe_sandbox import Delivery
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually

HALF_A_MONTH = 31 * 86_400 // 2


async def told(shop: Shop) -> list[Delivery]:
    """Every event so far, once all have come."""

    async def come() -> bool:
        events = (await shop.sandbox.http.get("/_sandbox/events")).json()["data"]
        return len({delivery.event["id"] for delivery in shop.sandbox.deliveries}) == len(events)

    await eventually(come, "the webhooks")
    return list(shop.sandbox.deliveries)


async def subscribed(shop: Shop, user: str, plan: str) -> str:
    """Buys a plan and gives the subscription's id."""
    page = await shop.buy(user, plan, "subscription")
    await shop.act_on(await told(shop))
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    return str(session.subscription)


async def changed(shop: Shop, subscription: str, *plans: str) -> None:
    """Moves to one plan after the other, and lets us know of each."""
    for plan in plans:
        before = len(shop.sandbox.deliveries)
        await change_plan(shop, subscription, plan)
        await shop.act_on((await told(shop))[before:])


async def test_changing_to_and_fro_gives_no_credits_for_nothing(shop: Shop, user: str) -> None:
    subscription = await subscribed(shop, user, "premium")
    for _ in range(3):
        await changed(shop, subscription, "basic", "premium")
    credits, plan = await shop.stand(user)
    assert 200 <= credits <= 205 + 3  # parts of a credit are rounded once for each change
    assert plan == "premium"


async def test_a_cheaper_plan_takes_back_the_credits_of_the_money_it_gives_back(shop: Shop, user: str) -> None:
    clock = await clocked_customer(shop, user)
    subscription = await subscribed(shop, user, "premium")
    await advance(shop, clock, HALF_A_MONTH)
    await changed(shop, subscription, "basic")
    assert await shop.stand(user) == (5 + 200 - 75, "basic")


async def test_credits_that_a_cheaper_plan_takes_back_and_that_are_spent_are_owed(shop: Shop, user: str) -> None:
    clock = await clocked_customer(shop, user)
    subscription = await subscribed(shop, user, "premium")
    await shop.ledger.grant(user, "promotion", new_id(), 3)
    hold_id = new_id()
    await shop.ledger.hold(user, hold_id, 200 + 8, timedelta(minutes=5))
    await shop.ledger.capture(user, hold_id)
    await advance(shop, clock, HALF_A_MONTH)
    await changed(shop, subscription, "basic")
    standing = await shop.ledger.standing(user)
    assert (standing.credits, standing.debt) == (0, 75)
    await changed(shop, subscription, "premium")  # brings them again
    standing = await shop.ledger.standing(user)
    assert (standing.credits, standing.debt) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2])
async def test_changes_of_plan_may_be_told_in_any_order_and_repeated(shop: Shop, user: str, seed: int) -> None:
    clock, chance = await clocked_customer(shop, user), random.Random(seed)  # noqa: S311 - the same order each time
    page = await shop.buy(user, "premium", "subscription")
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    for plan in ("basic", "premium", "basic"):
        await advance(shop, clock, HALF_A_MONTH // 4)
        await change_plan(shop, str(session.subscription), plan)
    events = await told(shop)
    await shop.act_on([*chance.sample(events, len(events)), *chance.choices(events, k=5)])
    # Of 200 credits for the month 150 go for 7/8 of it, come for 6/8, and go for 5/8; parts of one stay the user's.
    credits, plan = await shop.stand(user)
    assert (credits, plan) == (5 + 200 - 131 + 112 - 93, "basic")
