"""Silent renewal: what Envoy is told about requests on which it found no good access token."""

import json
from typing import Any

import pytest
from drape.auth.v1 import auth_pb2
from envoy_api import authorization_pb2 as pb
from envoy_api.authorization_pb2 import HeaderValueOption
from google.rpc import code_pb2

from services.auth.tests.service import Answer, Auth
from services.kit.tests.credentials import bearer


@pytest.fixture
async def joined(auth: Auth) -> Answer:
    """What somebody was given who has just registered."""
    _, answer = await auth.join()
    return answer


async def check(auth: Auth, **headers: str) -> Any:
    """What Envoy is told about a request with these headers."""
    request = pb.CheckRequest()
    request.attributes.request.http.headers.update(headers)
    return await auth.envoy.Check(request, timeout=10)


def renewed(answer: Any) -> dict[str, str]:
    """The cookies of a renewed session. Fails when it was refused."""
    assert answer.status.code == code_pb2.OK, answer
    *cookies, last = answer.ok_response.response_headers_to_add
    assert {(option.header.key, option.append_action) for option in cookies} == {
        ("set-cookie", HeaderValueOption.APPEND_IF_EXISTS_OR_ADD)
    }
    assert (last.header.key, last.header.value) == ("cache-control", "no-store")
    return dict(option.header.value.split(";")[0].split("=", 1) for option in cookies)


def refused(answer: Any) -> str:
    """The message of a refusal. Fails when it was renewed, or the refusal is not as the contract says."""
    assert answer.status.code == code_pb2.UNAUTHENTICATED
    assert answer.denied_response.status.code == 401
    [option] = answer.denied_response.headers
    assert (option.header.key, option.header.value) == ("content-type", "application/json")
    body = json.loads(answer.denied_response.body)
    assert body["code"] == code_pb2.UNAUTHENTICATED
    assert (body["details"][0]["@type"], body["details"][0]["domain"]) == (
        "type.googleapis.com/google.rpc.ErrorInfo",
        "drape",
    )
    return str(body["message"])


@pytest.mark.parametrize("cookie", ["", "theme=dark", "refresh_token=", ";;=;"])
async def test_a_request_that_shows_nothing_is_told_to_sign_in(auth: Auth, cookie: str) -> None:
    assert refused(await check(auth, cookie=cookie)) == "Authentication required"


async def test_a_request_without_cookies_is_told_to_sign_in(auth: Auth) -> None:
    assert refused(await check(auth)) == "Authentication required"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer stale"},
        {"cookie": "access_token=stale"},
        {"cookie": "token=stale; refresh_token="},
    ],
)
async def test_a_stale_token_without_a_refresh_token_is_called_so(auth: Auth, headers: dict[str, str]) -> None:
    assert refused(await check(auth, **headers)) == "Invalid or expired token"


@pytest.mark.parametrize("beside", ["", "access_token=stale; ", "token=junk; access_token=; ", "bad[key]=1; "])
@pytest.mark.parametrize("authorization", ["", "Bearer stale", "Bearer undefined"])
async def test_a_good_refresh_token_renews_whatever_is_beside_it(
    auth: Auth, joined: Answer, beside: str, authorization: str
) -> None:
    shown = joined.cookies["refresh_token"]
    cookies = renewed(await check(auth, cookie=f"{beside}refresh_token={shown}", authorization=authorization))
    assert cookies.keys() == {"access_token", "refresh_token"}
    assert cookies["refresh_token"] != shown


async def test_the_request_goes_on_with_the_new_access_token_and_no_other(auth: Auth, joined: Answer) -> None:
    answer = await check(auth, cookie=f"refresh_token={joined.cookies['refresh_token']}", authorization="Bearer stale")
    [option] = answer.ok_response.headers
    assert option.append_action == option.OVERWRITE_IF_EXISTS_OR_ADD
    assert (option.header.key, option.header.value) == ("authorization", f"Bearer {renewed(answer)['access_token']}")
    token = option.header.value.removeprefix("Bearer ")
    profile = await auth.ask("GetProfile", auth_pb2.GetProfileRequest(), bearer(token))
    assert profile.message.user.id == joined.message.user.id


async def test_requests_side_by_side_are_all_renewed_to_the_same_token(auth: Auth, joined: Answer) -> None:
    cookie = f"refresh_token={joined.cookies['refresh_token']}"
    tokens = {renewed(await check(auth, cookie=cookie))["refresh_token"] for _ in range(5)}
    assert len(tokens) == 1


@pytest.mark.parametrize("token", ["unknown", "undefined", "a" * 5000])
async def test_a_refresh_token_nobody_was_given_is_refused(auth: Auth, token: str) -> None:
    assert refused(await check(auth, cookie=f"refresh_token={token}")) == "Invalid or expired token"


async def test_the_refresh_token_of_an_ended_session_is_refused(auth: Auth, joined: Answer) -> None:
    await auth.ask("Logout", auth_pb2.LogoutRequest(), bearer(joined.message.token))
    cookie = f"refresh_token={joined.cookies['refresh_token']}"
    assert refused(await check(auth, cookie=cookie)) == "Invalid or expired token"


async def test_a_stolen_old_refresh_token_ends_the_session_of_its_thief_too(auth: Auth, joined: Answer) -> None:
    tokens = [joined.cookies["refresh_token"]]
    for _ in range(2):
        tokens.append(renewed(await check(auth, cookie=f"refresh_token={tokens[-1]}"))["refresh_token"])
    for token in (tokens[0], tokens[-1]):
        assert refused(await check(auth, cookie=f"refresh_token={token}")) == "Invalid or expired token"
