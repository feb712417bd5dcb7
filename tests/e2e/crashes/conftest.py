from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.engines.config import WEBHOOK_SECRET
from sandbox.stack import Stack, free_ports
from services.kit import embedded
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json
from tests.e2e.crashes.nursery import SERVICE, WORKER, Child, Nursery
from tests.e2e.faults import paused, rows
from tests.e2e.polling import until
from tests.e2e.provider import provider

EACH_SECOND = "* * * * * *"
SELDOM = "0 0 29 2 *"
PROVIDERS = ("FASHN", "FAL", "REPLICATE")
WORKER_SETTINGS = {
    "ENGINES": "fashn,fal",
    **{f"{name}_API_KEY": "sandbox" for name in PROVIDERS},
    "FAL_ADMIN_KEY": "sandbox-admin",
    "FASHN_DAILY_BUDGET": "100000",
    "FASHN_POLL_SECONDS": "0.02",
    "SWEEP_SCHEDULE": SELDOM,
    "PRUNE_SCHEDULE": SELDOM,
}


@dataclass
class World:
    """A system of its own, whose try-on service and workers are killed all the time."""

    stack: Stack
    nursery: Nursery
    provider: httpx.Client
    """The stand-in for FASHN and the others."""
    browsers: ExitStack = field(default_factory=ExitStack)

    def patron(self) -> "Patron":
        """Somebody with five credits and two pictures."""
        browser = self.browsers.enter_context(Browser(self.stack.url))
        token = browser.sign_up().cookies["access_token"]
        form = {
            "personImageId": browser.upload(pictures.noise())["id"],
            "outfitImageId": browser.upload(pictures.noise(), "outfit")["id"],
        }
        return Patron(browser, token, form)

    def worker(self, failpoint: str = "", **settings: str) -> Child:
        """One more worker."""
        return self._start("worker", WORKER, settings | {"LISTEN": "127.0.0.1:0", "DRAPE_FAILPOINT": failpoint})

    def service(self, failpoint: str = "", **settings: str) -> tuple[Child, str]:
        """One more replica of the service, and its address."""
        address = f"127.0.0.1:{free_ports()['tryon']}"
        return self._start("tryon", SERVICE, settings | {"LISTEN": address, "DRAPE_FAILPOINT": failpoint}), address

    def paused(self, name: str) -> AbstractContextManager[None]:
        """With one of the stack's processes stopped for as long as the block lasts."""
        return paused(self.stack, name)

    def let_leases_run_out(self) -> None:
        """As if the dead had been dead for a while: what they had in hand is anybody's."""
        self.rows("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' WHERE status = 'picked'")
        self.rows("UPDATE pgqueuer_schedules SET heartbeat = now() - interval '1 hour' WHERE status = 'picked'")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the try-on service's database holds."""
        return rows(self.stack, "tryon", statement, *values)

    def until_idle(self) -> None:
        """Waits until nothing in the queue is to be done soon."""
        soon = "SELECT 1 FROM pgqueuer WHERE execute_after < now() + interval '10 minutes' LIMIT 1"
        until("the queue is empty", lambda: not self.rows(soon), 30)

    def runs(self, outcome: str = "", seconds: float = 0) -> None:
        """How long runs at the provider take from now on, and how they end; empty: with a picture."""
        knobs = {"outcome": outcome, "run_ms": int(seconds * 1000)}
        self.provider.put("/_sandbox/knobs", json=knobs).raise_for_status()

    def _start(self, name: str, module: str, settings: dict[str, str]) -> Child:
        log = self.stack.data_dir / "logs" / f"{name}-again.log"
        return self.nursery.start(module, self.stack.environment(name) | settings, log)


@dataclass
class Patron:
    """A user with what a try-on is made of."""

    browser: Browser
    token: str
    form: Json

    @property
    def user_id(self) -> str:
        """Their id."""
        return self.browser.user_id


@pytest.fixture(scope="session")
def world(make_data_dir: Callable[[], Path]) -> Iterator[World]:
    """A system of its own, with one worker that is not killed."""
    ports, data_dir = free_ports(), make_data_dir()
    at = free_ports()["stripe"]
    extra = {
        "auth": {"BCRYPT_COST": "4", "THROTTLE": "off"},
        "gateway": {"RATE_LIMIT": "off"},
        "tryon": {"ENGINES": "fashn", "PRE_CHECK": "false", "GENERATE_TIMEOUT_SECONDS": "1"}
        | {"PROVIDER_WEBHOOK_URL": f"http://127.0.0.1:{ports['gateway']}", "REPLICATE_WEBHOOK_SECRET": WEBHOOK_SECRET}
        | {"FAL_WEBHOOK_KEYS_URL": f"http://127.0.0.1:{at}/.well-known/jwks.json"},
        "worker": WORKER_SETTINGS
        | {f"{name}_BASE": f"http://127.0.0.1:{at}" for name in (*(f"{one}_API" for one in PROVIDERS), "FAL_PLATFORM")},
    }
    stack = Stack(data_dir, ports, extra=extra)
    with provider(at, data_dir / "provider.log") as client:
        stack.start(timeout_seconds=120)
        nursery = Nursery()
        made = World(stack, nursery, client)
        with made.browsers:
            yield made
        nursery.close()
        stack.stop()
        embedded.stop(data_dir)
