"""Refunds and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Stack, open_session


async def paid_charge(stack: Stack) -> stripe.Charge:
    """A charge of 9.00 USD."""
    session = await open_session(stack)
    await stack.control(f"checkout/{session.id}/pay")
    return (await stack.client.v1.charges.list_async({"limit": 1})).data[0]


async def test_a_charge_is_refunded_in_parts_until_nothing_is_left(stack: Stack) -> None:
    charge, refunds = await paid_charge(stack), stack.client.v1.refunds
    part = await refunds.create_async({"payment_intent": str(charge.payment_intent), "amount": 400})
    assert (part.status, part.charge) == ("succeeded", charge.id)
    event: Any = (await stack.receiver.wait_for("charge.refunded")).data
    assert (event.object.amount_refunded, event.object.refunded) == (400, False)
    assert event.previous_attributes["amount_refunded"] == 0
    await refunds.create_async({"charge": charge.id, "reason": "requested_by_customer"})
    after = await stack.client.v1.charges.retrieve_async(charge.id, {"expand": ["refunds"]})
    assert (after.amount_refunded, after.refunded) == (900, True)
    assert after.refunds is not None
    assert [refund.amount for refund in after.refunds.data] == [500, 400]
    with pytest.raises(stripe.InvalidRequestError) as again:
        await refunds.create_async({"charge": charge.id})
    assert again.value.code == "charge_already_refunded"
    listed = await refunds.list_async({"payment_intent": str(charge.payment_intent)})
    assert len(listed.data) == 2


async def test_more_than_the_rest_cannot_be_refunded(stack: Stack) -> None:
    charge = await paid_charge(stack)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await stack.client.v1.refunds.create_async({"charge": charge.id, "amount": 901})
    with pytest.raises(stripe.InvalidRequestError):
        await stack.client.v1.refunds.create_async({})


async def test_a_pending_refund_settles_later(stack: Stack) -> None:
    await stack.knobs(refund="pending", async_settle_ms=0)
    charge = await paid_charge(stack)
    refund = await stack.client.v1.refunds.create_async({"charge": charge.id})
    assert refund.status == "pending"
    updated: Any = (await stack.receiver.wait_for("refund.updated")).data.object
    assert updated.status == "succeeded"


async def test_a_failed_refund_gives_the_amount_back(stack: Stack) -> None:
    await stack.knobs(refund="fails", async_settle_ms=0)
    charge = await paid_charge(stack)
    await stack.client.v1.refunds.create_async({"charge": charge.id})
    failed: Any = (await stack.receiver.wait_for("refund.failed")).data.object
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    after = await stack.client.v1.charges.retrieve_async(charge.id)
    assert (after.amount_refunded, after.refunded) == (0, False)


async def test_a_refund_waits_until_it_is_told(stack: Stack) -> None:
    await stack.knobs(refund="pending", async_settle_ms=3_600_000)
    refund = await stack.client.v1.refunds.create_async({"charge": (await paid_charge(stack)).id})
    assert (await stack.control(f"refund/{refund.id}", outcome="fails"))["status"] == "failed"
    assert (await stack.http.post(f"/_sandbox/refund/{refund.id}")).status_code == 400


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_a_dispute_is_opened_and_decided(stack: Stack, outcome: str) -> None:
    charge = await paid_charge(stack)
    dispute = await stack.control("dispute", charge=charge.id)
    assert dispute["status"] == "needs_response"
    withdrawn: Any = (await stack.receiver.wait_for("charge.dispute.funds_withdrawn")).data.object
    assert withdrawn.balance_transactions[0].net == -900 - 1500
    assert (await stack.client.v1.charges.retrieve_async(charge.id)).disputed is True
    with pytest.raises(stripe.InvalidRequestError):
        await stack.client.v1.refunds.create_async({"charge": charge.id})

    await stack.control("dispute", dispute=dispute["id"], outcome=outcome)
    closed: Any = (await stack.receiver.wait_for("charge.dispute.closed")).data.object
    assert (closed.id, closed.status) == (dispute["id"], outcome)
    assert ("charge.dispute.funds_reinstated" in stack.receiver.types) is (outcome == "won")
    assert stack.receiver.types.index("charge.dispute.created") < stack.receiver.types.index("charge.dispute.closed")


async def test_disputes_are_answered_and_closed_by_the_api(stack: Stack) -> None:
    disputes = stack.client.v1.disputes
    first = await stack.control("dispute", charge=(await paid_charge(stack)).id)
    second = await stack.control("dispute", charge=(await paid_charge(stack)).id, reason="duplicate")
    won = await disputes.update_async(first["id"], {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert won.status == "won"
    assert (await disputes.close_async(second["id"])).status == "lost"
    assert (await disputes.retrieve_async(second["id"])).reason == "duplicate"
    assert len((await disputes.list_async()).data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        await disputes.close_async(second["id"])


async def test_balance_transactions_tell_the_fee(stack: Stack) -> None:
    charge = await paid_charge(stack)
    transaction = await stack.client.v1.balance_transactions.retrieve_async(str(charge.balance_transaction))
    assert (transaction.amount, transaction.fee, transaction.net) == (900, 56, 844)
