"""Where a fitted garment lies: its parts, seams, sides, hem and sleeves on the body that wears it."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import sweater, tshirt
from services.tryon.engines.local.arrays import Mask
from services.tryon.engines.local.engine import LocalEngine, Options, Scene
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.mesh import build_mesh
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.warp import Fitting, fit, seam_of, split
from services.tryon.tests.engine.conftest import encoded

_FRAME = 640 / mannequin.HEIGHT  # work frame per drawn pixel


@pytest.fixture(scope="module")
def standing(engine: LocalEngine) -> Scene:
    """A drawn person and a drawn sweater, understood."""
    photo = read_picture(encoded(mannequin.person()), "person")
    return engine.understand(photo, read_picture(sweater(), "garment"), Options())


@pytest.fixture(scope="module")
def knitted(standing: Scene) -> Garment:
    """The sweater."""
    assert isinstance(standing.worn, Garment)
    return standing.worn


@pytest.fixture(scope="module")
def fitted(standing: Scene, knitted: Garment) -> Fitting:
    """The sweater on the drawn person."""
    return fit(knitted, standing.body)


def _drawn(fitting: Fitting, part: int) -> Mask:
    drawn: Mask = fitting.parts[part].across >= 0
    return drawn


def test_a_garment_is_split_into_torso_and_sleeves_without_rest(knitted: Garment) -> None:
    (_, torso), *sleeves = split(knitted)
    assert [sign for sign, _ in sleeves] == [-1, 1]
    together = torso.astype(int) + sum(mask.astype(int) for _, mask in sleeves)
    assert together.max() == 1
    assert (together > 0).sum() > 0.99 * knitted.mask.sum()


def test_the_split_is_the_armhole(knitted: Garment) -> None:
    for side, (sign, sleeve) in zip(knitted.landmarks.sides, split(knitted)[1:], strict=True):
        rows, columns = np.nonzero(sleeve)
        assert (sign * (columns - side.armpit[0]))[rows > side.armpit[1] + 8].min() > -3
        assert (sign * (columns - side.shoulder[0]))[rows < side.shoulder[1] + 8].min() > -12


def test_an_armholes_seam_is_between_shoulder_and_armpit_and_as_long_as_asked_for(knitted: Garment) -> None:
    mesh = build_mesh([mask for _, mask in split(knitted)])
    side = knitted.landmarks.sides[0]
    whole, half = (seam_of(mesh, 1, side, share) for share in (1.01, 0.55))
    assert set(half) < set(whole)
    start, along = side.shoulder, side.armpit - side.shoulder
    places = {number: np.array([place[1], place[0]]) * mesh.step for place, number in mesh.numbers[1].items()}
    for sewn, least in ((whole, 0.8), (half, 0.35)):
        shares = [float((places[number] - start) @ along / (along @ along)) for number, _ in sewn]
        assert least < max(shares)
    assert max(shares) < 0.75


def test_the_sides_follow_the_plan(fitted: Fitting) -> None:
    """The drawn torso's outermost pixel in each row is where the fitting wanted the garment's side."""
    top, bottom = (float(row) for row in fitted.plans[0].edge[[0, -1], 1])
    torso = _drawn(fitted, 0)
    for row in np.linspace(top + 0.15 * (bottom - top), bottom - 6, 12).round().astype(int):
        columns = np.flatnonzero(torso[row])
        assert columns[0] == pytest.approx(fitted.edge(0, row), abs=9)
        assert columns[-1] == pytest.approx(fitted.edge(1, row), abs=9)


def test_the_garments_axis_comes_to_lie_on_the_spine(standing: Scene, knitted: Garment, fitted: Fitting) -> None:
    torso = fitted.parts[0]
    for row in np.linspace(fitted.plans[0].armpit[1], fitted.hem - 8, 8).round().astype(int):
        middle = round(standing.body.centre(row))
        assert torso.across[row, middle] == pytest.approx(knitted.landmarks.axis, abs=6)


def test_a_garment_is_not_mirrored_nor_upside_down(fitted: Fitting) -> None:
    for part in fitted.parts:
        here, right, below = (slice(-1), slice(-1)), (slice(-1), slice(1, None)), (slice(1, None), slice(-1))
        inside = (part.across[here] >= 0) & (part.across[right] >= 0) & (part.across[below] >= 0)
        (ax, ay), (dx, dy) = (
            (plane[right] - plane[here], plane[below] - plane[here]) for plane in (part.across, part.down)
        )
        assert (ax * dy - ay * dx > 0)[inside].mean() > 0.99


def test_the_hem_is_where_the_fitting_says(fitted: Fitting) -> None:
    rows = np.flatnonzero(_drawn(fitted, 0).any(axis=1))
    assert rows[-1] == pytest.approx(fitted.hem, abs=12)  # it hangs lower in the middle


def test_a_hem_a_little_too_short_is_brought_to_the_old_one(standing: Scene, knitted: Garment) -> None:
    own = fit(knitted, replace(standing.body, old_hem=None))
    assert own.hem == pytest.approx(own.hem_of_its_own)
    old = own.hem + 0.15 * standing.body.skeleton.unit
    brought = fit(knitted, replace(standing.body, old_hem=old))
    assert brought.hem == pytest.approx(old, abs=0.05 * standing.body.skeleton.unit)
    assert brought.hem_of_its_own == pytest.approx(own.hem)


def test_a_hem_much_too_short_is_left_where_it_is(standing: Scene, knitted: Garment) -> None:
    own = fit(knitted, replace(standing.body, old_hem=None))
    length = own.hem - own.plans[0].collar[1]
    assert fit(knitted, replace(standing.body, old_hem=own.hem + 0.6 * length)).hem == pytest.approx(own.hem)


def test_long_sleeves_reach_the_wrists_and_short_ones_do_not(engine: LocalEngine, standing: Scene) -> None:
    wrist = mannequin.WRIST[1] * _FRAME
    elbow = mannequin.ELBOW[1] * _FRAME
    short = engine.understand(standing.photo, read_picture(tshirt(), "garment"), Options())
    assert isinstance(short.worn, Garment)
    assert isinstance(standing.worn, Garment)
    for worn, least, most in ((standing.worn, wrist - 20, wrist + 25), (short.worn, elbow - 60, elbow + 20)):
        fitting = fit(worn, standing.body)
        for part in (1, 2):
            lowest = np.flatnonzero(_drawn(fitting, part).any(axis=1))[-1]
            assert least < lowest < most


def test_sleeves_lie_on_their_own_arms(standing: Scene, fitted: Fitting) -> None:
    for part, arm in zip(fitted.parts[1:], standing.body.arms, strict=True):
        covered = [
            part.across[tuple(arm.section(mark).centre.round().astype(int)[::-1])] >= 0
            for mark in np.linspace(0.35, 0.9, 8) * arm.reach
        ]
        assert np.mean(covered) > 0.8
