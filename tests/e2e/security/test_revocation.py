"""Whatever ends a session ends access at every service within five seconds, not only when the token expires."""

from collections.abc import Callable

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import stopped
from tests.e2e.fitting import ask, bring
from tests.e2e.security.inbox import Inbox
from tests.e2e.security.people import access_token, check_access_ends, check_access_goes_on, sign_in, statuses

NEW_PASSWORD = "quite another one"


def test_logging_out_ends_access_at_every_service(stack: Stack, user: Browser) -> None:
    token = access_token(user)
    check_access_goes_on(stack, token)
    user.post("/api/auth/logout")
    check_access_ends(stack, token)


def test_ending_the_other_sessions_ends_their_access_and_no_other(
    stack: Stack, user: Browser, again: Callable[[Browser], Browser]
) -> None:
    others = [access_token(again(user)) for _ in range(2)]
    assert user.delete("/api/auth/sessions").status_code == 200
    for token in others:
        check_access_ends(stack, token)
    check_access_goes_on(stack, access_token(user))


def test_a_new_password_ends_access_elsewhere(stack: Stack, user: Browser, again: Callable[[Browser], Browser]) -> None:
    other = access_token(again(user))
    form = {"password": NEW_PASSWORD, "currentPassword": PASSWORD}
    assert user.put("/api/user/profile", json=form).status_code == 200
    check_access_ends(stack, other)
    check_access_goes_on(stack, access_token(user))


def test_resetting_the_password_ends_access_everywhere(
    stack: Stack, user: Browser, browser: Browser, inbox: Inbox
) -> None:
    token = access_token(user)
    browser.post("/api/auth/password/forgot", json={"email": user.email})
    form = {"token": inbox.token(user.email, "new password"), "password": NEW_PASSWORD}
    assert browser.post("/api/auth/password/reset", json=form).status_code == 200
    check_access_ends(stack, token)


def test_deleting_the_account_ends_access_of_every_session(
    stack: Stack, user: Browser, again: Callable[[Browser], Browser]
) -> None:
    tokens = [access_token(user), access_token(again(user))]
    user.delete_account()
    for token in tokens:
        check_access_ends(stack, token)


def test_a_stolen_refresh_token_ends_access_of_the_whole_family(stack: Stack, user: Browser) -> None:
    first = user.cookies["refresh_token"]
    for _ in range(2):
        assert user.post("/api/auth/refresh").status_code == 200
    token = access_token(user)
    assert_refused(httpx.post(f"{stack.url}/api/auth/refresh", headers={"cookie": f"refresh_token={first}"}), 401)
    check_access_ends(stack, token)


@pytest.mark.parametrize("service", ["media", "tryon", "billing"])
def test_a_service_that_starts_anew_knows_what_ended_before(stack: Stack, user: Browser, service: str) -> None:
    token = access_token(user)
    user.post("/api/auth/logout")
    with stopped(stack, service):
        pass
    assert statuses(stack, token)[service] == 401


def test_an_open_event_stream_ends_with_its_session(stack: Stack, user: Browser) -> None:
    form = bring(user)
    with stopped(stack, "worker"), httpx.Client(base_url=stack.url, timeout=30) as watcher:
        job = ask(user, form)
        headers = {"authorization": f"Bearer {access_token(user)}"}
        with watcher.stream("GET", f"/api/tryon/jobs/{job['id']}/events", headers=headers) as events:
            assert events.status_code == 200
            lines = events.iter_lines()
            assert next(lines)
            user.post("/api/auth/logout")
            told = "".join(lines)  # ends, or the client's timeout fails the test
    assert '"status":"succeeded"' not in told


def test_another_good_token_beside_a_revoked_one_is_enough(
    stack: Stack, user: Browser, again: Callable[[Browser], Browser]
) -> None:
    other = again(user)
    gone = access_token(other)
    other.post("/api/auth/logout")
    check_access_ends(stack, gone)
    headers = {"authorization": f"Bearer {gone}", "cookie": f"access_token={access_token(user)}; token={gone}"}
    assert httpx.get(f"{stack.url}/api/images", headers=headers).status_code == 200


def test_signing_in_again_gives_access_again(stack: Stack, user: Browser) -> None:
    token = access_token(user)
    user.post("/api/auth/logout")
    check_access_ends(stack, token)
    check_access_goes_on(stack, access_token(sign_in(user, user.email)))
