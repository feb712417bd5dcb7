"""What each part takes of processor and memory for what people do: python -m tests.bench.footprint

Counts processor time, not seconds on the clock, and takes off what each part takes for itself meanwhile. Prints the two
tables of Sizing in docs/operations.md as they stand there.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from sandbox.stack import Stack, free_ports
from services.kit import embedded
from tests.e2e import pictures
from tests.e2e.browser import Browser
from tests.e2e.fitting import GENERATE, bring

PARTS = ("gateway", "auth", "media", "tryon", "worker", "billing", "postgres")
SETTINGS = {"auth": {"THROTTLE": "off"}, "gateway": {"RATE_LIMIT": "off"}}
_IDLE_SECONDS = 10
_READS, _SOME, _TRIES = 300, 5, 4
# Of a hundred thousand people a day, each with a sign-in, twenty reads of each kind and two try-ons from a photo each,
# a tenth in the busiest hour; and pods that are busy for seven tenths of the time.
_SIGN_INS, _EACH_READ, _TRY_ONS = 10_000 / 3600, 200_000 / 3600, 20_000 / 3600
_BUSY = 0.7

Milliseconds = dict[str, float]


class Meter:
    """Counts what the parts of a stack take."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.idle = dict.fromkeys(PARTS, 0.0)
        self.idle = {
            part: spent / _IDLE_SECONDS for part, spent in self.of(1, lambda: time.sleep(_IDLE_SECONDS)).items()
        }

    def of(self, times: int, do: Callable[[], object]) -> Milliseconds:
        """The processor's milliseconds that doing it once takes in each part."""
        before, began = self._seconds(), time.monotonic()
        for _ in range(times):
            do()
        passed, after = time.monotonic() - began, self._seconds()
        return {
            part: max(0.0, (after[part] - before[part]) * 1000 - self.idle[part] * passed) / times for part in PARTS
        }

    def memory(self) -> Milliseconds:
        """The MiB that each part holds; what its processes share is counted once."""
        return {part: sum(each.memory_full_info().pss for each in self._family(part)) / 2**20 for part in PARTS}

    def _seconds(self) -> dict[str, float]:
        return {part: sum(_times(each) for each in self._family(part)) for part in PARTS}

    def _family(self, part: str) -> list[psutil.Process]:
        if part == "postgres":
            pid = int(next(self._stack.data_dir.rglob("postmaster.pid")).read_text().split()[0])
        else:
            pid = self._stack.processes[part].pid
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]


def _times(process: psutil.Process) -> float:
    """With those of children that have ended."""
    spent = process.cpu_times()
    return float(spent.user + spent.system + spent.children_user + spent.children_system)


def measure(stack: Stack) -> dict[str, Milliseconds]:
    """Does each thing some times, once everything has been used and is warm."""
    people = [Browser(stack.url) for _ in range(1 + _SOME)]
    try:
        user = people.pop().sign_up()
        # Each of pictures that have not been looked at yet.
        forms = [bring(user) for _ in range(1 + _TRIES)]

        def try_on() -> None:
            user.post(GENERATE, json=forms.pop()).raise_for_status()

        try_on()
        time.sleep(_IDLE_SECONDS)
        meter = Meter(stack)
        found = {
            "nothing, for a second": meter.idle,
            "sign-up or sign-in (bcrypt, cost 12)": meter.of(_SOME, lambda: people.pop().sign_up()),
            "reading one's profile": meter.of(_READS, lambda: user.get("/api/auth/profile")),
            "listing one's pictures": meter.of(_READS, lambda: user.get("/api/images")),
            "uploading a photo": meter.of(_SOME, lambda: user.upload(pictures.person())),
            "a try-on by the local engine": meter.of(_TRIES, try_on),
        }
        return found | {"memory after all that, MiB": meter.memory()}
    finally:
        for person in people:
            person.close()


def print_tables(found: dict[str, Milliseconds]) -> None:
    """Prints both tables in Markdown."""
    print("|", *(f"| {part}" for part in PARTS), "|")
    print("|---" * (1 + len(PARTS)) + "|")
    for what, cells in found.items():
        print(f"| {what}", *(f"| {_rounded(cells[part])}".rstrip() for part in PARTS), "|")
    _, sign_in, profile, listing, upload, try_on, _ = found.values()
    each_read = {part: profile[part] + listing[part] for part in PARTS}
    print("\n| | a second, in that hour | cores |\n|---|---|---|")
    for what, rate, cells in (
        ("sign-ins", _SIGN_INS, sign_in),
        ("reads of each kind", _EACH_READ, each_read),
        ("uploads (one a try-on)", _TRY_ONS, upload),
        ("try-ons", _TRY_ONS, try_on),
    ):
        cores = {part: rate * cells[part] / 1000 / _BUSY for part in PARTS}
        told = ", ".join(f"{part} {value:.2g}" for part, value in cores.items() if value >= 0.1)
        print(f"| {what} | {rate:.2g} | {told} |")


def _rounded(value: float) -> str:
    """Two digits that mean something; nothing for what is less than half a millisecond."""
    return "" if value < 0.5 else f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):.0f}"


def main() -> None:
    """Starts a stack of its own and measures it."""
    folder = Path(tempfile.mkdtemp(prefix="drape-"))
    stack = Stack(folder, free_ports(), extra=SETTINGS)
    try:
        stack.start(timeout_seconds=120)
        print_tables(measure(stack))
    finally:
        stack.stop()
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
