"""Understanding the lower body under the clothes: its legs, the outline of its hips, and where a waistband lies."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import Indices, Mask, Points, Vector, dilate, largest_component, opened
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.legs import CROTCH, NATURAL_WAIST, TUCKED, Leg, LowerBody
from services.tryon.engines.local.lower_parse import bones_of, shoes_and_held
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import capsule, point_at, run_at

_TIGHT = 1.3  # what stands out further from the middle than the torso by so much is no hip but a flare


def _outline(lower: LowerBody, index: int, clothes: Mask, skin: Mask) -> Points:
    """The side of waist and hips: one bulge without a dent, whatever hands do before it."""
    sign = lower.legs[index].sign
    rows = np.linspace(lower.row(0.6), lower.row(1.35), 40)
    centres = np.array([lower.middle(row) for row in rows])
    halves = np.array([(_hip_side(lower, index, row, clothes, skin) - lower.middle(row)) * sign for row in rows])
    narrow = rows < lower.row(0.75)
    bulge = _without_dents(rows[~narrow], np.maximum.accumulate(halves[~narrow]))
    grown = np.concatenate([halves[narrow], bulge]).astype(np.float32)
    smooth = cv2.GaussianBlur(grown[:, None], (1, 9), 2.0, borderType=cv2.BORDER_REPLICATE)[:, 0]
    return np.stack([centres + sign * smooth, rows], axis=1)


def _without_dents(rows: Vector, halves: Vector) -> Vector:
    """The least curve that bends outwards only and lies nowhere inside of the given one."""
    corners = [0]
    for index in range(1, len(rows)):
        while len(corners) > 1:
            first, middle = corners[-2:]
            ahead = (halves[index] - halves[first]) * (rows[middle] - rows[first])
            if (halves[middle] - halves[first]) * (rows[index] - rows[first]) > ahead:
                break
            corners.pop()
        corners.append(index)
    curve: Vector = np.interp(rows, rows[corners], halves[corners])
    return curve


def _below_hip(lower: LowerBody, index: int) -> Leg:
    """The leg with its thigh standing out from the bone no further than the hip does."""
    leg, row = lower.legs[index], lower.row(1.12)
    x, y = lower.outline[index].T
    bone = float(point_at(leg.line, leg.distance_at(row))[0])
    out = (float(np.interp(row, y, x)) - bone) * leg.sign
    return replace(leg, hip=max(out, 0.2 * leg.measure))


def _hip_side(lower: LowerBody, index: int, row: float, clothes: Mask, skin: Mask) -> float:
    """The torso's side; the edge of tight clothes is a better witness where no arm lies before it."""
    usual, sign, middle = lower.body.side(index, row), lower.legs[index].sign, lower.middle(row)
    y = int(np.clip(row, 0, clothes.shape[0] - 1))
    run = run_at(clothes[y], middle)
    if run is None:
        return usual
    edge = float(run[0] if sign < 0 else run[1])
    beyond = int(np.clip(edge + 4 * sign, 0, lower.old.shape[1] - 1))
    share = (edge - middle) / (usual - middle + 1e-9)
    free = not (clothes | skin)[y, beyond]
    return edge if free and 0.75 < share < _TIGHT else usual


def _with_seen_ankle(person: Person, leg: Leg) -> Leg:
    """The leg with its ankle where bare skin shows it between hem and shoe."""
    ankle, reach = leg.line[2], 0.22 * leg.measure
    skin = person.is_label(Label.SKIN) & person.inside
    rows = np.arange(int(ankle[1] - reach), int(ankle[1] + 0.7 * reach))
    found = []
    for row in rows[(rows >= 0) & (rows < skin.shape[0])]:
        run = run_at(skin[row], float(ankle[0]))
        if run is not None and run[0] - 3 <= ankle[0] <= run[1] + 3 and 0.1 * reach < run[1] - run[0] < 1.4 * reach:
            found.append(((run[0] + run[1]) / 2, float(row), run[1] - run[0] + 1.0))
    if len(found) < 4:
        return leg
    centre, row, width = np.median(np.array(found[: max(4, len(found) // 2)]), axis=0)
    outer, inner = leg.usual(leg.reach)
    place = np.array([centre, row])
    thick = float(np.clip(width / (outer + inner), 0.75, 1.2))
    return replace(leg, line=np.stack([leg.line[0], leg.line[1], place]), ankle=thick)


def _rows_filled(person: Person, body: Body, mask: Mask) -> Indices:
    """Rows in which a mask fills the middle of the body."""
    height, width = mask.shape
    centres = np.array([body.centre(row) for row in range(height)])
    middle = np.abs(np.arange(width)[None] - centres[:, None]) < 0.33 * person.skeleton.shoulder_width
    filled: Indices = np.flatnonzero((mask & middle).sum(axis=1) > 0.35 * np.maximum(1, middle.sum(axis=1)))
    return filled


def lower_body_of(person: Person, body: Body) -> LowerBody:
    """The lower body under the clothes, from joints, silhouette and labels."""
    skeleton = person.skeleton
    worn = person.is_label(Label.BOTTOM) & ~person.regions.face
    shoes, held = shoes_and_held(person, worn)
    old = worn & ~shoes & ~held
    near = np.zeros(old.shape, np.bool_)
    for index in (0, 1):
        hip, knee, ankle = bones_of(skeleton, index)[0]
        near |= capsule(skeleton.size, hip, knee, 0.75 * skeleton.unit) | capsule(
            skeleton.size, knee, ankle, 0.6 * skeleton.unit
        )
    old &= near & (dilate(largest_component(opened(old, 1)), 12))
    arms = person.regions.forearms | person.regions.hands
    inside = person.inside & ~(arms & person.is_label(Label.SKIN)) & ~held
    legs = tuple(
        Leg(limb.sign, *bones_of(skeleton, index), skeleton.unit, inside, 1.0)
        for index, limb in enumerate(skeleton.limbs)
    )
    legs = tuple(_with_seen_ankle(person, leg) for leg in legs)
    lower = LowerBody(body, (legs[0], legs[1]), old, shoes, held, 0.0, (0.0, 0.15 / skeleton.unit), 0.0, True, ())
    rows = _rows_filled(person, body, old)
    natural, lowest = lower.row(NATURAL_WAIST), lower.row(TUCKED)
    start = float(rows[0]) if len(rows) else natural
    tucked = lower.row(0.5) < start < lowest and len(rows) > 0
    lower = replace(lower, waist=start if tucked else natural, crotch=lower.row(CROTCH), tucked=tucked)
    clothes = old | person.is_label(Label.TOP)
    skin = person.is_label(Label.SKIN)
    lower = replace(lower, outline=(_outline(lower, 0, clothes, skin), _outline(lower, 1, clothes, skin)))
    legs = tuple(_below_hip(lower, index) for index in (0, 1))
    lower = replace(lower, legs=(legs[0], legs[1]))
    return _with_seen_waist(lower, skin & arms) if tucked else lower


def _with_seen_waist(lower: LowerBody, arms: Mask) -> LowerBody:
    """The waistband as a parabola through the upper edge of what is worn, found again without the points far off."""
    left, right = (lower.body.side(index, lower.waist) for index in (0, 1))
    reach, wide = 0.16 * lower.skeleton.unit, right - left
    top = max(0, int(lower.waist - reach))
    columns = np.arange(int(left + 0.1 * wide), int(right - 0.1 * wide))
    window = lower.old[top : int(lower.waist + reach), columns]
    seen = window.any(axis=0) & ~window[0]
    if seen.sum() < 20:
        return lower
    rows = top + window.argmax(axis=0)[seen].astype(np.float64)
    across = columns[seen] - lower.middle(lower.waist)
    kept = np.ones(len(rows), np.bool_)
    for _ in range(3):
        bend, slope, middle = np.polyfit(across[kept], rows[kept], 2)
        miss = np.abs(np.polyval((bend, slope, middle), across) - rows)
        kept = miss <= max(2.0, 1.5 * float(np.median(miss)))
    line = (float(np.clip(slope, -0.18, 0.18)), float(np.clip(-bend, 0.0, 0.6 / wide)))
    outline = _to_corners(lower, (float(middle), *line), arms)
    return replace(lower, waist=float(middle) - 0.025 * lower.skeleton.unit, waist_line=line, outline=outline)


def _to_corners(lower: LowerBody, line: tuple[float, float, float], arms: Mask) -> tuple[Points, ...]:
    """The outline of the hips led to the ends of the waistband, where no arm hides them."""
    middle, slope, sag = line
    unit, centre, hips = lower.skeleton.unit, lower.middle(middle), lower.row(1.05)
    outline = []
    for index, leg in enumerate(lower.legs):
        reach = abs(lower.body.side(index, middle) - centre)
        across = leg.sign * np.arange(0.75 * reach, 1.3 * reach)
        rows = middle + slope * across - sag * across**2
        x, y = np.round(np.stack([centre + across, rows])).astype(np.intp)
        x, y = np.clip(x, 0, arms.shape[1] - 1), np.clip(y, 0, arms.shape[0] - 1)
        below = np.round(np.array([[0.06], [0.1], [0.14]]) * unit).astype(np.intp) + y
        band = lower.old[np.clip(below, 0, arms.shape[0] - 1), x].any(axis=0)
        further = np.cumsum(band[::-1])[::-1]
        ends = np.flatnonzero(~band & (further < 0.06 * unit))  # specks are a mistake, not the end
        side = lower.outline[index]
        if len(ends) and ends[0] > 0 and not arms[y[ends[0]], np.clip(x[ends[0]] + 4 * leg.sign, 0, arms.shape[1] - 1)]:
            waist = float(rows[ends[0]])
            hip = float(np.interp(hips, side[:, 1], side[:, 0]))
            most = np.interp(side[:, 1], [waist, hips], [float(x[ends[0]]), hip])
            high = side[:, 1] < hips
            side = side.copy()
            side[high, 0] = leg.sign * np.minimum(leg.sign * side[high, 0], leg.sign * most[high])
        outline.append(side)
    return tuple(outline)


def labels_without(person: Person, lower: LowerBody) -> npt.NDArray[np.uint8]:
    """The person's labels with shoes and held things taken out of the trousers."""
    labels = person.labels.copy()
    labels[(labels == Label.BOTTOM) & ~lower.old] = Label.OTHER
    labels[lower.held] = Label.OTHER
    return labels
