"""Two copies of everything behind the gateway, people who use it, and copies that are replaced or die meanwhile."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.stack import SERVICES, Stack, free_ports
from services.kit import embedded
from tests.e2e import faults
from tests.e2e.polling import until
from tests.load.__main__ import table
from tests.load.people import Ledger, living

PEOPLE = 3
THINK = 0.3
# Ten processes share the connections of one small server.
FEW = {"DATABASE_POOL": "4"}
SETTINGS = {
    "auth": {"BCRYPT_COST": "4", "THROTTLE": "off"},
    # As where it runs: longer than a request waits for its picture.
    "tryon": {"DRAIN_SECONDS": "65"},
    "worker": {"DRAIN_SECONDS": "65", "LOCAL_THREADS": "1"},
    "gateway": {"RATE_LIMIT": "off"},
}
KINDS = (*SERVICES, "worker")


@pytest.fixture(scope="module")
def stack(make_data_dir: Callable[[], Path]) -> Iterator[Stack]:
    """Two copies of each service and of the worker."""
    extra = {name: SETTINGS.get(name, {}) | FEW for name in (*KINDS, "gateway")}
    running = Stack(make_data_dir(), free_ports(copies=2), extra=extra)
    running.start(timeout_seconds=180)
    yield running
    running.stop()
    embedded.stop(running.data_dir)


def _healthy(stack: Stack, name: str) -> bool:
    """Whether the gateway sends requests to this copy; of a worker, whether it takes jobs."""
    if name.startswith("worker"):
        log = stack.data_dir / "logs" / f"{name}.log"
        return '"serving"' in log.read_text().rpartition('"draining"')[2]
    text = httpx.get(f"http://127.0.0.1:{stack.ports['admin']}/clusters").text
    return f"127.0.0.1:{stack.ports[name]}::health_flags::healthy" in text


def _running(stack: Stack) -> bool:
    return bool(faults.rows(stack, "tryon", "SELECT id FROM jobs WHERE state = 'running'"))


def _replace(stack: Stack, name: str) -> int:
    """Has a copy end what it is at and starts another one in its place; the exit status of the first."""
    process = stack.processes[name]
    process.terminate()
    status = process.wait(60)
    stack.restart(name)
    return status


async def _busy(ledger: Ledger, kinds: set[str], seconds: float = 120) -> None:
    """Returns once requests of all these kinds have come to their end from now on."""
    seen = len(ledger.requests)
    async with asyncio.timeout(seconds):
        while not kinds <= {request.name for request in ledger.requests[seen:]}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_copies_that_are_replaced_one_by_one_fail_no_request(stack: Stack) -> None:
    async with living(stack.url, PEOPLE, THINK) as ledger:
        await _busy(ledger, {"profile", "upload", "generate"})
        for number in ("", "-2"):
            for kind in KINDS:
                other = kind if number else f"{kind}-2"
                await asyncio.to_thread(until, f"{other} is there", lambda other=other: _healthy(stack, other), 90)
                if kind == "worker":
                    await asyncio.to_thread(until, "a job is under way", lambda: _running(stack), 90)
                assert await asyncio.to_thread(_replace, stack, f"{kind}{number}") == 0
        await _busy(ledger, {"profile", "upload", "generate"})
    assert {request.name for request in ledger.requests} >= {"sign up", "upload", "generate", "picture", "balance"}
    assert ledger.problems == [], table(ledger)


async def test_of_a_copy_that_is_killed_only_what_was_under_way_and_not_to_be_repeated_may_fail(stack: Stack) -> None:
    killed: list[float] = []
    async with living(stack.url, PEOPLE, THINK) as ledger:
        for kind in KINDS:
            await _busy(ledger, {"profile", "gallery"})
            await asyncio.to_thread(until, f"{kind} is there", lambda kind=kind: _healthy(stack, f"{kind}-2"), 90)
            killed.append(time.monotonic())
            await asyncio.to_thread(faults.kill, stack, kind)
            await _busy(ledger, {"profile", "gallery"})
            stack.restart(kind)
        await _busy(ledger, {"generate"})
    for request in ledger.problems:
        # A picture of which a part has arrived cannot be begun again by the gateway.
        assert not request.idempotent or (request.begun and request.status == 0), request
        assert any(request.began <= moment + 1 and request.ended >= moment for moment in killed), request
