"""Taking the old garment off: what shows where it was and the new one is not."""

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
    largest_channel,
    lay_over,
    opened,
    smoothed,
    soften,
)
from services.tryon.engines.local.bare import ArmForm, Form, arm_form, trunk_form
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.skin import neck, painted_skin, skin_shown
from services.tryon.engines.local.waistband import continued_upwards, waist_of
from services.tryon.engines.local.warp import Fitting


@dataclass(frozen=True)
class Repaired:
    """The picture without the old garment where that matters."""

    colours: Colours
    exposed: Mask  # what had to be invented
    skin: Mask  # of that, the skin
    background: Mask  # of that, what is behind the person
    bared: Mask  # of arms, what the old sleeves hid and the new ones do not
    forward: Mask  # of arms, what hangs before a garment without sleeves


@dataclass(frozen=True)
class _Zones:
    old: Mask  # where the old garment is
    exposed: Mask  # of that, what the new garment leaves open
    skin: Mask
    background: Mask
    lower: Mask  # below the new hem
    body: Plane  # bare, as far as it is to be painted
    trousers: Plane  # or a skirt, where the waist and the arms leave them to be seen


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


def armhole(canvas: Canvas, index: int) -> tuple[float, float]:
    """Where along the upper arm a sleeveless garment's edge passes from its outer to its inner side.

    Where the arm was bare before, its own skin tells most of that.
    """
    return (0.05, 0.5) if _is_sleeved(canvas, index) else (0.05, 0.42)


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


def _bared_arms(canvas: Canvas, fitting: Fitting, forms: tuple[ArmForm, ArmForm]) -> Mask:
    """What the old sleeve hid of the arms and the new one does not: it lies in front of whatever it crosses.

    The forearm; without a new sleeve, where a short one was, also the upper arm from the armhole on: a garment's side
    ends behind it. After a long sleeve its width is not known well enough.
    """
    bared = np.zeros((canvas.size[1], canvas.size[0]), np.bool_)
    for index, form in enumerate(forms):
        limb, share = canvas.body.skeleton.limbs[index], fitting.plans[index].sleeve_share
        long = _in_long_sleeve(canvas, index)
        if share < 0.05 and _is_sleeved(canvas, index) and not long:
            upper = form.forward(*armhole(canvas, index)) & (form.along < 1.2)
            bared |= upper & _beside_trunk(canvas, fitting, index)
        if share < 0.8 and long:
            bared |= canvas.limb(limb.elbow, limb.wrist, 0.14, 0.12) & form.mask
    return bared & (canvas.mattes.top > 0.4)


def _forward(canvas: Canvas, fitting: Fitting, forms: tuple[ArmForm, ArmForm]) -> Mask:
    """Where arms, real or painted, may hang before a garment without sleeves."""
    found = np.zeros((canvas.size[1], canvas.size[0]), np.bool_)
    for index, form in enumerate(forms):
        if fitting.plans[index].sleeve_share == 0:
            found |= form.forward(*armhole(canvas, index))
    return found


def _bare_of(canvas: Canvas, fitting: Fitting, index: int, arm: ArmForm) -> Plane:
    """What may be bare of an arm: of one in a long sleeve the hand; beside that sleeve nothing is skin."""
    if fitting.plans[index].sleeve_share < 0.8:
        return arm.cover
    limb = canvas.body.skeleton.limbs[index]
    return floats(arm.cover * canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15))


def _zones(
    canvas: Canvas,
    cover: Plane,
    trunk: Form,
    forms: tuple[ArmForm, ArmForm],
    bared: Mask,
    fitting: Fitting,
    waist: Plane,
    behind: Colours,
) -> _Zones:
    arms = [_bare_of(canvas, fitting, index, form) for index, form in enumerate(forms)]
    mattes, scale = canvas.mattes, canvas.scale
    protected = mattes.face | (mattes.hair > 0.55)
    top = mattes.top > 0.25
    # Cloth taken for skin beside the rest of it; on a hand it may be a glove, which is left alone here.
    hands = [canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15) for limb in canvas.body.skeleton.limbs]
    mistaken = (mattes.skin > 0.3) & ~canvas.skin_coloured & dilate(top, 8 * scale) & ~hands[0] & ~hands[1]
    mistaken &= ~closed(mattes.bottom > 0.5, 0.06 * canvas.unit)  # nor is a button
    old = dilate(top | mistaken, 3 * scale) & ~protected
    # The shade between a long sleeve and the side is the old garment too, whatever its colour was taken for.
    sleeves = [dilate(form.mask, 0.1 * canvas.unit) for i, form in enumerate(forms) if _in_long_sleeve(canvas, i)]
    for sleeve in sleeves:
        old |= closed(old, 0.06 * canvas.unit) & sleeve & ~protected & (mattes.skin < 0.5)
    exposed = old & ((cover < 0.98) | bared)
    rows = np.arange(canvas.size[1])[:, None]
    high = rows < canvas.row(max(float(plan.armpit[1]) for plan in fitting.plans))
    near_outside = dilate(mattes.person < 0.3, 0.06 * canvas.unit)
    body = _body(canvas, trunk, arms, high)
    # Slivers of it beside the new garment are background, which lies as close as the old one.
    sliver = exposed & (body > 0.05) & (cover < 0.5)
    for index, plan in enumerate(fitting.plans):
        if plan.sleeve_share == 0:  # what shows of a shoulder beside a strap is skin
            sliver &= ~(high & _half(canvas, index))
    sliver &= ~dilate(opened(sliver | ((mattes.skin > 0.5) & ~old), 0.027 * canvas.unit), 2) & near_outside
    body *= 1 - soften(dilate(sliver, 2), 0.6 * scale)
    solid = 1 - _air(canvas, behind, trunk, old, ~high)
    body *= solid
    below = np.clip(rows - np.maximum(canvas.row(fitting.hem) - 2, waist) + 0.5, 0, 1)
    below = trunk.cover * solid * below * (1 - np.maximum(*arms))
    lower = exposed & (below > 0.5)
    body *= _free(canvas, old)
    skin = (body > 0.5) & old & ~lower  # beside a bare arm is background
    background = exposed & (body < 0.98) & (below < 0.98)
    untouched = ~mattes.face & (mattes.hair < 0.3) & (mattes.skin < 0.4) & (mattes.bottom < 0.4)
    background |= dilate(exposed, 1.2 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched
    background |= exposed & near_outside & (mattes.person < 0.9)
    limbs = canvas.arm(0, (0.17, 0.14, 0.12)) | canvas.arm(1, (0.17, 0.14, 0.12))
    lit = limbs & canvas.skin_coloured & (mattes.top < 0.25) & dilate(mattes.skin > 0.6, 3 * scale)
    background &= ~lit  # the lit edge of an arm, missed as such
    dents = np.zeros_like(old)
    for index, plan in enumerate(fitting.plans):  # where the forearm shows and still does, so that an arm is half seen
        if plan.sleeve_share < 0.8 and not _in_long_sleeve(canvas, index):
            even = arm_without_dents(canvas, skin | ((mattes.skin > 0.5) & ~old), index)
            even &= old & ~lower & (cover < 0.5)
            deep = erode(even & background & ~skin, 0.015 * canvas.unit)  # specks beside a seen arm are no dents
            dents |= even & dilate(deep, 0.06 * canvas.unit)
    body, skin, background = np.maximum(body, soften(dents, 0.6 * scale)), skin | dents, background & ~dents
    return _Zones(old, exposed, skin, background, lower, floats(body), floats(below))


def arm_without_dents(canvas: Canvas, skin: Mask, index: int) -> Mask:
    """The skin of an arm without the dents that its outline has where it was half seen and half painted."""
    shown = skin & canvas.arm(index, (0.2, 0.17, 0.14))
    return smoothed(closed(shown, 0.045 * canvas.unit), 0.02 * canvas.unit) > 0.5


def _body(canvas: Canvas, trunk: Form, arms: list[Plane], high: Mask) -> Plane:
    """The bare body with one even outline."""
    bare = (np.maximum(*arms) > 0.5) | trunk.mask
    tight = dilate(bare, 0.07 * canvas.unit) & high & (canvas.mattes.person > 0.6)
    for index in (0, 1):
        if _is_sleeved(canvas, index):
            tight &= ~_half(canvas, index)
    touching = closed(bare, 0.008 * canvas.unit)  # no light comes through so narrow a gap
    hands = (canvas.mattes.skin > 0.5) & canvas.skin_coloured
    for limb, arm in zip(canvas.body.skeleton.limbs, arms, strict=True):  # a wrist goes over into the hand that shows
        near = canvas.limb(limb.wrist, limb.wrist * 0.6 + limb.fingertip * 0.4, 0.14, 0.14)
        touching |= closed(((arm > 0.5) | hands) & near, 0.035 * canvas.unit) & near
    joined = smoothed(touching, canvas.scale)
    below = np.maximum.reduce([trunk.cover, *arms, joined])
    rounded = smoothed(bare | tight, 0.045 * canvas.unit)  # a body has no corners
    share = blur(floats(np.broadcast_to(high, bare.shape)), 0.04 * canvas.unit)
    return floats(rounded * share + below * (1 - share))


def _air(canvas: Canvas, behind: Colours, trunk: Form, old: Mask, low: Mask) -> Plane:
    """Gaps between trunk and arms that were taken for the old garment, though what is `behind` shows through them."""
    worn = erode(canvas.mattes.top > 0.9, 3)
    where = old & low & (np.abs(trunk.across) > 0.8) & (canvas.mattes.skin < 0.3)
    if not worn.any() or not where.any():
        return np.zeros(old.shape, np.float32)
    image = canvas.image.astype(np.float32)
    cloth = floats(np.median(canvas.image[worn], axis=0))
    where &= (largest_channel(np.abs(image - behind)) < 10) & (largest_channel(np.abs(image - cloth)) > 16)
    numbers, stats = components(opened(closed(where, 1.5), 0.012 * canvas.unit))
    large = stats[:, cv2.CC_STAT_AREA] > 0.004 * canvas.unit**2
    large[0] = False
    return smoothed(large[numbers], 0.03 * canvas.unit)  # a side is no ragged line, as cloth on it is


def _free(canvas: Canvas, old: Mask) -> Plane:
    """Where skin may be painted: where the old garment is and, fading out, on what its edge shades."""
    mattes = canvas.mattes
    shaded = soften(dilate(old, 0.018 * canvas.unit), 0.009 * canvas.unit)
    near = np.maximum(soften(old, 0.5), shaded * np.clip(2 * mattes.skin - 0.4, 0, 1))
    kept = mattes.face | (mattes.hair > 0.3) | ((mattes.bottom > 0.5) & ~old)
    inside = smoothed(dilate((mattes.person > 0.4) | (mattes.top > 0.4), 1), 2 * canvas.scale)
    return floats(near * inside * (1 - soften(kept, 0.6 * canvas.scale)))


def _fill_background(colours: Colours, behind: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    grain = noise.standard_normal(zone.shape, np.float32)
    behind += (grain * np.float32(1.2))[..., None]  # the sensor's grain
    lay_over(colours, behind, np.maximum(soften(zone, 1.0), zone).astype(np.float32))
    return colours


def _fill_skin(
    canvas: Canvas,
    colours: Colours,
    zones: _Zones,
    cover: Plane,
    trunk: Form,
    arms: tuple[ArmForm, ArmForm],
    noise: np.random.Generator,
) -> Colours:
    zone = zones.skin & zones.exposed
    if not zone.any():
        return colours
    mattes, scale = canvas.mattes, canvas.scale
    skin = painted_skin(canvas, skin_shown(canvas, zones.old), zone, trunk, arms, noise)
    under = dilate(zone, 1.5 * scale) & ((cover > 0.3) | (mattes.skin > 0.5) | (mattes.bottom > 0.5) | zone)
    alpha = np.where(dilate(zone, 0.03 * canvas.unit), zones.body, 0)
    alpha = np.clip(np.maximum(alpha, (cover > 0.3) & under), 0, 1)
    lay_over(colours, skin, floats(alpha))
    return colours


def take_off(canvas: Canvas, cover: Plane, fitting: Fitting, seed: int) -> Repaired:
    """The canvas with background, trousers and skin where the old garment shows past the new one's `cover`."""
    noise = np.random.default_rng(seed)
    arms = (arm_form(canvas, 0), arm_form(canvas, 1))
    trunk = trunk_form(canvas, fitting, neck(canvas))
    waist = waist_of(canvas)
    bared = _bared_arms(canvas, fitting, arms)
    behind = filled_in(canvas.image, ~dilate(canvas.mattes.person > 0.05, 2))
    zones = _zones(canvas, cover, trunk, arms, bared, fitting, waist, behind)
    colours = canvas.image.astype(np.float32)
    if zones.exposed.any():
        colours = _fill_background(colours, behind, zones.background, noise)
        colours = _fill_skin(canvas, colours, zones, cover, trunk, arms, noise)
        if zones.lower.any():
            reach = soften(dilate(zones.exposed & (zones.trousers > 0.02), 2), 0.8)
            colours = continued_upwards(canvas, colours, floats(zones.trousers * reach), zones.old, waist)
    skin = zones.skin & zones.exposed
    forward = _forward(canvas, fitting, arms)
    return Repaired(colours, zones.exposed, skin, zones.background & ~skin, bared, forward)
