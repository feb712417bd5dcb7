"""Changes of a running subscription: another plan, cancel at the end of the period, resume."""

from __future__ import annotations

import copy
from typing import Any

from stripe.params import SubscriptionUpdateParams

from . import invoice_lines, invoices, payment_methods, payments, periods, prices, subscriptions
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import assign, merged_metadata, refuse
from .store import Object


def update(sandbox: Sandbox, params: dict[str, Any], subscription: str) -> Object:
    """Change a subscription; a change of plan is prorated as `proration_behavior` says.

    Raises:
        InvalidRequest: the subscription has ended, or an item does not belong to it.
        CardDeclined: only with `payment_behavior=error_if_incomplete`; nothing is changed.
    """
    refuse(params, *subscriptions.NOT_HERE)
    if params.get("payment_behavior") == "pending_if_incomplete":
        raise InvalidRequest("The sandbox has no pending updates.", param="payment_behavior")
    found = sandbox.store.get("subscription", subscription)
    ended = found["status"] in ("canceled", "incomplete_expired")
    if ended and set(params) - {"cancellation_details", "metadata"}:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise InvalidRequest(message)
    if params.get("cancel_at_period_end") and params.get("cancel_at"):
        raise InvalidRequest("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    old_items = copy.deepcopy(found["items"]["data"])
    new_items = _changed_items(sandbox, found, params.get("items", []))
    if params.get("payment_behavior") == "error_if_incomplete":
        _check_card(sandbox, found)
    with sandbox.changing(found, "customer.subscription.updated"):
        _set_details(sandbox, found, params)
        found["items"] |= {"data": new_items, "total_count": len(new_items)}
        lines = [] if ended else _rebill(sandbox, found, old_items, params)
        _set_cancellation(sandbox, found, params)
        invoice = invoices.create(sandbox, found, "subscription_update", lines) if lines else None
    if invoice:
        invoices.finalize(sandbox, invoice)
        if invoice["status"] == "open":
            invoices.collect(sandbox, invoice)
    return found


def _changed_items(sandbox: Sandbox, subscription: Object, changes: list[dict[str, Any]]) -> list[Object]:
    items: dict[str, Object] = {item["id"]: copy.deepcopy(item) for item in subscription["items"]["data"]}
    start, end = (next(iter(items.values()))[f"current_period_{edge}"] for edge in ("start", "end"))
    for index, change in enumerate(changes):
        path = f"items[{index}]"
        names_price = change.get("price") or change.get("price_data")
        key = change.get("id")
        if key is None:
            price = prices.of_item(sandbox, change, path)
            item = subscriptions.new_item(sandbox, subscription, price, change.get("quantity", 1))
            item |= {"current_period_start": start, "current_period_end": end}
            items[item["id"]] = item
        elif key not in items:
            raise InvalidRequest(f"No such subscription_item: '{key}'", param=f"{path}[id]", code="resource_missing")
        elif change.get("deleted"):
            del items[key]
        else:
            if names_price:
                subscriptions.set_price(items[key], prices.of_item(sandbox, change, path))
            assign(items[key], change, "quantity")
    _check_items(list(items.values()), subscription)
    return list(items.values())


def _check_items(items: list[Object], subscription: Object) -> None:
    if not items:
        raise InvalidRequest("A subscription must have at least one item.", param="items")
    if any(not item["price"]["recurring"] for item in items):
        raise InvalidRequest("This field only accepts prices with `type=recurring`.", param="items")
    if any(item["price"]["currency"] != subscription["currency"] for item in items):
        raise InvalidRequest("The currency of a subscription cannot change.", param="items")
    if len({_rhythm(item) for item in items}) > 1:
        raise InvalidRequest("The sandbox bills all items of a subscription in one interval.", param="items")


def _rhythm(item: Object) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _check_card(sandbox: Sandbox, subscription: Object) -> None:
    method = invoices.default_method(sandbox, subscription["customer"], subscription)
    if method is None:
        raise InvalidRequest("There is no payment method to charge.", code="resource_missing")
    payments.check(sandbox, method)


def _set_details(sandbox: Sandbox, subscription: Object, params: dict[str, Any]) -> None:
    assign(subscription, params, "description")
    subscription["metadata"] = merged_metadata(subscription["metadata"], params.get("metadata"))
    if params.get("default_payment_method"):
        wanted, customer = params["default_payment_method"], subscription["customer"]
        method = payment_methods.usable(sandbox, wanted, customer, "default_payment_method")
        subscription["default_payment_method"] = method["id"]


def _set_cancellation(sandbox: Sandbox, subscription: Object, params: dict[str, Any]) -> None:
    details = params.get("cancellation_details", {})
    subscription["cancellation_details"] |= {name: value or None for name, value in details.items()}
    end = subscription["items"]["data"][0]["current_period_end"]
    if "cancel_at_period_end" in params:
        at_end = params["cancel_at_period_end"]
        _plan_end(sandbox, subscription, end if at_end else None, at_period_end=at_end)
    elif "cancel_at" in params:
        wanted = params["cancel_at"]
        moment = wanted if isinstance(wanted, int) else (end if wanted else None)
        _plan_end(sandbox, subscription, moment, at_period_end=False)
    elif subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end


def _plan_end(sandbox: Sandbox, subscription: Object, moment: int | None, *, at_period_end: bool) -> None:
    subscription["cancel_at_period_end"] = at_period_end
    subscription["cancel_at"] = moment
    subscription["canceled_at"] = sandbox.now(subscription["customer"]) if moment else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if moment else None


def _rebill(sandbox: Sandbox, subscription: Object, old_items: list[Object], params: dict[str, Any]) -> list[Object]:
    """Prorate and restart the period where needed; returns the lines to bill now."""
    now = sandbox.now(subscription["customer"])
    behavior = params.get("proration_behavior", "create_prorations")
    items = subscription["items"]["data"]
    trial_over = subscription["status"] == "trialing" and params.get("trial_end") == "now"
    anchored = params.get("billing_cycle_anchor", {}).get("type") == "now"
    restarts = trial_over or anchored or _rhythm(items[0]) != _rhythm(old_items[0])
    free = subscription["status"] == "trialing"
    if isinstance(params.get("trial_end"), int):
        _extend_trial(subscription, params["trial_end"])
    elif restarts:
        _restart_period(subscription, now)
    if behavior != "none" and not free:
        _prorate(sandbox, subscription, old_items, restarts=restarts, now=params.get("proration_date", now))
    if restarts:
        fresh = [invoice_lines.for_period(sandbox, subscription, item) for item in items]
        return invoice_lines.pending_of(sandbox, subscription) + fresh
    return invoice_lines.pending_of(sandbox, subscription) if behavior == "always_invoice" else []


def _extend_trial(subscription: Object, trial_end: int) -> None:
    subscription |= {"trial_end": trial_end, "status": "trialing", "billing_cycle_anchor": trial_end}
    start = subscription["items"]["data"][0]["current_period_start"]
    subscriptions.set_period(subscription, start, trial_end)


def _restart_period(subscription: Object, now: int) -> None:
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    subscription["billing_cycle_anchor"] = now
    subscriptions.set_period(subscription, now, periods.next_boundary(now, recurring, now))
    if subscription["status"] == "trialing":
        subscription |= {"status": "active", "trial_end": now}


def _prorate(sandbox: Sandbox, subscription: Object, old_items: list[Object], *, restarts: bool, now: int) -> None:
    current = {item["id"]: item for item in subscription["items"]["data"]}
    for item in old_items:
        after = current.get(item["id"])
        if restarts or after is None or _amount(after) != _amount(item) or after["price"]["id"] != item["price"]["id"]:
            _add_share(sandbox, subscription, item, item, now, sign=-1)
    if restarts:
        return
    before = {item["id"]: item for item in old_items}
    for item in current.values():
        old = before.get(item["id"])
        if old is None or _amount(old) != _amount(item) or old["price"]["id"] != item["price"]["id"]:
            _add_share(sandbox, subscription, item, old or item, now, sign=1)


def _add_share(sandbox: Sandbox, subscription: Object, item: Object, period: Object, now: int, *, sign: int) -> None:
    start, end = period["current_period_start"], period["current_period_end"]
    amount = sign * periods.share(_amount(item), now, start, end)
    if amount:
        invoice_lines.add_proration(sandbox, subscription, item, amount, (now, end))


def _amount(item: Object) -> int:
    return int(item["price"]["unit_amount"] * item["quantity"])


ENDPOINTS = [Endpoint("POST", "/v1/subscriptions/{subscription}", update, SubscriptionUpdateParams)]
