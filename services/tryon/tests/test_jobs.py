"""Jobs in a real PostgreSQL: paging, waiting, and hearing what other processes do."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import col

from services.kit.database import Database
from services.kit.ids import new_id
from services.tryon.errors import InvalidPageToken, JobNotFound
from services.tryon.jobs import JobRow, Jobs, new_job
from services.tryon.models import Job
from services.tryon.tests.fakes import CHANGE
from services.tryon.tests.shop import Shop
from services.tryon.waiting import Waiters


class Listening(Jobs):
    """Jobs that say when they hear of changes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.hears = asyncio.Event()
        self.waiters = Hearing(self.hears)


class Hearing(Waiters):
    """Waiters that say when they hear of anything."""

    def __init__(self, hears: asyncio.Event) -> None:
        super().__init__()
        self._hears = hears

    def heard(self, announced: str) -> None:
        super().heard(announced)
        self._hears.set()  # the first that is heard is the new connection itself


@asynccontextmanager
async def another_process(shop: Shop) -> AsyncIterator[Jobs]:
    """Jobs that hear of changes only from the database, and do so already."""
    jobs, stop = Listening(shop.database), asyncio.Event()
    listening = asyncio.create_task(jobs.listen(stop))
    try:
        await asyncio.wait_for(jobs.hears.wait(), 10)
        yield jobs
    finally:
        stop.set()
        await listening


async def waiter(jobs: Jobs, job: JobRow) -> "asyncio.Task[JobRow]":
    """Waits for the next change of the job, and does so already."""
    changes = jobs.changes(job.user_id, job.id, 60)
    assert await anext(changes) == job

    async def changed() -> JobRow:
        async for row in changes:  # a new connection shows it again as well
            if row != job:
                return row
        raise AssertionError("it ended without a change")

    return asyncio.create_task(changed())


async def finish(shop: Shop, job: JobRow) -> None:
    """Ends the job."""
    await shop.jobs.change_now(CHANGE, job.id, col(Job.id) == job.id, state="succeeded", progress=100)


async def test_jobs_are_listed_newest_first_in_pages_that_show_each_once(shop: Shop, user: str, stranger: str) -> None:
    ids = [(await shop.held(user)).id for _ in range(5)]
    await shop.held(stranger)
    for size, lengths in ((2, [2, 2, 1]), (5, [5]), (100, [5])):
        pages: list[list[str]] = []
        token = ""
        while not pages or token:
            rows, token = await shop.jobs.page(user, size, token)
            pages.append([row.id for row in rows])
        assert [len(page) for page in pages] == lengths
        assert [job_id for page in pages for job_id in page] == ids[::-1]


@pytest.mark.parametrize(
    "token", ["x", "é", "AAAA", base64.urlsafe_b64encode(b"\0" * 36).decode(), base64.urlsafe_b64encode(b"a").decode()]
)
async def test_a_page_token_that_is_not_ours_is_refused(shop: Shop, user: str, token: str) -> None:
    with pytest.raises(InvalidPageToken, match="pageToken is not valid"):
        await shop.jobs.page(user, 10, token)


async def test_a_job_is_found_by_its_owner_only(shop: Shop, user: str, stranger: str) -> None:
    job = await shop.held(user)
    assert await shop.jobs.get(user, job.id) == job
    for who, job_id in ((stranger, job.id), (user, new_id())):
        with pytest.raises(JobNotFound, match="Job not found"):
            await shop.jobs.get(who, job_id)


async def test_a_change_that_does_not_apply_changes_nothing(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    assert await shop.jobs.change_now(CHANGE, job.id, col(Job.state) == "running", progress=50) is None
    assert await shop.now(job.id) == job
    changed = await shop.jobs.change_now(CHANGE, job.id, col(Job.state) == "held", progress=50)
    assert changed is not None
    assert (changed.progress, changed.version) == (50, job.version + 1)


async def test_only_a_job_that_was_never_begun_is_forgotten(shop: Shop, user: str) -> None:
    begun, created = await shop.held(user), await shop.held(user)
    await shop.jobs.change_now(CHANGE, created.id, col(Job.id) == created.id, state="created")
    for job in (begun, created):
        await shop.jobs.forget(job)
    assert (await shop.row(begun.id), await shop.row(created.id)) == (begun, None)


async def test_a_users_jobs_go_with_the_user(shop: Shop, user: str, stranger: str) -> None:
    for _ in range(3):
        await shop.held(user)
    kept = await shop.held(stranger)
    for _ in range(2):
        await shop.jobs.forget_user(user)
    assert (await shop.jobs.page(user, 10, ""))[0] == []
    assert await shop.now(kept.id) == kept


async def test_what_is_set_aside_for_jobs_that_go_with_their_user_comes_back(shop: Shop, user: str) -> None:
    done = await shop.held(user)
    await finish(shop, done)
    waiting = await shop.held(user)
    await shop.jobs.forget_user(user)
    assert (await shop.queued(waiting.id), await shop.queued(done.id)) == (1, 0)
    await shop.work(waiting)
    assert shop.billing.holds[waiting.id].state == "released"


async def test_a_waiter_in_another_process_is_woken_by_the_change(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        waiting = await waiter(jobs, job)
        await finish(shop, job)
        assert (await asyncio.wait_for(waiting, 5)).state == "succeeded"


async def test_every_waiter_is_woken_and_nobody_else(shop: Shop, user: str) -> None:
    job, other = await shop.held(user), await shop.held(user)
    async with another_process(shop) as jobs:
        waiting = [await waiter(jobs, job) for _ in range(5)]
        patient = await waiter(jobs, other)
        await finish(shop, job)
        assert {row.state for row in await asyncio.wait_for(asyncio.gather(*waiting), 5)} == {"succeeded"}
        assert not patient.done()
        await finish(shop, other)
        await asyncio.wait_for(patient, 5)


async def test_whoever_waits_for_the_end_is_told_at_the_end(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        waiting = asyncio.create_task(jobs.finished(user, job.id, 60))
        for progress in (10, 20):
            await shop.jobs.change_now(CHANGE, job.id, col(Job.id) == job.id, state="running", progress=progress)
        assert not waiting.done()
        await finish(shop, job)
        assert (await asyncio.wait_for(waiting, 5)).state == "succeeded"


async def test_a_finished_job_is_not_waited_for(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    await finish(shop, job)
    assert (await asyncio.wait_for(Jobs(shop.database).finished(user, job.id, 30), 5)).state == "succeeded"


async def test_a_wait_that_is_too_long_gives_the_job_as_it_is(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        assert await jobs.finished(user, job.id, 0.1) == job


async def test_waiting_for_what_is_not_there_is_refused_at_once(shop: Shop, user: str) -> None:
    with pytest.raises(JobNotFound):
        await asyncio.wait_for(shop.jobs.finished(user, new_id(), 30), 5)


async def test_what_happened_while_the_connection_was_lost_is_heard_after_it(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        waiting = await waiter(jobs, job)
        async with shop.database.transaction() as connection:
            # In one transaction, so that the change is announced when nobody can hear it.
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            await connection.execute(text(f"{end} AND query LIKE 'LISTEN %'"))
            await shop.jobs.change(connection, job.id, col(Job.id) == job.id, state="succeeded")
        assert (await asyncio.wait_for(waiting, 10)).state == "succeeded"


async def test_each_change_of_a_job_is_shown_until_it_is_finished(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        seen = []
        async for row in jobs.changes(user, job.id, 30):
            seen.append((row.state, row.progress))
            if row.progress < 40:
                await shop.jobs.change_now(
                    CHANGE, job.id, col(Job.id) == job.id, state="running", progress=row.progress + 20
                )
            elif row.state != "succeeded":
                await finish(shop, job)
    assert seen == [("held", 0), ("running", 20), ("running", 40), ("succeeded", 100)]


async def test_a_job_that_does_not_change_is_shown_again_now_and_then(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    changes = shop.api_jobs.changes(user, job.id, 0.05)
    assert [await anext(changes) for _ in range(3)] == [job] * 3
    await shop.jobs.forget_user(user)
    with pytest.raises(JobNotFound):
        await anext(changes)


async def test_a_waiter_of_a_job_that_is_deleted_is_told_at_once(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    async with another_process(shop) as jobs:
        waiting = asyncio.create_task(jobs.finished(user, job.id, 60))
        await waiter(jobs, job)  # both wait
        await shop.jobs.forget_user(user)
        with pytest.raises(JobNotFound):
            await asyncio.wait_for(waiting, 5)


async def test_a_key_that_is_forgotten_between_two_looks_makes_room_for_a_new_job(shop: Shop, user: str) -> None:
    class Unlucky(Jobs):
        async def by_key(self, user_id: str, key: str) -> JobRow | None:
            if known := await super().by_key(user_id, key):
                await self.forget(known)
            return await super().by_key(user_id, key)

    first, second = (new_job(user, new_id(), "k", "person", "outfit", {}) for _ in range(2))
    assert (await shop.jobs.add(first))[1]
    job, new = await Unlucky(shop.database).add(second)
    assert (job.id, new) == (second["id"], True)


async def test_only_jobs_that_finished_long_ago_are_pruned(shop: Shop, user: str) -> None:
    old, recent, open_ = [await shop.held(user) for _ in range(3)]
    for job, age in ((old, 91), (recent, 89)):
        finished = datetime.now(UTC) - timedelta(days=age)
        await shop.jobs.change_now(CHANGE, job.id, col(Job.id) == job.id, state="succeeded", finished_at=finished)
    await shop.pass_time(open_.id, 100 * 86400)
    await shop.saga.prune()
    assert [row.id for row in (await shop.jobs.page(user, 10, ""))[0]] == [open_.id, recent.id]
