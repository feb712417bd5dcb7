"""`python -m sandbox.cloudinary`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from sandbox.cloudinary.__main__ import main


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The sandbox as a process of its own, told everything by its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    variables = {"CLOUDINARY_SANDBOX_PORT": str(port), "CLOUDINARY_SANDBOX_API_SECRET": "s3cret"}
    started = subprocess.Popen(
        [sys.executable, "-m", "sandbox.cloudinary"], env=os.environ | variables, stdout=subprocess.PIPE, text=True
    )
    yield started, port
    started.terminate()
    started.wait(10)


def test_the_command_serves_and_tells_the_url_that_clients_need(process: tuple[subprocess.Popen[str], int]) -> None:
    running, port = process
    assert running.stdout is not None
    assert running.stdout.readline() == "CLOUDINARY_URL=cloudinary://123456789012345:s3cret@sandbox\n"
    deadline = time.monotonic() + 10
    while True:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/_sandbox/health", trust_env=False)
            break
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "it did not start"
            assert running.poll() is None
            time.sleep(0.02)
    assert answer.text == "ok"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "cloud.example"])  # noqa: S104 - refused
def test_an_address_that_others_can_reach_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    assert "not loopback" in capsys.readouterr().err
