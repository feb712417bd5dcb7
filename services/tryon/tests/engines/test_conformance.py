"""What every adapter must do, over real HTTP against the stand-in."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sandbox.engines.inside import Inside, eventually
from services.tryon.engines.base import (
    ContentRefused,
    EngineFailed,
    EngineUnusable,
    InputProblem,
    Task,
    TryAgain,
)
from services.tryon.tests.engines.bench import ADAPTERS, GARMENT, PERSON, Adapter, Bench, Told, picture, soon

LATE = 0.3


class TestEveryAdapter:
    """One test for each promise of `Engine`."""

    @pytest.fixture(params=ADAPTERS, ids=str)
    def bench(self, request: pytest.FixtureRequest, inside: Inside, account: Path) -> Bench:
        return Bench(request.param, inside, account)

    @pytest.mark.parametrize("output_format", ["jpeg", "png", "webp"])
    async def test_makes_a_picture_in_the_wanted_format_and_the_persons_shape(
        self, bench: Bench, output_format: str
    ) -> None:
        async with bench.engine() as engine:
            await engine.prepare()
            result = await engine.generate(Told().task(output_format=output_format), soon())
        made = Image.open(io.BytesIO(result.data))
        assert (str(made.format).lower(), result.content_type) == (output_format, f"image/{output_format}")
        assert made.width / made.height == pytest.approx(360 / 640, abs=0.01)
        assert len(bench.inside.runs) == 1

    @pytest.mark.parametrize(
        "options",
        [
            {"category": "tops", "mode": "fast", "garment_photo_type": "model", "seed": 7},
            {"category": "bottoms", "mode": "quality", "garment_photo_type": "flatLay"},
            {"category": "onePieces", "mode": "balanced", "seed": 2**31 - 1},
        ],
    )
    async def test_every_option_is_one_that_the_provider_takes(self, bench: Bench, options: dict[str, Any]) -> None:
        async with bench.engine() as engine:
            await engine.generate(Told().task(**options), soon())
        [run] = bench.inside.runs
        assert run.given.get("seed", 0) == options.get("seed", 0)

    async def test_tells_how_far_it_is(self, bench: Bench) -> None:
        await bench.inside.knobs(held=True)
        told = Told()
        async with bench.engine() as engine:
            work = asyncio.create_task(engine.generate(told.task(), soon()))
            await told.working.wait()
            await bench.inside.knobs(held=False)
            await work
        shares = [done for _, done in told.progress]
        assert {stage for stage, _ in told.progress} <= {"preparing", "generating"}
        assert shares == sorted(shares)
        assert 0 <= shares[0] <= shares[-1] <= 1

    async def test_a_refusal_by_the_content_check_is_told_and_not_tried_again(self, bench: Bench) -> None:
        await bench.inside.knobs(outcome=bench.adapter.moderated)
        async with bench.engine() as engine:
            with pytest.raises(ContentRefused) as refused:
                await engine.generate(Told().task(), soon())
        assert refused.value.reason == "CONTENT_REFUSED"
        assert len(bench.inside.runs) == 1

    async def test_a_photo_that_is_no_picture_is_told_before_anything_is_spent(self, bench: Bench) -> None:
        async with bench.engine() as engine:
            with pytest.raises(InputProblem) as problem:
                await engine.generate(Task(PERSON, b"not a picture"), soon())
        assert (problem.value.reason, problem.value.which) == ("IMAGE_UNREADABLE", "garment")
        assert bench.inside.runs == []

    async def test_a_wrong_key_makes_the_engine_unusable(self, bench: Bench) -> None:
        async with bench.engine(key="wrong") as engine:
            with pytest.raises(EngineUnusable):
                await engine.generate(Told().task(), soon())

    async def test_an_empty_account_makes_the_engine_unusable_at_once(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", **bench.adapter.out_of_credits)
        async with bench.engine() as engine:
            with pytest.raises(EngineUnusable):
                await engine.generate(Told().task(), soon())
        assert bench.inside.runs == []

    async def test_too_many_requests_are_tried_again(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", status=429, name="ConcurrencyLimitExceeded", count=2)
        async with bench.engine() as engine:
            await engine.generate(Told().task(), soon())
        assert len(bench.inside.runs) == 1

    async def test_a_wait_that_the_provider_asks_for_is_kept(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", status=429, name="RateLimitExceeded", retry_after="0.2")
        began = soon(0)
        async with bench.engine() as engine:
            await engine.generate(Told().task(), soon())
        assert soon(0) - began >= 0.2

    async def test_a_wait_beyond_the_deadline_is_not_begun(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", status=429, name="RateLimitExceeded", retry_after="60")
        began = soon(0)
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed):
                await engine.generate(Told().task(), soon(30))
        assert soon(0) - began < 15

    @pytest.mark.parametrize("fault", [{"kind": "error", "status": 503}, {"kind": "cut"}, {"kind": "garbage"}])
    async def test_a_request_that_failed_is_sent_again(self, bench: Bench, fault: dict[str, Any]) -> None:
        steps = ["submit", "status", "file"] if bench.adapter.queued else ["submit"]
        if bench.adapter.name == "fal":
            steps.append("result")
        if fault["kind"] != "error":
            steps = [step for step in steps if step != "file"]
        await bench.inside.knobs(faults=[{"step": step} | fault for step in steps])
        async with bench.engine() as engine:
            await engine.generate(Told().task(), soon())
        assert len(bench.inside.runs) == 1

    async def test_a_provider_that_stays_broken_is_given_up(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", status=500, count=0)
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed) as failed:
                await engine.generate(Told().task(), soon())
        assert not isinstance(failed.value, EngineUnusable | TryAgain)

    async def test_a_request_that_is_refused_is_not_repeated(self, bench: Bench) -> None:
        await bench.inside.fault("submit", "error", status=400, name="BadRequest")
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed) as failed:
                await engine.generate(Told().task(), soon())
        assert not isinstance(failed.value, EngineUnusable)
        assert bench.inside.runs == []

    async def test_a_run_that_failed_by_itself_is_begun_once_more(self, bench: Bench) -> None:
        await bench.inside.knobs(outcome=bench.adapter.broken, outcome_count=1)
        async with bench.engine() as engine:
            await engine.generate(Told().task(), soon())
        assert len(bench.inside.runs) == 2

    async def test_runs_that_keep_failing_are_given_up(self, bench: Bench) -> None:
        await bench.inside.knobs(outcome=bench.adapter.broken)
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed):
                await engine.generate(Told().task(), soon())
        assert 2 <= len(bench.inside.runs) <= 4

    async def test_a_provider_that_does_not_answer_is_left_at_the_deadline(self, bench: Bench) -> None:
        for step in ("submit", "status") if bench.adapter.queued else ("submit",):
            await bench.inside.fault(step, "hang", count=0)
            began = soon(0)
            async with bench.engine() as engine:
                with pytest.raises(EngineFailed):
                    await engine.generate(Told().task(), soon(LATE))
            assert soon(0) - began >= LATE - 0.05

    async def test_a_run_that_never_ends_is_left_at_the_deadline_and_canceled(self, bench: Bench) -> None:
        await bench.inside.knobs(outcome="stuck")
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed, match="in time"):
                await engine.generate(Told().task(), soon(LATE))
        await self._is_given_up(bench)

    async def test_canceling_leaves_nothing_behind(self, bench: Bench) -> None:
        await bench.inside.knobs(held=True)
        before = asyncio.all_tasks()
        async with bench.engine() as engine:
            work = asyncio.create_task(engine.generate(Told().task(), soon()))
            await eventually(lambda: bench.inside.runs)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        await self._is_given_up(bench)
        await eventually(lambda: not {task for task in asyncio.all_tasks() - before if "generate" in repr(task)})

    @pytest.mark.parametrize("spoiled", ["broken", "huge", "other_shape"])
    async def test_a_result_that_cannot_be_shown_is_no_success(self, bench: Bench, spoiled: str) -> None:
        await bench.inside.knobs(picture=spoiled, huge_bytes=2_000_000)
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed):
                await engine.generate(Told().task(), soon())

    async def test_where_a_photo_was_taken_stays_here(self, bench: Bench) -> None:
        exif = Image.Exif()
        exif[0x010F] = "Secret Camera"
        exif[0x0112] = 6  # lies on its side
        photo = picture((640, 360), "tan", exif=exif)
        async with bench.engine() as engine:
            result = await engine.generate(Task(photo, GARMENT), soon())
        assert b"Secret Camera" not in bench.inside.runs[0].inputs.person + result.data
        made = Image.open(io.BytesIO(result.data))
        assert made.width / made.height == pytest.approx(360 / 640, abs=0.01)

    async def _is_given_up(self, bench: Bench) -> None:
        if bench.adapter.cancels:
            await eventually(lambda: all(run.canceled for run in bench.inside.runs))


@pytest.mark.parametrize("adapter", [one for one in ADAPTERS if one.no_person], ids=str)
async def test_a_photo_without_a_person_is_told(adapter: Adapter, inside: Inside, account: Path) -> None:
    await inside.knobs(outcome=adapter.no_person)
    async with Bench(adapter, inside, account).engine() as engine:
        with pytest.raises(InputProblem) as problem:
            await engine.generate(Told().task(), soon())
    assert problem.value.reason == "NO_PERSON_FOUND"
    assert len(inside.runs) == 1
