"""Stripe's portal is ours to configure, and where a plan becomes another."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from services.billing import catalog
from services.billing.catalog import Catalog
from services.billing.customers import Customers
from services.billing.errors import IdempotencyKeyReused, PaymentsUnavailable
from services.billing.portal import Portal
from services.billing.tests.shop import Shop
from services.kit.ids import new_id

LATER = {"conditions": [{"type": "decreasing_item_amount"}]}


def portal(shop: Shop, goods: Catalog | None = None) -> Portal:
    """A replica's portal."""
    customers = Customers(shop.database, shop.ledger, shop.payments)
    return Portal(shop.database, customers, shop.payments, goods or catalog.load())


async def configurations(shop: Shop) -> list[Mapping[str, Any]]:
    """Every configuration at Stripe."""
    return [each.to_dict() for each in (await shop.sandbox.client.v1.billing_portal.configurations.list_async()).data]


async def subscribed(shop: Shop, user: str, plan: str) -> str:
    """Buys a plan and gives the subscription's id."""
    page = await shop.buy(user, plan, "subscription")
    await shop.act_on(await shop.sandbox.delivered("checkout.session.completed"))
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    return str(session.subscription)


async def test_the_portal_is_configured_when_it_is_first_opened_and_only_then(shop: Shop, user: str) -> None:
    await asyncio.gather(*(portal(shop).open(each) for each in (user, new_id(), new_id())))
    await portal(shop).open(user)
    (made,) = await configurations(shop)
    changes = made["features"]["subscription_update"]
    assert (changes["enabled"], changes["proration_behavior"], changes["schedule_at_period_end"]) == (
        True,
        "always_invoice",
        LATER,
    )
    assert len(changes["products"]) == 2
    assert made["features"]["subscription_cancel"]["mode"] == "at_period_end"
    assert all(made["features"][each]["enabled"] for each in ("payment_method_update", "invoice_history"))


async def test_another_catalog_changes_the_configuration_that_is_there(shop: Shop, user: str) -> None:
    goods = catalog.load()
    dearer = dataclasses.replace(goods.plans["basic"], price=1099)
    await portal(shop).open(user)
    (before,) = await configurations(shop)
    for changed in (
        dataclasses.replace(goods, proration="none"),
        dataclasses.replace(goods, plans=goods.plans | {"basic": dearer}),
        goods,
    ):
        await portal(shop, changed).open(user)
    (after,) = await configurations(shop)
    assert after["id"] == before["id"]
    changes = after["features"]["subscription_update"]
    assert changes["proration_behavior"] == "always_invoice"
    offered = {price for each in changes["products"] for price in each["prices"]}
    found = [await shop.sandbox.client.v1.prices.retrieve_async(price) for price in offered]
    assert {price.unit_amount for price in found} == {999, 2999}


async def test_what_somebody_else_configured_is_left_alone(shop: Shop, user: str) -> None:
    theirs: Any = {"features": {"invoice_history": {"enabled": True}}}
    await shop.sandbox.client.v1.billing_portal.configurations.create_async(theirs)
    before = await configurations(shop)
    await portal(shop).open(user)
    assert len(await configurations(shop)) == 2
    assert before[0] in await configurations(shop)


async def test_a_configuration_that_was_put_out_of_use_is_made_again(shop: Shop, user: str) -> None:
    theirs: Any = {"features": {"invoice_history": {"enabled": True}}}
    client = shop.sandbox.client.v1.billing_portal.configurations
    await client.create_async(theirs)
    ours = portal(shop)
    await ours.open(user)
    (mine,) = [each for each in await configurations(shop) if each["metadata"]]
    await client.update_async(mine["id"], {"active": False})
    with pytest.raises(PaymentsUnavailable):
        await ours.open(user)
    assert (await ours.open(user)).startswith("http")
    assert len([each for each in await configurations(shop) if each["metadata"] and each["active"]]) == 1


async def test_who_has_a_plan_is_sent_to_change_it_and_pays_for_one(shop: Shop, user: str) -> None:
    subscription = await subscribed(shop, user, "basic")
    key = new_id()
    page = await shop.checkouts.begin(user, "subscription", "premium", key)
    assert await shop.checkouts.begin(user, "subscription", "premium", key) == page
    with pytest.raises(IdempotencyKeyReused):
        await shop.checkouts.begin(user, "subscription", "basic", key)
    shown = (await shop.sandbox.http.get(page.url)).text
    assert shown.index("Premium, 200 credits") > 0
    price = (await portal(shop).plans())["premium"].price_id
    pressed = await shop.sandbox.http.post(
        page.url, data={"action": "change", "subscription": subscription, "price": price}
    )
    assert pressed.headers["Location"] == "http://shop.example/billing?success=true"
    await shop.act_on(await shop.sandbox.delivered("invoice.paid", 2))
    found = await shop.sandbox.client.v1.subscriptions.list_async({"status": "all"})
    assert [each.status for each in found.data] == ["active"]
    assert (await shop.stand(user))[1] == "premium"


async def test_who_asks_for_the_plan_they_have_is_shown_it(shop: Shop, user: str) -> None:
    await subscribed(shop, user, "basic")
    page = await shop.checkouts.begin(user, "subscription", "basic", "")
    assert "/p/session/" in page.url


async def test_who_has_no_plan_any_more_may_buy_one(shop: Shop, user: str) -> None:
    subscription = await subscribed(shop, user, "basic")
    await shop.sandbox.client.v1.subscriptions.cancel_async(subscription)  # and nobody has told us yet
    assert "/c/pay/" in (await shop.checkouts.begin(user, "subscription", "premium", "")).url


async def test_a_customer_that_somebody_deleted_is_made_again(shop: Shop, user: str) -> None:
    await portal(shop).open(user)
    client = shop.sandbox.client.v1
    for _ in range(2):
        (customer,) = (await client.customers.list_async()).data
        await client.customers.delete_async(customer.id)
        page = await shop.checkouts.begin(user, "credits", "small", new_id())
        assert (await client.checkout.sessions.retrieve_async(page.session_id)).customer != customer.id
        assert await portal(shop).open(user)
