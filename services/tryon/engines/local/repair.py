"""Taking the old garment off: what shows where it was and the new one is not."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    dilate,
    erode,
    mix,
    opened,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.skin import neck, old_light, roundness, skin_field, skin_shown, skin_texture
from services.tryon.engines.local.warp import Fitting


@dataclass(frozen=True)
class Repaired:
    """The picture without the old garment where that matters."""

    colours: Colours
    exposed: Mask  # what had to be invented
    skin: Mask  # of that, the skin
    arms: tuple[Mask, Mask]


@dataclass(frozen=True)
class _Zones:
    old: Mask  # where the old garment is
    exposed: Mask  # of that, what the new garment leaves open
    skin: Mask
    background: Mask
    lower: Mask  # below the new hem


def _arm(canvas: Canvas, index: int) -> Mask:
    """An arm as it would be bare: inside the silhouette, and narrower than a wide sleeve."""
    slim = canvas.arm(index, (0.150, 0.108, 0.078))
    if _in_long_sleeve(canvas, index):
        return slim & (canvas.mattes.person > 0.3)
    limb = canvas.body.skeleton.limbs[index]
    full = canvas.limb(limb.shoulder * 0.9 + limb.elbow * 0.1, limb.elbow, 0.175, 0.132)
    sleeve = erode(canvas.mattes.top > 0.5, 1.1 * canvas.scale)
    return (slim & (canvas.mattes.person > 0.5)) | (full & sleeve)


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


def _bare_torso(canvas: Canvas, fitting: Fitting) -> tuple[Mask, Mask]:
    """The torso between its sides below the shoulders, and the shoulders with the upper chest."""
    rows, body = canvas.frame_rows(), canvas.body
    columns = np.arange(canvas.size[0])[None]
    left, right = (
        (np.array([body.side(index, row) for row in rows]) - canvas.origin[0])[:, None] * canvas.scale
        for index in (0, 1)
    )
    skeleton = body.skeleton
    below = rows[:, None] > skeleton.neck[1] - 0.05 * skeleton.shoulder_width
    torso = (columns > left) & (columns < right) & below
    width = skeleton.shoulder_width
    shares = np.linspace(0.6, 0.17, 8) * width
    outline = [body.shoulders[0].at(share) for share in shares]
    outline += [body.shoulders[1].at(share) for share in shares[::-1]]
    for index in (1, 0):
        row = float(fitting.plans[index].armpit[1])
        outline.append(np.array([body.side(index, row), row]))
    return torso, polygon(canvas.size, [canvas.place(point) for point in outline])


def bared_forearms(canvas: Canvas, fitting: Fitting) -> Mask:
    """Forearms that the old sleeve hid and the new one does not: they lie in front of whatever they cross."""
    bared = np.zeros((canvas.size[1], canvas.size[0]), np.bool_)
    for index in (0, 1):
        limb = canvas.body.skeleton.limbs[index]
        if fitting.plans[index].sleeve_share < 0.8 and _in_long_sleeve(canvas, index):
            bared |= canvas.limb(limb.elbow, limb.wrist, 0.105, 0.075)
    return bared & (canvas.mattes.top > 0.4)


def _zones(canvas: Canvas, cover: Plane, fitting: Fitting, arms: tuple[Mask, Mask]) -> _Zones:
    mattes, scale = canvas.mattes, canvas.scale
    protected = mattes.face | (mattes.hair > 0.55)
    top = mattes.top > 0.25
    # Cloth taken for skin beside the rest of it; on a hand it may be a glove, which is left alone here.
    hands = [canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15) for limb in canvas.body.skeleton.limbs]
    mistaken = (mattes.skin > 0.3) & ~canvas.skin_coloured & dilate(top, 8 * scale) & ~hands[0] & ~hands[1]
    old = dilate(top | mistaken, 3 * scale) & ~protected
    exposed = old & ((cover < 0.98) | bared_forearms(canvas, fitting))
    torso, shoulders = _bare_torso(canvas, fitting)
    bare = arms[0] | arms[1] | torso | shoulders | neck(canvas)
    high = np.arange(canvas.size[1])[:, None] < canvas.row(max(float(plan.armpit[1]) for plan in fitting.plans))
    tight = dilate(bare, 0.07 * canvas.unit) & high & (mattes.person > 0.6)
    for index in (0, 1):
        if _is_sleeved(canvas, index):
            tight &= ~_half(canvas, index)
    skin = (bare | tight) & old
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
    skeleton = canvas.body.skeleton
    waist = canvas.row(float(skeleton.neck[1] + 0.8 * (skeleton.hips - skeleton.neck)[1]))
    lower = exposed & (rows > max(hem - 2, waist)) & torso & ~(arms[0] | arms[1])
    background = exposed & ~skin
    untouched = ~mattes.face & (mattes.hair < 0.3) & (mattes.skin < 0.4) & (mattes.bottom < 0.4)
    background |= dilate(exposed, 1.2 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched
    background |= exposed & near_outside & (mattes.person < 0.9)
    limbs = canvas.arm(0, (0.17, 0.14, 0.12)) | canvas.arm(1, (0.17, 0.14, 0.12))
    background &= ~(limbs & canvas.skin_coloured & (mattes.top < 0.25))  # the lit edge of an arm, missed as such
    return _Zones(old, exposed, skin, background, lower)


def _fill_background(canvas: Canvas, colours: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    certain = ~dilate(canvas.mattes.person > 0.05, 2)
    filled = filled_in(colours, certain)
    filled += noise.standard_normal(filled.shape[:2], np.float32)[..., None] * 1.2  # the sensor's grain
    return mix(colours, filled, np.maximum(soften(zone, 1.0), zone).astype(np.float32))


def _fill_lower(canvas: Canvas, colours: Colours, zones: _Zones) -> Colours:
    """Below a shorter hem continue trousers upwards, or the belly downwards."""
    if not zones.lower.any():
        return colours
    mattes = canvas.mattes
    source = ((mattes.bottom > 0.85) | (mattes.skin > 0.9)) & ~zones.old & (mattes.person > 0.9)
    if source.sum() < 100:
        return colours
    filled = filled_in(colours, source)
    alpha = np.maximum(soften(zones.lower, 0.8 * canvas.scale), zones.lower) * (1 - mattes.hair)
    return mix(colours, filled, alpha.astype(np.float32))


def _fill_skin(
    canvas: Canvas, colours: Colours, zones: _Zones, cover: Plane, arms: tuple[Mask, Mask], noise: np.random.Generator
) -> Colours:
    zone = zones.skin & zones.exposed & ~zones.lower
    if not zone.any():
        return colours
    mattes, scale = canvas.mattes, canvas.scale
    lab = canvas.lab
    seen = skin_shown(canvas, zones.old)
    field = skin_field(canvas, seen, zone)
    field[..., 0] = (field[..., 0] + roundness(canvas, arms)) * old_light(canvas, lab)
    field += 0.7 * skin_texture(canvas, seen, noise)
    skin = cv2.cvtColor(np.clip(field, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR).astype(np.float32)
    under = dilate(zone, 1.5 * scale) & ((cover > 0.3) | (mattes.skin > 0.5) | (mattes.bottom > 0.5) | zone)
    alpha = soften(erode(zone, 1), 0.9 * scale) * 1.05
    rim = dilate(zone, 2 * scale) & ~zones.background & (mattes.person > 0.95)  # of the old neckline
    rim &= ~mattes.face & (mattes.hair < 0.3)
    alpha = np.clip(np.maximum.reduce([alpha, (cover > 0.3) & under, soften(rim, 0.9 * scale)]), 0, 1)
    return mix(colours, skin, alpha.astype(np.float32))


def take_off(canvas: Canvas, cover: Plane, fitting: Fitting, seed: int) -> Repaired:
    """The canvas with background, trousers and skin where the old garment shows past the new one's `cover`."""
    noise = np.random.default_rng(seed)
    arms = (_arm(canvas, 0), _arm(canvas, 1))
    zones = _zones(canvas, cover, fitting, arms)
    colours = canvas.image.astype(np.float32)
    if zones.exposed.any():
        colours = _fill_background(canvas, colours, zones.background, noise)
        colours = _fill_lower(canvas, colours, zones)
        colours = _fill_skin(canvas, colours, zones, cover, arms, noise)
    return Repaired(colours, zones.exposed, zones.skin & zones.exposed & ~zones.lower, arms)
