"""Envoys of the tests, with our configuration, and a service behind them that remembers what it was asked."""

import json
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health, health_pb2_grpc

from gateway.render import render
from sandbox.stack import free_ports

DESCRIPTORS = Path(__file__).parents[2] / "gen" / "drape.binpb"
SERVICES = ("auth", "media", "tryon", "billing")
Json = dict[str, Any]

# Nothing here speaks TLS, and reading the certificates of the world takes longer than a test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def envoy() -> str:
    """The program, from the package or from the PATH."""
    found = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    assert found, "there is no envoy"
    return found


@dataclass
class Gateway:
    """A running Envoy."""

    url: str
    admin: str
    config: list[Json] = field(default_factory=list)

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """One request by itself."""
        return httpx.request(method, f"{self.url}{path}", verify=NO_TLS, **how)

    def listener(self, name: str) -> Json:
        """The connection manager of a listener, as Envoy has loaded it."""
        for section in self.config:
            for item in section.get("static_listeners", ()):
                if item["listener"]["name"] == name:
                    manager: Json = item["listener"]["filter_chains"][0]["filters"][0]["typed_config"]
                    return manager
        raise AssertionError(f"no listener {name}")


@dataclass
class Recorder(grpc.GenericRpcHandler):
    """Stands for every service: remembers which methods were called and knows none of them."""

    called: list[str] = field(default_factory=list)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        """Remembers the method."""
        self.called.append(str(handler_call_details.method))


@contextmanager
def recording(credentials: grpc.ServerCredentials | None = None, port: int = 0) -> Iterator[tuple[Recorder, int]]:
    """A healthy service that remembers its calls, and its port."""
    recorder = Recorder()
    server = grpc.server(ThreadPoolExecutor(4))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    server.add_generic_rpc_handlers((recorder,))
    here = f"127.0.0.1:{port}"
    port = server.add_secure_port(here, credentials) if credentials else server.add_insecure_port(here)
    server.start()
    try:
        yield recorder, port
    finally:
        server.stop(None)


@contextmanager
def running(service_port: int, **environment: str) -> Iterator[Gateway]:
    """An Envoy before services that all listen at one port."""
    listen, admin, *_ = free_ports().values()
    places = {f"{name.upper()}_HOST": "127.0.0.1" for name in SERVICES}
    places |= {f"{name.upper()}_PORT": str(service_port) for name in SERVICES}
    own = {
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": str(listen),
        "ADMIN_PORT": str(admin),
        "DESCRIPTORS": str(DESCRIPTORS),
        "JWKS_SOCKET": f"drape-test-{listen}",
    }
    command = [envoy(), "--disable-hot-restart", "--concurrency", "1", "--log-level", "error", "--config-yaml"]
    with subprocess.Popen([*command, render(places | own | environment)]) as process:
        try:
            gateway = Gateway(f"http://127.0.0.1:{listen}", f"http://127.0.0.1:{admin}")
            gateway.config = _loaded(gateway, process)
            yield gateway
        finally:
            process.kill()


def validate(configuration: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What Envoy itself says of a configuration."""
    file = folder / "envoy.yaml"
    file.write_text(configuration)
    return subprocess.run([envoy(), "--mode", "validate", "-c", str(file)], capture_output=True, text=True, check=False)


def routes_of(manager: Mapping[str, Any]) -> list[Json]:
    """The routes of a listener, in their order."""
    (host,) = manager["route_config"]["virtual_hosts"]
    routes: list[Json] = host["routes"]
    return routes


def filter_of(manager: Mapping[str, Any], name: str) -> Json:
    """A filter's configuration."""
    (found,) = [item["typed_config"] for item in manager["http_filters"] if item["name"].endswith(name)]
    configuration: Json = found
    return configuration


def _loaded(gateway: Gateway, process: "subprocess.Popen[bytes]") -> list[Json]:
    deadline = time.monotonic() + 20
    while True:
        try:
            if httpx.get(f"{gateway.admin}/ready", verify=NO_TLS).text.startswith("LIVE"):
                config: list[Json] = json.loads(httpx.get(f"{gateway.admin}/config_dump", verify=NO_TLS).content)[
                    "configs"
                ]
                return config
        except httpx.TransportError:
            assert process.poll() is None, "Envoy has stopped"
        assert time.monotonic() < deadline, "Envoy does not start"
        time.sleep(0.05)
