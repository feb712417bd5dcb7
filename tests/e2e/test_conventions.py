"""What every endpoint has in common; `Browser` checks names, numbers and times of every answer that any test sees."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.fitting import TryOn

EXTRA = {"unknown": {"deep": [1, "two", None]}, "_": "1", "Email": "x", "debug": True}


def _save(user: Browser, extra: dict[str, object]) -> httpx.Response:
    return user.post("/api/images/save?x=1", json={"url": user.upload(pictures.noise())["url"]} | extra)


LENIENT: dict[str, Callable[[Browser], httpx.Response]] = {
    "login": lambda user: user.post(
        "/api/auth/login?next=/&email=x", json={"email": user.email, "password": PASSWORD} | EXTRA
    ),
    "profile": lambda user: user.get("/api/auth/profile?fields=id&_=17"),
    "change": lambda user: user.put("/api/user/profile?x", json={"name": "Bea"} | EXTRA),
    "images": lambda user: user.get("/api/images?limit=1&offset=2&sort[]=a&a.b.c=d"),
    "save": lambda user: _save(user, EXTRA),
    "checkout": lambda user: user.post("/api/billing/checkout?x=y", json={"plan": "small", "type": "credits"} | EXTRA),
    "balance": lambda user: user.get("/api/billing/balance?currency=eur"),
    "pricing": lambda user: user.get("/api/billing/pricing?plan=basic&plan=free"),
    "jobs": lambda user: user.get("/api/tryon/jobs?status=done"),
    "logout": lambda user: user.post("/api/auth/logout?all=1", json=EXTRA),
    "delete": lambda user: user.request("DELETE", "/api/user/account?force=1", json=EXTRA),
}


@pytest.mark.parametrize("endpoint", LENIENT)
def test_unknown_fields_and_query_parameters_are_ignored(user: Browser, endpoint: str) -> None:
    answer = LENIENT[endpoint](user)
    assert answer.is_success, answer.text


def test_unknown_options_of_a_try_on_are_ignored(tryon: TryOn) -> None:
    assert "style" in tryon.form
    assert tryon.answer.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_json_body_that_says_so_is_read(user: Browser, content_type: str) -> None:
    content = json.dumps({"email": user.email, "password": PASSWORD})
    headers = {"content-type": content_type}
    assert user.post("/api/auth/login", content=content, headers=headers).status_code == 200


def test_answers_are_json(user: Browser) -> None:
    for path in ("/api/auth/profile", "/api/images", "/api/billing/balance", "/api/billing/pricing", "/health"):
        assert user.get(path).headers["content-type"].split(";")[0] == "application/json"


def test_what_is_zero_false_or_empty_is_printed(user: Browser) -> None:
    assert user.get("/api/images").json() == {"images": [], "nextPageToken": ""}
    assert user.get("/api/tryon/jobs").json() == {"jobs": [], "nextPageToken": ""}
    assert user.get("/api/billing/balance").json()["held"] == 0
    assert user.get("/api/billing/pricing").json()["subscriptions"]["FREE"]["price"] == 0
    photo = user.upload(pictures.landscape())
    assert user.post("/api/tryon/check", json={"personImageId": photo["id"]}).json()["ok"] is False


def test_numbers_are_json_numbers(user: Browser) -> None:
    assert '"credits":5' in user.get("/api/auth/profile").text.replace(" ", "")
    assert '"credits":5' in user.get("/api/billing/balance").text.replace(" ", "")
    assert '"price":9.99' in user.get("/api/billing/pricing").text.replace(" ", "")
    image = user.upload(pictures.noise(size=(96, 128)))
    assert (image["width"], image["height"]) == (96, 128)


def test_json_numbers_and_nulls_are_understood(user: Browser) -> None:
    photo = user.upload(pictures.noise())["url"]
    form = {"url": photo, "cloudinaryId": None, "metadata": {"score": 0.5, "count": 3, "none": None}}
    assert user.post("/api/images/save", json=form).json()["image"]["metadata"] == form["metadata"]
