"""Bending trousers, shorts and skirts onto hips and legs."""

from dataclasses import dataclass, replace

import numpy as np

from services.tryon.engines.local.arrays import Mask, Points, Vector
from services.tryon.engines.local.legs import NATURAL_WAIST, LowerBody
from services.tryon.engines.local.lower_garment import LowerGarment
from services.tryon.engines.local.lower_handles import (
    STEPS,
    LowerHandles,
    LowerScale,
    TrouserHandles,
    hip_row,
    outer_x,
    skirt_x,
)
from services.tryon.engines.local.mesh import Mesh, backward_map, build_mesh
from services.tryon.engines.local.warp import Part

_EASE = 1.04  # cloth lies a little outside the body


@dataclass(frozen=True)
class LowerFitting:
    """Trousers or a skirt fitted to a lower body."""

    parts: tuple[Part, ...]  # the skirt, or left and right leg
    edges: tuple[Points, Points]  # the outer outline left and right, from the waist down
    inner: tuple[Points, Points] | None  # of trousers: from the crotch down
    waist: float  # row of the waistband's upper edge
    ends: tuple[float, float]  # distance along each leg's bones at which it is bare


def _scale_of(garment: LowerGarment, lower: LowerBody) -> LowerScale:
    """Frame pixels per garment pixel: across by the hips, down by the rise, which every pair of trousers has alike."""
    marks = garment.landmarks
    if garment.worn_by is not None:
        ratio = lower.skeleton.unit / garment.worn_by.skeleton.unit
        return LowerScale(ratio, ratio)
    row = hip_row(lower)
    hips = (lower.side(1, row) - lower.side(0, row)) * _EASE
    across = hips / max(8.0, garment.hip_width)
    if marks.crotch is None:
        waist = (lower.body.side(1, lower.waist) - lower.body.side(0, lower.waist)) * _EASE
        across = min(across, waist / max(8.0, marks.waist_width)) if marks.waist_width < garment.hip_width else across
        return LowerScale(across, across * 1.12)
    rise = max(8.0, float(marks.crotch[1]) - marks.top)
    natural = lower.crotch - lower.row(NATURAL_WAIST)
    return LowerScale(across, float(np.clip(natural / rise, across, 1.5 * across)))


def centre_seam(mesh: Mesh, garment: LowerGarment, first_part: int = 0) -> list[tuple[int, int]]:
    """Pairs of vertices of both halves along the seam from waist to crotch."""
    marks = garment.landmarks
    assert marks.crotch is not None  # noqa: S101
    start, end = (marks.waist[0] + marks.waist[1]) / 2, marks.crotch
    pairs = []
    for (row, column), number in mesh.numbers[first_part].items():
        other = mesh.numbers[first_part + 1].get((row, column))
        y = row * mesh.step
        if other is None or y > end[1] + 0.2 * mesh.step:
            continue
        line = start[0] + (end[0] - start[0]) * np.clip((y - start[1]) / max(1.0, end[1] - start[1]), 0, 1)
        if abs(column * mesh.step - line) < 1.6 * mesh.step:
            pairs.append((number, other))
    return pairs


def reaches_far_enough(garment: LowerGarment, lower: LowerBody) -> bool:
    """Whether a picture that cuts a garment off shows as much of it as can be seen of the body."""
    if not garment.cut_off:
        return True
    marks, scale = garment.landmarks, _scale_of(garment, lower)
    needed = min(float(lower.skeleton.size[1]), max(float(leg.line[2][1]) for leg in lower.legs))
    return lower.waist + (marks.bottom - marks.top) * scale.down > needed - 0.35 * lower.skeleton.unit


def fit_lower(garment: LowerGarment, lower: LowerBody) -> LowerFitting:
    """Bend trousers, shorts or a skirt onto the body."""
    return _fit_skirt(garment, lower) if garment.landmarks.halves is None else _fit_trousers(garment, lower)


def _waist_targets(handles: LowerHandles) -> tuple[Vector, Vector]:
    lower, width = handles.lower, handles.marks.waist_width / 2
    xs = [handles.hip_x(index, lower.waist, width) for index in (0, 1)]
    xs = [handles.hip_x(index, lower.waist_at(x), width) for index, x in enumerate(xs)]
    # The edge of what somebody wore was found a little inside of it.
    wearer = handles.garment.worn_by
    lift = (0.0 if wearer is None else 0.025 if wearer.tucked else 0.08) * lower.skeleton.unit
    corners = [np.array([x, lower.waist_at(x) - lift]) for x in xs]
    return corners[0], corners[1]


def _parts(mesh: Mesh, places: Points, masks: list[Mask], lower: LowerBody) -> tuple[Part, ...]:
    return tuple(
        Part(0 if len(masks) == 1 else 2 * number - 1, mask, *backward_map(mesh, places, number, lower.skeleton.size))
        for number, mask in enumerate(masks)
    )


def _fit_trousers(garment: LowerGarment, lower: LowerBody) -> LowerFitting:
    marks, scale = garment.landmarks, _scale_of(garment, lower)
    assert marks.halves is not None  # noqa: S101
    assert marks.crotch is not None  # noqa: S101
    if garment.worn_by is not None:  # they hang below the crotch as they did on whoever wore them
        lower = replace(lower, crotch=lower.crotch + (float(marks.crotch[1]) - garment.worn_by.crotch) * scale.down)
    mesh = build_mesh(list(marks.halves))
    handles = TrouserHandles(garment, lower, mesh, scale)
    handles.waistband(*_waist_targets(handles))
    (left, left_inner, left_end), (right, right_inner, right_end) = (handles.place(index) for index in (0, 1))
    places = mesh.bend(np.array([scale.across, scale.down]), centre_seam(mesh, garment))
    parts = _parts(mesh, places, list(marks.halves), lower)
    return LowerFitting(parts, (left, right), (left_inner, right_inner), lower.waist, (left_end, right_end))


def _fit_skirt(garment: LowerGarment, lower: LowerBody) -> LowerFitting:
    marks, scale = garment.landmarks, _scale_of(garment, lower)
    mesh = build_mesh([garment.mask])
    handles = LowerHandles(garment, lower, mesh, scale)
    handles.waistband(*_waist_targets(handles))
    length = _skirt_length(garment, lower, scale)
    edges: list[list[Vector]] = [[], []]
    for share in np.linspace(0.03, 1.0, STEPS):
        target_row = lower.waist + share * length
        for index, sign in ((0, -1), (1, 1)):
            corner = marks.hems[index][0]
            row = marks.top + share * (float(corner[1]) - marks.top)
            edge = float(corner[0]) if share == 1 else outer_x(garment.mask, row, sign)
            if edge is None or (edge - marks.axis) * sign < 0.25 * marks.waist_width:  # above the lower corner
                continue
            x = skirt_x(handles, index, target_row, abs(edge - marks.axis))
            target = handles.tilted(np.array([x, target_row]))
            mesh.pull(0, np.array([edge, row]), target, 0.6)
            edges[index].append(target)
    _skirt_hem(garment, mesh, edges[0][-1], edges[1][-1], scale)
    for share in (0.25, 0.5, 0.75):
        row = lower.waist + share * length
        mesh.pull(
            0,
            np.array([marks.axis, marks.top + share * (marks.bottom - marks.top)]),
            np.array([lower.middle(row), row]),
            0.25,
        )
    places = mesh.bend(np.array([scale.across, scale.down]), [])
    parts = _parts(mesh, places, [garment.mask], lower)
    ends = [leg.distance_at(lower.waist + length) for leg in lower.legs]
    return LowerFitting(parts, (np.stack(edges[0]), np.stack(edges[1])), None, lower.waist, (ends[0], ends[1]))


def _skirt_hem(garment: LowerGarment, mesh: Mesh, left: Vector, right: Vector, scale: LowerScale) -> None:
    """Keep the hem between its corners with its own curve, lower in front as it is seen from above."""
    first, last = (corners[0] for corners in garment.landmarks.hems)
    wide = float(right[0] - left[0])
    for share in np.linspace(0.08, 0.92, 12):
        source = first + (last - first) * share
        column = np.flatnonzero(garment.mask[:, int(np.clip(source[0], 0, garment.mask.shape[1] - 1))])
        if len(column) == 0:
            continue
        own = float(np.clip((column[-1] - source[1]) * scale.down, -0.1 * wide, 0.1 * wide))
        sag = max(own, 0.04 * wide * (1 - (2 * share - 1) ** 2))
        mesh.pull(
            0, np.array([source[0], float(column[-1])]), left + (right - left) * share + np.array([0.0, sag]), 0.4
        )


def _skirt_length(garment: LowerGarment, lower: LowerBody, scale: LowerScale) -> float:
    """Its own length; that of the garment it replaces when both are nearly alike."""
    marks = garment.landmarks
    own = (marks.bottom - marks.top) * scale.down
    if garment.cut_off:
        return max(own, lower.skeleton.size[1] - lower.waist)
    ends = [lower.old_reach(index) for index in (0, 1)]
    old = [
        float(leg.line[0][1] + end) - lower.waist for leg, end in zip(lower.legs, ends, strict=True) if end is not None
    ]
    ankle = max(float(leg.line[2][1]) for leg in lower.legs) - lower.waist
    if old and max(old) < 0.85 * ankle and abs(own - max(old)) < 0.15 * own:
        return max(old) + 0.02 * lower.skeleton.unit
    return min(own, 1.02 * ankle)
