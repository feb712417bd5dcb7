"""docs/operations.md: what it names exists, and every alert has a section."""

import re

import pytest
import yaml

from sandbox.stack import ROOT
from tests.deploy.manifests import SETTINGS, known_settings

TEXT = (ROOT / "docs" / "operations.md").read_text()
HEADINGS = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", TEXT, re.M)}


def test_every_alert_has_a_section() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "observability" / "alerts.yaml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    assert {alert.lower() for alert in alerts} <= HEADINGS


def test_every_section_that_is_linked_to_exists() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= HEADINGS


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, re.M))
    assert len(named) > 4
    assert named <= targets


@pytest.mark.parametrize(
    "pattern", [r"\]\(((?!https?:|#)[^)]+)\)", r"`((?:deploy|tests|services|components)/[\w./-]+)`"]
)
def test_every_file_that_is_named_exists(pattern: str) -> None:
    # That folder is made by the command the text gives.
    named = set(re.findall(pattern, TEXT)) - {"deploy/k8s/overlays/local/secrets"}
    assert named
    bases = (ROOT / "docs", ROOT, ROOT / "deploy" / "k8s")
    assert not [name for name in named if not any((base / name).exists() for base in bases)]


def test_what_the_log_is_said_to_have_is_what_the_code_says() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.py") if "tests" not in path.parts)
    phrases = set(re.findall(r"`([a-z]+(?:,? [a-z]+)+)`", TEXT.split("## Alerts")[1].split("## Sizing")[0]))
    assert {"task failed, it will be tried again", "engine run"} <= phrases
    assert not [phrase for phrase in phrases if phrase not in code and not phrase.startswith("kubectl")]


def test_the_tasks_that_are_explained_are_those_there_are() -> None:
    section = TEXT.split("### TasksFailing\n")[1].split("\n### ")[0]
    names = {name for row in re.findall(r"^\| (`.*?) \| \w", section, re.M) for name in re.findall(r"`(\w+)`", row)}
    code = "\n".join(path.read_text() for path in (ROOT / "services").glob("*/*.py"))
    assert len(names) > 8
    assert not [name for name in names if f'"{name}"' not in code]
    assert set(re.findall(r'^[A-Z]+_TASK = "(\w+)"', code, re.M)) - {"forgot_password"} <= names


def test_the_vault_has_what_the_services_need() -> None:
    rows = dict(re.findall(r"^\| `drape/(\w+)` \|(.*)\|$", TEXT, re.M))
    for service in ("auth", "media", "tryon", "billing"):
        listed = set(re.findall(r"`([A-Z_0-9]+)`", rows[service]))
        secret = {
            name.upper()
            for name, info in SETTINGS[service].model_fields.items()
            if info.is_required() and name.upper() != "DATABASE_URL"
        }
        assert secret <= listed
        assert listed <= known_settings()


def test_what_pods_ask_for_is_at_least_what_was_measured() -> None:
    table = TEXT.split("## Sizing")[1]
    (names,) = re.findall(r"^\| \| (gateway .*) \|$", table, re.M)
    (cells,) = re.findall(r"^\| memory after all that, MiB \| (.*) \|$", table, re.M)
    measured = dict(zip(names.split(" | "), map(int, cells.split(" | ")), strict=True))
    for name in (*SETTINGS, "gateway"):
        text = (ROOT / "deploy" / "k8s" / "base" / f"{name}.yaml").read_text()
        asked, unit = re.findall(r"requests: \{cpu: \S+, memory: (\d+)(Mi|Gi)\}", text)[-1]
        assert int(asked) * {"Mi": 1, "Gi": 1024}[unit] >= measured[name], name


def test_every_image_of_the_local_cluster_is_loaded_into_it() -> None:
    local = ROOT / "deploy" / "k8s"
    files = [*local.glob("base/*.yaml"), *local.glob("overlays/local/*.yaml")]
    used = {image for file in files for image in re.findall(r"image: (drape/\S+)", file.read_text())}
    assert len(used) == 6
    assert used <= set(re.findall(r"drape/[\w:.]+", TEXT.split("## On one host")[0]))
