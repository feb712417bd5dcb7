"""The RPCs of the auth service, as the gateway sees them."""

import socket

import pytest
from drape.auth.v1 import auth_pb2 as pb
from grpc import StatusCode

from services.auth.tests.people import PASSWORD, new_email
from services.auth.tests.service import Auth, Billing, running
from services.kit.database import Database
from services.kit.http import STATUS_KEY
from services.kit.tests.credentials import ServiceKeys, bearer
from services.kit.tests.wire import Refusal, refusal

CLEARED = {"access_token": "", "refresh_token": "", "token": ""}


async def test_registering_answers_201_with_the_user_a_token_and_cookies(auth: Auth) -> None:
    email, answer = await auth.join()
    user = answer.message.user
    assert answer.message.message == "User created successfully"
    assert (user.email, user.name, user.credits, user.HasField("created_at")) == (email, "Ann", 5, True)
    assert not user.HasField("subscription")
    assert answer.header(STATUS_KEY) == "201"
    assert answer.cookies.keys() == {"access_token", "refresh_token"}
    assert answer.cookies["access_token"] == answer.message.token
    assert ("auth", user.id) in auth.billing.asked


async def test_signing_in_answers_with_the_user_and_cookies(auth: Auth) -> None:
    email, joined = await auth.join()
    answer = await auth.ask("Login", pb.LoginRequest(email=email.upper(), password=PASSWORD))
    user = answer.message.user
    assert answer.message.message == "Login successful"
    assert (user.id, user.credits, user.subscription) == (joined.message.user.id, 5, "FREE")
    assert not user.HasField("created_at")
    assert answer.header(STATUS_KEY) is None
    assert answer.cookies["access_token"] == answer.message.token


async def test_the_profile_is_told_with_credits_and_plan(auth: Auth) -> None:
    email, joined = await auth.join()
    answer = await auth.ask("GetProfile", pb.GetProfileRequest(), bearer(joined.message.token))
    user = answer.message.user
    assert (user.email, user.name, user.credits, user.subscription) == (email, "Ann", 5, "FREE")
    assert user.created_at == joined.message.user.created_at


async def test_answers_with_a_session_or_a_profile_are_not_stored(auth: Auth) -> None:
    email, joined = await auth.join()
    me = bearer(joined.message.token)
    cookie = (("cookie", f"refresh_token={joined.cookies['refresh_token']}"),)
    answers = [
        joined,
        await auth.ask("Login", pb.LoginRequest(email=email, password=PASSWORD)),
        await auth.ask("GetProfile", pb.GetProfileRequest(), me),
        await auth.ask("UpdateProfile", pb.UpdateProfileRequest(name="Bea"), me),
        await auth.ask("RefreshSession", pb.RefreshSessionRequest(), cookie),
        await auth.ask("Logout", pb.LogoutRequest(), me),
    ]
    assert {answer.header("cache-control") for answer in answers} == {"no-store"}


async def test_signing_in_does_not_wait_for_billing(database: Database) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{probe.getsockname()[1]}"
    keys = ServiceKeys()
    async with running(database.url, keys, Billing(keys.of("billing")), nowhere) as auth:
        _, answer = await auth.join()
    assert answer.message.token
    assert not answer.message.user.HasField("credits")


REFUSED = [
    ("Register", pb.RegisterRequest(email="ann@example.com"), 400, "Email and password are required"),
    ("Register", pb.RegisterRequest(password=PASSWORD), 400, "Email and password are required"),
    (
        "Register",
        pb.RegisterRequest(email="ann@example.com", password="short"),
        400,
        "Password must be at least 8 characters",
    ),
    ("Register", pb.RegisterRequest(email="ann", password=PASSWORD), 400, "Please enter a valid email address"),
    ("Login", pb.LoginRequest(email="ann@example.com"), 400, "Email and password are required"),
    ("Login", pb.LoginRequest(email="nobody@example.com", password=PASSWORD), 401, "Invalid credentials"),
    ("RefreshSession", pb.RefreshSessionRequest(), 401, "Authentication required"),
    ("GetProfile", pb.GetProfileRequest(), 401, "Authentication required"),
    ("UpdateProfile", pb.UpdateProfileRequest(), 401, "Authentication required"),
    ("DeleteAccount", pb.DeleteAccountRequest(), 401, "Authentication required"),
]
CODES = {400: StatusCode.INVALID_ARGUMENT, 401: StatusCode.UNAUTHENTICATED}


@pytest.mark.parametrize(("method", "request_", "http", "message"), REFUSED)
async def test_what_is_refused_is_told_in_the_contracts_words(
    auth: Auth, method: str, request_: object, http: int, message: str
) -> None:
    refused = await refusal(auth.ask(method, request_))
    assert (refused.code, refused.message, refused.http_status) == (CODES[http], message, None)


async def test_a_second_account_with_an_email_is_refused_with_400(auth: Auth) -> None:
    email, _ = await auth.join()
    refused = await refusal(auth.ask("Register", pb.RegisterRequest(email=email, password=PASSWORD)))
    assert refused == Refusal(
        StatusCode.ALREADY_EXISTS, "USER_ALREADY_EXISTS", "User already exists", http_status="400"
    )


async def test_an_email_in_use_is_refused_with_400(auth: Auth) -> None:
    (taken, _), (_, joined) = await auth.join(), await auth.join()
    change = pb.UpdateProfileRequest(email=taken, current_password=PASSWORD)
    refused = await refusal(auth.ask("UpdateProfile", change, bearer(joined.message.token)))
    assert refused == Refusal(StatusCode.ALREADY_EXISTS, "EMAIL_IN_USE", "Email already in use", http_status="400")


async def test_a_wrong_current_password_is_400_for_401_would_end_the_session(auth: Auth) -> None:
    _, joined = await auth.join()
    me = bearer(joined.message.token)
    wrong = Refusal(StatusCode.INVALID_ARGUMENT, "WRONG_CURRENT_PASSWORD", "Current password is incorrect")
    change = pb.UpdateProfileRequest(password="another horse battery", current_password="wrong")
    assert await refusal(auth.ask("UpdateProfile", change, me)) == wrong
    assert await refusal(auth.ask("DeleteAccount", pb.DeleteAccountRequest(password="wrong"), me)) == wrong


async def test_an_empty_password_leaves_it_unchanged(auth: Auth) -> None:
    email, joined = await auth.join()
    change = pb.UpdateProfileRequest(name="Bea", email=email, password="")
    answer = await auth.ask("UpdateProfile", change, bearer(joined.message.token))
    assert answer.message.message == "Profile updated successfully"
    assert (answer.message.user.name, answer.message.user.credits) == ("Bea", 5)
    assert (await auth.ask("Login", pb.LoginRequest(email=email, password=PASSWORD))).message.token


async def test_signing_out_needs_no_credentials_and_clears_all_cookies(auth: Auth) -> None:
    answer = await auth.ask("Logout", pb.LogoutRequest())
    assert answer.message.message == "Logged out successfully"
    assert answer.cookies == CLEARED


@pytest.mark.parametrize("shown", ["refresh cookie", "access token"])
async def test_signing_out_ends_the_session(auth: Auth, shown: str) -> None:
    _, joined = await auth.join()
    cookie = (("cookie", f"refresh_token={joined.cookies['refresh_token']}"),)
    me = bearer(joined.message.token)
    await auth.ask("Logout", pb.LogoutRequest(), cookie if shown == "refresh cookie" else me)
    for call in (
        auth.ask("GetProfile", pb.GetProfileRequest(), me),
        auth.ask("RefreshSession", pb.RefreshSessionRequest(), cookie),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.message) == (StatusCode.UNAUTHENTICATED, "Invalid or expired token")


async def test_a_refresh_rotates_the_cookies(auth: Auth) -> None:
    _, joined = await auth.join()
    cookie = (("cookie", f"theme=dark; refresh_token={joined.cookies['refresh_token']}"),)
    answer = await auth.ask("RefreshSession", pb.RefreshSessionRequest(), cookie)
    assert answer.cookies["access_token"] == answer.message.token
    assert answer.cookies["refresh_token"] != joined.cookies["refresh_token"]
    profile = await auth.ask("GetProfile", pb.GetProfileRequest(), bearer(answer.message.token))
    assert profile.message.user.id == joined.message.user.id


async def test_a_deleted_account_is_gone_and_its_cookies_cleared(auth: Auth) -> None:
    email, joined = await auth.join()
    me = bearer(joined.message.token)
    answer = await auth.ask("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD), me)
    assert answer.message.message == "Account deleted successfully"
    assert answer.cookies == CLEARED
    assert (await refusal(auth.ask("GetProfile", pb.GetProfileRequest(), me))).code is StatusCode.UNAUTHENTICATED
    refused = await refusal(auth.ask("Login", pb.LoginRequest(email=email, password=PASSWORD)))
    assert refused.reason == "INVALID_CREDENTIALS"


async def test_public_keys_are_told_to_everybody(auth: Auth) -> None:
    answer = await auth.ask("GetJwks", pb.GetJwksRequest())
    [key] = answer.message.keys
    assert (key.kty, key.crv, key.alg, key.use, len(key.x)) == ("OKP", "Ed25519", "EdDSA", "sig", 43)
    assert key.kid
    assert answer.header("cache-control") == "public, max-age=60"


async def test_an_unknown_email_and_a_wrong_password_look_the_same(auth: Auth) -> None:
    email, _ = await auth.join()
    wrong = await refusal(auth.ask("Login", pb.LoginRequest(email=email, password="wrong password")))
    assert wrong == await refusal(auth.ask("Login", pb.LoginRequest(email=new_email(), password=PASSWORD)))


async def test_a_zero_in_a_text_is_the_callers_mistake(auth: Auth) -> None:
    request = pb.RegisterRequest(email=new_email(), password=PASSWORD, name="Ann\x00")
    assert (await refusal(auth.ask("Register", request))).code is StatusCode.INVALID_ARGUMENT
