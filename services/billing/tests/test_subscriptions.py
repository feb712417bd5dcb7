"""Plans: each paid invoice grants the plan's credits, the subscription's state decides the plan."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.billing.tests.shop import Shop
from services.billing.tests.stripe_sandbox import Delivery
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually

DAY = 86_400


async def subscribe(shop: Shop, user: str, plan: str = "basic") -> tuple[str, list[Delivery]]:
    """Buys a plan; the subscription's id and the webhooks that have come of it."""
    count = sum(delivery.event["type"] == "checkout.session.completed" for delivery in shop.sandbox.deliveries)
    page = await shop.buy(user, plan, "subscription")
    webhooks = await shop.sandbox.delivered("checkout.session.completed", count + 1)
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    assert isinstance(session.subscription, str)
    return session.subscription, webhooks


async def subscription_grants(shop: Shop, user: str) -> list[Any]:
    """What is left of the user's grants for invoices."""
    return [grant for grant in (await shop.ledger.standing(user)).grants if grant.source == "subscription"]


@pytest.mark.parametrize(("plan", "credits"), [("basic", 50), ("premium", 200)])
async def test_a_paid_plan_grants_its_credits_and_is_the_plan(shop: Shop, user: str, plan: str, credits: int) -> None:
    _, webhooks = await subscribe(shop, user, plan)
    await shop.act_on(webhooks)
    assert await shop.stand(user) == (5 + credits, plan)


async def test_a_plans_credits_end_three_days_after_the_month(shop: Shop, user: str) -> None:
    subscription_id, webhooks = await subscribe(shop, user)
    await shop.act_on(webhooks)
    subscription = await shop.sandbox.client.v1.subscriptions.retrieve_async(subscription_id)
    end = datetime.fromtimestamp(subscription["items"].data[0].current_period_end, UTC)
    assert [grant.expires_at for grant in await subscription_grants(shop, user)] == [end + timedelta(days=3)]


async def test_a_plans_events_may_come_in_any_order_and_repeated(shop: Shop) -> None:
    orders = (lambda webhooks: webhooks, lambda webhooks: webhooks[::-1], lambda webhooks: [*webhooks, *webhooks])
    for order in orders:
        user = new_id()
        _, webhooks = await subscribe(shop, user)
        await shop.act_on(order(webhooks))
        assert await shop.stand(user) == (55, "basic")


async def test_a_plan_that_was_cancelled_is_free_again_and_keeps_its_credits(shop: Shop, user: str) -> None:
    subscription_id, webhooks = await subscribe(shop, user)
    await shop.act_on(webhooks)
    await shop.sandbox.client.v1.subscriptions.cancel_async(subscription_id)
    await shop.act_on(await shop.sandbox.delivered("customer.subscription.deleted"))
    assert await shop.stand(user) == (55, "free")


async def test_events_from_before_the_end_do_not_bring_a_plan_back(shop: Shop, user: str) -> None:
    subscription_id, webhooks = await subscribe(shop, user)
    await shop.act_on(webhooks)
    await shop.sandbox.client.v1.subscriptions.cancel_async(subscription_id)
    await shop.sandbox.delivered("customer.subscription.deleted")
    await shop.act_on(webhooks)
    assert await shop.stand(user) == (55, "free")


async def test_the_end_of_one_plan_leaves_another_one_standing(shop: Shop, user: str) -> None:
    basic, _ = await subscribe(shop, user, "basic")
    _, webhooks = await subscribe(shop, user, "premium")
    await shop.act_on(webhooks)
    await shop.sandbox.client.v1.subscriptions.cancel_async(basic)
    webhooks = await shop.sandbox.delivered("customer.subscription.deleted")
    await shop.act_on(webhooks[-1:])
    assert await shop.stand(user) == (255, "premium")


async def test_an_invoice_nobody_has_paid_grants_nothing(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "subscription", "basic", "")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="pending")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="fails")
    await shop.act_on(await shop.sandbox.delivered("invoice.payment_failed"))
    assert (await shop.ledger.standing(user)).credits == 5


async def test_a_subscription_that_we_did_not_begin_changes_nothing(shop: Shop, user: str) -> None:
    await shop.ledger.standing(user)
    client = shop.sandbox.client.v1
    product = await client.products.create_async({"name": "Something else"})
    price = await client.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    customer = await client.customers.create_async(
        {"invoice_settings": {"default_payment_method": "pm_card_visa"}, "metadata": {"user_id": user}}
    )
    await client.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})
    await shop.act_on(await shop.sandbox.delivered("invoice.paid"))
    assert await shop.stand(user) == (5, "free")


async def clocked_customer(shop: Shop, user: str) -> str:
    """Makes the user a customer in a time of their own, and gives the clock's id."""
    client = shop.sandbox.client.v1
    clock = await client.test_helpers.test_clocks.create_async({"frozen_time": int(time.time())})
    customer = await client.customers.create_async({"test_clock": clock.id})
    await shop.ledger.standing(user)
    async with shop.database.transaction() as connection:
        known = text("UPDATE accounts SET stripe_customer_id = :customer WHERE user_id = :user")
        await connection.execute(known, {"customer": customer.id, "user": user})
    return clock.id


async def advance(shop: Shop, clock: str, seconds: int) -> None:
    """Moves a clock and waits until all that was due is billed."""
    clocks = shop.sandbox.client.v1.test_helpers.test_clocks
    now = (await clocks.retrieve_async(clock)).frozen_time
    await clocks.advance_async(clock, {"frozen_time": now + seconds})

    async def ready() -> bool:
        return (await clocks.retrieve_async(clock)).status == "ready"

    await eventually(ready, "the clock")


async def test_a_renewal_grants_the_plans_credits_again(shop: Shop, user: str) -> None:
    clock = await clocked_customer(shop, user)
    _, webhooks = await subscribe(shop, user)
    await shop.act_on(webhooks)
    await advance(shop, clock, 32 * DAY)
    await shop.act_on(await shop.sandbox.delivered("invoice.paid", 2))
    assert await shop.stand(user) == (105, "basic")
    first, second = [grant.expires_at for grant in await subscription_grants(shop, user)]
    assert timedelta(days=27) < second - first < timedelta(days=32)


async def test_a_plan_is_free_again_when_its_renewal_is_never_paid(shop: Shop, user: str) -> None:
    clock = await clocked_customer(shop, user)
    _, webhooks = await subscribe(shop, user)
    await shop.act_on(webhooks)
    await shop.sandbox.knobs(card="declines")
    await advance(shop, clock, 33 * DAY)
    await shop.act_on(await shop.sandbox.delivered("invoice.payment_failed"))
    assert await shop.stand(user) == (55, "basic")
    await advance(shop, clock, 20 * DAY)
    await shop.act_on(await shop.sandbox.delivered("customer.subscription.deleted"))
    assert await shop.stand(user) == (55, "free")
