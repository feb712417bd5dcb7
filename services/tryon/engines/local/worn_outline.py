"""The outline of a garment that somebody wears."""

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    blur,
    closed,
    components,
    dilate,
    distance_inside,
    erode,
    fill_holes,
    lab_of,
    largest_component,
    norm,
    opened,
    within,
)
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.cutout import background_distance, plain_share
from services.tryon.engines.local.filters import grab_cut
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label

_PLAIN = 0.7  # share of the picture's border that has one colour
_REACH = 0.06  # of the body's unit: as far off may the person's silhouette be
_HEM = 0.08  # of the body's unit: as far off may a hem be
_KEPT = 0.75  # share of the cloth above a hem that a cut of it leaves
_PATTERNED = 45.0  # usual distance of a cloth's colours from the middle one
_LOST = 0.04  # share of a garment that looks like the background: above it, their border cannot be seen


def seen_of(person: Person, before: Mask) -> Mask:
    """What is seen of the upper garment, from the classes of the pixels and, where it is plain, the background.

    `before` is what hides some of it.
    """
    top = closed(person.is_label(Label.TOP), 5) & ~before
    top &= opened(top | before, 6)  # what hair or an arm cuts off from the rest is no scrap
    mask = fill_holes(largest_component(top | before) & top) & ~before
    lab = lab_of(person.image)
    if plain_share(lab) < _PLAIN:
        return _without_patches(mask, person)
    background = _plain_background(lab)
    if (background & erode(mask, 2)).sum() > _LOST * mask.sum():
        return _without_patches(mask, person)
    clean = _without_patches(mask, person)
    return _up_to(background, clean, person, before, mask & ~clean)


def _plain_background(lab: Colours) -> Mask:
    """What has the background's colour, in patches of some size."""
    distance = background_distance(lab)
    usual = float(np.median(distance[: max(2, len(distance) // 30)]))
    numbers, stats = components(opened(distance < max(4.0, 4 * usual), 1.5))
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > 0.0003 * distance.size)
    return np.isin(numbers, large[large > 0])


def _up_to(background: Mask, mask: Mask, person: Person, before: Mask, gaps: Mask) -> Mask:
    """The mask without the background, and with what lies between both and is nearest to the garment.

    Near gaps and what is before it nothing is added.
    """
    reach = _REACH * person.skeleton.unit
    other = person.inside & ~mask
    nearest = distance_inside(~mask) < distance_inside(~other)
    missed = dilate(mask, reach) & ~background & ~other & nearest & ~dilate(before | gaps, reach)
    kept = mask & ~background
    grown = kept | opened(kept | missed, 2)
    return largest_component(grown | before) & grown


def with_hem(mask: Mask, person: Person, body: Body) -> Mask:
    """The mask with a hem as garments have it."""
    mask = _with_level_hem(mask, person, body) if _like_what_is_below(person) else _with_cut_hem(mask, person, body)
    return _with_even_hem(mask, person, body)


def _with_cut_hem(mask: Mask, person: Person, body: Body) -> Mask:
    """A mask whose hem is cut anew (GrabCut), with the colours that are near it: classes mistake a trim for a belt."""
    measure = person.skeleton.unit
    middle, half = round(body.centre(float(len(mask)))), round(0.3 * person.skeleton.shoulder_width)
    filled = np.flatnonzero(mask[:, max(0, middle - half) : middle + half].any(axis=1))
    lowest = int(filled[-1]) if len(filled) else len(mask)
    rows = slice(max(0, int(lowest - 0.22 * measure)), int(lowest + 0.14 * measure))
    arms = person.regions.forearms | person.regions.hands
    sleeves = arms if (mask & arms).sum() > 0.3 * arms.sum() else np.zeros_like(arms)
    across = np.flatnonzero((mask & ~sleeves)[rows].any(axis=0))
    if len(across) < 20:
        return mask
    box = (rows, slice(int(across[0]), int(across[-1]) + 1))
    within_box, band = mask[box], _HEM * measure
    if lowest > len(mask) - band or min(within_box.shape) < 20:
        return mask
    sure, possible = erode(within_box, band), dilate(within_box, band)
    sure[0], possible[-1] = within_box[0], False
    if sure.sum() < 50:
        return mask
    found = grab_cut(np.ascontiguousarray(person.image[box]), sure, within_box, possible)
    found = largest_component(opened(fill_holes(found), 1.5))
    cut = mask.copy()
    cut[box] = found
    return largest_component(cut) if found.sum() > _KEPT * within_box.sum() else mask


def _without_patches(mask: Mask, person: Person) -> Mask:
    """A mask without the smooth patches of the background's colour that arm and side enclose."""
    lab = lab_of(person.image)
    background = np.median(np.concatenate([lab[0], lab[: len(lab) // 2, 0], lab[: len(lab) // 2, -1]]), axis=0)
    if (
        mask.any() and np.percentile(np.abs(lab[mask] - background).max(axis=1), 20) > 80
    ):  # nothing of the garment is like it
        gaps = mask & within(lab, background, (60, 14, 14))
    else:
        lightness = np.ascontiguousarray(lab[..., 0])
        smooth = blur(np.abs(lightness - blur(lightness, 1.5)), 1.5) < 3
        gaps = opened(mask & within(lab, background, (16, 6, 6)) & smooth, 3.5)
    patches, _ = components(gaps)
    outside = dilate(~fill_holes(mask), 4)
    trunk = person.skeleton.torso_mask(0.75, 0.8, 0.1, 1.0)
    if (gaps & trunk).sum() > _LOST * (mask & trunk).sum():
        return mask  # the cloth itself is like it
    beside = set(np.unique(patches[outside]).tolist()) - set(np.unique(patches[trunk]).tolist())
    return mask & ~dilate(np.isin(patches, sorted(beside - {0})), 2)


def _with_even_hem(mask: Mask, person: Person, body: Body) -> Mask:
    """A mask without what hangs below its hem: pieces of trousers, shade, a hand's edge.

    The hem is a parabola through the lower ends of the columns, fitted again without those that are far off.
    """
    low = float(np.flatnonzero(mask.any(axis=1))[-1])
    left, right = (int(np.clip(body.side(index, low), 0, mask.shape[1] - 1)) for index in (0, 1))
    columns = np.array([x for x in range(left, right + 1) if mask[:, x].any()], np.float64)
    if len(columns) < 20:
        return mask
    lowest = mask.shape[0] - 1.0 - mask[::-1, columns.astype(np.intp)].argmax(axis=0)
    across = (columns - columns.mean()) / len(columns)
    kept = lowest > np.percentile(lowest, 10) - 2
    for _ in range(3):
        curve = np.polyfit(across[kept], lowest[kept], 2)
        miss = np.abs(np.polyval(curve, across) - lowest)
        kept = miss <= max(2.0, 1.5 * float(np.median(miss)))
    everywhere = (np.arange(mask.shape[1]) - columns.mean()) / len(columns)
    hem = np.polyval(curve, np.clip(everywhere, -0.5, 0.5)) + 0.02 * person.skeleton.unit
    below = np.arange(mask.shape[0])[:, None] > hem[None]
    even: Mask = mask & ~(below & ~person.regions.arms)
    return largest_component(even)


def _with_level_hem(mask: Mask, person: Person, body: Body) -> Mask:
    """A mask that ends in a straight line where trousers of the same colour make the seen hem a guess."""
    if body.old_hem is None:
        return mask
    row = min(int(body.old_hem), mask.shape[0] - 1)
    left, right = (int(np.clip(body.side(index, row), 0, mask.shape[1] - 1)) for index in (0, 1))
    columns = np.array([x for x in range(left, right + 1) if mask[:, x].any()])
    if len(columns) < 20:
        return mask
    lowest = mask.shape[0] - 1 - mask[::-1, columns].argmax(axis=0)
    # What hangs lower is likelier trousers taken for top than top.
    row = int(np.percentile(lowest, 25))
    level = mask.copy()
    aside = int(0.2 * person.skeleton.shoulder_width)
    below = (slice(row + 1, None), slice(max(0, left - aside), right + aside))
    level[below] &= person.regions.arms[below]  # a long sleeve hangs lower than the hem
    numbers, stats = components(level & (np.arange(len(level))[:, None] > row))
    scraps = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.04 * person.skeleton.unit**2)
    return largest_component(level & ~np.isin(numbers, scraps[scraps > 0]))


def _like_what_is_below(person: Person) -> bool:
    """Whether top and trousers have so nearly one colour that their border cannot be trusted."""
    top, bottom = (person.is_label(label) for label in (Label.TOP, Label.BOTTOM))
    if top.sum() < 200 or bottom.sum() < 200:
        return False
    lab = lab_of(person.image)
    middle = np.median(lab[top], axis=0)
    plain = np.median(norm(lab[top][None] - middle)) < _PATTERNED  # of what has many colours, none is the usual
    return bool(plain and np.linalg.norm(middle - np.median(lab[bottom], axis=0)) < 30)
