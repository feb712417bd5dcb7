"""Looking at pictures before anything is spent on them."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from services.kit.failpoints import Step
from services.tryon.engines.base import EngineFailed, InputProblem, NotForThisEngine
from services.tryon.engines.processes import LocalProcesses
from services.tryon.errors import ImagesNotFound
from services.tryon.peers import Media

log = logging.getLogger(__name__)

_FIND, _READ = Step("checks.find"), Step("checks.read")
_REMEMBERED = 20_000
_TYPES_SECONDS = 30.0

Look: TypeAlias = "asyncio.Task[list[InputProblem]]"


class Checks:
    """What is wrong with images. An image never changes, so what was found in it once is not looked for again."""

    def __init__(
        self,
        media: Media,
        checker: LocalProcesses,
        *,
        seconds: float,
        only_ours: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`only_ours`: there is no engine but the local one, so that what it cannot do cannot be done."""
        self._media = media
        self._clock = clock
        self._types: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        self._checker = checker
        self._seconds = seconds
        self._only_ours = only_ours
        self._looks: OrderedDict[tuple[str, str], Look] = OrderedDict()

    async def problems(self, user_id: str, person_id: str, outfit_id: str) -> list[InputProblem]:
        """All that would keep a picture from being made of one or both images.

        Raises ImagesNotFound, EngineFailed when it cannot be told in time.
        """
        asked = {which: image for which, image in (("person", person_id), ("garment", outfit_id)) if image}
        await self._find(user_id, list(asked.values()))
        return await self.of_own(user_id, asked)

    async def types(self, user_id: str, ids: Sequence[str]) -> list[str]:
        """The types of the user's images. Raises ImagesNotFound.

        An image's owner and type never change, so what was just found is not asked for again, as when a try-on follows
        a check. Whoever works with the images finds out that one was deleted meanwhile.
        """
        now = self._clock()
        known = [self._types.get((user_id, image), ("", now)) for image in ids]
        if all(until > now for _, until in known):
            return [kind for kind, _ in known]
        found = await self._find(user_id, ids)
        return [found[image] for image in ids]

    async def _find(self, user_id: str, ids: Sequence[str]) -> dict[str, str]:
        async with _FIND:
            mine = await self._media.find(user_id, ids)
        if any(image not in mine for image in ids):
            raise ImagesNotFound(ImagesNotFound.SENTENCE)
        until = self._clock() + _TYPES_SECONDS
        for image in mine.values():
            self._types[user_id, image.id] = image.type, until
            self._types.move_to_end((user_id, image.id))
        while len(self._types) > _REMEMBERED:
            self._types.popitem(last=False)
        return {image.id: image.type for image in mine.values()}

    async def of_own(self, user_id: str, asked: Mapping[str, str]) -> list[InputProblem]:
        """As `problems`, of images known to be the user's: their ids, by `person` and `garment`."""
        looks = [self._look(user_id, which, image) for which, image in asked.items()]
        try:
            async with asyncio.timeout(self._seconds):
                # Others may wait for the same look.
                found = await asyncio.gather(*(asyncio.shield(look) for look in looks))
        except TimeoutError as error:
            raise EngineFailed("the images were not looked at in time") from error
        problems = [problem for one in found for problem in one]
        return [problem for problem in problems if self._only_ours or not isinstance(problem, NotForThisEngine)]

    def _look(self, user_id: str, which: str, image: str) -> Look:
        """The one look at an image, whoever asked for it first."""
        key = which, image
        if key not in self._looks:
            look = self._looks[key] = asyncio.create_task(self._examine(user_id, which, image))
            look.add_done_callback(lambda done: self._ended(key, done))
        self._looks.move_to_end(key)
        return self._looks[key]

    async def _examine(self, user_id: str, which: str, image: str) -> list[InputProblem]:
        async with _READ:
            [data] = await self._media.read(user_id, image)
        found = await self._checker.check(*((data, None) if which == "person" else (None, data)))
        return [problem for problem in found if problem.which == which]

    def _ended(self, key: tuple[str, str], look: Look) -> None:
        if look.cancelled() or look.exception():
            self._looks.pop(key, None)  # the next one tries again
        while len(self._looks) > _REMEMBERED:
            self._looks.popitem(last=False)
