"""The portal does what its configuration allows."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Stack, new_price, subscribe

DAY = 86_400


def rules(*prices: stripe.Price, **changes: Any) -> Any:
    """A configuration that lets subscriptions move between prices."""
    update = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "products": [{"product": str(price.product), "prices": [price.id]} for price in prices],
        "proration_behavior": "always_invoice",
    }
    return {
        "features": {
            "subscription_update": update | changes,
            "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
        }
    }


async def opened(stack: Stack, customer: str, **params: Any) -> str:
    """A portal's address."""
    asked: Any = {"customer": customer, **params}
    return (await stack.client.v1.billing_portal.sessions.create_async(asked)).url


async def test_the_first_configuration_is_the_default_and_all_are_listed(stack: Stack) -> None:
    configurations = stack.client.v1.billing_portal.configurations
    price = await new_price(stack, 900)
    first, second = [await configurations.create_async(rules(price)) for _ in range(2)]
    assert (first.is_default, second.is_default) == (True, False)
    assert [each.id for each in (await configurations.list_async({"active": True})).data] == [second.id, first.id]
    subscription = await subscribe(stack, price)
    session = await stack.client.v1.billing_portal.sessions.create_async({"customer": str(subscription.customer)})
    assert session.configuration == first.id


async def test_only_the_prices_on_offer_can_be_moved_to(stack: Stack) -> None:
    small, large, secret = [await new_price(stack, amount) for amount in (900, 2900, 100)]
    made = await stack.client.v1.billing_portal.configurations.create_async(rules(small, large))
    subscription = await subscribe(stack, small)
    url = await opened(stack, str(subscription.customer), configuration=made.id)
    page = (await stack.http.get(url)).text
    assert (large.id in page, secret.id in page) == (True, False)
    refused = await stack.page(url, action="change", subscription=subscription.id, price=secret.id)
    assert refused.status_code == 400
    done = await stack.page(url, action="change", subscription=subscription.id, price=large.id)
    assert done.status_code == 303
    now = await stack.client.v1.subscriptions.retrieve_async(subscription.id)
    assert now["items"].data[0].price.id == large.id


async def test_a_change_to_less_can_wait_for_the_end_of_the_period(stack: Stack) -> None:
    client = stack.client.v1
    small, large = await new_price(stack, 900), await new_price(stack, 2900)
    later = {"conditions": [{"type": "decreasing_item_amount"}]}
    await client.billing_portal.configurations.create_async(rules(small, large, schedule_at_period_end=later))
    clock = await client.test_helpers.test_clocks.create_async({"frozen_time": 1_900_000_000})
    customer = await client.customers.create_async(
        {
            "test_clock": clock.id,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    made = await client.subscriptions.create_async({"customer": customer.id, "items": [{"price": large.id}]})
    url = await opened(stack, customer.id)
    assert (await stack.page(url, action="change", subscription=made.id, price=small.id)).status_code == 303
    assert (await client.subscriptions.retrieve_async(made.id))["items"].data[0].price.id == large.id
    assert "From then on" in (await stack.http.get(url)).text
    await client.test_helpers.test_clocks.advance_async(clock.id, {"frozen_time": 1_900_000_000 + 32 * DAY})
    await stack.receiver.wait_for("invoice.paid", 2)
    assert (await client.subscriptions.retrieve_async(made.id))["items"].data[0].price.id == small.id
    paid = (await client.invoices.list_async({"customer": customer.id})).data
    assert [invoice.amount_paid for invoice in paid] == [900, 2900]


async def test_what_is_not_enabled_is_refused(stack: Stack) -> None:
    invoices_only: Any = {"features": {"invoice_history": {"enabled": True}}}
    await stack.client.v1.billing_portal.configurations.create_async(invoices_only)
    subscription = await subscribe(stack, await new_price(stack, 900))
    url = await opened(stack, str(subscription.customer))
    for action in ("cancel", "change"):
        assert (await stack.page(url, action=action, subscription=subscription.id)).status_code == 400


async def test_a_configuration_is_changed_and_can_be_retired(stack: Stack) -> None:
    configurations = stack.client.v1.billing_portal.configurations
    price = await new_price(stack, 900)
    first, second = [await configurations.create_async(rules(price)) for _ in range(2)]
    await configurations.update_async(second.id, {"active": False, "metadata": {"a": "b"}})
    assert (await configurations.retrieve_async(second.id)).active is False
    with pytest.raises(stripe.InvalidRequestError):
        await configurations.update_async(first.id, {"active": False})
    customer = await stack.client.v1.customers.create_async({})
    with pytest.raises(stripe.InvalidRequestError):
        await opened(stack, customer.id, configuration=second.id)


@pytest.mark.parametrize("products", ["none", "of another product", "unknown"])
async def test_changes_need_products_with_prices_of_their_own(stack: Stack, products: str) -> None:
    one, other = await new_price(stack, 900), await new_price(stack, 2900)
    offered: Any = {
        "none": [],
        "of another product": [{"product": str(one.product), "prices": [other.id]}],
        "unknown": [{"product": "prod_unknown", "prices": [one.id]}],
    }[products]
    with pytest.raises(stripe.InvalidRequestError):
        await stack.client.v1.billing_portal.configurations.create_async(rules(one, products=offered))
