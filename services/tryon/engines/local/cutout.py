"""Cutting a garment out of a catalogue picture with a plain background."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    blur,
    closed,
    components,
    dilate,
    erode,
    fill_holes,
    floats,
    lab_of,
    largest_channel,
    largest_component,
    norm,
    opened,
    resize_image,
    resize_mask,
    resize_plane,
    size_of,
    soften,
)
from services.tryon.engines.local.contour import settled_matte
from services.tryon.engines.local.filters import continued, filled_in, grab_cut

_CHROMA_WEIGHT = np.array([1.0, 1.6, 1.6], np.float32)  # shadows change lightness more than hue


@dataclass(frozen=True)
class Cutout:
    """A garment's mask and how well it was told from the background."""

    mask: Mask
    symmetry: float  # overlap with its own mirror image, 0..1


@dataclass(frozen=True)
class Cloth:
    """A garment ready to be drawn elsewhere."""

    colours: Image  # bled outwards, so that sampling at the edge brings no background along
    alpha: Plane  # 0..1
    scale: float  # its pixels per pixel of the work frame


def _border(lab: Colours) -> Colours:
    width = max(2, int(0.02 * min(lab.shape[:2])))
    sides = (lab[:width], lab[-width:], lab[:, :width], lab[:, -width:])
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def plain_share(lab: Colours) -> float:
    """Share of the picture's border that has one colour, 0..1."""
    border = _border(lab)
    return float((np.abs(border - np.median(border, axis=0)).max(axis=1) < 12).mean())


def _terms(rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    ones = np.ones_like(rows)
    return np.stack([ones, columns, rows, columns * columns, rows * rows, columns * rows], axis=-1)


def background_distance(lab: Colours) -> Plane:
    """Distance of each pixel from the background, a quadratic surface: studio light falls off smoothly."""
    height, width = lab.shape[:2]
    from_border = norm(floats(lab - np.median(_border(lab), axis=0)) * _CHROMA_WEIGHT)
    soft = blur(lab, 1.0)
    slope = sum(largest_channel(np.abs(cv2.Sobel(soft, cv2.CV_32F, dx, dy))) for dx, dy in ((1, 0), (0, 1)))
    frame = np.ones((height, width), np.bool_)
    rim = int(0.06 * min(height, width))
    frame[rim:-rim, rim:-rim] = False
    flat = np.flatnonzero((from_border < 14) & (slope < 6) & frame)
    if len(flat) < 50:
        return floats(from_border)
    chosen = flat[:: max(1, len(flat) // 4000)]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    terms = _terms(rows / height - 0.5, columns / width - 0.5).reshape(-1, 6)
    known, values = terms[chosen], lab.reshape(-1, 3)[chosen]
    weights = np.ones(len(chosen), np.float32)
    for _ in range(3):  # reweighted, so that a pale garment that touches the frame does not bend it
        fit = np.linalg.lstsq(known * weights[:, None], values * weights[:, None], rcond=None)[0]
        weights = 1 / np.maximum(np.linalg.norm(known @ fit - values, axis=1), 1)
    surface = (terms @ fit.astype(np.float32)).reshape(lab.shape)
    distance: Plane = norm((lab - surface) * _CHROMA_WEIGHT)
    return distance


def _flooded(distance: Plane, threshold: float) -> Mask:
    """What the background does not reach from the borders."""
    background = distance < threshold
    numbers, _ = components(np.pad(background, 1, constant_values=True))
    garment = (numbers != numbers[0, 0])[1:-1, 1:-1]
    return fill_holes(largest_component(opened(garment, max(1, distance.shape[1] // 400))))


def _has_legs(mask: Mask) -> bool:
    """Whether the lower part of a mask is two columns: then what is between them is background."""
    rows = np.flatnonzero(mask.any(axis=1))
    low = mask[int(rows[0] + 0.6 * len(rows)) : int(rows[0] + 0.95 * len(rows))]
    columns = np.flatnonzero(mask.any(axis=0))
    middle = low[:, int(columns[0] + 0.4 * len(columns)) : int(columns[0] + 0.6 * len(columns))]
    split = (~middle).any(axis=1) & (low.sum(axis=1) > 0.2 * len(columns))
    return bool(split.mean() > 0.5)


def _best_flood(distance: Plane) -> tuple[Mask, bool]:
    """The flood that gives the most symmetric mask, and whether the garment is as pale as the background.

    A low threshold keeps white on white together but takes shadows along, so a lower one must be clearly better.
    """
    noise = float(np.median(distance[: int(0.03 * distance.shape[0]) + 2]))
    mask, pale = _flooded(distance, max(3.0, noise * 2.2)), False
    best = symmetry(mask) if _quality(mask) else 0.0
    soft = blur(distance, 1.5)
    for threshold in (2.4, 1.6, 1.0):
        if best > 0.92 or threshold < 1.5 * noise:
            break
        other = closed(_flooded(soft, threshold), 3)
        if _quality(other) and symmetry(other) > best + 0.03 and not _has_legs(mask):
            mask, best, pale = other, symmetry(other), True
    return mask, pale


def _watershed(image: Image, distance: Plane) -> Mask:
    """Watershed (Meyer, 1992) between the border and what is surely garment: finds white on white by its outline."""
    height, width = distance.shape
    smooth = cv2.bilateralFilter(lab_of(image), 7, 12, 4)
    edges = sum(
        weight * np.hypot(*(cv2.Scharr(smooth[..., channel], cv2.CV_32F, dx, dy) for dx, dy in ((1, 0), (0, 1))))
        for channel, weight in enumerate(_CHROMA_WEIGHT.tolist())
    )
    relief = np.clip(edges * 2, 0, 255).astype(np.uint8)
    rim = max(2, int(0.012 * width))
    inner = np.zeros(distance.shape, np.bool_)
    inner[3 * rim : -3 * rim, 3 * rim : -3 * rim] = True
    numbers, stats = components(erode(distance > 9, 2) & inner)
    large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] > height * width * 0.002) + 1
    markers = np.where(np.isin(numbers, large), 2, 0).astype(np.int32)
    markers[int(0.38 * height) : int(0.66 * height), int(0.42 * width) : int(0.58 * width)] = 2
    markers[:rim], markers[-rim:], markers[:, :rim], markers[:, -rim:] = 1, 1, 1, 1
    cv2.watershed(cv2.merge([relief] * 3), markers)
    return largest_component(fill_holes(opened(markers == 2, 2)))


def symmetry(mask: Mask) -> float:
    """Overlap of a mask with its mirror image about its own middle, 0..1."""
    columns = np.flatnonzero(mask.any(axis=0))
    if len(columns) == 0:
        return 0.0
    weight = mask.sum(axis=0)
    middle = float(np.interp(0.5, np.cumsum(weight) / weight.sum(), np.arange(len(weight))))
    mirrored = np.roll(mask[:, ::-1], round(2 * middle - (mask.shape[1] - 1)), axis=1)
    return float((mask & mirrored).sum() / max(1, (mask | mirrored).sum()))


def _quality(mask: Mask) -> float:
    """How much a mask looks like a whole garment: symmetric and without ragged bays."""
    if not 0.03 < mask.mean() < 0.93:
        return 0.0
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)
    solidity = cv2.contourArea(outline) / max(1.0, cv2.contourArea(cv2.convexHull(outline)))
    return 0.6 * symmetry(mask) + 0.4 * solidity


def _sharpened(image: Image, mask: Mask) -> Mask:
    """GrabCut in the rim: drops soft shadows that the flood took for garment."""
    half = (image.shape[1] // 2, image.shape[0] // 2)
    small, whole = resize_image(image, half), resize_mask(mask, half)
    radius = max(2, image.shape[1] // 180)
    sure, possible = erode(whole, radius), dilate(whole, radius)
    if sure.sum() < 50:
        return mask
    found = grab_cut(small, sure, whole, possible)
    # At half size it tells shadow from cloth; the outline itself stays the flood's.
    found = opened(dilate(resize_mask(fill_holes(found), size_of(image)), 1) & mask, 1)
    return found if found.sum() > 0.9 * mask.sum() else mask


def _without_windows(mask: Mask, lab: Colours, distance: Plane) -> Mask:
    """Open what shows the background through the garment: between straps, in cut-outs."""
    area = mask.sum()
    numbers, stats = components(opened((distance < 2.6) & mask, 2))
    result = mask & ~_loops(mask, distance) & ~_exact_background(mask, lab, distance)
    for number, (_, _, width, height, size) in list(enumerate(stats))[1:]:
        if not (0.015 * area < size < 0.35 * area and size > 0.45 * width * height):
            continue
        window = numbers == number
        if distance[window].std() < 1.2:
            result &= ~dilate(window, 2)
    return result


def _exact_background(mask: Mask, lab: Colours, distance: Plane) -> Mask:
    """What at the neck has the background's very colour and none of a cloth's shading: in a bow, under a tie.

    Not before pure white, which overexposed cloth has too; further down it is likelier a print.
    """
    found = np.zeros(mask.shape, np.bool_)
    if not mask.any() or np.median(_border(lab)[:, 0]) > 250 or np.median(distance[mask]) < 25:
        return found
    numbers, stats = components(opened((distance < 4) & mask, 1))
    rows = np.flatnonzero(mask.any(axis=1))
    neck = rows[0] + 0.12 * len(rows)
    for number in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > 0.0006 * mask.sum())[1:]:
        place = numbers == number
        low = stats[number, cv2.CC_STAT_TOP] + stats[number, cv2.CC_STAT_HEIGHT] > neck
        if not low and distance[place].mean() < 2.6 and distance[place].std() < 1.8:
            found |= dilate(place, 2)
    return found


def _loops(mask: Mask, distance: Plane) -> Mask:
    """What a strap encloses: small, near the outline unlike a print, and tinted by the strap's own reflection."""
    loops = np.zeros(mask.shape, np.bool_)
    if not mask.any() or np.median(distance[mask]) < 25:
        return loops
    inner = erode(mask, 0.05 * mask.shape[1])
    numbers, stats = components(opened((distance < 0.15 * np.median(distance[mask])) & mask, 1))
    sizes = stats[:, cv2.CC_STAT_AREA] / mask.sum()
    found = [number for number in range(1, len(stats)) if 0.001 < sizes[number] < 0.05]
    found = [number for number in found if not ((numbers == number) & inner).any()]
    if (sizes[1:] > 0.001).sum() <= 4:  # straps enclose few of them, a pattern many
        loops |= np.isin(numbers, found)
    return loops


def _without_shadow(mask: Mask, lab: Colours, distance: Plane) -> Mask:
    """Drop the shadow that a garment casts on the background, and specks of the background beside it.

    A shadow has the background's hue, is darker, and fades smoothly; where it meets the garment is an edge. So it is
    what a flood from outside reaches that passes no edge.
    """
    if not mask.any():
        return mask
    background, cloth = np.median(_border(lab), axis=0), np.median(lab[mask], axis=0)
    contrast = float(np.median(distance[mask]))
    if contrast < 40 and cloth[0] < background[0] + 4:
        return mask  # the folds of white on white look like shadows
    rim, outside = ~erode(mask, _WIDEST_SHADE * mask.shape[1]), ~mask
    grey = largest_channel(np.abs(lab[..., 1:] - background[1:])) < 4
    faint = mask & grey & (distance < 45) & (lab[..., 0] < background[0])
    if (faint & ~rim).sum() > 0.35 * (mask & ~rim).sum():
        return mask  # so is much of the cloth
    soft = blur(lab, 0.7)
    slope = np.hypot(*(cv2.Scharr(soft[..., 0], cv2.CV_32F, dx, dy) / 32 for dx, dy in ((1, 0), (0, 1))))
    lightest, darkest = background[0], 0.0
    if np.abs(cloth[1:] - background[1:]).max() < 6:  # a grey garment's own shades look like shadows
        lightest, darkest = (background[0], cloth[0] + 10) if cloth[0] < background[0] - 20 else (background[0] - 8, 0)
    shade = (soft[..., 0] < lightest) & (soft[..., 0] > darkest)
    shade |= distance < min(8.0, 0.3 * contrast)
    colourful = float(np.median(np.hypot(*(lab[mask][:, 1:] - background[1:]).T))) > _COLOURFUL
    steepest = 2 * _STEEPEST_SHADE if colourful else _STEEPEST_SHADE  # little of its own cloth is as grey as a shadow
    shade &= mask & (slope < steepest) & (largest_channel(np.abs(soft[..., 1:] - background[1:])) < 4)
    if contrast > 150:  # dark or of a strong colour: what is nearly as light as the background is none of it
        shade |= faint & ~erode(mask, 12)
    numbers, _ = components((shade & rim) | outside)
    touching = np.unique(numbers[outside & ~erode(outside, 1)])
    # The last pixels before the garment are as steep as its edge.
    gone = dilate(opened(shade & rim & np.isin(numbers, touching), 1), 1) & rim
    kept = largest_component(opened(mask & ~gone, 2))
    return kept if kept.sum() > 0.75 * mask.sum() else mask


_WIDEST_SHADE = 0.045  # of the picture's width
_STEEPEST_SHADE = 9.0  # levels of lightness per pixel
_COLOURFUL = 25.0  # distance in a* and b*


def cut_out(image: Image) -> Cutout:
    """The mask of the one garment that lies or hangs before a plain background."""
    lab = lab_of(image)
    distance = background_distance(lab)
    mask, pale = _best_flood(distance)
    other = _watershed(image, distance) if symmetry(mask) < 0.85 else mask
    if _quality(other) > _quality(mask) + 0.08:
        mask, pale = other, True
    mask = _without_shadow(_sharpened(image, mask), lab, distance)
    # The outline of a pale garment was found by hardly any contrast, so it is ragged.
    mask = soften(mask, 5.0) > 0.53 if pale else _without_windows(mask, lab, distance)
    mask = largest_component(mask)
    return Cutout(mask, symmetry(mask))


def cloth_of(picture: Image, mask: Mask, long_side: int, plain: bool = True) -> Cloth:
    """The garment at drawing resolution, its edge softened and its colours bled outwards.

    Only before a `plain` background do colours tell the edge more finely than the mask does.
    """
    scale = min(long_side, max(picture.shape[:2])) / max(mask.shape)
    size = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
    image = resize_image(picture, size)
    alpha = resize_plane(mask.astype(np.float32), size)
    if plain:
        alpha = settled_matte(alpha > 0.5, image, scale)
    else:
        alpha = floats(np.clip((blur(alpha, 0.8 * scale) - 0.5) * 2.2, 0, 1))  # pulled in by a pixel
    solid = alpha > 0.95
    bled = np.clip(filled_in(image, erode(solid, scale)), 0, 255).astype(np.uint8)
    rim = dilate(solid, 3 * scale)
    colours = np.where(rim[..., None], continued(image, solid, 0.8 * scale, rim), bled)
    return Cloth(colours, alpha, scale)
