"""The self-check sees what a retoucher would send back: one good picture, spoilt in one way after another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import tshirt
from services.tryon.engines.local.arrays import Image, Mask, Plane, dilate, erode, floats, soften
from services.tryon.engines.local.check import judge
from services.tryon.engines.local.compose import compose
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.engine import LocalEngine
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.outline_check import ragged, unevenness
from services.tryon.engines.local.paint_check import rests
from services.tryon.engines.local.verdict import LEAST_SCORE, UPPER_LIMITS, Verdict
from services.tryon.tests.engine.conftest import encoded
from services.tryon.tests.engine.test_light import Try

Spoilt = SimpleNamespace  # drawn, repaired, composed


@pytest.fixture(scope="module")
def good(engine: LocalEngine) -> Try:
    """A T-shirt on the mannequin, who wore long sleeves and light trousers."""
    return Try(engine, encoded(mannequin.person(bottom=(226, 214, 190), long_sleeves=True)), tshirt((24, 120, 70)))


@pytest.fixture(scope="module")
def photographed(engine: LocalEngine, person: bytes) -> Try:
    """The same T-shirt on the astronaut, whose own skin has the grain of a photo."""
    return Try(engine, person, tshirt((24, 120, 70)))


def _judged(model_dir: Path, good: Try, spoilt: Spoilt) -> Verdict:
    photo, box = good.scene.photo, good.canvas.box
    result = photo.copy()
    result[box[1] : box[3], box[0] : box[2]] = spoilt.composed.image
    return judge(
        Models(model_dir, 1),
        good.scene.pose,
        good.garment,
        good.canvas,
        good.fitting,
        spoilt.drawn,
        spoilt.repaired,
        spoilt.composed,
        photo,
        result,
    )


def _without(good: Try, gone: Mask) -> Spoilt:
    """The same with a part of the garment missing."""

    def cut(layer: Layer) -> Layer:
        return replace(layer, alpha=floats(layer.alpha * ~gone), whole=floats(layer.whole * ~gone))

    drawn = DrawnGarment(cut(good.drawn.torso), tuple(cut(one) for one in good.drawn.sleeves), good.drawn.opening)
    return Spoilt(
        drawn=drawn,
        repaired=good.repaired,
        composed=compose(good.canvas, good.fitting, drawn, good.repaired, 0),
    )


def _outline(plane: Plane) -> list[tuple[int, int]]:
    lines, _ = cv2.findContours((plane > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(int(x), int(y)) for x, y in max(lines, key=len)[:, 0]]


def _bites(good: Try, places: list[tuple[int, int]], apart: float, radius: float) -> Mask:
    bites = np.zeros(good.drawn.cover.shape, np.uint8)
    unit = good.canvas.unit
    for x, y in places[:: max(1, round(apart * unit))]:
        cv2.circle(bites, (x, y), max(1, round(radius * unit)), 1, -1)
    return bites > 0


def _nibbled(good: Try) -> Spoilt:
    return _without(good, _bites(good, _outline(good.drawn.cover), 0.06, 0.018))


def _torn_collar(good: Try) -> Spoilt:
    """Shreds instead of the collar's left half."""
    axis = float(good.canvas.place(good.canvas.body.skeleton.neck)[0])
    last = good.canvas.row(float(good.canvas.body.skeleton.neck[1])) + 0.25 * good.canvas.unit
    places = [(x, y) for x, y in _outline(good.drawn.cover) if axis - 0.45 * good.canvas.unit < x < axis and y < last]
    return _without(good, _bites(good, places, 0.06, 0.02))


def _repainted(good: Try, image: Image) -> Spoilt:
    return Spoilt(drawn=good.drawn, repaired=good.repaired, composed=replace(good.composed, image=image))


def _blurred_hem(good: Try) -> Spoilt:
    image = good.composed.image
    soft = cv2.GaussianBlur(image, (0, 0), 0.035 * good.canvas.unit)
    row = good.canvas.row(good.fitting.hem)
    near = np.abs(np.arange(image.shape[0]) - row) < 0.15 * good.canvas.unit
    return _repainted(good, np.where(near[:, None, None], soft, image).astype(np.uint8))


def _flat_arms(good: Try) -> Spoilt:
    skin = good.repaired.skin
    image = good.composed.image.copy()
    image[skin] = np.median(image[skin], axis=0).astype(np.uint8)
    return _repainted(good, image)


def _noisy_flat_arms(good: Try) -> Spoilt:
    flat = _flat_arms(good).composed.image.astype(np.float32)
    noise = np.random.default_rng(5).normal(0, 1.2, flat.shape[:2])[..., None]
    noisy = np.clip(flat + noise * good.repaired.skin[..., None], 0, 255).astype(np.uint8)
    return _repainted(good, noisy)


def _old_sleeve_left(good: Try) -> Spoilt:
    """A patch of the old sleeve beside the new one's cuff, as it was."""
    limb = good.canvas.body.skeleton.limbs[0]
    patch = good.canvas.limb(limb.elbow, limb.elbow * 0.9 + limb.wrist * 0.1, 0.06, 0.06) & (
        good.canvas.mattes.top > 0.9
    )
    assert patch.sum() > 0.006 * good.canvas.unit**2
    return _repainted(good, np.where(patch[..., None], good.canvas.image, good.composed.image))


def _neck_painted_over(good: Try) -> Spoilt:
    """Background where the neck was."""
    skeleton = good.canvas.body.skeleton
    seen = erode((good.canvas.mattes.person > 0.95) & (good.composed.shown < 0.1), 2)
    rows = np.arange(seen.shape[0])[:, None]
    chin = good.canvas.row(float(skeleton.chin[1]))
    gone = seen & (rows > chin) & (rows < chin + 0.35 * good.canvas.unit)
    gone &= dilate(good.canvas.mattes.face, 0.2 * good.canvas.unit) & ~good.canvas.mattes.face
    background = np.full_like(good.composed.image, 208)
    image = np.where(soften(gone, 1)[..., None] > 0.5, background, good.composed.image)
    spoilt = _repainted(good, image.astype(np.uint8))
    spoilt.repaired = replace(good.repaired, background=good.repaired.background | gone)
    return spoilt


SPOILT: dict[str, tuple[Callable[[Try], Spoilt], str]] = {
    "outline nibbled": (_nibbled, "ragged"),
    "collar torn": (_torn_collar, "nibbled"),
    "hem blurred": (_blurred_hem, "soft"),
    "a patch of the old sleeve": (_old_sleeve_left, "rests"),
    "the neck painted over": (_neck_painted_over, "bitten"),
}


def test_the_picture_as_it_was_made_passes(model_dir: Path, good: Try) -> None:
    untouched = Spoilt(drawn=good.drawn, repaired=good.repaired, composed=good.composed)
    verdict = _judged(model_dir, good, untouched)
    assert verdict.score > 0.7
    assert not {words for _, _, words in UPPER_LIMITS.values()} & set(verdict.problems)


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_picture_is_refused(model_dir: Path, good: Try, how: str) -> None:
    spoil, measure = SPOILT[how]
    verdict = _judged(model_dir, good, spoil(good))
    assert UPPER_LIMITS[measure][2] in verdict.problems
    assert verdict.score < LEAST_SCORE


def test_a_bag_of_the_old_garments_colour_that_the_new_one_half_hides_is_no_rest_of_it(good: Try) -> None:
    canvas, unit = good.canvas, good.canvas.unit
    hem, middle = round(canvas.row(good.fitting.hem)), good.at(0, 0)[1]
    rows, columns = (np.arange(side) for side in canvas.image.shape[:2])
    bag = (np.abs(rows - hem) < 0.12 * unit)[:, None] & (np.abs(columns - middle) < 0.12 * unit)[None]
    image = canvas.image.copy()
    image[bag] = np.median(image[canvas.mattes.top > 0.95], axis=0)
    shown = bag & (good.composed.shown > 0.05)
    composed = replace(good.composed, image=np.where(shown[..., None], good.composed.image, image).astype(np.uint8))
    measured = []
    for owned in (0, 1):  # whether what the new garment hides of it was the old garment
        top, bottom = canvas.mattes.top.copy(), canvas.mattes.bottom.copy()
        top[bag], bottom[bag] = 0, 0
        top[shown] = owned
        mattes = replace(canvas.mattes, top=top, bottom=bottom, person=np.maximum(canvas.mattes.person, bag))
        measured.append(rests(replace(canvas, image=image, mattes=mattes), composed))
    assert measured[0] == 0
    assert measured[1] > UPPER_LIMITS["rests"][1]


@pytest.mark.parametrize("paint", [_flat_arms, _noisy_flat_arms])
def test_flat_arms_are_refused(model_dir: Path, photographed: Try, paint: Callable[[Try], Spoilt]) -> None:
    untouched = Spoilt(drawn=photographed.drawn, repaired=photographed.repaired, composed=photographed.composed)
    # The astronaut's hands are not to be seen, so that neither is good as a whole.
    flat = "painted skin is flat"
    assert _judged(model_dir, photographed, untouched).grades[flat] > 0.7
    verdict = _judged(model_dir, photographed, paint(photographed))
    assert verdict.grades[flat] < LEAST_SCORE, verdict.measures


def test_a_frayed_garment_may_have_a_frayed_outline() -> None:
    """What is so in the garment's own picture is no fault of the drawing; a plain cloth's cutout has no such excuse."""
    chance = np.random.default_rng(2)
    matte = np.zeros((600, 500), np.float32)
    matte[100:500, 100:400] = 1
    for x, y in _outline(matte)[::24]:
        cv2.circle(matte, (x, y), 4, 0, -1)
    plain = np.full((600, 500, 3), 120, np.uint8)
    worn_out = chance.integers(0, 255, plain.shape, np.uint8)
    as_plain, as_frayed = (ragged(matte, 200.0, Cloth(colours, matte, 1.0)) for colours in (plain, worn_out))
    assert as_plain["ragged"] > UPPER_LIMITS["ragged"][1]
    assert as_frayed["ragged"] < UPPER_LIMITS["ragged"][0]
    assert as_frayed["nibbled"] < UPPER_LIMITS["nibbled"][0]


def test_half_a_collar_under_hair_is_told_in_worn_garments_only(good: Try) -> None:
    left, right = good.garment.landmarks.sides
    hidden = good.garment.mask.copy()
    armpit = round(float(left.armpit[1]))
    hidden[
        :armpit, round(float(left.shoulder[0])) - 40 : round(float(0.6 * left.collar[0] + 0.4 * right.collar[0]))
    ] = False
    worn = replace(good.garment, worn_by=good.scene.body)
    torn = replace(worn, mask=hidden)
    assert unevenness(worn) < UPPER_LIMITS["uneven"][0]
    assert unevenness(torn) > UPPER_LIMITS["uneven"][1]
    assert unevenness(replace(torn, worn_by=None)) == 0
