"""What the contract says of every answer, and of every refusal, in one place."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

# The gRPC codes that may stand behind an HTTP status.
CODES = {
    400: {3, 6, 9, 11},
    401: {16},
    402: {9},
    403: {7},
    404: {5},
    409: {6, 10},
    413: {8, 11},
    415: {3},
    429: {8},
    431: {8, 11},
    503: {14},
}
INTEGERS = {"credits", "creditsRemaining", "held", "width", "height", "size", "progress", "required"}
# The contract spells these names itself.
NOT_CAMEL = {"@type", "FREE", "BASIC", "PREMIUM"}
LEAKS = ("Traceback", "sqlalchemy", "asyncpg", "SELECT ", "psycopg", "grpc.", "127.0.0.1", "0.0.0.0", "<html")  # noqa: S104


def check_every_answer(answer: httpx.Response) -> None:
    """Asserts what holds for any answer of the gateway, whatever was asked."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        answer.read()
    for cookie in answer.headers.get_list("set-cookie"):
        assert not re.match(r"token=[^;]", cookie), "the frontend's cookie was set"
    kind = answer.headers.get("content-type", "")
    assert "html" not in kind
    if kind.startswith("application/json") and answer.content:
        for key, value in _fields(answer.json()):
            _check_field(key, value)
    if answer.is_error and answer.request.method != "HEAD":
        check_error(answer)


def check_error(answer: httpx.Response) -> dict[str, Any]:
    """Asserts that the answer is an error in the contract's shape, and returns its ErrorInfo."""
    assert answer.headers["content-type"].startswith("application/json"), answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "details"}, body
    assert type(body["code"]) is int
    if answer.status_code in CODES:
        assert body["code"] in CODES[answer.status_code], body
    assert re.search(r"\w+ \w+", body["message"]), "not a sentence"
    assert not [leak for leak in LEAKS if leak in answer.text], body
    assert body["details"], "no details"
    info: dict[str, Any] = body["details"][0]
    assert info["@type"] == ERROR_INFO
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", info["reason"])
    assert info["domain"] == "drape"
    assert all(type(value) is str for value in info.get("metadata", {}).values())
    return info


def assert_refused(
    answer: httpx.Response, status: int, message: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Asserts that the request was refused so, and returns the ErrorInfo."""
    assert answer.status_code == status, answer.text
    info = check_error(answer)
    if message is not None:
        assert answer.json()["message"] == message
    if reason is not None:
        assert info["reason"] == reason
    return info


def violations(answer: httpx.Response) -> dict[str, str]:
    """The fields that the answer's google.rpc.BadRequest names, with what it says of them."""
    details = [detail for detail in answer.json()["details"] if detail["@type"] == BAD_REQUEST]
    return {item["field"]: item["description"] for detail in details for item in detail["fieldViolations"]}


def moment(text: str) -> datetime:
    """A time as the contract writes it: ISO-8601 in UTC."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    return datetime.fromisoformat(text)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            if key not in ("metadata", "fields"):  # the caller's own names, and those of Cloudinary's form
                yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _check_field(key: str, value: Any) -> None:
    assert key in NOT_CAMEL or re.fullmatch(r"[a-z][A-Za-z0-9]*", key), f"{key} is not camelCase"
    if key.endswith("At"):
        moment(value)
    if key in INTEGERS:
        assert type(value) is int, f"{key} is not a JSON number: {value!r}"
    if key == "price":
        assert type(value) in (int, float), f"{key} is not a JSON number: {value!r}"
    if key == "url":
        assert value.startswith(("http://", "https://")), f"{value} is not absolute"
