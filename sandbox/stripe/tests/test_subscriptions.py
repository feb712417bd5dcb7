"""Subscriptions: begun by Checkout or the API, changed, cancelled."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Stack, new_customer, new_price, open_session, subscribe

MONTH = {"interval": "month"}


async def test_checkout_begins_a_subscription_with_a_paid_invoice(stack: Stack) -> None:
    price = await new_price(stack, 900)
    session = await open_session(
        stack,
        mode="subscription",
        line_items=[{"price": price.id, "quantity": 1}],
        metadata={"user": "1"},
        subscription_data={"metadata": {"user": "1"}},
    )
    assert (await stack.page(session.url or "", action="pay", email="ann@example.com")).status_code == 303

    done: Any = (await stack.receiver.wait_for("checkout.session.completed")).data.object
    assert (done.payment_status, done.payment_intent) == ("paid", None)
    subscription = await stack.client.v1.subscriptions.retrieve_async(
        done.subscription, {"expand": ["latest_invoice.payments", "customer"]}
    )
    assert (subscription.status, subscription.metadata["user"]) == ("active", "1")
    item = subscription["items"].data[0]
    assert 27 * 86400 < item.current_period_end - item.current_period_start < 32 * 86400
    invoice: Any = subscription.latest_invoice
    assert (invoice.id, invoice.status, invoice.amount_paid) == (done.invoice, "paid", 900)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.parent.subscription_details.metadata["user"] == "1"
    assert invoice.lines.data[0].parent.subscription_item_details.subscription_item == item.id
    assert invoice.lines.data[0].pricing.price_details.price == price.id
    assert invoice.lines.data[0].description == "1 × Plan 900 (at 9.00 USD every month)"
    intent = await stack.client.v1.payment_intents.retrieve_async(invoice.payments.data[0].payment.payment_intent)
    assert intent.status == "succeeded"
    customer: Any = subscription.customer
    assert customer.email == "ann@example.com"
    for event_type in (
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    ):
        await stack.receiver.wait_for(event_type)


async def test_an_inline_recurring_price_and_a_one_time_item_are_billed_together(stack: Stack) -> None:
    inline = {"currency": "eur", "unit_amount": 500, "recurring": MONTH, "product_data": {"name": "Pro"}}
    once = {"currency": "eur", "unit_amount": 200, "product_data": {"name": "Setup"}}
    items = [{"price_data": inline, "quantity": 2}, {"price_data": once, "quantity": 1}]
    session = await open_session(stack, mode="subscription", line_items=items)
    done = await stack.control(f"checkout/{session.id}/pay")
    invoice = await stack.client.v1.invoices.retrieve_async(done["invoice"])
    assert (invoice.total, invoice.currency, len(invoice.lines.data)) == (1200, "eur", 2)
    subscription = await stack.client.v1.subscriptions.retrieve_async(done["subscription"])
    assert [item.quantity for item in subscription["items"].data] == [2]


async def test_a_declined_subscription_checkout_begins_nothing(stack: Stack) -> None:
    price = await new_price(stack, 900)
    session = await open_session(stack, mode="subscription", line_items=[{"price": price.id, "quantity": 1}])
    assert (await stack.page(session.url or "", action="decline")).status_code == 402
    assert (await stack.client.v1.subscriptions.list_async({"status": "all"})).data == []
    assert (await stack.page(session.url or "", action="pay")).status_code == 303
    assert len((await stack.client.v1.subscriptions.list_async()).data) == 1


async def test_a_trial_is_free_and_needs_no_payment(stack: Stack) -> None:
    price = await new_price(stack, 900)
    session = await open_session(
        stack,
        mode="subscription",
        line_items=[{"price": price.id, "quantity": 1}],
        subscription_data={"trial_period_days": 7},
    )
    done = await stack.control(f"checkout/{session.id}/pay")
    assert (done["payment_status"], done["amount_total"]) == ("no_payment_required", 0)
    subscription = await stack.client.v1.subscriptions.retrieve_async(done["subscription"])
    assert subscription.status == "trialing"
    assert subscription.trial_end == subscription["items"].data[0].current_period_end


async def test_a_delayed_first_payment_that_fails_makes_the_subscription_past_due(stack: Stack) -> None:
    price = await new_price(stack, 900)
    session = await open_session(stack, mode="subscription", line_items=[{"price": price.id, "quantity": 1}])
    done = await stack.control(f"checkout/{session.id}/async", outcome="pending")
    assert done["payment_status"] == "unpaid"
    with pytest.raises(stripe.InvalidRequestError, match="under way"):
        await stack.client.v1.invoices.pay_async(done["invoice"])
    subscriptions = stack.client.v1.subscriptions
    assert (await subscriptions.retrieve_async(done["subscription"])).status == "active"
    await stack.control(f"checkout/{session.id}/async", outcome="fails")
    await stack.receiver.wait_for("invoice.payment_failed")
    assert (await subscriptions.retrieve_async(done["subscription"])).status == "past_due"


async def test_the_api_begins_a_subscription_for_a_customer_with_a_card(stack: Stack) -> None:
    price, customer = await new_price(stack, 900), await new_customer(stack)
    subscription = await stack.client.v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], "expand": ["latest_invoice"]}
    )
    invoice: Any = subscription.latest_invoice
    assert (subscription.status, invoice.status) == ("active", "paid")
    found = await stack.client.v1.invoices.list_async({"subscription": subscription.id, "status": "paid"})
    assert [each.id for each in found.data] == [invoice.id]


async def test_a_customer_without_a_card_cannot_subscribe(stack: Stack) -> None:
    price = await new_price(stack, 900)
    customer = await stack.client.v1.customers.create_async({})
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        await stack.client.v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})


async def test_a_failing_card_leaves_the_subscription_incomplete_or_raises_if_asked(stack: Stack) -> None:
    price = await new_price(stack, 900)
    customer = await new_customer(stack, card="pm_card_chargeCustomerFail")
    subscriptions = stack.client.v1.subscriptions
    subscription = await subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})
    assert subscription.status == "incomplete"
    with pytest.raises(stripe.CardError) as declined:
        await subscriptions.create_async(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "payment_behavior": "error_if_incomplete",
            }
        )
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert len((await subscriptions.list_async({"status": "all"})).data) == 1


async def test_an_open_invoice_can_be_paid_on_its_page(stack: Stack) -> None:
    price = await new_price(stack, 900)
    customer = await new_customer(stack)
    await stack.knobs(card="declines")
    subscription = await stack.client.v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], "expand": ["latest_invoice"]}
    )
    invoice: Any = subscription.latest_invoice
    url = invoice.hosted_invoice_url
    assert (await stack.page(url)).status_code == 402
    await stack.knobs(card="succeeds")
    assert (await stack.page(url)).status_code == 303
    assert "Paid." in (await stack.http.get(url)).text
    assert (await stack.client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_an_upgrade_is_invoiced_at_once_for_what_remains(stack: Stack) -> None:
    small, large = await new_price(stack, 900), await new_price(stack, 2900)
    subscription = await subscribe(stack, small)
    item = subscription["items"].data[0]
    changed = await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": item.id, "price": large.id}],
            "proration_behavior": "always_invoice",
            "expand": ["latest_invoice"],
        },
    )
    invoice: Any = changed.latest_invoice
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert [line.parent.subscription_item_details.proration for line in invoice.lines.data] == [True, True]
    unused, remaining = (line.amount for line in invoice.lines.data)
    assert (-900 <= unused < -890, 2890 < remaining <= 2900) == (True, True)
    assert changed["items"].data[0].price.id == large.id
    assert changed["items"].data[0].current_period_end == item.current_period_end
    updated = await stack.receiver.wait_for("customer.subscription.updated")
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes["items"]["data"][0]["price"]["id"] == small.id


async def test_a_downgrade_credits_the_customer(stack: Stack) -> None:
    small, large = await new_price(stack, 900), await new_price(stack, 2900)
    subscription = await subscribe(stack, large)
    await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": small.id}],
            "proration_behavior": "always_invoice",
        },
    )
    assert isinstance(subscription.customer, str)
    customer = await stack.client.v1.customers.retrieve_async(subscription.customer)
    assert customer.balance is not None
    assert -2000 <= customer.balance < -1980


async def test_another_interval_starts_a_new_period(stack: Stack) -> None:
    month, year = await new_price(stack, 900), await new_price(stack, 9000, interval="year")
    subscription = await subscribe(stack, month)
    changed = await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": subscription["items"].data[0].id, "price": year.id}], "expand": ["latest_invoice"]},
    )
    item = changed["items"].data[0]
    assert item.current_period_end - item.current_period_start >= 365 * 86400
    invoice: Any = changed.latest_invoice
    assert 8100 <= invoice.total <= 8110


async def test_cancelling_at_the_period_end_can_be_taken_back(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    update = stack.client.v1.subscriptions.update_async
    ending = await update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at_period_end) == ("active", True)
    assert ending.cancel_at == ending["items"].data[0].current_period_end
    assert ending.cancellation_details is not None
    assert ending.cancellation_details.reason == "cancellation_requested"
    resumed = await update(subscription.id, {"cancel_at_period_end": False})
    assert (resumed.cancel_at_period_end, resumed.cancel_at, resumed.canceled_at) == (False, None, None)


async def test_a_cancelled_subscription_has_ended(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    subscriptions = stack.client.v1.subscriptions
    ended = await subscriptions.cancel_async(subscription.id, {"cancellation_details": {"comment": "bye"}})
    assert (ended.status, ended.ended_at is not None) == ("canceled", True)
    await stack.receiver.wait_for("customer.subscription.deleted")
    assert (await subscriptions.list_async()).data == []
    assert len((await subscriptions.list_async({"status": "canceled"})).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        await subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})


async def test_cancelling_can_credit_what_is_unused(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    ended = await stack.client.v1.subscriptions.cancel_async(
        subscription.id, {"prorate": True, "invoice_now": True, "expand": ["latest_invoice"]}
    )
    invoice: Any = ended.latest_invoice
    assert (invoice.status, invoice.amount_due, invoice.total < -890) == ("paid", 0, True)
    assert ended.status == "canceled"


async def test_items_are_added_multiplied_and_removed(stack: Stack) -> None:
    seat, extra = await new_price(stack, 900), await new_price(stack, 100)
    subscription = await subscribe(stack, seat)
    update, item = stack.client.v1.subscriptions.update_async, subscription["items"].data[0]
    both = await update(
        subscription.id,
        {"items": [{"id": item.id, "quantity": 3}, {"price": extra.id}], "proration_behavior": "none"},
    )
    assert [each.quantity for each in both["items"].data] == [3, 1]
    one = await update(subscription.id, {"items": [{"id": item.id, "deleted": True}], "proration_behavior": "none"})
    assert [each.price.id for each in one["items"].data] == [extra.id]
    assert len((await stack.client.v1.invoices.list_async({"subscription": subscription.id})).data) == 1
    bad: Any
    for bad in ({"id": "si_none"}, {"id": one["items"].data[0].id, "deleted": True}, {"price": "price_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            await update(subscription.id, {"items": [bad]})


async def test_an_anchor_of_now_starts_a_new_period(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    changed = await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "expand": ["latest_invoice"],
        },
    )
    invoice: Any = changed.latest_invoice
    assert (invoice.billing_reason, invoice.total) == ("subscription_update", 900)


async def test_a_trial_can_be_ended_at_once(stack: Stack) -> None:
    price, customer = await new_price(stack, 900), await new_customer(stack)
    trial = await stack.client.v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], "trial_period_days": 7}
    )
    changed = await stack.client.v1.subscriptions.update_async(
        trial.id, {"trial_end": "now", "expand": ["latest_invoice"]}
    )
    invoice: Any = changed.latest_invoice
    assert (changed.status, invoice.amount_paid) == ("active", 900)


async def test_an_upgrade_with_a_failing_card_changes_nothing_if_asked(stack: Stack) -> None:
    small, large = await new_price(stack, 900), await new_price(stack, 2900)
    subscription = await subscribe(stack, small)
    await stack.knobs(card="declines")
    change: Any = {"items": [{"id": subscription["items"].data[0].id, "price": large.id}]}
    update = stack.client.v1.subscriptions.update_async
    with pytest.raises(stripe.CardError):
        await update(subscription.id, change | {"payment_behavior": "error_if_incomplete"})
    same = await stack.client.v1.subscriptions.retrieve_async(subscription.id)
    assert same["items"].data[0].price.id == small.id
    late = await update(subscription.id, change | {"proration_behavior": "always_invoice"})
    assert late.status == "past_due"


async def test_cards_are_attached_listed_and_detached(stack: Stack) -> None:
    customer = await stack.client.v1.customers.create_async({})
    methods = stack.client.v1.payment_methods
    card = await methods.attach_async("pm_card_visa", {"customer": customer.id})
    assert (card.customer, card.card and card.card.last4) == (customer.id, "4242")
    listed = await stack.client.v1.customers.payment_methods.list_async(customer.id, {"type": "card"})
    assert [each.id for each in listed.data] == [card.id]
    assert (await methods.detach_async(card.id)).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        await methods.detach_async(card.id)
    with pytest.raises(stripe.InvalidRequestError):
        await stack.client.v1.customers.update_async(
            customer.id, {"invoice_settings": {"default_payment_method": card.id}}
        )


async def test_the_api_pays_an_open_invoice_with_another_card(stack: Stack) -> None:
    price = await new_price(stack, 900)
    customer = await new_customer(stack, card="pm_card_chargeCustomerFail")
    subscription = await stack.client.v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}]}
    )
    invoices, invoice = stack.client.v1.invoices, str(subscription.latest_invoice)
    with pytest.raises(stripe.CardError):
        await invoices.pay_async(invoice)
    card = await stack.client.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    assert (await invoices.pay_async(invoice, {"payment_method": card.id})).status == "paid"
    assert (await stack.client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    with pytest.raises(stripe.InvalidRequestError):
        await invoices.pay_async(invoice)
    payments = await stack.client.v1.invoice_payments.list_async({"invoice": invoice})
    assert payments.data[0].status == "paid"


async def test_a_flow_of_the_portal_returns_where_it_says(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    session = await stack.client.v1.billing_portal.sessions.create_async(
        {
            "customer": str(subscription.customer),
            "flow_data": {
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": subscription.id},
                "after_completion": {"type": "redirect", "redirect": {"return_url": "http://127.0.0.1:9/bye"}},
            },
        }
    )
    answer = await stack.page(session.url, action="cancel", subscription=subscription.id)
    assert (answer.status_code, answer.headers["Location"]) == (303, "http://127.0.0.1:9/bye")


async def test_deleting_a_customer_cancels_their_subscription(stack: Stack) -> None:
    subscription = await subscribe(stack, await new_price(stack, 900))
    assert isinstance(subscription.customer, str)
    await stack.client.v1.customers.delete_async(subscription.customer)
    assert (await stack.client.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"


async def test_the_portal_changes_cancels_and_resumes(stack: Stack) -> None:
    small, large = await new_price(stack, 900), await new_price(stack, 2900)
    subscription = await subscribe(stack, small)
    session = await stack.client.v1.billing_portal.sessions.create_async(
        {"customer": str(subscription.customer), "return_url": "http://127.0.0.1:9/account"}
    )
    page = await stack.http.get(session.url)
    assert 'href="http://127.0.0.1:9/account"' in page.text
    assert "29.00 USD every month" in page.text

    async def press(action: str) -> stripe.Subscription:
        answer = await stack.page(session.url, action=action, subscription=subscription.id, price=large.id)
        assert answer.status_code == 303
        return await stack.client.v1.subscriptions.retrieve_async(subscription.id)

    assert (await press("change"))["items"].data[0].price.id == large.id
    assert (await press("cancel")).cancel_at_period_end is True
    assert "Resume" in (await stack.http.get(session.url)).text
    assert (await press("resume")).cancel_at_period_end is False
    stranger = await subscribe(stack, small)
    bad = await stack.page(session.url, action="cancel", subscription=stranger.id)
    assert bad.status_code == 404
