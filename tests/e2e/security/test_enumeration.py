"""Nobody learns from signing in, or from a forgotten password, who has an account."""

import time
from collections.abc import Callable
from statistics import median
from uuid import uuid4

import httpx

from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused
from tests.e2e.security.inbox import Inbox
from tests.e2e.security.people import login

TRIES = 200
FORGOT = "/api/auth/password/forgot"


def _medians(first: Callable[[], httpx.Response], second: Callable[[], httpx.Response]) -> tuple[float, float]:
    """Of interleaved tries, in an order that favours neither."""
    times: tuple[list[float], list[float]] = ([], [])
    calls = (first, second)
    for number in range(TRIES):
        for index in (0, 1) if number % 2 else (1, 0):
            started = time.perf_counter()
            calls[index]()
            times[index].append(time.perf_counter() - started)
    return median(times[0]), median(times[1])


def _alike(first: Callable[[], httpx.Response], second: Callable[[], httpx.Response]) -> bool:
    one, other = _medians(first, second)
    return abs(one - other) <= 0.05 * max(one, other)


def _nobody() -> str:
    return f"{uuid4().hex}@example.com"


def test_an_unknown_email_and_a_wrong_password_take_the_same_time(browser: Browser, user: Browser) -> None:
    def known() -> httpx.Response:
        return login(browser, user.email, "wrong password")

    def unknown() -> httpx.Response:
        return login(browser, _nobody(), "wrong password")

    # A machine that does other work may spoil one measurement; a real difference spoils each of them.
    assert any(_alike(known, unknown) for _ in range(3))


def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(browser: Browser, user: Browser) -> None:
    known, unknown = login(browser, user.email, "wrong password"), login(browser, _nobody(), "wrong password")
    assert_refused(known, 401, "Invalid credentials")
    assert known.content == unknown.content
    varying = {"date", "x-request-id"}
    assert set(known.headers) - varying == set(unknown.headers) - varying


def test_a_forgotten_password_gives_the_same_answer_in_the_same_time(browser: Browser, user: Browser) -> None:
    def known() -> httpx.Response:
        return browser.post(FORGOT, json={"email": user.email})

    def unknown() -> httpx.Response:
        return browser.post(FORGOT, json={"email": _nobody()})

    assert (known().status_code, known().content) == (unknown().status_code, unknown().content)
    assert any(_alike(known, unknown) for _ in range(3))


def test_asking_again_and_again_does_not_fill_an_inbox(browser: Browser, user: Browser, inbox: Inbox) -> None:
    for _ in range(5):
        assert browser.post(FORGOT, json={"email": user.email}).status_code == 200
    other = _nobody()
    browser.post("/api/auth/register", json={"email": other, "password": "correct horse battery"})
    inbox.wait_for(other, "Confirm")  # the queue has come this far
    assert len(inbox.mails(user.email, "new password")) == 1
