"""The media service is killed while pictures come in: what it has acknowledged is there, and nothing else is left."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import httpx

from sandbox.stack import ROOT, Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, fetch
from tests.e2e.faults import kill, start


def _audit(stack: Stack) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.media", "audit"]
    environment = stack.environment("media")
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_an_image_that_was_acknowledged_survives_a_kill(stack: Stack, signed_up: Callable[[], Browser]) -> None:
    users = [signed_up() for _ in range(4)]
    acknowledged: list[str] = []
    over = threading.Event()

    def upload(user: Browser) -> None:
        while not over.is_set():
            try:
                answer = user.post(
                    "/api/images/upload", data={"type": "user"}, files={"image": ("a.jpg", pictures.noise())}
                )
            except httpx.HTTPError:
                continue
            if answer.status_code == 201:
                acknowledged.append(answer.json()["image"]["url"])

    uploads = [threading.Thread(target=upload, args=(user,)) for user in users]
    for each in uploads:
        each.start()
    for _ in range(2):
        reached, deadline = len(acknowledged) + 10, time.monotonic() + 60
        while len(acknowledged) < reached:
            assert time.monotonic() < deadline, "nothing is uploaded"
            time.sleep(0.01)
        kill(stack, "media")
        start(stack, "media")
    over.set()
    for each in uploads:
        each.join()
    assert len(acknowledged) > 20
    for url in acknowledged:
        shown = fetch(url)
        assert shown.status_code == 200
        assert pictures.decoded(shown.content).format == "JPEG"
    shown_urls = {image["url"] for user in users for image in user.images()}
    assert shown_urls >= set(acknowledged)
    audit = _audit(stack)
    assert (audit.returncode, "0 rows without blob, 0 blobs without row" in audit.stdout) == (0, True), audit.stdout
