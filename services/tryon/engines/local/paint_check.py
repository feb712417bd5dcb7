"""Looking at what was painted where the old garment was: is it skin, and was all of it and no more painted over?"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    blur,
    box_of,
    components,
    difference,
    dilate,
    erode,
    floats,
    opened,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.repair import Repaired

_LEAST_SKIN = 0.05  # body units squared
_COARSE = 100.0  # pixels of the body's unit at which rests are looked for
_BINS = (32, 64, 64)
_Counts = npt.NDArray[np.float32]


def flatness(canvas: Canvas, repaired: Repaired, composed: Composed) -> float:
    """How much painted skin lacks of the detail that the person's own has, 0..1: of its grain, and of its modelling.

    Flat paint has neither, noise on flat paint only the first.
    """
    scale, mattes = canvas.scale, canvas.mattes
    painted = erode(repaired.skin & (composed.shown < 0.05), 3 * scale)
    if painted.sum() < _LEAST_SKIN * canvas.unit**2:
        return 0.0
    own = (mattes.skin > 0.9) & ~mattes.face & ~repaired.exposed & (mattes.hair < 0.1) & (mattes.top < 0.1)
    own = erode(own, 3 * scale)
    if own.sum() < 0.02 * canvas.unit**2:
        own = erode(mattes.face, 4 * scale)
    if own.sum() < 100:
        return 0.0
    made, real = _detail(composed.image, painted, scale), _detail(canvas.image, own, scale)
    return 1 - min(1.0, *(one / max(0.1, other) for one, other in zip(made, real, strict=True)))


def _detail(image: Image, where: Mask, scale: float) -> list[float]:
    """The usual size of what is finer than two pixels, and of what is finer than eight of the work frame's."""
    box = box_of(where, 12 * scale)
    lightness = floats(cv2.cvtColor(np.ascontiguousarray(image[box]), cv2.COLOR_BGR2GRAY))
    bands = ((0.6, 2.0), (2 * scale, 8 * scale))
    return [float(np.median(np.abs(blur(lightness, fine) - blur(lightness, wide))[where[box]])) for fine, wide in bands]


def handless(canvas: Canvas, repaired: Repaired, composed: Composed) -> float:
    """How much of a forearm was painted bare, 0..1, though no hand is to be seen where the pose has it.

    The forearms of a portrait are often guessed: then the painted one ends in a stump.
    """
    skin, worst = (canvas.mattes.skin > 0.5) & canvas.skin_coloured, 0.0
    for limb in canvas.body.skeleton.limbs:
        x, y = canvas.place(limb.fingertip)
        if not (0 <= x < canvas.size[0] and 0 <= y < canvas.size[1]):
            continue  # beyond what was worked on, perhaps outside the picture
        hand = canvas.limb(limb.wrist, limb.fingertip, 0.15, 0.15)
        forearm = canvas.limb(limb.elbow, limb.wrist, 0.05, 0.05)
        if (hand & skin).sum() < 0.1 * hand.sum():
            painted = forearm & repaired.skin & (composed.shown < 0.05)
            worst = max(worst, float(painted.sum()) / max(1, int(forearm.sum())))
    return worst


@dataclass(frozen=True)
class _Coarse:
    """Every so many pixels of the canvas."""

    image: Image
    result: Image
    shown: Mask
    person: Mask
    top: npt.NDArray[np.float32]
    bottom: npt.NDArray[np.float32]
    bare: Mask  # skin, hair, face
    unit: float


def _coarse(canvas: Canvas, composed: Composed) -> _Coarse:
    step = max(1, round(canvas.unit / _COARSE))
    every, mattes = (slice(None, None, step), slice(None, None, step)), canvas.mattes
    bare = (mattes.skin[every] > 0.5) | (mattes.hair[every] > 0.5) | mattes.face[every]
    return _Coarse(
        np.ascontiguousarray(canvas.image[every]),
        np.ascontiguousarray(composed.image[every]),
        composed.shown[every] > 0.05,
        mattes.person[every] > 0.8,
        mattes.top[every],
        mattes.bottom[every],
        bare,
        canvas.unit / step,
    )


def rests(canvas: Canvas, composed: Composed) -> float:
    """What was left of the old garment beside the new one, in body units squared.

    That is what still looks as in the photo, has the old garment's colour and not that of what is worn below, of the
    body or of the background, and went on in the old garment: a bag of the same colour does not.
    """
    here = _coarse(canvas, composed)
    lab = cv2.cvtColor(here.image, cv2.COLOR_BGR2LAB).astype(np.uint8, copy=False)
    old = erode(here.top > 0.9, 0.02 * here.unit)
    others = [
        erode((here.bottom > 0.9) & ~dilate(here.top > 0.3, 0.3 * here.unit), 1),
        here.bare,
        ~here.person & ~dilate(here.person, 3),
    ]
    if old.sum() < 0.05 * here.unit**2 or others[0].sum() < 0.03 * here.unit**2:
        return 0.0
    places = tuple((lab >> np.array([3, 2, 2], np.uint8))[..., channel] for channel in range(3))
    likely = _colours_of(lab, old)[places]
    like = likely > 5e-4
    for other, times in zip(others, (6, 3, 3), strict=True):
        like &= likely > times * _colours_of(lab, other)[places]
    same = difference(here.result, here.image) < 6
    left = like & same & here.person & ~here.shown & ~here.bare & dilate(here.shown, 0.3 * here.unit)
    numbers, stats = components(opened(left, 1))
    gone = like & ~same & dilate(here.top > 0.5, 1)
    area = 0
    for number in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] > 0.0005 * here.unit**2) + 1:
        piece = numbers == number
        ring = dilate(piece, 6) & ~piece
        if (ring & gone).sum() > 0.03 * ring.sum():
            area += int(piece.sum())
    return area / here.unit**2


def _colours_of(lab: Image, where: Mask) -> _Counts:
    """The share of each colour in a part of a picture, smoothly."""
    counts = cv2.calcHist([lab], [0, 1, 2], where.astype(np.uint8), list(_BINS), [0, 256, 0, 256, 0, 256])
    return floats(ndimage.gaussian_filter(counts, 1.0, truncate=2) / max(1, int(where.sum())))


def bitten(canvas: Canvas, repaired: Repaired, composed: Composed) -> float:
    """How much of the hair, the head and the neck was painted over by background, in body units squared."""
    skeleton, mattes = canvas.body.skeleton, canvas.mattes
    last = int(canvas.row(float(skeleton.neck[1]) + 0.25 * skeleton.unit))
    rows = slice(0, max(1, min(canvas.size[1], last)))
    head = (mattes.hair[rows] > 0.5) | mattes.face[rows]
    gone = repaired.background[rows] & (mattes.person[rows] > 0.9) & (composed.shown[rows] < 0.3)
    return float(erode(gone & dilate(head, 0.1 * canvas.unit), canvas.scale).sum()) / canvas.unit**2
