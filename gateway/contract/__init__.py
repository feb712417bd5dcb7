"""The public HTTP contract, described: protos, rules, comments and errors become OpenAPI 3.1 and a page to read."""

import hashlib
import json
from pathlib import Path

from gateway.contract.document import document
from gateway.contract.page import ICON, STYLES, Page


def write(generated: Path) -> None:
    """Writes openapi.json and the folder docs beside the descriptor set drape.binpb, from which they are made."""
    contract = document(generated / "drape.binpb")
    (generated / "openapi.json").write_text(json.dumps(contract, ensure_ascii=False, separators=(",", ":")))
    docs = generated / "docs"
    docs.mkdir(exist_ok=True)
    stylesheet = _kept(docs, "\n".join(style.read_text() for style in STYLES), ".css")
    icon = _kept(docs, ICON.read_text(), ".svg")
    (docs / "index.html").write_text(Page(contract).html(stylesheet, icon))


def _kept(docs: Path, content: str, suffix: str) -> str:
    """Writes a file that browsers may keep for ever, since other content has another name; returns its address."""
    name = hashlib.sha256(content.encode()).hexdigest()[:16] + suffix
    (docs / name).write_text(content)
    return f"/docs/{name}"
