"""Payment methods: cards that work, cards that do not, and a delayed bank debit."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    CustomerPaymentMethodListParams,
    PaymentMethodAttachParams,
    PaymentMethodDetachParams,
    PaymentMethodRetrieveParams,
)

from . import lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest, ResourceMissing
from .objects import build
from .store import Object, new_id

TEST_CARDS = {
    "pm_card_visa": "succeeds",
    "pm_card_mastercard": "succeeds",
    "pm_card_chargeCustomerFail": "declines",
    "pm_card_chargeDeclined": "declines",
    "pm_card_visa_chargeDeclined": "declines",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient",
}
"""Stripe's documented test payment methods and what the card then does."""

_COMMON = (
    "allow_redisplay",
    "billing_details",
    "created",
    "customer",
    "customer_account",
    "radar_options",
    "type",
)
_NO_ADDRESS = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def create(sandbox: Sandbox, kind: str = "card", *, behaviour: str = "succeeds", **billing: Any) -> Object:
    """A new payment method of kind `card` or `us_bank_account`."""
    others = tuple(name for name in stripe.PaymentMethod.__annotations__ if name not in (*_COMMON, *_ALWAYS))
    method = build(
        stripe.PaymentMethod,
        without=others,
        id=new_id("pm"),
        allow_redisplay="unspecified",
        billing_details=billing_details(**billing),
        created=sandbox.now(),
        type=kind,
        _behaviour=behaviour,
    )
    method[kind] = card_details(sandbox) if kind == "card" else bank_details()
    return sandbox.add(method)


def billing_details(email: str | None = None, name: str | None = None) -> Object:
    """Who pays."""
    return {"address": dict(_NO_ADDRESS), "email": email, "name": name, "phone": None, "tax_id": None}


def card_details(sandbox: Sandbox) -> Object:
    """Stripe's test card 4242 4242 4242 4242, valid for some more years."""
    return {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 1970 + sandbox.now() // 31_556_952 + 5,
        "fingerprint": "SandboxFingerprt",
        "funding": "credit",
        "generated_from": None,
        "last4": "4242",
        "networks": {"available": ["visa"], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def bank_details() -> Object:
    """Stripe's test account of a delayed debit."""
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "fingerprint": "SandboxBankFngpr",
        "last4": "6789",
        "routing_number": "110000000",
    }


def usable(sandbox: Sandbox, wanted: str, customer: str, param: str) -> Object:
    """The customer's payment method; a documented test name becomes a new one.

    Raises:
        InvalidRequest: it does not exist or belongs to someone else.
    """
    if wanted in TEST_CARDS:
        method = create(sandbox, behaviour=TEST_CARDS[wanted])
        method["customer"] = customer
        return method
    method = sandbox.store.get("payment_method", wanted, param=param)
    if method["customer"] != customer:
        message = "The customer does not have a payment method with the ID "
        raise InvalidRequest(f"{message}{wanted}. The payment method must be attached to the customer.", param=param)
    return method


def attach(sandbox: Sandbox, params: dict[str, Any], payment_method: str) -> Object:
    """Attach a payment method, or a documented test card, to a customer."""
    customer = sandbox.store.get("customer", params.get("customer", ""), param="customer")
    if payment_method in TEST_CARDS:
        method = create(sandbox, behaviour=TEST_CARDS[payment_method])
    else:
        method = sandbox.store.get("payment_method", payment_method)
    with sandbox.changing(method, "payment_method.attached"):
        method["customer"] = customer["id"]
    return method


def detach(sandbox: Sandbox, params: dict[str, Any], payment_method: str) -> Object:
    """Take a payment method from its customer."""
    method = sandbox.store.get("payment_method", payment_method)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise InvalidRequest(message, param="payment_method")
    with sandbox.changing(method, "payment_method.detached"):
        method["customer"] = None
    return method


def retrieve(sandbox: Sandbox, params: dict[str, Any], payment_method: str) -> Object:
    """One payment method."""
    found = sandbox.store.find("payment_method", payment_method)
    if found is None:
        raise ResourceMissing("PaymentMethod", payment_method)
    return found


def list_of_customer(sandbox: Sandbox, params: dict[str, Any], customer: str) -> Object:
    """A customer's payment methods."""
    sandbox.store.get("customer", customer)
    wanted = params | {"customer": customer}
    found = lists.matching(sandbox.store.all("payment_method"), wanted, "customer", "type")
    return lists.page(found, params, f"/v1/customers/{customer}/payment_methods")


_ALWAYS = ("id", "object", "livemode", "metadata")
ENDPOINTS = [
    Endpoint("GET", "/v1/payment_methods/{payment_method}", retrieve, PaymentMethodRetrieveParams),
    Endpoint("POST", "/v1/payment_methods/{payment_method}/attach", attach, PaymentMethodAttachParams),
    Endpoint("POST", "/v1/payment_methods/{payment_method}/detach", detach, PaymentMethodDetachParams),
    Endpoint("GET", "/v1/customers/{customer}/payment_methods", list_of_customer, CustomerPaymentMethodListParams),
]
