"""Lines of invoices, and the pending items that a later invoice will sweep up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import stripe

from .core import Sandbox
from .money import format_price
from .objects import build
from .store import Object, new_id


def for_period(sandbox: Sandbox, subscription: Object, item: Object, *, trial: bool = False) -> Object:
    """The line that bills a subscription item for its current period; a trial is free."""
    price, quantity = item["price"], item["quantity"]
    text = "Free trial for" if trial else f"{quantity} ×"
    return _line(
        subscription,
        amount=0 if trial else price["unit_amount"] * quantity,
        description=f"{text} {_label(sandbox, price)}",
        item=item,
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
    )


def one_time(sandbox: Sandbox, subscription: Object, price: Object, quantity: int, moment: int) -> Object:
    """The line of something bought once, together with a subscription."""
    item = {"id": None, "price": price, "quantity": quantity}
    line = _line(
        subscription,
        amount=price["unit_amount"] * quantity,
        description=f"{quantity} × {_label(sandbox, price)}",
        item=item,
        period={"start": moment, "end": moment},
    )
    details = {"invoice_item": new_id("ii"), "proration": False, "subscription": subscription["id"]}
    line["parent"] = {
        "invoice_item_details": details | {"proration_details": None},
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }
    return line


def add_proration(sandbox: Sandbox, subscription: Object, item: Object, amount: int, period: tuple[int, int]) -> Object:
    """A pending item for a changed subscription item: what is unused (negative) or what remains."""
    start, end = period
    since = datetime.fromtimestamp(start, UTC).strftime("%d %b %Y")
    what = "Unused time on" if amount < 0 else "Remaining time on"
    price = item["price"]
    pending = build(
        stripe.InvoiceItem,
        id=new_id("ii"),
        amount=amount,
        currency=price["currency"],
        customer=subscription["customer"],
        date=start,
        description=f"{what} {_label(sandbox, price)} after {since}",
        discountable=False,
        discounts=[],
        parent={
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        period={"start": start, "end": end},
        pricing=_pricing(price),
        proration=True,
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        tax_rates=[],
        test_clock=subscription["test_clock"],
        _item=dict(item),
    )
    return sandbox.add(pending, "invoiceitem.created")


def pending_of(sandbox: Sandbox, subscription: Object) -> list[Object]:
    """The lines of every item that waits for the subscription's next invoice."""
    waiting = [
        item
        for item in sandbox.store.all("invoiceitem")
        if item["invoice"] is None and item["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]
    return [
        _line(
            subscription,
            amount=item["amount"],
            description=item["description"],
            item=item["_item"],
            period=item["period"],
            invoice_item=item["id"],
        )
        for item in waiting
    ]


def attach(sandbox: Sandbox, lines: Iterable[Object], invoice_id: str) -> None:
    """Say in each line, and in the pending item behind it, which invoice it belongs to."""
    for line in lines:
        line["invoice"] = invoice_id
        details = line["parent"]["subscription_item_details"] or {}
        pending = sandbox.store.find("invoiceitem", details.get("invoice_item") or "")
        if pending:
            pending["invoice"] = invoice_id


def _line(subscription: Object, *, item: Object, invoice_item: str | None = None, **fields: Any) -> Object:
    price = item["price"]
    return build(
        stripe.InvoiceLineItem,
        without=("taxes",),
        id=new_id("il"),
        currency=price["currency"],
        discount_amounts=[],
        discountable=invoice_item is None,
        discounts=[],
        metadata=dict(subscription["metadata"]),
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": invoice_item,
                "proration": invoice_item is not None,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        pretax_credit_amounts=[],
        pricing=_pricing(price),
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        subscription=subscription["id"],
        subtotal=fields["amount"],
        **fields,
    )


def _pricing(price: Object) -> Object:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _label(sandbox: Sandbox, price: Object) -> str:
    product = sandbox.store.find("product", price["product"]) or {}
    return f"{product.get('name', price['product'])} (at {format_price(price)})"
