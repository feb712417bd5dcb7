"""Engines whose provider takes a run, gives it an id, and is asked until it is over."""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass

from services.tryon.engines.base import EngineFailed, InputProblem, Options, Progress, Result, Task, TryAgain
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.news import News
from services.tryon.engines.pace import Pace, Patience, persist
from services.tryon.engines.pictures import Upload, result_of, upload_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """How far a run is: under way, or over with a picture (a URL or data URI) or an error."""

    stage: str = "generating"
    done: float = 0
    picture: str = ""
    error: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether it will not change any more."""
        return bool(self.picture) or self.error is not None


@dataclass(frozen=True)
class Hears:
    """Where an engine's provider may tell that a run has ended, and who brings it to where it is waited for."""

    url: str
    news: News


QUEUED = Look("preparing", 0.1)
WORKING = Look("generating", 0.4)
_SELDOM = 5
"""How many times the usual pause there is between looks at a run of whose end the provider will tell."""


class QueuedEngine(ABC):
    """What such engines have in common; an adapter says how its provider is asked."""

    name: str
    ratio: float | None = None
    """Width to height the provider works in, if it would distort other photos: they are padded to it and back."""
    cancels = True
    """Whether the provider lets a run be canceled."""
    forgets = False
    """Whether what the provider keeps of a run is deleted there by us."""

    def __init__(self, http: ProviderHttp, pace: Pace | None = None, hears: Hears | None = None) -> None:
        self.http = http
        self._pace = pace or Pace()
        self._news = hears.news if hears else News()
        self.webhook_url = hears.url if hears else ""
        """Where the provider is to say that a run has ended; empty: it is asked often instead."""

    @abstractmethod
    async def begin(self, person: Upload, garment: Upload, options: Options) -> str:
        """Begins a run and returns what `look` and `cancel` need to know. Raises InputProblem, EngineFailed."""

    @abstractmethod
    async def look(self, run: str) -> Look:
        """How far the run is. Raises EngineFailed when the provider does not tell."""

    @abstractmethod
    async def cancel(self, run: str) -> None:
        """Tells the provider that the run is not wanted any more. Raises EngineFailed."""

    def public_id(self, run: str) -> str:
        """What the provider itself calls the run."""
        return run

    async def forget(self, run: str) -> None:  # noqa: B027 - not abstract: few providers can
        """Deletes what the provider keeps of the run, which may be gone already. Raises EngineFailed."""

    async def prepare(self) -> None:  # noqa: B027 - not abstract: there is nothing to get ready
        """Nothing needs to be ready."""

    async def close(self) -> None:
        """Closes the connections; runs under way stay, and are resumed by whoever knows their ids."""
        await self.http.close()

    async def forget_run(self, run: str) -> None:
        """As `forget`, without waiting for long."""
        if self.forgets:
            try:
                async with asyncio.timeout(self._pace.cleanup):
                    await self.forget(run)
            except TimeoutError as error:
                raise EngineFailed("the provider does not answer") from error

    async def generate(self, task: Task, deadline: float) -> Result:
        """Makes a picture before the deadline. Raises InputProblem, EngineFailed."""
        try:
            async with asyncio.timeout_at(deadline):
                person, garment = await asyncio.gather(
                    asyncio.to_thread(upload_of, task.person, "person", self.ratio),
                    asyncio.to_thread(upload_of, task.garment, "garment"),
                )
                data = await self._picture(task, person, garment, deadline)
                return await asyncio.to_thread(result_of, data, task.options.output_format, person)
        except TimeoutError as error:
            raise EngineFailed(f"{self.name} made no picture in time") from error

    async def _picture(self, task: Task, person: Upload, garment: Upload, deadline: float) -> bytes:
        run = task.resume
        between_runs = self._patience(deadline, self._pace.runs)
        while True:
            fresh = not run
            if fresh:
                begin = self._patience(deadline, self._pace.tries)
                run = await persist(lambda: self._begun(person, garment, task.options), begin)
            end = await self._over(run, task, deadline, fresh)
            if end.picture:
                fetch = self._patience(deadline, self._pace.tries)
                # What is there is deleted when the picture is safe with us: another worker may wait for the same run.
                return await persist(lambda: self.http.download(end.picture), fetch)  # noqa: B023 - called at once
            await self._forget(run)
            if not isinstance(end.error, TryAgain):
                raise end.error or EngineFailed("a run ended with nothing")
            await between_runs.pause(end.error)
            run = ""

    async def _begun(self, person: Upload, garment: Upload, options: Options) -> str:
        """A new run. When nobody waits any more, its id is waited for a moment longer, to cancel it."""
        begin = asyncio.create_task(self.begin(person, garment, options))
        try:
            return await asyncio.shield(begin)
        except asyncio.CancelledError:
            if self.cancels or self.forgets:
                await self._abandon(begin)
            begin.cancel()
            raise

    async def _over(self, run: str, task: Task, deadline: float, fresh: bool) -> Look:
        """The end of a run; a run that nobody waits for any more is canceled."""
        over = False
        try:
            if fresh:
                await task.remember(run)
            end = await self._watch(run, task.progress, deadline)
            over = True
        finally:
            if not over:
                await self._abandon(_known(run))
        return end

    async def _watch(self, run: str, progress: Progress, deadline: float) -> Look:
        seldom = self._pace.poll * _SELDOM if self.webhook_url else self._pace.poll
        with self._news.of(self.name, self.public_id(run)) as ended:
            while True:
                told = ended.is_set()
                ended.clear()
                # A run is paid for: it is asked for as long as there is time.
                look = await persist(lambda: self.look(run), self._patience(deadline))
                if look.over:
                    return look
                await progress(look.stage, look.done)
                await self._pace.clock.wait(ended, self._pace.poll if told else seldom)

    async def _abandon(self, begun: Awaitable[str]) -> None:
        """Leaves nothing of a run that nobody waits for; what cannot be deleted yet is deleted later (leftovers.py)."""
        with contextlib.suppress(EngineFailed, InputProblem, TimeoutError):
            async with asyncio.timeout(self._pace.cleanup):
                run = await begun
                await self.cancel(run)
            await self._forget(run)

    async def _forget(self, run: str) -> None:
        try:
            await self.forget_run(run)
        except EngineFailed as error:
            log.warning("a run is still kept at its provider", extra={"engine": self.name, "error": repr(error)})

    def _patience(self, deadline: float, tries: int | None = None) -> Patience:
        return Patience(self._pace, deadline, tries)


async def _known(run: str) -> str:
    return run
