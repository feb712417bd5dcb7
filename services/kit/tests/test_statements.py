"""Statements that go to the driver as they are: their values, their rows, their transactions, their failures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    TIMESTAMP,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.kit.database import Database, DatabaseAway, directly
from services.kit.errors import UnstorableText
from services.kit.ids import new_id
from services.kit.statements import Statement
from services.kit.tests.waiting import eventually

THINGS = Table(
    "things",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("count", Integer, default=7),
    Column("details", JSONB(none_as_null=True)),
    Column("plain", JSON(none_as_null=True)),
    Column("made_at", TIMESTAMP(timezone=True)),
)
GET = Statement(select(THINGS).where(THINGS.c.id == bindparam("id")))
ADD = Statement(insert(THINGS).returning(THINGS), ["id", "details", "plain", "made_at"])
COUNT = Statement(
    update(THINGS)
    .where(THINGS.c.id == bindparam("by_id"), THINGS.c["count"] == 7)
    .values(count=THINGS.c["count"] + bindparam("more", type_=Integer()))
    .returning(THINGS.c["count"])
)
SLOW = Statement(text("SELECT pg_sleep(60)"))
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def things(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    database = Database(database_url("kit_statements"), pool=1, patience=1)
    async with database.transaction() as connection:
        await connection.run_sync(THINGS.metadata.create_all)
    yield database
    await database.close()


async def added(things: Database, **values: Any) -> Any:
    """A new thing's row."""
    return await things.first(ADD, **({"id": new_id(), "details": {}, "plain": None, "made_at": NOON} | values))


async def test_values_and_rows_are_what_sqlalchemy_makes_of_them(things: Database) -> None:
    row = await added(things, details={"a": [1, None, "ü"]}, plain=["x"])
    assert (row.count, row.details, row.plain, row.made_at) == (7, {"a": [1, None, "ü"]}, ["x"], NOON)
    async with things.read() as connection:
        other = (await connection.execute(select(THINGS).where(THINGS.c.id == row.id))).one()
    assert tuple(row) == tuple(other)
    assert await things.first(GET, id=row.id) == row
    assert (await added(things, details=None)).details is None
    assert await things.first(GET, id="none") is None
    with pytest.raises(AttributeError):
        _ = row.nothing


async def test_what_is_fixed_is_taken_and_what_is_missing_is_told(things: Database) -> None:
    row = await added(things)
    assert [changed.count for changed in await things.run(COUNT, by_id=row.id, more=3)] == [10]
    assert await things.run(COUNT, by_id=row.id, more=3) == []
    with pytest.raises(KeyError, match="more"):
        await things.run(COUNT, by_id=row.id)


async def test_a_transaction_that_raises_leaves_nothing(things: Database) -> None:
    first, second = new_id(), new_id()
    values: dict[str, Any] = {"details": {}, "plain": None, "made_at": NOON}

    async def change_my_mind() -> None:
        async with things.direct() as connection:
            await connection.run(ADD, id=first, **values)
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    async with things.direct() as connection:
        await connection.run(ADD, id=second, **values)
    assert await things.first(GET, id=first) is None
    assert await things.first(GET, id=second)


async def test_a_transaction_of_sqlalchemys_holds_for_them_too(things: Database) -> None:
    thing = new_id()

    async def change_my_mind() -> None:
        async with things.transaction() as connection:
            await (await directly(connection)).run(ADD, id=thing, details={}, plain=None, made_at=NOON)
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    assert await things.first(GET, id=thing) is None


@pytest.mark.parametrize("values", [{"id": "a\x00b"}, {"details": {"a": "\x00"}}])
async def test_a_text_that_cannot_be_stored_is_the_callers_mistake(things: Database, values: dict[str, Any]) -> None:
    with pytest.raises(UnstorableText):
        await added(things, **values)


async def test_who_is_cancelled_leaves_the_pool_as_it_was(things: Database) -> None:
    slow = asyncio.create_task(things.run(SLOW))
    await asyncio.sleep(0.1)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await added(things)


async def test_a_connection_that_its_server_ends_is_away_and_then_another_one(things: Database) -> None:
    pid = (await things.first(Statement(text("SELECT pg_backend_pid() AS pid")))).pid
    slow = asyncio.create_task(things.run(SLOW))
    other = Database(things.url, pool=1)
    asleep = Statement(text("SELECT count(*) AS n FROM pg_stat_activity WHERE pid = :pid AND query LIKE '%pg_sleep%'"))

    async def sleeps() -> bool:
        return bool((await other.first(asleep, pid=pid)).n)

    await eventually(sleeps, "the statement")
    await other.run(Statement(text("SELECT pg_terminate_backend(:pid)")), pid=pid)
    with pytest.raises(DatabaseAway):
        await slow
    await other.close()
    assert await added(things)


async def test_whoever_waits_too_long_for_a_connection_is_told_that_the_database_is_away(things: Database) -> None:
    async with things.direct():
        with pytest.raises(DatabaseAway):
            await things.run(GET, id="any")


async def test_a_connection_at_hand_goes_to_whoever_waits_for_one(things: Database) -> None:
    async def read() -> Any:
        async with things.read() as connection:
            return (await connection.execute(text("SELECT 1"))).scalar_one()

    await things.run(GET, id="any")
    assert await read() == 1  # what was at hand went back for it
    async with things.direct():
        waiting = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting == 1


async def test_a_connection_that_its_server_ended_while_at_hand_is_replaced(things: Database) -> None:
    mine = Statement(text("SELECT pg_backend_pid() AS pid"))
    pid = (await things.first(mine)).pid
    other = Database(things.url, pool=1)
    await other.run(Statement(text("SELECT pg_terminate_backend(:pid)")), pid=pid)
    gone = Statement(text("SELECT count(*) AS n FROM pg_stat_activity WHERE pid = :pid"))

    async def ended() -> bool:
        return not (await other.first(gone, pid=pid)).n

    await eventually(ended, "the connection's end")
    await other.close()
    assert (await things.first(mine)).pid != pid
