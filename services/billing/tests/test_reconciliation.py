"""What Stripe did and never told us is found and made up for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing import catalog
from services.billing.reconciliation import Reconciliation
from services.billing.subscriptions import Subscriptions
from services.billing.tests.lives import change_plan
from services.billing.tests.shop import Shop
from services.billing.tests.test_refunds import books, bought


@pytest.fixture
def reconciliation(shop: Shop) -> Reconciliation:
    """A shop that hears of nothing: no webhook is acted on."""
    subscriptions = Subscriptions(shop.database, shop.ledger, shop.payments, catalog.load())
    return Reconciliation(shop.database, shop.payments, shop.checkouts, subscriptions, shop.webhooks)


async def test_a_purchase_nobody_told_us_of_is_granted(shop: Shop, user: str, reconciliation: Reconciliation) -> None:
    page = await shop.buy(user)
    assert await reconciliation.run() == 1
    assert await shop.stand(user) == (15, "free")
    assert (await shop.checkout(page.session_id)).status == "completed"


async def test_an_abandoned_purchase_is_closed(shop: Shop, user: str, reconciliation: Reconciliation) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    assert await reconciliation.run() == 0
    await shop.sandbox.control(f"checkout/{page.session_id}/expire")
    assert await reconciliation.run() == 1
    assert (await shop.checkout(page.session_id)).status == "expired"


async def test_a_refund_nobody_told_us_of_takes_its_credits(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    payment = await bought(shop, user)
    await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment})
    assert await reconciliation.run() == 1
    assert await books(shop, user) == (5, 0, {"signup": 5})


async def test_a_subscription_is_followed_through_its_life(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    page = await shop.buy(user, "basic", "subscription")
    assert await reconciliation.run() >= 1
    assert await shop.stand(user) == (55, "basic")
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    await change_plan(shop, str(session.subscription), "premium")
    assert await reconciliation.run() >= 1
    assert (await shop.stand(user))[1] == "premium"
    await shop.sandbox.client.v1.subscriptions.cancel_async(str(session.subscription))
    assert await reconciliation.run() == 1
    assert (await shop.stand(user))[1] == "free"


async def test_a_payment_that_was_long_on_its_way_is_granted(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="pending")
    ten_days_later = datetime.now(UTC) + timedelta(days=10)
    assert await reconciliation.run(ten_days_later) == 0
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="succeeds")
    assert [await reconciliation.run(ten_days_later) for _ in range(2)] == [1, 0]
    assert await shop.stand(user) == (15, "free")


async def test_a_renewal_that_was_paid_long_after_it_was_billed_is_granted(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    await shop.buy(user, "basic", "subscription")
    ten_days_later = datetime.now(UTC) + timedelta(days=10)
    assert await reconciliation.run(ten_days_later) >= 1
    assert await shop.stand(user) == (55, "basic")
    assert await reconciliation.run(ten_days_later) == 0


async def test_a_dispute_that_was_decided_long_after_it_began_is_followed(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    payment = await bought(shop, user)
    charge = (await shop.sandbox.client.v1.charges.list_async({"payment_intent": payment})).data[0]
    await shop.sandbox.control("dispute", charge=charge.id)
    assert await reconciliation.run() == 1
    found = await shop.sandbox.client.v1.disputes.list_async({"payment_intent": payment})
    await shop.sandbox.control("dispute", dispute=found.data[0].id, outcome="won")
    assert await reconciliation.run(datetime.now(UTC) + timedelta(days=90)) == 1
    assert (await books(shop, user))[0] == 15


async def test_replicas_that_reconcile_at_once_repair_once(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    payment = await bought(shop, user)
    await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment, "amount": 100})
    await shop.buy(user, "medium")
    await shop.buy(user, "basic", "subscription")
    await asyncio.gather(*(reconciliation.run() for _ in range(3)))
    assert await shop.stand(user) == (5 + 8 + 25 + 50, "basic")
    assert await reconciliation.run() == 0


async def test_there_is_nothing_to_repair_twice(shop: Shop, user: str, reconciliation: Reconciliation) -> None:
    payment = await bought(shop, user)
    await shop.buy(user, "basic", "subscription")
    await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment, "amount": 100})
    assert await reconciliation.run() > 0
    assert await reconciliation.run() == 0


async def test_what_others_sold_with_the_same_account_is_left_alone(
    shop: Shop, user: str, reconciliation: Reconciliation
) -> None:
    await shop.ledger.standing(user)
    client = shop.sandbox.client.v1
    customer = await client.customers.create_async(
        {"invoice_settings": {"default_payment_method": "pm_card_visa"}, "metadata": {"user_id": user}}
    )
    product: Any = {"product_data": {"name": "Something else"}, "recurring": {"interval": "month"}}
    made = await client.prices.create_async(product | {"currency": "usd", "unit_amount": 900})
    await client.subscriptions.create_async({"customer": customer.id, "items": [{"price": made.id}]})
    assert await reconciliation.run() == 0
    assert await shop.stand(user) == (5, "free")
