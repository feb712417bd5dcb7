"""The hair of whoever wears a garment, where it hangs over the cloth."""

import numpy as np

from services.tryon.engines.local.arrays import Mask, components, dilate, erode, lab_of, opened
from services.tryon.engines.local.colours import ColourHistogram, bins_of
from services.tryon.engines.local.filters import GuidedFilter, grab_cut
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label

_LOWEST = 0.75  # of the torso: so far down is hair looked for
_CLOTH = 0.42  # of the torso: from here down a top shows little but itself


def hair_in_front(person: Person) -> Mask:
    """All hair that hangs together with what surely is some; empty when the picture shows no such.

    Beside the face and above the shoulders a silhouette is hair: this tells its colours, highlights and shades, from
    the cloth's and the skin's. The histograms only begin the cut (GrabCut), which also weighs where the edges are.
    """
    skeleton, where, inside = person.skeleton, person.regions, person.inside
    nothing = np.zeros_like(inside)
    seed, cloth = _sure_hair(person), person.is_label(Label.TOP) & (where.along > _CLOTH)
    skin = where.face | (where.neck & person.is_label(Label.SKIN))
    skin = erode(skin & inside, 3)
    if min(seed.sum(), skin.sum()) < 40 or cloth.sum() < 100:
        return nothing
    bins = bins_of(lab_of(person.image))
    hair, other = ColourHistogram(bins[seed])(bins), [ColourHistogram(bins[seen])(bins) for seen in (cloth, skin)]
    odds = 1 / (1 + np.exp(-np.clip(hair - np.maximum(*other), -8, 8)))
    likely = GuidedFilter(person.image, 3, 1e-3)(odds.astype(np.float32))
    columns = np.arange(inside.shape[1])[None]
    zone = dilate(inside, 3) & ~erode(where.face, 2) & (where.along < _LOWEST)
    zone &= np.abs(columns - skeleton.chin[0]) < skeleton.unit
    if not (zone & (likely > 0.5) & (where.along > -0.15)).any():
        return nothing
    rows, across = np.flatnonzero(zone.any(axis=1)), np.flatnonzero(zone.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(across[0], across[-1] + 1))
    sure = erode(seed & (likely > 0.5), 1)
    found = nothing.copy()
    found[box] = grab_cut(
        np.ascontiguousarray(person.image[box]),
        sure[box],
        (likely > 0.5)[box] & zone[box],
        (likely > 0.15)[box] & zone[box],
    )
    numbers, _ = components(opened(found, 1) | (found & dilate(seed, 3)))
    ours = np.unique(numbers[seed])
    joined: Mask = found & dilate(np.isin(numbers, ours[ours > 0]), 1)
    return joined


def _sure_hair(person: Person) -> Mask:
    """The silhouette beside the face and well above the shoulders."""
    skeleton, where = person.skeleton, person.regions
    if not skeleton.has_face:
        return np.zeros_like(person.inside)
    height, shoulders = skeleton.face_height, min(float(limb.shoulder[1]) for limb in skeleton.limbs)
    lowest = min(float(skeleton.chin[1]) + 0.1 * height, shoulders - 0.28 * skeleton.unit)
    beside = person.inside & ~dilate(where.face, 0.1 * height) & ~where.neck & (where.face_distance < 1.2 * height)
    return erode(beside & (np.arange(len(beside))[:, None] < lowest), 2)
