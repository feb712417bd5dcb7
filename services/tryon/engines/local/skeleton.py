"""A pose in the words that dressing needs: sides of the picture, body measures, limbs."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import Mask, Points, Size, Vector
from services.tryon.engines.local.pose import (
    CHIN,
    FACE_OUTLINE,
    FOREHEAD,
    LEFT_EYE,
    LEFT_HIP,
    LEFT_SHOULDER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE,
    RIGHT_EYE,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Pose,
)
from services.tryon.engines.local.shapes import capsule, disc, length, polygon, unit

# BlazePose numbers of shoulder, elbow, wrist, hip and three fingers.
_LEFT_LIMB = (11, 13, 15, 23, (17, 19, 21))
_RIGHT_LIMB = (12, 14, 16, 24, (18, 20, 22))


@dataclass(frozen=True)
class Limb:
    """One arm with the hip below it. `sign` is -1 for the left of the picture and 1 for the right."""

    sign: int
    shoulder: Vector
    elbow: Vector
    wrist: Vector
    fingertip: Vector
    hip: Vector

    @property
    def bones(self) -> Points:
        """Shoulder, elbow, wrist."""
        return np.stack([self.shoulder, self.elbow, self.wrist])

    @property
    def reach(self) -> float:
        """Length of the arm from shoulder to wrist."""
        return length(self.elbow - self.shoulder) + length(self.wrist - self.elbow)


@dataclass(frozen=True)
class Skeleton:
    """Joints and measures in pixels of one frame."""

    size: Size
    points: Points
    visibility: Vector
    limbs: tuple[Limb, Limb]  # left and right of the picture
    faces_camera: bool
    face: Points
    has_face: bool

    @property
    def neck(self) -> Vector:
        """Midway between the shoulder joints."""
        middle: Vector = (self.limbs[0].shoulder + self.limbs[1].shoulder) / 2
        return middle

    @property
    def hips(self) -> Vector:
        """Midway between the hip joints."""
        middle: Vector = (self.limbs[0].hip + self.limbs[1].hip) / 2
        return middle

    @property
    def shoulder_width(self) -> float:
        """Distance of the shoulder joints."""
        return length(self.limbs[0].shoulder - self.limbs[1].shoulder)

    @property
    def torso(self) -> float:
        """Distance from between the shoulders to between the hips."""
        return max(1.0, length(self.hips - self.neck))

    @property
    def unit(self) -> float:
        """The body's measure: the shoulders' width, or what it would be if the body were not turned."""
        return max(self.shoulder_width, 0.62 * self.torso)

    @property
    def down(self) -> Vector:
        """Direction of the spine."""
        return unit(self.hips - self.neck)

    @property
    def chin(self) -> Vector:
        """Lowest point of the face."""
        if self.has_face:
            chin: Vector = self.face[CHIN]
            return chin
        eyes, mouth = self._eyes_and_mouth()
        return mouth + (mouth - eyes) * 0.9

    @property
    def forehead(self) -> Vector:
        """Top of the face, below the hair."""
        if self.has_face:
            forehead: Vector = self.face[FOREHEAD]
            return forehead
        eyes, mouth = self._eyes_and_mouth()
        return eyes - (mouth - eyes) * 1.0

    @property
    def face_height(self) -> float:
        """From forehead to chin."""
        return max(8.0, length(self.chin - self.forehead) if self.has_face else self.unit * 0.6)

    def _eyes_and_mouth(self) -> tuple[Vector, Vector]:
        eyes = (self.points[LEFT_EYE] + self.points[RIGHT_EYE]) / 2
        mouth = (self.points[MOUTH_LEFT] + self.points[MOUTH_RIGHT]) / 2
        return eyes, mouth

    def face_mask(self) -> Mask:
        """The face without hair and ears."""
        if self.has_face:
            return polygon(self.size, self.face[FACE_OUTLINE])
        eyes, mouth = self._eyes_and_mouth()
        return disc(self.size, (eyes + mouth) / 2, 2 * length(mouth - eyes) + 4)

    def neck_mask(self) -> Mask:
        """The neck from the chin to just above the collarbones."""
        start = self.chin * 1.05 - self.neck * 0.05
        return capsule(self.size, start, self.neck * 0.75 + self.chin * 0.25, self.face_height * 0.27)

    def torso_mask(self, shoulders: float, hips: float, top: float, bottom: float) -> Mask:
        """The trapezium between shoulders and hips.

        `shoulders` and `hips` scale the joints' distances, `top` and `bottom` say where along the torso it starts
        and ends (0 at the shoulders, 1 at the hips).
        """
        corners = []
        for limb in self.limbs:
            high = self.neck + (limb.shoulder - self.neck) * shoulders
            low = self.hips + (limb.hip - self.hips) * hips
            corners.append((high + (low - high) * top, high + (low - high) * bottom))
        (left_top, left_bottom), (right_top, right_bottom) = corners
        return polygon(self.size, np.stack([left_top, right_top, right_bottom, left_bottom]))

    @property
    def nose(self) -> Vector:
        """Tip of the nose."""
        tip: Vector = self.points[NOSE]
        return tip


def _limb(points: Points, sign: int, numbers: tuple[int, int, int, int, tuple[int, int, int]]) -> Limb:
    shoulder, elbow, wrist, hip, fingers = numbers
    knuckles = points[list(fingers)].mean(axis=0)
    fingertip = points[wrist] + (knuckles - points[wrist]) * 1.7
    return Limb(sign, points[shoulder], points[elbow], points[wrist], fingertip, points[hip])


def skeleton_of(pose: Pose, scale: float, size: Size) -> Skeleton:
    """The skeleton in a frame that is `scale` times the picture the pose was found in."""
    points = pose.points * scale
    faces_camera = bool(points[RIGHT_SHOULDER, 0] < points[LEFT_SHOULDER, 0])
    left, right = (_RIGHT_LIMB, _LEFT_LIMB) if faces_camera else (_LEFT_LIMB, _RIGHT_LIMB)
    points = _with_believable_hips(points)
    return Skeleton(
        size=size,
        points=points,
        visibility=pose.visibility,
        limbs=(_limb(points, -1, left), _limb(points, 1, right)),
        faces_camera=faces_camera,
        face=pose.face * scale,
        has_face=pose.has_face,
    )


def _with_believable_hips(points: Points) -> Points:
    """Move hips that the model guessed far too near the shoulders.

    Outside the picture it guesses. That a torso is at least 1.15 times as long as the shoulder joints are apart is a
    rule of thumb for a front view; a turned body makes the ratio larger, never smaller.
    """
    shoulders = (points[LEFT_SHOULDER] + points[RIGHT_SHOULDER]) / 2
    hips = (points[LEFT_HIP] + points[RIGHT_HIP]) / 2
    width = length(points[LEFT_SHOULDER] - points[RIGHT_SHOULDER])
    torso = length(hips - shoulders)
    least = 1.15 * width
    if torso >= least or torso < 1:
        return points
    moved = points.copy()
    moved[[LEFT_HIP, RIGHT_HIP]] += (hips - shoulders) * (least / torso - 1)
    return moved
