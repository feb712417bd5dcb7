"""Taking trousers or a skirt off: bared legs, the belly, and the background where they were."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    blur,
    components,
    dilate,
    distance_inside,
    erode,
    floats,
    mix,
    opened,
    resize_plane,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in, push_pull
from services.tryon.engines.local.legs import Leg, LowerBody
from services.tryon.engines.local.shapes import point_at, polygon


@dataclass(frozen=True)
class LowerRepaired:
    """The picture without the old trousers or skirt where that matters."""

    colours: Colours
    skin: Mask  # invented skin
    background: Mask  # invented background


def bare_leg(canvas: Canvas, leg: Leg, start: float) -> Mask:
    """A bare leg from a distance along its bones down to the foot."""
    end = leg.reach + 0.36 * leg.measure
    marks = np.linspace(min(start, end - 1), end, 40)
    sections = [leg.section(mark) for mark in marks]
    outer = _smooth([section.centre + section.outward * section.outer for section in sections])
    inner = _smooth([section.centre - section.outward * section.inner for section in sections])
    return polygon(canvas.size, [canvas.place(point) for point in [*outer, *inner[::-1]]])


def _smooth(points: list[np.ndarray]) -> np.ndarray:
    line = np.stack(points).astype(np.float32)[:, None]
    smooth: np.ndarray = cv2.GaussianBlur(line, (1, 15), 3.5, borderType=cv2.BORDER_REPLICATE)[:, 0].astype(np.float64)
    return smooth


def _skin_tone(canvas: Canvas, seen: Mask) -> Colours:
    """The skin's colour everywhere: that of visible legs and hands near by, else the usual one of the body."""
    lab = canvas.lab
    usual = floats(canvas.body_skin)
    if seen.sum() > 200:
        usual = floats(np.median(lab[seen], axis=0))
        usual[0] = np.percentile(lab[seen][:, 0], 58)  # legs hang in less shade than arms at the sides
    near = seen & (np.abs(lab - usual) < [40, 12, 14]).all(axis=2)
    small = (max(8, canvas.size[0] // 8), max(8, canvas.size[1] // 8))
    weight = resize_plane(near.astype(np.float32), small)
    total = resize_plane(lab * near[..., None].astype(np.float32), small)
    known = weight + 0.02
    field = push_pull((total + 0.02 * usual) / known[..., None], np.minimum(known, 1))
    field = 0.5 * cv2.GaussianBlur(field, (0, 0), 0.12 * canvas.unit / 8) + 0.5 * usual
    return cv2.resize(field, canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _form(canvas: Canvas, leg: Leg) -> Plane:
    """Lightness of a leg: a cylinder lit from the front, a kneecap, the shin's edge, the calf's fall-off."""
    rows, columns = np.mgrid[0 : canvas.size[1], 0 : canvas.size[0]].astype(np.float32)
    light = np.zeros(rows.shape, np.float32)
    marks = np.linspace(0, leg.reach + 0.16 * leg.measure, 60)
    sections = [leg.section(mark) for mark in marks]
    ys = np.array([canvas.place(section.centre)[1] for section in sections])
    order = np.argsort(ys)
    outer = np.array([canvas.place(s.centre + s.outward * s.outer)[0] for s in sections])
    inner = np.array([canvas.place(s.centre - s.outward * s.inner)[0] for s in sections])
    height = np.arange(canvas.size[1])
    edges = [np.interp(height, ys[order], values[order])[:, None] for values in (outer, inner)]
    middle, half = (edges[0] + edges[1]) / 2, np.maximum(np.abs(edges[0] - edges[1]) / 2, 2)
    across = np.clip((columns - middle) / half, -1.05, 1.05) * leg.sign  # 1 is the outer side
    light += 14 * (np.sqrt(np.clip(1.12 - across**2, 0, 1)) - 0.92) - 5 * np.clip(-across, 0, 1) ** 2
    light -= 15 * np.clip(np.abs(across) - 0.55, 0, 1) ** 1.5 / 0.7
    knee, measure = canvas.place(leg.line[1]), canvas.unit
    dx, dy = (columns - knee[0]) / measure, (rows - knee[1]) / measure
    light += 5 * np.exp(-((dx / 0.07) ** 2) - ((dy + 0.02) / 0.08) ** 2)
    ring = np.hypot(dx / 0.11, (dy + 0.01) / 0.14)
    light -= 7 * np.exp(-(((ring - 1) / 0.3) ** 2)) * np.clip(0.75 + dy / 0.3, 0.3, 1)
    shin = point_at(leg.line, leg.thigh + 0.4 * (leg.reach - leg.thigh))
    light += (
        3
        * np.exp(-(((across + 0.1) / 0.25) ** 2))
        * np.exp(-(((rows - canvas.place(shin)[1]) / (0.35 * measure)) ** 2))
    )
    return light


def _texture(size: tuple[int, int], scale: float, noise: np.random.Generator) -> Plane:
    """Skin is nowhere one colour: grain, pores, and mottling of a few centimetres."""
    grain = blur(noise.standard_normal((size[1], size[0]), np.float32), 0.7) * 2.2
    for sigma, strength in ((2.5, 6.0), (9.0, 26.0)):
        layer = blur(noise.standard_normal((size[1], size[0]), np.float32), sigma * max(scale, 0.5))
        grain += layer * strength * max(scale, 0.5) ** 1.0
    result: Plane = np.clip(grain, -7, 7)
    return result


def waist_rows(canvas: Canvas, lower: LowerBody) -> Plane:
    """The waistband's row on the canvas in each of its columns."""
    columns = np.arange(canvas.size[0]) / canvas.scale + float(canvas.origin[0])
    return floats([[canvas.row(lower.waist_at(x)) for x in columns]])


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
        skin &= (np.abs(lab - np.median(lab[sure], axis=0).astype(np.float32)) < [80, 13, 17]).all(axis=2)
    numbers, boxes = components(opened(skin, 0.018 * canvas.unit))
    touching = np.setdiff1d(numbers[bones], [0])
    large = [number for number in touching if boxes[number, cv2.CC_STAT_AREA] > 0.012 * canvas.unit**2]
    return dilate(np.isin(numbers, large), 2)


def _visible_skin(canvas: Canvas, legs: Mask, lower: LowerBody) -> Mask:
    """Skin to learn the legs' colour from: of legs if any can be seen, else of hands and arms."""
    mattes = canvas.mattes
    seen = erode((mattes.skin > 0.85) & ~dilate(mattes.face, 0.1 * canvas.unit) & (mattes.person > 0.95), 2)
    knees = max(float(leg.line[1][1]) for leg in lower.legs) + 0.4 * lower.skeleton.unit
    own = seen & legs & (canvas.frame_rows()[:, None] < knees)  # ankles are in the shade of hems
    seen &= canvas.skin_coloured
    return own if own.sum() > 0.03 * canvas.unit**2 else seen


def _fill_skin(canvas: Canvas, colours: Colours, zone: Mask, legs: list[Mask], lower: LowerBody, seed: int) -> Colours:
    if not zone.any():
        return colours
    both = legs[0] | legs[1]
    field = _skin_tone(canvas, _visible_skin(canvas, both, lower))
    noise = np.random.default_rng(seed)
    texture = _texture(canvas.size, canvas.scale, noise)
    for index in (0, 1):
        light = _form(canvas, lower.legs[index]) + texture
        field[..., 0] += np.where(legs[index], light, 0)
        field[..., 1] += np.where(legs[index], -0.10 * light, 0)  # shade on skin is redder, light is yellower
    between = (distance_inside(~legs[0]) < 0.05 * canvas.unit) & legs[1]
    field[..., 0] -= 10 * soften(between & ~legs[0], 0.03 * canvas.unit)
    skin = cv2.cvtColor(np.clip(field, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR).astype(np.float32)
    over = zone | (dilate(zone, 3 * canvas.scale) & (canvas.mattes.skin > 0.5))  # no seam beside real skin
    alpha = np.clip(soften(over, 0.9 * canvas.scale) * 1.05, 0, 1)
    return mix(colours, skin, alpha.astype(np.float32))


def _fill_background(canvas: Canvas, colours: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    certain = ~dilate(canvas.mattes.person > 0.05, 3 * canvas.scale)
    filled = filled_in(colours, certain)
    filled += noise.standard_normal(filled.shape[:2], np.float32)[..., None] * 1.2  # the sensor's grain
    return mix(colours, filled, np.maximum(soften(zone, 1.0), zone).astype(np.float32))


def _fill_belly(canvas: Canvas, colours: Colours, zone: Mask) -> Colours:
    """Between the top's hem and a lower waistband: the top runs on, or the belly where skin is to be seen."""
    if not zone.any():
        return colours
    mattes = canvas.mattes
    source = ((mattes.top > 0.9) | (mattes.skin > 0.9)) & (mattes.person > 0.95) & ~dilate(zone, 2)
    if source.sum() < 100:
        return colours
    filled = filled_in(colours, source)
    return mix(colours, filled, np.maximum(soften(zone, 0.8 * canvas.scale), zone).astype(np.float32))


def take_off_lower(
    canvas: Canvas, lower: LowerBody, cover: Plane, ends: tuple[float, float], seed: int
) -> LowerRepaired:
    """The canvas with skin and background where the worn trousers or skirt show past the new `cover`.

    `ends` are the distances along the legs at which the new garment ends.
    """
    mattes, scale, unit = canvas.mattes, canvas.scale, canvas.unit
    hands = arms_in_front(canvas)
    rows = np.arange(canvas.size[1])[:, None]
    covered = np.zeros(mattes.person.shape, np.bool_)  # bare legs that the new garment comes to cover
    for leg, end in zip(lower.legs, ends, strict=True):
        whole = dilate(bare_leg(canvas, leg, 0.5 * leg.distance_at(lower.crotch)), 0.15 * unit)
        covered |= (
            whole & (rows < canvas.place(point_at(leg.line, end))[1] - 0.04 * unit) & (mattes.skin > 0.3) & ~hands
        )
    wide = canvas.arm(0, (0.2, 0.18, 0.17), hand=0.5) | canvas.arm(1, (0.2, 0.18, 0.17), hand=0.5)
    specks = wide & ~hands & (canvas.row(lower.waist) < rows) & dilate(mattes.bottom > 0.5, 0.1 * unit)
    things = canvas.enlarged_mask(lower.shoes | lower.held)
    kept = ((mattes.skin > 0.5) & ~specks) | (mattes.top > 0.5) | (mattes.hair > 0.5) | things
    kept &= ~covered
    old = (dilate(mattes.bottom > 0.2, 2.5 * scale) & ~kept) | covered | (specks & (mattes.skin > 0.3))
    exposed = old & (cover < 0.98)
    legs = [
        bare_leg(canvas, leg, max(leg.distance_at(lower.crotch) * 0.5, end - 0.3 * leg.measure))
        for leg, end in zip(lower.legs, ends, strict=True)
    ]
    waist = waist_rows(canvas, lower)
    belly = exposed & (rows < waist + 3 * scale) & (rows > canvas.row(lower.row(0.4))) & _trunk(canvas, lower)
    bared = np.zeros(old.shape, np.bool_)
    for leg, mask, end in zip(lower.legs, legs, ends, strict=True):
        below = rows > canvas.place(point_at(leg.line, end))[1] - 0.06 * unit
        bared |= mask & below
    # A bare leg is no wider than the trousers it was in.
    skin = exposed & bared & ~belly & dilate(mattes.bottom > 0.5, 1.5 * scale) & ~covered
    skin &= dilate(opened(skin, 0.02 * unit), 2) if skin.any() else skin
    background = exposed & ~skin & ~belly
    untouched = ~mattes.face & ~kept
    background |= dilate(exposed, 1.5 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched & ~skin & ~belly
    noise = np.random.default_rng(seed + 1)
    # Also behind what becomes skin, whose soft edge would show the old garment else.
    colours = _fill_background(canvas, canvas.image.astype(np.float32), background | skin, noise)
    colours = _fill_belly(canvas, colours, belly)
    colours = _fill_skin(canvas, colours, skin, legs, lower, seed)
    return LowerRepaired(colours, skin, background)


def _trunk(canvas: Canvas, lower: LowerBody) -> Mask:
    rows = canvas.frame_rows()
    columns = np.arange(canvas.size[0])[None]
    left, right = (
        (np.array([lower.body.side(index, row) for row in rows]) - canvas.origin[0])[:, None] * canvas.scale
        for index in (0, 1)
    )
    inside: Mask = (columns > left) & (columns < right)
    return inside
