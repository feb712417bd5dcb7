"""Filters that follow edges or fill holes, and the cut that finds edges."""

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    dilate,
    dot,
    erode,
    floats,
    resize_plane,
    resize_weighted,
    size_of,
)


def _box(plane: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    side = 2 * radius + 1
    return cv2.boxFilter(plane, -1, (side, side), borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)


class GuidedFilter:
    """Makes mattes follow the edges of a colour picture.

    He, Sun, Tang: Guided Image Filtering (2013), with the subsampling of He and Sun: Fast Guided Filter (2015): the
    linear model is fitted on a smaller copy and applied at full size. The inverse of the 3x3 colour covariance is
    written out, because a batched solver takes far longer; it is made once for all mattes of a picture.
    """

    def __init__(self, guide: Image, radius: float, smoothness: float, subsampling: int = 1) -> None:
        """`radius` in pixels of the guide; `smoothness` is the variance (0..1 scale) that counts as no edge."""
        self._full: Colours = guide.astype(np.float32) * np.float32(1 / 255)
        width, height = size_of(guide)
        self._small_size = (max(1, width // subsampling), max(1, height // subsampling))
        self._radius = max(1, round(radius / subsampling))
        self._small = resize_plane(self._full, self._small_size)
        self._mean = _box(self._small, self._radius)
        self._inverse = self._inverse_covariance(smoothness)

    def _inverse_covariance(self, smoothness: float) -> npt.NDArray[np.float32]:
        guide, mean = self._small, self._mean
        pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        products = [_box(guide[..., i] * guide[..., j], self._radius) for i, j in pairs]
        rr, rg, rb, gg, gb, bb = (
            product - mean[..., i] * mean[..., j] + (smoothness if i == j else 0.0)
            for product, (i, j) in zip(products, pairs, strict=True)
        )
        c0, c1, c2 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        c3, c4, c5 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
        determinant = rr * c0 + rg * c1 + rb * c2
        return floats(np.stack([c0, c1, c2, c3, c4, c5]) / determinant)

    def __call__(self, matte: Plane) -> Plane:
        """The matte, 0..1, of the guide's size; the one given may be of any size."""
        matte = resize_plane(matte, self._small_size)
        mean = _box(matte, self._radius)
        covariance = _box(self._small * matte[..., None], self._radius) - self._mean * mean[..., None]
        r, g, b = covariance[..., 0], covariance[..., 1], covariance[..., 2]
        c0, c1, c2, c3, c4, c5 = self._inverse
        slope = np.stack([c0 * r + c1 * g + c2 * b, c1 * r + c3 * g + c4 * b, c2 * r + c4 * g + c5 * b], axis=-1)
        offset = mean - dot(slope, self._mean)
        model = _box(np.dstack([slope, offset]), self._radius)
        model = resize_plane(model, size_of(self._full))
        result: Plane = np.clip(dot(model, self._full) + model[..., 3], 0.0, 1.0)
        return result


def grab_cut(image: Image, sure: Mask, likely: Mask, possible: Mask, rounds: int = 2) -> Mask:
    """The foreground by GrabCut (Rother, Kolmogorov, Blake, 2004): all of `sure`, nothing outside `possible`.

    `likely` says where to begin. Each round is a call of its own, because nothing can end one before it is done.
    """
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    labels = np.where(sure, cv2.GC_FGD, np.where(possible, labels, cv2.GC_BGD)).astype(np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(1)
    for number in range(rounds):
        mode = cv2.GC_EVAL if number else cv2.GC_INIT_WITH_MASK
        cv2.grabCut(image, labels, (0, 0, 1, 1), background, foreground, 1, mode)
    found: Mask = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return found


def filled_in(colours: npt.NDArray[np.float32 | np.uint8], known: npt.NDArray[np.bool_]) -> Colours:
    """What `push_pull` fills in, made at half the size: smooth as it is, nothing is lost but time and memory."""
    width, height = colours.shape[1], colours.shape[0]
    half = (max(1, width // 2), max(1, height // 2))
    weight = known.astype(np.float32)
    small = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    mean = resize_weighted(colours, weight, half) / np.maximum(small, 1e-6)[..., None]
    return resize_plane(push_pull(floats(mean), floats(small)), (width, height))


def continued(colours: Image, solid: Mask, depth: float, where: Mask) -> Image:
    """The colours with those of `where` taken from the nearest pixel that is solid and `depth` pixels inside.

    So bands along an outline stay bands. Straps too thin for it keep their own.
    """
    known = erode(solid, depth)
    known |= solid & ~dilate(known, depth + 1)
    if not known.any():
        return colours
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(nearest.max()) + 1, np.intp)
    places[nearest[known]] = np.flatnonzero(known)
    wanted = where & ~known
    result = colours.copy()
    result[wanted] = colours.reshape(-1, 3)[places[nearest[wanted]]]
    return result


def push_pull(colours: Colours, known: Plane) -> Colours:
    """Fill what is not known with smooth surroundings; known pixels keep their colour.

    `known` is a weight 0..1. Pull averages into a pyramid, push fills from it (Gortler et al.: The Lumigraph, 1996).
    """
    sums, weights = [colours * known[..., None]], [known]
    while min(weights[-1].shape) > 2:
        weight = floats(cv2.pyrDown(weights[-1]))
        gain = np.minimum(
            1 / np.maximum(weight, 1e-6), 4
        )  # four pixels in one: it is known as well as they are together
        sums.append(floats(cv2.pyrDown(sums[-1]) * gain[..., None]))
        weights.append(floats(weight * gain))
    filled = floats(sums[-1] / np.maximum(weights[-1], 1e-6)[..., None])
    for total, weight in zip(sums[-2::-1], weights[-2::-1], strict=True):
        coarse = resize_plane(filled, size_of(weight))
        trust = np.clip(weight, 0.0, 1.0)[..., None]
        filled = floats(total / np.maximum(weight, 1e-6)[..., None])
        filled -= coarse
        filled *= trust
        filled += coarse
    return filled


def mirrored(colours: Image, known: Mask, where: Mask) -> Image:
    """The picture with what is known mirrored at its outline into `where`: a pattern goes on as a pattern."""
    asked = where & ~known
    result = colours.copy()
    if not asked.any() or not known.any():
        return result
    box = _around(asked, 40)  # pixels of what is known around what is asked for
    window = known[box]
    if not window.any():
        return result
    _, labels = cv2.distanceTransformWithLabels(
        (~window).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    inside = np.nonzero(window)
    mirrors = []
    for axis, places in enumerate(inside):
        nearest = np.zeros(int(labels.max()) + 1, np.float32)
        nearest[labels[inside]] = places
        edge = cv2.GaussianBlur(nearest[labels], (0, 0), 2.0)  # else the picture breaks where the outline is rough
        mirrors.append((edge, 2 * edge - np.indices(window.shape, np.float32)[axis]))
    rows, columns = (
        np.clip(np.round(plane), 0, side - 1) for (_, plane), side in zip(mirrors, window.shape, strict=True)
    )
    hit = window[rows.astype(np.intp), columns.astype(np.intp)]
    down, across = (floats(np.where(hit, mirror, edge)) for edge, mirror in mirrors)
    drawn = cv2.remap(
        np.ascontiguousarray(colours[box]), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    result[box][asked[box]] = drawn[asked[box]]
    return result


def _around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The rows and columns of a mask, with a margin."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return slice(top, int(rows[-1]) + margin), slice(left, int(columns[-1]) + margin)
