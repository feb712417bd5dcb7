"""Signed webhook deliveries with retries, from a queue that is part of the state."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import secrets
import time

import httpx
from stripe import WebhookSignature

from .config import Config
from .knobs import Knobs
from .objects import public
from .store import Object, Store, new_id

_log = logging.getLogger(__name__)
_KIND = "sandbox.delivery"
_KEPT_EVENTS = 1000
_LONGEST_PAUSE_MS = 3_600_000
_TIMEOUT_S = 20.0
_chance = secrets.SystemRandom()


class Webhooks:
    """Delivers events to the one endpoint of the configuration until it answers 2xx."""

    def __init__(self, config: Config, store: Store, knobs: Knobs) -> None:
        self._config = config
        self._store = store
        self._knobs = knobs
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._pending = {job["id"]: job for job in store.all(_KIND) if job["state"] == "pending"}

    def wants(self, event_type: str) -> bool:
        """Whether the endpoint is subscribed to this type of event."""
        wanted = self._config.webhook_events
        return self._config.webhook_url is not None and ("*" in wanted or event_type in wanted)

    def enqueue(self, event: Object, *, copies: int = 1, delay_ms: int = 0) -> None:
        """Queue an event, `copies` times, due after the delay."""
        for _ in range(copies):
            job = {
                "id": new_id("whd"),
                "object": _KIND,
                "event": event["id"],
                "type": event["type"],
                "state": "pending",
                "due_ms": _now_ms() + delay_ms,
                "attempts": [],
            }
            self._pending[job["id"]] = self._store.put(job)
        self.wake()

    def wake(self) -> None:
        """Look at the queue again now: something was queued or a knob was turned."""
        self._wake.set()

    def forget(self) -> None:
        """Drop the queue."""
        self._pending.clear()

    async def quiet(self) -> None:
        """Return once no delivery is under way."""
        await self._quiet.wait()

    def deliveries_of(self, event_id: str) -> list[Object]:
        """Every delivery of an event with its attempts."""
        return [public(job) for job in self._store.all(_KIND) if job["event"] == event_id]

    def trim(self, kept: int = _KEPT_EVENTS) -> None:
        """Forget the oldest events beyond `kept`, with their deliveries, unless one still waits."""
        surplus = self._store.count("event") - kept
        if surplus <= 0:
            return
        waiting = {job["event"] for job in self._pending.values()}
        oldest = {event["id"] for event in itertools.islice(self._store.all("event"), surplus)} - waiting
        if oldest:
            self._store.remove(_KIND, [job["id"] for job in self._store.all(_KIND) if job["event"] in oldest])
            self._store.remove("event", oldest)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            while True:
                self._wake.clear()
                batch = self._due()
                if batch:
                    self._quiet.clear()
                    await asyncio.gather(*(self._attempt(client, job) for job in batch))
                    self._quiet.set()
                else:
                    await self._until_next()

    def _due(self) -> list[Object]:
        if self._knobs.paused:
            return []
        now = _now_ms()
        due = sorted((job for job in self._pending.values() if job["due_ms"] <= now), key=lambda j: j["due_ms"])
        if self._knobs.reorder:
            due.reverse()
        return due[: self._knobs.concurrency]

    async def _until_next(self) -> None:
        pause = None
        if self._pending and not self._knobs.paused:
            pause = max(0.0, (min(job["due_ms"] for job in self._pending.values()) - _now_ms()) / 1000)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _attempt(self, client: httpx.AsyncClient, job: Object) -> None:
        event = self._store.find("event", job["event"])
        if event is None:
            self._pending.pop(job["id"], None)
            return
        started = _now_ms()
        status, error = await self._send(client, event)
        job["attempts"].append({"at_ms": started, "status": status, "error": error})
        if status is not None and 200 <= status < 300:
            self._finish(job, event, "delivered")
        elif len(job["attempts"]) >= self._knobs.max_attempts:
            self._finish(job, event, "failed")
        else:
            pause = self._knobs.retry_base_ms * 2 ** (len(job["attempts"]) - 1)
            job["due_ms"] = _now_ms() + min(pause, _LONGEST_PAUSE_MS)
            _log.info("webhook %s %s: %s, next in %d ms", event["type"], event["id"], error or status, pause)
        self._store.touch()

    def _finish(self, job: Object, event: Object, state: str) -> None:
        job["state"] = state
        self._pending.pop(job["id"], None)
        waiting = any(other["event"] == event["id"] for other in self._pending.values())
        event["pending_webhooks"] = int(waiting or state == "failed")

    async def _send(self, client: httpx.AsyncClient, event: Object) -> tuple[int | None, str | None]:
        if self._is_dropped():
            return None, "dropped by the knob"
        payload = json.dumps(public(event), indent=2)
        signature = WebhookSignature.generate_signature_header(payload, self._config.webhook_secret)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await client.post(self._config.webhook_url or "", content=payload, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, None

    def _is_dropped(self) -> bool:
        if self._knobs.drop >= 1:
            self._knobs.drop -= 1
            return True
        return _chance.random() < self._knobs.drop


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
