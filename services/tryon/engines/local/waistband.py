"""The top of trousers or a skirt that the old garment hung over."""

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    blur,
    box_of,
    dilate,
    erode,
    floats,
    lay_over,
    mix,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import filled_in
from services.tryon.engines.local.legs import NATURAL_WAIST, TUCKED

_USUAL_WAIST = NATURAL_WAIST + 0.07  # trousers are worn a little lower than where a body is narrowest
_BAND = 0.11  # of the body's unit
_SAG = 0.05  # of the waist's width: its front is nearer to the camera, which looks down on it


def waist_of(canvas: Canvas) -> Plane:
    """The row of the waistband's upper edge on the canvas, for each column, as a picture of one row.

    Where it can be seen that is where what is worn below begins; else where waistbands usually are.
    """
    skeleton = canvas.body.skeleton
    start = _first_row(canvas)
    share = (start / canvas.scale + canvas.origin[1] - skeleton.neck[1]) / max(1.0, (skeleton.hips - skeleton.neck)[1])
    columns = np.arange(canvas.size[0], dtype=np.float32)[None]
    if 0.5 < share < TUCKED:
        return floats(_seen_waist(canvas, start) - 0.02 * canvas.unit)
    row = float(skeleton.neck[1] + _USUAL_WAIST * (skeleton.hips - skeleton.neck)[1])
    left, right = ((canvas.body.side(index, row) - canvas.origin[0]) * canvas.scale for index in (0, 1))
    across = (columns - (left + right) / 2) / max(1.0, (right - left) / 2)
    return floats(canvas.row(row) + _SAG * (right - left) * (0.5 - np.clip(across, -1, 1) ** 2))


def _first_row(canvas: Canvas) -> float:
    """The first row in which what is worn below fills the middle of the body; the last one if it does nowhere."""
    rows = canvas.frame_rows()[::2]
    centres = (np.array([canvas.body.centre(row) for row in rows]) - canvas.origin[0]) * canvas.scale
    reach = 0.33 * canvas.body.skeleton.shoulder_width * canvas.scale
    middle = np.abs(np.arange(canvas.size[0])[None] - centres[:, None]) < reach
    filled = ((canvas.mattes.bottom[::2] > 0.5) & middle).sum(axis=1) > 0.35 * np.maximum(1, middle.sum(axis=1))
    return 2.0 * float(filled.argmax() if filled.any() else len(rows))


def _seen_waist(canvas: Canvas, start: float) -> Plane:
    """The upper edge of what is worn below as an even line through where the old garment's hem leaves it off."""
    columns = np.arange(canvas.size[0], dtype=np.float32)[None]
    row = start / canvas.scale + float(canvas.origin[1])
    left, right = ((canvas.body.side(index, row) - canvas.origin[0]) * canvas.scale for index in (0, 1))
    shown = canvas.mattes.bottom > 0.5
    first = shown.argmax(axis=0)
    inside = np.arange(canvas.size[0])
    known = (inside > left) & (inside < right) & shown.any(axis=0) & (np.abs(first - start) < 0.12 * canvas.unit)
    level = np.full_like(columns, start)
    if known.sum() > 0.5 * (right - left):
        across = (columns - (left + right) / 2) / max(1.0, (right - left) / 2)
        bend = np.polynomial.Polynomial.fit(across[0, known], first[known], 2, domain=[-1, 1])
        level = floats(bend(np.clip(across, -1, 1)))
    return level


def continued_upwards(canvas: Canvas, colours: Colours, zone: Plane, old: Mask, waist: Plane) -> Colours:
    """What is worn below, carried on through a matte as its own mirror image, with a waistband."""
    mattes = canvas.mattes
    sure = erode((mattes.bottom > 0.9) & ~dilate(old, 1) & (mattes.person > 0.95), 1)
    if sure.sum() < 200:
        return colours
    rows = np.arange(canvas.size[1], dtype=np.float32)[:, None]
    first = np.where(sure.any(axis=0), sure.argmax(axis=0), np.nan)
    known = np.flatnonzero(np.isfinite(first))
    edge = floats(np.interp(np.arange(canvas.size[0]), known, first[known]))[None]
    edge = blur(np.ascontiguousarray(edge), 0.05 * canvas.unit) + 2
    source = floats(2 * edge - rows)
    columns = floats(np.broadcast_to(np.arange(canvas.size[0], dtype=np.float32)[None], source.shape))
    box = box_of(zone, 4 * canvas.scale)
    smooth = filled_in(colours, sure)
    cloth = mix(smooth, colours, blur(floats(sure), 1.0))
    mirrored = cv2.remap(cloth, columns[box], source[box], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    filled = floats(mirrored)
    # Its weave is the mirror image's, its light more that of the place.
    filled += 0.3 * (smooth[box] - blur(filled, 0.1 * canvas.unit))
    filled *= band_light(canvas, (rows - waist)[box])[..., None]
    alpha = zone * (1 - mattes.hair)
    lay_over(colours[box], filled, floats(alpha[box]))
    return colours


def band_light(canvas: Canvas, below: Plane) -> Plane:
    """The light of a waistband by the distance `below` its upper edge: it stands out, with a seam along both edges."""
    band = _BAND * canvas.unit
    seam = np.exp(-(((below - band) / (0.9 * canvas.scale)) ** 2)) + 0.5 * np.exp(
        -(((below - 1.5) / (0.8 * canvas.scale)) ** 2)
    )
    return floats(1 + 0.05 * (below < band) - 0.3 * seam)
