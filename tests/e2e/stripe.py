"""The sandbox of Stripe, as its dashboard and the customer's browser use it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from stripe import WebhookSignature

from sandbox import secrets
from sandbox.stack import Stack
from tests.e2e.browser import NO_TLS, Browser, Json, fetch
from tests.e2e.polling import until

WEBHOOK = "/api/billing/webhook"


class Stripe:
    """Controls of the sandbox of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{stack.ports['stripe']}/_sandbox", verify=NO_TLS)
        self._secret = secrets.load(stack.data_dir / "secrets.json")["STRIPE_WEBHOOK_SECRET"]

    def sign(self, body: str, age_seconds: int = 0) -> str:
        """The header with which Stripe proves that it sent the body."""
        return str(WebhookSignature.generate_signature_header(body, self._secret, int(time.time()) - age_seconds))

    def deliver(self, browser: Browser, event: Json) -> httpx.Response:
        """Sends an event to the gateway as Stripe does."""
        body = json.dumps(event)
        return browser.post(WEBHOOK, content=body, headers={"stripe-signature": self.sign(body)})

    def events(self, session_id: str) -> list[Json]:
        """The events about a checkout session, each with its deliveries."""
        shown: list[Json] = self._http.get("/events").json()["data"]
        return [item for item in shown if item["event"]["data"]["object"]["id"] == session_id]

    def redeliver(self, event_id: str) -> None:
        """Has an event delivered once more and waits until it was taken."""
        self._http.post(f"/redeliver/{event_id}").raise_for_status()
        until("the event is delivered again", lambda: self._all_delivered(event_id))

    @contextmanager
    def knobs(self, **values: Any) -> Iterator[None]:
        """With some of the sandbox's knobs turned for as long as the block lasts."""
        before = self._http.get("/knobs").json()
        self._http.put("/knobs", json=values).raise_for_status()
        try:
            yield
        finally:
            self._http.put("/knobs", json={name: before[name] for name in values}).raise_for_status()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _all_delivered(self, event_id: str) -> bool:
        shown = [item for item in self._http.get("/events").json()["data"] if item["event"]["id"] == event_id]
        return all(one["state"] == "delivered" for item in shown for one in item["deliveries"])


def checkout(user: Browser, plan: str = "small", kind: str = "credits") -> Json:
    """Begins a purchase and returns its session id and url."""
    answer = user.post("/api/billing/checkout", json={"plan": plan, "type": kind})
    assert answer.status_code == 200, answer.text
    begun: Json = answer.json()
    return begun


def pay(url: str, action: str = "pay") -> httpx.Response:
    """Presses a button on the page, as a person would who was sent there."""
    assert fetch(url).status_code == 200
    return httpx.post(url, data={"action": action, "email": "payer@example.com"}, verify=NO_TLS)


def event(kind: str, subject: Json) -> Json:
    """An event in Stripe's form."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        "data": {"object": subject},
    }
