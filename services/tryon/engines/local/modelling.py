"""What shows under bare skin: bones, muscles and hollows, as lightness to add."""

import cv2
import numpy as np

from services.tryon.engines.local.arrays import Plane, Points, Vector, blur, floats
from services.tryon.engines.local.bare import ArmForm, Form
from services.tryon.engines.local.canvas import Canvas

# Along the arm (0 shoulder, 1 elbow, 2 wrist) and across it (1 its outer edge): place, reach, lightness.
_ARM = (
    ((0.20, 0.30), (0.20, 0.55), 7.0),  # the deltoid
    ((0.54, 0.55), (0.11, 0.35), -8.4),  # where it ends
    ((0.66, -0.15), (0.20, 0.35), 5.6),  # the biceps
    ((0.40, -0.95), (0.35, 0.40), -12.6),  # what faces the chest
    ((0.99, -0.20), (0.05, 0.40), -7.0),  # the crook of the elbow
    ((0.93, 0.75), (0.07, 0.25), -3.0),
    ((1.24, 0.30), (0.17, 0.35), 5.6),  # the forearm's muscle
    ((1.62, 0.05), (0.26, 0.22), -3.0),  # between its bones
)


def arm_relief(form: ArmForm) -> Plane:
    """The muscles of an arm that hangs."""
    result = -12 * form.across**2  # soft light comes from all sides but those
    for (along, across), (far, wide), strength in _ARM:
        offset = ((form.along - np.float32(along)) / far) ** 2 + ((form.across - np.float32(across)) / wide) ** 2
        result += np.float32(strength) * np.exp(-offset)
    return floats(result)


def trunk_relief(canvas: Canvas, form: Form) -> Plane:
    """A trunk seen from the front: collarbones and the pit between them, chest and belly, the navel."""
    skeleton, measure = canvas.body.skeleton, canvas.body.skeleton.unit
    down, width = skeleton.down, skeleton.shoulder_width
    result = -13 * form.across**4
    pit = skeleton.neck + down * 0.03 * measure
    for index, limb in enumerate(skeleton.limbs):
        inner = pit + np.array([limb.sign * 0.07 * width, 0.0])
        outer = canvas.body.shoulders[index].at(0.46 * width) + down * 0.05 * measure
        middle = inner * 0.5 + outer * 0.5 + down * 0.012 * measure
        bone = np.stack([canvas.place(point) for point in (inner, middle, outer)])
        result += _ridge(canvas, bone, 0.016 * canvas.unit, 8.0)
        # The groove between the chest and the arm's root, from below the collarbone to the armpit.
        armpit = limb.shoulder + np.array([-limb.sign * 0.1 * width, 0.3 * measure])
        groove = np.stack([canvas.place(outer * 0.75 + inner * 0.25 + down * 0.08 * measure), canvas.place(armpit)])
        result -= _line(canvas, groove, 0.04 * canvas.unit, 7.0)
    result -= _spot(canvas, pit + down * 0.02 * measure, (0.045, 0.05), 7.0)
    spine = skeleton.hips - skeleton.neck
    middle_line = np.stack([canvas.place(skeleton.neck + spine * share) for share in (0.16, 0.45, 0.7)])
    result -= _line(canvas, middle_line, 0.025 * canvas.unit, 6.0)
    for sign in (-1, 1):  # the edges of the belly's straight muscle, and the hips' below them
        aside = np.array([sign * width, 0.0])
        edge = [skeleton.neck + spine * share + aside * far for share, far in ((0.42, 0.24), (0.7, 0.25), (1.0, 0.14))]
        result -= _line(canvas, np.stack([canvas.place(point) for point in edge]), 0.035 * canvas.unit, 6.0)
    navel = skeleton.neck + spine * 0.74
    result += _spot(canvas, navel + down * 0.02 * measure, (0.2, 0.14), 5.0)  # the belly's roundness
    result -= _spot(canvas, navel, (0.013, 0.022), 20.0)
    result -= _spot(canvas, navel - down * 0.01 * measure, (0.02, 0.008), 10.0)
    result += _spot(canvas, navel + down * 0.032 * measure, (0.022, 0.008), 6.0)
    return result


def _line(canvas: Canvas, line: Points, wide: float, strength: float) -> Plane:
    """A soft stroke."""
    drawn = np.zeros((canvas.size[1], canvas.size[0]), np.uint8)
    cv2.polylines(drawn, [np.round(line * 16).astype(np.int32)], False, 255, max(1, round(wide)), cv2.LINE_AA, 4)
    return floats(np.float32(strength / 255) * blur(floats(drawn), wide))


def _ridge(canvas: Canvas, line: Points, wide: float, strength: float) -> Plane:
    """A bone under the skin: light above it, shade below."""
    core = _line(canvas, line, wide, strength)
    shift = max(1, round(0.7 * wide))
    return floats(np.roll(core, -shift, axis=0) - 1.3 * np.roll(core, shift, axis=0))


def _spot(canvas: Canvas, centre: Vector, reach: tuple[float, float], strength: float) -> Plane:
    x, y = canvas.place(centre)
    across = (np.arange(canvas.size[0], dtype=np.float32) - x) / (reach[0] * canvas.unit)
    down = (np.arange(canvas.size[1], dtype=np.float32) - y) / (reach[1] * canvas.unit)
    result: Plane = strength * np.outer(np.exp(-(down**2)), np.exp(-(across**2))).astype(np.float32)
    return result
