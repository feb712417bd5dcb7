"""Customers."""

from __future__ import annotations

import re
from typing import Any

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerUpdateParams,
)

from . import lists, payment_methods
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import assign, build, merged_metadata
from .store import Object, new_id
from .subscriptions import end_subscription

_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_PLAIN = (
    "address",
    "balance",
    "business_name",
    "description",
    "email",
    "individual_name",
    "name",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
)
_EXPANDED_ONLY = ("cash_balance", "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids")


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Create a customer, on a test clock if one is named."""
    clock = None
    if params.get("test_clock"):
        clock = sandbox.store.get("test_helpers.test_clock", params["test_clock"], param="test_clock")
    customer = build(
        stripe.Customer,
        without=_EXPANDED_ONLY,
        id=new_id("cus", 14),
        balance=0,
        created=clock["frozen_time"] if clock else sandbox.now(),
        delinquent=False,
        invoice_prefix=new_id("x", 8).removeprefix("x_").upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
        test_clock=clock["id"] if clock else None,
    )
    _fill(customer, params)
    sandbox.store.put(customer)
    if params.get("payment_method"):
        payment_methods.attach(sandbox, {"customer": customer["id"]}, params["payment_method"])
    _set_invoice_settings(sandbox, customer, params)
    sandbox.emit("customer.created", customer)
    return customer


def retrieve(sandbox: Sandbox, params: dict[str, Any], customer: str) -> Object:
    """A customer; one that was deleted is answered as `{"deleted": true}`."""
    found = sandbox.store.find("customer", customer)
    return found if found and found.get("deleted") else sandbox.store.get("customer", customer)


def update(sandbox: Sandbox, params: dict[str, Any], customer: str) -> Object:
    """Change the given fields."""
    found = sandbox.store.get("customer", customer)
    with sandbox.changing(found, "customer.updated"):
        _fill(found, params)
        _set_invoice_settings(sandbox, found, params)
    return found


def delete(sandbox: Sandbox, params: dict[str, Any], customer: str) -> Object:
    """Delete a customer and cancel their subscriptions."""
    found = sandbox.store.get("customer", customer)
    for subscription in sandbox.store.all("subscription"):
        if subscription["customer"] == customer and subscription["status"] != "canceled":
            end_subscription(sandbox, subscription, reason="cancellation_requested")
    sandbox.emit("customer.deleted", found)
    return sandbox.store.put({"id": customer, "object": "customer", "deleted": True})


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Customers, newest first; those on a test clock only when it is named."""
    clocked = {"test_clock": None} | params
    found = lists.matching(sandbox.store.all("customer"), clocked, "email", "test_clock")
    return lists.page(found, params, "/v1/customers")


def _fill(customer: Object, params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and not _EMAIL.match(email):
        raise InvalidRequest(f"Invalid email address: {email}", param="email", code="email_invalid")
    metadata = merged_metadata(customer["metadata"], params.get("metadata"))
    assign(customer, params, *_PLAIN)
    customer["metadata"] = metadata


def _set_invoice_settings(sandbox: Sandbox, customer: Object, params: dict[str, Any]) -> None:
    settings = params.get("invoice_settings")
    if not settings:
        return
    if settings.get("default_payment_method"):
        method = payment_methods.usable(
            sandbox,
            settings["default_payment_method"],
            customer["id"],
            "invoice_settings[default_payment_method]",
        )
        settings = settings | {"default_payment_method": method["id"]}
    customer["invoice_settings"] = customer["invoice_settings"] | settings


ENDPOINTS = [
    Endpoint("POST", "/v1/customers", create, CustomerCreateParams),
    Endpoint("GET", "/v1/customers", list_all, CustomerListParams),
    Endpoint("GET", "/v1/customers/{customer}", retrieve, CustomerRetrieveParams),
    Endpoint("POST", "/v1/customers/{customer}", update, CustomerUpdateParams),
    Endpoint("DELETE", "/v1/customers/{customer}", delete, CustomerDeleteParams),
]
