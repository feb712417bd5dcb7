"""Silent renewal: what a request may hold, and what becomes of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import stopped
from tests.e2e.sessions import Tokens, cookies_in, new_tokens, rotate, show, sign_in

STATES = ("missing", "garbage", "stale", "good")
Expired = Callable[[str], str]


@pytest.fixture(scope="module")
def account(stack: Stack) -> Iterator[Browser]:
    """An account with as many sessions as are needed."""
    with Browser(stack.url) as browser:
        yield browser.sign_up()


@pytest.fixture
def session(stack: Stack, account: Browser) -> Tokens:
    """A new session of the account."""
    return sign_in(stack.url, account.email)


@pytest.fixture
def lapsed(stack: Stack, session: Tokens, expired: Expired) -> Iterator[Browser]:
    """A browser that comes back after an hour: its access token has expired, its refresh token is good."""
    with Browser(stack.url) as browser:
        browser.cookies.set("access_token", expired(session.access))
        browser.cookies.set("refresh_token", session.refresh)
        yield browser


def _access(state: str, good: str, expired: Expired) -> str:
    return {"missing": "", "garbage": "not.a.token", "stale": expired(good), "good": good}[state]


def _refresh(state: str, stack: Stack, good: str) -> str:
    if state == "stale":  # used long ago: its successor has a successor of its own
        rotate(stack.url, rotate(stack.url, good).refresh)
    return {"missing": "", "garbage": "nonsense"}.get(state, good)


def _check(answer: httpx.Response, access: set[str], refresh: str, user_id: str) -> None:
    if "good" in access:
        assert answer.json()["user"]["id"] == user_id
        assert not cookies_in(answer), "a good token needs no renewal"
    elif refresh == "good":
        assert answer.json()["user"]["id"] == user_id
        new_tokens(answer)
    else:
        nothing = access | {refresh} == {"missing"}
        assert_refused(answer, 401, "Authentication required" if nothing else "Invalid or expired token")
        assert not cookies_in(answer)


@pytest.mark.parametrize("refresh", STATES)
@pytest.mark.parametrize("bearer", STATES)
@pytest.mark.parametrize("cookie", STATES)
def test_one_good_token_is_enough_whatever_the_others_hold(
    stack: Stack, account: Browser, session: Tokens, expired: Expired, cookie: str, bearer: str, refresh: str
) -> None:
    held = {
        "access_token": _access(cookie, session.access, expired),
        "refresh_token": _refresh(refresh, stack, session.refresh),
    }
    answer = show(
        stack.url,
        {name: value for name, value in held.items() if value},
        _access(bearer, session.access, expired),
    )
    _check(answer, {cookie, bearer}, refresh, account.user_id)


@pytest.mark.parametrize("refresh", ["missing", "good"])
@pytest.mark.parametrize("others", ["missing", "garbage", "stale"])
@pytest.mark.parametrize("token", STATES)
def test_the_frontends_own_cookie_counts_as_much_as_ours(
    stack: Stack, account: Browser, session: Tokens, expired: Expired, token: str, others: str, refresh: str
) -> None:
    other = _access(others, session.access, expired)
    held = {
        "token": _access(token, session.access, expired),
        "access_token": other,
        "refresh_token": _refresh(refresh, stack, session.refresh),
    }
    answer = show(stack.url, {name: value for name, value in held.items() if value}, other)
    _check(answer, {token, others}, refresh, account.user_id)


def test_the_new_cookies_are_good_in_their_turn(stack: Stack, lapsed: Browser, expired: Expired) -> None:
    tokens = new_tokens(lapsed.get("/api/images"))
    for _ in range(3):
        assert show(stack.url, {"access_token": tokens.access}).status_code == 200
        tokens = new_tokens(show(stack.url, {"access_token": expired(tokens.access), "refresh_token": tokens.refresh}))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/auth/profile", 200),
        ("GET", "/api/user/profile", 200),
        ("GET", "/api/images", 200),
        ("GET", "/api/billing/balance", 200),
        ("GET", "/api/tryon/jobs", 200),
        ("GET", "/api/images?pageSize=0", 400),
        ("GET", "/api/images?pageSize=x", 400),
        ("DELETE", "/api/images/nothing", 404),
        ("GET", "/api/tryon/jobs/nothing", 404),
    ],
)
def test_every_request_is_renewed_and_carries_the_new_cookies_back(
    lapsed: Browser, method: str, path: str, status: int
) -> None:
    answer = lapsed.request(method, path)
    assert answer.status_code == status
    new_tokens(answer)


def test_a_request_with_a_body_is_renewed_too(lapsed: Browser) -> None:
    changed = lapsed.put("/api/user/profile", json={"name": "Ann"})
    assert changed.status_code == 200
    new_tokens(changed)


def test_an_upload_is_renewed_too(lapsed: Browser) -> None:
    files = {"image": ("a.jpg", pictures.padded(2_000_000))}
    answer = lapsed.post("/api/images/upload", data={"type": "user"}, files=files)
    assert answer.status_code == 201
    new_tokens(answer)


def test_a_refusal_carries_the_new_cookies_too_when_a_service_is_away(stack: Stack, lapsed: Browser) -> None:
    with stopped(stack, "media"):
        answer = lapsed.get("/api/images")
    assert_refused(answer, 503)
    new_tokens(answer)


def test_requests_side_by_side_are_all_renewed_and_agree(stack: Stack, session: Tokens, expired: Expired) -> None:
    held = {"access_token": expired(session.access), "refresh_token": session.refresh}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: show(stack.url, held), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {new_tokens(answer).refresh for answer in answers}
    assert rotate(stack.url, successor).refresh != successor


def test_a_renewed_answer_is_not_stored(lapsed: Browser) -> None:
    answer = lapsed.get("/api/images")
    assert cookies_in(answer)
    assert answer.headers.get("cache-control") == "no-store"


def test_a_refresh_token_that_was_used_long_ago_ends_its_session(stack: Stack, session: Tokens) -> None:
    newest = rotate(stack.url, rotate(stack.url, session.refresh).refresh)
    assert_refused(show(stack.url, {"refresh_token": session.refresh}), 401, "Invalid or expired token")
    assert_refused(show(stack.url, {"refresh_token": newest.refresh}), 401, "Invalid or expired token")
    assert_refused(show(stack.url, {"access_token": newest.access}), 401, "Invalid or expired token")


def test_the_last_refresh_token_still_works_shortly_after(stack: Stack, session: Tokens) -> None:
    child = rotate(stack.url, session.refresh)
    assert rotate(stack.url, session.refresh).refresh == child.refresh
    assert rotate(stack.url, child.refresh)


def test_an_old_session_is_not_renewed_after_a_new_password(stack: Stack, browser: Browser, expired: Expired) -> None:
    user = browser.sign_up()
    other = sign_in(stack.url, user.email)
    user.put("/api/user/profile", json={"password": "another password", "currentPassword": PASSWORD})
    held = {"access_token": expired(other.access), "refresh_token": other.refresh}
    assert_refused(show(stack.url, held), 401, "Invalid or expired token")
