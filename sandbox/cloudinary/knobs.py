"""Faults that a test switches on while the sandbox runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from . import errors
from .errors import ApiError, BadRequest


class CutConnection(Response):
    """Promises more than it sends, then hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"public_id":', "more_body": True})


def _error(kind: type[ApiError], message: str) -> Callable[[], Response]:
    return lambda: kind(message).response()


_LIMIT = "Rate Limit Exceeded. Limit of 500 api operations reached. Try again at the next full hour."
_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

FAULTS: dict[str, Callable[[], Response]] = {
    "bad_request": _error(errors.BadRequest, "Invalid parameter"),
    "unauthorized": _error(errors.AuthorizationRequired, "Invalid api_key"),
    "not_allowed": _error(errors.NotAllowed, "Action not allowed"),
    "not_found": _error(errors.NotFound, "Resource not found"),
    "conflict": _error(errors.AlreadyExists, "The public id already exists"),
    "rate_limited": _error(errors.RateLimited, _LIMIT),
    "too_many_requests": _error(errors.TooManyRequests, _LIMIT),
    "server_error": _error(errors.GeneralError, "General Error"),
    "unavailable": _error(errors.Unavailable, "Service temporarily unavailable"),
    "bad_gateway": lambda: HTMLResponse(_PAGE, 502),
    "cut": CutConnection,
}
"""Ways to fail, by name."""
ACTIONS = ("upload", "destroy", "delivery", "download", "resources")


@dataclass(frozen=True, slots=True)
class Fault:
    """How the next `count` calls fail; with `after`, the work is done and only its answer is lost."""

    how: str
    count: int = 1
    after: bool = False
    on: str = ""
    """One of ACTIONS; empty is all of them."""

    def __post_init__(self) -> None:
        if self.how not in FAULTS:
            raise BadRequest(f"Unknown way to fail: {self.how}")
        if self.on not in ("", *ACTIONS):
            raise BadRequest(f"Unknown action: {self.on}")
        if type(self.count) is not int or self.count < 1 or type(self.after) is not bool:
            raise BadRequest("count is a positive number, and after is true or false")


class Knobs:
    """Everything that can be turned; `GET` and `PUT /_sandbox/knobs` show and change it."""

    def __init__(self) -> None:
        self.fail: Fault | None = None
        self.delay_ms = 0
        """How long each call takes."""

    def apply(self, changes: dict[str, Any]) -> None:
        """Turns the given knobs, all or none. Raises BadRequest."""
        if unknown := changes.keys() - {"fail", "delay_ms"}:
            raise BadRequest(f"Unknown knob: {min(unknown)}")
        delay = changes.get("delay_ms", self.delay_ms)
        if type(delay) is not int or delay < 0:
            raise BadRequest("delay_ms is a number of milliseconds")
        self.fail = _read_fault(changes["fail"]) if "fail" in changes else self.fail
        self.delay_ms = delay

    def as_json(self) -> dict[str, Any]:
        """Every knob by name."""
        return {"fail": asdict(self.fail) if self.fail else None, "delay_ms": self.delay_ms}

    def take(self, action: str, *, after: bool) -> Response | None:
        """What this call must be answered instead, counted down, or None."""
        fault = self.fail
        if fault is None or fault.after is not after or fault.on not in ("", action):
            return None
        self.fail = Fault(fault.how, fault.count - 1, fault.after, fault.on) if fault.count > 1 else None
        return FAULTS[fault.how]()


def _read_fault(given: Any) -> Fault | None:
    if given is None:
        return None
    try:
        return Fault(**given)
    except TypeError as error:
        raise BadRequest("fail has a how, and may have count, after and on") from error
