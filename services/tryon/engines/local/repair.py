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
from services.tryon.engines.local.filters import filled_in, push_pull
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
    if _in_long_sleeve(canvas, index):
        return slim & (canvas.mattes.person > 0.3)
    full = canvas.arm(index, (0.175, 0.132, 0.10), start=0.1)
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
    bare = arms[0] | arms[1] | torso | shoulders | neck
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


def _skin_shown(canvas: Canvas, zones: _Zones) -> Mask:
    """The skin that can be seen, without what cloth lies close to and shades."""
    mattes = canvas.mattes
    like_face = (np.abs(canvas.lab - canvas.skin.colour.astype(np.float32)) < [70, 9, 10]).all(axis=2)
    clear = ~dilate(zones.old, 0.012 * canvas.unit)
    seen = erode((mattes.skin > 0.85) & ~mattes.face & (mattes.person > 0.9), 2) & clear & like_face
    seen &= _where_skin_shows(canvas)
    if seen.sum() < 0.04 * canvas.unit**2:  # too little to go by, and likely in the chin's shade
        inner = erode(mattes.face, 4.5 * canvas.scale)
        return inner if inner.sum() >= 150 else mattes.face
    return seen


def _skin_field(canvas: Canvas, seen: Mask, zone: Mask) -> Colours:
    """The skin's colour in Lab everywhere: the skin next to the zone that gets filled, carried on smoothly."""
    lab = canvas.lab
    usual = np.median(lab[seen], axis=0) if seen.any() else np.array([170, 140, 145], np.float32)
    alike = seen & (np.abs(lab - usual) < [55, 14, 16]).all(axis=2)
    near = alike & dilate(zone, 0.16 * canvas.unit)
    weight = near.astype(np.float32) + 0.02 * alike
    small = (max(8, canvas.size[0] // 4), max(8, canvas.size[1] // 4))
    known = resize_plane(weight, small)
    total = resize_plane(lab * weight[..., None], small)
    least = np.float32(1e-5)  # the usual colour matters only where no skin is to be seen at all
    mean = (total + least * usual.astype(np.float32)) / (known + least)[..., None]
    field = push_pull(mean, np.minimum(known + least, 1))
    smooth = cv2.GaussianBlur(field, (0, 0), 1.5)
    return cv2.resize(smooth, canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _skin_texture(canvas: Canvas, seen: Mask, noise: np.random.Generator) -> Colours:
    """Pores and blotches to add to smooth skin, in Lab, like those of the skin that can be seen.

    Noise with the correlations of a patch of that skin (Galerne, Gousseau, Morel: Random Phase Textures, 2011).
    """
    depth = distance_inside(seen)
    radius = int(min(0.06 * canvas.unit, 24.0, float(depth.max()) * 0.7))
    white = noise.standard_normal(depth.shape, np.float32)
    if radius < 4:
        return np.dstack([blur(white, 1.2) * 2.0, np.zeros_like(white), np.zeros_like(white)])
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    window = (
        slice(max(0, int(row) - radius), int(row) + radius + 1),
        slice(max(0, int(column) - radius), int(column) + radius + 1),
    )
    patch = canvas.lab[window]
    spot = patch - cv2.GaussianBlur(patch, (0, 0), max(1.0, 0.012 * canvas.unit))  # the light on the arm stays there
    fade = np.outer(np.hanning(spot.shape[0]), np.hanning(spot.shape[1])).astype(np.float32)
    spot = (spot - spot.mean(axis=(0, 1))) * fade[..., None] / np.float32(np.sqrt((fade**2).sum()))
    planes = [cv2.filter2D(white, cv2.CV_32F, np.ascontiguousarray(spot[..., channel])) for channel in range(3)]
    return np.clip(np.dstack(planes), -14, 14).astype(np.float32)


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
    seen = _skin_shown(canvas, zones)
    field = _skin_field(canvas, seen, zone)
    field[..., 0] = (field[..., 0] + _roundness(canvas, arms)) * _old_light(canvas, lab)
    field += 0.7 * _skin_texture(canvas, seen, noise)
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
