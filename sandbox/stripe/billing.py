"""The passage of time for subscriptions: renewals, retries, trials that end, cancellations that fall due."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import invoice_lines, invoices, periods, subscriptions
from .core import Sandbox
from .store import Object

Due = tuple[int, Callable[[Sandbox, Object], None], Object]
_RUNNING = ("active", "trialing", "past_due")
_INCOMPLETE_FOR_S = 23 * 3600


def run_until(sandbox: Sandbox, moment: int, clock: Object | None = None) -> None:
    """Do, in order, everything that falls due up to a moment, for the customers of one clock or of none."""
    while True:
        due = min(_due(sandbox, clock), key=lambda each: each[0], default=None)
        if due is None or due[0] > moment:
            return
        when, action, thing = due
        if clock is not None:
            clock["frozen_time"] = max(clock["frozen_time"], when)
        action(sandbox, thing)


def run_due(sandbox: Sandbox) -> None:
    """Do what is due in real time."""
    run_until(sandbox, sandbox.now())


def _due(sandbox: Sandbox, clock: Object | None) -> Iterator[Due]:
    scope = clock["id"] if clock else None
    for subscription in sandbox.store.all("subscription"):
        if subscription["test_clock"] != scope:
            continue
        if subscription["status"] in _RUNNING:
            if subscription["cancel_at"] is not None:
                yield subscription["cancel_at"], _end_as_planned, subscription
            yield subscription["items"]["data"][0]["current_period_end"], _renew, subscription
        elif subscription["status"] == "incomplete":
            yield subscription["created"] + _INCOMPLETE_FOR_S, _expire, subscription
    for invoice in sandbox.store.all("invoice"):
        if invoice["test_clock"] != scope:
            continue
        if invoice["status"] == "draft" and invoice["automatically_finalizes_at"] is not None:
            yield invoice["automatically_finalizes_at"], _finalize_and_collect, invoice
        elif invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
            yield invoice["next_payment_attempt"], _collect, invoice


def _renew(sandbox: Sandbox, subscription: Object) -> None:
    item = subscription["items"]["data"][0]
    start = item["current_period_end"]
    end = periods.next_boundary(subscription["billing_cycle_anchor"], item["price"]["recurring"], start)
    with sandbox.changing(subscription, "customer.subscription.updated"):
        subscription["_previous_period_start"] = item["current_period_start"]
        subscriptions.set_period(subscription, start, end)
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        if later := subscription.pop("_next_price", None):
            subscriptions.set_price(item, sandbox.store.get("price", later))
        fresh = [invoice_lines.for_period(sandbox, subscription, each) for each in subscription["items"]["data"]]
        lines = invoice_lines.pending_of(sandbox, subscription) + fresh
        invoice = invoices.create(sandbox, subscription, "subscription_cycle", lines)
    invoice["automatically_finalizes_at"] = sandbox.now(subscription["customer"]) + sandbox.knobs.invoice_draft_s


def _finalize_and_collect(sandbox: Sandbox, invoice: Object) -> None:
    invoices.finalize(sandbox, invoice)
    if invoice["status"] == "open":
        _collect(sandbox, invoice)


def _collect(sandbox: Sandbox, invoice: Object) -> None:
    invoice["next_payment_attempt"] = None
    invoices.collect(sandbox, invoice)
    if invoice.get("_gave_up"):
        subscription = invoices.subscription_of(sandbox, invoice)
        if subscription["status"] != "canceled":
            subscriptions.end_subscription(sandbox, subscription, reason="payment_failed")


def _end_as_planned(sandbox: Sandbox, subscription: Object) -> None:
    subscriptions.end_subscription(sandbox, subscription, reason="cancellation_requested")


def _expire(sandbox: Sandbox, subscription: Object) -> None:
    subscriptions.end_subscription(sandbox, subscription, reason=None, status="incomplete_expired")
