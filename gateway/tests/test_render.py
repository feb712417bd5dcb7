from pathlib import Path

import pytest

from gateway.render import DEFAULTS, render
from gateway.tests.envoys import DESCRIPTORS, validate

HERE = {"DESCRIPTORS": str(DESCRIPTORS)}
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
    "environment", [HERE, PRODUCTION, HERE | {"RATE_LIMIT": "off"}], ids=["here", "there", "bench"]
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


def test_an_address_may_end_with_a_slash() -> None:
    assert render({"FRONTEND_URL": "https://shop.example/", "PUBLIC_URL": "https://api.example/"}) == render(
        {"FRONTEND_URL": "https://shop.example", "PUBLIC_URL": "https://api.example"}
    )
