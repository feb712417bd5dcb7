"""A triangle mesh over a garment, bent as rigidly as handles allow, and the maps to draw it with."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from services.tryon.engines.local.arrays import Indices, Mask, Plane, Points, Size, Vector, dilate

_ROUNDS = 8
_HANDLE_WEIGHT, _GLUE_WEIGHT = 30.0, 200.0
_STRETCH = (0.8, 1.3)  # cloth hides or shows folds: local scale may vary this much at no cost

Quads = npt.NDArray[np.intp]  # (n, 4) vertex numbers, clockwise


@dataclass
class Mesh:
    """Square cells over the masks of a garment's parts; parts share no vertices, so they may overlap when bent."""

    step: int
    vertices: Points
    quads: list[Quads]  # per part
    numbers: list[dict[tuple[int, int], int]]  # per part: (row, column) of the grid to vertex number
    _rows: list[int] = field(default_factory=list)
    _columns: list[int] = field(default_factory=list)
    _shares: list[float] = field(default_factory=list)
    _targets: list[Vector] = field(default_factory=list)
    _weights: list[float] = field(default_factory=list)

    def pull(self, part: int, source: Vector, target: Vector, weight: float = 1.0) -> None:
        """Add a soft handle: the point of the part's cloth that should come to lie on the target."""
        across, down = source[0] / self.step, source[1] / self.step
        column, row = int(np.floor(across)), int(np.floor(down))
        right, low = across - column, down - row
        corners = []
        for dr, dc, share in (
            (0, 0, (1 - right) * (1 - low)),
            (0, 1, right * (1 - low)),
            (1, 0, (1 - right) * low),
            (1, 1, right * low),
        ):
            number = self.numbers[part].get((row + dr, column + dc))
            if number is not None and share > 1e-6:
                corners.append((number, share))
        total = sum(share for _, share in corners)
        if total < 0.2:
            return
        for number, share in corners:
            self._rows.append(len(self._targets))
            self._columns.append(number)
            self._shares.append(share / total)
        self._targets.append(np.asarray(target, np.float64))
        self._weights.append(weight)

    def bend(self, scale: Vector, glue: list[tuple[int, int]]) -> Points:
        """Where the vertices come to lie: as rigid as possible (Sorkine and Alexa, 2007) after a first scaling.

        `glue` are pairs of vertices of two parts that are sewn together.
        """
        rest = self.vertices * scale
        edges = _edges(np.concatenate(self.quads))
        first, second = edges[:, 0], edges[:, 1]
        count = len(rest)
        system = _laplacian(edges, count, 1.0) + sparse.eye_array(count) * 1e-6
        pulls = sparse.coo_array((self._shares, (self._rows, self._columns)), (len(self._targets), count)).tocsr()
        weights = np.array(self._weights) * _HANDLE_WEIGHT
        system = system + pulls.T @ sparse.diags_array(weights) @ pulls
        if glue:
            system = system + _laplacian(np.array(glue), count, _GLUE_WEIGHT)
        solver = splu(sparse.csc_array(system))
        pulled = pulls.T @ (weights[:, None] * np.array(self._targets))
        spans = rest[first] - rest[second]
        turns = np.tile([1.0, 0.0], (count, 1))
        places: Points = rest
        for _ in range(_ROUNDS + 1):
            wanted = _turned(spans, (turns[first] + turns[second]) / 2)
            right_side = np.stack([_scatter(first, second, wanted[:, axis], count) for axis in (0, 1)], axis=1)
            places = solver.solve(right_side + pulled)
            turns = _rotations(spans, places[first] - places[second], first, second, count)
        return places


def _edges(quads: Quads) -> Quads:
    pairs = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3))
    edges = np.sort(np.concatenate([quads[:, pair] for pair in pairs]), axis=1)
    return np.unique(edges, axis=0)


def _laplacian(edges: Quads, count: int, weight: float) -> sparse.csr_array:
    first, second = edges[:, 0], edges[:, 1]
    values = np.repeat([weight, weight, -weight, -weight], len(edges))
    rows = np.concatenate([first, second, first, second])
    columns = np.concatenate([first, second, second, first])
    return sparse.coo_array((values, (rows, columns)), (count, count)).tocsr()


def _scatter(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], values: Vector, count: int) -> Vector:
    """Sum edge values at the vertices, with opposite signs at the two ends."""
    return np.subtract(np.bincount(first, values, count), np.bincount(second, values, count), dtype=np.float64)


def _turned(spans: Points, turns: Points) -> Points:
    """Vectors turned and scaled like complex numbers."""
    cosine, sine = turns[:, 0], turns[:, 1]
    x, y = spans[:, 0], spans[:, 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)


def _rotations(
    before: Points, after: Points, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], count: int
) -> Points:
    """The best turn (with a bounded scale) around each vertex, as complex numbers: closed form in the plane."""

    def around(values: Vector) -> Vector:
        return np.add(np.bincount(first, values, count), np.bincount(second, values, count), dtype=np.float64)

    cosine = around((before * after).sum(axis=1))
    sine = around(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
    size = np.hypot(cosine, sine) + 1e-9
    scale = np.clip(size / (around((before**2).sum(axis=1)) + 1e-9), *_STRETCH)
    return np.stack([cosine, sine], axis=1) / size[:, None] * scale[:, None]


def build_mesh(parts: list[Mask], step: int = 12) -> Mesh:
    """Cells of `step` pixels wherever a part's mask or its near surroundings are."""
    vertices: list[tuple[int, int]] = []
    quads: list[Quads] = []
    numbers: list[dict[tuple[int, int], int]] = []
    for part in parts:
        padded = np.pad(dilate(part, 6), ((0, 2 * step), (0, 2 * step)))
        rows, columns = padded.shape[0] // step, padded.shape[1] // step
        filled = padded[: rows * step, : columns * step].reshape(rows, step, columns, step).any(axis=(1, 3))
        index: dict[tuple[int, int], int] = {}
        cells = []
        for row, column in np.argwhere(filled):
            corners = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
            for corner in corners:
                if corner not in index:
                    index[corner] = len(vertices)
                    vertices.append((corner[1] * step, corner[0] * step))
            cells.append([index[corner] for corner in corners])
        quads.append(np.array(cells, np.intp).reshape(-1, 4))
        numbers.append(index)
    return Mesh(step, np.array(vertices, np.float64), quads, numbers)


def backward_map(mesh: Mesh, places: Points, part: int, size: Size) -> tuple[Plane, Plane]:
    """For each pixel of the frame the garment's x and y to draw there; -1 where the part does not reach.

    Each cell is drawn as two triangles with affine maps; those turned over come first, so that none covers what it
    folds behind.
    """
    quads = mesh.quads[part]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    corners = places[triangles]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    order = np.argsort(area >= 0, kind="stable")
    order = order[np.abs(area[order]) > 1e-6]
    corners, first, second, area = corners[order], first[order], second[order], area[order]
    number, x, y = _pixels_of(corners, size)
    # Both coordinates in the triangle, and what is drawn there, are linear in x and y.
    across, down = np.stack([second[:, 1], -second[:, 0]]) / area, np.stack([-first[:, 1], first[:, 0]]) / area
    slopes = np.stack([across, down])  # (2, 2, n): of u and v, in x and y
    starts = -np.einsum("ijn,nj->in", slopes, corners[:, 0])
    u, v = (slopes[i, 0][number] * x + slopes[i, 1][number] * y + starts[i][number] for i in (0, 1))
    hit = (u >= -0.02) & (v >= -0.02) & (u + v <= 1.02)
    number, x, y, u, v = number[hit], x[hit], y[hit], u[hit], v[hit]
    sources = mesh.vertices[triangles[order]]
    maps = np.full((2, size[1], size[0]), -1, np.float32)
    for axis in (0, 1):
        origin, to_first, to_second = sources[:, :, axis].T
        # Where triangles overlap, the last one stays.
        maps[axis, y, x] = origin[number] + u * (to_first - origin)[number] + v * (to_second - origin)[number]
    return maps[0], maps[1]


def _pixels_of(triangles: npt.NDArray[np.float64], size: Size) -> tuple[Indices, Indices, Indices]:
    """All pixels in the boxes around triangles, one triangle after the other: its number, x and y."""
    low = np.maximum(np.floor(triangles.min(axis=1)).astype(np.intp), 0)
    high = np.minimum(np.ceil(triangles.max(axis=1)).astype(np.intp), np.array(size) - 1)
    width, height = np.maximum(high - low + 1, 0).T
    rows = np.repeat(np.arange(len(triangles)), height)  # one for each row of each box
    y = np.arange(len(rows)) - np.repeat(np.cumsum(height) - height, height) + low[rows, 1]
    number = np.repeat(rows, width[rows])
    x = np.arange(len(number)) - np.repeat(np.cumsum(width[rows]) - width[rows] - low[rows, 0], width[rows])
    return number, x, np.repeat(y, width[rows])
