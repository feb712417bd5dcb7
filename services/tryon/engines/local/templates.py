"""The kinds of garment that outlines are compared with: their corners, what is usual about them, where to start."""

from collections.abc import Callable, Iterator
from enum import Enum
from math import hypot

import numpy as np

from services.tryon.engines.local.arrays import Points


class Kind(Enum):
    """What a garment is, as far as its outline tells."""

    SLEEVED = "sleeved"
    SLEEVELESS = "sleeveless"
    TROUSERS = "trousers"


# The corners of each kind from the axis at the top to the axis at the bottom; x is the distance from the axis.
CORNERS: dict[Kind, tuple[str, ...]] = {
    Kind.SLEEVED: ("neck", "collar", "shoulder", "bend", "cuff_outer", "cuff_inner", "armpit", "hem", "middle"),
    Kind.SLEEVELESS: ("neck", "collar", "shoulder", "armhole", "armpit", "waist", "hem", "middle"),
}
ON_AXIS = {"neck", "middle"}


def _square(value: float) -> float:
    return value * value


def _beyond(value: float, low: float, high: float) -> float:
    return max(0.0, low - value, value - high)


def _sleeved_penalty(corners: Points) -> float:
    """How unlike a sleeved garment the corners stand, whatever the mask says.

    It is asked thousands of times a garment, so it counts with plain numbers.
    """
    neck, collar, shoulder, bend, outer, inner, armpit, hem, middle = places = corners.tolist()
    armhole = hypot(armpit[0] - shoulder[0], armpit[1] - shoulder[1])
    cuff = hypot(outer[0] - inner[0], outer[1] - inner[1])
    tall = max(1.0, hem[1] - collar[1])
    wide = max(1.0, armpit[0])
    cost = _square(_beyond(shoulder[0] / wide, 0.84, 1.35) / 0.12) + 0.4 * abs(shoulder[0] / wide - 0.98)
    cost += _square(_beyond(collar[0] / wide, 0.2, 0.62) / 0.15)
    cost += _square(_beyond(armhole / wide, 0.4, 1.5) / 0.2)
    cost += _square(_beyond(cuff / max(1.0, armhole), 0.25, 1.15) / 0.2)
    cost += _square(_beyond((shoulder[1] - collar[1]) / wide, 0.05, 0.5) / 0.1)
    cost += _square(_beyond((armpit[1] - collar[1]) / tall, 0.15, 0.65) / 0.08)
    cost += _square(_beyond((neck[1] - collar[1]) / wide, -0.1, 0.9) / 0.2)
    cost += 3 * max(0.0, inner[0] - outer[0]) / wide
    cost += _square(_beyond((inner[0] - armpit[0]) / wide, 0.0, 9.0) / 0.05)
    chord = outer[0] - shoulder[0], outer[1] - shoulder[1]
    reach = bend[0] - shoulder[0], bend[1] - shoulder[1]
    squared = max(1.0, chord[0] * chord[0] + chord[1] * chord[1])
    cost += _square(_beyond((reach[0] * chord[0] + reach[1] * chord[1]) / squared, 0.25, 0.75) / 0.1)
    cost += _square(_beyond((reach[0] * chord[1] - reach[1] * chord[0]) / squared, -0.2, 0.3) / 0.1)
    cost += _square(_beyond(wide / max(1.0, hem[0]), 0.7, 1.25) / 0.1)
    cost += _square(_beyond((middle[1] - hem[1]) / tall, -0.1, 0.12) / 0.05)
    sleeve = tuple((outer[i] + inner[i]) / 2 - (shoulder[i] + armpit[i]) / 2 for i in (0, 1))
    along = sleeve[0] * (outer[0] - inner[0]) + sleeve[1] * (outer[1] - inner[1])
    slant = abs(along) / max(1.0, hypot(*sleeve) * cuff)
    cost += _square(_beyond(slant, 0.0, 0.45) / 0.15)
    cost += _square(min(0.0, *(y for _, y in places)) / 2)
    return float(0.01 * cost)


def _sleeveless_penalty(corners: Points) -> float:
    neck, collar, shoulder, armhole, armpit, waist, hem, middle = places = corners.tolist()
    tall, wide = max(1.0, hem[1] - collar[1]), max(1.0, armpit[0])
    narrow = max(1.0, min(waist[0], hem[0]))
    cost = _square(_beyond(shoulder[0] / wide, collar[0] / wide + 0.04, 1.15) / 0.1)
    cost += _square(_beyond((armpit[1] - collar[1]) / tall, 0.12, 0.6) / 0.08)
    cost += _square(_beyond(collar[0] / wide, 0.22, 0.85) / 0.08)
    cost += _square(_beyond(armhole[0] / wide, 0.3, 1.0) / 0.06)
    cost += _square(_beyond(shoulder[0] / narrow, 0.0, 1.12) / 0.08)
    cost += _square(_beyond(wide / narrow, 0.0, 1.2) / 0.08)
    cost += _square(_beyond((waist[1] - armpit[1]) / tall, 0.1, 0.7) / 0.1)
    cost += _square(_beyond((armhole[1] - shoulder[1]) / tall, 0.02, 0.5) / 0.1)
    cost += _square(_beyond((neck[1] - collar[1]) / wide, -0.1, 1.2) / 0.2)
    cost += _square(_beyond(hem[0] / wide, 0.7, 1.3) / 0.08)
    cost += _square(_beyond((middle[1] - hem[1]) / tall, -0.1, 0.12) / 0.05)
    cost += _square(min(0.0, *(y for _, y in places)) / 2)
    return float(0.01 * cost)


PENALTIES: dict[Kind, Callable[[Points], float]] = {
    Kind.SLEEVED: _sleeved_penalty,
    Kind.SLEEVELESS: _sleeveless_penalty,
}


def sleeved_starts(armpit: Points, height: float) -> Iterator[Points]:
    width = float(armpit[0])
    shoulder = np.array([0.95 * width, 0.08 * height])
    for angle in (10, 30, 50, 70, 90):
        for reach in (0.5, 1.0, 1.6, 2.4, 3.2, 4.4):
            along = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))]) * reach * width
            yield np.array(
                [
                    (0, 0.06 * height),
                    (0.4 * width, 0),
                    shoulder,
                    shoulder + along * 0.55,
                    shoulder + along * 1.1,
                    armpit + along * 0.85 + np.array([0.12 * width, 0]),
                    armpit,
                    (width, height),
                    (0, height),
                ]
            )


def sleeveless_starts(half_width: float, height: float) -> Iterator[Points]:
    for collar in (0.35, 0.6):
        for dip in (0.05, 0.25):
            for depth in (0.2, 0.35):
                fractions = [
                    (0, dip),
                    (collar, 0),
                    (collar + 0.2, 0.02),
                    (collar + 0.2, 0.6 * depth),
                    (1, depth),
                    (0.97, 0.65),
                    (1, 1),
                    (0, 1),
                ]
                yield np.array(fractions) * [half_width, height]
