"""The order of the engines, and what stops the chain."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from services.tryon.engines.base import (
    ContentRefused,
    EngineFailed,
    EngineUnusable,
    InputProblem,
    NotForThisEngine,
    Options,
    ProviderRun,
    Result,
    Task,
    untold,
)
from services.tryon.engines.breaker import Breaker
from services.tryon.engines.chain import EngineChain, Limits
from services.tryon.tests.engines.bench import FakeClock

PICTURE = Result(b"picture", "image/jpeg")


@dataclass
class FakeEngine:
    """Ends as it is told to: the endings in turn, the last one for ever."""

    name: str
    endings: list[Result | Exception] = field(default_factory=lambda: [PICTURE])
    tasks: list[Task] = field(default_factory=list)
    waits: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def prepare(self) -> None:
        if isinstance(self.endings[0], EngineFailed):
            raise self.endings[0]

    async def generate(self, task: Task, deadline: float) -> Result:
        self.tasks.append(task)
        self.begun.set()
        if self.waits:
            await self.waits.wait()
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if isinstance(ending, Exception):
            raise ending
        await task.remember(f"{self.name}-run")
        return ending

    async def close(self) -> None:
        self.closed = True


class FakeBudget:
    """Counts in memory."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}

    async def take(self, engine: str, most: int) -> bool:
        if self.spent.get(engine, 0) >= most:
            return False
        self.spent[engine] = self.spent.get(engine, 0) + 1
        return True


async def made_by(chain: EngineChain, earlier: ProviderRun | None = None) -> str:
    engine, result = await chain.generate(b"p", b"g", Options(), untold, earlier)
    assert result is PICTURE
    return engine


def failing(name: str, error: Exception | None = None) -> FakeEngine:
    return FakeEngine(name, [error or EngineFailed("no")])


async def test_the_first_engine_that_works_makes_the_picture() -> None:
    first, second, third = failing("first"), FakeEngine("second"), FakeEngine("third")
    assert await made_by(EngineChain([first, second, third], 5)) == "second"
    assert third.tasks == []


@pytest.mark.parametrize("problem", [InputProblem("NO_PERSON_FOUND", "…"), ContentRefused()])
async def test_what_the_person_can_mend_stops_the_chain(problem: InputProblem) -> None:
    second = FakeEngine("second")
    with pytest.raises(type(problem)):
        await made_by(EngineChain([failing("first", problem), second], 5))
    assert second.tasks == []


async def test_what_only_one_engine_cannot_do_is_tried_with_the_next() -> None:
    unsuited = failing("local", NotForThisEngine("LEGS_BENT", "…"))
    assert await made_by(EngineChain([unsuited, FakeEngine("fashn")], 5)) == "fashn"
    with pytest.raises(InputProblem):
        await made_by(EngineChain([unsuited], 5))
    # The engine that could have done it is down: later it may work, so nobody is told to take other photos.
    with pytest.raises(EngineFailed):
        await made_by(EngineChain([failing("fashn"), unsuited], 5))


async def test_no_engine_no_picture() -> None:
    with pytest.raises(EngineFailed):
        await made_by(EngineChain([failing("first"), failing("second")], 5))


async def test_an_unusable_engine_is_an_error_in_the_log_and_not_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broke = failing("broke", EngineUnusable("out of credits"))
    chain = EngineChain([broke, FakeEngine("second")], 5, breaker=lambda _: Breaker(FakeClock()))
    for _ in range(3):
        assert await made_by(chain) == "second"
    assert len(broke.tasks) == 1
    assert [record.levelno for record in caplog.records if record.levelno >= logging.ERROR] == [logging.ERROR]


async def test_every_run_is_logged_with_its_time_and_cost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    limits = {"first": Limits(5, cost_usd=0.07), "second": Limits(5, cost_usd=0.02)}
    await made_by(EngineChain([failing("first"), FakeEngine("second")], 5, limits))
    runs = [vars(record) for record in caplog.records if record.message == "engine run"]
    assert [(run["engine"], run["outcome"], run["cost_usd"]) for run in runs] == [
        ("first", "failed", 0),
        ("second", "succeeded", 0.02),
    ]
    assert all(run["seconds"] >= 0 for run in runs)


async def test_a_slow_engine_is_left_at_its_own_deadline() -> None:
    slow = FakeEngine("slow", waits=asyncio.Event())
    chain = EngineChain([slow, FakeEngine("second")], 30, {"slow": Limits(0.05)}, grace_seconds=0)
    assert await made_by(chain) == "second"


async def test_an_engine_makes_no_more_pictures_at_once_than_it_may() -> None:
    free = asyncio.Event()
    narrow, wide = FakeEngine("narrow", waits=free), FakeEngine("wide")
    chain = EngineChain([narrow, wide], 5, {"narrow": Limits(0.05, concurrency=1)}, grace_seconds=30)
    first = asyncio.create_task(made_by(chain))
    await narrow.begun.wait()
    assert await made_by(chain) == "wide"
    free.set()
    assert await first == "narrow"
    assert len(narrow.tasks) == 1


async def test_being_busy_does_not_open_the_breaker() -> None:
    free = asyncio.Event()
    narrow = FakeEngine("narrow", waits=free)
    limits = {"narrow": Limits(0.01, concurrency=1)}
    chain = EngineChain(
        [narrow, FakeEngine("wide")], 5, limits, breaker=lambda _: Breaker(failures=1), grace_seconds=30
    )
    first = asyncio.create_task(made_by(chain))
    await narrow.begun.wait()
    await made_by(chain)
    free.set()
    await first
    assert await made_by(chain) == "narrow"


async def test_a_spent_budget_leaves_the_work_to_the_next() -> None:
    budget = FakeBudget()
    chain = EngineChain([FakeEngine("paid"), FakeEngine("free")], 5, {"paid": Limits(5, daily_budget=2)}, budget)
    assert [await made_by(chain) for _ in range(4)] == ["paid", "paid", "free", "free"]
    assert budget.spent == {"paid": 2}


async def test_a_picture_that_is_not_begun_spends_nothing() -> None:
    budget = FakeBudget()
    paid = failing("paid")
    limits = {"paid": Limits(5, daily_budget=10)}
    opens_at_once = EngineChain(
        [paid, FakeEngine("free")], 5, limits, budget, breaker=lambda _: Breaker(FakeClock(), failures=1)
    )
    for _ in range(3):
        await made_by(opens_at_once)
    assert budget.spent == {"paid": 1}


async def test_the_engine_that_remembers_is_asked_first_and_the_run_not_counted_again() -> None:
    first, second = FakeEngine("first"), FakeEngine("second")
    budget = FakeBudget()
    chain = EngineChain([first, second], 5, {"second": Limits(5, daily_budget=1)}, budget)
    assert await made_by(chain, ProviderRun("second", "r1")) == "second"
    assert [task.resume for task in second.tasks] == ["r1"]
    assert (first.tasks, budget.spent) == ([], {})


async def test_one_engines_run_is_nothing_to_another() -> None:
    first, second = FakeEngine("first"), failing("second")
    await made_by(EngineChain([first, second], 5), ProviderRun("second", "r1"))
    assert [task.resume for task in first.tasks] == [""]


async def test_runs_are_remembered_under_their_engine() -> None:
    remembered: list[ProviderRun] = []

    async def remember(run: ProviderRun) -> None:
        remembered.append(run)

    chain = EngineChain([failing("first"), FakeEngine("second")], 5)
    await chain.generate(b"p", b"g", Options(), untold, None, remember)
    assert remembered == [ProviderRun("second", "second-run")]


async def test_an_engine_that_is_not_ready_keeps_no_other_from_it() -> None:
    first, second = failing("first"), FakeEngine("second")
    chain = EngineChain([first, second], 5)
    await chain.prepare()
    await chain.close()
    assert (first.closed, second.closed) == (True, True)
