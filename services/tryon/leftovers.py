"""What a provider keeps of a run is deleted there in the end, however the run ends and whoever dies over it.

It is deleted as soon as the job is over. That may fail, or its worker be dead: so with each run that is begun a task is
enqueued that deletes it later, and again later, for as long as the provider keeps such things.
"""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit import tasks
from services.kit.database import Database
from services.kit.failpoints import Step
from services.tryon.engines.base import EngineFailed, ProviderRun
from services.tryon.engines.chain import EngineChain

log = logging.getLogger(__name__)

FORGET_TASK = "forget_run"
"""Deletes what a provider keeps of a run. Payload: engine, run, since, hours."""
_KEPT = timedelta(days=30)
"""How long the provider that keeps most keeps it."""
_LONGEST_PAUSE_HOURS = 24.0

_FORGET, _LATER = Step("leftovers.forget"), Step("leftovers.later")


async def enqueue(connection: AsyncConnection, run: ProviderRun, after: timedelta) -> None:
    """Has the run deleted at its provider, in the transaction in which it is written down."""
    since, hours = datetime.now(UTC).isoformat(), after / timedelta(hours=1)
    payload = {"engine": run.engine, "run": run.id, "since": since, "hours": hours}
    await tasks.enqueue(connection, FORGET_TASK, payload, delay=after, priority=-1)


class Leftovers:
    """Deletes what is left at providers."""

    def __init__(self, database: Database, engines: EngineChain) -> None:
        self._database = database
        self._engines = engines

    async def forget(self, payload: tasks.Payload) -> None:
        """Deletes a run, or has it tried again later, each time after twice as long."""
        try:
            async with _FORGET:
                await self._engines.forget(ProviderRun(payload["engine"], payload["run"]))
        except EngineFailed as error:
            about = {"engine": payload["engine"], "error": repr(error)}
            if datetime.now(UTC) - datetime.fromisoformat(payload["since"]) > _KEPT:
                log.error("what a provider kept of a run was never deleted; by now it has expired", extra=about)  # noqa: TRY400
                return
            log.warning("a run is still kept at its provider", extra=about)
            later = payload | {"hours": min(2 * payload["hours"], _LONGEST_PAUSE_HOURS)}
            pause = timedelta(hours=later["hours"])
            async with _LATER, self._database.transaction() as connection:
                await tasks.enqueue(connection, FORGET_TASK, later, delay=pause, priority=-1)
