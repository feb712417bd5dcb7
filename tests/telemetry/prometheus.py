"""How OpenTelemetry's names look in Prometheus, and which names an expression of PromQL has.

The rules are those of https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/.
"""

import re
from collections.abc import Iterator

_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio"}
_WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
_LABELS = re.compile(r"\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def label(attribute: str) -> str:
    """The label that an attribute becomes."""
    return re.sub(r"\W", "_", attribute)


def names(metric: str, unit: str, kind: str, monotonic: bool) -> Iterator[str]:
    """The series that a metric becomes; `kind` is histogram, sum or gauge."""
    name = re.sub(r"\W", "_", metric)
    suffix = "" if unit.startswith("{") else _UNITS.get(unit, unit)
    if suffix and not name.endswith(f"_{suffix}"):
        name = f"{name}_{suffix}"
    if kind == "histogram":
        yield from (f"{name}_{part}" for part in ("bucket", "sum", "count"))
    else:
        yield f"{name}_total" if kind == "sum" and monotonic else name


def series_in(expression: str) -> set[str]:
    """The series that an expression reads."""
    bare = _GROUPING.sub(" ", _LABELS.sub(" ", re.sub(r'"[^"]*"', '""', expression)))
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    found = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in found if name not in _WORDS}


def labels_in(expression: str) -> set[str]:
    """The labels that an expression looks at."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    chosen = {part for inside in _LABELS.findall(bare) for part in re.findall(r"(\w+)\s*[=!]", inside)}
    grouped = {part for inside in _GROUPING.findall(bare) for part in re.findall(r"\w+", inside)}
    return chosen | grouped
