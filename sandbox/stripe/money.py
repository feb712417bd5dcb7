"""Amounts and prices as people read them."""

from __future__ import annotations

from .store import Object

_ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())  # noqa: SIM905


def format_money(amount: int, currency: str) -> str:
    """An amount of minor units: `12.50 USD`, `-300 JPY`."""
    if currency in _ZERO_DECIMAL:
        return f"{amount} {currency.upper()}"
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d} {currency.upper()}"


def format_price(price: Object, quantity: int = 1) -> str:
    """What so many of a price cost: `9.00 USD every month`."""
    text = format_money(price["unit_amount"] * quantity, price["currency"])
    recurring = price["recurring"]
    if not recurring:
        return text
    count, interval = recurring["interval_count"], recurring["interval"]
    return f"{text} every {interval}" if count == 1 else f"{text} every {count} {interval}s"
