"""Payment intents and charges."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    ChargeListParams,
    ChargeRetrieveParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
)

from . import balance, lists
from .api import Endpoint
from .core import Sandbox
from .errors import CardDeclined
from .objects import build, public
from .store import Object, new_id

_DECLINES = {
    "declines": ("generic_decline", "Your card was declined."),
    "insufficient": ("insufficient_funds", "Your card has insufficient funds."),
}

_UNDECIDED: Object = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": None,
    "reason": None,
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": None,
    "type": "pending",
}


def create_intent(sandbox: Sandbox, *, amount: int, currency: str, customer: str | None, **details: Any) -> Object:
    """A payment intent that waits for a payment method."""
    key = new_id("pi")
    kinds = details.pop("payment_method_types", ["card"])
    intent = build(
        stripe.PaymentIntent,
        id=key,
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method="automatic_async",
        client_secret=f"{key}_{new_id('secret')}",
        confirmation_method="automatic",
        created=sandbox.now(customer),
        currency=currency,
        customer=customer,
        payment_method_types=kinds,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        status="requires_payment_method",
        **details,
    )
    return sandbox.add(intent, "payment_intent.created")


def confirm(sandbox: Sandbox, intent: Object, method: Object) -> Object:
    """Try to pay with a payment method; the charge tells how it went (`succeeded`, `failed`, `pending`)."""
    charge = sandbox.store.put(_new_charge(sandbox, intent, method))
    with sandbox.changing(intent):
        intent["payment_method"] = method["id"]
        intent["latest_charge"] = charge["id"]
    if method["type"] != "card":
        charge["status"] = "pending"
        charge["outcome"]["network_status"] = "not_sent_to_network"
        sandbox.emit("charge.pending", charge)
        with sandbox.changing(intent):
            intent["status"] = "processing"
        sandbox.emit("payment_intent.processing", intent)
        return charge
    behaviour = _behaviour(sandbox, method)
    if behaviour == "succeeds":
        _succeed(sandbox, intent, charge)
    else:
        fail(sandbox, intent, charge, *_DECLINES[behaviour])
    return charge


def check(sandbox: Sandbox, method: Object) -> None:
    """Refuse a payment method that would not work now, without trying it.

    Raises:
        CardDeclined: the card does not work.
    """
    behaviour = _behaviour(sandbox, method)
    if method["type"] == "card" and behaviour != "succeeds":
        decline_code, message = _DECLINES[behaviour]
        raise CardDeclined(message, decline_code=decline_code)


def settle(sandbox: Sandbox, charge: Object, *, succeeded: bool) -> None:
    """End a delayed payment."""
    intent = sandbox.store.get("payment_intent", charge["payment_intent"])
    if succeeded:
        _succeed(sandbox, intent, charge)
    else:
        fail(sandbox, intent, charge, "insufficient_funds", "The customer's account has insufficient funds.")


def declined(charge: Object, intent: Object) -> CardDeclined:
    """The error of a failed charge."""
    return CardDeclined(
        charge["failure_message"],
        charge=charge["id"],
        decline_code=charge["outcome"]["reason"],
        payment_intent=public(intent),
    )


def cancel_intent(sandbox: Sandbox, intent: Object, reason: str = "automatic") -> None:
    """Give up a payment that has not happened."""
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        return
    intent["status"] = "canceled"
    intent["canceled_at"] = sandbox.now(intent["customer"])
    intent["cancellation_reason"] = reason
    sandbox.emit("payment_intent.canceled", intent)


def fail(sandbox: Sandbox, intent: Object, charge: Object, decline_code: str, message: str) -> None:
    """Record that the issuer refused a charge."""
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": "card_declined", "failure_message": message, "balance_transaction": None}
    charge["outcome"] |= {
        "advice_code": "try_again_later",
        "network_status": "declined_by_network",
        "reason": decline_code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["last_payment_error"] = {
        "advice_code": "try_again_later",
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": decline_code,
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": message,
        "payment_method": public(sandbox.store.find("payment_method", charge["payment_method"])),
        "type": "card_error",
    }
    sandbox.store.touch()
    sandbox.emit("charge.failed", charge)
    sandbox.emit("payment_intent.payment_failed", intent)


def _behaviour(sandbox: Sandbox, method: Object) -> str:
    return str(sandbox.knobs.card if sandbox.knobs.card != "succeeds" else method["_behaviour"])


def _succeed(sandbox: Sandbox, intent: Object, charge: Object) -> None:
    fee = balance.card_fee(charge["amount"])
    charge |= {"status": "succeeded", "paid": True, "captured": True, "amount_captured": charge["amount"]}
    charge["balance_transaction"] = balance.record(sandbox, charge, "charge", charge["amount"], fee)["id"]
    charge["outcome"] |= {
        "network_status": "approved_by_network",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    sandbox.store.touch()
    sandbox.emit("charge.succeeded", charge)
    sandbox.emit("payment_intent.succeeded", intent)


def _new_charge(sandbox: Sandbox, intent: Object, method: Object) -> Object:
    key, kind = new_id("ch"), method["type"]
    details = {name: value for name, value in method[kind].items() if name not in ("generated_from", "networks")}
    return build(
        stripe.Charge,
        without=("refunds", "source", "application_fee_amount", "level3", "authorization_code"),
        id=key,
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        billing_details=dict(method["billing_details"]),
        calculated_statement_descriptor="SANDBOX",
        captured=False,
        created=sandbox.now(intent["customer"]),
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=dict(_UNDECIDED),
        paid=False,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": kind, kind: details},
        radar_options={},
        receipt_email=intent["receipt_email"],
        refunded=False,
        status="pending",
    )


def retrieve_intent(sandbox: Sandbox, params: dict[str, Any], intent: str) -> Object:
    """One payment intent."""
    return sandbox.store.get("payment_intent", intent)


def list_intents(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Payment intents, newest first."""
    found = lists.matching(sandbox.store.all("payment_intent"), params, "customer")
    return lists.page(found, params, "/v1/payment_intents")


def retrieve_charge(sandbox: Sandbox, params: dict[str, Any], charge: str) -> Object:
    """One charge."""
    return sandbox.store.get("charge", charge)


def list_charges(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Charges, newest first."""
    found = lists.matching(sandbox.store.all("charge"), params, "customer", "payment_intent")
    return lists.page(found, params, "/v1/charges")


ENDPOINTS = [
    Endpoint("GET", "/v1/payment_intents", list_intents, PaymentIntentListParams),
    Endpoint("GET", "/v1/payment_intents/{intent}", retrieve_intent, PaymentIntentRetrieveParams),
    Endpoint("GET", "/v1/charges", list_charges, ChargeListParams),
    Endpoint("GET", "/v1/charges/{charge}", retrieve_charge, ChargeRetrieveParams),
]
