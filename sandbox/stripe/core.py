"""What every endpoint works with: the store, the clock, the knobs and the event log."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .config import API_VERSION, Config
from .knobs import Knobs
from .objects import changed_fields, public
from .store import Object, Store, new_id
from .webhooks import Webhooks

origin: ContextVar[Object | None] = ContextVar("origin", default=None)
"""The request that causes events: its id and idempotency key."""


class Sandbox:
    """One pretend Stripe account.

    Everything runs on one event loop, and a change of state never awaits: requests cannot interleave.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = Store(config.state)
        self.knobs = Knobs(retry_base_ms=config.retry_base_ms)
        self.webhooks = Webhooks(config, self.store, self.knobs)
        self.timers = asyncio.Event()
        """Set when the scheduler should look again."""

    def now(self, customer: str | None = None) -> int:
        """Unix time in seconds; a customer on a test clock lives in that clock's time."""
        clock = self.clock_of(customer)
        return int(clock["frozen_time"] if clock else self.config.clock())

    def clock_of(self, customer: str | None) -> Object | None:
        """The test clock of a customer, if any."""
        found = self.store.find("customer", customer or "") or {}
        return self.store.find("test_helpers.test_clock", found.get("test_clock") or "")

    def add(self, thing: Object, event: str | None = None) -> Object:
        """Keep a new object and, if named, emit the event that announces it."""
        self.store.put(thing)
        if event:
            self.emit(event, thing)
        return thing

    @contextmanager
    def changing(self, thing: Object, event: str | None = None) -> Iterator[Object]:
        """Change an object in place; emits the event, with the old values, only if something changed."""
        before = copy.deepcopy(thing)
        yield thing
        previous = changed_fields(public(before), public(thing))
        self.store.touch()
        if previous and event:
            self.emit(event, thing, previous)

    def emit(self, event_type: str, thing: Object, previous: Object | None = None) -> Object:
        """Record an event that carries the object as it is now, and queue its delivery."""
        data: Object = {"object": public(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        wanted = self.webhooks.wants(event_type)
        event = self.store.put(
            {
                "id": new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": int(self.config.clock()),
                "data": data,
                "livemode": False,
                "pending_webhooks": int(wanted),
                "request": origin.get() or {"id": None, "idempotency_key": None},
                "type": event_type,
            }
        )
        if wanted:
            knobs = self.knobs
            self.webhooks.enqueue(event, copies=1 + knobs.duplicate, delay_ms=knobs.delay_ms)
        return event

    def reset(self) -> None:
        """Forget every object and delivery and turn every knob back."""
        self.store.clear()
        self.webhooks.forget()
        self.knobs.apply(Knobs(retry_base_ms=self.config.retry_base_ms).as_json())
        self.webhooks.wake()
