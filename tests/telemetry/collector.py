"""A collector of traces and metrics: OTLP over gRPC, as any other would take them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc


@dataclass(frozen=True)
class Span:
    """A span, with the name of the service that sent it."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    message: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    service: str
    instance: str
    metric: str
    unit: str
    kind: str
    attributes: dict[str, Any]
    monotonic: bool


class Collector(trace_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """Keeps whatever arrives."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.points: list[Point] = []
        self.raw: list[bytes] = []
        self.resources: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Takes spans or metrics."""
        del context
        with self.lock:
            self.raw.append(request.SerializeToString())
            if isinstance(request, trace_pb.ExportTraceServiceRequest):
                self.spans += _spans(request, self.resources)
                return trace_pb.ExportTraceServiceResponse()
            self.points += _points(request, self.resources)
            return metrics_pb.ExportMetricsServiceResponse()

    def trace(self, trace_id: str) -> list[Span]:
        """What has arrived of a trace."""
        with self.lock:
            return [span for span in self.spans if span.trace_id == trace_id]

    def metrics(self) -> list[Point]:
        """Every value that has arrived."""
        with self.lock:
            return list(self.points)


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A running collector and its address."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(8))
    trace_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    metrics_grpc.add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)


def _spans(request: Any, resources: list[dict[str, Any]]) -> Iterator[Span]:
    for group in request.resource_spans:
        about = _plain(group.resource.attributes)
        resources.append(about)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Span(
                    about["service.name"],
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _plain(span.attributes),
                    span,
                )


def _points(request: Any, resources: list[dict[str, Any]]) -> Iterator[Point]:
    for group in request.resource_metrics:
        about = _plain(group.resource.attributes)
        resources.append(about)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    monotonic = bool(getattr(data, "is_monotonic", False))
                    who = about["service.name"], about["service.instance.id"]
                    yield Point(*who, metric.name, metric.unit, kind, _plain(point.attributes), monotonic)


def _plain(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}
