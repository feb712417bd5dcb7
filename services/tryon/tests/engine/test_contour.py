"""Outlines as even lines: the noise along them goes, corners, ruffles and straps stay. All on drawn shapes."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from sandbox.drawings import tshirt
from sandbox.mannequin import person as mannequin
from services.tryon.engines.local.arrays import Mask, Plane, blur, floats
from services.tryon.engines.local.canvas import open_canvas
from services.tryon.engines.local.contour import even_matte, settled_matte
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.drawing import draw_garment
from services.tryon.engines.local.engine import LocalEngine, Options, Scene
from services.tryon.engines.local.filters import continued
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.warp import Fitting, fit
from services.tryon.tests.engine.conftest import decoded, encoded

_SIGMA, _NOISE = 12.0, 4.0
_SHIRT = [(150, 60), (210, 90), (270, 60), (330, 90), (390, 210), (330, 240), (300, 190), (304, 470), (116, 470),
          (120, 190), (90, 240), (30, 210), (90, 90)]  # fmt: skip
_BLUNT, _ARMPITS = ((150, 60), (210, 90), (270, 60), (330, 90), (90, 90)), ((300, 190), (120, 190))


def _signed(mask: Mask) -> Plane:
    inside, outside = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) for side in (mask, ~mask))
    return floats(inside - outside)


def _filled(points: list[tuple[int, int]]) -> Mask:
    drawn = np.zeros((520, 420), np.uint8)
    cv2.fillPoly(drawn, [np.array(points, np.int32)], 1)
    return drawn > 0


def _nibbled(mask: Mask, amplitude: float, seed: int = 0) -> Mask:
    """A mask whose outline wavers by `amplitude` pixels, in waves of about ten."""
    noise = blur(floats(np.random.default_rng(seed).standard_normal(mask.shape)), 3.0)
    nibbled: Mask = _signed(mask) + noise * (amplitude / noise.std()) > 0
    return nibbled


def _outline(mask: Mask) -> npt.NDArray[np.float64]:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=cv2.contourArea)[:, 0].astype(np.float64)


def _wiggle(mask: Mask) -> float:
    """How much an outline turns to and fro, in radians per 100 pixels."""
    line = _outline(mask)
    steps = np.roll(line, -6, axis=0) - line
    before, after = steps, np.roll(steps, -6, axis=0)
    turn = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    return float(np.abs(turn).mean() / 6 * 100)


def _furthest(matte: Plane, true: Mask, share: float = 0.97) -> float:
    """How far the given share of an outline is at most from the true one."""
    line, drawn = _outline(matte > 0.5).astype(np.intp), np.ones(true.shape, np.uint8)
    drawn[*_outline(true).astype(np.intp).T[::-1]] = 0
    away = cv2.distanceTransform(drawn, cv2.DIST_L2, 5)
    return float(np.quantile(away[line[:, 1], line[:, 0]], share))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_nibbled_outline_becomes_even_and_stays_where_it_is(seed: int) -> None:
    true = _filled(_SHIRT)
    nibbled = _nibbled(true, 1.5, seed)
    even = even_matte(nibbled, _SIGMA, _NOISE)
    assert _wiggle(nibbled) > 2.5 * _wiggle(true)
    assert _wiggle(even > 0.5) < 0.6 * _wiggle(nibbled)
    assert _furthest(even, true) < 2.6
    assert _furthest(even, true, 0.5) < 1.2


def test_the_corners_of_cuffs_and_hem_stay() -> None:
    true = _filled(_SHIRT)
    even = even_matte(true, _SIGMA, _NOISE)
    line = _outline(even > 0.5)
    for corner in _SHIRT:
        if corner not in _BLUNT:
            assert np.hypot(*(line - corner).T).min() < (6 if corner in _ARMPITS else 2), corner


def test_an_even_outline_is_crisp_and_loses_no_cloth() -> None:
    true = _filled(_SHIRT)
    even = even_matte(true, _SIGMA, _NOISE)
    assert abs(even.sum() / true.sum() - 1) < 0.004
    across = even[400]
    assert ((across > 0.02) & (across < 0.98)).sum() <= 6  # three a side
    assert even_matte(np.zeros((40, 40), np.bool_), _SIGMA, _NOISE).max() == 0


@pytest.mark.parametrize(("height", "length"), [(7, 36), (9, 50)])
def test_ruffles_stay(height: float, length: float) -> None:
    rows, columns = np.mgrid[0:300, 0:400]
    true = (rows > 40) & (rows < 200 + height * np.sin(2 * np.pi * columns / length)) & (columns > 40) & (columns < 360)
    even = even_matte(true, _SIGMA, _NOISE)
    assert _furthest(even, true) < 2.5


def test_straps_and_the_gap_between_them_stay() -> None:
    true = np.zeros((300, 300), np.bool_)
    true[120:280, 40:260] = True
    true[20:125, 80:88] = true[20:125, 95:103] = True
    even = even_matte(true, _SIGMA, _NOISE)
    assert even[60, 81:87].min() > 0.9
    assert even[60, 96:102].min() > 0.9
    assert even[60, 90:93].max() < 0.1
    assert even[23:30, 84].min() > 0.9


def test_bands_along_an_outline_go_on_as_bands() -> None:
    colours = np.zeros((60, 60, 3), np.uint8)
    colours[:, :30], colours[:, 30:38] = (250, 250, 250), (200, 90, 10)
    solid = np.broadcast_to(np.arange(60) < 38, (60, 60))
    result = continued(colours, solid, 2, np.broadcast_to(np.arange(60) < 42, (60, 60)))
    assert (result[:, 30:42] == (200, 90, 10)).all()
    assert (result[:, 42:] == 0).all()


def test_what_is_worn_has_an_even_outline_though_its_picture_was_noisy(
    scene: Scene, garment: Garment, fitting: Fitting
) -> None:
    canvas = open_canvas(scene.photo, scene.person, scene.body, fitting)
    cloth = garment.cloth
    noisy = replace(garment, cloth=Cloth(cloth.colours, floats(_nibbled(cloth.alpha > 0.5, 1.5)), cloth.scale))
    clean = draw_garment(canvas, garment, fitting).cover > 0.5
    worn = draw_garment(canvas, noisy, fitting).cover > 0.5
    assert _wiggle(worn) < 1.25 * _wiggle(clean)
    assert (worn & clean).sum() / (worn | clean).sum() > 0.985


def test_the_edge_is_where_the_cloth_ends_and_not_its_shadow_or_halo() -> None:
    true = _filled(_SHIRT)
    fine = blur(floats(true), 0.8)[..., None]
    shade = np.where(_signed(true)[..., None] > -5, 232.0, 246.0)  # what retouching left around it
    picture = np.clip(fine * (150, 60, 30) + (1 - fine) * shade, 0, 255).astype(np.uint8)
    generous = _signed(_nibbled(true, 1.5)) > -3
    settled = settled_matte(generous, picture, 1.6)
    assert _furthest(floats(generous), true, 0.5) > 2
    assert _furthest(settled, true, 0.9) < 1.5
    assert _wiggle(settled > 0.5) < 0.7 * _wiggle(generous)


def test_the_band_of_a_cuff_is_as_wide_all_along(engine: LocalEngine) -> None:
    pale, blue = (230, 228, 232), (20, 60, 180)
    picture = decoded(tshirt(pale, second=pale)).copy()
    shirt = np.abs(picture.astype(np.int16) - picture[2, 2]).max(axis=2) > 8
    for sign in (-1, 1):
        band = np.zeros(shirt.shape, np.uint8)
        outer, inner = np.array([384 + sign * 340, 420]), np.array([384 + sign * 262, 470])
        cv2.line(band, (2 * outer - inner).tolist(), inner.tolist(), 1, 44)
        picture[(band > 0) & shirt] = blue
    photo = read_picture(encoded(mannequin(top=(120, 120, 120))), "person")
    garment = read_picture(encoded(picture), "garment")
    scene = engine.understand(photo, garment, Options(category="tops"))
    assert isinstance(scene.worn, Garment)
    fitting = fit(scene.worn, scene.body)
    canvas = open_canvas(scene.photo, scene.person, scene.body, fitting)
    for sleeve in draw_garment(canvas, scene.worn, fitting).sleeves:
        seen = (sleeve.alpha > 0.5) & (sleeve.colours[..., 0].astype(np.int16) - sleeve.colours[..., 2] > 80)
        widths = seen.sum(axis=0)
        narrow, wide = np.percentile(widths[widths > 0], [10, 90])
        assert wide > 8
        assert narrow > 0.58 * wide
