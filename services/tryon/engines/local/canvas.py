"""The part of the picture that dressing may touch, at full resolution, with the mattes of what is in it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.tryon.engines.local.arrays import (
    Box,
    Colours,
    Image,
    Mask,
    Plane,
    Size,
    Vector,
    blur,
    closed,
    lab_of,
    resize_mask,
    resize_plane,
)
from services.tryon.engines.local.body import Body
from services.tryon.engines.local.colours import SkinModel
from services.tryon.engines.local.filters import GuidedFilter
from services.tryon.engines.local.parse import Person
from services.tryon.engines.local.regions import Label
from services.tryon.engines.local.shapes import capsule, polygon, unit
from services.tryon.engines.local.warp import Fitting

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Mattes:
    """Who owns each pixel of the canvas, 0..1."""

    top: Plane
    bottom: Plane
    skin: Plane
    hair: Plane
    person: Plane
    face: Mask


@dataclass(frozen=True)
class Canvas:
    """A window into the picture. `scale` is canvas pixels per pixel of the work frame, `origin` its corner there."""

    image: Image
    box: Box
    scale: float
    origin: Vector  # in the work frame
    mattes: Mattes
    body: Body
    skin: SkinModel  # of the face
    body_skin: Vector  # Lab, of neck and arms

    @property
    def size(self) -> Size:
        """Width and height."""
        return int(self.image.shape[1]), int(self.image.shape[0])

    @property
    def unit(self) -> float:
        """The body's measure in canvas pixels."""
        return self.body.skeleton.unit * self.scale

    def place(self, point: Vector) -> Vector:
        """A work-frame point on the canvas."""
        result: Vector = (point - self.origin) * self.scale
        return result

    def row(self, row: float) -> float:
        """A work-frame row on the canvas."""
        return (row - float(self.origin[1])) * self.scale

    def frame_rows(self) -> Vector:
        """The work-frame row of each canvas row."""
        rows: Vector = np.arange(self.size[1]) / self.scale + self.origin[1]
        return rows

    def window(self, plane: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """What a work-frame plane shows in the canvas' window, still at the frame's resolution."""
        return _window(plane, self.origin, self.size, self.scale)

    def enlarged(self, plane: Plane) -> Plane:
        """A work-frame plane at the canvas' resolution."""
        return resize_plane(np.ascontiguousarray(self.window(plane)), self.size)

    def enlarged_mask(self, mask: Mask) -> Mask:
        """A work-frame mask at the canvas' resolution."""
        return resize_mask(np.ascontiguousarray(self.window(mask)), self.size)

    def limb(self, start: Vector, end: Vector, radius: float, end_radius: float) -> Mask:
        """A limb between two work-frame points; radii in body units."""
        first, last = radius * self.unit, end_radius * self.unit
        return capsule(self.size, self.place(start), self.place(end), first, last)

    def arm(self, index: int, shares: tuple[float, float, float], start: float = 0.0, hand: float = 0.22) -> Mask:
        """A whole arm with the radii at shoulder, elbow and wrist in body units.

        `start` is where it begins on the upper arm (0..1), `hand` how far it goes past the wrist in body units.
        """
        limb = self.body.skeleton.limbs[index]
        shoulder = limb.shoulder + (limb.elbow - limb.shoulder) * start
        hand_end = limb.wrist + unit(limb.wrist - limb.elbow) * hand * self.body.skeleton.unit
        upper, elbow, wrist = shares
        arm = self.limb(shoulder, limb.elbow, upper, elbow) | self.limb(limb.elbow, limb.wrist, elbow, wrist)
        return arm | self.limb(limb.wrist, hand_end, wrist, wrist) if hand > 0 else arm

    def sleeve(self, index: int, shoulder: Vector, armpit: Vector, share: float, width: float) -> Mask:
        """The area that a sleeve covers which reaches `share` of the arm, `width` times as thick as the arm."""
        arm = self.body.arms[index]
        end = share * arm.reach - 0.02 * arm.measure
        start = float((armpit - arm.line[0]) @ unit(arm.line[1] - arm.line[0])) + 0.06 * arm.measure
        marks = np.linspace(min(start, end), end, 12)
        sections = [arm.section(mark) for mark in marks]
        inner = [section.centre - section.outward * section.depth * width for section in sections]
        outer = [section.centre + section.outward * section.radius * 0.8 for section in sections]
        return polygon(self.size, [self.place(corner) for corner in [shoulder, armpit, *inner, *outer[::-1]]])

    @cached_property
    def skin_coloured(self) -> Mask:
        """What has the face's or the arms' colour, in whatever light."""
        return self.like_skin(self.lab)

    def like_skin(self, lab: Colours) -> Mask:
        """What of a picture in Lab, of the canvas' scale, has the face's or the arms' colour."""
        hues = blur(np.ascontiguousarray(lab[..., 1:]), 0.8 * self.scale)
        hues -= 128
        found = np.zeros(hues.shape[:2], np.bool_)
        for tone in (self.skin.colour[1:] - 128, self.body_skin[1:] - 128):
            # White cloth that skin shines on has the hue of skin, but little of it.
            strength = hues @ tone.astype(np.float32) / max(1.0, float(tone @ tone))
            offset = np.abs(hues - tone.astype(np.float32))
            found |= (offset[..., 0] < 14) & (offset[..., 1] < 16) & (strength > 0.5)
        return closed(found, 2 * self.scale)

    @cached_property
    def lab(self) -> Colours:
        """The picture in Lab."""
        return lab_of(self.image)


def _window(plane: npt.NDArray[Scalar], origin: Vector, size: Size, scale: float) -> npt.NDArray[Scalar]:
    left, top = round(float(origin[0])), round(float(origin[1]))
    return plane[top : top + round(size[1] / scale), left : left + round(size[0] / scale)]


def _touched(person: Person, fitting: Fitting) -> Mask:
    """What dressing may touch, in the work frame: the old garment, the new one, the arms."""
    touched = person.is_label(Label.TOP) | person.regions.arms | person.regions.neck | person.regions.face
    for part in fitting.parts:
        touched = touched | (part.across >= 0)
    return touched


def _frame_box(touched: Mask, measure: float) -> Box:
    """The box around it with a margin."""
    rows, columns = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    margin = int(0.15 * measure) + 8
    height, width = touched.shape
    return (
        max(0, int(columns[0]) - margin),
        max(0, int(rows[0]) - margin),
        min(width, int(columns[-1]) + margin),
        min(height, int(rows[-1]) + margin),
    )


def open_canvas(picture: Image, person: Person, body: Body, fitting: Fitting) -> Canvas:
    """The window for a top."""
    return canvas_over(picture, person, body, _touched(person, fitting))


def canvas_over(picture: Image, person: Person, body: Body, touched: Mask) -> Canvas:
    """Cut the window and bring the person's labels to its edges with the guided filter."""
    left, top, right, bottom = _frame_box(touched, body.skeleton.unit)
    scale = picture.shape[1] / person.image.shape[1]
    box = (
        round(left * scale),
        round(top * scale),
        min(picture.shape[1], round(right * scale)),
        min(picture.shape[0], round(bottom * scale)),
    )
    image = np.ascontiguousarray(picture[box[1] : box[3], box[0] : box[2]])
    size = (box[2] - box[0], box[3] - box[1])
    origin = np.array([left, top], np.float64)
    follow = GuidedFilter(image, max(2.0, 4 * scale), 2e-4, subsampling=2)
    finer = GuidedFilter(image, max(2.0, 3 * scale), 1e-4, subsampling=2)

    def small(plane: npt.NDArray[np.bool_ | np.float32]) -> Plane:
        return np.ascontiguousarray(_window(plane, origin, size, scale)).astype(np.float32)

    mattes = Mattes(
        top=follow(small(person.is_label(Label.TOP))),
        bottom=follow(small(person.is_label(Label.BOTTOM))),
        skin=follow(small(person.is_label(Label.SKIN))),
        hair=finer(small(person.is_label(Label.HAIR))),
        person=finer(small(person.alpha)),
        face=resize_mask(small(person.regions.face) > 0.5, size),
    )
    return Canvas(image, box, scale, origin, mattes, body, person.skin, person.body_skin)
