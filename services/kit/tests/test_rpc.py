"""What happens around every RPC, of each of the four kinds, and what is written down of it."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from sqlalchemy import text

from services.kit.database import Database
from services.kit.errors import NotFound, ServiceError
from services.kit.telemetry import JsonFormatter
from services.kit.tests.echo import GOOD, NAME, Echo, Request, serving, unary
from services.kit.tests.waiting import eventually
from services.kit.tests.wire import Refusal, refusal

GONE = Refusal(StatusCode.NOT_FOUND, "NOT_FOUND", "Gone")


class Gone402(ServiceError):
    """An error with an HTTP status of its own."""

    code = StatusCode.NOT_FOUND
    reason = "NOT_FOUND"
    http_status = 402


async def one(request: Request, _: Any) -> Request:
    """Gives back what it was given."""
    return request


async def many(request: Request, _: Any) -> AsyncIterator[Request]:
    """Gives it back twice."""
    yield request
    yield request


async def last(requests: AsyncIterator[Request], _: Any) -> Request:
    """Gives back the last."""
    found = Request()
    async for request in requests:
        found = request
    return found


async def each(requests: AsyncIterator[Request], _: Any) -> AsyncIterator[Request]:
    """Gives back each."""
    async for request in requests:
        yield request


HANDLERS: dict[str, Any] = {
    "One": unary(one),
    "Many": grpc.unary_stream_rpc_method_handler(
        many, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    ),
    "Last": grpc.stream_unary_rpc_method_handler(
        last, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    ),
    "Each": grpc.stream_stream_rpc_method_handler(
        each, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    ),
}


async def call(echo: Echo, method: str, metadata: Any = ()) -> list[Request]:
    """Calls a method of whichever kind with one message; all its answers."""
    make: Callable[..., Any] = {
        "One": echo.channel.unary_unary,
        "Many": echo.channel.unary_stream,
        "Last": echo.channel.stream_unary,
        "Each": echo.channel.stream_stream,
    }[method]
    stub = make(
        f"/{NAME}/{method}",
        request_serializer=Request.SerializeToString,
        response_deserializer=Request.FromString,
    )
    answer = stub(iter([GOOD]) if method in ("Last", "Each") else GOOD, metadata=metadata, timeout=10)
    return [await answer] if method in ("One", "Last") else [message async for message in answer]


@pytest.mark.parametrize("method", HANDLERS)
async def test_methods_of_every_kind_answer_a_user(method: str) -> None:
    async with serving(HANDLERS) as echo:
        assert set(map(str, await call(echo, method, echo.as_user()))) == {str(GOOD)}


@pytest.mark.parametrize("method", HANDLERS)
async def test_methods_of_every_kind_refuse_nobody(method: str) -> None:
    async with serving(HANDLERS) as echo:
        assert (await refusal(call(echo, method))).message == "Authentication required"


async def test_a_stream_may_fail_after_its_first_answer() -> None:
    async def failing(request: Request, _: Any) -> AsyncIterator[Request]:
        yield request
        raise Gone402("Gone")

    handler = grpc.unary_stream_rpc_method_handler(
        failing, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    )
    async with serving({"Many": handler}) as echo:
        assert await refusal(call(echo, "Many", echo.as_user())) == GONE


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as it is in production."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter("billing"))
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def of_rpcs(lines: io.StringIO) -> list[dict[str, Any]]:
    """The lines about RPCs."""
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in written if line["logger"] == "rpc"]


async def test_a_call_is_one_line_with_the_ids_that_tie_it_to_others(lines: io.StringIO) -> None:
    async with serving({"Public": unary(one)}) as echo:
        await echo.unary("Public", metadata=(*echo.as_user("ann"), ("x-request-id", "req-1")))
    [line] = of_rpcs(lines)
    assert line.pop("ms") >= 0
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "service": "billing",
        "logger": "rpc",
        "message": f"{NAME}/Public",
        "request_id": "req-1",
        "user_id": "ann",
        "code": "OK",
    }


async def test_a_refused_call_is_a_line_with_its_code(lines: io.StringIO) -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise NotFound("Gone")

    async with serving({"Public": unary(fail)}) as echo:
        await refusal(echo.unary("Public"))
    assert [line["code"] for line in of_rpcs(lines)] == ["NOT_FOUND"]


async def test_a_call_that_its_caller_gave_up_is_a_line_that_says_so(lines: io.StringIO) -> None:
    begun = asyncio.Event()

    async def hang(_: Request, __: Any) -> Request:
        begun.set()
        return await asyncio.Future()

    async def written() -> bool:
        return bool(of_rpcs(lines))

    async with serving({"Public": unary(hang)}) as echo:
        given_up = echo.unary("Public")
        waiting = asyncio.ensure_future(given_up)
        await asyncio.wait_for(begun.wait(), 10)
        waiting.cancel()
        await eventually(written, "the line")
    assert [line["code"] for line in of_rpcs(lines)] == ["CANCELLED"]


async def test_what_was_unexpected_is_written_down_with_its_cause(lines: io.StringIO) -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise RuntimeError("the disk is full")

    async with serving({"Public": unary(fail)}) as echo:
        await refusal(echo.unary("Public"))
    error, line = of_rpcs(lines)
    assert (error["level"], error["method"], line["code"]) == ("ERROR", f"{NAME}/Public", "INTERNAL")
    assert "the disk is full" in error["exception"]


async def test_no_token_password_or_email_is_ever_written_down(lines: io.StringIO, database: Database) -> None:
    async def fail(request: Request, _: Any) -> Request:
        async with database.read() as connection:
            statement = text("SELECT 1 FROM nowhere WHERE email = :email AND password = :password")
            await connection.execute(statement, {"email": request.email, "password": request.password})
        return request

    async with serving({"Public": unary(fail), "Private": unary(one)}) as echo:
        token, stale = echo.issuer.token("ann"), echo.issuer.token("bob", exp=1)
        metadata = (("authorization", f"Bearer {token}"), ("cookie", f"access_token={stale}; refresh_token=opaque"))
        await refusal(echo.unary("Public", metadata=metadata))
        await refusal(echo.unary("Private", metadata=metadata[1:]))
        await echo.unary("Private", metadata=metadata)
    written = lines.getvalue()
    assert {line["code"] for line in of_rpcs(lines) if "code" in line} == {"INTERNAL", "UNAUTHENTICATED", "OK"}
    for secret in (token, stale, token.split(".")[2], "opaque", GOOD.email, GOOD.password):
        assert secret not in written, secret
