"""A garment's landmarks: collar, shoulder, armpit, hem and cuffs, from its outline or from the body that wears it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from services.tryon.engines.local.arrays import Image, Mask, Points, Vector
from services.tryon.engines.local.neckline import Neckline, find_neckline
from services.tryon.engines.local.shapes import arc_lengths, length, nearest_index, resampled, run_at, unit
from services.tryon.engines.local.silhouette import Outline, fit_outline, fit_side, mirror_axis
from services.tryon.engines.local.templates import Kind


@dataclass(frozen=True)
class Sleeve:
    """The two seams of a sleeve as polylines."""

    outer: Points  # from the shoulder to the cuff
    inner: Points  # from the armpit to the cuff

    @property
    def outer_length(self) -> float:
        """From shoulder to cuff along the cloth."""
        return float(arc_lengths(self.outer)[-1])

    @property
    def cuff_width(self) -> float:
        """Distance of the cuff's two ends."""
        return length(self.outer[-1] - self.inner[-1])

    @property
    def armhole(self) -> float:
        """Distance from shoulder to armpit."""
        return length(self.outer[0] - self.inner[0])


@dataclass(frozen=True)
class GarmentSide:
    """The landmarks left (`sign` -1) or right (1) of the garment's axis, in pixels of the work frame."""

    sign: int
    collar: Vector
    shoulder: Vector
    armpit: Vector
    hem: Vector
    sleeve: Sleeve | None


@dataclass(frozen=True)
class GarmentLandmarks:
    """Everything that dressing needs to know about a garment's cut."""

    axis: float
    sides: tuple[GarmentSide, GarmentSide]
    neckline: Neckline
    error: float  # how badly the outline fits a garment's: below 0.1 is good, above 0.2 it is something else

    @property
    def chest_half_width(self) -> float:
        """Half the distance of the armpits; of a garment without sleeves at least nearly that of the hem's corners."""
        half = float(self.sides[1].armpit[0] - self.sides[0].armpit[0]) / 2
        if any(side.sleeve for side in self.sides):
            return max(half, 2.0)
        return max(half, 0.85 * float(self.sides[1].hem[0] - self.sides[0].hem[0]) / 2, 2.0)

    @property
    def top(self) -> float:
        """Row of the collar."""
        return float(self.sides[0].collar[1] + self.sides[1].collar[1]) / 2

    @property
    def bottom(self) -> float:
        """Row of the hem."""
        return float(self.sides[0].hem[1] + self.sides[1].hem[1]) / 2

    @property
    def slenderness(self) -> float:
        """Length by chest width: about 1.3 for a T-shirt laid flat, 1.9 on a narrow ghost mannequin."""
        return (self.bottom - self.top) / (2 * self.chest_half_width)


class NotATop(Exception):
    """The outline is that of another kind of garment."""

    def __init__(self, kind: str) -> None:
        """`kind` is "bottoms" or "onePieces"."""
        super().__init__(kind)
        self.kind = kind


def _snap(line: Points, contour: Points, reach: float) -> Points:
    """Move each point to the nearest one of the contour unless that is too far."""
    snapped = line.copy()
    for index, point in enumerate(line):
        nearest = contour[nearest_index(contour, point)]
        if length(nearest - point) < reach:
            snapped[index] = nearest
    return snapped


def _to_top_edge(mask: Mask, point: Vector) -> Vector:
    """The point moved vertically onto the mask's upper edge."""
    column = mask[:, int(np.clip(round(float(point[0])), 0, mask.shape[1] - 1))]
    if not column.any():
        return point
    return np.array([point[0], float(column.argmax())])


def _standing_collar(mask: Mask, axis: float, shoulders: float) -> tuple[Vector, Vector] | None:
    """The upper corners of a collar that stands up around the neck: a column above the shoulders. None without one."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, height = int(rows[0]), len(rows)
    ends = []
    for row in range(top, top + height // 6):
        columns = np.flatnonzero(mask[row])
        ends.append((float(columns[0]), float(columns[-1])))
    widths = np.array([right - left for left, right in ends])
    column = float(widths[int(0.025 * height) : int(0.035 * height) + 1].mean())
    wider = np.flatnonzero(widths > 1.35 * column)
    base = int(wider[0]) if len(wider) else 0
    if not (base > 0.22 * column and column < 0.6 * shoulders and ends[base // 2][0] < axis < ends[base // 2][1]):
        return None
    left, right = ends[int(0.35 * base)]
    row = top + int(0.35 * base)
    return np.array([left, float(row)]), np.array([right, float(row)])


def _hem_corner(mask: Mask, axis: float, sign: int, guess: Vector, height: float) -> Vector:
    """The outermost low point of the torso near the guess."""
    best, corner = -np.inf, guess
    for row in range(int(guess[1] - 0.12 * height), min(mask.shape[0], int(guess[1] + 0.08 * height))):
        run = run_at(mask[max(0, row)], axis)
        if run is None or not run[0] <= axis <= run[1]:
            continue
        x = float(run[0] if sign < 0 else run[1])
        if abs(x - guess[0]) > 0.12 * height:
            continue
        score = row + 0.55 * sign * (x - axis)
        if score > best:
            best, corner = score, np.array([x, float(row)])
    return corner


def _cuff_corner(contour: Points, upper: Points, lower: Points, reach: float) -> Vector:
    """The outline's corner near the fitted outer end of a long sleeve: furthest along it and to its side."""
    along = unit(upper[2] + lower[1] - upper[0] - lower[0])
    across = unit(upper[2] - lower[1] - along * float((upper[2] - lower[1]) @ along))
    near = contour[np.hypot(*(contour - upper[2]).T) < reach]
    corner: Vector = near[int((near @ (along + 0.8 * across)).argmax())] if len(near) else upper[2]
    return corner


def _side(mask: Mask, contour: Points, axis: float, outline: Outline, sign: int) -> GarmentSide:
    corners = fit_side(mask, axis, outline, sign)
    height = float(outline.corners["hem"][1] - outline.corners["collar"][1])
    sleeve = None
    if outline.kind is Kind.SLEEVED:
        upper = np.stack([corners["shoulder"], corners["bend"], corners["cuff_outer"]])
        lower = np.stack([corners["armpit"], corners["cuff_inner"]])
        if length(upper[2] - upper[0]) > 1.5 * length(lower[0] - upper[0]):
            upper[2] = _cuff_corner(contour, upper, lower, 0.1 * height)
        seams = (resampled(upper, 12), resampled(lower, 8))
        outer, inner = (_snap(seam, contour, 0.05 * height) for seam in seams)
        if abs(inner[0, 0] - axis) > abs(seams[1][0, 0] - axis) + 0.015 * height:
            inner[0] = seams[1][0]  # an armpit behind a hanging sleeve is not on the outline
        sleeve = Sleeve(outer, inner)
    shoulder = sleeve.outer[0] if sleeve else _snap(corners["shoulder"][None], contour, 0.06 * height)[0]
    collar = _to_top_edge(mask, corners["collar"])
    if not sleeve and collar[1] > shoulder[1] + 0.06 * height:  # straps: the collar is their upper end
        collar = _to_top_edge(mask, shoulder - np.array([sign * 0.02 * height, 0.0]))
    return GarmentSide(
        sign=sign,
        collar=collar,
        shoulder=shoulder,
        armpit=sleeve.inner[0] if sleeve else _snap(corners["armpit"][None], contour, 0.06 * height)[0],
        hem=_hem_corner(mask, axis, sign, corners["hem"], height),
        sleeve=sleeve,
    )


def garment_landmarks(image: Image, mask: Mask) -> GarmentLandmarks:
    """The landmarks of an upright garment in a catalogue picture. Raises NotATop for trousers and dresses."""
    axis = mirror_axis(mask)
    outline = fit_outline(mask, axis)
    if outline.kind is Kind.TROUSERS:
        raise NotATop("bottoms")
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(outlines, key=cv2.contourArea)[:, 0].astype(np.float64)
    left, right = (_side(mask, contour, axis, outline, sign) for sign in (-1, 1))
    collar = _standing_collar(mask, axis, float(right.shoulder[0] - left.shoulder[0])) if left.sleeve else None
    if collar is not None:
        left, right = replace(left, collar=collar[0]), replace(right, collar=collar[1])
    armpits = (left.armpit[1] + right.armpit[1]) / 2
    neckline = find_neckline(image, mask, left.collar, right.collar, float(armpits), collar is not None)
    landmarks = GarmentLandmarks(axis, (left, right), neckline, outline.error)
    if landmarks.slenderness > 2.6:
        raise NotATop("onePieces")
    return landmarks
