"""Bending dresses and jumpsuits onto a body: a top's handles above the waist, a skirt's or trousers' below."""

from dataclasses import dataclass, replace

import numpy as np

from services.tryon.engines.local.arrays import Image, Mask, Points, Vector, largest_component
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.handles import TORSO, Scale, SleeveHandles, SleevePlan, TorsoHandles
from services.tryon.engines.local.kinds import Cut
from services.tryon.engines.local.landmarks import GarmentLandmarks, garment_landmarks
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_fit import centre_seam
from services.tryon.engines.local.lower_garment import LowerGarment, LowerLandmarks, crotch_of, hem_corner, legs_of
from services.tryon.engines.local.lower_handles import LowerHandles, LowerScale, TrouserHandles, hip_row, skirt_x
from services.tryon.engines.local.mesh import Mesh, backward_map, build_mesh
from services.tryon.engines.local.shapes import run_at
from services.tryon.engines.local.warp import Fitting, Part, plan_of, seam_of, split

_WAIST = 0.66  # of the torso: where dresses are narrowest
_UPPER = 1.55  # widths of the upper third: as far down as shoulders and armpits are looked for
_CHEST_EASE = 1.04


@dataclass(frozen=True)
class OnePiece:
    """A dress or a jumpsuit in its work frame."""

    garment: Garment  # its landmarks are those of the upper part, with the real hem
    waist: float  # row of its waist
    waisted: bool  # cut to a waist, which then lies on the body's
    lower: LowerGarment | None  # the legs of a jumpsuit


def upper_part(mask: Mask) -> Mask:
    """The part of an outline in which shoulders and armpits are looked for; all of what is no longer than a top."""
    rows = np.flatnonzero(mask.any(axis=1))
    third = mask[rows[0] : rows[0] + max(3, len(rows) // 3)]
    spans = [float(np.ptp(np.flatnonzero(row))) for row in third if row.any()]  # not sums: straps have air between
    cut = rows[0] + int(_UPPER * float(np.percentile(spans, 80)))
    crotch = crotch_of(mask)
    upper = mask.copy()
    upper[min(cut, int(crotch[1]) if crotch is not None else cut) :] = False
    return largest_component(upper)


def long_landmarks(image: Image, mask: Mask) -> GarmentLandmarks:
    """Landmarks of a dress or a jumpsuit: neck, shoulders and sleeves from its upper part, hems from the whole."""
    upper = upper_part(mask)
    marks = _with_deep_armholes(garment_landmarks(image, upper), upper)
    if upper.any(axis=1).sum() == mask.any(axis=1).sum():
        return marks
    left, right = (replace(side, hem=hem_corner(mask, side.sign)) for side in marks.sides)
    return replace(marks, sides=(left, right))


_LEAST_ARMHOLE, _USUAL_ARMHOLE = 0.3, 0.5  # depth of an armhole by the breadth of the shoulders


def _with_deep_armholes(marks: GarmentLandmarks, mask: Mask) -> GarmentLandmarks:
    """Armpits at the usual depth where a straight side without a corner let them be found at the shoulder."""
    breadth = float(marks.sides[1].shoulder[0] - marks.sides[0].shoulder[0])
    depths = [float(side.armpit[1] - side.shoulder[1]) for side in marks.sides]
    if any(side.sleeve for side in marks.sides) or max(depths) > _LEAST_ARMHOLE * breadth:
        return marks
    sides = []
    for side in marks.sides:
        row = int(np.clip(side.shoulder[1] + _USUAL_ARMHOLE * breadth, 0, mask.shape[0] - 1))
        run = run_at(mask[row], marks.axis)
        x = float(side.armpit[0]) if run is None else float(run[0 if side.sign < 0 else 1])
        sides.append(replace(side, armpit=np.array([x, float(row)])))
    return replace(marks, sides=(sides[0], sides[1]))


def length_by_chest(marks: GarmentLandmarks) -> float:
    """Length in distances of the armpits: 1.7 to 2.4 for tops, 2.9 and more for long dresses."""
    armpits = float(marks.sides[1].armpit[0] - marks.sides[0].armpit[0])
    return (marks.bottom - marks.top) / max(2.0, armpits)


def one_piece_of(garment: Garment, cut: Cut, crotch: Vector | None = None) -> OnePiece:
    """The waist and, of a jumpsuit, the legs of a garment whose upper landmarks are known.

    `crotch` is where a jumpsuit's is known to be; else its outline tells it.
    """
    marks, mask = garment.landmarks, garment.mask
    armpit = float(marks.sides[0].armpit[1] + marks.sides[1].armpit[1]) / 2
    chest = float(marks.sides[1].armpit[0] - marks.sides[0].armpit[0])
    if cut is Cut.JUMPSUIT and crotch is None:
        crotch = crotch_of(mask)
    low = min(armpit + 1.25 * chest, float(crotch[1]) - 4 if crotch is not None else marks.bottom - 4)
    rows = range(int(armpit + 0.2 * chest), max(int(armpit + 0.2 * chest) + 1, int(low)))
    widths = [_width_at(mask, row, marks.axis) for row in rows]
    narrowest = int(np.argmin(widths))
    waisted = widths[narrowest] < 0.93 * chest and 0 < narrowest < len(rows) - 1
    waist = float(rows[narrowest]) if waisted else armpit + 0.55 * chest
    if crotch is None:
        return OnePiece(garment, waist, waisted, None)
    waist = min(waist, float(crotch[1]) - 0.5 * chest)
    return OnePiece(garment, waist, True, _legs(garment, waist, crotch))


def _width_at(mask: Mask, row: int, axis: float) -> float:
    run = run_at(mask[int(np.clip(row, 0, mask.shape[0] - 1))], axis)
    return float(run[1] - run[0] + 1) if run is not None else float(mask.shape[1])


def _legs(garment: Garment, waist: float, crotch: Vector) -> LowerGarment:
    below = garment.mask.copy()
    below[: int(waist)] = False
    run = run_at(below[int(waist) + 1], garment.landmarks.axis) or (0, below.shape[1] - 1)
    corners = (np.array([float(run[0]), waist]), np.array([float(run[1]), waist]))
    halves = legs_of(below, corners, crotch)
    hems = tuple((hem_corner(half, sign), hem_corner(half, -sign)) for half, sign in zip(halves, (-1, 1), strict=True))
    return LowerGarment(below, LowerLandmarks(corners, crotch, hems, halves), garment.cloth, None)


def _waist_row(lower: LowerBody) -> float:
    return lower.row(_WAIST)


def _scale_of(piece: OnePiece, lower: LowerBody) -> Scale:
    """Across by the chest; down by the way from collar to waist when there is a waist."""
    marks, body = piece.garment.landmarks, lower.body
    row = lower.row(0.32)
    chest = (body.side(1, row) - body.side(0, row)) * _CHEST_EASE
    armpits = float(marks.sides[1].armpit[0] - marks.sides[0].armpit[0])
    across = chest / max(4.0, armpits)
    if not piece.waisted:
        return Scale(across, 1.15 * across)
    shoulders = float(body.shoulders[0].at(0.3 * lower.skeleton.shoulder_width)[1])
    down = (_waist_row(lower) - shoulders) / max(4.0, piece.waist - marks.top)
    return Scale(across, float(np.clip(down, 0.9 * across, 1.5 * across)))


class _DressHandles(TorsoHandles):
    """The torso's handles, with the outline going on over hips and thighs."""

    def __init__(self, piece: OnePiece, lower: LowerBody, scale: Scale, mesh: Mesh, torso: Mask) -> None:
        super().__init__(piece.garment, lower.body, scale, mesh, torso)
        self._piece, self._lower = piece, lower
        below = LowerGarment(
            piece.garment.mask,
            LowerLandmarks((np.zeros(2), np.zeros(2)), None, (), None),
            piece.garment.cloth,
            None,
        )
        self._below = LowerHandles(below, lower, mesh, LowerScale(scale.across, scale.down))

    def hem_row(self) -> float:
        """Where the hem comes to lie, from the waist down; at the ankles at the lowest."""
        lower, marks = self._lower, self._marks
        natural = _waist_row(lower) + (marks.bottom - self._source_waist()) * self._scale.down
        ankle = max(float(leg.line[2][1]) for leg in lower.legs)
        return min(natural, ankle + 0.02 * lower.skeleton.unit)

    def _source_waist(self) -> float:
        if self._piece.waisted:
            return self._piece.waist
        armpit = float(self._marks.sides[0].armpit[1] + self._marks.sides[1].armpit[1]) / 2
        return armpit + (_waist_row(self._lower) - self._lower.row(0.32)) / self._scale.down

    def outline(self, index: int, armpit_row: float, hem_row: float, last: float) -> Points:
        """Place one side from armpit to the row `last` of the garment; its targets."""
        side, lower, sign = self._marks.sides[index], self._lower, self._marks.sides[index].sign
        source_rows = np.array([float(side.armpit[1]), self._source_waist(), max(last, self._source_waist() + 1)])
        target_rows = np.array([armpit_row, _waist_row(lower), max(hem_row, _waist_row(lower) + 1)])
        targets = []
        count = max(10, int((last - side.armpit[1]) / self._mesh.step))
        for share in np.linspace(0, 1, count):
            row = float(side.armpit[1] + (last - side.armpit[1]) * share)
            run = run_at(self._torso[int(np.clip(row, 0, self._torso.shape[0] - 1))], self._marks.axis)
            if run is None:
                continue
            x = float(run[0] if sign < 0 else run[1])
            if share == 0:
                x = float(side.armpit[0])
            elif share == 1 and last == side.hem[1]:
                x = float(side.hem[0])
            target_row = float(np.interp(row, source_rows, target_rows))
            target = np.array([self._x(index, target_row, abs(x - self._marks.axis)), target_row])
            self._pull(np.array([x, row]), target, 1.3 if share == 0 else 0.5)
            targets.append(target)
        return np.stack(targets)

    def _x(self, index: int, row: float, own: float) -> float:
        lower, sign = self._lower, -1 if index == 0 else 1
        if row > hip_row(lower):
            return skirt_x(self._below, index, row, own)
        centre = lower.body.centre(row)
        body = abs((lower.side if row > lower.row(0.7) else lower.body.side)(index, row) - centre) * 1.03
        wanted = own * self._scale.across * 0.97
        return centre + sign * float(np.clip(wanted, body, 1.18 * body))


def fit_one_piece(piece: OnePiece, lower: LowerBody) -> tuple[Fitting, tuple[float, float]]:
    """Bend a dress or a jumpsuit onto the body; and how far down the legs it comes, along their bones."""
    garment, scale = piece.garment, _scale_of(piece, lower)
    marks = garment.landmarks
    pieces = split(garment)
    legs: list[Mask] = []
    if piece.lower is not None:
        pieces[TORSO] = (0, _above(pieces[TORSO][1], piece.waist))
        legs = list(piece.lower.landmarks.halves or ())
    mesh = build_mesh([mask for _, mask in pieces] + legs)
    torso = _DressHandles(piece, lower, scale, mesh, pieces[TORSO][1])
    tops = [torso.shoulder(index) for index in (0, 1)]
    armpits = [torso.armpit_row(index, tops[index][1]) for index in (0, 1)]
    last = piece.waist if piece.lower is not None else None
    hem = _waist_row(lower) if piece.lower is not None else torso.hem_row()
    edges = [
        torso.outline(index, armpits[index], hem, float(marks.sides[index].hem[1]) if last is None else last)
        for index in (0, 1)
    ]
    if piece.lower is None:
        torso.hem(edges)
    glue: list[tuple[int, int]] = []
    sleeves: dict[int, SleevePlan] = {}
    for part, (sign, _) in enumerate(pieces):
        index = 0 if sign < 0 else 1
        side = marks.sides[index]
        if sign == 0 or side.sleeve is None:
            continue
        planner = SleeveHandles(garment, lower.body, scale, mesh, part, side, side.sleeve)
        sleeves[sign] = planner.place(tops[index][1], edges[index][0], garment.worn_by is not None)
        glue += seam_of(mesh, part, side, 1.01 if sleeves[sign].glued else 0.75)
    ends = tuple(leg.distance_at(hem) for leg in lower.legs)
    if piece.lower is not None:
        glue += _waist_seam(mesh, len(pieces), piece.waist) + centre_seam(mesh, piece.lower, len(pieces))
        edges, ends = _legs_placed(piece.lower, lower, mesh, scale, len(pieces), edges)
    places = mesh.bend(scale.both, glue)
    parts = [
        Part(sign, mask, *backward_map(mesh, places, number, lower.skeleton.size))
        for number, (sign, mask) in enumerate([*pieces, *((0, leg) for leg in legs)])
    ]
    plans = [plan_of(tops[index], edges[index], sleeves.get(marks.sides[index].sign)) for index in (0, 1)]
    return Fitting(tuple(parts), (plans[0], plans[1]), float(edges[0][-1][1]), hem), (ends[0], ends[1])


def _above(mask: Mask, row: float) -> Mask:
    upper = mask.copy()
    upper[int(row) + 1 :] = False
    return upper


def _waist_seam(mesh: Mesh, first_leg: int, waist: float) -> list[tuple[int, int]]:
    """Pairs of vertices of the upper part and the legs along the waist."""
    pairs = []
    for leg in (first_leg, first_leg + 1):
        for (row, column), number in mesh.numbers[leg].items():
            other = mesh.numbers[TORSO].get((row, column))
            if other is not None and abs(row * mesh.step - waist) < 1.6 * mesh.step:
                pairs.append((number, other))
    return pairs


def _legs_placed(
    legs: LowerGarment, lower: LowerBody, mesh: Mesh, scale: Scale, first_part: int, edges: list[Points]
) -> tuple[list[Points], tuple[float, float]]:
    """Pull the legs of a jumpsuit; the whole outlines and where the legs end."""
    crotch = legs.landmarks.crotch
    rise = float(crotch[1]) - legs.landmarks.top if crotch is not None else 1.0
    down = (lower.crotch - _waist_row(lower)) / max(4.0, rise)
    own = LowerScale(scale.across, float(np.clip(down, scale.across, 1.5 * scale.across)))
    handles = TrouserHandles(
        legs, replace(lower, waist=_waist_row(lower), waist_line=(0.0, 0.0)), mesh, own, first_part
    )
    placed = [handles.place(index) for index in (0, 1)]
    whole = [np.concatenate([edges[index], placed[index][0]]) for index in (0, 1)]
    return whole, (placed[0][2], placed[1][2])
