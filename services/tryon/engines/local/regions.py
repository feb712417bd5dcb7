"""Where each class of pixel is likely to be on a body of a given pose, before any colour is looked at."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from services.tryon.engines.local.arrays import Mask, Plane, dilate, distance_inside, soften
from services.tryon.engines.local.shapes import capsule
from services.tryon.engines.local.skeleton import Skeleton


class Label(IntEnum):
    """The classes of a pixel."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    TOP = 3
    BOTTOM = 4
    OTHER = 5  # shoes and what hands hold: it stays


CLASSES = (Label.SKIN, Label.HAIR, Label.TOP, Label.BOTTOM)


@dataclass(frozen=True)
class Regions:
    """Where the parts of a body are, from its joints alone."""

    upper_arms: Mask
    forearms: Mask
    hands: Mask
    neck: Mask
    face: Mask
    face_distance: Plane  # pixels from the face
    along: Plane  # 0 at the shoulders' height, 1 at the hips'

    @property
    def arms(self) -> Mask:
        """Arms with hands."""
        return self.upper_arms | self.forearms | self.hands


def body_core(skeleton: Skeleton) -> Mask:
    """What belongs to the body whatever it wears: slim limbs, trunk, head."""
    size, measure, points = skeleton.size, skeleton.unit, skeleton.points
    core = skeleton.torso_mask(0.95, 1.35, -0.1, 1.1) | skeleton.neck_mask() | dilate(skeleton.face_mask(), 4)
    for limb in skeleton.limbs:
        core |= capsule(size, limb.shoulder, limb.elbow, 0.1 * measure, 0.08 * measure)
        core |= capsule(size, limb.elbow, limb.wrist, 0.08 * measure, 0.06 * measure)
        core |= capsule(size, limb.wrist, limb.fingertip, 0.05 * measure)
    for hip, knee, ankle in ((23, 25, 27), (24, 26, 28)):
        core |= capsule(size, points[hip], points[knee], 0.14 * measure) | capsule(
            size, points[knee], points[ankle], 0.1 * measure
        )
    return core


def regions_of(skeleton: Skeleton, face: Mask) -> Regions:
    size, measure = skeleton.size, skeleton.unit
    upper, fore, hands = (np.zeros((size[1], size[0]), np.bool_) for _ in range(3))
    for limb in skeleton.limbs:
        upper |= capsule(size, limb.shoulder, limb.elbow, measure * 0.17)
        fore |= capsule(size, limb.elbow, limb.wrist, measure * 0.14)
        hands |= capsule(size, limb.wrist, limb.fingertip, measure * 0.15)
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    axis, neck = skeleton.down, skeleton.neck
    along = ((columns - neck[0]) * axis[0] + (rows - neck[1]) * axis[1]) / skeleton.torso
    distance = distance_inside(~face)
    return Regions(upper, fore, hands, skeleton.neck_mask(), face, distance, along.astype(np.float32))


def priors_of(skeleton: Skeleton, where: Regions) -> dict[Label, Plane]:
    """How likely each class is at each place, whatever its colour."""
    measure, height, along = skeleton.unit, skeleton.face_height, where.along
    torso = skeleton.torso_mask(1.15, 1.9, -0.06, 1.05)
    arm_soft, fore_soft = soften(where.upper_arms, measure * 0.05), soften(where.forearms, measure * 0.05)
    hand_soft = soften(where.hands, measure * 0.04)

    top = soften(torso, measure * 0.06) + 0.8 * arm_soft + 0.5 * fore_soft + 0.12 * hand_soft
    top = np.clip(top, 0.01, 1) * np.clip(1 - (along - 1) / 0.45, 0.02, 1) * np.where(along > 0.62, 0.85, 1)
    top *= np.clip((where.face_distance - height * 0.1) / (height * 0.22), 0.01, 1)
    top *= np.where(where.neck & (along < -0.1), 0.45, 1)

    bottom = np.clip((along - 0.45) / 0.45, 0.005, 1) * np.where(where.hands, 0.5, 1)
    bottom *= np.where(where.forearms & ~torso, 0.3, 1)

    skin = 0.3 * soften(where.arms, measure * 0.05) + 0.5 * hand_soft + 0.12
    skin = np.maximum(skin, soften(where.neck, height * 0.06) * 0.9)
    chest = skeleton.torso_mask(1, 1, -0.3, 0.5)
    skin = np.maximum(skin, np.clip(0.55 - 0.55 * np.maximum(along, 0) / 0.35, 0, 1) * chest)
    skin = np.where(where.face, 1, skin)

    hair = _hair_prior(skeleton, where)
    priors = {Label.SKIN: skin, Label.HAIR: hair, Label.TOP: top, Label.BOTTOM: bottom}
    return {label: np.clip(prior, 1e-4, 1).astype(np.float32) for label, prior in priors.items()}


def _hair_prior(skeleton: Skeleton, where: Regions) -> Plane:
    measure, height, chin = skeleton.unit, skeleton.face_height, skeleton.chin
    rows = np.arange(skeleton.size[1], dtype=np.float32)[:, None]
    columns = np.arange(skeleton.size[0], dtype=np.float32)[None]
    middle = (skeleton.chin + skeleton.forehead) / 2
    hair = np.exp(-np.maximum(where.face_distance - height * 0.05, 0) / (height * 0.42))
    hair = hair * np.clip(1.15 - (rows - chin[1]) / (measure * 0.9), 0, 1)
    hair = hair * np.where((columns - middle[0]) ** 2 < (height * 1.15) ** 2, 1, 0.15)
    hair = hair * np.where(where.face, 0.15, 1) * np.where(where.neck & (rows > chin[1]), 0.25, 1)
    result: Plane = hair.astype(np.float32)
    return result
