"""How the photo's light falls on the new cloth: the body's form under it, folds, the photo's blacks, grain and blur."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import (
    Colours,
    Plane,
    Vector,
    Window,
    blur,
    box_of,
    dilate,
    distance_inside,
    erode,
    floats,
    resize_plane,
)
from services.tryon.engines.local.canvas import Canvas
from services.tryon.engines.local.layers import DrawnGarment, Layer
from services.tryon.engines.local.light import Light, edge_width, light_on, noise_of, plainness, tone_of
from services.tryon.engines.local.warp import Fitting

_FOLD_WIDTH, _FOLD_DEPTH = 0.02, 0.16  # in body units, and as the logarithm of the shade's factor
_LEAST_FOLD, _MOST_FOLD = 0.04, 0.08  # the strongest of folds on the smoothest and on the liveliest cloth, likewise
_MOST_FORM = 0.14
_HALF = 2  # light is made at half the size: it has no finer detail


@dataclass(frozen=True)
class Drape:
    """Light on the torso of the garment and on its sleeves, as factors near 1."""

    torso: Plane
    sleeves: tuple[Plane, ...]


def drape(canvas: Canvas, fitting: Fitting, drawn: DrawnGarment, seed: int) -> Drape:
    """The light on the garment: as the old garment shows it where that was plain, else as the body's form makes it."""
    light, old = light_on(canvas), _old_light(canvas)
    form = _trunk_shade(canvas, fitting, light)
    made = _folds(canvas, fitting, np.random.default_rng(seed)) * (1 - 0.8 * old.trust)
    most = most_fold(canvas, drawn.torso)
    folds = bounded(floats(old.folds * old.trust + made), most)
    shade = form * (1 - 0.6 * old.trust) + old.form * old.trust + folds
    on_sleeves = 0.7 * old.form * old.trust + bounded(floats(0.7 * old.folds * old.trust + 0.8 * made), most)
    sleeves = tuple(floats(np.exp(_tube_shade(canvas, sleeve, light) + on_sleeves)) for sleeve in drawn.sleeves)
    return Drape(floats(np.exp(shade)), sleeves)


def bounded(shade: Plane, most: float) -> Plane:
    """Shade that stays as it is where it is weak and nears `most` where it is strong, without an edge."""
    return floats(most * np.tanh(shade / most))


def most_fold(canvas: Canvas, layer: Layer) -> float:
    """How strong added folds may be: a little stronger than what differences of light the cloth has by itself.

    On smooth cloth anything darker is a stain; a pattern hides more. The cloth's own is the usual size of what differs
    from its surroundings (the median absolute deviation), which a print on it does not change.
    """
    size = (max(1, canvas.size[0] // _HALF), max(1, canvas.size[1] // _HALF))
    inside = resize_plane(floats(erode(layer.alpha > 0.95, 3)), size)
    grey = resize_plane(floats(cv2.cvtColor(layer.colours, cv2.COLOR_BGR2GRAY)), size)
    near, far = (_average(grey, inside, share * canvas.unit / _HALF) for share in (0.01, 0.06))
    sure = inside > 0.9
    if not sure.any():
        return _LEAST_FOLD
    own = np.log((near[sure] + 30) / (far[sure] + 30))
    usual = 1.48 * float(np.median(np.abs(own - np.median(own))))
    return float(np.clip(0.03 + 0.8 * usual, _LEAST_FOLD, _MOST_FOLD))


def _average(plane: Plane, weight: Plane, sigma: float) -> Plane:
    """The blurred plane where only what has weight counts."""
    return floats(blur(floats(plane * weight), sigma) / np.maximum(blur(weight, sigma), 1e-3))


@dataclass(frozen=True)
class _OldLight:
    """What the old garment tells of the light, as logarithms of factors, and how far it can be trusted, 0..1."""

    form: Plane
    folds: Plane
    trust: Plane


def _old_light(canvas: Canvas) -> _OldLight:
    """The old garment's light, parted: broad is what a body's form casts on any cloth, the rest are its own folds."""
    worn = erode(canvas.mattes.top > 0.9, 2)
    size = (max(1, canvas.size[0] // _HALF), max(1, canvas.size[1] // _HALF))
    trusted = plainness(canvas, worn)
    if trusted < 0.05:
        none = np.zeros(worn.shape, np.float32)
        return _OldLight(none, none, none)
    lightness = np.ascontiguousarray(canvas.lab[..., 0])
    usual = float(np.median(lightness[worn]))
    trusted *= float(np.clip(usual / 110, 0.4, 1))  # dark cloth is mostly sheen
    print_on_it = dilate(worn & (np.abs(lightness - blur(lightness, 0.03 * canvas.unit)) > 28), 2 * canvas.scale)
    weight = floats(worn & ~print_on_it)
    small, known = resize_plane(lightness, size), resize_plane(weight, size)
    fine, broad = (
        np.log((_average(small, known, sigma) + 30) / (usual + 30))
        for sigma in (0.8 * canvas.scale, 0.14 * canvas.unit / _HALF)
    )
    inward = np.clip(distance_inside(worn) / (0.16 * canvas.unit), 0, 1)
    trust = blur(floats(inward * weight), 1.5 * canvas.scale) * np.float32(trusted)
    form, folds = bounded(floats(broad), _MOST_FORM), floats(np.clip(fine - broad, -0.28, 0.16))
    return _OldLight(resize_plane(form, canvas.size), resize_plane(folds, canvas.size), floats(trust))


def _trunk_shade(canvas: Canvas, fitting: Fitting, light: Light) -> Plane:
    """The trunk as an elliptic cylinder with a chest, lit by the photo's lamp."""
    rows, skeleton = canvas.frame_rows(), canvas.body.skeleton
    left, right = ((fitting.edges(index, rows) - canvas.origin[0])[:, None] * canvas.scale for index in (0, 1))
    left, right = floats(left), floats(right)
    columns = np.arange(canvas.size[0], dtype=np.float32)[None]
    across = np.clip((columns - left) / np.maximum(right - left, 1) * 2 - 1, -1.1, 1.1)
    armpit = max(float(plan.armpit[1]) for plan in fitting.plans)
    below = np.clip((rows - armpit) / (0.3 * skeleton.unit) + 1, 0, 1)[:, None]  # above it is shoulder
    shade = floats(below) * (-0.26 * np.abs(across) ** 3 + 0.16 * light.side * across)
    share = (rows - float(skeleton.neck[1])) / skeleton.torso
    # The chest turns towards the lamp above, what is below it away from it.
    relief = 0.06 * np.exp(-(((share - 0.22) / 0.12) ** 2)) - 0.08 * np.exp(-(((share - 0.5) / 0.13) ** 2))
    shade += floats(relief)[:, None] * (1 - 0.5 * np.abs(across))
    return floats(shade)


def _tube_shade(canvas: Canvas, sleeve: Layer, light: Light) -> Plane:
    """A sleeve as a tube; the one on the side of the lamp is lighter."""
    inward = np.clip(distance_inside(sleeve.whole > 0.5) / (0.13 * canvas.unit), 0, 1)
    tube = 0.78 + 0.24 * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1))
    return floats(np.log(tube) + 0.10 * light.side * sleeve.sign)


@dataclass(frozen=True)
class Fold:
    """A valley in the cloth from a point where it is pulled, in the work frame."""

    start: Vector
    middle: Vector
    end: Vector
    strength: float  # 0..1


def _folds(canvas: Canvas, fitting: Fitting, chance: np.random.Generator) -> Plane:
    """Folds where cloth pulls or hangs: from the armpits to the chest, at the waist, and up from a loose hem."""
    measure = canvas.body.skeleton.unit
    folds: list[Fold] = []
    for index, plan in enumerate(fitting.plans):
        inwards = np.array([1.0 if index == 0 else -1.0, 0.0])
        down = np.array([0.0, 1.0])
        for angle in (0.25, 0.6, 1.05):
            angle += chance.uniform(-0.12, 0.12)
            along = inwards * np.cos(angle) + down * np.sin(angle)
            reach = chance.uniform(0.22, 0.42) * measure
            start = plan.armpit + inwards * 0.02 * measure
            bend = down * chance.uniform(0.0, 0.05) * measure
            folds.append(Fold(start, start + along * reach * 0.5 + bend, start + along * reach, 1.0))
        close = 0.7 * (1 - _looseness(canvas, fitting))  # what hangs free of the waist has no folds there
        waist = canvas.body.skeleton.neck[1] + 0.68 * canvas.body.skeleton.torso
        for _ in range(3):
            row = float(waist + chance.uniform(-0.16, 0.16) * measure)
            if row > fitting.hem - 0.08 * measure:
                continue
            start = np.array([fitting.edge(index, row), row]) + inwards * 0.02 * measure
            along = inwards * chance.uniform(0.22, 0.4) * measure + down * chance.uniform(0.02, 0.12) * measure
            folds.append(Fold(start, start + along * 0.5 + down * 0.02 * measure, start + along, close))
    return floats(drawn_folds(canvas, folds) + _hem_waves(canvas, fitting, chance))


def drawn_folds(canvas: Canvas, folds: list[Fold]) -> Plane:
    """Folds as shade on their lower side and light on their upper one, fading towards their ends."""
    size = (max(1, canvas.size[0] // _HALF), max(1, canvas.size[1] // _HALF))
    drawn = np.zeros((size[1], size[0]), np.uint8)
    marks = np.linspace(0, 1, 13)[:, None]
    wide = _FOLD_WIDTH * canvas.unit / _HALF
    for fold in folds:
        line = fold.start * (1 - marks) ** 2 + 2 * fold.middle * marks * (1 - marks) + fold.end * marks**2
        places = np.round(np.stack([canvas.place(point) for point in line]) / _HALF * 16).astype(np.int32)
        for number in range(len(places) - 1):
            strength = round(255 * fold.strength * (1 - (number / (len(places) - 1)) ** 1.5))
            cv2.line(drawn, places[number], places[number + 1], strength, max(1, round(wide)), cv2.LINE_AA, 4)
    core = blur(floats(drawn * np.float32(_FOLD_DEPTH / 255)), 0.8 * wide)
    shift = max(1, round(0.8 * wide))
    return resize_plane(floats(0.6 * np.roll(core, -shift, axis=0) - np.roll(core, shift, axis=0)), canvas.size)


def _looseness(canvas: Canvas, fitting: Fitting) -> float:
    """How much wider the garment's hem is than the body: 0 for as wide, 1 for a third wider and more."""
    sides = [fitting.edge(index, fitting.hem) for index in (0, 1)]
    own = max(1.0, abs(canvas.body.side(1, fitting.hem) - canvas.body.side(0, fitting.hem)))
    return float(np.clip((sides[1] - sides[0]) / own - 1.0, 0, 0.3)) / 0.3


def _hem_waves(canvas: Canvas, fitting: Fitting, chance: np.random.Generator) -> Plane:
    """The soft flutes of a hem, stronger where the garment is wider than the body."""
    rows, skeleton = canvas.frame_rows(), canvas.body.skeleton
    sides = [fitting.edge(index, fitting.hem) for index in (0, 1)]
    loose = _looseness(canvas, fitting)
    across = (np.arange(canvas.size[0]) / canvas.scale + canvas.origin[0] - sides[0]) / max(1.0, sides[1] - sides[0])
    flutes = np.zeros_like(across)
    for count in (2.5, 4.2):
        flutes += np.sin(2 * np.pi * (count * across + chance.uniform()))
    rise = np.clip((rows - fitting.hem) / (0.45 * skeleton.unit) + 1, 0, 1) ** 1.5
    return floats(0.02 * (0.4 + loose) * rise[:, None] * flutes[None])


@dataclass(frozen=True)
class Finish:
    """What makes cloth look as if the photo's camera had taken it."""

    lift: float  # of its blacks
    gain: Vector  # of blue, green, red
    softness: float  # pixels of blur
    grain: float  # standard deviation

    @property
    def is_grainy(self) -> bool:
        """Whether any grain would be seen."""
        return self.grain > 0.2

    def __call__(self, layer: Layer, box: Window, light: Plane, grain: Plane) -> Colours:
        """The cloth of a layer in the given light, in the part of the canvas that the layer is in."""
        lit = layer.colours[box].astype(np.float32)
        lit *= self.gain.astype(np.float32)
        dark = 1 - lit * np.float32(1 / 255)
        dark *= dark
        lit += np.float32(self.lift) * dark
        lit *= light[box][..., None]
        # Black cloth throws back little but sheen, which is where it faces the lamp.
        dark *= dark
        lit += dark * floats(26 * np.clip(light[box] - 0.9, -0.05, 0.3))[..., None]
        if self.softness > 0.3:
            lit = cv2.GaussianBlur(lit, (0, 0), self.softness).astype(np.float32, copy=False)
        if self.is_grainy:
            lit += floats(self.grain * grain[box])[..., None]
        return np.clip(lit, 0, 255, out=lit)


def finish_of(canvas: Canvas, drawn: DrawnGarment) -> Finish:
    """How the cloth has to be changed to be of the photo."""
    inside = erode(drawn.torso.alpha > 0.9, 3)
    tone = tone_of(canvas)
    if inside.sum() < 200:
        return Finish(0.0, np.ones(3), 0.0, 0.0)
    lightness = floats(cv2.cvtColor(drawn.torso.colours, cv2.COLOR_BGR2GRAY))
    photo = floats(cv2.cvtColor(canvas.image, cv2.COLOR_BGR2GRAY))
    own_black = float(np.percentile(drawn.torso.colours[inside][::7].min(axis=1), 5))
    skin = erode(canvas.mattes.skin > 0.8, 2)
    person = erode(canvas.mattes.person > 0.9, 3)
    wider = edge_width(photo, person) ** 2 - edge_width(lightness, inside) ** 2
    grain = noise_of(photo, skin) ** 2 - noise_of(lightness, inside) ** 2
    return Finish(
        max(0.0, tone.black - own_black),
        tone.white,
        float(np.sqrt(np.clip(wider, 0, 1.0))),
        float(np.sqrt(np.clip(grain, 0, 1.4))),
    )


def hem_rim(layer: Layer, canvas: Canvas) -> Plane:
    """The lower rim of a piece of cloth, which turns away from the light: cloth has a thickness."""
    thick = max(1, round(0.009 * canvas.unit))
    box, result = box_of(layer.whole, 3 * canvas.scale), np.zeros_like(layer.whole)
    whole, wide = layer.whole[box], 0.5 * canvas.scale
    below = np.concatenate([whole[thick:], np.repeat(whole[-1:], thick, axis=0)])
    rim = blur(floats(whole * (1 - below)), wide)
    result[box] = rim / np.maximum(blur(np.ascontiguousarray(whole), wide), 0.2)  # dark to the very edge
    return result


def cast_below(seen: Plane, canvas: Canvas) -> Plane:
    """The shadow of a hem on what is below it: dark and narrow at the touch, wide and soft further off."""
    result = np.zeros_like(seen)
    for reach, down, strength in ((0.007, 0.005, 0.33), (0.017, 0.02, 0.24)):
        soft = blur(seen, max(0.8, reach * canvas.unit))
        shift = max(1, round(down * canvas.unit))
        moved = np.concatenate([np.repeat(soft[:1], shift, axis=0), soft[:-shift]])
        result = np.maximum(result, 1.6 * strength * moved)
    return floats(np.clip(result, 0, 0.5))
