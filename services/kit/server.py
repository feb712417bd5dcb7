"""Serves an RPC: who is calling, is the request valid, what to tell when it fails, how to stop."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import grpc
import protovalidate
import uvloop
from google.protobuf.message import Message
from grpc import StatusCode
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from services.kit import database, settings, tasks
from services.kit.client import MAX_MESSAGE_BYTES
from services.kit.errors import Invalid, ServiceError, Unauthenticated, http_status_of, status_of
from services.kit.http import STATUS_KEY, metadata_of
from services.kit.identity import Caller, ServiceTokens, UserTokens, set_caller, tokens_in
from services.kit.settings import ServiceSettings
from services.kit.telemetry import configure_logging, log_context

log = logging.getLogger("rpc")

Context = grpc.aio.ServicerContext
_OPEN_SERVICES = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")


@dataclass(frozen=True)
class Access:
    """Who may call what. Every method that is named nowhere needs a user's access token."""

    public: frozenset[str] = field(default_factory=frozenset)
    """Methods, as package.Service/Method, that need no credentials."""
    internal: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Services, as package.Service, for other services only, and the names of those that may call them."""


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every RPC: authenticates, validates the request, translates errors, writes one log line."""

    def __init__(self, access: Access, users: UserTokens, services: ServiceTokens) -> None:
        self._access = access
        self._users = users
        self._services = services

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wraps the handler's behaviour, whichever of the four kinds it is."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method.lstrip("/")
        if handler is None or method.split("/")[0] in _OPEN_SERVICES:
            return handler
        return self._wrapped(handler, method)

    def _wrapped(self, handler: Any, method: str) -> grpc.RpcMethodHandler:
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        behavior = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )

        async def unary(request: Any, context: Context[Any, Any]) -> Any:
            async with self._scope(method, context):
                _validate(request)
                return await behavior(request, context)

        async def stream(request: Any, context: Context[Any, Any]) -> AsyncIterator[Any]:
            async with self._scope(method, context):
                _validate(request)
                async for answer in behavior(request, context):
                    yield answer

        return make(
            stream if handler.response_streaming else unary,  # type: ignore[arg-type]
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    @asynccontextmanager
    async def _scope(self, method: str, context: Context[Any, Any]) -> AsyncIterator[None]:
        started = time.perf_counter()
        metadata = metadata_of(context)
        log_context.set({"request_id": metadata.get("x-request-id", "")})
        outcome = StatusCode.OK
        try:
            await self._authenticate(method, metadata)
            yield
        except ServiceError as error:
            outcome = error.code
            await _abort(context, error)
        except Exception as error:
            if context.done() or isinstance(error, grpc.aio.AbortError):
                raise
            outcome = StatusCode.INTERNAL
            log.exception("unexpected error", extra={"method": method})
            await _abort(context, ServiceError("Something went wrong. Please try again later."))
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info(method, extra={"code": outcome.name, "ms": milliseconds})

    async def _authenticate(self, method: str, metadata: Mapping[str, str]) -> None:
        found: Caller | None = None
        tokens = tokens_in(metadata)
        if (allowed := self._access.internal.get(method.split("/")[0])) is not None:
            bearer = metadata.get("authorization", "").removeprefix("Bearer ")
            found = self._services.verify(bearer)
            if found is None or found.service not in allowed:
                raise Unauthenticated("A service token is required")
        elif tokens:
            found = await self._users.first_valid(tokens)
        if found is None and method not in self._access.public:
            raise Unauthenticated("Invalid or expired token" if tokens else "Authentication required")
        set_caller(found)
        if found:
            log_context.set({**log_context.get(), "user_id": found.user_id})


def _validate(request: object) -> None:
    if isinstance(request, Message) and (violations := protovalidate.collect_violations(request)):
        raise Invalid(violations)


async def _abort(context: Context[Any, Any], error: ServiceError) -> NoReturn:
    if error.http_status not in (None, http_status_of(error.code)):
        await _send_status(context, error.http_status)
    await context.abort_with_status(rpc_status.to_status(status_of(error)))
    raise AssertionError("abort returned")


async def _send_status(context: Context[Any, Any], http_status: int | None) -> None:
    try:
        await context.send_initial_metadata(((STATUS_KEY, str(http_status)),))
    except (grpc.aio.UsageError, RuntimeError):
        log.warning("the status of an error came after the first answer", extra={"status": http_status})


@dataclass
class Service:
    """All that a running service is made of; what its `__main__` composes and `run` runs."""

    name: str
    listen: str
    drain_seconds: float
    access: Access
    users: UserTokens
    tokens: ServiceTokens
    register: Callable[[grpc.aio.Server], Iterable[str]]
    """Adds the servicers to the server and returns their full names."""
    background: Iterable[Callable[[asyncio.Event], Awaitable[None]]] = ()
    """What runs beside the server until the event is set."""
    ready: Callable[[], Awaitable[None]] | None = None
    """Raises while the service cannot work, for its health check."""
    close: Callable[[], Awaitable[None]] | None = None


async def start(service: Service) -> tuple[grpc.aio.Server, health.aio.HealthServicer, int]:
    """Starts serving; the port is the one that was bound. Raises RuntimeError when it cannot be."""
    server = grpc.aio.server(
        interceptors=[RpcInterceptor(service.access, service.users, service.tokens)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
        ],
    )
    names = list(service.register(server))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection([*names, *_OPEN_SERVICES], server)
    port = server.add_insecure_port(service.listen)
    await server.start()
    for name in ("", *names):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, checks, port


async def serve(service: Service) -> None:
    """Serves until SIGTERM or SIGINT, then lets requests under way end, at most `drain_seconds`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if service.ready:
        await service.ready()
    server, checks, port = await start(service)
    log.info("serving", extra={"port": port})
    tasks = [asyncio.ensure_future(run(stop)) for run in service.background]
    health_task = asyncio.create_task(_watch_health(service, checks, stop))
    await asyncio.wait([asyncio.create_task(stop.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done() and not stop.is_set()]
    stop.set()
    log.info("draining")
    await checks.enter_graceful_shutdown()
    await server.stop(service.drain_seconds)
    _, late = await asyncio.wait([*tasks, health_task], timeout=service.drain_seconds) if tasks else (None, set())
    if late:
        # Work that is cut here is picked up again by whoever runs next, as after kill -9; cancelling
        # it in order would mark it as done.
        log.warning("work still under way after the drain deadline")
        os._exit(1)
    if service.close:
        await service.close()
    for task in failed:
        task.result()


async def _watch_health(service: Service, checks: health.aio.HealthServicer, stop: asyncio.Event) -> None:
    while service.ready and not stop.is_set():
        try:
            async with asyncio.timeout(5):
                await service.ready()
            state = health_pb2.HealthCheckResponse.SERVING
        except Exception:
            log.exception("not ready")
            state = health_pb2.HealthCheckResponse.NOT_SERVING
        await checks.set("", state)
        try:
            await asyncio.wait_for(stop.wait(), timeout=5)
        except TimeoutError:
            continue


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def main(name: str, kind: type[SettingsT], compose: Callable[[SettingsT, str], Awaitable[Service]], folder: Path) -> None:
    """Runs a service from its settings: migrates its database, then serves. `migrate` as argument only migrates."""
    config = settings.load(kind)
    configure_logging(name, config.log_level)
    uvloop.run(_main(name, config, compose, folder / "migrations"))


async def _main(
    name: str, config: SettingsT, compose: Callable[[SettingsT, str], Awaitable[Service]], migrations: Path
) -> None:
    url = await asyncio.to_thread(database.database_url, config, name)
    await database.migrate(url, migrations)
    await tasks.install(url)
    if sys.argv[1:] != ["migrate"]:
        await serve(await compose(config, url))
