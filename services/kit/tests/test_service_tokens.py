"""One-minute tokens of services, and where tokens are found in a request."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.errors import Unavailable
from services.kit.identity import (
    SERVICE_TYPE,
    Caller,
    ServiceTokens,
    decode_key,
    encode_key,
    keys_from_jwks,
    public_key_of,
    read_cookies,
    tokens_in,
)
from services.kit.shared import Kept
from services.kit.tests.credentials import Issuer, ServiceKeys, new_key
from services.kit.tests.waiting import eventually


@pytest.fixture(scope="session")
def keys() -> ServiceKeys:
    """The keys of all services."""
    return ServiceKeys()


def made(keys: ServiceKeys, key_of: str = "tryon", typ: str = SERVICE_TYPE, kid: str = "tryon", **changes: Any) -> str:
    """A hand-made token from tryon to billing; a change to None leaves the claim out."""
    now = int(time.time())
    said = {"iss": "tryon", "aud": "billing", "sub": "ann", "iat": now, "exp": now + 60} | changes
    claims = {name: value for name, value in said.items() if value is not None}
    private = Ed25519PrivateKey.from_private_bytes(decode_key(keys.private[key_of]))
    return jwt.encode(claims, private, algorithm="EdDSA", headers={"typ": typ, "kid": kid})


def test_a_service_token_names_the_service_and_the_user(keys: ServiceKeys) -> None:
    token = keys.of("tryon").sign("billing", "ann")
    assert keys.of("billing").verify(token) == Caller(user_id="ann", service="tryon")


def test_while_a_key_is_exchanged_tokens_of_both_are_good(keys: ServiceKeys) -> None:
    successor = ServiceKeys()
    both = keys.public | {"tryon": f"{keys.public['tryon']}, {successor.public['tryon']}"}
    billing = ServiceTokens("billing", keys.private["billing"], both)
    for signer in (keys, successor):
        assert billing.verify(signer.of("tryon").sign("billing", "ann")) == Caller(user_id="ann", service="tryon")
    assert billing.verify(ServiceKeys().of("tryon").sign("billing", "ann")) is None
    assert keys.of("billing").verify(successor.of("tryon").sign("billing", "ann")) is None


def test_a_service_token_is_good_for_one_minute(keys: ServiceKeys) -> None:
    claims = jwt.decode(keys.of("tryon").sign("billing", "ann"), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60


BAD: dict[str, Callable[[ServiceKeys], str]] = {
    "for another service": lambda keys: keys.of("tryon").sign("media", "ann"),
    "of another system": lambda _: ServiceKeys().of("tryon").sign("billing", "ann"),
    "signed by media in tryon's name": lambda keys: made(keys, key_of="media"),
    "by tryon as media": lambda keys: made(keys, iss="media"),
    "of a service nobody knows": lambda keys: made(keys, kid="gateway", iss="gateway"),
    "of another type": lambda keys: made(keys, typ="at+jwt"),
    "expired": lambda keys: made(keys, iat=1, exp=2),
    "of no user": lambda keys: made(keys, sub=None),
    "without an end": lambda keys: made(keys, exp=None),
    "without a beginning": lambda keys: made(keys, iat=None),
    "without an audience": lambda keys: made(keys, aud=None),
    "of a user": lambda _: Issuer().token("ann"),
    "empty": lambda _: "",
    "a word": lambda _: "undefined",
    "not ASCII": lambda _: "é.é.é",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_service_token_that_is_not_good_names_nobody(keys: ServiceKeys, bad: Callable[[ServiceKeys], str]) -> None:
    assert keys.of("billing").verify(bad(keys)) is None


def test_a_hand_made_token_would_be_good_if_nothing_were_wrong_with_it(keys: ServiceKeys) -> None:
    assert keys.of("billing").verify(made(keys)) == Caller(user_id="ann", service="tryon")


async def test_a_token_that_was_good_is_good_no_more_when_its_time_is_over(keys: ServiceKeys) -> None:
    ours, token = keys.of("billing"), made(keys, exp=int(time.time()) - 3)  # clocks may differ by five seconds
    assert ours.verify(token) == Caller(user_id="ann", service="tryon")

    async def over() -> bool:
        return ours.verify(token) is None

    await eventually(over, "the end of the token")


def test_a_token_is_signed_once_for_several_calls_and_never_for_another_user_or_service(keys: ServiceKeys) -> None:
    tryon = keys.of("tryon")
    calls = [("billing", "ann"), ("billing", "bob"), ("media", "ann"), ("billing", "ann")]
    tokens = [tryon.sign(*call) for call in calls]
    assert tokens[0] == tokens[3]
    for (audience, user), token in zip(calls, tokens, strict=True):
        assert keys.of(audience).verify(token) == Caller(user_id=user, service="tryon")
    assert keys.of("billing").verify(tokens[2]) is None


def test_what_is_kept_has_a_bound_and_an_end() -> None:
    kept: Kept[int, int] = Kept(bound=2)
    for number in (1, 2, 1, 3):
        kept.put(number, number, time.time() + 60)
    kept.put(4, 4, time.time() - 1)
    assert [kept.get(number) for number in (1, 2, 3, 4)] == [None, None, 3, None]


@pytest.mark.parametrize("key", ["", "abc", encode_key(b"x" * 31), encode_key(b"x" * 33)])
def test_a_key_has_32_bytes(keys: ServiceKeys, key: str) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|padding"):
        ServiceTokens("tryon", key, keys.public)


def test_keys_are_read_with_and_without_padding() -> None:
    assert decode_key(encode_key(b"x" * 32)) == decode_key(encode_key(b"x" * 32) + "=") == b"x" * 32


def test_keys_are_made_from_a_jwks() -> None:
    public = public_key_of(new_key())
    assert list(keys_from_jwks([("kid-1", public)])) == ["kid-1"]


def test_a_jwks_without_keys_is_no_verdict_on_any_token() -> None:
    with pytest.raises(Unavailable):
        keys_from_jwks([])


def test_tokens_are_looked_for_in_the_header_our_cookie_and_the_frontends() -> None:
    metadata = {"authorization": "Bearer a", "cookie": "token=c; access_token=b; theme=dark"}
    assert tokens_in(metadata) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("metadata", "tokens"),
    [
        ({}, []),
        ({"authorization": ""}, []),
        ({"authorization": "Bearer"}, []),
        ({"authorization": "Bearer "}, []),
        ({"authorization": "Basic YTpi"}, []),
        ({"authorization": "bearer a"}, ["a"]),
        ({"authorization": "BEARER  a "}, ["a"]),
        ({"cookie": "access_token="}, []),
        ({"cookie": "access_token=; token=c"}, ["c"]),
        ({"cookie": "Access_Token=a"}, []),
        ({"authorization": "Basic YTpi", "cookie": "access_token=b"}, ["b"]),
    ],
)
def test_what_is_no_token_is_passed_over(metadata: dict[str, str], tokens: list[str]) -> None:
    assert tokens_in(metadata) == tokens


@pytest.mark.parametrize(
    "junk",
    [
        "",
        ";;;",
        "=",
        "=x",
        "novalue",
        "a b=c",
        "bad[key]=1",
        "bad(key)=1",
        "a@b=1",
        "{a}=1",
        'json={"a":1,"b":[2]}',
        "path=/; domain=x",
        "expires=Thu, 01 Jan 1970 00:00:00 GMT",
        'quote="',
        'open="abc',
        "percent=%zz",
        "\x00=\x01",
        "é=ü",
        "a=b=c==",
        "x=" + "y" * 10_000,
    ],
)
def test_junk_hides_no_cookie(junk: str) -> None:
    for header in (f"{junk}; access_token=good", f"access_token=good; {junk}", f"access_token=good;{junk}; a=b"):
        assert read_cookies(header)["access_token"] == "good", header


def test_quotes_around_a_cookies_value_are_no_part_of_it() -> None:
    assert read_cookies('access_token="abc"') == {"access_token": "abc"}
