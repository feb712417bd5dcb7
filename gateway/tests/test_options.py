"""The parts that only some environments have, in a real Envoy: TLS inside, limits of all gateways, probes, draining."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from envoy_api.ratelimit_pb2 import RateLimitRequest, RateLimitResponse

from gateway import drain, options
from gateway.render import render
from gateway.tests.envoys import DESCRIPTORS, NO_TLS, Gateway, Recorder, recording, running, validate
from services.kit.tests.authority import Authority
from services.kit.tls import Tls
from tests.e2e.polling import until

LOGIN = "/drape.auth.v1.AuthService/Login"
BY_NAME = {f"{name}_HOST": "localhost" for name in ("AUTH", "MEDIA", "TRYON", "BILLING")}


def _sds(tls: Tls, folder: Path) -> dict[str, str]:
    files = {"TLS_CERT_FILE": str(tls.cert_file), "TLS_KEY_FILE": str(tls.key_file), "TLS_CA_FILE": str(tls.ca_file)}
    options.write_secrets(files, folder)
    return {"SDS_DIR": str(folder)}


def _log_in(gateway: Gateway) -> int:
    return gateway.ask("POST", "/api/auth/login", json={"email": "a", "password": "b"}).status_code


@pytest.fixture
def authority() -> Authority:
    """Who signs everybody's certificate."""
    return Authority()


def test_services_are_reached_over_mutual_tls(authority: Authority, tmp_path: Path) -> None:
    service = authority.issue(tmp_path / "service", "localhost")
    sds = _sds(authority.issue(tmp_path / "gateway", "gateway"), tmp_path)
    with (
        recording(service.server_credentials()) as (recorder, port),
        running(port, RATE_LIMIT="off", **BY_NAME, **sds) as gateway,
    ):
        until("the gateway has found its services", lambda: _log_in(gateway) != 503)
        assert LOGIN in recorder.called


@pytest.mark.parametrize(
    ("name", "foreign", "count"),
    [("media", False, "fail_verify_san"), ("localhost", True, "fail_verify_error")],
    ids=["a service of another name", "a foreign certificate"],
)
def test_a_service_that_cannot_prove_its_name_is_not_spoken_to(
    authority: Authority, tmp_path: Path, name: str, foreign: bool, count: str
) -> None:
    service = (Authority() if foreign else authority).issue(tmp_path / "service", name)
    sds = _sds(authority.issue(tmp_path / "gateway", "gateway"), tmp_path)
    with (
        recording(service.server_credentials()) as (recorder, port),
        running(port, RATE_LIMIT="off", **BY_NAME, **sds) as gateway,
    ):
        until("the service has been looked at", lambda: _stat(gateway, f"cluster.auth.ssl.{count}") > 0)
        assert _log_in(gateway) == 503
        assert not recorder.called


def test_the_gateway_uses_a_renewed_certificate_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    service = authority.issue(tmp_path / "service", "localhost")
    sds = _sds(authority.issue(tmp_path / "gateway", "gateway"), tmp_path)
    with ExitStack() as stack:
        with recording(service.server_credentials()) as (_, port):
            gateway = stack.enter_context(running(port, RATE_LIMIT="off", **BY_NAME, **sds))
            until("the gateway has found its services", lambda: _log_in(gateway) != 503)
        # The service comes back with a certificate of another authority, and knows no other.
        successor = Authority("successor")
        _replace(successor, tmp_path / "gateway")
        renewed = successor.issue(tmp_path / "service", "localhost")
        with recording(renewed.server_credentials(), port) as (recorder, _):
            until("the gateway has found it again", lambda: _log_in(gateway) != 503)
            assert LOGIN in recorder.called


def _replace(authority: Authority, folder: Path) -> None:
    """Moves new files over the old ones: a volume of a Secret is replaced by a move, too."""
    new = authority.issue(folder.with_name("renewed"), "gateway")
    for file in (new.cert_file, new.key_file, new.ca_file):
        file.replace(folder / file.name)


def _stat(gateway: Gateway, name: str) -> int:
    found = httpx.get(f"{gateway.admin}/stats?filter=^{name}$", verify=NO_TLS).text
    return int(found.rsplit(" ", 1)[1]) if found.strip() else 0


class Counter:
    """Stands for envoyproxy/ratelimit: lets `free` requests of each descriptor pass."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.seen: list[tuple[tuple[str, str], ...]] = []

    def count(self, request: RateLimitRequest, _: grpc.ServicerContext) -> RateLimitResponse:
        """Answers ShouldRateLimit."""
        assert request.domain == "drape"
        asked = [tuple((entry.key, entry.value) for entry in item.entries) for item in request.descriptors]
        self.seen += asked
        over = any(self.seen.count(item) > self.free for item in asked)
        return RateLimitResponse(overall_code=RateLimitResponse.OVER_LIMIT if over else RateLimitResponse.OK)


@contextmanager
def counting(free: int) -> Iterator[tuple[Counter, int]]:
    """A running counter, and its port."""
    counter = Counter(free)
    server = grpc.server(ThreadPoolExecutor(4))
    method = grpc.unary_unary_rpc_method_handler(
        counter.count, RateLimitRequest.FromString, RateLimitResponse.SerializeToString
    )
    name = "envoy.service.ratelimit.v3.RateLimitService"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, {"ShouldRateLimit": method})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield counter, port
    finally:
        server.stop(None)


def test_limits_of_all_gateways_together_are_refused_in_the_one_shape(recorded: tuple[Recorder, int]) -> None:
    with counting(free=2) as (counter, port):
        limits = {"RATELIMIT_HOST": "127.0.0.1", "RATELIMIT_PORT": str(port)}
        with running(recorded[1], **limits) as one, running(recorded[1], **limits) as other:
            until("healthy", lambda: one.ask("GET", "/health").status_code == 200)
            until("healthy", lambda: other.ask("GET", "/health").status_code == 200)
            assert not counter.seen, "a health check is no client"
            answers = [gateway.ask("GET", "/api/billing/pricing") for gateway in (one, other, one)]
            assert [answer.status_code == 429 for answer in answers] == [False, False, True]
            assert answers[2].json()["details"][0]["reason"] == "RATE_LIMITED"
            counter.seen.clear()
            _log_in(other)
            address = ("remote_address", "127.0.0.1")
            assert set(counter.seen) == {(address,), (("kind", "credentials"), address)}


def test_without_the_service_that_counts_requests_pass(recorded: tuple[Recorder, int]) -> None:
    with running(recorded[1], RATELIMIT_HOST="127.0.0.1", RATELIMIT_PORT="1") as gateway:
        until("healthy", lambda: gateway.ask("GET", "/health").status_code == 200)
        assert gateway.ask("GET", "/api/billing/pricing").status_code != 429


@pytest.fixture
def operations_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_probes_learn_whether_the_gateway_is_ready_and_nothing_else(
    recorded: tuple[Recorder, int], operations_port: int
) -> None:
    with running(1, OPERATIONS_PORT=str(operations_port)) as gateway:
        url = f"http://127.0.0.1:{operations_port}"
        assert httpx.get(f"{url}/ready", verify=NO_TLS).status_code == 200, "even when services are away"
        assert "envoy_cluster_upstream_rq" in httpx.get(f"{url}/stats/prometheus", verify=NO_TLS).text
        for path in ("/quitquitquit", "/config_dump", "/logging", "/stats", "/ready/../quitquitquit"):
            assert httpx.post(f"{url}{path}", verify=NO_TLS).status_code == 404
        drain.drain(gateway.admin, notice=0)
        assert httpx.get(f"{url}/ready", verify=NO_TLS).status_code == 503


def test_draining_waits_for_the_request_under_way(recorded: tuple[Recorder, int]) -> None:
    with running(recorded[1], RATE_LIMIT="off") as gateway:
        until("healthy", lambda: gateway.ask("GET", "/health").status_code == 200)
        port = int(gateway.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as half_sent:
            half_sent.sendall(b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n")
            half_sent.sendall(b"content-type: application/json\r\n\r\n{")
            until("the request is under way", lambda: drain.active(gateway.admin) == 1)
            assert not drain.drain(gateway.admin, notice=0, longest=0.5)
            ended: list[bool] = []
            waiting = threading.Thread(target=lambda: ended.append(drain.drain(gateway.admin, notice=0)))
            waiting.start()
            waiting.join(0.5)
            assert not ended
            half_sent.sendall(b'"a": 1} ')
            assert b"connection: close" in half_sent.recv(65536), "and no more come on this connection"
        waiting.join(20)
        assert ended == [True]


def test_envoy_takes_all_the_parts_together(authority: Authority, tmp_path: Path) -> None:
    sds = _sds(authority.issue(tmp_path / "gateway", "gateway"), tmp_path)
    parts = {"DESCRIPTORS": str(DESCRIPTORS), "RATELIMIT_HOST": "ratelimit", "OPERATIONS_PORT": "9902"}
    answer = validate(render(parts | sds), tmp_path)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("missing", options.TLS_FILES)
def test_tls_is_whole_or_off(missing: str) -> None:
    assert not options.wants_tls({})
    with pytest.raises(ValueError, match="must be set together"):
        options.wants_tls({name: "/tls/file" for name in options.TLS_FILES if name != missing})
