import unicodedata
from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.e2e.browser import PASSWORD, Browser, Json
from tests.e2e.contract import assert_refused

LOGIN = "/api/auth/login"


def test_signing_in_answers_with_the_user_and_a_token(browser: Browser, user: Browser) -> None:
    answer = browser.post(LOGIN, json={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"message", "user", "token"}
    assert body["message"] == "Login successful"
    assert body["user"] == {
        "id": user.user_id,
        "email": user.email,
        "name": "Ann",
        "credits": 5,
        "subscription": "FREE",
    }
    assert browser.get("/api/auth/profile").json()["user"]["id"] == user.user_id


@pytest.mark.parametrize(
    "form", [{}, {"email": "a@example.com"}, {"password": PASSWORD}, {"email": "", "password": ""}]
)
def test_email_and_password_are_required(browser: Browser, form: Json) -> None:
    assert_refused(browser.post(LOGIN, json=form), 400, "Email and password are required")


def test_an_unknown_email_and_a_wrong_password_look_alike(browsers: Callable[[], Browser], user: Browser) -> None:
    wrong = browsers().post(LOGIN, json={"email": user.email, "password": "wrong password"})
    unknown = browsers().post(LOGIN, json={"email": f"{uuid4().hex}@example.com", "password": PASSWORD})
    assert_refused(wrong, 401, "Invalid credentials")
    assert unknown.status_code == 401
    assert unknown.content == wrong.content
    assert "set-cookie" not in wrong.headers
    assert "set-cookie" not in unknown.headers


def test_emails_are_compared_without_case(browser: Browser, user: Browser) -> None:
    answer = browser.post(LOGIN, json={"email": user.email.upper(), "password": PASSWORD})
    assert answer.json()["user"]["id"] == user.user_id


@pytest.mark.parametrize(
    "email",
    [
        unicodedata.normalize("NFD", "josé.{}@example.com"),
        "ann.{}@xn--bcher-kva.example",
        "ann.{}@BÜCHER.example",
        "  Ann.{}@Example.com ",
    ],
)
def test_the_email_that_one_registered_with_signs_in(browsers: Callable[[], Browser], email: str) -> None:
    form = {"email": email.format(uuid4().hex), "password": PASSWORD}
    assert browsers().post("/api/auth/register", json=form).status_code == 201
    assert browsers().post(LOGIN, json=form).status_code == 200


def test_every_character_of_a_long_password_counts(browsers: Callable[[], Browser]) -> None:
    form = {"email": f"{uuid4().hex}@example.com", "password": "x" * 99 + "1"}
    assert browsers().post("/api/auth/register", json=form).status_code == 201
    assert_refused(browsers().post(LOGIN, json=form | {"password": "x" * 99 + "2"}), 401, "Invalid credentials")
    assert browsers().post(LOGIN, json=form).status_code == 200


def test_stale_credentials_of_somebody_else_do_not_keep_one_from_signing_in(
    browsers: Callable[[], Browser], user: Browser
) -> None:
    frontend = browsers()
    frontend.headers["authorization"] = "Bearer null"
    frontend.headers["cookie"] = "token=undefined; access_token=old; refresh_token=older"
    assert frontend.post(LOGIN, json={"email": user.email, "password": PASSWORD}).status_code == 200


def test_signing_in_elsewhere_leaves_this_session_alone(browser: Browser, signed_up: Callable[[], Browser]) -> None:
    here = signed_up()
    assert browser.post(LOGIN, json={"email": here.email, "password": PASSWORD}).status_code == 200
    assert here.get("/api/auth/profile").status_code == 200


@pytest.mark.parametrize("email", ["' OR 1=1 --", "%", "nobody", "a" * 5000])
def test_an_email_that_can_be_no_account_is_just_unknown(browser: Browser, email: str) -> None:
    assert_refused(browser.post(LOGIN, json={"email": email, "password": PASSWORD}), 401, "Invalid credentials")
