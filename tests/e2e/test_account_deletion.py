from collections.abc import Callable

import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser, fetch
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows, stopped
from tests.e2e.polling import until

ACCOUNT = "/api/user/account"
# What each service keeps of a user. Billing keeps its books, of an account that is closed.
LEFT_BEHIND = {
    "auth": "SELECT id FROM users WHERE id = $1 UNION SELECT id FROM sessions WHERE user_id = $1",
    "media": "SELECT id FROM images WHERE user_id = $1 UNION SELECT id FROM blobs WHERE user_id = $1",
    "tryon": "SELECT id FROM jobs WHERE user_id = $1",
    "billing": "SELECT user_id FROM accounts WHERE user_id = $1 AND closed_at IS NULL",
}


def _check_forgotten(stack: Stack, service: str, user: Browser) -> None:
    until(f"{service} forgets", lambda: not rows(stack, service, LEFT_BEHIND[service], user.user_id), 30)


def _ask_for_a_job(user: Browser) -> None:
    person, outfit = user.upload(pictures.person()), user.upload(pictures.garment(), "outfit")
    form = {"personImageId": person["id"], "outfitImageId": outfit["id"]}
    assert user.post("/api/tryon/jobs", json=form).status_code == 202


def test_deleting_an_account_signs_out_and_clears_the_cookies(user: Browser) -> None:
    answer = user.delete(ACCOUNT)
    assert answer.status_code == 200
    assert answer.json() == {"message": "Account deleted successfully"}
    assert sorted(answer.headers.get_list("set-cookie")) == [
        "access_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
        "refresh_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
        "token=; Path=/; Max-Age=0",
    ]
    assert_refused(user.get("/api/auth/profile"), 401, "Authentication required")


def test_deleting_an_account_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.delete(ACCOUNT), 401, "Authentication required")


def test_a_right_password_may_be_sent_along(user: Browser) -> None:
    assert user.request("DELETE", ACCOUNT, json={"password": PASSWORD}).status_code == 200


def test_a_wrong_password_keeps_the_account(user: Browser) -> None:
    answer = user.request("DELETE", ACCOUNT, json={"password": "wrong password"})
    assert_refused(answer, 400)
    assert "set-cookie" not in answer.headers
    assert user.get("/api/auth/profile").status_code == 200


def test_nobody_can_sign_in_to_a_deleted_account(user: Browser) -> None:
    user.delete_account()
    answer = user.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert_refused(answer, 401, "Invalid credentials")


def test_every_session_of_a_deleted_account_ends(user: Browser, browsers: Callable[[], Browser]) -> None:
    elsewhere, thief = browsers(), browsers()
    elsewhere.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    thief.cookies.update(dict(user.cookies))
    user.delete_account()
    for browser in (elsewhere, thief):
        assert_refused(browser.get("/api/auth/profile"), 401, "Invalid or expired token")
        assert_refused(browser.post("/api/auth/refresh"), 401)


@pytest.mark.parametrize("service", LEFT_BEHIND)
def test_every_service_forgets_the_user(stack: Stack, user: Browser, service: str) -> None:
    _ask_for_a_job(user)
    assert rows(stack, service, LEFT_BEHIND[service], user.user_id)
    user.delete_account()
    _check_forgotten(stack, service, user)


def test_the_pictures_go_with_the_account(user: Browser) -> None:
    urls = [user.upload(pictures.noise(), kind)["url"] for kind in ("user", "outfit")]
    user.delete_account()
    until("the pictures are gone", lambda: {fetch(url).status_code for url in urls} == {404})


def test_services_that_were_away_forget_the_user_when_they_are_back(stack: Stack, user: Browser) -> None:
    away = ("media", "tryon", "billing")
    _ask_for_a_job(user)
    with stopped(stack, *away):
        user.delete_account()
    for service in away:
        _check_forgotten(stack, service, user)


def test_the_email_can_be_registered_again_as_a_new_account(user: Browser, browser: Browser) -> None:
    user.upload(pictures.noise())
    user.delete_account()
    form = {"email": user.email, "password": "another password"}
    again = browser.post("/api/auth/register", json=form)
    assert again.status_code == 201
    assert again.json()["user"]["id"] != user.user_id
    assert again.json()["user"]["credits"] == 5
    assert browser.images() == []
