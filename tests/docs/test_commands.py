"""Every command of the documentation is run, document by document, from its first line to its last.

A document joins by lying in docs/. Its blocks of `sh` are one story: what one sets, the next may use. Commands of make
are only looked up, since they start, or test, all of this themselves. Blocks of `sh cluster` need a cluster or Docker:
of these it is checked that a shell can read them and that what they name is there; tests/deploy has what they apply.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import samples
from sandbox.stack import ROOT, Stack, free_ports
from services.kit import embedded
from tests.e2e.conftest import SETTINGS

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLUSTER_BLOCK = re.compile(r"^ *```sh cluster\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_REFUSED = re.compile(r'"code":\d+,"message":"[^"]*","details":\[\{"@type":"[^"]*ErrorInfo","reason":"(\w+)"')
_MAKE = re.compile(r"make\b(?P<arguments>[^#]*)")
# Addresses, unlike those of the documents, of a stack beside others.
_ADDRESSES = {"AUTH": "auth", "MEDIA": "media", "TRYON": "tryon", "BILLING": "billing"}


def blocks(document: Path) -> list[str]:
    """The blocks of commands."""
    return _BLOCK.findall(document.read_text())


def with_commands() -> list[Path]:
    """The documents that have any."""
    return [document for document in DOCUMENTS if blocks(document)]


@pytest.fixture(scope="module")
def stack(make_data_dir: Callable[[], Path]) -> Iterator[Stack]:
    """What `make run` starts."""
    running = Stack(make_data_dir(), free_ports(), extra=dict(SETTINGS))
    running.start(timeout_seconds=120)
    yield running
    running.stop()
    embedded.stop(running.data_dir)


@pytest.fixture
def checkout(tmp_path: Path, stack: Stack) -> Path:
    """A folder like that of the repository after `make run`, whose files may be written to."""
    for path in ROOT.iterdir():
        if path.name not in (".git", ".data"):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / ".data").mkdir()
    samples.write(tmp_path / ".data" / "samples")
    (tmp_path / ".data" / "secrets.json").symlink_to(stack.data_dir / "secrets.json")
    return tmp_path


def test_there_are_documents_with_commands() -> None:
    assert {"README.md", "api.md", "grpc.md"} <= {document.name for document in with_commands()}


@pytest.mark.parametrize("document", with_commands(), ids=lambda document: document.stem)
def test_every_command_of_the_document_works(document: Path, stack: Stack, checkout: Path) -> None:
    script = "\n".join(line for block in blocks(document) for line in block.splitlines() if not _MAKE.match(line))
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "DRAPE": stack.url, "LANG": "C.UTF-8"}
    environment |= {name: f"localhost:{stack.ports[service]}" for name, service in _ADDRESSES.items()}
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euxo", "pipefail", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    # curl ends well with any status; what is refused on purpose the document tells by its reason.
    untold = [reason for reason in _REFUSED.findall(done.stdout) if reason not in document.read_text()]
    assert not untold, done.stdout


@pytest.mark.parametrize("document", with_commands(), ids=lambda document: document.stem)
def test_every_target_of_make_in_the_document_is_there(document: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in blocks(document):
        for line in block.splitlines():
            if found := _MAKE.match(line):
                words = [word for word in found["arguments"].split('"')[0].split() if "=" not in word]
                assert set(words) <= known, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_what_needs_a_cluster_can_be_read_and_names_what_is_there(document: Path) -> None:
    for block in _CLUSTER_BLOCK.findall(document.read_text()):
        subprocess.run([shutil.which("bash") or "bash", "-n", "-c", block], check=True)
        for folder in re.findall(r"-k (deploy/\S+)", block):
            assert (ROOT / folder / "kustomization.yaml").exists(), folder
        for module in re.findall(r"python -m (\S+)", block):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
        known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert set(re.findall(r"^ *make ([a-z-]+)", block, re.MULTILINE)) <= known
