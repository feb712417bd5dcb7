"""The engine's face: a photo of a person and one of a garment in, a picture of the person wearing it out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

from services.tryon.engines.local.arrays import Image
from services.tryon.engines.local.body import Body, body_of
from services.tryon.engines.local.canvas import open_canvas
from services.tryon.engines.local.check import judge
from services.tryon.engines.local.compose import compose
from services.tryon.engines.local.drawing import draw_garment
from services.tryon.engines.local.dressing import put_on_lower, put_on_one_piece, wearer_of
from services.tryon.engines.local.garment import Garment, wearer_in
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.one_piece import OnePiece
from services.tryon.engines.local.outfit import Outfit, read_outfit
from services.tryon.engines.local.parse import Person, understand
from services.tryon.engines.local.pictures import OutputFormat, read_picture, write_picture
from services.tryon.engines.local.pose import Pose, find_pose
from services.tryon.engines.local.problems import Canceled, InputProblem, ResultNotGoodEnough
from services.tryon.engines.local.refuse import flat_garment_problems, lower_body_problems, person_problems
from services.tryon.engines.local.repair import take_off
from services.tryon.engines.local.verdict import LEAST_SCORE, Verdict
from services.tryon.engines.local.warp import Fitting, fit

__all__ = ["Canceled", "InputProblem", "LocalEngine", "Options", "Picture", "ResultNotGoodEnough"]

_CLOTH_SIDE = 1280  # pixels of the garment's picture that are kept
_CHECK_SIDE = 1024

Progress = Callable[[str, float], None]


def ignore(_step: str, _fraction: float) -> None:
    """A progress callback that does nothing."""


@dataclass(frozen=True)
class Options:
    """What a caller may choose."""

    category: Literal["auto", "tops", "bottoms", "onePieces"] = "auto"
    garment_photo_type: Literal["auto", "flatLay", "model"] = "auto"
    seed: int = 0  # of the grain in repaired places
    output_format: OutputFormat = "jpeg"
    max_side: int = 1536  # pixels


@dataclass(frozen=True)
class Picture:
    """A finished picture."""

    data: bytes
    content_type: str
    width: int
    height: int
    score: float  # the self-check's, 0..1


@dataclass(frozen=True)
class Scene:
    """Both pictures, understood."""

    photo: Image
    pose: Pose
    person: Person
    body: Body
    worn: Outfit


class LocalEngine:
    """Puts garments on people. One instance works on one pair at a time; processes give parallelism."""

    def __init__(self, model_dir: Path, threads: int = 2) -> None:
        """Remember where the models are; `prepare` loads them. `threads` bounds the cores one picture uses."""
        self.garments_kept = 4
        """How many garments are remembered as they were understood: shops show the same ones to many people."""
        self._garments: dict[tuple[str, ...], Outfit] = {}
        self._model_dir = model_dir
        self._threads = threads
        self._models: Models | None = None

    def prepare(self) -> None:
        """Load the models. Raises FileNotFoundError when they have not been fetched."""
        if self._models is None:
            cv2.setNumThreads(self._threads)
            self._models = Models(self._model_dir, self._threads)

    def generate(self, person: bytes, garment: bytes, options: Options, progress: Progress = ignore) -> Picture:
        """The person wearing the garment.

        `progress` gets a step's name and a fraction 0..1 and may raise Canceled. Raises InputProblem when a picture
        cannot be used and ResultNotGoodEnough when the result is not worth showing.
        """
        result, verdict = self.attempt(person, garment, options, progress)
        if verdict.score < LEAST_SCORE:
            raise ResultNotGoodEnough(verdict.score, verdict.problems)
        progress("writing", 0.97)
        data, content_type = write_picture(result, options.output_format)
        progress("done", 1.0)
        return Picture(data, content_type, result.shape[1], result.shape[0], verdict.score)

    def attempt(
        self, person: bytes, garment: bytes, options: Options, progress: Progress = ignore
    ) -> tuple[Image, Verdict]:
        """What `generate` would make, whatever it is like, with what the self-check says of it."""
        progress("reading", 0.0)
        photo = read_picture(person, "person", options.max_side)
        outfit = read_picture(garment, "garment", 2 * _CLOTH_SIDE)
        scene = self.understand(photo, outfit, options, progress)
        progress("fitting the garment", 0.60)
        if isinstance(scene.worn, Garment):
            return self.finish(scene, scene.worn, fit(scene.worn, scene.body), options, progress)
        wearer = wearer_of(self._loaded(), photo, scene.pose, scene.person, scene.body)
        if isinstance(scene.worn, OnePiece):
            return put_on_one_piece(wearer, scene.worn, options.seed, progress)
        return put_on_lower(wearer, scene.worn, options.seed, progress)

    def understand(self, photo: Image, outfit: Image, options: Options, progress: Progress = ignore) -> Scene:
        """Who and what is in the pictures. Raises InputProblem."""
        models = self._loaded()
        progress("finding the person", 0.05)
        pose = self._usable_pose(photo)
        progress("reading the person", 0.10)
        person = understand(models, photo, pose, lambda: progress("reading the person", 0.2))
        progress("measuring the body", 0.30)
        body = body_of(person)
        progress("reading the garment", 0.35)
        worn = self._usable_garment(outfit, options, lambda: progress("reading the garment", 0.5))
        if not isinstance(worn, Garment):
            for problem in lower_body_problems(pose, photo.shape[1], photo.shape[0]):
                raise problem
        return Scene(photo, pose, person, body, worn)

    def finish(
        self, scene: Scene, worn: Garment, fitting: Fitting, options: Options, progress: Progress = ignore
    ) -> tuple[Image, Verdict]:
        """The picture of a top so fitted, and what the self-check says of it."""
        progress("drawing the garment", 0.68)
        canvas = open_canvas(scene.photo, scene.person, scene.body, fitting)
        drawn = draw_garment(canvas, worn, fitting)
        progress("taking the old garment off", 0.76)
        repaired = take_off(canvas, drawn.spared, fitting, options.seed)
        progress("putting the garment on", 0.85)
        composed = compose(canvas, fitting, drawn, repaired, options.seed)
        result = scene.photo.copy()
        left, top, right, bottom = canvas.box
        result[top:bottom, left:right] = composed.image
        progress("checking the result", 0.92)
        verdict = judge(
            self._loaded(), scene.pose, worn, canvas, fitting, drawn, repaired, composed, scene.photo, result
        )
        return result, verdict

    def check(self, person: bytes | None, garment: bytes | None) -> list[InputProblem]:
        """Everything that can be told quickly to be wrong with one or both pictures, and with both together."""
        problems: list[InputProblem] = []
        covers_legs = False
        if garment is not None:
            try:
                covers_legs = not isinstance(self._quick_outfit(garment), Garment | None)
            except InputProblem as problem:
                problems.append(problem)
        if person is not None:
            try:
                problems[:0] = self._person_problems(person, covers_legs)
            except InputProblem as problem:
                problems.insert(0, problem)
        return problems

    def _person_problems(self, data: bytes, covers_legs: bool) -> list[InputProblem]:
        photo = read_picture(data, "person", _CHECK_SIDE)
        pose, size = find_pose(self._loaded(), photo), (photo.shape[1], photo.shape[0])
        problems = list(person_problems(pose, *size))
        if covers_legs and pose is not None and not problems:
            problems += lower_body_problems(pose, *size)
        return problems

    def _quick_outfit(self, data: bytes) -> Outfit | None:
        """The garment, coarsely; none when somebody wears it. Raises InputProblem."""
        outfit = read_picture(data, "garment", _CHECK_SIDE)
        if wearer_in(self._loaded(), outfit, "auto") is not None:
            return None
        for problem in flat_garment_problems(outfit):
            raise problem
        return read_outfit(self._loaded(), outfit, None, "auto", 320)

    def _usable_pose(self, photo: Image) -> Pose:
        pose = find_pose(self._loaded(), photo)
        for problem in person_problems(pose, photo.shape[1], photo.shape[0]):
            raise problem
        assert pose is not None  # noqa: S101 - a missing pose is the first of the problems
        return pose

    def _usable_garment(self, outfit: Image, options: Options, pause: Callable[[], None]) -> Outfit:
        picture = hashlib.sha256(outfit.tobytes()).hexdigest()
        key = (picture, str(outfit.shape), options.garment_photo_type, options.category)
        found = self._garments.pop(key, None)
        if found is None:
            wearer = wearer_in(self._loaded(), outfit, options.garment_photo_type)
            if wearer is not None:  # no picture of a person is remembered
                return read_outfit(self._loaded(), outfit, wearer, options.category, _CLOTH_SIDE, pause)
            for problem in flat_garment_problems(outfit):
                raise problem
            found = read_outfit(self._loaded(), outfit, None, options.category, _CLOTH_SIDE, pause)
        self._garments[key] = found
        while len(self._garments) > self.garments_kept:
            del self._garments[next(iter(self._garments))]  # the one not used for longest
        return found

    def _loaded(self) -> Models:
        self.prepare()
        assert self._models is not None  # noqa: S101 - prepare either loads or raises
        return self._models
