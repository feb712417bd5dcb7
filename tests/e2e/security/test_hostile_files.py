"""The corpus of hostile files, through the real gateway."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser
from tests.e2e.contract import check_error
from tests.e2e.security.hostile import corpus

REASONS = {
    "INVALID_FILE_TYPE",
    "IMAGE_ANIMATED",
    "IMAGE_DAMAGED",
    "IMAGE_POLYGLOT",
    "IMAGE_TOO_LARGE",
    "IMAGE_TOO_SMALL",
    "IMAGE_TOO_COMPLEX",
}


def test_every_hostile_file_is_refused_with_a_reason_and_none_is_stored(stack: Stack, user: Browser) -> None:
    folder = stack.data_dir / "blobs"
    before = {path for path in folder.rglob("*") if path.is_file()}
    service = psutil.Process(stack.processes["media"].pid)

    def send(named: tuple[str, bytes]) -> tuple[str, httpx.Response]:
        name, data = named
        files = {"image": ("photo.jpg", data, "image/jpeg")}
        return name, user.post("/api/images/upload", data={"type": "user"}, files=files)

    files = list(corpus())
    assert len({data for _, data in files}) >= 200
    with ThreadPoolExecutor(8) as pool:
        answers = dict(pool.map(send, files))
    assert len(answers) == len(files)
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 400} == {}
    reasons = Counter(check_error(answer)["reason"] for answer in answers.values())
    assert set(reasons) <= REASONS, reasons
    assert len(reasons) >= 6, reasons
    assert user.images() == []
    assert {path for path in folder.rglob("*") if path.is_file()} == before
    assert service.is_running()
    assert stack.processes["media"].poll() is None
    assert user.upload(pictures.noise())["id"]
