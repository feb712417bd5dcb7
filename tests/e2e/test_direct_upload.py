"""A picture that a browser sends straight to Cloudinary, here its stand-in, past our own hop."""

import time
from collections.abc import Callable

import httpx
import pytest

from sandbox.stack import Stack
from services.media.tests.samples import encoded, quarters
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused

DIRECT = "/api/images/direct"


def _allowed(user: Browser, kind: str = "user") -> Json:
    answer = user.post(DIRECT, json={"type": kind})
    assert answer.status_code == 200, answer.text
    allowed: Json = answer.json()
    return allowed


def _send(allowed: Json, data: bytes, **changed: str) -> httpx.Response:
    return httpx.post(allowed["url"], data=allowed["fields"] | changed, files={"file": ("photo", data)}, timeout=60)


def _outcome(user: Browser, allowed: Json) -> Json:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        upload: Json = user.get(f"{DIRECT}/{allowed['id']}").json()
        if upload["state"] in ("stored", "refused"):
            return upload
        time.sleep(0.05)
    raise AssertionError("nothing became of the upload")


def _assets(stack: Stack) -> list[str]:
    answer = httpx.get(f"http://127.0.0.1:{stack.ports['cloudinary']}/_sandbox/stored")
    return [asset["public_id"] for asset in answer.json()["assets"]]


@pytest.mark.parametrize("data", [encoded(quarters()), pictures.heic()], ids=["jpeg", "heic"])
def test_a_picture_sent_to_cloudinary_appears_in_the_gallery(stack: Stack, user: Browser, data: bytes) -> None:
    allowed = _allowed(user, "outfit")
    assert _send(allowed, data).status_code == 200
    upload = _outcome(user, allowed)
    assert upload["state"] == "stored", upload
    assert user.images(type="outfit") == [upload["image"]]
    assert pictures.decoded(fetch(upload["image"]["url"]).content).size == (160, 96)
    assert not [asset for asset in _assets(stack) if allowed["id"] in asset]


def test_what_is_no_picture_of_ours_is_refused_there_or_here(user: Browser) -> None:
    there = _allowed(user)
    assert _send(there, pictures.noise("GIF")).status_code == 400
    assert user.get(f"{DIRECT}/{there['id']}").json()["state"] == "waiting"
    here = _allowed(user)
    assert _send(here, encoded(quarters()) + b"<script>alert(1)</script>").status_code == 200
    upload = _outcome(user, here)
    assert (upload["state"], upload["reason"]) == ("refused", "IMAGE_POLYGLOT")
    assert user.images() == []


def test_what_was_signed_cannot_be_changed(user: Browser) -> None:
    allowed = _allowed(user)
    for change in (
        {"public_id": "other"},
        {"folder": "virtual-tryon/user"},
        {"notification_url": "http://evil.example"},
    ):
        assert _send(allowed, encoded(quarters()), **change).status_code == 401


def test_a_notification_that_is_made_up_is_a_400(browser: Browser, user: Browser) -> None:
    allowed = _allowed(user)
    told = {"notification_type": "upload", "public_id": f"virtual-tryon/incoming/{allowed['id']}"}
    signed = {"x-cld-timestamp": str(int(time.time())), "x-cld-signature": "0" * 40}
    for headers in ({}, signed, {**signed, "x-cld-timestamp": "now"}):
        assert_refused(
            browser.post(f"{DIRECT}/notification", json=told, headers=headers), 400, reason="NOTIFICATION_REFUSED"
        )
    assert user.get(f"{DIRECT}/{allowed['id']}").json()["state"] == "waiting"


def test_direct_uploads_need_credentials_and_a_type(browser: Browser, user: Browser) -> None:
    assert_refused(browser.post(DIRECT, json={"type": "user"}), 401)
    assert_refused(browser.get(f"{DIRECT}/any"), 401)
    assert_refused(user.post(DIRECT, json={"type": "generated"}), 400, "Invalid image type. Must be: user or outfit")


def test_an_upload_of_somebody_else_looks_like_none_at_all(signed_up: Callable[[], Browser]) -> None:
    ann, eve = signed_up(), signed_up()
    allowed = _allowed(ann)
    assert_refused(eve.get(f"{DIRECT}/{allowed['id']}"), 404, "Upload not found")
    assert_refused(eve.get(f"{DIRECT}/nothing"), 404, "Upload not found")
