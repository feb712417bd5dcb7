"""Outlines, necks and sleeves: what a buyer sees at once when it is wrong. All on drawn input."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sandbox.drawings import Colour, sweater, tshirt
from sandbox.mannequin import ELBOW, WIDTH, WRIST
from sandbox.mannequin import person as mannequin
from services.tryon.engines.local.arrays import Image, Mask, closed, fill_holes, resize_image, smoothed
from services.tryon.engines.local.canvas import open_canvas
from services.tryon.engines.local.cutout import cut_out
from services.tryon.engines.local.drawing import armhole, draw_garment
from services.tryon.engines.local.engine import LocalEngine, Options, Scene
from services.tryon.engines.local.garment import Garment, flat_garment
from services.tryon.engines.local.landmarks import garment_landmarks
from services.tryon.engines.local.neckline import neck_opening
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.warp import Fitting
from services.tryon.tests.engine.conftest import decoded, encoded

OLD, NEW = (240, 60, 200), (20, 110, 70)
_SCALE = 640 / 1024  # work frame per drawn pixel


def _work_frame(file: bytes) -> Image:
    return resize_image(read_picture(file, "garment"), (480, 640))


def _turns(mask: Mask) -> float:
    """How long the outline is."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.arcLength(outlines[0], True)


def test_a_ragged_outline_becomes_one_smooth_line() -> None:
    rows = np.arange(200)[:, None]
    edge = 60 + 3 * np.random.default_rng(1).standard_normal((200, 1))
    ragged = np.broadcast_to(np.arange(120)[None] < edge, (200, 120)) & (rows > 20) & (rows < 180)
    matte = smoothed(ragged, 5.0)
    assert _turns(matte > 0.5) < 0.85 * _turns(ragged)
    across = matte[100]
    assert np.abs((across > 0.5).sum() - 60) < 3
    assert ((across > 0.05) & (across < 0.95)).sum() <= 4  # crisp


@pytest.mark.parametrize(("colour", "label"), [((96, 30, 140), (250, 250, 250)), ((18, 20, 48), (48, 74, 150))])
def test_no_label_is_left_in_the_neck(colour: Colour, label: Colour) -> None:
    second = (colour[0] + 6, colour[1] + 6, colour[2] + 6)
    picture = decoded(tshirt(colour, second=second)).copy()
    top = 196  # inside the drawn opening, which ends at 240
    picture[top : top + 22, 360:408] = label
    image = _work_frame(encoded(picture))
    mask = cut_out(image).mask
    opening = neck_opening(garment_landmarks(image, mask).neckline, (480, 640), 1.0)
    seen = opening[round(top * _SCALE) : round((top + 22) * _SCALE), round(362 * _SCALE) : round(406 * _SCALE)]
    assert seen.min() > 0.9


def _rolled_neck() -> Image:
    """A sweater whose collar stands 60 drawn pixels high, in the work frame."""
    picture = decoded(sweater((40, 90, 130), second=(40, 90, 130))).copy()
    picture[118:215, 318:450] = (40, 90, 130)
    return _work_frame(encoded(picture))


def test_a_collar_that_stands_up_stays_whole() -> None:
    image = _rolled_neck()
    mask = cut_out(image).mask
    marks = garment_landmarks(image, mask)
    left, right = (side.collar for side in marks.sides)
    assert np.abs(np.array([left[0], right[0]]) / _SCALE - [318, 450]).max() < 12
    assert left[1] / _SCALE < 170
    assert marks.neckline.points[:, 1].max() / _SCALE < 200  # the front's edge is near the collar's upper one


def test_stripes_of_the_backgrounds_colour_are_cloth() -> None:
    mask = cut_out(_work_frame(sweater((150, 40, 60), "stripes"))).mask
    assert (fill_holes(mask) & ~mask).sum() < 0.002 * mask.sum()


def test_background_between_sleeve_and_torso_is_no_cloth() -> None:
    file = sweater((110, 30, 150))
    image = _work_frame(file)
    right = cut_out(image).mask
    generous = closed(right, 9)
    wedge = generous & ~right
    marks = garment_landmarks(image, right)
    garment = flat_garment(image, generous, replace(marks, error=0.0), read_picture(file, "garment"), 640)
    assert wedge.sum() > 100
    beside = wedge & (np.arange(640)[:, None] > marks.sides[0].armpit[1])
    assert (garment.mask & beside).sum() < 0.35 * beside.sum()
    assert (right & ~garment.mask).sum() < 0.02 * right.sum()


def test_thearmhole_runs_from_shoulder_to_armpit(fitting: Fitting) -> None:
    for plan in fitting.plans:
        seam = np.stack(armhole(plan))
        assert np.allclose(seam[0], plan.shoulder)
        assert np.allclose(seam[-1], plan.armpit)
        straight = plan.shoulder + (plan.armpit - plan.shoulder) * np.linspace(0, 1, len(seam))[:, None]
        inward = np.sign(plan.collar[0] - plan.shoulder[0])
        assert ((seam - straight)[1:-1, 0] * inward > 0).all()


def test_torso_and_sleeves_leave_no_hole_at_the_armpits(scene: Scene, garment: Garment, fitting: Fitting) -> None:
    canvas = open_canvas(scene.photo, scene.person, scene.body, fitting)
    cover = draw_garment(canvas, garment, fitting).cover
    for index, plan in enumerate(fitting.plans):
        arm = canvas.body.arms[index]
        end = arm.section(plan.sleeve_share * arm.reach - 0.05 * arm.measure)
        corners = [plan.shoulder, plan.armpit, end.centre]
        inside = polygon(canvas.size, [canvas.place(point) for point in corners])
        assert (cover[inside] > 0.9).mean() > 0.98


def test_nothing_of_the_old_garment_shows_between_arm_and_torso(engine: LocalEngine) -> None:
    before = mannequin(top=OLD)
    person, garment = encoded(before), tshirt(NEW, second=NEW)
    picture = engine.generate(person, garment, Options(output_format="png", category="tops"))
    after = decoded(picture.data).astype(np.int16)
    rows = slice(int(ELBOW[1]) - 130, int(WRIST[1]) - 60)
    columns = slice(WIDTH // 2 - 190, WIDTH // 2 + 190)
    old = (np.abs(after - OLD).max(axis=2) < 60)[rows, columns]
    assert (np.abs(before.astype(np.int16) - OLD).max(axis=2) < 60)[rows, columns].mean() > 0.2
    assert old.mean() < 0.001
