"""Faults and behaviours that a test switches on while the sandbox runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import BadKnob
from .webhooks import WEBHOOKS

PROVIDERS = ("fashn", "fal", "replicate", "vertex")
STEPS = ("submit", "status", "result", "cancel", "delete", "file", "token", "keys", "secret")
KINDS = ("error", "hang", "cut", "garbage")
PICTURES = ("good", "broken", "huge", "other_shape")


@dataclass
class Fault:
    """What the next requests of one step get instead of an answer."""

    step: str
    kind: str
    provider: str = ""
    """Empty: any."""
    status: int = 500
    """Of the kind `error`."""
    name: str = "InternalServerError"
    """The provider's name of that error."""
    retry_after: str | None = None
    """Its header."""
    after: bool = False
    """The work is done, and only the answer is lost."""
    count: int = 1
    """How many requests; 0 is all of them."""

    def __post_init__(self) -> None:
        if self.step not in STEPS or self.kind not in KINDS or self.provider not in ("", *PROVIDERS):
            raise BadKnob(f"A fault has a step of {STEPS}, a kind of {KINDS} and a provider of {PROVIDERS}.")


@dataclass
class Knobs:
    """Everything that can be turned; `GET` and `PUT /_sandbox/knobs` show and change it."""

    queue_ms: int = 0
    """How long a run waits in the queue."""
    run_ms: int = 0
    """How long it is worked on."""
    held: bool = False
    """No run ends while this is set."""
    outcome: str = ""
    """How runs that are begun from now on end, in their provider's words; empty: with a picture."""
    outcome_count: int = 0
    """How many runs end so; 0 is all of them."""
    quiet_status: bool = False
    """fal: only the result says that a run failed, not its status."""
    as_list: bool = False
    """Replicate: the output is a list."""
    picture: str = "good"
    """`broken` (no picture), `huge` (too many bytes) or `other_shape` (another aspect ratio)."""
    huge_bytes: int = 40_000_000
    limits: bool = True
    """FASHN's: 50 runs a minute, 50 looks at their status in 10 seconds."""
    webhooks: str = "good"
    """What they are like: one of `WEBHOOKS`."""
    faults: list[Fault] = field(default_factory=list)

    def apply(self, changes: Any) -> None:
        """Turns the given knobs, all or none. Raises BadKnob."""
        if not isinstance(changes, dict):
            raise BadKnob("Knobs are a JSON object.")
        for name, value in changes.items():
            rule = _RULES.get(name)
            if rule is None or not rule(value):
                raise BadKnob(f"There is no knob {name} that takes {value!r}.")
        if "faults" in changes:
            changes = changes | {"faults": [_fault(given) for given in changes["faults"]]}
        for name, value in changes.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        """Every knob by name."""
        return dataclasses.asdict(self)

    def take_fault(self, provider: str, step: str, *, after: bool) -> Fault | None:
        """The fault of this request, counted down, or None."""
        for fault in self.faults:
            if fault.step == step and fault.after is after and fault.provider in ("", provider):
                fault.count -= 1
                if fault.count == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def take_outcome(self) -> str:
        """How the next run will end, counted down."""
        outcome = self.outcome
        if outcome and self.outcome_count:
            self.outcome_count -= 1
            if not self.outcome_count:
                self.outcome = ""
        return outcome


def _fault(given: dict[str, Any]) -> Fault:
    try:
        return Fault(**given)
    except TypeError as error:
        raise BadKnob(f"This is no fault: {given!r}") from error


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_RULES: dict[str, Callable[[Any], bool]] = {
    "queue_ms": _is_count,
    "run_ms": _is_count,
    "held": _is_flag,
    "outcome": lambda value: isinstance(value, str),
    "outcome_count": _is_count,
    "quiet_status": _is_flag,
    "as_list": _is_flag,
    "picture": lambda value: value in PICTURES,
    "huge_bytes": _is_count,
    "limits": _is_flag,
    "webhooks": lambda value: value in WEBHOOKS,
    "faults": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
}
