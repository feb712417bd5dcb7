"""A whole try-on service in one process: both halves on a real database, everything else in memory."""

import base64
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlmodel import col

from services.kit.database import Database
from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.tryon.checks import Checks
from services.tryon.engines.base import Options
from services.tryon.engines.chain import EngineChain
from services.tryon.engines.signatures import ReplicateSender
from services.tryon.generation import COST, Generation, Request
from services.tryon.jobs import FINISHED, JobRow, Jobs, new_job
from services.tryon.line import WORK_TASK
from services.tryon.models import Job
from services.tryon.saga import Saga
from services.tryon.tests.fakes import FakeBilling, FakeChecker, FakeEngine, FakeMedia, Killed, Road, RoadJobs
from services.tryon.webhooks import Webhooks

MAX_ATTEMPTS = 5
HOUR = 3600
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"what we and Replicate know").decode()


class Shop:
    """Saga and generation with their fakes."""

    def __init__(self, database: Database, wait_seconds: float = 10, max_queue: int = 500, running: int = 100) -> None:
        self.database = database
        self.road = Road()
        self.media = FakeMedia(self.road)
        self.billing = FakeBilling(self.road)
        self.engine = FakeEngine()
        self.checker = FakeChecker()
        self.jobs = RoadJobs(database, self.road, running)
        self.saga = Saga(database, self.jobs, self.media, self.billing, EngineChain([self.engine], 5), MAX_ATTEMPTS)
        # The API's side is another process.
        self.api_jobs = Jobs(database, running)
        self.generation = Generation(
            database,
            self.api_jobs,
            self.media,
            self.billing,
            Checks(self.media, self.checker, seconds=5, only_ours=True),
            wait_seconds=wait_seconds,
            hold_seconds=HOUR,
            max_queue=max_queue,
        )

        self.webhooks = Webhooks(database, {"replicate": ReplicateSender(WEBHOOK_SECRET)})

    def impatient(self) -> "Shop":
        """The same shop, where a request waits a moment only."""
        other = Shop(self.database, wait_seconds=0.3)
        other.media.sources, other.media.results = self.media.sources, self.media.results
        other.billing.credits, other.billing.holds = self.billing.credits, self.billing.holds
        return other

    def request(self, user: str, key: str = "", **options: Any) -> Request:
        """A request with a photo and an outfit of the user."""
        return Request(self.media.add(user, "user"), self.media.add(user, "outfit"), Options(**options), key)

    async def held(self, user: str) -> JobRow:
        """A job that waits for a worker, its credit set aside, with no task in the queue."""
        request = self.request(user)
        values = new_job(user, new_id(), "", request.person_image_id, request.outfit_image_id, {"category": "tops"})
        job, _ = await self.jobs.add(values | {"state": "held"})
        await self.billing.hold(user, job.id, COST, HOUR)
        return job

    async def row(self, job_id: str) -> JobRow | None:
        """The job as it is now."""
        async with self.database.read() as connection:
            return (await connection.execute(select(Job).where(col(Job.id) == job_id))).first()

    async def now(self, job_id: str) -> JobRow:
        """The job as it is now; it must be there."""
        row = await self.row(job_id)
        assert row is not None, "the job is gone"
        return row

    async def work(self, job: JobRow) -> None:
        """One worker takes the job from the queue."""
        await self.saga.run(job.id, job.user_id)

    async def work_to_the_end(self, job: JobRow) -> JobRow:
        """Workers take the job until one of them comes through, as the queue has it."""
        for _ in range(MAX_ATTEMPTS + 2):
            try:
                await self.work(job)
                break
            except (Killed, Unavailable):
                continue
        ended = await self.now(job.id)
        assert ended.state in FINISHED, f"left as {ended.state}"
        return ended

    async def forget(self, user: str) -> None:
        """Deletes a user everywhere, as auth has it done."""
        await self.jobs.forget_user(user)
        self.media.forget(user)

    async def queued(self, job_id: str) -> int:
        """How many tasks in the queue are for the job."""
        statement = text("SELECT payload FROM pgqueuer WHERE entrypoint = :name")
        async with self.database.read() as connection:
            payloads = (await connection.execute(statement, {"name": WORK_TASK})).scalars().all()
        return sum(json.loads(payload)["job_id"] == job_id for payload in payloads)

    async def pass_time(self, job_id: str, seconds: float) -> None:
        """Makes a job older."""
        older = update(Job).where(col(Job.id) == job_id).values(created_at=Job.created_at - timedelta(seconds=seconds))
        async with self.database.transaction() as connection:
            await connection.execute(older)
