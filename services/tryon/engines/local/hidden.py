"""What of a worn garment its wearer's hair and arms hide: where the cloth goes on, told from where it is seen."""

from dataclasses import replace

import numpy as np

from services.tryon.engines.local.arrays import Mask, Vector, components, dilate, opened
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import capsule

_NECK, _TIP = 0.2, 0.68  # distances of the neck's side and the shoulder's tip from the middle, by the shoulder width
# A shoulder's upper edge: distances from the middle, and heights above the joint, by the shoulder width.
_SLOPE_AT, _SLOPE = (0.2, 0.5, 0.6, 0.7), (0.2, 0.1, 0.03, -0.06)
_NEAR = 0.08  # by the shoulder width: cloth so near to the edge of a shoulder is its edge
_HIGHEST = 0.24  # of a shoulder's edge over the joint, by the shoulder width
_THINNEST = 0.035  # of the body's unit: half of a wrist
_SEEN = 3  # columns of a shoulder that tell where it lies


def with_shoulders_under(hair: Mask, seen: Mask, body: Body) -> Body:
    """The body with shoulders as far as cloth shows them, and the usual ones under the hair."""
    skeleton, lines = body.skeleton, []
    for index in (0, 1):
        line, edge = body.shoulders[index], _upper_edge(hair, seen, body, index)
        distances = np.linspace(0.15, 0.75, 25) * skeleton.shoulder_width
        columns = float(line.neck[0]) + line.sign * distances
        lines.append(replace(line, distances=distances, heights=np.interp(columns, np.arange(len(edge)), edge)))
    return replace(body, shoulders=(lines[0], lines[1]))


def behind_hair(hair: Mask, seen: Mask, body: Body) -> Mask:
    """Where the hair hides cloth: below the shoulder's edge, outside the neckline, on the body or a sleeve."""
    hidden = np.zeros_like(seen)
    rows = np.arange(len(seen))[:, None]
    opening = _opening(hair, seen, body)
    for index in (0, 1):
        sign, top = body.skeleton.limbs[index].sign, _upper_edge(hair, seen, body, index)
        outside = _beside(seen.shape, body, index)
        cloth = outside & (rows >= top[None]) & ~opening
        width = body.skeleton.shoulder_width
        columns = np.arange(seen.shape[1])[None]
        past_tip = (columns - float(body.skeleton.neck[0])) * sign > _TIP * width
        hidden |= cloth & (~past_tip | _sleeve(seen, body, index))
    found: Mask = hidden & hair
    return found


def arms_in_front(person: Person, body: Body) -> Mask:
    """Bare arms and hands before the trunk: skin with cloth both above and below it that comes in from a side."""
    skeleton, top = body.skeleton, person.is_label(Label.TOP)
    between = np.logical_or.accumulate(top, axis=0) & np.logical_or.accumulate(top[::-1], axis=0)[::-1]
    rows = np.arange(len(top), dtype=np.float64)
    left, right = (body.side_in(index, rows)[:, None] for index in (0, 1))
    columns = np.arange(top.shape[1])[None]
    trunk = (columns > left) & (columns < right) & (person.regions.along > 0.1)
    skin = opened(person.is_label(Label.SKIN) & between & trunk, _THINNEST * skeleton.unit)
    numbers, stats = components(skin)
    rim = np.minimum(columns - left, right - columns) < 0.1 * skeleton.unit
    hands = person.regions.forearms | person.regions.hands
    found = [
        number
        for number in range(1, len(stats))
        if (rim & (numbers == number)).any() or hands[numbers == number].mean() > 0.5
    ]
    arms = np.isin(numbers, found)
    before: Mask = dilate(arms, 2) & trunk
    return before


def _beside(shape: tuple[int, ...], body: Body, index: int) -> Mask:
    """One half of the picture, from the spine."""
    spine = np.array([body.centre(row) for row in range(shape[0])])[:, None]
    half: Mask = (np.arange(shape[1])[None] - spine) * body.skeleton.limbs[index].sign >= 0
    return half


def _sleeve(seen: Mask, body: Body, index: int) -> Mask:
    """The upper arm where cloth is seen on it."""
    skeleton, limb = body.skeleton, body.skeleton.limbs[index]
    arm = capsule(skeleton.size, limb.shoulder, limb.elbow, 0.15 * skeleton.unit)
    return arm if (arm & seen).sum() > 0.2 * arm.sum() else np.zeros_like(arm)


def _upper_edge(hair: Mask, seen: Mask, body: Body, index: int) -> Vector:
    """The row of one shoulder's upper edge in each column: the usual slope through what is seen of it."""
    skeleton, limb = body.skeleton, body.skeleton.limbs[index]
    width, columns = skeleton.shoulder_width, np.arange(seen.shape[1])
    distances = (columns - float(skeleton.neck[0])) * limb.sign / width
    usual = float(limb.shoulder[1]) - np.interp(distances, _SLOPE_AT, _SLOPE) * width
    first = seen.argmax(axis=0)
    across = seen.any(axis=0) & (distances > _NECK) & (distances < _TIP)
    across &= np.abs(first - usual) < 0.25 * width
    if not across.any():
        return np.asarray(usual, np.float64)
    shift = float((first - usual)[across].min())  # all that is seen is below the edge
    bare = across & ~hair[np.maximum(first - 3, 0), columns]
    if bare.sum() >= _SEEN:
        nearest = np.argsort(distances[bare])[: max(_SEEN, int(bare.sum()) // 3)]
        shift = min(shift, float(np.median((first - usual)[bare][nearest])))
    edge = np.maximum(usual + shift, float(limb.shoulder[1]) - _HIGHEST * width)
    own: Vector = np.where(bare & (np.abs(first - edge) < _NEAR * width), first, edge)
    return own


def _opening(hair: Mask, seen: Mask, body: Body) -> Mask:
    """What is inside the neckline: between the innermost cloth of both sides, straight on up to the neck's sides."""
    skeleton, opening = body.skeleton, np.zeros_like(seen)
    top = max(0, int(skeleton.chin[1]))
    bottom = min(len(seen) - 1, int(skeleton.neck[1] + 0.6 * skeleton.torso))
    neck, width = float(skeleton.neck[0]), skeleton.shoulder_width
    rows = np.arange(top, bottom)
    limits = []
    for index in (0, 1):
        sign = skeleton.limbs[index].sign
        known = [(row, x) for row in rows if (x := _inner_edge(hair, seen, int(row), round(neck), sign)) is not None]
        side = _upper_edge(hair, seen, body, index)[int(np.clip(neck + sign * _NECK * width, 0, seen.shape[1] - 1))]
        if not known or side < known[0][0]:
            known.insert(0, (side, neck + sign * _NECK * width))
        limits.append(np.interp(rows, [row for row, _ in known], [x for _, x in known]))
    closed = [row for row in rows if seen[row, max(0, round(neck) - 1) : round(neck) + 2].all()]
    columns = np.arange(seen.shape[1])
    for row, left, right in zip(rows, *limits, strict=True):
        if closed and row >= closed[0]:
            break
        opening[row] = (columns > left) & (columns < right)
    return opening


def _inner_edge(hair: Mask, seen: Mask, row: int, middle: int, sign: int) -> float | None:
    """The cloth nearest to the middle of the neck in a row; none where hair covers its edge, or there is no cloth."""
    half = seen[row, middle:] if sign > 0 else seen[row, middle::-1]
    found = np.flatnonzero(half)
    if len(found) == 0:
        return None
    edge = middle + sign * int(found[0])
    inward = int(np.clip(edge - 3 * sign, 0, seen.shape[1] - 1))
    return None if hair[row, inward] or found[0] < 3 else float(edge)
