"""Engines one after the other."""

import asyncio

import pytest

from services.tryon.engines.base import EngineFailed, InputProblem, Options, Progress, Result
from services.tryon.engines.chain import EngineChain
from services.tryon.tests.fakes import PICTURE, FakeEngine, raising


async def ignore(_stage: str, _done: float) -> None:
    """Hears of no progress."""


async def generate(chain: EngineChain) -> tuple[str, Result]:
    """A picture of any two photos."""
    return await chain.generate(b"person", b"garment", Options(), ignore)


@pytest.fixture
def engines() -> list[FakeEngine]:
    """Three engines that work."""
    return [FakeEngine(name) for name in ("first", "second", "third")]


async def test_the_first_engine_makes_the_picture_and_the_others_are_not_asked(engines: list[FakeEngine]) -> None:
    name, result = await generate(EngineChain(engines, 5))
    assert (name, result) == ("first", Result(PICTURE, "image/jpeg"))
    assert [len(engine.calls) for engine in engines] == [1, 0, 0]


async def test_an_engine_that_fails_is_followed_by_the_next(engines: list[FakeEngine]) -> None:
    engines[0].instead = raising(lambda: EngineFailed("no"))
    engines[1].instead = raising(TimeoutError)
    name, _ = await generate(EngineChain(engines, 5))
    assert name == "third"
    assert {engine.calls[0] for engine in engines} == {(b"person", b"garment", Options())}


async def test_an_engine_has_its_time_and_no_more(engines: list[FakeEngine]) -> None:
    stopped = asyncio.Event()

    async def hang(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    engines[0].instead = engines[1].instead = hang
    name, _ = await generate(EngineChain(engines, 0.2, grace_seconds=0))
    assert (name, stopped.is_set()) == ("third", True)


async def test_when_all_engines_fail_there_is_no_picture(engines: list[FakeEngine]) -> None:
    for engine in engines:
        engine.instead = raising(lambda: EngineFailed("no"))
    with pytest.raises(EngineFailed, match="no engine made a picture"):
        await generate(EngineChain(engines, 5))
    with pytest.raises(EngineFailed):
        await generate(EngineChain([], 5))


async def test_a_problem_with_an_image_is_not_tried_elsewhere(engines: list[FakeEngine]) -> None:
    engines[0].instead = raising(lambda: InputProblem("NO_PERSON", "There is nobody.", "person", (0, 0, 1, 1)))
    with pytest.raises(InputProblem) as problem:
        await generate(EngineChain(engines, 5))
    assert (problem.value.reason, problem.value.box) == ("NO_PERSON", (0, 0, 1, 1))
    assert engines[1].calls == []


async def test_progress_comes_through(engines: list[FakeEngine]) -> None:
    told: list[tuple[str, float]] = []

    async def tell(stage: str, done: float) -> None:
        told.append((stage, done))

    async def work(progress: Progress) -> None:
        await progress("preparing", 0.1)
        await progress("generating", 0.9)

    engines[0].instead = work
    await EngineChain(engines, 5).generate(b"", b"", Options(), tell)
    assert told == [("preparing", 0.1), ("generating", 0.9)]


async def test_an_engine_that_cannot_get_ready_keeps_no_other_from_it(engines: list[FakeEngine]) -> None:
    class Broken(FakeEngine):
        async def prepare(self) -> None:
            raise EngineFailed("no model")

    await EngineChain([Broken(), *engines], 5).prepare()
    assert [engine.prepared for engine in engines] == [1, 1, 1]


async def test_closing_closes_every_engine(engines: list[FakeEngine]) -> None:
    await EngineChain(engines, 5).close()
    assert all(engine.closed for engine in engines)
