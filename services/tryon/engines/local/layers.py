"""The drawn pieces of a garment."""

from dataclasses import dataclass

import numpy as np

from services.tryon.engines.local.arrays import Image, Plane, floats


@dataclass(frozen=True)
class Layer:
    """A drawn piece of the garment."""

    sign: int  # 0 torso, -1 left sleeve, 1 right sleeve
    colours: Image
    alpha: Plane
    whole: Plane  # alpha before the part was clipped


@dataclass(frozen=True)
class DrawnGarment:
    """All pieces on the canvas."""

    torso: Layer
    sleeves: tuple[Layer, ...]
    opening: Plane  # where the garment is open: at the neck its inner back must not be drawn, at the front is none
    front: Plane | None = None  # between the open fronts, where what is worn underneath stays

    @property
    def cover(self) -> Plane:
        """What the garment covers, 0..1."""
        return floats(np.maximum.reduce([layer.alpha for layer in (self.torso, *self.sleeves)]))

    @property
    def spared(self) -> Plane:
        """What is not to be taken off: what the garment covers, and what its open front shows."""
        return self.cover if self.front is None else floats(np.minimum(self.cover + self.front, 1))

    @property
    def sleeve_cover(self) -> Plane:
        """What the sleeves cover, 0..1."""
        alphas = [np.zeros_like(self.torso.alpha), *(layer.alpha for layer in self.sleeves)]
        return floats(np.maximum.reduce(alphas))
