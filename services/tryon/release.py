"""The end of a job that makes no picture: what it stored is deleted, its credit goes back."""

from datetime import UTC, datetime

from sqlmodel import col

from services.kit.failpoints import Step
from services.tryon.jobs import JobRow, Jobs
from services.tryon.models import Job
from services.tryon.peers import Billing, Media

CANCELED = "CANCELED"
"""The reason of a job that its user has stopped."""

_DELETE, _GIVE_BACK, _END = Step("release.delete"), Step("release.give_back"), Step("release.end")


async def release(jobs: Jobs, media: Media, billing: Billing, job: JobRow) -> JobRow | None:
    """Ends a `releasing` job as failed or canceled; None when another process has done so. Safe to repeat."""
    async with _DELETE:
        await media.delete(job.user_id, job.id)
    async with _GIVE_BACK:
        await billing.release(job.user_id, job.id)
    return await jobs.change_now(
        _END,
        job.id,
        col(Job.state) == "releasing",
        state="canceled" if job.error_reason == CANCELED else "failed",
        stage="done",
        image_id=None,
        finished_at=datetime.now(UTC),
    )
