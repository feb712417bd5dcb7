"""Guesses: some are free, then each costs a pause."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Interval, bindparam, text

from services.auth.errors import TooManyAttempts
from services.auth.throttling import Throttle, ThrottleLimits
from services.kit.database import Database
from services.kit.ids import new_id

LIMITS = ThrottleLimits(account_free=3, address_free=6, first=60, longest=600)


@pytest.fixture
def throttle(database: Database) -> Throttle:
    """Three tries are free for an account, six for an address."""
    return Throttle(database, new_id().encode(), LIMITS)


async def tried(throttle: Throttle, account: str, address: str = "", what: str = "login") -> bool:
    """Whether a try passes."""
    try:
        await throttle.count(what, account=account, address=address)
    except TooManyAttempts:
        return False
    return True


async def pass_time(database: Database, seconds: int) -> None:
    """Makes all that was counted so much older."""
    older = text("UPDATE throttles SET blocked_until = blocked_until - :age, last_at = last_at - :age")
    async with database.transaction() as connection:
        age = bindparam("age", type_=Interval())
        await connection.execute(older.bindparams(age), {"age": timedelta(seconds=seconds)})


async def test_the_first_tries_are_free(throttle: Throttle) -> None:
    assert [await tried(throttle, "ann") for _ in range(6)] == [True, True, True, True, False, False]


async def test_tries_side_by_side_are_counted_as_they_would_be_in_turn(throttle: Throttle) -> None:
    passed = await asyncio.gather(*(tried(throttle, "ann") for _ in range(20)))
    assert passed.count(True) == 4


async def test_accounts_are_counted_apart(throttle: Throttle) -> None:
    for _ in range(5):
        await tried(throttle, "ann")
    assert await tried(throttle, "bob")


async def test_purposes_are_counted_apart(throttle: Throttle) -> None:
    for _ in range(5):
        await tried(throttle, "ann")
    assert await tried(throttle, "ann", what="confirm")


async def test_many_accounts_from_one_address_are_counted_together(throttle: Throttle) -> None:
    passed = [await tried(throttle, new_id(), "192.0.2.1") for _ in range(10)]
    assert passed.count(True) == 7


async def test_an_ipv6_customer_is_one_address(throttle: Throttle) -> None:
    passed = [await tried(throttle, new_id(), f"2001:db8::{number}") for number in range(10)]
    assert passed.count(True) == 7
    assert await tried(throttle, new_id(), "2001:db8:0:1::1")


async def test_a_try_that_is_refused_counts_nothing(throttle: Throttle) -> None:
    for _ in range(4):
        await tried(throttle, "ann")
    for _ in range(10):
        assert not await tried(throttle, "ann", "192.0.2.1")
    assert await tried(throttle, "bob", "192.0.2.1")


async def test_each_pause_is_twice_as_long_as_the_one_before(throttle: Throttle, database: Database) -> None:
    waits = []
    for _ in range(3):
        await tried(throttle, "ann")
    for _ in range(5):
        await tried(throttle, "ann")
        with pytest.raises(TooManyAttempts) as refused:
            await throttle.count("login", account="ann")
        wait = refused.value.retry_after or 0
        waits.append(wait)
        await pass_time(database, wait)
    assert [round(wait, -1) for wait in waits] == [60, 120, 240, 480, 600]


async def test_a_right_password_starts_the_account_anew(throttle: Throttle, database: Database) -> None:
    for _ in range(3):
        await tried(throttle, "ann", "192.0.2.1")
    async with database.transaction() as connection:
        await throttle.take_back(connection, "login", account="ann", address="192.0.2.1")
    assert [await tried(throttle, "ann") for _ in range(5)] == [True, True, True, True, False]


async def test_all_is_forgotten_after_an_hour(throttle: Throttle, database: Database) -> None:
    for _ in range(4):
        await tried(throttle, "ann")
    await pass_time(database, 3601)
    assert [await tried(throttle, "ann") for _ in range(5)] == [True, True, True, True, False]


async def test_what_is_forgotten_is_pruned(throttle: Throttle, database: Database) -> None:
    await tried(throttle, "ann")
    await pass_time(database, 3601)
    await tried(throttle, "bob")
    async with database.transaction() as connection:
        await throttle.prune(connection)
        left = await connection.execute(text("SELECT count(*) FROM throttles"))
        assert left.scalar_one() == 1


async def test_nothing_is_counted_when_it_is_off(database: Database) -> None:
    throttle = Throttle(database, b"secret", ThrottleLimits(enabled=False, account_free=1))
    assert all([await tried(throttle, "ann") for _ in range(10)])


async def test_the_table_tells_neither_accounts_nor_addresses(throttle: Throttle, database: Database) -> None:
    await tried(throttle, "ann@example.com", "192.0.2.77")
    async with database.read() as connection:
        kept = str((await connection.execute(text("SELECT * FROM throttles"))).all())
    assert "ann" not in kept
    assert "192" not in kept
