"""Putting on what covers legs, step by step: trousers, shorts and skirts, dresses and jumpsuits."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from services.tryon.engines.local.arrays import Image, Mask, floats, mix, soften
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.canvas import Canvas, canvas_over
from services.tryon.engines.local.check import judge
from services.tryon.engines.local.compose import Composed, compose
from services.tryon.engines.local.drawing import draw_garment
from services.tryon.engines.local.layers import Layer
from services.tryon.engines.local.legs import LowerBody
from services.tryon.engines.local.lower_body import labels_without, lower_body_of
from services.tryon.engines.local.lower_check import common_measures, judge_lower, judge_one_piece, reparse_overlap
from services.tryon.engines.local.lower_compose import compose_lower, cover_of, draw_lower, with_hands
from services.tryon.engines.local.lower_fit import fit_lower, reaches_far_enough
from services.tryon.engines.local.lower_garment import LowerGarment
from services.tryon.engines.local.lower_repair import take_off_lower, waist_rows
from services.tryon.engines.local.models import Models
from services.tryon.engines.local.one_piece import OnePiece, fit_one_piece
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.pose import Pose
from services.tryon.engines.local.refuse import garment_cropped
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.repair import take_off
from services.tryon.engines.local.verdict import Verdict
from services.tryon.engines.local.waistband import band_light
from services.tryon.engines.local.warp import Fitting

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Wearer:
    """Who is to be dressed, and in what photo."""

    models: Models
    photo: Image
    pose: Pose
    person: Person
    lower: LowerBody

    def canvas(self, touched: Mask) -> Canvas:
        """The window over what may be touched."""
        return canvas_over(self.photo, self.person, self.lower.body, touched)

    def with_canvas(self, canvas: Canvas, composed: Composed) -> Image:
        """The photo with the finished canvas in it."""
        result = self.photo.copy()
        left, top, right, bottom = canvas.box
        result[top:bottom, left:right] = composed.image
        return result


def wearer_of(models: Models, photo: Image, pose: Pose, person: Person, body: Body) -> Wearer:
    """The person with the lower body understood."""
    lower = lower_body_of(person, body)
    return Wearer(models, photo, pose, replace(person, labels=labels_without(person, lower)), lower)


def put_on_lower(wearer: Wearer, garment: LowerGarment, seed: int, progress: Progress) -> tuple[Image, Verdict]:
    """The person in these trousers or this skirt, and what the self-check says of it. Raises InputProblem."""
    lower = wearer.lower
    if not reaches_far_enough(garment, lower):
        raise garment_cropped()
    fitting = fit_lower(garment, lower)
    progress("drawing the garment", 0.68)
    touched = lower.old | wearer.person.regions.hands
    for part in fitting.parts:
        touched = touched | (part.across >= 0)
    canvas = wearer.canvas(touched)
    layers = draw_lower(canvas, garment, fitting)
    if garment.worn_by is not None and not garment.worn_by.tucked:
        layers = _with_waistband(canvas, lower, layers)
    cover = cover_of(layers) > 0.5
    progress("taking the old garment off", 0.76)
    repaired = take_off_lower(canvas, lower, cover_of(layers), fitting.ends, seed)
    progress("putting the garment on", 0.85)
    composed = compose_lower(canvas, lower, fitting, layers, repaired, seed)
    result = wearer.with_canvas(canvas, composed)
    progress("checking the result", 0.92)
    models, pose = wearer.models, wearer.pose
    common = common_measures(
        models, pose, wearer.photo, result, canvas, lower, garment.cloth, fitting.parts, repaired, composed
    )
    return result, judge_lower(
        common, models, pose, result, canvas, lower, fitting, cover, composed, garment.cloth, garment.error
    )


def _with_waistband(canvas: Canvas, lower: LowerBody, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers with a plain waistband along the waist: the top of whoever wore the garment hid its own."""
    below = floats(np.arange(canvas.size[1])[:, None] - waist_rows(canvas, lower))
    shown, light = np.clip(below + 0.5, 0, 1), band_light(canvas, below)[..., None]
    return tuple(
        replace(
            layer,
            alpha=floats(layer.alpha * shown),
            colours=np.clip(layer.colours * light, 0, 255).astype(np.uint8),
        )
        for layer in layers
    )


def put_on_one_piece(wearer: Wearer, piece: OnePiece, seed: int, progress: Progress) -> tuple[Image, Verdict]:
    """The person in this dress or jumpsuit, and what the self-check says of it. Raises InputProblem."""
    lower, person = wearer.lower, wearer.person
    fitting, ends = fit_one_piece(piece, lower)
    if _ends_too_early(piece, lower, fitting):
        raise garment_cropped()
    progress("drawing the garment", 0.68)
    regions = person.regions
    touched = lower.old | person.is_label(Label.TOP) | regions.arms | regions.neck | regions.face
    for part in fitting.parts:
        touched = touched | (part.across >= 0)
    canvas = wearer.canvas(touched)
    drawn = draw_garment(canvas, piece.garment, fitting)
    progress("taking the old garment off", 0.74)
    below = take_off_lower(canvas, lower, drawn.cover, ends, seed)
    none = np.zeros_like(canvas.mattes.bottom)
    gone = soften(below.background & below.old, 1.0)
    seen = np.maximum(canvas.mattes.person * (1 - gone), below.skin)
    skin = canvas.mattes.skin * (1 - soften(below.old, 0.6))  # specks of a pattern were taken for it
    bare = replace(canvas.mattes, bottom=none, person=floats(seen), skin=floats(skin))
    bared = replace(canvas, image=np.clip(below.colours, 0, 255).astype(np.uint8), mattes=bare)
    progress("taking the old garment off", 0.80)
    above = take_off(bared, drawn.cover, fitting, seed)
    progress("putting the garment on", 0.86)
    composed = compose(bared, fitting, drawn, above, seed)
    hands = below.hands & (composed.shown < 0.3)
    image = with_hands(canvas, composed.image.astype(np.float32), hands, drawn.cover > 0.05)
    composed = replace(composed, image=np.clip(image, 0, 255).astype(np.uint8))
    composed = _with_held(canvas, composed, canvas.enlarged_mask(lower.held))
    result = wearer.with_canvas(canvas, composed)
    progress("checking the result", 0.92)
    models, pose = wearer.models, wearer.pose
    common = common_measures(
        models, pose, wearer.photo, result, canvas, lower, piece.garment.cloth, fitting.parts, below, composed
    )
    upper = judge(models, pose, piece.garment, canvas, fitting, drawn, above, composed, wearer.photo, result).measures
    both = (Label.TOP, Label.BOTTOM)
    own = upper | {"reparse": reparse_overlap(models, pose, canvas, composed, result, both)}
    if piece.lower is not None:  # what is open between its legs is none
        own["holes"] = 0.0
    return result, judge_one_piece(common, own | {"upper skin": upper["skin"]})


def _ends_too_early(piece: OnePiece, lower: LowerBody, fitting: Fitting) -> bool:
    """Whether the garment's picture cuts it off where more of the person is to be seen."""
    mask = piece.garment.mask
    if piece.garment.worn_by is None or not mask[-3:].any():
        return False
    seen = min(float(lower.skeleton.size[1]), max(float(leg.line[2][1]) for leg in lower.legs))
    return fitting.hem < seen - 0.35 * lower.skeleton.unit


def _with_held(canvas: Canvas, composed: Composed, held: Mask) -> Composed:
    """What hands hold comes before everything."""
    matte = soften(held, 0.8 * canvas.scale)
    image = mix(composed.image.astype(np.float32), canvas.image.astype(np.float32), matte)
    return Composed(np.clip(image, 0, 255).astype(np.uint8), (composed.shown * (1 - matte)).astype(np.float32))
