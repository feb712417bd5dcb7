"""Where points of trousers and skirts go on a body: the handles by which their mesh is pulled into place."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import Mask, Points, Vector
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_garment import LowerGarment
from services.tryon.engines.local.mesh import Mesh

_EASE = 1.04  # cloth lies a little outside the body
_FULL_LENGTH = 0.74  # of the leg below the crotch; what reaches further is meant to end at the ankle
STEPS = 26  # handles along an outline
_SHARES = np.linspace(0, 1, STEPS) ** 1.4  # of a leg: more of them near the crotch, where the seams turn


@dataclass(frozen=True)
class LowerScale:
    across: float
    down: float


def hip_row(lower: LowerBody) -> float:
    """The row where hips are measured."""
    return lower.row(1.05)


class LowerHandles:
    """Collects what both kinds of garment share."""

    def __init__(
        self, garment: LowerGarment, lower: LowerBody, mesh: Mesh, scale: LowerScale, first_part: int = 0
    ) -> None:
        """`first_part` is the number of the skirt's or the left leg's part in the mesh."""
        self.garment, self.lower, self.mesh, self.scale = garment, lower, mesh, scale
        self.marks, self.first_part = garment.landmarks, first_part

    def hip_x(self, index: int, row: float, own: float) -> float:
        """The outline's x in a row of hips: the body's, or a little more when the cut is wider there."""
        lower = self.lower
        centre = lower.middle(row)
        below = float(np.clip((row - lower.waist) / max(1.0, hip_row(lower) - lower.waist), 0, 1))
        body = abs(lower.side(index, row) - centre) * (1 + (_EASE - 1) * below)
        half = float(np.clip(own * self.scale.across, body, (1.02 + 0.1 * below) * body))  # waistbands are fitted
        return centre + (-1 if index == 0 else 1) * half

    def tilted(self, point: Vector) -> Vector:
        """The point moved as the waistband's slope says, less and less down to the crotch."""
        lower = self.lower
        share = np.clip((lower.crotch - point[1]) / max(1.0, lower.crotch - lower.waist), 0, 1)
        shift = share * (lower.waist_at(float(point[0])) - lower.waist)
        return np.array([point[0], point[1] + shift])

    def waistband(self, left: Vector, right: Vector) -> None:
        """Lay the waistband on the body's waist between its corners, however it curves in its own picture."""
        marks, lower = self.marks, self.lower
        lift = float(left[1]) - lower.waist_at(float(left[0]))
        for share in np.linspace(0.0, 1.0, 11):
            source = marks.waist[0] + (marks.waist[1] - marks.waist[0]) * share
            column = self.garment.mask[:, int(np.clip(source[0], 0, self.garment.mask.shape[1] - 1))]
            if not column.any():
                continue
            top = float(column.argmax())
            x = float(left[0] + (right[0] - left[0]) * share)
            target = np.array([x, lower.waist_at(x) + lift])
            for part in range(len(self.mesh.quads)):
                self.mesh.pull(part, np.array([source[0], top]), target, 1.0)


def outer_x(half: Mask, row: float, sign: int) -> float | None:
    """The outermost x of a mask in a row, to one side; none in an empty row."""
    columns = np.flatnonzero(half[int(np.clip(row, 0, half.shape[0] - 1))])
    return None if len(columns) == 0 else float(columns[0] if sign < 0 else columns[-1])


class TrouserHandles(LowerHandles):
    def reach(self, index: int) -> float:
        """Distance along the leg's bones at which the trouser leg ends."""
        leg, marks = self.lower.legs[index], self.marks
        crotch = leg.distance_at(self.lower.crotch)
        whole = leg.reach - crotch
        hem = float(np.mean([corner[1] for corners in marks.hems for corner in corners]))
        own = (hem - float(self._crotch[1])) * self.scale.down
        old = self.lower.old_reach(index)
        if self.garment.cut_off:
            return crotch + max(own, leg.distance_at(leg.inside.shape[0]) - crotch)
        shorter = min(other.reach - other.distance_at(self.lower.crotch) for other in self.lower.legs)
        if own > _FULL_LENGTH * shorter:
            covering = whole if old is None else min(old - crotch + 0.03 * leg.measure, 1.08 * whole)
            own = max(float(np.clip(own, 0.98 * whole, 1.05 * whole)), covering)
        elif old is not None and abs(own - (old - crotch)) < 0.15 * whole:
            own = old - crotch + 0.02 * leg.measure
        return crotch + own

    @property
    def _crotch(self) -> Vector:
        assert self.marks.crotch is not None  # noqa: S101 - these are the handles of trousers
        return self.marks.crotch

    def place(self, index: int) -> tuple[Points, Points, float]:
        """Pull one leg; the targets of its outer and inner edge, and where it ends."""
        lower, marks, sign = self.lower, self.marks, -1 if index == 0 else 1
        assert marks.halves is not None  # noqa: S101
        half, leg, crotch = marks.halves[index], lower.legs[index], self._crotch
        end = self.reach(index)
        start = leg.distance_at(lower.crotch)
        outer, inner = [], []
        for row in np.linspace(marks.top + 1, float(crotch[1]), 10)[:-1]:
            x = outer_x(half, row, sign)
            if x is None or (x - marks.axis) * sign < 0.25 * marks.waist_width:  # above the lower corner
                continue
            target_row = lower.waist + (row - marks.top) / (crotch[1] - marks.top) * (lower.crotch - lower.waist)
            axis = marks.axis + (crotch[0] - marks.axis) * (row - marks.top) / (crotch[1] - marks.top)
            target = self.tilted(np.array([self.hip_x(index, target_row, abs(x - axis)), target_row]))
            self.mesh.pull(self.first_part + index, np.array([x, row]), target, 0.8)
            outer.append(target)
        middle = np.array([lower.middle(lower.crotch), lower.crotch])
        self.mesh.pull(self.first_part + index, crotch, middle, 1.5)
        inner.append(middle)
        edges, seams = (
            self._edge(half, float(crotch[1]), corner, side)
            for corner, side in zip(marks.hems[index], (sign, -sign), strict=True)
        )
        for share, edge, seam in zip(_SHARES, edges, seams, strict=True):
            at = start + share * (end - start)
            opened = min(1.0, (at - start) / (0.8 * leg.measure))  # the thighs part gradually
            targets = self._leg_edges(index, at, abs(float(edge[0] - seam[0])), opened)
            self.mesh.pull(self.first_part + index, edge, targets[0], 0.6)
            outer.append(targets[0])
            if share > 0:
                self.mesh.pull(self.first_part + index, seam, targets[1], 0.6)
                inner.append(targets[1])
        self._hem(index, half, outer[-1], inner[-1])
        return np.stack(outer), np.stack(inner), end

    def _edge(self, half: Mask, top: float, corner: Vector, sign: int) -> Points:
        """One outline of a leg from the crotch's height to its hem corner."""
        points = []
        for row in top + _SHARES * (float(corner[1]) - top):
            x = outer_x(half, row, sign)
            points.append(np.array([float(corner[0]) if x is None else x, row]))
        points[-1] = corner
        return np.stack(points)

    def _hem(self, index: int, half: Mask, outer: Vector, inner: Vector) -> None:
        """Keep the hem between its corners, a little lower in front, as it is seen from above."""
        first, last = self.marks.hems[index]
        for share in np.linspace(0.15, 0.85, 6):
            source = first + (last - first) * share
            column = np.flatnonzero(half[:, int(np.clip(source[0], 0, half.shape[1] - 1))])
            if len(column) == 0:
                continue
            own = float(np.clip((column[-1] - source[1]) * self.scale.down, -0.1, 0.06 * self.lower.skeleton.unit))
            sag = own + 0.03 * self.lower.skeleton.unit * (1 - (2 * share - 1) ** 2)
            target = outer + (inner - outer) * share + np.array([0.0, sag])
            self.mesh.pull(self.first_part + index, np.array([source[0], float(column[-1])]), target, 0.4)

    def _leg_edges(self, index: int, at: float, width: float, opened: float) -> tuple[Vector, Vector]:
        """Where the outer and the inner seam lie at a distance along the leg."""
        lower, leg = self.lower, self.lower.legs[index]
        section = leg.section(at)
        body = (section.outer + section.inner) * _EASE
        wide = float(np.clip(width * self.scale.across * 0.98, body, 1.9 * body))
        spare = wide - body
        # Cloth hangs straight: what is left over shows more outside than between the legs.
        outer = section.centre + section.outward * (section.outer * _EASE + 0.55 * spare)
        inner = section.centre - section.outward * (section.inner * _EASE + 0.45 * spare)
        grown = min(1.0, 2.5 * opened)
        side = np.array([self.hip_x(index, outer[1], 0.0), outer[1]])
        if (outer[0] - side[0]) * leg.sign < 0:  # the hips are wider than the thigh seems
            outer = outer * grown + side * (1 - grown)
        middle = lower.middle(float(inner[1]))
        if (inner[0] - middle) * leg.sign < 0 and not self._crossed:
            inner = np.array([middle, inner[1]])
        start = np.array([middle, inner[1]])
        return outer, inner * opened + start * (1 - opened)

    @property
    def _crossed(self) -> bool:
        left, right = (leg.line[2] for leg in self.lower.legs)
        return bool(left[0] > right[0])


def skirt_x(handles: LowerHandles, index: int, row: float, own: float) -> float:
    """The outline of a skirt: as wide as the hips where it is narrower, flaring as it is cut, more the lower it is."""
    lower, hips = handles.lower, hip_row(handles.lower)
    centre = lower.middle(row)
    body = abs(lower.side(index, row) - centre) * 1.01
    widest = abs(lower.side(index, hips) - lower.middle(hips))
    flare = float(np.clip((row - lower.waist) / max(1.0, hips - lower.waist), 0, None))
    least = body if row <= hips else min(body, widest)
    half = float(
        np.clip(own * handles.scale.across, least, (1.02 + 0.25 * flare) * max(body, widest * min(1.0, flare)))
    )
    return centre + (-1 if index == 0 else 1) * half
