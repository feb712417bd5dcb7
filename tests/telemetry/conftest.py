"""A stack that tells a collector of everything, and a day in it, with every cloud's stand-in."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from sandbox import secrets
from sandbox.stack import Stack, free_ports
from services.kit import embedded
from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser, fetch
from tests.e2e.fitting import GENERATE, JOBS, ask, bring, wait_for
from tests.e2e.polling import until
from tests.e2e.provider import provider
from tests.e2e.stripe import checkout, pay
from tests.telemetry.collector import Collector, Span, collecting

NAME = "Zaphod Beeblebrox"
SETTINGS = {
    "auth": {"BCRYPT_COST": "4", "THROTTLE": "off"},
    "gateway": {"RATE_LIMIT": "off"},
    "tryon": {"ENGINES": "fashn,local"},
    "worker": {"ENGINES": "fashn,local", "FASHN_POLL_SECONDS": "0.1"},
}
EXPORTERS = ("auth", "media", "tryon", "worker", "billing", "gateway")
KEYS = {"S3 key": "an-s3-secret-key", "engine key": "a-fashn-key"}
# Long after the test is over: what arrives of billing's spans was sent when it was told to stop.
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}


@dataclass
class Day:
    """What was told of a day: one person signs up, uploads, makes a picture, cancels another, and buys credits."""

    collector: Collector
    logs: Path
    trace_id: str
    secrets: dict[str, str]
    before_stop: list[Span] = field(default_factory=list)
    gateway_series: set[str] = field(default_factory=set)
    gateway_labels: set[str] = field(default_factory=set)

    @property
    def trace(self) -> list[Span]:
        """The spans of the request that made the picture."""
        return self.collector.trace(self.trace_id)


@pytest.fixture(scope="session")
def day(make_data_dir: Callable[[], Path]) -> Iterator[Day]:
    """The day, all of it told."""
    data_dir, at = make_data_dir(), free_ports()["gateway"]
    with collecting() as (collector, url), bucket() as pictures_at:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
        extra = {name: SETTINGS.get(name, {}) | settings for name in EXPORTERS}
        extra["billing"] |= LATE
        extra["media"] |= pictures_at
        extra["worker"] |= {"FASHN_API_BASE": f"http://127.0.0.1:{at}", "FASHN_API_KEY": KEYS["engine key"]}
        stack = Stack(data_dir, _with_two_workers(), extra=extra)
        with provider(at, data_dir / "provider.log", KEYS["engine key"]) as engines:
            # So our own engine makes the first picture, and theirs the others.
            engines.put(
                "/_sandbox/knobs", json={"outcome": "InputValidationError", "outcome_count": 1}
            ).raise_for_status()
            try:
                stack.start(timeout_seconds=120)
                found = _spend(stack, collector)
            finally:
                stack.stop()
                embedded.stop(data_dir)
        yield found


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Where pictures are kept: a server that speaks S3, and what media has to know of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        login = {"aws_access_key_id": "key", "aws_secret_access_key": KEYS["S3 key"]}
        boto3.client("s3", endpoint_url=address, region_name="us-east-1", **login).create_bucket(Bucket="pictures")
        yield {
            "BLOB_STORE": "s3",
            "S3_BUCKET": "pictures",
            "S3_ENDPOINT_URL": address,
            "S3_ACCESS_KEY_ID": "key",
            "S3_SECRET_ACCESS_KEY": KEYS["S3 key"],
        }
    finally:
        server.stop()


def _spend(stack: Stack, collector: Collector) -> Day:
    found = Day(collector, stack.data_dir / "logs", "", _own_secrets(stack) | KEYS)
    with Browser(stack.url) as user:
        _live(user, found.secrets)
    found.trace_id = until("the picture's request is told of", lambda: _root(collector, GENERATE), 60)
    until("its job is told of", lambda: "process tryon" in {span.name for span in found.trace}, 60)
    # Twice as long as the queue is measured once.
    until("both workers tell", lambda: _instances(collector, "tryon-worker") == 2, 60)
    until("the queue is measured", lambda: _measured(collector) >= 3, 60)
    found.before_stop = found.trace
    _read_gateway(stack, found)
    return found


def _with_two_workers() -> dict[str, int]:
    ports = free_ports(copies=2)
    return {name: port for name, port in ports.items() if not name.endswith("-2") or name == "worker-2"}


def _own_secrets(stack: Stack) -> dict[str, str]:
    return secrets.load(stack.data_dir / "secrets.json")


def _live(user: Browser, known: dict[str, str]) -> None:
    """Uses everything, and adds to `known` what nobody else may learn."""
    user.sign_up()
    assert user.put("/api/user/profile", json={"name": NAME}).status_code == 200
    form = bring(user)
    answer = user.post(GENERATE, json=form)
    assert answer.status_code == 200, answer.text
    picture = answer.json()["image"]["url"]
    assert fetch(picture).status_code == 200
    unwanted = ask(user, form)
    user.post(f"{JOBS}/{unwanted['id']}/cancel", json={})
    wait_for(user, unwanted["id"], "canceled", "succeeded")
    _send_directly(user, known)
    coffee = user.upload(pictures.landscape())
    assert user.post(GENERATE, json=form | {"personImageId": coffee["id"]}).status_code == 400
    before = user.credits()
    pay(checkout(user)["url"])
    until("the credits are there", lambda: user.credits() > before, 60)
    for attempt in ({"email": user.email, "password": f"wrong {PASSWORD}"}, {"email": user.email, "password": "short"}):
        assert user.post("/api/auth/login", json=attempt).status_code in (400, 401)
    assert user.get("/api/auth/email/verify?token=an-invented-secret").status_code >= 400
    known |= {"e-mail": user.email, "name": NAME, "password": PASSWORD, "mailed token": "an-invented-secret"}
    known |= {f"cookie {cookie.name}": str(cookie.value) for cookie in user.cookies.jar}
    known |= {"signature": picture.partition("sig=")[2], "authorization": "Bearer "}


def _send_directly(user: Browser, known: dict[str, str]) -> None:
    """A picture by way of Cloudinary, which media fetches from there by a URL that is signed."""
    allowed = user.post("/api/images/direct", json={"type": "user"}).json()
    sent = httpx.post(allowed["url"], data=allowed["fields"], files={"file": ("a", pictures.person())}, timeout=60)
    assert sent.status_code == 200, sent.text
    known["upload's signature"] = allowed["fields"]["signature"]
    place = f"/api/images/direct/{allowed['id']}"
    until("the picture is stored", lambda: user.get(place).json()["state"] == "stored", 60)


def _read_gateway(stack: Stack, found: Day) -> None:
    """What Envoy tells Prometheus."""
    lines = fetch(f"http://127.0.0.1:{stack.ports['admin']}/stats/prometheus").text.splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            found.gateway_series.add(line.partition("{")[0].partition(" ")[0])
            found.gateway_labels |= set(re.findall(r'(\w+)="', line))


def _root(collector: Collector, path: str) -> str:
    roots = (span for span in list(collector.spans) if span.service == "gateway" and not span.parent_id)
    return next((span.trace_id for span in roots if span.attributes.get("url.path") == path), "")


def _instances(collector: Collector, service: str) -> int:
    return len({point.instance for point in collector.metrics() if point.service == service})


def _measured(collector: Collector) -> int:
    return sum(
        point.metric == "drape.queue.length" and point.service == "tryon-worker" for point in collector.metrics()
    )
