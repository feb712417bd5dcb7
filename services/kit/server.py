"""Runs a service: starts its server and what runs beside it, answers health checks, stops without loss."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.kit import database, failpoints, settings, tasks, telemetry
from services.kit.client import MAX_MESSAGE_BYTES
from services.kit.identity import ServiceTokens, UserTokens
from services.kit.rpc import OPEN_SERVICES, Access, RpcInterceptor
from services.kit.settings import DatabaseSettings, ServiceSettings
from services.kit.tls import Tls
from services.kit.tracing import ServerTracing

log = logging.getLogger(__name__)

_HAND_BACK_SECONDS = 3
LIVENESS = "liveness"
"""What health checks ask for to learn whether the process is alive: it is, even while its database is away."""


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
    alongside: Iterable[Callable[[asyncio.Event], Awaitable[None]]] = ()
    """The same, but its event is set only when the calls and the work under way at the end are done: they need it."""
    hand_back: Callable[[], Awaitable[None]] | None = None
    """Gives work under way to others, when it does not end in time."""
    ready: Callable[[], Awaitable[None]] | None = None
    """Raises while the service cannot work, for its health check."""
    close: Callable[[], Awaitable[None]] | None = None
    tls: Tls | None = None
    """With it, only those who show a certificate of the same authority may speak to the service."""
    health_listen: str = ""
    """Where health checks are answered without TLS too, and nothing else."""


async def start(service: Service) -> tuple[grpc.aio.Server, health.aio.HealthServicer, int]:
    """Starts serving; the port is the one that was bound. Raises RuntimeError when it cannot be."""
    rpcs = RpcInterceptor(service.access, service.users, service.tokens)
    server = grpc.aio.server(
        interceptors=[ServerTracing(OPEN_SERVICES), rpcs] if telemetry.exporting() else [rpcs],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            # Else each stream may have megabytes on their way to us, however slowly we read.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
            # Callers look names up again only when a connection ends; so new copies get their share within minutes.
            # What is under way on an old connection may take as long as it takes.
            ("grpc.max_connection_age_ms", 300_000),
        ],
    )
    # grpcio 1.85 waits anew for each of the registered methods with every call (grpc/grpc#43461); the generic handlers,
    # which generated code adds as well, are one wait.
    server.add_registered_method_handlers = lambda *_: None  # type: ignore[method-assign]
    names = list(service.register(server))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection([*names, *OPEN_SERVICES], server)
    if service.tls:
        port = server.add_secure_port(service.listen, service.tls.server_credentials())
    else:
        port = server.add_insecure_port(service.listen)
    await server.start()
    for name in ("", LIVENESS, *names):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, checks, port


async def start_probes(listen: str, checks: health.aio.HealthServicer) -> tuple[grpc.aio.Server, int]:
    """Starts the server of health checks; the port is the one that was bound. Raises RuntimeError when none can be."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port(listen)
    await server.start()
    return server, port


async def serve(service: Service) -> None:
    """Serves until SIGTERM or SIGINT, then lets requests under way end, at most `drain_seconds`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if service.ready:
        await service.ready()
    server, checks, port = await start(service)
    probes = (await start_probes(service.health_listen, checks))[0] if service.health_listen else None
    log.info("serving", extra={"port": port})
    done = asyncio.Event()
    tasks = [asyncio.ensure_future(run(stop)) for run in (*service.background, service.users.watch)]
    beside = [asyncio.ensure_future(run(done)) for run in service.alongside]
    health_task = asyncio.create_task(_watch_health(service, checks, stop))
    await asyncio.wait([asyncio.create_task(stop.wait()), *tasks, *beside], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in (*tasks, *beside) if task.done() and not stop.is_set()]
    stop.set()
    log.info("draining")
    await checks.enter_graceful_shutdown()
    await server.stop(service.drain_seconds)
    _, late = await asyncio.wait([*tasks, health_task], timeout=service.drain_seconds) if tasks else (None, set())
    if late:
        # Work that is cut here is picked up again by whoever runs next, as after kill -9; cancelling
        # it in order would mark it as done.
        log.warning("work still under way after the drain deadline")
        await _hand_back(service)
        await _tell_the_rest()
        os._exit(1)
    done.set()
    await asyncio.gather(*beside, return_exceptions=True)
    if service.close:
        await service.close()
    if probes:
        await probes.stop(None)
    await _tell_the_rest()
    for task in failed:
        task.result()


async def _hand_back(service: Service) -> None:
    """Tells others of work that is cut, who would find out by themselves, but later."""
    if service.hand_back:
        try:
            await asyncio.wait_for(service.hand_back(), _HAND_BACK_SECONDS)
        except Exception:
            log.exception("not handed back")


async def _tell_the_rest() -> None:
    """Sends what telemetry has left; a collector that is away holds nobody up."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(telemetry.stop_exporting), 3)


async def _watch_health(service: Service, checks: health.aio.HealthServicer, stop: asyncio.Event) -> None:
    while service.ready and not stop.is_set():
        state: Any = health_pb2.HealthCheckResponse.SERVING
        try:
            async with asyncio.timeout(5):
                await service.ready()
        except Exception:
            log.exception("not ready")
            state = health_pb2.HealthCheckResponse.NOT_SERVING
        await checks.set("", state)
        try:
            await asyncio.wait_for(stop.wait(), timeout=5)
        except TimeoutError:
            continue


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def main(
    name: str,
    kind: type[SettingsT],
    compose: Callable[[SettingsT, str], Awaitable[Service]],
    folder: Path,
    process: str = "",
) -> None:
    """Runs a service from its settings: migrates its database, then serves.

    As arguments, `migrate` only migrates, once the database answers, and `wait-for-schema` waits until somebody has;
    both need DATABASE_URL alone. `process` is what logs and telemetry call it where the service has several kinds of
    processes.
    """
    migrations = folder / "migrations"
    if sys.argv[1:] in (["migrate"], ["wait-for-schema"]):
        own = settings.load(DatabaseSettings)
        telemetry.configure_logging(process or name, own.log_level)
        uvloop.run(_prepare(name, own, migrations, migrate=sys.argv[1] == "migrate"))
        return
    config = settings.load(kind)
    telemetry.configure_logging(process or name, config.log_level)
    telemetry.start_exporting(process or name)
    failpoints.choose(config.drape_failpoint)
    uvloop.run(_main(name, config, compose, migrations))


async def _prepare(name: str, config: DatabaseSettings, migrations: Path, *, migrate: bool) -> None:
    url = await asyncio.to_thread(database.database_url, config, name)
    if not migrate:
        await database.wait_for_schema(url, migrations)
        return
    while why := await database.why_unreachable(url):
        log.warning("the database does not answer", extra={"why": why})
        await asyncio.sleep(2)
    await _migrate(url, migrations)
    log.info("the database is migrated")


async def _migrate(url: str, migrations: Path) -> None:
    await database.migrate(url, migrations)
    await tasks.install(url)


async def _main(
    name: str, config: SettingsT, compose: Callable[[SettingsT, str], Awaitable[Service]], migrations: Path
) -> None:
    url = await asyncio.to_thread(database.database_url, config, name)
    if why := await database.why_unreachable(url):
        sys.exit(f"Cannot start, the database does not answer: {why}")
    await _migrate(url, migrations)
    await serve(await compose(config, url))
