"""One trace through everything, in the conventions' names, that says nothing about the person."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest
from opentelemetry.semconv import _incubating
from opentelemetry.trace import SpanKind

from sandbox.secrets import SERVICES
from tests.telemetry.collector import Span
from tests.telemetry.conftest import Day

MEDIA = "drape.media.v1.ImageStoreService"
LEDGER = "drape.billing.v1.LedgerService"
REQUEST = [("gateway", "POST"), ("gateway", "router tryon egress"), ("tryon", "drape.tryon.v1.TryonService/Generate")]
WORK = [*REQUEST, ("tryon", "send tryon"), ("tryon-worker", "process tryon")]
# Envoy has names of its own beside those that it was told.
ENVOYS = {
    "component", "downstream_cluster", "grpc.authority", "grpc.content_type", "grpc.message", "grpc.path",
    "grpc.status_code", "guid:x-request-id", "http.protocol", "node_id", "peer.address", "request_size",
    "response_flags", "response_size", "upstream_address", "upstream_cluster", "upstream_cluster.name", "user_agent",
    "zone",
}  # fmt: skip


def _way(trace: list[Span], span: Span) -> list[tuple[str, str]]:
    """From the root of the trace down to the span."""
    by_id = {one.span_id: one for one in trace}
    way = [(span.service, span.name)]
    while span.parent_id:
        span = by_id[span.parent_id]
        way.insert(0, (span.service, span.name))
    return way


def _conventional() -> Iterator[str]:
    """The names of attributes that the semantic conventions have."""
    package = importlib.import_module(f"{_incubating.__name__}.attributes")
    for module in pkgutil.iter_modules(package.__path__):
        names = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        yield from (value for value in names.values() if isinstance(value, str))


@pytest.mark.parametrize(
    "way",
    [
        [*REQUEST, ("tryon", f"{MEDIA}/BatchGetImages"), ("media", f"{MEDIA}/BatchGetImages")],
        [*REQUEST, ("tryon", f"{LEDGER}/HoldCredits"), ("billing", f"{LEDGER}/HoldCredits")],
        [*WORK, ("tryon-worker", f"{MEDIA}/ReadImage"), ("media", f"{MEDIA}/ReadImage")],
        [*WORK, ("tryon-worker", "engine local"), ("tryon-worker", "local process generate")],
        [*WORK, ("tryon-worker", f"{MEDIA}/StoreGeneratedImage"), ("media", f"{MEDIA}/StoreGeneratedImage")],
        [*WORK, ("tryon-worker", f"{LEDGER}/CaptureHold"), ("billing", f"{LEDGER}/CaptureHold")],
    ],
    ids=["images", "hold", "read", "engine", "store", "capture"],
)  # fmt: skip
def test_the_trace_of_a_picture_reaches(day: Day, way: list[tuple[str, str]]) -> None:
    assert way in [_way(day.trace, span) for span in day.trace]


CLOUDS = [
    ("billing", "POST /v1/customers"),
    ("billing", "POST /v1/checkout/sessions"),
    ("media", "PUT /{}/{}"),
    ("media", "GET /{}/{}"),
    ("media", "GET /v1_1/sandbox/image/download"),
    ("media", "POST /v1_1/sandbox/image/destroy"),
    ("tryon-worker", "POST /v1/run"),
    ("tryon-worker", "GET /v1/status/{}"),
]


@pytest.mark.parametrize(("service", "name"), CLOUDS)
def test_a_request_to_a_cloud_is_a_clients_span_in_the_trace_of_what_it_is_for(
    day: Day, service: str, name: str
) -> None:
    spans = [span for span in day.collector.spans if (span.service, span.name) == (service, name)]
    assert spans, sorted({span.name for span in day.collector.spans if span.service == service})
    for span in spans:
        assert span.kind - 1 == SpanKind.CLIENT.value
        assert span.parent_id, "of whatever it is for"
        method, _, template = name.partition(" ")
        assert (span.attributes["http.request.method"], span.attributes["url.template"]) == (method, template)
        assert (span.attributes["server.address"], span.attributes["http.response.status_code"]) == ("127.0.0.1", 200)
        assert not [each for each in span.attributes if each.startswith("url.") and each != "url.template"]


def test_the_picture_is_read_from_and_put_into_the_store_within_its_trace(day: Day) -> None:
    # For the look at the photos before the job is begun; the worker, a moment later, is given what media still has.
    read = [*REQUEST, ("tryon", f"{MEDIA}/ReadImage"), ("media", f"{MEDIA}/ReadImage"), ("media", "GET /{}/{}")]
    put = f"{MEDIA}/StoreGeneratedImage"
    ways = [_way(day.trace, span) for span in day.trace]
    assert read in ways
    assert [*WORK, ("tryon-worker", put), ("media", put), ("media", "PUT /{}/{}")] in ways
    assert [*WORK, ("tryon-worker", "engine fashn"), ("tryon-worker", "POST /v1/run")] in ways


def test_every_span_of_the_picture_hangs_on_the_one_request(day: Day) -> None:
    assert len([span for span in day.trace if not span.parent_id]) == 1
    assert {span.parent_id for span in day.trace} - {span.span_id for span in day.trace} == {""}


def test_spans_are_of_the_kinds_that_the_conventions_ask_for(day: Day) -> None:
    kinds = {(span.service, span.name): span.kind - 1 for span in day.trace}
    assert kinds["tryon", "send tryon"] == SpanKind.PRODUCER.value
    assert kinds["tryon-worker", "process tryon"] == SpanKind.CONSUMER.value
    assert kinds["tryon", f"{MEDIA}/BatchGetImages"] == SpanKind.CLIENT.value
    assert kinds["media", f"{MEDIA}/BatchGetImages"] == SpanKind.SERVER.value
    assert kinds["media", "SELECT images"] == SpanKind.CLIENT.value


def test_attributes_have_the_conventions_names(day: Day) -> None:
    known = set(_conventional())
    told = {(span.service, name) for span in day.collector.spans for name in span.attributes}
    # Our own metrics have labels of their own.
    general = [point for point in day.collector.metrics() if not point.metric.startswith("drape.")]
    told |= {(point.service, name) for point in general for name in point.attributes}
    unknown = {(who, name) for who, name in told if name not in known and not name.startswith("drape.")}
    assert {name for who, name in unknown if who == "gateway"} <= ENVOYS
    assert not [(who, name) for who, name in unknown if who != "gateway"]


def test_a_refused_call_is_told_as_one(day: Day) -> None:
    [refused, *_] = [
        span for span in day.collector.spans if (span.service, span.name) == ("auth", "drape.auth.v1.AuthService/Login")
    ]
    assert refused.attributes["rpc.response.status_code"] in ("UNAUTHENTICATED", "INVALID_ARGUMENT")


def test_what_is_asked_every_second_is_in_no_trace(day: Day) -> None:
    assert not [span for span in day.collector.spans if "Revo" in span.name or "Health" in span.name]


def test_what_had_not_been_sent_is_sent_at_the_end(day: Day) -> None:
    assert "billing" not in {span.service for span in day.before_stop}
    assert "billing" in {span.service for span in day.trace}


def test_log_lines_name_the_trace_they_belong_to(day: Day) -> None:
    lines = [
        json.loads(line)
        for name in ("worker", "worker-2", *SERVICES)
        for line in (day.logs / f"{name}.log").read_text().splitlines()
        if line.startswith("{")
    ]
    mine = [line for line in lines if line.get("trace_id") == day.trace_id]
    assert {line["service"] for line in mine} >= {"tryon", "tryon-worker", "media", "billing"}
    spans = {span.span_id for span in day.trace}
    assert {line["span_id"] for line in mine} <= spans


def test_nothing_that_is_told_or_written_down_is_secret_or_personal(day: Day) -> None:
    written = {path.name: path.read_bytes() for path in day.logs.glob("*.log") if path.stem not in ("mail", "stripe")}
    told = b"".join(day.collector.raw)
    # They would be found.
    assert b"drape.tryon.v1.TryonService/Generate" in told
    assert b"drape.tryon.v1.TryonService/Generate" in written["tryon.log"]
    for name, secret in day.secrets.items():
        assert len(secret) > 5, name
        assert secret.encode() not in told, name
        assert [log for log, text in written.items() if secret.encode() in text] == [], name


def test_spans_and_metrics_name_no_user(day: Day) -> None:
    lines = (day.logs / "auth.log").read_text().splitlines()
    users = {json.loads(line).get("user_id") for line in lines if line.startswith("{")} - {None, ""}
    assert users
    assert not [user for user in users if user.encode() in b"".join(day.collector.raw)]
