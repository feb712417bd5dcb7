"""The generated clients: of today's contract, and good for a try-on against the running gateway."""

import filecmp
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from drape_client import AuthenticatedClient, Client
from drape_client.api.auth import register
from drape_client.api.billing import get_balance
from drape_client.api.media import upload_image
from drape_client.api.tryon import generate, get_job
from drape_client.models import (
    Error,
    GenerateRequest,
    GenerateResponse,
    GetBalanceResponse,
    RegisterRequest,
    RegisterResponse,
    UploadForm,
    UploadFormType,
    UploadImageResponse,
)
from drape_client.types import File

from sandbox import samples
from sandbox.stack import Stack
from scripts import clients
from tests.e2e import pictures
from tests.e2e.browser import fetch

TYPESCRIPT = clients.CLIENTS / "typescript"


def _tree(folder: Path) -> dict[str, Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path for path in files}


def test_they_are_made_of_todays_contract() -> None:
    assert clients.MARK.read_text().strip() == clients.fingerprint(), "make clients"


def test_nothing_of_the_python_client_was_written_by_hand(tmp_path: Path) -> None:
    clients.make_python(tmp_path / "python")
    made, kept = _tree(tmp_path / "python"), _tree(clients.CLIENTS / "python")
    assert made.keys() == kept.keys()
    assert not [name for name in made if not filecmp.cmp(made[name], kept[name], shallow=False)]


def _upload(client: AuthenticatedClient, kind: UploadFormType, data: bytes) -> str:
    form = UploadForm(image=File(io.BytesIO(data), "picture", "image/jpeg"), type_=kind)
    answer = upload_image.sync(client=client, body=form)
    assert isinstance(answer, UploadImageResponse), answer
    return answer.image.id


async def test_the_python_client_makes_a_try_on(stack: Stack, tmp_path: Path) -> None:
    person = RegisterRequest(email=f"{tmp_path.name}@python.example.com", password="correct horse battery")
    joined = register.sync(client=Client(stack.url), body=person)
    assert isinstance(joined, RegisterResponse), joined
    client = AuthenticatedClient(
        stack.url, token=joined.token, timeout=httpx.Timeout(120), raise_on_unexpected_status=True
    )
    request = GenerateRequest(
        person_image_id=_upload(client, UploadFormType.USER, pictures.person()),
        outfit_image_id=_upload(client, UploadFormType.OUTFIT, pictures.garment()),
    )
    made = generate.sync(client=client, body=request, idempotency_key="of the client")
    assert isinstance(made, GenerateResponse), made
    assert made.image
    assert pictures.decoded(fetch(made.image.url).content).size == pictures.PERSON_SIZE
    balance = await get_balance.asyncio(client=client)
    assert isinstance(balance, GetBalanceResponse)
    assert balance.credits_ == made.credits_remaining
    missing = get_job.sync(id="no-such-job", client=client)
    assert isinstance(missing, Error)
    assert getattr(missing.details[0], "reason", "") == "JOB_NOT_FOUND"


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with what the TypeScript client needs."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node and npm are not installed, so the TypeScript client is not tried")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", version)[0]) < 20:
        pytest.skip(f"Node is {version.strip()}, and the TypeScript client needs 20")
    if not (TYPESCRIPT / "node_modules").exists():
        done = subprocess.run([npm, "ci", "--silent"], cwd=TYPESCRIPT, capture_output=True, check=False, timeout=120)
        if done.returncode:
            shutil.rmtree(TYPESCRIPT / "node_modules", ignore_errors=True)
            pytest.skip("npm cannot fetch its packages, so the TypeScript client is not tried: make clients")
    return node


def test_the_typescript_client_makes_a_try_on(stack: Stack, tmp_path: Path, node: str) -> None:
    person, outfit = samples.write(tmp_path)
    result = tmp_path / "result.jpg"
    command = [node, "example.mjs", stack.url, str(person), str(outfit), str(result)]
    done = subprocess.run(command, cwd=TYPESCRIPT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"credits": 4, "reason": "JOB_NOT_FOUND"}
    assert pictures.decoded(result.read_bytes()).size == pictures.decoded(person.read_bytes()).size


def test_the_typescript_client_is_typed(node: str) -> None:
    assert node
    checked = ["npm", "run", "--silent", "check"]
    done = subprocess.run(checked, cwd=TYPESCRIPT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    types = (TYPESCRIPT / "schema.d.ts").read_text()
    assert 'status: "queued" | "running" | "succeeded" | "failed" | "canceled"' in types
