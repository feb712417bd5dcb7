"""Fitting garment outlines to a mask: which kind of garment it is, and roughly where its corners are.

Each kind is half a polygon right of the garment's axis. Local search moves its corners until the polygon covers the
mask (analysis by synthesis); the garment's symmetry halves the unknowns and bridges what one side hides. A fit that
stays bad says that the thing is no such garment.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Mask, Plane, Points, floats, resize_plane
from services.tryon.engines.local.shapes import run_at
from services.tryon.engines.local.templates import (
    CORNERS,
    ON_AXIS,
    PENALTIES,
    Kind,
    sleeved_starts,
    sleeveless_starts,
)

_FIT_HEIGHT = 120  # rows of the small mask that polygons are compared with
_SUBPIXEL = 4  # fractional bits of OpenCV's polygon coordinates


@dataclass(frozen=True)
class Outline:
    """A fitted half polygon in pixels: x from the axis outwards, y down the picture."""

    kind: Kind
    corners: dict[str, npt.NDArray[np.float64]]
    error: float  # area of the difference per area of the mask


def mirror_axis(mask: Mask) -> float:
    """The x about which a mask is most symmetric."""
    rows, columns = np.nonzero(mask)
    top, bottom = rows.min(), rows.max()
    small = mask[top : bottom + 1 : 4]
    first = float(np.median(columns))
    reach = 0.12 * float(np.ptp(columns))

    def overlap(axis: float) -> float:
        mirrored = np.roll(small[:, ::-1], round(2 * axis - (mask.shape[1] - 1)), axis=1)
        return float((small & mirrored).sum())

    axes: list[float] = np.arange(first - reach, first + reach + 0.1, 1.0).tolist()
    return max(axes, key=overlap)


class _Fitter:
    """Compares half polygons with one half mask."""

    def __init__(self, half: Plane) -> None:
        self._half = np.clip(half * 255, 0, 255).astype(np.uint8)
        self._area = float(self._half.sum())
        self._canvas = np.zeros_like(self._half)

    def error(self, corners: Points, penalty: float) -> float:
        """Share of the mask's area by which the polygon misses it, plus the penalty."""
        self._canvas[:] = 0
        fixed = np.round(corners * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.fillPoly(self._canvas, [fixed], 255, cv2.LINE_8, _SUBPIXEL)
        # What lies outside the picture is not seen by the comparison.
        outside: float = sum(max(0.0, x - self._half.shape[1]) for x in corners[:, 0].tolist())
        return float(cv2.norm(self._canvas, self._half, cv2.NORM_L1)) / self._area + 0.02 * outside + penalty

    def search(
        self, start: Points, movable: list[tuple[int, bool]], penalty: Callable[[Points], float], steps: list[float]
    ) -> tuple[Points, float]:
        """Move corner by corner while it helps; `movable` are indices with whether they stay on the axis."""
        corners, best = start.copy(), self.error(start, penalty(start))
        for step in steps:
            for _ in range(3):
                before = best
                for index, on_axis in movable:
                    for shift in _shifts(on_axis):
                        trial = corners.copy()
                        trial[index] += shift * step
                        error = self.error(trial, 0.0)
                        if error < best:  # a penalty is never negative, and costs more to compute than the error
                            error += penalty(trial)
                        if error < best - 1e-6:
                            corners, best = trial, error
                if before - best < 5e-4:
                    break
        return corners, best


def _shifts(on_axis: bool) -> list[npt.NDArray[np.float64]]:
    if on_axis:
        return [np.array([0.0, -1.0]), np.array([0.0, 1.0])]
    around = [(-1, 0), (1, 0), (0, -1), (0, 1), (-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7)]
    return [np.array(shift, np.float64) for shift in around]


def _half_masks(mask: Mask, axis: float) -> tuple[Plane, Plane, float, float]:
    """Right and mirrored left half at fitting size, their scale, and the picture's row of their first row."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    scale = _FIT_HEIGHT / (bottom - top)
    reach = int(max(axis, mask.shape[1] - axis)) + 1
    columns = np.arange(reach)
    plane = np.pad(mask[top:bottom].astype(np.float32), ((0, 0), (reach, reach)))
    middle = round(axis) + reach
    size = (max(8, int(reach * scale) + 4), _FIT_HEIGHT + 6)
    halves = []
    for sign in (1, -1):
        half = np.zeros((round(size[1] / scale), round(size[0] / scale)), np.float32)
        width = min(half.shape[1], reach)
        half[: bottom - top, :width] = plane[:, middle + sign * columns[:width]][: half.shape[0]]
        halves.append(resize_plane(half, size))
    return halves[0], halves[1], scale, float(top)


def _torso_half_width(half: Plane) -> float:
    """Half the width of the part around the axis, from the rows below the middle."""
    widths = []
    for row in half[int(0.5 * _FIT_HEIGHT) : int(0.9 * _FIT_HEIGHT)] > 0.5:
        run = run_at(row, 0)
        if run is not None:
            widths.append(run[1])
    return max(4.0, float(np.median(widths)) if widths else half.shape[1] / 2)


@dataclass(frozen=True)
class _Notch:
    """The deepest bay of the outline of one sort: where it ends, and how deep it is."""

    place: Points
    depth: float


def _notches(half: Plane) -> tuple[_Notch | None, _Notch | None]:
    """The bay between sleeve and body and the bay between legs, in fitting pixels.

    A sleeve's bay opens downwards: the upper end of its chord stands further out than the lower end, or both ends
    lie below it. An armhole's bay opens upwards.
    """
    arm: _Notch | None = None
    for notch, upper, lower in _bays(half):
        both_below = upper[1] > notch.place[1]
        opens_down = upper[1] + lower[1] > 2 * notch.place[1]
        if notch.place[0] > 4 and opens_down and (both_below or upper[0] > lower[0] + 2):
            arm = notch if arm is None or notch.depth > arm.depth else arm
    leg: _Notch | None = None
    middle = half.shape[1] - 0.5
    for notch, upper, _ in _bays(np.concatenate([half[:, ::-1], half], axis=1)):
        if upper[1] > notch.place[1] and abs(notch.place[0] - middle) < 0.15 * half.shape[1]:
            leg = notch if leg is None or notch.depth > leg.depth else leg
    return arm, leg


def _bays(plane: Plane) -> Iterator[tuple[_Notch, Points, Points]]:
    """The convexity defects of a mask's outline: their deepest point, upper end and lower end."""
    outlines, _ = cv2.findContours((plane > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    defects = cv2.convexityDefects(outline, cv2.convexHull(outline, returnPoints=False))
    points = outline[:, 0].astype(np.float64)
    for start, end, far, depth in [] if defects is None else defects[:, 0]:
        upper, lower = sorted((points[start], points[end]), key=lambda point: float(point[1]))
        yield _Notch(points[far], depth / 256), upper, lower


def _hidden_armpit(half: Plane, notch: _Notch | None) -> Points:
    """Where the armpit is that a sleeve lying against the body hides: by the usual proportions of a garment."""
    top_width = float((half[int(0.12 * _FIT_HEIGHT)] > 0.5).sum())
    width = top_width * 1.02 if notch is None else min(float(notch.place[0]), top_width)
    return np.array([max(6.0, width), 0.34 * _FIT_HEIGHT])


def _hanging_start(half: Plane, armpit: Points, notch: Points) -> Points:
    """A start for a sleeve that lies against the body down to the notch between cuff and hem."""
    low = half[int(notch[1]) - 8 : int(notch[1]) + 8] > 0.5
    row, column = max(np.argwhere(low).tolist(), key=lambda place: place[1])
    outer = np.array([float(column), float(row) + notch[1] - 8])
    shoulder = np.array([0.95 * armpit[0], 0.1 * _FIT_HEIGHT])
    hem = np.array([notch[0], float(_FIT_HEIGHT)])
    start = [(0, 4), (0.4 * armpit[0], 0), shoulder, (shoulder + outer) / 2, outer, notch, armpit, hem, hem * [0, 1]]
    return np.array(start, np.float64)


def _kind_of(half: Plane) -> tuple[Kind, Points, Points | None]:
    """The kind by the outline's bays, where the armpit is if there are sleeves, and the notch that hides it."""
    arm, leg = _notches(half)
    if leg is not None and leg.depth > 0.2 * _FIT_HEIGHT:
        return Kind.TROUSERS, leg.place, None
    if arm is None or arm.depth < 0.022 * _FIT_HEIGHT:
        return Kind.SLEEVELESS, _hidden_armpit(half, None), None
    if arm.place[1] > 0.58 * _FIT_HEIGHT:
        return Kind.SLEEVED, _hidden_armpit(half, arm), arm.place
    return Kind.SLEEVED, arm.place, None


def _fit(half: Plane, kind: Kind, armpit: Points, notch: Points | None) -> tuple[Points, float]:
    fitter, penalty = _Fitter(half), PENALTIES[kind]
    height = float(_FIT_HEIGHT)
    sleeved = kind is Kind.SLEEVED
    starts = list(sleeved_starts(armpit, height) if sleeved else sleeveless_starts(_torso_half_width(half), height))
    starts.sort(key=lambda corners: fitter.error(corners, penalty(corners)))
    if notch is not None:
        starts = [_hanging_start(half, armpit, notch)]
    movable = [
        (index, name in ON_AXIS)
        for index, name in enumerate(CORNERS[kind])
        if not (sleeved and name == "armpit")  # the notch is seen better than any fit finds it
    ]
    results = [fitter.search(start, movable, penalty, [8.0, 4.0]) for start in starts[:6]]
    best = min(results, key=lambda result: result[1])
    return fitter.search(best[0], movable, penalty, [4.0, 2.0, 1.0, 0.5])


def fit_outline(mask: Mask, axis: float) -> Outline:
    """The kind of garment and its corners, in pixels of the mask, from the symmetric part of it.

    Trousers have no corners.
    """
    right, left, scale, top = _half_masks(mask, axis)
    both = floats((right + left) / 2)
    kind, armpit, notch = _kind_of(both)
    if kind is Kind.TROUSERS:
        return Outline(kind, {}, 0.0)
    corners, error = _fit(both, kind, armpit, notch)
    if kind is Kind.SLEEVED and error > 0.12:  # a bay that was none: between straps, at a slit
        others, other_error = _fit(both, Kind.SLEEVELESS, armpit, None)
        if other_error < error:
            kind, corners, error = Kind.SLEEVELESS, others, other_error
    places = corners / scale + [0.0, top]
    return Outline(kind, dict(zip(CORNERS[kind], places, strict=True)), error)


def fit_side(mask: Mask, axis: float, outline: Outline, sign: int) -> dict[str, npt.NDArray[np.float64]]:
    """The corners of one side (-1 left, 1 right) as they really stand, in picture coordinates."""
    right, left, scale, top = _half_masks(mask, axis)
    names = CORNERS[outline.kind]
    start = (np.array([outline.corners[name] for name in names]) - [0.0, top]) * scale
    own_penalty = PENALTIES[outline.kind]

    def penalty(corners: Points) -> float:
        drift = np.maximum(np.hypot(*(corners - start).T) - 2.0, 0.0)
        return own_penalty(corners) + 0.0004 * float((drift**2).sum())

    movable = [(index, name in ON_AXIS) for index, name in enumerate(names)]
    fitter = _Fitter(right if sign > 0 else left)
    corners, _ = fitter.search(start, movable, penalty, [3.0, 1.5, 0.7])
    places = corners / scale + [0.0, top]
    return {name: np.array([axis + sign * x, y]) for name, (x, y) in zip(names, places, strict=True)}
