"""Balance transactions: what a charge, a refund or a dispute does to the account's money."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import BalanceTransactionListParams, BalanceTransactionRetrieveParams

from . import lists
from .api import Endpoint
from .core import Sandbox
from .objects import build
from .store import Object, new_id

_SETTLES_AFTER_S = 2 * 86_400


def record(sandbox: Sandbox, source: Object, kind: str, amount: int, fee: int = 0) -> Object:
    """Book an amount (minor units, negative when it leaves the account) and its fee."""
    now = sandbox.now(source.get("customer"))
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return sandbox.add(
        build(
            stripe.BalanceTransaction,
            id=new_id("txn"),
            amount=amount,
            available_on=now + _SETTLES_AFTER_S,
            balance_type="payments",
            created=now,
            currency=source["currency"],
            fee=fee,
            fee_details=details if fee else [],
            net=amount - fee,
            reporting_category="dispute" if kind == "adjustment" else kind,
            source=source["id"],
            status="pending",
            type=kind,
        )
    )


def card_fee(amount: int) -> int:
    """Stripe's standard price of a card payment: 2.9 % and 30 minor units."""
    return round(amount * 0.029) + 30


def retrieve(sandbox: Sandbox, params: dict[str, Any], transaction: str) -> Object:
    """One balance transaction."""
    return sandbox.store.get("balance_transaction", transaction)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Balance transactions, newest first."""
    found = lists.matching(sandbox.store.all("balance_transaction"), params, "currency", "source", "type")
    return lists.page(found, params, "/v1/balance_transactions")


ENDPOINTS = [
    Endpoint("GET", "/v1/balance_transactions", list_all, BalanceTransactionListParams),
    Endpoint("GET", "/v1/balance_transactions/{transaction}", retrieve, BalanceTransactionRetrieveParams),
]
