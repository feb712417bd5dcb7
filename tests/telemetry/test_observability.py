"""The dashboards, alerts and the collector's configuration against what a running stack really tells."""

import collections
import importlib
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.metrics import Counter, Histogram, Instrument
from opentelemetry.metrics import _Gauge as Gauge

from tests.telemetry.conftest import Day
from tests.telemetry.prometheus import label, labels_in, names, series_in

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
DASHBOARDS = sorted((OBSERVABILITY / "dashboards").glob("*.json"))
ALERTS = OBSERVABILITY / "alerts.yaml"
# Of the collector, and of Prometheus itself.
COMMON_LABELS = {"service_name", "service_namespace", "service_version", "service_instance_id", "le"}
_CREATE = re.compile(r"\.create_(counter|histogram|gauge|up_down_counter)\(")
KINDS = {Counter: "sum", Histogram: "histogram", Gauge: "gauge"}


def _panels(board: Any) -> Iterator[Any]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _expressions() -> dict[str, str]:
    """Every expression of the dashboards and the alerts, by where it stands."""
    found: dict[str, str] = {}
    for path in DASHBOARDS:
        for panel in _panels(json.loads(path.read_text())):
            for target in panel.get("targets", ()):
                found[f"{path.name}: {panel['title']} {target['refId']}"] = target["expr"]
    for rule in _alerts():
        found[f"alert {rule['alert']}"] = rule["expr"]
    return found


def _alerts() -> list[Any]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def _declared() -> dict[str, set[str]]:
    """The series of every instrument that the code makes, whether or not anything has been counted yet."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "services").rglob("*.py"):
        if "tests" not in path.parts and _CREATE.search(path.read_text()):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for made in (value for value in vars(module).values() if isinstance(value, Instrument)):
                name, unit = made._name, made._unit  # type: ignore[attr-defined]
                [kind] = [kind for kind in KINDS if isinstance(made, kind)]
                found[name] = set(names(name, unit, KINDS[kind], monotonic=kind is Counter))
    return found


def _told(day: Day) -> dict[str, set[str]]:
    """The series that arrived, by the metric's own name."""
    found: dict[str, set[str]] = defaultdict(set)
    for point in day.collector.metrics():
        found[point.metric] |= set(names(point.metric, point.unit, point.kind, point.monotonic))
    return found


def test_every_series_that_is_shown_or_watched_is_really_told(day: Day) -> None:
    known = {name for series in (*_told(day).values(), *_declared().values()) for name in series} | day.gateway_series
    unknown = {where: series_in(what) - known for where, what in _expressions().items()}
    assert not {where: missing for where, missing in unknown.items() if missing}


def test_what_is_declared_is_told_under_that_name(day: Day) -> None:
    told, declared = _told(day), _declared()
    assert {metric: told[metric] for metric in declared if metric in told} == {
        metric: series for metric, series in declared.items() if metric in told
    }


def test_every_metric_is_in_a_dashboard(day: Day) -> None:
    shown = {name for what in _expressions().values() for name in series_in(what)}
    assert not {metric for metric, series in (_told(day) | _declared()).items() if not series & shown}


def test_every_label_that_is_looked_at_exists(day: Day) -> None:
    known = {label(name) for point in day.collector.metrics() for name in point.attributes}
    known |= COMMON_LABELS | day.gateway_labels
    # Nothing has failed in the databases and the queue that day.
    known |= {"error_type"}
    unknown = {where: labels_in(what) - known for where, what in _expressions().items()}
    assert not {where: missing for where, missing in unknown.items() if missing}


def test_a_queue_is_told_of_by_one_copy_of_a_service(day: Day) -> None:
    points = [point for point in day.collector.metrics() if point.metric == "drape.queue.length"]
    who = {(point.service, point.attributes["messaging.destination.name"]): set[str]() for point in points}
    for point in points:
        who[point.service, point.attributes["messaging.destination.name"]].add(point.instance)
    assert ("tryon-worker", "tryon") in who
    assert {len(instances) for instances in who.values()} == {1}


def test_calls_are_told_with_their_rate_their_errors_and_their_duration(day: Day) -> None:
    calls = [point.attributes for point in day.collector.metrics() if point.metric == "rpc.server.call.duration"]
    codes = {(call["rpc.method"], call["rpc.response.status_code"]) for call in calls}
    assert ("drape.tryon.v1.TryonService/Generate", "OK") in codes
    assert ("drape.auth.v1.AuthService/Login", "UNAUTHENTICATED") in codes
    assert not [call for call in calls if "error.type" in call and call["rpc.response.status_code"] == "OK"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = json.loads(path.read_text())
    ids = collections.Counter(panel["id"] for panel in _panels(board))
    assert set(ids.values()) == {1}
    places = [(place["x"], place["y"]) for panel in _panels(board) if (place := panel["gridPos"])]
    assert len(set(places)) == len(places)
    assert all(0 <= panel["gridPos"]["x"] <= 24 - panel["gridPos"]["w"] for panel in _panels(board))
    assert {panel["datasource"]["uid"] for panel in _panels(board) if panel["type"] != "row"} == {"${datasource}"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_what_is_red_at_the_top_of_a_dashboard_is_what_its_alert_is_about(path: Path) -> None:
    found = {rule["alert"]: re.search(r"[<>] ([\d.]+)", rule["expr"]) for rule in _alerts()}
    limits = {alert: float(limit[1]) for alert, limit in found.items() if limit}
    stats = [panel for panel in _panels(json.loads(path.read_text())) if panel["type"] == "stat"]
    assert stats
    for panel in stats:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert {"red", "green"} == {step["color"] for step in steps}
        for alert in re.findall(r"alert (\w+)", panel["description"]):
            # More than none is one.
            assert steps[1]["value"] in (limits[alert], limits[alert] + 1), panel["title"]


def test_the_dashboards_are_of_different_names() -> None:
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len(boards) > 1
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == len(boards)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    alerts = _alerts()
    assert len({rule["alert"] for rule in alerts}) == len(alerts)
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="there is no promtool here; Debian has it in its package prometheus"
)
def test_prometheus_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)  # noqa: S607
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_collector_leads_everything_somewhere() -> None:
    collector = yaml.safe_load((OBSERVABILITY / "otel-collector.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert pipeline[part]
            assert set(pipeline[part]) <= set(collector[part])
    assert set(collector["service"]["extensions"]) <= set(collector["extensions"])
    assert collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].endswith(":4317")
    assert collector["exporters"]["prometheus"]["resource_to_telemetry_conversion"]["enabled"]
