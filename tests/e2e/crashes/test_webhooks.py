"""Providers that say through the gateway when a picture is ready, and others who say so."""

import json
import signal
import time

import pytest

from sandbox.engines.config import WEBHOOK_SECRET
from sandbox.engines.webhooks import Signing
from tests.e2e.browser import Json
from tests.e2e.contract import assert_refused
from tests.e2e.crashes.conftest import World
from tests.e2e.crashes.test_failpoints import ended
from tests.e2e.crashes.test_leases import at_work, unfinished
from tests.e2e.polling import until

WEBHOOKS = "/api/tryon/webhooks"
UNVERIFIED = "Webhook signature verification failed"
BODY = b'{"id": "run-1", "status": "succeeded"}'


def last_run(world: World) -> Json:
    """What was begun last at the providers."""
    run: Json = world.provider.get("/_sandbox/runs").json()["runs"][-1]
    return run


@pytest.mark.parametrize("engine", ["replicate", "fal"])
def test_a_worker_looks_at_a_run_when_its_provider_says_that_it_has_ended(world: World, engine: str) -> None:
    patron = world.patron()
    settings = {
        "ENGINES": engine,
        "PROVIDER_WEBHOOK_URL": world.stack.url,
        "REPLICATE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        # By itself it would not look again in time.
        f"{engine.upper()}_POLL_SECONDS": "3600",
        f"{engine.upper()}_TIMEOUT_SECONDS": "120",
    }
    with world.paused("worker"):
        with unfinished(world):
            child, _ = at_work(world, patron, **settings)
            until("it has looked once", lambda: last_run(world)["looks"])
        ended(world, patron, "succeeded")
        child.signal(signal.SIGTERM)
        assert child.ended(60) == 0
    until("the answer is known", lambda: last_run(world)["webhooks"])
    assert (last_run(world)["webhooks"], last_run(world)["looks"]) == ([200], 2)


@pytest.mark.parametrize("engine", ["replicate", "fal"])
def test_what_no_provider_has_signed_is_a_400(world: World, engine: str) -> None:
    signing, now = Signing(WEBHOOK_SECRET), int(time.time())
    sign = getattr(signing, engine)
    browser = world.patron().browser
    kinds: list[dict[str, str]] = [
        {},
        sign(BODY, str(now), forged=True),
        sign(BODY + b" ", str(now), forged=False),
        sign(BODY, str(now - 3600), forged=False),
        sign(BODY, str(now + 3600), forged=False),
        sign(BODY, "now", forged=False),
    ]
    for headers in kinds:
        answer = browser.post(f"{WEBHOOKS}/{engine}", content=BODY, headers=headers)
        assert_refused(answer, 400, UNVERIFIED, reason="WEBHOOK_REFUSED")


def test_one_may_come_from_another_site_as_often_as_it_likes_and_as_large_as_two_photos(world: World) -> None:
    browser = world.patron().browser
    body = json.dumps({"id": "run-1", "input": {"human_img": "A" * 3_000_000, "garm_img": "A" * 3_000_000}}).encode()
    headers = Signing(WEBHOOK_SECRET).replicate(body, str(int(time.time())), forged=False)
    for _ in range(2):
        answer = browser.post(
            f"{WEBHOOKS}/replicate", content=body, headers={**headers, "origin": "https://replicate.example"}
        )
        assert (answer.status_code, answer.json()) == (200, {"received": True})


def test_one_without_end_is_refused(world: World) -> None:
    headers = Signing(WEBHOOK_SECRET).replicate(b"", str(int(time.time())), forged=False)
    answer = world.patron().browser.post(f"{WEBHOOKS}/replicate", content=bytes(20_000_000), headers=headers)
    assert_refused(answer, 400, UNVERIFIED, reason="WEBHOOK_REFUSED")


@pytest.mark.parametrize("path", ["fashn", "vertex", "replicate/x", ""])
def test_those_who_sign_nothing_have_no_address(world: World, path: str) -> None:
    assert_refused(world.patron().browser.post(f"{WEBHOOKS}/{path}", json={}), 404, reason="ROUTE_NOT_FOUND")
