"""A garment picture, understood: what is the garment, how it is cut, and its cloth."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Points,
    Vector,
    blur,
    closed,
    components,
    dilate,
    fill_holes,
    lab_of,
    largest_component,
    norm,
    opened,
    size_of,
    soften,
    within,
)
from services.tryon.engines.local.body import Body, body_of
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.landmarks import GarmentLandmarks, GarmentSide, Sleeve
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.neckline import Neckline
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.pose import LEFT_SHOULDER, RIGHT_SHOULDER, Pose, find_pose
from services.tryon.engines.local.refuse import unlike_a_garment
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import capsule, polygon, run_at

_PERSON_SCORE = 0.7  # below it the detector takes flat garments for people

_WORST_OUTLINE = 0.3
_LEG_JOINTS = [23, 24, 25, 26, 27, 28]  # a head may be cut off where legs are to be seen


@dataclass(frozen=True)
class Garment:
    """A garment in its work frame."""

    image: Image
    mask: Mask
    landmarks: GarmentLandmarks
    cloth: Cloth
    worn_by: Body | None  # who wears it in the picture
    turn: float = 0.0  # how far its front's middle lies beside the axis because its wearer is turned, in pixels
    front: Mask | None = None  # of a jacket that is open, the part of the mask between its fronts


def wearer_in(models: Models, picture: Image, kind: Literal["auto", "flatLay", "model"]) -> Pose | None:
    """The pose of the person who wears the garment in its picture, if anybody does."""
    if kind == "flatLay":
        return None
    pose = find_pose(models, picture)
    if pose is None:
        return None
    likely = pose.detections[0].score > _PERSON_SCORE and pose.score > 0.6
    sure = likely and (pose.face_score > 0.6 or bool((pose.visibility[_LEG_JOINTS] > 0.7).all()))
    return pose if sure or (kind == "model" and pose.score > 0.5) else None


def flat_garment(image: Image, mask: Mask, landmarks: GarmentLandmarks, picture: Image, long_side: int) -> Garment:
    """A garment that lies or hangs, once its mask and landmarks are known. Raises InputProblem."""
    if landmarks.error > _WORST_OUTLINE:
        raise unlike_a_garment()
    mask = _without_gaps(image, mask, landmarks)
    return Garment(image, mask, landmarks, cloth_of(picture, mask, long_side), None)


def _without_gaps(image: Image, mask: Mask, landmarks: GarmentLandmarks) -> Mask:
    """Without the background that a long sleeve hanging beside the torso leaves between both, up to the armpit."""
    lab = lab_of(image)
    distance = norm(lab - np.median(lab[~mask], axis=0).astype(np.float32))
    usual = float(np.median(distance[mask]))
    if usual < 40:
        return mask
    gaps = np.zeros(mask.shape, np.bool_)
    for side in landmarks.sides:
        if side.sleeve is None or side.sleeve.outer_length < 1.5 * side.sleeve.armhole:
            continue
        found = np.zeros(mask.shape, np.bool_)
        for start, end in pairwise(side.sleeve.inner):
            near, wide = (capsule(size_of(image), start, end, k * landmarks.chest_half_width) for k in (0.05, 0.16))
            found |= (near & (distance < 0.4 * usual)) | (wide & (distance < 0.15 * usual))
        numbers, stats = components(found & mask)
        large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > 0.0003 * mask.sum())[1:]
        if len(large) <= 3:  # gaps are few, the stripes of a pattern many
            gaps |= np.isin(numbers, large)
    return largest_component(mask & ~dilate(gaps, 2.5)) if gaps.any() else mask


def flat_jacket(
    image: Image, mask: Mask, front: Mask, landmarks: GarmentLandmarks, picture: Image, long_side: int
) -> Garment:
    """A garment that lies open: `mask` without what is between its fronts, landmarks of both together."""
    return Garment(image, mask | front, landmarks, cloth_of(picture, mask, long_side), None, front=front)


def worn_garment(person: Person, picture: Image, long_side: int) -> Garment:
    """The upper garment that somebody wears, or all that is labelled so."""
    body = body_of(person)
    mask = fill_holes(largest_component(opened(closed(person.is_label(Label.TOP), 5), 6)))
    mask = _without_patches(mask, person.image)
    mask = _with_even_hem(_with_level_hem(mask, person, body), person, body)
    mask = largest_component(soften(mask, 0.018 * body.skeleton.unit) > 0.5)  # seams and hems are even lines
    left, right = (_worn_side(mask, body, index) for index in (0, 1))
    for side in (left, right):
        if side.sleeve is None:
            mask = mask & ~_beyond_armhole(side, body)
    collar = np.stack([left.collar, right.collar])
    axis = float((left.armpit[0] + right.armpit[0]) / 2)
    landmarks = GarmentLandmarks(axis, (left, right), Neckline(collar, "outline"), 0.0)
    half = (right.armpit[0] - left.armpit[0]) / 2
    return Garment(person.image, mask, landmarks, cloth_of(picture, mask, long_side), body, half * _turned(person))


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


def _without_patches(mask: Mask, image: Image) -> Mask:
    """A mask without the smooth patches of the background's colour that arm and side enclose."""
    lab = lab_of(image)
    background = np.median(np.concatenate([lab[0], lab[: len(lab) // 2, 0], lab[: len(lab) // 2, -1]]), axis=0)
    if (
        mask.any() and np.percentile(np.abs(lab[mask] - background).max(axis=1), 20) > 80
    ):  # nothing of the garment is like it
        gaps = mask & within(lab, background, (60, 14, 14))
    else:
        lightness = np.ascontiguousarray(lab[..., 0])
        smooth = blur(np.abs(lightness - blur(lightness, 1.5)), 1.5) < 3
        gaps = opened(mask & within(lab, background, (16, 6, 6)) & smooth, 3.5)
    patches, stats = components(gaps)
    outside = dilate(~fill_holes(mask), 4)
    beside = {int(number) for number in np.unique(patches[outside])}
    kept = [number for number in range(1, len(stats)) if number in beside]
    return largest_component(mask & ~dilate(np.isin(patches, kept), 2))


def _beyond_armhole(side: GarmentSide, body: Body) -> Mask:
    """What is no part of a garment without sleeves: an arm taken for cloth, the far side of a turned body."""
    out = np.array([side.sign * 1.0, 0.0]) * body.skeleton.shoulder_width
    near = [side.shoulder + 0.08 * out - [0.0, 0.1 * abs(out[0])], side.armpit + 0.05 * out]
    return polygon(body.skeleton.size, [*near, near[1] + 2 * out, near[0] + 2 * out])


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
    if body.old_hem is None or not _like_what_is_below(person):
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
    return bool(np.linalg.norm(np.median(lab[top], axis=0) - np.median(lab[bottom], axis=0)) < 30)


def _worn_side(mask: Mask, body: Body, index: int) -> GarmentSide:
    """Landmarks of a worn garment: where it covers the landmarks of the body."""
    skeleton, limb = body.skeleton, body.skeleton.limbs[index]
    width, shoulders = skeleton.shoulder_width, body.shoulders[index]
    covered = [share for share in np.linspace(0.18, 0.6, 22) if _is_in(mask, shoulders.at(share * width), 0.06 * width)]
    collar, tip = (covered[0], covered[-1]) if covered else (0.3, 0.5)
    armpit_row = float(limb.shoulder[1]) + 0.3 * skeleton.torso
    armpit = np.array([body.side(index, armpit_row), armpit_row])
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
        if mark > 0.3 * arm.upper:
            inner.append(section.centre - section.outward * section.inner)
    if len(inner) < 2:
        inner.append(armpit + (outer[-1] - shoulder) * 0.3)
    return Sleeve(_points(outer), _points(inner))


def _points(found: list[Vector]) -> Points:
    return np.stack(found).astype(np.float64)


def _covers(mask: Mask, point: Vector) -> bool:
    x, y = round(float(point[0])), round(float(point[1]))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])
