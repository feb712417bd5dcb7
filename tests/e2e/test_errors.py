"""The one shape of errors, on every path; `Browser` checks the shape of every error that any test sees."""

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import ERROR_INFO, assert_refused, check_error

JSON = {"content-type": "application/json"}
UNKNOWN = [
    "/nowhere",
    "/api/nothing",
    "/api/auth/nothing",
    "/api/auth/profile/more",
    "/api/user/nothing",
    "/api/images/a/b",
    "/api/tryon/nothing",
    "/api/billing/nothing",
    "/media/",
    "/.well-known/openid-configuration",
    "/drape.auth.v1.AuthService/Login",
    "/drape.billing.v1.LedgerService/HoldCredits",
    "/grpc.health.v1.Health/Check",
]
WITH_BODIES = [
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("PUT", "/api/user/profile"),
    ("POST", "/api/images/save"),
    ("POST", "/api/tryon/generate"),
    ("POST", "/api/tryon/jobs"),
    ("POST", "/api/tryon/check"),
    ("POST", "/api/billing/checkout"),
]
BAD_JSON = [b"{", b"[]", b'"text"', b'{"email": }', b"\xff\xfe", b"<xml/>", b'{"email": {"a": [1]}}', b"{" * 10_000]
# A character that JSON can say and PostgreSQL cannot keep, wherever a text goes into a statement.
NUL_REQUESTS: dict[str, Callable[[Browser], httpx.Response]] = {
    "login": lambda user: user.post("/api/auth/login", json={"email": "a\0@example.com", "password": PASSWORD}),
    "register": lambda user: user.post(
        "/api/auth/register", json={"email": f"new-{user.email}", "password": PASSWORD, "name": "A\0nn"}
    ),
    "name": lambda user: user.put("/api/user/profile", json={"name": "A\0nn"}),
    "save": lambda user: user.post(
        "/api/images/save", json={"url": user.upload(pictures.noise())["url"], "metadata": {"a": "\0"}}
    ),
    "url": lambda user: user.post("/api/images/save", json={"url": f"{user.base_url}media/\0?exp=1&sig=1"}),
    "generate": lambda user: user.post("/api/tryon/generate", json={"personImageId": "\0", "outfitImageId": "a"}),
    "check": lambda user: user.post("/api/tryon/check", json={"personImageId": "\0"}),
    "checkout": lambda user: user.post("/api/billing/checkout", json={"plan": "\0", "type": "credits"}),
    "image": lambda user: user.delete("/api/images/%00"),
    "job": lambda user: user.get("/api/tryon/jobs/%00"),
}


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_no_route_for_those_who_are_signed_in(user: Browser, method: str, path: str) -> None:
    assert_refused(user.request(method, path), 404, "Route not found")


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_is_no_route_for_strangers(browser: Browser, path: str) -> None:
    assert_refused(browser.get(path), 404, "Route not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/auth/login"),
        ("PUT", "/api/auth/register"),
        ("DELETE", "/api/auth/profile"),
        ("PATCH", "/api/user/profile"),
        ("POST", "/api/user/account"),
        ("GET", "/api/images/upload"),
        ("PUT", "/api/images/some"),
        ("GET", "/api/tryon/generate"),
        ("GET", "/api/billing/webhook"),
        ("POST", "/api/billing/pricing"),
        ("OPTIONS", "/api/images"),
    ],
)
def test_a_wrong_method_is_refused_in_the_same_shape(user: Browser, method: str, path: str) -> None:
    answer = user.request(method, path)
    assert answer.status_code in (404, 405), answer.text
    check_error(answer)


@pytest.mark.parametrize(("method", "path"), WITH_BODIES)
@pytest.mark.parametrize("content", BAD_JSON)
def test_json_that_cannot_be_read_is_a_400(user: Browser, method: str, path: str, content: bytes) -> None:
    assert_refused(user.request(method, path, content=content, headers=JSON), 400)


@pytest.mark.parametrize(("method", "path"), WITH_BODIES[1:5:2])
def test_a_huge_body_is_refused_before_it_is_read(user: Browser, method: str, path: str) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"name": "'
        while sent < 200_000_000:
            sent += 65536
            yield b"x" * 65536

    assert_refused(user.request(method, path, content=body(), headers=JSON), 413)
    assert sent < 100_000_000


@pytest.mark.parametrize("request_with_nul", NUL_REQUESTS)
def test_a_character_that_no_database_keeps_is_a_refusal_and_no_failure(user: Browser, request_with_nul: str) -> None:
    answer = NUL_REQUESTS[request_with_nul](user)
    assert answer.status_code in (400, 401, 404), answer.text


@pytest.mark.parametrize(
    "token",
    [
        "null",
        "undefined",
        "a.b.c",
        "Bearer",
        "..",
        "e30.e30.e30",
        "🎫".encode(),
        "x" * 20_000,
        "eyJhbGciOiJub25lIn0.e30.",
    ],
    ids=str,
)
def test_a_garbage_token_is_a_401_everywhere(browser: Browser, token: str | bytes) -> None:
    raw = token if isinstance(token, bytes) else token.encode()
    for headers in ([(b"authorization", b"Bearer " + raw)], [(b"cookie", b"access_token=" + raw + b"; token=" + raw)]):
        for path in ("/api/auth/profile", "/api/images", "/api/billing/balance", "/api/tryon/jobs"):
            assert_refused(browser.get(path, headers=headers), 401)


@pytest.mark.parametrize("scheme", ["Basic dXNlcjpwYXNz", "Digest x", "Token abc", "Bearer"])
def test_another_way_to_say_who_one_is_is_a_401(browser: Browser, scheme: str) -> None:
    assert_refused(browser.get("/api/images", headers={"authorization": scheme}), 401)


REFUSALS: dict[str, Callable[[Browser], httpx.Response]] = {
    "by a service": lambda browser: browser.post("/api/auth/login", json={}),
    "by the session check": lambda browser: browser.get("/api/images"),
    "by the router": lambda browser: browser.get("/nowhere"),
    "by the transcoder": lambda browser: browser.post("/api/auth/login", content=b"{", headers=JSON),
    "by the origin check": lambda browser: browser.post("/api/auth/logout", headers={"origin": "https://evil.example"}),
    "for its headers' size": lambda browser: browser.get("/health", headers={"x-large": "x" * 70_000}),
    "for its path": lambda browser: browser.get("/api/images%2f"),
    "for calling itself gRPC": lambda browser: browser.post(
        "/api/auth/login", content=b"\0\0\0\0\0", headers={"content-type": "application/grpc"}
    ),
    "for calling itself gRPC on the web": lambda browser: browser.get(
        "/api/images", headers={"content-type": "application/grpc-web"}
    ),
}


@pytest.mark.parametrize("who", REFUSALS)
def test_whoever_refuses_says_so_in_the_same_words(browser: Browser, who: str) -> None:
    answer = REFUSALS[who](browser)
    assert 400 <= answer.status_code < 500
    check_error(answer)
    (info, *_) = answer.json()["details"]
    assert set(info) == {"@type", "reason", "domain", "metadata"}
    assert info["@type"] == ERROR_INFO
    assert info["reason"] != "INTERNAL"


@pytest.mark.parametrize(
    "nonsense", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"]
)
def test_what_is_no_http_gets_no_page(stack: Stack, nonsense: bytes) -> None:
    with socket.create_connection(("localhost", stack.ports["gateway"]), timeout=10) as line:
        line.sendall(nonsense)
        answer = line.recv(65536)
    assert b"html" not in answer.lower()
    assert not answer or answer.startswith(b"HTTP/1.1 4")
