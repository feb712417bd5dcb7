"""Bare legs where trousers or a skirt hid them: their outline, their light, and how they meet the skin that shows."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Colours,
    Mask,
    Plane,
    Points,
    Vector,
    blur,
    dilate,
    erode,
    floats,
    mix,
    resize_plane,
    soften,
    within,
)
from services.tryon.engines.local.bare import Form
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.filters import push_pull
from services.tryon.engines.local.legs import Leg, LowerBody
from services.tryon.engines.local.light import Light, light_on
from services.tryon.engines.local.shapes import direction_at, point_at, run_at
from services.tryon.engines.local.skin import blotches

_ROUND = 0.75  # legs are flatter than cylinders
_MARKS = 64  # cuts along a leg
_SUBPIXEL = 4  # bits of a pixel's fraction that outlines are drawn with


@dataclass(frozen=True)
class BareLeg:
    """A bare leg's outline on the canvas, from the hip's row to the foot's."""

    leg: Leg
    outer: Points
    inner: Points
    hem: float  # canvas row where the worn garment ends; the leg's end where it ends nowhere
    joined: bool  # skin that shows below the hem told where the outline goes on
    matte: Plane  # with a smooth edge, 0..1

    def edges(self, rows: npt.NDArray[np.float64]) -> tuple[Vector, Vector]:
        """x of the outer and the inner edge in canvas rows."""
        outer, inner = (
            np.interp(rows, line[:, 1], line[:, 0]) for line in (_downwards(self.outer), _downwards(self.inner))
        )
        return outer, inner


def _downwards(line: Points) -> Points:
    return np.stack([line[:, 0], np.maximum.accumulate(line[:, 1] + np.arange(len(line)) * 1e-6)], axis=1)


def bare_leg(canvas: Canvas, lower: LowerBody, index: int, cover: Plane, end: float) -> BareLeg:
    """The leg as thick as usual, inside what hides it, and going over into the skin that shows below the old hem.

    It comes out of the new garment, which is `cover` and ends at the canvas row `end`.
    """
    leg, measure = lower.legs[index], lower.skeleton.unit
    marks = np.linspace(0.3 * leg.distance_at(lower.crotch), leg.reach + 0.3 * measure, _MARKS)
    centres = np.stack([point_at(leg.line, mark) for mark in marks])
    along = np.stack([direction_at(leg.line, mark, 0.3 * measure) for mark in marks])
    outward = np.stack([-along[:, 1], along[:, 0]], axis=1) * -leg.sign
    usual = np.array([leg.usual(mark) for mark in marks])
    room = np.array(
        [
            [leg.room(centre, direction, 1.6 * widths[0]), leg.room(centre, -direction, 1.6 * widths[1])]
            for centre, direction, widths in zip(centres, outward, usual, strict=True)
        ]
    )
    widths = _within(usual, room)
    reach = lower.old_reach(index)
    hem = float(marks[-1]) if reach is None else reach
    seen = _seen_below(canvas, leg, hem)
    if seen is not None:
        widths = _joined(canvas, leg, marks, centres, outward, widths, seen)
    widths = _under_hem(canvas, leg, marks, centres, outward, widths, cover > 0.5, end)
    outer = centres + outward * widths[:, :1]
    inner = centres - outward * widths[:, 1:]
    row = float(canvas.place(point_at(leg.line, hem))[1])
    lines = [np.stack([canvas.place(point) for point in line]) for line in (outer, inner)]
    return BareLeg(leg, lines[0], lines[1], row, seen is not None, _matte(canvas, lines[0], lines[1]))


def _matte(canvas: Canvas, outer: Points, inner: Points) -> Plane:
    corners = np.concatenate([outer, inner[::-1]]) * 2**_SUBPIXEL
    drawn = np.zeros((canvas.size[1], canvas.size[0]), np.uint8)
    cv2.fillPoly(drawn, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA, _SUBPIXEL)
    return blur(floats(drawn / np.float32(255)), 0.45 * canvas.scale)


def _smooth(values: npt.NDArray[np.float64], sigma: float = 3.0) -> npt.NDArray[np.float64]:
    side = 2 * int(3 * sigma) + 1
    soft = cv2.GaussianBlur(values.astype(np.float32), (1, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return soft.astype(np.float64).reshape(values.shape)


def _within(usual: Points, room: Points) -> Points:
    """Outer and inner half widths: no wider than the clothes were, moved aside where there is room."""
    half = np.minimum(usual.sum(axis=1), np.maximum(room.sum(axis=1), 0.72 * usual.sum(axis=1))) / 2
    aside = (usual[:, 0] - usual[:, 1]) / 2
    low, high = half - room[:, 1], room[:, 0] - half
    aside = np.where(low <= high, np.clip(aside, low, np.maximum(low, high)), (low + high) / 2)
    half, aside = (_smooth(values[:, None])[:, 0] for values in (half, aside))
    return np.stack([half + aside, half - aside], axis=1)


def _seen_below(canvas: Canvas, leg: Leg, hem: float) -> Points | None:
    """Left edge, row and right edge of the bare leg just below the hem, in canvas pixels; none where none shows."""
    place = canvas.place(point_at(leg.line, hem))
    ankle = hem > 0.5 * (leg.thigh + leg.reach)
    top, reach = int(place[1] + 0.02 * canvas.unit), int(place[1] + (0.14 if ankle else 0.08) * canvas.unit)
    width = float(np.sum(leg.usual(hem))) * canvas.scale
    skin = canvas.mattes.skin > 0.5
    found: list[tuple[float, float, float]] = []
    for row in range(max(0, top), min(canvas.size[1], reach)):
        x = float(canvas.place(point_at(leg.line, leg.distance_at(row / canvas.scale + float(canvas.origin[1]))))[0])
        run = run_at(skin[row], x)
        if (
            run is not None
            and run[0] - 0.3 * width < x < run[1] + 0.3 * width
            and 0.5 < (run[1] - run[0]) / width < 1.5
        ):
            found.append((run[0], row, run[1] + 1))
    if len(found) < 0.04 * canvas.unit:
        return None
    rows = np.array(found, np.float64)
    narrow = rows[:, 2] - rows[:, 0] <= np.percentile(
        rows[:, 2] - rows[:, 0], 60 if ankle else 100
    )  # hems' shade widens none
    middle: Points = np.median(rows[narrow], axis=0)
    return middle


def _joined(
    canvas: Canvas, leg: Leg, marks: Vector, centres: Points, outward: Points, widths: Points, seen: Points
) -> Points:
    """The half widths brought to the edges that are seen; less and less further up the leg."""
    row = float(seen[1] / canvas.scale + canvas.origin[1])
    at = int(np.abs(marks - leg.distance_at(row)).argmin())
    edges = (seen[[0, 2]] / canvas.scale + float(canvas.origin[0]) - centres[at, 0]) * np.sign(outward[at, 0])
    wanted = np.array([edges.max(), -edges.min()])
    ratio = np.clip(wanted / np.maximum(widths[at], 1), 0.4, 1.8)
    # An ankle tells little of the calf, a knee much of the thigh.
    reach = (0.45 if marks[at] > 0.5 * (leg.thigh + leg.reach) else 1.2) * leg.measure
    share = np.exp(-((np.clip(marks[at] - marks, 0, None) / reach) ** 2))[:, None]
    joined: Points = widths * (1 + (ratio - 1) * share)
    return joined


def _under_hem(
    canvas: Canvas, leg: Leg, marks: Vector, centres: Points, outward: Points, widths: Points, cover: Mask, end: float
) -> Points:
    """The half widths kept inside the new garment where they come out of its hem."""
    row = int(end - 0.05 * canvas.unit)
    if not 0 <= row < canvas.size[1]:
        return widths
    at = int(np.abs(marks - leg.distance_at(row / canvas.scale + float(canvas.origin[1]))).argmin())
    run = run_at(cover[row], float(canvas.place(centres[at])[0]))
    if run is None:
        return widths
    sign = float(np.sign(outward[at, 0]))
    edges = (np.array(run, np.float64) / canvas.scale + float(canvas.origin[0]) - centres[at, 0]) * sign
    spare = 0.015 * leg.measure
    excess = np.maximum(widths[at] - (np.array([edges.max(), -edges.min()]) - spare), 0)
    share = np.exp(-(((marks - marks[at]) / (0.6 * leg.measure)) ** 2))[:, None]
    kept: Points = np.maximum(widths - excess * share, 0.5 * widths)
    return kept


def _tone(canvas: Canvas, seen: Mask) -> tuple[Colours, Vector]:
    """The skin's colour in Lab everywhere, and how its hue goes with its lightness on this person."""
    lab = canvas.lab
    usual, slope = floats(canvas.body_skin), np.array([-0.10, 0.0])
    if seen.sum() > 200:
        pixels = lab[seen]
        usual = floats(np.median(pixels, axis=0))
        near = (np.abs(pixels - usual) < [45, 12, 14]).all(axis=1)
        usual = floats(pixels[near].mean(axis=0))
        usual[0] = np.percentile(pixels[near][:, 0], 56)  # legs hang in less shade than arms at the sides
        spread = pixels[near] - pixels[near].mean(axis=0)
        slope = np.clip((spread[:, :1] * spread[:, 1:]).sum(axis=0) / ((spread[:, 0] ** 2).sum() + 1), -0.25, 0.1)
    near_by = seen & within(lab, usual, (40, 12, 14))
    small = (max(8, canvas.size[0] // 8), max(8, canvas.size[1] // 8))
    weight = resize_plane(near_by.astype(np.float32), small)
    total = resize_plane(lab * near_by[..., None].astype(np.float32), small)
    field = push_pull((total + 0.02 * usual) / (weight + 0.02)[..., None], np.minimum(weight + 0.02, 1))
    field = 0.35 * cv2.GaussianBlur(field, (0, 0), 0.2 * canvas.unit / 8) + 0.65 * usual
    return cv2.resize(field, canvas.size, interpolation=cv2.INTER_LINEAR).astype(np.float32), slope


def _form(canvas: Canvas, bare: BareLeg, matte: Plane, lamp: Light) -> Plane:
    """Lightness of a leg: a round form in the photo's light, the kneecap and its hollows, shin and calf."""
    leg, unit = bare.leg, canvas.unit
    rows = np.arange(canvas.size[1], dtype=np.float64)
    outer, inner = (edge[:, None] for edge in bare.edges(rows))
    middle, half = (outer + inner) / 2, np.maximum(np.abs(outer - inner) / 2, 2)
    columns = np.arange(canvas.size[0], dtype=np.float64)[None]
    across = floats(np.clip((columns - middle) / half, -1, 1) * leg.sign)  # 1 is the outer side
    light = _ROUND * lamp.on(Form(matte, across, np.array([float(leg.sign), 0.0])))
    light -= 5 * np.clip(-across - 0.2, 0, 1)  # the inner side is in the other leg's shade
    knee = canvas.place(leg.line[1])
    down = floats((rows - knee[1])[:, None] / unit)
    cap = across + 0.05
    light += 7 * np.exp(-((cap / 0.42) ** 2) - ((down + 0.03) / 0.09) ** 2)
    light -= 9 * np.exp(-(((np.abs(cap) - 0.62) / 0.2) ** 2) - ((down - 0.0) / 0.12) ** 2)  # hollows beside it
    light -= 6 * np.exp(-((cap / 0.55) ** 2) - ((down - 0.13) / 0.05) ** 2)  # below it
    light += 3 * np.exp(-((cap / 0.3) ** 2) - ((down - 0.22) / 0.06) ** 2)
    shin = np.clip((down - 0.2) / 0.2, 0, 1) * np.clip((1.35 - down) / 0.4, 0, 1)
    light += 6 * shin * np.exp(-(((across + 0.18) / 0.22) ** 2))
    light -= 5 * shin * np.exp(-(((across - 0.45) / 0.25) ** 2))  # the calf's muscle stands back beside the shin
    thigh = np.clip((-0.2 - down) / 0.3, 0, 1)
    light += 4 * thigh * np.exp(-(((across - 0.2) / 0.4) ** 2))
    return floats(light)


def _visible_skin(canvas: Canvas, legs: Mask, lower: LowerBody) -> Mask:
    """Skin to learn the legs' colour from: of legs if any can be seen, else of hands and arms."""
    mattes = canvas.mattes
    seen = erode((mattes.skin > 0.85) & ~dilate(mattes.face, 0.1 * canvas.unit) & (mattes.person > 0.95), 2)
    knees = max(float(leg.line[1][1]) for leg in lower.legs) + 0.4 * lower.skeleton.unit
    own = seen & legs & (canvas.frame_rows()[:, None] < knees)  # ankles are in the shade of hems
    seen &= canvas.skin_coloured
    return own if own.sum() > 0.03 * canvas.unit**2 else seen


def paint_legs(
    canvas: Canvas, colours: Colours, zone: Plane, bares: list[BareLeg], lower: LowerBody, seed: int
) -> Colours:
    """The picture with bare legs through a matte."""
    if not zone.any():
        return colours
    mattes = [bare.matte for bare in bares]
    seen = _visible_skin(canvas, (mattes[0] > 0.5) | (mattes[1] > 0.5), lower)
    field, slope = _tone(canvas, seen)
    lamp = light_on(canvas)
    light = np.zeros(zone.shape, np.float32)
    for matte, bare in zip(mattes, bares, strict=True):
        light = np.where(dilate(matte > 0.02, 2), _form(canvas, bare, matte, lamp), light)
    nearer, further = (mattes[0], mattes[1]) if bares[0].leg.line[1][1] > bares[1].leg.line[1][1] else mattes[::-1]
    light -= 12 * blur(floats(nearer > 0.5), 0.05 * canvas.unit) * (further > 0.5) * (nearer < 0.5)
    field[..., 0] += light
    field[..., 1] += floats(slope[0]) * light
    field[..., 2] += floats(slope[1]) * light
    field += blotches(canvas, np.random.default_rng(seed))
    skin = cv2.cvtColor(np.clip(field, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR).astype(np.float32)
    skin = _meeting(canvas, skin, bares)
    colours = _relit_below(canvas, colours, bares)
    return mix(colours, skin, zone)


def _real_tone(canvas: Canvas, bare: BareLeg) -> tuple[Vector, Vector] | None:
    """The colour of the real leg beyond the old hem's shade, and by canvas row what the shade takes from it."""
    if not bare.joined:
        return None
    rows, unit = np.arange(canvas.size[1])[:, None], canvas.unit
    inside = erode(bare.matte > 0.9, 2) & (canvas.mattes.skin > 0.7) & (rows > bare.hem + 0.015 * unit)
    near, beyond = inside & (rows < bare.hem + 0.13 * unit), inside & (rows > bare.hem + 0.13 * unit)
    beyond &= rows < bare.hem + 0.3 * unit
    if near.sum() < 20:
        return None
    image = canvas.image.astype(np.float32)
    enough = beyond.sum() > 0.5 * near.sum()
    tone: Vector = np.median(image[beyond if enough else near], axis=0).astype(np.float64)
    counts = near.sum(axis=1)
    known = np.flatnonzero(counts > 4)
    means = np.stack([image[row][near[row]].mean(axis=0) for row in known]) if len(known) else tone[None]
    lost = np.clip(tone - means, -30, 70)
    every = np.arange(canvas.size[1])
    shade = np.stack([np.interp(every, known if len(known) else [0], lost[:, axis]) for axis in range(3)], axis=1)
    fade = np.clip((bare.hem + 0.15 * unit - every) / (0.04 * unit), 0, 1)[:, None]
    return tone, blur(floats(shade * fade), 1.5 * canvas.scale).astype(np.float64)


def _meeting(canvas: Canvas, skin: Colours, bares: list[BareLeg]) -> Colours:
    """Painted legs take on the colours of the real ones towards the hem."""
    rows = floats(np.arange(canvas.size[1])[:, None])
    for bare in bares:
        real, matte = _real_tone(canvas, bare), bare.matte
        above = (matte > 0.9) & (rows < bare.hem) & (rows > bare.hem - 0.1 * canvas.unit)
        if real is None or above.sum() < 20:
            continue
        gap = np.median(skin[above], axis=0) - real[0]
        near = np.exp(-((np.clip(bare.hem - rows, 0, None) / (0.6 * canvas.unit)) ** 2)) * (matte > 0)
        skin = skin - near[..., None] * floats(gap)
    return skin


def _relit_below(canvas: Canvas, colours: Colours, bares: list[BareLeg]) -> Colours:
    """Real skin below the hem without the hem's shade."""
    for bare in bares:
        real = _real_tone(canvas, bare)
        if real is not None:
            where = bare.matte * np.clip((canvas.mattes.skin - 0.5) / 0.4, 0, 1)
            colours = np.clip(colours + where[..., None] * floats(real[1])[:, None], 0, 255)
    return floats(colours)


def shown_zone(canvas: Canvas, bares: list[BareLeg], ends: list[float], old: Mask, kept: Mask) -> Plane:
    """Where legs are to be painted: from the new garment's hem, at canvas rows `ends`, to the skin that is real."""
    rows = floats(np.arange(canvas.size[1])[:, None])
    zone = np.zeros(old.shape, np.float32)
    free = 1 - soften(kept, 0.6 * canvas.scale)
    real = np.clip((canvas.mattes.skin - 0.4) / 0.4, 0, 1) * ~old
    near = soften(dilate(old, 2 * canvas.scale), 0.6 * canvas.scale)
    for bare, end in zip(bares, ends, strict=True):
        begun = np.clip(rows - end + 0.06 * canvas.unit, 0, 1)
        fade = np.clip((bare.hem + 0.1 * canvas.unit - rows) / (0.08 * canvas.unit), 0, 1) if bare.joined else 0.0
        below = np.clip((rows - bare.hem) / (0.05 * canvas.unit) + 1, 0, 1)  # where clothes end, real skin goes on
        limit = np.maximum(np.maximum(near, real * fade), 1 - below)
        zone = np.maximum(zone, bare.matte * begun * limit)
    return floats(zone * free)
