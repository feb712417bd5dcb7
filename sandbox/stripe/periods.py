"""Billing periods: calendar arithmetic in UTC, anchored to the day on which a subscription began."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from .store import Object

_SECONDS = {"day": 86_400, "week": 7 * 86_400}
_MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, recurring: Object, number: int) -> int:
    """The `number`-th period boundary after the anchor; the 31st becomes the last day of a shorter month."""
    steps = number * int(recurring["interval_count"])
    interval = recurring["interval"]
    if interval in _SECONDS:
        return anchor + steps * _SECONDS[interval]
    start = datetime.fromtimestamp(anchor, UTC)
    months = start.month - 1 + steps * _MONTHS[interval]
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def next_boundary(anchor: int, recurring: Object, after: int) -> int:
    """The first boundary later than a moment."""
    interval = recurring["interval"]
    longest = _SECONDS.get(interval) or 31 * 86_400 * _MONTHS[interval]
    number = max(0, (after - anchor) // (longest * int(recurring["interval_count"])) - 1)
    while boundary(anchor, recurring, number) <= after:
        number += 1
    return boundary(anchor, recurring, number)


def share(amount: int, moment: int, start: int, end: int) -> int:
    """The part of an amount for what is left of a period."""
    return round(amount * (end - moment) / (end - start)) if end > start else 0
