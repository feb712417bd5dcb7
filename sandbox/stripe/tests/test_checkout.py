"""Checkout in payment mode: session, page, webhook."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import RETURN, Stack, eventually, one_item, open_session


async def test_paying_on_the_page_completes_the_session_and_returns_the_shopper(stack: Stack) -> None:
    session = await open_session(
        stack,
        client_reference_id="user-1",
        metadata={"pack": "10"},
        payment_intent_data={"metadata": {"order": "7"}, "description": "Ten credits"},
    )
    assert session.url is not None
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 900)

    answer = await stack.page(session.url, action="pay", email="ann@example.com", name="Ann")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{RETURN}?session={session.id}"
    paid = await stack.client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details is not None
    assert (paid.customer_details.email, paid.customer_details.name) == ("ann@example.com", "Ann")
    intent: Any = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["order"]) == ("succeeded", 900, "7")
    assert (intent.latest_charge.paid, intent.latest_charge.description) == (True, "Ten credits")
    assert paid.line_items is not None
    assert paid.line_items.data[0].description == "10 credits"


async def test_the_completed_event_is_signed_and_carries_the_session(stack: Stack) -> None:
    session = await open_session(stack, client_reference_id="user-1", metadata={"pack": "10"})
    await stack.control(f"checkout/{session.id}/pay")
    event = await stack.receiver.wait_for("checkout.session.completed")
    sent: Any = event.data.object
    assert (sent.id, sent.client_reference_id, sent.metadata["pack"]) == (session.id, "user-1", "10")
    assert (event.api_version, event.livemode, event.pending_webhooks) == ("2026-10-28.endive", False, 1)
    order = [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    assert [each for each in stack.receiver.types if each in order] == order

    async def acknowledged() -> bool:
        return (await stack.client.v1.events.retrieve_async(event.id)).pending_webhooks == 0

    await eventually(acknowledged)


async def test_the_page_shows_what_is_bought_and_escapes_it(stack: Stack) -> None:
    items = one_item(1250, product_data={"name": "<b>Try-ons</b>"})
    session = await open_session(stack, line_items=items, customer_email="ann@example.com")
    page = await stack.http.get(session.url or "")
    assert page.status_code == 200
    assert "&lt;b&gt;Try-ons&lt;/b&gt;" in page.text
    assert "12.50 USD" in page.text
    assert 'value="ann@example.com"' in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_a_declined_card_leaves_the_session_open_and_can_be_retried(stack: Stack) -> None:
    session = await open_session(stack)
    page = await stack.page(session.url or "", action="decline")
    assert page.status_code == 402
    assert 'role="alert"' in page.text
    failed: Any = (await stack.receiver.wait_for("payment_intent.payment_failed")).data.object
    assert failed.last_payment_error.code == "card_declined"
    await stack.receiver.wait_for("charge.failed")

    assert (await stack.page(session.url or "", action="pay")).status_code == 303
    again = await stack.client.v1.checkout.sessions.retrieve_async(session.id)
    assert again.payment_intent == failed.id
    charges = await stack.client.v1.charges.list_async({"payment_intent": failed.id})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]


async def test_cancel_returns_the_shopper_and_keeps_the_session_open(stack: Stack) -> None:
    session = await open_session(stack)
    answer = await stack.page(session.url or "", action="cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{RETURN}?cancelled=1")
    assert (await stack.client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_a_session_is_paid_once(stack: Stack) -> None:
    session = await open_session(stack)
    await stack.page(session.url or "", action="pay")
    assert (await stack.page(session.url or "", action="pay")).status_code == 409
    assert (await stack.http.get(session.url or "")).status_code == 409
    assert (await stack.http.post(f"/_sandbox/checkout/{session.id}/pay")).status_code == 400
    assert len((await stack.client.v1.charges.list_async()).data) == 1


async def test_a_delayed_payment_completes_unpaid_and_succeeds_later(stack: Stack) -> None:
    await stack.knobs(async_settle_ms=0)
    session = await open_session(stack)
    await stack.page(session.url or "", action="async")
    completed: Any = (await stack.receiver.wait_for("checkout.session.completed")).data.object
    assert completed.payment_status == "unpaid"
    settled: Any = (await stack.receiver.wait_for("checkout.session.async_payment_succeeded")).data.object
    assert (settled.id, settled.payment_status) == (session.id, "paid")
    intent = await stack.client.v1.payment_intents.retrieve_async(settled.payment_intent)
    assert intent.status == "succeeded"


async def test_a_delayed_payment_can_fail_when_told(stack: Stack) -> None:
    session = await open_session(stack)
    await stack.control(f"checkout/{session.id}/async", outcome="pending")
    await stack.control(f"checkout/{session.id}/async", outcome="fails")
    failed: Any = (await stack.receiver.wait_for("checkout.session.async_payment_failed")).data.object
    assert (failed.status, failed.payment_status) == ("complete", "unpaid")
    await stack.receiver.wait_for("payment_intent.payment_failed")


async def test_an_expired_session_cannot_be_paid(stack: Stack) -> None:
    session = await open_session(stack)
    expired = await stack.client.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    await stack.receiver.wait_for("checkout.session.expired")
    assert (await stack.page(session.url or "", action="pay")).status_code == 410
    with pytest.raises(stripe.InvalidRequestError, match="Only Checkout Sessions with a status"):
        await stack.client.v1.checkout.sessions.expire_async(session.id)


async def test_sessions_are_listed_by_payment_intent_and_status(stack: Stack) -> None:
    paid, waiting = await open_session(stack), await open_session(stack)
    await stack.control(f"checkout/{paid.id}/pay")
    sessions = stack.client.v1.checkout.sessions
    assert [each.id for each in (await sessions.list_async({"status": "open"})).data] == [waiting.id]
    found = (await sessions.list_async({"status": "complete"})).data[0]
    assert isinstance(found.payment_intent, str)
    by_intent = await sessions.list_async({"payment_intent": found.payment_intent})
    assert [each.id for each in by_intent.data] == [paid.id]
    items = await sessions.line_items.list_async(paid.id)
    assert items.data[0].amount_total == 900


async def test_a_known_customer_is_kept_and_a_new_one_is_made_when_asked(stack: Stack) -> None:
    customer = await stack.client.v1.customers.create_async({"email": "ann@example.com"})
    known = await open_session(stack, customer=customer.id)
    await stack.control(f"checkout/{known.id}/pay")
    made = await open_session(stack, customer_creation="always", customer_email="bob@example.com")
    await stack.control(f"checkout/{made.id}/pay")
    sessions = stack.client.v1.checkout.sessions
    assert (await sessions.retrieve_async(known.id)).customer == customer.id
    new = (await sessions.retrieve_async(made.id, {"expand": ["customer"]})).customer
    assert isinstance(new, stripe.Customer)
    assert new.email == "bob@example.com"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"mode": "subscription"}, "line_items"),
        ({"line_items": one_item(recurring={"interval": "month"})}, "line_items"),
        ({"line_items": one_item(10)}, None),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"expires_at": 1}, "expires_at"),
        ({"mode": "gift"}, "mode"),
        ({"customer": "cus_none"}, "customer"),
        ({"colour": "red"}, "colour"),
        (
            {"line_items": [{"price_data": {"unit_amount": 5}, "quantity": 1}]},
            "line_items[0][price_data][currency]",
        ),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"discounts": [{"coupon": "half"}]}, "discounts"),
        ({"payment_intent_data": {"capture_method": "manual"}}, "payment_intent_data[capture_method]"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": [{"price": "price_none"}]}, "line_items[0][quantity]"),
    ],
)
async def test_what_stripe_refuses_is_refused(stack: Stack, params: dict[str, Any], param: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await open_session(stack, **params)
    assert refused.value.http_status == 400
    assert refused.value.param == param


async def test_a_customer_without_an_email_gets_the_one_entered(stack: Stack) -> None:
    customer = await stack.client.v1.customers.create_async({"metadata": {"user_id": "1"}})
    session = await open_session(stack, customer=customer.id)
    await stack.page(session.url or "", action="pay", email="ann@example.com")
    assert (await stack.client.v1.customers.retrieve_async(customer.id)).email == "ann@example.com"


async def test_a_free_order_needs_no_payment(stack: Stack) -> None:
    session = await open_session(stack, line_items=one_item(0))
    done = await stack.control(f"checkout/{session.id}/pay")
    assert (done["status"], done["payment_status"], done["payment_intent"]) == (
        "complete",
        "no_payment_required",
        None,
    )


async def test_tax_that_is_off_is_no_reason_to_refuse(stack: Stack) -> None:
    session = await open_session(stack, automatic_tax={"enabled": False}, allow_promotion_codes=True)
    assert session.status == "open"


async def test_amounts_of_a_currency_without_cents_are_shown_whole(stack: Stack) -> None:
    session = await open_session(stack, line_items=one_item(300, currency="jpy"))
    assert "300 JPY" in (await stack.http.get(session.url or "")).text
