"""The lower half of the body that gets dressed: waist, crotch, legs, and what must stay: shoes, hands, held things."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import (
    Mask,
    Points,
    Vector,
)
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.shapes import arc_lengths, direction_at, point_at
from services.tryon.engines.local.skeleton import Skeleton

# Rules of thumb for standing adults, in torsos below the line of the shoulder joints.
NATURAL_WAIST, CROTCH = 0.75, 1.2
TUCKED = 0.88  # a top that ends higher than this shows the waistband

# Half the width of a bare leg, in body units: where (0 hip, 1 knee, 2 ankle), outwards, inwards.
_LEG_AT = np.array([0.0, 0.25, 0.5, 0.8, 1.0, 1.12, 1.32, 1.6, 1.85, 2.0, 2.2])
_LEG_OUTER = np.array([0.32, 0.30, 0.255, 0.20, 0.178, 0.172, 0.19, 0.155, 0.108, 0.098, 0.10])
_LEG_INNER = np.array([0.27, 0.26, 0.225, 0.185, 0.168, 0.165, 0.185, 0.15, 0.102, 0.094, 0.095])


@dataclass(frozen=True)
class LegSection:
    """A cut through a leg."""

    centre: Vector
    outward: Vector  # unit normal of the leg, away from the other one
    outer: float  # from the centre to the bare leg's outline, outwards
    inner: float


@dataclass(frozen=True)
class Leg:
    """A leg as a bone line with a thickness. `sign` is -1 for the left of the picture."""

    sign: int
    line: Points  # hip, knee, ankle
    foot: Points  # heel, toes
    measure: float  # the body's unit
    inside: Mask  # what may be leg
    ankle: float  # how thick the ankle is by what is usual
    hip: float = np.inf  # how far the hip stands out from the bone; the thigh below it stands out no further

    @property
    def reach(self) -> float:
        """From hip to ankle."""
        return float(arc_lengths(self.line)[-1])

    @property
    def thigh(self) -> float:
        """From hip to knee."""
        return float(arc_lengths(self.line)[1])

    def usual(self, distance: float) -> tuple[float, float]:
        """The usual half width of a bare leg outwards and inwards at a distance from the hip."""
        shin = max(1.0, self.reach - self.thigh)
        at = distance / max(1.0, self.thigh) if distance < self.thigh else 1 + (distance - self.thigh) / shin
        outer, inner = (float(np.interp(at, _LEG_AT, widths)) for widths in (_LEG_OUTER, _LEG_INNER))
        share = float(np.clip((at - 1.4) / 0.5, 0, 1))
        outer, inner = (width * (1 - share + share * self.ankle) for width in (outer, inner))
        return min(outer * self.measure, self.hip), inner * self.measure

    def section(self, distance: float) -> LegSection:
        """The cut at a distance along the bones; tight clothes show how thick the leg really is."""
        centre, along = point_at(self.line, distance), direction_at(self.line, distance, 0.3 * self.measure)
        outward = np.array([-along[1], along[0]]) * (-self.sign)
        outer, inner = self.usual(distance)
        seen = [
            self.room(centre, outward * side, 1.06 * width, 0.82 * width) for side, width in ((1, outer), (-1, inner))
        ]
        return LegSection(centre, outward, seen[0], seen[1])

    def room(self, centre: Vector, direction: Vector, furthest: float, nearest: float = 0.0) -> float:
        """How far the clothes go from a point in a direction, between two bounds."""
        distances = np.arange(nearest, furthest, 1.0)
        places = np.round(centre + distances[:, None] * direction).astype(np.intp)
        limits = np.array([self.inside.shape[1], self.inside.shape[0]])
        within = ((places >= 0) & (places < limits)).all(axis=1)
        x, y = np.clip(places, 0, limits - 1).T
        outside = np.flatnonzero(within & ~self.inside[y, x])
        return float(distances[outside[0]]) if len(outside) else furthest

    def distance_at(self, row: float) -> float:
        """How far along the bones a row of the frame is."""
        arcs, rows = arc_lengths(self.line), np.maximum.accumulate(self.line[:, 1])
        if row > rows[-1]:
            return float(arcs[-1] + row - rows[-1])
        return float(np.interp(row, rows, arcs))


@dataclass(frozen=True)
class LowerBody:
    """What trousers and skirts have to follow."""

    body: Body
    legs: tuple[Leg, Leg]  # left and right of the picture
    old: Mask  # the trousers or the skirt that is worn
    shoes: Mask
    held: Mask  # things that hands hold before the legs
    waist: float  # row of the waistband in the middle
    waist_line: tuple[float, float]  # its slope, and its sag from the sides to the middle by the square of the distance
    crotch: float  # row
    tucked: bool  # the waistband is to be seen; else the top hangs over it
    outline: tuple[Points, ...]  # of waist and hips: x by row, left and right

    @property
    def skeleton(self) -> Skeleton:
        """The person's joints."""
        return self.body.skeleton

    def row(self, share: float) -> float:
        """The row at a share of the torso, 0 at the shoulders and 1 at the hips."""
        skeleton = self.skeleton
        return float(skeleton.neck[1] + share * (skeleton.hips - skeleton.neck)[1])

    def middle(self, row: float) -> float:
        """x between the legs, or of the spine above them."""
        if row <= self.row(1.0):
            return self.body.centre(row)
        left, right = (point_at(leg.line, leg.distance_at(row)) for leg in self.legs)
        return float(left[0] + right[0]) / 2

    def side(self, index: int, row: float) -> float:
        """x of the outline of the hips and legs in a row."""
        leg = self.legs[index]
        section = leg.section(leg.distance_at(row))
        thigh = float(section.centre[0]) + leg.sign * section.outer
        x, y = self.outline[index].T
        share = float(np.clip((row - self.row(1.05)) / max(1.0, self.row(1.35) - self.row(1.05)), 0, 1))
        return float(np.interp(row, y, x)) * (1 - share) + thigh * share

    def waist_at(self, x: float) -> float:
        """The waistband's row in a column."""
        return float(self.waist_over(np.array([x]))[0])

    def waist_over(self, columns: Vector) -> Vector:
        """The waistband's row in each column."""
        across = columns - self.middle(self.waist)
        rows: Vector = self.waist + self.waist_line[0] * across - self.waist_line[1] * across**2
        return rows

    def old_reach(self, index: int) -> float | None:
        """How far down a leg the worn trousers or skirt come; none when they cover nothing of it."""
        leg = self.legs[index]
        marks = np.arange(0.15 * leg.reach, 1.05 * leg.reach, 2.0)
        covered = [mark for mark in marks if _is_at(self.old, point_at(leg.line, mark))]
        return float(covered[-1]) if covered else None


def _is_at(mask: Mask, point: Vector) -> bool:
    x, y = round(float(point[0])), round(float(point[1]))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])
