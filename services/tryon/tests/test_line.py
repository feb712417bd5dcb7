"""Whose turn it is, on a real PostgreSQL with its real queue."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlmodel import col

from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id
from services.tryon.jobs import JobRow
from services.tryon.line import WORK_TASK
from services.tryon.metrics import QueueState
from services.tryon.models import Job
from services.tryon.tests.conftest import MIGRATIONS
from services.tryon.tests.fakes import CHANGE
from services.tryon.tests.shop import Shop

RUNNING = 2


@pytest.fixture
async def shop(database_url: Callable[[str], str]) -> AsyncIterator[Shop]:
    """A shop with nobody else in it, where two jobs of a user are worked on at a time."""
    url = database_url("tryon_line")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    database = Database(url, pool=20)
    async with database.transaction() as connection:
        await connection.execute(text("TRUNCATE jobs, pgqueuer"))
    yield Shop(database, running=RUNNING)
    await database.close()


async def begin(shop: Shop, user: str) -> JobRow:
    """A job of the user as the API begins it."""
    shop.billing.credits[user] = 1000
    return await shop.generation.start(user, shop.request(user))


async def next_of(shop: Shop) -> str | None:
    """The job that the queue would give to a worker now, which takes it."""
    statement = text(
        "DELETE FROM pgqueuer WHERE id = (SELECT id FROM pgqueuer ORDER BY priority DESC, id LIMIT 1) "
        "RETURNING convert_from(payload, 'UTF8')::json ->> 'job_id'"
    )
    async with shop.database.transaction() as connection:
        return (await connection.execute(statement)).scalar_one_or_none()


async def work_on_next(shop: Shop) -> JobRow:
    """A worker takes the next job and is at it."""
    job_id = await next_of(shop)
    assert job_id
    row = await shop.jobs.change_now(CHANGE, job_id, col(Job.state) == "held", state="running")
    assert row
    return row


async def finish(shop: Shop, job: JobRow) -> None:
    """The worker is done with it."""
    await shop.jobs.change_now(CHANGE, job.id, col(Job.id) == job.id, state="succeeded")


async def waiting(shop: Shop, *jobs: JobRow) -> list[int]:
    """What the users are told of their places."""
    return [await shop.jobs.position(job) for job in jobs]


async def standing(shop: Shop, user: str) -> int:
    """How many of a user's jobs a worker could take, or has taken."""
    rows, _ = await shop.jobs.page(user, 100, "")
    return sum(row.turn is not None and row.state in ("held", "running") for row in rows)


async def test_one_users_hundred_jobs_do_not_hold_up_anothers_first(shop: Shop, user: str, stranger: str) -> None:
    hog = [await begin(shop, user) for _ in range(100)]
    worked_on = [await work_on_next(shop)]
    first = await begin(shop, stranger)
    # It is taken next, before the hog's second, and its owner is told so.
    assert await waiting(shop, first, hog[1], hog[2], hog[99]) == [0, 1, 2, 99]
    assert (await work_on_next(shop)).id == first.id
    assert worked_on[0].id == hog[0].id


async def test_no_more_of_a_users_jobs_run_at_once_than_the_setting_says(shop: Shop, user: str) -> None:
    jobs = [await begin(shop, user) for _ in range(10)]
    done: list[str] = []
    while len(done) < len(jobs):
        at_work: list[JobRow] = []
        while await standing(shop, user) and len(at_work) < 20:
            if (job_id := await next_of(shop)) is None:
                break
            row = await shop.jobs.change_now(CHANGE, job_id, col(Job.state) == "held", state="running")
            assert row
            at_work.append(row)
        assert len(at_work) == min(RUNNING, len(jobs) - len(done))
        for job in at_work:
            await finish(shop, job)
        done += [job.id for job in at_work]
    assert done == [job.id for job in jobs]


async def test_users_take_turns_and_each_is_told_the_place_it_has(shop: Shop) -> None:
    users = [new_id() for _ in range(3)]
    jobs = [await begin(shop, user) for user in users for _ in range(4)]
    left = list(jobs)
    taken: list[str] = []
    while left:
        told = {job.id: place for job, place in zip(left, await waiting(shop, *left), strict=True)}
        assert sorted(told.values()) == list(range(len(left)))
        job = await work_on_next(shop)
        assert told[job.id] == 0
        await finish(shop, job)
        left = [other for other in left if other.id != job.id]
        taken.append(job.user_id)
    assert taken[:3] == users
    assert all(set(taken[turn : turn + 3]) == set(users) for turn in range(0, 12, 3))


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_canceled_job_leaves_its_place_to_the_next(shop: Shop, user: str, which: int) -> None:
    jobs = [await begin(shop, user) for _ in range(4)]
    await shop.generation.cancel(user, jobs[which].id)
    await shop.generation.cancel(user, jobs[which].id)
    assert await standing(shop, user) == RUNNING


async def test_jobs_that_are_begun_and_end_at_once_leave_nobody_behind(shop: Shop, user: str) -> None:
    await asyncio.gather(*(begin(shop, user) for _ in range(10)))
    for round_ in range(5):
        at_work = [await work_on_next(shop) for _ in range(RUNNING)]
        assert await next_of(shop) is None, round_
        await asyncio.gather(*(finish(shop, job) for job in at_work))
    assert await standing(shop, user) == 0


async def test_the_sweep_moves_up_who_was_left_behind(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    assert (await shop.now(job.id)).turn is None
    for _ in range(2):
        await shop.saga.sweep()
    assert ((await shop.now(job.id)).turn is not None, await shop.queued(job.id)) == (True, 1)


async def test_the_task_of_a_job_is_the_one_that_workers_know(shop: Shop, user: str) -> None:
    await begin(shop, user)
    async with shop.database.read() as connection:
        names = (await connection.execute(text("SELECT DISTINCT entrypoint FROM pgqueuer"))).scalars().all()
    assert list(names) == [WORK_TASK]


async def test_the_queues_length_and_oldest_age_are_told(shop: Shop, user: str, stranger: str) -> None:
    assert await shop.jobs.queue_state() == QueueState(0, 0, 0)
    old, _ = await begin(shop, user), await begin(shop, stranger)
    await shop.pass_time(old.id, 60)
    before = await shop.jobs.queue_state()
    assert (before.waiting, before.running) == (2, 0)
    assert before.oldest_seconds >= 60
    await work_on_next(shop)
    after = await shop.jobs.queue_state()
    assert (after.waiting, after.running) == (1, 1)
    assert after.oldest_seconds < before.oldest_seconds
