"""What each provider's own words come to mean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.engines.inside import Inside
from services.tryon.engines.base import ContentRefused, EngineFailed, EngineUnusable, InputProblem
from services.tryon.engines.fal import Fal
from services.tryon.tests.engines.bench import FAL, FASHN, KEY, REPLICATE, VERTEX, Adapter, Bench, Told, soon

RUNS = [
    (FASHN, "ImageLoadError", InputProblem, 1),
    (FASHN, "PoseError", InputProblem, 1),
    (FASHN, "ContentModerationError", ContentRefused, 1),
    (FASHN, "InputValidationError", EngineFailed, 1),
    (FASHN, "OutOfCredits", EngineUnusable, 1),
    (FASHN, "PipelineError", EngineFailed, 2),
    (FASHN, "ThirdPartyError", EngineFailed, 2),
    (FASHN, "InternalServerError", EngineFailed, 2),
    (FASHN, "SomethingNew", EngineFailed, 2),
    (FASHN, "canceled", EngineFailed, 2),
    (FASHN, "time_out", EngineFailed, 2),
    (FAL, "content_policy_violation", ContentRefused, 1),
    (FAL, "image_load_error", InputProblem, 1),
    (FAL, "image_too_small", InputProblem, 1),
    (FAL, "face_detection_error", InputProblem, 1),
    (FAL, "exhausted_balance", EngineUnusable, 1),
    (FAL, "generation_timeout", EngineFailed, 2),
    (FAL, "downstream_service_error", EngineFailed, 2),
    (REPLICATE, "NSFW content detected", ContentRefused, 1),
    (REPLICATE, "CUDA out of memory", EngineFailed, 2),
    (REPLICATE, "canceled", EngineFailed, 2),
    (REPLICATE, "aborted", EngineFailed, 2),
    (VERTEX, "rai", ContentRefused, 1),
    (VERTEX, "empty", EngineFailed, 1),
]


@pytest.mark.parametrize(("adapter", "outcome", "kind", "runs"), RUNS, ids=lambda value: str(value))
async def test_the_end_of_a_run(
    adapter: Adapter, outcome: str, kind: type[Exception], runs: int, inside: Inside, account: Path
) -> None:
    await inside.knobs(outcome=outcome)
    async with Bench(adapter, inside, account).engine() as engine:
        with pytest.raises(kind) as raised:
            await engine.generate(Told().task(), soon())
    assert raised.type is kind
    assert len(inside.runs) == runs


@pytest.mark.parametrize(
    ("outcome", "kind"), [("content_policy_violation", ContentRefused), ("image_load_error", InputProblem)]
)
async def test_fal_may_say_only_in_the_result_that_a_run_failed(
    outcome: str, kind: type[Exception], inside: Inside, account: Path
) -> None:
    await inside.knobs(outcome=outcome, quiet_status=True)
    async with Bench(FAL, inside, account).engine() as engine:
        with pytest.raises(kind):
            await engine.generate(Told().task(), soon())


async def test_the_output_of_replicate_may_be_a_list(inside: Inside, account: Path) -> None:
    await inside.knobs(as_list=True)
    async with Bench(REPLICATE, inside, account).engine() as engine:
        assert await engine.generate(Told().task(), soon())


async def test_the_progress_of_replicate_is_the_models_own(inside: Inside, account: Path) -> None:
    await inside.knobs(held=True)
    told = Told()
    async with Bench(REPLICATE, inside, account).engine() as engine:
        work = asyncio.create_task(engine.generate(told.task(), soon()))
        await told.working.wait()
        await inside.knobs(held=False)
        await work
    stage, done = told.progress[0]
    assert (stage, round(done, 3)) == ("generating", 0.575), "half of the model's own, after what is before it"


async def test_replicate_is_shown_photos_in_the_shape_it_works_in(inside: Inside, account: Path) -> None:
    async with Bench(REPLICATE, inside, account).engine() as engine:
        await engine.generate(Told().task(), soon())
    [run] = (await inside.http.get("/_sandbox/runs")).json()["runs"]
    width, height = run["person"]
    assert width / height == pytest.approx(3 / 4, abs=0.005)


@pytest.mark.parametrize(("status", "name"), [(401, "UnauthorizedAccess"), (402, "Payment"), (403, "Forbidden")])
@pytest.mark.parametrize("adapter", [FASHN, FAL, REPLICATE, VERTEX], ids=str)
async def test_refused_access_is_unusable_at_any_step(
    adapter: Adapter, status: int, name: str, inside: Inside, account: Path
) -> None:
    for step in ("submit", "status") if adapter.queued else ("submit",):
        await inside.fault(step, "error", status=status, name=name)
        async with Bench(adapter, inside, account).engine() as engine:
            with pytest.raises(EngineUnusable):
                await engine.generate(Told().task(), soon())


@pytest.mark.parametrize("name", ["ConcurrencyLimitExceeded", "RateLimitExceeded"])
async def test_limits_of_fashn_pass_by(name: str, inside: Inside, account: Path) -> None:
    await inside.fault("status", "error", status=429, name=name, count=3)
    async with Bench(FASHN, inside, account).engine() as engine:
        assert await engine.generate(Told().task(), soon())


@asynccontextmanager
async def deleting(bench: Bench, admin_key: str) -> AsyncIterator[Fal]:
    """fal with a key for the platform's API."""
    engine = Fal(bench.http(), KEY, bench.pace, platform=bench.http(), admin_key=admin_key)
    yield engine
    await engine.close()


async def test_fal_deletes_a_run_of_which_nothing_came(inside: Inside, account: Path) -> None:
    await inside.knobs(outcome="internal_server_error", outcome_count=1)
    async with deleting(Bench(FAL, inside, account), "sandbox-admin") as engine:
        await engine.generate(Told().task(), soon())
    assert [run.deleted for run in inside.runs] == [True, False], "the second is fetched, and deleted when it is stored"


async def test_fal_deletes_a_run_that_nobody_waits_for_any_more(inside: Inside, account: Path) -> None:
    await inside.knobs(held=True)
    told = Told()
    async with deleting(Bench(FAL, inside, account), "sandbox-admin") as engine:
        work = asyncio.create_task(engine.generate(told.task(), soon()))
        await told.working.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert [(run.canceled, run.deleted) for run in inside.runs] == [(True, True)]


async def test_fal_says_when_it_did_not_delete_and_what_is_gone_is_deleted(inside: Inside, account: Path) -> None:
    told = Told()
    async with deleting(Bench(FAL, inside, account), "sandbox-admin") as engine:
        await engine.generate(told.task(), soon())
        for fault in ({"kind": "error", "status": 500}, {"kind": "hang"}, {"kind": "cut"}):
            await inside.knobs(faults=[{"step": "delete"} | fault])
            with pytest.raises(EngineFailed):
                await engine.forget_run(told.remembered[0])
        for _ in range(2):
            await engine.forget_run(told.remembered[0])
    assert inside.runs[0].deleted
    async with deleting(Bench(FAL, inside, account), "wrong") as engine:
        with pytest.raises(EngineFailed):
            await engine.forget_run(told.remembered[0])


async def test_fal_stores_nothing_that_we_could_not_delete(inside: Inside, account: Path) -> None:
    async with deleting(Bench(FAL, inside, account), "sandbox-admin") as engine:
        await engine.generate(Told().task(), soon())
    async with Bench(FAL, inside, account).engine() as engine:
        await engine.generate(Told().task(), soon())
    assert [run.stored for run in inside.runs] == [True, False]
