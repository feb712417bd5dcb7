"""Tokens that look right and are not are refused: at the gateway, and at each service that is called directly."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox import secrets
from sandbox.stack import Stack
from services.kit.identity import ServiceTokens
from tests.e2e.browser import Browser
from tests.e2e.faults import rows
from tests.e2e.security.people import READS, access_token, statuses

FORGERIES = (
    "alg none",
    "HS256 with the public key",
    "another audience",
    "another issuer",
    "another type",
    "no type",
    "expired",
    "not valid yet",
    "no expiry",
    "unknown kid",
    "own key under our kid",
    "own key in jwk",
    "own key behind jku",
    "a service's token",
    "refresh token",
)
# One method of each service that takes an empty message.
DIRECT = {
    "auth": "/drape.auth.v1.AuthService/GetProfile",
    "media": "/drape.media.v1.MediaService/ListImages",
    "tryon": "/drape.tryon.v1.TryonService/ListJobs",
    "billing": "/drape.billing.v1.BillingService/GetBalance",
}
REVOKED = "/drape.auth.v1.RevocationService/ListRevokedSessions"


@pytest.fixture(scope="module")
def signing_key(stack: Stack) -> Ed25519PrivateKey:
    """The key that the stack signs with: so nothing but what a forgery is about is wrong with it."""
    secret = secrets.load(stack.data_dir / "secrets.json")["KEY_ENCRYPTION_SECRET"]
    box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
    signing = "SELECT private_key FROM signing_keys WHERE active_at <= now() ORDER BY kid DESC LIMIT 1"
    return Ed25519PrivateKey.from_private_bytes(box.decrypt(rows(stack, "auth", signing)[0][0]))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _forge(stack: Stack, user: Browser, key: Ed25519PrivateKey, kind: str) -> str:
    good = access_token(user)
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    own, now = Ed25519PrivateKey.generate(), int(time.time())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    own_public = _b64(own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def signed(changes: dict[str, Any], headers: dict[str, Any] | None = None, by: Any = key) -> str:
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {"kid": header["kid"], "typ": header["typ"]} | (headers or {})
        return jwt.encode(said, by, algorithm="EdDSA", headers=head)

    names = {"kid": header["kid"], "typ": header["typ"]}
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": own_public, "kid": header["kid"]}
    made: dict[str, Callable[[], str]] = {
        "alg none": lambda: f"{_b64(json.dumps(header | {'alg': 'none'}).encode())}.{good.split('.')[1]}.",
        "HS256 with the public key": lambda: jwt.encode(claims, public, algorithm="HS256", headers=names),
        "another audience": lambda: signed({"aud": "billing"}),
        "another issuer": lambda: signed({"iss": "somebody"}),
        "another type": lambda: signed({}, {"typ": "JWT"}),
        "no type": lambda: signed({}, {"typ": None}),
        "expired": lambda: signed({"iat": now - 7200, "exp": now - 3600}),
        "not valid yet": lambda: signed({"nbf": now + 3600}),
        "no expiry": lambda: signed({"exp": None}),
        "unknown kid": lambda: signed({}, {"kid": "unknown"}, own),
        "own key under our kid": lambda: signed({}, by=own),
        "own key in jwk": lambda: signed({}, {"jwk": jwk}, own),
        "own key behind jku": lambda: signed({}, {"jku": "http://127.0.0.1:9/jwks.json"}, own),
        "a service's token": lambda: _service_tokens(stack, "tryon").sign("billing", user.user_id),
        "refresh token": lambda: user.cookies["refresh_token"],
    }
    return made[kind]()


def _service_tokens(stack: Stack, name: str) -> ServiceTokens:
    values = secrets.load(stack.data_dir / "secrets.json")
    return ServiceTokens(name, values[f"SERVICE_PRIVATE_KEY.{name}"], json.loads(secrets.public_keys(values)))


def _ask(stack: Stack, service: str, token: str, method: str = "") -> grpc.StatusCode:
    """What the service answers to an empty message, asked past the gateway."""
    with grpc.insecure_channel(f"127.0.0.1:{stack.ports[service]}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method or DIRECT[service])
        try:
            call(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=10)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return grpc.StatusCode.OK


def test_a_good_token_is_good_everywhere(stack: Stack, user: Browser) -> None:
    assert statuses(stack, access_token(user)) == dict.fromkeys(READS, 200)
    assert {_ask(stack, service, access_token(user)) for service in DIRECT} == {grpc.StatusCode.OK}


@pytest.mark.parametrize("scheme", ["bearer", "Bearer"])
def test_the_name_of_the_scheme_may_be_in_lower_case(stack: Stack, user: Browser, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {access_token(user)}"}
    assert httpx.get(f"{stack.url}/api/images", headers=headers).status_code == 200


@pytest.mark.parametrize("kind", FORGERIES)
def test_the_gateway_lets_no_such_token_through(
    stack: Stack, user: Browser, signing_key: Ed25519PrivateKey, kind: str
) -> None:
    token = _forge(stack, user, signing_key, kind)
    assert statuses(stack, token) == dict.fromkeys(READS, 401)
    for cookie in ("access_token", "token"):
        answer = httpx.get(f"{stack.url}/api/images", headers={"cookie": f"{cookie}={token}"})
        assert answer.status_code == 401


@pytest.mark.parametrize("kind", FORGERIES)
def test_each_service_refuses_such_a_token_itself(
    stack: Stack, user: Browser, signing_key: Ed25519PrivateKey, kind: str
) -> None:
    token = _forge(stack, user, signing_key, kind)
    assert {_ask(stack, service, token) for service in DIRECT} == {grpc.StatusCode.UNAUTHENTICATED}


def test_a_header_that_names_a_user_is_no_proof(stack: Stack, user: Browser) -> None:
    headers = {"x-user-id": user.user_id}
    assert httpx.get(f"{stack.url}/api/images", headers=headers).status_code == 401


@pytest.mark.parametrize("caller", ["a user", "nobody", "auth itself"])
def test_the_list_of_ended_sessions_is_for_services_only(stack: Stack, user: Browser, caller: str) -> None:
    token = {
        "a user": access_token(user),
        "nobody": "",
        "auth itself": _service_tokens(stack, "auth").sign("auth", ""),
    }[caller]
    assert _ask(stack, "auth", token, REVOKED) is grpc.StatusCode.UNAUTHENTICATED
    good = _service_tokens(stack, "billing").sign("auth", "")
    assert _ask(stack, "auth", good, REVOKED) is grpc.StatusCode.OK
