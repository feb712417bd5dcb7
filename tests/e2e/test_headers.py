from collections.abc import Callable

import httpx
import pytest

from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser, fetch
from tests.e2e.fitting import TryOn

PROTECTION = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
INNER = ("server", "x-powered-by", "x-http-status", "grpc-status", "grpc-message", "x-envoy-upstream-service-time")


def _register(browser: Browser) -> httpx.Response:
    email = f"new-{browser.email}"
    return browser.post("/api/auth/register", json={"email": email, "password": PASSWORD})


def _login(browser: Browser) -> httpx.Response:
    return browser.post("/api/auth/login", json={"email": browser.email, "password": PASSWORD})


PRIVATE: dict[str, Callable[[Browser], httpx.Response]] = {
    "register": _register,
    "login": _login,
    "refresh": lambda browser: browser.post("/api/auth/refresh"),
    "profile": lambda browser: browser.get("/api/auth/profile"),
    "the other profile": lambda browser: browser.get("/api/user/profile"),
    "changed profile": lambda browser: browser.put("/api/user/profile", json={"name": "Bea"}),
    "balance": lambda browser: browser.get("/api/billing/balance"),
    "transactions": lambda browser: browser.get("/api/billing/transactions"),
    "logout": lambda browser: browser.post("/api/auth/logout"),
    "deleted account": lambda browser: browser.delete("/api/user/account"),
}


@pytest.mark.parametrize("kind", PRIVATE)
def test_answers_with_a_session_a_profile_or_credits_are_not_stored(user: Browser, kind: str) -> None:
    answer = PRIVATE[kind](user)
    assert answer.is_success, answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_the_answer_of_a_try_on_is_not_stored(tryon: TryOn) -> None:
    assert tryon.answer.headers["cache-control"] == "no-store"


def test_images_are_private_immutable_and_for_every_page(user: Browser) -> None:
    shown = fetch(user.upload(pictures.noise())["url"])
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
    directives = {part.strip() for part in shown.headers["cache-control"].split(",")}
    assert {"private", "immutable"} <= directives
    assert "public" not in directives


def test_an_image_that_a_browser_has_is_not_sent_again(user: Browser) -> None:
    url = user.upload(pictures.noise())["url"]
    etag = fetch(url).headers["etag"]
    again = fetch(url, if_none_match=etag)
    assert again.status_code == 304
    assert again.content == b""
    assert fetch(url, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/api/auth/profile", "/api/billing/pricing", "/media/none"])
def test_every_answer_is_protected_and_tells_nothing_of_what_is_behind(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert {name: answer.headers.get(name) for name in PROTECTION} == PROTECTION
    assert not [name for name in INNER if name in answer.headers]
    assert answer.headers["x-request-id"]


def test_plain_http_asks_for_no_https(browser: Browser) -> None:
    assert "strict-transport-security" not in browser.get("/health").headers


@pytest.mark.parametrize("status", ["200", "500"])
def test_nobody_outside_sets_the_status(browser: Browser, status: str) -> None:
    assert browser.get("/api/auth/profile", headers={"x-http-status": status}).status_code == 401
