"""Time: test clocks, renewals, failing cards, sessions that expire."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from sandbox.stripe import periods

from .conftest import Receiver, Stack, eventually, new_customer, new_price, open_session, running

START = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())
DAY = 86_400


async def clocked(stack: Stack, amount: int = 900, **details: Any) -> tuple[str, stripe.Subscription]:
    """A clock and a monthly subscription that began on 31 January."""
    clock = await stack.client.v1.test_helpers.test_clocks.create_async({"frozen_time": START})
    customer = await new_customer(stack, test_clock=clock.id)
    price = await new_price(stack, amount)
    params: Any = {"customer": customer.id, "items": [{"price": price.id}]} | details
    subscription = await stack.client.v1.subscriptions.create_async(params)
    return clock.id, subscription


async def advance(stack: Stack, clock: str, moment: int) -> None:
    """Move a clock and wait until it is ready."""
    clocks = stack.client.v1.test_helpers.test_clocks
    assert (await clocks.advance_async(clock, {"frozen_time": moment})).status == "advancing"

    async def ready() -> bool:
        return (await clocks.retrieve_async(clock)).status == "ready"

    await eventually(ready, "the clock")


async def test_a_renewal_drafts_an_invoice_and_collects_it_an_hour_later(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    end = subscription["items"].data[0].current_period_end
    assert datetime.fromtimestamp(end, UTC).day == 28

    await advance(stack, clock, end + 60)
    renewed = await stack.client.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice: Any = renewed.latest_invoice
    assert (invoice.status, invoice.billing_reason) == ("draft", "subscription_cycle")
    item = renewed["items"].data[0]
    assert item.current_period_start == end
    assert datetime.fromtimestamp(item.current_period_end, UTC).day == 31

    await advance(stack, clock, end + 3601)
    paid: Any = (await stack.receiver.wait_for("invoice.paid", 2)).data.object
    assert (paid.id, paid.status, paid.amount_paid) == (invoice.id, "paid", 900)
    assert paid.lines.data[0].period.end == item.current_period_end


async def test_two_periods_in_one_advance_make_two_invoices(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    await advance(stack, clock, START + 62 * DAY)
    invoices = (await stack.client.v1.invoices.list_async({"subscription": subscription.id})).data
    assert [each.billing_reason for each in invoices] == ["subscription_cycle"] * 2 + ["subscription_create"]
    assert {each.status for each in invoices} == {"paid"}


async def test_a_failing_card_makes_the_renewal_past_due_and_a_working_one_heals_it(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    await stack.knobs(card="insufficient")
    await advance(stack, clock, START + 29 * DAY)
    failed: Any = (await stack.receiver.wait_for("invoice.payment_failed")).data.object
    assert (failed.attempt_count, failed.next_payment_attempt is not None) == (1, True)
    subscriptions = stack.client.v1.subscriptions
    assert (await subscriptions.retrieve_async(subscription.id)).status == "past_due"
    charges = (await stack.client.v1.charges.list_async({"customer": str(subscription.customer)})).data
    assert charges[0].outcome is not None
    assert charges[0].outcome.reason == "insufficient_funds"

    await stack.knobs(card="succeeds")
    await advance(stack, clock, START + 32 * DAY)
    assert (await subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_a_card_that_never_works_ends_the_subscription(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    await stack.knobs(card="declines")
    await advance(stack, clock, START + 55 * DAY)
    await stack.receiver.wait_for("invoice.payment_failed", 4)
    ended = await stack.client.v1.subscriptions.retrieve_async(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"


async def test_a_subscription_ends_at_the_period_end_without_an_invoice(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    await stack.client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await advance(stack, clock, START + 40 * DAY)
    ended: Any = (await stack.receiver.wait_for("customer.subscription.deleted")).data.object
    assert (ended.id, ended.ended_at) == (subscription.id, subscription["items"].data[0].current_period_end)
    assert len((await stack.client.v1.invoices.list_async({"subscription": subscription.id})).data) == 1


async def test_pending_prorations_are_billed_with_the_renewal(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    await advance(stack, clock, START + 14 * DAY)
    large = await new_price(stack, 2900)
    item = subscription["items"].data[0]
    await stack.client.v1.subscriptions.update_async(subscription.id, {"items": [{"id": item.id, "price": large.id}]})
    await advance(stack, clock, START + 30 * DAY)
    invoice: Any = (await stack.receiver.wait_for("invoice.paid", 2)).data.object
    assert [line.amount for line in invoice.lines.data] == [-450, 1450, 2900]
    assert invoice.amount_paid == 3900


async def test_a_trial_turns_into_a_paid_period(stack: Stack) -> None:
    clock, subscription = await clocked(stack, trial_period_days=7)
    assert subscription.status == "trialing"
    await advance(stack, clock, START + 8 * DAY)
    await stack.receiver.wait_for("invoice.paid", 2)
    assert (await stack.client.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_a_first_invoice_that_nobody_pays_expires_the_subscription(stack: Stack) -> None:
    await stack.knobs(card="declines")
    clock, subscription = await clocked(stack)
    assert subscription.status == "incomplete"
    await advance(stack, clock, START + DAY)
    expired = await stack.client.v1.subscriptions.retrieve_async(subscription.id)
    assert expired.status == "incomplete_expired"


async def test_credit_of_a_downgrade_pays_the_next_renewal(stack: Stack) -> None:
    clock, subscription = await clocked(stack, amount=2900)
    small = await new_price(stack, 900)
    await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": small.id}],
            "proration_behavior": "always_invoice",
        },
    )
    await advance(stack, clock, START + 30 * DAY)
    newest: Any = (await stack.client.v1.invoices.list_async({"subscription": subscription.id})).data[0]
    assert (newest.total, newest.starting_balance, newest.ending_balance) == (900, -2000, -1100)
    assert (newest.amount_due, newest.status) == (0, "paid")


async def test_a_credit_does_not_heal_a_subscription_that_still_owes(stack: Stack) -> None:
    clock, subscription = await clocked(stack, amount=2900)
    await stack.knobs(card="declines")
    await advance(stack, clock, START + 29 * DAY)
    small = await new_price(stack, 900)
    changed = await stack.client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": small.id}],
            "proration_behavior": "always_invoice",
        },
    )
    assert changed.status == "past_due"


async def test_clocks_go_forward_only_and_take_their_customers_with_them(stack: Stack) -> None:
    clock, subscription = await clocked(stack)
    clocks = stack.client.v1.test_helpers.test_clocks
    with pytest.raises(stripe.InvalidRequestError):
        await clocks.advance_async(clock, {"frozen_time": START - 1})
    assert (await stack.client.v1.customers.list_async()).data == []
    assert len((await stack.client.v1.customers.list_async({"test_clock": clock})).data) == 1
    assert (await clocks.delete_async(clock)).deleted is True
    assert (await stack.client.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"
    assert (await stack.client.v1.customers.retrieve_async(str(subscription.customer))).deleted is True


async def test_real_time_renews_and_expires_by_itself(shared_receiver: Receiver) -> None:
    skew = [0.0]
    async with running(shared_receiver, clock=lambda: time.time() + skew[0]) as stack:
        shared_receiver.events.clear()
        await stack.knobs(invoice_draft_s=0)
        customer, price = await new_customer(stack), await new_price(stack, 900)
        await stack.client.v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})
        session = await open_session(stack)
        skew[0] = 32 * DAY
        expired: Any = (await shared_receiver.wait_for("checkout.session.expired")).data.object
        assert expired.id == session.id
        await shared_receiver.wait_for("invoice.paid", 2)


@pytest.mark.parametrize(
    ("interval", "count", "expected"),
    [
        ("day", 10, "2026-02-10"),
        ("week", 2, "2026-02-14"),
        ("month", 1, "2026-02-28"),
        ("year", 1, "2027-01-31"),
    ],
)
def test_a_period_ends_on_the_calendar_day(interval: str, count: int, expected: str) -> None:
    recurring = {"interval": interval, "interval_count": count}
    end = periods.next_boundary(START, recurring, START)
    assert datetime.fromtimestamp(end, UTC).date().isoformat() == expected
    assert periods.next_boundary(START, recurring, end) > end
