"""Uploads and served images a second through the gateway, and the memory they take: python -m tests.bench.media

The client runs on the same cores as what it measures, so the figures are what this machine does as a whole.
"""

import asyncio
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import psutil
from PIL import Image

from sandbox.stack import Stack, free_ports
from services.kit import embedded

SECONDS = float(os.environ.get("SECONDS", "15"))
PICTURES = int(os.environ.get("PICTURES", "200"))
UPLOADERS, READERS, CROWD = 8, 16, 50
MB = 1024 * 1024
SETTINGS = {
    "auth": {"BCRYPT_COST": "4", "THROTTLE": "off"},
    "gateway": {"RATE_LIMIT": "off"},
    "media": {"QUOTA_IMAGES": "1000000", "QUOTA_BYTES": str(2**40)},
}
Ask = Callable[[httpx.AsyncClient], Awaitable[int]]


def photo(size: tuple[int, int], quality: int, seed: int) -> bytes:
    """A JPEG with as much detail as a photo, and never the same twice."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    grain = np.random.default_rng(seed + 1).normal(0, 6, (size[1], size[0], 3))
    smooth = np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    out = io.BytesIO()
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=quality)
    return out.getvalue()


class Memory:
    """The most memory that the service, and all of its children together, had while it was looked at, in bytes."""

    def __init__(self, pid: int) -> None:
        self._service = psutil.Process(pid)
        self.service = self.children = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Memory"]:
        """Looks twenty times a second for as long as the block lasts."""
        self.service = self.children = 0
        task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            self.service = max(self.service, self._service.memory_info().rss)
            with suppress(psutil.NoSuchProcess):
                children = sum(child.memory_info().rss for child in self._service.children(recursive=True))
                self.children = max(self.children, children)
            await asyncio.sleep(0.05)

    def __str__(self) -> str:
        return f"peak memory {self.service / MB:.0f} MB, its decoders together {self.children / MB:.0f} MB"


async def sign_up(url: str) -> httpx.AsyncClient:
    """A client that is signed in to a new account."""
    client = httpx.AsyncClient(base_url=url, timeout=300)
    form = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    (await client.post("/api/auth/register", json=form)).raise_for_status()
    return client


async def upload(client: httpx.AsyncClient, data: bytes) -> str:
    """Uploads a picture and returns its URL."""
    answer = await client.post("/api/images/upload", data={"type": "user"}, files={"image": ("a.jpg", data)})
    answer.raise_for_status()
    return str(answer.json()["image"]["url"])


async def repeated(clients: list[httpx.AsyncClient], ask: Ask) -> tuple[float, list[float], int]:
    """Answers a second, how long each took in seconds, and how many bytes were moved, while each client asks anew."""
    times: list[float] = []
    moved = 0
    until = time.perf_counter() + SECONDS

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal moved
        while (started := time.perf_counter()) < until:
            size = await ask(client)
            moved += size  # only now: others have added theirs meanwhile
            times.append(time.perf_counter() - started)

    began = time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    return len(times) / (time.perf_counter() - began), times, moved


def told(what: str, rate: float, times: list[float], moved: int, more: str = "") -> None:
    """Prints one line of figures."""
    p99 = statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]
    speed = moved / MB / len(times) * rate
    sys.stdout.write(
        f"{what:<34} {rate:7.1f}/s {speed:7.1f} MB/s  median {statistics.median(times) * 1000:6.0f} ms"
        f"  p99 {p99 * 1000:6.0f} ms  {more}\n"
    )
    sys.stdout.flush()


async def measure_uploads(url: str, memory: Memory) -> list[str]:
    """Uploads photos of 300 KB from several people at once; returns the URLs of some."""
    photos = [photo((1600, 1200), 43, seed) for seed in range(PICTURES)]
    clients = [await sign_up(url) for _ in range(UPLOADERS)]
    # No person sends the same picture twice, for it would be stored once.
    own: dict[httpx.AsyncClient, Iterator[bytes]] = {client: cycle(photos) for client in clients}
    urls: list[str] = []

    async def ask(client: httpx.AsyncClient) -> int:
        data = next(own[client])
        urls.append(await upload(client, data))
        return len(data)

    async with memory.watched():
        figures = await repeated(clients, ask)
    told(f"uploads of {len(photos[0]) / 1000:.0f} KB, {UPLOADERS} at once", *figures, str(memory))
    return urls[:50]


async def measure_serving(url: str, urls: list[str], query: str, accept: str, what: str) -> None:
    """Serves images to several browsers at once."""
    clients = [httpx.AsyncClient(timeout=60) for _ in range(READERS)]
    turn = cycle(urls)

    async def ask(client: httpx.AsyncClient) -> int:
        answer = await client.get(next(turn) + query, headers={"accept": accept})
        answer.raise_for_status()
        return len(answer.content)

    told(what, *await repeated(clients, ask))


async def measure_first_copies(urls: list[str], accept: str, what: str) -> None:
    """Has each image's copy made, one after the other."""
    times, moved = [], 0
    async with httpx.AsyncClient(timeout=60) as client:
        for each in urls:
            started = time.perf_counter()
            answer = await client.get(f"{each}&w=640", headers={"accept": accept})
            answer.raise_for_status()
            times.append(time.perf_counter() - started)
            moved += len(answer.content)
    told(what, 1 / statistics.mean(times), times, moved)


async def measure_crowd(url: str, memory: Memory) -> None:
    """Has fifty people upload five megabytes each in the same moment."""
    data = photo((4000, 3000), 81, 1)
    data += bytes(max(0, 5 * MB - len(data)))
    data = data[: 5 * MB]
    clients = [await sign_up(url) for _ in range(CROWD)]
    began = time.perf_counter()
    times = []

    async def send(client: httpx.AsyncClient) -> None:
        await upload(client, data)
        times.append(time.perf_counter() - began)

    async with memory.watched():
        await asyncio.gather(*(send(client) for client in clients))
    rate = CROWD / (time.perf_counter() - began)
    told(f"{CROWD} uploads of 5 MB at once", rate, times, CROWD * len(data), f"{memory} (service: under 300 MB wanted)")


async def measure(stack: Stack) -> None:
    """Prints every figure."""
    memory = Memory(stack.processes["media"].pid)
    async with memory.watched():
        await asyncio.sleep(0.2)
    sys.stdout.write(f"{os.cpu_count()} cores; the media service at rest: {memory}\n")
    urls = await measure_uploads(stack.url, memory)
    await measure_serving(stack.url, urls, "", "*/*", f"originals, {READERS} at once")
    for name, accept in (("WebP", "image/webp"), ("AVIF", "image/avif")):
        await measure_first_copies(urls, accept, f"first copies of 640, {name}")
        await measure_serving(stack.url, urls, "&w=640", accept, f"copies of 640, {name}, {READERS} at once")
    await measure_crowd(stack.url, memory)


def main() -> None:
    """Starts a stack of its own, measures, prints."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), free_ports(), extra=SETTINGS)
        stack.start(timeout_seconds=120)
        try:
            asyncio.run(measure(stack))
        finally:
            stack.stop()
            embedded.stop(stack.data_dir)


if __name__ == "__main__":
    main()
