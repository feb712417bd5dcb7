"""What a worker says about its engines before it starts."""

import pytest
from pydantic import ValidationError

from services.kit.settings import load
from services.tryon.engines.build import limits_of
from services.tryon.settings import WorkerSettings

NEEDED = {"SERVICE_PRIVATE_KEY": "k", "SERVICE_PUBLIC_KEYS": "{}"}


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> WorkerSettings:
    for name, value in (NEEDED | variables).items():
        monkeypatch.setenv(name, value)
    return WorkerSettings.model_validate({})


def test_the_local_engine_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(monkeypatch, LOCAL_WORKERS="3")
    assert config.engines == ["local"]
    local = limits_of(config)["local"]
    assert (local.concurrency, local.failures) == (3, 0)


def test_each_engine_has_its_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(
        monkeypatch,
        ENGINES="fashn, fashn_vton,local",
        FASHN_API_KEY="fa-0123",
        REPLICATE_WEBHOOK_SECRET="whsec_MDEyMw==",
        FASHN_TIMEOUT_SECONDS="25",
        FASHN_CONCURRENCY="8",
        FASHN_DAILY_BUDGET="100",
        FASHN_COST_USD="0.075",
        FASHN_VTON_WEIGHTS_DIR="/weights",
    )
    limits = limits_of(config)["fashn"]
    assert (limits.timeout_seconds, limits.concurrency, limits.daily_budget, limits.cost_usd) == (25, 8, 100, 0.075)
    assert config.engines == ["fashn", "fashn_vton", "local"]
    assert config.fashn_vton.weights_dir == "/weights"
    assert not [secret for secret in ("fa-0123", "MDEyMw") if secret in repr(config)]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ENGINES": "fashn,local"}, "ENGINES names fashn, which needs FASHN_API_KEY"),
        ({"ENGINES": "fal"}, "ENGINES names fal, which needs FAL_API_KEY"),
        (
            {"ENGINES": "replicate", "REPLICATE_API_KEY": "k", "PROVIDER_WEBHOOK_URL": "https://drape.example"},
            "PROVIDER_WEBHOOK_URL with replicate in ENGINES needs REPLICATE_WEBHOOK_SECRET",
        ),
        ({"PROVIDER_WEBHOOK_URL": "http://drape.example"}, "PROVIDER_WEBHOOK_URL must be an https:// address"),
        ({"REPLICATE_WEBHOOK_SECRET": "whsec_é"}, "replicate_webhook_secret\n.*it is not whsec_ and base64"),
        ({"ENGINES": "replicate"}, "ENGINES names replicate, which needs REPLICATE_API_KEY"),
        ({"ENGINES": "vertex"}, "ENGINES names vertex, which needs VERTEX_PROJECT"),
        ({"ENGINES": "fashn_vton"}, "ENGINES names fashn_vton, which needs FASHN_VTON_WEIGHTS_DIR"),
        ({"ENGINES": "magic"}, "names magic, which is none of"),
        ({"ENGINES": "local,local"}, "each only once"),
        ({"ENGINES": ","}, "at least one engine"),
        (
            {"ENGINES": "fal", "FAL_API_KEY": "k", "FAL_API_BASE": "http://127.0.0.1:1"},
            "FAL_API_BASE must be an https:// address in production",
        ),
    ],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings(monkeypatch, **variables)


def test_a_worker_without_its_key_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (NEEDED | {"ENGINES": "fashn"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=r"^Cannot start, .*: ENGINES names fashn, which needs FASHN_API_KEY$"):
        load(WorkerSettings)
