"""What is to be seen between a trunk in new cloth and the arms beside it, and how a short sleeve ends."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import tshirt
from services.tryon.engines.local.arrays import Mask, floats
from services.tryon.engines.local.engine import LocalEngine
from services.tryon.engines.local.sides import closed_gaps, cloth_in_depth
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
