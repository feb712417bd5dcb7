"""The worker's side of a try-on, on a real PostgreSQL."""

import asyncio
import time

import pytest
from sqlmodel import col

from services.kit.ids import new_id
from services.tryon.engines.base import EngineFailed, InputProblem, Options, Progress
from services.tryon.jobs import Jobs
from services.tryon.models import Job
from services.tryon.tests.fakes import CHANGE, Gate, raising, unavailable
from services.tryon.tests.shop import Shop
from services.tryon.waiting import Waiter


async def test_a_picture_is_made_stored_and_paid_for(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    await shop.work(job)
    done = await shop.now(job.id)
    (image,) = shop.media.of(user)
    assert (done.state, done.stage, done.progress, done.engine, done.image_id, done.credits_remaining) == (
        "succeeded",
        "done",
        100,
        "fake",
        image.id,
        4,
    )
    assert done.finished_at is not None
    assert shop.engine.calls == [(b"user", b"outfit", Options(category="tops"))]
    assert shop.media.details[job.id] == {
        "jobId": job.id,
        "engine": "fake",
        "personImageId": job.person_image_id,
        "outfitImageId": job.outfit_image_id,
    }
    assert shop.billing.of(user) == ["captured"]


async def nothing_came_of_it(shop: Shop, user: str, job_id: str, reason: str) -> None:
    """The job has failed for the reason, without a picture and without a cost."""
    failed = await shop.now(job_id)
    assert (failed.state, failed.stage, failed.error_reason, failed.image_id) == ("failed", "done", reason, None)
    assert failed.finished_at is not None
    assert (shop.media.of(user), shop.billing.of(user), shop.billing.credits[user]) == ([], ["released"], 5)


async def test_when_no_engine_makes_a_picture_the_credit_goes_back(shop: Shop, user: str) -> None:
    shop.engine.instead = raising(lambda: EngineFailed("no"))
    job = await shop.held(user)
    await shop.work(job)
    await nothing_came_of_it(shop, user, job.id, "GENERATION_FAILED")


async def test_a_problem_with_an_image_is_told_and_the_credit_goes_back(shop: Shop, user: str) -> None:
    shop.engine.instead = raising(lambda: InputProblem("NO_PERSON", "There is nobody."))
    job = await shop.held(user)
    await shop.work(job)
    await nothing_came_of_it(shop, user, job.id, "NO_PERSON")
    assert (await shop.now(job.id)).error_message == "There is nobody."


@pytest.mark.parametrize("which", ["person_image_id", "outfit_image_id"])
async def test_an_image_that_was_deleted_meanwhile_is_told(shop: Shop, user: str, which: str) -> None:
    job = await shop.held(user)
    del shop.media.sources[getattr(job, which)]
    await shop.work(job)
    await nothing_came_of_it(shop, user, job.id, "IMAGES_NOT_FOUND")
    assert shop.engine.calls == []


async def test_a_hold_that_is_gone_costs_the_picture(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    await shop.billing.release(user, job.id)
    await shop.work(job)
    await nothing_came_of_it(shop, user, job.id, "GENERATION_FAILED")


async def test_a_job_over_which_workers_die_fails_in_the_end(shop: Shop, user: str) -> None:
    shop.engine.instead = raising(unavailable)
    job = await shop.held(user)
    await shop.work_to_the_end(job)
    assert len(shop.engine.calls) == 5
    await nothing_came_of_it(shop, user, job.id, "GENERATION_FAILED")


async def test_a_finished_or_unknown_job_is_left_alone(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    await shop.work(job)
    before = await shop.now(job.id)
    await shop.work(job)
    await shop.saga.run(new_id(), user)
    assert await shop.now(job.id) == before
    assert len(shop.engine.calls) == 1


async def test_progress_is_written_down_at_most_twice_a_second(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    told: list[tuple[str, int]] = []

    async def work(progress: Progress) -> None:
        for stage, done in (("preparing", 0.2), ("generating", 0.4), ("generating", 0.41)):
            await progress(stage, done)
            row = await shop.now(job.id)
            told.append((row.stage, row.progress))

    shop.engine.instead = work
    began = time.monotonic()
    await shop.work(job)
    assert told[0] == ("preparing", 18)
    assert told[1:] == [("preparing", 18)] * 2 or time.monotonic() - began > 0.5


async def test_progress_that_comes_after_the_picture_changes_nothing(shop: Shop, user: str) -> None:
    late: list[Progress] = []

    async def work(progress: Progress) -> None:
        late.append(progress)

    shop.engine.instead = work
    job = await shop.held(user)
    await shop.work(job)
    finished = await shop.now(job.id)
    await late[0]("generating", 0.9)
    assert await shop.now(job.id) == finished


async def test_the_changes_of_an_overtaken_attempt_are_refused(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    gate = Gate()
    shop.engine.instead = gate
    slow = asyncio.create_task(shop.work(job))
    await gate.arrived.wait()
    shop.engine.instead = None
    await shop.work(job)
    done = await shop.now(job.id)
    assert (done.state, done.attempt) == ("succeeded", 2)
    gate.open.set()
    await slow
    assert await shop.now(job.id) == done
    assert (len(shop.media.of(user)), shop.billing.of(user), shop.billing.captures) == (1, ["captured"], 1)


async def test_an_overtaken_attempt_cannot_go_on_while_its_successor_works(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    first, second = Gate(), Gate()
    working = []
    for gate in (first, second):
        shop.engine.instead = gate
        working.append(asyncio.create_task(shop.work(job)))
        await gate.arrived.wait()
    first.open.set()
    await working[0]
    now = await shop.now(job.id)
    assert (now.state, now.stage, now.attempt, shop.media.of(user)) == ("running", "preparing", 2, [])
    second.open.set()
    await working[1]
    assert (await shop.now(job.id)).state == "succeeded"
    assert (len(shop.media.of(user)), shop.billing.captures) == (1, 1)


async def test_what_an_overtaken_attempt_stores_too_late_is_deleted(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    gate = Gate()
    shop.media.before_store = gate
    slow = asyncio.create_task(shop.work(job))
    await gate.arrived.wait()
    shop.engine.instead = raising(lambda: EngineFailed("no"))
    await shop.work(job)
    await nothing_came_of_it(shop, user, job.id, "GENERATION_FAILED")
    gate.open.set()
    await slow
    await nothing_came_of_it(shop, user, job.id, "GENERATION_FAILED")


async def test_two_workers_at_the_same_job_make_one_picture_and_cost_one_credit(shop: Shop, user: str) -> None:
    for _ in range(5):
        job = await shop.held(user)
        await asyncio.gather(*(shop.work(job) for _ in range(3)))
        assert (await shop.now(job.id)).state == "succeeded"
    assert (len(shop.media.of(user)), shop.billing.captures, shop.billing.credits[user]) == (5, 5, 0)


async def test_a_job_whose_end_cannot_be_watched_is_tried_again(shop: Shop, user: str) -> None:
    class Blind(Jobs):
        async def until_ended(self, waiter: Waiter) -> None:
            raise ConnectionError("the database is away")

    job = await shop.held(user)
    gate = Gate()
    shop.engine.instead = gate
    shop.saga._jobs = Blind(shop.database)
    with pytest.raises(ConnectionError):
        await shop.work(job)
    shop.saga._jobs, shop.engine.instead = shop.jobs, None
    assert (await shop.work_to_the_end(job)).state == "succeeded"


async def test_jobs_whose_request_died_are_ended(shop: Shop, user: str) -> None:
    old, new = await shop.held(user), await shop.held(user)
    for job in (old, new):
        await shop.jobs.change_now(CHANGE, job.id, col(Job.id) == job.id, state="created")
    await shop.pass_time(old.id, 61)
    await shop.pass_time(new.id, 30)
    await shop.saga.sweep()
    await shop.saga.sweep()
    assert ((await shop.now(old.id)).state, (await shop.now(new.id)).state) == ("releasing", "created")
    assert (await shop.queued(old.id), await shop.queued(new.id)) == (1, 0)
    await shop.work(old)
    ended = await shop.now(old.id)
    assert (ended.state, ended.error_reason) == ("failed", "GENERATION_FAILED")
    assert sorted(shop.billing.of(user)) == ["open", "released"]
