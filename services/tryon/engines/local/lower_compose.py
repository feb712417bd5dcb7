"""Putting trousers or a skirt between what is behind and what is in front of them."""

from dataclasses import replace

import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    blur,
    box_of,
    closed,
    dilate,
    distance_inside,
    erode,
    fill_holes,
    floats,
    lay_over,
    mix,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.drape import Fold, cast_below, drawn_folds, finish_of, hem_rim
from services.tryon.engines.local.drawing import draw_part
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.light import grain_like
from services.tryon.engines.local.lower_fit import LowerFitting
from services.tryon.engines.local.lower_garment import LowerGarment
from services.tryon.engines.local.lower_repair import LowerRepaired, top_in_front, waist_rows

_EYE = np.array([0.12, 0.16])  # how far from the crotch legs that touch may seem apart, in body units


def smooth_contour(mask: Mask, sigma: float) -> Plane:
    """A mask as a matte whose outline has lost what is smaller than `sigma`, and passes from 0 to 1 in 1.5 pixels."""
    return floats(np.clip((soften(mask, sigma) - 0.5) * 1.7 * sigma + 0.5, 0, 1))


def draw_lower(canvas: Canvas, garment: LowerGarment, fitting: LowerFitting) -> tuple[Layer, ...]:
    """The skirt, or both legs, as they lie on the body."""
    opening = np.zeros(garment.cloth.alpha.shape, np.float32)
    return tuple(draw_part(canvas, garment.cloth, garment.mask, part, opening)[0] for part in fitting.parts)


def cover_of(layers: tuple[Layer, ...]) -> Plane:
    """What the layers cover, 0..1."""
    return floats(np.maximum.reduce([layer.alpha for layer in layers]))


def _in_front(canvas: Canvas, lower: LowerBody, hands: Mask) -> Plane:
    """Hands and arms, hair, held things, and a top that hangs over the waistband."""
    skin = smooth_contour(hands, 1.0 * canvas.scale)
    held = soften(canvas.enlarged_mask(lower.held), 0.8 * canvas.scale)
    return floats(np.maximum.reduce([skin, held, canvas.mattes.hair, top_in_front(canvas, lower)]))


def _old_folds(canvas: Canvas, lower: LowerBody) -> Plane:
    """The folds of plain old trousers as light on the new ones; their seams, pockets and waistband stay behind."""
    rows = np.arange(canvas.size[1])[:, None]
    worn = erode(canvas.mattes.bottom > 0.9, 2) & (rows > waist_rows(canvas, lower) + 0.22 * canvas.unit)
    flat = np.ones(worn.shape, np.float32)
    if worn.sum() < 500:
        return flat
    pixels = canvas.lab[worn]
    lightness, hue = float(pixels[:, 0].std()), float(pixels[:, 1].std() + pixels[:, 2].std())
    plain = np.exp(-((hue / 9) ** 2)) * np.exp(-((max(0.0, lightness - 18) / 14) ** 2))
    weight = worn.astype(np.float32)
    narrow, wide = 0.025 * canvas.unit, 0.16 * canvas.unit
    light = np.ascontiguousarray(canvas.lab[..., 0]) * weight
    fine = blur(light, narrow) / np.maximum(blur(weight, narrow), 1e-3)
    broad = blur(light, wide) / np.maximum(blur(weight, wide), 1e-3)
    ratio = np.clip((fine + 20) / (broad + 20), 0.8, 1.2)
    inward = np.clip(distance_inside(worn) / (0.12 * canvas.unit), 0, 1)
    return floats(flat + (ratio - 1) * plain * 0.5 * inward)


def _tube(canvas: Canvas, layer: Layer) -> Plane:
    """A trouser leg or a skirt as a tube: darker towards its sides."""
    inward = np.clip(distance_inside(layer.whole > 0.5) / (0.14 * canvas.unit), 0, 1)
    return floats(0.84 + 0.17 * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)))


def _cast(plane: Plane, reach: float, down: int) -> Plane:
    """The soft shadow that something casts below itself."""
    shadow = blur(plane, reach)
    if down > 0:
        shadow = np.concatenate([np.repeat(shadow[:1], down, axis=0), shadow[:-down]])
    return floats(np.clip(shadow - plane, 0, 1))


def _seat_form(layers: tuple[Layer, ...], forms: list[Plane], canvas: Canvas, crotch: float) -> list[Plane]:
    """Above the crotch both halves are one piece, with no fold between them."""
    if len(layers) < 2:
        return forms
    whole = Layer(0, layers[0].colours, layers[0].alpha, floats(np.maximum(layers[0].whole, layers[1].whole)))
    seat = _tube(canvas, whole)
    rows = np.arange(canvas.size[1], dtype=np.float32)[:, None]
    below = np.clip((rows - canvas.row(crotch)) / (0.35 * canvas.unit) + 0.2, 0, 1)
    return [floats(seat * (1 - below) + form * below) for form in forms]


def compose_lower(
    canvas: Canvas,
    lower: LowerBody,
    fitting: LowerFitting,
    layers: tuple[Layer, ...],
    repaired: LowerRepaired,
    seed: int,
) -> Composed:
    """The finished canvas."""
    hands = repaired.hands
    joined = _joined_at_crotch(canvas, lower, cover_of(layers) > 0.5)
    front, cover = _in_front(canvas, lower, hands), smooth_contour(joined, 1.2 * canvas.scale)
    person = np.maximum(canvas.mattes.person, repaired.skin) * (1 - soften(dilate(repaired.background, 1), 1.0))
    below = cast_below(floats(cover * (1 - front)), canvas) * person
    colours = floats(repaired.colours * (1 - below * (1 - cover))[..., None])
    contact = _cast(front, 6 * canvas.scale, int(4 * canvas.scale))
    light = _old_folds(canvas, lower) * (1 - 0.4 * contact)
    if not lower.tucked:  # a top that is tucked in lies below the waistband
        light = light * (1 - 0.25 * _cast(canvas.mattes.top, 3 * canvas.scale, int(2 * canvas.scale)))
    forms = _seat_form(layers, [_tube(canvas, layer) for layer in layers], canvas, lower.crotch)
    cloth, form = layers[0].colours.astype(np.float32), forms[0]
    for layer, other in zip(layers[1:], forms[1:], strict=True):
        share = _share(layer, layers[0])
        lay_over(cloth, layer.colours, share)
        form = floats(form + (other - form) * share)
    light = light * form * (1 + _creases(canvas, lower, fitting, seed)) * (1 - 0.16 * hem_rim(layers[0], canvas))
    whole = Layer(0, np.clip(cloth, 0, 255).astype(np.uint8), cover, cover)
    finish = finish_of(canvas, DrawnGarment(whole, (), np.zeros_like(cover)))
    finish = replace(finish, softness=min(finish.softness, 0.5))  # the weave of legs is seen smaller than of a top
    box, grain = box_of(cover), grain_like(canvas, np.random.default_rng(seed + 2))
    lay_over(colours[box], finish(whole, box, floats(light), grain), (cover * (1 - front))[box])
    colours = with_hands(canvas, colours, hands, cover > 0.05)
    return Composed(np.clip(colours, 0, 255).astype(np.uint8), floats(cover * (1 - front)))


def _creases(canvas: Canvas, lower: LowerBody, fitting: LowerFitting, seed: int) -> Plane:
    """Where trousers crease: from the crotch across the thighs, and across the inner sides of the knees."""
    if fitting.inner is None:
        return np.zeros((canvas.size[1], canvas.size[0]), np.float32)
    chance, measure = np.random.default_rng(seed), lower.skeleton.unit
    folds: list[Fold] = []
    crotch = np.array([lower.middle(lower.crotch), lower.crotch])
    for index, leg in enumerate(lower.legs):
        for lift in (-0.16, 0.02, 0.2):
            lift += chance.uniform(-0.04, 0.04)
            reach = chance.uniform(0.24, 0.36) * measure
            end = crotch + np.array([leg.sign * reach, (lift - 0.02) * measure])
            bend = (crotch + end) / 2 + np.array([0.0, 0.05 * measure])
            folds.append(Fold(crotch + np.array([leg.sign * 0.03, 0.04]) * measure, bend, end, 0.8))
        if fitting.ends[index] < leg.thigh + 0.3 * measure:
            continue
        for drop in (-0.1, 0.06, 0.2):
            drop += chance.uniform(-0.03, 0.03)
            section = leg.section(leg.thigh + drop * measure)
            start = section.centre - section.outward * section.inner * 0.9
            end = section.centre + section.outward * chance.uniform(-0.1, 0.3) * section.outer
            folds.append(Fold(start, (start + end) / 2 + np.array([0.0, 0.03 * measure]), end, 0.6))
    return drawn_folds(canvas, folds)


def _share(layer: Layer, other: Layer) -> Plane:
    """How much of a pixel is of this layer rather than of the other; what neither covers is of the nearer one."""
    near = blur(layer.alpha, 2.0) / (blur(layer.alpha, 2.0) + blur(other.alpha, 2.0) + 1e-6)
    return floats(np.maximum(layer.alpha, (1 - other.alpha) * near))


def _joined_at_crotch(canvas: Canvas, lower: LowerBody, cover: Mask) -> Mask:
    """The cover without the hole of a needle's eye at the crotch: legs part in a point."""
    place, reach = canvas.place(np.array([lower.middle(lower.crotch), lower.crotch])), canvas.unit * _EYE
    (left, top), (right, bottom) = (np.clip((place + side * reach).astype(int), 0, canvas.size) for side in (-1, 1))
    joined = cover.copy()
    window = joined[top:bottom, left:right]
    window |= fill_holes(closed(window, 0.02 * canvas.unit))
    return joined


def with_hands(canvas: Canvas, colours: Colours, hands: Mask, cloth: Mask) -> Colours:
    """Hands before the garment, the colours in their rim continued from within: it is mixed with the old garment."""
    if not hands.any():
        return colours
    near = soften(dilate(cloth | (canvas.mattes.bottom > 0.3), 3 * canvas.scale), canvas.scale)
    matte = smooth_contour(hands, 1.0 * canvas.scale) * near
    box = box_of(matte, 8 * canvas.scale)
    inner, own = erode(hands[box], 1.6 * canvas.scale), canvas.image[box].astype(np.float32)
    clean = mix(filled_in(own, inner), own, soften(inner, 0.6))
    colours = colours.copy()
    lay_over(colours[box], clean, matte[box])
    return colours
