"""A database that goes away and comes back: a clear answer meanwhile, and work at once afterwards."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from sqlalchemy import text

from services.kit import embedded, tasks
from services.kit.database import Database, DatabaseAway
from services.kit.telemetry import JsonFormatter
from services.kit.tests.echo import Echo, Request, serving, unary


@pytest.fixture
def server(data_dir: Path) -> Iterator[str]:
    """A server of the test's own, to be stopped, and the URL of a database in it."""
    yield embedded.service_url(data_dir, "kit")
    embedded.stop(data_dir)


@pytest.fixture
async def away(server: str) -> AsyncIterator[Database]:
    """Its database, with connections in the pool."""
    await tasks.install(server)
    database = Database(server, pool=3)
    async with database.read(), database.read(), database.read():
        pass
    yield database
    await database.close()


def _asking(database: Database, statement: str = "SELECT 1") -> Any:
    async def read(request: Request, _: Any) -> Request:
        async with database.read() as connection:
            await connection.execute(text(statement))
        return request

    async def change(request: Request, _: Any) -> Request:
        async with database.transaction() as connection:
            await tasks.enqueue(connection, "later", {})
        return request

    return serving({"Public": unary(read), "Private": unary(change)})


async def _codes(echo: Echo, calls: int) -> list[StatusCode]:
    """How calls end that are made at once, half of them reading and half changing something."""

    async def code(number: int) -> StatusCode:
        metadata = echo.as_user() if number % 2 else ()
        call = echo.unary("Private" if number % 2 else "Public", metadata=metadata, timeout=20)
        ended: StatusCode = await call.code()
        return ended

    return list(await asyncio.gather(*(code(number) for number in range(calls))))


async def test_while_the_database_is_away_calls_are_unavailable_and_afterwards_they_work(
    away: Database, data_dir: Path
) -> None:
    async with _asking(away) as echo:
        assert await _codes(echo, 6) == [StatusCode.OK] * 6
        await asyncio.to_thread(embedded.stop, data_dir)
        assert await _codes(echo, 6) == [StatusCode.UNAVAILABLE] * 6
        await asyncio.to_thread(embedded.start, data_dir)
        assert await _codes(echo, 6) == [StatusCode.OK] * 6
        # Connections that were ended behind our back fail no call either.
        await asyncio.to_thread(embedded.stop, data_dir)
        await asyncio.to_thread(embedded.start, data_dir)
        assert await _codes(echo, 6) == [StatusCode.OK] * 6


async def test_an_answer_that_the_database_is_away_has_no_headers_so_that_it_is_retried(tmp_path: Path) -> None:
    nowhere = Database(f"postgresql://kit@/kit?host={tmp_path}")
    async with _asking(nowhere) as echo:
        call = echo.unary("Public")
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        assert not await call.initial_metadata()


async def test_a_port_at_which_nobody_listens_is_an_outage() -> None:
    with pytest.raises(DatabaseAway):
        await Database("postgresql://kit@127.0.0.1:1/kit").ready()


async def test_a_pool_without_a_free_connection_is_an_outage(database: Database) -> None:
    small = Database(database.url, pool=1, patience=0.1)
    async with small.read():
        with pytest.raises(DatabaseAway):
            await small.ready()
    await small.close()


@pytest.mark.parametrize("statement", ["SELECT 1 FROM nowhere", "SELECT 1 / 0", "SELEC"])
async def test_our_own_mistakes_are_not_called_an_outage(database: Database, statement: str) -> None:
    async with _asking(database, statement) as echo:
        call = echo.unary("Public")
        assert await call.code() is StatusCode.INTERNAL


async def test_no_value_of_a_row_is_ever_written_down(database: Database) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("kit"))
    logging.getLogger().addHandler(handler)
    cast = "SELECT CAST(CAST(:email AS text) AS int)"
    insert = "INSERT INTO people VALUES (:email, NULL)"
    try:
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE people (email text PRIMARY KEY, n int NOT NULL DEFAULT 0)"))
        for wrong, given in ((insert, {"email": "ann\n@example.com"}), (cast, {"email": "ann@example.com"})):
            try:
                async with database.transaction() as connection:
                    await connection.execute(text(wrong), given)
            except Exception:
                logging.getLogger("test").exception("unexpected error")
    finally:
        logging.getLogger().removeHandler(handler)
        async with database.transaction() as connection:
            await connection.execute(text("DROP TABLE people"))
    assert stream.getvalue().count("unexpected error") == 2
    assert "NotNullViolation" in stream.getvalue()
    assert cast.partition(":")[0] in stream.getvalue()
    assert "example.com" not in stream.getvalue()
