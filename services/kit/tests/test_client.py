"""Calling other services: with a token, within a deadline, again where that is safe."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from drape.auth.v1 import auth_pb2 as pb
from drape.auth.v1 import auth_pb2_grpc
from grpc import StatusCode

from services.kit.client import JWKS_METHOD, Peer, PeerError, fetch_keys, open_channel
from services.kit.errors import NotFound, Unavailable
from services.kit.identity import ServiceTokens, UserTokens, caller, encode_key
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys
from services.kit.tests.echo import GOOD, NAME, Request, serving, unary

SAFE = f"{NAME}/Safe"


@pytest.fixture
def tokens() -> ServiceTokens:
    """What tryon shows to others."""
    return ServiceKeys().of("tryon")


@pytest.fixture
def nowhere() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def peer(handlers: Mapping[str, Any]) -> AsyncIterator[tuple[Peer, dict[str, Any]]]:
    """Billing, as tryon sees it: the peer and its methods."""
    async with serving(handlers, Access(internal={NAME: frozenset({"tryon"})})) as echo:
        channel = open_channel(echo.address, [SAFE])
        methods = {
            name: channel.unary_unary(
                f"/{NAME}/{name}",
                request_serializer=Request.SerializeToString,
                response_deserializer=Request.FromString,
            )
            for name in handlers
        }
        yield Peer("billing", echo.keys.of("tryon"), timeout=5), methods
        await channel.close()


class Shaky:
    """A method that is unavailable the first times it is called."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self, request: Request, _: Any) -> Request:
        self.calls += 1
        if self.calls <= self.failures:
            raise Unavailable("Not now.")
        return request


async def test_a_call_is_made_for_a_user_by_a_service() -> None:
    async def who(_: Request, context: Any) -> Request:
        return Request(email=caller(context).user_id, name=caller(context).service)

    async with peer({"Who": unary(who)}) as (billing, methods):
        answer = await billing.call(methods["Who"], GOOD, "ann")
    assert (answer.email, answer.name) == ("ann", "tryon")


async def test_a_refusal_keeps_its_code_reason_and_metadata() -> None:
    async def refuse(_: Request, __: Any) -> Request:
        raise NotFound("There is no such image.", id="7")

    async with peer({"Refuse": unary(refuse)}) as (billing, methods):
        with pytest.raises(PeerError) as refused:
            await billing.call(methods["Refuse"], GOOD, "ann")
    error = refused.value
    assert (error.code, error.reason, error.message, error.metadata) == (
        StatusCode.NOT_FOUND,
        "NOT_FOUND",
        "There is no such image.",
        {"id": "7"},
    )


async def test_a_service_that_fails_says_so_without_details() -> None:
    async def fail(_: Request, __: Any) -> Request:
        raise RuntimeError("the disk is full")

    async with peer({"Fail": unary(fail)}) as (billing, methods):
        with pytest.raises(PeerError) as refused:
            await billing.call(methods["Fail"], GOOD, "ann")
    assert (refused.value.code, refused.value.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert "disk" not in refused.value.message


async def test_a_call_that_takes_too_long_is_unavailable() -> None:
    async def hang(_: Request, __: Any) -> Request:
        return await asyncio.Future()

    async with peer({"Hang": unary(hang)}) as (billing, methods):
        with pytest.raises(Unavailable):
            await billing.call(methods["Hang"], GOOD, "ann", seconds=0.1)


async def test_a_call_that_nobody_takes_is_unavailable(tokens: ServiceTokens, nowhere: str) -> None:
    async with open_channel(nowhere) as channel:
        stub = auth_pb2_grpc.AuthServiceStub(channel)
        with pytest.raises(Unavailable):
            await Peer("auth", tokens).call(stub.GetJwks, pb.GetJwksRequest(), "ann")


async def test_a_call_that_is_safe_to_repeat_is_tried_again() -> None:
    shaky = Shaky(failures=2)
    async with peer({"Safe": unary(shaky)}) as (billing, methods):
        assert await billing.call(methods["Safe"], GOOD, "ann") == GOOD
    assert shaky.calls == 3


async def test_a_call_that_is_not_safe_to_repeat_is_made_once() -> None:
    shaky = Shaky(failures=1)
    async with peer({"Unsafe": unary(shaky)}) as (billing, methods):
        with pytest.raises(Unavailable):
            await billing.call(methods["Unsafe"], GOOD, "ann")
    assert shaky.calls == 1


@asynccontextmanager
async def auth(keys: list[pb.JsonWebKey]) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to an auth service that gives out these keys and does nothing else."""

    async def get_jwks(_: pb.GetJwksRequest, __: Any) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(keys=keys)

    handler = grpc.unary_unary_rpc_method_handler(
        get_jwks,
        request_deserializer=pb.GetJwksRequest.FromString,
        response_serializer=pb.GetJwksResponse.SerializeToString,
    )
    service, method = JWKS_METHOD.split("/")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with open_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def test_tokens_are_checked_with_the_keys_that_auth_gives_out() -> None:
    issuer = Issuer()
    x = encode_key(issuer.key.public_key().public_bytes_raw())
    async with auth([pb.JsonWebKey(kid=issuer.kid, x=x)]) as channel:
        users = UserTokens(fetch_keys(channel), ISSUER)
        found = await users.first_valid([issuer.token("ann")])
    assert found is not None
    assert found.user_id == "ann"


async def test_an_auth_service_without_keys_is_not_ready() -> None:
    async with auth([]) as channel:
        with pytest.raises(Unavailable):
            await fetch_keys(channel)()


async def test_an_auth_service_that_is_away_is_unavailable(nowhere: str) -> None:
    async with open_channel(nowhere) as channel:
        with pytest.raises(Unavailable):
            await fetch_keys(channel)()
