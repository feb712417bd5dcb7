"""What lies before what in the finished picture, and what may change in it."""

from dataclasses import replace

import numpy as np
import pytest

from services.tryon.engines.local.arrays import Mask, closed, dilate, erode, soften
from services.tryon.engines.local.canvas import Canvas, open_canvas
from services.tryon.engines.local.compose import Composed, _cracks, compose
from services.tryon.engines.local.drawing import draw_garment
from services.tryon.engines.local.engine import Scene
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.layers import DrawnGarment
from services.tryon.engines.local.repair import Repaired, take_off
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.warp import Fitting


@pytest.fixture(scope="module")
def canvas(scene: Scene, fitting: Fitting) -> Canvas:
    """The astronaut's."""
    return open_canvas(scene.photo, scene.person, scene.body, fitting)


@pytest.fixture(scope="module")
def drawn(canvas: Canvas, garment: Garment, fitting: Fitting) -> DrawnGarment:
    """The T-shirt on it."""
    return draw_garment(canvas, garment, fitting)


@pytest.fixture(scope="module")
def repaired(canvas: Canvas, drawn: DrawnGarment, fitting: Fitting) -> Repaired:
    """The suit taken off."""
    return take_off(canvas, drawn.spared, fitting, 1)


@pytest.fixture(scope="module")
def composed(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired) -> Composed:
    """The finished canvas."""
    return compose(canvas, fitting, drawn, repaired, 1)


def _chest(canvas: Canvas, fitting: Fitting) -> Mask:
    left, right = (plan.edge for plan in fitting.plans)
    return erode(polygon(canvas.size, [canvas.place(point) for point in [*left, *right[::-1]]]), 0.1 * canvas.unit)


def test_the_garment_is_shown_where_it_lies_before_everything(
    canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, composed: Composed
) -> None:
    chest = _chest(canvas, fitting) & (drawn.torso.alpha > 0.99)
    assert composed.shown[chest].mean() > 0.9
    assert np.abs(np.median(composed.image[chest], axis=0) - np.median(drawn.torso.colours[chest], axis=0)).max() < 30


def test_nothing_changes_away_from_garment_shadow_and_repair(
    canvas: Canvas, drawn: DrawnGarment, repaired: Repaired, composed: Composed
) -> None:
    touched = (drawn.cover > 0) | repaired.exposed | (np.abs(repaired.colours - canvas.image).max(axis=2) > 1)
    away = ~dilate(touched, 0.25 * canvas.unit)
    assert away.mean() > 0.05
    assert np.abs(composed.image.astype(int) - canvas.image)[away].max() <= 1


def test_the_face_is_before_whatever_collar(
    canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired
) -> None:
    everywhere = np.ones_like(drawn.torso.alpha)
    smothered = replace(drawn, torso=replace(drawn.torso, alpha=everywhere, whole=everywhere))
    result = compose(canvas, fitting, smothered, repaired, 1)
    face = erode(canvas.mattes.face, 4)
    assert face.any()
    assert result.shown[face].max() < 0.05
    assert np.abs(result.image.astype(int) - canvas.image)[face].mean() < 2


def test_sleeves_do_not_cover_the_chest(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> None:
    """They are clipped at the armhole, whatever the warp does inside of it."""
    chest = _chest(canvas, fitting)
    assert (drawn.torso.alpha[chest] > 0.9).mean() > 0.9
    for sleeve in drawn.sleeves:
        assert (sleeve.alpha[chest] > 0.5).mean() < 0.02
        assert (sleeve.alpha > 0.5).sum() > 0.02 * canvas.unit**2


def test_a_slit_at_the_seam_of_a_sleeve_is_closed_with_cloth(
    canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired, composed: Composed
) -> None:
    sleeve = drawn.sleeves[0]
    seam = dilate(sleeve.alpha > 0.5, 2) & dilate(drawn.torso.alpha > 0.5, 2) & (drawn.cover > 0.9)
    seam &= ~dilate(drawn.cover < 0.5, 0.06 * canvas.unit)
    slit = dilate(sleeve.alpha > 0.5, 1) & seam & ~erode(sleeve.alpha > 0.5, 1)
    assert slit.sum() > 20
    cut = [replace(layer, alpha=layer.alpha * ~slit) for layer in (drawn.torso, *drawn.sleeves)]
    below = replace(repaired, colours=np.where(slit[..., None], np.float32(255), repaired.colours))  # glaring
    result = compose(canvas, fitting, replace(drawn, torso=cut[0], sleeves=tuple(cut[1:])), below, 1)
    assert np.abs(result.image.astype(int) - composed.image)[slit].mean() < 30


def test_an_open_collar_shows_the_neck(composed: Composed, drawn: DrawnGarment) -> None:
    opening = erode(drawn.opening > 0.95, 2)
    assert opening.sum() > 50
    assert composed.shown[opening].max() < 0.1


def test_the_same_seed_composes_the_same(
    canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired, composed: Composed
) -> None:
    assert np.array_equal(compose(canvas, fitting, drawn, repaired, 1).image, composed.image)


def test_a_crack_along_a_seam_is_closed_and_the_outline_is_none(
    canvas: Canvas, fitting: Fitting, drawn: DrawnGarment
) -> None:
    """The pixels along the outline are half covered too; cloth painted there would nibble at it."""
    middle, height = canvas.size[0] // 2, canvas.size[1]
    left, right, seam = (np.zeros((height, canvas.size[0]), np.bool_) for _ in range(3))
    left[60 : height // 2, 40:middle] = right[60 : height // 2, middle + 1 : -40] = True
    seam[70 : height // 2 - 10, middle] = True
    torso, sleeve = (replace(drawn.torso, alpha=soften(mask, 0.6)) for mask in (left, right))
    found = _cracks(canvas, fitting, replace(drawn, torso=torso, sleeves=(replace(sleeve, sign=1),)))
    assert found[seam].all()
    assert not (found & dilate(~closed(left | right, 2), 1)).any()
