"""Folds and shadows on new cloth: what of the old garment's may show, and how far a hem's shadow reaches."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import tshirt
from services.tryon.engines.local.arrays import Mask, blur, erode, floats
from services.tryon.engines.local.drape import bounded, cast_below, drape, most_fold
from services.tryon.engines.local.engine import LocalEngine
from services.tryon.tests.engine.conftest import Image, encoded
from services.tryon.tests.engine.test_light import Try

DEEP = 0.3  # of the light that the drawn folds take away


def _creased(person: Image) -> Image:
    """The person with soft dark folds right across the top."""
    rows = np.arange(person.shape[0])[:, None, None]
    fold = np.exp(-(((rows - 350) % 44 - 22) ** 2) / 36) * ((rows > 330) & (rows < 530))
    columns = np.abs(np.arange(person.shape[1]) - mannequin.WIDTH / 2)[None, :, None] < 90
    return np.asarray(person * (1 - DEEP * fold * columns), np.uint8)


@pytest.fixture(scope="module")
def creased(engine: LocalEngine) -> Try:
    """A plain light T-shirt on somebody whose own top is full of folds."""
    return Try(engine, encoded(_creased(mannequin.person(top=(150, 160, 170)))), tshirt((214, 208, 200)))


def _chest(made: Try) -> Mask:
    """The garment's torso, without its rim."""
    return erode(made.drawn.torso.alpha > 0.99, 0.12 * made.canvas.unit)


def test_weak_shade_stays_and_strong_shade_is_bounded() -> None:
    shade = floats(np.linspace(-1, 1, 201)[None])
    kept = bounded(shade, 0.05)
    assert np.abs(kept).max() <= 0.05
    assert np.allclose(kept[np.abs(shade) < 0.01], shade[np.abs(shade) < 0.01], rtol=0.05)
    assert (np.diff(kept) >= 0).all()


def test_the_old_garments_folds_are_no_stains_on_plain_cloth(creased: Try) -> None:
    chest = _chest(creased)
    light = np.log(drape(creased.canvas, creased.fitting, creased.drawn, 0).torso)
    fine = (light - blur(light, 0.14 * creased.canvas.unit))[chest]
    assert np.percentile(fine, 2) > -0.06  # they took 0.36 away
    assert np.percentile(fine, 2) < -0.01  # and yet they are told


def test_lively_cloth_bears_deeper_folds_than_smooth_cloth(creased: Try) -> None:
    layer = creased.drawn.torso
    smooth = replace(layer, colours=np.full_like(layer.colours, 200))
    lively = replace(layer, colours=smooth.colours.copy())
    lively.colours[:, np.arange(lively.colours.shape[1]) % 14 < 7] = 90
    assert most_fold(creased.canvas, lively) > 1.5 * most_fold(creased.canvas, smooth)


def test_the_shadow_below_a_hem_is_dark_at_the_touch_and_narrow(creased: Try) -> None:
    cloth = np.zeros((200, 60), np.float32)
    cloth[:100] = 1
    measure = creased.canvas.unit
    shadow = cast_below(cloth, creased.canvas)[:, 30]
    assert shadow[100 + round(0.008 * measure)] > 0.12
    assert shadow[100 + round(0.08 * measure)] < 0.01
