"""The local engine in processes of its own: real processes, really killed."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from sandbox.drawings import tshirt
from sandbox.people import PEOPLE
from sandbox.people import person as draw_person
from services.kit.tests.waiting import eventually
from services.tryon.engines.base import EngineFailed, InputProblem, Options, Result, Task
from services.tryon.engines.processes import LocalProcesses
from services.tryon.tests.engine.conftest import model_dir

__all__ = ["model_dir"]

NO_HURRY = float("inf")
"""A deadline that never comes."""


@pytest.fixture(scope="session")
def person() -> bytes:
    """A photo of a person."""
    return draw_person(PEOPLE["Tom"])


@pytest.fixture(scope="session")
def garment() -> bytes:
    """A T-shirt, laid flat."""
    return tshirt((30, 120, 70), "stripes")


@pytest.fixture(scope="session")
async def processes(model_dir: Path) -> AsyncIterator[LocalProcesses]:
    """The engine in one process, ready."""
    engine = LocalProcesses(str(model_dir), workers=1, threads=2)
    await engine.prepare()
    yield engine
    await engine.close()


def encoded(image: Image.Image) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def children() -> set[int]:
    """The processes that multiprocessing has started for us."""
    found = psutil.Process().children()
    return {child.pid for child in found if any("spawn_main" in word for word in child.cmdline())}


def entries(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


async def test_a_picture_is_made_and_its_progress_told(
    processes: LocalProcesses, person: bytes, garment: bytes
) -> None:
    told: list[tuple[str, float]] = []

    async def tell(stage: str, done: float) -> None:
        told.append((stage, done))

    result = await processes.generate(Task(person, garment, Options(output_format="png"), tell), NO_HURRY)
    assert Image.open(io.BytesIO(result.data)).size == (768, 1024)
    assert (result.content_type, result.score is not None) == ("image/png", True)

    # What comes after the picture itself is told to nobody.
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert [stage for stage, _ in told] == sorted((stage for stage, _ in told), reverse=True)
    assert {stage for stage, _ in told} == {"preparing", "generating"}


async def test_problems_come_out_of_the_process_as_they_went_in(processes: LocalProcesses, garment: bytes) -> None:
    nobody = encoded(Image.new("RGB", (512, 512), "gray"))
    with pytest.raises(InputProblem) as problem:
        await processes.generate(Task(nobody, garment), NO_HURRY)
    assert (problem.value.which, problem.value.reason.isupper()) == ("person", True)
    (found,) = await processes.check(nobody, None)
    assert (found.reason, found.message, found.which) == (
        problem.value.reason,
        problem.value.message,
        "person",
    )


async def test_a_killed_process_fails_its_picture_and_the_next_is_made_by_another(
    model_dir: Path, person: bytes, garment: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    others = children()
    engine = LocalProcesses(str(model_dir), workers=1, threads=2)
    at_work = asyncio.Event()

    async def tell(_stage: str, _done: float) -> None:
        at_work.set()

    making = [asyncio.create_task(engine.generate(Task(person, garment, progress=tell), NO_HURRY)) for _ in range(2)]
    await asyncio.wait_for(at_work.wait(), 60)
    for worker in children() - others:
        os.kill(worker, signal.SIGKILL)
    outcomes = await asyncio.gather(*making, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineFailed, EngineFailed]
    assert (await engine.generate(Task(person, garment), NO_HURRY)).data
    await engine.close()
    assert entries(tmp_path) == [], "temporary files are left"


@pytest.mark.parametrize("how", ["canceled", "out of time"])
async def test_a_picture_that_is_wanted_no_more_makes_room_for_the_next(
    processes: LocalProcesses, person: bytes, garment: bytes, how: str
) -> None:
    now = asyncio.get_running_loop().time
    begun = [asyncio.Event(), asyncio.Event()]

    def picture(number: int, deadline: float = NO_HURRY) -> "asyncio.Task[Result]":
        async def tell(_stage: str, _done: float) -> None:
            begun[number].set()

        return asyncio.create_task(processes.generate(Task(person, garment, progress=tell), deadline))

    unwanted = picture(0, now() + 0.2 if how == "out of time" else NO_HURRY)
    if how == "canceled":
        await asyncio.wait_for(begun[0].wait(), 60)
        unwanted.cancel()
    await asyncio.wait([unwanted])
    assert unwanted.cancelled() or isinstance(unwanted.exception(), EngineFailed)
    left = now()
    wanted = picture(1)
    await asyncio.wait_for(begun[1].wait(), 60)
    waited = now() - left
    await wanted
    assert waited < 0.5 * (now() - left - waited), "it was made to its end"


async def test_an_engine_without_models_fails_and_says_so(tmp_path: Path) -> None:
    engine = LocalProcesses(str(tmp_path), workers=1, threads=1)
    with pytest.raises(EngineFailed):
        await engine.prepare()
    await engine.close()


async def test_processes_that_are_still_starting_end_with_the_engine(model_dir: Path) -> None:
    before = children()
    engine = LocalProcesses(str(model_dir), workers=1, threads=1)
    preparing = asyncio.create_task(engine.prepare())

    async def new() -> set[int]:
        return children() - before

    started = await eventually(new, "a process")
    for pid in started:
        os.kill(pid, signal.SIGSTOP)  # however long it takes
    await engine.close()
    with pytest.raises(EngineFailed):
        await asyncio.wait_for(preparing, 20)

    async def gone() -> bool:
        return not any(psutil.pid_exists(pid) for pid in started)

    await eventually(gone, "their end")
    await engine.close()
