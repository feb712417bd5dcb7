"""Pauses and rate limits, in a time of the test's own."""

import asyncio

import pytest

from services.tryon.engines.base import EngineFailed, TryAgain
from services.tryon.engines.pace import Pace, Patience, RateLimit, persist
from services.tryon.tests.engines.bench import FakeClock


def patience(clock: FakeClock, deadline: float = 1000, tries: int | None = None, jitter: float = 1) -> Patience:
    pace = Pace(first_pause=1, longest_pause=4, jitter=lambda: jitter, clock=clock)
    return Patience(pace, deadline, tries)


async def test_pauses_double_up_to_the_longest() -> None:
    clock = FakeClock()
    waiting = patience(clock)
    for _ in range(4):
        await waiting.pause(TryAgain("no"))
    assert clock.slept == [1, 2, 4, 4]


async def test_half_of_a_pause_is_random() -> None:
    clock = FakeClock()
    await patience(clock, jitter=0).pause(TryAgain("no"))
    await patience(clock, jitter=0.5).pause(TryAgain("no"))
    assert clock.slept == [0.5, 0.75]


async def test_a_provider_is_not_asked_before_it_wants_to_be() -> None:
    clock = FakeClock()
    await patience(clock).pause(TryAgain("no", retry_after=30))
    assert clock.slept == [30]


async def test_patience_ends_with_the_tries_or_before_the_deadline() -> None:
    clock = FakeClock()
    with pytest.raises(EngineFailed, match="no, 1 times"):
        await patience(clock, tries=1).pause(TryAgain("no"))
    with pytest.raises(EngineFailed, match="no time is left"):
        await patience(clock, deadline=1).pause(TryAgain("no"))
    assert clock.slept == []


async def test_persist_gives_the_first_result() -> None:
    left = [TryAgain("one"), TryAgain("two")]

    async def call() -> str:
        if left:
            raise left.pop()
        return "done"

    assert await persist(call, patience(FakeClock())) == "done"


async def test_no_window_sees_more_calls_than_the_limit() -> None:
    clock = FakeClock()
    limit = RateLimit(5, 60, clock)
    times = []
    for number in range(23):
        await limit.take()
        times.append(clock.time)
        clock.time += number % 3
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[5:], strict=False))


async def test_calls_are_let_through_in_the_order_they_came() -> None:
    clock = FakeClock()
    limit = RateLimit(1, 10, clock)
    order: list[int] = []

    async def call(number: int) -> None:
        await limit.take()
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert clock.time == 40
