"""Drawing the fitted garment's parts onto the canvas."""

from dataclasses import replace

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Plane,
    Vector,
    blur,
    closed,
    dilate,
    erode,
    floats,
    mix,
    opened,
    resize_mask,
    sample,
    size_of,
    smoothed,
    soften,
)
from services.tryon.engines.local.body import ArmSection
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.contour import even_matte
from services.tryon.engines.local.cutout import Cloth
from services.tryon.engines.local.filters import continued, filled_in, push_pull
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.neckline import neck_opening
from services.tryon.engines.local.shapes import disc, polygon, unit
from services.tryon.engines.local.sides import bare_in_sleeve, trimmed, widened
from services.tryon.engines.local.warp import Fitting, Part, SidePlan

_SHORT = 0.62  # of the arm
_ROOM = 1.3  # of a sleeve, by the arm's thickness
_UNDER = 0.05
_EVEN, _NOISE = 0.045, 0.014  # of the body's measure; folds and ruffles are larger


def _part_matte(part: Part, garment: Mask, size: tuple[int, int]) -> Plane:
    """The part's share of the cloth: the torso runs on under the sleeves, sleeves end at a crisp seam.

    Not at the garment's own edge: there the cloth's own matte, which is finer, decides.
    """
    grown = part.mask | (dilate(part.mask, 7) & erode(garment, 8)) if part.sign == 0 else dilate(part.mask, 2)
    grown |= dilate(part.mask, 6) & ~garment
    return blur(resize_mask(grown, size).astype(np.float32), 1.0)


def _enlarged_map(canvas: Canvas, part: Part, scale: float) -> tuple[Plane, Plane, Mask]:
    """The part's backward map in cloth pixels on the canvas, and where it is valid."""
    across, down = (np.ascontiguousarray(canvas.window(plane)) for plane in (part.across, part.down))
    valid = across >= 0
    known = valid.astype(np.float32)
    filled = push_pull(np.dstack([across, down, across]).astype(np.float32), known)
    enlarged = cv2.resize(filled[..., :2], canvas.size, interpolation=cv2.INTER_LINEAR)
    inner = cv2.resize(erode(valid, 1).astype(np.float32), canvas.size, interpolation=cv2.INTER_LINEAR)
    offset = (scale - 1) / 2
    return enlarged[..., 0] * scale + offset, enlarged[..., 1] * scale + offset, inner > 0.99


def draw_part(canvas: Canvas, cloth: Cloth, garment: Mask, part: Part, opening: Plane) -> tuple[Layer, Plane]:
    """One piece of the garment, whose whole mask is given too, and what the neck opening takes of it."""
    across, down, valid = _enlarged_map(canvas, part, cloth.scale)
    weave = _prefiltered(cloth.colours, across, down, valid)
    colours = cv2.remap(weave, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    matte = _part_matte(part, garment, size_of(cloth.alpha))
    alpha = sample(cloth.alpha, across, down) * sample(matte, across, down) * valid
    seen = sample(opening, across, down) if part.sign == 0 else np.zeros_like(alpha)
    shown = (alpha * (1 - seen)).astype(np.float32)
    layer = Layer(part.sign, colours.astype(np.uint8, copy=False), shown, shown)
    return layer, (alpha * seen).astype(np.float32)


def _prefiltered(cloth: Image, across: Plane, down: Plane, valid: Mask) -> Image:
    """The cloth without the detail that is too fine for the size at which it is drawn: ribs would turn into moire."""
    if valid.sum() < 100:
        return cloth
    shrink = [
        float(np.median(np.abs(np.diff(plane, axis=axis))[valid[1:] if axis == 0 else valid[:, 1:]]))
        for plane, axis in ((across, 1), (down, 0))
    ]
    # Half a drawn pixel on either side, less what the camera and the resampling blur anyway.
    sigmas = [0.5 * float(np.sqrt(max(0.0, factor**2 - 1))) for factor in shrink]
    if max(sigmas) < 0.3:
        return cloth
    across_sigma, down_sigma = (max(0.1, sigma) for sigma in sigmas)
    return cv2.GaussianBlur(cloth, (0, 0), across_sigma, sigmaY=down_sigma).astype(np.uint8, copy=False)


def armhole(plan: SidePlan, under: float = 0.0) -> list[Vector]:
    """The seam between torso and sleeve from shoulder to armpit, hollowed towards the chest as it is cut.

    `under` is how far the sleeve reaches beyond it at the armpit, by the seam's length.
    """
    along = plan.armpit - plan.shoulder
    inwards = np.array([along[1], -along[0]])
    inwards = inwards if inwards[0] * (plan.collar - plan.shoulder)[0] > 0 else -inwards
    shares = np.linspace(0, 1, 9)
    hollows = 0.28 * shares * shares * (1 - shares) + under * shares**3
    return [plan.shoulder + along * share + inwards * hollow for share, hollow in zip(shares, hollows, strict=True)]


def _cuff(section: ArmSection, inner: float, outer: float, beyond: float, spared: float = 0.0) -> list[Vector]:
    """The end of a short sleeve: the front half of an ellipse across the arm, `beyond` pixels down the arm.

    `spared` is how much further down its outer end is.
    """
    along = np.array([section.outward[1], -section.outward[0]])
    along = along if along[1] > 0 else -along
    marks = np.linspace(-1, 1, 9)
    centre = section.centre + along * beyond
    wide = np.where(marks < 0, inner, outer)
    drops = 0.3 * section.radius * (1 - marks**2) - 0.1 * section.radius + spared * np.clip(2 * marks, 0, 1)
    return [centre + section.outward * mark * w + along * d for mark, w, d in zip(marks, wide, drops, strict=True)]


def _armhole_clip(canvas: Canvas, plan: SidePlan, index: int, torso: Plane) -> Plane:
    """Where a sleeve may be drawn: outside the armhole's seam, and on the arm itself.

    The rest of it would cover the chest: cloth that really bunches up under the arm.
    """
    arm, sign = canvas.body.arms[index], (-1, 1)[index]
    measure = arm.measure
    far, up = np.array([sign * 3.0 * measure, 0.0]), np.array([0.0, -measure])
    top = [plan.shoulder + up + far, plan.shoulder + up, *armhole(plan, _UNDER)]
    if plan.sleeve_share < _SHORT:
        end = arm.section(plan.sleeve_share * arm.reach)
        cuff = _cuff(end, _ROOM * end.depth, 2.2 * end.radius, 0.06 * measure, 0.05 * measure)
        allowed = polygon(canvas.size, [canvas.place(corner) for corner in (*top, *cuff)])
        # Sewn to the torso softly, but where there is no torso behind it, cloth ends sharply.
        soft, sharp = soften(allowed, 1.0 * canvas.scale), smoothed(allowed, 1.0 * canvas.scale)
        return floats(sharp + (soft - sharp) * torso)
    armpit = float((plan.armpit - arm.line[0]) @ unit(arm.line[1] - arm.line[0]))
    marks = np.arange(np.clip(armpit + 0.1 * measure, 0.3 * measure, arm.upper), arm.reach, 0.05 * measure)
    sections = [arm.section(mark) for mark in marks]
    inner = [s.centre - s.outward * max(_ROOM * s.depth, 1.1 * s.inner) for s in sections]
    low = inner[-1] if inner else plan.armpit
    allowed = polygon(canvas.size, [canvas.place(corner) for corner in (*top, *inner, low + far)])
    limb = canvas.body.skeleton.limbs[index]
    allowed |= canvas.limb(limb.elbow, limb.wrist, 0.16, 0.15)
    return soften(allowed, 1.0 * canvas.scale)


def _completed_torso(canvas: Canvas, fitting: Fitting, torso: Layer) -> Layer:
    """The torso with cloth up to the armholes and into the armpits, where the folding mesh leaves notches."""
    planned = np.zeros(torso.alpha.shape, np.bool_)
    for plan in fitting.plans:
        if plan.sleeve_share == 0:
            continue
        middle = np.array([canvas.body.centre(float(plan.armpit[1])), float(plan.armpit[1])])
        low = plan.edge[min(2, len(plan.edge) - 1)]
        across = middle + (plan.armpit - middle) * 0.4
        corners = [*armhole(plan)[3:], low, across + (low - plan.armpit)]
        planned |= polygon(canvas.size, [canvas.place(corner) for corner in corners])
    return _filled(torso, smoothed(planned, 0.8 * canvas.scale)) if planned.any() else torso


def _shoulder_slivers(canvas: Canvas, fitting: Fitting, cover: Plane) -> Mask:
    """Thin strips of the body above the shoulders of a garment with sleeves, which lies on them."""
    band = np.zeros(cover.shape, np.bool_)
    measure, width = canvas.body.skeleton.unit, canvas.body.skeleton.shoulder_width
    deep = np.array([0.0, 0.1 * measure])
    for plan, line in zip(fitting.plans, canvas.body.shoulders, strict=True):
        if plan.sleeve_share > 0:
            near = abs(float(plan.collar[0] - line.neck[0])) + 0.08 * width
            ridge = [line.at(distance) for distance in np.linspace(near, 0.78 * width, 8)]
            corners = [point - deep for point in ridge] + [point + deep for point in ridge[::-1]]
            band |= polygon(canvas.size, [canvas.place(corner) for corner in corners])
    bare = (canvas.mattes.person > 0.35) & (cover < 0.9) & (canvas.mattes.hair < 0.3)
    thin = bare & ~dilate(opened(bare, 0.025 * canvas.unit), 2) & band & dilate(cover > 0.5, 0.06 * canvas.unit)
    if not thin.any():
        return thin
    # What joins them to the rest, or the shoulder would have a bump.
    return closed(dilate(thin, 1) | (cover > 0.5), 0.08 * canvas.unit) & band & ~canvas.mattes.face


def _completed_sleeve(canvas: Canvas, fitting: Fitting, sleeve: Layer, torso: Plane) -> Layer:
    """A sleeve that covers its arm: a long one whatever is bare beside it, a short one down to the armpit.

    Across the arm, too, where turning the short one down left no cloth.
    """
    index = 0 if sleeve.sign < 0 else 1
    plan, arm = fitting.plans[index], canvas.body.arms[index]
    if not (sleeve.alpha > 0.9).any():
        return sleeve
    if plan.sleeve_share > _SHORT:
        bare = bare_in_sleeve(canvas, index, plan.sleeve_share, np.maximum(sleeve.alpha, torso) > 0.5)
        return widened(sleeve, bare, canvas) if bare.any() else sleeve
    end = arm.section(plan.sleeve_share * arm.reach)
    cuff = _cuff(end, 1.15 * end.depth, 0.8 * end.radius, -0.01 * arm.measure)
    corners = [canvas.place(corner) for corner in (*armhole(plan, _UNDER), *cuff)]
    return _filled(sleeve, soften(polygon(canvas.size, corners), 0.8 * canvas.scale))


def _filled(layer: Layer, planned: Plane) -> Layer:
    """The layer with its colours continued over all that is planned."""
    colours = filled_in(layer.colours, layer.alpha > 0.9)
    known = soften(erode(layer.alpha > 0.9, 1), 0.8)
    colours = mix(colours, layer.colours, known)
    return replace(
        layer,
        colours=np.clip(colours, 0, 255).astype(np.uint8),
        alpha=floats(np.maximum(layer.alpha, planned)),
    )


def _clipped(canvas: Canvas, fitting: Fitting, sleeve: Layer, torso: Plane) -> Layer:
    index = 0 if sleeve.sign < 0 else 1
    clip = _armhole_clip(canvas, fitting.plans[index], index, torso)
    return _completed_sleeve(canvas, fitting, replace(sleeve, alpha=sleeve.alpha * clip), torso)


def _without_spikes(canvas: Canvas, fitting: Fitting, cover: Plane) -> Plane:
    """1, but 0 where a sleeve's corner sticks out of the shoulder in a spike."""
    near = np.zeros(cover.shape, np.bool_)
    for plan in fitting.plans:
        if plan.sleeve_share > 0:
            near |= disc(canvas.size, canvas.place(plan.shoulder), 0.25 * canvas.unit)
    solid = cover > 0.5
    spikes = near & solid & ~dilate(opened(solid, 0.05 * canvas.unit), 1)
    return (1 - soften(dilate(spikes, 1.5 * canvas.scale) & near, 0.6 * canvas.scale) * near).astype(np.float32)


def draw_garment(canvas: Canvas, garment: Garment, fitting: Fitting) -> DrawnGarment:
    """Every part of the garment as it lies on the body."""
    opening = neck_opening(garment.landmarks.neckline, size_of(garment.cloth.alpha), garment.cloth.scale)
    drawn = [draw_part(canvas, garment.cloth, garment.mask, part, opening) for part in fitting.parts]
    layers = _with_one_torso([layer for layer, _ in drawn])
    torso = trimmed(canvas, fitting, _completed_torso(canvas, fitting, layers[0]))
    layers = [torso, *(_clipped(canvas, fitting, layer, torso.alpha) for layer in layers[1:])]
    slivers = _shoulder_slivers(canvas, fitting, DrawnGarment(layers[0], tuple(layers[1:]), drawn[0][1]).cover)
    if slivers.any():
        layers[0] = _filled(layers[0], smoothed(slivers, 1.8 * canvas.scale))
    smooth = _without_spikes(canvas, fitting, DrawnGarment(layers[0], tuple(layers[1:]), drawn[0][1]).cover)
    torso, *sleeves = _evened(canvas, [replace(layer, alpha=layer.alpha * smooth) for layer in layers])
    if garment.front is None:
        return DrawnGarment(torso, tuple(sleeves), drawn[0][1])
    front = _draw_front(canvas, garment.cloth, garment.front, fitting.parts[0])
    return DrawnGarment(torso, tuple(sleeves), floats(np.maximum(drawn[0][1], front)), front)


def _evened(canvas: Canvas, layers: list[Layer]) -> list[Layer]:
    """The layers with even outlines, those of each and that of all together, coloured from within."""
    sigma, noise = _EVEN * canvas.unit, _NOISE * canvas.unit
    alphas = [even_matte(layer.alpha > 0.5, sigma, noise) for layer in layers]
    cover = even_matte(np.maximum.reduce(alphas) > 0.5, sigma, noise)
    notches = np.maximum(cover - np.maximum.reduce(alphas), 0)
    alphas[0] = np.maximum(alphas[0], notches * dilate(notches > 0.5, 2))
    even = []
    for layer, alpha in zip(layers, alphas, strict=True):
        alpha = np.minimum(alpha, cover)
        colours = continued(layer.colours, layer.alpha > 0.9, 1, alpha > 0)
        whole = np.maximum(alpha, even_matte(layer.whole > 0.5, sigma, noise)) if layer.sign else alpha
        even.append(replace(layer, colours=colours, alpha=alpha, whole=whole))
    return even


def _draw_front(canvas: Canvas, cloth: Cloth, front: Mask, torso: Part) -> Plane:
    """What lies between the fronts of an open garment, on the canvas."""
    across, down, valid = _enlarged_map(canvas, torso, cloth.scale)
    gap = blur(resize_mask(dilate(front, 3), size_of(cloth.alpha)).astype(np.float32), 1.0) * (1 - cloth.alpha)
    return floats(sample(gap, across, down) * valid)


def _with_one_torso(layers: list[Layer]) -> list[Layer]:
    """The legs of a jumpsuit joined to its torso; sleeves follow."""
    torso = layers[0]
    for leg in (layer for layer in layers[1:] if layer.sign == 0):
        under = (1 - torso.alpha) * leg.alpha
        share = under / np.maximum(torso.alpha + under, 1e-3)
        colours = mix(torso.colours, leg.colours, floats(share)).astype(np.uint8)
        alpha = floats(np.maximum(torso.alpha, leg.alpha))
        torso = Layer(0, colours, alpha, alpha)
    return [torso, *(layer for layer in layers[1:] if layer.sign != 0)]
