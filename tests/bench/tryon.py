"""What a try-on takes beside its engine: `make bench-tryon`.

First with an engine that has its picture at once, then with the local one, beside the same engine called in a loop on
the same cores. These two take turns, so that what else the machine does weighs on both alike. Everything shares this
machine's cores, the clients and PostgreSQL too.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from sandbox.stack import ROOT, Stack, free_ports
from services.billing.ledger import Ledger
from services.kit import embedded
from services.kit.database import Database
from services.tryon.engines.local.engine import LocalEngine, Options
from tests.e2e import pictures

CREDITS = 1_000_000
SERVICES = ("auth", "media", "tryon", "billing", "worker", "gateway")
SETTINGS = {
    "auth": {"BCRYPT_COST": "4", "THROTTLE": "off", "LOG_LEVEL": "INFO"},
    "gateway": {"RATE_LIMIT": "off"},
    "worker": {"LOCAL_WORKERS": "1", "LOCAL_THREADS": str(os.cpu_count() or 1)},
}
_bare: LocalEngine


class User(httpx.AsyncClient):
    """Somebody with credits and two pictures."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=120, trust_env=False)
        self.form: dict[str, str] = {}
        self.user_id = ""

    async def prepare(self) -> None:
        """Signs up and uploads."""
        form = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
        answer = (await self.post("/api/auth/register", json=form)).raise_for_status()
        self.user_id = answer.json()["user"]["id"]
        for name, kind, data in (("person", "user", pictures.person()), ("outfit", "outfit", pictures.garment())):
            uploaded = await self.post("/api/images/upload", data={"type": kind}, files={"image": ("photo", data)})
            self.form[f"{name}ImageId"] = uploaded.raise_for_status().json()["image"]["id"]

    async def try_on(self) -> float:
        """One try-on through the gateway; how long it took, in seconds."""
        started = time.perf_counter()
        answer = await self.post("/api/tryon/generate", json=self.form)
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - started


async def visitors(stack: Stack, count: int) -> list[User]:
    """Users who can spend, whose pictures have been looked at once."""
    users = [User(stack.url) for _ in range(count)]
    database = Database(embedded.service_url(stack.data_dir, "billing"), pool=1)
    ledger = Ledger(database, 0)
    for user in users:
        await user.prepare()
        await ledger.grant(user.user_id, "adjustment", f"bench-{user.user_id}", CREDITS)
        await user.try_on()
    await database.close()
    return users


async def busy(users: list[User], clients: int, seconds: float) -> tuple[float, list[float]]:
    """Try-ons a second while so many clients each wait for every answer, and how long each took."""
    times: list[float] = []
    started = time.perf_counter()

    async def client(user: User) -> None:
        while time.perf_counter() - started < seconds:
            times.append(await user.try_on())

    await asyncio.gather(*(client(users[number % len(users)]) for number in range(clients)))
    return len(times) / (time.perf_counter() - started), times


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """What each of the processes has used so far, its children included."""
    used = {name: _used(stack.processes[name].pid) for name in SERVICES}
    postmaster = int((stack.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    return used | {"PostgreSQL": _used(postmaster)}


def _used(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            # A backend that has ended is in its parent's account of children.
            total += times.user + times.system + (times.children_user + times.children_system if one is process else 0)
    return total


def say(line: str) -> None:
    """Prints at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def told(times: list[float]) -> str:
    """The times in words."""
    p99 = statistics.quantiles(times, n=100)[98]
    return f"p50 {statistics.median(times) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


async def overhead(stack: Stack, seconds: float) -> None:
    """Measures with the instant engine and prints."""
    users = await visitors(stack, 8)
    await busy(users, 8, 2)  # warm
    before = cpu_seconds(stack)
    await asyncio.sleep(seconds)
    idle = sum(now - before[name] for name, now in cpu_seconds(stack).items() if name in SERVICES) / seconds * 1000
    for clients in (1, 8, 16):
        before = cpu_seconds(stack)
        rate, times = await busy(users, clients, seconds)
        used = {name: (now - before[name]) / len(times) * 1000 for name, now in cpu_seconds(stack).items()}
        ours = sum(used[name] for name in SERVICES)
        parts = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in used.items())
        say(f"instant engine, {clients:2} clients: {rate:5.1f} jobs/s, {told(times)}")
        say(f"    CPU a job: {ours:.1f} ms in our processes (at most 15 wanted); ms each: {parts}")
        say(f"    of it, {idle / rate:.1f} ms are what they take while nobody asks: {idle:.0f} ms a second")


def _load(model_dir: str, threads: int) -> None:
    global _bare
    _bare = LocalEngine(Path(model_dir), threads)
    _bare.prepare()


def _loop(person: bytes, garment: bytes, seconds: float) -> float:
    started, made = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        _bare.generate(person, garment, Options())
        made += 1
    return made / (time.perf_counter() - started)


@contextlib.contextmanager
def bare_engine() -> Iterator[ProcessPoolExecutor]:
    """The engine in a process of its own, as the worker has it."""
    arguments = (str(ROOT / ".cache" / "models"), os.cpu_count() or 1)
    with ProcessPoolExecutor(1, get_context("spawn"), _load, arguments) as pool:
        pool.submit(_loop, pictures.person(), pictures.garment(), 0.1).result()
        yield pool


async def beside_the_bare_engine(stack: Stack, rounds: int, seconds: float) -> None:
    """Measures with the local engine and prints."""
    users = await visitors(stack, 4)
    bare, through, times = [], [], []
    with bare_engine() as pool:
        for number in range(rounds):
            bare.append(pool.submit(_loop, pictures.person(), pictures.garment(), seconds).result())
            rate, took = await busy(users, 4, seconds)
            through.append(rate)
            times += took
            say(f"local engine, round {number + 1}: {rate:.2f} jobs/s through the gateway, {bare[-1]:.2f} in a loop")
    rate, alone = statistics.median(through), statistics.median(bare)
    say(f"local engine: {rate:.2f} jobs/s, {rate / alone:.0%} of the bare engine (90 % wanted)")
    say(f"    {told(times)}, with 4 clients")


def main() -> None:
    """Starts a stack of its own, measures, prints."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that nothing is left running
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=15)
    arguments.add_argument("--only", choices=("instant", "local"))
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), free_ports(), extra=SETTINGS)
        stack.start()
        try:
            if chosen.only != "instant":
                asyncio.run(beside_the_bare_engine(stack, chosen.rounds, chosen.seconds))
            if chosen.only != "local":
                stack.processes["worker"].terminate()
                stack.processes["worker"].wait(30)
                program = [sys.executable, "-m", "tests.bench.instant_worker"]
                stack.launch("worker", program, stack.environment("worker"))
                asyncio.run(overhead(stack, chosen.seconds))
        finally:
            stack.stop()
            embedded.stop(stack.data_dir)


if __name__ == "__main__":
    main()
