"""Drawn garments: outfits that need no photographer's permission, for tests and demonstrations."""

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]  # red, green, blue
Pattern = Literal["plain", "stripes", "dots", "checks", "badge"]

_WIDTH, _HEIGHT = 768, 1024
_FINE = 2  # drawn this much larger, then averaged down

# Half outlines right of the axis, from the neck to the hem, for a picture of 768 x 1024; x from the axis.
_NECK_HALF, _NECK_TOP, _NECK_DEPTH = 82.0, 178.0, 62.0
_BODY: list[tuple[float, float]] = [(82, 178), (206, 226), (204, 420), (198, 640), (204, 862), (0, 872)]
_VEST: list[tuple[float, float]] = [
    (82, 178), (150, 200), (146, 290), (168, 360), (204, 410), (198, 640), (204, 862), (0, 872),
]  # fmt: skip
_SHORT_SLEEVE: list[tuple[float, float]] = [(196, 220), (258, 262), (340, 420), (262, 470), (200, 400), (188, 300)]
_LONG_SLEEVE: list[tuple[float, float]] = [
    (196, 220), (252, 262), (296, 420), (340, 640), (368, 822), (300, 842), (262, 660), (226, 480), (202, 400),
    (188, 300),
]  # fmt: skip


def _smooth(points: list[tuple[float, float]], rounds: int = 2) -> npt.NDArray[np.float64]:
    """A closed outline with rounded corners (Chaikin, 1974)."""
    line = np.array(points, np.float64)
    for _ in range(rounds):
        following = np.roll(line, -1, axis=0)
        line = np.stack([line * 0.88 + following * 0.12, line * 0.12 + following * 0.88], axis=1).reshape(-1, 2)
    return line


def _filled(points: npt.NDArray[np.float64], sign: int) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((_HEIGHT * _FINE, _WIDTH * _FINE), np.uint8)
    placed = points * [sign, 1] + [_WIDTH / 2, 0]
    cv2.fillPoly(canvas, [np.round(placed * _FINE).astype(np.int32)], 1)
    return canvas > 0


def _neck(depth: float) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((_HEIGHT * _FINE, _WIDTH * _FINE), np.uint8)
    centre = (_WIDTH * _FINE // 2, int((_NECK_TOP - 2) * _FINE))
    axes = (int(_NECK_HALF * _FINE), int(depth * _FINE))
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, 1, -1)
    return canvas > 0


def _pattern(colour: Colour, second: Colour, kind: Pattern) -> Image:
    """The cloth, unlit."""
    rows, columns = np.mgrid[0 : _HEIGHT * _FINE, 0 : _WIDTH * _FINE] / _FINE
    chosen: dict[Pattern, npt.NDArray[np.bool_]] = {
        "plain": np.zeros(rows.shape, np.bool_),
        "stripes": (rows % 56) < 22,
        "dots": ((rows + 24) % 48 - 24) ** 2 + ((columns + 24 * ((rows + 24) // 48 % 2)) % 48 - 24) ** 2 < 90,
        "checks": ((rows // 40 + columns // 40) % 2) == 0,
        "badge": (rows - 430) ** 2 + (columns - _WIDTH / 2) ** 2 < 88**2,
    }
    cloth = np.where(chosen[kind][..., None], np.array(second), np.array(colour)).astype(np.uint8)
    if kind == "badge":
        _draw_badge(cloth, colour)
    return cloth


def _draw_badge(cloth: Image, colour: Colour) -> None:
    """A mountain in the circle."""
    peaks = np.array([(-78, 40), (-30, -34), (-6, 4), (26, -52), (80, 40)])
    centre = np.array([_WIDTH // 2, 430])
    cv2.fillPoly(cloth, [((peaks + centre) * _FINE).astype(np.int32)], colour, cv2.LINE_AA)


def _light(mask: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.float32]:
    """Soft folds and darker edges, as a factor."""
    small = cv2.resize(mask.astype(np.uint8), (_WIDTH // 2, _HEIGHT // 2))
    inward = cv2.distanceTransform(small, cv2.DIST_L2, 5)
    edge = 0.86 + 0.14 * np.clip(inward / 16, 0, 1) ** 0.5
    noise = np.random.default_rng(seed).standard_normal((_HEIGHT // 8, _WIDTH // 8)).astype(np.float32)
    folds = cv2.GaussianBlur(noise, (0, 0), 2.0, sigmaY=9.0)
    folds = cv2.resize(folds, (_WIDTH // 2, _HEIGHT // 2), interpolation=cv2.INTER_CUBIC)
    light = edge * (1 + 0.022 * folds / max(1e-6, float(np.std(folds))))
    return cv2.resize(light.astype(np.float32), (_WIDTH * _FINE, _HEIGHT * _FINE)).astype(np.float32)


def _lay(picture: Image, cloth: Image, mask: npt.NDArray[np.bool_], light: npt.NDArray[np.float32]) -> None:
    lit = np.clip(cloth[mask] * light[mask][:, None], 0, 255)
    picture[mask] = lit.astype(np.uint8)


def _seam(picture: Image, points: list[tuple[float, float]], dashed: bool = False) -> None:
    """A darker line, on both sides of the axis."""
    for sign in (-1, 1):
        line = np.round((np.array(points) * [sign, 1] + [_WIDTH / 2, 0]) * _FINE).astype(np.int32)
        shade = picture.copy()
        cv2.polylines(shade, [line], False, (0, 0, 0), 2 if dashed else 3, cv2.LINE_AA)
        cv2.addWeighted(shade, 0.22, picture, 0.78, 0, dst=picture)


def _collar(picture: Image, trim: Colour, depth: float) -> None:
    """The neck opening with the garment's inner back in it, and a ribbed band around."""
    opening, band = _neck(depth), _neck(depth + 18) & ~_neck(depth)
    top = int((_NECK_TOP - 2) * _FINE)
    picture[:top][opening[:top]] = 250
    opening[:top] = band[:top] = False
    picture[opening] = tuple(int(0.55 * part) for part in trim)
    picture[band] = tuple(int(0.9 * part) for part in trim)


def _garment(
    colour: Colour, second: Colour, pattern: Pattern, sleeve: list[tuple[float, float]] | None, size: tuple[int, int]
) -> bytes:
    picture = np.full((_HEIGHT * _FINE, _WIDTH * _FINE, 3), 250, np.uint8)
    cloth = _pattern(colour, second, pattern)
    if sleeve is not None:
        for sign in (-1, 1):
            mask = _filled(_smooth(sleeve), sign)
            _lay(picture, cloth, mask, _light(mask, 5 + sign))
    outline = _BODY if sleeve is not None else _VEST
    halves = [_filled(np.array([(0, _NECK_TOP), *outline]), sign) for sign in (-1, 1)]
    body = halves[0] | halves[1]
    _lay(picture, cloth, body, _light(body, 3))
    _collar(picture, second if pattern == "plain" else colour, _NECK_DEPTH)
    _seam(picture, [(204, 846), (0, 856)], dashed=True)
    if sleeve is not None:
        _seam(picture, [(206, 226), (192, 300), (204, 400)])
    return _png(picture, size)


def _png(rgb: Image, size: tuple[int, int]) -> bytes:
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode(".png", small[:, :, ::-1])
    if not encoded:
        raise RuntimeError("PNG encoding failed")
    return data.tobytes()


def tshirt(
    colour: Colour = (196, 48, 56),
    pattern: Pattern = "plain",
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    second: Colour = (246, 240, 226),
) -> bytes:
    """A T-shirt laid flat, as PNG. `size` is width and height in pixels."""
    return _garment(colour, second, pattern, _SHORT_SLEEVE, size)


def sweater(
    colour: Colour = (38, 84, 124),
    pattern: Pattern = "plain",
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    second: Colour = (240, 232, 214),
) -> bytes:
    """A sweater with long sleeves laid flat, as PNG."""
    return _garment(colour, second, pattern, _LONG_SLEEVE, size)


def vest(
    colour: Colour = (70, 130, 90),
    pattern: Pattern = "plain",
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    second: Colour = (240, 236, 220),
) -> bytes:
    """A top without sleeves laid flat, as PNG."""
    return _garment(colour, second, pattern, None, size)


def jacket(colour: Colour = (62, 74, 60), size: tuple[int, int] = (_WIDTH, _HEIGHT)) -> bytes:
    """A jacket that lies open, as PNG: between its fronts is the background."""
    file = np.frombuffer(_garment(colour, colour, "plain", _LONG_SLEEVE, (_WIDTH * _FINE, _HEIGHT * _FINE)), np.uint8)
    picture = cv2.imdecode(file, cv2.IMREAD_COLOR)
    if picture is None:
        raise RuntimeError("PNG decoding failed")
    half = [(60.0, 214.0), (36.0, 420.0), (66.0, 900.0)]
    gap = np.array([(_WIDTH / 2 + sign * x, y) for sign in (1, -1) for x, y in half[::sign]])
    cv2.fillPoly(picture, [np.round(gap * _FINE).astype(np.int32)], (250, 250, 250), cv2.LINE_AA)
    return _png(picture[:, :, ::-1].astype(np.uint8), size)


_Outline = list[tuple[float, float]]

# Half outlines of what covers the legs, from the waist's middle round to the crotch or the hem's middle.
_TROUSERS: _Outline = [(0, 96), (118, 92), (134, 250), (150, 330), (152, 950), (66, 954), (10, 352), (0, 344)]
_SHORTS: _Outline = [(0, 270), (196, 264), (226, 500), (250, 740), (52, 752), (12, 600), (0, 592)]
_SKIRT: _Outline = [(0, 220), (140, 214), (190, 330), (268, 780), (0, 800)]
_DRESS: _Outline = [
    (70, 78), (112, 92), (110, 160), (126, 236), (152, 262), (136, 420), (176, 560), (240, 940), (0, 956),
]  # fmt: skip
_JUMPSUIT: _Outline = [
    (70, 58), (106, 70), (104, 130), (118, 190), (136, 212), (116, 360), (146, 470), (146, 966), (66, 970), (10, 560),
    (0, 552),
]  # fmt: skip


def _lower(
    half: _Outline,
    colours: tuple[Colour, Colour],
    pattern: Pattern,
    size: tuple[int, int],
    seams: list[_Outline],
    neck: tuple[float, float] | None = None,
) -> bytes:
    """A garment that is drawn as one piece; `neck` is the row of the shoulders and the depth of the opening."""
    picture = np.full((_HEIGHT * _FINE, _WIDTH * _FINE, 3), 250, np.uint8)
    cloth = _pattern(*colours, pattern)
    start = [(0.0, half[0][1])] if neck else []
    mask = _filled(np.array(start + half), 1) | _filled(np.array(start + half), -1)
    _lay(picture, cloth, mask, _light(mask, 7))
    if neck:
        _scoop(picture, half[0][0], *neck)
    for seam in seams:
        _seam(picture, seam)
    return _png(picture, size)


def _scoop(picture: Image, half: float, top: float, depth: float) -> None:
    """A neck opening that shows the background."""
    centre, axes = (_WIDTH * _FINE // 2, int((top - 4) * _FINE)), (int(half * _FINE), int(depth * _FINE))
    cv2.ellipse(picture, centre, axes, 0, 0, 180, (250, 250, 250), -1)


def trousers(
    colour: Colour = (60, 70, 110),
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    pattern: Pattern = "plain",
    second: Colour = (240, 236, 220),
) -> bytes:
    """Trousers laid flat, as PNG."""
    seams: list[_Outline] = [
        [(0, 124), (120, 121)],
        [(0, 124), (0, 344)],
        [(60, 124), (124, 190)],
        [(108, 360), (110, 940)],
    ]
    return _lower(_TROUSERS, (colour, second), pattern, size, seams)


def shorts(
    colour: Colour = (176, 150, 110),
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    pattern: Pattern = "plain",
    second: Colour = (240, 236, 220),
) -> bytes:
    """Shorts laid flat, as PNG."""
    seams: list[_Outline] = [
        [(0, 312), (198, 306)],
        [(0, 312), (0, 592)],
        [(96, 312), (206, 420)],
        [(52, 722), (248, 710)],
    ]
    return _lower(_SHORTS, (colour, second), pattern, size, seams)


def skirt(
    colour: Colour = (120, 40, 60),
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    pattern: Pattern = "plain",
    second: Colour = (240, 236, 220),
) -> bytes:
    """A flared skirt laid flat, as PNG."""
    seams: list[_Outline] = [[(0, 252), (152, 246)], [(60, 270), (96, 760)], [(0, 776), (264, 758)]]
    return _lower(_SKIRT, (colour, second), pattern, size, seams)


def dress(
    colour: Colour = (150, 60, 120),
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    pattern: Pattern = "plain",
    second: Colour = (240, 236, 220),
) -> bytes:
    """A dress without sleeves laid flat, as PNG."""
    seams: list[_Outline] = [[(0, 424), (134, 420)], [(0, 936), (238, 920)]]
    return _lower(_DRESS, (colour, second), pattern, size, seams, (78, 66))


def jumpsuit(
    colour: Colour = (40, 84, 80),
    size: tuple[int, int] = (_WIDTH, _HEIGHT),
    pattern: Pattern = "plain",
    second: Colour = (240, 236, 220),
) -> bytes:
    """A jumpsuit without sleeves laid flat, as PNG."""
    seams: list[_Outline] = [[(0, 364), (116, 360)], [(0, 380), (0, 552)]]
    return _lower(_JUMPSUIT, (colour, second), pattern, size, seams, (58, 60))


OUTFITS: dict[str, Callable[[], bytes]] = {
    "red T-shirt": lambda: tshirt(),
    "badge T-shirt": lambda: tshirt((34, 54, 92), "badge"),
    "striped sweater": lambda: sweater((38, 84, 124), "stripes"),
    "dotted vest": lambda: vest((70, 130, 90), "dots"),
    "checked T-shirt": lambda: tshirt((150, 62, 54), "checks", second=(236, 214, 190)),
    "mustard sweater": lambda: sweater((206, 158, 56)),
}
