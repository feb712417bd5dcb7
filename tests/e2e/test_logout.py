from collections.abc import Callable

import httpx
import pytest

from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused

LOGOUT = "/api/auth/logout"
CLEARED = [
    "access_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    "refresh_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    "token=; Path=/; Max-Age=0",
]


def _check_signed_out(answer: httpx.Response) -> None:
    assert answer.status_code == 200
    assert answer.json() == {"message": "Logged out successfully"}
    assert sorted(answer.headers.get_list("set-cookie")) == CLEARED


def test_logging_out_clears_our_cookies_and_the_frontends(user: Browser) -> None:
    _check_signed_out(user.post(LOGOUT))
    assert not list(user.cookies.jar)


def test_logging_out_needs_no_credentials(browser: Browser) -> None:
    _check_signed_out(browser.post(LOGOUT))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"all": true}'])
def test_logging_out_takes_any_or_no_body(browser: Browser, body: bytes) -> None:
    _check_signed_out(browser.post(LOGOUT, content=body, headers={"content-type": "application/json"}))


def test_logging_out_with_garbage_is_logging_out(browser: Browser) -> None:
    browser.headers["authorization"] = "Bearer a.b.c"
    browser.headers["cookie"] = "access_token=x; refresh_token=y; token=z"
    _check_signed_out(browser.post(LOGOUT))


def test_logging_out_ends_the_session(user: Browser, browser: Browser) -> None:
    kept = dict(user.cookies)
    user.post(LOGOUT)
    browser.cookies.set("access_token", kept["access_token"])
    assert_refused(browser.get("/api/auth/profile"), 401, "Invalid or expired token")
    browser.cookies.clear()
    browser.cookies.set("refresh_token", kept["refresh_token"])
    assert_refused(browser.post("/api/auth/refresh"), 401)
    assert_refused(browser.get("/api/auth/profile"), 401, "Invalid or expired token")


@pytest.mark.parametrize("place", ["access_token", "refresh_token", "token", "authorization"])
def test_any_one_credential_is_enough_to_end_the_session(user: Browser, browser: Browser, place: str) -> None:
    access = user.cookies["access_token"]
    if place == "authorization":
        headers = {"authorization": f"Bearer {access}"}
    else:
        headers = {"cookie": f"{place}={user.cookies['refresh_token'] if place == 'refresh_token' else access}"}
    _check_signed_out(browser.post(LOGOUT, headers=headers))
    assert_refused(user.post("/api/auth/refresh"), 401)


def test_logging_out_here_leaves_the_other_sessions_alone(user: Browser, browsers: Callable[[], Browser]) -> None:
    elsewhere = browsers()
    elsewhere.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    user.post(LOGOUT)
    assert elsewhere.get("/api/auth/profile").status_code == 200


def test_one_can_sign_in_again_after_logging_out(user: Browser) -> None:
    user.post(LOGOUT)
    assert user.post("/api/auth/login", json={"email": user.email, "password": PASSWORD}).status_code == 200
    assert user.get("/api/auth/profile").json()["user"]["id"] == user.user_id
