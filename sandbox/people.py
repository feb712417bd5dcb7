"""Drawn people, seen from the front: they need nobody's permission, for tests and demonstrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from sandbox.drawings import Colour, Image

_FINE = 2  # drawn this much larger, then averaged down
_SIZE = (768, 1024)
_FULL_LENGTH = 1.5
"""A figure down to the shoes needs so much more room than one down to the knees."""

Point = tuple[float, float]
Joint = tuple[float, float, float]
"""x from the axis, y, radius."""


@dataclass(frozen=True)
class Look:
    """What somebody looks like; colours are red, green, blue."""

    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    backdrop: Colour
    long_hair: bool = False
    width: float = 1.0
    """Of the body, in proportion."""
    full_length: bool = False


PEOPLE = {
    "Tom": Look((141, 92, 66), (30, 24, 22), (92, 112, 98), (52, 54, 60), (214, 208, 198), width=1.12),
    "Lin": Look(
        (238, 200, 168), (24, 22, 24), (160, 60, 70), (196, 178, 148), (198, 208, 202), long_hair=True, full_length=True
    ),
}


def person(look: Look) -> bytes:
    """Somebody with their arms a little apart, as PNG of 768 x 1024 pixels."""
    figure = _Figure(look)
    if look.long_hair:
        figure.shape([(0, 60), (86, 110), (102, 230), (94, 330), (56, 352)], look.hair)
    figure.arms()
    figure.legs()
    figure.limb([(0, 250, 40), (0, 345, 44)], _shade(look.skin, 0.9))
    figure.torso()
    figure.head()
    figure.face()
    return figure.png()


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (int(part * factor) for part in colour)
    return red, green, blue


class _Figure:
    """A picture that a body is drawn into, part by part, from the back to the front."""

    def __init__(self, look: Look) -> None:
        self._look = look
        scale = _FULL_LENGTH if look.full_length else 1.0
        width, height = (int(side * scale * _FINE) for side in _SIZE)
        self._axis = width / _FINE / 2
        rows, columns = np.mgrid[0:height, 0:width] / (_FINE * scale)
        light = 1.06 - 0.00022 * np.hypot(columns - 330, rows - 300)
        self._picture: Image = np.clip(np.array(look.backdrop) * light[..., None], 0, 255).astype(np.uint8)

    def png(self) -> bytes:
        """The finished picture."""
        small = cv2.resize(self._picture, _SIZE, interpolation=cv2.INTER_AREA)
        encoded, data = cv2.imencode(".png", small[:, :, ::-1])
        if not encoded:
            raise RuntimeError("PNG encoding failed")
        return data.tobytes()

    def shape(self, half: Sequence[Point], colour: Colour, depth: float = 34, sign: int = 0) -> None:
        """A rounded outline (Chaikin, 1974), given right of the axis: on both sides as one, or closed on one `sign`."""
        outline = [(sign * x, y) for x, y in half] if sign else [*half] + [(-x, y) for x, y in reversed(half)]
        line = np.array(outline, np.float64)
        for _ in range(4):
            after = np.roll(line, -1, axis=0)
            line = np.stack([line * 0.75 + after * 0.25, line * 0.25 + after * 0.75], axis=1).reshape(-1, 2)
        mask = np.zeros(self._picture.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round((line + np.array([self._axis, 0])) * _FINE).astype(np.int32)], 1)
        self._lay(mask, colour, depth)

    def limb(self, joints: Sequence[Joint], colour: Colour) -> None:
        """Something round between joints."""
        mask = np.zeros(self._picture.shape[:2], np.uint8)
        for start, end in pairwise(joints):
            for x, y, radius in np.linspace(start, end, 80):
                cv2.circle(mask, self._at(x, y), round(radius * _FINE), 1, -1)
        self._lay(mask, colour, 26)

    def arms(self) -> None:
        """Bare arms and hands."""
        w = self._look.width
        for sign in (-1, 1):
            arm = [(118 * w, 372, 36), (158 * w, 520, 30), (176 * w, 560, 28), (196 * w, 690, 21)]
            hand = [(196 * w, 700, 22), (202 * w, 740, 25), (202 * w, 775, 17), (198 * w, 800, 10)]
            thumb: list[Joint] = [(188 * w, 715, 9), (176 * w, 765, 8)]
            for joints in (arm, hand, thumb):
                self.limb([(sign * x, y, radius) for x, y, radius in joints], self._look.skin)

    def legs(self) -> None:
        """Trousers, and shoes where the picture reaches so far."""
        w = self._look.width
        for sign in (-1, 1):
            shoe: list[Joint] = [(sign * 72 * w, 1395, 26), (sign * 84 * w, 1432, 28)]
            self.limb(shoe, (58, 48, 44))
            leg = [(58 * w, 740, 66), (66 * w, 900, 56), (70 * w, 1090, 44), (74 * w, 1385, 34)]
            self.limb([(sign * x, y, radius * w**0.5) for x, y, radius in leg], self._look.bottom)

    def torso(self) -> None:
        """A T-shirt."""
        w = self._look.width
        half = [(0, 352), (34, 340), (52, 318), (110 * w, 338), (152 * w, 372), (172 * w, 470), (112 * w, 486)]
        half += [(106 * w, 560), (112 * w, 660), (122 * w, 790), (60, 796), (0, 797)]
        self.shape(half, self._look.top, 44)

    def head(self) -> None:
        """Ears, the face's form, hair."""
        for sign in (-1, 1):
            self.shape([(74, 196), (90, 190), (88, 232), (74, 240)], self._look.skin, 12, sign)
        self.shape([(0, 84), (64, 104), (78, 170), (72, 236), (36, 290), (0, 304)], self._look.skin, 60)
        hair: list[Point] = [(26, 66), (68, 86), (90, 150), (84, 214), (70, 170), (40, 138), (0, 130)]
        self.shape(hair, self._look.hair, 30)

    def face(self) -> None:
        """Eyes, nose, and a smile."""
        brow, shadow = _shade(self._look.hair, 0.42), _shade(self._look.skin, 0.78)
        for x in (-31, 31):
            self._ellipse((x, 192), (17, 9), (246, 244, 240))
            self._ellipse((x, 192), (8, 8), (84, 62, 46))
            self._ellipse((x, 192), (4, 4), (18, 14, 12))
            self._ellipse((x - 3, 189), (2, 2), (255, 255, 255))
            self._arc((x, 192), (18, 10), (190, 350), brow, 2)
            self._arc((x, 178), (22, 9), (200, 340), brow, 4)
        self._arc((0, 226), (14, 9), (20, 160), shadow, 3)
        lips = tuple(int(a * 0.5 + b * 0.5) for a, b in zip(self._look.skin, (176, 56, 64), strict=True))
        self._arc((0, 244), (28, 16), (18, 162), (lips[0], lips[1], lips[2]), 5)

    def _ellipse(self, centre: Point, axes: Point, colour: Colour) -> None:
        size = (round(axes[0] * _FINE), round(axes[1] * _FINE))
        cv2.ellipse(self._picture, self._at(*centre), size, 0, 0, 360, colour, -1, cv2.LINE_AA)

    def _arc(self, centre: Point, axes: Point, degrees: Point, colour: Colour, width: int) -> None:
        size = (round(axes[0] * _FINE), round(axes[1] * _FINE))
        cv2.ellipse(self._picture, self._at(*centre), size, 0, *degrees, colour, width * _FINE, cv2.LINE_AA)

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round((self._axis + x) * _FINE), round(y * _FINE)

    def _lay(self, mask: npt.NDArray[np.uint8], colour: Colour, depth: float) -> None:
        """Lays on a colour that is lit from the upper left and darker towards its edges, as something round is."""
        inward = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        bulge = np.sqrt(np.clip(inward / (depth * _FINE), 0, 1)).astype(np.float32)
        bulge = cv2.GaussianBlur(bulge, (0, 0), 7.0 * _FINE)
        slope = cv2.Sobel(bulge, cv2.CV_32F, 1, 0, ksize=5) * 0.9 + cv2.Sobel(bulge, cv2.CV_32F, 0, 1, ksize=5) * 0.5
        light = 0.80 + 0.22 * bulge + np.clip(slope * 0.25, -0.08, 0.08)
        cover = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6 * _FINE)[..., None]
        lit = np.clip(np.array(colour) * light[..., None], 0, 255)
        self._picture = (self._picture * (1 - cover) + lit * cover).astype(np.uint8)
