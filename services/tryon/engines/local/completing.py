"""Going on with a cloth where something hid it."""

from collections.abc import Iterator

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Plane,
    dilate,
    distance_inside,
    erode,
    floats,
    resize_image,
    resize_mask,
    size_of,
)

_SEARCH = 2  # times coarser is the best example looked for
_FAR = 150.0  # mean square of the colours' differences that outweighs one patch's side of distance
_FEATHER = 5.0  # pixels over which an example passes into the cloth beside it


def completed(picture: Image, seen: Mask, hidden: Mask, patch: int) -> Image:
    """The picture with cloth where it was hidden, patch by patch from what is seen of the cloth and of its mirror.

    Patches go in from the seen edge, those with most seen around them first, each from where its seen part fits best
    (Criminisi, Perez, Toyama: Region Filling and Object Removal by Exemplar-Based Inpainting, 2004). A garment's other
    half is the best example of a hidden one, so its mirror image is an example too. `patch` is the side in pixels.
    """
    patch -= patch % _SEARCH
    rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero((seen | hidden).any(axis=0))
    if len(rows) == 0 or min(seen.shape) < 3 * patch:
        return picture
    near = 6 * patch  # examples come from this far above and below
    top, bottom = max(0, int(rows[0]) - near), int(rows[-1]) + near
    box = (slice(top, bottom), slice(int(columns[0]), int(columns[-1]) + 1))
    result = picture.copy()
    result[box] = _filled(np.ascontiguousarray(picture[box]), seen[box] & ~hidden[box], hidden[box], patch)
    return result


def _filled(picture: Image, known: Mask, hidden: Mask, patch: int) -> Image:
    result, known, examples = picture.copy(), known.copy(), _Examples(picture, erode(known, 1), patch)
    for top, left in _places(known, hidden, patch):
        window = (slice(top, top + patch), slice(left, left + patch))
        there, missing = known[window], hidden[window] & ~known[window]
        best = examples.closest(result[window], there, missing, top, left)
        if best is not None:
            weight = _weight(there, missing)[..., None]
            result[window] = (result[window] * (1 - weight) + best * weight + 0.5).astype(np.uint8)
            known[window] |= missing
    return result


def _places(known: Mask, hidden: Mask, patch: int) -> Iterator[tuple[int, int]]:
    """The corners of the windows to fill next, most known ones first, until none is left. `known` grows meanwhile."""
    height, width = known.shape
    tried = np.zeros_like(known)
    while True:
        rim = hidden & ~known & ~tried & dilate(known, 1)
        if not rim.any():
            return
        share = np.where(rim, cv2.boxFilter(floats(known), -1, (patch, patch)), -1)
        row, column = np.unravel_index(int(share.argmax()), share.shape)
        tried[row, column] = True
        yield (
            int(np.clip(row - patch // 2, 0, max(0, height - patch))),
            int(np.clip(column - patch // 2, 0, max(0, width - patch))),
        )


class _Examples:
    """Windows of a cloth and of its mirror image."""

    def __init__(self, picture: Image, known: Mask, patch: int) -> None:
        self._patch = patch
        width, height = (side // _SEARCH for side in size_of(picture))
        trimmed = (slice(height * _SEARCH), slice(width * _SEARCH))
        self._sources = []
        for step in (1, -1):
            image, mask = np.ascontiguousarray(picture[trimmed][:, ::step]), known[trimmed][:, ::step]
            small = floats(resize_image(image, (width, height)))
            self._sources.append((image, small, floats(~resize_mask(np.ascontiguousarray(mask), (width, height)))))

    def closest(self, window: Image, there: Mask, missing: Mask, top: int, left: int) -> Image | None:
        """The example that is most like a window where that is known; it is known itself where the window is not."""
        size = (self._patch // _SEARCH, self._patch // _SEARCH)
        weight = cv2.merge([floats(resize_mask(there, size))] * 3)
        wanted = floats(resize_image(np.ascontiguousarray(window), size))
        needed = floats(resize_mask(there | missing, size))
        best: tuple[float, Image, int, int] | None = None
        for image, small, unknown in self._sources:
            if min(unknown.shape) < size[0]:
                continue
            cost = cv2.matchTemplate(small, wanted, cv2.TM_SQDIFF, mask=weight) / max(1.0, float(weight.sum()))
            rows, columns = (np.arange(side, dtype=np.float32) for side in cost.shape)
            away = np.hypot(rows[:, None] - top / _SEARCH, columns[None] - left / _SEARCH) / size[0]
            cost += _FAR * away  # the same place of the other half is the likeliest example, a print far off is none
            cost[cv2.matchTemplate(unknown, needed, cv2.TM_CCORR) > 0.5] = np.inf
            row, column = np.unravel_index(int(cost.argmin()), cost.shape)
            if np.isfinite(cost[row, column]) and (best is None or cost[row, column] < best[0]):
                best = float(cost[row, column]), image, int(row) * _SEARCH, int(column) * _SEARCH
        return None if best is None else self._placed(window, there, *best[1:])

    def _placed(self, window: Image, there: Mask, image: Image, row: int, column: int) -> Image:
        """The example found in the coarse picture, moved by the pixels by which it fits better still."""
        top, left = max(0, row - _SEARCH), max(0, column - _SEARCH)
        near = image[top : row + _SEARCH + self._patch, left : column + _SEARCH + self._patch]
        weight = cv2.merge([floats(there)] * 3)
        cost = cv2.matchTemplate(floats(near), floats(window), cv2.TM_SQDIFF, mask=weight)
        down, across = np.unravel_index(int(cost.argmin()), cost.shape)
        return near[down : down + self._patch, across : across + self._patch]


def _weight(there: Mask, missing: Mask) -> Plane:
    """All of an example where the window was not known, less and less of it over what is known."""
    return floats(np.where(missing, 1, there * np.clip(1 - distance_inside(~missing) / _FEATHER, 0, 1)))
