"""Another site's page can make a browser send a request, but not one that does anything."""

import json

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows

UNSAFE = (
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/logout"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/password/forgot"),
    ("POST", "/api/auth/password/reset"),
    ("POST", "/api/auth/email/verify"),
    ("PUT", "/api/user/profile"),
    ("DELETE", "/api/user/account"),
    ("DELETE", "/api/auth/sessions"),
    ("DELETE", "/api/auth/sessions/some"),
    ("POST", "/api/images/upload"),
    ("POST", "/api/images/save"),
    ("DELETE", "/api/images/some"),
    ("POST", "/api/tryon/generate"),
    ("POST", "/api/tryon/jobs"),
    ("POST", "/api/tryon/jobs/some/cancel"),
    ("POST", "/api/tryon/check"),
    ("POST", "/api/billing/checkout"),
)
JSON_ONLY = tuple(item for item in UNSAFE if item[1] != "/api/images/upload")
FOREIGN = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:3000.evil.example"},
    {"sec-fetch-site": "same-site", "origin": "http://neighbour.localhost:3000"},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()))
def test_every_unsafe_method_from_another_site_is_refused(user: Browser, headers: dict[str, str]) -> None:
    for method, path in UNSAFE:
        assert_refused(user.request(method, path, headers=headers), 403, reason="CROSS_SITE_REQUEST")
    assert user.get("/api/auth/profile").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_the_frontend_is_allowed_wherever_it_is(stack: Stack, user: Browser, site: str | None) -> None:
    headers = {"origin": stack.frontend_url} | ({"sec-fetch-site": site} if site else {})
    answer = user.put("/api/user/profile", json={"name": "Bea"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == stack.frontend_url


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}])
def test_requests_of_our_own_page_and_of_programs_are_allowed(user: Browser, headers: dict[str, str]) -> None:
    assert user.put("/api/user/profile", json={"name": "Bea"}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_json_that_calls_itself_something_else_is_refused(user: Browser, kind: str) -> None:
    for method, path in JSON_ONLY:
        answer = user.request(method, path, content=json.dumps({"name": "Eve"}), headers={"content-type": kind})
        assert_refused(answer, 415, "Please send JSON")
    assert user.get("/api/auth/profile").json()["user"]["name"] == "Ann"


def test_a_body_of_no_type_at_all_is_refused(user: Browser) -> None:
    assert_refused(user.put("/api/user/profile", content=b'{"name": "Eve"}'), 415, "Please send JSON")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_taken_however_it_is_spelled(user: Browser, kind: str) -> None:
    answer = user.put("/api/user/profile", content=b'{"name": "Bea"}', headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_get_never_changes_anything(stack: Stack, user: Browser) -> None:
    state = "SELECT u::text, s::text FROM users u JOIN sessions s ON s.user_id = u.id WHERE u.id = $1"
    before = rows(stack, "auth", state, user.user_id)
    form = {"name": "Eve", "email": "eve@example.com", "password": "quite another one", "currentPassword": PASSWORD}
    for method, path in UNSAFE:
        for pretended in ({}, {"x-http-method-override": method}, {"x-method-override": method}):
            user.get(path, params=form | {"_method": method}, headers=pretended)
    assert rows(stack, "auth", state, user.user_id) == before
    assert user.images() == []


def test_the_webhook_is_exempt_and_says_who_it_is_by_its_signature(stack: Stack) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example", "content-type": "text/plain"}
    answer = httpx.post(f"{stack.url}/api/billing/webhook", content=b"{}", headers=headers)
    assert_refused(answer, 400, "Webhook signature verification failed")


def test_our_cookies_do_not_travel_with_requests_of_other_sites(user: Browser, browser: Browser) -> None:
    answer = browser.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
