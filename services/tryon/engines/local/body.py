"""The shape of the body that gets dressed: shoulder lines, sides of the torso, arms. All in the work frame."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from services.tryon.engines.local.arrays import Mask, Points, Vector
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import arc_lengths, capsule, direction_at, point_at, unit
from services.tryon.engines.local.skeleton import Limb, Skeleton

# Where the sides of a torso are, as multiples of the joints' lines: shoulders, chest, waist, hips, thighs.
_PROFILE_AT = (0.0, 0.25, 0.6, 1.0, 1.4)
_PROFILE_WIDTH = (0.96, 0.87, 1.0, 1.52, 1.6)


@dataclass(frozen=True)
class ShoulderLine:
    """The upper edge of one shoulder: heights over horizontal distances from the neck."""

    sign: int
    neck: Vector
    distances: Vector
    heights: Vector

    def at(self, distance: float) -> Vector:
        """The point at a horizontal distance from the neck's middle."""
        x = float(self.neck[0]) + self.sign * distance
        return np.array([x, np.interp(distance, self.distances, self.heights)])


@dataclass(frozen=True)
class ArmSection:
    """A cut through an arm."""

    centre: Vector
    outward: Vector  # unit normal of the arm, away from the torso
    radius: float  # usual for this body
    outer: float  # measured from the centre to the silhouette, outwards
    inner: float  # the same towards the torso
    depth: float  # from the centre to the arm's own inner edge: as its bare skin shows, else the usual radius


@dataclass(frozen=True)
class Arm:
    """An arm as a bone line with a thickness."""

    limb: Limb
    line: Points  # shoulder, elbow, wrist
    measure: float  # the body's unit
    inside: Mask
    skin: Mask

    @cached_property
    def reach(self) -> float:
        """From shoulder to wrist."""
        return float(arc_lengths(self.line)[-1])

    @cached_property
    def upper(self) -> float:
        """From shoulder to elbow."""
        return float(arc_lengths(self.line)[1])

    def radius(self, distance: float) -> float:
        """The usual half thickness at a distance from the shoulder."""
        marks = [0.0, self.upper, self.reach]
        return float(np.interp(distance, marks, np.array([0.155, 0.115, 0.082]) * self.measure))

    @cached_property
    def _sections(self) -> dict[float, ArmSection]:
        return {}

    def section(self, distance: float) -> ArmSection:
        """The cut at a distance along the bones; the same ones are asked for again and again."""
        distance = float(distance)
        if distance not in self._sections:
            self._sections[distance] = self._cut(distance)
        return self._sections[distance]

    def _cut(self, distance: float) -> ArmSection:
        centre, along = point_at(self.line, distance), direction_at(self.line, distance, 0.24 * self.measure)
        outward = np.array([-along[1], along[0]]) * (-self.limb.sign)
        radius = self.radius(distance)
        outer, inner = (self._extent(centre, outward * side, radius) for side in (1, -1))
        return ArmSection(centre, outward, radius, outer, inner, self._depth(centre, -outward, radius))

    def _depth(self, centre: Vector, inward: Vector, radius: float) -> float:
        distances = np.arange(0.0, 1.4 * radius, 1.0)
        places = np.round(centre + distances[:, None] * inward).astype(np.intp)
        limits = np.array([self.skin.shape[1], self.skin.shape[0]])
        x, y = np.clip(places, 0, limits - 1).T
        bare = self.skin[y, x]
        if bare[: len(bare) // 3].mean() < 0.9 or bare.all():
            return radius
        return float(np.clip(distances[~bare][0], 0.5 * radius, 1.2 * radius))

    def _extent(self, centre: Vector, direction: Vector, radius: float) -> float:
        distances = np.arange(0.3 * radius, 2.2 * radius, 1.0)
        places = (centre + distances[:, None] * direction).astype(np.intp)
        limits = np.array([self.inside.shape[1], self.inside.shape[0]])
        within = ((places >= 0) & (places < limits)).all(axis=1)
        x, y = np.clip(places, 0, limits - 1).T
        outside = np.flatnonzero(~(within & self.inside[y, x]))
        return float(np.clip(distances[outside[0]], 0.8 * radius, 2 * radius)) if len(outside) else 1.08 * radius


@dataclass(frozen=True)
class Body:
    """What a garment has to follow."""

    skeleton: Skeleton
    shoulders: tuple[ShoulderLine, ShoulderLine]
    arms: tuple[Arm, Arm]
    rows: Vector  # rows of the frame for which the sides are known
    sides: tuple[Vector, Vector]  # x of the torso's left and right side in those rows
    old_hem: float | None  # row where the worn top ends

    def centre(self, row: float) -> float:
        """x of the spine in a row."""
        neck, hips = self.skeleton.neck, self.skeleton.hips
        return float(neck[0] + (hips[0] - neck[0]) * (row - neck[1]) / max(1.0, float(hips[1] - neck[1])))

    def side(self, index: int, row: float) -> float:
        """x of the torso's left (0) or right (1) side in a row."""
        return float(np.interp(row, self.rows, self.sides[index]))

    def side_in(self, index: int, rows: Vector) -> Vector:
        """x of the torso's left (0) or right (1) side in each of many rows."""
        return np.interp(rows, self.rows, self.sides[index])


def _usual_line(limb: Limb, neck: Vector, width: float) -> ShoulderLine:
    distances = np.array([0.2, 0.5, 0.6]) * width
    heights = limb.shoulder[1] + np.array([-0.2, -0.1, -0.03]) * width
    return ShoulderLine(limb.sign, neck, distances, heights)


def _shoulder_line(person: Person, limb: Limb) -> ShoulderLine:
    """The silhouette's upper edge where no hair covers it; the usual slope if it cannot be seen."""
    skeleton = person.skeleton
    width, neck = skeleton.shoulder_width, skeleton.neck
    usual = _usual_line(limb, neck, width)
    top = int(max(0, skeleton.chin[1] - 0.1 * skeleton.face_height))
    bottom = int(limb.shoulder[1] + 0.2 * width)
    distances, heights = [], []
    for share in np.linspace(0.3, 0.62, 14):
        x = round(float(neck[0] + limb.sign * share * width))
        if not 0 <= x < skeleton.size[0] or bottom <= top:
            continue
        filled = np.flatnonzero(person.inside[top:bottom, x])
        if len(filled) == 0 or filled[0] == 0:
            continue
        row = top + int(filled[0])
        if (person.labels[row : row + 4, x] != Label.HAIR).all():
            distances.append(share * width)
            heights.append(row - float(limb.shoulder[1]))
    if len(distances) < 5:
        return usual
    return _fitted_line(np.array(distances), np.array(heights), limb, neck, width) or usual


def _fitted_line(distances: Vector, heights: Vector, limb: Limb, neck: Vector, width: float) -> ShoulderLine | None:
    """A parabola through the seen edge, continued straight; none when that is no shoulder."""
    straight = np.polyfit(distances, heights, 1)
    misses = np.abs(np.polyval(straight, distances) - heights)
    kept = misses < max(2.0, float(np.median(misses)) * 2.5)
    if kept.sum() < 3:
        return None
    straight = np.polyfit(distances[kept], heights[kept], 1)
    if not (0.02 < straight[0] < 1.0 and -0.35 * width < np.polyval(straight, 0.45 * width) < 0.05 * width):
        return None
    curve = np.polyfit(distances[kept], heights[kept], 2) if kept.sum() >= 8 else straight
    grid = np.linspace(0.15, 0.75, 25) * width
    seen = np.clip(grid, distances[kept].min(), distances[kept].max())
    line = np.polyval(curve, seen) + np.polyval(straight, grid) - np.polyval(straight, seen)
    return ShoulderLine(limb.sign, neck, grid, limb.shoulder[1] + line - 0.018 * width)


def _arm_zone(person: Person) -> Mask:
    """Where arms hide the torso's sides; a bare arm is seen, so only what looks like skin counts."""
    skeleton = person.skeleton
    zone = np.zeros((skeleton.size[1], skeleton.size[0]), np.bool_)
    skin = person.is_label(Label.SKIN)
    for limb in skeleton.limbs:
        start = limb.shoulder + (limb.elbow - limb.shoulder) * 0.25
        hand = limb.wrist + unit(limb.wrist - limb.elbow) * skeleton.unit * 0.3
        arm = capsule(skeleton.size, start, limb.elbow, skeleton.unit * 0.14)
        core = capsule(skeleton.size, start, limb.elbow, skeleton.unit * 0.06)
        arm |= capsule(skeleton.size, limb.elbow, hand, skeleton.unit * 0.13)
        bare = (skin & core).sum() > 0.6 * max(1, core.sum())
        zone |= arm & ~person.is_label(Label.TOP) if bare else arm
    return zone


def _torso_sides(person: Person) -> tuple[Vector, tuple[Vector, Vector]]:
    """The torso's sides row by row: the silhouette without the arms, kept near a body's usual shape."""
    skeleton = person.skeleton
    neck, hips = skeleton.neck, skeleton.hips
    shares = np.linspace(0, 1.35, 60)
    rows = neck[1] + (hips - neck)[1] * shares
    arms = _arm_zone(person)
    bare_arm = person.is_label(Label.SKIN) & person.regions.arms
    found: list[tuple[float, float]] = []
    for share, row in zip(shares, rows, strict=True):
        line = neck + (hips - neck) * share
        reach = [limb.shoulder + (limb.hip - limb.shoulder) * share - line for limb in skeleton.limbs]
        wide = float(np.interp(share, _PROFILE_AT, _PROFILE_WIDTH))
        left, right = (float(line[0] + offset[0] * wide) for offset in reach)
        found.append(_sides_in_row(person, arms, bare_arm, int(row), left, right))
    sides = np.array(found, np.float32)
    smooth = cv2.GaussianBlur(cv2.medianBlur(sides.reshape(-1, 1, 2), 5), (1, 9), 1.6).reshape(-1, 2)
    return rows, (smooth[:, 0].astype(np.float64), smooth[:, 1].astype(np.float64))


def _sides_in_row(
    person: Person, arms: Mask, bare_arm: Mask, row: int, left: float, right: float
) -> tuple[float, float]:
    middle, half = (left + right) / 2, max(2.0, (right - left) / 2)
    row = min(max(row, 0), person.skeleton.size[1] - 1)
    columns = np.arange(person.skeleton.size[0])
    inner = np.abs(columns - middle) < half * 0.92
    torso = person.inside[row] & (~(arms[row] | bare_arm[row]) | inner)
    torso |= np.abs(columns - middle) < half * 0.6
    gaps = np.flatnonzero(~torso)
    before, after = gaps[gaps < middle], gaps[gaps > middle]
    low = float(before[-1] + 1) if len(before) else 0.0
    high = float(after[0] - 1) if len(after) else float(len(columns))
    return (
        float(np.clip(low, middle - half * 1.38, middle - half * 0.88)),
        float(np.clip(high, middle + half * 0.88, middle + half * 1.38)),
    )


def body_of(person: Person) -> Body:
    """The body under the clothes, from joints and silhouette."""
    skeleton = person.skeleton
    rows, sides = _torso_sides(person)
    left, right = (_shoulder_line(person, limb) for limb in skeleton.limbs)
    arms = tuple(
        Arm(limb, limb.bones, skeleton.unit, person.inside, person.is_label(Label.SKIN)) for limb in skeleton.limbs
    )
    body = Body(skeleton, (left, right), (arms[0], arms[1]), rows, sides, None)
    return Body(skeleton, (left, right), (arms[0], arms[1]), rows, sides, _old_hem(person, body))


def _old_hem(person: Person, body: Body) -> float | None:
    """The lowest row where the worn top still fills the middle of the torso."""
    height, width = person.inside.shape
    centres = np.array([body.centre(row) for row in range(height)])
    middle = np.abs(np.arange(width)[None] - centres[:, None]) < 0.33 * person.skeleton.shoulder_width
    share = (person.is_label(Label.TOP) & middle).sum(axis=1) / np.maximum(1, middle.sum(axis=1))
    rows = np.flatnonzero(share > 0.35)
    return float(rows[-1]) if len(rows) else None
