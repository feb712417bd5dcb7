"""The light of the photo: where it comes from, how dark its blacks are, how grainy and how sharp it is."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.tryon.engines.local.arrays import Mask, Plane, Vector, blur, erode, floats
from services.tryon.engines.local.bare import Form
from services.tryon.engines.local.canvas import Canvas

_FORM = 40.0  # lightness between a surface that faces the light and one at right angles to it
_LEAST_PIXELS = 200
_PROBES = (0.6, 1.6)  # pixels of blur
_DIFFERENCE = 0.5  # the variance that taking slopes from pixels adds


@dataclass(frozen=True)
class Light:
    """A lamp in front of the person and above: `side` is how far to the right of the picture it stands, -0.6..0.6."""

    side: float

    def on(self, form: Form) -> Plane:
        """Lightness to add to a rounded form, about 0 on average (Lambert's law)."""
        lamp = np.array([self.side, -0.35, 0.85])
        lamp /= np.linalg.norm(lamp)
        across = np.clip(form.across, -0.98, 0.98)
        facing = np.sqrt(1 - across**2)
        front = float(lamp[2])
        lit = across * float(form.outward @ lamp[:2]) + facing * front
        edge = np.clip((np.abs(across) - 0.8) / 0.2, 0, 1) ** 2
        return floats(_FORM * np.clip(lit - front, -0.65, 0.25) - 5 * edge + 5)


def light_on(canvas: Canvas) -> Light:
    """The light, as the two halves of the face and of a plain old garment show it."""
    face = erode(canvas.mattes.face, 3 * canvas.scale) & (canvas.mattes.skin > 0.5) & canvas.skin_coloured
    worn = erode(canvas.mattes.top > 0.9, 3 * canvas.scale)
    sides = [_tilt(canvas, face), _tilt(canvas, worn) * plainness(canvas, worn)]
    return Light(float(np.clip(0.8 * sides[0] + sides[1], -0.6, 0.6)))


def _tilt(canvas: Canvas, where: Mask) -> float:
    """How much lighter the right half of something is than the left, by its lightness."""
    columns = np.flatnonzero(where.any(axis=0))
    if where.sum() < _LEAST_PIXELS:
        return 0.0
    middle = int(np.median(columns))
    left, right = where.copy(), where.copy()
    left[:, middle:], right[:, :middle] = False, False
    if min(left.sum(), right.sum()) < _LEAST_PIXELS / 4:
        return 0.0
    lightness = canvas.lab[..., 0]
    low, high = float(np.median(lightness[left])), float(np.median(lightness[right]))
    return (high - low) / max(20.0, (high + low) / 2)


def plainness(canvas: Canvas, where: Mask) -> float:
    """1 for cloth of one colour, whose differences in lightness are light, towards 0 for a pattern."""
    if where.sum() < _LEAST_PIXELS:
        return 0.0
    pixels = canvas.lab[where]
    lightness, hue = float(pixels[:, 0].std()), float(pixels[:, 1].std() + pixels[:, 2].std())
    return float(np.exp(-((hue / 9) ** 2)) * np.exp(-((max(0.0, lightness - 18) / 14) ** 2)))


def noise_of(lightness: Plane, where: Mask) -> float:
    """Standard deviation of a picture's grain: the median size of what a small blur takes away."""
    if where.sum() < _LEAST_PIXELS:
        return 1.0
    fine = lightness - blur(lightness, 1.0)
    return float(np.median(np.abs(fine[where]))) * 1.48


def grain_like(canvas: Canvas, noise: np.random.Generator) -> Plane:
    """Grain as the photo's, in lightness."""
    skin = erode(canvas.mattes.skin > 0.8, 2)
    size = canvas.size[1], canvas.size[0]
    strength = float(np.clip(noise_of(np.ascontiguousarray(canvas.lab[..., 0]), skin), 0.4, 1.6))
    white = blur(noise.standard_normal(size, np.float32), 0.55)
    return floats(white * (strength / max(1e-3, float(white[::4, ::4].std()))))


def edge_width(lightness: Plane, where: Mask) -> float:
    """How blurred a picture's sharpest edges are: the standard deviation, in pixels, of the Gaussian they look like.

    The peak of a blurred step's slope falls with its width, so the slopes after two known blurs tell it (Elder and
    Zucker: Local Scale Control for Edge Detection and Blur Estimation, 1998). 0 where there are no edges.
    """
    if where.sum() < _LEAST_PIXELS:
        return 0.0
    slopes = []
    for sigma in _PROBES:
        soft = blur(lightness, sigma)
        across, down = (cv2.Scharr(soft, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1)))
        slopes.append(float(np.percentile(cv2.magnitude(across, down)[where], 99.5)))
    ratio = slopes[0] / max(1e-3, slopes[1])
    if slopes[0] < 6 or ratio < 1.02:
        return 0.0 if slopes[0] < 6 else 3.0
    squares = (_PROBES[1] ** 2 - (_PROBES[0] * ratio) ** 2) / (ratio**2 - 1) - _DIFFERENCE
    return float(np.sqrt(np.clip(squares, 0, 9)))


@dataclass(frozen=True)
class Tone:
    """How a photo shows black and white."""

    black: float  # 0..255
    white: Vector  # of blue, green, red, 1 where white is as white as can be


def tone_of(canvas: Canvas) -> Tone:
    """The darkest of the person, and the white of a white old garment; else of the brightest there is."""
    coarse = (slice(None, None, 3), slice(None, None, 3))
    person = canvas.mattes.person[coarse] > 0.9
    if person.sum() < _LEAST_PIXELS / 9:
        return Tone(12.0, np.ones(3))
    brightness = canvas.image[coarse].max(axis=2)
    black = float(np.clip(0.85 * np.percentile(brightness[person], 1), 14, 30))
    level = float(np.clip(np.percentile(brightness, 99) / 250, 0.86, 1.0))
    worn = erode(canvas.mattes.top > 0.9, 3 * canvas.scale)
    white = np.ones(3)
    if worn.sum() > _LEAST_PIXELS:
        usual = np.median(canvas.lab[worn], axis=0)
        if usual[0] > 185 and float(np.hypot(usual[1] - 128, usual[2] - 128)) < 9:
            colour = np.median(canvas.image[worn], axis=0)
            white = np.sqrt(colour / colour.max())
    return Tone(black, white * level)
