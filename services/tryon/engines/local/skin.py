"""What bare skin looks like where the old garment hid it: its colour, its texture, its light."""

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
    resize_plane,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.shapes import polygon


def skin_shown(canvas: Canvas, old: Mask) -> Mask:
    """The skin that can be seen, without what cloth lies close to and shades; `old` is where the old garment is."""
    mattes = canvas.mattes
    like_face = (np.abs(canvas.lab - canvas.skin.colour.astype(np.float32)) < [70, 9, 10]).all(axis=2)
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


def skin_texture(canvas: Canvas, seen: Mask, noise: np.random.Generator) -> Colours:
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


def roundness(canvas: Canvas, arms: tuple[Mask, Mask]) -> Plane:
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


def old_light(canvas: Canvas, lab: Colours) -> Plane:
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
    """The neck between chin and collarbones."""
    skeleton = canvas.body.skeleton
    start = skeleton.chin * 1.05 - skeleton.neck * 0.05
    radius = skeleton.face_height * 0.27 / skeleton.unit
    return canvas.limb(start, skeleton.neck * 0.75 + skeleton.chin * 0.25, radius, radius)
