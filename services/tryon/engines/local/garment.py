"""A garment picture, understood: what is the garment, how it is cut, and its cloth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Points,
    Vector,
    closed,
    fill_holes,
    largest_component,
    opened,
)
from services.tryon.engines.local.body import Body, body_of
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.landmarks import GarmentLandmarks, GarmentSide, Sleeve
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.neckline import Neckline
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.pose import Pose, find_pose
from services.tryon.engines.local.refuse import unlike_a_garment
from services.tryon.engines.local.regions import Label

_PERSON_SCORE = 0.7  # below it the detector takes flat garments for people

_WORST_OUTLINE = 0.3


@dataclass(frozen=True)
class Garment:
    """A garment in its work frame."""

    image: Image
    mask: Mask
    landmarks: GarmentLandmarks
    cloth: Cloth
    worn_by: Body | None  # who wears it in the picture


def wearer_in(models: Models, picture: Image, kind: Literal["auto", "flatLay", "model"]) -> Pose | None:
    """The pose of the person who wears the garment in its picture, if anybody does."""
    if kind == "flatLay":
        return None
    pose = find_pose(models, picture)
    if pose is None:
        return None
    sure = pose.detections[0].score > _PERSON_SCORE and pose.score > 0.6 and pose.face_score > 0.6
    return pose if sure or (kind == "model" and pose.score > 0.5) else None


def flat_garment(image: Image, mask: Mask, landmarks: GarmentLandmarks, picture: Image, long_side: int) -> Garment:
    """A garment that lies or hangs, once its mask and landmarks are known. Raises InputProblem."""
    if landmarks.error > _WORST_OUTLINE:
        raise unlike_a_garment()
    return Garment(image, mask, landmarks, cloth_of(picture, mask, long_side), None)


def worn_garment(person: Person, picture: Image, long_side: int) -> Garment:
    """The upper garment that somebody wears, or all that is labelled so."""
    body = body_of(person)
    mask = fill_holes(largest_component(opened(closed(person.is_label(Label.TOP), 5), 6)))
    left, right = (_worn_side(mask, body, index) for index in (0, 1))
    collar = np.stack([left.collar, right.collar])
    axis = float((left.armpit[0] + right.armpit[0]) / 2)
    landmarks = GarmentLandmarks(axis, (left, right), Neckline(collar, "outline"), 0.0)
    return Garment(person.image, mask, landmarks, cloth_of(picture, mask, long_side), body)


def _worn_side(mask: Mask, body: Body, index: int) -> GarmentSide:
    """Landmarks of a worn garment: where it covers the landmarks of the body."""
    skeleton, limb = body.skeleton, body.skeleton.limbs[index]
    width, shoulders = skeleton.shoulder_width, body.shoulders[index]
    covered = [share for share in np.linspace(0.18, 0.6, 22) if _is_in(mask, shoulders.at(share * width), 0.06 * width)]
    collar, tip = (covered[0], covered[-1]) if covered else (0.3, 0.5)
    armpit_row = float(limb.shoulder[1]) + 0.3 * skeleton.torso
    armpit = np.array([body.side(index, armpit_row), armpit_row])
    sleeve = _worn_sleeve(mask, body, index, shoulders.at(0.6 * width), armpit) if tip > 0.54 else None
    shoulder = shoulders.at((0.6 if sleeve else tip) * width)
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
    if end < 0.16 * arm.reach:
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
