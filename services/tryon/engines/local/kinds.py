"""What kind of garment an outline is, and whether that agrees with what was asked for."""

from enum import Enum
from typing import Literal

import numpy as np

from services.tryon.engines.local.arrays import Mask
from services.tryon.engines.local.lower_garment import crotch_of
from services.tryon.engines.local.problems import InputProblem

Category = Literal["tops", "bottoms", "onePieces"]


class Cut(Enum):
    """The kinds of garment that are put on in different ways, in the words of the messages."""

    TOP = "a top"
    TROUSERS = "trousers or shorts"
    SKIRT = "a skirt"
    DRESS = "a dress"
    JUMPSUIT = "a jumpsuit"


_CATEGORIES: dict[Cut, Category] = {
    Cut.TOP: "tops",
    Cut.TROUSERS: "bottoms",
    Cut.SKIRT: "bottoms",
    Cut.DRESS: "onePieces",
    Cut.JUMPSUIT: "onePieces",
}
_NAMES: dict[str, str] = {"tops": "top", "bottoms": "bottom", "onePieces": "one piece"}


def category_of(cut: Cut) -> Category:
    """The category a cut belongs to."""
    return _CATEGORIES[cut]


def has_waistband(mask: Mask) -> bool:
    """Whether the upper edge is one straight line, as wide as what is below: no shoulders, straps or neckline."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, height = int(rows[0]), len(rows)
    low = mask[top + max(2, int(0.1 * height))]
    columns = np.flatnonzero(low)
    inset = int(0.06 * np.ptp(columns))
    heights = mask[top:, columns[0] + inset : columns[-1] - inset + 1].argmax(axis=0) / max(1.0, float(np.ptp(columns)))
    straight = float(np.percentile(heights, 50)) < 0.018 and float(np.percentile(heights, 80)) < 0.022
    return straight and int(mask[top + max(1, int(0.02 * height))].sum()) > 0.75 * int(low.sum())


def slenderness(mask: Mask) -> float:
    """Height by the width of the upper third."""
    rows = np.flatnonzero(mask.any(axis=1))
    upper = mask[rows[0] : rows[0] + max(3, len(rows) // 3)]
    return len(rows) / float(np.percentile(upper.sum(axis=1), 80))


def cut_of(mask: Mask) -> Cut | None:
    """What an outline shows; none when only a look at sleeves and chest can tell a top from a dress."""
    crotch = crotch_of(mask)
    if has_waistband(mask):
        if crotch is not None:
            return Cut.TROUSERS
        return Cut.TOP if slenderness(mask) < 0.75 else Cut.SKIRT
    if crotch is None:
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    low = float(crotch[1] - rows[0]) / len(rows)
    return Cut.JUMPSUIT if low > 0.3 and slenderness(mask) > 1.5 else None


_LONGEST_TOP, _SHORTEST_DRESS, _LIKELY_DRESS = 2.6, 1.4, 2.6  # length by the distance of the armpits


def agreed(cut: Cut, asked: str) -> Cut:
    """The cut that is put on where the outline tells it. What was asked for wins unless it clearly contradicts.

    A straight upper edge without legs below may be a strapless top or dress. Raises InputProblem.
    """
    if asked in ("auto", category_of(cut)):
        return cut
    if cut is Cut.SKIRT:
        return Cut.TOP if asked == "tops" else Cut.DRESS
    raise contradiction(cut, asked)


def agreed_by_chest(length: float, asked: str) -> Cut:
    """The same where only the length, in distances of the armpits, tells anything. Raises InputProblem."""
    likely = Cut.DRESS if length > _LIKELY_DRESS else Cut.TOP
    if asked == "auto":
        return likely
    if (
        asked == "bottoms"
        or (asked == "tops" and length > _LONGEST_TOP)
        or (asked == "onePieces" and length < _SHORTEST_DRESS)
    ):
        raise contradiction(likely, asked)
    return Cut.DRESS if asked == "onePieces" else Cut.TOP


def contradiction(cut: Cut, asked: str) -> InputProblem:
    """For a garment that is clearly not of the kind that was asked for."""
    message = (
        f"This looks like {cut.value}, but it was to be worn as a {_NAMES[asked]}. "
        f"Please choose “{_NAMES[category_of(cut)]}”, let Drape decide, or use another picture."
    )
    return InputProblem("CATEGORY_MISMATCH", message, "garment")
