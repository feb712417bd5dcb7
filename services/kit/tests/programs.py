"""Programs of the tests as real processes, to be stopped and killed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of `python -m module`; killed at the end if it still runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def says(process: asyncio.subprocess.Process, word: str, seconds: float = 20) -> str:
    """The first line from now on that has the word. Fails when the process ends or is silent before."""
    assert process.stdout
    async with asyncio.timeout(seconds):
        while line := (await process.stdout.readline()).decode():
            if word in line:
                return line
    raise AssertionError(f"ended without a word of {word!r}")
