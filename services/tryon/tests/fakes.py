"""Media, billing and an engine in memory, with the promises of the real ones, and a way to be killed anywhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from grpc import StatusCode
from sqlalchemy import ColumnElement

from services.kit.client import PeerError
from services.kit.errors import Unavailable, error_info_of, status_of
from services.kit.failpoints import Step
from services.kit.ids import new_id
from services.tryon.engines.base import Options, Progress, Result, Task
from services.tryon.engines.processes import LocalProcesses
from services.tryon.errors import ImagesNotFound, InsufficientCredits
from services.tryon.jobs import JobRow, Jobs
from services.tryon.peers import Billing, HoldLost, Media, StoredImage

PICTURE = b"a picture"
CHANGE = Step("a test")
"""A change that a test makes."""


class Killed(BaseException):
    """The process is killed here: nothing catches it."""


def unavailable() -> Unavailable:
    """What a call to a service that does not answer raises."""
    return Unavailable("The service is not available right now. Please try again later.")


@dataclass
class Road:
    """Every place between two steps of the work, in the order in which they are passed."""

    passed: int = 0
    stop_at: int | None = None
    """The place at which the work ends, counted from 0."""
    how: Callable[[], Awaitable[None]] | None = None
    """What happens there."""

    async def place(self) -> None:
        """One place."""
        here, self.passed = self.passed, self.passed + 1
        if here == self.stop_at and self.how:
            await self.how()

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """A step, with a place before and one after it."""
        await self.place()
        yield
        await self.place()


class FakeMedia(Media):
    """Images of users, and results by key."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.sources: dict[str, tuple[str, str, bytes]] = {}
        """User, type and bytes by image id."""
        self.results: dict[tuple[str, str], StoredImage] = {}
        """By user and key."""
        self.details: dict[str, dict[str, Any]] = {}
        self.before_store: Callable[[], Awaitable[None]] | None = None

    def add(self, user_id: str, kind: str) -> str:
        """An image that the user has uploaded."""
        image_id = new_id()
        self.sources[image_id] = (user_id, kind, kind.encode())
        return image_id

    def forget(self, user_id: str) -> None:
        """Deletes all images of a user, as media does when auth says so."""
        self.sources = {key: source for key, source in self.sources.items() if source[0] != user_id}
        self.results = {key: result for key, result in self.results.items() if key[0] != user_id}

    def of(self, user_id: str) -> list[StoredImage]:
        """The results of a user."""
        return [image for (owner, _), image in self.results.items() if owner == user_id]

    async def find(self, user_id: str, ids: Sequence[str]) -> dict[str, StoredImage]:
        made = {image.id: image for image in self.of(user_id)}
        uploaded = {
            image_id: StoredImage(image_id, kind, f"https://drape.example/{image_id}", datetime.now(UTC))
            for image_id, (owner, kind, _) in self.sources.items()
            if owner == user_id
        }
        return {image_id: image for image_id, image in (made | uploaded).items() if image_id in ids}

    async def read(self, user_id: str, *image_ids: str) -> list[bytes]:
        async with self._road.step():
            found = [self.sources.get(image_id, ("", "", b"")) for image_id in image_ids]
        if any(owner != user_id for owner, _, _ in found):
            raise ImagesNotFound("One or both images not found")
        return [data for _, _, data in found]

    async def store(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
        if self.before_store:
            await self.before_store()
        async with self._road.step():
            image_id = new_id()
            image = StoredImage(image_id, "generated", f"https://drape.example/{image_id}", datetime.now(UTC))
            self.details.setdefault(key, metadata)
            return self.results.setdefault((user_id, key), image)

    async def delete(self, user_id: str, key: str) -> None:
        async with self._road.step():
            self.results.pop((user_id, key), None)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Hold:
    """Credits set aside: open, captured or released."""

    user_id: str
    amount: int
    state: str


class FakeBilling(Billing):
    """Balances and holds."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.credits: dict[str, int] = {}
        self.holds: dict[str, Hold] = {}
        self.before_hold: Callable[[], Awaitable[None]] | None = None
        self.after_hold: Callable[[], Awaitable[None]] | None = None
        self.captures = 0

    def of(self, user_id: str) -> list[str]:
        """The states of a user's holds."""
        return [hold.state for hold in self.holds.values() if hold.user_id == user_id]

    async def hold(self, user_id: str, hold_id: str, amount: int, seconds: int) -> None:
        if self.before_hold:
            await self.before_hold()
        if known := self.holds.get(hold_id):
            if known.state == "released":
                raise HoldLost("HOLD_ALREADY_RELEASED")
        else:
            left = self.credits.setdefault(user_id, 5)
            if left < amount:
                raise InsufficientCredits(
                    "Insufficient credits. Please purchase more credits.", credits=left, required=amount
                )
            self.credits[user_id] = left - amount
            self.holds[hold_id] = Hold(user_id, amount, "open")
        if self.after_hold:
            await self.after_hold()

    async def capture(self, user_id: str, hold_id: str) -> int:
        async with self._road.step():
            hold = self.holds.get(hold_id)
            if hold is None:
                raise HoldLost("HOLD_NOT_FOUND")
            if hold.state == "released":
                raise HoldLost("HOLD_ALREADY_RELEASED")
            if hold.state == "open":
                hold.state = "captured"
                self.captures += 1
        return self.credits[user_id]

    async def release(self, user_id: str, hold_id: str) -> None:
        async with self._road.step():
            hold = self.holds.setdefault(hold_id, Hold(user_id, 0, "released"))
            if hold.state == "captured":
                raise _already_captured()
            if hold.state == "open":
                hold.state = "released"
                self.credits[user_id] = self.credits.get(user_id, 0) + hold.amount

    async def close(self) -> None:
        """Nothing is open."""


class RoadJobs(Jobs):
    """Jobs whose every change is a step of the road."""

    def __init__(self, database: Any, road: Road, running_per_user: int) -> None:
        super().__init__(database, running_per_user)
        self._road = road

    async def change_now(self, step: Step, job_id: str, where: ColumnElement[bool], **values: Any) -> JobRow | None:
        async with self._road.step():
            return await super().change_now(step, job_id, where, **values)

    async def take(self, step: Step, job_id: str) -> JobRow | None:
        async with self._road.step():
            return await super().take(step, job_id)

    async def advance(self, step: Step, job: JobRow, **values: Any) -> JobRow | None:
        async with self._road.step():
            return await super().advance(step, job, **values)


class FakeEngine:
    """Makes a picture at once, or does what a test says instead."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.calls: list[tuple[bytes, bytes, Options]] = []
        self.instead: Callable[[Progress], Awaitable[Result | None]] | None = None
        self.closed = False
        self.prepared = 0

    async def prepare(self) -> None:
        """Counts."""
        self.prepared += 1

    async def generate(self, task: Task, deadline: float) -> Result:
        """The picture."""
        self.calls.append((task.person, task.garment, task.options))
        result = await self.instead(task.progress) if self.instead else None
        return result or Result(PICTURE, "image/jpeg")

    async def close(self) -> None:
        """Remembers."""
        self.closed = True


class FakeChecker(LocalProcesses):
    """Finds what a test tells it to find."""

    def __init__(self) -> None:
        self.finds: Callable[[], Any] = list
        self.seen: list[tuple[bytes | None, bytes | None]] = []

    async def check(self, person: bytes | None, garment: bytes | None) -> Any:
        self.seen.append((person, garment))
        return self.finds()


class Gate:
    """A place where work waits until it may go on, and that knows when it has arrived."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, *_: object) -> None:
        self.arrived.set()
        await self.open.wait()


def raising(error: Callable[[], BaseException]) -> Callable[..., Awaitable[None]]:
    """Raises the error, whatever it is called with."""

    async def call(*_: object) -> None:
        raise error()

    return call


def _already_captured() -> PeerError:
    class AlreadyCaptured(Unavailable):
        reason = "HOLD_ALREADY_CAPTURED"

    return PeerError(StatusCode.FAILED_PRECONDITION, error_info_of(status_of(AlreadyCaptured("spent"))), "spent")
