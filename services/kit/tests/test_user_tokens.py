"""Access tokens: which are good, and which of several counts."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kit.errors import Unavailable
from services.kit.identity import ACCESS_TYPE, Caller, UserTokens
from services.kit.tests.credentials import ISSUER, Issuer
from services.kit.tests.waiting import eventually

NOW = 10**10


@pytest.fixture
def issuer() -> Issuer:
    """Who signs access tokens."""
    return Issuer()


@pytest.fixture
def users(issuer: Issuer) -> UserTokens:
    """Who checks them."""
    return UserTokens(issuer.fetch, ISSUER)


def encoded(part: Mapping[str, Any]) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    """A token with the algorithm `none`."""
    header = {"alg": "none", "kid": issuer.kid, "typ": ACCESS_TYPE}
    return f"{encoded(header)}.{encoded(issuer.claims('ann'))}."


def signed_with_the_public_key(issuer: Issuer) -> str:
    """A token signed by anybody, with HMAC, under the public key as if it were a secret."""
    secret = issuer.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(issuer.claims("ann"), secret, algorithm="HS256", headers={"kid": issuer.kid, "typ": ACCESS_TYPE})


def altered(issuer: Issuer) -> str:
    """A good token in which another user was written."""
    header, _, signature = issuer.token("ann").split(".")
    return f"{header}.{encoded(issuer.claims('bob'))}.{signature}"


BAD: dict[str, Callable[[Issuer], str]] = {
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "altered": altered,
    "signed by another key of the same name": lambda issuer: Issuer(issuer.kid).token("ann"),
    "signed by a key nobody knows": lambda issuer: Issuer("kid-2").token("ann"),
    "for somebody else": lambda issuer: issuer.token("ann", aud="others"),
    "by somebody else": lambda issuer: issuer.token("ann", iss="others"),
    "of another type": lambda issuer: issuer.token("ann", headers={"typ": "JWT"}),
    "of a service": lambda issuer: issuer.token("ann", headers={"typ": "service+jwt"}),
    "without a key's name": lambda issuer: issuer.token("ann", headers={"kid": ""}),
    "expired": lambda issuer: issuer.token("ann", exp=1),
    "not good yet": lambda issuer: issuer.token("ann", nbf=NOW),
    "issued in the future": lambda issuer: issuer.token("ann", iat=NOW, exp=NOW + 900),
    "of nobody": lambda issuer: issuer.token("ann", sub=None),
    "of no session": lambda issuer: issuer.token("ann", sid=None),
    "without an end": lambda issuer: issuer.token("ann", exp=None),
    "without a beginning": lambda issuer: issuer.token("ann", iat=None),
    "empty": lambda issuer: "",
    "a word": lambda issuer: "undefined",
    "dots": lambda issuer: "..",
    "not ASCII": lambda issuer: "é.é.é",
    "very long": lambda issuer: "a" * 100_000,
    "cut off": lambda issuer: issuer.token("ann")[:-10],
}


async def test_a_good_token_names_the_user_and_the_session(issuer: Issuer, users: UserTokens) -> None:
    found = await users.first_valid([issuer.token("ann", sid="s")])
    assert found == Caller(user_id="ann", session_id="s")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_a_token_that_is_not_good_names_nobody(
    issuer: Issuer, users: UserTokens, bad: Callable[[Issuer], str]
) -> None:
    assert await users.first_valid([bad(issuer)]) is None


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_one_good_token_is_enough_whatever_the_others_are(
    issuer: Issuer, users: UserTokens, bad: Callable[[Issuer], str]
) -> None:
    good = issuer.token("ann")
    for tokens in ([bad(issuer), good], [good, bad(issuer)], [bad(issuer), bad(issuer), good]):
        found = await users.first_valid(tokens)
        assert found is not None
        assert found.user_id == "ann"


async def test_of_several_good_tokens_the_first_counts(issuer: Issuer, users: UserTokens) -> None:
    found = await users.first_valid([issuer.token("ann"), issuer.token("bob")])
    assert found is not None
    assert found.user_id == "ann"


async def test_no_token_names_nobody(users: UserTokens) -> None:
    assert await users.first_valid([]) is None


async def test_keys_are_fetched_once(issuer: Issuer, users: UserTokens) -> None:
    for _ in range(3):
        await users.first_valid([issuer.token("ann")])
    assert issuer.fetches == 1


async def test_invented_key_names_are_no_flood_of_fetches(issuer: Issuer, users: UserTokens) -> None:
    for number in range(10):
        assert await users.first_valid([Issuer(f"invented-{number}").token("ann")]) is None
    assert issuer.fetches == 1


class Outage(Issuer):
    """An auth service that has given out its keys and is then away."""

    async def fetch(self) -> Mapping[str, Ed25519PublicKey]:
        if self.fetches:
            raise Unavailable("The sign-in service is not ready.")
        return await super().fetch()


async def test_keys_that_cannot_be_fetched_are_no_verdict_on_the_token() -> None:
    issuer = Outage()
    issuer.fetches = 1
    with pytest.raises(Unavailable):
        await UserTokens(issuer.fetch, ISSUER).first_valid([issuer.token("ann")])


async def test_keys_that_cannot_be_fetched_do_not_hide_a_good_token() -> None:
    issuer = Outage()
    users = UserTokens(issuer.fetch, ISSUER, refetch_seconds=0)
    await users.first_valid([issuer.token("ann")])
    found = await users.first_valid([Issuer("of last year").token("bob"), issuer.token("ann")])
    assert found is not None
    assert found.user_id == "ann"


class Silence(Issuer):
    """An auth service that answers nobody until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.there = False

    async def fetch(self) -> Mapping[str, Ed25519PublicKey]:
        keys = await super().fetch()
        await self.answers.wait()
        if not self.there:
            raise Unavailable("The sign-in service is not ready.")
        return keys


async def test_while_auth_is_silent_nobody_waits_for_anothers_turn() -> None:
    issuer = Silence()
    users = UserTokens(issuer.fetch, ISSUER)
    waiting = [asyncio.create_task(users.first_valid([issuer.token("ann")])) for _ in range(20)]
    impatient = asyncio.create_task(users.first_valid([issuer.token("ann")]))
    await asyncio.sleep(0)
    impatient.cancel()
    issuer.answers.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert issuer.fetches == 1
    issuer.there = True
    assert await users.first_valid([issuer.token("ann")]) is not None


async def test_who_gives_up_waiting_for_the_keys_takes_them_from_nobody_else() -> None:
    issuer = Silence()
    issuer.there = True
    users = UserTokens(issuer.fetch, ISSUER)
    first = asyncio.create_task(users.first_valid([issuer.token("ann")]))
    second = asyncio.create_task(users.first_valid([issuer.token("bob")]))
    await asyncio.sleep(0)
    first.cancel()
    issuer.answers.set()
    found = await second
    assert found is not None
    assert (found.user_id, issuer.fetches) == ("bob", 1)


async def test_a_token_that_was_good_is_good_no_more_when_its_key_is_retired() -> None:
    old, new = Issuer("kid-1"), Issuer("kid-2")
    keys: dict[str, Ed25519PublicKey] = {old.kid: old.key.public_key()}

    async def fetch() -> Mapping[str, Ed25519PublicKey]:
        return dict(keys)

    users = UserTokens(fetch, ISSUER, refetch_seconds=-1)
    token = old.token("ann")
    assert [await users.first_valid([token]) for _ in range(2)] == [Caller("ann", "session-1")] * 2
    keys = {new.kid: new.key.public_key()}
    assert await users.first_valid([new.token("bob")]) == Caller("bob", "session-1")
    assert await users.first_valid([token]) is None


async def test_a_token_that_was_good_is_good_no_more_when_its_time_is_over(issuer: Issuer, users: UserTokens) -> None:
    token = issuer.token("ann", exp=int(time.time()) - 3)  # clocks may differ by five seconds
    assert await users.first_valid([token]) == Caller("ann", "session-1")

    async def over() -> bool:
        return await users.first_valid([token]) is None

    await eventually(over, "the end of the token")
