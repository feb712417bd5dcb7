"""What each part takes of processor and memory for what people do: python -m tests.bench.footprint

Counts processor time, not seconds on the clock, so other work on the machine matters little. Sizing in
docs/operations.md is made of it.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from sandbox.stack import Stack, free_ports
from services.kit import embedded
from tests.e2e import pictures
from tests.e2e.browser import Browser
from tests.e2e.fitting import GENERATE, bring

PARTS = ("gateway", "auth", "media", "tryon", "worker", "billing")
_READS = 300
_TIMES = 5


def measure(stack: Stack) -> None:
    """Does each thing some times, and prints the milliseconds of processor time that one took in each part."""
    _table("", [f"{part:>8}" for part in PARTS])
    with Browser(stack.url) as user, Browser(stack.url) as other:
        _count(stack, "sign up", 1, lambda: user.sign_up())
        _count(stack, "sign up (warm)", 1, lambda: other.sign_up())
        _count(stack, "read one's profile", _READS, lambda: user.get("/api/auth/profile"))
        _count(stack, "list one's pictures", _READS, lambda: user.get("/api/images"))
        _count(stack, "upload a photo", _TIMES, lambda: user.upload(pictures.person()))
        form = bring(user)
        seeds = iter(range(1, 100))
        once = lambda: user.post(GENERATE, json=form | {"seed": next(seeds)}).raise_for_status()  # noqa: E731
        _count(stack, "a try-on (first)", 1, once)
        _count(stack, "a try-on", 3, once)
    _table("memory, MiB", [f"{_memory(stack, part):8.0f}" for part in PARTS])


def _count(stack: Stack, what: str, times: int, do: Callable[[], object]) -> None:
    before = [_seconds(stack, part) for part in PARTS]
    for _ in range(times):
        do()
    spent = [_seconds(stack, part) - old for part, old in zip(PARTS, before, strict=True)]
    _table(what, [f"{seconds / times * 1000:8.1f}" for seconds in spent])


def _table(what: str, cells: list[str]) -> None:
    print(f"{what:22}", *cells, flush=True)


def _family(stack: Stack, part: str) -> list[psutil.Process]:
    process = psutil.Process(stack.processes[part].pid)
    return [process, *process.children(recursive=True)]


def _seconds(stack: Stack, part: str) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _family(stack, part))


def _memory(stack: Stack, part: str) -> float:
    """What its processes hold, shared pages with each of them: what a container is charged at most."""
    return float(sum(process.memory_info().rss for process in _family(stack, part))) / 2**20


def main() -> None:
    """Starts a stack of its own and measures it."""
    folder = Path(tempfile.mkdtemp(prefix="drape-"))
    stack = Stack(folder, free_ports(), extra={"auth": {"THROTTLE": "off"}, "gateway": {"RATE_LIMIT": "off"}})
    try:
        stack.start(timeout_seconds=120)
        measure(stack)
    finally:
        stack.stop()
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
