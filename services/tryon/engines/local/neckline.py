"""Where the front of a garment's neck opening runs."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Indices,
    Mask,
    Plane,
    Points,
    Vector,
    blur,
    components,
    erode,
    lab_of,
    opened,
    sample,
)

_ANGLES = np.linspace(0, np.pi, 61)
_DEPTHS = np.arange(0.10, 1.35, 0.025)  # of half the collar's width
_FIRST, _LAST = 4, len(_ANGLES) - 5  # the outermost rays run along the shoulder seam
_FULL_CONTRAST = 36.0  # Lab distance that counts as a certain edge
_LABEL_CONTRASTS = (12, 24, 40)  # Lab distances
_BEND = 0.13  # cost of one depth step from ray to ray


@dataclass(frozen=True)
class Neckline:
    """A polyline from the left collar point to the right one.

    `kind` says where it comes from: the silhouette dips there, an edge was found inside it, or a usual scoop.
    """

    points: Points
    kind: Literal["outline", "edge", "default"]


def _contrast(lab: Colours, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], step: Vector) -> Plane:
    """Edge strength 0..1 across positions, in a direction."""
    difference = sample(lab, x + step[0], y + step[1]) - sample(lab, x - step[0], y - step[1])
    size = np.linalg.norm(difference * np.array([1, 1.3, 1.3], np.float32), axis=2)
    result: Plane = (np.minimum(size, _FULL_CONTRAST) / _FULL_CONTRAST).astype(np.float32)
    return result


def _strengthened(edges: Plane, inside: Mask) -> Plane:
    """Edge strengths by the strongest inside: a dark garment's collar is told by a tenth of a white one's contrast."""
    strongest = float(np.percentile(edges[inside], 97)) if inside.sum() > 50 else 1.0
    result: Plane = np.minimum(edges / np.clip(strongest, 0.2, 1.0), 1.0).astype(np.float32)
    return result


def _cheapest_path(cost: Plane) -> tuple[Indices, float]:
    """The depth index of each ray with the least cost plus bending (dynamic programming), and its mean score."""
    depths = np.arange(len(cost))
    bending = np.abs(depths[:, None] - depths[None]) * _BEND
    total, back = cost[:, _FIRST].copy(), np.zeros(cost.shape, np.intp)
    for ray in range(_FIRST + 1, _LAST + 1):
        reach = total[None, :] + bending
        back[:, ray] = reach.argmin(axis=1)
        total = reach.min(axis=1) + cost[:, ray]
    path = [int(total.argmin())]
    for ray in range(_LAST, _FIRST, -1):
        path.append(int(back[path[-1], ray]))
    return np.array(path[::-1]), 1 - float(total.min()) / (_LAST - _FIRST + 1)


def _below_collar_band(cost: Plane, path: Indices) -> Indices:
    """The path, or the lower edge of the ribbed band that it is the upper edge of."""
    lower = cost.copy()
    whole = np.concatenate([[path[0]] * _FIRST, path, [path[-1]] * (len(_ANGLES) - 1 - _LAST)])
    lower[np.arange(len(cost))[:, None] >= whole[None] - 3] = 1.6
    higher, score = _cheapest_path(lower)
    near = float(np.mean(path - higher)) * 0.025 < 0.42
    return higher if score > 0.45 and near else path


def _is_shaded(
    lab: Colours, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], high: Indices, low: Indices
) -> bool:
    """Whether what is between two paths is the cloth below them in shade: the inside of the back, not a collar."""
    colours, depths = sample(lab, x, y), np.arange(len(x))[:, None]
    rays = slice(_FIRST, _LAST + 1)
    band = colours[:, rays][(depths > high[None] + 1) & (depths < low[None] - 1)]
    below = colours[:, rays][(depths > low[None] + 1) & (depths < low[None] + 7)]
    if len(band) < 20 or len(below) < 20:
        return False
    dark, cloth = np.median(band, axis=0) - [0, 128, 128], np.median(below, axis=0) - [0, 128, 128]
    share = float(dark[0] / max(1.0, float(cloth[0])))
    strength = float(np.linalg.norm(dark[1:]) * np.linalg.norm(cloth[1:]))
    alike = float(dark[1:] @ cloth[1:]) > 0.93 * strength > 150 or np.linalg.norm(dark[1:] - share * cloth[1:]) < 10
    return bool(share < 0.9 and alike)


def _vee(lab: Colours, left: Vector, right: Vector, deepest: float) -> tuple[Points, float]:
    """The best V with slightly hollow sides, and its edge strength 0..1."""
    centre, half = (left + right) / 2, float(right[0] - left[0]) / 2
    along = np.linspace(0, 1, 30)
    depths = np.arange(0.9, min(2.8, deepest / max(half, 1)), 0.05)
    if len(depths) == 0:
        return np.stack([left, right]), 0.0
    depth, hollow = (axis.ravel()[:, None] for axis in np.meshgrid(depths, (0.0, 0.12, 0.25), indexing="ij"))
    down = centre[1] + depth * half * (along + hollow * along * (1 - along))
    across = np.stack([depth, np.ones_like(depth)]) / np.hypot(depth, 1) * max(2.0, half * 0.04)
    strengths = []
    for sign in (-1, 1):
        x = np.broadcast_to(centre[0] + sign * half * (1 - along), down.shape)
        strengths.append(_contrast(lab, x, down, across * np.array([1, sign])[:, None, None])[:, 3:])
    scores = 0.6 * np.min([one.mean(axis=1) for one in strengths], axis=0)
    scores += 0.4 * np.min([np.percentile(one, 25, axis=1) for one in strengths], axis=0)
    best = int(scores.argmax())
    sides = [np.stack([centre[0] + sign * half * (1 - along), down[best]], axis=1) for sign in (-1, 1)]
    return np.concatenate([sides[0], sides[1][::-1]]), float(scores[best])


def _to_peak(mask: Mask, collar: Vector, width: float, inward: int) -> Vector:
    """The outline's highest point near a collar point: there the front's edge meets the back's."""
    first, last = sorted((collar[0] - inward * 0.16 * width, collar[0] + inward * 0.12 * width))
    columns = np.arange(max(0, int(first)), min(mask.shape[1], int(last) + 1))
    columns = columns[mask[:, columns].any(axis=0)]
    if len(columns) == 0:
        return collar
    tops = mask[:, columns].argmax(axis=0)
    highest = columns[tops <= tops.min() + 0.5]
    return np.array([float(highest[0] if inward > 0 else highest[-1]), float(tops.min())])


def _label_bottom(lab: Colours, mask: Mask, left: Vector, right: Vector) -> float | None:
    """The lowest row of a label sewn into the back of the neck: the front's edge is below it. None without one.

    A label is a small patch near the axis, unlike the cloth on both sides of it.
    """
    half, middle = float(right[0] - left[0]) / 2, (left + right) / 2
    columns = np.arange(int(middle[0] - 0.8 * half), int(middle[0] + 0.8 * half) + 1)
    rows = np.arange(int(middle[1]), int(middle[1] + 1.1 * half))
    outside = columns[0] < 0 or columns[-1] >= mask.shape[1] or len(rows) == 0 or rows[-1] >= mask.shape[0]
    if half < 6 or outside:
        return None
    box, inside = lab[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], mask[np.ix_(rows, columns)]
    aside = np.abs(columns - middle[0]) > 0.5 * half
    unlike = np.linalg.norm(box - np.median(box[:, aside], axis=1)[:, None], axis=2) * erode(inside, 1)
    bottoms = [0.0]
    for contrast in _LABEL_CONTRASTS:
        _, stats = components(opened(unlike > contrast, 1))
        for x, y, width, height, area in stats[1:]:
            central = abs(x + width / 2 - len(columns) / 2) < 0.25 * half and 0.3 * half < width < 1.1 * half
            if central and 0.12 * half < height < 0.8 * half and area > 0.55 * width * height and y < 0.7 * half:
                bottoms.append(float(rows[0] + y + height))
    return max(bottoms) or None


def find_neckline(
    image: Image, mask: Mask, left: Vector, right: Vector, armpit_height: float, standing: bool = False
) -> Neckline:
    """The front neckline between two collar points; `armpit_height` is the row of the armpits.

    A `standing` collar goes up around the neck: its front edge is near its upper one.
    """
    width = float(right[0] - left[0])
    columns = np.arange(int(left[0]), int(right[0]) + 1)
    tops = mask[:, columns].argmax(axis=0).astype(np.float64)
    base = left[1] + (right[1] - left[1]) * (columns - left[0]) / max(1.0, width)
    if width < 8 or np.percentile(tops - base, 90) > 0.42 * width / 2:
        return Neckline(np.stack([columns, tops], axis=1).astype(np.float64), "outline")
    lab = blur(lab_of(image), 1.0)
    label = None
    if not standing:
        left, right = _to_peak(mask, left, width, 1), _to_peak(mask, right, width, -1)
        label, width = _label_bottom(lab, mask, left, right), float(right[0] - left[0])
    half, centre = width / 2, (left[0] + right[0]) / 2
    x = np.repeat((centre - np.cos(_ANGLES) * half)[None], len(_DEPTHS), axis=0)
    chord = left[1] + (right[1] - left[1]) * (1 - np.cos(_ANGLES)) / 2
    y = chord[None] + np.sin(_ANGLES)[None] * _DEPTHS[:, None] * half
    step = max(2.0, width * 0.02)
    inside = sample(erode(mask, 3 + step).astype(np.float32), x, y) > 0.5  # the outline's own edge is not looked for
    if label is not None:
        least = (label - centre_height(left, right) + step) / half + 0.04
        inside &= (_DEPTHS[:, None] >= least) | (np.sin(_ANGLES) < 0.4)
    edges = _strengthened(_contrast(lab, x, y, np.array([0.0, step])), inside)
    usual = 0.12 * np.abs(_DEPTHS - 0.75) * (_DEPTHS < 0.75) + 0.10 * np.maximum(_DEPTHS - 1.1, 0)
    cost = (1 - np.where(inside, edges, 0) + usual[:, None]).astype(np.float32)
    if standing:
        cost = np.where(_DEPTHS[:, None] > 0.5, np.float32(1.6), cost)
    if label is not None:
        cost = np.where(_DEPTHS[:, None] < least, np.float32(1.6), cost)
    path, score = _cheapest_path(cost)
    vee, vee_score = _vee(lab, left, right, (armpit_height - centre_height(left, right)) * 1.05)
    if vee_score > max(0.55, score) and not standing:
        return Neckline(vee, "edge")
    if score <= 0.3:
        depth = 0.42 * half if label is None else max(0.42 * half, label - centre_height(left, right) + 0.1 * half)
        return Neckline(np.stack([x[0], chord + np.sin(_ANGLES) * depth], axis=1), "default")
    if score > 0.5 and label is None:
        higher = _below_collar_band(cost, path)
        path = path if _is_shaded(lab, x, y, higher, path) else higher
    even = (_DEPTHS[path] + _DEPTHS[path][::-1]) / 2  # a collar is symmetric; what disturbs the edge is not
    depths = np.convolve(np.pad(even, 3, "edge"), np.ones(7) / 7, "valid")
    rays = slice(_FIRST, _LAST + 1)
    points = np.stack([x[0, rays], chord[rays] + np.sin(_ANGLES[rays]) * depths * half], axis=1)
    return Neckline(np.concatenate([left[None], points, right[None]]), "edge")


def centre_height(left: Vector, right: Vector) -> float:
    """The row midway between two points."""
    return float(left[1] + right[1]) / 2


def neck_opening(neckline: Neckline, size: tuple[int, int], scale: float) -> Plane:
    """What shows through the neck opening, 0..1: the inner back of a garment that lies flat.

    `size` is that of the result, `scale` its pixels per pixel of the neckline.
    """
    opening = np.zeros((size[1], size[0]), np.uint8)
    if neckline.kind != "outline":
        line = neckline.points * scale
        aside = np.array([0.3 * float(line[-1, 0] - line[0, 0]), 0.0])  # ruffles of a collar are wider than it
        right, left = line[-1] + aside, line[0] - aside
        above = np.array([right, [right[0], 0.0], [left[0], 0.0], left])
        cv2.fillPoly(opening, [np.round(np.concatenate([line, above])).astype(np.int32)], 1)
    return blur(opening.astype(np.float32), 1.2)
