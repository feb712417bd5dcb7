"""The cookies of a session."""

from http.cookies import Morsel, SimpleCookie

import pytest

from services.auth.cookies import Cookies
from services.auth.sessions import Credentials

WEEK = 7 * 24 * 3600
CREDENTIALS = Credentials("ann", "session-1", "an.access.token", "a-refresh_token")


def parsed(values: tuple[str, ...]) -> dict[str, "Morsel[str]"]:
    """The cookies as a browser reads them."""
    found: SimpleCookie = SimpleCookie()
    for value in values:
        found.load(value)
    assert len(found) == len(values)
    return dict(found)


@pytest.mark.parametrize("secure", [True, False])
def test_both_cookies_are_kept_from_scripts_and_other_sites(secure: bool) -> None:
    cookies = parsed(Cookies(secure, 900, WEEK).of(CREDENTIALS))
    assert {name: cookie.value for name, cookie in cookies.items()} == {
        "access_token": "an.access.token",
        "refresh_token": "a-refresh_token",
    }
    for cookie in cookies.values():
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Strict")
        assert bool(cookie["secure"]) is secure


def test_the_cookies_last_as_long_as_what_is_in_them() -> None:
    cookies = parsed(Cookies(True, 900, WEEK).of(CREDENTIALS))
    assert (cookies["access_token"]["max-age"], cookies["refresh_token"]["max-age"]) == ("900", str(WEEK))


def test_the_frontends_cookie_is_never_set() -> None:
    assert "token" not in parsed(Cookies(True, 900, WEEK).of(CREDENTIALS))


def test_signing_out_clears_our_cookies_and_the_frontends() -> None:
    cookies = parsed(Cookies(True, 900, WEEK).cleared())
    assert set(cookies) == {"access_token", "refresh_token", "token"}
    for cookie in cookies.values():
        assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")
    assert not cookies["token"]["httponly"]
