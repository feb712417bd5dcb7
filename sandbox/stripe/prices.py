"""Prices, also those given inline as `price_data`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import stripe
from stripe.params import PriceCreateParams, PriceListParams, PriceRetrieveParams, PriceUpdateParams

from . import lists, products
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import assign, build, merged_metadata, require
from .store import Object, new_id


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Create a price of an existing product or of one described by `product_data`."""
    require(params, "currency")
    if params.get("billing_scheme") == "tiered" or params.get("custom_unit_amount"):
        raise InvalidRequest("The sandbox has only per-unit prices.", param="billing_scheme")
    amount = _unit_amount(params)
    _claim_lookup_key(sandbox, params)
    if params.get("product_data"):
        details = {name: value for name, value in params["product_data"].items() if name != "tax_details"}
        product = products.create(sandbox, details)
    else:
        require(params, "product")
        product = sandbox.store.get("product", params["product"], param="product")
    recurring = params.get("recurring")
    price = build(
        stripe.Price,
        without=("currency_options", "tiers"),
        id=new_id("price"),
        active=params.get("active", True),
        billing_scheme="per_unit",
        created=sandbox.now(),
        currency=params["currency"].lower(),
        metadata=merged_metadata({}, params.get("metadata")),
        product=product["id"],
        recurring=_recurring(recurring) if recurring else None,
        tax_behavior=params.get("tax_behavior", "unspecified"),
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    assign(price, params, "lookup_key", "nickname")
    return sandbox.add(price, "price.created")


def of_item(sandbox: Sandbox, item: dict[str, Any], path: str) -> Object:
    """The price that an item names, or the archived one made from its `price_data`.

    Raises:
        InvalidRequest: neither is given, or the named price is archived.
    """
    if item.get("price_data"):
        return create(sandbox, item["price_data"] | {"active": False})
    if not item.get("price"):
        param = f"{path}[price]"
        raise InvalidRequest(f"Missing required param: {param}.", param=param, code="parameter_missing")
    price = sandbox.store.get("price", item["price"], param=f"{path}[price]")
    if not price["active"]:
        message = f"The price specified is inactive. This field only accepts active prices: {price['id']}"
        raise InvalidRequest(message, param=f"{path}[price]", code="price_inactive")
    return price


def retrieve(sandbox: Sandbox, params: dict[str, Any], price: str) -> Object:
    """One price."""
    return sandbox.store.get("price", price)


def update(sandbox: Sandbox, params: dict[str, Any], price: str) -> Object:
    """Change what may change: not the amount, the currency or the interval."""
    found = sandbox.store.get("price", price)
    _claim_lookup_key(sandbox, params, found["id"])
    with sandbox.changing(found, "price.updated"):
        assign(found, params, "active", "lookup_key", "nickname", "tax_behavior")
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Prices, newest first."""
    found = lists.matching(sandbox.store.all("price"), params, "active", "currency", "product", "type")
    keys, recurring = params.get("lookup_keys"), params.get("recurring", {})
    chosen = [
        price
        for price in found
        if (keys is None or price["lookup_key"] in keys)
        and all((price["recurring"] or {}).get(name) == value for name, value in recurring.items())
    ]
    return lists.page(chosen, params, "/v1/prices")


def _unit_amount(params: dict[str, Any]) -> int:
    amount, exact = params.get("unit_amount"), params.get("unit_amount_decimal")
    if amount is None and isinstance(exact, Decimal) and exact == exact.to_integral_value():
        amount = int(exact)
    if amount is None:
        raise InvalidRequest("Missing required param: unit_amount.", param="unit_amount", code="parameter_missing")
    if amount < 0:
        message = "This value must be greater than or equal to 0."
        raise InvalidRequest(message, param="unit_amount", code="parameter_invalid_integer")
    return int(amount)


def _recurring(given: dict[str, Any]) -> Object:
    defaults = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
    return defaults | given


def _claim_lookup_key(sandbox: Sandbox, params: dict[str, Any], owner: str | None = None) -> None:
    key = params.get("lookup_key")
    holder = next((p for p in sandbox.store.all("price") if key and p["lookup_key"] == key), None)
    if holder is None or holder["id"] == owner:
        return
    if not params.get("transfer_lookup_key"):
        message = f"A price (`{holder['id']}`) already uses that lookup key."
        raise InvalidRequest(message, param="lookup_key", code="resource_already_exists")
    with sandbox.changing(holder, "price.updated"):
        holder["lookup_key"] = None


ENDPOINTS = [
    Endpoint("POST", "/v1/prices", create, PriceCreateParams),
    Endpoint("GET", "/v1/prices", list_all, PriceListParams),
    Endpoint("GET", "/v1/prices/{price}", retrieve, PriceRetrieveParams),
    Endpoint("POST", "/v1/prices/{price}", update, PriceUpdateParams),
]
