import pytest

from sandbox.stack import Stack
from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import stopped
from tests.e2e.polling import until


@pytest.mark.parametrize("path", ["/health", "/health?probe=1"])
def test_health_is_public_and_ok(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["status"] == "ok"


def test_health_needs_no_good_credentials(browser: Browser) -> None:
    browser.headers["authorization"] = "Bearer stale"
    assert browser.get("/health").status_code == 200


def test_a_service_that_is_away_shows_in_the_health_and_its_own_paths_only(stack: Stack, user: Browser) -> None:
    with stopped(stack, "billing"):
        until("the health is not ok", lambda: user.get("/health").status_code == 503)
        assert_refused(user.get("/health"), 503)
        assert_refused(user.get("/api/billing/balance"), 503)
        assert user.images() == []
        profile = user.get("/api/auth/profile")
        assert profile.status_code == 200
        assert "credits" not in profile.json()["user"]
    assert user.get("/health").json()["status"] == "ok"
    assert user.credits() == 5


@pytest.mark.parametrize("path", ["/healthz", "/health/", "/api", "/api/", "/api/nothing", "/index.html"])
def test_elsewhere_is_no_route(browser: Browser, path: str) -> None:
    assert_refused(browser.get(path), 404, "Route not found")
