"""Doing a try-on: generate → store → capture, or release; each step safe to repeat, whoever is killed when.

A finished picture costs its credit, everything else costs nothing. A worker owns a job by its attempt number:
one that was overtaken finds that its changes no longer apply.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import col

from services.kit import tasks
from services.kit.client import PeerError
from services.kit.database import Database
from services.kit.failpoints import Step
from services.tryon import leftovers, line
from services.tryon.engines.base import EngineFailed, InputProblem, Options, Progress, ProviderRun, Result
from services.tryon.engines.chain import EngineChain
from services.tryon.errors import GenerationFailed, ImagesNotFound
from services.tryon.jobs import FIELDS, UNWANTED, JobRow, Jobs
from services.tryon.models import Job
from services.tryon.peers import Billing, HoldLost, Media, StoredImage, write_image
from services.tryon.release import release
from services.tryon.waiting import Waiter

log = logging.getLogger(__name__)

T = TypeVar("T")

_TAKE, _READ, _GENERATE, _PROGRESS, _REMEMBER, _STORING, _STORE, _STORED, _CAPTURE, _SUCCEEDED, _FAIL = (
    Step(f"saga.{name}")
    for name in (
        "take",
        "read",
        "generate",
        "progress",
        "remember",
        "storing",
        "store",
        "stored",
        "capture",
        "succeeded",
        "fail",
    )
)
_SWEEP, _CLEAR_UP, _GIVE_BACK, _FORGET = (Step(f"saga.{name}") for name in ("sweep", "clear_up", "give_back", "forget"))
# Longer than a request takes to set a credit aside, all its retries included.
_ABANDONED_AFTER = timedelta(seconds=60)


class Overtaken(Exception):
    """Another worker has begun the job anew, or its user is gone."""


class Made(NamedTuple):
    """A picture, and the engine that made it."""

    engine: str
    result: Result


class Saga:
    """The use case of the worker's side."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        media: Media,
        billing: Billing,
        engines: EngineChain,
        max_attempts: int,
        keep: timedelta = timedelta(days=90),
        hold: timedelta = timedelta(hours=1),
    ) -> None:
        """`keep` is how long the rows of finished jobs stay, `hold` how long a job's credit stays set aside."""
        self._database = database
        self._jobs = jobs
        self._media = media
        self._billing = billing
        self._engines = engines
        self._max_attempts = max_attempts
        self._keep = keep
        self._hold = hold

    async def run(self, job_id: str, user_id: str) -> None:
        """Brings a job to its end from wherever it is. Raises when something it needs does not answer."""
        with self._jobs.waiters.waiting(job_id, UNWANTED) as waiter:
            await self._run(job_id, user_id, waiter)

    async def _run(self, job_id: str, user_id: str, waiter: Waiter) -> None:
        job = await self._jobs.take(_TAKE, job_id)
        if job is None:
            await self._clear_up_after(job_id, user_id)
            return
        image: StoredImage | None = None
        try:
            if job.state == "running":
                made = await self._make(job, waiter)
                job, image = await self._store(job, made) if isinstance(made, Made) else (made, None)
            if job.state == "stored":
                job = await self._capture(job, image)
            if job.state == "releasing":
                await release(self._jobs, self._media, self._billing, job)
            await self._forget(job)
        except Overtaken:
            log.info("overtaken by another worker, or the user is gone", extra={"job_id": job_id})
            await self._clear_up_after(job_id, user_id)

    async def sweep(self) -> None:
        """Ends jobs whose request died before their credit was set aside: nobody waits for them."""
        await self._jobs.mend()
        old = select(col(Job.id)).where(
            col(Job.state) == "created", col(Job.created_at) < datetime.now(UTC) - _ABANDONED_AFTER
        )
        async with self._database.read() as connection:
            abandoned = (await connection.execute(old)).scalars().all()
        for job_id in abandoned:
            async with _SWEEP, self._database.transaction() as connection:
                changed = await self._jobs.change(
                    connection,
                    job_id,
                    col(Job.state) == "created",
                    **_failed(GenerationFailed.reason, GenerationFailed.SENTENCE),
                )
                if changed:
                    await tasks.enqueue(connection, line.WORK_TASK, line.payload(changed))

    async def prune(self) -> None:
        """Forgets jobs that finished long ago."""
        await self._jobs.prune(self._keep)

    async def _make(self, job: JobRow, waiter: Waiter) -> "JobRow | Made":
        """The engine and its picture, or the job when it has turned to releasing."""
        if job.attempt > self._max_attempts:
            return await self._fail(job, GenerationFailed.reason, GenerationFailed.SENTENCE)
        try:
            async with _READ:
                person, garment = await self._media.read(job.user_id, job.person_image_id, job.outfit_image_id)
            making = self._engines.generate(
                person,
                garment,
                Options(**job.options),
                self._progress(job),
                ProviderRun(job.provider_engine, job.provider_job_id),
                self._remember(job),
            )
            async with _GENERATE:
                return Made(*await self._unless_ended(waiter, making))
        except InputProblem as problem:
            place = {"error_field": FIELDS[problem.which], "error_box": problem.box and list(problem.box)}
            return await self._fail(job, problem.reason, problem.message, **place)
        except ImagesNotFound as error:
            return await self._fail(job, error.reason, "One of the images was deleted before the try-on was made.")
        except EngineFailed:
            log.exception("no picture", extra={"job_id": job.id})
            return await self._fail(job, GenerationFailed.reason, GenerationFailed.SENTENCE)

    async def _store(self, job: JobRow, made: "Made") -> tuple[JobRow, StoredImage]:
        """Stores the picture."""
        job = await self._step(_STORING, job, stage="storing", progress=95, engine=made.engine, score=made.result.score)
        metadata: dict[str, Any] = {
            "jobId": job.id,
            "engine": made.engine,
            "personImageId": job.person_image_id,
            "outfitImageId": job.outfit_image_id,
        }
        async with _STORE:
            image = await self._media.store(job.user_id, job.id, made.result.data, metadata)
        return await self._step(_STORED, job, state="stored", image_id=image.id), image

    async def _unless_ended(self, waiter: Waiter, making: Coroutine[Any, Any, T]) -> T:
        """What is being made, unless nobody wants it any more: then its making is stopped. Raises Overtaken."""
        made = asyncio.create_task(making)
        ended = asyncio.create_task(self._jobs.until_ended(waiter))
        try:
            await asyncio.wait((made, ended), return_when=asyncio.FIRST_COMPLETED)
            if made.done():
                return made.result()
            ended.result()  # raises when it could not be told
            raise Overtaken(waiter.job_id)
        finally:
            for task in (made, ended):
                task.cancel()
            await asyncio.gather(made, ended, return_exceptions=True)

    async def _capture(self, job: JobRow, image: StoredImage | None) -> JobRow:
        """Spends the credit; whoever waits for the job is shown the image, if it is known here, and need not ask."""
        try:
            async with _CAPTURE:
                credits_left = await self._billing.capture(job.user_id, job.id)
        except HoldLost:
            log.exception("the credit was gone before it was spent", extra={"job_id": job.id})
            return await self._fail(job, GenerationFailed.reason, GenerationFailed.SENTENCE)
        return await self._step(
            _SUCCEEDED,
            job,
            telling=write_image(image) if image else "",
            state="succeeded",
            stage="done",
            progress=100,
            credits_remaining=credits_left,
            finished_at=datetime.now(UTC),
        )

    async def _forget(self, job: JobRow) -> None:
        """Deletes what the provider of the picture keeps of it. Should that fail, it is done later (leftovers.py)."""
        run = ProviderRun(job.provider_engine, job.provider_job_id)
        if run.id:
            try:
                async with _FORGET:
                    await self._engines.forget(run)
            except EngineFailed as error:
                log.warning("a run is still kept at its provider", extra={"job_id": job.id, "error": repr(error)})

    async def _clear_up_after(self, job_id: str, user_id: str) -> None:
        """When the job was canceled, or its user deleted, its picture may have been stored after the clearing up."""
        state = await self._jobs.state_of(job_id)
        if state in (None, "releasing", "failed", "canceled"):
            async with _CLEAR_UP:
                await self._media.delete(user_id, job_id)
        if state is None:
            try:
                async with _GIVE_BACK:
                    await self._billing.release(user_id, job_id)
            except PeerError as error:
                # Spent just before the user went.
                if error.reason != "HOLD_ALREADY_CAPTURED":
                    raise

    async def _fail(self, job: JobRow, reason: str, message: str, **place: Any) -> JobRow:
        return await self._step(_FAIL, job, **_failed(reason, message), **place)

    async def _step(self, step: Step, job: JobRow, **values: Any) -> JobRow:
        """Changes the job as `advance` does if this attempt still owns it. Raises Overtaken."""
        if (changed := await self._jobs.advance(step, job, **values)) is None:
            raise Overtaken(job.id)
        return changed

    def _progress(self, job: JobRow) -> Progress:
        """Writes progress down, at most twice a second."""
        last = float("-inf")

        async def tell(stage: str, done: float) -> None:
            nonlocal last
            now = asyncio.get_running_loop().time()
            if now - last >= 0.5:
                last = now
                owned = and_(col(Job.attempt) == job.attempt, col(Job.state) == "running", col(Job.stage) != "storing")
                await self._jobs.change_now(_PROGRESS, job.id, owned, stage=stage, progress=int(done * 90))

        return tell

    def _remember(self, job: JobRow) -> Callable[[ProviderRun], Awaitable[None]]:
        """Writes down what a restart is to wait for. Raises Overtaken."""

        async def remember(run: ProviderRun) -> None:
            values = {"provider_engine": run.engine, "provider_job_id": run.id}
            async with _REMEMBER, self._database.transaction() as connection:
                if await self._jobs.change(connection, job.id, _owned(job), **values) is None:
                    raise Overtaken(job.id)
                if self._engines.forgets(run.engine):
                    # Once the credit is not set aside any more, the run is of no use to anybody.
                    await leftovers.enqueue(connection, run, self._hold)

        return remember


def _owned(job: JobRow) -> ColumnElement[bool]:
    return and_(col(Job.attempt) == job.attempt, col(Job.state) == job.state)


def _failed(reason: str, message: str) -> dict[str, str]:
    return {"state": "releasing", "error_reason": reason, "error_message": message}
