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
    dilate,
    distance_inside,
    erode,
    mix,
    opened,
    resize_plane,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.shapes import polygon
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
    full = canvas.arm(index, (0.175, 0.132, 0.10), start=0.1)
    sleeve = erode(canvas.mattes.top > 0.5, 1.1 * canvas.scale)
    return (slim & (canvas.mattes.person > 0.5)) | (full & sleeve)


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
        if fitting.plans[index].sleeve_share < 0.8:
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
    neck = _neck(canvas)
    skin = (arms[0] | arms[1] | torso | shoulders | neck) & old
    open_skin = skin & exposed
    thick = dilate(opened(open_skin, 0.027 * canvas.unit), 1)
    near_outside = dilate(mattes.person < 0.3, 0.06 * canvas.unit)
    skin &= ~(open_skin & ~thick & near_outside)  # slivers along the silhouette are background
    hem = canvas.row(fitting.hem)
    rows = np.arange(canvas.size[1])[:, None]
    skeleton = canvas.body.skeleton
    waist = canvas.row(float(skeleton.neck[1] + 0.8 * (skeleton.hips - skeleton.neck)[1]))
    lower = exposed & (rows > max(hem - 2, waist)) & torso & ~(arms[0] | arms[1])
    background = exposed & ~skin
    untouched = ~mattes.face & (mattes.hair < 0.3) & (mattes.skin < 0.4) & (mattes.bottom < 0.4)
    background |= dilate(exposed, 1.2 * scale) & (cover < 0.98) & (mattes.person < 0.97) & untouched
    background |= exposed & near_outside & (mattes.person < 0.9)
    return _Zones(old, exposed, skin, background, lower)


def _neck(canvas: Canvas) -> Mask:
    skeleton = canvas.body.skeleton
    start = skeleton.chin * 1.05 - skeleton.neck * 0.05
    radius = skeleton.face_height * 0.27 / skeleton.unit
    return canvas.limb(start, skeleton.neck * 0.75 + skeleton.chin * 0.25, radius, radius)


def _fill_background(canvas: Canvas, colours: Colours, zone: Mask, noise: np.random.Generator) -> Colours:
    if not zone.any():
        return colours
    certain = ~dilate(canvas.mattes.person > 0.05, 2)
    filled = push_pull(colours, certain.astype(np.float32))
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
    filled = push_pull(colours, source.astype(np.float32))
    alpha = np.maximum(soften(zones.lower, 0.8 * canvas.scale), zones.lower) * (1 - mattes.hair)
    return mix(colours, filled, alpha.astype(np.float32))


def _skin_field(canvas: Canvas, lab: Colours, zones: _Zones) -> Colours:
    """The skin's colour everywhere: that of the nearest visible skin, tending to the usual one far from it."""
    mattes = canvas.mattes
    like_face = (np.abs(lab - canvas.skin.colour.astype(np.float32)) < [70, 9, 10]).all(axis=2)
    seen = erode((mattes.skin > 0.85) & ~mattes.face & (mattes.person > 0.9) & ~zones.old, 2) & like_face
    seen &= _where_skin_shows(canvas)
    if seen.sum() < 0.04 * canvas.unit**2:  # too little to go by, and likely in the chin's shade
        inner = erode(mattes.face, 4.5 * canvas.scale)
        seen = inner if inner.sum() >= 150 else mattes.face
    usual = np.median(lab[seen], axis=0) if seen.any() else np.array([170, 140, 145], np.float32)
    seen = seen & (np.abs(lab - usual) < [45, 14, 16]).all(axis=2)
    small = (max(8, canvas.size[0] // 4), max(8, canvas.size[1] // 4))
    weight = resize_plane(seen.astype(np.float32), small)
    total = resize_plane(lab * seen[..., None].astype(np.float32), small)
    # The usual colour weighs so little that it only matters far from any skin.
    known = weight + 0.002
    field = push_pull((total + 0.002 * usual.astype(np.float32)) / known[..., None], np.minimum(known, 1))
    smooth = cv2.GaussianBlur(field, (0, 0), 1.5)
    return cv2.resize(smooth, canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _where_skin_shows(canvas: Canvas) -> Mask:
    """Arms, hands, neck and chest: fair hair, which looks like skin, is nowhere there."""
    skeleton = canvas.body.skeleton
    chest = polygon(
        canvas.size,
        [canvas.place(point) for point in (*(limb.shoulder for limb in skeleton.limbs), skeleton.hips)],
    )
    arms = [canvas.arm(index, (0.2, 0.17, 0.15), hand=0.42) for index in (0, 1)]
    return arms[0] | arms[1] | chest | _neck(canvas)


def _roundness(canvas: Canvas, arms: tuple[Mask, Mask]) -> Plane:
    """Lightness to add so that arms look like cylinders lit from the front."""
    result = np.zeros((canvas.size[1], canvas.size[0]), np.float32)
    for arm in arms:
        arm = closed(arm, 2)
        if not arm.any():
            continue
        depth = distance_inside(arm)
        small = resize_plane(depth, (canvas.size[0] // 4 + 1, canvas.size[1] // 4 + 1))
        side = int(0.22 * canvas.unit / 4) | 1
        ridge = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        ridge = resize_plane(cv2.GaussianBlur(ridge, (0, 0), 0.06 * canvas.unit / 4).astype(np.float32), canvas.size)
        inward = np.clip(depth / np.maximum(ridge, 2), 0, 1)
        shade = (np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)) - 0.86) * 46
        result = np.where(arm, blur(shade.astype(np.float32), 1.5 * canvas.scale), result)
    return result


def _old_light(canvas: Canvas, lab: Colours) -> Plane:
    """The light on the body as the old garment shows it, as a factor near 1; none from a patterned garment."""
    worn = canvas.mattes.top > 0.7
    if not worn.any():
        return np.ones((canvas.size[1], canvas.size[0]), np.float32)
    fine = blur(lab[..., 0].copy(), 1.5 * canvas.scale)
    weight = worn.astype(np.float32)
    wide = 0.12 * canvas.unit
    broad = blur(fine * weight, wide) / np.maximum(blur(weight, wide), 0.02)
    plain = float(np.exp(-((lab[..., 0][worn].std() / 30) ** 2)))
    ratio = np.clip((fine + 20) / (broad + 20), 0.8, 1.2)
    result: Plane = (1 + (ratio - 1) * 0.6 * worn * plain).astype(np.float32)
    return result


def _fill_skin(
    canvas: Canvas, colours: Colours, zones: _Zones, cover: Plane, arms: tuple[Mask, Mask], noise: np.random.Generator
) -> Colours:
    zone = zones.skin & zones.exposed & ~zones.lower
    if not zone.any():
        return colours
    mattes, scale = canvas.mattes, canvas.scale
    lab = canvas.lab
    field = _skin_field(canvas, lab, zones)
    field[..., 0] = (field[..., 0] + _roundness(canvas, arms)) * _old_light(canvas, lab)
    field[..., 0] += blur(noise.standard_normal(field.shape[:2], np.float32), 1.2) * 2.0
    skin = cv2.cvtColor(np.clip(field, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR).astype(np.float32)
    under = dilate(zone, 1.5 * scale) & ((cover > 0.3) | (mattes.skin > 0.5) | (mattes.bottom > 0.5) | zone)
    alpha = soften(erode(zone, 1), 0.9 * scale) * 1.05
    alpha = np.clip(np.maximum(alpha, (cover > 0.3) & under), 0, 1)
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
