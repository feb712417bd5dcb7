"""The customer portal: its sessions, and what a customer does there."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params.billing_portal import SessionCreateParams

from . import plan_changes
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
        configuration=params.get("configuration", "bpc_sandbox"),
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


def plans_for(sandbox: Sandbox, subscription: Object) -> list[Object]:
    """The prices a subscription can move to, cheapest first: active, recurring and in its currency."""
    found = [
        price
        for price in sandbox.store.all("price")
        if price["active"] and price["recurring"] and price["currency"] == subscription["currency"]
    ]
    return sorted(found, key=lambda price: int(price["unit_amount"]))


def act(sandbox: Sandbox, session: Object, action: str, subscription: str, price: str) -> None:
    """Change the plan, cancel at the end of the period, or resume.

    Raises:
        InvalidRequest: an unknown action, or another customer's subscription.
    """
    found = sandbox.store.get("subscription", subscription)
    if found["customer"] != session["customer"]:
        raise ResourceMissing("subscription", subscription)
    changes: dict[str, Any]
    match action:
        case "change":
            changes = {
                "items": [{"id": found["items"]["data"][0]["id"], "price": price}],
                "proration_behavior": sandbox.knobs.portal_proration,
            }
        case "cancel":
            changes = {"cancel_at_period_end": True}
        case "resume":
            changes = {"cancel_at_period_end": False}
        case _:
            raise InvalidRequest(f"Unknown action: {action}")
    plan_changes.update(sandbox, changes, subscription)


def next_url(session: Object) -> str | None:
    """Where a flow sends the customer once they have acted, if it sends them anywhere."""
    redirect = ((session["flow"] or {}).get("after_completion") or {}).get("redirect") or {}
    url: str | None = redirect.get("return_url")
    return url


ENDPOINTS = [Endpoint("POST", "/v1/billing_portal/sessions", create, SessionCreateParams)]
