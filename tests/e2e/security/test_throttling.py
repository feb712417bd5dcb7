"""Guessing passwords gets slower and slower, for the guesser alone."""

import asyncio
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import changed, stopped
from tests.e2e.security.inbox import Inbox
from tests.e2e.security.people import login, sign_in

FREE = 3
FIRST = 2


@pytest.fixture(scope="module", autouse=True)
def _throttled(stack: Stack) -> Iterator[None]:
    settings = {"THROTTLE_ACCOUNT_FREE": str(FREE), "THROTTLE_FIRST_SECONDS": str(FIRST)}
    with changed(stack, "auth", THROTTLE="on", THROTTLE_ADDRESS_FREE="1000", **settings):
        yield


def _guess(browser: Browser, email: str) -> httpx.Response:
    return login(browser, email, "wrong password")


def _guess_until_refused(browser: Browser, email: str) -> httpx.Response:
    for _ in range(FREE + 1):
        assert_refused(_guess(browser, email), 401, "Invalid credentials")
    return _guess(browser, email)


def _wait(answer: httpx.Response) -> int:
    seconds = int(answer.headers["retry-after"])
    assert answer.json()["details"][0]["metadata"]["retryAfterSeconds"] == str(seconds)
    return seconds


def test_after_some_tries_comes_a_pause_even_for_the_right_password(browser: Browser, user: Browser) -> None:
    refused = _guess_until_refused(browser, user.email)
    assert_refused(refused, 429, reason="TOO_MANY_ATTEMPTS")
    assert 1 <= _wait(refused) <= FIRST
    assert_refused(login(browser, user.email), 429)


def test_pauses_grow_and_end_by_themselves(browser: Browser, user: Browser) -> None:
    wait = _wait(_guess_until_refused(browser, user.email))
    time.sleep(wait)
    assert_refused(_guess(browser, user.email), 401)
    longer = _wait(_guess(browser, user.email))
    assert FIRST < longer <= 2 * FIRST
    time.sleep(longer)
    assert login(browser, user.email).status_code == 200
    assert_refused(_guess(browser, user.email), 401)  # a success starts the count anew


def test_an_account_that_does_not_exist_is_throttled_alike(browser: Browser) -> None:
    assert_refused(_guess_until_refused(browser, f"{uuid4().hex}@example.com"), 429, reason="TOO_MANY_ATTEMPTS")


def test_another_spelling_of_the_address_is_the_same_account(browser: Browser, user: Browser) -> None:
    assert_refused(_guess_until_refused(browser, user.email), 429)
    assert_refused(_guess(browser, f" {user.email.upper()} "), 429)


def test_guesses_side_by_side_are_all_counted(stack: Stack, user: Browser) -> None:
    async def guess() -> list[int]:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            form = {"email": user.email, "password": "wrong password"}
            answers = await asyncio.gather(*(client.post("/api/auth/login", json=form) for _ in range(30)))
            return [answer.status_code for answer in answers]

    assert asyncio.run(guess()).count(401) <= FREE + 2  # one more when the first pause ends meanwhile


def test_other_accounts_are_not_affected(signed_up: Callable[[], Browser], browser: Browser) -> None:
    victim, other = signed_up(), signed_up()
    assert_refused(_guess_until_refused(browser, victim.email), 429)
    assert login(browser, other.email).status_code == 200
    assert victim.get("/api/auth/profile").status_code == 200


def test_the_owner_can_always_choose_a_new_password_and_sign_in(browser: Browser, user: Browser, inbox: Inbox) -> None:
    assert_refused(_guess_until_refused(browser, user.email), 429)
    assert browser.post("/api/auth/password/forgot", json={"email": user.email}).status_code == 200
    form = {"token": inbox.token(user.email, "new password"), "password": "quite another one"}
    assert browser.post("/api/auth/password/reset", json=form).status_code == 200
    sign_in(browser, user.email, "quite another one")


def test_the_current_password_cannot_be_guessed_in_a_stolen_session_either(user: Browser) -> None:
    form = {"password": "quite another one", "currentPassword": "wrong password"}
    for _ in range(FREE + 1):
        assert_refused(user.put("/api/user/profile", json=form), 400, "Current password is incorrect")
    assert_refused(user.put("/api/user/profile", json=form | {"currentPassword": PASSWORD}), 429)


def test_the_count_outlives_the_process(stack: Stack, browser: Browser, user: Browser) -> None:
    for _ in range(FREE + 1):
        _guess(browser, user.email)
    for wait in (FIRST, 2 * FIRST, 4 * FIRST):  # a pause longer than a restart
        time.sleep(wait)
        _guess(browser, user.email)
    with stopped(stack, "auth"):
        pass
    assert_refused(_guess(browser, user.email), 429)


def test_an_address_that_guesses_at_many_accounts_is_throttled(stack: Stack, browser: Browser) -> None:
    with changed(stack, "auth", THROTTLE_ADDRESS_FREE="5", THROTTLE_FIRST_SECONDS="60"):
        answers = [_guess(browser, f"{uuid4().hex}@example.com") for _ in range(8)]
        # What the tests before have done from this address counts too.
        assert answers[-1].status_code == 429
        assert _wait(answers[-1]) > FIRST
        form = {"email": "nobody@example.com", "password": "wrong password"}
        pretending = {"x-forwarded-for": "203.0.113.7"}
        assert_refused(browser.post("/api/auth/login", json=form, headers=pretending), 429)


def test_an_address_that_opens_accounts_by_the_dozen_is_throttled(stack: Stack, browser: Browser) -> None:
    with changed(stack, "auth", THROTTLE_ADDRESS_FREE="5", THROTTLE_FIRST_SECONDS="60"):
        forms = [{"email": f"{uuid4().hex}@example.com", "password": PASSWORD} for _ in range(8)]
        answers = [browser.post("/api/auth/register", json=form) for form in forms]
        assert answers[-1].status_code == 429
        assert _wait(answers[-1]) > FIRST
