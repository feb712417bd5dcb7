"""A picture of trousers, shorts or a skirt, understood: waist, crotch and hems, and the cloth."""

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Image,
    Indices,
    Mask,
    Points,
    Vector,
    blur,
    closed,
    components,
    dilate,
    erode,
    fill_holes,
    lab_of,
    largest_channel,
    largest_component,
    opened,
    resize_mask,
    size_of,
    soften,
)
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.refuse import unlike_a_garment
from services.tryon.engines.local.shapes import polygon, run_at, runs


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


def worn_lower(person: Person, lower: LowerBody, picture: Image, long_side: int) -> LowerGarment:
    """The trousers or the skirt that somebody wears; what hands hide of them is filled in. Raises InputProblem."""
    seen = _below_waistband(person, lower)
    if seen.sum() < 0.25 * lower.skeleton.unit**2:
        raise unlike_a_garment()
    rows = np.flatnonzero(seen.any(axis=1))
    outline = [np.array([lower.side(index, row), row]) for index, row in _both_sides(rows)]
    hidden = polygon(lower.skeleton.size, outline) & ~seen & dilate(seen, 0.25 * lower.skeleton.unit)
    hidden &= (person.regions.hands | person.regions.forearms | lower.held) & person.inside
    mask = soften(seen | hidden, 0.025 * lower.skeleton.unit) > 0.5
    holes, boxes = components(fill_holes(mask) & ~mask)
    small = np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] < 0.02 * lower.skeleton.unit**2)
    mask |= np.isin(holes, small[small > 0])
    crotch = worn_crotch(mask, person.inside, lower)
    waist = waist_corners(mask)
    cloth = _without(cloth_of(picture, erode(mask, 1), long_side, plain=False), ~seen, lower.middle(lower.crotch))
    cut_off = bool(rows[-1] >= mask.shape[0] - 3)
    if crotch is None:
        left, right = (hem_corner(mask, sign) for sign in (-1, 1))
        return LowerGarment(
            mask, LowerLandmarks(waist, None, ((left, left), (right, right)), None), cloth, lower, 0.0, cut_off
        )
    middle = np.array([lower.middle(row) for row in range(mask.shape[0])])[:, None]
    columns = np.arange(mask.shape[1])[None]
    halves = (mask & (columns < middle), mask & (columns >= middle))
    hems = tuple((hem_corner(half, sign), hem_corner(half, -sign)) for half, sign in zip(halves, (-1, 1), strict=True))
    return LowerGarment(mask, LowerLandmarks(waist, crotch, hems, halves), cloth, lower, 0.0, cut_off)


def _below_waistband(person: Person, lower: LowerBody) -> Mask:
    """What is worn below the waist; along the waistband all of it, whatever single folds were taken for."""
    unit, rows = lower.skeleton.unit, np.arange(lower.old.shape[0])[:, None]
    line = np.array([lower.waist_at(x) for x in range(lower.old.shape[1])])
    line = line + (0.06 * unit if lower.tucked else 0)
    seen = largest_component(opened(closed(lower.old & (rows > line - 3), 2), 2))
    if not lower.tucked or not seen.any():
        return seen
    near = seen & (rows < line + 0.3 * unit)
    columns = np.flatnonzero(near.any(axis=0))
    first = np.where(near.any(axis=0), near.argmax(axis=0), rows[-1])
    band = (rows >= line) & (rows <= first) & (first < line + 0.2 * unit) & person.inside
    band[:, : columns[0]] = band[:, columns[-1] + 1 :] = False
    worn: Mask = (seen | band) & (rows >= line)
    return worn


def _both_sides(rows: Indices) -> list[tuple[int, float]]:
    marks = np.linspace(float(rows[0]), float(rows[-1]), 40)
    return [(0, float(row)) for row in marks] + [(1, float(row)) for row in marks[::-1]]


def worn_crotch(mask: Mask, inside: Mask, lower: LowerBody) -> Vector | None:
    """The body's crotch where the mask and what else is `inside` the person part below it; none of a skirt."""
    rows = np.flatnonzero(mask.any(axis=1))
    below = np.arange(int(lower.crotch + 0.1 * (rows[-1] - lower.crotch)), int(rows[-1]) + 1)
    parted = [
        _parts_in_the_middle(mask[row] | inside[row], lower.middle(float(row)), lower.skeleton.unit) for row in below
    ]
    if len(parted) == 0 or np.mean(parted) < 0.25:
        return None
    return np.array([lower.middle(lower.crotch), lower.crotch])


def _parts_in_the_middle(row: npt.NDArray[np.bool_], middle: float, unit: float) -> bool:
    """Whether a row has a leg on either side of a gap near the middle: one further out is beside an arm or a hand."""
    found = [run for run in runs(row) if run[1] - run[0] > 0.08 * unit]
    return any(one[1] - 0.2 * unit < middle < other[0] + 0.2 * unit for one, other in pairwise(found))


def _without(cloth: Cloth, hidden: Mask, axis: float) -> Cloth:
    """The cloth with its hidden places filled: with what is seen at the mirrored place, else from around them."""
    size = size_of(cloth.alpha)
    known = erode(resize_mask(~hidden, size), 4).astype(np.float32) * (cloth.alpha > 0.95)
    filled = push_pull(cloth.colours.astype(np.float32), known.astype(np.float32))
    shift = round(2 * axis * cloth.scale - (size[0] - 1))
    mirrored, there = (np.roll(plane[:, ::-1], shift, axis=1) for plane in (cloth.colours, known))
    level = blur(filled, 8.0) - blur(push_pull(mirrored.astype(np.float32), there.astype(np.float32)), 8.0)
    filled = np.where(there[..., None] > 0, np.clip(mirrored + 0.5 * level, 0, 255), filled)
    return replace(cloth, colours=np.where(known[..., None] > 0, cloth.colours, filled).astype(np.uint8))


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
