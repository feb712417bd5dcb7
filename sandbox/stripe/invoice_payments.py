"""Invoice payments: the link between an invoice and the payment intent that pays it."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import InvoicePaymentListParams, InvoicePaymentRetrieveParams

from . import lists
from .api import Endpoint
from .core import Sandbox
from .objects import build
from .store import Object, new_id


def create(sandbox: Sandbox, invoice: Object, intent: Object) -> Object:
    """Say that an intent is to pay an invoice."""
    return sandbox.add(
        build(
            stripe.InvoicePayment,
            id=new_id("inpay"),
            amount_requested=invoice["amount_due"],
            created=sandbox.now(invoice["customer"]),
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
        )
    )


def intent_of(sandbox: Sandbox, invoice: Object) -> Object:
    """The payment intent that is to pay a finalized invoice."""
    return sandbox.store.get("payment_intent", _of(sandbox, invoice)["payment"]["payment_intent"])


def set_paid(sandbox: Sandbox, invoice: Object, moment: int) -> None:
    """Take note that an invoice was paid."""
    payment = _of(sandbox, invoice)
    payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
    payment["status_transitions"]["paid_at"] = moment
    sandbox.emit("invoice_payment.paid", payment)


def _of(sandbox: Sandbox, invoice: Object) -> Object:
    return next(each for each in sandbox.store.all("invoice_payment") if each["invoice"] == invoice["id"])


def retrieve(sandbox: Sandbox, params: dict[str, Any], payment: str) -> Object:
    """One invoice payment."""
    return sandbox.store.get("invoice_payment", payment)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Invoice payments, newest first."""
    found = lists.matching(sandbox.store.all("invoice_payment"), params, "invoice", "status")
    intent = params.get("payment", {}).get("payment_intent")
    chosen = [each for each in found if intent is None or each["payment"]["payment_intent"] == intent]
    return lists.page(chosen, params, "/v1/invoice_payments")


ENDPOINTS = [
    Endpoint("GET", "/v1/invoice_payments", list_all, InvoicePaymentListParams),
    Endpoint("GET", "/v1/invoice_payments/{payment}", retrieve, InvoicePaymentRetrieveParams),
]
