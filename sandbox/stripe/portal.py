"""The customer portal: its sessions, and what a customer does there."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params.billing_portal import SessionCreateParams

from . import plan_changes, portal_configurations, subscriptions
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest, ResourceMissing
from .objects import build, require
from .store import Object, new_id

_KIND = "billing_portal.session"
_LIVES_S = 24 * 3600


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Open the portal for a customer."""
    require(params, "customer")
    customer = sandbox.store.get("customer", params["customer"], param="customer")
    key, flow = new_id("bps"), params.get("flow_data")
    session = build(
        stripe.billing_portal.Session,
        without=("after_expiration",),
        id=key,
        configuration=portal_configurations.for_session(sandbox, params.get("configuration")),
        created=sandbox.now(),
        customer=customer["id"],
        flow=_flow(sandbox, flow, customer["id"]) if flow else None,
        locale=params.get("locale"),
        return_url=params.get("return_url"),
        url=f"{sandbox.config.base_url}/p/session/{key}",
    )
    return sandbox.add(session)


def _flow(sandbox: Sandbox, flow: dict[str, Any], customer: str) -> Object:
    details = flow.get(flow["type"], {})
    if "subscription" in details:
        param = f"flow_data[{flow['type']}][subscription]"
        subscription = sandbox.store.get("subscription", details["subscription"], param=param)
        if subscription["customer"] != customer:
            raise InvalidRequest("The subscription does not belong to this customer.", param=param)
    names = (
        "subscription_cancel",
        "subscription_pause",
        "subscription_update",
        "subscription_update_confirm",
    )
    return {
        "after_completion": {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
        **dict.fromkeys(names),
        **flow,
    }


def open_session(sandbox: Sandbox, key: str) -> Object:
    """The portal session, if it is not too old.

    Raises:
        ResourceMissing: there is none, or it has expired.
    """
    session = sandbox.store.get(_KIND, key)
    if session["created"] + _LIVES_S < sandbox.now():
        raise ResourceMissing("session", key)
    return session


def subscriptions_of(sandbox: Sandbox, session: Object) -> list[Object]:
    """The customer's subscriptions that can still be changed, newest first."""
    found = [
        each
        for each in sandbox.store.all("subscription")
        if each["customer"] == session["customer"] and each["status"] not in ("canceled", "incomplete_expired")
    ]
    return found[::-1]


def plans_for(sandbox: Sandbox, session: Object, subscription: Object) -> list[Object]:
    """The prices a subscription can move to, cheapest first: active, recurring, in its currency, and on offer."""
    changes = portal_configurations.features(sandbox, session)["subscription_update"]
    if not changes["enabled"]:
        return []
    offered = {price for each in changes["products"] or [] for price in each["prices"]}
    found = [
        price
        for price in sandbox.store.all("price")
        if price["active"]
        and price["recurring"]
        and price["currency"] == subscription["currency"]
        and (changes["products"] is None or price["id"] in offered)
    ]
    return sorted(found, key=lambda price: int(price["unit_amount"]))


def act(sandbox: Sandbox, session: Object, action: str, subscription: str, price: str) -> None:
    """Change the plan, cancel as the configuration says, or resume.

    Raises:
        InvalidRequest: an unknown action or one that the configuration does not allow, or another customer's
            subscription.
    """
    found = sandbox.store.get("subscription", subscription)
    if found["customer"] != session["customer"]:
        raise ResourceMissing("subscription", subscription)
    allowed = portal_configurations.features(sandbox, session)
    match action:
        case "change":
            if price not in [each["id"] for each in plans_for(sandbox, session, found)]:
                raise InvalidRequest("The subscription cannot be changed to that price.", param="price")
            _change(sandbox, found, price, allowed["subscription_update"])
        case "cancel" if allowed["subscription_cancel"]["enabled"]:
            _cancel(sandbox, subscription, allowed["subscription_cancel"])
        case "resume":
            plan_changes.update(sandbox, {"cancel_at_period_end": False}, subscription)
        case _:
            raise InvalidRequest(f"Unknown action: {action}")


def _change(sandbox: Sandbox, subscription: Object, price: str, rules: Object) -> None:
    item, wanted = subscription["items"]["data"][0], sandbox.store.get("price", price)
    conditions = [each["type"] for each in rules["schedule_at_period_end"]["conditions"]]
    if "decreasing_item_amount" in conditions and wanted["unit_amount"] < item["price"]["unit_amount"]:
        subscription["_next_price"] = price
        sandbox.store.touch()
        return
    subscription["_next_price"] = None
    changes = {"items": [{"id": item["id"], "price": price}], "proration_behavior": rules["proration_behavior"]}
    plan_changes.update(sandbox, changes, subscription["id"])


def _cancel(sandbox: Sandbox, subscription: str, rules: Object) -> None:
    if rules["mode"] == "immediately":
        subscriptions.cancel(sandbox, {"prorate": rules["proration_behavior"] != "none"}, subscription)
    else:
        plan_changes.update(sandbox, {"cancel_at_period_end": True}, subscription)


def confirmed_price(session: Object) -> str | None:
    """The price that the customer was sent here to confirm a change to, if they were."""
    confirmed = (session["flow"] or {}).get("subscription_update_confirm") or {}
    return next((item.get("price") for item in confirmed.get("items", [])), None)


def next_url(session: Object) -> str | None:
    """Where a flow sends the customer once they have acted, if it sends them anywhere."""
    redirect = ((session["flow"] or {}).get("after_completion") or {}).get("redirect") or {}
    url: str | None = redirect.get("return_url")
    return url


ENDPOINTS = [Endpoint("POST", "/v1/billing_portal/sessions", create, SessionCreateParams)]
