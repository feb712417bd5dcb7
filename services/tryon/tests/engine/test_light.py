"""The photo's light on new cloth, and the bare body that a shorter garment shows."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import tshirt, vest
from services.tryon.engines.local.arrays import Plane, blur, box_of, erode, floats, lab_of
from services.tryon.engines.local.bare import Form, arm_form
from services.tryon.engines.local.canvas import Canvas, open_canvas
from services.tryon.engines.local.compose import Composed, compose
from services.tryon.engines.local.drape import Finish, drape, finish_of
from services.tryon.engines.local.drawing import draw_garment, draw_part
from services.tryon.engines.local.engine import LocalEngine, Options, Scene
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.light import Light, edge_width, noise_of
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.repair import Repaired, take_off
from services.tryon.engines.local.warp import Fitting, fit
from services.tryon.engines.local.worn import worn_garment
from services.tryon.tests.engine.conftest import encoded


class Try:
    """One try-on, step by step."""

    def __init__(self, engine: LocalEngine, person: bytes, garment: bytes, seed: int = 0) -> None:
        self.scene: Scene = engine.understand(
            read_picture(person, "person"), read_picture(garment, "garment"), Options(category="tops")
        )
        worn = self.scene.worn
        assert isinstance(worn, Garment)
        self.garment = worn
        self.fitting: Fitting = fit(worn, self.scene.body)
        self.canvas: Canvas = open_canvas(self.scene.photo, self.scene.person, self.scene.body, self.fitting)
        self.drawn: DrawnGarment = draw_garment(self.canvas, worn, self.fitting)
        self.repaired: Repaired = take_off(self.canvas, self.drawn.spared, self.fitting, seed)
        self.composed: Composed = compose(self.canvas, self.fitting, self.drawn, self.repaired, seed)

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Row and column on the canvas of a place on the drawn mannequin, x from its axis."""
        left, top = self.canvas.box[:2]
        return round(y) - top, round(x + mannequin.WIDTH / 2) - left


@pytest.fixture(scope="module")
def black(engine: LocalEngine) -> Try:
    """A black T-shirt on the mannequin."""
    return Try(engine, encoded(mannequin.person()), tshirt((6, 6, 7)))


@pytest.fixture(scope="module")
def bared(engine: LocalEngine) -> Try:
    """A vest on the mannequin, who wore long sleeves."""
    return Try(engine, encoded(mannequin.person(long_sleeves=True)), vest())


def test_the_blur_of_an_edge_is_measured() -> None:
    step = np.zeros((120, 120), np.float32)
    step[:, 60:] = 200
    for sigma in (0.8, 1.4, 2.2):
        assert edge_width(blur(step, sigma), np.ones(step.shape, np.bool_)) == pytest.approx(sigma, abs=0.25)


def test_grain_is_measured_by_its_strength() -> None:
    noise = np.random.default_rng(3).standard_normal((200, 200)).astype(np.float32)
    everywhere = np.ones(noise.shape, np.bool_)
    weak, strong = (noise_of(floats(100 + sigma * noise), everywhere) for sigma in (1.0, 3.0))
    assert strong == pytest.approx(3 * weak, rel=0.01)
    assert 0.6 < weak < 1.1


def test_a_round_form_is_lighter_on_the_side_of_the_lamp_and_darkest_at_its_edges() -> None:
    across = floats(np.broadcast_to(np.linspace(-1, 1, 101), (3, 101)))
    form = Form(np.ones_like(across), across, np.array([1.0, 0.0]))
    shade = Light(0.5).on(form)[1]
    assert shade[75] > shade[25] + 4
    assert shade[0] < shade[50] - 12
    assert np.allclose(Light(0.0).on(form)[1], Light(0.0).on(form)[1][::-1], atol=0.5)


def test_cloth_gets_the_photos_blacks_and_keeps_its_whites() -> None:
    colours = np.zeros((20, 40, 3), np.uint8)
    colours[:, 20:] = 255
    layer = Layer(0, colours, *(np.ones((20, 40), np.float32) for _ in range(2)))
    flat = np.ones((20, 40), np.float32)
    lit = Finish(24.0, np.ones(3), 0.0, 0.0)(layer, box_of(flat), flat, flat)
    assert 22 < lit[10, 5].mean() < 32
    assert lit[10, 35].min() > 253


def test_black_cloth_is_not_blacker_than_anything_else_in_the_photo(black: Try) -> None:
    assert finish_of(black.canvas, black.drawn).lift > 4
    chest = black.composed.image[black.composed.shown > 0.95]
    assert np.percentile(chest.max(axis=1), 20) >= 12


def test_light_follows_the_trunk_and_folds_are_the_seeds(black: Try) -> None:
    first, again, other = (drape(black.canvas, black.fitting, black.drawn, seed).torso for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    row = slice(black.at(0, 420)[0], black.at(0, 480)[0])
    middle = first[row, black.at(-12, 0)[1] : black.at(12, 0)[1]].mean()
    sides = [first[row, black.at(x, 0)[1] : black.at(x + 8, 0)[1]].mean() for x in (-76, 68)]
    assert max(sides) < middle - 0.05


def test_a_hem_sags_in_the_middle_and_shades_what_is_below(black: Try) -> None:
    shown = black.composed.shown > 0.5
    low = [len(shown) - int(shown[::-1, black.at(x, 0)[1]].argmax()) for x in (-60, 0, 60)]
    assert low[1] > (low[0] + low[2]) / 2 + 2
    column = black.at(20, 0)[1]
    hem = len(shown) - int(shown[::-1, column].argmax())
    below = slice(hem + 3, hem + 7), slice(column - 6, column + 6)
    after, before = (picture[below].mean() for picture in (black.composed.image, black.repaired.colours))
    assert after < 0.93 * before


def test_ribs_too_fine_for_the_picture_become_an_even_tone(black: Try) -> None:
    cloth = black.garment.cloth
    ribs = np.zeros(cloth.colours.shape, np.uint8)
    ribs[:, np.arange(int(cloth.colours.shape[1])) % 3 == 0] = 255
    opening = np.zeros(cloth.alpha.shape, np.float32)
    torso = black.fitting.parts[0]
    # Drawn at a third of the size.
    small = replace(black.canvas, image=cv2.resize(black.canvas.image, None, fx=1 / 3, fy=1 / 3).astype(np.uint8))
    small = replace(small, scale=black.canvas.scale / 3)
    fine = replace(cloth, colours=ribs)
    layer, _ = draw_part(small, fine, black.garment.mask, torso, opening)
    broad = blur(floats(layer.colours[..., 0]), 2.0)
    assert broad[layer.alpha > 0.99].std() < 9


def test_a_bared_arm_has_the_outline_of_an_arm_not_of_the_sleeve(bared: Try) -> None:
    skin = mannequin.person()  # the arms below the short sleeves as they are drawn
    left, top, right, bottom = bared.canvas.box
    lab = lab_of(np.ascontiguousarray(skin[top:bottom, left:right, ::-1]))
    arms = [arm_form(bared.canvas, index).mask for index in (0, 1)]
    rows = slice(bared.at(0, 410)[0], bared.at(0, 560)[0])
    for sign, arm in zip((-1, 1), arms, strict=True):
        columns = slice(*sorted((bared.at(sign * 84, 0)[1], bared.at(sign * 190, 0)[1])))
        real = (np.hypot(lab[rows, columns, 1] - 128, lab[rows, columns, 2] - 128) > 9) & (lab[rows, columns, 0] > 90)
        found = arm[rows, columns]
        assert (real & found).sum() / (real | found).sum() > 0.66
    widths = [arms[1][bared.at(0, y)[0]].sum() for y in (400, 560)]
    assert widths[1] < 0.85 * widths[0]


def test_bared_arms_are_rounded_by_light_and_have_no_fur(bared: Try) -> None:
    lightness = floats(lab_of(np.clip(bared.repaired.colours, 0, 255).astype(np.uint8))[..., 0])
    arm = arm_form(bared.canvas, 1)
    zone = bared.repaired.skin & arm.mask
    assert zone.sum() > 2000
    broad: Plane = blur(lightness, 2.0)
    edge, core = zone & (np.abs(arm.across) > 0.75), zone & (np.abs(arm.across) < 0.3)
    assert broad[edge].mean() < broad[core].mean() - 2
    assert (lightness - broad)[core].std() < 2.5


def test_what_the_sleeve_was_thicker_than_the_arm_is_background(bared: Try) -> None:
    where = erode(bared.repaired.background, 3)
    assert where.sum() > 300
    grey = bared.repaired.colours[where]
    assert np.abs(np.median(grey, axis=0) - (212, 208, 206)).max() < 12


def test_a_worn_garments_hem_is_an_even_line(engine: LocalEngine) -> None:
    picture = read_picture(encoded(mannequin.person(top=(150, 60, 60))), "person")
    scene = engine.understand(picture, read_picture(tshirt(), "garment"), Options(category="tops"))
    garment = worn_garment(scene.person, picture, 960)
    axis, width = garment.landmarks.axis, scene.person.skeleton.shoulder_width
    columns = np.arange(int(axis - 0.35 * width), int(axis + 0.35 * width))
    low = len(garment.mask) - garment.mask[::-1, columns].argmax(axis=0)
    curve = np.polyval(np.polyfit(columns, low, 2), columns)
    assert np.abs(low - curve).max() < 3
    assert abs(garment.turn) < 0.06 * width  # she faces the camera
