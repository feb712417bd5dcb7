"""Input that no good picture can come from, told apart before any work is spent on it."""

from collections.abc import Iterator

import numpy as np

from services.tryon.engines.local.arrays import Image, lab_of, resize_image
from services.tryon.engines.local.cutout import Cutout, plain_share
from services.tryon.engines.local.pose import (
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    Detection,
    Pose,
)
from services.tryon.engines.local.problems import InputProblem, RelativeBox
from services.tryon.engines.local.shapes import length

# Over 40 photos the detector gave people 0.76 and more, flat garments 0.65 and less.
_PERSON_SCORE = 0.7
_LEAST_SHOULDERS = 60  # pixels; below, the garment would be a few blurred dozens of pixels wide
_PLAIN_BORDER = 0.3
_LARGEST_GARMENT, _SMALLEST_GARMENT = 0.85, 0.02


def person_problems(pose: Pose | None, width: int, height: int) -> Iterator[InputProblem]:
    """Everything that makes a photo of a person unusable; `pose` is in the photo's pixels."""
    if pose is None or pose.score < 0.5 or pose.detections[0].score < _PERSON_SCORE:
        yield InputProblem(
            "NO_PERSON_FOUND",
            "No person was found in this photo. Please use one that shows you from the front, at least to the waist.",
            "person",
        )
        return
    shoulders = pose.points[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    others = pose.detections[1:]
    if others:
        yield InputProblem(
            "SEVERAL_PEOPLE",
            "There is more than one person in this photo. Please use one that shows only you.",
            "person",
            _relative(others[0], width, height),
        )
    hips = pose.points[[23, 24]].mean(axis=0)
    if hips[1] < shoulders[:, 1].mean():
        yield InputProblem(
            "UPSIDE_DOWN", "This photo is upside down. Please turn it so that your head is at the top.", "person"
        )
        return
    if (shoulders < 0).any() or (shoulders > [width, height]).any():
        yield InputProblem(
            "BODY_CROPPED",
            "Your shoulders are cut off in this photo. Please use one that shows your whole upper body.",
            "person",
        )
    elif shoulders[0, 0] < shoulders[1, 0]:
        yield InputProblem(
            "FACING_AWAY", "You are seen from behind in this photo. Please use one taken from the front.", "person"
        )
    if length(shoulders[0] - shoulders[1]) < _LEAST_SHOULDERS:
        yield InputProblem(
            "PERSON_TOO_SMALL",
            "You are too small in this photo, or turned aside. Please use one taken from closer and from the front.",
            "person",
        )


def _relative(person: Detection, width: int, height: int) -> RelativeBox:
    low = np.clip((person.centre - person.radius) / [width, height], 0, 1)
    high = np.clip((person.centre + person.radius) / [width, height], 0, 1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


_NOT_FOUND = (
    "No garment was found in this picture. Please use one of a single garment, laid flat before a plain background."
)
_BUSY = "The background of this picture is too busy. Please photograph the garment before a plain wall or sheet."


def flat_garment_problems(picture: Image) -> Iterator[InputProblem]:
    """What can be told of a picture without a wearer before the garment is cut out."""
    lab = lab_of(resize_image(picture, (256, max(1, round(256 * picture.shape[0] / picture.shape[1])))))
    if float(lab.reshape(-1, 3).std(axis=0).max()) < 1.5:
        yield InputProblem("GARMENT_NOT_FOUND", _NOT_FOUND, "garment")
    elif plain_share(lab) < _PLAIN_BORDER:
        yield InputProblem("GARMENT_BACKGROUND_BUSY", _BUSY, "garment")


def cutout_problems(found: Cutout) -> Iterator[InputProblem]:
    """What can be told of a garment once it has been cut out."""
    area = float(found.mask.mean())
    if area < _SMALLEST_GARMENT:
        yield InputProblem("GARMENT_NOT_FOUND", _NOT_FOUND, "garment")
    elif area > _LARGEST_GARMENT:
        yield InputProblem("GARMENT_BACKGROUND_BUSY", _BUSY, "garment")


def unlike_a_garment() -> InputProblem:
    """For a thing whose outline is no garment's."""
    return InputProblem("GARMENT_NOT_FOUND", _NOT_FOUND, "garment")


_LEAST_BELOW_HIPS = 0.35  # of the torso: half of the thighs
_STRAIGHT = 0.45  # of the torso: how far the knees are below the hips of somebody who stands


def lower_body_problems(pose: Pose, width: int, height: int) -> Iterator[InputProblem]:
    """What keeps trousers, skirts and dresses from being put on; `pose` is in the photo's pixels.

    Legs may be cut off from the middle of the thighs on: the garment then ends with the photo.
    """
    shoulders, hips = pose.points[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0), pose.points[[LEFT_HIP, RIGHT_HIP]]
    torso, low = length(hips.mean(axis=0) - shoulders), float(hips[:, 1].mean())
    if low + _LEAST_BELOW_HIPS * torso > height:
        top = float(np.clip(low / height, 0, 0.95))
        yield InputProblem(
            "LOWER_BODY_CROPPED",
            "Your legs are cut off in this photo. Please use one that shows you at least to the middle of your thighs.",
            "person",
            (0.0, top, 1.0, 1.0),
        )
        return
    if _legs_are_bent(pose, height):
        knees = pose.points[[LEFT_KNEE, RIGHT_KNEE]]
        left, top = np.clip(np.minimum(knees.min(axis=0), hips.min(axis=0)) / [width, height], 0, 1)
        right, bottom = np.clip(np.maximum(knees.max(axis=0), hips.max(axis=0)) / [width, height], 0, 1)
        yield InputProblem(
            "LEGS_BENT",
            "You are sitting, or your legs are bent, in this photo. Please use one that shows you standing upright.",
            "person",
            (float(left), float(top), float(right), float(bottom)),
        )


def _legs_are_bent(pose: Pose, height: int) -> bool:
    """Whether a knee is seen much higher than that of somebody who stands."""
    shoulders, hips = pose.points[[LEFT_SHOULDER, RIGHT_SHOULDER]], pose.points[[LEFT_HIP, RIGHT_HIP]]
    torso, knees = length(hips.mean(axis=0) - shoulders.mean(axis=0)), pose.points[[LEFT_KNEE, RIGHT_KNEE]]
    seen = (knees[:, 1] < height) & (pose.visibility[[LEFT_KNEE, RIGHT_KNEE]] > 0.6)
    return bool((seen & (knees[:, 1] - hips[:, 1] < _STRAIGHT * torso)).any())


def wearer_problems(pose: Pose, height: int) -> Iterator[InputProblem]:
    """What keeps trousers or a skirt from being taken from the person who wears them."""
    if _legs_are_bent(pose, height):
        yield InputProblem(
            "WEARER_NOT_STANDING",
            "Whoever wears this garment is not standing. Please use a picture of it worn standing, or laid flat.",
            "garment",
        )


def garment_cropped() -> InputProblem:
    """For a garment that its picture shows less of than is to be seen of the person."""
    return InputProblem(
        "GARMENT_CROPPED",
        "The garment is cut off in this picture. Please use one that shows all of it.",
        "garment",
    )


def garment_hidden() -> InputProblem:
    """For a garment of which its wearer's hair or arms hide more than can be completed."""
    return InputProblem(
        "GARMENT_HIDDEN",
        "Hair or an arm hides much of this garment. Please use a picture that shows all of it, worn or laid flat.",
        "garment",
    )
