"""What adapters must do whose providers give runs an id, or results an address."""

from pathlib import Path

import pytest

from sandbox.engines.inside import Inside
from services.tryon.engines.base import EngineFailed, EngineUnusable, Options, Task
from services.tryon.engines.pictures import upload_of
from services.tryon.engines.queued import QueuedEngine
from services.tryon.tests.engines.bench import ADAPTERS, GARMENT, PERSON, Bench, Told, soon

QUEUED = [adapter for adapter in ADAPTERS if adapter.queued]


class TestEveryAdapterWithRuns:
    """Providers that give a run an id, by which it is found again."""

    @pytest.fixture(params=QUEUED, ids=str)
    def bench(self, request: pytest.FixtureRequest, inside: Inside, account: Path) -> Bench:
        return Bench(request.param, inside, account)

    async def test_the_run_is_remembered_before_it_is_waited_for(self, bench: Bench) -> None:
        looks: list[int] = []

        async def remember(_: str) -> None:
            looks.append(bench.inside.runs[0].looks)

        async with bench.engine() as engine:
            await engine.generate(Task(PERSON, GARMENT, remember=remember), soon())
        assert looks == [0]

    async def test_a_run_that_was_remembered_is_waited_for_and_no_other_begun(self, bench: Bench) -> None:
        told = Told()
        async with bench.engine() as engine:
            assert isinstance(engine, QueuedEngine)
            run = await engine.begin(
                upload_of(PERSON, "person", engine.ratio), upload_of(GARMENT, "garment"), Options()
            )
            await engine.generate(told.task(resume=run), soon())
        assert len(bench.inside.runs) == 1
        assert told.remembered == []

    async def test_a_run_that_the_provider_has_forgotten_is_begun_anew(self, bench: Bench) -> None:
        told = Told()
        async with bench.engine() as engine:
            await engine.generate(told.task(), soon())
            bench.inside.sandbox.runs.clear()
            await engine.generate(told.task(resume=told.remembered[0]), soon())
        assert len(told.remembered) == 2
        assert len(bench.inside.runs) == 1

    async def test_a_run_that_cannot_be_remembered_is_canceled(self, bench: Bench) -> None:
        await bench.inside.knobs(held=True)

        async def remember(_: str) -> None:
            raise LookupError("the job belongs to another worker")

        async with bench.engine() as engine:
            with pytest.raises(LookupError):
                await engine.generate(Task(PERSON, GARMENT, remember=remember), soon())
        [run] = bench.inside.runs
        assert (run.canceled, run.looks) == (bench.adapter.cancels, 0)

    async def test_what_was_remembered_of_a_run_may_be_nonsense(self, bench: Bench) -> None:
        async with bench.engine() as engine:
            try:
                await engine.generate(Told().task(resume="../../x?y#z"), soon())
            except EngineFailed:
                assert bench.inside.runs == []
            else:
                assert len(bench.inside.runs) == 1


class TestEveryAdapterThatDownloads:
    """Providers whose results are at an address."""

    @pytest.fixture(params=[adapter for adapter in ADAPTERS if adapter.downloads], ids=str)
    def bench(self, request: pytest.FixtureRequest, inside: Inside, account: Path) -> Bench:
        return Bench(request.param, inside, account)

    async def test_no_key_is_shown_where_results_are(self, bench: Bench) -> None:
        async with bench.engine() as engine:
            await engine.generate(Told().task(), soon())
        assert bench.inside.sandbox.keys_at_files == 0

    async def test_in_production_only_public_https_addresses_are_read(self, bench: Bench) -> None:
        async with bench.engine(https_only=True) as engine:
            with pytest.raises(EngineFailed, match="address"):
                await engine.generate(Told().task(), soon())

    async def test_a_result_that_is_gone_is_no_reason_to_distrust_the_key(self, bench: Bench) -> None:
        await bench.inside.fault("file", "error", status=403)
        async with bench.engine() as engine:
            with pytest.raises(EngineFailed) as failed:
                await engine.generate(Told().task(), soon())
        assert not isinstance(failed.value, EngineUnusable)
