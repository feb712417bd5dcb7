"""What bare skin looks like where the old garment hid it: its colour, its form, its light."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    Vector,
    blur,
    dilate,
    erode,
    floats,
    resize_plane,
    resize_weighted,
    within,
)
from services.tryon.engines.local.bare import ArmForm, Form
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.light import grain_like, light_on
from services.tryon.engines.local.modelling import arm_relief, trunk_relief
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


@dataclass(frozen=True)
class SkinTone:
    """How somebody's skin looks in a photo: its colour in Lab, and how that changes with light."""

    colour: Vector  # where it is fully lit
    slopes: Vector  # of a and b, per lightness
    contrast: float  # 1 in usual light, less where it comes from all sides

    def at(self, lightness: Plane) -> Colours:
        """The skin where it is so light; in shade it is redder, in light paler."""
        result = np.empty((*lightness.shape, 3), np.float32)
        result[..., 0] = lightness
        offset = lightness - np.float32(self.colour[0])
        for channel, (slope, level) in enumerate(zip(self.slopes, self.colour[1:], strict=True), 1):
            np.multiply(offset, np.float32(slope), out=result[..., channel])
            result[..., channel] += np.float32(level)
        return result


_USUAL_SLOPES = np.array([-0.09, -0.05])
_USUAL_RANGE = 50.0  # of lightness on skin, from its tenth to its ninetieth percentile
_LEVELS = 8


def skin_tone(canvas: Canvas, seen: Mask) -> SkinTone:
    """The tone of the skin that is `seen`: one colour for all that is painted, as one person has one skin."""
    pixels = canvas.lab[seen]
    if len(pixels) < 50:
        return SkinTone(canvas.skin.colour.astype(np.float64), _USUAL_SLOPES, 1.0)
    pixels = pixels[within(pixels[None], np.median(pixels, axis=0), (90, 14, 16))[0]]
    order = pixels[pixels[:, 0].argsort()]
    levels = np.stack([np.median(part, axis=0) for part in np.array_split(order, _LEVELS)]).astype(np.float64)
    spread = levels[:, 0] - levels[:, 0].mean()
    slopes = (spread @ (levels[:, 1:] - levels[:, 1:].mean(axis=0)) + 400 * _USUAL_SLOPES) / (spread @ spread + 400)
    slopes = np.clip(slopes, (-0.2, -0.15), (0.02, 0.12))
    # Necks are in the chin's shade, fingers small: a limb's middle is lit like the lighter part of what is seen.
    usual = float(np.median(pixels[:, 0]))
    bright = max(float(np.percentile(pixels[:, 0], 82)), 0.97 * float(canvas.skin.colour[0]))
    lit = min(bright, usual + 24)
    hues = np.median(pixels[:, 1:], axis=0) + slopes * (lit - usual)
    contrast = float(np.clip(np.ptp(np.percentile(pixels[:, 0], (10, 90))) / _USUAL_RANGE, 0.85, 1.1))
    return SkinTone(np.array([lit, *hues]), slopes, contrast)


def painted_skin(
    canvas: Canvas, seen: Mask, zone: Mask, trunk: Form, arms: tuple[ArmForm, ArmForm], noise: np.random.Generator
) -> Colours:
    """Skin everywhere: the colour of that which is `seen`, lit as the face is, with the photo's grain."""
    shade = resize_plane(_shade(canvas, trunk, arms), canvas.size)
    tone = skin_tone(canvas, seen)
    lightness = np.float32(tone.contrast) * shade + np.float32(tone.colour[0])
    near, limbs = seen & dilate(zone, 0.1 * canvas.unit), np.maximum(arms[0].cover, arms[1].cover)
    seam = _seam(canvas, tone, lightness, near, limbs)
    field = tone.at(lightness + seam[..., 0])
    field[..., 1:] += seam[..., 1:]
    del seam, lightness, shade
    field += blotches(canvas, noise)
    field *= np.array([100 / 255, 1, 1], np.float32)
    field -= np.array([0, 128, 128], np.float32)
    painted = floats(cv2.cvtColor(field, cv2.COLOR_LAB2BGR))
    painted *= 255
    return np.clip(painted, 0, 255, out=painted)


def _shade(canvas: Canvas, trunk: Form, arms: tuple[ArmForm, ArmForm]) -> Plane:
    """How light falls on the bare body, in lightness, at half the size: it has no finer detail."""
    light, half = light_on(canvas), (slice(None, None, 2), slice(None, None, 2))
    small = replace(canvas, image=canvas.image[half], scale=canvas.scale / 2)
    flat = replace(trunk, cover=trunk.cover[half], across=trunk.across[half])
    shade = 0.8 * light.on(flat) + trunk_relief(small, flat)  # a trunk is flatter than a cylinder
    for arm in arms:
        round_arm = replace(arm, cover=arm.cover[half], across=arm.across[half], along=arm.along[half])
        shade += (light.on(round_arm) + arm_relief(round_arm) - shade) * round_arm.cover
    return floats(np.maximum(shade, -22 + 0.35 * (shade + 22)))  # what turns away is lit from all around


def _seam(canvas: Canvas, tone: SkinTone, lightness: Plane, near: Mask, limbs: Plane) -> Colours:
    """What to add so that painted skin meets the skin `near` it without an edge: lightness, and hue at equal lightness.

    It is the difference along the seam, carried inwards smoothly as the membrane of Perez, Gangnet and Blake (Poisson
    Image Editing, 2003) does, here by push-pull; light stays near the seam, hue goes further.
    """
    if not near.any():
        return np.zeros_like(canvas.lab)
    small = (max(8, canvas.size[0] // 4), max(8, canvas.size[1] // 4))
    reach = canvas.unit * small[0] / canvas.size[0]
    weight = resize_plane(floats(near), small)
    real = floats(resize_weighted(canvas.lab, floats(near), small) / np.maximum(weight, 1e-3)[..., None])
    missing = real - tone.at(np.ascontiguousarray(real[..., 0]))
    missing[..., 0] = real[..., 0] - resize_plane(lightness, small)
    apart = floats(np.clip(missing, (-45, -12, -14), (45, 12, 14)) * weight[..., None])
    known, total = blur(weight, 0.012 * reach), blur(apart, 0.012 * reach)
    added = push_pull(floats(total / np.maximum(known, 1e-3)[..., None]), np.clip(4 * weight, 0, 1))
    far = cv2.distanceTransform((weight < 0.25).astype(np.uint8), cv2.DIST_L2, 5) / reach
    # A chest is not in the shade of the chin as the neck is; an arm is lit like its hand.
    added[..., 0] *= np.exp(-((far / (0.15 + 0.25 * resize_plane(limbs, small))) ** 2))
    added[..., 1:] *= np.exp(-((far / 0.6) ** 2))[..., None]
    return cv2.resize(blur(added, 1.0), canvas.size, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def blotches(canvas: Canvas, noise: np.random.Generator) -> Colours:
    """Skin is not of one colour: faint wide variations in Lab, and the photo's own grain."""
    result = np.empty((canvas.size[1], canvas.size[0], 3), np.float32)
    for channel, (strength, reach) in enumerate(((1.3, 0.03), (0.7, 0.045), (0.6, 0.045))):
        small = (canvas.size[1] // 4 + 1, canvas.size[0] // 4 + 1)
        wide = blur(noise.standard_normal(small, np.float32), max(0.8, reach * canvas.unit / 4))
        result[..., channel] = resize_plane(wide * np.float32(strength / max(1e-3, float(wide.std()))), canvas.size)
    result[..., 0] += grain_like(canvas, noise)
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
