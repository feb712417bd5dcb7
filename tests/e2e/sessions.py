"""Sessions as a browser holds them: two tokens, shown one by one and not by a cookie jar."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.e2e.browser import NO_TLS, PASSWORD, Browser
from tests.e2e.contract import check_every_answer

PROFILE = "/api/auth/profile"


@dataclass(frozen=True)
class Tokens:
    """What a session is shown by."""

    access: str
    refresh: str


def tokens_of(browser: Browser) -> Tokens:
    """The tokens that the browser holds."""
    return Tokens(browser.cookies["access_token"], browser.cookies["refresh_token"])


def cookies_in(answer: httpx.Response) -> dict[str, str]:
    """The cookies that the answer sets, by name, with all their attributes."""
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def value_of(cookie: str) -> str:
    """The value of a Set-Cookie line."""
    return cookie.partition("=")[2].partition(";")[0]


def new_tokens(answer: httpx.Response) -> Tokens:
    """The tokens that the answer hands out."""
    cookies = cookies_in(answer)
    assert set(cookies) == {"access_token", "refresh_token"}, cookies
    return Tokens(value_of(cookies["access_token"]), value_of(cookies["refresh_token"]))


def sign_in(url: str, email: str) -> Tokens:
    """Opens one more session of an account."""
    with Browser(url) as browser:
        answer = browser.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return tokens_of(browser)


def show(
    url: str, cookies: Mapping[str, str], bearer: str = "", path: str = PROFILE, method: str = "GET"
) -> httpx.Response:
    """Asks with exactly these cookies and this bearer token."""
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    answer = httpx.request(method, f"{url}{path}", headers=headers, verify=NO_TLS)
    check_every_answer(answer)
    return answer


def rotate(url: str, refresh: str) -> Tokens:
    """Exchanges a refresh token for the next one."""
    answer = show(url, {"refresh_token": refresh}, path="/api/auth/refresh", method="POST")
    assert answer.status_code == 200, answer.text
    return new_tokens(answer)
