"""Who may call what."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.errors import Unavailable
from services.kit.identity import UserTokens, caller, caller_or_none
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer
from services.kit.tests.echo import GOOD, NAME, Echo, Request, serving, unary
from services.kit.tests.wire import Refusal, refusal

NOBODY = Refusal(StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "Authentication required")
STALE = Refusal(StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "Invalid or expired token")
NOT_A_SERVICE = Refusal(StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "A service token is required")


async def who(_: Request, context: Any) -> Request:
    """Tells who is calling, of nobody nothing."""
    found = caller_or_none()
    return Request(email=found.user_id, name=found.service or found.session_id) if found else Request()


async def must_be_somebody(_: Request, context: Any) -> Request:
    """Tells who is calling; there has to be somebody."""
    return Request(email=caller(context).user_id)


@pytest.fixture(scope="module")
async def echo() -> AsyncIterator[Echo]:
    """A service with a public and a private method."""
    async with serving({"Public": unary(who), "Private": unary(who)}) as echo:
        yield echo


@pytest.fixture(scope="module")
async def internal() -> AsyncIterator[Echo]:
    """A service for auth and tryon only."""
    access = Access(internal={NAME: frozenset({"auth", "tryon"})})
    async with serving({"Private": unary(who)}, access) as echo:
        yield echo


async def test_a_public_method_needs_no_token(echo: Echo) -> None:
    assert await echo.unary("Public") == Request()


async def test_a_public_method_knows_who_is_calling_if_somebody_is(echo: Echo) -> None:
    assert (await echo.unary("Public", metadata=echo.as_user("ann"))).email == "ann"


async def test_a_stale_token_does_no_harm_on_a_public_method(echo: Echo) -> None:
    assert await echo.unary("Public", metadata=bearer(echo.issuer.token("ann", exp=1))) == Request()


async def test_a_method_that_is_named_nowhere_needs_a_user(echo: Echo) -> None:
    assert await refusal(echo.unary("Private")) == NOBODY
    assert (await echo.unary("Private", metadata=echo.as_user("ann"))).email == "ann"


async def test_a_token_that_is_not_good_is_told_from_none(echo: Echo) -> None:
    assert await refusal(echo.unary("Private", metadata=bearer(echo.issuer.token("ann", exp=1)))) == STALE


async def test_a_public_method_that_asks_who_is_calling_is_told_that_nobody_is() -> None:
    async with serving({"Public": unary(must_be_somebody)}) as careless:
        assert await refusal(careless.unary("Public")) == NOBODY


@pytest.mark.parametrize("place", ["authorization", "access_token", "token"])
async def test_a_token_in_any_place_is_enough_whatever_the_others_hold(echo: Echo, place: str) -> None:
    stale = echo.issuer.token("ann", exp=1)
    shown = {"authorization": stale, "access_token": "junk", "token": stale} | {place: echo.issuer.token("ann")}
    cookies = f"access_token={shown['access_token']}; token={shown['token']}"
    metadata = (("authorization", f"Bearer {shown['authorization']}"), ("cookie", cookies))
    assert (await echo.unary("Private", metadata=metadata)).email == "ann"


async def test_a_header_that_names_a_user_is_not_believed(echo: Echo) -> None:
    assert await refusal(echo.unary("Private", metadata=(("x-user-id", "ann"),))) == NOBODY


async def test_the_callers_of_two_calls_are_kept_apart(echo: Echo) -> None:
    await echo.unary("Public", metadata=echo.as_user("ann"))
    assert await echo.unary("Public") == Request()


async def test_an_internal_method_knows_the_service_and_whom_it_acts_for(internal: Echo) -> None:
    answer = await internal.unary(metadata=internal.as_service("tryon", "ann"))
    assert (answer.email, answer.name) == ("ann", "tryon")


async def test_an_internal_method_refuses_everybody_else(internal: Echo) -> None:
    service = internal.keys.of("tryon").sign("billing", "ann")
    refused: tuple[Any, ...] = (
        (),
        internal.as_user("ann"),
        internal.as_service("media"),
        bearer(internal.keys.of("tryon").sign("media", "ann")),
        bearer(ServiceKeys().of("tryon").sign("billing", "ann")),
        (("cookie", f"access_token={service}; token={service}"),),
        (("authorization", f"Basic {service}"),),
    )
    for metadata in refused:
        assert await refusal(internal.unary(metadata=metadata)) == NOT_A_SERVICE, metadata


async def test_a_service_token_is_no_users_token(echo: Echo) -> None:
    assert await refusal(echo.unary("Private", metadata=echo.as_service("tryon"))) == STALE


async def test_a_request_is_checked_only_once_its_caller_is(echo: Echo) -> None:
    assert await refusal(echo.unary("Private", Request())) == NOBODY


async def test_a_method_that_does_not_exist_is_told(echo: Echo) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await echo.unary("Nothing")
    assert refused.value.code() is StatusCode.UNIMPLEMENTED


async def test_health_needs_no_token(echo: Echo) -> None:
    checks: Any = health_pb2_grpc.HealthStub(echo.channel)
    for name in ("", NAME):
        answer = await checks.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def unavailable() -> Mapping[str, Ed25519PublicKey]:
    """Keys of an auth service that is away."""
    raise Unavailable("The sign-in service is not ready. Please try again in a moment.")


async def test_while_keys_cannot_be_fetched_a_token_is_neither_good_nor_bad() -> None:
    async with serving({"Private": unary(who)}, users=UserTokens(unavailable, ISSUER)) as echo:
        refused = await refusal(echo.unary("Private", metadata=echo.as_user("ann")))
    assert (refused.code, refused.reason) == (StatusCode.UNAVAILABLE, "UNAVAILABLE")


async def test_while_keys_cannot_be_fetched_public_methods_answer_all_the_same() -> None:
    async with serving({"Public": unary(who)}, users=UserTokens(unavailable, ISSUER)) as echo:
        assert await echo.unary("Public", GOOD, metadata=bearer(Issuer().token("ann"))) == Request()
