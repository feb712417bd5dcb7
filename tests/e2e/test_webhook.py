import json

import pytest

from sandbox.stack import Stack
from tests.e2e.browser import Browser, Json
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows
from tests.e2e.polling import until
from tests.e2e.stripe import WEBHOOK, Stripe, checkout, event

UNVERIFIED = "Webhook signature verification failed"
STRANGERS: list[tuple[str, Json]] = [
    ("checkout.session.completed", {"id": "cs_test_unknown", "object": "checkout.session", "payment_status": "paid"}),
    (
        "checkout.session.completed",
        {"id": "cs_test_unknown", "object": "checkout.session", "metadata": {"checkout_id": "unknown"}},
    ),
    ("invoice.paid", {"id": "in_unknown", "object": "invoice", "customer": "cus_unknown"}),
    ("customer.subscription.updated", {"id": "sub_unknown", "object": "subscription", "customer": "cus_unknown"}),
    ("charge.refunded", {"id": "ch_unknown", "object": "charge"}),
    ("some.event.of.the.future", {"id": "x_1", "object": "x"}),
]


def _balance_event() -> str:
    return json.dumps(event("balance.available", {"object": "balance"}))


def test_an_event_that_stripe_signed_is_received(browser: Browser, stripe: Stripe) -> None:
    answer = stripe.deliver(browser, event("balance.available", {"object": "balance"}))
    assert answer.status_code == 200
    assert answer.json() == {"received": True}


def test_an_event_that_comes_again_is_received_again(browser: Browser, stripe: Stripe) -> None:
    same = event("balance.available", {"object": "balance"})
    assert [stripe.deliver(browser, same).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("signature", [None, "", "nonsense", "t=1,v1=00", "v1=00"])
def test_an_event_without_a_good_signature_is_refused(browser: Browser, signature: str | None) -> None:
    headers = {} if signature is None else {"stripe-signature": signature}
    assert_refused(browser.post(WEBHOOK, content=_balance_event(), headers=headers), 400, UNVERIFIED)


def test_a_body_that_was_changed_on_the_way_is_refused(browser: Browser, stripe: Stripe) -> None:
    body = _balance_event()
    answer = browser.post(WEBHOOK, content=body + " ", headers={"stripe-signature": stripe.sign(body)})
    assert_refused(answer, 400, UNVERIFIED)


@pytest.mark.parametrize("age_seconds", [400, -400])
def test_a_signature_of_another_time_is_refused(browser: Browser, stripe: Stripe, age_seconds: int) -> None:
    body = _balance_event()
    answer = browser.post(WEBHOOK, content=body, headers={"stripe-signature": stripe.sign(body, age_seconds)})
    assert_refused(answer, 400, UNVERIFIED)


@pytest.mark.parametrize("body", ["", "not json", "[]", "{}", '{"id": 1, "type": 2}'])
def test_a_signed_body_that_is_no_event_is_refused(browser: Browser, stripe: Stripe, body: str) -> None:
    answer = browser.post(WEBHOOK, content=body, headers={"stripe-signature": stripe.sign(body)})
    assert_refused(answer, 400)


def test_the_webhook_asks_for_no_session_and_no_origin(browser: Browser, stripe: Stripe) -> None:
    browser.headers.update({"origin": "https://api.stripe.com", "authorization": "Bearer stale"})
    assert stripe.deliver(browser, event("balance.available", {"object": "balance"})).status_code == 200


@pytest.mark.parametrize(("kind", "subject"), STRANGERS)
def test_events_about_strangers_are_stored_and_change_nothing(
    stack: Stack, user: Browser, stripe: Stripe, kind: str, subject: Json
) -> None:
    before = user.get("/api/billing/balance").json()
    sent = event(kind, subject)
    assert stripe.deliver(user, sent).json() == {"received": True}
    processed = "SELECT id FROM stripe_events WHERE id = $1 AND processed_at IS NOT NULL"
    until("the event is acted on", lambda: rows(stack, "billing", processed, sent["id"]))
    assert user.get("/api/billing/balance").json() == before


def test_a_forged_claim_of_payment_adds_nothing(stack: Stack, user: Browser, stripe: Stripe) -> None:
    begun = checkout(user)
    sent = event(
        "checkout.session.completed",
        {
            "id": begun["sessionId"],
            "object": "checkout.session",
            "status": "complete",
            "payment_status": "paid",
            "metadata": {"checkout_id": "of somebody", "user_id": user.user_id},
        },
    )
    assert stripe.deliver(user, sent).status_code == 200
    processed = "SELECT id FROM stripe_events WHERE id = $1 AND processed_at IS NOT NULL"
    until("the event is acted on", lambda: rows(stack, "billing", processed, sent["id"]))
    assert user.credits() == 5
