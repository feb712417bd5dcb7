"""Test clocks: customers that live in their own time."""

from __future__ import annotations

import logging
from typing import Any

import stripe
from stripe.params.test_helpers import (
    TestClockAdvanceParams,
    TestClockCreateParams,
    TestClockDeleteParams,
    TestClockListParams,
    TestClockRetrieveParams,
)

from . import billing, customers, lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import build
from .store import Object, new_id

_log = logging.getLogger(__name__)
_KIND = "test_helpers.test_clock"
_KEPT_S = 30 * 86_400


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Create a clock that stands still at `frozen_time`."""
    now = sandbox.now()
    clock = build(
        stripe.test_helpers.TestClock,
        id=new_id("clock"),
        created=now,
        deletes_after=now + _KEPT_S,
        frozen_time=params["frozen_time"],
        name=params.get("name"),
        status="ready",
        status_details={},
    )
    return sandbox.add(clock, "test_helpers.test_clock.created")


def advance(sandbox: Sandbox, params: dict[str, Any], clock: str) -> Object:
    """Start to move a clock forward; it is `advancing` until everything on the way was billed."""
    found = sandbox.store.get(_KIND, clock)
    if found["status"] != "ready":
        raise InvalidRequest("The test clock is still advancing.", code="clock_advancement_underway")
    if params["frozen_time"] <= found["frozen_time"]:
        raise InvalidRequest("A test clock can only be moved forward.", param="frozen_time")
    found["status"] = "advancing"
    found["_target"] = params["frozen_time"]
    found["status_details"] = {"advancing": {"target_frozen_time": params["frozen_time"]}}
    sandbox.store.touch()
    sandbox.emit("test_helpers.test_clock.advancing", found)
    sandbox.timers.set()
    return found


def advance_waiting(sandbox: Sandbox) -> None:
    """Bring every advancing clock to its target."""
    for clock in sandbox.store.all(_KIND):
        if clock.get("status") != "advancing":
            continue
        try:
            billing.run_until(sandbox, clock["_target"], clock)
        except Exception:  # noqa: BLE001 - Stripe reports any failure as the clock's status
            _log.exception("clock %s failed", clock["id"])
            clock["status"] = "internal_failure"
        else:
            clock |= {"status": "ready", "frozen_time": clock["_target"], "status_details": {}}
        sandbox.store.touch()
        state = "ready" if clock["status"] == "ready" else "internal_failure"
        sandbox.emit(f"test_helpers.test_clock.{state}", clock)


def retrieve(sandbox: Sandbox, params: dict[str, Any], clock: str) -> Object:
    """One clock."""
    return sandbox.store.get(_KIND, clock)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Clocks, newest first."""
    return lists.page(lists.matching(sandbox.store.all(_KIND), {}), params, "/v1/test_helpers/test_clocks")


def delete(sandbox: Sandbox, params: dict[str, Any], clock: str) -> Object:
    """Delete a clock, its customers and their subscriptions."""
    found = sandbox.store.get(_KIND, clock)
    for customer in sandbox.store.all("customer"):
        if customer.get("test_clock") == clock:
            customers.delete(sandbox, {}, customer["id"])
    sandbox.emit("test_helpers.test_clock.deleted", found)
    return sandbox.store.put({"id": clock, "object": _KIND, "deleted": True})


_CLOCKS = "/v1/test_helpers/test_clocks"
ENDPOINTS = [
    Endpoint("POST", _CLOCKS, create, TestClockCreateParams),
    Endpoint("GET", _CLOCKS, list_all, TestClockListParams),
    Endpoint("GET", f"{_CLOCKS}/{{clock}}", retrieve, TestClockRetrieveParams),
    Endpoint("POST", f"{_CLOCKS}/{{clock}}/advance", advance, TestClockAdvanceParams),
    Endpoint("DELETE", f"{_CLOCKS}/{{clock}}", delete, TestClockDeleteParams),
]
