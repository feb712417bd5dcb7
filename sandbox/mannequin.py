"""A drawn person, from head to shoes: someone to dress whose every measure is known, for tests and demonstrations."""

import cv2
import numpy as np
import numpy.typing as npt

from sandbox.drawings import Colour, Image

WIDTH, HEIGHT = 768, 1280
_SKIN: Colour = (222, 176, 148)
_SHADE: Colour = (206, 162, 136)
_AXIS = WIDTH / 2

# Where the joints are drawn, right of the axis: x from the axis, y.
SHOULDER, ELBOW, WRIST = (84, 302), (118, 450), (132, 580)
HIP, KNEE, ANKLE = (46, 610), (52, 850), (50, 1110)
WAIST, CROTCH = 540, 664

_Outline = list[tuple[float, float]]
_TORSO: _Outline = [(0, 262), (34, 262), (92, 284), (104, 330), (92, 400), (80, 480), (78, 548), (0, 552)]
_SEAT: _Outline = [(0, 540), (80, 540), (94, 600), (98, 650), (8, 676), (0, 664)]
_LEG: _Outline = [(2, 640), (98, 640), (94, 740), (82, 860), (78, 960), (70, 1090), (32, 1090), (22, 960), (16, 860)]
_FOOT: _Outline = [(36, 1096), (64, 1096), (70, 1140), (84, 1176), (62, 1192), (34, 1184), (34, 1140)]


def _shape(points: _Outline, sign: int) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    placed = np.array(points, np.float64) * [sign, 1] + [_AXIS, 0]
    cv2.fillPoly(canvas, [np.round(placed).astype(np.int32)], 1)
    soft = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), 4.0)
    return soft > 0.5


def _limb(points: list[tuple[float, float]], widths: list[float], sign: int) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    line = np.array(points, np.float64) * [sign, 1] + [_AXIS, 0]
    for share in np.linspace(0, len(points) - 1, 160):
        index = min(int(share), len(points) - 2)
        place = line[index] + (line[index + 1] - line[index]) * (share - index)
        radius = widths[index] + (widths[index + 1] - widths[index]) * (share - index)
        cv2.circle(canvas, (round(place[0]), round(place[1])), round(radius), 1, -1)
    return canvas > 0


def _ellipse(centre: tuple[float, float], axes: tuple[float, float]) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(
        canvas, (round(_AXIS + centre[0]), round(centre[1])), (round(axes[0]), round(axes[1])), 0, 0, 360, 1, -1
    )
    return canvas > 0


def _paint(picture: Image, mask: npt.NDArray[np.bool_], colour: Colour, depth: float = 24) -> None:
    """The colour, rounded like a body: darker towards the edge."""
    inward = np.clip(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) / depth, 0, 1)
    noise = np.random.default_rng(4).standard_normal(mask.shape).astype(np.float32)
    light = 0.74 + 0.30 * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)) + 0.012 * cv2.GaussianBlur(noise, (0, 0), 1)
    lit = np.clip(np.array(colour, np.float32) * light[..., None], 0, 255)
    edge = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.9)[..., None]
    picture[:] = (picture * (1 - edge) + lit * edge).astype(np.uint8)


def _face(picture: Image) -> None:
    _paint(picture, _ellipse((0, 160), (58, 76)), (62, 42, 30))
    _paint(picture, _limb([(0, 220), (0, 286)], [27, 32], 1), _SHADE)
    _paint(picture, _ellipse((0, 172), (48, 66)), _SKIN, 40)
    for sign in (-1, 1):
        _paint(picture, _ellipse((sign * 20, 162), (10, 5)), (250, 248, 244), 3)
        _paint(picture, _ellipse((sign * 20, 162), (5, 5)), (50, 34, 24), 3)
        _paint(picture, _ellipse((sign * 20, 147), (12, 3)), (70, 46, 32), 2)
    _paint(picture, _ellipse((0, 184), (7, 12)), _SHADE, 9)
    _paint(picture, _ellipse((0, 210), (18, 6)), (186, 92, 90), 4)


def person(
    top: Colour = (236, 232, 224),
    bottom: Colour = (52, 62, 96),
    background: Colour = (206, 208, 212),
    long_trousers: bool = True,
    long_sleeves: bool = False,
) -> Image:
    """Somebody who stands, in a top and trousers or shorts, as a picture of red, green and blue."""
    picture = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
    for sign in (-1, 1):
        _paint(picture, _limb([(52, 690), KNEE, ANKLE, (50, 1130)], [42, 30, 18, 18], sign), _SKIN)
        _paint(picture, _shape(_FOOT, sign), (40, 34, 32), 14)
        _paint(picture, _limb([SHOULDER, ELBOW, WRIST], [28, 22, 15], sign), _SKIN)
        _paint(picture, _limb([WRIST, (136, 612), (134, 648)], [15, 18, 9], sign), _SKIN, 14)
    legs = [point for point in _LEG if long_trousers or point[1] < 800]
    halves = [_shape(outline, sign) for outline in (legs, _SEAT) for sign in (-1, 1)]
    _paint(picture, np.logical_or.reduce(halves), bottom, 34)
    _face(picture)
    sleeve: _Outline = [(80, 300), ELBOW, WRIST] if long_sleeves else [(80, 300), (104, 392)]
    widths: list[float] = [34, 30, 22] if long_sleeves else [32, 30]
    sleeves = [_limb(sleeve, widths, sign) for sign in (-1, 1)]
    _paint(picture, np.logical_or.reduce([_shape(_TORSO, 1), _shape(_TORSO, -1), *sleeves]), top, 34)
    _paint(picture, _ellipse((0, 262), (32, 18)), _SKIN, 20)
    return picture
