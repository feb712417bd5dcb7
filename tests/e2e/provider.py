"""The stand-in for the engines' providers, as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sandbox.stack import ROOT
from tests.e2e.polling import until


@contextmanager
def provider(port: int, log: Path, key: str = "sandbox") -> Iterator[httpx.Client]:
    """The stand-in, whose pictures are there at once for whoever has the key, and its controls."""
    command = [sys.executable, "-m", "sandbox.engines", "--port", str(port), "--painter", "instant", "--api-key", key]
    with log.open("wb") as output, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, stdout=output, stderr=output
        )

        def answers() -> bool:
            try:
                return client.get("/_sandbox/health").is_success
            except httpx.HTTPError:
                return False

        try:
            until("the stand-in answers", answers, 60)
            client.put("/_sandbox/knobs", json={"limits": False}).raise_for_status()
            yield client
        finally:
            process.terminate()
            process.wait(20)
