"""Stripe's form encoding: `a[b][0][c]=v` to nested dictionaries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from .errors import InvalidRequest

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_MAX_DEPTH = 12


def parse(encoded: str) -> dict[str, Any]:
    """Decode a query string or a form body; arrays become dictionaries keyed by their position.

    Only the schema knows whether `x[0]` is an array or a map with the key "0", so that is left to it.

    Raises:
        InvalidRequest: a key's brackets do not pair up, or one key is both a value and a map.
    """
    return nest(parse_qsl(encoded, keep_blank_values=True))


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest flat `(bracketed key, value)` pairs; see `parse`."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        *parents, leaf = _steps(key)
        node = tree
        for step in parents:
            node = node.setdefault(step or str(len(node)), {})
            if not isinstance(node, dict):
                raise InvalidRequest(f"Invalid parameter: {key}", param=key)
        node[leaf or str(len(node))] = value
    return tree


def _steps(key: str) -> list[str]:
    match = _KEY.match(key)
    if match is None:
        raise InvalidRequest(f"Invalid parameter name: {key}", param=key)
    steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(steps) > _MAX_DEPTH:
        raise InvalidRequest(f"Parameter is nested too deeply: {key}", param=key)
    return steps
