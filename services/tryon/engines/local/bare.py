"""The bare body under clothes: outlines of arms and trunk, and how their surface turns to the light."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Mask,
    Plane,
    Points,
    Vector,
    blur,
    floats,
    sample,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.shapes import polygon
from services.tryon.engines.local.warp import Fitting

# Half the width of a bare arm in body units, by place (0 shoulder, 1 elbow, 2 wrist): adults' girths over shoulder
# breadth as NASA's Anthropometric Source Book (1978) has them, between its women and men.
_ARM_AT = np.array([0.0, 0.15, 0.35, 0.6, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.3])
_ARM_WIDE = np.array([0.130, 0.147, 0.143, 0.130, 0.112, 0.105, 0.113, 0.108, 0.090, 0.072, 0.080])
_SECTIONS = 30
_KERNEL = np.hanning(9)[1:-1] / np.hanning(9).sum()


@dataclass(frozen=True)
class Form:
    """A part of the bare body."""

    cover: Plane  # 0..1
    across: Plane  # -1..1 from its left to its right edge as seen from the middle line's start
    outward: Vector  # unit vector in the picture of the direction in which `across` grows

    @property
    def mask(self) -> Mask:
        """Where it is."""
        inside: Mask = self.cover > 0.5
        return inside


@dataclass(frozen=True)
class _Outline:
    centres: Points  # on the canvas
    outward: Points
    outer: Vector  # half widths in canvas pixels
    inner: Vector


def arm_form(canvas: Canvas, index: int) -> Form:
    """A bare arm: as thick as the part of it that can be seen tells, else as arms usually are."""
    line = _arm_outline(canvas, index)
    corners = np.concatenate(
        [
            line.centres + line.outward * line.outer[:, None],
            (line.centres - line.outward * line.inner[:, None])[::-1],
        ]
    )
    cover = _drawn(canvas, corners)
    cv2.circle(cover, _fixed(line.centres[0]), round(16 * float(line.outer[0])), 255, -1, cv2.LINE_AA, 4)
    soft = blur(floats(cover / np.float32(255)), 0.6 * canvas.scale)
    return Form(soft, _across(canvas, line), line.outward[_SECTIONS // 4])


def _arm_outline(canvas: Canvas, index: int) -> _Outline:
    """The arm's sections; where the skin shows its edges, they are its edges."""
    arm, measure = canvas.body.arms[index], canvas.body.skeleton.unit
    marks = np.linspace(0, arm.reach + 0.2 * measure, _SECTIONS)
    sections = [arm.section(mark) for mark in marks]
    beyond = np.where(marks < arm.upper, marks / max(1.0, arm.upper), 0.0)
    at = np.where(marks < arm.upper, beyond, 1 + (marks - arm.upper) / max(1.0, arm.reach - arm.upper))
    usual = np.interp(at, _ARM_AT, _ARM_WIDE) * measure
    centres = np.stack([section.centre for section in sections])
    outward = np.stack([section.outward for section in sections])
    outer, inner = (_skin_edges(canvas, centres, outward * side, usual) for side in (1, -1))
    half, shift = (outer + inner) / 2, (outer - inner) / 2
    seen = np.isfinite(half) & (half > 0.5 * usual) & (half < 1.45 * usual) & (np.abs(shift) < 0.8 * usual)
    bounds = np.array([section.outer for section in sections])
    if seen.sum() >= 2:
        places, marked = np.flatnonzero(seen), np.arange(_SECTIONS)
        ratio = np.interp(marked, places, _smooth(np.clip(half[seen] / usual[seen], 0.7, 1.3)))
        far = np.abs(marked[:, None] - places).min(axis=1) / _SECTIONS
        half = usual * (1 + (ratio - 1) * np.clip(1 - 1.2 * far, 0.5, 1))
        moved = np.interp(marked, places, _smooth(shift[seen])) * np.clip(1 - 3 * far, 0, 1)
    else:
        half, moved = usual, np.zeros(_SECTIONS)
    most = np.where(seen, np.inf, 0.97 * bounds)
    outer, inner = _smooth(np.minimum(half + moved, most)), _smooth(half - moved)
    placed = np.stack([canvas.place(centre) for centre in centres])
    return _Outline(placed, outward, outer * canvas.scale, inner * canvas.scale)


def _skin_edges(canvas: Canvas, centres: Points, direction: Points, usual: Vector) -> Vector:
    """How far from each centre skin goes in a direction; not a number where it is not seen to end in background."""
    steps = np.linspace(0.0, 1.7, 35)[None] * usual[:, None]
    places = (centres[:, None] + steps[..., None] * direction[:, None] - canvas.origin) * canvas.scale
    skin = sample(canvas.mattes.skin, places[..., 0], places[..., 1]) > 0.5
    ends = (~skin).argmax(axis=1)
    found: Vector = np.where(skin[:, 0] & (ends > 0), steps[np.arange(len(steps)), ends], np.nan)
    return found


def _smooth(widths: Vector) -> Vector:
    """The same without jumps."""
    padded = np.pad(widths, 3, "edge")
    result: Vector = np.convolve(padded, _KERNEL, "valid")
    return result


def _fixed(point: Vector) -> tuple[int, int]:
    """A point in OpenCV's sixteenths of pixels."""
    return round(16 * float(point[0])), round(16 * float(point[1]))


def _drawn(canvas: Canvas, corners: Points) -> cv2.typing.MatLike:
    cover = np.zeros((canvas.size[1], canvas.size[0]), np.uint8)
    cv2.fillPoly(cover, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cover


def _across(canvas: Canvas, line: _Outline) -> Plane:
    """How far from the middle line towards the edge each pixel is, -1..1."""
    step = 4
    x, y = (floats(plane) for plane in np.meshgrid(*(np.arange(0, side + step, step) for side in canvas.size)))
    centres = floats(line.centres)
    nearest = ((x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2).argmin(axis=-1)
    outward = floats(line.outward)[nearest]
    offset = (x - centres[nearest, 0]) * outward[..., 0] + (y - centres[nearest, 1]) * outward[..., 1]
    wide = np.where(offset > 0, floats(line.outer)[nearest], floats(line.inner)[nearest])
    # Where an arm comes out of the shoulder, its inner side is no edge but goes on into the chest.
    rooted = floats(np.clip(np.linspace(-0.1, 2.2, _SECTIONS), 0, 1))[nearest]
    share = floats(np.clip(offset / np.maximum(wide, 1), -rooted, 1))
    full = cv2.resize(share, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    return floats(blur(floats(full[: canvas.size[1], : canvas.size[0]]), 2.0))


def trunk_form(canvas: Canvas, fitting: Fitting, neck: Mask) -> Form:
    """The bare trunk with neck and shoulders."""
    body, skeleton = canvas.body, canvas.body.skeleton
    width = skeleton.shoulder_width
    sunk = np.array([0.0, 0.012 * skeleton.unit])  # cloth lay on the shoulders
    outline = [body.shoulders[0].at(share) + sunk for share in np.linspace(0.57, 0.25, 8) * width]
    outline += [body.shoulders[1].at(share) + sunk for share in np.linspace(0.25, 0.57, 8) * width]
    last = float(skeleton.neck[1] + 1.35 * (skeleton.hips - skeleton.neck)[1])
    rows = np.linspace(max(float(plan.armpit[1]) for plan in fitting.plans), last, 24)
    outline += [np.array([body.side(1, row), row]) for row in rows]
    outline += [np.array([body.side(0, row), row]) for row in rows[::-1]]
    solid = polygon(canvas.size, [canvas.place(point) for point in outline]) | neck
    # From neck to shoulder it is one even line, whatever a collar did to the silhouette.
    even = soften(solid, 0.05 * canvas.unit) > 0.5
    high = np.arange(canvas.size[1])[:, None] < canvas.row(float(skeleton.neck[1]))
    cover = soften(np.where(high, even | neck, solid), 0.8 * canvas.scale)
    frame_rows = canvas.frame_rows()
    left, right = (body.side_in(index, frame_rows) for index in (0, 1))
    chest = 1.5 * width / 2  # above the armpits it goes on into the shoulders
    middle, half = (left + right) / 2, np.maximum(4.0, (right - left) / 2)
    share = np.clip((rows[0] - frame_rows) / (0.2 * skeleton.unit), 0, 1)
    half = half * (1 - share) + np.maximum(half, chest) * share
    columns = np.arange(canvas.size[0])[None] / canvas.scale + canvas.origin[0]
    across = np.clip((columns - middle[:, None]) / half[:, None], -1, 1)
    return Form(floats(cover), floats(across), np.array([1.0, 0.0]))
