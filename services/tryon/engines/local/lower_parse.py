"""Telling trousers from shoes, and from what hands hold before them."""

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Mask, Plane, Points, blur, closed, components, dilate, lab_of, opened
from services.tryon.engines.local.colours import ColourHistogram, bins_of
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import capsule, unit
from services.tryon.engines.local.skeleton import Skeleton


def bones_of(skeleton: Skeleton, index: int) -> tuple[Points, Points]:
    """Hip, knee and ankle; heel and toes."""
    hip = 24 if (index == 0) == skeleton.faces_camera else 23
    points = skeleton.points
    return np.stack([points[hip], points[hip + 2], points[hip + 4]]), np.stack([points[hip + 6], points[hip + 8]])


def _feet_zone(skeleton: Skeleton) -> Mask:
    zone = np.zeros((skeleton.size[1], skeleton.size[0]), np.bool_)
    measure = skeleton.unit
    for index in (0, 1):
        (_, knee, ankle), foot = bones_of(skeleton, index)
        start = ankle - unit(ankle - knee) * 0.12 * measure
        zone |= capsule(skeleton.size, start, ankle, 0.2 * measure)
        for end in foot:
            zone |= capsule(skeleton.size, ankle, end + unit(end - ankle) * 0.12 * measure, 0.2 * measure)
    return zone


def _near_hands(skeleton: Skeleton) -> Mask:
    zone = np.zeros((skeleton.size[1], skeleton.size[0]), np.bool_)
    for limb in skeleton.limbs:
        zone |= capsule(skeleton.size, limb.wrist, limb.fingertip, 0.75 * skeleton.unit)
    return zone


def shoes_and_held(person: Person, worn: Mask) -> tuple[Mask, Mask]:
    """Of what was taken for trousers: shoes, and things that hands hold. Both differ from the trousers in colour."""
    skeleton = person.skeleton
    measure, size = skeleton.unit, skeleton.size
    feet, hands = _feet_zone(skeleton), _near_hands(skeleton)
    bins = bins_of(lab_of(person.image))
    core = np.zeros(worn.shape, np.bool_)
    shoe_core = core.copy()
    for index in (0, 1):
        (hip, knee, ankle), foot = bones_of(skeleton, index)
        core |= capsule(size, hip, knee, 0.16 * measure) | capsule(size, knee, knee * 0.2 + ankle * 0.8, 0.1 * measure)
        shoe_core |= capsule(size, foot[0], foot[1], 0.06 * measure)
    sure = worn & core & ~feet
    sure = sure & ~hands if (sure & ~hands).sum() > 0.3 * sure.sum() else sure
    if sure.sum() < 200:
        return worn & feet, np.zeros_like(worn)
    cloth = ColourHistogram(bins[sure])(bins)
    shoe_seen = shoe_core & person.inside & ~person.is_label(Label.SKIN)
    leather = ColourHistogram(bins[shoe_seen])(bins) if shoe_seen.sum() > 40 else np.full_like(cloth, -14)
    below = np.arange(size[1], dtype=np.float32)[:, None] - _ankle_row(skeleton)
    colour = np.clip(leather, -18, 0) - np.clip(cloth, -18, 0)
    likely = blur(colour, max(2.0, 0.035 * measure)) + 26 * below / measure
    shoes = _touching(_below_hems(skeleton, worn, feet, likely, blur(colour, 1.0)), dilate(shoe_core, 3))
    other = blur((np.clip(cloth, -18, 0) < -15.5).astype(np.float32), 2.5) > 0.55
    return shoes, _held(person, worn & hands & ~feet & other)


def _below_hems(skeleton: Skeleton, worn: Mask, feet: Mask, likely: Plane, colour: Plane) -> Mask:
    """The part of a mask below the row, leg by leg, that parts it best into trousers above and shoes below.

    A hem runs aslant: just below the row what has the trousers' `colour` (below 0) is theirs too.
    """
    unsure, found = worn & feet, np.zeros(worn.shape, np.bool_)
    columns = np.arange(unsure.shape[1])
    ankles = [bones_of(skeleton, index)[0][2] for index in (0, 1)]
    first_is_nearer = np.abs(columns - ankles[0][0]) < np.abs(columns - ankles[1][0])
    for nearer in (first_is_nearer, ~first_is_nearer):
        gains = np.where(unsure & nearer, np.clip(likely, -6, 6), 0).sum(axis=1)
        above = np.concatenate([[0.0], np.cumsum(gains)])
        hem = _narrowing(worn & nearer, skeleton) or int(above.argmin())  # what lies below speaks most for shoes
        found[hem:] |= (unsure & nearer)[hem:]
        aslant = slice(hem, hem + round(0.14 * skeleton.unit))
        found[aslant] &= ~nearer | (colour[aslant] > -1)
    return found


def _narrowing(leg: Mask, skeleton: Skeleton) -> int | None:
    """The row near the ankles where a wide trouser leg ends and a narrow foot goes on; none where none does."""
    ankle = max(float(bones_of(skeleton, index)[0][2][1]) for index in (0, 1))
    reach, step = int(0.3 * skeleton.unit), max(2, int(0.03 * skeleton.unit))
    rows = np.arange(max(step, int(ankle) - reach), min(leg.shape[0] - step, int(ankle) + reach // 2))
    if len(rows) == 0:
        return None
    widths = leg.sum(axis=1).astype(np.float64)
    before, after = widths[rows - step], widths[rows + step]
    foot_goes_on = after > 0.07 * skeleton.unit
    drops = np.where(foot_goes_on & (before > 0.25 * skeleton.unit), before / np.maximum(after, 1), 0)
    return int(rows[int(drops.argmax())]) + step if drops.max() > 1.6 else None


def _touching(mask: Mask, core: Mask) -> Mask:
    """The connected parts of a mask that reach the core."""
    numbers, _ = components(mask)
    touched: Mask = np.isin(numbers, np.setdiff1d(numbers[core], [0]))
    return touched


def _held(person: Person, candidates: Mask) -> Mask:
    """Pieces large enough to be a bag, with their rims; folds and rivets are smaller."""
    numbers, boxes = components(opened(candidates, 0.06 * person.skeleton.unit))
    least = 0.03 * person.skeleton.unit**2
    large = [number for number in range(1, len(boxes)) if boxes[number, cv2.CC_STAT_AREA] > least]
    return closed(np.isin(numbers, large), 6) & person.inside & ~person.is_label(Label.SKIN)


def _ankle_row(skeleton: Skeleton) -> npt.NDArray[np.float32]:
    """The row of the nearer ankle for each column."""
    ankles = [bones_of(skeleton, index)[0][2] for index in (0, 1)]
    columns = np.arange(skeleton.size[0])
    first_is_nearer = np.abs(columns - ankles[0][0]) < np.abs(columns - ankles[1][0])
    rows: npt.NDArray[np.float32] = np.where(first_is_nearer, ankles[0][1], ankles[1][1]).astype(np.float32)[None]
    return rows
