"""That every commit and every remote call of a try-on has its failpoints: a new one without them fails here."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit import failpoints
from services.kit.statements import Statement
from services.tryon import saga

FOLDER = Path(saga.__file__).parent
FILES = sorted(
    file
    for file in FOLDER.glob("*.py")
    # What composes, and the stubs that the others call.
    if file.name not in ("__main__.py", "worker.py", "peers.py")
)
PEERS = {"media", "_media", "billing", "_billing", "_engines"}


def _reads(file: Path) -> set[str]:
    """The names of the module's compiled statements that change nothing."""
    module = vars(importlib.import_module(f"{saga.__package__}.{file.stem}"))
    return {name for name, one in module.items() if isinstance(one, Statement) and one.text.startswith("SELECT")}


def _unguarded(node: ast.AST, reads: set[str], guarded: bool = False) -> Iterator[str]:
    """The commits and remote calls below a node that no step is around."""
    if isinstance(node, ast.AsyncWith):
        items = [item.context_expr for item in node.items]
        guarded = guarded or any(isinstance(item, ast.Name) and item.id.strip("_").isupper() for item in items)
        guarded = guarded or any(isinstance(item, ast.Name) and item.id == "step" for item in items)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not guarded:
        match node.func:
            case ast.Attribute(attr="transaction" | "statement" | "direct"):
                yield f"line {node.lineno}: a transaction"
            case ast.Attribute(value=ast.Attribute(attr="_database"), attr="run" | "first"):
                if not (isinstance(node.args[0], ast.Name) and node.args[0].id in reads):
                    yield f"line {node.lineno}: a transaction"
            case ast.Attribute(value=ast.Attribute(attr=peer) | ast.Name(id=peer), attr=call) if peer in PEERS:
                yield f"line {node.lineno}: {peer}.{call}"
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, reads, guarded)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_commit_and_remote_call_is_a_step(file: Path) -> None:
    found = list(_unguarded(ast.parse(file.read_text()), _reads(file)))
    # It is made into a coroutine first, and awaited as a step.
    assert [one for one in found if not one.endswith("_engines.generate")] == []


def test_the_rule_sees_what_it_looks_for() -> None:
    source = (
        "async def f(self):\n    await self._media.read()\n    async with _READ:\n        await self._media.read()\n"
    )
    assert list(_unguarded(ast.parse(source), set())) == ["line 2: _media.read"]
    for opened in ("transaction", "direct"):
        source = f"async def f(self):\n    async with self._database.{opened}():\n        pass\n"
        assert list(_unguarded(ast.parse(source), set())) == ["line 2: a transaction"]
    source = "async def f(self):\n    await self._database.run(_GET)\n    await self._database.first(_ADD, id=1)\n"
    assert list(_unguarded(ast.parse(source), {"_GET"})) == ["line 3: a transaction"]
    assert {"_GET", "_STATE", "_UNFINISHED"} == _reads(FOLDER / "jobs.py")


def test_a_failpoint_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"names nowhere, which is none of .*saga\.capture\.before"):
        failpoints.choose("nowhere")
    with pytest.raises(ValueError, match=r"two steps named saga\.capture"):
        failpoints.Step("saga.capture")
