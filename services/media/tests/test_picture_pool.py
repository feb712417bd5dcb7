"""The processes that read pictures: what one of them does or suffers is one upload's affair."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest
from PIL import Image

from services.kit.tests.waiting import eventually
from services.media.errors import Busy, PictureRejected
from services.media.picture_pool import PicturePool
from services.media.tests.fakes import io_file
from services.media.tests.samples import encoded, plain, png_header

MB = 1024 * 1024


@cache
def large() -> bytes:
    """Forty megapixels in a small file: nothing else takes longer or more memory."""
    return encoded(Image.new("RGB", (8000, 5000), "teal"), "PNG", compress_level=1)


@asynccontextmanager
async def running(
    workers: int = 1, seconds: float = 120, memory: int = 1024, waiting: int = 10
) -> AsyncIterator[PicturePool]:
    """A pool for one test."""
    pool = PicturePool(workers, seconds, memory * MB, waiting)
    yield pool
    await pool.close()


async def works(pool: PicturePool) -> None:
    """Fails unless the pool reads a picture."""
    picture, file = await pool.normalize(io_file(plain()))
    with file:
        assert (picture.width, len(file.read())) == (96, picture.size)


async def refused(job: Awaitable[object]) -> tuple[str, dict[str, str]]:
    """Reason and metadata of a refusal."""
    with pytest.raises(PictureRejected) as raised:
        await job
    return raised.value.reason, raised.value.metadata


async def test_a_picture_that_takes_too_long_is_refused_and_the_next_one_is_read() -> None:
    async with running(seconds=0.2) as pool:
        before = pool.pids
        assert await refused(pool.normalize(io_file(large()))) == ("IMAGE_TOO_COMPLEX", {"limit": "time"})
        assert pool.pids != before
        assert not psutil.pid_exists(before[0])
    async with running() as pool:
        await works(pool)


async def test_a_process_that_hangs_is_replaced() -> None:
    async with running(seconds=5) as pool:
        await works(pool)
        (hanging,) = pool.pids
        os.kill(hanging, signal.SIGSTOP)
        assert await refused(pool.normalize(io_file(plain()))) == ("IMAGE_TOO_COMPLEX", {"limit": "time"})
        await works(pool)
        assert not psutil.pid_exists(hanging)


async def test_a_picture_that_takes_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    async with running(memory=100) as pool:
        assert await refused(pool.normalize(io_file(large()))) == ("IMAGE_TOO_COMPLEX", {"limit": "memory"})
        await works(pool)


async def test_memory_is_limited_for_what_the_decoders_themselves_allocate() -> None:
    for kind in ("JPEG", "WEBP", "AVIF"):
        source = encoded(Image.new("RGB", (6000, 4000), "teal"), kind, quality=10)
        async with running(memory=40) as pool:
            reason, _ = await refused(pool.normalize(io_file(source)))
            assert reason in ("IMAGE_TOO_COMPLEX", "IMAGE_DAMAGED", "INVALID_FILE_TYPE"), kind
            await works(pool)


async def test_a_process_that_is_killed_costs_one_upload() -> None:
    async with running(workers=2) as pool:
        jobs = [asyncio.create_task(pool.normalize(io_file(large()))) for _ in range(2)]
        await at_work(pool, 2)
        os.kill(pool.pids[0], signal.SIGKILL)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        lost = [each for each in outcomes if isinstance(each, PictureRejected)]
        assert [(each.reason, each.metadata) for each in lost] == [("IMAGE_TOO_COMPLEX", {"limit": "process"})]
        assert sum(isinstance(each, tuple) for each in outcomes) == 1
        await asyncio.gather(works(pool), works(pool))


async def test_a_process_that_was_killed_while_idle_costs_nobody_anything() -> None:
    async with running() as pool:
        await works(pool)
        process = psutil.Process(pool.pids[0])
        process.kill()
        process.wait(10)
        await works(pool)


async def test_what_comes_when_too_many_wait_is_told_to_come_again() -> None:
    async with running(workers=1, waiting=1) as pool:
        await works(pool)
        os.kill(pool.pids[0], signal.SIGSTOP)
        jobs = [asyncio.create_task(works(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as raised:
            await works(pool)
        assert (raised.value.code.name, raised.value.retry_after) == ("UNAVAILABLE", 2)
        os.kill(pool.pids[0], signal.SIGCONT)
        await asyncio.gather(*jobs)
        await works(pool)


async def test_who_goes_away_takes_only_their_own_picture_along() -> None:
    async with running(workers=1, waiting=3) as pool:
        await works(pool)
        os.kill(pool.pids[0], signal.SIGSTOP)
        source = io_file(plain())
        leaving, waiting, staying = [
            asyncio.create_task(pool.inspect(each)) for each in (source, io_file(plain()), io_file(plain()))
        ]
        await asyncio.sleep(0)
        for job in (leaving, waiting):
            job.cancel()
        source.close()
        os.kill(pool.pids[0], signal.SIGCONT)
        assert (await staying).width == 96
        for _ in range(4):  # nothing that was cancelled still takes up a place
            await asyncio.gather(*(works(pool) for _ in range(2)))


async def test_a_claim_of_many_pixels_is_refused_before_memory_is_asked_for() -> None:
    async with running(memory=16) as pool:
        assert (await refused(pool.normalize(io_file(png_header(60_000, 60_000)))))[0] == "IMAGE_TOO_LARGE"


async def test_the_processes_see_no_secret_and_no_socket_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL_SECRET", "do not tell")
    async with running() as pool:
        await works(pool)
        (pid,) = pool.pids
        assert "do not tell" not in psutil.Process(pid).environ().values()
        assert psutil.Process(pid).net_connections() == []
        assert sum(name.startswith("socket:") for name in open_files(pid)) == 1


def open_files(pid: int) -> list[str]:
    """What a process has open."""
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


_PARENT = """
import asyncio
from services.media.picture_pool import PicturePool

async def main():
    print(*PicturePool(2, 60, 2**30, 1).pids, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_no_process_outlives_a_service_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220 - it is there at once
        assert parent.stdout
        pids = [int(pid) for pid in (await asyncio.to_thread(parent.stdout.readline)).split()]
        assert len(pids) == 2
        parent.kill()

    async def gone() -> bool:
        return not any(alive(pid) for pid in pids)

    await eventually(gone, "the processes to end", 30)


def alive(pid: int) -> bool:
    """Whether the process is there and not only waiting to be counted."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def at_work(pool: PicturePool, count: int) -> None:
    """Returns once so many processes have begun to take memory."""

    async def busy() -> bool:
        return sum(psutil.Process(pid).memory_info().rss > 120 * MB for pid in pool.pids) >= count

    await eventually(busy, "the pictures to be read", 60)
