"""Looking at the outline of what was put on: is it as even, as sharp and as whole as cloth's outlines are?"""

import cv2
import numpy as np
from scipy import ndimage

from services.tryon.engines.local.arrays import Image, Mask, Plane, Points, Vector, blur, erode, fill_holes, floats
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.garment import Garment

_UNIT = 200.0  # pixels of the body's unit at which outlines are looked at
_SMOOTH = 0.008  # body units: finer turns are the pixels'
_SHARP = 35.0  # 1 / body unit: the outline of whole cloth turns so sharply at corners only
_STRETCH = 0.5  # body units
_FRAYED = 15.0  # levels of detail at the garment's rim: cloth without any has a plain edge
_PROBES, _LEAST_CONTRAST, _LEAST_PROBES = 500, 50.0, 30


def outline_measures(canvas: Canvas, cover: Plane, cloth: Cloth, composed: Composed, hem: float) -> dict[str, float]:
    """What is measured alike of everything that is put on; `hem` is a row of the work frame."""
    return ragged(cover, canvas.unit, cloth) | {"soft": softness(canvas, composed, hem)}


def ragged(cover: Plane, unit: float, cloth: Cloth) -> dict[str, float]:
    """How nibbled the outline of a drawn garment is: in all of it, and in the worst stretch of it.

    Measured is the share of the outline that turns sharply (the curvature of the smoothed curve, Mokhtarian and
    Mackworth: A Theory of Multiscale, Curvature-Based Shape Representation for Planar Curves, 1992). Destroyed denim
    and fringes are so by themselves, so what the garment's own outline has is taken off, if its cloth has detail there.
    """
    whole, worst = _sharp_turns(cover, unit)
    if whole < 0.05 and worst < 0.2:
        return {"ragged": whole, "nibbled": worst}
    own_unit = unit / float(np.sqrt((cover > 0.5).sum() / max(1, (cloth.alpha > 0.5).sum())))
    if _rim_detail(cloth, own_unit) < _FRAYED:
        return {"ragged": whole, "nibbled": worst}
    own_whole, own_worst = _sharp_turns(cloth.alpha, own_unit)
    return {"ragged": max(0.0, whole - 0.9 * own_whole), "nibbled": worst - max(0.0, own_worst - 0.15)}


def _sharp_turns(matte: Plane, unit: float) -> tuple[float, float]:
    """Share of a matte's outline that turns sharply, and that share in the worst stretch."""
    scale = _UNIT / unit
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    solid = cv2.resize(matte, None, fx=scale, fy=scale, interpolation=method) > 0.5
    turns = [_turns(line) for line in _outlines(solid) if len(line) > 0.3 * _UNIT]
    if not turns:
        return 0.0, 0.0
    length = round(_STRETCH * _UNIT)
    stretches = [ndimage.uniform_filter1d(floats(one), length, mode="wrap").max() for one in turns if len(one) > length]
    return float(np.concatenate(turns).mean()), float(max(stretches, default=0.0))


def _outlines(solid: Mask) -> list[Points]:
    """The outer outlines of a mask, point by point."""
    framed = cv2.copyMakeBorder(solid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    lines, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [line[:, 0].astype(np.float64) - 1 for line in lines]


def _evenly(line: Points) -> Points:
    """A closed line's points at distances of one pixel."""
    ring = np.concatenate([line, line[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    marks = np.arange(int(along[-1]))
    return np.stack([np.interp(marks, along, ring[:, axis]) for axis in (0, 1)], axis=1)


def _turns(line: Points) -> Mask:
    """Where along a closed line it turns sharply; not at the picture's border, where it was cut off."""
    even = _evenly(line)
    smooth = ndimage.gaussian_filter1d(even, _SMOOTH * _UNIT, axis=0, mode="wrap")
    first = np.gradient(smooth, axis=0)
    second = np.gradient(first, axis=0)
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    sharp: Mask = np.abs(cross) * _UNIT > _SHARP * np.maximum((first**2).sum(axis=1), 1e-6) ** 1.5
    return sharp


def _rim_detail(cloth: Cloth, unit: float) -> float:
    """How much the lightness varies along the rim of a garment in its own picture."""
    solid = cloth.alpha > 0.95
    rim = solid & ~erode(solid, 0.06 * unit)
    if not rim.any():
        return 0.0
    lightness = floats(cv2.cvtColor(cloth.colours, cv2.COLOR_BGR2GRAY))
    return float(np.percentile(np.abs(lightness - blur(lightness, 0.02 * unit))[rim], 75))


def softness(canvas: Canvas, composed: Composed, hem: float) -> float:
    """How wide the edges along the garment's outline are, by those along the person's in the photo.

    The hem, whose row in the work frame is given, is looked at by itself; the worse counts.
    """
    usual = _widths(canvas.image, canvas.mattes.person > 0.5, canvas.scale)[0]
    widths, places = _widths(composed.image, composed.shown > 0.5, canvas.scale)
    low = places > canvas.row(hem) - 0.06 * canvas.unit
    groups = [group for group in (widths[low], widths[~low]) if len(group) >= _LEAST_PROBES]
    if len(usual) < _LEAST_PROBES or not groups:
        return 1.0
    return max(float(np.median(group)) for group in groups) / float(np.median(usual))


def _widths(image: Image, solid: Mask, scale: float) -> tuple[Vector, Vector]:
    """The widths of the edges across an outline, in pixels, and their rows: contrast over steepest slope."""
    lines = [_evenly(line) for line in _outlines(solid) if len(line) > 40 * scale]
    if not lines:
        return np.zeros(0), np.zeros(0)
    smooth = [ndimage.gaussian_filter1d(line, 2 * scale, axis=0, mode="wrap") for line in lines]
    along = np.concatenate([np.gradient(line, axis=0) for line in smooth])
    points = np.concatenate(lines)
    step = max(1, len(points) // _PROBES)
    points, along = points[::step], along[::step]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.hypot(*across.T), 1e-6)[:, None]
    reach = 5 * max(1.0, scale)
    marks = np.arange(-reach, reach + 0.25, 0.5)
    places = floats(points[:, None] + marks[:, None] * across[:, None])
    height, width = solid.shape
    inside = ((places > 0) & (places < (width - 1, height - 1))).all(axis=(1, 2))
    lightness = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    profiles = cv2.remap(lightness, places[..., 0], places[..., 1], cv2.INTER_LINEAR).astype(np.float32)
    contrast = np.ptp(profiles, axis=1)
    slope = 2 * np.abs(np.diff(profiles, axis=1)).max(axis=1)
    seen = inside & (contrast > _LEAST_CONTRAST)
    return (contrast / np.maximum(slope, 1))[seen], points[seen, 1]


def unevenness(garment: Garment) -> float:
    """How far the shoulders and the collar of a worn garment, as it was cut out, are from being each other's mirror.

    Where hair or a turned body hides one side of it, what is left of that side is no collar. Shoulders that lean are
    set upright first, where sleeves show how they lean. 0 for a garment that nobody wears: its picture shows all of
    it, and what is uneven there is its cut.
    """
    if garment.worn_by is None:
        return 0.0
    left, right = garment.landmarks.sides
    collar = (left.collar + right.collar) / 2
    along = right.shoulder - left.shoulder
    lean = float(np.degrees(np.arctan2(along[1], along[0]))) if left.sleeve and right.sleeve else 0.0
    upright = cv2.getRotationMatrix2D((float(collar[0]), float(collar[1])), lean, 1.0)
    size = (garment.mask.shape[1], garment.mask.shape[0])
    mask = cv2.warpAffine(fill_holes(garment.mask).astype(np.uint8), upright, size) > 0
    low = [float(upright[1] @ [*side.armpit, 1.0]) for side in (left, right)]
    middle, armpits = round(float(collar[0])), round(max(low))
    reach = min(round(0.5 * float(np.hypot(*along))), middle, mask.shape[1] - 1 - middle)
    if reach < 8 or armpits < 8:
        return 0.0
    upper = mask[:armpits, middle - reach : middle + reach + 1]
    mirrored = [np.roll(upper[:, ::-1], shift, axis=1) for shift in range(-(reach // 6), reach // 6 + 1, 2)]
    return 1 - max(float((upper & other).sum() / max(1, (upper | other).sum())) for other in mirrored)
