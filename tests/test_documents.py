"""What the documents name is there: files, links, make targets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in ("gen", "node_modules") for part in path.relative_to(ROOT).parts)
)
# Made by the commands that the documents tell of.
MADE = (".venv", ".data", ".cache", "gen/", "deploy/k8s/overlays/local/secrets")

each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each
def test_a_path_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.*{},-]*)`", document.read_text())
    ours = {path.name for path in ROOT.iterdir()}
    for path in (path for path in named if path.split("/")[0] in ours and not path.startswith(MADE)):
        pattern = re.sub(r"\{[^}]*\}", "*", path).rstrip("/")
        assert list(ROOT.glob(pattern)), path


@each
def test_a_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)\)", document.read_text()):
        if not re.match(r"[a-z]+:", link):
            assert (document.parent / link).exists(), link


@each
def test_a_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE)
    assert set(named) <= targets
