"""Asking for a try-on and waiting for it, on a real PostgreSQL with its real queue."""

import asyncio
import time

import pytest
from grpc import StatusCode

from services.kit.ids import new_id
from services.kit.tests.waiting import eventually
from services.tryon.engines.base import EngineFailed, InputProblem
from services.tryon.errors import (
    GenerationFailed,
    IdempotencyKeyReused,
    ImagesNotFound,
    InputRefused,
    InsufficientCredits,
    InvalidIdempotencyKey,
    JobNotFound,
    NotAnOutfit,
    NotAUserPhoto,
    TooBusy,
)
from services.tryon.generation import Request
from services.tryon.tests.fakes import Gate, Killed, raising, unavailable
from services.tryon.tests.shop import Shop


async def test_generating_gives_the_finished_job(live: Shop, user: str) -> None:
    job, images = await live.generation.generate(user, live.request(user, mode="fast", seed=7))
    assert (job.state, job.credits_remaining, job.engine) == ("succeeded", 4, "fake")
    assert job.options == {
        "category": "auto",
        "garment_photo_type": "auto",
        "mode": "fast",
        "seed": 7,
        "output_format": "jpeg",
    }
    (image,) = live.media.of(user)
    assert images == await live.generation.images(user, [job]) == {image.id: image}


async def test_starting_answers_before_anybody_works(shop: Shop, user: str) -> None:
    job = await shop.generation.start(user, shop.request(user))
    assert (job.state, job.stage, job.progress, job.attempt) == ("held", "queued", 0, 0)
    assert (shop.billing.of(user), await shop.queued(job.id)) == (["open"], 1)
    assert await shop.generation.images(user, [job]) == {}


async def test_no_picture_is_503_and_costs_nothing(live: Shop, user: str) -> None:
    live.engine.instead = raising(lambda: EngineFailed("no"))
    with pytest.raises(GenerationFailed, match=r"AI generation failed\. Please try again later\.") as failed:
        await live.generation.generate(user, live.request(user))
    assert failed.value.code is StatusCode.UNAVAILABLE
    assert (live.billing.of(user), live.billing.credits[user]) == (["released"], 5)


async def test_a_problem_with_an_image_is_told_with_its_reason_and_costs_nothing(live: Shop, user: str) -> None:
    live.engine.instead = raising(lambda: InputProblem("NO_PERSON_FOUND", "There is nobody in the photo."))
    with pytest.raises(InputRefused, match="There is nobody in the photo") as refused:
        await live.generation.generate(user, live.request(user))
    assert (refused.value.code, refused.value.reason) == (StatusCode.INVALID_ARGUMENT, "NO_PERSON_FOUND")
    assert (live.billing.of(user), live.billing.credits[user]) == (["released"], 5)


async def test_images_must_be_the_users_and_of_the_right_type(shop: Shop, user: str, stranger: str) -> None:
    good, foreign = shop.request(user), shop.request(stranger)
    person, outfit, options = good.person_image_id, good.outfit_image_id, good.options
    for request, error, message in (
        (Request(new_id(), outfit, options), ImagesNotFound, "One or both images not found"),
        (Request(person, new_id(), options), ImagesNotFound, "One or both images not found"),
        (Request(foreign.person_image_id, outfit, options), ImagesNotFound, "One or both images not found"),
        (Request(outfit, outfit, options), NotAUserPhoto, "First image must be a user photo"),
        (Request(person, person, options), NotAnOutfit, "Second image must be an outfit"),
    ):
        with pytest.raises(error, match=message):
            await shop.generation.start(user, request)
    assert (await shop.jobs.page(user, 10, ""))[0] == []
    assert shop.billing.holds == {}


async def test_without_credits_nothing_is_begun_and_nothing_left(shop: Shop, user: str) -> None:
    shop.billing.credits[user] = 0
    request = shop.request(user, key="k")
    with pytest.raises(InsufficientCredits, match=r"Insufficient credits\. Please purchase") as refused:
        await shop.generation.generate(user, request)
    assert (refused.value.http_status, refused.value.metadata) == (402, {"credits": "0", "required": "1"})
    assert ((await shop.jobs.page(user, 10, ""))[0], shop.billing.holds) == ([], {})
    shop.billing.credits[user] = 1
    assert (await shop.generation.start(user, request)).state == "held"


@pytest.mark.parametrize("moment", ["before_hold", "after_hold"])
async def test_a_credit_of_which_nobody_knows_whether_it_is_set_aside_comes_back(
    live: Shop, user: str, moment: str
) -> None:
    setattr(live.billing, moment, raising(unavailable))
    with pytest.raises(GenerationFailed):
        await live.generation.generate(user, live.request(user))
    setattr(live.billing, moment, None)
    ((job,), _) = await live.jobs.page(user, 10, "")

    async def failed() -> bool:
        return bool((await live.now(job.id)).state == "failed")

    await eventually(failed, "the release")
    assert (live.billing.of(user), live.billing.credits.get(user, 5)) == (["released"], 5)
    assert live.media.of(user) == []


async def test_a_hold_that_arrives_after_its_release_begins_nothing(shop: Shop, user: str) -> None:
    gate = Gate()
    shop.billing.before_hold = gate
    asking = asyncio.create_task(shop.generation.generate(user, shop.request(user)))
    await gate.arrived.wait()
    ((job,), _) = await shop.jobs.page(user, 10, "")
    await shop.generation.cancel(user, job.id)
    gate.open.set()
    with pytest.raises(GenerationFailed):
        await asking
    assert ((await shop.now(job.id)).state, shop.billing.credits.get(user, 5)) == ("canceled", 5)
    assert "open" not in shop.billing.of(user)


async def test_a_user_who_goes_while_the_credit_is_set_aside_leaves_no_hold(shop: Shop, user: str) -> None:
    shop.billing.after_hold = lambda: shop.forget(user)
    with pytest.raises(JobNotFound):
        await shop.generation.generate(user, shop.request(user))
    assert shop.billing.of(user) == ["released"]


async def test_a_job_that_takes_too_long_is_answered_as_it_is_and_goes_on(live: Shop, user: str) -> None:
    gate = Gate()
    live.engine.instead = gate
    request = live.request(user, key="k")
    job, _ = await live.impatient().generation.generate(user, request)
    assert job.state in ("held", "running")
    await gate.arrived.wait()
    gate.open.set()
    assert (await live.generation.generate(user, request))[0].state == "succeeded"
    assert live.billing.of(user) == ["captured"]


async def test_when_very_much_is_waiting_new_jobs_are_refused_for_the_moment(shop: Shop, user: str) -> None:
    crowded = Shop(shop.database, max_queue=1)
    await shop.held(user)
    with pytest.raises(TooBusy) as refused:
        await crowded.generation.start(user, crowded.request(user))
    assert (refused.value.code, refused.value.retry_after) == (StatusCode.UNAVAILABLE, 10)
    assert crowded.billing.holds == {}


async def test_the_same_key_and_body_give_the_same_job_and_cost_once(live: Shop, user: str) -> None:
    request = live.request(user, key="k" * 255)
    first, _ = await live.generation.generate(user, request)
    again, _ = await live.generation.generate(user, request)
    started = await live.generation.start(user, request)
    assert first == again == started
    assert (live.billing.of(user), len(live.media.of(user))) == (["captured"], 1)


async def test_the_same_key_still_works_when_the_images_are_gone(live: Shop, user: str) -> None:
    request = live.request(user, key="k")
    first, _ = await live.generation.generate(user, request)
    live.media.sources.pop(request.person_image_id)
    assert (await live.generation.generate(user, request))[0] == first


async def test_the_same_key_with_another_body_is_refused(shop: Shop, user: str) -> None:
    first = shop.request(user, key="k")
    await shop.generation.start(user, first)
    for other in (
        shop.request(user, key="k"),
        Request(first.person_image_id, first.outfit_image_id, shop.request(user, seed=1).options, "k"),
    ):
        with pytest.raises(IdempotencyKeyReused) as refused:
            await shop.generation.start(user, other)
        assert refused.value.code is StatusCode.ABORTED
    assert shop.billing.of(user) == ["open"]


async def test_a_key_belongs_to_its_user_and_no_key_to_nobody(shop: Shop, user: str, stranger: str) -> None:
    jobs = [await shop.generation.start(who, shop.request(who, key="k")) for who in (user, stranger)]
    jobs += [await shop.generation.start(user, shop.request(user)) for _ in range(2)]
    assert len({job.id for job in jobs}) == 4


async def test_a_key_that_is_too_long_is_refused(shop: Shop, user: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        await shop.generation.start(user, shop.request(user, key="k" * 256))
    assert shop.billing.holds == {}


async def test_the_same_key_at_the_same_time_begins_one_job(live: Shop, user: str) -> None:
    request = live.request(user, key="k")
    jobs = [job for job, _ in await asyncio.gather(*(live.generation.generate(user, request) for _ in range(6)))]
    assert {(job.id, job.state) for job in jobs} == {(jobs[0].id, "succeeded")}
    assert (live.billing.of(user), len(live.media.of(user))) == (["captured"], 1)


async def test_the_same_key_at_the_same_time_without_credits_is_refused_to_all_at_once(live: Shop, user: str) -> None:
    live.billing.credits[user] = 0
    request = live.request(user, key="k")
    first = Gate()
    live.billing.before_hold = first
    asking = [asyncio.create_task(live.generation.generate(user, request)) for _ in range(3)]
    await first.arrived.wait()
    began = time.monotonic()
    first.open.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(answer) for answer in answers] == [InsufficientCredits] * 3
    assert time.monotonic() - began < 5
    assert (await live.jobs.page(user, 10, ""))[0] == []


async def test_a_request_that_died_is_taken_up_by_its_repetition(live: Shop, user: str) -> None:
    request = live.request(user, key="k")
    live.billing.before_hold = raising(Killed)
    with pytest.raises(Killed):
        await live.generation.generate(user, request)
    live.billing.before_hold = None
    ((job,), _) = await live.jobs.page(user, 10, "")
    assert job.state == "created"
    done, _ = await live.generation.generate(user, request)
    assert (done.id, done.state) == (job.id, "succeeded")
    assert live.billing.of(user) == ["captured"]


async def test_a_credit_that_a_second_request_set_aside_before_it_died_comes_back(live: Shop, user: str) -> None:
    live.billing.credits[user] = 0
    request = live.request(user, key="k")
    first = Gate()
    live.billing.before_hold = first
    refused = asyncio.create_task(live.generation.start(user, request))
    await first.arrived.wait()
    ((job,), _) = await live.jobs.page(user, 10, "")

    # Credits come and go: the first request finds none, the second one did.
    live.billing.credits[user] = 1
    live.billing.before_hold, live.billing.after_hold = None, raising(Killed)
    with pytest.raises(Killed):
        await live.generation.start(user, request)
    live.billing.after_hold = None
    assert live.billing.of(user) == ["open"]
    await live.jobs.forget(job)  # as the first one does when it is refused
    refused.cancel()

    async def given_back() -> bool:
        return live.billing.of(user) == ["released"]

    await eventually(given_back, "the release")
    assert live.billing.credits[user] == 1
    assert (await live.generation.generate(user, request))[0].state == "succeeded"


async def test_a_request_that_comes_too_late_for_a_job_that_was_refused_begins_one_of_its_own(
    live: Shop, user: str
) -> None:
    live.billing.credits[user] = 0
    request = live.request(user, key="k")
    late = Gate()
    live.billing.before_hold = late
    asking = asyncio.create_task(live.generation.generate(user, request))
    await late.arrived.wait()
    live.billing.before_hold = None
    with pytest.raises(InsufficientCredits):
        await live.generation.generate(user, request)

    async def given_back() -> bool:
        return live.billing.of(user) == ["released"]

    await eventually(given_back, "the release")
    live.billing.credits[user] = 1
    late.open.set()
    assert (await asking)[0].state == "succeeded"
    assert live.billing.of(user) == ["released", "captured"]


async def test_who_still_waits_when_the_process_ends_is_answered_with_the_job_as_it_is(shop: Shop, user: str) -> None:
    patient = Shop(shop.database, wait_seconds=3600)
    asking = asyncio.create_task(patient.generation.generate(user, patient.request(user)))

    async def begun() -> bool:
        return bool((await patient.jobs.page(user, 10, ""))[0])

    await eventually(begun, "the job")
    patient.api_jobs.waiters.hurry()
    job, _ = await asyncio.wait_for(asking, 20)
    assert (job.state, patient.billing.of(user)) == ("held", ["open"])
    seen = [row.id async for row in patient.api_jobs.changes(user, job.id, 3600)]
    assert seen == [job.id], "who watches is told once more, and comes back to another process"
