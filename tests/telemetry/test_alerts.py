"""Each alert goes off for what it is about, and is quiet on a good day: Prometheus' own evaluation of the rules."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.telemetry.test_observability import ALERTS

pytestmark = pytest.mark.skipif(
    not shutil.which("promtool"), reason="there is no promtool here; Debian has it in its package prometheus"
)
# Minutes, longer than the alerts wait for; and longer than those do that look at hours.
SOON, NOW = 40, 130
OF_HOURS = {"EnginesCostly", "BooksNotAudited", "WebhooksMissed"}
RPC = "rpc_server_call_duration_seconds"
PUBLIC = 'envoy_http_conn_manager_prefix="public"'
SERVICES = ("auth", "media", "tryon", "billing")


@dataclass(frozen=True)
class Case:
    """Series by name, as promtool has them (start+step: a counter), on a bad and on a good day."""

    bad: dict[str, str]
    good: dict[str, str]


def _served(service: str, per_minute: int, error: str = "") -> dict[str, str]:
    error_label = f', error_type="{error}"' if error else ""
    method = "drape.media.v1.MediaService/UploadImage"
    return {f'{RPC}_count{{service_name="{service}", rpc_method="{method}"{error_label}}}': f"0+{per_minute}x{NOW}"}


def _buckets(name: str, labels: str, seconds: float) -> dict[str, str]:
    """A hundred a minute, all of them as long."""
    bounds = (0.5, 1, 2.5, 5, 60, 300, float("inf"))
    return {
        f'{name}_bucket{{{labels}le="{"+Inf" if bound == float("inf") else bound}"}}': (
            f"0+{100 if seconds <= bound else 0}x{NOW}"
        )
        for bound in bounds
    }


def _gauge(name: str, bad: str, good: str) -> Case:
    return Case({name: f"{bad}x{NOW}"}, {name: f"{good}x{NOW}"})


def _requests(failed: int) -> dict[str, str]:
    name = "envoy_http_downstream_rq_xx"
    return {
        f'{name}{{{PUBLIC}, envoy_response_code_class="2"}}': f"0+1000x{NOW}",
        f'{name}{{{PUBLIC}, envoy_response_code_class="5"}}': f"0+{failed}x{NOW}",
    }


def _clouds(status: str) -> dict[str, str]:
    name = "http_client_request_duration_seconds_count"
    where = 'service_name="billing", server_address="api.stripe.com"'
    return {f"{name}{{{where}}}": f"0+10x{NOW}", f'{name}{{{where}, error_type="{status}"}}': f"0+10x{NOW}"}


def _told(*services: str) -> dict[str, str]:
    rows = [_served(name, 1) for name in services if name in SERVICES]
    pool = {f'db_client_connection_max{{service_name="{name}"}}': f"10x{NOW}" for name in services if "worker" in name}
    return {name: values for row in (*rows, pool) for name, values in row.items()}


def _runs(failed: int, outcome: str = "failed") -> dict[str, str]:
    name = "drape_tryon_engine_runs_total"
    return {
        f'{name}{{drape_engine="fashn", drape_outcome="succeeded"}}': f"0+10x{NOW}",
        f'{name}{{drape_engine="fashn", drape_outcome="{outcome}"}}': f"0+{failed}x{NOW}",
    }


STATEMENTS = 'db_client_operation_duration_seconds_count{db_namespace="auth"%s}'
TASKS = 'messaging_process_duration_seconds_count{service_name="billing", messaging_destination_name="process"%s}'
FAILED = ', error_type="X"'
CASES = {
    "GatewayErrors": Case(_requests(20), _requests(5)),
    "ServiceErrors": Case(_served("auth", 90) | _served("auth", 10, "INTERNAL"), _served("auth", 100)),
    "ServiceSlow": Case(
        _buckets(RPC, 'service_name="auth", rpc_method="Login", ', 4),
        _buckets(RPC, 'service_name="auth", rpc_method="Login", ', 0.4)
        | _buckets(RPC, 'service_name="tryon", rpc_method="drape.tryon.v1.TryonService/Generate", ', 40),
    ),
    "ServiceSilent": Case(_told("auth", "media", "tryon", "tryon-worker"), _told(*SERVICES, "tryon-worker")),
    "NoHealthyCopy": _gauge('envoy_cluster_membership_healthy{envoy_cluster_name="auth"}', "0", "1"),
    "CertificateExpiring": _gauge("envoy_server_days_until_first_cert_expiring", "4", "20"),
    "CloudFailing": Case(_clouds("500"), _clouds("404")),
    "DatabasePoolExhausted": _gauge('db_client_connection_timeouts_total{service_name="auth"}', "0+1", "3+0"),
    "DatabaseErrors": Case(
        {STATEMENTS % "": f"0+95x{NOW}", STATEMENTS % FAILED: f"0+5x{NOW}"}, {STATEMENTS % "": f"0+100x{NOW}"}
    ),
    "TasksLate": _gauge('drape_queue_oldest_age_seconds{messaging_destination_name="process"}', "400", "10"),
    "TasksFailing": Case({TASKS % FAILED: f"0+2x{NOW}"}, {TASKS % FAILED: f"0+1x{NOW}", TASKS % "": f"0+50x{NOW}"}),
    "TryOnsLate": _gauge("drape_tryon_queue_oldest_seconds", "90", "20"),
    "EnginesFailing": Case(_runs(10), _runs(1)),
    "EngineUnusable": Case(_runs(1, "unusable"), _runs(0, "unusable")),
    "EnginesCostly": _gauge("drape_tryon_engine_cost_USD_total", "0+1", "0+0.5"),
    "BooksBroken": _gauge("drape_billing_ledger_breaches", "1", "0"),
    "BooksNotAudited": _gauge("drape_billing_ledger_audited_seconds", "1", "0+60"),
    "WebhooksLate": Case(
        _buckets("drape_billing_webhook_lag_seconds", "", 200), _buckets("drape_billing_webhook_lag_seconds", "", 2)
    ),
    "WebhooksMissed": _gauge("drape_billing_reconciliation_repaired_total", "0+0.1", "0+0.01"),
    "UploadsFailing": Case(_served("media", 90) | _served("media", 10, "UNAVAILABLE"), _served("media", 100)),
}


def _test(alert: str, series: dict[str, str], fires: bool) -> dict[str, object]:
    minutes = NOW if alert in OF_HOURS else SOON
    asked = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > 0 or vector(0)'
    return {
        "interval": "1m",
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": asked, "eval_time": f"{minutes}m", "exp_samples": [{"labels": "{}", "value": int(fires)}]}
        ],
    }


def test_every_alert_has_a_case() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    assert set(CASES) == {rule["alert"] for group in groups for rule in group["rules"]}


def test_every_alert_goes_off_when_it_should_and_only_then(tmp_path: Path) -> None:
    tests = [_test(name, case.bad, True) for name, case in CASES.items()]
    tests += [_test(name, case.good, False) for name, case in CASES.items()]
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stdout + done.stderr
