"""What a provider keeps of a run is deleted there, in the end, whatever happens."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.engines.inside import Inside
from services.kit.database import Database
from services.tryon.engines.base import EngineFailed, ProviderRun
from services.tryon.engines.chain import EngineChain
from services.tryon.engines.fal import Fal
from services.tryon.leftovers import FORGET_TASK, Leftovers
from services.tryon.peers import StoredImage
from services.tryon.tests.engines.bench import FAL, KEY, Bench
from services.tryon.tests.engines.test_restart import FakeMedia, Worker

HOUR = timedelta(hours=1)


@pytest.fixture
async def fal(inside: Inside, account: Path) -> AsyncIterator[Fal]:
    """fal, where we may delete."""
    bench = Bench(FAL, inside, account)
    engine = Fal(bench.http(), KEY, bench.pace, platform=bench.http(), admin_key="sandbox-admin")
    yield engine
    await engine.close()


@pytest.fixture
def worker(database: Database) -> Worker:
    return Worker(database)


async def tasks_for(database: Database, run: str) -> list[tuple[dict[str, Any], timedelta]]:
    """The tasks that delete a run, and when they are due."""
    statement = text("SELECT payload, execute_after - now() FROM pgqueuer WHERE entrypoint = :name")
    async with database.read() as connection:
        rows = (await connection.execute(statement, {"name": FORGET_TASK})).all()
    return [(payload, due) for raw, due in rows if (payload := json.loads(raw))["run"] == run]


async def test_a_run_is_deleted_when_its_picture_is_stored_and_not_before(
    worker: Worker, fal: Fal, inside: Inside
) -> None:
    there: list[bool] = []

    class Looking(FakeMedia):
        async def store(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
            there.append(inside.runs[0].deleted)
            return await super().store(user_id, key, data, metadata)

    worker.media = Looking()
    job = await worker.held_job()
    await worker.run(job, fal)
    assert (await worker.jobs.get(job.user_id, job.id)).state == "succeeded"
    assert (there, inside.runs[0].deleted) == ([False], True)


async def test_a_run_that_could_not_be_deleted_is_deleted_later(
    worker: Worker, fal: Fal, inside: Inside, database: Database
) -> None:
    await inside.fault("delete", "error", count=2)
    job = await worker.held_job()
    await worker.run(job, fal)
    done = await worker.jobs.get(job.user_id, job.id)
    assert (done.state, inside.runs[0].deleted) == ("succeeded", False)
    ((payload, due),) = await tasks_for(database, done.provider_job_id)
    assert HOUR - timedelta(minutes=5) < due <= HOUR, "when the credit is not set aside any more"
    leftovers = Leftovers(database, EngineChain([fal], 20))
    await leftovers.forget(payload)
    assert not inside.runs[0].deleted
    again = max(await tasks_for(database, done.provider_job_id), key=lambda task: task[1])
    assert again[1] > 2 * HOUR - timedelta(minutes=5)
    await leftovers.forget(again[0])
    assert inside.runs[0].deleted
    await leftovers.forget(again[0])
    assert len(await tasks_for(database, done.provider_job_id)) == 2


@pytest.mark.parametrize(("age", "tries_again"), [(timedelta(days=29), True), (timedelta(days=31), False)])
async def test_it_is_tried_for_as_long_as_it_can_be_there(
    database: Database, fal: Fal, age: timedelta, tries_again: bool
) -> None:
    run = f"not a run {age}"
    payload = {"engine": "fal", "run": run, "since": (datetime.now(UTC) - age).isoformat(), "hours": 20.0}
    await Leftovers(database, EngineChain([fal], 20)).forget(payload)
    found = await tasks_for(database, run)
    assert [task["hours"] for task, _ in found] == [24] * tries_again


async def test_a_worker_without_that_engine_leaves_it_to_others(fal: Fal) -> None:
    with pytest.raises(EngineFailed, match="not one of this worker's engines"):
        await EngineChain([fal], 20).forget(ProviderRun("replicate", "1"))
    assert not EngineChain([fal], 20).forgets("replicate")


async def test_where_nothing_can_be_deleted_no_task_is_left(
    worker: Worker, inside: Inside, account: Path, database: Database
) -> None:
    async with Bench(FAL, inside, account).engine() as engine:
        job = await worker.held_job()
        await worker.run(job, engine)
    done = await worker.jobs.get(job.user_id, job.id)
    assert (done.state, done.provider_engine) == ("succeeded", "fal")
    assert await tasks_for(database, done.provider_job_id) == []
