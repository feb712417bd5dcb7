"""What an engine is to the rest of the service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

Progress = Callable[[str, float], Awaitable[None]]
"""Is told a stage, preparing or generating, and how much of the picture is done, 0 to 1."""


@dataclass(frozen=True)
class Options:
    """How a picture should be made, with the contract's values."""

    category: str = "auto"
    garment_photo_type: str = "auto"
    mode: str = "balanced"
    seed: int = 0
    """0 leaves it to the engine."""
    output_format: str = "jpeg"


@dataclass(frozen=True)
class Result:
    """A picture that an engine made. `score` is the engine's own judgement, 0 to 1, if it has one."""

    data: bytes
    content_type: str
    score: float | None = None


@dataclass(frozen=True)
class ProviderRun:
    """A run at a provider. Kept with the job, so that a restart waits for it instead of paying for another."""

    engine: str = ""
    id: str = ""


async def untold(_stage: str, _done: float) -> None:
    """A progress callback for when nobody looks."""


async def forget(_provider_job_id: str) -> None:
    """For work that is not resumed."""


@dataclass(frozen=True)
class Task:
    """One picture to make."""

    person: bytes = field(repr=False)
    garment: bytes = field(repr=False)
    options: Options = Options()
    progress: Progress = untold
    remember: Callable[[str], Awaitable[None]] = forget
    """Is awaited with the provider's id of a run before the run is waited for."""
    resume: str = ""
    """What an earlier attempt with the same engine remembered; empty if nothing."""


class InputProblem(Exception):
    """One of the images cannot be used. No other engine is tried: the person can mend it."""

    def __init__(
        self,
        reason: str,
        message: str,
        which: str = "person",
        box: tuple[float, float, float, float] | None = None,
    ) -> None:
        """`which` is person or garment; `box` is left, top, right, bottom, each 0 to 1."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.which = which
        self.box = box


class ContentRefused(InputProblem):
    """A provider's content check refused the pictures."""

    def __init__(self) -> None:
        super().__init__(
            "CONTENT_REFUSED", "These pictures were refused by a content check. Please use other photos.", "person"
        )


class NotForThisEngine(InputProblem):
    """This engine cannot do it, another one may. Told to the person when there is no other."""


class EngineFailed(Exception):
    """This engine made no picture; another one may."""


class EngineUnusable(EngineFailed):
    """Nothing will work until somebody acts: the key is refused, or the account is out of credits."""


class TryAgain(EngineFailed):
    """The same request may succeed a moment later. `retry_after` is what the provider asks for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotTried(EngineFailed):
    """The engine was left out this time: it is busy, its budget is spent, or it failed too often of late."""


class Engine(Protocol):
    """Makes pictures."""

    @property
    def name(self) -> str:
        """What jobs, settings and logs call it."""

    async def prepare(self) -> None:
        """Gets ready, so that the first picture need not wait for it. Raises EngineFailed."""

    async def generate(self, task: Task, deadline: float) -> Result:
        """Makes a picture before `deadline`, in the event loop's time. Raises InputProblem, EngineFailed."""

    async def close(self) -> None:
        """Ends what the engine has running."""
