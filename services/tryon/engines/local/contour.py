"""Outlines as a retoucher's pen draws them: smooth curves with their true corners, told from the noise along them."""

from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from services.tryon.engines.local.arrays import (
    Image,
    Mask,
    Plane,
    Points,
    Size,
    components,
    dilate,
    floats,
    opened,
    sample,
    size_of,
)

_FINE = 4  # subpixels of a drawn outline, a side
_INSIDE, _OUTSIDE = 9, 7  # steps across an outline
_CORNER = np.radians(48)
_SHIFT = 4  # bits of a pixel's fraction in OpenCV's drawing


def even_matte(mask: Mask, sigma: float, noise: float) -> Plane:
    """The matte of a mask with even outlines: what departs from them by less than `noise` pixels is no cloth.

    `sigma` is the scale of the smoothing along the outline in pixels. Corners, ruffles, ties: whatever a smooth curve
    would miss by more than `noise` stays as it is, and so do straps and the gaps between them. The matte passes from
    0 to 1 within 1.5 pixels.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    half = np.ascontiguousarray(mask[::2, ::2])
    thin = floats(dilate(_strips(half, 0.35 * sigma) | _strips(~half, 0.35 * sigma), 1))
    traced = [outline[:, 0].astype(np.float64) for outline in outlines if len(outline) > 8]
    return _filled([even_line(line, sigma, noise, thin) for line in traced], size_of(mask))


def settled_matte(mask: Mask, image: Image, scale: float) -> Plane:
    """The matte of a garment before a plain background, its outline where the picture's colours change.

    Along each normal of the traced outline the colours go from the background's to the cloth's; where they are half
    way is the edge, which is as even as the cloth's own. `scale` is the length in pixels of one pixel of the frame in
    which the mask was found: so rough is it.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    traced = [outline[:, 0].astype(np.float64) for outline in outlines if len(outline) > 8]
    return _filled([_settled(line, mask, image, scale) for line in traced], size_of(mask))


def _settled(traced: Points, mask: Mask, image: Image, scale: float) -> Points:
    line = _by_length(traced)
    rough = gaussian_filter1d(line, min(1.5 * scale, len(line) / 24), axis=0, mode="wrap")
    normal = _outward(rough)
    steps = np.arange(-_INSIDE, _OUTSIDE + 1) * (0.6 * scale)
    places = rough[:, None] + normal[:, None] * steps[None, :, None]
    across, down = floats(places[..., 0]), floats(places[..., 1])
    colours = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    cloth, behind = colours[:, :4].mean(axis=1), colours[:, -4:].mean(axis=1)
    along = cloth - behind
    contrast = (along**2).sum(axis=1)
    share = ((colours - behind[:, None]) * along[:, None]).sum(axis=2) / np.maximum(contrast, 1)[:, None]
    # From outside inwards, the first that is more cloth than background.
    first = (share[:, ::-1] > 0.55).argmax(axis=1)
    move = np.minimum(steps[::-1][first], 0.8 * scale)  # masks are generous rather than tight
    inside = sample(floats(mask), across[:, :4], down[:, :4]).min(axis=1) > 0.5
    trust = np.clip((np.sqrt(contrast) - 30) / 40, 0, 1) * inside + 1e-3
    near = 2.0 * scale
    even = gaussian_filter1d(move * trust, near, mode="wrap") / gaussian_filter1d(trust, near, mode="wrap")
    sure = gaussian_filter1d(trust, near, mode="wrap")
    result: Points = rough + normal * (even * np.clip(2 * sure, 0, 1))[:, None]
    return result


def _strips(mask: Mask, radius: float) -> Mask:
    """What of a mask is narrower than the disc for longer than the disc is wide."""
    narrow = mask & ~dilate(opened(mask, radius), 1)
    numbers, stats = components(narrow)
    long = stats[:, cv2.CC_STAT_AREA] > 3 * radius**2
    long[0] = False
    strips: Mask = long[numbers]
    return strips


def even_line(traced: Points, sigma: float, noise: float, thin: Plane) -> Points:
    """A closed line of traced pixels as an even one through their outer edges, in steps of about a pixel.

    Where `thin`, at half the size, is 1 it stays as it is.
    """
    line = _by_length(traced)
    fine = gaussian_filter1d(line, min(1.2, sigma), axis=0, mode="wrap")
    ends = _corners(fine, 1.4 * sigma)
    even = _smooth(fine, min(sigma, len(line) / 24), ends)
    missed = np.sqrt(gaussian_filter1d(((even - fine) ** 2).sum(axis=1), sigma, mode="wrap"))
    narrow = sample(thin, line[None, :, 0] / 2, line[None, :, 1] / 2)[0]
    true = np.maximum(np.clip((missed / noise - 0.6) * 2, 0, 1), narrow)
    true = gaussian_filter1d(true, sigma, mode="wrap")[:, None]
    result: Points = even * (1 - true) + fine * true
    return result + (0.5 - 0.5 / _FINE) * _outward(result)  # OpenCV traces and fills the middles of the outermost


def _corners(line: Points, reach: float) -> list[int]:
    """Where a closed line turns sharply: by the angle of its chords before and after, longer than noise is high."""
    step = max(3, round(reach))
    if len(line) < 4 * step:
        return []
    before, after = line - np.roll(line, step, axis=0), np.roll(line, -step, axis=0) - line
    turn = np.abs(np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1)))
    sharpest = turn == maximum_filter1d(turn, 2 * step + 1, mode="wrap")
    return np.flatnonzero(sharpest & (turn > _CORNER)).tolist()


def _by_length(traced: Points) -> Points:
    """A closed line in equal steps."""
    closed = np.concatenate([traced, traced[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    marks = np.linspace(0, at[-1], max(8, round(at[-1])), endpoint=False)
    return np.stack([np.interp(marks, at, closed[:, axis]) for axis in (0, 1)], axis=1)


def _smooth(line: Points, sigma: float, corners: list[int]) -> Points:
    """A closed line without what is shorter than about four sigma, corner by corner."""
    if not corners:
        return _softened(line, sigma, "wrap")
    turned = np.roll(line, -corners[0], axis=0)
    marks = [*(corner - corners[0] for corner in corners), len(line)]
    turned = np.concatenate([turned, turned[:1]])
    pieces = [_between(turned[start : end + 1], sigma)[:-1] for start, end in pairwise(marks)]
    return np.roll(np.concatenate(pieces), corners[0], axis=0)


def _between(piece: Points, sigma: float) -> Points:
    """A line smoothed with its ends fixed: beyond them it goes on as its own image in the end point."""
    far = min(len(piece) - 1, round(5 * sigma))
    before, after = 2 * piece[0] - piece[far:0:-1], 2 * piece[-1] - piece[-2 : -far - 2 : -1]
    return _softened(np.concatenate([before, piece, after]), sigma, "nearest")[far : far + len(piece)]


def _softened(line: Points, sigma: float, beyond: Literal["wrap", "nearest"]) -> Points:
    """Twice the Gaussian less its square.

    Unlike the Gaussian alone it does not pull curves inwards (Oliensis: Local reproducible smoothing without
    shrinkage, 1993).
    """
    once = gaussian_filter1d(line, sigma, axis=0, mode=beyond)
    result: Points = 2 * once - gaussian_filter1d(once, sigma, axis=0, mode=beyond)
    return result


def _outward(line: Points) -> Points:
    """The normals of OpenCV's outlines, which run with the mask on their left, and holes the other way round."""
    along = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _filled(lines: list[Points], size: Size) -> Plane:
    """What lies within an odd number of closed lines, with soft edges."""
    if not lines:
        return np.zeros((size[1], size[0]), np.float32)
    every = np.concatenate(lines)
    low = np.maximum(np.floor(every.min(axis=0)).astype(np.intp) - 2, 0)
    high = np.minimum(np.ceil(every.max(axis=0)).astype(np.intp) + 3, size)
    width, height = (high - low).tolist()
    drawn = np.zeros((height * _FINE, width * _FINE), np.uint8)
    places = [((line - low + 0.5) * _FINE - 0.5) * (1 << _SHIFT) for line in lines]
    cv2.fillPoly(drawn, [np.round(place).astype(np.int32) for place in places], 255, cv2.LINE_8, _SHIFT)
    small = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 0.45)
    result = np.zeros((size[1], size[0]), np.float32)
    result[low[1] : high[1], low[0] : high[0]] = floats(soft) / 255
    return result
