"""What a process reads from its environment, and what it says when that is not complete."""

import json

import pytest

from services.kit import settings
from services.kit.settings import ServiceSettings
from services.kit.tests.credentials import new_key


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that is complete."""
    for name in ("DATABASE_POOL", "PUBLIC_URL", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SERVICE_PRIVATE_KEY", new_key())
    monkeypatch.setenv("SERVICE_PUBLIC_KEYS", json.dumps({"auth": "a"}))
    return monkeypatch


def test_what_is_not_set_has_its_default(environment: pytest.MonkeyPatch) -> None:
    found = settings.load(ServiceSettings)
    assert (found.database_pool, found.log_level, found.service_public_keys) == (10, "INFO", {"auth": "a"})


@pytest.mark.parametrize(("url", "secure"), [("http://localhost:8080", False), ("https://drape.example", True)])
def test_cookies_are_secure_where_browsers_come_over_https(
    environment: pytest.MonkeyPatch, url: str, secure: bool
) -> None:
    environment.setenv("PUBLIC_URL", url)
    assert settings.load(ServiceSettings).secure_cookies is secure


def test_everything_that_is_missing_or_wrong_is_named_in_one_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("SERVICE_PRIVATE_KEY")
    environment.setenv("DATABASE_POOL", "many")
    with pytest.raises(SystemExit) as ended:
        settings.load(ServiceSettings)
    sentence = str(ended.value)
    assert "\n" not in sentence
    assert "SERVICE_PRIVATE_KEY" in sentence
    assert "DATABASE_POOL" in sentence


def test_what_is_wrong_is_not_repeated(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SERVICE_PUBLIC_KEYS", "hunter2")
    environment.setenv("DATABASE_POOL", "hunter2")
    with pytest.raises(SystemExit) as ended:
        settings.load(ServiceSettings)
    assert "service_public_keys" in str(ended.value).lower()
    assert "hunter2" not in str(ended.value)


def test_secrets_do_not_show_when_settings_are_printed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SERVICE_PRIVATE_KEY", "hunter2")
    assert "hunter2" not in repr(settings.load(ServiceSettings))


@pytest.mark.parametrize("name", ["TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE"])
def test_tls_is_whole_or_off(environment: pytest.MonkeyPatch, name: str) -> None:
    assert settings.load(ServiceSettings).tls is None
    environment.setenv(name, "/tls/file")
    with pytest.raises(SystemExit, match="TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE must be set together"):
        settings.load(ServiceSettings)


def test_a_process_in_production_is_not_told_to_die(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAPE_FAILPOINT", "saga.capture.before")
    with pytest.raises(SystemExit) as ended:
        settings.load(ServiceSettings)
    assert "DRAPE_FAILPOINT: a process in production is not told to die" in str(ended.value)
    environment.setenv("ENVIRONMENT", "local")
    assert settings.load(ServiceSettings).drape_failpoint == "saga.capture.before"
