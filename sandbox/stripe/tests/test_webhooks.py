"""Deliveries: retries, duplicates, order, loss, and faults of the API."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from sandbox.stripe.config import Config
from sandbox.stripe.knobs import Knobs
from sandbox.stripe.store import Store
from sandbox.stripe.webhooks import Webhooks

from .conftest import KEY, SECRET, Receiver, Stack, eventually, running


async def create(stack: Stack, *names: str) -> list[str]:
    """Customers with these names."""
    return [(await stack.client.v1.customers.create_async({"name": name})).id for name in names]


async def deliveries(stack: Stack) -> list[dict[str, Any]]:
    """Every delivery of every event."""
    events = (await stack.http.get("/_sandbox/events")).json()["data"]
    return [delivery for event in events for delivery in event["deliveries"]]


async def test_a_refused_delivery_is_retried_until_it_is_taken(stack: Stack) -> None:
    stack.receiver.refuse = 2
    await create(stack, "Ann")
    await stack.receiver.wait_for("customer.created")

    async def delivered() -> list[dict[str, Any]]:
        return [each for each in await deliveries(stack) if each["state"] == "delivered"]

    [delivery] = await eventually(delivered)
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 500, 200]
    first, second, third = (attempt["at_ms"] for attempt in delivery["attempts"])
    assert third - second > second - first - 5


async def test_a_delivery_is_given_up_after_its_last_attempt(stack: Stack) -> None:
    await stack.knobs(max_attempts=2)
    stack.receiver.refuse = 2
    await create(stack, "Ann")

    async def failed() -> list[dict[str, Any]]:
        return [each for each in await deliveries(stack) if each["state"] == "failed"]

    [delivery] = await eventually(failed)
    assert len(delivery["attempts"]) == 2
    await stack.control(f"redeliver/{delivery['event']}")
    assert (await stack.receiver.wait_for("customer.created")).id == delivery["event"]


async def test_events_are_repeated_when_told(stack: Stack) -> None:
    await stack.knobs(duplicate=2)
    await create(stack, "Ann")
    await stack.receiver.wait_for("customer.created", 3)
    assert len({event.id for event in stack.receiver.events}) == 1


async def test_events_come_in_order_or_backwards_when_told(stack: Stack) -> None:
    for reorder in (False, True):
        stack.receiver.events.clear()
        await stack.knobs(paused=True, reorder=reorder)
        ids = await create(stack, "Ann", "Bob", "Cid")
        assert stack.receiver.events == []
        await stack.knobs(paused=False)
        await stack.receiver.wait_for("customer.created", 3)
        received = [event.data.object["id"] for event in stack.receiver.events]
        assert received == (ids[::-1] if reorder else ids)


async def test_lost_attempts_are_made_again(stack: Stack) -> None:
    await stack.knobs(drop=1, delay_ms=5)
    await create(stack, "Ann")
    await stack.receiver.wait_for("customer.created")
    assert (await deliveries(stack))[0]["attempts"][0]["error"] == "dropped by the knob"
    assert (await stack.http.get("/_sandbox/knobs")).json()["drop"] == 0
    await stack.knobs(drop=0.5)
    await create(stack, "Bob", "Cid")
    await stack.receiver.wait_for("customer.created", 3)


async def test_a_signature_of_another_secret_does_not_verify(stack: Stack) -> None:
    header = stripe.WebhookSignature.generate_signature_header("{}", "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event("{}", header, SECRET)


async def test_only_subscribed_types_are_delivered(shared_receiver: Receiver) -> None:
    async with running(shared_receiver, webhook_events=("product.created",)) as stack:
        shared_receiver.events.clear()
        await create(stack, "Ann")
        await stack.client.v1.products.create_async({"name": "Pro"})
        await shared_receiver.wait_for("product.created")
        assert shared_receiver.types == ["product.created"]


async def test_the_oldest_events_are_forgotten(stack: Stack) -> None:
    store = Store()
    webhooks = Webhooks(Config(webhook_url=stack.receiver.url), store, Knobs())
    for number in range(5):
        webhooks.enqueue(store.put({"id": f"evt_{number}", "object": "event", "type": "x"}))
    webhooks.trim(kept=2)
    assert store.count("event") == 5, "events that wait for delivery stay"
    webhooks.forget()
    webhooks.trim(kept=2)
    assert [event["id"] for event in store.all("event")] == ["evt_3", "evt_4"]
    assert webhooks.deliveries_of("evt_0") == []


async def test_the_api_fails_as_often_as_told(stack: Stack) -> None:
    await stack.knobs(api_error={"status": 500, "count": 1})
    with pytest.raises(stripe.APIError):
        await create(stack, "Ann")
    await stack.knobs(api_error={"status": 429, "count": 1, "path": "/v1/customers"})
    await stack.client.v1.products.list_async()
    with pytest.raises(stripe.RateLimitError):
        await create(stack, "Ann")
    await create(stack, "Ann")


async def test_the_sdk_recovers_from_a_lost_answer_without_doing_the_work_twice(stack: Stack) -> None:
    await stack.knobs(api_error={"status": 503, "count": 1, "after": True})
    client = stripe.StripeClient(KEY, base_addresses={"api": stack.url}, max_network_retries=2)
    customer = await client.v1.customers.create_async({"name": "Ann"})
    assert [each.id for each in (await stack.client.v1.customers.list_async()).data] == [customer.id]


@pytest.mark.parametrize(
    "knobs",
    [{"colour": 1}, {"card": "explodes"}, {"duplicate": -1}, {"drop": 1.5}, {"api_error": {"status": 200}}],
)
async def test_a_knob_refuses_what_it_does_not_take(stack: Stack, knobs: dict[str, Any]) -> None:
    before = (await stack.http.get("/_sandbox/knobs")).json()
    assert (await stack.http.put("/_sandbox/knobs", json=knobs | {"delay_ms": 9})).status_code == 400
    assert (await stack.http.get("/_sandbox/knobs")).json() == before


async def test_controls_refuse_nonsense(stack: Stack) -> None:
    assert (await stack.http.post("/_sandbox/reset", content=b"{")).status_code == 400
    assert (await stack.http.post("/_sandbox/checkout/cs_none/pay")).status_code == 404
    assert (await stack.http.get("/_sandbox/health")).text == "ok"
