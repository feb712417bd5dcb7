"""Whatever is killed whenever: a finished picture costs its credit, everything else costs nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.tryon.engines.base import EngineFailed
from services.tryon.errors import JobAlreadyFinished
from services.tryon.jobs import JobRow
from services.tryon.tests.fakes import Killed, raising, unavailable
from services.tryon.tests.shop import Shop

PLACES = {"succeeds": 14, "fails": 12}
"""How many places there are between the steps of a job that ends so."""
DEATHS = {"killed": raising(Killed), "unanswered": raising(unavailable)}


def failing(shop: Shop) -> None:
    """From now on no engine makes a picture."""
    shop.engine.instead = raising(lambda: EngineFailed("no"))


async def one_run(shop: Shop, job: JobRow, place: int, how: Callable[[], Awaitable[None]]) -> bool:
    """One worker with something happening at one place; tells whether it got there."""
    shop.road.passed, shop.road.stop_at, shop.road.how = 0, place, how
    with suppress(Killed, Unavailable):
        await shop.work(job)
    shop.road.stop_at = None
    return shop.road.passed > place


def paid_for(shop: Shop, user: str) -> bool:
    """Whether there is a picture. It must have been paid for, and nothing else may have been."""
    pictures, holds, credits_left = len(shop.media.of(user)), shop.billing.of(user), shop.billing.credits[user]
    assert (pictures, holds, credits_left) in ((1, ["captured"], 4), (0, ["released"], 5))
    return pictures == 1


@pytest.mark.parametrize(("outcome", "places"), list(PLACES.items()))
async def test_the_places_that_are_tried_are_all_there_are(shop: Shop, user: str, outcome: str, places: int) -> None:
    if outcome == "fails":
        failing(shop)
    job = await shop.held(user)
    await shop.work(job)
    assert shop.road.passed == places


@pytest.mark.parametrize("how", list(DEATHS))
@pytest.mark.parametrize("place", range(PLACES["succeeds"]))
async def test_a_worker_that_dies_is_followed_by_one_that_ends_the_job(
    shop: Shop, user: str, place: int, how: str
) -> None:
    job = await shop.held(user)
    assert await one_run(shop, job, place, DEATHS[how])
    assert (await shop.work_to_the_end(job)).state == "succeeded"
    assert paid_for(shop, user)
    assert shop.billing.captures == 1


@pytest.mark.parametrize("place", range(PLACES["succeeds"]))
async def test_a_worker_that_dies_before_no_engine_works_any_more_leaves_all_or_nothing(
    shop: Shop, user: str, place: int
) -> None:
    job = await shop.held(user)
    assert await one_run(shop, job, place, DEATHS["killed"])
    failing(shop)
    ended = await shop.work_to_the_end(job)
    assert ended.state == ("succeeded" if paid_for(shop, user) else "failed")


@pytest.mark.parametrize("how", list(DEATHS))
@pytest.mark.parametrize("place", range(PLACES["fails"]))
async def test_a_worker_that_dies_over_a_failing_job_leaves_nothing(
    shop: Shop, user: str, place: int, how: str
) -> None:
    failing(shop)
    job = await shop.held(user)
    assert await one_run(shop, job, place, DEATHS[how])
    assert (await shop.work_to_the_end(job)).state == "failed"
    assert not paid_for(shop, user)


@pytest.mark.parametrize("first", range(PLACES["succeeds"]))
async def test_workers_that_die_one_after_the_other_leave_all_or_nothing(shop: Shop, first: int) -> None:
    reached = 0
    for second in sorted({0, *range(first % 3, PLACES["succeeds"], 3)}):
        user = new_id()
        job = await shop.held(user)
        assert await one_run(shop, job, first, DEATHS["killed"])
        reached += await one_run(shop, job, second, DEATHS["killed"])
        assert (await shop.work_to_the_end(job)).state == "succeeded"
        assert paid_for(shop, user)
    assert reached > 0


def left_of(shop: Shop, user: str) -> tuple[int, int]:
    """Pictures, and holds that are still open."""
    return len(shop.media.of(user)), shop.billing.of(user).count("open")


@pytest.mark.parametrize("place", range(PLACES["succeeds"]))
async def test_a_user_who_goes_while_the_job_is_done_leaves_nothing(shop: Shop, user: str, place: int) -> None:
    job = await shop.held(user)
    assert await one_run(shop, job, place, lambda: shop.forget(user))
    await shop.work(job)
    assert left_of(shop, user) == (0, 0)
    assert await shop.row(job.id) is None


@pytest.mark.parametrize("place", range(PLACES["succeeds"]))
async def test_a_worker_that_dies_right_after_the_user_has_gone_leaves_nothing(
    shop: Shop, user: str, place: int
) -> None:
    job = await shop.held(user)

    async def leave_and_die() -> None:
        await shop.forget(user)
        shop.road.stop_at, shop.road.how = shop.road.passed, DEATHS["killed"]

    assert await one_run(shop, job, place, leave_and_die)
    await shop.work(job)
    assert left_of(shop, user) == (0, 0)


async def test_a_job_that_is_canceled_while_its_picture_is_made_stops_and_costs_nothing(shop: Shop, user: str) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def long_work(_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    shop.engine.instead = long_work
    job = await shop.held(user)
    stop = asyncio.Event()
    ears = asyncio.create_task(shop.jobs.listen(stop))
    working = asyncio.create_task(shop.work(job))
    await begun.wait()
    canceled = await shop.generation.cancel(user, job.id)
    await asyncio.wait_for(working, 10)
    stop.set()
    await ears
    assert stopped.is_set()
    assert (canceled.state, canceled.error_reason) == ("canceled", "CANCELED")
    assert not paid_for(shop, user)


@pytest.mark.parametrize("place", range(1, PLACES["succeeds"]))
async def test_a_job_that_is_canceled_at_any_moment_is_paid_for_or_leaves_nothing(
    shop: Shop, user: str, place: int
) -> None:
    job = await shop.held(user)

    async def cancel() -> None:
        shop.road.stop_at = None
        with suppress(JobAlreadyFinished):
            await shop.generation.cancel(user, job.id)

    assert await one_run(shop, job, place, cancel)
    await shop.work(job)
    ended = await shop.now(job.id)
    assert ended.state == ("succeeded" if paid_for(shop, user) else "canceled")
