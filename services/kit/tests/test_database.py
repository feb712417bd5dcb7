"""A service's own database: transactions, migrations by several at once, notifications."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import services.auth
from services.kit.database import Database, DatabaseAway, connect, migrate, wait_for_schema
from services.kit.errors import UnstorableText
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually

# Any migrations do; these are real ones.
MIGRATIONS = Path(services.auth.__path__[0]) / "migrations"


async def tables(url: str) -> set[str]:
    """The names of the tables in the database."""
    connection = await connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def revision(url: str) -> str:
    """Where the database says that it is."""
    connection = await connect(url)
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    await connection.close()
    return str(found)


async def set_revision(url: str, name: str) -> None:
    """Has the database say that it is somewhere else."""
    connection = await connect(url)
    await connection.execute("UPDATE alembic_version SET version_num = $1", name)
    await connection.close()


async def notify(url: str, channel: str, payload: str) -> None:
    """Sends a notification."""
    connection = await connect(url)
    await connection.execute("SELECT pg_notify($1, $2)", channel, payload)
    await connection.close()


async def test_replicas_that_migrate_at_once_wait_for_one_another(database_url: Callable[[str], str]) -> None:
    url = database_url("kit_migrate")
    await asyncio.gather(*(migrate(url, MIGRATIONS) for _ in range(3)))
    assert {"alembic_version", "users", "sessions"} <= await tables(url)


async def test_a_database_that_is_up_to_date_can_be_migrated_again(database_url: Callable[[str], str]) -> None:
    url = database_url("kit_migrate_again")
    await migrate(url, MIGRATIONS)
    before = await tables(url)
    await migrate(url, MIGRATIONS)
    assert await tables(url) == before


async def test_an_older_version_leaves_what_a_later_one_has_migrated(database_url: Callable[[str], str]) -> None:
    url = database_url("kit_migrate_later")
    await migrate(url, MIGRATIONS)
    await set_revision(url, "9999")
    await migrate(url, MIGRATIONS)
    await asyncio.wait_for(wait_for_schema(url, MIGRATIONS), 20)
    assert await revision(url) == "9999"


async def test_whoever_waits_for_the_schema_goes_on_when_somebody_has_migrated(
    database_url: Callable[[str], str],
) -> None:
    url = database_url("kit_wait")
    waiting = asyncio.create_task(wait_for_schema(url, MIGRATIONS, 0.05))
    for _ in range(3):
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await migrate(url, MIGRATIONS)
    await asyncio.wait_for(waiting, 20)
    await set_revision(url, "0001")
    again = asyncio.create_task(wait_for_schema(url, MIGRATIONS, 0.05))
    await asyncio.sleep(0.3)
    assert not again.done(), "an older schema is not enough"
    again.cancel()


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    table = f"t_{new_id()}"

    async def change_my_mind() -> None:
        async with database.transaction() as connection:
            await connection.execute(text(f'CREATE TABLE "{table}" (n int)'))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    assert table not in await tables(database.url)


async def test_the_error_of_a_statement_does_not_tell_its_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1 FROM nowhere WHERE email = :email"), {"email": "ann@example.com"})
    assert "ann@example.com" not in str(failed.value)


@pytest.mark.parametrize("statement", ["SELECT CAST(:value AS text)", "SELECT CAST(:value AS jsonb)->>'a'"])
async def test_a_text_that_cannot_be_stored_is_the_callers_mistake(database: Database, statement: str) -> None:
    value = "a\x00b" if "text" in statement else '{"a": "\\u0000"}'
    for opened in (database.read, database.transaction):
        with pytest.raises(UnstorableText):
            async with opened() as connection:
                await connection.execute(text(statement), {"value": value})


async def test_a_listener_hears_what_is_notified_until_it_stops(database: Database) -> None:
    channel, heard, stop = f"c_{new_id()}", list[str](), asyncio.Event()
    listening = asyncio.create_task(database.listen(channel, heard.append, stop))

    async def hears() -> bool:
        return "news" in heard

    async def listens() -> bool:
        return heard == [""]

    await eventually(listens, "the listener")
    await notify(database.url, channel, "news")
    await eventually(hears, "the news")
    stop.set()
    await asyncio.wait_for(listening, 5)


async def test_a_listener_that_loses_its_connection_makes_another(database: Database) -> None:
    channel, heard, stop = f"c_{new_id()}", list[str](), asyncio.Event()
    listening = asyncio.create_task(database.listen(channel, heard.append, stop))

    async def listens(times: int) -> bool:
        return heard.count("") == times

    async def hears() -> bool:
        return "news" in heard

    await eventually(lambda: listens(1), "the listener")
    connection = await connect(database.url)
    ended = await connection.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' || $1 || '%'", channel
    )
    await connection.close()
    assert ended == 1
    await eventually(lambda: listens(2), "the listener to come back")
    await notify(database.url, channel, "news")
    await eventually(hears, "the news")
    stop.set()
    await asyncio.wait_for(listening, 5)


async def test_a_database_that_does_not_answer_is_not_ready(database: Database, tmp_path: Path) -> None:
    await database.ready()
    nowhere = Database(f"postgresql://kit@/kit?host={tmp_path}")
    with pytest.raises(DatabaseAway):
        await nowhere.ready()


async def test_a_url_may_say_how_the_connection_is_to_be_secured(database_url: Callable[[str], str]) -> None:
    url = database_url("kit_secured") + "&sslmode=prefer&application_name=secured"
    db = Database(url, pool=1)
    await db.ready()
    async with db.read() as connection:
        assert (await connection.execute(text("SHOW application_name"))).scalar() == "secured"
        assert (await connection.execute(text("SHOW statement_timeout"))).scalar() == "10s"
    await db.close()
    await migrate(url, MIGRATIONS)
