"""A service's own PostgreSQL database: connections, transactions, migrations, notifications."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.kit import embedded
from services.kit.errors import UnstorableText
from services.kit.settings import ServiceSettings

log = logging.getLogger(__name__)

# Long enough for a slow moment, short enough that a request fails before its caller's deadline.
_STATEMENT_TIMEOUT_MS = 10_000
# character_not_in_repertoire, untranslatable_character: U+0000 as it is, or escaped in JSON.
_UNSTORABLE = ("22021", "22P05")


class Database:
    """Connections to one database. Statements are SQLAlchemy Core over the SQLModel tables."""

    def __init__(self, url: str, pool: int = 10) -> None:
        self.url = url
        self._engine: AsyncEngine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            pool_recycle=1800,
            hide_parameters=True,  # errors are logged, and parameters are e-mails and secrets
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": "30000",
                },
            },
        )
        # Reads of one statement need no BEGIN and ROLLBACK around them: two round trips less.
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits at the end of the block, rolls back when the block raises.

        Raises UnstorableText.
        """
        with _refusing_zeros():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement stands for itself. Raises UnstorableText."""
        with _refusing_zeros():
            async with self._autocommit.connect() as connection:
                yield connection

    async def ready(self) -> None:
        """Raises when the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    async def listen(self, channel: str, heard: Callable[[str], None], stop: asyncio.Event) -> None:
        """Calls `heard` with each payload notified on the channel until `stop`; reconnects when need be."""
        while not stop.is_set():
            try:
                await self._listen_once(channel, heard, stop)
            except (OSError, asyncpg.PostgresError, TimeoutError):
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


@contextmanager
def _refusing_zeros() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _UNSTORABLE:
            raise UnstorableText("Text must not contain zero characters") from error
        raise


async def connect(url: str) -> asyncpg.Connection:
    """A connection of its own, outside the pool, for what lasts: listening and the task queue."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(plain, timeout=5)


def database_url(settings: ServiceSettings, name: str) -> str:
    """The service's database: the configured one, or its own one in the embedded server."""
    return settings.database_url or embedded.service_url(Path(settings.data_dir), name)


async def migrate(url: str, migrations: Path) -> None:
    """Brings the database to the newest revision. Several replicas may do so at once: one works, the others wait."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('drape.migrations'))"))
            await connection.run_sync(_upgrade, migrations)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
