"""Putting the layers together: repaired body, garment, arms and head in front, and the light that joins them."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    blur,
    closed,
    dilate,
    floats,
    mix,
    opened,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.drape import cast_below, drape, finish_of, hem_rim
from services.tryon.engines.local.drawing import DrawnGarment, Layer
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.repair import Repaired, bared_forearms
from services.tryon.engines.local.shapes import unit
from services.tryon.engines.local.warp import Fitting


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
    start = max(0.42 * upper, plan.sleeve_share * (upper + lower) - 0.04 * canvas.body.skeleton.unit)
    if start < upper:
        from_here = limb.shoulder + (limb.elbow - limb.shoulder) * (start / max(upper, 1))
        return canvas.limb(from_here, limb.elbow, 0.17, 0.15) | canvas.limb(limb.elbow, limb.wrist, 0.15, 0.12) | hand
    from_here = limb.elbow + (limb.wrist - limb.elbow) * min(1.0, (start - upper) / max(lower, 1))
    return canvas.limb(from_here, limb.wrist, 0.15, 0.12) | hand


def _in_front(canvas: Canvas, fitting: Fitting) -> Plane:
    """Arms that cross the torso."""
    skin = np.clip((canvas.mattes.skin - 0.5) / 0.4, 0, 1)  # no half-and-half pixels with the old garment in them
    skin *= blur(canvas.skin_coloured.astype(np.float32), 1.0)
    arms = np.zeros(skin.shape, np.bool_)
    for index, plan in enumerate(fitting.plans):
        arm = _visible_arm(canvas, fitting, index)
        if plan.sleeve_share > 0:
            inward = np.array([canvas.body.skeleton.limbs[index].sign * 0.25 * canvas.body.skeleton.unit, 0.0])
            arm &= ~canvas.sleeve(index, plan.shoulder - inward, plan.armpit - inward, plan.sleeve_share, 1.8)
        arms |= arm
    solid = dilate(opened((skin > 0.5) & arms, 0.02 * canvas.unit), 2)
    result: Plane = np.maximum(skin * solid, soften(bared_forearms(canvas, fitting), 1.0)).astype(np.float32)
    return result


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
        gap |= canvas.sleeve(index, plan.shoulder, plan.armpit, 0.9 * plan.sleeve_share, 1.05)
    return gap & (drawn.cover < 0.95) & closed(drawn.cover > 0.5, 0.12 * canvas.unit)


def _cracks(canvas: Canvas, drawn: DrawnGarment) -> Mask:
    """Slits along the seams of the sleeves, where neither part covers all of a pixel."""
    near = dilate(drawn.torso.alpha > 0.5, 0.03 * canvas.unit) & dilate(drawn.sleeve_cover > 0.5, 0.03 * canvas.unit)
    return closed(drawn.cover > 0.6, 0.02 * canvas.unit) & near & (drawn.cover < 0.98)


def _fill_gaps(colours: Colours, gap: Mask, cracks: Mask, drawn: DrawnGarment, hidden: Plane) -> Colours:
    """Cloth, in deep shade where it is an opening, under what the parts leave open between them."""
    cloth: Image | Colours = drawn.torso.colours
    weight = drawn.torso.alpha
    for sleeve in drawn.sleeves:
        cloth, weight = mix(cloth, sleeve.colours, sleeve.alpha), np.maximum(weight, sleeve.alpha)
    filled = filled_in(cloth, weight > 0.9)
    colours = mix(colours, filled * np.float32(0.8), soften(dilate(gap, 1), 1.0) * (1 - hidden))
    return mix(colours, filled * np.float32(0.92), soften(dilate(cracks, 1), 0.7) * (1 - hidden))


def compose(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, repaired: Repaired, seed: int) -> Composed:
    """The finished canvas; folds and grain are the seed's."""
    gap = _armpit_gaps(canvas, fitting, drawn)
    front = _in_front(canvas, fitting) * (1 - drawn.sleeve_cover) * ~gap
    head = _head(canvas)
    before_torso = np.maximum(front, head)
    cover = drawn.cover
    seen = cover * (1 - front)
    body = blur(floats((canvas.mattes.person > 0.5) & ~repaired.background), 1.0)  # no shadow falls far behind it
    shadow = 0.3 * _shadow_beside(seen, 3.2 * canvas.scale, 0) * (1 - seen)
    shadow = np.maximum(shadow, cast_below(seen, canvas)) * body
    colours = repaired.colours * (1 - shadow)[..., None]

    light, finish = drape(canvas, fitting, drawn, seed), finish_of(canvas, drawn)
    grain = np.random.default_rng(seed + 1).standard_normal(cover.shape, np.float32)
    contact = _shadow_beside(np.clip(front + 0.8 * head, 0, 1), 5 * canvas.scale, int(2 * canvas.scale))
    sleeves = drawn.sleeve_cover
    if drawn.sleeves:
        colours = _fill_gaps(colours, gap, _cracks(canvas, drawn), drawn, before_torso)
    torso = light.torso * (1 - 0.38 * contact) * (1 - 0.30 * _shadow_beside(sleeves, 4 * canvas.scale, 0))
    torso = torso * (1 - 0.25 * hem_rim(drawn.torso, canvas))
    colours = _lay(colours, drawn.torso, finish(drawn.torso, torso, grain), before_torso)
    for sleeve, tube in zip(drawn.sleeves, light.sleeves, strict=True):
        lit = tube * (1 - 0.25 * contact) * (1 - 0.25 * hem_rim(sleeve, canvas))
        colours = _lay(colours, sleeve, finish(sleeve, lit, grain), head)
    shown = np.maximum(drawn.torso.alpha * (1 - before_torso), sleeves * (1 - head))
    return Composed(np.clip(colours, 0, 255).astype(np.uint8), shown.astype(np.float32))


def _lay(colours: Colours, layer: Layer, lit: Colours, hidden: Plane) -> Colours:
    return mix(colours, lit, layer.alpha * (1 - hidden))
