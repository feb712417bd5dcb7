"""Waistbands, hips and the parting of legs, on drawn outlines and a drawn person."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox import mannequin
from sandbox.drawings import skirt, trousers
from services.tryon.engines.local.arrays import Mask, Plane, dilate, erode
from services.tryon.engines.local.body import body_of
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.dressing import Wearer, wearer_of
from services.tryon.engines.local.engine import LocalEngine, Options
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_body import _without_dents
from services.tryon.engines.local.lower_compose import _joined_at_crotch, with_hands
from services.tryon.engines.local.lower_fit import fit_lower
from services.tryon.engines.local.lower_garment import LowerGarment
from services.tryon.engines.local.lower_parse import _below_hems, _feet_zone
from services.tryon.engines.local.lower_repair import _even, _fill_belly, arms_in_front
from services.tryon.engines.local.lower_worn import _between_legs, _inside_smoothed, _parting
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.outfit import read_outfit
from services.tryon.engines.local.parse import understand
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.pose import find_pose
from services.tryon.tests.engine.conftest import decoded, encoded

BRICK = (150, 60, 40)


@pytest.fixture(scope="module")
def wearer(model_dir: object) -> Wearer:
    """The mannequin."""
    models, picture = Models(model_dir), np.ascontiguousarray(mannequin.person()[:, :, ::-1])  # type: ignore[arg-type]
    pose = find_pose(models, picture)
    assert pose is not None
    person = understand(models, picture, pose)
    return wearer_of(models, picture, pose, person, body_of(person))


@pytest.fixture(scope="module")
def lower(wearer: Wearer) -> LowerBody:
    """The mannequin's lower body."""
    return wearer.lower


@pytest.fixture(scope="module")
def canvas(wearer: Wearer) -> Canvas:
    """All of the mannequin."""
    return wearer.canvas(wearer.person.inside)


@pytest.mark.parametrize("file", [trousers(), skirt()])
def test_a_waistband_lies_on_the_waist_that_is_seen(file: bytes, lower: LowerBody, model_dir: object) -> None:
    garment = read_outfit(Models(model_dir), read_picture(file, "garment"), None, "auto", 640)  # type: ignore[arg-type]
    assert isinstance(garment, LowerGarment)
    bowed = replace(lower, waist_line=(0.08, 0.006))
    fitted = np.logical_or.reduce(
        [_drawn(part.across, part.down, garment.mask) for part in fit_lower(garment, bowed).parts]
    )
    middle = lower.middle(lower.waist)
    for away in (-24, -12, 0, 12, 24):
        column = fitted[:, round(middle + away)]
        assert column.argmax() == pytest.approx(bowed.waist_at(middle + away), abs=3)


def _drawn(across: Plane, down: Plane, mask: Mask) -> Mask:
    rows, columns = mask.shape
    x, y = np.clip(np.round(across), 0, columns - 1), np.clip(np.round(down), 0, rows - 1)
    seen: Mask = (across >= 0) & mask[y.astype(int), x.astype(int)]
    return seen


def test_a_hand_on_the_hip_leaves_no_dent_in_the_outline() -> None:
    rows = np.linspace(0, 100, 21)
    hips = 40 + 20 * np.sin(rows / 100 * np.pi / 2)
    dented = hips - 8 * ((rows > 20) & (rows < 60))
    assert _without_dents(rows, np.maximum.accumulate(dented)) == pytest.approx(hips, abs=2.5)
    assert (_without_dents(rows, hips) >= hips - 1e-9).all()


def _pair_of_legs(closed: tuple[int, int]) -> Mask:
    """Two legs that part at row 60, with a bridge over the gap in the rows `closed`."""
    mask = np.zeros((200, 120), np.bool_)
    mask[20:190, 20:100] = True
    for row in range(60, 190):
        half = 2 + (row - 60) // 8
        mask[row, 60 - half : 60 + half] = False
    mask[closed[0] : closed[1], 50:70] = True
    return mask


def test_legs_part_where_they_do_though_a_shadow_closes_the_gap_again() -> None:
    mask, crotch, unit = _pair_of_legs((66, 71)), np.array([60.0, 64.0]), 60.0
    opened = mask & ~_between_legs(mask, crotch, unit)
    assert not opened[66:71, 59:61].any()
    assert opened[30:58].sum() == mask[30:58].sum()
    assert _parting(opened, crotch, unit) == pytest.approx([60, 60], abs=2)


def test_legs_that_touch_for_long_part_at_the_bodys_crotch() -> None:
    mask, crotch = _pair_of_legs((60, 120)), np.array([60.0, 64.0])
    assert _parting(mask, crotch, 60.0) == pytest.approx(crotch)


def test_the_inner_side_of_a_leg_has_no_corner_where_touching_legs_come_apart(lower: LowerBody) -> None:
    leg = _pair_of_legs((60, 110))
    leg[:, 60:] = False
    inner = [np.flatnonzero(row)[-1] for row in _inside_smoothed(leg, np.array([60.0, 64.0]), 1, lower)[66:180]]
    assert np.abs(np.diff(inner)).max() <= 2
    assert np.abs(np.diff([np.flatnonzero(row)[-1] for row in leg[66:180]])).max() > 4


def test_trousers_whose_waistband_was_hidden_get_a_plain_one(engine: LocalEngine) -> None:
    standing, worn = mannequin.person(), mannequin.person((40, 40, 46), BRICK)
    worn[530:625, 290:478] = (40, 40, 46)  # a top that hangs over the waistband
    after = decoded(
        engine.generate(encoded(standing), encoded(worn), Options(category="bottoms", output_format="png")).data
    )
    strip = after[520:620, 350:420].astype(np.float64).mean(axis=1)
    red = strip[:, 0] - strip[:, 2] > 50
    first = int(red.argmax())
    assert abs(520 + first - mannequin.WAIST) < 26
    light = strip.sum(axis=1)[first + 6 : first + 45]
    seam = int(light.argmin())
    assert light[seam] < 0.93 * min(light[max(0, seam - 6)], light[min(len(light) - 1, seam + 6)])


def test_legs_part_in_a_point_and_not_in_a_needles_eye(canvas: Canvas, lower: LowerBody) -> None:
    unit, (x, y) = canvas.unit, canvas.place(np.array([lower.middle(lower.crotch), lower.crotch])).astype(int)
    cover = np.ones((canvas.size[1], canvas.size[0]), np.bool_)
    eye, gap = slice(y, y + int(0.05 * unit)), slice(y + int(0.1 * unit), None)
    cover[eye, x - 1 : x + 2] = False
    cover[gap, x - int(0.1 * unit) : x + int(0.1 * unit)] = False
    joined = _joined_at_crotch(canvas, lower, cover)
    assert joined[eye].all()
    assert not joined[gap][10:, x].any()


def test_a_forearm_before_a_waistband_has_even_sides(canvas: Canvas) -> None:
    hands = arms_in_front(canvas)
    limb = canvas.body.skeleton.limbs[0]
    x, y = canvas.place((limb.elbow + limb.wrist) / 2).astype(int)
    edge = int(np.flatnonzero(hands[y, x:] == 0)[0]) + x
    lumpy = hands.copy()
    lumpy[y - 4 : y + 4, edge : edge + 5] = True
    even = _even(canvas, lumpy)
    assert not even[y, edge + 3 : edge + 8].any()
    assert (even & hands).sum() > 0.98 * hands.sum()


def test_the_rim_of_a_hand_loses_the_shade_of_what_it_lay_on(canvas: Canvas) -> None:
    hands = arms_in_front(canvas)
    rim, image = hands & ~erode(hands, 1.5), canvas.image.copy()
    image[rim] = (40, 30, 30)
    shaded = replace(canvas, image=image)
    after = with_hands(shaded, image.astype(np.float32), hands, dilate(hands, 4))
    assert np.median(after[rim]) > np.median(canvas.image[hands]) - 30


def test_above_a_waistband_what_is_there_runs_on_in_each_column(canvas: Canvas) -> None:
    rows, columns = np.mgrid[0 : canvas.size[1], 0 : canvas.size[0]]
    middle, top = canvas.size[0] // 2, canvas.size[1] // 2
    zone = (rows >= top) & (rows < top + 20) & (np.abs(columns - middle) < 60)
    white = columns < middle
    mattes = replace(
        canvas.mattes,
        top=(white & ~zone).astype(np.float32),
        skin=(~white & ~zone).astype(np.float32),
        person=np.ones(zone.shape, np.float32),
    )
    colours = np.where(white[..., None], 240.0, [120.0, 150.0, 200.0]).astype(np.float32)
    colours[rows >= top] = (90, 40, 30)
    filled = _fill_belly(replace(canvas, mattes=mattes), colours, zone)
    assert filled[top + 8, middle - 30] == pytest.approx([240] * 3, abs=6)
    assert filled[top + 8, middle + 30] == pytest.approx([120, 150, 200], abs=6)


def test_a_shoe_ends_where_the_cloth_of_a_slanting_hem_begins(wearer: Wearer) -> None:
    skeleton, inside = wearer.person.skeleton, wearer.person.inside
    feet, scale = _feet_zone(skeleton), wearer.person.scale
    rows = np.arange(inside.shape[0], dtype=np.float32)[:, None]
    hem = mannequin.ANKLE[1] * scale
    likely = np.broadcast_to(np.where(rows < hem, np.float32(-3), np.float32(3)), inside.shape)
    slanting = inside & (rows >= hem) & (rows < hem + 4)
    shoes = _below_hems(skeleton, inside, feet, likely, np.where(slanting, np.float32(-4), likely))
    assert not (shoes & slanting).any()
    assert (shoes & (rows > hem + 8) & inside).sum() > 200
