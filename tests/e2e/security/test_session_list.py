"""A person sees where they are signed in, and ends what they do not know."""

from collections.abc import Callable

from tests.e2e.browser import Browser, Json
from tests.e2e.contract import assert_refused, moment
from tests.e2e.security.people import sign_in

SESSIONS = "/api/auth/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


def _sessions(browser: Browser) -> list[Json]:
    answer = browser.get(SESSIONS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    sessions: list[Json] = answer.json()["sessions"]
    return sessions


def _on(browsers: Callable[[], Browser], user: Browser, user_agent: str) -> Browser:
    browser = browsers()
    browser.headers["user-agent"] = user_agent
    return sign_in(browser, user.email)


def test_each_sign_in_is_listed_with_its_device_address_and_times(
    user: Browser, browsers: Callable[[], Browser]
) -> None:
    phone = _on(browsers, user, IPHONE)
    _on(browsers, user, FIREFOX)
    sessions = _sessions(phone)
    assert [item["device"] for item in sessions] == ["Firefox on Linux", "Safari on iPhone", "python-httpx"]
    assert [item["current"] for item in sessions] == [False, True, False]
    assert sessions[1]["userAgent"] == IPHONE
    for item in sessions:
        assert item["address"] == "127.0.0.1"
        assert moment(item["createdAt"]) <= moment(item["lastUsedAt"])


def test_renewing_a_session_is_using_it(user: Browser, browsers: Callable[[], Browser]) -> None:
    (before,) = _sessions(user)
    _on(browsers, user, FIREFOX)
    assert user.post("/api/auth/refresh").status_code == 200
    newest = _sessions(user)[0]
    assert newest["id"] == before["id"]
    assert moment(newest["lastUsedAt"]) > moment(before["lastUsedAt"])
    assert newest["createdAt"] == before["createdAt"]


def test_one_session_can_be_ended(user: Browser, browsers: Callable[[], Browser]) -> None:
    other = _on(browsers, user, FIREFOX)
    target = next(item["id"] for item in _sessions(user) if not item["current"])
    answer = user.delete(f"{SESSIONS}/{target}")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert [item["id"] for item in _sessions(user)] != [target]
    assert_refused(other.get("/api/auth/profile"), 401, "Invalid or expired token")
    assert_refused(other.post("/api/auth/refresh"), 401)


def test_ending_the_session_that_asks_is_logging_out(user: Browser) -> None:
    (own,) = _sessions(user)
    assert user.delete(f"{SESSIONS}/{own['id']}").status_code == 200
    assert not list(user.cookies.jar)
    assert_refused(user.get(SESSIONS), 401)


def test_all_others_can_be_ended_at_once(user: Browser, browsers: Callable[[], Browser]) -> None:
    others = [_on(browsers, user, FIREFOX) for _ in range(3)]
    assert user.delete(SESSIONS).json() == {"message": "All other sessions ended successfully", "ended": 3}
    assert [item["current"] for item in _sessions(user)] == [True]
    for other in others:
        assert_refused(other.get(SESSIONS), 401)


def test_nobody_ends_or_sees_the_session_of_somebody_else(signed_up: Callable[[], Browser]) -> None:
    user, thief = signed_up(), signed_up()
    (theirs,) = _sessions(user)
    assert_refused(thief.delete(f"{SESSIONS}/{theirs['id']}"), 404, "Session not found")
    assert theirs["id"] not in {item["id"] for item in _sessions(thief)}
    assert _sessions(user) == [theirs]


def test_the_list_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.get(SESSIONS), 401, "Authentication required")
    assert_refused(browser.delete(SESSIONS), 401, "Authentication required")
