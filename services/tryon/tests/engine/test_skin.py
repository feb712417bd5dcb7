"""Skin that the old garment hid: one person's tone, an even outline, no seam to the skin that shows."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import tshirt, vest
from services.tryon.engines.local.arrays import Colours, Mask, blur, erode, lab_of
from services.tryon.engines.local.bare import arm_form
from services.tryon.engines.local.engine import LocalEngine
from services.tryon.engines.local.repair import take_off
from services.tryon.engines.local.skin import skin_shown, skin_tone
from services.tryon.engines.local.waistband import waist_of
from services.tryon.tests.engine.conftest import encoded
from services.tryon.tests.engine.test_light import Try

_BACKGROUND = (212, 208, 206)  # the mannequin's, blue first
_SLEEVES = (150, 30, 44)


@pytest.fixture(scope="module")
def bared(engine: LocalEngine) -> Try:
    """A vest on the mannequin, who wore long red sleeves."""
    return Try(engine, encoded(mannequin.person(top=_SLEEVES, long_sleeves=True)), vest())


def _lab(bared: Try) -> Colours:
    return lab_of(bared.composed.image)


def test_an_arm_is_of_one_hue_from_shoulder_to_hand(bared: Try) -> None:
    lab = _lab(bared)
    for arm in (arm_form(bared.canvas, index) for index in (0, 1)):
        core = bared.repaired.skin & erode(arm.mask, 4) & (np.abs(arm.beside) < 0.5)
        hues = [
            np.median(lab[core & (arm.along >= at) & (arm.along < at + 0.25)], axis=0)[1:]
            for at in np.arange(0.5, 1.9, 0.25)
        ]
        assert np.ptp(hues, axis=0).max() < 5


def test_no_step_is_seen_where_painted_skin_meets_a_hand_that_is_more_tanned(engine: LocalEngine) -> None:
    picture = mannequin.person(top=_SLEEVES, long_sleeves=True)
    skin = np.abs(picture.astype(np.int16) - (214, 168, 142)).max(axis=2) < 70
    skin[: mannequin.WRIST[1]] = False
    tan = np.where(cv2.dilate(skin.astype(np.uint8), np.ones((5, 5)))[..., None] > 0, (0.86, 0.82, 0.76), 1.0)
    tanned = Try(engine, encoded((picture * tan).astype(np.uint8)), vest())
    lab = blur(_lab(tanned), 1.5)
    for arm in (arm_form(tanned.canvas, index) for index in (0, 1)):
        core = erode(arm.mask, 3) & (np.abs(arm.beside) < 0.45)
        end = float(arm.along[core & tanned.repaired.skin].max())
        assert end > 1.8  # down to the cuff
        steps = [
            np.median(lab[core & (arm.along > at) & (arm.along <= at + 0.04)], axis=0)
            for at in np.arange(end - 0.2, end + 0.08, 0.04)
        ]
        assert np.abs(np.diff(steps, axis=0))[:, 0].max() < 9
        assert np.abs(np.diff(steps, axis=0))[:, 1:].max() < 4


def _person(bared: Try) -> Mask:
    offset = np.abs(bared.composed.image.astype(np.float32) - np.array(_BACKGROUND, np.float32)).max(axis=2)
    person: Mask = offset > 30
    return person


def test_the_outline_of_a_bared_arm_has_no_fringe(bared: Try) -> None:
    person = _person(bared)
    for sign in (-1, 1):
        rows = np.arange(bared.at(0, 350)[0], bared.at(0, 560)[0])
        side = person[rows][:, ::-sign]  # from the picture's border inwards
        edge = side.argmax(axis=1).astype(np.float64)
        smooth = cv2.GaussianBlur(edge[:, None], (1, 0), 5.0, borderType=cv2.BORDER_REFLECT)[:, 0]
        assert np.abs(edge - smooth)[8:-8].max() < 1.6


def test_nothing_of_the_old_sleeve_is_left_beside_the_arm(bared: Try) -> None:
    old, shown = bared.repaired.exposed, bared.composed.shown
    lab = _lab(bared)
    red = np.array(lab_of(np.full((1, 1, 3), _SLEEVES[::-1], np.uint8))[0, 0])
    near = np.hypot(lab[..., 1] - red[1], lab[..., 2] - red[2]) < 18
    assert old.sum() > 5000
    assert (near & old & (shown < 0.02)).sum() < 10


def test_skin_in_shade_is_told_from_skin_in_light(bared: Try) -> None:
    canvas = bared.canvas
    tone = skin_tone(canvas, skin_shown(canvas, bared.repaired.exposed))
    lit, shaded = (tone.at(np.full((1, 1), tone.colour[0] + light, np.float32))[0, 0] for light in (0.0, -40.0))
    assert abs(lit[0] - canvas.skin.colour[0]) < 25
    assert np.abs(lit[1:] - canvas.skin.colour[1:]).max() < 8
    assert shaded[1] > lit[1]  # redder


def test_the_waist_is_where_the_old_hem_leaves_it_off(engine: LocalEngine) -> None:
    dressed = Try(engine, encoded(mannequin.person()), tshirt((30, 60, 120)))
    waist = waist_of(dressed.canvas)
    columns = slice(dressed.at(-50, 0)[1], dressed.at(50, 0)[1])
    assert np.abs(waist[0, columns] - dressed.at(0, 548)[0]).max() < 10
    assert np.abs(np.diff(waist[0])).max() < 1


def test_a_gap_beside_the_trunk_that_was_taken_for_cloth_stays_open(engine: LocalEngine) -> None:
    made = Try(engine, encoded(mannequin.person()), vest())
    canvas, rows = made.canvas, slice(made.at(0, 455)[0], made.at(0, 530)[0])
    gap = np.zeros(canvas.mattes.top.shape, np.bool_)
    gap[rows, made.at(82, 0)[1] : made.at(98, 0)[1]] = True
    top, person = (np.where(gap, np.float32(1), plane) for plane in (canvas.mattes.top, canvas.mattes.person))
    left, right = canvas.body.sides
    wide = replace(canvas.body, sides=(left, right + 20 / canvas.scale))
    mistaken = replace(canvas, body=wide, mattes=replace(canvas.mattes, top=top, person=person))
    bare = take_off(mistaken, np.zeros_like(top), made.fitting, seed=0)
    inside = erode(gap, 3)
    assert inside.sum() > 300
    assert np.abs(np.median(bare.colours[inside], axis=0) - _BACKGROUND).max() < 8
    assert (bare.skin & inside).mean() < 0.1 * inside.mean()
