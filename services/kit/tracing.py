"""Spans and metrics of calls: RPCs that are served and made, SQL statements. Only in a process that exports them.

Names are those of OpenTelemetry's semantic conventions for RPC and database clients.
"""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import grpc
from grpc import StatusCode
from opentelemetry import context as otel
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, SpanKind
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.kit.http import metadata_of
from services.kit.telemetry import SECONDS, Attributes, meter, tracer

_CODES = {code.value[0]: code.name for code in StatusCode if code is not StatusCode.OK}
# By gRPC's conventions a server has failed with these; the others are about what it was asked.
_SERVER_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}


def _durations(name: str) -> metrics.Histogram:
    return meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=SECONDS)


_served = _durations("rpc.server.call.duration")
_called = _durations("rpc.client.call.duration")
_stated = _durations("db.client.operation.duration")
pool_timeouts = meter.create_counter("db.client.connection.timeouts", "{timeout}")


class ServerTracing(grpc.aio.ServerInterceptor):
    """A span and a measurement for each RPC, in the trace of whoever calls."""

    def __init__(self, leave_out: tuple[str, ...]) -> None:
        """`leave_out` are services, as package.Service, that are asked every moment."""
        self._leave_out = leave_out

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps the handler's behaviour, whichever of the four kinds it is."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method.lstrip("/")
        if handler is None or method.split("/")[0] in self._leave_out:
            return handler
        kind = "_".join(
            "stream" if streams else "unary" for streams in (handler.request_streaming, handler.response_streaming)
        )
        behaviour = getattr(handler, kind)

        async def unary(request: Any, context: Any) -> Any:
            with _serving(method, context):
                return await behaviour(request, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            with _serving(method, context):
                async for answer in behaviour(request, context):
                    yield answer

        return handler._replace(**{kind: stream if handler.response_streaming else unary})


@contextmanager
def _serving(method: str, context: Any) -> Iterator[None]:
    attributes: Attributes = {"rpc.system.name": "grpc", "rpc.method": method}
    parent = propagate.extract(metadata_of(context))
    current = tracer.start_span(method, parent, SpanKind.SERVER, attributes)
    # Each RPC has a task of its own, and with it this context: it need not be put back.
    otel.attach(trace.set_span_in_context(current, parent))
    began = time.perf_counter()
    code = "OK"
    try:
        yield
    except asyncio.CancelledError:
        code = "CANCELLED"
        raise
    except Exception:
        code = _code(context) or "UNKNOWN"
        raise
    finally:
        _ended(current, _served, attributes, began, code, code in _SERVER_FAULTS)


def _code(context: Any) -> str:
    """What an RPC was aborted with: gRPC keeps it as it was given, an enum or a number."""
    code = context.code()
    return code.name if isinstance(code, StatusCode) else _CODES.get(code, "")


class ClientTracing(grpc.aio.UnaryUnaryClientInterceptor):
    """A span and a measurement for each call to another service, which goes on with the trace.

    What is called outside any trace, such as each second's look at a list, begins none at the other side either.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition("/")[2].rpartition(":")
        self._server: Attributes = {"rpc.system.name": "grpc", "server.address": host, "server.port": int(port)}
        if "," in address:  # of several nobody knows which one will be asked
            self._server = {"rpc.system.name": "grpc", "server.address": address}

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Calls with the trace's context in the metadata."""
        name = client_call_details.method
        method = (name.decode() if isinstance(name, bytes) else name).lstrip("/")
        attributes = self._server | {"rpc.method": method}
        carrier: dict[str, str] = {}
        current: Span = trace.INVALID_SPAN
        if trace.get_current_span().get_span_context().is_valid:
            current = tracer.start_span(method, None, SpanKind.CLIENT, attributes)
            propagate.inject(carrier, trace.set_span_in_context(current))
        else:
            carrier["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
        began = time.perf_counter()
        code = "CANCELLED"
        metadata = (*(client_call_details.metadata or ()), *carrier.items())
        call = await continuation(client_call_details._replace(metadata=metadata), request)
        try:
            code = (await call.code()).name
        finally:
            if not call.done():
                call.cancel()
            _ended(current, _called, attributes, began, code, code != "OK")
        return call


def _ended(
    current: Span, durations: metrics.Histogram, attributes: Attributes, began: float, code: str, failed: bool
) -> None:
    said: Attributes = {"rpc.response.status_code": code}
    if failed:
        said["error.type"] = code
        current.set_status(trace.StatusCode.ERROR)
    current.set_attributes(said)
    current.end()
    durations.record(time.perf_counter() - began, attributes | said, trace.set_span_in_context(current))


class _Stated:
    """A statement that is under way."""

    def __init__(self, statement: str, database: str) -> None:
        operation, summary = _summary(statement)
        self._about: Attributes = {
            "db.system.name": "postgresql",
            "db.namespace": database,
            "db.operation.name": operation,
            "db.query.summary": summary,
        }
        self._span: Span = trace.INVALID_SPAN
        if trace.get_current_span().is_recording():
            # Its values are parameters, which are not told.
            attributes = self._about | {"db.query.text": statement}
            self._span = tracer.start_span(summary, None, SpanKind.CLIENT, attributes)
        self._began = time.perf_counter()

    def end(self, error: BaseException | None = None) -> None:
        failed: Attributes = {}
        if error is not None:
            failed = {"error.type": getattr(error, "sqlstate", None) or type(error).__qualname__}
            self._span.set_status(trace.StatusCode.ERROR)
            self._span.set_attributes(failed)
        self._span.end()
        _stated.record(time.perf_counter() - self._began, self._about | failed)


@contextmanager
def stating(statement: str, database: str) -> Iterator[None]:
    """A span, if it belongs to a trace, and a measurement for the statement that the block runs."""
    stated = _Stated(statement, database)
    try:
        yield
    except BaseException as error:
        stated.end(error)
        raise
    stated.end()


def trace_statements(engine: Engine, database: str, at_hand: Callable[[], int]) -> None:
    """A span for each statement that belongs to a trace, a measurement for each, and the state of the pool.

    `at_hand` tells how many connections are out of the pool and not in use.
    """

    def before(_conn: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.drape_stated = _Stated(statement, database)

    def after(_conn: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.drape_stated.end()

    def failed(told: Any) -> None:
        if told.execution_context is not None and hasattr(told.execution_context, "drape_stated"):
            told.execution_context.drape_stated.end(told.original_exception)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)
    _watch_pool(engine.pool, database, at_hand)


def _watch_pool(pool: Any, name: str, at_hand: Callable[[], int]) -> None:
    about: Attributes = {"db.client.connection.pool.name": name}

    def count(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
        yield metrics.Observation(pool.checkedout() - at_hand(), about | {"db.client.connection.state": "used"})
        yield metrics.Observation(pool.checkedin() + at_hand(), about | {"db.client.connection.state": "idle"})

    def most(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
        yield metrics.Observation(pool.size(), about)

    meter.create_observable_up_down_counter("db.client.connection.count", [count], "{connection}")
    meter.create_observable_up_down_counter("db.client.connection.max", [most], "{connection}")


@lru_cache(1024)
def _summary(statement: str) -> tuple[str, str]:
    """`SELECT` and `SELECT users` of a statement: what it does, and to which table first."""
    operation = (re.match(r"\s*(\w+)", statement) or ["", "UNKNOWN"])[1].upper()
    table = re.search(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?\"?([a-z_][\w.]*)", statement)
    return operation, f"{operation} {table[1]}" if table else operation
