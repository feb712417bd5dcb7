"""Faults and behaviours that a test switches on while the sandbox runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import InvalidRequest


@dataclass
class Knobs:
    """Everything that can be turned; `GET` and `PUT /_sandbox/knobs` show and change it."""

    duplicate: int = 0
    """How many extra times each new event is delivered."""
    reorder: bool = False
    """Send the newest waiting event first."""
    delay_ms: int = 0
    """How long a new event waits before its first delivery."""
    drop: float = 0
    """Below 1: the share of attempts lost on the way; otherwise how many of the next attempts are lost."""
    paused: bool = False
    """Hold every delivery back."""
    concurrency: int = 1
    """How many deliveries are under way at once."""
    retry_base_ms: int = 1000
    """The pause after the first failed attempt; it doubles up to an hour."""
    max_attempts: int = 16
    """Attempts before a delivery is given up."""
    api_error: dict[str, Any] | None = None
    """`{"status": 500, "count": 2, "after": false, "path": "/v1/refunds"}`: the next calls fail; with
    `after`, the work is done and only the answer is lost."""
    api_delay_ms: int = 0
    """How long each API call takes."""
    card: str = "succeeds"
    """`succeeds`, `declines` or `insufficient`: what every card does, in Checkout and on renewal."""
    refund: str = "succeeds"
    """`succeeds`, `pending` (settles later) or `fails` (pending, then failed)."""
    async_outcome: str = "succeeds"
    """How a delayed payment ends: `succeeds`, `fails` or `pending` (until told)."""
    async_settle_ms: int = 1500
    """How long a delayed payment or a pending refund takes."""
    invoice_draft_s: int = 3600
    """How long a renewal's invoice stays a draft."""
    portal_proration: str = "always_invoice"
    """The proration behaviour of a plan change in the portal."""

    def apply(self, changes: Any) -> None:
        """Turn the given knobs, all or none.

        Raises:
            InvalidRequest: an unknown knob or a value it does not take.
        """
        if not isinstance(changes, dict):
            raise InvalidRequest("Knobs are a JSON object.")
        for name, value in changes.items():
            rule = _RULES.get(name)
            if rule is None:
                raise InvalidRequest(f"Unknown knob: {name}", param=name, code="parameter_unknown")
            if not rule(value):
                raise InvalidRequest(f"The knob {name} does not take {value!r}.", param=name)
        for name, value in changes.items():
            setattr(self, name, value)
        if "api_error" in changes and self.api_error is not None:
            self.api_error = {"status": 500, "count": 1, "after": False, "path": "/"} | self.api_error

    def as_json(self) -> dict[str, Any]:
        """Every knob by name."""
        return dataclasses.asdict(self)

    def take_api_error(self, path: str, *, after: bool) -> int | None:
        """The status this call must fail with, counted down, or None."""
        fault = self.api_error
        if fault is None or fault["after"] is not after or not path.startswith(fault["path"]):
            return None
        fault["count"] -= 1
        if fault["count"] <= 0:
            self.api_error = None
        status: int = fault["status"]
        return status


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: _is_int(value) and value >= least


def _one_of(*names: str) -> Callable[[Any], bool]:
    return lambda value: value in names


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_drop(value: Any) -> bool:
    return (isinstance(value, float) and 0 <= value < 1) or _at_least(0)(value)


def _is_api_error(value: Any) -> bool:
    if value is None:
        return True
    rules: dict[str, Callable[[Any], bool]] = {
        "status": lambda status: _is_int(status) and 400 <= status <= 599,
        "count": _at_least(1),
        "after": _is_flag,
        "path": lambda path: isinstance(path, str),
    }
    return isinstance(value, dict) and all(name in rules and rules[name](part) for name, part in value.items())


_RULES: dict[str, Callable[[Any], bool]] = {
    "duplicate": _at_least(0),
    "reorder": _is_flag,
    "delay_ms": _at_least(0),
    "drop": _is_drop,
    "paused": _is_flag,
    "concurrency": _at_least(1),
    "retry_base_ms": _at_least(1),
    "max_attempts": _at_least(1),
    "api_error": _is_api_error,
    "api_delay_ms": _at_least(0),
    "card": _one_of("succeeds", "declines", "insufficient"),
    "refund": _one_of("succeeds", "pending", "fails"),
    "async_outcome": _one_of("succeeds", "fails", "pending"),
    "async_settle_ms": _at_least(0),
    "invoice_draft_s": _at_least(0),
    "portal_proration": _one_of("create_prorations", "always_invoice", "none"),
}
