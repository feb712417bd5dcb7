"""What bare skin looks like where the old garment hid it: its colour, its form, its light."""

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    Points,
    Vector,
    blur,
    dilate,
    erode,
    floats,
    resize_plane,
    resize_weighted,
    within,
)
from services.tryon.engines.local.bare import Form
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.light import grain_like, light_on
from services.tryon.engines.local.shapes import polygon, run_at


def skin_shown(canvas: Canvas, old: Mask) -> Mask:
    """The skin that can be seen, without what cloth lies close to and shades; `old` is where the old garment is."""
    mattes = canvas.mattes
    like_face = within(canvas.lab, canvas.skin.colour, (70, 9, 10))
    clear = ~dilate(old, 0.012 * canvas.unit)
    seen = erode((mattes.skin > 0.85) & ~mattes.face & (mattes.person > 0.9), 2) & clear & like_face
    seen &= _where_skin_shows(canvas)
    if seen.sum() < 0.04 * canvas.unit**2:  # too little to go by, and likely in the chin's shade
        inner = erode(mattes.face, 4.5 * canvas.scale)
        return inner if inner.sum() >= 150 else mattes.face
    return seen


def skin_field(canvas: Canvas, seen: Mask, zone: Mask) -> Colours:
    """The skin's colour in Lab everywhere: the skin next to the zone that gets filled, carried on smoothly."""
    lab = canvas.lab
    usual = np.median(lab[seen], axis=0) if seen.any() else np.array([170, 140, 145], np.float32)
    alike = seen & within(lab, usual, (55, 14, 16))
    near = alike & dilate(zone, 0.16 * canvas.unit)
    weight = near.astype(np.float32) + 0.02 * alike
    small = (max(8, canvas.size[0] // 4), max(8, canvas.size[1] // 4))
    known = resize_plane(weight, small)
    total = resize_weighted(lab, weight, small)
    least = np.float32(1e-5)  # the usual colour matters only where no skin is to be seen at all
    mean = (total + least * usual.astype(np.float32)) / (known + least)[..., None]
    field = push_pull(mean, np.minimum(known + least, 1))
    # A neck is in the chin's shade and an arm's edge turned away: what the old garment hid is mostly better lit.
    lit = max(float(np.percentile(lab[..., 0][seen], 65)) if seen.any() else 0.0, 0.96 * float(canvas.skin.colour[0]))
    field[..., 0] += 0.5 * np.maximum(lit - field[..., 0], 0)
    smooth = cv2.GaussianBlur(field, (0, 0), 1.5)
    return cv2.resize(smooth, canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def painted_skin(
    canvas: Canvas, seen: Mask, zone: Mask, trunk: Form, arms: tuple[Form, Form], noise: np.random.Generator
) -> Colours:
    """Skin everywhere: the colour of that which is `seen`, lit as the face is, with the photo's grain."""
    field = skin_field(canvas, seen, zone)
    light = light_on(canvas)
    shade = 0.8 * light.on(trunk) + _anatomy(canvas)  # a trunk is flatter than a cylinder
    for arm in arms:
        shade += (light.on(arm) - shade) * arm.cover
    field = _shaded(field, shade)
    field += _seam(canvas, field, seen, zone)
    field += blotches(canvas, noise)
    return cv2.cvtColor(np.clip(field, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR).astype(np.float32)


def _shaded(field: Colours, shade: Plane) -> Colours:
    """Skin in a light or shade given as lightness: shade on skin is redder and stronger in colour, light paler."""
    lit = field.copy()
    lit[..., 0] += shade
    lit[..., 1] -= 0.09 * shade
    lit[..., 2] -= 0.05 * shade
    return lit


def _anatomy(canvas: Canvas) -> Plane:
    """What shows under the skin of a trunk seen from the front: collarbones, the pit between them, the navel."""
    skeleton, measure = canvas.body.skeleton, canvas.body.skeleton.unit
    down, width = skeleton.down, skeleton.shoulder_width
    result = np.zeros((canvas.size[1], canvas.size[0]), np.float32)
    pit = skeleton.neck + down * 0.03 * measure
    for index, limb in enumerate(skeleton.limbs):
        inner = pit + np.array([limb.sign * 0.07 * width, 0.0])
        outer = canvas.body.shoulders[index].at(0.46 * width) + down * 0.05 * measure
        middle = inner * 0.5 + outer * 0.5 + down * 0.012 * measure
        line = np.stack([canvas.place(point) for point in (inner, middle, outer)])
        result += _ridge(canvas, line, 0.016 * canvas.unit, 7.0)
    result -= _spot(canvas, pit + down * 0.02 * measure, (0.05, 0.05), 7.0)
    navel = skeleton.neck + (skeleton.hips - skeleton.neck) * 0.74
    result -= _spot(canvas, navel, (0.016, 0.028), 22.0)
    return result


def _ridge(canvas: Canvas, line: Points, wide: float, strength: float) -> Plane:
    """A bone under the skin: light above it, shade below."""
    drawn = np.zeros((canvas.size[1], canvas.size[0]), np.uint8)
    cv2.polylines(drawn, [np.round(line * 16).astype(np.int32)], False, 255, max(1, round(wide)), cv2.LINE_AA, 4)
    core = blur(floats(drawn / 255), wide)
    shift = max(1, round(0.7 * wide))
    return floats(strength * (np.roll(core, -shift, axis=0) - 1.3 * np.roll(core, shift, axis=0)))


def _spot(canvas: Canvas, centre: Vector, reach: tuple[float, float], strength: float) -> Plane:
    x, y = canvas.place(centre)
    across = (np.arange(canvas.size[0], dtype=np.float32) - x) / (reach[0] * canvas.unit)
    down = (np.arange(canvas.size[1], dtype=np.float32) - y) / (reach[1] * canvas.unit)
    result: Plane = strength * np.outer(np.exp(-(down**2)), np.exp(-(across**2))).astype(np.float32)
    return result


def _seam(canvas: Canvas, field: Colours, seen: Mask, zone: Mask) -> Colours:
    """What to add so that painted skin meets the skin beside it without an edge, fading inwards."""
    near = (seen & dilate(zone, 0.07 * canvas.unit)).astype(np.float32)
    if not near.any():
        return np.zeros_like(field)
    small = (max(8, canvas.size[0] // 4), max(8, canvas.size[1] // 4))
    weight = resize_plane(near, small)
    missing = resize_weighted(np.clip(canvas.lab - field, -40, 40), near, small)
    reach = 0.06 * canvas.unit / 4
    known = blur(weight, reach)
    added = blur(missing, reach) / (known + 0.04)[..., None]
    return cv2.resize(added, canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def blotches(canvas: Canvas, noise: np.random.Generator) -> Colours:
    """Skin is not of one colour: faint wide variations in Lab, and the photo's own grain."""
    planes = []
    for strength, reach in ((1.3, 0.03), (0.7, 0.045), (0.6, 0.045)):
        small = (canvas.size[1] // 4 + 1, canvas.size[0] // 4 + 1)
        wide = blur(noise.standard_normal(small, np.float32), max(0.8, reach * canvas.unit / 4))
        planes.append(resize_plane(wide * np.float32(strength / max(1e-3, float(wide.std()))), canvas.size))
    planes[0] = planes[0] + grain_like(canvas, noise)
    return np.dstack(planes)


def _where_skin_shows(canvas: Canvas) -> Mask:
    """Arms, hands, neck and chest: fair hair, which looks like skin, is nowhere there."""
    skeleton = canvas.body.skeleton
    chest = polygon(
        canvas.size,
        [canvas.place(point) for point in (*(limb.shoulder for limb in skeleton.limbs), skeleton.hips)],
    )
    arms = [canvas.arm(index, (0.2, 0.17, 0.15), hand=0.42) for index in (0, 1)]
    return arms[0] | arms[1] | chest | neck(canvas)


def neck(canvas: Canvas) -> Mask:
    """The neck between chin and collarbones, not thicker than what is seen of it."""
    skeleton = canvas.body.skeleton
    start = skeleton.chin * 1.05 - skeleton.neck * 0.05
    end = skeleton.neck * 0.75 + skeleton.chin * 0.25
    radius = skeleton.face_height * 0.27 / skeleton.unit
    seen = []
    for share in np.linspace(0.15, 0.8, 8):
        x, y = np.round(canvas.place(start + (end - start) * share)).astype(int)
        if 0 <= y < canvas.size[1]:
            run = run_at((canvas.mattes.skin[y] > 0.6) & (canvas.mattes.person[y] > 0.6), float(x))
            if run is not None and run[0] <= x <= run[1]:
                seen.append((run[1] - run[0]) / 2 / canvas.unit)
    if len(seen) >= 2:
        radius = min(radius, max(0.75 * radius, float(np.median(seen))))
    return canvas.limb(start, end, radius, radius)
