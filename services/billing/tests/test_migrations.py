"""Books that were begun with the first revision keep every rule after the last."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from services.billing.ledger import Ledger
from services.billing.tests.books import assert_books_balance
from services.kit.database import Database, migrate
from services.kit.ids import new_id

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# Of 5 and 10 credits 1 expired, 6 were spent, 2 given back, 3 are held.
BOOKS = """
INSERT INTO accounts (user_id, available, held, plan, created_at) VALUES ('ann', 5, 3, 'free', now());
INSERT INTO grants (id, user_id, source, reference, amount, remaining, priority, created_at, expires_at) VALUES
    ('g1', 'ann', 'promotion', 'r1', 5, 0, 10, now(), now()), ('g2', 'ann', 'purchase', 'r2', 10, 5, 40, now(), NULL);
INSERT INTO holds (id, user_id, amount, state, parts, created_at, expires_at) VALUES
    ('h1', 'ann', 6, 'captured', '[["g1", 4], ["g2", 2]]', now(), now()),
    ('h2', 'ann', 2, 'released', '[["g2", 2]]', now(), now()),
    ('h3', 'ann', 3, 'open', '[["g2", 3]]', now(), now() + interval '1 hour');
INSERT INTO entries (id, user_id, kind, amount, grant_id, hold_id, created_at) VALUES
    ('e1', 'ann', 'grant', 5, 'g1', NULL, now()), ('e2', 'ann', 'grant', 10, 'g2', NULL, now()),
    ('e3', 'ann', 'hold', -6, NULL, 'h1', now()), ('e4', 'ann', 'capture', 0, NULL, 'h1', now()),
    ('e5', 'ann', 'hold', -2, NULL, 'h2', now()), ('e6', 'ann', 'release', 2, NULL, 'h2', now()),
    ('e7', 'ann', 'expire', -1, 'g1', NULL, now()), ('e8', 'ann', 'hold', -3, NULL, 'h3', now());
"""


def _first_revision(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def test_older_books_are_carried_over(database_url: Callable[[str], str]) -> None:
    url = database_url("older")
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(_first_revision)
        for statement in BOOKS.split(";\n")[:-1]:
            await connection.execute(text(statement))
    await engine.dispose()
    await migrate(url, MIGRATIONS)
    database = Database(url, pool=2)
    await assert_books_balance(database)
    ledger = Ledger(database, 5)
    assert await ledger.capture("ann", "h3") == 5
    assert await ledger.hold("ann", new_id(), 5, timedelta(minutes=1)) == 0
    await assert_books_balance(database)
    await database.close()
