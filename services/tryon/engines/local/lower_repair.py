"""Taking trousers or a skirt off: bared legs, the belly, and the background where they were."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    blur,
    closed,
    components,
    dilate,
    erode,
    floats,
    mix,
    opened,
    soften,
    within,
)
from services.tryon.engines.local.bare_legs import bare_leg, paint_legs, shown_zone
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.shapes import point_at, polygon


@dataclass(frozen=True)
class LowerRepaired:
    """The picture without the old trousers or skirt where that matters."""

    colours: Colours
    skin: Mask  # invented skin
    background: Mask  # invented background
    old: Mask  # all that the old garment was, also below the new one
    hands: Mask  # bare arms and hands before it


def waist_rows(canvas: Canvas, lower: LowerBody) -> Plane:
    """The waistband's row on the canvas in each of its columns."""
    columns = np.arange(canvas.size[0]) / canvas.scale + float(canvas.origin[0])
    return floats((lower.waist_over(columns) - float(canvas.origin[1])) * canvas.scale)[None]


def top_in_front(canvas: Canvas, lower: LowerBody) -> Plane:
    """The top where it hangs over the waistband; of one that is tucked in only flaps do."""
    top, measure = canvas.mattes.top, canvas.unit
    if not lower.tucked:
        return floats(np.maximum(top, soften(closed(top > 0.4, 0.12 * measure), 1.0)))
    # The waistband lies over the edge of the top, which is seldom found exactly.
    below = np.arange(canvas.size[1])[:, None] > waist_rows(canvas, lower) + 0.045 * measure
    return soften(opened((top > 0.5) & below, 0.05 * measure), 1.0)


def arms_in_front(canvas: Canvas) -> Mask:
    """Bare arms and hands: pieces of skin that reach an arm's bones, not specks of a pattern, nor the belly."""
    wide, slim, bones = (
        canvas.arm(0, radii, hand=hand) | canvas.arm(1, radii, hand=hand)
        for radii, hand in (((0.2, 0.18, 0.17), 0.5), ((0.14, 0.12, 0.11), 0.3), ((0.05, 0.05, 0.05), 0.25))
    )
    belly = polygon(
        canvas.size,
        [canvas.place(point) for limb in canvas.body.skeleton.limbs[:1] for point in (limb.shoulder, limb.hip)]
        + [canvas.place(point) for limb in canvas.body.skeleton.limbs[1:] for point in (limb.hip, limb.shoulder)],
    )
    skin = (canvas.mattes.skin > 0.45) & wide & (slim | ~dilate(belly, 0.12 * canvas.unit))
    sure = skin & bones
    if sure.sum() > 50:  # a pattern beside it may have been taken for skin
        lab = blur(canvas.lab, 0.6 * canvas.scale)
        skin &= within(lab, np.median(lab[sure], axis=0), (80, 13, 17))
    skin = _skin_alone(canvas, dilate(opened(skin, 0.018 * canvas.unit), 1))
    for _ in range(2):  # what gets cut off is no arm either
        numbers, boxes = components(skin)
        touching = np.setdiff1d(numbers[bones], [0])
        large = [number for number in touching if boxes[number, cv2.CC_STAT_AREA] > 0.012 * canvas.unit**2]
        skin = _even(canvas, np.isin(numbers, large))
    return skin


def _even(canvas: Canvas, hands: Mask) -> Mask:
    """Forearms with smooth sides; hands stay as they are."""
    smooth = soften(hands, 0.04 * canvas.unit) > 0.5
    for limb in canvas.body.skeleton.limbs:
        hands = np.where(canvas.limb(limb.elbow, limb.wrist * 0.9 + limb.elbow * 0.1, 0.3, 0.2), smooth, hands)
    return hands


def _skin_alone(canvas: Canvas, hands: Mask) -> Mask:
    """Hands without the rim of cloth that was taken for them where they lie on it."""
    if not hands.any():
        return hands
    scale, inner = canvas.scale, erode(hands, 6 * canvas.scale)
    rim = hands & ~inner & dilate(canvas.mattes.bottom > 0.3, 5 * scale)
    offset = blur(canvas.lab, 0.5 * scale) - filled_in(canvas.lab, inner)
    unlike = (offset[..., 0] > 35) | (np.abs(offset[..., 1]) > 9) | (np.abs(offset[..., 2]) > 11)
    return opened(closed(hands & ~(rim & unlike), scale), 1.5 * scale)


def _fill_background(canvas: Canvas, colours: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    certain = ~dilate(canvas.mattes.person > 0.05, 3 * canvas.scale)
    filled = filled_in(colours, certain)
    filled += noise.standard_normal(filled.shape[:2], np.float32)[..., None] * 1.2  # the sensor's grain
    return mix(colours, filled, np.maximum(soften(zone, 1.0), zone).astype(np.float32))


def _fill_belly(canvas: Canvas, colours: Colours, zone: Mask) -> Colours:
    """Between the top's hem and a lower waistband: in each column what is above it, the top or the belly, runs on."""
    if not zone.any():
        return colours
    mattes = canvas.mattes
    source = ((mattes.top > 0.9) | (mattes.skin > 0.9)) & (mattes.person > 0.95) & ~dilate(zone, 2)
    if source.sum() < 100:
        return colours
    smooth = filled_in(colours, source)
    last = np.flatnonzero(zone.any(axis=1))
    part = slice(max(0, int(last[0] - 0.3 * canvas.unit)), int(last[-1]) + 1)
    rows = np.arange(part.stop - part.start)[:, None]
    above = np.maximum.accumulate(np.where(source[part], rows, -1), axis=0)
    run_on = np.take_along_axis(smooth[part], np.maximum(above, 0)[..., None], axis=0)
    run_on = np.where(above[..., None] >= 0, run_on, smooth[part])
    smooth[part] = cv2.GaussianBlur(run_on, (0, 0), 1.5 * canvas.scale)
    return mix(colours, smooth, np.maximum(soften(zone, 0.8 * canvas.scale), zone).astype(np.float32))


def take_off_lower(
    canvas: Canvas, lower: LowerBody, cover: Plane, ends: tuple[float, float], seed: int
) -> LowerRepaired:
    """The canvas with skin and background where the worn trousers or skirt show past the new `cover`.

    `ends` are the distances along the legs at which the new garment ends.
    """
    mattes, scale, unit = canvas.mattes, canvas.scale, canvas.unit
    hands = arms_in_front(canvas)
    rows = np.arange(canvas.size[1])[:, None]
    ends_on_canvas = [
        float(canvas.place(point_at(leg.line, end))[1]) for leg, end in zip(lower.legs, ends, strict=True)
    ]
    bares = [bare_leg(canvas, lower, index, cover, ends_on_canvas[index]) for index in (0, 1)]
    covered = np.zeros(mattes.person.shape, np.bool_)  # bare legs that the new garment comes to cover
    for bare, end in zip(bares, ends_on_canvas, strict=True):
        near_leg = dilate(bare.matte > 0.5, 0.15 * unit)
        covered |= near_leg & (rows < end - 0.04 * unit) & (mattes.skin > 0.3) & ~hands
    wide = canvas.arm(0, (0.2, 0.18, 0.17), hand=0.5) | canvas.arm(1, (0.2, 0.18, 0.17), hand=0.5)
    specks = wide & ~hands & (canvas.row(lower.waist) < rows) & dilate(mattes.bottom > 0.5, 0.1 * unit)
    things = canvas.enlarged_mask(lower.shoes | lower.held)
    before = hands | (top_in_front(canvas, lower) > 0.5) | (mattes.hair > 0.5) | things
    before |= (mattes.top > 0.5) & (rows < waist_rows(canvas, lower))
    near_legs = np.logical_or.reduce([dilate(bare.matte > 0.5, 0.03 * unit) for bare in bares])
    shade = (
        (mattes.skin > 0.5) & (rows > canvas.row(lower.crotch)) & ~near_legs & dilate(mattes.bottom > 0.5, 0.1 * unit)
    )
    kept = (((mattes.skin > 0.5) & ~specks & ~shade) | before) & ~covered
    old = (
        (dilate(mattes.bottom > 0.2, 2.5 * scale) & ~kept)
        | covered
        | ((specks | (shade & ~before)) & (mattes.skin > 0.3))
    )
    exposed = old & (cover < 0.98)
    waist = waist_rows(canvas, lower)
    belly = exposed & (rows < waist + 3 * scale) & (rows > canvas.row(lower.row(0.4))) & _trunk(canvas, lower)
    legs = shown_zone(canvas, bares, ends_on_canvas, old | covered, before | belly)
    skin = (legs > 0.5) & (cover < 0.98)
    background = exposed & ~skin & ~belly
    untouched = ~mattes.face & ~kept
    background |= dilate(exposed, 1.5 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched & ~skin & ~belly
    noise = np.random.default_rng(seed + 1)
    # Also behind what becomes skin, whose soft edge would show the old garment else.
    behind = background | (skin & old)
    colours = _fill_background(canvas, canvas.image.astype(np.float32), behind, noise)
    colours = _fill_belly(canvas, colours, belly)
    colours = paint_legs(canvas, colours, legs, bares, lower, seed)
    return LowerRepaired(colours, skin, background, old, hands)


def _trunk(canvas: Canvas, lower: LowerBody) -> Mask:
    rows = canvas.frame_rows()
    columns = np.arange(canvas.size[0])[None]
    left, right = (
        (np.array([lower.body.side(index, row) for row in rows]) - canvas.origin[0])[:, None] * canvas.scale
        for index in (0, 1)
    )
    inside: Mask = (columns > left) & (columns < right)
    return inside
