"""What was under the old garment: skin like the skin beside it, and untouched surroundings."""

import numpy as np
import pytest

from sandbox.drawings import vest
from services.tryon.engines.local.arrays import Colours, blur, dilate, erode, lab_of, opened
from services.tryon.engines.local.canvas import Canvas, open_canvas
from services.tryon.engines.local.drawing import draw_garment
from services.tryon.engines.local.engine import LocalEngine, Options
from services.tryon.engines.local.filters import filled_in, push_pull
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.layers import DrawnGarment
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.repair import Repaired, arm_without_dents, take_off
from services.tryon.engines.local.warp import Fitting, fit


@pytest.fixture(scope="module")
def bared(engine: LocalEngine, person: bytes) -> tuple[Canvas, Fitting, DrawnGarment]:
    """The astronaut, whose arms a vest bares."""
    scene = engine.understand(read_picture(person, "person"), read_picture(vest(), "garment"), Options())
    assert isinstance(scene.worn, Garment)
    fitting = fit(scene.worn, scene.body)
    canvas = open_canvas(scene.photo, scene.person, scene.body, fitting)
    return canvas, fitting, draw_garment(canvas, scene.worn, fitting)


@pytest.fixture(scope="module")
def repaired(bared: tuple[Canvas, Fitting, DrawnGarment]) -> Repaired:
    """With the suit taken off."""
    canvas, fitting, drawn = bared
    return take_off(canvas, drawn.cover, fitting, seed=1)


def test_bared_skin_has_the_colour_of_the_face(bared: tuple[Canvas, Fitting, DrawnGarment], repaired: Repaired) -> None:
    canvas = bared[0]
    assert repaired.skin.sum() > 500
    shown = np.median(lab_of(repaired.colours.astype(np.uint8))[repaired.skin], axis=0)
    assert np.abs(shown[1:] - canvas.skin.colour[1:]).max() < 10
    assert abs(shown[0] - canvas.skin.colour[0]) < 50


def test_bared_skin_is_not_flat_paint(repaired: Repaired) -> None:
    lightness = np.ascontiguousarray(lab_of(np.clip(repaired.colours, 0, 255).astype(np.uint8))[..., 0])
    inside = repaired.skin
    fine, broad = lightness - blur(lightness, 3.0), blur(lightness, 6.0)
    assert 0.3 < float(fine[inside].std()) < 12  # pores
    assert float(np.ptp(np.percentile(broad[inside], [5, 95]))) > 8  # light


def test_what_is_not_under_the_old_garment_stays(
    bared: tuple[Canvas, Fitting, DrawnGarment], repaired: Repaired
) -> None:
    canvas = bared[0]
    change = np.abs(repaired.colours - canvas.image).max(axis=2)
    assert change[canvas.mattes.face].max() < 1
    assert np.median(change[canvas.mattes.person < 0.01]) == 0


def test_the_grain_is_the_seeds(bared: tuple[Canvas, Fitting, DrawnGarment], repaired: Repaired) -> None:
    canvas, fitting, drawn = bared
    assert np.array_equal(take_off(canvas, drawn.cover, fitting, seed=1).colours, repaired.colours)
    assert not np.array_equal(take_off(canvas, drawn.cover, fitting, seed=2).colours, repaired.colours)


def _half_known() -> tuple[Colours, Colours]:
    known = np.zeros((96, 96), np.float32)
    known[:, :24], known[:, 72:] = 1, 1
    colours = np.full((96, 96, 3), 255, np.float32)
    colours[:, :24], colours[:, 72:] = 60, 160
    return colours, known


def test_a_fill_carries_on_what_is_next_to_it() -> None:
    colours, known = _half_known()
    for filled in (push_pull(colours, known), filled_in(colours, known > 0)):
        assert filled[48, 28, 0] < 85
        assert filled[48, 68, 0] > 135
        assert 80 < filled[48, 48, 0] < 140


def test_an_arm_has_no_dents(bared: tuple[Canvas, Fitting, DrawnGarment]) -> None:
    canvas = bared[0]
    arm = opened(canvas.arm(0, (0.14, 0.12, 0.1)), 0.03 * canvas.unit)
    edge = arm & ~erode(arm, 0.03 * canvas.unit)
    rows = np.arange(canvas.size[1])[:, None]
    bitten = arm & ~(edge & (rows % round(0.2 * canvas.unit) < 0.06 * canvas.unit))
    missing = arm & ~bitten & erode(arm, 2)
    even = arm_without_dents(canvas, bitten, 0)
    assert missing.sum() > 100
    assert even[missing].mean() > 0.7  # not the corners of the bites
    assert (even & ~dilate(arm, 2)).sum() < 0.01 * arm.sum()  # the bend of an elbow is rounded
