"""The wire: keys, versions, errors, idempotency, lists, expansion."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
import stripe

from .conftest import KEY, Stack, open_session

AUTH = {"Authorization": f"Bearer {KEY}"}


async def post(stack: Stack, path: str, body: dict[str, str], **headers: str) -> httpx.Response:
    """A raw POST with the right key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stack.http.post(path, data=body, headers=AUTH | named)


async def test_every_answer_has_a_request_id_and_the_version(stack: Stack) -> None:
    answer = await stack.http.get("/v1/customers", headers=AUTH)
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"
    bad = await stack.http.get("/v1/customers", headers=AUTH | {"Stripe-Version": "tomorrow"})
    assert bad.status_code == 400


async def test_basic_authentication_is_accepted(stack: Stack) -> None:
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    answer = await stack.http.get("/v1/customers", headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["", "Bearer sk_test_other", "Bearer sk_live_x", "Basic !", "Digest x"])
async def test_a_wrong_key_is_refused(stack: Stack, key: str) -> None:
    answer = await stack.http.get("/v1/customers", headers={"Authorization": key})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")
    assert "sk_test_other" not in answer.text


async def test_the_sdk_raises_its_own_errors(stack: Stack) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await stack.client.v1.customers.retrieve_async("cus_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert missing.value.param == "id"
    assert missing.value.user_message == "No such customer: 'cus_none'"
    stranger = stripe.StripeClient("sk_test_no", base_addresses={"api": stack.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        await stranger.v1.customers.list_async()


async def test_an_unknown_path_or_method_is_404(stack: Stack) -> None:
    for method, path in (("GET", "/v1/nothing"), ("DELETE", "/v1/customers"), ("PUT", "/v1/customers")):
        answer = await stack.http.request(method, path, headers=AUTH)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


async def test_the_same_key_and_parameters_replay_the_stored_answer(stack: Stack) -> None:
    first = await post(stack, "/v1/customers", {"name": "Ann"}, Idempotency_Key="k1")
    again = await post(stack, "/v1/customers", {"name": "Ann"}, Idempotency_Key="k1")
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert len((await stack.client.v1.customers.list_async()).data) == 1


async def test_the_same_key_with_other_parameters_is_an_idempotency_error(stack: Stack) -> None:
    await stack.client.v1.customers.create_async({"name": "Ann"}, {"idempotency_key": "k2"})
    with pytest.raises(stripe.IdempotencyError) as other:
        await stack.client.v1.customers.create_async({"name": "Bob"}, {"idempotency_key": "k2"})
    assert other.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await stack.client.v1.products.create_async({"name": "Ann"}, {"idempotency_key": "k2"})


async def test_concurrent_requests_with_one_key_run_once(stack: Stack) -> None:
    await stack.knobs(api_delay_ms=100)
    both = [post(stack, "/v1/customers", {"name": "Ann"}, Idempotency_Key="k3") for _ in range(2)]
    answers = await asyncio.gather(*both)
    await stack.knobs(api_delay_ms=0)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["error"]["code"] == "idempotency_key_in_use"
    assert refused.headers["Stripe-Should-Retry"] == "true"
    assert len((await stack.client.v1.customers.list_async()).data) == 1


async def test_a_refused_parameter_is_not_stored_for_its_key(stack: Stack) -> None:
    bad = await post(stack, "/v1/customers", {"email": "nobody"}, Idempotency_Key="k4")
    good = await post(stack, "/v1/customers", {"email": "ann@example.com"}, Idempotency_Key="k4")
    assert (bad.status_code, good.status_code) == (400, 200)


async def test_keys_are_for_post_and_at_most_255_characters(stack: Stack) -> None:
    for _ in range(2):
        answer = await stack.http.get("/v1/customers", headers=AUTH | {"Idempotency-Key": "k5"})
        assert "Idempotent-Replayed" not in answer.headers
    assert (await post(stack, "/v1/customers", {}, Idempotency_Key="k" * 255)).status_code == 200
    assert (await post(stack, "/v1/customers", {}, Idempotency_Key="k" * 256)).status_code == 400


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"mode": "payment", "line_items": ""}, "parameter_invalid_empty", "line_items"),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"expires_at[day]": "1"}, "parameter_invalid_string", "expires_at"),
        ({"line_items[0][colour]": "red"}, "parameter_unknown", "line_items[0][colour]"),
        ({"a[b": "1"}, None, "a[b"),
        ({"metadata": "x"}, None, "metadata"),
        ({"metadata[a]": "1", "metadata[a][b]": "2"}, None, "metadata[a][b]"),
        ({}, "parameter_missing", "mode"),
    ],
)
async def test_a_malformed_parameter_is_named(stack: Stack, body: dict[str, str], code: str | None, param: str) -> None:
    answer = await post(stack, "/v1/checkout/sessions", body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)


async def test_json_bodies_are_refused(stack: Stack) -> None:
    answer = await stack.http.post("/v1/customers", json={"name": "Ann"}, headers=AUTH)
    assert answer.status_code == 400


async def test_metadata_may_have_numbers_as_keys(stack: Stack) -> None:
    customer = await stack.client.v1.customers.create_async({"metadata": {"0": "zero", "1": "one"}})
    assert customer.metadata is not None
    assert customer.metadata.to_dict() == {"0": "zero", "1": "one"}


async def test_pages_follow_one_another_in_both_directions(stack: Stack) -> None:
    customers = stack.client.v1.customers
    ids = [(await customers.create_async({"name": str(n)})).id for n in range(5)][::-1]
    first = await customers.list_async({"limit": 2})
    assert ([each.id for each in first.data], first.has_more) == (ids[:2], True)
    rest = await customers.list_async({"limit": 10, "starting_after": ids[1]})
    assert ([each.id for each in rest.data], rest.has_more) == (ids[2:], False)
    before = await customers.list_async({"limit": 2, "ending_before": ids[3]})
    assert ([each.id for each in before.data], before.has_more) == (ids[1:3], True)
    assert [each.id async for each in (await customers.list_async({"limit": 2})).auto_paging_iter()] == ids
    for bad in ({"limit": 0}, {"limit": 101}, {"starting_after": "cus_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            await customers.list_async(bad)  # type: ignore[arg-type]


async def test_lists_are_filtered_by_field_and_time(stack: Stack) -> None:
    customers = stack.client.v1.customers
    ann = await customers.create_async({"email": "ann@example.com"})
    await customers.create_async({"email": "bob@example.com"})
    assert [each.id for each in (await customers.list_async({"email": "ann@example.com"})).data] == [ann.id]
    assert (await customers.list_async({"created": {"gte": ann.created + 100}})).data == []
    assert len((await customers.list_async({"created": {"gte": ann.created, "lt": ann.created + 100}})).data) == 2


async def test_only_what_is_an_id_can_be_expanded(stack: Stack) -> None:
    session = await open_session(stack)
    await stack.control(f"checkout/{session.id}/pay")
    listed = await stack.client.v1.checkout.sessions.list_async({"expand": ["data.payment_intent.latest_charge"]})
    intent: Any = listed.data[0].payment_intent
    assert intent.latest_charge.object == "charge"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await stack.client.v1.checkout.sessions.list_async({"expand": ["data.colour"]})


async def test_a_customer_is_updated_and_deleted(stack: Stack) -> None:
    customers = stack.client.v1.customers
    customer = await customers.create_async({"name": "Ann", "metadata": {"a": "1", "b": "2"}})
    changed = await customers.update_async(customer.id, {"name": "", "metadata": {"a": "", "c": "3"}})
    assert (changed.name, changed.metadata and changed.metadata.to_dict()) == (None, {"b": "2", "c": "3"})
    updated = await stack.receiver.wait_for("customer.updated")
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes["name"] == "Ann"
    assert (await customers.delete_async(customer.id)).deleted is True
    assert (await customers.retrieve_async(customer.id)).deleted is True
    await stack.receiver.wait_for("customer.deleted")
    with pytest.raises(stripe.InvalidRequestError):
        await customers.update_async(customer.id, {"name": "Bob"})


async def test_events_name_the_request_that_caused_them(stack: Stack) -> None:
    await stack.client.v1.customers.create_async({"name": "Ann"}, {"idempotency_key": "k6"})
    event = (await stack.client.v1.events.list_async({"type": "customer.*"})).data[0]
    assert event.request is not None
    assert (event.request.idempotency_key, str(event.request.id)[:4]) == ("k6", "req_")
    assert (await stack.client.v1.events.retrieve_async(event.id)).type == "customer.created"


async def test_prices_and_products_are_found_by_lookup_key(stack: Stack) -> None:
    product = await stack.client.v1.products.create_async({"name": "Pro"})
    price = await stack.client.v1.prices.create_async(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
            "lookup_key": "pro",
        }
    )
    found = await stack.client.v1.prices.list_async({"lookup_keys": ["pro"], "expand": ["data.product"]})
    assert [each.id for each in found.data] == [price.id]
    assert isinstance(found.data[0].product, stripe.Product)
    assert (await stack.client.v1.prices.update_async(price.id, {"active": False})).active is False
