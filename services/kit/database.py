"""A service's own PostgreSQL database: connections, transactions, migrations, notifications."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.kit import embedded, telemetry, tracing
from services.kit.errors import Unavailable, UnstorableText
from services.kit.lending import Lending, driver_of
from services.kit.settings import DatabaseSettings
from services.kit.statements import Direct, Statement

log = logging.getLogger(__name__)

# Long enough for a slow moment, short enough that a request fails before its caller's deadline.
_SERVER_SETTINGS = {"statement_timeout": "10000", "idle_in_transaction_session_timeout": "30000"}
_DIALECT = "postgresql+asyncpg://"
# character_not_in_repertoire, untranslatable_character: U+0000 as it is, or escaped in JSON.
_UNSTORABLE = ("22021", "22P05")
# Classes of SQLSTATE that say nothing about the statement: connection lost, out of resources, stopped by the
# server or by its limits, the system's own errors.
_AWAY = ("08", "53", "57", "58")


class DatabaseAway(Unavailable):
    """The database does not answer, or not in time. What was under way may or may not have been done."""

    def __init__(self) -> None:
        super().__init__("The service is not available right now. Please try again later.")


class Database:
    """Connections to one database. Statements are SQLAlchemy Core over the SQLModel tables."""

    def __init__(self, url: str, pool: int = 10, patience: float = 5) -> None:
        """`pool` connections at most, for each of which a request waits `patience` seconds at most."""
        self.url = url
        self._name = make_url(url).database or ""
        self._engine: AsyncEngine = create_async_engine(
            make_url(_DIALECT).set(database=self._name),
            async_creator=self._connect,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=patience,
            pool_recycle=1800,
            hide_parameters=True,  # errors are logged, and parameters are e-mails and secrets
        )
        # Asks nothing over the wire: a connection that its server has ended knows it.
        event.listen(self._engine.sync_engine, "checkout", _check_open)
        self._lending = Lending(self._engine)
        if telemetry.exporting():
            tracing.trace_statements(self._engine.sync_engine, self._name, self._lending.__len__)
        # Reads of one statement need no BEGIN and ROLLBACK around them: two round trips less.
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits at the end of the block, rolls back when the block raises.

        Raises UnstorableText, DatabaseAway.
        """
        with _translating():
            self._lending.make_room()
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement stands for itself. Raises UnstorableText, DatabaseAway."""
        with _translating():
            self._lending.make_room()
            async with self._autocommit.connect() as connection:
                yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """As `read`, for a write that is one statement: it commits by itself, in one round trip instead of three."""
        async with self.read() as connection:
            yield connection

    async def run(self, statement: Statement, **values: Any) -> list[Any]:
        """The rows of one statement that stands for itself. Raises UnstorableText, DatabaseAway."""
        async with _Lent(self._lending, self._name) as connection:
            return await connection.run(statement, **values)

    async def first(self, statement: Statement, **values: Any) -> Any:
        """As `run`, the first row alone; None if there is none."""
        async with _Lent(self._lending, self._name) as connection:
            return await connection.first(statement, **values)

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Direct]:
        """As `transaction`, for statements that are compiled already. Raises UnstorableText, DatabaseAway."""
        async with _Lent(self._lending, self._name) as connection, connection.driver.transaction():
            yield connection

    async def _connect(self) -> asyncpg.Connection:
        try:
            return await connect(self.url, **_SERVER_SETTINGS)
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            raise _away(error) from error

    async def ready(self) -> None:
        """Raises DatabaseAway when the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes every connection."""
        self._lending.return_all()
        await self._engine.dispose()

    async def listen(self, channel: str, heard: Callable[[str], None], stop: asyncio.Event) -> None:
        """Calls `heard` with each payload notified on the channel until `stop`; reconnects when need be."""
        while not stop.is_set():
            try:
                await self._listen_once(channel, heard, stop)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                log.warning("lost the notification connection, trying again", extra={"channel": channel})
                await asyncio.sleep(1)

    async def _listen_once(self, channel: str, heard: Callable[[str], None], stop: asyncio.Event) -> None:
        connection = await connect(self.url)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(channel, lambda _c, _p, _ch, payload: heard(str(payload)))
            heard("")  # whatever happened before we listened
            waits = [asyncio.create_task(stop.wait()), asyncio.create_task(lost.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        finally:
            await connection.close(timeout=2)


class _Lent:
    """A connection of the pool, without what SQLAlchemy has around it."""

    __slots__ = ("_lending", "_lent", "_name")

    def __init__(self, lending: Lending, name: str) -> None:
        self._lending = lending
        self._name = name

    async def __aenter__(self) -> Direct:
        with _translating():
            self._lent = await self._lending.take()
        return Direct(driver_of(self._lent), self._name)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._lending.give_back(self._lent)
            return
        driver = driver_of(self._lent)
        if isinstance(error, asyncio.CancelledError):
            self._lent.invalidate()  # the server may still be at what nobody waits for
        self._lent.close()
        if isinstance(error, asyncpg.InterfaceError) and driver.is_closed():
            raise _away(error) from error
        with _translating():
            raise error


async def directly(connection: AsyncConnection) -> Direct:
    """The connection of a transaction, for statements that are compiled already."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its first statement; ours go past it.
        await connection.execute(text("SELECT 1"))
    return Direct(driver, connection.engine.url.database or "")


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        tracing.pool_timeouts.add(1)
        raise _away(error) from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in _UNSTORABLE:
            raise UnstorableText("Text must not contain zero characters") from error
        if error.connection_invalidated or state.startswith(_AWAY):
            raise _away(error) from error
        raise
    except asyncpg.PostgresError as error:  # of the driver itself
        if error.sqlstate in _UNSTORABLE:
            raise UnstorableText("Text must not contain zero characters") from error
        if (error.sqlstate or "").startswith(_AWAY):
            raise _away(error) from error
        raise


def _away(error: Exception) -> DatabaseAway:
    log.warning("the database is away", extra={"error": type(error).__name__})
    return DatabaseAway()


def _check_open(connection: Any, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def connect(url: str, **server_settings: str) -> asyncpg.Connection:
    """A connection of its own, outside the pool, for what lasts: listening and the task queue.

    The driver reads the URL as libpq does, with `sslmode`, `sslrootcert` and all.
    """
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(plain, timeout=5, server_settings=server_settings)


async def why_unreachable(url: str) -> str:
    """What keeps us from the database, in the driver's words, which have no password in them; empty if nothing."""
    try:
        await (await connect(url)).close(timeout=2)
    except (OSError, asyncpg.PostgresError) as error:
        return str(error) or type(error).__name__
    return ""


def database_url(settings: DatabaseSettings, name: str) -> str:
    """The service's database: the configured one, or its own one in the embedded server."""
    return settings.database_url or embedded.service_url(Path(settings.data_dir), name)


async def migrate(url: str, migrations: Path) -> None:
    """Brings the database to the newest revision. Several replicas may do so at once: one works, the others wait.

    What a later version has migrated is left as it is: versions only add, so this one can work on it.
    """
    async with _opened(url) as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('drape.migrations'))"))
        await connection.run_sync(_upgrade, _alembic(migrations))


async def wait_for_schema(url: str, migrations: Path, every_seconds: float = 2) -> None:
    """Returns once the database is where `migrate` would bring it, or further; somebody else does that."""
    while why := await why_unreachable(url) or await _why_behind(url, migrations):
        log.info("waiting for the database's schema", extra={"why": why})
        await asyncio.sleep(every_seconds)


async def _why_behind(url: str, migrations: Path) -> str:
    async with _opened(url) as connection:
        return await connection.run_sync(_behind, _alembic(migrations))


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(_DIALECT, async_creator=lambda: connect(url))
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def _alembic(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return config


def _upgrade(connection: Connection, config: Config) -> None:
    if _behind(connection, config):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _behind(connection: Connection, config: Config) -> str:
    """What revision is missing; empty if none is, or the database is at one that only a later version has."""
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current, head = MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head()
    if current == head or (current and current not in known):
        return ""
    return f"it is at {current or 'no revision'}, and {head} is needed"
