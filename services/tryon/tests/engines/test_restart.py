"""A worker that dies while a provider works: the next one waits for the same run."""

import asyncio
import contextlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col

from sandbox.engines.inside import Inside, eventually
from services.kit.database import Database
from services.kit.ids import new_id
from services.tryon.engines.base import Engine, Options, Result, Task
from services.tryon.engines.chain import EngineChain
from services.tryon.jobs import JobRow, Jobs, new_job
from services.tryon.models import Job
from services.tryon.peers import Billing, Media, StoredImage
from services.tryon.saga import Saga
from services.tryon.tests.engines.bench import FASHN, GARMENT, PERSON, Bench
from services.tryon.tests.fakes import CHANGE


class FakeMedia(Media):
    """Two photos, and what was stored."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    async def read(self, user_id: str, *image_ids: str) -> list[bytes]:
        return [PERSON if image_id == "person" else GARMENT for image_id in image_ids]

    async def store(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
        self.stored[key] = data
        return StoredImage(f"image-{key}", "generated", "https://…", datetime.now(UTC))

    async def delete(self, user_id: str, key: str) -> None:
        self.stored.pop(key, None)


class FakeBilling(Billing):
    """Counts what becomes of holds."""

    def __init__(self) -> None:
        self.captured: list[str] = []
        self.released: list[str] = []

    async def capture(self, user_id: str, hold_id: str) -> int:
        self.captured.append(hold_id)
        return 4

    async def release(self, user_id: str, hold_id: str) -> None:
        self.released.append(hold_id)


class Worker:
    """What the processes of a worker share with those after it: the database, media and billing."""

    def __init__(self, database: Database) -> None:
        self.jobs = Jobs(database)
        self.media = FakeMedia()
        self.billing = FakeBilling()
        self._database = database

    async def held_job(self) -> JobRow:
        """A job whose credit is set aside."""
        values = new_job(new_id(), new_id(), "", "person", "outfit", asdict(Options()))
        job, _ = await self.jobs.add(values | {"state": "held"})
        return job

    async def run(self, job: JobRow, engine: Engine) -> None:
        """A process of its own works on the job."""
        saga = Saga(self._database, self.jobs, self.media, self.billing, EngineChain([engine], 20), max_attempts=5)
        await saga.run(job.id, job.user_id)


@pytest.fixture
def worker(database: Database) -> Worker:
    return Worker(database)


@pytest.fixture
def bench(inside: Inside, account: Path) -> Bench:
    return Bench(FASHN, inside, account)


async def test_a_restarted_worker_waits_for_the_run_that_is_paid_for(
    worker: Worker, bench: Bench, inside: Inside
) -> None:
    await inside.knobs(held=True)
    job = await worker.held_job()
    async with bench.engine() as engine:
        # FASHN has no way to cancel a run, so that ending this task is to it what killing the process is.
        killed = asyncio.create_task(worker.run(job, engine))
        await eventually(lambda: inside.runs and inside.runs[0].looks)
        killed.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killed
    known = await worker.jobs.get(job.user_id, job.id)
    assert (known.state, known.provider_engine, known.provider_job_id) == ("running", "fashn", inside.runs[0].id)
    await inside.knobs(held=False)
    async with bench.engine() as engine:
        await worker.run(job, engine)
    done = await worker.jobs.get(job.user_id, job.id)
    assert (done.state, done.engine, done.attempt) == ("succeeded", "fashn", 2)
    assert len(inside.runs) == 1
    assert worker.billing.captured == [job.id]
    assert list(worker.media.stored) == [job.id]


class Overtaken:
    """An engine whose worker loses the job to another one while the provider answers."""

    name = "fashn"

    def __init__(self, jobs: Jobs, job: JobRow) -> None:
        self._jobs = jobs
        self._job = job

    async def prepare(self) -> None:
        """Nothing."""

    async def generate(self, task: Task, deadline: float) -> Result:
        theirs = {"attempt": col(Job.attempt) + 1, "provider_engine": "fashn", "provider_job_id": "theirs"}
        await self._jobs.change_now(CHANGE, self._job.id, col(Job.state) == "running", **theirs)
        await task.remember("ours")
        raise AssertionError("went on with a job that is not its own any more")

    async def close(self) -> None:
        """Nothing."""


async def test_a_worker_that_was_overtaken_remembers_nothing(worker: Worker) -> None:
    job = await worker.held_job()
    await worker.run(job, Overtaken(worker.jobs, job))
    known = await worker.jobs.get(job.user_id, job.id)
    assert (known.state, known.provider_job_id, known.attempt) == ("running", "theirs", 2)
    assert (worker.media.stored, worker.billing.captured, worker.billing.released) == ({}, [], [])


async def test_a_provider_without_credits_costs_the_person_nothing(
    worker: Worker, bench: Bench, inside: Inside
) -> None:
    await inside.fault("submit", "error", status=429, name="OutOfCredits", count=0)
    job = await worker.held_job()
    async with bench.engine() as engine:
        await worker.run(job, engine)
    failed = await worker.jobs.get(job.user_id, job.id)
    assert (failed.state, failed.error_reason) == ("failed", "GENERATION_FAILED")
    assert (worker.billing.captured, worker.billing.released) == ([], [job.id])
