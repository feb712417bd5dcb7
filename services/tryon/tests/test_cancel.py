"""Stopping a job that is no longer wanted."""

import asyncio

import pytest
from grpc import StatusCode

from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.tryon.errors import InputRefused, JobAlreadyFinished, JobNotFound
from services.tryon.tests.fakes import Gate, raising, unavailable
from services.tryon.tests.shop import Shop


async def test_a_job_in_the_queue_is_canceled_at_once_and_its_credit_comes_back(shop: Shop, user: str) -> None:
    job = await shop.generation.start(user, shop.request(user))
    canceled = await shop.generation.cancel(user, job.id)
    assert (canceled.state, canceled.stage, canceled.error_reason, canceled.error_message) == (
        "canceled",
        "done",
        "CANCELED",
        "The try-on was canceled.",
    )
    assert canceled.finished_at is not None
    assert (shop.billing.of(user), shop.billing.credits[user]) == (["released"], 5)
    await shop.work(job)
    assert shop.engine.calls == []
    assert await shop.now(job.id) == canceled


async def test_canceling_again_changes_nothing(shop: Shop, user: str) -> None:
    job = await shop.generation.start(user, shop.request(user))
    canceled = await shop.generation.cancel(user, job.id)
    assert await shop.generation.cancel(user, job.id) == canceled


async def test_a_cancellation_that_could_not_be_finished_is_finished_by_a_worker(shop: Shop, user: str) -> None:
    job = await shop.generation.start(user, shop.request(user))
    shop.road.stop_at, shop.road.how = shop.road.passed, raising(unavailable)
    with pytest.raises(Unavailable):
        await shop.generation.cancel(user, job.id)
    assert (await shop.generation.cancel(user, job.id)).error_reason == "CANCELED"
    assert (await shop.work_to_the_end(job)).state == "canceled"
    assert (shop.billing.of(user), shop.billing.credits[user]) == (["released"], 5)


async def test_a_finished_job_cannot_be_canceled(shop: Shop, user: str) -> None:
    job = await shop.held(user)
    await shop.work(job)
    with pytest.raises(JobAlreadyFinished) as refused:
        await shop.generation.cancel(user, job.id)
    assert refused.value.code is StatusCode.FAILED_PRECONDITION
    assert len(shop.media.of(user)) == 1


async def test_a_job_that_is_not_ones_own_cannot_be_canceled(shop: Shop, user: str, stranger: str) -> None:
    job = await shop.held(user)
    for who, job_id in ((stranger, job.id), (user, new_id())):
        with pytest.raises(JobNotFound):
            await shop.generation.cancel(who, job_id)
    assert (await shop.now(job.id)).state == "held"


async def test_whoever_waits_for_a_job_hears_that_it_was_canceled(live: Shop, user: str) -> None:
    live.engine.instead = gate = Gate()
    waiting = asyncio.create_task(live.generation.generate(user, live.request(user)))
    await gate.arrived.wait()
    ((job,), _) = await live.jobs.page(user, 10, "")
    await live.generation.cancel(user, job.id)
    with pytest.raises(InputRefused, match="The try-on was canceled") as refused:
        await asyncio.wait_for(waiting, 5)
    assert refused.value.reason == "CANCELED"
    assert (live.billing.of(user), live.media.of(user)) == (["released"], [])
