"""What engines may spend in a day, counted in the database: by all workers together, and over restarts."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.kit.database import Database
from services.kit.failpoints import Step
from services.tryon.models import EngineDay

_TAKE = Step("budgets.take")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Budgets:
    """The daily budgets of the chain's engines."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._now = now

    async def take(self, engine: str, most: int) -> bool:
        """Counts one more picture of today (UTC), unless there are `most` already; tells which."""
        counted = (
            upsert(EngineDay)
            .values(engine=engine, day=self._now().date(), pictures=1)
            .on_conflict_do_update(
                index_elements=["engine", "day"],
                set_={"pictures": col(EngineDay.pictures) + 1},
                where=col(EngineDay.pictures) < most,
            )
            .returning(col(EngineDay.pictures))
        )
        async with _TAKE, self._database.transaction() as connection:
            return (await connection.execute(counted)).first() is not None
