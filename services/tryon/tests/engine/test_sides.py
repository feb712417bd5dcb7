"""What is to be seen between a trunk in new cloth and the arms beside it, and how a short sleeve ends."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import sweater, tshirt, vest
from services.tryon.engines.local.arrays import Mask, erode, floats
from services.tryon.engines.local.bare import arm_form
from services.tryon.engines.local.compose import unlike_within
from services.tryon.engines.local.engine import LocalEngine
from services.tryon.engines.local.filters import mirrored
from services.tryon.engines.local.sides import bare_in_sleeve, closed_gaps, cloth_in_depth, trimmed, widened
from services.tryon.tests.engine.conftest import encoded
from services.tryon.tests.engine.test_light import Try


@pytest.fixture(scope="module")
def plain(engine: LocalEngine) -> Try:
    """A dark T-shirt on the mannequin."""
    return Try(engine, encoded(mannequin.person()), tshirt((40, 60, 120)))


class Gap:
    """The mannequin's trunk in cloth that ends in a straight line, and an arm beside it on the right."""

    def __init__(self, made: Try, seen_through: bool = False) -> None:
        self.made = made
        mattes = made.canvas.mattes
        edge = made.fitting.plans[1].edge
        self.rows = [round(made.canvas.row(float(edge[end][1]))) for end in (0, -1)]
        self.side = made.at(70, 0)[1]
        columns = np.arange(made.canvas.size[0])[None]
        torso = floats(np.broadcast_to(columns <= self.side, mattes.person.shape))
        self.drawn = replace(made.drawn, torso=replace(made.drawn.torso, alpha=torso), sleeves=())
        person = np.zeros_like(mattes.person) if seen_through else np.ones_like(mattes.person)
        self.canvas = replace(made.canvas, mattes=replace(mattes, person=person))

    def filled(self, first: float, last: float) -> Mask:
        """What is filled when the arm is so many body units away at the armpit and at the hem."""
        rows, columns = np.mgrid[0 : self.canvas.size[1], 0 : self.canvas.size[0]]
        away = np.interp(rows, self.rows, [first, last]) * self.canvas.unit
        arm = columns > self.side + 1 + away
        found = closed_gaps(self.canvas, self.made.fitting, arm, np.zeros_like(arm), self.drawn)
        return found[self.rows[0] : self.rows[1] - round(0.03 * self.canvas.unit), self.side + 1 :]


def test_a_narrow_gap_beside_an_arm_that_lay_against_the_old_garment_is_filled_whole(plain: Try) -> None:
    wide = Gap(plain).filled(0.04, 0.04).sum(axis=1)
    assert (wide == wide[0]).all()
    assert abs(int(wide[0]) - 0.04 * plain.canvas.unit) <= 2


def test_a_wide_gap_and_one_that_the_background_was_seen_through_stay_open(plain: Try) -> None:
    assert not Gap(plain).filled(0.2, 0.2).any()
    assert not Gap(plain, seen_through=True).filled(0.04, 0.04).any()


def test_where_a_gap_gets_wider_the_cloths_edge_leaves_the_arm_in_a_smooth_line(plain: Try) -> None:
    wide = Gap(plain).filled(0.0, 0.2).sum(axis=1)
    assert wide.max() > 0.02 * plain.canvas.unit
    assert wide[-1] == 0
    assert np.abs(np.diff(wide)).max() <= 1


def test_cloth_deep_in_a_gap_has_the_garments_colour(plain: Try) -> None:
    colours = cloth_in_depth(plain.drawn)
    beside = plain.at(100, 480)
    assert (
        np.abs(colours[beside] - np.median(plain.drawn.torso.colours[plain.drawn.torso.alpha > 0.9], axis=0)).max() < 25
    )


def test_the_outer_half_of_a_short_sleeves_cuff_is_the_garments_own(plain: Try) -> None:
    columns = np.arange(plain.canvas.size[0])[None]
    for sleeve in plain.drawn.sleeves:
        bone = plain.at(sleeve.sign * 104, 0)[1]  # where the sleeve ends
        outside = (columns - bone) * sleeve.sign > 0
        whole, seen = ((plane > 0.9) & outside for plane in (sleeve.whole, sleeve.alpha))
        assert seen.sum() > 0.98 * whole.sum() > 500


def test_a_pattern_goes_on_as_a_pattern_where_cloth_is_continued() -> None:
    stripes = np.zeros((40, 100, 3), np.uint8)
    stripes[:, np.arange(100) % 10 < 5] = 200
    known = np.broadcast_to(np.arange(100)[None] < 60, (40, 100))
    asked = np.broadcast_to((np.arange(100)[None] >= 60) & (np.arange(100)[None] < 80), (40, 100))
    grown = mirrored(np.where(known[..., None], stripes, np.uint8(90)), known, asked)
    assert np.abs(grown[:, 61:79].astype(int) - stripes[:, 57:39:-1]).mean() < 20
    assert (grown[:, 80:] == 90).all()


def test_a_rest_of_a_sleeve_that_stands_out_of_the_side_is_cut_off(plain: Try) -> None:
    edge = plain.fitting.plans[1].edge
    rows = np.round([plain.canvas.row(float(edge[index][1])) for index in (2, 5)]).astype(int)
    torso = plain.drawn.torso
    column = plain.at(0, 0)[1]
    side = column + int((torso.alpha[rows[0] : rows[1], column:] > 0.5).sum(axis=1).min())
    lobed = torso.alpha.copy()
    lobed[rows[0] : rows[1], column : side + round(0.08 * plain.canvas.unit)] = 1
    cut = trimmed(plain.canvas, plain.fitting, replace(torso, alpha=lobed)).alpha[rows[0] : rows[1]]
    assert cut[:, side + round(0.04 * plain.canvas.unit) :].max() < 0.5
    assert (np.abs(trimmed(plain.canvas, plain.fitting, torso).alpha - torso.alpha) > 0.5).sum() < 60


def test_a_long_sleeve_that_is_too_narrow_is_widened_to_cover_its_arm_but_not_the_hand(engine: LocalEngine) -> None:
    made = Try(engine, encoded(mannequin.person()), sweater())
    assert not made.repaired.skin[made.at(0, 400)[0] : made.at(0, 540)[0]].any()  # beside a sleeve nothing is painted
    canvas = made.canvas
    rows = np.arange(canvas.size[1])[:, None]
    forearm, hand = ((rows > made.at(0, y)[0]) & (rows < made.at(0, end)[0]) for y, end in ((440, 545), (590, 650)))
    skin = canvas.mattes.skin > 0.5
    for sleeve in made.drawn.sleeves:
        index = 0 if sleeve.sign < 0 else 1
        half = (np.arange(canvas.size[0])[None] - made.at(0, 0)[1]) * sleeve.sign > 0
        narrow = floats(erode(sleeve.alpha > 0.5, 0.09 * canvas.unit))
        cover = np.maximum(narrow, made.drawn.torso.alpha) > 0.5
        bare = bare_in_sleeve(canvas, index, made.fitting.plans[index].sleeve_share, cover)
        missing = skin & half & forearm & ~cover
        assert missing.sum() > 200
        wide = widened(replace(sleeve, alpha=narrow), bare, canvas)
        assert (wide.alpha > 0.5)[missing].mean() > 0.93
        assert (wide.alpha > 0.5)[skin & half & hand].mean() < 0.02
        colour = np.median(wide.colours[erode(missing, 1)], axis=0)
        assert np.abs(colour - np.median(sleeve.colours[sleeve.alpha > 0.9], axis=0)).max() < 30


@pytest.fixture(scope="module")
def sleeveless(engine: LocalEngine) -> Try:
    """A vest on the mannequin, who wore short sleeves."""
    return Try(engine, encoded(mannequin.person()), vest())


def test_the_dark_crease_at_the_armpit_is_no_part_of_the_arm_but_a_bracelet_is(sleeveless: Try) -> None:
    made = sleeveless
    arm = arm_form(made.canvas, 1).mask
    image = np.full_like(made.canvas.image, 200)
    crease = arm & ~erode(arm, 0.03 * made.canvas.unit)
    image[crease] = 40
    unlike = unlike_within(replace(made.canvas, image=image), arm, made.fitting)
    rows = np.arange(len(arm))[:, None]
    upper, wrist = (
        (rows > made.at(0, y)[0]) & (rows < made.at(0, end)[0]) & crease for y, end in ((350, 430), (540, 575))
    )
    assert unlike[upper].mean() > 0.95
    assert not unlike[wrist].any()


def test_an_arm_without_a_sleeve_hangs_before_the_side_of_the_garment(sleeveless: Try) -> None:
    made = sleeveless
    for sign, form in zip((-1, 1), (arm_form(made.canvas, index) for index in (0, 1)), strict=True):
        rows = slice(made.at(0, 370)[0], made.at(0, 430)[0])
        core = erode(form.mask, 3)[rows]
        assert core.sum() > 400
        assert made.composed.shown[rows][core].mean() < 0.02, sign
