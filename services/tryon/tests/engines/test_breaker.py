"""When an engine is asked and when it is left alone."""

import asyncio
import contextlib

import pytest

from services.tryon.engines.base import EngineFailed, EngineUnusable, InputProblem, NotTried
from services.tryon.engines.breaker import Breaker
from services.tryon.tests.engines.bench import FakeClock

FAILED = EngineFailed("no")


def attempt(breaker: Breaker, error: BaseException | None = None) -> bool:
    """Whether an attempt that ends so was let through."""
    passed = False
    kinds = (EngineFailed, InputProblem, asyncio.CancelledError)
    with contextlib.suppress(*kinds), breaker.attempt():
        passed = True
        if error:
            raise error
    return passed


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock, failures=3, pause_seconds=10, longest_pause_seconds=40, unusable_seconds=600)


def test_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    assert [attempt(breaker, FAILED) for _ in range(4)] == [True, True, True, False]


def test_a_success_between_them_begins_the_count_anew(breaker: Breaker) -> None:
    for error in (FAILED, FAILED, None, FAILED, FAILED):
        attempt(breaker, error)
    assert attempt(breaker)


def test_a_problem_with_the_pictures_shows_that_the_engine_works(breaker: Breaker) -> None:
    for error in (FAILED, FAILED, InputProblem("NO_PERSON_FOUND", "…"), FAILED, FAILED):
        attempt(breaker, error)
    assert attempt(breaker)


def test_after_the_pause_one_attempt_decides(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(3):
        attempt(breaker, FAILED)
    clock.time = 9.9
    assert not attempt(breaker)
    clock.time = 10
    with breaker.attempt():
        assert not attempt(breaker), "a second one beside the probe"
    assert attempt(breaker)


def test_pauses_double_up_to_the_longest_while_probes_fail(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(3):
        attempt(breaker, FAILED)
    pauses = []
    for _ in range(4):
        began = clock.time
        while not attempt(breaker, FAILED):
            clock.time += 1
        pauses.append(clock.time - began)
    assert pauses == [10, 20, 40, 40]


def test_a_probe_that_is_canceled_decides_nothing(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(3):
        attempt(breaker, FAILED)
    clock.time = 10
    assert attempt(breaker, asyncio.CancelledError())
    assert attempt(breaker)


def test_an_unusable_engine_is_left_alone_at_once_and_for_longer(breaker: Breaker, clock: FakeClock) -> None:
    attempt(breaker, EngineUnusable("out of credits"))
    clock.time = 599
    assert not attempt(breaker)
    clock.time = 600
    assert attempt(breaker)


def test_attempts_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(
    breaker: Breaker, clock: FakeClock
) -> None:
    with contextlib.suppress(EngineFailed), breaker.attempt():
        for _ in range(3):
            attempt(breaker, FAILED)
        clock.time = 9
        raise FAILED
    clock.time = 10
    assert attempt(breaker)


def test_an_engine_that_is_never_left_alone() -> None:
    breaker = Breaker(FakeClock(), failures=0)
    assert all(attempt(breaker, FAILED) for _ in range(20))


def test_being_left_out_is_no_failure(breaker: Breaker) -> None:
    for _ in range(5):
        attempt(breaker, NotTried("busy"))
    assert attempt(breaker)
