"""A worker whose one engine has its picture at once, to see what everything around an engine takes."""

from pathlib import Path
from uuid import uuid4

from services.kit import server
from services.tryon import worker
from services.tryon.engines.base import Result, Task
from services.tryon.engines.chain import EngineChain
from services.tryon.settings import WorkerSettings

_COMMENT = b"\xff\xfe\x00\x22"
"""The head of a JPEG's comment of 32 characters."""


class Instant:
    """Gives the person's photo back, each time with other bytes: a picture is stored, not found there already."""

    name = "instant"

    async def prepare(self) -> None:
        """There is nothing to get ready."""

    async def generate(self, task: Task, deadline: float) -> Result:
        """The picture."""
        start, rest = task.person[:2], task.person[2:]
        return Result(start + _COMMENT + uuid4().hex.encode() + rest, "image/jpeg")

    async def close(self) -> None:
        """Nothing is open."""


async def compose(config: WorkerSettings, url: str) -> server.Service:
    """The worker as it is, but for its engine."""
    return await worker.assemble(config, url, lambda _: EngineChain([Instant()], 5), at_once=16)


if __name__ == "__main__":
    server.main("tryon", WorkerSettings, compose, Path(worker.__file__).parent)
