"""Jackets, cardigans and shirts that are worn open: what lies between their two fronts is not theirs."""

import numpy as np

from services.tryon.engines.local.arrays import Mask, Vector
from services.tryon.engines.local.neckline import Neckline

_WIDEST = 0.5  # of the garment's width in the middle; what is wider is no opening of a front
_LEAST_HEIGHT = 0.5  # of the garment


def front_neckline(front: Mask, left: Vector, right: Vector) -> Neckline:
    """The line from collar to collar by way of the upper end of the gap: what is above shows the garment's back."""
    row = int(np.flatnonzero(front.any(axis=1))[0])
    columns = np.flatnonzero(front[min(row + 2, front.shape[0] - 1)])
    corners = [np.array([float(columns[end]), float(row)]) for end in (0, -1)]
    return Neckline(np.stack([left, *corners, right]), "edge")


def open_front(mask: Mask, axis: float) -> Mask:
    """The gap between the two fronts of an outline that is split from its hem upwards; empty if there is none.

    Trousers are split the same way: only who finds sleeves on the closed outline knows that it is a front.
    """
    front = np.zeros(mask.shape, np.bool_)
    rows = np.flatnonzero(mask.any(axis=1))
    middle = int(np.clip(round(axis), 0, mask.shape[1] - 1))
    widest = _WIDEST * float(np.ptp(np.flatnonzero(mask[rows[len(rows) // 2]])))
    split = 0
    for row in rows:
        left, right = np.flatnonzero(mask[row, :middle]), np.flatnonzero(mask[row, middle:])
        if mask[row, middle] or len(left) == 0 or len(right) == 0:
            continue
        start, end = int(left[-1]) + 1, middle + int(right[0])
        if end - start < widest:
            front[row, start:end] = True
            split += 1
    low = rows[int(0.9 * len(rows))]
    if split < _LEAST_HEIGHT * len(rows) or not front[low].any():
        front[:] = False
    return front
