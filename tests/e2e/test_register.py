from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from tests.e2e.browser import PASSWORD, Browser, Json
from tests.e2e.contract import assert_refused, moment, violations

REGISTER = "/api/auth/register"


def _form(**changes: object) -> Json:
    return {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ann"} | changes


def test_registering_answers_201_with_the_new_user_and_a_token(browser: Browser) -> None:
    form = _form()
    answer = browser.post(REGISTER, json=form)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"message", "user", "token"}
    assert body["message"] == "User created successfully"
    assert set(body["user"]) == {"id", "email", "name", "credits", "createdAt"}
    assert (body["user"]["email"], body["user"]["name"], body["user"]["credits"]) == (form["email"], "Ann", 5)
    assert datetime.now(UTC) - moment(body["user"]["createdAt"]) < timedelta(minutes=1)
    assert jwt.decode(body["token"], options={"verify_signature": False})["sub"] == body["user"]["id"]


def test_registering_signs_in(browser: Browser) -> None:
    registered = browser.post(REGISTER, json=_form()).json()["user"]
    assert browser.get("/api/auth/profile").json()["user"]["id"] == registered["id"]


@pytest.mark.parametrize("nameless", [{}, {"name": None}, {"name": ""}])
def test_a_name_is_optional(browser: Browser, nameless: Json) -> None:
    form = _form()
    del form["name"]
    answer = browser.post(REGISTER, json=form | nameless)
    assert answer.status_code == 201
    assert answer.json()["user"].get("name") is None


def test_names_may_be_written_in_any_script(browser: Browser) -> None:
    answer = browser.post(REGISTER, json=_form(name="Zoë <b>Ναθαναήλ</b> 🧥"))
    assert answer.json()["user"]["name"] == "Zoë <b>Ναθαναήλ</b> 🧥"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"email": "a@example.com"},
        {"password": PASSWORD},
        {"email": "", "password": PASSWORD},
        {"email": "a@example.com", "password": ""},
        {"email": None, "password": None},
    ],
)
def test_email_and_password_are_required(browser: Browser, form: Json) -> None:
    assert_refused(browser.post(REGISTER, json=form), 400, "Email and password are required")


def test_a_password_of_seven_characters_is_too_short(browser: Browser) -> None:
    answer = browser.post(REGISTER, json=_form(password="seven77"))
    assert_refused(answer, 400, "Password must be at least 8 characters")


def test_a_password_of_eight_characters_is_long_enough(browser: Browser) -> None:
    assert browser.post(REGISTER, json=_form(password="eight888")).status_code == 201


@pytest.mark.parametrize("email", ["ann", "ann@", "@example.com", "ann@example", "a b@example.com", "a@b@example.com"])
def test_an_invalid_email_is_refused(browser: Browser, email: str) -> None:
    assert_refused(browser.post(REGISTER, json=_form(email=email)), 400, reason="INVALID_EMAIL")


@pytest.mark.parametrize(("field", "value"), [("email", "not an address"), ("password", "short")])
def test_the_refusal_names_the_field_that_is_wrong(browser: Browser, field: str, value: str) -> None:
    answer = browser.post(REGISTER, json=_form(**{field: value}))
    assert violations(answer) == {field: answer.json()["message"]}


def test_an_email_registers_once_whatever_its_case(browser: Browser, user: Browser) -> None:
    for email in (user.email, user.email.upper(), f" {user.email.title()} "):
        assert_refused(browser.post(REGISTER, json=_form(email=email)), 400, "User already exists")


def test_a_refused_registration_signs_nobody_in(browsers: Callable[[], Browser], user: Browser) -> None:
    stranger = browsers()
    answer = stranger.post(REGISTER, json=_form(email=user.email))
    assert "set-cookie" not in answer.headers
    assert_refused(stranger.get("/api/auth/profile"), 401)


def test_two_registrations_at_once_make_one_account(browsers: Callable[[], Browser]) -> None:
    form = _form()
    people = [browsers() for _ in range(4)]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(lambda person: person.post(REGISTER, json=form), people))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]


def test_nobody_gives_themselves_credits(browser: Browser) -> None:
    answer = browser.post(REGISTER, json=_form(credits=500, id="me", subscription="PREMIUM", isAdmin=True))
    assert answer.json()["user"]["credits"] == 5
    assert answer.json()["user"]["id"] != "me"
    assert browser.get("/api/auth/profile").json()["user"]["subscription"] == "FREE"


def test_new_ids_sort_by_time(browsers: Callable[[], Browser]) -> None:
    ids = [browsers().post(REGISTER, json=_form()).json()["user"]["id"] for _ in range(3)]
    assert ids == sorted(ids)
