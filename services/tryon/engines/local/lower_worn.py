"""Trousers or a skirt cut from a photo of somebody who wears them."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Image,
    Indices,
    Mask,
    Vector,
    blur,
    closed,
    components,
    dilate,
    distance_inside,
    erode,
    fill_holes,
    floats,
    lab_of,
    largest_component,
    mix,
    opened,
    resize_mask,
    size_of,
    soften,
)
from services.tryon.engines.local.colours import ColourHistogram, bins_of
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_garment import LowerGarment, LowerLandmarks, hem_corner, legs_of, waist_corners
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.refuse import unlike_a_garment
from services.tryon.engines.local.shapes import capsule, polygon, run_at, runs

_STRANGE = -15.5  # log density of a colour
_BETWEEN = ((1, 0.05, 0.5), (0, 0.12, 0.12))  # axis, units before and behind the crotch


def worn_lower(person: Person, lower: LowerBody, picture: Image, long_side: int) -> LowerGarment:
    """The trousers or the skirt that somebody wears; what hands hide of them is filled in. Raises InputProblem."""
    seen = _below_waistband(person, lower)
    if seen.sum() < 0.25 * lower.skeleton.unit**2:
        raise unlike_a_garment()
    rows = np.flatnonzero(seen.any(axis=1))
    outline = [np.array([lower.side(index, row), row]) for index, row in _both_sides(rows)]
    hidden = polygon(lower.skeleton.size, outline) & ~seen & dilate(seen, 0.25 * lower.skeleton.unit)
    hidden &= (person.regions.hands | person.regions.forearms | lower.held) & person.inside
    strange = _unlike_the_rest(person, seen, lower)
    hidden |= strange & dilate(hidden, 3)  # rims of hands
    seen &= ~strange
    mask = soften(seen | hidden, 0.025 * lower.skeleton.unit) > 0.5
    holes, boxes = components(fill_holes(mask) & ~mask)
    small = np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] < 0.02 * lower.skeleton.unit**2)
    mask |= np.isin(holes, small[small > 0]) & ~(strange & ~hidden)
    mask = largest_component(opened(_straightened(mask, lower), 2))
    crotch = worn_crotch(mask, person.inside, lower)
    waist = waist_corners(mask)
    cloth = _without(
        cloth_of(picture, erode(mask, 1), long_side, plain=False), mask & ~seen, lower.middle(lower.crotch)
    )
    cut_off = bool(rows[-1] >= mask.shape[0] - 3)
    if crotch is None:
        left, right = (hem_corner(mask, sign) for sign in (-1, 1))
        return LowerGarment(
            mask, LowerLandmarks(waist, None, ((left, left), (right, right)), None), cloth, lower, 0.0, cut_off
        )
    mask &= ~_between_legs(mask, crotch, lower.skeleton.unit)
    crotch = _parting(mask, crotch, lower.skeleton.unit)
    one, other = legs_of(mask, waist, crotch)
    halves = (_inside_smoothed(one, crotch, 1, lower), _inside_smoothed(other, crotch, -1, lower))
    hems = tuple((hem_corner(half, sign), hem_corner(half, -sign)) for half, sign in zip(halves, (-1, 1), strict=True))
    return LowerGarment(mask, LowerLandmarks(waist, crotch, hems, halves), cloth, lower, 0.0, cut_off)


def _unlike_the_rest(person: Person, seen: Mask, lower: LowerBody) -> Mask:
    """Pieces at its outline, about waist and crotch, of colours that its legs have nowhere: skin, background."""
    size, measure = lower.skeleton.size, lower.skeleton.unit
    core = np.zeros(seen.shape, np.bool_)
    for leg in lower.legs:
        for start, end in pairwise(leg.line):
            core |= capsule(size, start, end, 0.13 * measure)
    if (core & seen).sum() < 200:
        return np.zeros_like(seen)
    bins = bins_of(lab_of(person.image))
    rows, columns = np.arange(size[1])[:, None], np.arange(size[0])[None]
    about = (rows < lower.waist + 0.4 * measure) | (np.abs(columns - lower.middle(lower.crotch)) < 0.2 * measure)
    strange = opened(about & seen & (ColourHistogram(bins[core & seen])(bins) < _STRANGE), 1)
    numbers, boxes = components(strange)
    at_outline = np.setdiff1d(numbers[strange & dilate(~seen, 0.03 * measure)], [0])
    small = [number for number in at_outline if boxes[number, cv2.CC_STAT_AREA] < 0.08 * measure**2]
    return np.isin(numbers, small)


def _straightened(mask: Mask, lower: LowerBody) -> Mask:
    """The mask with sides that lost the steps of its pattern and of the hands before it."""
    rows, columns = np.arange(mask.shape[0])[:, None], np.arange(mask.shape[1])[None]
    filled, measure = np.flatnonzero(mask.any(axis=1)), lower.skeleton.unit
    side = (rows > filled[0] + 0.2 * measure) & (rows < filled[-1] - 0.15 * measure)
    side = side & (np.abs(columns - lower.middle(lower.crotch)) > 0.25 * measure)
    straight: Mask = np.where(side, soften(mask, 0.05 * measure) > 0.5, mask)
    return straight


def _between_legs(mask: Mask, crotch: Vector, unit: float) -> Mask:
    """What is open between the legs below the crotch, also where a little was found closed in between."""
    zone = np.zeros_like(mask)
    rows, columns = ((int(crotch[axis] - low * unit), int(crotch[axis] + high * unit)) for axis, low, high in _BETWEEN)
    zone[max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]] = True
    upright = np.ones((2 * round(0.07 * unit) + 1, 1), np.uint8)
    gap = cv2.morphologyEx((zone & ~mask).astype(np.uint8), cv2.MORPH_CLOSE, upright)
    return zone & (gap > 0)


def _parting(mask: Mask, crotch: Vector, unit: float) -> Vector:
    """Where the legs of worn trousers part; at the body's crotch where they touch for long below it."""
    x, found = float(crotch[0]), None
    for row in range(min(mask.shape[0] - 1, int(crotch[1] + 0.45 * unit)), int(crotch[1] - 0.2 * unit), -1):
        gap, cloth = run_at(~mask[row], x), np.flatnonzero(mask[row])
        if (
            gap is None
            or len(cloth) == 0
            or gap[0] < cloth[0]
            or gap[1] > cloth[-1]
            or abs(sum(gap) / 2 - x) > 0.2 * unit
        ):
            break
        x, found = sum(gap) / 2, row
    return crotch if found is None else np.array([x, float(found)])


def _inside_smoothed(leg: Mask, crotch: Vector, sign: int, lower: LowerBody) -> Mask:
    """A leg whose inner side, on `sign`, has no corner where two legs that touched come apart."""
    rows = np.flatnonzero(leg.any(axis=1))
    rows = rows[rows > crotch[1]]
    if len(rows) < 3:
        return leg
    inner = np.array([np.flatnonzero(leg[row])[-1 if sign > 0 else 0] for row in rows], np.float32) * sign
    reach = 0.12 * lower.skeleton.unit
    least = cv2.erode(inner[:, None], np.ones((2 * round(reach) + 1, 1), np.uint8))
    smooth = blur(floats(least), 0.6 * reach)[:, 0]
    kept: Mask = np.ones_like(leg)
    kept[rows] = np.arange(leg.shape[1])[None] * sign <= np.minimum(inner, smooth)[:, None]
    return leg & kept


def _below_waistband(person: Person, lower: LowerBody) -> Mask:
    """What is worn below the waist; along the waistband all of it, whatever single folds were taken for."""
    unit, rows = lower.skeleton.unit, np.arange(lower.old.shape[0])[:, None]
    line = lower.waist_over(np.arange(lower.old.shape[1], dtype=np.float64))
    line = line + (0.045 * unit if lower.tucked else 0)
    seen = largest_component(opened(closed(lower.old & (rows > line - 3), 2), 2))
    if not lower.tucked or not seen.any():
        return seen
    near = seen & (rows < line + 0.3 * unit)
    columns = np.flatnonzero(near.any(axis=0))
    first = np.where(near.any(axis=0), near.argmax(axis=0), rows[-1])
    band = (rows >= line) & (rows <= first) & (first < line + 0.2 * unit) & person.inside
    band[:, : columns[0]] = band[:, columns[-1] + 1 :] = False
    worn: Mask = (seen | band) & (rows >= line)
    return worn


def _both_sides(rows: Indices) -> list[tuple[int, float]]:
    marks = np.linspace(float(rows[0]), float(rows[-1]), 40)
    return [(0, float(row)) for row in marks] + [(1, float(row)) for row in marks[::-1]]


def worn_crotch(mask: Mask, inside: Mask, lower: LowerBody) -> Vector | None:
    """The body's crotch where the mask and what else is `inside` the person part below it; none of a skirt."""
    rows = np.flatnonzero(mask.any(axis=1))
    below = np.arange(int(lower.crotch + 0.1 * (rows[-1] - lower.crotch)), int(rows[-1]) + 1)
    parted = [
        _parts_in_the_middle(mask[row] | inside[row], lower.middle(float(row)), lower.skeleton.unit) for row in below
    ]
    if len(parted) == 0 or np.mean(parted) < 0.25:
        return None
    return np.array([lower.middle(lower.crotch), lower.crotch])


def _parts_in_the_middle(row: npt.NDArray[np.bool_], middle: float, unit: float) -> bool:
    """Whether a row has a leg on either side of a gap near the middle: one further out is beside an arm or a hand."""
    found = [run for run in runs(row) if run[1] - run[0] > 0.08 * unit]
    return any(one[1] - 0.2 * unit < middle < other[0] + 0.2 * unit for one, other in pairwise(found))


def _without(cloth: Cloth, hidden: Mask, axis: float) -> Cloth:
    """The cloth with its hidden places filled: with what is seen at the mirrored place, else from around them."""
    size = size_of(cloth.alpha)
    known = erode(resize_mask(~hidden, size), 4 * cloth.scale).astype(np.float32) * (cloth.alpha > 0.95)
    filled = push_pull(cloth.colours.astype(np.float32), known.astype(np.float32))
    shift = round(2 * axis * cloth.scale - (size[0] - 1))
    mirrored, there = (np.roll(plane[:, ::-1], shift, axis=1) for plane in (cloth.colours, known))
    level = blur(filled, 8.0) - blur(push_pull(mirrored.astype(np.float32), there.astype(np.float32)), 8.0)
    deep = np.clip(distance_inside(known == 0) / (3 * cloth.scale), 0, 1) * there
    filled = mix(filled, np.clip(mirrored + 0.8 * level, 0, 255).astype(np.float32), floats(deep))
    return replace(cloth, colours=np.where(known[..., None] > 0, cloth.colours, filled).astype(np.uint8))
