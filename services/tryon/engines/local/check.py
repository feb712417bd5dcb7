"""Looking at a result before anybody else does."""

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Plane,
    Vector,
    components,
    difference,
    dilate,
    erode,
    floats,
    lab_of,
    largest_channel,
    resize_plane,
    size_of,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.layers import DrawnGarment
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.outline_check import outline_measures, unevenness
from services.tryon.engines.local.paint_check import bitten, flatness, handless, rests
from services.tryon.engines.local.parse import labels_again
from services.tryon.engines.local.pose import LEFT_EYE, RIGHT_EYE, Pose, pose_again
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.repair import Repaired
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.verdict import UPPER_LIMITS, Verdict, verdict_of
from services.tryon.engines.local.warp import Fitting, Part

_JOINTS = [0, 2, 5, 11, 12, 23, 24]  # nose, eyes, shoulders, hips: other sleeves may move elbows, which are guessed
_PARSE_SIDE = 320  # pixels, the long side of the frame in which the result is parsed


def joint_shift(
    models: Models, before: Pose, photo: Image, after: Pose | None, measure: float, joints: list[int]
) -> float:
    """How far joints moved, the median, in body units; 9 when nobody is found any more.

    Both pictures are looked at in the same frame, in which the model's guesses at hidden joints are the same too.
    Not the farthest: where the head is cut off the model's guesses at single joints change by themselves.
    """
    if after is None:
        return 9.0
    control = pose_again(models, photo, before) or before
    visible = [joint for joint in joints if control.visibility[joint] > 0.7 and _is_inside(control, joint, photo)]
    if not visible:
        return 0.0
    seen = control.points[visible]
    shifts = [np.hypot(*(seen - after.points[visible]).T)]
    if certainty(before, photo) < 1:  # without a head the model may take a front for a back
        shifts.append(np.hypot(*(seen - after.points[[_OPPOSITE[joint] for joint in visible]]).T))
    return min(float(np.median(shift)) for shift in shifts) / measure


_OPPOSITE = {0: 0, 2: 5, 5: 2, 11: 12, 12: 11, 23: 24, 24: 23, 25: 26, 26: 25, 27: 28, 28: 27}


def certainty(pose: Pose, photo: Image) -> float:
    """How much a shift of the joints says: little where the head, from which the model starts, is cut off."""
    return 1.0 if pose.has_face and all(_is_inside(pose, eye, photo) for eye in (LEFT_EYE, RIGHT_EYE)) else 0.4


def _is_inside(pose: Pose, joint: int, picture: Image) -> bool:
    width, height = size_of(picture)
    x, y = pose.points[joint]
    return bool(0 <= x < width and 0 <= y < height)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def _reparse_overlap(models: Models, pose: Pose, canvas: Canvas, composed: Composed, result: Image) -> float:
    """Intersection over union of what is shown of the garment and of what a fresh look takes for the upper garment.

    1 for a garment of the skin's colour, which no look at colours can tell from skin. Black cloth is left out: in the
    dark there is no colour to tell it by from dark skin, dark trousers, or a dark background.
    """
    visible = composed.shown > 0.5
    if (canvas.like_skin(lab_of(composed.image)) & visible).sum() > 0.4 * visible.sum():
        return 1.0
    labels = labels_again(models, result, pose, _PARSE_SIDE)
    shown = np.zeros(result.shape[:2], np.float32)
    left, top, right, bottom = canvas.box
    shown[top:bottom, left:right] = composed.shown
    black = resize_plane((largest_channel(result) < _BLACK).astype(np.float32), size_of(labels)) > 0.5
    garment = resize_plane(shown, size_of(labels)) > 0.5
    if (garment & ~black).sum() < 0.15 * garment.sum():
        return 1.0
    return overlap((labels == Label.TOP) & ~black, garment & ~black)


_BLACK = 50  # of 255


def _planned(canvas: Canvas, fitting: Fitting) -> Mask:
    """Where the body, and the garment's cut, want the garment to be."""
    left, right = fitting.plans
    trunk: list[Vector] = [left.collar, left.shoulder, *left.edge]
    trunk += [*right.edge[::-1], right.shoulder, right.collar]
    planned = polygon(canvas.size, [canvas.place(point) for point in trunk])
    for index, plan in enumerate(fitting.plans):
        if plan.sleeve_share > 0:
            planned |= canvas.sleeve(index, plan.shoulder, plan.armpit, plan.sleeve_share, 1.0)
    return planned


def _plan_overlap(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> float:
    """Intersection over union of the garment as drawn, before anything lies in front of it, and as planned.

    Without sleeves only below the armpits: above them a plan says little about straps and necklines.
    """
    cover = (drawn.cover > 0.5) | (drawn.opening > 0.5)
    planned = _planned(canvas, fitting) | (drawn.opening > 0.5)
    if not any(plan.sleeve_share > 0 for plan in fitting.plans):
        armpits = max(0, round(canvas.row(max(float(plan.armpit[1]) for plan in fitting.plans))))
        cover, planned = cover[armpits:], planned[armpits:]
    return overlap(planned, cover)


def _bare_sleeves(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment) -> float:
    """Share of the arm's line that should be under a sleeve and is not; the worse of both arms."""
    cover, bare = drawn.cover, [0.0]
    for arm, plan in zip(canvas.body.arms, fitting.plans, strict=True):
        marks = np.linspace(
            min(0.3 * arm.upper, 0.5 * plan.sleeve_share * arm.reach), plan.sleeve_share * arm.reach, 16
        )
        places = [canvas.place(arm.section(mark).centre) for mark in marks[:-1]]
        inside = [
            (x, y) for x, y in np.round(places).astype(int) if 0 <= x < cover.shape[1] and 0 <= y < cover.shape[0]
        ]
        if plan.sleeve_share > 0 and inside:
            bare.append(float(np.mean([cover[y, x] < 0.5 for x, y in inside])))
    return max(bare)


def colour_distance(cloth: Cloth, composed: Composed) -> float:
    """Bhattacharyya distance of the Lab histograms of the garment and of what is shown of it, 0..1."""
    first = _histogram(cloth.colours[::2, ::2], cloth.alpha[::2, ::2] > 0.9)
    second = _histogram(composed.image[::2, ::2], composed.shown[::2, ::2] > 0.95)
    return float(cv2.compareHist(first, second, cv2.HISTCMP_BHATTACHARYYA))


def _histogram(image: Image, where: Mask) -> Plane:
    """Of lightness, coarsely, and of colour by lightness, which light and shade on the cloth change little."""
    lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2LAB).astype(np.float32)
    lab[..., 1:] = 128 + (lab[..., 1:] - 128) * (128 / np.maximum(lab[..., :1], 64))
    counts = cv2.calcHist([lab], [0, 1, 2], where.astype(np.uint8), [4, 12, 12], [0, 256, -64, 320, -64, 320])
    smooth = ndimage.gaussian_filter(counts, (0.7, 0.8, 0.8), mode="nearest")
    return floats(smooth / max(1.0, float(smooth.sum()))).reshape(4, -1)


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


def torn(parts: tuple[Part, ...]) -> float:
    """Share of the cloth that is drawn more than 2.5 times larger, smaller or longer than the rest, or inside out."""
    scales, ratios = zip(*(_distortion(part) for part in parts), strict=True)
    scale, ratio = np.concatenate(scales), np.concatenate(ratios)
    if len(scale) == 0:
        return 1.0
    usual = float(np.median(scale))
    return float(((scale < usual / 2.5) | (scale > usual * 2.5) | (ratio > 2.5)).mean())


def _distortion(part: Part) -> tuple[Plane, Plane]:
    """Of each drawn pixel the linear scale and the ratio of the singular values of its map's derivative."""
    drawn = erode(part.across >= 0, 2)
    fine = [cv2.GaussianBlur(plane, (0, 0), 2.0) for plane in (part.across, part.down)]
    (ay, ax), (dy, dx) = (np.gradient(plane) for plane in fine)
    inside = erode(drawn, 4)
    ax, ay, dx, dy = (plane[inside] for plane in (ax, ay, dx, dy))
    area, size = ax * dy - ay * dx, ax**2 + ay**2 + dx**2 + dy**2
    root = np.sqrt(np.maximum(size**2 - 4 * area**2, 0))
    ratio = np.sqrt((size + root) / np.maximum(size - root, 1e-6))
    return floats(np.sqrt(np.maximum(area, 0))), floats(ratio)


def _left_over(canvas: Canvas, repaired: Repaired, composed: Composed) -> float:
    """Share of the old garment that is still to be seen as it was; a background may be of its colour."""
    old = erode(canvas.mattes.top > 0.8, 2 * canvas.scale) & ~repaired.background
    same = difference(composed.image, canvas.image) < 10
    return float((old & same & (composed.shown < 0.1)).sum() / max(1, old.sum()))


def pieces(composed: Composed) -> float:
    """Share of the garment that is not connected with the largest piece of it."""
    _, stats = components(composed.shown > 0.5)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return 1.0 if len(areas) == 0 else 1 - float(areas.max() / areas.sum())


def changed_background(canvas: Canvas, composed: Composed) -> float:
    """Share of the canvas' untouched background that differs from the photo visibly."""
    touched = dilate((canvas.mattes.person > 0.1) | (composed.shown > 0.02), 0.08 * canvas.unit)
    differs = difference(composed.image, canvas.image) > 24
    return float((differs & ~touched).sum() / max(1, (~touched).sum()))


def _buried(canvas: Canvas, drawn: DrawnGarment) -> float:
    """Share of the face that the garment reaches into: its collar is no collar there."""
    face = canvas.mattes.face
    return float((face & (drawn.cover > 0.5)).sum() / max(1, face.sum()))


def _invented_clothes(canvas: Canvas, repaired: Repaired) -> float:
    """What had to be invented of what is worn below a hem that is higher than the old one, in body units."""
    rest = repaired.exposed & ~repaired.skin & ~repaired.background & (canvas.mattes.person > 0.5)
    return float(erode(rest, 2 * canvas.scale).sum()) / canvas.unit**2


def judge(
    models: Models,
    pose: Pose,
    garment: Garment,
    canvas: Canvas,
    fitting: Fitting,
    drawn: DrawnGarment,
    repaired: Repaired,
    composed: Composed,
    photo: Image,
    result: Image,
) -> Verdict:
    """Measure a result."""
    after = pose_again(models, result, pose)
    # The shirt under an open jacket is as much an upper garment as the jacket.
    worn = composed if drawn.front is None else replace(composed, shown=np.maximum(composed.shown, drawn.front))
    face = np.abs(composed.image.astype(np.int16) - canvas.image)[canvas.mattes.face]
    measures = {
        "joints": joint_shift(models, pose, photo, after, canvas.unit, _JOINTS) * certainty(pose, photo),
        "face": float(face.mean()) if face.size else 0.0,
        "background": changed_background(canvas, composed),
        "colours": colour_distance(garment.cloth, composed),
        "holes": _holes(canvas, fitting, drawn),
        "strayed": _strayed(canvas, composed),
        "reparse": _reparse_overlap(models, pose, canvas, worn, result),
        "sleeves": _bare_sleeves(canvas, fitting, drawn),
        "plan": _plan_overlap(canvas, fitting, drawn),
        "torn": torn(fitting.parts),
        "left over": _left_over(canvas, repaired, worn),
        "pieces": pieces(worn),
        "skin": float(repaired.skin.sum()) / canvas.unit**2,
        "buried": _buried(canvas, drawn),
        "clothes": _invented_clothes(canvas, repaired),
        "turned": canvas.body.skeleton.shoulder_width / canvas.body.skeleton.unit,
        "cut": garment.landmarks.error,
        "rests": rests(canvas, composed),
        "bitten": bitten(canvas, repaired, composed),
        "flat": flatness(canvas, repaired, composed),
        "handless": handless(canvas, repaired, composed),
        "uneven": unevenness(garment),
    }
    return verdict_of(
        measures | outline_measures(canvas, drawn.cover, garment.cloth, composed, fitting.hem), UPPER_LIMITS
    )
