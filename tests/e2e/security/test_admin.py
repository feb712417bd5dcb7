"""The admin command finds, disables, enables and deletes users; whatever it does is in the audit log."""

from collections.abc import Callable

from sandbox.stack import Stack
from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows
from tests.e2e.polling import until
from tests.e2e.security.admin import admin
from tests.e2e.security.people import access_token, check_access_ends, login

EVENTS = "SELECT event, actor FROM audit_log WHERE user_id = $1 ORDER BY id"


def test_a_user_is_found_by_address_or_id(stack: Stack, user: Browser) -> None:
    for wanted in (user.email.upper(), user.user_id):
        told = admin(stack, "find", wanted)
        assert user.user_id in told
        assert user.email in told
        assert "$2b$" not in told
    assert "no such user" in admin(stack, "find", "nobody@example.com", status=1)


def test_a_disabled_user_is_signed_out_and_cannot_sign_in_until_enabled(
    stack: Stack, user: Browser, browser: Browser
) -> None:
    token = access_token(user)
    admin(stack, "disable", user.email)
    check_access_ends(stack, token)
    assert_refused(user.post("/api/auth/refresh"), 401)
    assert_refused(login(browser, user.email), 403, reason="ACCOUNT_DISABLED")
    assert_refused(login(browser, user.email, "wrong password"), 401, "Invalid credentials")
    admin(stack, "enable", user.email)
    assert login(browser, user.email).status_code == 200
    told = rows(stack, "auth", EVENTS, user.user_id)
    assert ("account_disabled", "admin") in told
    assert ("account_enabled", "admin") in told


def test_a_deleted_user_is_gone_everywhere(stack: Stack, user: Browser, browser: Browser) -> None:
    token = access_token(user)
    admin(stack, "delete", user.user_id)
    check_access_ends(stack, token)
    assert_refused(login(browser, user.email), 401, "Invalid credentials")
    closed = "SELECT 1 FROM accounts WHERE user_id = $1 AND closed_at IS NOT NULL"
    until("billing closes the account", lambda: rows(stack, "billing", closed, user.user_id), 10)
    assert ("account_deleted", "admin") in rows(stack, "auth", EVENTS, user.user_id)


def test_the_audit_log_says_who_did_what_when_and_from_where(
    stack: Stack, user: Browser, again: Callable[[Browser], Browser]
) -> None:
    other = again(user)
    login(other, user.email, "wrong password")
    other.delete("/api/auth/sessions")
    other.post("/api/auth/logout")
    told = rows(stack, "auth", EVENTS, user.user_id)
    assert [event for event, _ in told] == [
        "registered",
        "logged_in",
        "login_failed",
        "other_sessions_ended",
        "logged_out",
    ]
    places = "SELECT DISTINCT address, user_agent LIKE 'python-httpx%' FROM audit_log WHERE user_id = $1"
    assert rows(stack, "auth", places, user.user_id) == [("127.0.0.1", True)]


def test_the_audit_log_holds_no_secret_and_no_address_of_a_mailbox(stack: Stack, user: Browser) -> None:
    (kept,) = rows(stack, "auth", "SELECT string_agg(a::text, ' ') FROM audit_log a")[0]
    for secret in (user.email, access_token(user), user.cookies["refresh_token"], "@example.com"):
        assert secret not in kept
