"""Invoices of subscriptions: drafted, finalized, collected, retried."""

from __future__ import annotations

import copy
from typing import Any

import stripe
from stripe.params import (
    InvoiceLineItemListParams,
    InvoiceListParams,
    InvoicePayParams,
    InvoiceRetrieveParams,
)

from . import invoice_lines, invoice_payments, lists, payments
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import build, list_of
from .store import Object, new_id

RETRY_AFTER_DAYS = (3, 5, 7)
"""The pauses between attempts to collect a failed renewal; after the last one the subscription ends."""
_DAY_S = 86_400
_COPIED_FROM_CUSTOMER = ("address", "email", "name", "phone", "shipping", "tax_exempt")
_ALWAYS: Object = {
    "account_country": "US",
    "account_name": "Sandbox",
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": dict.fromkeys(("disabled_reason", "liability", "provider", "status")) | {"enabled": False},
    "collection_method": "charge_automatically",
    "customer_tax_ids": [],
    "default_tax_rates": [],
    "discounts": [],
    "issuer": {"type": "self"},
    "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "status": "draft",
    "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
}


def create(sandbox: Sandbox, subscription: Object, reason: str, lines: list[Object]) -> Object:
    """Draft an invoice over these lines and make it the subscription's latest."""
    customer = sandbox.store.get("customer", subscription["customer"])
    key, total = new_id("in"), sum(line["amount"] for line in lines)
    period_start, period_end = _period(subscription, reason)
    invoice = build(
        stripe.Invoice,
        without=("payments", "confirmation_secret", "status_details"),
        id=key,
        billing_reason=reason,
        created=sandbox.now(customer["id"]),
        currency=subscription["currency"],
        customer=customer["id"],
        lines=list_of(lines, f"/v1/invoices/{key}/lines") | {"total_count": len(lines)},
        parent=_parent(subscription),
        period_start=period_start,
        period_end=period_end,
        starting_balance=customer["balance"],
        test_clock=subscription["test_clock"],
        **{f"customer_{name}": customer[name] for name in _COPIED_FROM_CUSTOMER},
        **dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), total),
        **copy.deepcopy(_ALWAYS),
    )
    _set_due(invoice, max(0, total + customer["balance"]))
    invoice_lines.attach(sandbox, lines, key)
    subscription["latest_invoice"] = key
    return sandbox.add(invoice, "invoice.created")


def finalize(sandbox: Sandbox, invoice: Object, intent: Object | None = None) -> None:
    """Open a draft: it gets its number, uses the customer's balance and asks for a payment if one is due."""
    customer = sandbox.store.get("customer", invoice["customer"])
    balance = customer["balance"] + invoice["total"]
    with sandbox.changing(customer, "customer.updated"):
        customer["balance"] = min(0, balance)
        number = customer["next_invoice_sequence"]
        customer["next_invoice_sequence"] = number + 1
    now = sandbox.now(customer["id"])
    _set_due(invoice, max(0, balance))
    invoice |= {
        "automatically_finalizes_at": None,
        "effective_at": now,
        "ending_balance": min(0, balance),
        "hosted_invoice_url": f"{sandbox.config.base_url}/i/{invoice['id']}",
        "number": f"{customer['invoice_prefix']}-{number:04d}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = now
    if invoice["amount_due"]:
        invoice_payments.create(sandbox, invoice, intent or _new_intent(sandbox, invoice))
    sandbox.store.touch()
    sandbox.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        invoice["attempted"] = True
        _set_paid(sandbox, invoice)


def collect(sandbox: Sandbox, invoice: Object, method: Object | None = None) -> Object | None:
    """Try to collect an open invoice; returns the charge, or None where there is nothing to charge."""
    chosen = method or default_method(sandbox, invoice["customer"], subscription_of(sandbox, invoice))
    if chosen is None:
        _set_failed(sandbox, invoice)
        return None
    charge = payments.confirm(sandbox, invoice_payments.intent_of(sandbox, invoice), chosen)
    record(sandbox, invoice, charge)
    return charge


def record(sandbox: Sandbox, invoice: Object, charge: Object) -> None:
    """Take note of how a charge for this invoice went; a pending one leaves it open."""
    invoice["attempted"] = True
    if charge["status"] == "pending":
        return
    invoice["attempt_count"] += 1
    if charge["paid"]:
        _set_paid(sandbox, invoice)
    else:
        _set_failed(sandbox, invoice)


def default_method(sandbox: Sandbox, customer: str, subscription: Object | None) -> Object | None:
    """What is charged: the subscription's payment method, or else the customer's."""
    settings = sandbox.store.get("customer", customer)["invoice_settings"]
    chosen = (subscription or {}).get("default_payment_method") or settings["default_payment_method"]
    method = sandbox.store.find("payment_method", chosen or "")
    return method if method and method["customer"] == customer else None


def subscription_of(sandbox: Sandbox, invoice: Object) -> Object:
    """The subscription that an invoice bills."""
    return sandbox.store.get("subscription", invoice["parent"]["subscription_details"]["subscription"])


def stop_collecting(sandbox: Sandbox, subscription: Object) -> None:
    """Leave the drafts and the open invoices of an ended subscription as they are."""
    for invoice in sandbox.store.all("invoice"):
        if invoice["parent"]["subscription_details"]["subscription"] != subscription["id"]:
            continue
        if invoice["status"] in ("draft", "open"):
            invoice["auto_advance"] = False
            invoice["next_payment_attempt"] = None
            invoice["automatically_finalizes_at"] = None


def _set_due(invoice: Object, amount: int) -> None:
    invoice["amount_due"] = invoice["amount_remaining"] = amount


def _period(subscription: Object, reason: str) -> tuple[int, int]:
    """A renewal's invoice is dated by the period that ended; others by the moment of the change."""
    item = subscription["items"]["data"][0]
    if reason == "subscription_cycle":
        return subscription["_previous_period_start"], item["current_period_start"]
    return item["current_period_start"], item["current_period_start"]


def _parent(subscription: Object) -> Object:
    details = {
        "metadata": dict(subscription["metadata"]),
        "subscription": subscription["id"],
        "subscription_proration_date": None,
    }
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _new_intent(sandbox: Sandbox, invoice: Object) -> Object:
    first = invoice["billing_reason"] == "subscription_create"
    return payments.create_intent(
        sandbox,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription creation" if first else "Subscription update",
    )


def _set_paid(sandbox: Sandbox, invoice: Object) -> None:
    now = sandbox.now(invoice["customer"])
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
    invoice |= {"auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"]["paid_at"] = now
    if invoice["amount_due"]:
        invoice_payments.set_paid(sandbox, invoice, now)
    sandbox.store.touch()
    if not _owes_more(sandbox, invoice):
        _set_subscription_status(sandbox, invoice, "active", unless=("trialing", "canceled", "incomplete_expired"))
    sandbox.emit("invoice.paid", invoice)
    sandbox.emit("invoice.payment_succeeded", invoice)


def _set_failed(sandbox: Sandbox, invoice: Object) -> None:
    invoice["attempted"] = True
    first = invoice["billing_reason"] == "subscription_create"
    failures = invoice["_failures"] = invoice.get("_failures", 0) + 1
    retries = not first and failures <= len(RETRY_AFTER_DAYS)
    pause = RETRY_AFTER_DAYS[failures - 1] * _DAY_S if retries else 0
    invoice["next_payment_attempt"] = sandbox.now(invoice["customer"]) + pause if retries else None
    invoice["_gave_up"] = not first and not retries
    sandbox.store.touch()
    if not first:
        _set_subscription_status(sandbox, invoice, "past_due", unless=("canceled",))
    sandbox.emit("invoice.payment_failed", invoice)


def _owes_more(sandbox: Sandbox, paid: Object) -> bool:
    subscription = paid["parent"]["subscription_details"]["subscription"]
    return any(
        each["status"] == "open" and each["parent"]["subscription_details"]["subscription"] == subscription
        for each in sandbox.store.all("invoice")
    )


def _set_subscription_status(sandbox: Sandbox, invoice: Object, status: str, *, unless: tuple[str, ...]) -> None:
    subscription = subscription_of(sandbox, invoice)
    if subscription["status"] in unless:
        return
    event = "customer.subscription.updated" if subscription["_announced"] else None
    with sandbox.changing(subscription, event):
        subscription["status"] = status


def retrieve(sandbox: Sandbox, params: dict[str, Any], invoice: str) -> Object:
    """One invoice."""
    return sandbox.store.get("invoice", invoice)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Invoices, newest first."""
    found = lists.matching(sandbox.store.all("invoice"), params, "collection_method", "customer", "status")
    wanted = params.get("subscription")
    chosen = [
        each for each in found if wanted is None or each["parent"]["subscription_details"]["subscription"] == wanted
    ]
    return lists.page(chosen, params, "/v1/invoices")


def list_lines(sandbox: Sandbox, params: dict[str, Any], invoice: str) -> Object:
    """The lines of an invoice."""
    found = sandbox.store.get("invoice", invoice)
    return lists.page(found["lines"]["data"], params, f"/v1/invoices/{invoice}/lines")


def pay(sandbox: Sandbox, params: dict[str, Any], invoice: str) -> Object:
    """Collect an open invoice now.

    Raises:
        InvalidRequest: it is not open, or there is nothing to charge.
        CardDeclined: the payment method does not work.
    """
    found = sandbox.store.get("invoice", invoice)
    if found["status"] != "open":
        raise InvalidRequest(f"Invoice is already {found['status']}", code="invoice_not_editable")
    if invoice_payments.intent_of(sandbox, found)["status"] == "processing":
        raise InvalidRequest("A payment of this invoice is under way.", code="payment_intent_unexpected_state")
    method = sandbox.store.get("payment_method", params["payment_method"]) if "payment_method" in params else None
    charge = collect(sandbox, found, method)
    if charge is None:
        raise InvalidRequest("There is no payment method to charge.", code="resource_missing")
    if charge["status"] == "failed":
        raise payments.declined(charge, invoice_payments.intent_of(sandbox, found))
    return found


ENDPOINTS = [
    Endpoint("GET", "/v1/invoices", list_all, InvoiceListParams),
    Endpoint("GET", "/v1/invoices/{invoice}", retrieve, InvoiceRetrieveParams),
    Endpoint("GET", "/v1/invoices/{invoice}/lines", list_lines, InvoiceLineItemListParams),
    Endpoint("POST", "/v1/invoices/{invoice}/pay", pay, InvoicePayParams),
]
