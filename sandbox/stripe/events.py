"""The event log."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from stripe.params import EventListParams, EventRetrieveParams

from . import lists
from .api import Endpoint
from .core import Sandbox
from .store import Object


def retrieve(sandbox: Sandbox, params: dict[str, Any], event: str) -> Object:
    """One event."""
    return sandbox.store.get("event", event)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Events, newest first; `type` may be a pattern such as `invoice.*`."""
    patterns = params.get("types") or ([params["type"]] if params.get("type") else ["*"])
    found = [
        event
        for event in lists.matching(sandbox.store.all("event"), params)
        if any(fnmatchcase(event["type"], pattern) for pattern in patterns)
        and ("delivery_success" not in params or params["delivery_success"] is (event["pending_webhooks"] == 0))
    ]
    return lists.page(found, params, "/v1/events")


ENDPOINTS = [
    Endpoint("GET", "/v1/events", list_all, EventListParams),
    Endpoint("GET", "/v1/events/{event}", retrieve, EventRetrieveParams),
]
