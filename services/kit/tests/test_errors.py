"""How errors look on the wire: the code, the HTTP status, the details; and what is never told."""

from typing import Any, NamedTuple

import grpc
import protovalidate
import pytest
from drape.auth.v1 import user_data_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from services.kit.errors import (
    Invalid,
    InvalidArgument,
    NotFound,
    ServiceError,
    Unauthenticated,
    Unavailable,
    http_status_of,
    status_of,
)
from services.kit.tests.echo import GOOD, Request, serving, unary
from services.kit.tests.wire import Refusal, refusal

SECRET = "postgresql://ann:hunter2@db.internal/auth"


class PaymentRequired(ServiceError):
    """An error whose HTTP status its code does not tell."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "PAYMENT_REQUIRED"
    http_status = 402


class TooLarge(ServiceError):
    """Another one."""

    code = StatusCode.INVALID_ARGUMENT
    reason = "TOO_LARGE"
    http_status = 413


class AsTheCodeSays(ServiceError):
    """An error whose HTTP status is the code's own."""

    code = StatusCode.ABORTED
    reason = "ABORTED_SO_409"
    http_status = 409


class Throttled(ServiceError):
    """An error after which one should wait."""

    code = StatusCode.RESOURCE_EXHAUSTED
    reason = "THROTTLED"
    retry_after = 7


class InvalidColour(InvalidArgument):
    """An error of one field."""

    reason = "INVALID_COLOUR"
    field = "outfitColour"


class Row(NamedTuple):
    """An error, and how the caller sees it."""

    error: ServiceError
    code: StatusCode
    http: int
    reason: str
    metadata: dict[str, str]


TABLE = [
    Row(ServiceError("Sorry"), StatusCode.INTERNAL, 500, "INTERNAL", {}),
    Row(Unauthenticated("Who?"), StatusCode.UNAUTHENTICATED, 401, "UNAUTHENTICATED", {}),
    Row(InvalidArgument("No", limit=5), StatusCode.INVALID_ARGUMENT, 400, "INVALID_ARGUMENT", {"limit": "5"}),
    Row(NotFound("Gone"), StatusCode.NOT_FOUND, 404, "NOT_FOUND", {}),
    Row(Unavailable("Later"), StatusCode.UNAVAILABLE, 503, "UNAVAILABLE", {}),
    Row(PaymentRequired("Pay", credits=0), StatusCode.FAILED_PRECONDITION, 402, "PAYMENT_REQUIRED", {"credits": "0"}),
    Row(TooLarge("Big"), StatusCode.INVALID_ARGUMENT, 413, "TOO_LARGE", {}),
    Row(AsTheCodeSays("Twice"), StatusCode.ABORTED, 409, "ABORTED_SO_409", {}),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.reason)
async def test_an_error_is_seen_as_it_was_declared(row: Row) -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise row.error

    async with serving({"Public": unary(fail)}) as echo:
        seen = await refusal(echo.unary("Public"))
    assert seen == Refusal(row.code, row.reason, row.error.message, row.metadata, seen.http_status)
    # The header is sent only where the gateway would not find the status by itself.
    assert int(seen.http_status or http_status_of(seen.code)) == row.http
    assert (seen.http_status is None) == (http_status_of(row.code) == row.http)


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (Throttled("Wait"), {"retry-after": "7", "cache-control": "no-store"}),
        (PaymentRequired("Pay"), {"x-http-status": "402", "cache-control": "no-store"}),
        # No header at all, or a caller would not try again what is safe to repeat.
        (Unavailable("Later"), {}),
    ],
)
async def test_an_error_sends_headers_only_where_it_must(error: ServiceError, headers: dict[str, str]) -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise error

    async with serving({"Public": unary(fail)}) as echo:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await echo.unary("Public")
    assert dict(refused.value.initial_metadata()) == headers


def test_an_error_of_one_field_names_it() -> None:
    status = status_of(InvalidColour("No such colour"))
    assert details(status) == ("INVALID_COLOUR", [("outfitColour", "No such colour", "INVALID_COLOUR")])


def test_every_error_code_has_an_http_status() -> None:
    unnamed = {code for code in StatusCode if http_status_of(code) == 500}
    assert unnamed == {StatusCode.UNKNOWN, StatusCode.INTERNAL, StatusCode.DATA_LOSS}
    assert http_status_of(StatusCode.OK) == 200


def test_an_error_says_whose_it_is() -> None:
    [detail] = status_of(NotFound("Gone")).details
    info = error_details_pb2.ErrorInfo()
    assert detail.Unpack(info)
    assert info.domain == "drape"


@pytest.mark.parametrize(
    "unexpected", [RuntimeError(SECRET), KeyError(SECRET), OSError(2, SECRET), AssertionError(SECRET), ValueError()]
)
async def test_an_unexpected_exception_tells_the_caller_nothing(unexpected: Exception) -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise unexpected

    async with serving({"Public": unary(fail)}) as echo:
        call = echo.unary("Public")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        told = await refusal(call)
    assert told == Refusal(StatusCode.INTERNAL, "INTERNAL", "Something went wrong. Please try again later.")
    assert SECRET not in repr(refused.value)


async def invalid(request: Request) -> status_pb2.Status:
    """What is answered to the request, which breaks a rule."""

    async def take(_: Request, __: Any) -> Request:
        return GOOD

    async with serving({"Public": unary(take)}) as echo:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await echo.unary("Public", request)
    assert refused.value.code() is StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    assert status
    return status


def details(status: status_pb2.Status) -> tuple[str, list[tuple[str, str, str]]]:
    """The ErrorInfo's reason, and the fields of the BadRequest."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    first, second = status.details
    assert first.Unpack(info)
    assert second.Unpack(bad)
    return info.reason, [(each.field, each.description, each.reason) for each in bad.field_violations]


async def test_a_broken_rule_of_a_field_names_the_field() -> None:
    status = await invalid(Request(email="a", password="b", name="n" * 101))
    sentence = "Name must be at most 100 characters"
    assert status.message == sentence
    assert details(status) == ("VALIDATION_FAILED", [("name", sentence, "name.length")])


async def test_a_broken_rule_of_the_whole_message_names_no_field() -> None:
    status = await invalid(Request(email="a"))
    sentence = "Email and password are required"
    assert status.message == sentence
    assert details(status) == ("VALIDATION_FAILED", [("", sentence, "register.required")])


async def test_all_broken_rules_are_named_and_the_first_is_the_message() -> None:
    status = await invalid(Request(name="n" * 101))
    reason, fields = details(status)
    assert reason == "VALIDATION_FAILED"
    assert {rule for _, _, rule in fields} == {"register.required", "name.length"}
    assert status.message == fields[0][1]


def test_fields_are_named_as_the_json_spells_them() -> None:
    broken = Invalid(protovalidate.collect_violations(user_data_pb2.DeleteUserDataRequest()))
    _, [(field, _, rule)] = details(status_of(broken))
    assert (field, rule) == ("userId", "string.min_len")
