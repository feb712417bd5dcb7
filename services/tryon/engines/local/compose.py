"""Putting the layers together: repaired body, garment, arms and head in front, and the light that joins them."""

from dataclasses import dataclass, replace

import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    Window,
    blur,
    box_of,
    closed,
    dilate,
    erode,
    fill_holes,
    floats,
    lay_over,
    opened,
    smoothed,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.drape import cast_below, drape, finish_of, hem_rim
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.layers import DrawnGarment
from services.tryon.engines.local.repair import Repaired, armhole
from services.tryon.engines.local.shapes import unit
from services.tryon.engines.local.sides import closed_gaps, cloth_in_depth, widened
from services.tryon.engines.local.warp import Fitting

_NEAR_ARMPIT = 0.35  # of the arm; further down a gap beside a sleeve is no fold of the armpit


@dataclass(frozen=True)
class Composed:
    """The canvas with the garment on."""

    image: Image
    shown: Plane  # where the garment is to be seen, 0..1


def _visible_arm(canvas: Canvas, fitting: Fitting, index: int) -> Mask:
    """The part of an arm whose skin may lie in front of the torso: what no new sleeve hides, and the hand."""
    limb, plan = canvas.body.skeleton.limbs[index], fitting.plans[index]
    hand_end = limb.wrist + unit(limb.wrist - limb.elbow) * 0.42 * canvas.body.skeleton.unit
    hand = canvas.limb(limb.wrist, hand_end, 0.14, 0.17)
    upper = float(np.hypot(*(limb.elbow - limb.shoulder)))
    lower = float(np.hypot(*(limb.wrist - limb.elbow)))
    behind = 0.42 if plan.sleeve_share > 0 else armhole(canvas, index)[1]
    start = max(behind * upper, plan.sleeve_share * (upper + lower) - 0.04 * canvas.body.skeleton.unit)
    if start < upper:
        from_here = limb.shoulder + (limb.elbow - limb.shoulder) * (start / max(upper, 1))
        return canvas.limb(from_here, limb.elbow, 0.17, 0.15) | canvas.limb(limb.elbow, limb.wrist, 0.15, 0.12) | hand
    from_here = limb.elbow + (limb.wrist - limb.elbow) * min(1.0, (start - upper) / max(lower, 1))
    return canvas.limb(from_here, limb.wrist, 0.15, 0.12) | hand


@dataclass(frozen=True)
class _Arms:
    """Arms that lie in front of the torso."""

    box: Window  # of the canvas, outside which are none
    colours: Colours  # in the box
    alpha: Plane


def _in_front(canvas: Canvas, fitting: Fitting, repaired: Repaired) -> Mask:
    """Where arms cross the torso or hang beside it."""
    skin = np.clip((canvas.mattes.skin - 0.5) / 0.4, 0, 1)  # no half-and-half pixels with the old garment in them
    skin *= blur(canvas.skin_coloured.astype(np.float32), 1.0)
    arms = repaired.forward.copy()
    for index, plan in enumerate(fitting.plans):
        arm = _visible_arm(canvas, fitting, index)
        if plan.sleeve_share > 0:
            inward = np.array([canvas.body.skeleton.limbs[index].sign * 0.25 * canvas.body.skeleton.unit, 0.0])
            arm &= ~canvas.sleeve(index, plan.shoulder - inward, plan.armpit - inward, plan.sleeve_share, 1.8)
        arms |= arm
    solid = closed(opened((skin > 0.5) & arms, 0.02 * canvas.unit), 0.03 * canvas.unit)
    solid &= (canvas.mattes.person > 0.5) & arms
    solid = opened(solid & ~unlike_within(canvas, solid, fitting), 0.02 * canvas.unit)
    return fill_holes(solid | repaired.bared)


def unlike_within(canvas: Canvas, arms: Mask, fitting: Fitting) -> Mask:
    """What at the rim of an arm is much brighter or of another hue than its middle: background seen beside it.

    Along the armpit also what is much darker, the crease between arm and trunk; lower down that may be a bracelet.
    """
    core = erode(arms, 0.05 * canvas.unit)
    if not core.any():
        return core
    box, unlike = box_of(arms, 2), np.zeros_like(arms)
    offset = canvas.lab[box] - filled_in(canvas.lab[box], core[box])
    unlike[box] = (offset[..., 0] > 45) | (np.hypot(offset[..., 1], offset[..., 2]) > 20)
    for limb, plan in zip(canvas.body.skeleton.limbs, fitting.plans, strict=True):
        if plan.sleeve_share == 0:
            unlike[box] |= (offset[..., 0] < -45) & canvas.limb(limb.shoulder, limb.elbow, 0.2, 0.16)[box]
    return unlike


def _arms(canvas: Canvas, where: Mask, colours: Colours) -> _Arms:
    """Arms with one smooth contour, their rim, which the old garment shines into, coloured from within."""
    hands = np.zeros(where.shape, np.bool_)
    for limb in canvas.body.skeleton.limbs:
        hands |= canvas.limb(limb.wrist, limb.wrist + 1.3 * (limb.fingertip - limb.wrist), 0.14, 0.2)
    near = soften(hands, 3 * canvas.scale)  # fingers are small, arms are not
    alpha = smoothed(where, 3.5 * canvas.scale) * (1 - near) + smoothed(where, 1.2 * canvas.scale) * near
    box = box_of(alpha, 4 * canvas.scale)
    inner = erode(where[box], 1.6 * canvas.scale)
    clean = filled_in(colours[box], inner)
    lay_over(clean, colours[box], soften(inner, 0.6))
    return _Arms(box, clean, floats(alpha))


def _head(canvas: Canvas) -> Plane:
    hips = canvas.row(float(canvas.body.skeleton.hips[1]))
    rows = np.arange(canvas.size[1])[:, None]
    return blur(np.maximum(canvas.mattes.face, canvas.mattes.hair * (rows < hips)).astype(np.float32), 0.8)


def _shadow_beside(plane: Plane, reach: float, shift: int) -> Plane:
    """The soft shadow that something casts around itself, a little downwards."""
    result: Plane = np.clip(np.roll(blur(plane, reach), shift, axis=0) - plane, 0, 1)
    return result


def _armpit_gaps(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> Mask:
    """Openings between sleeve and torso, which would show the arm's skin where cloth folds."""
    gap = np.zeros(drawn.cover.shape, np.bool_)
    for sleeve in drawn.sleeves:
        index = 0 if sleeve.sign < 0 else 1
        plan = fitting.plans[index]
        gap |= canvas.sleeve(index, plan.shoulder, plan.armpit, min(0.9 * plan.sleeve_share, _NEAR_ARMPIT), 1.05)
    return gap & (drawn.cover < 0.95) & _within(drawn.cover > 0.5, 0.12 * canvas.unit)


def _cracks(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> Mask:
    """Slits along the seams of the sleeves, where neither part covers all of a pixel; a long one ends at the armpit."""
    rows, near = np.arange(canvas.size[1])[:, None], np.zeros(drawn.torso.alpha.shape, np.bool_)
    for sleeve in drawn.sleeves:
        plan = fitting.plans[0 if sleeve.sign < 0 else 1]
        beside = dilate(sleeve.alpha > 0.5, 0.03 * canvas.unit)
        near |= beside & ((plan.sleeve_share < 0.62) | (rows < canvas.row(float(plan.armpit[1])) + 0.05 * canvas.unit))
    near &= dilate(drawn.torso.alpha > 0.5, 0.03 * canvas.unit)
    return _within(drawn.cover > 0.6, 0.02 * canvas.unit) & near & (drawn.cover < 0.98)


def _within(cover: Mask, radius: float) -> Mask:
    """What gaps narrower than the disc belong to; the pixels along the outline, half covered, are no gaps."""
    return erode(closed(cover, radius), 2)


def _fill_openings(colours: Colours, cloth: Colours, openings: tuple[tuple[Plane, float], ...], head: Plane) -> None:
    """Shaded cloth where the garment's parts leave something open between them."""
    for opening, shade in openings:
        alpha = opening * (1 - head)
        box = box_of(alpha)
        lay_over(colours[box], cloth[box] * np.float32(shade), floats(alpha[box]))


def _shadow(canvas: Canvas, repaired: Repaired, seen: Plane) -> Plane:
    """The shade that the garment casts on the body around what is seen of it."""
    body = blur(floats((canvas.mattes.person > 0.5) & ~repaired.background), 1.0)  # no shadow falls far behind it
    beside = 0.3 * _shadow_beside(seen, 3.2 * canvas.scale, 0) * (1 - seen)
    return floats(np.maximum(beside, cast_below(seen, canvas)) * body)


def compose(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired, seed: int) -> Composed:
    """The finished canvas; folds and grain are the seed's."""
    gap = _armpit_gaps(canvas, fitting, drawn)
    where = _in_front(canvas, fitting, repaired) & ~gap
    slits = closed_gaps(canvas, fitting, where, repaired.skin, drawn)
    if slits.any():
        drawn = replace(drawn, torso=widened(drawn.torso, slits, canvas))
    cover, sleeves, head = drawn.cover, drawn.sleeve_cover, _head(canvas)
    arms = _arms(canvas, where, repaired.colours)
    front = arms.alpha * (1 - sleeves)
    before_torso = np.maximum(front, head)
    colours = repaired.colours * (1 - _shadow(canvas, repaired, cover * (1 - front)) * (1 - head))[..., None]
    even = smoothed(gap | (cover > 0.5), 2 * canvas.scale)  # where an armpit's gap is closed it ends in a line
    closed_gap, cracks = even * soften(dilate(gap, 3), 1.0), soften(dilate(_cracks(canvas, fitting, drawn), 1), 0.7)
    _fill_openings(colours, cloth_in_depth(drawn), ((closed_gap, 0.65), (cracks, 0.92)), head)

    light, finish = drape(canvas, fitting, drawn, seed), finish_of(canvas, drawn)
    grain = np.zeros_like(cover)
    if finish.is_grainy:
        np.random.default_rng(seed + 1).standard_normal(out=grain, dtype=np.float32)
    contact = _shadow_beside(np.clip(front + 0.8 * head, 0, 1), 5 * canvas.scale, int(2 * canvas.scale))
    torso = light.torso * (1 - 0.38 * contact) * (1 - 0.30 * _shadow_beside(sleeves, 4 * canvas.scale, 0))
    torso = torso * (1 - 0.25 * hem_rim(drawn.torso, canvas)) * (1 - 0.2 * soften(slits, 1.5 * canvas.scale))
    box = box_of(drawn.torso.alpha)
    lay_over(colours[box], finish(drawn.torso, box, torso, grain), floats(drawn.torso.alpha * (1 - head))[box])
    cuffs = 1 - 0.5 * _shadow_beside(sleeves, 3 * canvas.scale, int(2 * canvas.scale))
    beside = soften(dilate((drawn.torso.alpha > 0.02) | slits, 2 * canvas.scale), 1.0)
    box = arms.box
    lay_over(colours[box], arms.colours * cuffs[box][..., None], floats(front * beside * (1 - head))[box])
    for sleeve, tube in zip(drawn.sleeves, light.sleeves, strict=True):
        lit = tube * (1 - 0.25 * contact) * (1 - 0.25 * hem_rim(sleeve, canvas))
        box = box_of(sleeve.alpha)
        lay_over(colours[box], finish(sleeve, box, lit, grain), floats(sleeve.alpha * (1 - head))[box])
    shown = np.maximum(drawn.torso.alpha * (1 - before_torso), sleeves * (1 - head))
    return Composed(np.clip(colours, 0, 255, out=colours).astype(np.uint8), shown.astype(np.float32))
