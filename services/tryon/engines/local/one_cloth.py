"""Whether what somebody wears is one garment from the shoulders to the legs: a dress, a jumpsuit, dungarees."""

import cv2
import numpy as np

from services.tryon.engines.local.arrays import dilate, erode, lab_of, largest_channel
from services.tryon.engines.local.colours import ColourHistogram, bins_of
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_worn import worn_crotch
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label

_ONE_CLOTH, TWO_CLOTHS = 0.5, 0.8  # unlikeness
_BIB = 0.75  # share of a bib that is like the legs, and of a shirt that is not
_NO_SEAM, _SEAM = 1.8, 3.0  # dresses, patterned ones too, were seen to have 0 to 1.2, tops on anything 3.2 and more


def is_one_cloth(person: Person, lower: LowerBody) -> bool:
    """Whether what is worn goes on below the waist: no seam there, or where none can be looked at, alike colours."""
    unlike, seam = unlikeness(person, lower), _seam(person, lower)
    if unlike == 1.0 or seam < _NO_SEAM:
        return unlike < 1.0
    return unlike <= _ONE_CLOTH and (seam < _SEAM or np.isinf(seam))


def unlikeness(person: Person, lower: LowerBody) -> float:
    """How unlike the cloths above and below the waist are: the distance of their colours' histograms, 0..1.

    1 as well where hardly anything is worn below the crotch.
    """
    top, low = person.is_label(Label.TOP), np.arange(person.labels.shape[0])[:, None] > lower.crotch
    both = top | lower.old
    if (both & low).sum() < 0.2 * lower.skeleton.unit**2:
        return 1.0
    if lower.old.sum() < 0.1 * both.sum():
        return 0.0  # the parser took all of it for one
    lab = lab_of(person.image)
    counts = [
        cv2.GaussianBlur(
            np.histogramdd(lab[erode(part, 2)], bins=(8, 16, 16), range=[(0, 256)] * 3)[0].reshape(8, -1), (3, 3), 0.8
        ).astype(np.float32)
        for part in (top, lower.old)
    ]
    if min(float(count.sum()) for count in counts) == 0:
        return 1.0
    return float(cv2.compareHist(counts[0], counts[1], cv2.HISTCMP_BHATTACHARYYA))


def _seam(person: Person, lower: LowerBody) -> float:
    """How much sharper the cloth changes where what was taken for a top meets what was taken for a bottom.

    Lightness and colour a little above and below the border, by what they change elsewhere in both by as far.
    """
    lab, top, old = lab_of(person.image), person.is_label(Label.TOP), lower.old
    step = max(3, round(0.035 * lower.skeleton.unit))
    both = top | old
    change = largest_channel(np.abs(np.roll(lab, step, axis=0) - np.roll(lab, -step, axis=0)))
    inside = erode(both, 2 * step) & ~(person.regions.arms | person.regions.hands)
    border = inside & np.roll(top, 2, axis=0) & np.roll(old, -2, axis=0)
    elsewhere = inside & ~dilate(border, 2 * step)
    if border.sum() < 0.2 * lower.skeleton.unit or not elsewhere.any():
        return np.inf
    return float(np.median(change[border]) / (np.percentile(change[elsewhere], 60) + 4))


def has_legs(person: Person, lower: LowerBody) -> bool:
    return worn_crotch(person.is_label(Label.TOP) | lower.old, person.inside, lower) is not None


def is_jumpsuit(person: Person, lower: LowerBody) -> bool:
    """Whether cloth that goes on into two legs is one garment: alike all over, or up to a bib over a shirt."""
    return (
        has_legs(person, lower)
        and _seam(person, lower) < _NO_SEAM
        and (unlikeness(person, lower) < _ONE_CLOTH or _has_bib(person, lower))
    )


def _has_bib(person: Person, lower: LowerBody) -> bool:
    """Whether the cloth of the legs goes on in the middle above the waist, and the sleeves and shoulders are another.

    So are dungarees; a top as dark as the trousers is so on its shoulders too.
    """
    skeleton, where, top = person.skeleton, person.regions, person.is_label(Label.TOP)
    legs = erode(lower.old & (where.along > 1.05), 2)
    middle = skeleton.torso_mask(0.4, 0.6, 0.5, 0.85)
    aside = top & (where.upper_arms | skeleton.torso_mask(1.0, 1.0, -0.1, 0.12))
    if min(legs.sum(), (aside & ~middle).sum()) < 50:
        return False
    bins = bins_of(lab_of(person.image))
    of_legs, of_top = (ColourHistogram(bins[part])(bins) for part in (legs, aside & ~middle))
    like_legs = of_legs > of_top
    return bool(like_legs[middle & person.inside].mean() > _BIB and like_legs[aside & ~middle].mean() < 1 - _BIB)
