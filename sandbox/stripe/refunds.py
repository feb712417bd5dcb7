"""Refunds, whole or in part, which may be slow or fail."""

from __future__ import annotations

import time
from typing import Any

import stripe
from stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams, RefundUpdateParams

from . import balance, lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .money import format_money
from .objects import build, merged_metadata
from .store import Object, new_id


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Refund a charge or the charge of a payment intent; what is left of it when no amount is given."""
    charge = _charge(sandbox, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise InvalidRequest(message, code="charge_already_refunded")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise InvalidRequest(message, code="charge_disputed")
    amount = params.get("amount", left)
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise InvalidRequest(message, param="amount", code="parameter_invalid_integer")
    if amount > left:
        currency = charge["currency"]
        asked, rest = format_money(amount, currency), format_money(left, currency)
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
        raise InvalidRequest(message, param="amount")
    return _issue(sandbox, charge, amount, params)


def _issue(sandbox: Sandbox, charge: Object, amount: int, params: dict[str, Any]) -> Object:
    outcome = sandbox.knobs.refund
    refund = build(
        stripe.Refund,
        without=("failure_reason", "failure_balance_transaction", "next_action", "instructions_email"),
        id=new_id("re"),
        amount=amount,
        charge=charge["id"],
        created=sandbox.now(charge["customer"]),
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        metadata=merged_metadata({}, params.get("metadata")),
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=params.get("reason"),
        status="succeeded" if outcome == "succeeds" else "pending",
    )
    refund["balance_transaction"] = balance.record(sandbox, refund, "refund", -amount)["id"]
    if outcome != "succeeds":
        due = time.time() + sandbox.knobs.async_settle_ms / 1000
        refund["_settles"] = {"succeeded": outcome == "pending", "due": due}
        sandbox.timers.set()
    sandbox.add(refund, "refund.created")
    with sandbox.changing(charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    return refund


def settle(sandbox: Sandbox, refund: Object, *, succeeded: bool) -> Object:
    """End a pending refund; a failed one gives the charge its amount back."""
    if refund["status"] != "pending":
        raise InvalidRequest(f"The refund is {refund['status']}.")
    refund.pop("_settles", None)
    if succeeded:
        with sandbox.changing(refund, "refund.updated"):
            refund["status"] = "succeeded"
        return refund
    charge = sandbox.store.get("charge", refund["charge"])
    returned = balance.record(sandbox, refund, "refund_failure", refund["amount"])
    with sandbox.changing(charge, "charge.updated"):
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
    with sandbox.changing(refund, "refund.updated"):
        refund["status"] = "failed"
        refund["failure_reason"] = "expired_or_canceled_card"
        refund["failure_balance_transaction"] = returned["id"]
    sandbox.emit("refund.failed", refund)
    return refund


def settle_due(sandbox: Sandbox) -> None:
    """Settle every pending refund whose time has come."""
    for refund in sandbox.store.all("refund"):
        plan = refund.get("_settles")
        if plan and plan["due"] <= time.time():
            settle(sandbox, refund, succeeded=plan["succeeded"])


def _charge(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    if params.get("charge"):
        charge = sandbox.store.get("charge", params["charge"], param="charge")
    elif params.get("payment_intent"):
        intent = sandbox.store.get("payment_intent", params["payment_intent"], param="payment_intent")
        charge = sandbox.store.find("charge", intent["latest_charge"] or "") or {}
    else:
        raise InvalidRequest(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    if charge.get("status") != "succeeded":
        message = "This PaymentIntent does not have a successful charge to refund."
        raise InvalidRequest(message, code="payment_intent_unexpected_state")
    return charge


def retrieve(sandbox: Sandbox, params: dict[str, Any], refund: str) -> Object:
    """One refund."""
    return sandbox.store.get("refund", refund)


def update(sandbox: Sandbox, params: dict[str, Any], refund: str) -> Object:
    """Change the metadata."""
    found = sandbox.store.get("refund", refund)
    with sandbox.changing(found, "refund.updated"):
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Refunds, newest first."""
    found = lists.matching(sandbox.store.all("refund"), params, "charge", "payment_intent")
    return lists.page(found, params, "/v1/refunds")


ENDPOINTS = [
    Endpoint("POST", "/v1/refunds", create, RefundCreateParams),
    Endpoint("GET", "/v1/refunds", list_all, RefundListParams),
    Endpoint("GET", "/v1/refunds/{refund}", retrieve, RefundRetrieveParams),
    Endpoint("POST", "/v1/refunds/{refund}", update, RefundUpdateParams),
]
