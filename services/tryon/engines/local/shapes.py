"""Plane geometry: directions, polylines, filled shapes."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Mask, Points, Size, Vector


def length(vector: Vector) -> float:
    """Euclidean length."""
    return float(np.hypot(vector[0], vector[1]))


def unit(vector: Vector) -> Vector:
    """The direction of a vector; of a null vector a null vector."""
    direction: Vector = vector / (length(vector) + 1e-9)
    return direction


def arc_lengths(line: Points) -> Vector:
    """Distance along a polyline from its first point to each of its points."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def point_at(line: Points, distance: float) -> Vector:
    """The point at a distance along a polyline; beyond its end on the last segment's extension."""
    arcs = arc_lengths(line)
    if distance > arcs[-1]:
        beyond: Vector = line[-1] + unit(line[-1] - line[-2]) * (distance - arcs[-1])
        return beyond
    return np.array([np.interp(distance, arcs, line[:, 0]), np.interp(distance, arcs, line[:, 1])])


def direction_at(line: Points, distance: float, window: float) -> Vector:
    """The direction of a polyline, averaged over a window so that a joint bends instead of breaking."""
    ahead, behind = point_at(line, distance + window / 2), point_at(line, max(0.0, distance - window / 2))
    return unit(ahead - behind)


def resampled(line: Points, count: int) -> Points:
    """A polyline as `count` points at equal distances."""
    arcs = arc_lengths(line)
    marks = np.linspace(0.0, arcs[-1], count)
    return np.stack([np.interp(marks, arcs, line[:, 0]), np.interp(marks, arcs, line[:, 1])], axis=1)


def nearest_index(line: Points, point: Vector) -> int:
    """Index of the polyline's point nearest to a point."""
    return int(((line - point) ** 2).sum(axis=1).argmin())


def polygon(size: Size, corners: Points | Sequence[Vector]) -> Mask:
    """A filled polygon."""
    canvas = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(canvas, [np.round(np.asarray(corners)).astype(np.int32)], 1)
    return canvas > 0


def capsule(size: Size, start: Vector, end: Vector, radius: float, end_radius: float | None = None) -> Mask:
    """A limb: two discs and what lies between them."""
    last = radius if end_radius is None else end_radius
    across = np.array([-1.0, 1.0]) * unit(end - start)[::-1]
    corners = [start + across * radius, end + across * last, end - across * last, start - across * radius]
    canvas = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1)
    for centre, size_here in ((start, radius), (end, last)):
        cv2.circle(canvas, _pixel(centre), max(1, round(size_here)), 1, -1)
    return canvas > 0


def disc(size: Size, centre: Vector, radius: float) -> Mask:
    """A filled circle."""
    canvas = np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(canvas, _pixel(centre), max(1, round(radius)), 1, -1)
    return canvas > 0


def runs(row: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each unbroken run of true values."""
    edges = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))


def run_at(row: npt.NDArray[np.bool_], x: float) -> tuple[int, int] | None:
    """The run that holds x, or else the nearest one; none in an empty row."""
    found = runs(row)
    if not found:
        return None
    return min(found, key=lambda run: 0.0 if run[0] <= x <= run[1] else min(abs(run[0] - x), abs(run[1] - x)))


def _pixel(point: Vector) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
