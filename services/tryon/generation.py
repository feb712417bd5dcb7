"""Asking for a try-on: check the images, set a credit aside, hand the work to a worker, wait for the picture."""

import logging
from dataclasses import asdict, dataclass

from sqlmodel import col

from services.kit import tasks
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.failpoints import Step
from services.kit.ids import new_id
from services.tryon import line, peers
from services.tryon.checks import Checks
from services.tryon.engines.base import EngineFailed, InputProblem, Options
from services.tryon.errors import (
    GenerationFailed,
    IdempotencyKeyReused,
    ImagesNotFound,
    InputRefused,
    InsufficientCredits,
    InvalidIdempotencyKey,
    JobAlreadyFinished,
    NotAnOutfit,
    NotAUserPhoto,
    TooBusy,
)
from services.tryon.jobs import FIELDS, FINISHED, JobRow, Jobs, new_job
from services.tryon.models import Job
from services.tryon.peers import Billing, HoldLost, Media, StoredImage
from services.tryon.release import CANCELED, release

log = logging.getLogger(__name__)

COST = 1
"""Credits a try-on costs."""
MAX_KEY_CHARACTERS = 255

_HOLD, _HELD, _GIVE_UP, _CANCEL, _GIVE_BACK, _SHOW = (
    Step(f"generation.{name}") for name in ("hold", "held", "give_up", "cancel", "give_back", "show")
)


@dataclass(frozen=True)
class Request:
    """What a user asks for."""

    person_image_id: str
    outfit_image_id: str
    options: Options
    idempotency_key: str = ""


class Generation:
    """The use cases of the API's side."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        media: Media,
        billing: Billing,
        checks: Checks,
        *,
        pre_check: bool = True,
        wait_seconds: float,
        hold_seconds: int,
        max_queue: int,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._media = media
        self._billing = billing
        self._checks = checks
        self._pre_check = pre_check
        self._wait_seconds = wait_seconds
        self._hold_seconds = hold_seconds
        self._max_queue = max_queue

    async def start(self, user_id: str, request: Request, job_id: str = "") -> JobRow:
        """Begins a job with its credit set aside, under that id if given. The same idempotency key gives the same job.

        Raises ImagesNotFound, NotAUserPhoto, NotAnOutfit, InputRefused, InsufficientCredits, InvalidIdempotencyKey,
        IdempotencyKeyReused, TooBusy, GenerationFailed.
        """
        key = request.idempotency_key
        if len(key) > MAX_KEY_CHARACTERS:
            raise InvalidIdempotencyKey("Idempotency-Key must be at most 255 characters")
        if key and (known := await self._jobs.by_key(user_id, key)):
            return await self._again(known, request)
        await self._check_types(user_id, request)
        if await self._jobs.unfinished() >= self._max_queue:
            raise TooBusy("We are very busy right now. Please try again in a moment.")
        if self._pre_check:
            await self._look_first(user_id, request)
        values = new_job(
            user_id, job_id or new_id(), key, request.person_image_id, request.outfit_image_id, asdict(request.options)
        )
        job, new = await self._jobs.add(values)
        return await self._begin(job, request) if new else await self._again(job, request)

    async def generate(self, user_id: str, request: Request) -> tuple[JobRow, dict[str, StoredImage]]:
        """Begins a job and waits for it; one that is not finished in time goes on. As it is then, and its result by id.

        Raises as `start`, and what the job failed of.
        """
        job_id = new_id()
        # It waits from before the job begins, so that it need not look whether the job has finished meanwhile.
        with self._jobs.waiters.waiting(job_id, frozenset(FINISHED)) as waiter:
            job = await self.start(user_id, request, job_id)
            if job.state not in FINISHED:
                early = waiter if job.id == job_id else None
                job = await self._jobs.finished(user_id, job.id, self._wait_seconds, early)
        if job.state in ("failed", "canceled"):
            raise failure(job)
        if job.state == "succeeded" and waiter.told:
            return job, {str(job.image_id): peers.read_image(waiter.told)}
        return job, await self.images(user_id, [job])

    async def cancel(self, user_id: str, job_id: str) -> JobRow:
        """Stops a job and gives its credit back; a canceled one stays so. Raises JobNotFound, JobAlreadyFinished."""
        job = await self._jobs.get(user_id, job_id)
        if job.error_reason == CANCELED:
            return job
        async with _CANCEL, self._database.transaction() as connection:
            # The new attempt takes the job out of its worker's hands.
            stopped = await self._jobs.change(
                connection,
                job_id,
                col(Job.state).in_(("created", "held", "running")),
                state="releasing",
                attempt=col(Job.attempt) + 1,
                error_reason=CANCELED,
                error_message="The try-on was canceled.",
            )
            if stopped is None:
                raise JobAlreadyFinished("The try-on is already finished")
            await tasks.enqueue(connection, line.WORK_TASK, line.payload(stopped), priority=1)
        # At once, and not when a worker is free; the task is for the case that this does not come through.
        return await release(self._jobs, self._media, self._billing, stopped) or await self._jobs.get(user_id, job_id)

    async def images(self, user_id: str, jobs: list[JobRow]) -> dict[str, StoredImage]:
        """The results of the jobs that have one, by image id."""
        ids = [job.image_id for job in jobs if job.image_id and job.state == "succeeded"]
        if not ids:
            return {}
        async with _SHOW:
            return await self._media.find(user_id, ids)

    async def check(self, user_id: str, person_id: str, outfit_id: str) -> list[InputProblem]:
        """What would keep a picture from being made of one or both images. Raises ImagesNotFound, GenerationFailed."""
        try:
            return await self._checks.problems(user_id, person_id, outfit_id)
        except EngineFailed as error:
            raise GenerationFailed(GenerationFailed.SENTENCE) from error

    async def _look_first(self, user_id: str, request: Request) -> None:
        """Refuses images of which no picture can be made. Raises InputRefused."""
        images = {"person": request.person_image_id, "garment": request.outfit_image_id}
        try:
            found = await self._checks.of_own(user_id, images)
        except EngineFailed as error:
            # The engine looks at them as well; a check that is not to be had keeps nobody from trying.
            log.warning("the images were not checked", extra={"error": repr(error)})
            return
        for problem in found:
            raise InputRefused(problem.reason, problem.message, FIELDS[problem.which], problem.box)

    async def _check_types(self, user_id: str, request: Request) -> None:
        person, outfit = await self._checks.types(user_id, (request.person_image_id, request.outfit_image_id))
        if person != "user":
            raise NotAUserPhoto("First image must be a user photo")
        if outfit != "outfit":
            raise NotAnOutfit("Second image must be an outfit")

    async def _begin(self, job: JobRow, request: Request) -> JobRow:
        """Sets the credit aside and enqueues the work. A crash in between leaves a `created` row for the sweep."""
        try:
            async with _HOLD:
                await self._billing.hold(job.user_id, job.id, COST, self._hold_seconds)
        except InsufficientCredits:
            # Nothing has happened, so the same key may be tried again with credits.
            await self._jobs.forget(job)
            raise
        except (ServiceError, HoldLost) as error:
            if isinstance(error, HoldLost) and await self._jobs.state_of(job.id) is None:
                # Another request with the same key was refused and has forgotten the job: the key is free again.
                return await self.start(job.user_id, request)
            # It may have been set aside all the same: the worker's release makes sure that it is not.
            async with _GIVE_UP, self._database.transaction() as connection:
                await self._jobs.change(
                    connection,
                    job.id,
                    col(Job.state) == "created",
                    state="releasing",
                    error_reason=GenerationFailed.reason,
                    error_message=GenerationFailed.SENTENCE,
                )
                await tasks.enqueue(connection, line.WORK_TASK, line.payload(job))
            raise GenerationFailed(GenerationFailed.SENTENCE) from error
        held = await self._jobs.advance(_HELD, job, state="held")
        return held or await self._left(job)

    async def _again(self, job: JobRow, request: Request) -> JobRow:
        """The job that was begun under the same key. If its credit is not set aside yet, whoever began it may be dead
        or about to be refused: then it is begun here as well, which the hold's id makes safe."""
        asked = (request.person_image_id, request.outfit_image_id, asdict(request.options))
        if asked != (job.person_image_id, job.outfit_image_id, job.options):
            raise IdempotencyKeyReused("This Idempotency-Key was used for another request")
        return await self._begin(job, request) if job.state == "created" else job

    async def _left(self, job: JobRow) -> JobRow:
        """A job as others have left it while its credit was set aside; when it is gone, the credit goes back."""
        if await self._jobs.state_of(job.id) is None:
            async with _GIVE_BACK:
                await self._billing.release(job.user_id, job.id)
        return await self._jobs.get(job.user_id, job.id)


def failure(job: JobRow) -> ServiceError:
    """What a failed job tells whoever waits for it."""
    if job.error_reason == GenerationFailed.reason:
        return GenerationFailed(GenerationFailed.SENTENCE)
    if job.error_reason == ImagesNotFound.reason:
        return ImagesNotFound(ImagesNotFound.SENTENCE)
    return InputRefused(str(job.error_reason), str(job.error_message), job.error_field or "", job.error_box)
