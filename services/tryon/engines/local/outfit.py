"""A picture of any garment, understood: which kind it is decides how it is read."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    fill_holes,
    resize_image,
)
from services.tryon.engines.local.body import body_of
from services.tryon.engines.local.cutout import Cutout, cloth_of, cut_out
from services.tryon.engines.local.fronts import front_neckline, open_front
from services.tryon.engines.local.garment import Garment, flat_garment, flat_jacket
from services.tryon.engines.local.kinds import Cut, agreed, agreed_by_chest, contradiction, cut_of
from services.tryon.engines.local.landmarks import GarmentLandmarks, NotATop, garment_landmarks
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_body import lower_body_of
from services.tryon.engines.local.lower_garment import LowerGarment, landmarks_of, without_gap
from services.tryon.engines.local.lower_worn import worn_crotch, worn_lower
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.one_cloth import TWO_CLOTHS, has_legs, is_jumpsuit, is_one_cloth, unlikeness
from services.tryon.engines.local.one_piece import OnePiece, length_by_chest, long_landmarks, one_piece_of, upper_part
from services.tryon.engines.local.parse import WORK_SIDE, Person, understand
from services.tryon.engines.local.pose import Pose
from services.tryon.engines.local.refuse import cutout_problems, unlike_a_garment, wearer_problems
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.silhouette import mirror_axis
from services.tryon.engines.local.worn import worn_garment

Outfit: TypeAlias = Garment | LowerGarment | OnePiece

_WORST_JACKET = 0.15  # error of the outline


def read_outfit(
    models: Models,
    picture: Image,
    wearer: Pose | None,
    asked: str,
    long_side: int,
    pause: Callable[[], None] = lambda: None,
) -> Outfit:
    """Find the garment, decide what it is and read it so. Its cloth is kept at up to `long_side` pixels.

    `asked` is the category chosen, or "auto"; `pause` is called between the parts of the work. Raises InputProblem.
    """
    if wearer is not None:
        return _worn(understand(models, picture, wearer, pause), picture, asked, long_side)
    scale = WORK_SIDE / max(picture.shape[:2])
    image = resize_image(picture, (round(picture.shape[1] * scale), round(picture.shape[0] * scale)))
    found = cut_out(image)
    pause()
    for problem in cutout_problems(found):
        raise problem
    return _flat(image, found, picture, asked, long_side)


def _flat(image: Image, found: Cutout, picture: Image, asked: str, long_side: int) -> Outfit:
    front, closed = _open_jacket(image, found.mask)
    if closed is not None:
        if asked not in ("auto", "tops"):
            raise contradiction(Cut.TOP, asked)
        return flat_jacket(image, found.mask, front, closed, picture, long_side)
    mask = without_gap(image, found.mask)
    cut = cut_of(mask)
    marks: GarmentLandmarks | None = None
    if cut is None:
        marks = _upper_landmarks(image, found.mask)
        cut, mask = agreed_by_chest(length_by_chest(marks), asked), found.mask
        if cut is Cut.TOP:
            marks = _whole_landmarks(image, found.mask) or marks
    else:
        cut = agreed(cut, asked)
    if cut in (Cut.TROUSERS, Cut.SKIRT):
        own = cloth_of(picture, mask, long_side)
        return LowerGarment(mask, landmarks_of(mask), own, None, 1 - found.symmetry)
    if marks is None:
        marks = _upper_landmarks(image, mask)
    garment = flat_garment(image, mask, marks, picture, long_side)
    return garment if cut is Cut.TOP else one_piece_of(garment, cut)


def _open_jacket(image: Image, mask: Mask) -> tuple[Mask, GarmentLandmarks | None]:
    """What is between two fronts, and the landmarks of the garment as if it were closed; none of what is no jacket."""
    front = open_front(mask, mirror_axis(mask))
    if not front.any():
        return front, None
    try:
        marks = garment_landmarks(image, mask | front)
    except NotATop:
        return front, None
    sleeved = all(side.sleeve for side in marks.sides) and marks.error < _WORST_JACKET
    left, right = (side.collar for side in marks.sides)
    return front, replace(marks, neckline=front_neckline(front, left, right)) if sleeved else None


def _upper_landmarks(image: Image, mask: Mask) -> GarmentLandmarks:
    try:
        return long_landmarks(image, fill_holes(mask))  # the outline counts, not what straps enclose
    except NotATop as other:
        raise unlike_a_garment() from other


def _whole_landmarks(image: Image, mask: Mask) -> GarmentLandmarks | None:
    """A top's landmarks from all of its outline where it was longer than dresses are looked at; else none."""
    whole = fill_holes(mask)
    if upper_part(whole).sum() == whole.sum():
        return None
    try:
        return garment_landmarks(image, whole)
    except NotATop:
        return None


def _worn(person: Person, picture: Image, asked: str, long_side: int) -> Outfit:
    """Somebody's top unless another part of what they wear is asked for, or all of it is one dress."""
    if asked == "tops":
        return worn_garment(person, picture, long_side)
    lower = lower_body_of(person, body_of(person))
    one = asked == "bottoms" or is_one_cloth(person, lower)
    jumpsuit = asked != "bottoms" and is_jumpsuit(person, lower)
    if asked == "auto" and not jumpsuit and (not one or has_legs(person, lower)):
        return worn_garment(person, picture, long_side)
    if asked == "onePieces" and not one and not jumpsuit and unlikeness(person, lower) > TWO_CLOTHS:
        raise contradiction(Cut.TOP, asked)
    for problem in wearer_problems(person.pose, picture.shape[0]):
        raise problem
    if asked == "bottoms":
        return worn_lower(person, lower, picture, long_side)
    labels = np.where(lower.old, np.uint8(Label.TOP), person.labels).astype(np.uint8)
    garment = worn_garment(replace(person, labels=labels), picture, long_side, level=not jumpsuit)
    crotch = worn_crotch(garment.mask, person.inside, lower) if jumpsuit else None
    return one_piece_of(_with_real_hem(garment, lower), Cut.JUMPSUIT if jumpsuit else Cut.DRESS, crotch)


def _with_real_hem(garment: Garment, lower: LowerBody) -> Garment:
    rows = np.flatnonzero(garment.mask.any(axis=1))
    sides = []
    for index, side in enumerate(garment.landmarks.sides):
        columns = np.flatnonzero(garment.mask[rows[-1] - 2])
        hem = np.array([float(columns[0] if side.sign < 0 else columns[-1]), float(rows[-1])])
        sides.append(replace(side, hem=hem if len(columns) else np.array([lower.side(index, rows[-1]), rows[-1]])))
    return replace(garment, landmarks=replace(garment.landmarks, sides=(sides[0], sides[1])))
