"""Looking at a result before anybody else does."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import Image, Mask, Plane, dilate, floats, size_of
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.drawing import DrawnGarment
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.pose import Pose, points_again
from services.tryon.engines.local.repair import Repaired
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.warp import Fitting

LEAST_SCORE = 0.5

_JOINTS = [0, 2, 5, 11, 12, 23, 24]  # nose, eyes, shoulders, hips: other sleeves may move elbows, which are guessed


@dataclass(frozen=True)
class Verdict:
    """How good a result is, 0..1, and what is wrong with it in words for a log."""

    score: float
    problems: list[str]


def _grade(value: float, good: float, bad: float) -> float:
    """1 when as good as `good`, 0 when as bad as `bad`, straight between."""
    return float(np.clip((value - bad) / (good - bad), 0, 1))


def _joint_shift(models: Models, before: Pose, result: Image, measure: float) -> float:
    """How far the joints of the upper body moved, the median, in body units; 9 when nobody is found any more.

    Not the farthest: where the head is cut off the model's guesses at single joints change by themselves.
    """
    after = points_again(models, result, before)
    if after is None:
        return 9.0
    visible = [joint for joint in _JOINTS if before.visibility[joint] > 0.7 and _is_inside(before, joint, result)]
    if not visible:
        return 0.0
    moved = before.points[visible] - after[visible]
    return float(np.median(np.hypot(moved[:, 0], moved[:, 1]))) / measure


def _is_inside(pose: Pose, joint: int, picture: Image) -> bool:
    width, height = size_of(picture)
    x, y = pose.points[joint]
    return bool(0 <= x < width and 0 <= y < height)


def _colour_distance(garment: Garment, canvas: Canvas, composed: Composed) -> float:
    """Bhattacharyya distance of the Lab histograms of the garment and of what is shown of it, 0..1."""
    cloth = np.clip(garment.cloth.colours, 0, 255).astype(np.uint8)
    step = 2
    first = _histogram(cloth[::step, ::step], garment.cloth.alpha[::step, ::step] > 0.9)
    second = _histogram(composed.image[::step, ::step], composed.shown[::step, ::step] > 0.95)
    return float(cv2.compareHist(first, second, cv2.HISTCMP_BHATTACHARYYA))


def _histogram(image: Image, where: Mask) -> Plane:
    lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], where.astype(np.uint8), [4, 12, 12], [0, 256, 0, 256, 0, 256])
    smooth = cv2.GaussianBlur(counts.reshape(4, -1), (3, 3), 0.8)
    return floats(smooth / max(1.0, float(smooth.sum())))


def _holes(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> float:
    """Share of the chest and belly, between the armpits and the hem, that the garment leaves bare."""
    left, right = (plan.edge for plan in fitting.plans)
    outline = np.concatenate([left, right[::-1]])
    middle = outline.mean(axis=0)
    inner = [canvas.place(middle + (point - middle) * 0.9) for point in outline]
    trunk = polygon(canvas.size, inner)
    if not trunk.any():
        return 0.0
    bare = trunk & (drawn.cover < 0.5) & (drawn.opening < 0.5)
    return float(bare.sum() / trunk.sum())


def _strayed(canvas: Canvas, composed: Composed) -> float:
    """Share of the drawn garment that lies far outside the body."""
    near = dilate(canvas.mattes.person > 0.5, 0.22 * canvas.unit)
    shown = composed.shown > 0.5
    return float((shown & ~near).sum() / max(1, shown.sum()))


def _changed_background(canvas: Canvas, composed: Composed) -> float:
    """Share of the canvas' untouched background that differs from the photo visibly."""
    touched = dilate((canvas.mattes.person > 0.1) | (composed.shown > 0.02), 0.08 * canvas.unit)
    difference = np.abs(composed.image.astype(np.int16) - canvas.image).max(axis=2) > 24
    return float((difference & ~touched).sum() / max(1, (~touched).sum()))


def judge(
    models: Models,
    pose: Pose,
    garment: Garment,
    canvas: Canvas,
    fitting: Fitting,
    drawn: DrawnGarment,
    repaired: Repaired,
    composed: Composed,
    result: Image,
) -> Verdict:
    """Measure a result. The limits are estimates that catch gross failures; they are not calibrated."""
    face = np.abs(composed.image.astype(np.int16) - canvas.image)[canvas.mattes.face]
    grades = {
        "the body's joints moved": _grade(_joint_shift(models, pose, result, canvas.unit), 0.12, 0.5),
        "the face changed": _grade(float(face.mean()) if face.size else 0.0, 2.0, 8.0),
        "the background changed": _grade(_changed_background(canvas, composed), 0.005, 0.05),
        "the garment's colours changed": _grade(_colour_distance(garment, canvas, composed), 0.45, 0.95),
        "the garment has holes": _grade(_holes(canvas, fitting, drawn), 0.04, 0.3),
        "the garment strays from the body": _grade(_strayed(canvas, composed), 0.02, 0.2),
        "too much skin had to be invented": _grade(repaired.exposed.sum() / canvas.unit**2, 0.9, 2.2),
        "the garment's cut was not understood": _grade(garment.landmarks.error, 0.1, 0.3),
    }
    problems = [problem for problem, grade in grades.items() if grade < 0.7]
    # The worst fault decides; the others take a little more off.
    score = min(grades.values()) * (0.8 + 0.2 * float(np.mean(list(grades.values()))))
    return Verdict(score, problems)
