"""What the gateway says by itself."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.tests.envoys import Gateway, Recorder, running

ORIGIN = "https://shop.example"
NOBODY = 1  # a port at which no service listens


@pytest.fixture(scope="module")
def lonely() -> Iterator[Gateway]:
    """A gateway of a shop in production, all of whose services are away."""
    with running(NOBODY, PUBLIC_URL="https://api.shop.example", FRONTEND_URL=ORIGIN, RATE_LIMIT="off") as found:
        yield found


@pytest.fixture
def strict(recorded: tuple[Recorder, int]) -> Iterator[Gateway]:
    """A gateway that lets three requests through, of which two may show credentials."""
    limits = {"PER_SECOND": "1", "BURST": "3", "CREDENTIALS_PER_SECOND": "1", "CREDENTIALS_BURST": "2"}
    with running(recorded[1], **limits) as found:
        yield found


def _check_refusal(answer: httpx.Response, status: int, code: int, reason: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json()) == {"code", "message", "details"}
    assert answer.json()["code"] == code
    assert answer.json()["message"].count(" ") > 1
    assert answer.json()["details"] == [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "drape", "metadata": {}}
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/api/billing/pricing"),
        ("POST", "/api/auth/login"),
        ("GET", "/api/auth/profile"),
        ("GET", "/api/images"),
        ("POST", "/api/tryon/generate"),
        ("GET", "/media/some"),
        ("GET", "/.well-known/jwks.json"),
    ],
)
def test_services_that_are_away_are_a_503_in_the_one_shape(lonely: Gateway, method: str, path: str) -> None:
    answer = lonely.ask(method, path)
    _check_refusal(answer, 503, 14, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere/", "/api/billing/pricing/", "/api/billing/pricing/?a=b"])
def test_an_unknown_path_is_a_404_even_then(lonely: Gateway, path: str) -> None:
    answer = lonely.ask("GET", path)
    _check_refusal(answer, 404, 5, "ROUTE_NOT_FOUND")
    assert "retry-after" not in answer.headers


def test_too_many_requests_are_a_429_that_the_frontend_may_read(strict: Gateway) -> None:
    headers = {"origin": "http://localhost:3000"}
    answers = [strict.ask("GET", "/api/billing/pricing", headers=headers) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    _check_refusal(refused[0], 429, 8, "RATE_LIMITED")
    assert refused[0].headers["access-control-allow-origin"] == "http://localhost:3000"


def test_credentials_may_be_tried_less_often_than_the_rest(recorded: tuple[Recorder, int]) -> None:
    with running(recorded[1], CREDENTIALS_PER_SECOND="1", CREDENTIALS_BURST="2") as gateway:
        tried = [gateway.ask("POST", "/api/auth/login", json={}).status_code for _ in range(5)]
        rest = [gateway.ask("GET", "/api/billing/pricing").status_code for _ in range(5)]
    assert 429 in tried
    assert 429 not in rest


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/api/auth/profile"])
def test_behind_https_browsers_are_told_to_stay_there(lonely: Gateway, path: str) -> None:
    answer = lonely.ask("GET", path)
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), ("http://localhost:3000", False)])
def test_only_the_configured_frontend_may_read_answers(lonely: Gateway, origin: str, allowed: bool) -> None:
    answer = lonely.ask("GET", "/api/images", headers={"origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_only_the_configured_frontend_may_change_things(lonely: Gateway) -> None:
    stranger = lonely.ask("POST", "/api/auth/logout", headers={"origin": "http://localhost:3000"})
    _check_refusal(stranger, 403, 7, "CROSS_SITE_REQUEST")
    for origin in (ORIGIN, "https://api.shop.example"):
        assert lonely.ask("POST", "/api/auth/logout", headers={"origin": origin}).status_code == 503
