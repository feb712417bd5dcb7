"""What an engine is to the rest of the service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
    output_format: str = "jpeg"


@dataclass(frozen=True)
class Result:
    """A picture that an engine made. `score` is the engine's own judgement, 0 to 1, if it has one."""

    data: bytes
    content_type: str
    score: float | None = None


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


class EngineFailed(Exception):
    """This engine made no picture; another one may."""


class Engine(Protocol):
    """Makes pictures."""

    name: str

    async def prepare(self) -> None:
        """Gets ready, so that the first picture need not wait for it."""

    async def generate(self, person: bytes, garment: bytes, options: Options, progress: Progress) -> Result:
        """Makes a picture. Raises InputProblem, EngineFailed."""

    async def close(self) -> None:
        """Ends what the engine has running."""
