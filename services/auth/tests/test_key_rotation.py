"""Keys that change without anybody being refused."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import text

from services.auth.keys import Keys, Rotation
from services.auth.tests.conftest import MIGRATIONS
from services.auth.tests.service import KEY_SECRET
from services.kit.database import Database, migrate
from services.kit.identity import UserTokens
from services.kit.tests.credentials import ISSUER


@pytest.fixture
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database without any key."""
    url = database_url("auth_rotation")
    await migrate(url, MIGRATIONS)
    db = Database(url)
    async with db.transaction() as connection:
        await connection.execute(text("DELETE FROM signing_keys"))
    yield db
    await db.close()


async def loaded(database: Database, lead: timedelta = timedelta(minutes=5), lifetime: int = 900) -> Keys:
    """Keys as a replica has them."""
    keys = Keys(database, KEY_SECRET, ISSUER, lifetime, Rotation(lead=lead))
    await keys.load()
    return keys


def signer(keys: Keys) -> str:
    """The id of the key that signs."""
    return str(jwt.get_unverified_header(keys.access_token("ann", "s"))["kid"])


async def pass_time(database: Database, seconds: int) -> None:
    """Makes every key so much older."""
    older = text("UPDATE signing_keys SET active_at = active_at - make_interval(secs => :s)")
    async with database.transaction() as connection:
        await connection.execute(older, {"s": seconds})


async def test_a_new_key_is_published_before_it_signs(database: Database) -> None:
    keys = await loaded(database)
    first = signer(keys)
    second = await keys.rotate()
    assert [kid for kid, _ in keys.jwks()] == [first, second]
    assert signer(keys) == first


async def test_a_new_key_signs_once_everybody_knows_it(database: Database) -> None:
    keys = await loaded(database)
    first, second = signer(keys), await keys.rotate()
    await pass_time(database, 301)
    await keys.load()
    assert signer(keys) == second
    assert [kid for kid, _ in keys.jwks()] == [first, second]


async def test_the_old_key_is_published_while_a_token_of_it_may_be_good(database: Database) -> None:
    keys = await loaded(database, lead=timedelta(0), lifetime=60)
    first, second = signer(keys), await keys.rotate()
    await pass_time(database, 60)
    await keys.load()
    assert [kid for kid, _ in keys.jwks()] == [first, second]
    await pass_time(database, 60)
    await keys.load()
    assert [kid for kid, _ in keys.jwks()] == [second]


async def test_a_token_outlives_the_rotation_of_its_key(database: Database) -> None:
    keys = await loaded(database, lead=timedelta(0))
    token = keys.access_token("ann", "s")
    await keys.rotate()

    async def fetch() -> object:
        return keys.public()

    users = UserTokens(fetch, ISSUER)  # type: ignore[arg-type]
    for shown in (token, keys.access_token("ann", "s")):
        assert await users.first_valid([shown]) is not None


async def test_a_rotation_that_is_under_way_is_not_begun_again(database: Database) -> None:
    keys = await loaded(database)
    assert len({await keys.rotate() for _ in range(3)}) == 1
    assert len(keys.jwks()) == 2


async def test_replicas_follow_one_anothers_rotation(database: Database) -> None:
    here, there = await loaded(database, lead=timedelta(0)), await loaded(database, lead=timedelta(0))
    second = await here.rotate()
    await there.load()
    assert signer(there) == signer(here) == second


async def test_a_replica_whose_clock_is_behind_signs_all_the_same(database: Database) -> None:
    await loaded(database)
    await pass_time(database, -5)
    keys = await loaded(database)
    assert signer(keys) == keys.jwks()[0][0]
