"""Trunk and arms beside each other: where the cloth of each ends, and what is to be seen between them."""

from dataclasses import replace

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Image,
    Mask,
    Plane,
    Vector,
    box_of,
    closed,
    components,
    dilate,
    floats,
    mix,
    resize_weighted,
    size_of,
    smoothed,
    soften,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import mirrored, push_pull
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.shapes import unit
from services.tryon.engines.local.warp import Fitting

_NARROW = 0.06  # body units: a gap that the old garment filled and that is no wider stays filled
_SLANT = 0.15  # columns per row by which the filling ends where the gap gets wider
_STANDING_OUT = 0.012  # body units
_COARSE = 8  # a colour of the depth has no detail


def trimmed(canvas: Canvas, fitting: Fitting, torso: Layer) -> Layer:
    """The torso without what stands out of its sides: rests of sleeves that hung close to it in the garment's picture.

    A side was placed along the body; the cloth's edge may lie a little further out, but evenly from armpit to hem.
    """
    rows, columns = np.arange(canvas.size[1]), np.arange(canvas.size[0])[None]
    alpha = torso.alpha
    for index, plan in enumerate(fitting.plans):
        first, last = (canvas.row(float(plan.edge[end][1])) for end in (0, -1))
        below = rows[max(0, round(first)) : max(0, round(last))]
        sign = -1 if index == 0 else 1
        if plan.sleeve_share == 0 or len(below) == 0:
            continue
        planned = (fitting.edges(index, canvas.frame_rows()[below]) - canvas.origin[0]) * canvas.scale
        solid = alpha[below] > 0.5
        edge = solid.argmax(axis=1) if index == 0 else solid.shape[1] - 1 - solid[:, ::-1].argmax(axis=1)
        usual = max(0.0, float(np.median((edge - planned) * sign)))
        most = planned + sign * (usual + _STANDING_OUT * canvas.unit)
        alpha = alpha.copy()
        alpha[below] *= np.clip((most[:, None] - columns) * sign + 0.5, 0, 1)
    return replace(torso, alpha=floats(alpha))


def bare_in_sleeve(canvas: Canvas, index: int, share: float, cover: Mask) -> Mask:
    """The skin beside a long sleeve: of an arm that is thicker, or bent otherwise, than the cloth is wide."""
    limb, arm = canvas.body.skeleton.limbs[index], canvas.body.arms[index]
    forearm = limb.wrist - limb.elbow
    lower = max(1.0, arm.reach - arm.upper)
    cuff = limb.elbow + forearm * min(1.0, max(0.0, (share * arm.reach - 0.02 * arm.measure - arm.upper) / lower))
    near = canvas.limb(limb.shoulder + (limb.elbow - limb.shoulder) * 0.3, limb.elbow, 0.25, 0.36)
    near |= canvas.limb(limb.elbow, cuff, 0.36, 0.16)
    along, place = unit(forearm), canvas.place(cuff)
    rows, columns = np.ogrid[0 : canvas.size[1], 0 : canvas.size[0]]
    near &= (columns - place[0]) * along[0] + (rows - place[1]) * along[1] < 0
    found, box = np.zeros_like(near), box_of(near, 2)
    bare = closed((canvas.mattes.skin[box] > 0.5) & near[box], 0.14 * canvas.unit) & near[box]
    bare &= (canvas.mattes.person[box] > 0.5) & ~canvas.mattes.face[box] & ~cover[box]
    numbers, _ = components(bare)
    beside = np.unique(numbers[dilate(cover[box], 2)])
    found[box] = np.isin(numbers, beside[beside > 0])
    return found


def widened(layer: Layer, beside: Mask, canvas: Canvas) -> Layer:
    """The cloth over what is open beside it, in colours from within: its rim may be stretched and pale."""
    box = box_of(beside, 0.2 * canvas.unit)
    open_there, seen = beside[box], layer.alpha[box]
    planned = smoothed(open_there | (seen > 0.5), 1.5 * canvas.scale) * soften(dilate(open_there, 3), 0.8)
    within = soften(seen > 0.9, 0.04 * canvas.unit) > 0.75  # mirrored at an even line
    colours, alpha, whole = layer.colours.copy(), layer.alpha.copy(), layer.whole.copy()
    colours[box] = mirrored(colours[box], within, dilate(open_there, 0.08 * canvas.unit))
    np.maximum(alpha[box], planned, out=alpha[box])
    np.maximum(whole[box], planned, out=whole[box])
    return replace(layer, colours=colours, alpha=alpha, whole=whole)


def closed_gaps(canvas: Canvas, fitting: Fitting, arms: Mask, painted: Mask, drawn: DrawnGarment) -> Mask:
    """Narrow gaps between the trunk's cloth and the arms, bare or sleeved, that the photo did not have.

    An arm that lay against the old garment lies against the new one: cloth goes on behind it. Where the gap gets wider,
    or the background was seen through it before, the cloth's edge leaves the arm in a smooth line. What was `painted`
    of an arm is thicker than what was seen of it, and counts where that is too far away.
    """
    found = np.zeros(arms.shape, np.bool_)
    behind = canvas.mattes.person < 0.4
    limbs = arms | (drawn.sleeve_cover > 0.5)
    for index in (0, 1):
        step = slice(None, None, -1 if index == 0 else 1)  # so that outwards is to the right
        torso = drawn.torso.alpha[:, step] > 0.5
        plan = fitting.plans[index]
        first, last = (canvas.row(float(plan.edge[end][1])) for end in (0, -1))
        above = 0.2 * canvas.unit if plan.sleeve_share > 0 else 0.0  # a sleeve may end below the armpit
        rows = np.arange(max(0, round(first - above)), min(len(torso), round(last - 0.02 * canvas.unit)))
        if len(rows) == 0:
            continue
        for limb in (limbs, limbs | painted):
            filled = _filled_rows(torso[rows], limb[:, step][rows], behind[:, step][rows], _NARROW * canvas.unit)
            found[rows] |= filled[:, step]
    return found


def _filled_rows(torso: Mask, limbs: Mask, behind: Mask, narrow: float) -> Mask:
    """What of each row is filled between the torso's right edge and the next limb to the right of it."""
    columns = np.arange(torso.shape[1])[None]
    edge = torso.shape[1] - 1 - torso[:, ::-1].argmax(axis=1)
    beyond = limbs & (columns > edge[:, None])
    limb = beyond.argmax(axis=1)
    gap = np.where(beyond.any(axis=1) & torso.any(axis=1), limb - edge - 1, -1)
    between = (columns > edge[:, None]) & (columns < limb[:, None]) & (gap > 0)[:, None]
    seen_through = (behind & between).sum(axis=1) > 0.5 * np.maximum(gap, 3)
    most = np.where((gap > narrow) | (seen_through & (gap > 0)), 0.0, np.inf)
    wide = np.minimum(gap, _slanted(most))
    even = cv2.GaussianBlur(floats(edge)[:, None], (1, 0), sigmaX=0.1, sigmaY=0.3 * narrow + 1.0)[:, 0]
    filled: Mask = between & (columns <= np.where(wide < gap, even + wide, limb)[:, None])
    return filled


def _slanted(most: Vector) -> Vector:
    """The bounds lowered so that they nowhere change faster than the slant."""
    slope = _SLANT * np.arange(len(most))
    down = np.minimum.accumulate(most - slope) + slope
    result: Vector = np.minimum.accumulate((down + slope)[::-1])[::-1] - slope
    return result


def cloth_in_depth(drawn: DrawnGarment) -> Colours:
    """The garment's broad colours, also where it is not: what can be told of cloth deep in a gap."""
    cloth: Image | Colours = drawn.torso.colours
    weight = drawn.torso.alpha
    for sleeve in drawn.sleeves:
        cloth, weight = mix(cloth, sleeve.colours, sleeve.alpha), np.maximum(weight, sleeve.alpha)
    known = floats(weight > 0.9)
    width, height = size_of(weight)
    small = (max(1, width // _COARSE), max(1, height // _COARSE))
    share: Plane = floats(cv2.resize(known, small, interpolation=cv2.INTER_AREA))
    total = resize_weighted(cloth, known, small)
    broad = push_pull(floats(total / np.maximum(share, 1e-6)[..., None]), share)
    return floats(cv2.resize(broad, (width, height), interpolation=cv2.INTER_LINEAR))
