"""A garment picture, understood: what is the garment, how it is cut, and its cloth."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    components,
    dilate,
    lab_of,
    largest_component,
    norm,
    size_of,
)
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.cutout import Cloth, cloth_of
from services.tryon.engines.local.landmarks import GarmentLandmarks
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.pose import Pose, find_pose
from services.tryon.engines.local.refuse import unlike_a_garment
from services.tryon.engines.local.shapes import capsule

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

    @property
    def neck_middle(self) -> float:
        """x of the neck's middle: on somebody turned it is not that of the trunk."""
        collars = float(self.landmarks.sides[0].collar[0] + self.landmarks.sides[1].collar[0]) / 2
        return self.landmarks.axis if self.worn_by is None else collars

    def worn_armhole(self, index: int) -> float:
        """How far an armpit of a worn garment is below its wearer's shoulder joint, by the length of the torso."""
        assert self.worn_by is not None  # noqa: S101 - who asks knows that somebody wears it
        wearer, armpit = self.worn_by.skeleton, self.landmarks.sides[index].armpit
        return float(armpit[1] - wearer.limbs[index].shoulder[1]) / wearer.torso


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
