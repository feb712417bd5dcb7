"""Daily budgets in the database."""

import asyncio
from datetime import UTC, datetime

from services.kit.database import Database
from services.kit.ids import new_id
from services.tryon.budgets import Budgets


async def test_many_workers_together_spend_no_more_than_the_budget(database: Database) -> None:
    engine = new_id()
    workers = [Budgets(database) for _ in range(3)]
    taken = await asyncio.gather(*(workers[number % 3].take(engine, 7) for number in range(20)))
    assert sum(taken) == 7


async def test_a_new_day_has_a_new_budget(database: Database) -> None:
    engine = new_id()
    day = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    today, tomorrow = Budgets(database, lambda: day), Budgets(database, lambda: day.replace(day=23))
    assert [await today.take(engine, 1) for _ in range(2)] == [True, False]
    assert await tomorrow.take(engine, 1)


async def test_engines_do_not_spend_each_others_budget(database: Database) -> None:
    budgets = Budgets(database)
    assert await budgets.take(new_id(), 1)
    assert await budgets.take(new_id(), 1)
