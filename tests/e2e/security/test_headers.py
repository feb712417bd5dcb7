"""What a browser is told with every answer, whoever gives it."""

import httpx
import pytest

from gateway.render import render
from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser
from tests.e2e.faults import changed

ANSWERS = {
    "a profile": ("GET", "/api/auth/profile", 401),
    "a public answer": ("GET", "/api/billing/pricing", 200),
    "the keys": ("GET", "/.well-known/jwks.json", 200),
    "the health check": ("GET", "/health", 200),
    "a refusal of a service": ("POST", "/api/auth/login", 400),
    "a refusal of the gateway": ("GET", "/nowhere", 404),
    "a path that is not understood": ("GET", "/api/images%2f..", 400),
    "a preflight": ("OPTIONS", "/api/images", None),
}


def _check(answer: httpx.Response) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "microphone=()" in headers["permissions-policy"]
    for told in ("server", "x-powered-by", "x-envoy-upstream-service-time", "grpc-status"):
        assert told not in headers


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_has_them_and_none_says_what_serves_it(stack: Stack, what: str) -> None:
    method, path, status = ANSWERS[what]
    answer = httpx.request(method, f"{stack.url}{path}")
    if status:
        assert answer.status_code == status
    _check(answer)
    assert "strict-transport-security" not in answer.headers, "this is plain HTTP"


def test_a_picture_has_them_too(user: Browser) -> None:
    _check(httpx.get(user.upload(pictures.noise())["url"]))


def test_over_https_browsers_are_told_to_stay_there(stack: Stack) -> None:
    with changed(stack, "gateway", PUBLIC_URL="https://drape.example"):
        answer = httpx.get(f"{stack.url}/api/billing/pricing")
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert "max-age=63072000" in render({"PUBLIC_URL": "https://drape.example"})


def test_over_https_cookies_are_secure(stack: Stack, browser: Browser) -> None:
    with changed(stack, "auth", PUBLIC_URL="https://drape.example"):
        answer = browser.post("/api/auth/logout")
    ours = [cookie for cookie in answer.headers.get_list("set-cookie") if not cookie.startswith("token=")]
    assert len(ours) == 2
    assert all(cookie.endswith("; Secure") for cookie in ours)


@pytest.mark.parametrize("path", ["/api/auth/profile", "/api/auth/sessions", "/api/billing/balance"])
def test_answers_about_a_person_are_not_kept(user: Browser, path: str) -> None:
    assert user.get(path).headers["cache-control"] == "no-store"
