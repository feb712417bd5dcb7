"""Looking at pictures before anything is spent on them."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping

from services.kit.failpoints import Step
from services.tryon.engines.base import EngineFailed, InputProblem, NotForThisEngine
from services.tryon.engines.processes import LocalProcesses
from services.tryon.errors import ImagesNotFound
from services.tryon.peers import Media

log = logging.getLogger(__name__)

_FIND, _READ = Step("checks.find"), Step("checks.read")
_REMEMBERED = 20_000


class Checks:
    """What is wrong with images. An image never changes, so what was found in it once is not looked for again."""

    def __init__(self, media: Media, checker: LocalProcesses, *, seconds: float, only_ours: bool) -> None:
        """`only_ours`: there is no engine but the local one, so that what it cannot do cannot be done."""
        self._media = media
        self._checker = checker
        self._seconds = seconds
        self._only_ours = only_ours
        self._known: OrderedDict[tuple[str, str], list[InputProblem]] = OrderedDict()

    async def problems(self, user_id: str, person_id: str, outfit_id: str) -> list[InputProblem]:
        """All that would keep a picture from being made of one or both images.

        Raises ImagesNotFound, EngineFailed when it cannot be told in time.
        """
        asked = {which: image for which, image in (("person", person_id), ("garment", outfit_id)) if image}
        async with _FIND:
            mine = await self._media.find(user_id, list(asked.values()))
        if any(image not in mine for image in asked.values()):
            raise ImagesNotFound("One or both images not found")
        return await self.of_own(user_id, asked)

    async def of_own(self, user_id: str, asked: Mapping[str, str]) -> list[InputProblem]:
        """As `problems`, of images known to be the user's: their ids, by `person` and `garment`."""
        missing = {which: image for which, image in asked.items() if (which, image) not in self._known}
        if missing:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._look(user_id, missing)
            except TimeoutError as error:
                raise EngineFailed("the images were not looked at in time") from error
        found = [problem for which, image in asked.items() for problem in self._recall(which, image)]
        return [problem for problem in found if self._only_ours or not isinstance(problem, NotForThisEngine)]

    async def _look(self, user_id: str, images: Mapping[str, str]) -> None:
        async with _READ:
            data = await asyncio.gather(*(self._media.read(user_id, image) for image in images.values()))
        pictures = dict(zip(images, data, strict=True))
        found = await self._checker.check(pictures.get("person"), pictures.get("garment"))
        for which, image in images.items():
            self._known[which, image] = [problem for problem in found if problem.which == which]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _recall(self, which: str, image: str) -> list[InputProblem]:
        self._known.move_to_end((which, image))
        return self._known[which, image]
