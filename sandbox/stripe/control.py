"""`/_sandbox/*`: what a test does that neither the API nor a page can."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import checkout, disputes, refunds, shopper
from .core import Sandbox
from .errors import ApiError, InvalidRequest
from .objects import list_of, public
from .store import Object

Control = Callable[[Sandbox, dict[str, Any], dict[str, str]], Any]


def routes(sandbox: Sandbox) -> list[Route]:
    """Every control, as JSON in and out."""
    table: list[tuple[str, str, Control]] = [
        ("GET", "/_sandbox/knobs", _show_knobs),
        ("PUT", "/_sandbox/knobs", _turn_knobs),
        ("POST", "/_sandbox/checkout/{session}/{action}", _use_checkout),
        ("POST", "/_sandbox/dispute", _dispute),
        ("POST", "/_sandbox/refund/{refund}", _settle_refund),
        ("GET", "/_sandbox/events", _show_events),
        ("POST", "/_sandbox/redeliver/{event}", _redeliver),
        ("POST", "/_sandbox/reset", _reset),
    ]
    return [Route(path, _with(sandbox, control), methods=[method]) for method, path, control in table]


def _with(sandbox: Sandbox, control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            given = await _body(request)
            answer = JSONResponse(public(control(sandbox, given, request.path_params)))
        except ApiError as error:
            answer = JSONResponse(error.body(), error.status)
        if control is _reset:
            await sandbox.webhooks.quiet()
        await sandbox.store.saved()
        return answer

    return serve


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        given = json.loads(raw) if raw else {}
    except ValueError as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(given, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return given


def _show_knobs(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    return sandbox.knobs.as_json()


def _turn_knobs(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    sandbox.knobs.apply(given)
    sandbox.webhooks.wake()
    return sandbox.knobs.as_json()


def _use_checkout(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    session = sandbox.store.get("checkout.session", ids["session"])
    who = {name: given[name] for name in ("email", "name") if given.get(name)}
    match ids["action"]:
        case "pay":
            return shopper.pay(sandbox, session, **who)
        case "decline":
            return shopper.pay(sandbox, session, behaviour=given.get("card", "declines"), **who)
        case "expire":
            return checkout.expire(sandbox, {}, session["id"])
        case "async" if session["status"] == "complete":
            return shopper.settle(sandbox, session, succeeded=given.get("outcome") != "fails")
        case "async":
            return shopper.pay_later(sandbox, session, outcome=given.get("outcome"), **who)
        case action:
            raise InvalidRequest(f"Unknown action: {action}")


def _dispute(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    if "dispute" in given:
        dispute = sandbox.store.get("dispute", given["dispute"], param="dispute")
    else:
        charge = sandbox.store.get("charge", given.get("charge", ""), param="charge")
        details = {name: given[name] for name in ("amount", "reason") if name in given}
        dispute = disputes.open_dispute(sandbox, charge, **details)
    match given.get("outcome"):
        case None:
            return dispute
        case "won" | "lost" as outcome:
            return disputes.resolve(sandbox, dispute, won=outcome == "won")
        case outcome:
            raise InvalidRequest(f"Unknown outcome: {outcome}", param="outcome")


def _settle_refund(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    refund = sandbox.store.get("refund", ids["refund"])
    return refunds.settle(sandbox, refund, succeeded=given.get("outcome") != "fails")


def _show_events(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    shown = [
        {"event": event, "deliveries": sandbox.webhooks.deliveries_of(event["id"])}
        for event in sandbox.store.all("event")
    ]
    return list_of(shown, "/_sandbox/events")


def _redeliver(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    event = sandbox.store.get("event", ids["event"])
    if sandbox.config.webhook_url is None:
        raise InvalidRequest("There is no webhook URL.")
    sandbox.webhooks.enqueue(event)
    return {"event": event, "deliveries": sandbox.webhooks.deliveries_of(event["id"])}


def _reset(sandbox: Sandbox, given: dict[str, Any], ids: dict[str, str]) -> Object:
    sandbox.reset()
    return {"reset": True}
