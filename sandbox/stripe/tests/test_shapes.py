"""Each object has the fields that today's SDK declares, and a value wherever one is required."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import stripe

from .conftest import Stack, new_price, open_session, subscribe


def required_fields(shape: type[stripe.StripeObject]) -> list[str]:
    """The fields of a class that cannot be null."""
    return [
        name
        for name, hint in shape.__annotations__.items()
        if name != "OBJECT_NAME" and type(None) not in get_args(hint)
    ]


async def test_no_required_field_is_null(stack: Stack) -> None:
    client = stack.client.v1
    subscription = await subscribe(stack, await new_price(stack, 900))
    session = await open_session(stack)
    await stack.control(f"checkout/{session.id}/pay")
    charge = (await client.charges.list_async()).data[0]
    refund = await client.refunds.create_async({"charge": charge.id, "amount": 1})
    dispute = await stack.control("dispute", charge=charge.id)
    clock = await client.test_helpers.test_clocks.create_async({"frozen_time": 1})
    configuration = await client.billing_portal.configurations.create_async(
        {"features": {"invoice_history": {"enabled": True}}}
    )
    portal = await client.billing_portal.sessions.create_async({"customer": str(subscription.customer)})
    invoice: Any = await client.invoices.retrieve_async(str(subscription.latest_invoice), {"expand": ["payments"]})
    found: list[Any] = [
        subscription,
        subscription["items"].data[0],
        subscription["items"].data[0].plan,
        subscription["items"].data[0].price,
        invoice,
        invoice.lines.data[0],
        invoice.payments.data[0],
        charge,
        refund,
        clock,
        configuration,
        portal,
        await client.disputes.retrieve_async(dispute["id"]),
        await client.checkout.sessions.retrieve_async(session.id),
        (await client.checkout.sessions.line_items.list_async(session.id)).data[0],
        await client.payment_intents.retrieve_async(str(charge.payment_intent)),
        await client.payment_methods.retrieve_async(str(charge.payment_method)),
        await client.balance_transactions.retrieve_async(str(charge.balance_transaction)),
        await client.customers.retrieve_async(str(subscription.customer)),
        (await client.products.list_async()).data[0],
        (await client.events.list_async()).data[0],
    ]
    missing = [
        f"{thing.object}.{name}"
        for thing in found
        for name in required_fields(type(thing))
        if thing.to_dict().get(name) is None
    ]
    assert missing == []


@pytest.mark.parametrize("path", ["customers", "checkout/sessions", "charges", "subscriptions", "events"])
async def test_nothing_of_the_sandbox_itself_is_sent(stack: Stack, path: str) -> None:
    await subscribe(stack, await new_price(stack, 900))
    session = await open_session(stack)
    await stack.control(f"checkout/{session.id}/pay")
    answer = await stack.http.get(f"/v1/{path}", headers={"Authorization": "Bearer sk_test_sandbox"})
    assert '"_' not in answer.text
