"""The keys that access tokens are signed with."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from services.auth.keys import Keys
from services.auth.tests.conftest import MIGRATIONS
from services.auth.tests.service import KEY_SECRET
from services.kit.database import Database, migrate
from services.kit.identity import Caller, UserTokens, decode_key, keys_from_jwks
from services.kit.tests.credentials import ISSUER


async def test_a_token_is_checked_with_the_keys_that_are_public(keys: Keys) -> None:
    async def fetch() -> Mapping[str, Ed25519PublicKey]:
        return keys_from_jwks(keys.jwks())

    users = UserTokens(fetch, ISSUER)
    assert await users.first_valid([keys.access_token("ann", "s")]) == Caller(user_id="ann", session_id="s")


async def test_tokens_differ_even_within_a_second(keys: Keys) -> None:
    assert keys.access_token("ann", "s") != keys.access_token("ann", "s")


async def test_public_keys_are_named_and_have_32_bytes(keys: Keys) -> None:
    [(kid, x)] = keys.jwks()
    assert kid
    assert len(decode_key(x)) == 32


async def test_a_replica_that_starts_later_has_the_same_keys(database: Database, keys: Keys) -> None:
    later = Keys(database, KEY_SECRET, ISSUER, 900)
    await later.load()
    assert later.jwks() == keys.jwks()


async def test_replicas_that_start_at_once_make_one_key(database_url: Callable[[str], str]) -> None:
    url = database_url("auth_keys")
    await migrate(url, MIGRATIONS)
    database = Database(url)
    replicas = [Keys(database, KEY_SECRET, ISSUER, 900) for _ in range(4)]
    await asyncio.gather(*(replica.load() for replica in replicas))
    assert len({str(replica.jwks()) for replica in replicas}) == 1
    await database.close()


async def test_a_key_lies_encrypted_in_the_database(database: Database, keys: Keys) -> None:
    async with database.read() as connection:
        [sealed] = (await connection.execute(text("SELECT private_key FROM signing_keys"))).scalars()
    for key in keys._keys:
        assert key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()) not in sealed
    assert len(sealed) > 32


async def test_a_wrong_secret_opens_no_key(database: Database, keys: Keys) -> None:
    assert keys.jwks()
    with pytest.raises(InvalidToken):
        await Keys(database, "another secret", ISSUER, 900).load()
