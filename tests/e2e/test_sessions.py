import base64
import json
from collections.abc import Callable

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.sessions import Tokens, cookies_in, new_tokens, rotate, show, tokens_of, value_of

WEEK = 7 * 24 * 3600


def _claims(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.fixture
def answers(browser: Browser) -> dict[str, httpx.Response]:
    """Every kind of answer that opens or renews a session."""
    form = {"email": "", "password": PASSWORD}
    registered = browser.sign_up()
    form["email"] = registered.email
    login = browser.post("/api/auth/login", json=form)
    refresh = browser.post("/api/auth/refresh")
    browser.cookies.delete("access_token")
    renewal = browser.get("/api/auth/profile")
    again = browser.post("/api/auth/register", json=form | {"email": f"again-{registered.email}"})
    return {"register": again, "login": login, "refresh": refresh, "renewal": renewal}


@pytest.mark.parametrize("kind", ["register", "login", "refresh", "renewal"])
def test_the_cookies_of_a_session_are_exactly_these(answers: dict[str, httpx.Response], kind: str) -> None:
    cookies = cookies_in(answers[kind])
    assert set(cookies) == {"access_token", "refresh_token"}
    access, refresh = (value_of(cookies[name]) for name in ("access_token", "refresh_token"))
    attributes = "HttpOnly; SameSite=Strict"
    assert cookies["access_token"] == f"access_token={access}; Path=/; Max-Age=900; {attributes}"
    assert cookies["refresh_token"] == f"refresh_token={refresh}; Path=/; Max-Age={WEEK}; {attributes}"


@pytest.mark.parametrize("kind", ["register", "login", "refresh"])
def test_the_token_in_the_body_is_the_one_in_the_cookie(answers: dict[str, httpx.Response], kind: str) -> None:
    assert answers[kind].json()["token"] == new_tokens(answers[kind]).access


def test_the_refresh_token_is_in_no_body(answers: dict[str, httpx.Response]) -> None:
    for answer in answers.values():
        assert new_tokens(answer).refresh not in answer.text


def test_the_access_token_is_a_jwt_of_fifteen_minutes(stack: Stack, user: Browser) -> None:
    token = tokens_of(user).access
    header, claims = jwt.get_unverified_header(token), _claims(token)
    assert header["alg"] == "EdDSA"
    assert header["kid"]
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("drape", "drape", user.user_id)
    assert claims["sid"]
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 900


def test_the_access_token_can_be_checked_with_the_public_keys(stack: Stack, user: Browser) -> None:
    key = jwt.PyJWKClient(f"{stack.url}/.well-known/jwks.json").get_signing_key_from_jwt(tokens_of(user).access)
    claims = jwt.decode(tokens_of(user).access, key, algorithms=["EdDSA"], audience="drape", issuer="drape")
    assert claims["sub"] == user.user_id


def test_a_session_keeps_its_id_when_it_is_renewed(stack: Stack, user: Browser) -> None:
    before = tokens_of(user)
    assert _claims(rotate(stack.url, before.refresh).access)["sid"] == _claims(before.access)["sid"]


def test_refreshing_answers_with_a_new_token_and_nothing_else(user: Browser) -> None:
    before = tokens_of(user)
    answer = user.post("/api/auth/refresh")
    assert answer.status_code == 200
    assert set(answer.json()) == {"token"}
    assert tokens_of(user).refresh != before.refresh
    assert user.get("/api/auth/profile").status_code == 200


@pytest.mark.parametrize("refresh", ["", "nonsense", "a" * 43])
def test_refreshing_needs_a_good_refresh_token(stack: Stack, refresh: str) -> None:
    cookies = {"refresh_token": refresh} if refresh else {}
    assert_refused(show(stack.url, cookies, path="/api/auth/refresh", method="POST"), 401)


@pytest.mark.parametrize("place", ["access_token", "token", "authorization"])
def test_the_token_works_in_each_of_its_places(stack: Stack, user: Browser, place: str) -> None:
    token = tokens_of(user).access
    cookies, bearer = ({}, token) if place == "authorization" else ({place: token}, "")
    for path in ("/api/auth/profile", "/api/images", "/api/billing/balance", "/api/tryon/jobs"):
        assert show(stack.url, cookies, bearer, path).status_code == 200


@pytest.mark.parametrize("place", ["access_token", "token", "authorization"])
def test_a_refresh_token_is_no_access_token(stack: Stack, user: Browser, place: str) -> None:
    token = tokens_of(user).refresh
    cookies, bearer = ({}, token) if place == "authorization" else ({place: token}, "")
    assert_refused(show(stack.url, cookies, bearer), 401, "Invalid or expired token")


def _forgeries(tokens: Tokens, victim: str) -> dict[str, str]:
    token = tokens.access
    header, claims = jwt.get_unverified_header(token), _claims(token)
    head, body, signature = token.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims | {"sub": victim}).encode()).rstrip(b"=").decode()
    key = Ed25519PrivateKey.generate()
    return {
        "other subject": f"{head}.{other}.{signature}",
        "no signature": f"{head}.{body}.",
        "no algorithm": jwt.encode(claims, "", algorithm="none", headers={"kid": header["kid"]}),
        "own key": jwt.encode(claims, key, algorithm="EdDSA", headers=header),
        "own key of no name": jwt.encode(claims, key, algorithm="EdDSA"),
        "shared secret": jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": header["kid"]}),
    }


@pytest.mark.parametrize(
    "forgery", ["other subject", "no signature", "no algorithm", "own key", "own key of no name", "shared secret"]
)
def test_a_forged_token_is_refused(stack: Stack, signed_up: Callable[[], Browser], forgery: str) -> None:
    victim, thief = signed_up(), signed_up()
    token = _forgeries(tokens_of(thief), victim.user_id)[forgery]
    for cookies, bearer in (({}, token), ({"access_token": token}, ""), ({"token": token}, "")):
        assert_refused(show(stack.url, cookies, bearer), 401, "Invalid or expired token")


@pytest.mark.parametrize("header", ["x-user-id", "x-forwarded-user", "x-envoy-user", "x-service"])
def test_nobody_says_who_they_are_by_a_header(browser: Browser, user: Browser, header: str) -> None:
    answer = browser.get("/api/auth/profile", headers={header: user.user_id})
    assert_refused(answer, 401, "Authentication required")
