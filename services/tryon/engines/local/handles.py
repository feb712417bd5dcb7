"""Where points of a garment go on a body: the handles by which its mesh is pulled into place."""

from dataclasses import dataclass, replace

import numpy as np

from services.tryon.engines.local.arrays import Mask, Points, Vector
from services.tryon.engines.local.body import Arm, ArmSection, Body
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.landmarks import GarmentSide, Sleeve
from services.tryon.engines.local.mesh import Mesh
from services.tryon.engines.local.shapes import resampled, run_at, unit

TORSO = 0  # the number of the torso among the parts; the sleeves follow

_EASE = 1.03  # cloth lies a little outside the body
_NECK = 0.215  # half the neck's width by shoulder width
_SHOULDER_TIP = 0.60  # shoulder seam's distance from the spine by shoulder width


@dataclass(frozen=True)
class Scale:
    across: float
    down: float

    @property
    def both(self) -> Vector:
        return np.array([self.across, self.down])


def scale_of(garment: Garment, body: Body) -> Scale:
    """Frame pixels per garment pixel.

    The chest of a flat garment is wider than the body by the cloth that goes round to the back; one photographed on a
    narrow mannequin is as wide as it looks. The length by width tells which.
    """
    skeleton = body.skeleton
    if garment.worn_by is not None:
        wearer = garment.worn_by.skeleton
        return Scale(skeleton.shoulder_width / wearer.shoulder_width, skeleton.unit / wearer.unit)
    chest = 2 * garment.landmarks.chest_half_width
    ratio = float(np.interp(garment.landmarks.slenderness, [1.3, 1.9], [1.16, 0.92]))
    return Scale(ratio * skeleton.shoulder_width / chest, ratio * skeleton.unit / chest)


class TorsoHandles:
    """Handles of the torso: shoulders, sides, hem, centre line."""

    def __init__(self, garment: Garment, body: Body, scale: Scale, mesh: Mesh, torso: Mask) -> None:
        self._garment, self._body, self._scale = garment, body, scale
        self._mesh, self._torso = mesh, torso
        self._marks = garment.landmarks

    def _pull(self, source: Vector, target: Vector, weight: float) -> None:
        self._mesh.pull(TORSO, source, target, weight)

    def shoulder(self, index: int) -> tuple[Vector, Vector]:
        """Place collar and shoulder of one side; their targets."""
        side, line, skeleton = self._marks.sides[index], self._body.shoulders[index], self._body.skeleton
        width, scale = skeleton.shoulder_width, self._scale
        tip = _SHOULDER_TIP * width
        if side.sleeve is None:
            own = abs(float(side.shoulder[0]) - self._marks.axis) * scale.across
            tip = float(np.clip(own, 0.25 * width, tip))
        near = abs(float(side.collar[0]) - self._garment.neck_middle) * scale.across
        near = float(np.clip(near, min(_NECK * width, 0.9 * tip), tip * 0.92))
        shoulder, collar = line.at(tip), line.at(near)
        rise = float(side.shoulder[1] - side.collar[1]) * scale.down - float(shoulder[1] - collar[1])
        run = abs(float(side.shoulder[0] - side.collar[0])) * scale.across
        stands_up = rise > 0.14 * skeleton.unit and run < 1.2 * tip
        if stands_up:  # a stand-up collar goes up along the neck, but not to the chin
            near = min(near, 1.05 * _NECK * width)
            collar = line.at(near)
            highest = float(skeleton.chin[1]) + 0.1 * skeleton.face_height
            collar = collar - np.array([0.0, min(0.8 * rise, max(0.0, float(collar[1]) - highest))])
        self._pull(side.collar, collar, 2.0)
        self._pull(side.shoulder, shoulder, 1.2)
        for share in (0.2, 0.4, 0.6, 0.8):
            source = side.collar + (side.shoulder - side.collar) * share
            column = self._garment.mask[:, int(np.clip(round(float(source[0])), 0, self._garment.mask.shape[1] - 1))]
            if not column.any():
                continue
            straight = collar + (shoulder - collar) * share
            along = (1.0 if share > 0.2 else 0.5) if stands_up else 0.7
            target = along * line.at(near + (tip - near) * share) + (1 - along) * straight
            self._pull(np.array([source[0], float(column.argmax())]), target, 0.8)
        return collar, shoulder

    def armpit_row(self, index: int, shoulder: Vector) -> float:
        """The row of the armpit's target: by the armhole's depth, within what a body allows."""
        side, skeleton = self._marks.sides[index], self._body.skeleton
        joint = float(skeleton.limbs[index].shoulder[1])
        if self._garment.worn_by is not None:
            return joint + float(np.clip(self._garment.worn_armhole(index), 0.22, 0.30)) * skeleton.torso
        depth = float(side.armpit[1] - side.shoulder[1]) * self._scale.down - (joint - float(shoulder[1]))
        return joint + float(np.clip(depth, 0.22 * skeleton.torso, 0.30 * skeleton.torso))

    def hem_rows(self, top: float) -> tuple[float, float]:
        """The hem's row after and before bringing it to the hem of the garment it replaces.

        Covering the old hem spares inventing what was under it, so lengths within 30 % of it are made equal.
        """
        skeleton = self._body.skeleton
        natural = (self._marks.bottom - self._marks.top) * self._scale.down
        hem, old = top + natural, self._body.old_hem
        inside = old is not None and old < skeleton.size[1] - 3
        if old is not None and inside and hem < old + 0.01 * skeleton.unit and old - hem < 0.3 * natural:
            hem = old + 0.02 * skeleton.unit
        lowest = float(skeleton.hips[1]) + (0.38 if self._marks.slenderness < 2.0 else 0.62) * skeleton.torso
        return (min(hem, lowest) if natural < 2.6 * skeleton.unit else hem), top + natural

    def edge(self, index: int, armpit_row: float, hem_row: float) -> Points:
        """Place one side from armpit to hem along the body; its targets."""
        side, body = self._marks.sides[index], self._body
        width = body.skeleton.shoulder_width
        targets = []
        count = max(8, int((side.hem[1] - side.armpit[1]) / self._mesh.step))
        for share in np.linspace(0, 1, count):
            row = float(side.armpit[1] + (side.hem[1] - side.armpit[1]) * share)
            run = run_at(self._torso[int(np.clip(row, 0, self._torso.shape[0] - 1))], self._marks.axis)
            if run is None:
                continue
            x = float(side.armpit[0]) if share == 0 else float(run[0] if side.sign < 0 else run[1])
            target_row = armpit_row + (hem_row - armpit_row) * share
            centre = body.centre(target_row)
            own = abs(body.side(index, target_row) - centre) * _EASE
            wanted = abs(x - self._marks.axis) * self._scale.across * 0.97
            loose = 0.22 * own + 0.02 * width if side.sleeve is None else 0.4 * share * own
            half = float(np.clip(wanted, own, own + min(loose, 0.22 * own + 0.02 * width)))
            target = np.array([centre + side.sign * half, target_row])
            self._pull(np.array([x, row]), target, 1.3 if share == 0 else 0.5)
            targets.append(target)
        return np.stack(targets)

    def armhole(self, index: int, shoulder: Vector, armpit: Vector) -> None:
        """Place the seam of the sleeve evenly between its ends: cloth to spare there would fold over itself."""
        side = self._marks.sides[index]
        for share in (0.25, 0.5, 0.75, 0.9) if side.sleeve else ():
            source = side.shoulder + (side.armpit - side.shoulder) * share
            self._pull(source, shoulder + (armpit - shoulder) * share, 0.8)

    def hem(self, edges: list[Points]) -> None:
        """Place the hem between its corners, keeping its own curve, lower in front as seen from chest height."""
        left, right = self._marks.sides
        unit_size = self._body.skeleton.unit
        for share in np.linspace(0.1, 0.9, 13):
            source = left.hem + (right.hem - left.hem) * share
            column = self._torso[:, int(np.clip(source[0], 0, self._torso.shape[1] - 1))]
            if not column.any():
                continue
            lowest = float(len(column) - 1 - column[::-1].argmax())
            target = edges[0][-1] + (edges[1][-1] - edges[0][-1]) * share
            curve = np.clip((lowest - source[1]) * self._scale.down, -0.12 * unit_size, 0.15 * unit_size)
            target = target + np.array([0.0, curve + self._sag(edges) * (1 - (2 * share - 1) ** 2)])
            self._pull(np.array([source[0], lowest]), target, 0.3)

    def _sag(self, edges: list[Points]) -> float:
        """How much lower than its sides the middle of the hem is: it is nearer to the camera.

        That stands at the height of the picture's middle; a hem far below it is looked at from above.
        """
        wide = float(edges[1][-1][0] - edges[0][-1][0])
        row, height = float(edges[0][-1][1]), self._body.skeleton.size[1]
        return wide * float(np.clip(0.045 + 0.12 * (row / height - 0.5), 0.025, 0.08))

    def spine(self, top: float, armpits: float, hem: float) -> None:
        """Keep the garment's axis on the spine, and its chest as high as the armpits are."""
        marks = self._marks
        chest = float(marks.sides[0].armpit[1] + marks.sides[1].armpit[1]) / 2
        for share in (0.25, 0.45, 0.65, 0.85):
            source = np.array([marks.axis + self._garment.turn, marks.top + (marks.bottom - marks.top) * share])
            row = float(np.interp(source[1], [marks.top, chest, marks.bottom], [top, armpits, hem]))
            self._pull(source, np.array([self._body.centre(row), row]), 0.25)


@dataclass(frozen=True)
class SleevePlan:
    share: float
    glued: bool


class SleeveHandles:
    """Handles of one sleeve: its seams follow the arm."""

    def __init__(
        self, garment: Garment, body: Body, scale: Scale, mesh: Mesh, part: int, side: GarmentSide, sleeve: Sleeve
    ) -> None:
        self._mesh, self._part, self._side, self._sleeve = mesh, part, side, sleeve
        self._garment_length = garment.landmarks.bottom - garment.landmarks.top
        self._body, self._scale = body, scale
        self._index = 0 if side.sign < 0 else 1
        self._limb = body.skeleton.limbs[self._index]

    def _pull(self, source: Vector, target: Vector, weight: float = 0.5) -> None:
        self._mesh.pull(self._part, source, target, weight)

    def _length(self, arm: Arm, armpit: float, worn: bool) -> float:
        """How far down the arm the sleeve reaches, foreshortened as the arm is: past the armpit by its inner seam."""
        measure = self._body.skeleton.unit
        shortening = float(np.clip(arm.reach / (1.62 * measure), 0.45, 1.15))
        own = self._sleeve.outer_length * self._scale.down
        reach = own * 0.97 if worn else (own * 0.9 - 0.04 * measure) * shortening
        is_long = self._sleeve.outer_length > 1.6 * self._sleeve.armhole
        if is_long and (reach > 0.8 * arm.reach or self._sleeve.outer_length > 0.8 * self._garment_length):
            reach = arm.reach
        inner = 0.14 * measure if self._sleeve.outer_length > 0.6 * self._sleeve.armhole else 0.0
        return float(np.clip(reach, max(0.2 * measure, armpit + inner), arm.reach))

    def _armpit_along(self, arm: Arm, armpit: Vector) -> float:
        """How far down the arm the armpit is."""
        bone = unit(self._limb.elbow - arm.line[0])
        return float(np.clip((armpit - arm.line[0]) @ bone, 0.08 * arm.measure, 0.5 * arm.measure))

    def _is_raised(self, down: Vector, outwards: Vector) -> bool:
        """Whether the arm points at least as far out as the sleeve does, so that the armhole can stay whole."""
        sleeve = self._sleeve
        own = (sleeve.outer[-1] + sleeve.inner[-1] - sleeve.outer[0] - sleeve.inner[0]) / 2
        own_angle = np.arctan2(own[0] * self._side.sign, own[1])
        bone = self._limb.elbow - self._limb.shoulder
        return bool(np.arctan2(bone @ outwards, bone @ down) > own_angle - 0.3)

    def place(self, shoulder: Vector, armpit: Vector, worn: bool) -> SleevePlan:
        """Add the handles; `shoulder` and `armpit` are the torso's targets."""
        skeleton = self._body.skeleton
        root = self._limb.shoulder * 0.6 + (armpit + shoulder) / 2 * 0.4
        line = np.stack([root, self._limb.elbow, self._limb.wrist])
        arm = replace(self._body.arms[self._index], line=line)
        reach = self._length(arm, self._armpit_along(arm, armpit), worn)
        share = reach / arm.reach
        short = share < 0.62
        across = unit(skeleton.limbs[1].shoulder - skeleton.limbs[0].shoulder) * self._side.sign
        whole = self._is_raised(skeleton.down, across) or not short
        self._mesh.pull(self._part, self._side.shoulder, shoulder, 1.2)
        if whole:
            self._mesh.pull(self._part, self._side.armpit, armpit, 1.2)
        self._outer(arm, reach, shoulder, short)
        self._inner(arm, reach, armpit, short, whole)
        if short:
            self._cuff(arm, reach)
        return SleevePlan(share, whole)

    def _outer(self, arm: Arm, reach: float, shoulder: Vector, short: bool) -> None:
        measure = arm.measure
        count = max(4, int(self._sleeve.outer_length / self._mesh.step))
        start = arm.section(0.3 * measure)
        start_point = start.centre + start.outward * start.outer * 1.05
        for source, share in zip(resampled(self._sleeve.outer, count)[1:], np.linspace(0, 1, count)[1:], strict=True):
            at = share * reach
            section = arm.section(max(at, 0.12 * measure))
            close, wide = section.outer * 1.05, self._flare(section, 1.6 if short else 1.3)
            out = close * (1 - share**2) + wide * share**2 if short else max(close, section.radius)
            target = section.centre + section.outward * out
            if at < 0.3 * measure:  # the shoulder's round: leave the seam gradually
                mixed = at / (0.3 * measure)
                target = target * mixed + (shoulder + unit(start_point - shoulder) * at) * (1 - mixed)
            self._pull(source, self._outside(target, section.outward, 0.2 if at > 0.3 * measure else 0.04))

    def _cuff(self, arm: Arm, reach: float) -> None:
        """A short sleeve ends across the arm in the front half of an ellipse, seen from above."""
        section = arm.section(reach)
        ends = section.outward * self._flare(section, 1.6), -section.outward * self._inner_flare(section)
        along = np.array([-section.outward[1], section.outward[0]]) * self._side.sign
        drop = 0.06 * float(np.hypot(*(ends[1] - ends[0])))
        outer, inner = self._sleeve.outer[-1], self._sleeve.inner[-1]
        up = (self._sleeve.outer[0] + self._sleeve.inner[0]) / 2 - (outer + inner) / 2
        across = unit(inner - outer)
        seam = unit(up - across * (up @ across)) * self._mesh.step  # a cuff's band keeps its width
        for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            source, target = outer + (inner - outer) * share, section.centre + ends[0] * (1 - share) + ends[1] * share
            target = target + along * drop * (1 - (2 * share - 1) ** 2)
            self._pull(source, target, 1.2)
            self._pull(source + seam, target - along * self._mesh.step * self._scale.down, 1.2)

    def _flare(self, section: ArmSection, most: float) -> float:
        """How far outside the bone the cuff is."""
        close, half = section.outer * 1.05, self._sleeve.cuff_width / 2 * self._scale.across
        return float(np.clip(half * 0.9, close, max(close, section.radius * most)))

    def _inner_flare(self, section: ArmSection) -> float:
        """How far inside the bone a short sleeve's cuff is."""
        half = self._sleeve.cuff_width / 2 * self._scale.across
        return float(np.clip(half * 0.8, section.depth * 1.08, section.depth * 1.3))

    def _outside(self, target: Vector, outward: Vector, reach: float) -> Vector:
        """The target moved out of the body, by `reach` body units at most: a sleeve covers the arm that wears it."""
        inside = self._body.arms[self._index].inside
        for distance in np.arange(0, reach * self._body.skeleton.unit, 2.0):
            x, y = np.round(target + outward * distance).astype(int)
            if not (0 <= x < inside.shape[1] and 0 <= y < inside.shape[0]) or not inside[y, x]:
                return target + outward * (distance + 2)
        return target

    def _inner(self, arm: Arm, reach: float, armpit: Vector, short: bool, whole: bool) -> None:
        measure = arm.measure
        start = self._armpit_along(arm, armpit)
        count = max(3, int(self._sleeve.outer_length / self._mesh.step) - 2) if whole else 2
        for source, share in zip(resampled(self._sleeve.inner, count)[1:], np.linspace(0, 1, count)[1:], strict=True):
            at = start + share * (reach - start) if whole else reach
            section = arm.section(max(at, 0.1 * measure))
            if short:
                depth = self._inner_flare(section)
            else:
                depth = max(min(section.inner * 1.05, section.radius * 1.9), section.radius * 1.02)
            target = section.centre - section.outward * depth
            if whole:
                grown = min(1.0, 1.5 * share)
                target = target * grown + (armpit + (target - armpit) * share) * (1 - grown)
            self._pull(source, target)
