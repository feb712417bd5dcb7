"""The self-check passes good pictures and refuses broken ones: one fitting, drawn wrong in one way after another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sandbox.drawings import sweater, tshirt
from sandbox.people import PEOPLE, person
from services.tryon.engines.local.arrays import Plane
from services.tryon.engines.local.check import joint_shift
from services.tryon.engines.local.engine import LocalEngine, Options, ResultNotGoodEnough, Scene
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.pose import pose_again
from services.tryon.engines.local.verdict import LEAST_SCORE, Verdict
from services.tryon.engines.local.warp import Fitting, Part, fit
from services.tryon.tests.engine.conftest import Dressed


@pytest.fixture(scope="module")
def scene(engine: LocalEngine) -> Scene:
    """Somebody drawn, with hands to be seen, and a striped T-shirt."""
    garment = read_picture(tshirt((180, 60, 40), "stripes"), "garment")
    return engine.understand(read_picture(person(PEOPLE["Tom"]), "person"), garment, Options())


@pytest.fixture(scope="module")
def garment(scene: Scene) -> Garment:
    """The T-shirt."""
    assert isinstance(scene.worn, Garment)
    return scene.worn


@pytest.fixture(scope="module")
def fitting(scene: Scene, garment: Garment) -> Fitting:
    """As it should be."""
    return fit(garment, scene.body)


Places = tuple[Plane, Plane]  # x and y of each pixel of a map


def _moved(fitting: Fitting, places: Callable[[Plane, Plane], Places]) -> Fitting:
    """The fitting drawn with each pixel taken from another place."""

    def part(one: Part) -> Part:
        rows, columns = np.mgrid[0 : one.across.shape[0], 0 : one.across.shape[1]].astype(np.float32)
        x, y = places(columns, rows)
        across, down = (
            cv2.remap(plane, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1,))
            for plane in (one.across, one.down)
        )
        return replace(one, across=across.astype(np.float32), down=down.astype(np.float32))

    return replace(fitting, parts=tuple(part(one) for one in fitting.parts))


def _with_hole(fitting: Fitting, radius: float) -> Fitting:
    torso = fitting.parts[0]
    drawn = np.argwhere(torso.across >= 0)
    rows, columns = np.mgrid[0 : torso.across.shape[0], 0 : torso.across.shape[1]]
    row, column = np.median(drawn, axis=0)
    hole = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
    across, down = (np.where(hole, np.float32(-1), plane) for plane in (torso.across, torso.down))
    return replace(fitting, parts=(replace(torso, across=across, down=down), *fitting.parts[1:]))


BREAKS: dict[str, Callable[[Fitting, float], Fitting]] = {
    "shifted aside": lambda good, unit: _moved(good, lambda x, y: (x - 0.3 * unit, y)),
    "too low": lambda good, unit: _moved(good, lambda x, y: (x, y - 0.35 * unit)),
    "too narrow": lambda good, unit: _moved(good, lambda x, y: (x.mean() + 1.6 * (x - x.mean()), y)),
    "swaying": lambda good, unit: _moved(good, lambda x, y: (x + 0.25 * unit * np.sin(6 * y / unit), y)),
    "a sleeve lost": lambda good, _unit: replace(good, parts=good.parts[:-1]),
    "both sleeves lost": lambda good, _unit: replace(good, parts=good.parts[:1]),
    "up in the face": lambda good, unit: _moved(good, lambda x, y: (x, y + 0.45 * unit)),
    "a hole in the chest": lambda good, unit: _with_hole(good, 0.22 * unit),
}


def _verdict(engine: LocalEngine, scene: Scene, garment: Garment, fitting: Fitting) -> Verdict:
    return engine.finish(scene, garment, fitting, Options())[1]


def test_a_good_picture_passes(engine: LocalEngine, scene: Scene, garment: Garment, fitting: Fitting) -> None:
    verdict = _verdict(engine, scene, garment, fitting)
    assert verdict.score > 0.7
    assert verdict.problems == []


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_picture_is_refused(
    engine: LocalEngine, scene: Scene, garment: Garment, fitting: Fitting, how: str
) -> None:
    verdict = _verdict(engine, scene, garment, BREAKS[how](fitting, scene.body.skeleton.unit))
    assert verdict.score < LEAST_SCORE
    assert verdict.problems


def test_a_garment_in_the_face_is_told(engine: LocalEngine, scene: Scene, garment: Garment, fitting: Fitting) -> None:
    verdict = _verdict(engine, scene, garment, BREAKS["up in the face"](fitting, scene.body.skeleton.unit))
    assert "the garment reaches into the face" in verdict.problems


@pytest.mark.parametrize(("first_row", "noticed"), [(0, True), (290, False)])
def test_only_with_a_head_is_it_told_who_faces_away(
    model_dir: Path, scene: Scene, first_row: int, noticed: bool
) -> None:
    """Where the head is cut off, the model may take the same picture's left for right."""
    models, photo = Models(model_dir, 1), np.ascontiguousarray(scene.photo[first_row:])
    before = replace(scene.pose, points=scene.pose.points - [0, first_row])
    looked = pose_again(models, photo, before)
    assert looked is not None
    turned = looked.points.copy()
    turned[[11, 12, 23, 24]] = looked.points[[12, 11, 24, 23]]
    measure = scene.body.skeleton.unit / scene.person.scale
    shift = joint_shift(models, before, photo, replace(looked, points=turned), measure, [11, 12, 23, 24])
    assert (shift > 0.4) is noticed


def test_a_worse_shift_scores_lower(engine: LocalEngine, scene: Scene, garment: Garment, fitting: Fitting) -> None:
    unit = scene.body.skeleton.unit

    def score(share: float) -> float:
        return _verdict(engine, scene, garment, _moved(fitting, lambda x, y: (x - share * unit, y))).score

    scores = [score(share) for share in (0.0, 0.08, 0.25)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


def test_a_picture_below_the_line_is_not_handed_out(engine: LocalEngine, person: bytes) -> None:
    """A body seen so much from the side that most of it would have to be invented."""
    photo = read_picture(person, "person")
    narrow = cv2.resize(photo, (round(0.42 * photo.shape[1]), photo.shape[0]))
    wide = cv2.copyMakeBorder(narrow, 0, 0, 140, 140, cv2.BORDER_REPLICATE)
    encoded, data = cv2.imencode(".png", wide)
    assert encoded
    with pytest.raises(ResultNotGoodEnough) as refused:
        engine.generate(data.tobytes(), sweater(), Options())
    assert refused.value.score < LEAST_SCORE
    assert refused.value.problems


def test_scores_tell_pictures_apart(dressed: Dressed) -> None:
    """A score is no formality: a whole, well fitting T-shirt is near the top of the scale."""
    assert dressed.picture.score > 0.7
