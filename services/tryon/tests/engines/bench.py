"""The adapters before the stand-in for their providers, two pictures, and a clock."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from sandbox.engines.inside import Inside
from sandbox.engines.vertex import PROJECT
from services.tryon.engines.base import Engine, Options, Task
from services.tryon.engines.fal import Fal
from services.tryon.engines.fashn import Fashn
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.pace import Clock, Pace, RateLimit
from services.tryon.engines.queued import Hears
from services.tryon.engines.replicate import Replicate
from services.tryon.engines.vertex import GoogleToken, Vertex

QUICK = Pace(poll=0.005, first_pause=0.005, longest_pause=0.02, cleanup=1)
_CONTEXT = ssl.create_default_context()  # making one for each client takes longer than most tests
KEY = "sandbox"
MOST_BYTES = 1_000_000


def picture(size: tuple[int, int], colour: str, image_format: str = "JPEG", **more: Any) -> bytes:
    """A plain picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, image_format, **more)
    return buffer.getvalue()


PERSON = picture((180, 320), "tan")
GARMENT = picture((120, 120), "navy")


@dataclass
class Told:
    """A task's callbacks, which keep what they are told."""

    progress: list[tuple[str, float]] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    working: asyncio.Event = field(default_factory=asyncio.Event)

    def task(self, resume: str = "", **options: Any) -> Task:
        """A task that tells this."""

        async def progress(stage: str, done: float) -> None:
            self.progress.append((stage, done))
            self.working.set()

        async def remember(run: str) -> None:
            self.remembered.append(run)

        return Task(PERSON, GARMENT, Options(**options), progress, remember, resume)


@dataclass(frozen=True)
class Adapter:
    """How a test makes one adapter, and how its provider says things."""

    name: str
    make: Callable[["Bench"], Engine]
    moderated: str
    broken: str
    """How a run ends for which another may succeed."""
    out_of_credits: dict[str, Any]
    no_person: str = ""
    queued: bool = True
    cancels: bool = True
    downloads: bool = True
    signs: bool = False
    """Whether the provider sends webhooks that are signed."""

    def __str__(self) -> str:
        return self.name


@dataclass
class Bench:
    """An adapter in front of the stand-in."""

    adapter: Adapter
    inside: Inside
    account: Path
    key: str = KEY
    https_only: bool = False
    pace: Pace = QUICK
    hears: Hears | None = None

    def http(self) -> ProviderHttp:
        """A connection that no proxy of this machine gets between."""
        client = httpx.AsyncClient(timeout=None, trust_env=False, verify=_CONTEXT)  # noqa: S113 - the engines have deadlines
        return ProviderHttp(self.inside.url, https_only=self.https_only, most_bytes=MOST_BYTES, client=client)

    @asynccontextmanager
    async def engine(self, **changes: Any) -> AsyncIterator[Engine]:
        """The adapter, with other settings if any are named."""
        for name, value in changes.items():
            setattr(self, name, value)
        engine = self.adapter.make(self)
        try:
            yield engine
        finally:
            await engine.close()


def _fashn(bench: Bench, return_base64: bool = True) -> Engine:
    runs, looks = RateLimit(1000, 1), RateLimit(100_000, 1)
    return Fashn(bench.http(), bench.key, bench.pace, return_base64=return_base64, runs=runs, looks=looks)


def _vertex(bench: Bench) -> Engine:
    token = GoogleToken(str(bench.account))

    async def wrong() -> str:
        return "ya29.wrong"

    return Vertex(bench.http(), token if bench.key == KEY else wrong, PROJECT, "here", bench.pace)


FASHN = Adapter(
    name="fashn",
    make=_fashn,
    moderated="ContentModerationError",
    broken="PipelineError",
    out_of_credits={"status": 429, "name": "OutOfCredits"},
    no_person="PoseError",
    cancels=False,
    downloads=False,
)
FASHN_CDN = Adapter(
    name="fashn-cdn",
    make=lambda bench: _fashn(bench, return_base64=False),
    moderated="ContentModerationError",
    broken="ThirdPartyError",
    out_of_credits={"status": 429, "name": "OutOfCredits"},
    no_person="PoseError",
    cancels=False,
)
FAL = Adapter(
    name="fal",
    make=lambda bench: Fal(bench.http(), bench.key, bench.pace, hears=bench.hears),
    moderated="content_policy_violation",
    broken="internal_server_error",
    out_of_credits={"status": 403, "name": "exhausted_balance"},
    no_person="face_detection_error",
    signs=True,
)
REPLICATE = Adapter(
    name="replicate",
    make=lambda bench: Replicate(bench.http(), bench.key, bench.pace, hears=bench.hears),
    moderated="NSFW content detected. Try running it again, or try a different prompt.",
    broken="CUDA out of memory",
    out_of_credits={"status": 402, "name": "Insufficient credit"},
    signs=True,
)
VERTEX = Adapter(
    name="vertex",
    make=_vertex,
    moderated="rai",
    broken="INTERNAL",
    out_of_credits={"status": 403, "name": "PERMISSION_DENIED"},
    queued=False,
    downloads=False,
)
ADAPTERS = (FASHN, FASHN_CDN, FAL, REPLICATE, VERTEX)


def soon(seconds: float = 20) -> float:
    """A deadline in the loop's time."""
    return asyncio.get_running_loop().time() + seconds


class FakeClock(Clock):
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await self.sleep(seconds)
