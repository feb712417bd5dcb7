from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from tests.e2e.browser import PASSWORD, Browser, Json
from tests.e2e.contract import assert_refused

PATHS = ("/api/auth/profile", "/api/user/profile")
NEW_PASSWORD = "quite another one"


def _change(user: Browser, **changes: object) -> httpx.Response:
    return user.put("/api/user/profile", json=changes)


def _login(browser: Browser, email: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/api/auth/login", json={"email": email, "password": password})


@pytest.mark.parametrize("path", PATHS)
def test_the_profile_is_the_account_with_its_credits_and_plan(user: Browser, path: str) -> None:
    answer = user.get(path)
    assert answer.status_code == 200
    assert set(answer.json()) == {"user"}
    profile = answer.json()["user"]
    assert profile.pop("createdAt")
    assert profile == {"id": user.user_id, "email": user.email, "name": "Ann", "credits": 5, "subscription": "FREE"}


@pytest.mark.parametrize("path", PATHS)
def test_the_profile_needs_credentials(browser: Browser, path: str) -> None:
    assert_refused(browser.get(path), 401, "Authentication required")


@pytest.mark.parametrize("path", PATHS)
def test_the_profile_needs_credentials_that_are_good(browser: Browser, path: str) -> None:
    browser.headers["authorization"] = "Bearer nonsense"
    assert_refused(browser.get(path), 401, "Invalid or expired token")


def test_changing_the_profile_needs_credentials(browser: Browser) -> None:
    assert_refused(_change(browser, name="Eve"), 401, "Authentication required")


def test_a_new_name_is_kept(user: Browser) -> None:
    answer = _change(user, name="Bea", email=user.email, password="")
    assert answer.status_code == 200
    assert set(answer.json()) == {"message", "user"}
    assert answer.json()["message"] == "Profile updated successfully"
    assert answer.json()["user"] == {
        "id": user.user_id,
        "email": user.email,
        "name": "Bea",
        "credits": 5,
        "subscription": "FREE",
    }
    assert user.get("/api/auth/profile").json()["user"]["name"] == "Bea"


@pytest.mark.parametrize("form", [{}, {"password": ""}, {"name": None, "email": None, "password": None}])
def test_what_is_left_blank_stays_as_it_is(user: Browser, browser: Browser, form: Json) -> None:
    answer = _change(user, **form)
    assert answer.status_code == 200
    assert (answer.json()["user"]["name"], answer.json()["user"]["email"]) == ("Ann", user.email)
    assert _login(browser, user.email).status_code == 200


def test_a_new_password_replaces_the_old_one(user: Browser, browsers: Callable[[], Browser]) -> None:
    assert _change(user, password=NEW_PASSWORD, currentPassword=PASSWORD).status_code == 200
    assert_refused(_login(browsers(), user.email, PASSWORD), 401, "Invalid credentials")
    assert _login(browsers(), user.email, NEW_PASSWORD).status_code == 200


def test_a_new_password_ends_the_other_sessions_but_not_this_one(
    user: Browser, browsers: Callable[[], Browser]
) -> None:
    elsewhere = browsers()
    _login(elsewhere, user.email)
    assert _change(user, password=NEW_PASSWORD, currentPassword=PASSWORD).status_code == 200
    assert user.get("/api/auth/profile").status_code == 200
    assert_refused(elsewhere.get("/api/auth/profile"), 401, "Invalid or expired token")
    assert_refused(elsewhere.post("/api/auth/refresh"), 401)


def test_a_new_email_is_taken_and_waits_until_it_is_confirmed(user: Browser, browsers: Callable[[], Browser]) -> None:
    address = f"{uuid4().hex}@example.com"
    answer = _change(user, email=address, currentPassword=PASSWORD)
    assert (answer.status_code, answer.json()["user"]["email"]) == (200, user.email)
    assert _login(browsers(), user.email).status_code == 200
    assert_refused(_login(browsers(), address), 401, "Invalid credentials")


@pytest.mark.parametrize("proof", [{}, {"currentPassword": ""}, {"currentPassword": "wrong password"}])
@pytest.mark.parametrize("change", [{"password": NEW_PASSWORD}, {"email": "somebody.new@example.com"}])
def test_a_new_password_or_email_needs_the_current_password(user: Browser, change: Json, proof: Json) -> None:
    answer = _change(user, name="Eve", **change, **proof)
    assert_refused(answer, 400, "Current password is incorrect")
    profile = user.get("/api/auth/profile").json()["user"]
    assert (profile["name"], profile["email"]) == ("Ann", user.email)


def test_a_refused_change_leaves_one_signed_in_with_the_old_password(user: Browser, browser: Browser) -> None:
    _change(user, password=NEW_PASSWORD)
    assert user.get("/api/auth/profile").status_code == 200
    assert _login(browser, user.email, PASSWORD).status_code == 200


def test_an_email_of_another_account_is_in_use_whatever_its_case(signed_up: Callable[[], Browser]) -> None:
    user, other = signed_up(), signed_up()
    for email in (other.email, other.email.upper()):
        answer = _change(user, email=email, currentPassword=PASSWORD)
        assert_refused(answer, 400, "Email already in use")


def test_an_invalid_email_is_refused(user: Browser) -> None:
    assert_refused(_change(user, email="nowhere", currentPassword=PASSWORD), 400, reason="INVALID_EMAIL")


def test_a_short_new_password_is_refused(user: Browser) -> None:
    answer = _change(user, password="seven77", currentPassword=PASSWORD)
    assert_refused(answer, 400, "Password must be at least 8 characters")
