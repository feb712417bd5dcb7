"""Subscriptions: begun by the API or by Checkout, listed, cancelled. Changes are in `plan_changes.py`."""

from __future__ import annotations

import copy
from typing import Any

import stripe
from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
)

from . import invoice_lines, invoices, lists, payment_methods, payments, periods, prices
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest, ResourceMissing
from .objects import build, list_of, merged_metadata, refuse, require
from .store import Object, new_id

NOT_HERE = ("add_invoice_items", "automatic_tax", "default_tax_rates", "discounts", "pause_collection")
"""Parameters that change what is billed, and that the sandbox lacks."""
_DAY_S = 86_400
_ALWAYS: Object = {
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "cancellation_details": dict.fromkeys(("comment", "feedback", "feedback_option", "reason")),
    "collection_method": "charge_automatically",
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer"))
    | {"issuer": {"type": "self"}},
    "payment_settings": dict.fromkeys(("payment_method_options", "payment_method_types"))
    | {"save_default_payment_method": "off"},
    "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
}


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Begin a subscription and collect its first invoice.

    Raises:
        InvalidRequest: nothing to charge, or a price that does not recur.
        CardDeclined: only with `payment_behavior=error_if_incomplete`; nothing is begun.
    """
    require(params, "customer", "items")
    refuse(params, *NOT_HERE, "backdate_start_date", "billing_cycle_anchor", "billing_cycle_anchor_config")
    if params.get("payment_behavior") == "pending_if_incomplete":
        raise InvalidRequest("The sandbox has no pending updates.", param="payment_behavior")
    customer = sandbox.store.get("customer", params["customer"], param="customer")["id"]
    chosen = [
        (prices.of_item(sandbox, item, f"items[{index}]"), item.get("quantity", 1))
        for index, item in enumerate(params["items"])
    ]
    method = None
    if params.get("default_payment_method"):
        wanted = params["default_payment_method"]
        method = payment_methods.usable(sandbox, wanted, customer, "default_payment_method")["id"]
    subscription = _build(sandbox, customer, chosen, params, method)
    behavior = params.get("payment_behavior", "allow_incomplete")
    lines = _first_lines(sandbox, subscription)
    if any(line["amount"] for line in lines):
        _check_method(sandbox, subscription, behavior)
    sandbox.store.put(subscription)
    invoice = invoices.create(sandbox, subscription, "subscription_create", lines)
    invoices.finalize(sandbox, invoice)
    if invoice["status"] == "open" and behavior != "default_incomplete":
        invoices.collect(sandbox, invoice)
    subscription["_announced"] = True
    sandbox.emit("customer.subscription.created", subscription)
    return subscription


def _check_method(sandbox: Sandbox, subscription: Object, behavior: str) -> None:
    method = invoices.default_method(sandbox, subscription["customer"], subscription)
    if method is None and behavior != "default_incomplete":
        raise InvalidRequest(
            "This customer has no attached payment source or default payment method. Please consider adding "
            "a default payment method.",
            code="resource_missing",
        )
    if method and behavior == "error_if_incomplete":
        payments.check(sandbox, method)


def start_from_checkout(sandbox: Sandbox, session: Object, charge: Object | None) -> Object:
    """Begin the subscription of a Checkout session whose payment was made, is under way or is not yet due."""
    bought = [(item["price"], item["quantity"]) for item in session["_line_items"]]
    recurring = [(price, count) for price, count in bought if price["recurring"]]
    data = session["_params"]["subscription_data"]
    subscription = _build(sandbox, session["customer"], recurring, data, session["_method"])
    subscription["_announced"] = True
    now = subscription["start_date"]
    extra = [
        invoice_lines.one_time(sandbox, subscription, price, count, now)
        for price, count in bought
        if not price["recurring"]
    ]
    sandbox.add(subscription, "customer.subscription.created")
    lines = _first_lines(sandbox, subscription) + extra
    invoice = invoices.create(sandbox, subscription, "subscription_create", lines)
    intent = sandbox.store.get("payment_intent", session["_intent"]) if charge else None
    invoices.finalize(sandbox, invoice, intent)
    if charge is not None and invoice["status"] == "open":
        invoices.record(sandbox, invoice, charge)
        if charge["status"] == "pending":
            with sandbox.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "active"
    return subscription


def first_payment_settled(sandbox: Sandbox, subscription: str, charge: Object) -> None:
    """Take note that the delayed payment of a first invoice ended."""
    found = sandbox.store.get("subscription", subscription)
    invoices.record(sandbox, sandbox.store.get("invoice", found["latest_invoice"]), charge)
    if not charge["paid"] and found["status"] == "active":
        with sandbox.changing(found, "customer.subscription.updated"):
            found["status"] = "past_due"


def end_subscription(sandbox: Sandbox, subscription: Object, *, reason: str | None, status: str = "canceled") -> None:
    """End a subscription now, without a refund."""
    now = sandbox.now(subscription["customer"])
    subscription["status"] = status
    subscription["ended_at"] = now
    subscription["canceled_at"] = subscription["canceled_at"] or now
    details = subscription["cancellation_details"]
    details["reason"] = details["reason"] or reason
    invoices.stop_collecting(sandbox, subscription)
    sandbox.store.touch()
    gone = "deleted" if status == "canceled" else "updated"
    sandbox.emit(f"customer.subscription.{gone}", subscription)


def new_item(sandbox: Sandbox, subscription: Object, price: Object, quantity: int) -> Object:
    """A subscription item whose period is still to be set."""
    if not price["recurring"]:
        message = "The price specified is set to `type=one_time` but this field only accepts prices with "
        raise InvalidRequest(f"{message}`type=recurring`.", param="items")
    return build(
        stripe.SubscriptionItem,
        without=("current_trial",),
        id=new_id("si", 14),
        created=sandbox.now(subscription["customer"]),
        discounts=[],
        plan=_plan(price),
        price=price,
        quantity=quantity,
        subscription=subscription["id"],
        tax_rates=[],
    )


def set_price(item: Object, price: Object) -> None:
    """Move an item to another price."""
    item["price"], item["plan"] = price, _plan(price)


def set_period(subscription: Object, start: int, end: int) -> None:
    """Set the current period of every item."""
    for item in subscription["items"]["data"]:
        item["current_period_start"], item["current_period_end"] = start, end


def _build(
    sandbox: Sandbox,
    customer: str,
    chosen: list[tuple[Object, int]],
    data: dict[str, Any],
    method: str | None,
) -> Object:
    key, now = new_id("sub"), sandbox.now(customer)
    clock = sandbox.clock_of(customer)
    trial_end = _trial_end(data, now)
    subscription = build(
        stripe.Subscription,
        without=("status_details", "managed_payments", "presentment_details"),
        id=key,
        billing_cycle_anchor=trial_end or now,
        cancel_at_period_end=data.get("cancel_at_period_end", False),
        created=now,
        currency=chosen[0][0]["currency"],
        customer=customer,
        default_payment_method=method,
        description=data.get("description"),
        metadata=merged_metadata({}, data.get("metadata")),
        start_date=now,
        status="trialing" if trial_end else "incomplete",
        test_clock=clock["id"] if clock else None,
        trial_end=trial_end,
        trial_start=now if trial_end else None,
        _announced=False,
        **copy.deepcopy(_ALWAYS),
    )
    items = [new_item(sandbox, subscription, price, count) for price, count in chosen]
    url = f"/v1/subscription_items?subscription={key}"
    subscription["items"] = list_of(items, url) | {"total_count": len(items)}
    recurring = chosen[0][0]["recurring"]
    set_period(subscription, now, trial_end or periods.next_boundary(now, recurring, now))
    if subscription["cancel_at_period_end"]:
        subscription |= {"cancel_at": items[0]["current_period_end"], "canceled_at": now}
    return subscription


def _trial_end(data: dict[str, Any], now: int) -> int | None:
    end = data.get("trial_end")
    if isinstance(end, int):
        return end
    days = data.get("trial_period_days")
    return now + int(days) * _DAY_S if days else None


def _first_lines(sandbox: Sandbox, subscription: Object) -> list[Object]:
    trial = subscription["status"] == "trialing"
    return [
        invoice_lines.for_period(sandbox, subscription, item, trial=trial) for item in subscription["items"]["data"]
    ]


def _plan(price: Object) -> Object:
    recurring = price["recurring"]
    return build(
        stripe.Plan,
        without=("tiers",),
        id=price["id"],
        active=price["active"],
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        created=price["created"],
        currency=price["currency"],
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
        nickname=price["nickname"],
        product=price["product"],
        usage_type="licensed",
    )


def retrieve(sandbox: Sandbox, params: dict[str, Any], subscription: str) -> Object:
    """One subscription, also a cancelled one."""
    return sandbox.store.get("subscription", subscription)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Subscriptions, newest first; cancelled ones only when asked for."""
    clocked = params if "customer" in params else {"test_clock": None} | params
    filters = {name: value for name, value in clocked.items() if name != "status"}
    found = lists.matching(sandbox.store.all("subscription"), filters, "collection_method", "customer", "test_clock")
    status, price = params.get("status"), params.get("price")
    ended = ("canceled", "incomplete_expired")
    chosen = [
        each
        for each in found
        if (price is None or any(item["price"]["id"] == price for item in each["items"]["data"]))
        and (
            status == "all"
            or each["status"] == status
            or (status is None and each["status"] != "canceled")
            or (status == "ended" and each["status"] in ended)
        )
    ]
    return lists.page(chosen, params, "/v1/subscriptions")


def cancel(sandbox: Sandbox, params: dict[str, Any], subscription: str) -> Object:
    """End a subscription now; with `prorate`, what is unused is credited."""
    found = sandbox.store.get("subscription", subscription)
    if found["status"] in ("canceled", "incomplete_expired"):
        raise ResourceMissing("subscription", subscription)
    found["cancellation_details"] |= {
        name: value or None for name, value in params.get("cancellation_details", {}).items()
    }
    if params.get("prorate"):
        now = sandbox.now(found["customer"])
        for item in found["items"]["data"]:
            start, end = item["current_period_start"], item["current_period_end"]
            unused = periods.share(item["price"]["unit_amount"] * item["quantity"], now, start, end)
            invoice_lines.add_proration(sandbox, found, item, -unused, (now, end))
    if params.get("invoice_now"):
        lines = invoice_lines.pending_of(sandbox, found)
        invoices.finalize(sandbox, invoices.create(sandbox, found, "subscription_update", lines))
    end_subscription(sandbox, found, reason="cancellation_requested")
    return found


ENDPOINTS = [
    Endpoint("POST", "/v1/subscriptions", create, SubscriptionCreateParams),
    Endpoint("GET", "/v1/subscriptions", list_all, SubscriptionListParams),
    Endpoint("GET", "/v1/subscriptions/{subscription}", retrieve, SubscriptionRetrieveParams),
    Endpoint("DELETE", "/v1/subscriptions/{subscription}", cancel, SubscriptionCancelParams),
]
