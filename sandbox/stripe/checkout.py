"""Checkout sessions: what the API can do with them. What a shopper does is in `shopper.py`."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlsplit

import stripe
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListLineItemsParams,
    SessionListParams,
    SessionRetrieveParams,
    SessionUpdateParams,
)

from . import lists, payments, prices
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .money import format_money
from .objects import build, merged_metadata, refuse, require
from .store import Object, new_id

_SHORTEST_LIFE_S = 30 * 60
_LONGEST_LIFE_S = 24 * 3600
_LEAST_AMOUNT = 50
_COPIED = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "locale",
    "mode",
    "submit_type",
    "success_url",
)
_ALWAYS: Object = {
    "adaptive_pricing": {"enabled": False},
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
    "discounts": [],
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_status": "unpaid",
    "phone_number_collection": {"enabled": False},
    "shipping_options": [],
    "status": "open",
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
}


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Open a session for a payment or a subscription on the hosted page."""
    _check(sandbox, params)
    items = [_line_item(sandbox, item, index) for index, item in enumerate(params["line_items"])]
    currency = _check_prices(items, params["mode"])
    total = sum(item["amount_total"] for item in items)
    if 0 < total < _LEAST_AMOUNT and params["mode"] == "payment":
        least = format_money(_LEAST_AMOUNT, currency)
        message = f"The Checkout Session's total amount due must add up to at least {least}"
        raise InvalidRequest(message, code="amount_too_small")
    trial = _trial_days(params)
    due = sum(item["amount_total"] for item in items if not (trial and item["price"]["recurring"]))
    key = new_id("cs_test", 58)
    session = _session(sandbox, params, key, currency)
    session |= {
        "amount_subtotal": due,
        "amount_total": due,
        "url": f"{sandbox.config.base_url}/c/pay/{key}",
        "_line_items": items,
        "_params": {name: params.get(name, {}) for name in ("payment_intent_data", "subscription_data")},
        "_intent": None,
    }
    return sandbox.add(session)


def _session(sandbox: Sandbox, params: dict[str, Any], key: str, currency: str) -> Object:
    customer = sandbox.store.find("customer", params.get("customer", ""))
    created = sandbox.now()
    return build(
        stripe.checkout.Session,
        without=("line_items",),
        id=key,
        created=created,
        currency=currency,
        customer=customer["id"] if customer else None,
        customer_creation=_customer_creation(params),
        customer_details=details_of(customer, params.get("customer_email")),
        expires_at=params.get("expires_at", created + _LONGEST_LIFE_S),
        metadata=merged_metadata({}, params.get("metadata")),
        payment_method_collection="always" if params["mode"] == "subscription" else "if_required",
        payment_method_types=params.get("allowed_payment_method_types", ["card", "us_bank_account"]),
        **{name: params.get(name) for name in _COPIED},
        **copy.deepcopy(_ALWAYS),
    )


def details_of(customer: Object | None, email: str | None, name: str | None = None) -> Object | None:
    """`customer_details`: what the session knows of who pays."""
    if customer is None and email is None:
        return None
    known = customer or {}
    return {
        "address": known.get("address"),
        "business_name": None,
        "email": email or known.get("email"),
        "individual_name": None,
        "name": name or known.get("name"),
        "phone": known.get("phone"),
        "tax_exempt": known.get("tax_exempt", "none"),
        "tax_ids": [] if customer else None,
    }


def _customer_creation(params: dict[str, Any]) -> str | None:
    if params.get("customer"):
        return None
    return "always" if params["mode"] == "subscription" else str(params.get("customer_creation", "if_required"))


def _check(sandbox: Sandbox, params: dict[str, Any]) -> None:
    require(params, "mode", "line_items", "success_url")
    _check_supported(params)
    if params.get("customer"):
        sandbox.store.get("customer", params["customer"], param="customer")
        if params.get("customer_email"):
            raise InvalidRequest("You may only specify one of these parameters: customer, customer_email.")
    for name, other in (("subscription_data", "payment"), ("payment_intent_data", "subscription")):
        if params["mode"] == other and params.get(name):
            raise InvalidRequest(f"You can not pass `{name}` in `{other}` mode.", param=name)
    for name in ("success_url", "cancel_url"):
        parts = urlsplit(params.get(name, "http://absent"))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidRequest("Not a valid URL", param=name, code="url_invalid")
    if len(params.get("client_reference_id", "")) > 200:
        raise InvalidRequest("Invalid string: must be at most 200 characters", param="client_reference_id")
    life = params.get("expires_at", sandbox.now() + _LONGEST_LIFE_S) - sandbox.now()
    if not _SHORTEST_LIFE_S <= life <= _LONGEST_LIFE_S:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from "
        raise InvalidRequest(f"{message}Checkout Session creation.", param="expires_at")


def _check_supported(params: dict[str, Any]) -> None:
    refuse(params, "automatic_tax", "discounts", "invoice_creation", "optional_items", "shipping_options")
    refuse(params.get("subscription_data", {}), "billing_cycle_anchor", "default_tax_rates")
    for index, item in enumerate(params["line_items"]):
        refuse(item, "tax_rates", "dynamic_tax_rates")
        if item.get("quantity", 0) < 1:
            param = f"line_items[{index}][quantity]"
            raise InvalidRequest("Quantity is required. Add `quantity`.", param=param)
    if params.get("payment_intent_data", {}).get("capture_method") == "manual":
        param = "payment_intent_data[capture_method]"
        raise InvalidRequest("The sandbox captures every payment at once.", param=param)
    if params["mode"] == "setup" or params.get("ui_mode", "hosted_page") != "hosted_page":
        param = "mode" if params["mode"] == "setup" else "ui_mode"
        raise InvalidRequest(f"The sandbox does not have this {param}: {params[param]}", param=param)


def _line_item(sandbox: Sandbox, item: dict[str, Any], index: int) -> Object:
    price, quantity = prices.of_item(sandbox, item, f"line_items[{index}]"), item["quantity"]
    amount = price["unit_amount"] * quantity
    product = sandbox.store.get("product", price["product"])
    return build(
        stripe.LineItem,
        without=("adjustable_quantity", "discounts", "taxes"),
        id=new_id("li"),
        amount_discount=0,
        amount_subtotal=amount,
        amount_tax=0,
        amount_total=amount,
        currency=price["currency"],
        description=product["name"],
        price=price,
        quantity=quantity,
    )


def _check_prices(items: list[Object], mode: str) -> str:
    recurring = [item["price"]["recurring"] for item in items if item["price"]["recurring"]]
    if mode == "payment" and recurring:
        raise InvalidRequest(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode "
            "or use only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise InvalidRequest(message, param="line_items")
    if len({(each["interval"], each["interval_count"]) for each in recurring}) > 1:
        message = "Checkout does not support multiple prices with different billing intervals."
        raise InvalidRequest(message, param="line_items")
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise InvalidRequest("All prices on a Checkout session must have the same currency.", param="line_items")
    return str(currencies.pop())


def _trial_days(params: dict[str, Any]) -> bool:
    data = params.get("subscription_data", {})
    return bool(data.get("trial_period_days") or data.get("trial_end"))


def retrieve(sandbox: Sandbox, params: dict[str, Any], session: str) -> Object:
    """One session."""
    return sandbox.store.get("checkout.session", session)


def update(sandbox: Sandbox, params: dict[str, Any], session: str) -> Object:
    """Change the metadata."""
    found = sandbox.store.get("checkout.session", session)
    found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    sandbox.store.touch()
    return found


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Sessions, newest first."""
    fields = ("customer", "payment_intent", "status", "subscription")
    found = lists.matching(sandbox.store.all("checkout.session"), params, *fields)
    email = params.get("customer_details", {}).get("email")
    if email:
        found = [each for each in found if (each["customer_details"] or {}).get("email") == email]
    return lists.page(found, params, "/v1/checkout/sessions")


def list_line_items(sandbox: Sandbox, params: dict[str, Any], session: str) -> Object:
    """What is bought, in the order given."""
    found = sandbox.store.get("checkout.session", session)
    return lists.page(found["_line_items"], params, f"/v1/checkout/sessions/{session}/line_items")


def expire(sandbox: Sandbox, params: dict[str, Any], session: str) -> Object:
    """Close an open session so that it can no longer be paid."""
    found = sandbox.store.get("checkout.session", session)
    if found["status"] != "open":
        raise InvalidRequest(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {found['status']}."
        )
    found["status"] = "expired"
    found["url"] = None
    if found["_intent"]:
        payments.cancel_intent(sandbox, sandbox.store.get("payment_intent", found["_intent"]))
    sandbox.store.touch()
    sandbox.emit("checkout.session.expired", found)
    return found


_SESSION = "/v1/checkout/sessions/{session}"
ENDPOINTS = [
    Endpoint("POST", "/v1/checkout/sessions", create, SessionCreateParams),
    Endpoint("GET", "/v1/checkout/sessions", list_all, SessionListParams),
    Endpoint("GET", _SESSION, retrieve, SessionRetrieveParams),
    Endpoint("POST", _SESSION, update, SessionUpdateParams),
    Endpoint("POST", f"{_SESSION}/expire", expire, SessionExpireParams),
    Endpoint("GET", f"{_SESSION}/line_items", list_line_items, SessionListLineItemsParams),
]
