"""compose.yaml: everything it names exists, and is what the code reads."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.render import DEFAULTS
from sandbox.stack import ROOT
from scripts import cluster_secrets
from services.kit import embedded
from services.kit.database import connect
from tests.deploy.manifests import SERVICES, SETTINGS, known_settings
from tests.deploy.test_backups import PROGRAMS

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
PARTS: dict[str, Any] = COMPOSE["services"]
# The ports of images that are not ours.
PORTS = {"postgres": 5432, "minio": 9000, "collector": 4317}


def _dockerfile_ports(name: str) -> set[int]:
    text = (ROOT / "Dockerfile").read_text()
    stage = text.split(f" AS {name}\n", 1)[1].split("\nFROM ", 1)[0]
    return {int(port) for line in re.findall(r"^EXPOSE (.+)$", stage, re.M) for port in line.split()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def test_every_image_has_a_version_and_ours_are_built_from_here() -> None:
    for name, part in PARTS.items():
        assert re.search(r":[\w.-]*\d[\w.-]*$", part["image"]), name
        if part["image"].startswith("drape/"):
            assert part["build"].get("target") or part["build"]["args"]["SERVICE"] in SERVICES
            assert part["read_only"] is True
            assert part["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_one_that_the_service_reads_and_none_is_missing(name: str) -> None:
    given = {variable for variable in PARTS[name]["environment"] if not variable.startswith("OTEL_")}
    assert given <= known_settings()
    fields = SETTINGS[name].model_fields.items()
    assert {field.upper() for field, info in fields if info.is_required()} <= given
    assert {field.upper() for field, _ in fields if field.endswith("_address")} <= given


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_under_way_has_time_to_end(name: str) -> None:
    given = PARTS[name]["environment"].get("DRAIN_SECONDS")
    own = float(given or SETTINGS[name].model_fields["drain_seconds"].default)
    assert float(PARTS[name]["stop_grace_period"].removesuffix("s")) >= 2 * own + 5


def test_the_gateways_variables_are_those_it_reads() -> None:
    assert set(PARTS["gateway"]["environment"]) <= set(DEFAULTS)
    for service in SERVICES:
        assert DEFAULTS[f"{service.upper()}_HOST"] in PARTS
        assert int(DEFAULTS[f"{service.upper()}_PORT"]) in _dockerfile_ports(service)


def test_every_address_is_that_of_a_part() -> None:
    found = {pair for text in _texts(PARTS) for pair in re.findall(r"(?:^|[@/])([a-z]+):(\d{4,5})\b", text)}
    found -= {("jaeger", "4317"), ("localhost", "8080")}  # defaults that are the operator's own, and a browser's
    assert len(found) > 6
    for host, port in found:
        ports = {PORTS[host]} if host in PORTS else _dockerfile_ports(host)
        assert int(port) in ports, (host, port)


def test_whatever_is_waited_for_can_say_that_it_is_well() -> None:
    for name, part in PARTS.items():
        for other, how in part.get("depends_on", {}).items():
            assert other in PARTS, name
            if how["condition"] == "service_healthy":
                ours = PARTS[other]["image"].startswith("drape/")
                assert ours or "healthcheck" in PARTS[other], f"{name} waits for {other} for ever"


def test_every_volume_network_and_file_is_there() -> None:
    for part in PARTS.values():
        assert set(part.get("networks", ())) <= set(COMPOSE["networks"])
        assert {volume.split(":")[0] for volume in part.get("volumes", ())} <= set(COMPOSE["volumes"])
        assert {config["source"] for config in part.get("configs", ())} <= set(COMPOSE["configs"])
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).is_file()


def test_the_env_file_has_every_secret_and_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    cluster_secrets.write_compose(file)
    first = file.read_text()
    cluster_secrets.write_compose(file)
    assert file.read_text() == first
    assert file.stat().st_mode & 0o777 == 0o600
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text()))
    assert needed == {line.split("=")[0] for line in first.splitlines()}


def _make_databases(environment: dict[str, str]) -> None:
    script = ROOT / "deploy" / "k8s" / "overlays" / "local" / "databases.sh"
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([script], env=environment | {"PATH": path}, check=True, capture_output=True)


async def test_each_service_gets_a_database_that_the_others_cannot_enter(data_dir: Path) -> None:
    passwords = {f"{name.upper()}_DATABASE_PASSWORD": f"{name}'s" for name in SERVICES}
    embedded.start(data_dir)
    try:
        socket = embedded.url(data_dir, "postgres", "postgres").split("host=")[1]
        _make_databases({"PGHOST": socket} | passwords)
        connection = await connect(embedded.url(data_dir, "postgres", "postgres"))
        rows = await connection.fetch(
            "SELECT datname, rolname, has_database_privilege(rolname, datname, 'CONNECT') AS enters"
            " FROM pg_database, pg_roles WHERE datname = ANY($1) AND rolname = ANY($1)",
            SERVICES,
        )
        await connection.close()
    finally:
        embedded.stop(data_dir)
    assert len(rows) == 16
    assert all(row["enters"] == (row["datname"] == row["rolname"]) for row in rows)
