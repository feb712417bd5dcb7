"""Mailed links: they confirm addresses and choose new passwords, once, for a short time, and for nobody else."""

import re
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows, stopped
from tests.e2e.security.inbox import Inbox
from tests.e2e.security.people import login, sign_in

FORGOT = "/api/auth/password/forgot"
RESET = "/api/auth/password/reset"
VERIFY = "/api/auth/email/verify"
RESEND = "/api/auth/email/resend"
NEW_PASSWORD = "quite another one"
STALE = "This link is not valid any more. Please ask for a new one."
MINUTES = (
    "SELECT (extract(epoch FROM expires_at - created_at) / 60)::int FROM mail_tokens "
    "WHERE user_id = $1 AND purpose = 'reset'"
)
OLDER = "UPDATE mail_tokens SET created_at = created_at - interval '61 s' WHERE user_id = $1"
VERIFIED = "SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1"


def _forgot(browser: Browser, email: str, **headers: str) -> None:
    assert browser.post(FORGOT, json={"email": email}, headers=headers).status_code == 200


def _reset(browser: Browser, token: str, password: str = NEW_PASSWORD) -> httpx.Response:
    return browser.post(RESET, json={"token": token, "password": password})


def _move(user: Browser) -> str:
    """Asks for another address, and returns it."""
    address = f"{uuid4().hex}@example.com"
    answer = user.put("/api/user/profile", json={"email": address, "currentPassword": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == user.email
    return address


def test_a_new_account_confirms_its_address(stack: Stack, user: Browser, browser: Browser, inbox: Inbox) -> None:
    token = inbox.token(user.email, "Confirm")
    assert rows(stack, "auth", VERIFIED, user.user_id) == [(False,)]
    assert browser.post(VERIFY, json={"token": token}).status_code == 200
    assert rows(stack, "auth", VERIFIED, user.user_id) == [(True,)]
    assert_refused(browser.post(VERIFY, json={"token": token}), 400, STALE)


def test_a_forgotten_password_is_replaced_over_mail(user: Browser, browser: Browser, inbox: Inbox) -> None:
    _forgot(browser, user.email.upper())
    answer = _reset(browser, inbox.token(user.email, "new password"))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers, "it signs nobody in"
    assert login(browser, user.email).status_code == 401
    sign_in(browser, user.email, NEW_PASSWORD)
    assert_refused(user.post("/api/auth/refresh"), 401)
    inbox.wait_for(user.email, "was changed")


def test_a_link_works_once(user: Browser, browser: Browser, inbox: Inbox) -> None:
    _forgot(browser, user.email)
    token = inbox.token(user.email, "new password")
    assert _reset(browser, token).status_code == 200
    assert_refused(_reset(browser, token, "yet another one"), 400, STALE, "INVALID_LINK")


def test_a_password_that_is_refused_does_not_use_the_link_up(user: Browser, browser: Browser, inbox: Inbox) -> None:
    _forgot(browser, user.email)
    token = inbox.token(user.email, "new password")
    assert_refused(_reset(browser, token, "short"), 400, "Password must be at least 8 characters")
    assert _reset(browser, token).status_code == 200


def test_a_link_does_not_work_for_long(stack: Stack, user: Browser, browser: Browser, inbox: Inbox) -> None:
    _forgot(browser, user.email)
    token = inbox.token(user.email, "new password")
    lifetime = (
        "SELECT extract(epoch FROM expires_at - created_at)::int FROM mail_tokens WHERE user_id = $1 AND purpose = $2"
    )
    assert rows(stack, "auth", lifetime, user.user_id, "reset") == [(30 * 60,)]
    rows(stack, "auth", "UPDATE mail_tokens SET expires_at = now() WHERE user_id = $1", user.user_id)
    assert_refused(_reset(browser, token), 400, STALE)


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 5000])
def test_an_invented_link_does_not_work(browser: Browser, token: str) -> None:
    assert_refused(_reset(browser, token), 400, STALE)
    assert_refused(browser.post(VERIFY, json={"token": token}), 400, STALE)


def test_a_link_that_confirms_does_not_reset(user: Browser, browser: Browser, inbox: Inbox) -> None:
    assert_refused(_reset(browser, inbox.token(user.email, "Confirm")), 400, STALE)


def test_the_link_leads_to_the_frontend_whatever_the_request_says(
    stack: Stack, user: Browser, browser: Browser, inbox: Inbox
) -> None:
    _forgot(browser, user.email, host="evil.example", **{"x-forwarded-host": "evil.example"})
    text = inbox.wait_for(user.email, "new password")["text"]
    assert re.findall(r"https?://[^/\s]+", text) == [stack.frontend_url]


def test_the_token_is_kept_as_a_hash_only(stack: Stack, user: Browser, browser: Browser, inbox: Inbox) -> None:
    _forgot(browser, user.email)
    token = inbox.token(user.email, "new password")
    kept = rows(stack, "auth", "SELECT t::text FROM mail_tokens t WHERE user_id = $1", user.user_id)
    assert kept
    assert token not in str(kept)
    assert token.encode().hex() not in str(kept)


def test_a_new_address_takes_effect_when_it_is_confirmed_and_the_old_one_is_told(
    user: Browser, browsers: Callable[[], Browser], inbox: Inbox
) -> None:
    address = _move(user)
    inbox.wait_for(user.email, "about to change")
    assert login(browsers(), user.email).status_code == 200
    assert login(browsers(), address).status_code == 401
    assert browsers().post(VERIFY, json={"token": inbox.token(address, "Confirm")}).status_code == 200
    assert login(browsers(), address).status_code == 200
    assert login(browsers(), user.email).status_code == 401
    assert user.get("/api/auth/profile").json()["user"]["email"] == address
    inbox.wait_for(user.email, "was changed")


def test_a_new_address_needs_the_password(user: Browser, inbox: Inbox) -> None:
    address = f"{uuid4().hex}@example.com"
    answer = user.put("/api/user/profile", json={"email": address, "currentPassword": "wrong password"})
    assert_refused(answer, 400, "Current password is incorrect")
    _move(user)
    inbox.wait_for(user.email, "about to change")  # the queue has come this far
    assert not inbox.mails(address)


def test_only_the_newest_new_address_can_be_confirmed(user: Browser, browser: Browser, inbox: Inbox) -> None:
    first = inbox.token(_move(user), "Confirm")
    second = inbox.token(_move(user), "Confirm")
    assert_refused(browser.post(VERIFY, json={"token": first}), 400, STALE)
    assert browser.post(VERIFY, json={"token": second}).status_code == 200


def test_an_address_that_somebody_else_took_meanwhile_is_refused(user: Browser, browser: Browser, inbox: Inbox) -> None:
    address = _move(user)
    token = inbox.token(address, "Confirm")
    browser.post("/api/auth/register", json={"email": address, "password": NEW_PASSWORD})
    assert_refused(browser.post(VERIFY, json={"token": token}), 400, "Email already in use")


def test_mails_wait_for_a_mail_server_that_is_away(stack: Stack, user: Browser, browser: Browser, inbox: Inbox) -> None:
    inbox.wait_for(user.email, "Confirm")
    with stopped(stack, "mail"):
        _forgot(browser, user.email)
    assert _reset(browser, inbox.token(user.email, "new password")).status_code == 200


def test_the_inbox_page_shows_the_mail(stack: Stack, user: Browser, inbox: Inbox) -> None:
    inbox.wait_for(user.email, "Confirm")
    page = httpx.get(f"http://localhost:{stack.ports['mail']}/", params={"to": user.email})
    assert "Confirm your e-mail address" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_no_log_holds_an_address_a_password_or_a_token(
    stack: Stack, user: Browser, browser: Browser, inbox: Inbox
) -> None:
    _forgot(browser, user.email)
    token = inbox.token(user.email, "new password")
    _reset(browser, token)
    login(browser, user.email, NEW_PASSWORD)
    logs = "".join(file.read_text() for file in (stack.data_dir / "logs").glob("*.log"))
    secrets = (user.email, PASSWORD, NEW_PASSWORD, token, browser.cookies["access_token"])
    assert not [secret for secret in secrets if secret in logs]


def test_a_lost_link_is_mailed_again_to_who_is_signed_in(
    stack: Stack, user: Browser, browser: Browser, inbox: Inbox
) -> None:
    first = inbox.token(user.email, "Confirm")
    rows(stack, "auth", OLDER, user.user_id)
    assert_refused(browser.post(RESEND, json={}), 401)
    assert user.post(RESEND, json={}).status_code == 200
    assert_refused(browser.post(VERIFY, json={"token": first}), 400, STALE)
    assert browser.post(VERIFY, json={"token": inbox.token(user.email, "Confirm", 2)}).status_code == 200
