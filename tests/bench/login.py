"""Sign-ins a second beside bcrypt's own hashes a second, on the same cores in the same run: python -m tests.bench.login

The two take turns, so that what else the machine does weighs on both alike. While people sign in, another reads a
profile; its times are what the sign-ins cost everybody else.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import bcrypt
import httpx

from sandbox.stack import Stack, free_ports
from services.kit import embedded

COST = 12
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "10"))
READS_PER_SECOND = 10
PASSWORD = "correct horse battery"
SETTINGS = {"auth": {"BCRYPT_COST": str(COST), "THROTTLE": "off"}, "gateway": {"RATE_LIMIT": "off"}}


def hashes_per_second(seconds: float) -> float:
    """bcrypt alone, with a thread for each core."""
    salt, until = bcrypt.gensalt(COST), time.perf_counter() + seconds
    counts: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        done = 0
        while time.perf_counter() < until:
            bcrypt.hashpw(b"x" * 64, salt)
            done += 1
        with lock:
            counts.append(done)

    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in range(os.cpu_count() or 1):
            pool.submit(work)
    return sum(counts) / (time.perf_counter() - started)


async def logins_per_second(url: str, email: str, seconds: float) -> tuple[float, list[float]]:
    """Sign-ins a second, and how long each profile read took meanwhile, in seconds."""
    done, reads = 0, []
    workers = 2 * (os.cpu_count() or 1)
    async with AsyncExitStack() as stack:
        # Made before the clock runs, for making one takes this process longer than a read may.
        client, *browsers = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60)) for _ in range(workers + 1)
        ]
        form = {"email": email, "password": PASSWORD}
        token = (await client.post("/api/auth/login", json=form)).json()["token"]
        client.cookies.clear()
        until = time.perf_counter() + seconds

        async def sign_in(browser: httpx.AsyncClient) -> None:
            nonlocal done
            while time.perf_counter() < until:
                (await browser.post("/api/auth/login", json=form)).raise_for_status()
                done += 1

        async def read() -> None:
            headers = {"authorization": f"Bearer {token}"}
            while (started := time.perf_counter()) < until:
                (await client.get("/api/auth/profile", headers=headers)).raise_for_status()
                reads.append(time.perf_counter() - started)
                await asyncio.sleep(max(0, 1 / READS_PER_SECOND - reads[-1]))

        started = time.perf_counter()
        await asyncio.gather(read(), *(sign_in(browser) for browser in browsers))
        return done / (time.perf_counter() - started), reads


def measure(url: str) -> tuple[list[float], list[float], list[float]]:
    """Hashes a second and sign-ins a second of each round, and the times of all reads."""
    email = f"{uuid4().hex}@example.com"
    httpx.post(f"{url}/api/auth/register", json={"email": email, "password": PASSWORD}, timeout=60).raise_for_status()
    hashes, logins, reads = [], [], []
    for _ in range(ROUNDS):
        hashes.append(hashes_per_second(SECONDS / 2))
        rate, times = asyncio.run(logins_per_second(url, email, SECONDS))
        logins.append(rate)
        reads += times
        hashes.append(hashes_per_second(SECONDS / 2))
    return hashes, logins, reads


def main() -> None:
    """Starts a stack of its own, measures, prints."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), free_ports(), extra=SETTINGS)
        stack.start()
        try:
            hashes, logins, reads = measure(stack.url)
        finally:
            stack.stop()
            embedded.stop(stack.data_dir)
    hash_rate, login_rate = statistics.mean(hashes), statistics.mean(logins)
    p99 = statistics.quantiles(reads, n=100)[98] * 1000
    sys.stdout.write(
        f"bcrypt at cost {COST}      {hash_rate:6.2f} hashes/s on {os.cpu_count()} cores\n"
        f"sign-ins               {login_rate:6.2f} logins/s, {login_rate / hash_rate:.0%} of it (90 % wanted)\n"
        f"profile reads meanwhile {p99:5.1f} ms p99, {statistics.median(reads) * 1000:.1f} ms median of {len(reads)} "
        "(under 50 ms p99 wanted)\n"
    )


if __name__ == "__main__":
    main()
