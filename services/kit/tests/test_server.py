"""Starting and stopping: real processes, real signals."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc import StatusCode

from services.kit.tests.credentials import ServiceKeys
from services.kit.tests.echo import GOOD, Echo
from services.kit.tests.programs import running, says
from services.kit.tests.waiting import eventually


@asynccontextmanager
async def slow(drain_seconds: float, *arguments: str) -> AsyncIterator[tuple[Process, Echo]]:
    """A running slow service."""
    async with running("services.kit.tests.slow_service", str(drain_seconds), *arguments) as process:
        serving = json.loads(await says(process, '"serving"'))
        address = f"127.0.0.1:{serving['port']}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield process, Echo(channel, address)


async def ended(process: Process) -> int:
    """The exit code, once the process has ended."""
    return await asyncio.wait_for(process.wait(), 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_that_is_told_to_stop_ends_the_request_under_way(number: signal.Signals) -> None:
    async with slow(drain_seconds=15) as (process, echo):
        request = asyncio.ensure_future(echo.unary("Public"))
        await says(process, "waiting")
        process.send_signal(number)
        await says(process, "draining")
        process.send_signal(signal.SIGUSR1)
        assert await request == GOOD
        # What such a request waits for was heard until then.
        await says(process, "heard to the end")
        await says(process, "closed")
        assert await ended(process) == 0


async def test_a_service_that_is_stopping_takes_no_more_requests() -> None:
    async with slow(drain_seconds=15) as (process, echo):
        request = asyncio.ensure_future(echo.unary("Public"))
        await says(process, "waiting")
        process.terminate()

        async def refuses() -> bool:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await echo.unary("Public", timeout=0.2)
            return refused.value.code() is StatusCode.UNAVAILABLE

        await eventually(refuses, "a refusal")
        process.send_signal(signal.SIGUSR1)
        assert await request == GOOD


async def test_a_request_is_cut_off_when_its_time_to_end_is_over() -> None:
    async with slow(drain_seconds=0.2) as (process, echo):
        request = asyncio.ensure_future(echo.unary("Public"))
        await says(process, "waiting")
        process.terminate()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await request
        assert refused.value.code() in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED)
        assert await ended(process) == 0


async def test_a_service_that_is_told_to_stop_ends_its_work_in_hand() -> None:
    async with slow(15, "background") as (process, _):
        process.terminate()
        await says(process, "draining")
        process.send_signal(signal.SIGUSR1)
        await says(process, "work done")
        await says(process, "closed")
        assert await ended(process) == 0


async def test_work_that_does_not_end_in_time_is_left_as_a_kill_would_leave_it() -> None:
    async with slow(0.2, "background") as (process, _):
        process.terminate()
        await says(process, "still under way")
        assert await ended(process) == 1


async def test_a_service_whose_database_is_away_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ServiceKeys()
    monkeypatch.setenv("SERVICE_PRIVATE_KEY", keys.private["media"])
    monkeypatch.setenv("SERVICE_PUBLIC_KEYS", json.dumps(keys.public))
    monkeypatch.setenv("URL_SECRET", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://media:hunter2@127.0.0.1:1/media")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.media", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert said.decode().startswith("Cannot start, the database does not answer: ")
    assert said.count(b"\n") == 1
    assert b"hunter2" not in said
