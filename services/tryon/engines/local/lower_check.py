"""Looking at trousers, skirts and one-pieces that were put on, before anybody else does."""

import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    blur,
    difference,
    dilate,
    erode,
    floats,
    lab_of,
    resize_plane,
    size_of,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.check import (
    certainty,
    changed_background,
    colour_distance,
    joint_shift,
    overlap,
    pieces,
    torn,
)
from services.tryon.engines.local.compose import Composed
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_fit import LowerFitting
from services.tryon.engines.local.lower_repair import LowerRepaired, waist_rows
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.outline_check import outline_measures
from services.tryon.engines.local.parse import labels_again
from services.tryon.engines.local.pose import Pose, pose_again
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import point_at, polygon, run_at
from services.tryon.engines.local.verdict import OUTLINE_LIMITS, UPPER_LIMITS, Limits, Verdict, verdict_of
from services.tryon.engines.local.warp import Part

_JOINTS = [11, 12, 23, 24, 25, 26, 27, 28]  # shoulders, hips, knees, ankles
_PARSE_SIDE = 320

# What counts as good and as bad of each measure, and what is wrong when it is bad.
LOWER_LIMITS: Limits = {
    "joints": (0.10, 0.45, "the body's joints moved"),
    "kept": (0.6, 5.0, "the face or the upper garment changed"),
    "background": (0.002, 0.03, "the background changed"),
    "colours": (0.1, 0.5, "the garment's colours changed"),
    "holes": (0.01, 0.16, "the garment has holes"),
    "reparse": (0.8, 0.3, "the result does not read as a person in this garment"),
    "torn": (0.05, 0.4, "the garment is torn or stretched"),
    "left over": (0.01, 0.12, "the old garment still shows"),
    "pieces": (0.02, 0.25, "the garment is in pieces"),
    "skin": (2.4, 4.5, "too much skin had to be invented"),
    "busy": (1.5, 6.0, "too much of a busy background had to be invented"),
    "feet": (0.03, 0.25, "the feet were changed"),
    "step": (0.08, 0.22, "painted legs do not meet the real ones"),
    "turned": (0.8, 0.5, "the body is turned too far"),
    "cut": (0.12, 0.4, "the garment's cut was not understood"),
} | OUTLINE_LIMITS


def _kept_change(canvas: Canvas, composed: Composed, lower: LowerBody) -> float:
    """Mean change of the face, and of the upper garment well above the waistband."""
    rows = np.arange(canvas.size[1])[:, None]
    above = rows < waist_rows(canvas, lower) - 0.15 * canvas.unit
    kept = canvas.mattes.face | ((canvas.mattes.top > 0.9) & above)
    change = np.abs(composed.image.astype(np.int16) - canvas.image)[kept]
    return float(change.mean()) if change.size else 0.0


def _holes(canvas: Canvas, fitting: LowerFitting, cover: Mask) -> float:
    """Share of the planned seat and legs, well inside them, that the garment leaves bare."""
    left, right = fitting.edges
    if fitting.inner is None:
        planned = polygon(canvas.size, [canvas.place(point) for point in [*left, *right[::-1]]])
    else:
        planned = np.zeros(cover.shape, np.bool_)
        for outer, inner in zip(fitting.edges, fitting.inner, strict=True):
            middle = np.array([inner[0][0], fitting.waist])
            planned |= polygon(canvas.size, [canvas.place(point) for point in [middle, *outer, *inner[::-1]]])
    planned = erode(planned, 0.03 * canvas.unit)
    return float((planned & ~cover).sum() / max(1, planned.sum()))


def left_over(canvas: Canvas, composed: Composed, old: Mask) -> float:
    """Share of the old garment that is still to be seen as it was."""
    old = erode(old, 2 * canvas.scale)
    same = difference(composed.image, canvas.image) < 10
    return float((old & same & (composed.shown < 0.1)).sum() / max(1, old.sum()))


def reparse_overlap(
    models: Models, pose: Pose, canvas: Canvas, composed: Composed, result: Image, labels: tuple[Label, ...]
) -> float:
    """Intersection over union, above the ankles, of what is shown and of what a fresh look takes for the garment.

    1 for a garment of the skin's colour, which no look at colours can tell from skin.
    """
    visible = composed.shown > 0.5
    if (canvas.like_skin(lab_of(composed.image)) & visible).sum() > 0.4 * max(1, visible.sum()):
        return 1.0
    again = labels_again(models, result, pose, _PARSE_SIDE)
    shown = np.zeros(result.shape[:2], np.float32)
    left, top, right, bottom = canvas.box
    shown[top:bottom, left:right] = composed.shown
    expected = resize_plane(shown, size_of(again)) > 0.5
    rows = np.flatnonzero(expected.any(axis=1))
    last = int(rows[-1]) if len(rows) else 0
    return overlap(np.isin(again, labels)[:last], expected[:last])


def _busy(canvas: Canvas, repaired: LowerRepaired) -> float:
    """Invented background in body units, weighted by how much its surroundings vary."""
    area = float(erode(repaired.background, 2).sum()) / canvas.unit**2
    outside = ~dilate(canvas.mattes.person > 0.05, 0.16 * canvas.unit)
    near = outside & dilate(repaired.background, 0.45 * canvas.unit)
    if area < 0.02 or near.sum() < 200:
        return 0.0
    light = np.ascontiguousarray(canvas.lab[..., 0])
    detail = np.abs(light - blur(light, 0.05 * canvas.unit))[near]
    return area * float(np.clip(np.percentile(detail, 85) - 2.0, 0, 20))


def _lost_feet(canvas: Canvas, lower: LowerBody, repaired: LowerRepaired) -> float:
    """Share of the feet that was taken for trousers and painted over."""
    feet = np.zeros(repaired.background.shape, np.bool_)
    for leg in lower.legs:
        feet |= canvas.limb((leg.foot[0] + leg.foot[1]) / 2, leg.foot[1], 0.05, 0.05)  # heels may be under hems
    feet &= canvas.mattes.person > 0.5
    return float((feet & (repaired.background | repaired.skin)).sum() / max(1, feet.sum()))


def _step(canvas: Canvas, lower: LowerBody, repaired: LowerRepaired) -> float:
    """How far the outline of a painted leg jumps where the real one goes on below the old hem, in body units."""
    real = canvas.mattes.skin > 0.5
    legs, worst = repaired.skin | real, 0.0
    for index, leg in enumerate(lower.legs):
        reach = lower.old_reach(index)
        if reach is None:
            continue
        places = [canvas.place(point_at(leg.line, reach + side * 0.05 * leg.measure)) for side in (-1, 1)]
        if not all(0 <= y < canvas.size[1] for _, y in places):
            continue
        (x, above), (_, below) = (np.round(place).astype(int) for place in places)
        painted, goes_on = run_at(repaired.skin[above], x), run_at(real[below], x)
        near = 0.3 * canvas.unit
        if painted is None or goes_on is None or any(abs(sum(run) / 2 - x) > near for run in (painted, goes_on)):
            continue
        if goes_on[1] - goes_on[0] < 0.5 * (painted[1] - painted[0]):  # beside a shoe
            continue
        first, second = run_at(legs[above], x) or painted, run_at(legs[below], x) or goes_on
        worst = max(worst, abs(first[0] - second[0]), abs(first[1] - second[1]))
    return worst / canvas.unit


def common_measures(
    models: Models,
    pose: Pose,
    photo: Image,
    result: Image,
    canvas: Canvas,
    lower: LowerBody,
    cloth: Cloth,
    parts: tuple[Part, ...],
    repaired: LowerRepaired,
    composed: Composed,
) -> dict[str, float]:
    """What is measured alike of everything that covers legs."""
    after = pose_again(models, result, pose)
    return {
        "joints": joint_shift(models, pose, photo, after, canvas.unit, _JOINTS) * certainty(pose, photo),
        "background": changed_background(canvas, composed),
        "colours": colour_distance(cloth, composed),
        "torn": torn(parts),
        "left over": left_over(canvas, composed, canvas.enlarged_mask(lower.old)),
        "pieces": pieces(composed),
        "skin": float(repaired.skin.sum()) / canvas.unit**2,
        "busy": _busy(canvas, repaired),
        "feet": _lost_feet(canvas, lower, repaired),
        "step": _step(canvas, lower, repaired),
        "turned": canvas.body.skeleton.shoulder_width / canvas.body.skeleton.unit,
    }


def judge_lower(
    common: dict[str, float],
    models: Models,
    pose: Pose,
    result: Image,
    canvas: Canvas,
    lower: LowerBody,
    fitting: LowerFitting,
    cover: Mask,
    composed: Composed,
    cloth: Cloth,
    error: float,
) -> Verdict:
    """The verdict on trousers, shorts and skirts."""
    own = {
        "kept": _kept_change(canvas, composed, lower),
        "holes": _holes(canvas, fitting, cover),
        "reparse": reparse_overlap(models, pose, canvas, composed, result, (Label.BOTTOM,)),
        "cut": error,
    }
    hem = min(float(point_at(leg.line, end)[1]) for leg, end in zip(lower.legs, fitting.ends, strict=True))
    own |= outline_measures(canvas, floats(cover), cloth, composed, hem)
    return verdict_of(common | own, LOWER_LIMITS)


_ONE_PIECE = (
    "joints",
    "background",
    "colours",
    "torn",
    "left over",
    "pieces",
    "skin",
    "busy",
    "feet",
    "step",
    "turned",
    "cut",
    "reparse",
)
_AS_UPPER = ("rests", "bitten", "handless", "flat", "uneven", *OUTLINE_LIMITS)


def judge_one_piece(common: dict[str, float], own: dict[str, float]) -> Verdict:
    """The verdict on dresses and jumpsuits; `own` are the measures of the upper body and "reparse"."""
    upper: Limits = {
        "face": (1.0, 6.0, "the face changed"),
        "holes": (0.01, 0.16, "the garment has holes"),
        "sleeves": (0.2, 0.7, "a sleeve is missing"),
        "upper skin": (0.4, 1.05, "too much skin had to be invented on arms and chest"),
        "plan": (0.85, 0.55, "the garment is not where it should be"),
        "buried": (0.005, 0.06, "the garment reaches into the face"),
    }
    upper |= {name: UPPER_LIMITS[name] for name in _AS_UPPER}
    return verdict_of(own | common, {name: LOWER_LIMITS[name] for name in _ONE_PIECE} | upper)
