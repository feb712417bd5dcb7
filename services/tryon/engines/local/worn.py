"""The upper garment that somebody wears, cut from their picture."""

from dataclasses import replace

import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Points,
    Vector,
    components,
    dilate,
    erode,
    floats,
    largest_component,
    opened,
    resize_image,
    resize_mask,
    size_of,
    soften,
)
from services.tryon.engines.local.body import Body, body_of
from services.tryon.engines.local.completing import completed
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.filters import GuidedFilter
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.hair import hair_in_front
from services.tryon.engines.local.hidden import arms_in_front, behind_hair, with_shoulders_under
from services.tryon.engines.local.landmarks import GarmentLandmarks, GarmentSide, Sleeve
from services.tryon.engines.local.neckline import Neckline
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.pose import LEFT_SHOULDER, RIGHT_SHOULDER
from services.tryon.engines.local.refuse import garment_hidden
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import polygon, run_at
from services.tryon.engines.local.worn_outline import seen_of, with_hem

_MOST_HIDDEN = 1 / 6  # of what is seen; more of it would be a guess
_STRANDS = 2  # pixels beside the hair that its single strands cross
_WAIST = 0.6  # of the torso
_PATCH = 0.13  # side of a patch of cloth that is copied, by the body's unit: several stitches or stripes


def worn_garment(person: Person, picture: Image, long_side: int, level: bool = True) -> Garment:
    """The upper garment that somebody wears, or all that is labelled so.

    It ends in a `level` hem or in two legs. Raises InputProblem when too much of it is hidden.
    """
    person, hair = _with_all_hair(person)
    body = body_of(person)
    arms = arms_in_front(person, body)
    mask = seen_of(person, hair | arms)
    hidden = behind_hair(hair, mask, body)
    if hidden.any():
        body = with_shoulders_under(hair, mask, body)
    if (hidden | arms).sum() > _MOST_HIDDEN * mask.sum():
        raise garment_hidden()
    mask = largest_component(mask | hidden | arms)
    mask = with_hem(mask, person, body) if level else mask
    mask = largest_component(soften(mask, 0.018 * body.skeleton.unit) > 0.5)  # seams and hems are even lines
    mask &= ~_skin_of_neck(person)
    left, right = (_worn_side(mask, body, index) for index in (0, 1))
    corners = _neck_corners(mask, body) if hidden.any() else None
    if corners is not None:
        left, right = replace(left, collar=corners[0]), replace(right, collar=corners[1])
    for side in (left, right):
        if side.sleeve is None:
            mask = mask & ~_beyond_armhole(side, body)
    collar = np.stack([left.collar, right.collar])
    axis = float((left.armpit[0] + right.armpit[0]) / 2)
    landmarks = GarmentLandmarks(axis, (left, right), Neckline(collar, "outline"), 0.0)
    half = (right.armpit[0] - left.armpit[0]) / 2
    picture = _with_hidden_cloth(picture, mask, (hair | arms) & mask, long_side, body)
    image = resize_image(picture, size_of(person.image)) if (hidden | arms).any() else person.image
    cloth = _with_fine_edge(cloth_of(picture, mask, long_side), picture, hair | arms)
    return Garment(image, mask, landmarks, cloth, body, half * _turned(person))


def _skin_of_neck(person: Person) -> Mask:
    """The wearer's skin from the face down to the neckline: no smooth outline may take any of it along."""
    numbers, _ = components(opened(person.is_label(Label.SKIN) & ~person.regions.arms, 1) | person.regions.face)
    ours = np.unique(numbers[person.regions.face])
    return np.isin(numbers, ours[ours > 0])


def _with_fine_edge(cloth: Cloth, picture: Image, completed_near: Mask) -> Cloth:
    """The cloth with its edge where the picture has it: the mask is coarser than the picture.

    Not where it was completed: there the picture's edges are those of what hid it.
    """
    size = size_of(cloth.alpha)
    image = resize_image(picture, size)
    fine = GuidedFilter(image, 3 * cloth.scale, 1e-3)(cloth.alpha)
    fine = floats(np.clip((fine - 0.5) * 2.5 + 0.5, 0, 1))
    trust = floats(dilate(cloth.alpha > 0.02, 2) & ~resize_mask(dilate(completed_near, 4), size))
    return replace(cloth, alpha=floats(cloth.alpha * (1 - trust) + fine * trust))


def _with_all_hair(person: Person) -> tuple[Person, Mask]:
    """The person with the hair over the garment labelled as hair; and where it is, down to its last strands."""
    hair = hair_in_front(person)
    if not hair.any():
        return person, hair
    labels = np.where(hair, np.uint8(Label.HAIR), person.labels).astype(np.uint8)
    return replace(person, labels=labels), dilate(hair, _STRANDS)


def _with_hidden_cloth(picture: Image, mask: Mask, hidden: Mask, long_side: int, body: Body) -> Image:
    """The picture, at the size at which the cloth is kept, with cloth instead of what hides it."""
    if not hidden.any():
        return picture
    scale = min(long_side, max(picture.shape[:2])) / max(mask.shape)
    size = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
    seen = resize_mask(erode(mask & ~hidden, 1), size)
    patch = max(8, round(_PATCH * body.skeleton.unit * scale))
    return completed(
        resize_image(picture, size), seen, resize_mask(mask, size) & ~seen & resize_mask(dilate(hidden, 2), size), patch
    )


def _turned(person: Person) -> float:
    """Where the middle of a turned trunk's front is, as a share of its half width from its middle as it is seen.

    A trunk is an ellipse about 0.6 times as deep as wide. How far it is turned its foreshortened shoulders tell; which
    way, the depths of the shoulder joints.
    """
    skeleton, depth = person.skeleton, person.pose.depth
    shoulders = sorted((LEFT_SHOULDER, RIGHT_SHOULDER), key=lambda joint: float(skeleton.points[joint, 0]))
    further = float(depth[shoulders[1]] - depth[shoulders[0]])
    if abs(further) < 0.1 * skeleton.unit:
        return 0.0
    cosine = min(1.0, skeleton.shoulder_width / skeleton.unit)
    return float(np.sign(further) * 0.6 * np.sqrt(1 - cosine**2))


def _neck_corners(mask: Mask, body: Body) -> tuple[Vector, Vector] | None:
    """Where a garment's shoulders meet its neckline: as high and as near to the opening as its cloth comes."""
    neck, width = body.skeleton.neck, body.skeleton.shoulder_width
    middle, reach = round(float(neck[0])), round(0.45 * width)
    low = int(neck[1] + 0.1 * body.skeleton.torso)
    halves = [(middle - reach, middle), (middle, middle + reach)]
    tops = [np.flatnonzero(mask[:low, max(0, first) : last].any(axis=1)) for first, last in halves]
    if min(len(rows) for rows in tops) == 0:
        return None
    row = min(low - 1, max(int(rows[0]) for rows in tops) + round(0.05 * width))
    open_ = np.flatnonzero(~mask[row, middle - reach : middle + reach]) + middle - reach
    if len(open_) == 0:
        return None
    start = open_[np.abs(open_ - middle).argmin()]
    left, right = run_at(~mask[row], float(start)) or (middle, middle)
    corners = []
    for edge, sign in ((left, -1), (right, 1)):
        rows, columns = np.nonzero(mask[:low])
        aside = (columns - edge) * sign
        near = (aside >= 0) & (aside < 0.25 * width)
        if not near.any():
            return None
        best = int(np.argmin((rows + 0.5 * aside)[near]))
        corners.append(np.array([columns[near][best], rows[near][best]], np.float64))
    return corners[0], corners[1]


def _beyond_armhole(side: GarmentSide, body: Body) -> Mask:
    """What is no part of a garment without sleeves: an arm taken for cloth, the far side of a turned body."""
    out = np.array([side.sign * 1.0, 0.0]) * body.skeleton.shoulder_width
    near = [side.shoulder + 0.08 * out - [0.0, 0.1 * abs(out[0])], side.armpit + 0.05 * out]
    return polygon(body.skeleton.size, [*near, near[1] + 2 * out, near[0] + 2 * out])


def _worn_side(mask: Mask, body: Body, index: int) -> GarmentSide:
    """Landmarks of a worn garment: where it covers the landmarks of the body."""
    skeleton, limb = body.skeleton, body.skeleton.limbs[index]
    width, shoulders = skeleton.shoulder_width, body.shoulders[index]
    covered = [share for share in np.linspace(0.18, 0.6, 22) if _is_in(mask, shoulders.at(share * width), 0.06 * width)]
    collar, tip = (covered[0], covered[-1]) if covered else (0.3, 0.5)
    armpit_row = float(limb.shoulder[1]) + 0.3 * skeleton.torso
    armpit = np.array([_widest_side(body, index, armpit_row), armpit_row])
    beside = run_at(mask[int(np.clip(armpit_row, 0, len(mask) - 1))], body.centre(armpit_row))
    sleeve = _worn_sleeve(mask, body, index, shoulders.at(0.6 * width), armpit) if tip > 0.54 else None
    shoulder = shoulders.at((0.6 if sleeve else tip) * width)
    if sleeve is None and beside is not None:  # the armhole's lowest point is where the cloth ends
        edge = float(beside[0] if limb.sign < 0 else beside[1])
        armpit[0] += float(np.clip((edge - armpit[0]) * limb.sign, -0.1 * width, 0.3 * width)) * limb.sign
    rows = [row for row in body.rows if _is_in(mask, np.array([_inside_side(body, index, row), row]), 3)]
    hem_row = float(rows[-1]) if rows else armpit_row + 0.6 * skeleton.torso
    hem = np.array([body.side(index, hem_row), hem_row])
    return GarmentSide(limb.sign, shoulders.at(collar * width), shoulder, armpit, hem, sleeve)


def _widest_side(body: Body, index: int, row: float) -> float:
    """x of a trunk's side at the armpit: an arm hides it there, but a trunk is not narrower than at its waist."""
    sign, skeleton = body.skeleton.limbs[index].sign, body.skeleton
    rows = np.linspace(row, float(skeleton.neck[1]) + _WAIST * skeleton.torso, 12)
    own = body.side(index, row)
    further = max(float(sign * (x - body.centre(at))) for at, x in zip(rows, body.side_in(index, rows), strict=True))
    most = sign * (own - body.centre(row)) + 0.1 * skeleton.shoulder_width
    return body.centre(row) + sign * float(min(further, most))


def _inside_side(body: Body, index: int, row: float) -> float:
    return 0.75 * body.side(index, row) + 0.25 * body.centre(row)


def _is_in(mask: Mask, point: Vector, reach: float) -> bool:
    """Whether the mask has anything at a point or up to `reach` pixels below it."""
    x = int(np.clip(point[0], 0, mask.shape[1] - 1))
    top = int(np.clip(point[1], 0, mask.shape[0] - 1))
    return bool(mask[top : top + max(1, round(reach)), x].any())


def _worn_sleeve(mask: Mask, body: Body, index: int, shoulder: Vector, armpit: Vector) -> Sleeve | None:
    """The sleeve as far down the arm as the garment covers it."""
    arm = body.arms[index]
    marks = np.arange(0.1, 1.0, 0.02) * arm.reach
    bare = [mark for mark in marks if not _covers(mask, arm.section(mark).centre)]
    end = bare[0] if bare else arm.reach
    if end < 0.22 * arm.reach:  # a wide strap, or the shoulder of a body that is turned
        return None
    outer, inner = [shoulder], [armpit]
    for mark in np.linspace(0.25 * end, end, 8):
        section = arm.section(mark)
        outer.append(section.centre + section.outward * section.outer)
        seam = section.centre - section.outward * section.inner
        if mark > 0.3 * arm.upper and seam[1] > armpit[1]:
            trunk = _widest_side(body, index, float(seam[1]))  # a sleeve hangs beside it
            inner.append(np.array([max(seam[0] * arm.limb.sign, trunk * arm.limb.sign) * arm.limb.sign, seam[1]]))
    if len(inner) < 2:
        inner.append(armpit + (outer[-1] - shoulder) * 0.3)
    return Sleeve(_points(outer), _points(inner))


def _points(found: list[Vector]) -> Points:
    return np.stack(found).astype(np.float64)


def _covers(mask: Mask, point: Vector) -> bool:
    x, y = round(float(point[0])), round(float(point[1]))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])
