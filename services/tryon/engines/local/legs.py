"""The lower half of the body that gets dressed: waist, crotch, legs, and what must stay: shoes, hands, held things."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Indices,
    Mask,
    Points,
    Vector,
    dilate,
    largest_component,
    opened,
)
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.lower_parse import bones_of, shoes_and_held
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import arc_lengths, capsule, direction_at, point_at, run_at
from services.tryon.engines.local.skeleton import Skeleton

# Rules of thumb for standing adults, in torsos below the line of the shoulder joints.
NATURAL_WAIST, CROTCH = 0.75, 1.2
_TIGHT = 1.3  # what stands out further from the middle than the torso by so much is no hip but a flare
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
        across = x - self.middle(self.waist)
        return self.waist + self.waist_line[0] * across - self.waist_line[1] * across**2

    def old_reach(self, index: int) -> float | None:
        """How far down a leg the worn trousers or skirt come; none when they cover nothing of it."""
        leg = self.legs[index]
        marks = np.arange(0.15 * leg.reach, 1.05 * leg.reach, 2.0)
        covered = [mark for mark in marks if _is_at(self.old, point_at(leg.line, mark))]
        return float(covered[-1]) if covered else None


def _outline(lower: LowerBody, index: int) -> Points:
    """The side of waist and hips: smooth, and never narrower below than above, whatever hands do before it."""
    sign = lower.legs[index].sign
    rows = np.linspace(lower.row(0.6), lower.row(1.35), 40)
    centres = np.array([lower.middle(row) for row in rows])
    halves = np.array([(_hip_side(lower, index, row) - lower.middle(row)) * sign for row in rows])
    narrow = rows < lower.row(0.75)
    grown = np.concatenate([halves[narrow], np.maximum.accumulate(halves[~narrow])]).astype(np.float32)
    smooth = cv2.GaussianBlur(grown[:, None], (1, 9), 2.0, borderType=cv2.BORDER_REPLICATE)[:, 0]
    return np.stack([centres + sign * smooth, rows], axis=1)


def _below_hip(lower: LowerBody, index: int) -> Leg:
    """The leg with its thigh standing out from the bone no further than the hip does."""
    leg, row = lower.legs[index], lower.row(1.12)
    x, y = lower.outline[index].T
    bone = float(point_at(leg.line, leg.distance_at(row))[0])
    out = (float(np.interp(row, y, x)) - bone) * leg.sign
    return replace(leg, hip=max(out, 0.2 * leg.measure))


def _hip_side(lower: LowerBody, index: int, row: float) -> float:
    """The torso's side; the edge of tight trousers against the background is a better witness."""
    usual, sign, middle = lower.body.side(index, row), lower.legs[index].sign, lower.middle(row)
    run = run_at(lower.old[int(np.clip(row, 0, lower.old.shape[0] - 1))], middle)
    if run is None:
        return usual
    edge = float(run[0] if sign < 0 else run[1])
    beyond = int(np.clip(edge + 4 * sign, 0, lower.old.shape[1] - 1))
    share = (edge - middle) / (usual - middle + 1e-9)
    background = not lower.legs[index].inside[int(np.clip(row, 0, lower.old.shape[0] - 1)), beyond]
    return edge if background and 0.75 < share < _TIGHT else usual


def _is_at(mask: Mask, point: Vector) -> bool:
    x, y = round(float(point[0])), round(float(point[1]))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])


def _with_seen_ankle(person: Person, leg: Leg) -> Leg:
    """The leg with its ankle where bare skin shows it between hem and shoe."""
    ankle, reach = leg.line[2], 0.22 * leg.measure
    skin = person.is_label(Label.SKIN) & person.inside
    rows = np.arange(int(ankle[1] - reach), int(ankle[1] + 0.7 * reach))
    found = []
    for row in rows[(rows >= 0) & (rows < skin.shape[0])]:
        run = run_at(skin[row], float(ankle[0]))
        if run is not None and run[0] - 3 <= ankle[0] <= run[1] + 3 and 0.1 * reach < run[1] - run[0] < 1.4 * reach:
            found.append(((run[0] + run[1]) / 2, float(row), run[1] - run[0] + 1.0))
    if len(found) < 4:
        return leg
    centre, row, width = np.median(np.array(found[: max(4, len(found) // 2)]), axis=0)
    outer, inner = leg.usual(leg.reach)
    place = np.array([centre, row])
    thick = float(np.clip(width / (outer + inner), 0.75, 1.2))
    return replace(leg, line=np.stack([leg.line[0], leg.line[1], place]), ankle=thick)


def _rows_filled(person: Person, body: Body, mask: Mask) -> Indices:
    """Rows in which a mask fills the middle of the body."""
    height, width = mask.shape
    centres = np.array([body.centre(row) for row in range(height)])
    middle = np.abs(np.arange(width)[None] - centres[:, None]) < 0.33 * person.skeleton.shoulder_width
    filled: Indices = np.flatnonzero((mask & middle).sum(axis=1) > 0.35 * np.maximum(1, middle.sum(axis=1)))
    return filled


def lower_body_of(person: Person, body: Body) -> LowerBody:
    """The lower body under the clothes, from joints, silhouette and labels."""
    skeleton = person.skeleton
    worn = person.is_label(Label.BOTTOM) & ~person.regions.face
    shoes, held = shoes_and_held(person, worn)
    old = worn & ~shoes & ~held
    near = np.zeros(old.shape, np.bool_)
    for index in (0, 1):
        hip, knee, ankle = bones_of(skeleton, index)[0]
        near |= capsule(skeleton.size, hip, knee, 0.75 * skeleton.unit) | capsule(
            skeleton.size, knee, ankle, 0.6 * skeleton.unit
        )
    old &= near & (dilate(largest_component(opened(old, 1)), 12))
    arms = person.regions.forearms | person.regions.hands
    inside = person.inside & ~(arms & person.is_label(Label.SKIN)) & ~held
    legs = tuple(
        Leg(limb.sign, *bones_of(skeleton, index), skeleton.unit, inside, 1.0)
        for index, limb in enumerate(skeleton.limbs)
    )
    legs = tuple(_with_seen_ankle(person, leg) for leg in legs)
    lower = LowerBody(body, (legs[0], legs[1]), old, shoes, held, 0.0, (0.0, 0.15 / skeleton.unit), 0.0, True, ())
    rows = _rows_filled(person, body, old)
    natural, lowest = lower.row(NATURAL_WAIST), lower.row(TUCKED)
    start = float(rows[0]) if len(rows) else natural
    tucked = lower.row(0.5) < start < lowest and len(rows) > 0
    lower = replace(lower, waist=start if tucked else natural, crotch=lower.row(CROTCH), tucked=tucked)
    lower = replace(lower, outline=(_outline(lower, 0), _outline(lower, 1)))
    legs = tuple(_below_hip(lower, index) for index in (0, 1))
    lower = replace(lower, legs=(legs[0], legs[1]))
    return _with_seen_waist(lower) if tucked else lower


def _with_seen_waist(lower: LowerBody) -> LowerBody:
    """The waistband as a parabola through the upper edge of what is worn, found again without the points far off."""
    left, right = (lower.body.side(index, lower.waist) for index in (0, 1))
    reach, wide = 0.16 * lower.skeleton.unit, right - left
    top = max(0, int(lower.waist - reach))
    columns = np.arange(int(left + 0.1 * wide), int(right - 0.1 * wide))
    window = lower.old[top : int(lower.waist + reach), columns]
    seen = window.any(axis=0) & ~window[0]
    if seen.sum() < 20:
        return lower
    rows = top + window.argmax(axis=0)[seen].astype(np.float64)
    across = columns[seen] - lower.middle(lower.waist)
    kept = np.ones(len(rows), np.bool_)
    for _ in range(3):
        bend, slope, middle = np.polyfit(across[kept], rows[kept], 2)
        miss = np.abs(np.polyval((bend, slope, middle), across) - rows)
        kept = miss <= max(2.0, 1.5 * float(np.median(miss)))
    line = (float(np.clip(slope, -0.18, 0.18)), float(np.clip(-bend, 0.0, 0.6 / wide)))
    return replace(lower, waist=float(middle) - 0.04 * lower.skeleton.unit, waist_line=line)


def labels_without(person: Person, lower: LowerBody) -> npt.NDArray[np.uint8]:
    """The person's labels with shoes and held things taken out of the trousers."""
    labels = person.labels.copy()
    labels[(labels == Label.BOTTOM) & ~lower.old] = Label.OTHER
    labels[lower.held] = Label.OTHER
    return labels
