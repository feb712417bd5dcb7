"""Sessions that were last used a while ago: their rows are made older, for nobody can wait that long."""

from collections.abc import Iterator
from datetime import timedelta

import jwt
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import changed, rows
from tests.e2e.sessions import Tokens, cookies_in, rotate, show, tokens_of


@pytest.fixture(scope="module")
def https(stack: Stack) -> Iterator[None]:
    """The auth service of a site that is reached over HTTPS."""
    with changed(stack, "auth", PUBLIC_URL="https://shop.example"):
        yield


def _make_older(stack: Stack, tokens: Tokens, age: timedelta) -> None:
    session_id = jwt.decode(tokens.access, options={"verify_signature": False})["sid"]
    older = "UPDATE sessions SET rotated_at = rotated_at - $2::interval WHERE id = $1 RETURNING id"
    assert rows(stack, "auth", older, session_id, age)


def test_a_session_that_was_used_within_seven_days_is_renewed(stack: Stack, user: Browser) -> None:
    tokens = tokens_of(user)
    _make_older(stack, tokens, timedelta(days=6, hours=23))
    tokens = rotate(stack.url, tokens.refresh)
    _make_older(stack, tokens, timedelta(days=6, hours=23))
    assert show(stack.url, {"refresh_token": tokens.refresh}).status_code == 200


def test_a_session_that_was_not_used_for_seven_days_has_ended(stack: Stack, user: Browser) -> None:
    tokens = tokens_of(user)
    _make_older(stack, tokens, timedelta(days=7, seconds=1))
    assert_refused(show(stack.url, {"refresh_token": tokens.refresh}), 401, "Invalid or expired token")


def test_a_used_refresh_token_is_good_for_thirty_seconds_more(stack: Stack, user: Browser) -> None:
    tokens = tokens_of(user)
    child = rotate(stack.url, tokens.refresh)
    _make_older(stack, tokens, timedelta(seconds=25))
    assert rotate(stack.url, tokens.refresh).refresh == child.refresh


def test_a_used_refresh_token_ends_its_session_after_thirty_seconds(stack: Stack, user: Browser) -> None:
    tokens = tokens_of(user)
    child = rotate(stack.url, tokens.refresh)
    _make_older(stack, tokens, timedelta(seconds=31))
    for refresh in (tokens.refresh, child.refresh):
        assert_refused(show(stack.url, {"refresh_token": refresh}), 401, "Invalid or expired token")


@pytest.mark.usefixtures("https")
@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/logout"])
def test_behind_https_the_cookies_of_a_session_are_secure(user: Browser, path: str) -> None:
    answer = user.post(path, json={"email": user.email, "password": PASSWORD})
    cookies = cookies_in(answer)
    for name in ("access_token", "refresh_token"):
        assert cookies[name].endswith("; HttpOnly; SameSite=Strict; Secure")
