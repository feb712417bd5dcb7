"""Taking the old garment off: what shows where it was and the new one is not."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    closed,
    dilate,
    erode,
    mix,
    opened,
    soften,
)
from services.tryon.engines.local.bare import Form, arm_form, trunk_form
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.skin import neck, painted_skin, skin_shown
from services.tryon.engines.local.waistband import continued_upwards, waist_of
from services.tryon.engines.local.warp import Fitting

_ARMPIT_FOLD = 0.4  # of the upper arm


@dataclass(frozen=True)
class Repaired:
    """The picture without the old garment where that matters."""

    colours: Colours
    exposed: Mask  # what had to be invented
    skin: Mask  # of that, the skin
    background: Mask  # of that, what is behind the person
    arms: tuple[Form, Form]  # as they would be bare


@dataclass(frozen=True)
class _Zones:
    old: Mask  # where the old garment is
    exposed: Mask  # of that, what the new garment leaves open
    skin: Mask
    background: Mask
    lower: Mask  # below the new hem
    outline: Plane  # of the bare body


def _in_long_sleeve(canvas: Canvas, index: int) -> bool:
    """Whether the old garment hides the forearm: then it says nothing about how thick the arm is."""
    limb = canvas.body.skeleton.limbs[index]
    bone = canvas.limb(limb.elbow * 0.7 + limb.wrist * 0.3, limb.wrist * 0.8 + limb.elbow * 0.2, 0.03, 0.03)
    return bool((canvas.mattes.top[bone] > 0.5).mean() > 0.6) if bone.any() else False


def _is_sleeved(canvas: Canvas, index: int) -> bool:
    """Whether the old garment covers the upper arm."""
    limb = canvas.body.skeleton.limbs[index]
    bone = canvas.limb(limb.shoulder * 0.7 + limb.elbow * 0.3, limb.shoulder * 0.4 + limb.elbow * 0.6, 0.04, 0.04)
    return bool((canvas.mattes.top[bone] > 0.5).mean() > 0.5) if bone.any() else False


def _half(canvas: Canvas, index: int) -> Mask:
    """The side of the canvas left (0) or right (1) of the neck."""
    columns = np.arange(canvas.size[0])[None]
    middle = float(canvas.place(canvas.body.skeleton.neck)[0])
    left: Mask = np.broadcast_to(columns < middle, (canvas.size[1], canvas.size[0]))
    return left if index == 0 else ~left


def _beside_trunk(canvas: Canvas, fitting: Fitting, index: int) -> Mask:
    """What lies at the garment's side or beyond it: an arm that hangs does not reach further in."""
    sides = (fitting.edges(index, canvas.frame_rows()) - canvas.origin[0]) * canvas.scale
    outwards = (np.arange(canvas.size[0])[None] - sides[:, None]) * (-1 if index == 0 else 1)
    beyond: Mask = outwards > -0.08 * canvas.unit
    return beyond


def bared_arms(canvas: Canvas, fitting: Fitting, forms: tuple[Form, Form]) -> Mask:
    """What the old sleeve hid of the arms and the new one does not: it lies in front of whatever it crosses.

    The forearm; without a new sleeve, where a short one was, also the upper arm from the fold of the armpit: a
    garment's side ends behind it. After a long sleeve its width is not known well enough.
    """
    bared = np.zeros((canvas.size[1], canvas.size[0]), np.bool_)
    for index in (0, 1):
        limb = canvas.body.skeleton.limbs[index]
        long = _in_long_sleeve(canvas, index)
        if fitting.plans[index].sleeve_share == 0 and _is_sleeved(canvas, index) and not long:
            fold = limb.shoulder + (limb.elbow - limb.shoulder) * _ARMPIT_FOLD
            bared |= (
                canvas.limb(fold, limb.elbow, 0.14, 0.14) & forms[index].mask & _beside_trunk(canvas, fitting, index)
            )
        if fitting.plans[index].sleeve_share < 0.8 and long:
            bared |= canvas.limb(limb.elbow, limb.wrist, 0.14, 0.12) & forms[index].mask
    return bared & (canvas.mattes.top > 0.4)


def _bare_of(canvas: Canvas, fitting: Fitting, index: int, arm: Mask) -> Mask:
    """What may be bare of an arm: of one in a long sleeve the hand; beside that sleeve nothing is skin."""
    if fitting.plans[index].sleeve_share < 0.8:
        return arm
    limb = canvas.body.skeleton.limbs[index]
    return arm & canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15)


def _zones(
    canvas: Canvas, cover: Plane, fitting: Fitting, trunk: Form, forms: tuple[Form, Form], waist: Plane
) -> _Zones:
    arms = [_bare_of(canvas, fitting, index, form.mask) for index, form in enumerate(forms)]
    mattes, scale = canvas.mattes, canvas.scale
    protected = mattes.face | (mattes.hair > 0.55)
    top = mattes.top > 0.25
    # Cloth taken for skin beside the rest of it; on a hand it may be a glove, which is left alone here.
    hands = [canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15) for limb in canvas.body.skeleton.limbs]
    mistaken = (mattes.skin > 0.3) & ~canvas.skin_coloured & dilate(top, 8 * scale) & ~hands[0] & ~hands[1]
    old = dilate(top | mistaken, 3 * scale) & ~protected
    # The shade between a long sleeve and the side is the old garment too, whatever its colour was taken for.
    sleeves = [dilate(form.mask, 0.1 * canvas.unit) for i, form in enumerate(forms) if _in_long_sleeve(canvas, i)]
    for sleeve in sleeves:
        old |= closed(old, 0.06 * canvas.unit) & sleeve & ~protected & (mattes.skin < 0.5)
    exposed = old & ((cover < 0.98) | bared_arms(canvas, fitting, forms))
    bare = arms[0] | arms[1] | trunk.mask
    high = np.arange(canvas.size[1])[:, None] < canvas.row(max(float(plan.armpit[1]) for plan in fitting.plans))
    fillet = (soften(bare, 0.04 * canvas.unit) > 0.5) & high  # a body has no corners
    bare |= fillet
    tight = dilate(bare, 0.07 * canvas.unit) & high & (mattes.person > 0.6)
    for index in (0, 1):
        if _is_sleeved(canvas, index):
            tight &= ~_half(canvas, index)
    skin = (bare | tight) & old & ((mattes.person > 0.3) | top)  # beside a bare arm is background
    open_skin = skin & exposed
    thick = dilate(opened(open_skin, 0.027 * canvas.unit), 1)
    near_outside = dilate(mattes.person < 0.3, 0.06 * canvas.unit)
    bared = [arm for index, arm in enumerate(arms) if _in_long_sleeve(canvas, index)]
    sliver = open_skin & ~thick & near_outside & (mattes.person < 0.85)
    for arm in bared:
        sliver &= ~arm
    skin &= ~sliver  # slivers along the silhouette are background
    hem = canvas.row(fitting.hem)
    rows = np.arange(canvas.size[1])[:, None]
    lower = exposed & (rows > np.maximum(hem - 2, waist)) & trunk.mask & ~(arms[0] | arms[1])
    background = exposed & ~skin
    untouched = ~mattes.face & (mattes.hair < 0.3) & (mattes.skin < 0.4) & (mattes.bottom < 0.4)
    background |= dilate(exposed, 1.2 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched
    background |= exposed & near_outside & (mattes.person < 0.9)
    limbs = canvas.arm(0, (0.17, 0.14, 0.12)) | canvas.arm(1, (0.17, 0.14, 0.12))
    background &= ~(limbs & canvas.skin_coloured & (mattes.top < 0.25))  # the lit edge of an arm, missed as such
    outline = np.maximum.reduce([trunk.cover, forms[0].cover, forms[1].cover, soften(tight | fillet, canvas.scale)])
    return _Zones(old, exposed, skin, background, lower, outline)


def _fill_background(canvas: Canvas, colours: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    certain = ~dilate(canvas.mattes.person > 0.05, 2)
    filled = filled_in(colours, certain)
    filled += noise.standard_normal(filled.shape[:2], np.float32)[..., None] * 1.2  # the sensor's grain
    return mix(colours, filled, np.maximum(soften(zone, 1.0), zone).astype(np.float32))


def _fill_skin(
    canvas: Canvas,
    colours: Colours,
    zones: _Zones,
    cover: Plane,
    forms: tuple[Form, Form, Form],
    noise: np.random.Generator,
) -> Colours:
    zone = zones.skin & zones.exposed & ~zones.lower
    if not zone.any():
        return colours
    mattes, scale = canvas.mattes, canvas.scale
    trunk, *arms = forms
    skin = painted_skin(canvas, skin_shown(canvas, zones.old), zone, trunk, (arms[0], arms[1]), noise)
    under = dilate(zone, 1.5 * scale) & ((cover > 0.3) | (mattes.skin > 0.5) | (mattes.bottom > 0.5) | zone)
    rim = dilate(zone, 4 * scale) & ~zones.lower & ~mattes.face & (mattes.hair < 0.3)
    rim &= (mattes.person > 0.3) | (mattes.top > 0.25)
    alpha = soften(erode(rim, 1), 0.9 * scale) * zones.outline
    alpha = np.clip(np.maximum(alpha, (cover > 0.3) & under), 0, 1)
    return mix(colours, skin, alpha.astype(np.float32))


def take_off(canvas: Canvas, cover: Plane, fitting: Fitting, seed: int) -> Repaired:
    """The canvas with background, trousers and skin where the old garment shows past the new one's `cover`."""
    noise = np.random.default_rng(seed)
    arms = (arm_form(canvas, 0), arm_form(canvas, 1))
    trunk = trunk_form(canvas, fitting, neck(canvas))
    waist = waist_of(canvas)
    zones = _zones(canvas, cover, fitting, trunk, arms, waist)
    colours = canvas.image.astype(np.float32)
    if zones.exposed.any():
        colours = _fill_background(canvas, colours, zones.background, noise)
        if zones.lower.any():
            colours = continued_upwards(canvas, colours, zones.lower, zones.old, waist)
        colours = _fill_skin(canvas, colours, zones, cover, (trunk, *arms), noise)
    skin = zones.skin & zones.exposed & ~zones.lower
    return Repaired(colours, zones.exposed, skin, zones.background & ~skin, arms)
