"""Where each point of a garment goes on a body, and the maps that draw it there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Mask, Plane, Points, Vector, dilate, largest_component, opened
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.handles import TORSO, SleeveHandles, SleevePlan, TorsoHandles, scale_of
from services.tryon.engines.local.landmarks import GarmentSide
from services.tryon.engines.local.mesh import Mesh, backward_map, build_mesh
from services.tryon.engines.local.shapes import length, unit


@dataclass(frozen=True)
class SidePlan:
    """The targets of one side of the garment."""

    collar: Vector
    shoulder: Vector
    armpit: Vector
    edge: Points  # the torso's side from armpit to hem
    sleeve_share: float  # how much of the arm the sleeve covers, 0 without a sleeve
    glued: bool  # the sleeve is sewn on down to the armpit; else it hangs from the shoulder


@dataclass(frozen=True)
class Part:
    """One piece of cloth with its map: for each pixel of the person's work frame the garment's x and y, or -1."""

    sign: int  # 0 for the torso, else the sleeve's side
    mask: Mask  # in the garment's work frame
    across: Plane
    down: Plane


@dataclass(frozen=True)
class Fitting:
    """A garment fitted to a body."""

    parts: tuple[Part, ...]  # the torso first
    plans: tuple[SidePlan, SidePlan]
    hem: float  # row where it ends
    hem_of_its_own: float  # where it would end had it not been brought to the old hem

    def edge(self, index: int, row: float) -> float:
        """x of the garment's left (0) or right (1) side in a row."""
        return float(self.edges(index, np.array([row]))[0])

    def edges(self, index: int, rows: Vector) -> Vector:
        """x of the garment's left (0) or right (1) side in each of many rows."""
        line = self.plans[index].edge
        return np.interp(rows, line[:, 1], line[:, 0])


_OVERLAP = 0.05  # by the body's unit: as far does the sleeve of a worn garment run on over its trunk


def split(garment: Garment) -> list[tuple[int, Mask]]:
    """Torso and sleeves; a sleeve is what lies outside the armhole's line and the torso's side."""
    rows, columns = np.mgrid[0 : garment.mask.shape[0], 0 : garment.mask.shape[1]]
    torso, sleeves = garment.mask.copy(), []
    for side in garment.landmarks.sides:
        if side.sleeve is None:
            continue
        beyond_armhole = _outside(rows, columns, side.shoulder, side.armpit, side.sign) > 0
        beyond_side = _outside(rows, columns, side.armpit, side.hem, side.sign) > 2
        piece = garment.mask & beyond_armhole & ((rows <= side.armpit[1]) | beyond_side)
        # What is further away than the cuff is the torso's side, even where that bulges as a wearer's does.
        far = np.hypot(columns - side.shoulder[0], rows - side.shoulder[1])
        piece &= far < 1.2 * max(side.sleeve.outer_length, length(side.sleeve.inner[-1] - side.shoulder))
        # A thin strip along the torso's side, where that bulges, is no part of the sleeve.
        piece &= dilate(largest_component(opened(piece, 5)), 5)
        torso &= ~piece
        if garment.worn_by is not None:  # turned down its arm it would leave a gap to the trunk
            piece = garment.mask & dilate(piece, _OVERLAP * garment.worn_by.skeleton.unit)
        sleeves.append((side.sign, piece))
    return [(0, largest_component(torso)), *sleeves]


def _outside(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], start: Vector, end: Vector, sign: int
) -> npt.NDArray[np.float64]:
    """How far outside a line each pixel is; `sign` says which side that is."""
    along = unit(end - start)
    normal = np.array([along[1], -along[0]])
    normal = normal if normal[0] * sign > 0 else -normal
    distance: npt.NDArray[np.float64] = (columns - start[0]) * normal[0] + (rows - start[1]) * normal[1]
    return distance


def seam_of(mesh: Mesh, part: int, side: GarmentSide, share: float) -> list[tuple[int, int]]:
    """Pairs of vertices of torso and sleeve along the armhole, from the shoulder down to `share` of it."""
    start, along = side.shoulder, side.armpit - side.shoulder
    pairs = []
    for (row, column), number in mesh.numbers[part].items():
        other = mesh.numbers[TORSO].get((row, column))
        if other is None:
            continue
        place = np.array([column * mesh.step, row * mesh.step], np.float64)
        at = float(np.clip((place - start) @ along / (along @ along), 0, 1))
        near = length(place - (start + at * along)) < 1.6 * mesh.step
        if near and at < share and place[1] < side.armpit[1] + 0.5 * mesh.step:
            pairs.append((number, other))
    return pairs


def fit(garment: Garment, body: Body) -> Fitting:
    """Bend the garment onto the body."""
    marks, scale = garment.landmarks, scale_of(garment, body)
    pieces = split(garment)
    mesh = build_mesh([mask for _, mask in pieces])
    torso = TorsoHandles(garment, body, scale, mesh, pieces[TORSO][1])
    tops = [torso.shoulder(index) for index in (0, 1)]
    top = float(tops[0][0][1] + tops[1][0][1]) / 2
    hem, own_hem = torso.hem_rows(top)
    edges = [torso.edge(index, torso.armpit_row(index, tops[index][1]), hem) for index in (0, 1)]
    for index in (0, 1):
        torso.armhole(index, tops[index][1], edges[index][0])
    torso.hem(edges)
    torso.spine(top, float(edges[0][0][1] + edges[1][0][1]) / 2, hem)
    sleeves: dict[int, SleevePlan] = {}
    glue: list[tuple[int, int]] = []
    for part, (sign, _) in enumerate(pieces):
        side = marks.sides[0 if sign < 0 else 1]
        if sign == 0 or side.sleeve is None:
            continue
        index = 0 if sign < 0 else 1
        planner = SleeveHandles(garment, body, scale, mesh, part, side, side.sleeve)
        sleeves[sign] = planner.place(tops[index][1], edges[index][0], garment.worn_by is not None)
        glue += seam_of(mesh, part, side, 1.01 if sleeves[sign].glued else 0.75)
    places = mesh.bend(scale.both, glue)
    parts = []
    for number, (sign, mask) in enumerate(pieces):
        across, down = backward_map(mesh, places, number, body.skeleton.size)
        parts.append(Part(sign, mask, across, down))
    plans = [plan_of(tops[index], edges[index], sleeves.get(marks.sides[index].sign)) for index in (0, 1)]
    return Fitting(tuple(parts), (plans[0], plans[1]), hem, own_hem)


def plan_of(top: tuple[Vector, Vector], edge: Points, sleeve: SleevePlan | None) -> SidePlan:
    """One side's targets in one place."""
    collar, shoulder = top
    share, glued = (sleeve.share, sleeve.glued) if sleeve else (0.0, False)
    return SidePlan(collar, shoulder, edge[0], edge, share, glued)
