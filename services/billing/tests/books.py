"""The ledger's invariants, over the whole database."""

from services.billing.audit import breaches
from services.kit.database import Database


async def assert_books_balance(database: Database) -> None:
    """Whatever `python -m services.billing audit` checks holds."""
    found = await breaches(database)
    assert not found, found
