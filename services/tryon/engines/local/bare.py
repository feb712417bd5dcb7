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
    closed,
    dilate,
    erode,
    floats,
    sample,
    smoothed,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.shapes import direction_at, point_at, polygon, run_at
from services.tryon.engines.local.warp import Fitting

# Half the width of a bare arm in body units, by place (0 shoulder, 1 elbow, 2 wrist): adults' girths over shoulder
# breadth as NASA's Anthropometric Source Book (1978) has them, between its women and men.
_ARM_AT = np.array([0.0, 0.15, 0.35, 0.6, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.15, 2.3])
_ARM_WIDE = np.array([0.130, 0.147, 0.143, 0.130, 0.112, 0.105, 0.113, 0.108, 0.088, 0.068, 0.075, 0.095])
# Of that, how far its middle lies outside the bone: the deltoid and the forearm's muscle bulge outwards.
_ARM_ASIDE = np.array([0.0, 0.05, 0.10, 0.02, -0.02, 0.0, 0.07, 0.05, 0.0, 0.0, 0.0, 0.0])
_SECTIONS = 40
_HAND = 2.03  # what lies beyond tells nothing of the arm's thickness
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
class ArmForm(Form):
    """A bare arm."""

    along: Plane  # 0 at the shoulder, 1 at the elbow, 2 at the wrist
    beside: Plane  # from its middle line, -1..1, its inner edge an edge even where it comes out of the shoulder

    def forward(self, start: float, end: float) -> Mask:
        """What of it hangs before the trunk: from `start` to `end` along the arm it comes out of the armhole."""
        below = np.clip((self.along - start) / (end - start), 0, 1)
        out: Mask = self.mask & (self.along > start) & (self.beside > 0.7 - 1.75 * below)
        return out


@dataclass(frozen=True)
class _Outline:
    centres: Points  # on the canvas
    outward: Points
    outer: Vector  # half widths in canvas pixels
    inner: Vector
    at: Vector  # 0 shoulder, 1 elbow, 2 wrist


def arm_form(canvas: Canvas, index: int) -> ArmForm:
    """A bare arm: as thick as the part of it that can be seen tells, else as arms usually are."""
    line = _arm_outline(canvas, index)
    cover = _drawn(canvas, line)
    even = blur(floats(cover / np.float32(255)), 0.012 * canvas.unit)  # muscles have no corners
    soft = floats(np.clip((even - 0.5) * (0.022 * canvas.unit) / max(0.5, 0.6 * canvas.scale) + 0.5, 0, 1))
    across, along, beside = _places(canvas, line)
    return ArmForm(blur(soft, 0.3 * canvas.scale), across, line.outward[_SECTIONS // 4], along, beside)


def _arm_outline(canvas: Canvas, index: int) -> _Outline:
    """The arm's sections; where the skin shows its edges, they are its edges."""
    arm, measure = canvas.body.arms[index], canvas.body.skeleton.unit
    marks = np.linspace(0, arm.reach + 0.2 * measure, _SECTIONS)
    line = np.vstack([arm.line, arm.limb.fingertip])
    centres = np.stack([point_at(line, mark) for mark in marks])
    along = np.stack([direction_at(line, mark, 0.24 * measure) for mark in marks])
    outward = np.stack([-along[:, 1], along[:, 0]], axis=1) * -arm.limb.sign
    beyond = np.where(marks < arm.upper, marks / max(1.0, arm.upper), 0.0)
    at = np.where(marks < arm.upper, beyond, 1 + (marks - arm.upper) / max(1.0, arm.reach - arm.upper))
    half = np.interp(at, _ARM_AT, _ARM_WIDE) * measure
    aside = np.interp(at, _ARM_AT, _ARM_ASIDE)
    usual = [half * (1 + side * aside) for side in (1, -1)]
    skin = canvas.mattes.skin
    edges = [_ends(canvas, skin, centres, outward * side, wide) for side, wide in zip((1, -1), usual, strict=True)]
    both = np.abs((edges[0] + edges[1]) / (2 * half) - 1) < 0.45  # wherever between them the bones were found
    bounds = _smooth(np.nan_to_num(_ends(canvas, canvas.mattes.person, centres, outward, 1.5 * usual[0]), nan=np.inf))
    sides = []
    for side, (edge, widths) in enumerate(zip(edges, usual, strict=True)):
        seen = both | (np.abs(edge / widths - 1) < 0.45)
        carried = widths * _carried_on(np.where(seen, edge / widths, np.nan), at)
        if side == 0:
            carried = np.where(seen, carried, np.minimum(carried, 0.97 * bounds))
        sides.append(_smooth(carried) * canvas.scale)
    placed = np.stack([canvas.place(centre) for centre in centres])
    return _Outline(placed, outward, sides[0], sides[1], at)


def _carried_on(ratio: Vector, at: Vector) -> Vector:
    """How much wider than usual an arm is, from where that is seen: who is stout below is so above, but less surely."""
    known = np.flatnonzero(np.isfinite(ratio))
    if len(known) < 2:
        return np.ones_like(ratio)
    even = np.interp(at, at[known], _smooth(ratio[known]))
    far = np.abs(at[:, None] - at[known]).min(axis=1)
    nearest = known[np.abs(at[:, None] - at[known]).argmin(axis=1)]
    fade = np.exp(-((far / np.where(at[nearest] < _HAND, 0.25, 0.1)) ** 2))
    limbs = known[at[known] < _HAND]
    lasting = float(np.clip(np.median(ratio[limbs]), 0.85, 1.2)) - 1 if len(limbs) else 0.0
    carried: Vector = 1 + (even - 1) * fade + 0.6 * lasting * (1 - fade)
    return carried


def _ends(canvas: Canvas, matte: Plane, centres: Points, direction: Points, usual: Vector) -> Vector:
    """How far a matte goes from each centre in a direction; not a number where it is not seen to end."""
    steps = np.linspace(0.0, 1.7, 52)[None] * usual[:, None]
    places = (centres[:, None] + steps[..., None] * direction[:, None] - canvas.origin) * canvas.scale
    inside = sample(matte, places[..., 0], places[..., 1]) > 0.5
    ends = (~inside).argmax(axis=1)
    found: Vector = np.where(inside[:, 0] & (ends > 0), steps[np.arange(len(steps)), ends], np.nan)
    return found


def _smooth(widths: Vector) -> Vector:
    """The same without jumps."""
    padded = np.pad(widths, 3, "edge")
    result: Vector = np.convolve(padded, _KERNEL, "valid")
    return result


def _fixed(point: Vector) -> tuple[int, int]:
    """A point in OpenCV's sixteenths of pixels."""
    return round(16 * float(point[0])), round(16 * float(point[1]))


def _drawn(canvas: Canvas, line: _Outline) -> cv2.typing.MatLike:
    """The outline filled, piece by piece, for a bent arm's outline may cross itself."""
    cover = np.zeros((canvas.size[1], canvas.size[0]), np.uint8)
    outer = np.round((line.centres + line.outward * line.outer[:, None]) * 16).astype(np.int32)
    inner = np.round((line.centres - line.outward * line.inner[:, None]) * 16).astype(np.int32)
    for here in range(_SECTIONS - 1):
        piece = np.stack([outer[here], outer[here + 1], inner[here + 1], inner[here]])
        cv2.fillConvexPoly(cover, cv2.convexHull(piece), 255, cv2.LINE_8, 4)
    cv2.circle(cover, _fixed(line.centres[0]), round(16 * float(line.outer[0])), 255, -1, cv2.LINE_8, 4)
    return cover


def _places(canvas: Canvas, line: _Outline) -> tuple[Plane, Plane, Plane]:
    """Of each pixel how an arm's surface turns there, how far along the arm it is, and how far from its middle."""
    step = 4
    x, y = (floats(plane) for plane in np.meshgrid(*(np.arange(0, side + step, step) for side in canvas.size)))
    centres = floats(line.centres)
    nearest = ((x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2).argmin(axis=-1)
    outward = floats(line.outward)[nearest]
    offset = (x - centres[nearest, 0]) * outward[..., 0] + (y - centres[nearest, 1]) * outward[..., 1]
    wide = np.where(offset > 0, floats(line.outer)[nearest], floats(line.inner)[nearest])
    # Where an arm comes out of the shoulder, its inner side is no edge but goes on into the chest.
    rooted = floats(np.clip(np.linspace(-0.1, 2.2, _SECTIONS), 0, 1))[nearest]
    share = floats(np.clip(offset / np.maximum(wide, 1), -1, 1))
    planes = np.dstack([np.maximum(share, -rooted), floats(line.at)[nearest], share])
    planes = cv2.resize(planes, None, fx=step, fy=step)
    planes = blur(floats(planes[: canvas.size[1], : canvas.size[0]]), 2.0)
    across, along, beside = (np.ascontiguousarray(planes[..., number]) for number in range(3))
    return across, along, beside


def trunk_form(canvas: Canvas, fitting: Fitting, neck: Mask) -> Form:
    """The bare trunk with neck and shoulders."""
    body, skeleton = canvas.body, canvas.body.skeleton
    width = skeleton.shoulder_width
    sunk = np.array([0.0, 0.015 * skeleton.unit])  # cloth lay on the shoulders
    tops = [
        _shoulder(canvas, limb.sign, [line.at(share) + sunk for share in np.linspace(0.57, 0.3, 7) * width], neck)
        for limb, line in zip(skeleton.limbs, body.shoulders, strict=True)
    ]
    outline = tops[0] + tops[1][::-1]
    last = float(skeleton.neck[1] + 1.35 * (skeleton.hips - skeleton.neck)[1])
    rows = np.linspace(max(float(plan.armpit[1]) for plan in fitting.plans), last, 24)
    outline += [np.array([body.side(1, row), row]) for row in rows]
    outline += [np.array([body.side(0, row), row]) for row in rows[::-1]]
    solid = polygon(canvas.size, [canvas.place(point) for point in outline]) | neck
    # From neck to shoulder it is one even line, whatever a collar did to the silhouette.
    shown = solid | (erode(canvas.mattes.skin > 0.5, 1) & dilate(neck, 0.1 * canvas.unit))
    even = soften(closed(shown, 0.1 * canvas.unit), 0.02 * canvas.unit) > 0.5
    high = np.arange(canvas.size[1])[:, None] < canvas.row(float(skeleton.neck[1]))
    cover = smoothed(np.where(high, even, solid), 1.6 * canvas.scale)
    frame_rows = canvas.frame_rows()
    left, right = (body.side_in(index, frame_rows) for index in (0, 1))
    chest = 1.5 * width / 2  # above the armpits it goes on into the shoulders
    middle, half = (left + right) / 2, np.maximum(4.0, (right - left) / 2)
    share = np.clip((rows[0] - frame_rows) / (0.2 * skeleton.unit), 0, 1)
    half = half * (1 - share) + np.maximum(half, chest) * share
    columns = np.arange(canvas.size[0])[None] / canvas.scale + canvas.origin[0]
    across = np.clip((columns - middle[:, None]) / half[:, None], -1, 1)
    return Form(floats(cover), floats(across), np.array([1.0, 0.0]))


def _shoulder(canvas: Canvas, sign: int, line: list[Vector], neck: Mask) -> list[Vector]:
    """From the shoulder up to the neck's side; the last of it is the muscle that hangs between them like a rope."""
    begin, apart = _neck_end(canvas, sign, neck), 0.07 * canvas.body.skeleton.unit
    line = line[:2] + [point for point in line[2:] if (float(point[0]) - float(begin[0])) * sign > apart]
    end = line[-1]
    bend = (begin + end) / 2 + np.array([0.0, 0.16 * abs(float(end[0] - begin[0]))])
    shares = np.linspace(0, 1, 9)[1:, None]
    return [*line, *(end * (1 - shares) ** 2 + 2 * bend * shares * (1 - shares) + begin * shares**2)]


def _neck_end(canvas: Canvas, sign: int, neck: Mask) -> Vector:
    """The lowest point of the neck's side that is seen against the background; where a collar usually is if none is."""
    skeleton, mattes = canvas.body.skeleton, canvas.mattes
    rows = [float(canvas.place(point)[1]) for point in (skeleton.chin, skeleton.neck)]
    top, bottom = (int(np.clip(row, 0, canvas.size[1] - 1)) for row in rows)
    away = sign * max(2, round(2 * canvas.scale))
    for row in range(bottom, top, -2):
        columns = np.flatnonzero(neck[row])
        middle = float(columns.mean()) if len(columns) else 0.0
        run = run_at(mattes.skin[row] > 0.5, middle)
        if run is None or not run[0] < middle < run[1]:
            continue
        edge = int(run[0] if sign < 0 else run[1])
        beside = int(np.clip(edge + away, 0, canvas.size[0] - 1))
        if mattes.person[row, beside] < 0.5 and mattes.top[row, edge] < 0.25:
            return np.array([edge, row]) / canvas.scale + canvas.origin
    row = round(0.55 * top + 0.45 * bottom)
    columns = np.flatnonzero(neck[row])
    usual = float(columns[0 if sign < 0 else -1]) if len(columns) else float(canvas.place(skeleton.neck)[0])
    return np.array([usual, row]) / canvas.scale + canvas.origin
