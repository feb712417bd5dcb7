"""A picture of trousers, shorts or a skirt, understood: waist, crotch and hems, and the cloth."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Points,
    Vector,
    components,
    dilate,
    lab_of,
    largest_channel,
    largest_component,
    opened,
)
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.shapes import run_at


@dataclass(frozen=True)
class LowerLandmarks:
    """Where waistband, crotch and hems are, in pixels of the work frame."""

    waist: tuple[Vector, Vector]  # its left and right corner
    crotch: Vector | None  # none of a skirt
    hems: tuple[tuple[Vector, Vector], ...]  # outer and inner corner of both legs; of a skirt only outer ones
    halves: tuple[Mask, Mask] | None  # of trousers: left and right leg with half of the seat

    @property
    def axis(self) -> float:
        """x of the waist's middle."""
        return float(self.waist[0][0] + self.waist[1][0]) / 2

    @property
    def top(self) -> float:
        """Row of the waistband's upper edge."""
        return float(self.waist[0][1] + self.waist[1][1]) / 2

    @property
    def bottom(self) -> float:
        """Row of the lowest hem corner."""
        return max(float(corner[1]) for corners in self.hems for corner in corners)

    @property
    def waist_width(self) -> float:
        """Length of the waistband."""
        return float(self.waist[1][0] - self.waist[0][0])


@dataclass(frozen=True)
class LowerGarment:
    """Trousers, shorts or a skirt in the work frame."""

    mask: Mask
    landmarks: LowerLandmarks
    cloth: Cloth
    worn_by: LowerBody | None
    error: float = 0.0  # how unlike its mirror image the outline is, 0..1
    cut_off: bool = False  # its picture ends before it does

    def width_in(self, row: float) -> float:
        """Its width in a row, from outermost to outermost pixel."""
        columns = np.flatnonzero(self.mask[int(np.clip(row, 0, self.mask.shape[0] - 1))])
        return float(columns[-1] - columns[0] + 1) if len(columns) else 0.0

    @property
    def hip_width(self) -> float:
        """The greatest width between waist and crotch, or in the upper third of a skirt."""
        marks = self.landmarks
        low = float(marks.crotch[1]) if marks.crotch is not None else marks.top + 0.34 * (marks.bottom - marks.top)
        return max(self.width_in(row) for row in np.linspace(marks.top + 2, max(marks.top + 3, low - 2), 12))


_RISE = 0.82  # of the hips' width, where the legs touch and hide the crotch
_LONGEST_RISE = 1.08


def without_gap(image: Image, mask: Mask) -> Mask:
    """Open what shows the background between two legs, closed below by their shadow or by touching hems."""
    lab = lab_of(image)
    background = np.median(np.concatenate([lab[:6].reshape(-1, 3), lab[-6:].reshape(-1, 3)]), axis=0)
    pale = largest_channel(np.abs(lab - background)) < 11
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = len(rows), len(columns)
    numbers, stats = components(opened(pale & mask, 1))
    result = mask.copy()
    for number, (left, top, wide, tall, area) in list(enumerate(stats))[1:]:
        central = abs(left + wide / 2 - columns[0] - width / 2) < 0.2 * width
        low = top + tall > rows[0] + 0.85 * height
        if not (
            central and low and tall > 0.15 * height and area > 0.3 * wide * tall and top > rows[0] + 0.12 * height
        ):
            continue
        gap = dilate(numbers == number, 2)
        if top + tall > rows[0] + 0.9 * height:  # the floor's shadow below it goes too
            lowest = np.flatnonzero(gap[top + tall - 4])
            if len(lowest):
                gap[top + tall - 4 :, lowest[0] : lowest[-1] + 1] = True
        result &= ~gap
    return largest_component(result) if result.sum() > 0.6 * mask.sum() else mask


def crotch_of(mask: Mask) -> Vector | None:
    """The highest point between two legs: the deepest bay that opens downwards near the middle; none of a skirt."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    defects = cv2.convexityDefects(outline, cv2.convexHull(outline, returnPoints=False))
    left, _, width, height = cv2.boundingRect(outline)
    points, best = outline[:, 0].astype(np.float64), None
    deepest = 0.1 * height
    for start, end, far, _ in [] if defects is None else defects[:, 0]:
        place, ends = points[far], points[[start, end]]
        central = abs(place[0] - left - width / 2) < 0.22 * width
        depth = float(ends[:, 1].min() - place[1])
        if central and depth > deepest and (ends[:, 0].min() < place[0] < ends[:, 0].max()):
            best, deepest = place, depth
    return best


def _seen_crotch(mask: Mask) -> Vector | None:
    """The crotch of trousers, where it is usual if the legs touch below it."""
    best = crotch_of(mask)
    if best is None:
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    top, height = int(rows[0]), len(rows)
    upper = mask[top : top + max(4, int(0.3 * height))]
    hips = float(max(np.ptp(np.flatnonzero(row)) for row in upper[2:] if row.any()))
    if best[1] - top > _LONGEST_RISE * hips:  # the legs touch below the crotch
        return np.array([best[0], top + _RISE * hips])
    return best


def waist_corners(mask: Mask) -> tuple[Vector, Vector]:
    """The upper left and upper right corner."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, height = int(rows[0]), len(rows)
    low = min(mask.shape[0], top + max(4, int(0.14 * height)))
    found: list[Vector] = []
    ys, xs = np.nonzero(mask[top:low])
    for sign in (-1, 1):
        best = int((0.5 * sign * xs - ys).argmax())
        found.append(np.array([float(xs[best]), float(ys[best] + top)]))
    return found[0], found[1]


def _middle_line(mask: Mask, waist: tuple[Vector, Vector], crotch: Vector) -> Points:
    """From the waist's middle through the crotch down between the legs."""
    points = [(waist[0] + waist[1]) / 2, crotch]
    for row in range(int(crotch[1]) + 6, mask.shape[0], 6):
        gap = run_at(~mask[row], float(points[-1][0]))
        if gap is None or not mask[row].any():
            continue
        columns = np.flatnonzero(mask[row])
        if gap[0] > columns[0] and gap[1] < columns[-1]:
            points.append(np.array([(gap[0] + gap[1]) / 2, float(row)]))
    return np.stack(points)


def landmarks_of(mask: Mask) -> LowerLandmarks:
    """The landmarks of trousers, shorts or a skirt that lies or hangs upright."""
    waist, crotch = waist_corners(mask), _seen_crotch(mask)
    if crotch is None:
        left, right = (hem_corner(mask, sign) for sign in (-1, 1))
        return LowerLandmarks(waist, None, ((left, left), (right, right)), None)
    halves = legs_of(mask, waist, crotch)
    hems = tuple((hem_corner(half, sign), hem_corner(half, -sign)) for half, sign in zip(halves, (-1, 1), strict=True))
    return LowerLandmarks(waist, crotch, hems, halves)


def legs_of(mask: Mask, waist: tuple[Vector, Vector], crotch: Vector) -> tuple[Mask, Mask]:
    """The left and the right leg, each with its half of the seat."""
    line = _middle_line(mask, waist, crotch)
    middle = np.interp(np.arange(mask.shape[0]), line[:, 1], line[:, 0])[:, None]
    columns = np.arange(mask.shape[1])[None]
    return mask & (columns < middle), mask & (columns >= middle)


def hem_corner(mask: Mask, sign: int) -> Vector:
    """The corner furthest down and to one side."""
    ys, xs = np.nonzero(mask)
    low = ys > ys.min() + 0.6 * np.ptp(ys)
    best = int((ys[low] + 0.7 * sign * xs[low]).argmax())
    return np.array([float(xs[low][best]), float(ys[low][best])])
