"""Signing in, and asking every service as one person."""

import httpx

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.polling import until

# One read of each service that takes nothing but a token.
READS = {
    "auth": "/api/auth/profile",
    "media": "/api/images",
    "tryon": "/api/tryon/jobs",
    "billing": "/api/billing/balance",
}
SECONDS_UNTIL_REVOKED = 5


def login(browser: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    """The answer to signing in."""
    return browser.post("/api/auth/login", json={"email": email, "password": password})


def sign_in(browser: Browser, email: str, password: str = PASSWORD) -> Browser:
    """The browser, signed in."""
    answer = login(browser, email, password)
    assert answer.status_code == 200, answer.text
    browser.user_id, browser.email = answer.json()["user"]["id"], email
    return browser


def access_token(browser: Browser) -> str:
    """The access token that the browser has now."""
    return browser.cookies["access_token"]


def statuses(stack: Stack, token: str) -> dict[str, int]:
    """What each service answers to the token, and nothing but the token."""
    headers = {"authorization": f"Bearer {token}"}
    return {name: httpx.get(f"{stack.url}{path}", headers=headers).status_code for name, path in READS.items()}


def check_access_ends(stack: Stack, token: str) -> None:
    """Asserts that every service refuses the token within five seconds."""
    refused = dict.fromkeys(READS, 401)
    until("every service refuses the token", lambda: statuses(stack, token) == refused, SECONDS_UNTIL_REVOKED)


def check_access_goes_on(stack: Stack, token: str) -> None:
    """Asserts that every service takes the token."""
    assert statuses(stack, token) == dict.fromkeys(READS, 200)
