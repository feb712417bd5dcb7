from pathlib import Path

import pytest
import yaml

from gateway.render import DEFAULTS, render
from gateway.tests.envoys import DESCRIPTORS, validate

HERE = {"DESCRIPTORS": str(DESCRIPTORS)}
TRACED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "TRACES_PERCENT": "10"}
PRODUCTION = HERE | {
    "LISTEN_PORT": "443",
    "PUBLIC_URL": "https://api.shop.example/",
    "FRONTEND_URL": "https://shop.example/",
    "TRUSTED_HOPS": "2",
    "AUTH_HOST": "auth.drape.svc.cluster.local",
    "MEDIA_HOST": "media.drape.svc.cluster.local",
    "TRYON_HOST": "tryon.drape.svc.cluster.local",
    "BILLING_HOST": "billing.drape.svc.cluster.local",
    "PER_SECOND": "5000",
    "BURST": "10000",
}


@pytest.mark.parametrize(
    "environment",
    [HERE, PRODUCTION, HERE | {"RATE_LIMIT": "off"}, HERE | TRACED],
    ids=["here", "there", "bench", "traced"],
)
def test_envoy_takes_the_configuration(environment: dict[str, str], tmp_path: Path) -> None:
    answer = validate(render(environment), tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip().endswith("OK")


def test_envoy_would_not_take_just_any_configuration(tmp_path: Path) -> None:
    assert validate(render(HERE).replace("stat_prefix: public", "no_such_field: public"), tmp_path).returncode != 0


def test_every_name_in_the_file_is_filled_in() -> None:
    configuration = "\n".join(line for line in render({}).splitlines() if not line.lstrip().startswith("#"))
    assert "$" not in configuration


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("evil", ['a", evil: "b', "a\nevil: b", "a\\", 'x"'])
def test_a_value_cannot_leave_its_place(name: str, evil: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must"):
        render({name: evil})


@pytest.mark.parametrize("name", [name for name, default in DEFAULTS.items() if default.isdigit()])
@pytest.mark.parametrize("evil", ["", "x", "-1", "1.5", "80}, evil: {a: 1", "80 #", "٣"])
def test_a_number_must_be_one(name: str, evil: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number$"):
        render({name: evil})


def test_names_that_the_file_does_not_know_are_ignored() -> None:
    assert render({"PATH": "/bin", "EVIL": '"\n'}) == render({})


def test_a_service_may_have_several_copies(tmp_path: Path) -> None:
    configuration = render(HERE | {"MEDIA_HOST": "10.0.0.1, 10.0.0.2:6000", "MEDIA_PORT": "5000"})
    clusters = {one["name"]: one for one in yaml.safe_load(configuration)["static_resources"]["clusters"]}
    [group] = clusters["media"]["load_assignment"]["endpoints"]
    places = [one["endpoint"]["address"]["socket_address"] for one in group["lb_endpoints"]]
    assert places == [{"address": "10.0.0.1", "port_value": 5000}, {"address": "10.0.0.2", "port_value": 6000}]
    assert validate(configuration, tmp_path).returncode == 0


@pytest.mark.parametrize("evil", ["", ",", "a,", ":1", "a:b", "a:1:2"])
def test_copies_must_be_names_with_or_without_a_port(evil: str) -> None:
    with pytest.raises(ValueError, match="hosts must be"):
        render({"MEDIA_HOST": evil})


def test_without_a_place_for_them_there_are_no_spans() -> None:
    assert "tracing:" not in render(HERE)
    assert "tracing:" in render(HERE | TRACED)


@pytest.mark.parametrize("evil", ["collector:4317", "https://collector:4317", "http://"])
def test_spans_go_to_a_collector_beside_the_gateway(evil: str) -> None:
    with pytest.raises(ValueError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT must be"):
        render({"OTEL_EXPORTER_OTLP_ENDPOINT": evil})


def test_the_configuration_fits_into_an_argument_with_all_its_parts() -> None:
    assert len(render(PRODUCTION | TRACED).encode()) < 128 * 1024


def test_an_address_may_end_with_a_slash() -> None:
    assert render({"FRONTEND_URL": "https://shop.example/", "PUBLIC_URL": "https://api.example/"}) == render(
        {"FRONTEND_URL": "https://shop.example", "PUBLIC_URL": "https://api.example"}
    )
