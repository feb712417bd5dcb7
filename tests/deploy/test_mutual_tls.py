"""The whole system with mutual TLS between all of its parts: it works, and a stranger among them is not heard."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from sandbox.stack import ROOT, Stack, free_ports
from services.kit import embedded
from services.kit.tests.authority import Authority
from services.kit.tls import Tls
from tests.e2e.browser import Browser
from tests.e2e.fitting import GENERATE, bring

SERVICES = ("auth", "media", "tryon", "billing")


def _variables(tls: Tls) -> dict[str, str]:
    return {"TLS_CERT_FILE": str(tls.cert_file), "TLS_KEY_FILE": str(tls.key_file), "TLS_CA_FILE": str(tls.ca_file)}


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs everybody's certificate."""
    return Authority()


@pytest.fixture(scope="module")
def stack(make_data_dir: Callable[[], Path], authority: Authority) -> Iterator[Stack]:
    """Everything, each process with a certificate of its own; names under localhost are this machine."""
    folder, ports = make_data_dir(), free_ports()
    addresses = {f"{name.upper()}_ADDRESS": f"{name}.localhost:{ports[name]}" for name in SERVICES}
    extra = {
        name: addresses | _variables(authority.issue(folder / "tls" / name, f"{name}.localhost"))
        for name in (*SERVICES, "worker", "gateway")
    }
    extra["gateway"] |= {f"{name.upper()}_HOST": f"{name}.localhost:{ports[name]}" for name in SERVICES} | {
        "RATE_LIMIT": "off"
    }
    extra["auth"] |= {"BCRYPT_COST": "4"}
    extra["auth"]["HEALTH_LISTEN"] = f"127.0.0.1:{free_ports()['auth']}"
    running = Stack(folder, ports, extra=extra)
    running.start(timeout_seconds=120)
    yield running
    running.stop()
    embedded.stop(folder)


def test_a_person_gets_a_picture_with_every_hop_over_tls(stack: Stack) -> None:
    with Browser(stack.url) as user:
        answer = user.sign_up().post(GENERATE, json=bring(user))
        assert answer.status_code == 200, answer.text
        assert answer.json()["creditsRemaining"] == 4
        # Auth tells the other three to forget.
        assert user.delete("/api/user/account").status_code == 200


@pytest.mark.parametrize("service", [*SERVICES, "worker"])
def test_a_stranger_is_not_heard_by_any_service(stack: Stack, service: str, tmp_path: Path) -> None:
    stranger = Authority().issue(tmp_path, "gateway").read()
    foreign = grpc.ssl_channel_credentials(
        (stack.data_dir / "tls" / service / "ca.crt").read_bytes(), stranger.key, stranger.certificate
    )
    address = f"{service}.localhost:{stack.ports[service]}"
    for channel in (grpc.insecure_channel(address), grpc.secure_channel(address, foreign)):
        ask = channel.unary_unary("/drape.auth.v1.AuthService/GetJwks", bytes, bytes)
        with channel, pytest.raises(grpc.RpcError) as refused:
            ask(b"", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("variable", "status"), [("HEALTH_LISTEN", 0), ("LISTEN", 1)])
def test_the_images_health_check_asks_the_port_without_tls(stack: Stack, variable: str, status: int) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"}
    environment["HEALTH_LISTEN"] = stack.environment("auth")[variable]
    asked = subprocess.run([sys.executable, "-m", "services.kit.probe"], env=environment, check=False, cwd=ROOT)
    assert asked.returncode == status
