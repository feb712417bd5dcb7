"""Colour models: how likely a colour is for hair, skin or a garment."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from services.tryon.engines.local.arrays import Colours, Mask, Plane, Vector

# L* in 32 steps, a* and b* in 64 steps of the eight-bit scale.
_STEPS = np.array([8.0, 4.0, 4.0], np.float32)
_BINS = (32, 64, 64)
_SPREAD = (1.3, 1.1, 1.1)  # bins; a garment's colours vary with light more than its hue does
_FLOOR = -22.0


def bins_of(lab: Colours) -> npt.NDArray[np.intp]:
    """The number of the histogram bin of each pixel."""
    steps = (lab / _STEPS).astype(np.intp)
    return (steps[..., 0] * _BINS[1] + steps[..., 1]) * _BINS[2] + steps[..., 2]


class ColourHistogram:
    """A smoothed Lab histogram as a density: many-coloured garments need no number of clusters to be chosen."""

    def __init__(self, bins: npt.NDArray[np.intp]) -> None:
        """From the bins (see `bins_of`) of the pixels that show the thing."""
        counts = np.bincount(bins.ravel(), minlength=int(np.prod(_BINS))).reshape(_BINS).astype(np.float32)
        smooth = ndimage.gaussian_filter(counts, _SPREAD, mode="constant", truncate=2.5)
        density = smooth / max(1.0, float(counts.sum())) / float(np.prod(_STEPS))
        self._log: npt.NDArray[np.float32] = np.log(density.ravel() + np.float32(np.exp(_FLOOR)))

    def __call__(self, bins: npt.NDArray[np.intp]) -> Plane:
        """Log density for each pixel, never below -22."""
        return self._log[bins]


@dataclass(frozen=True)
class SkinModel:
    """Skin as one colour with a spread, forgiving about brightness because bodies are lit from one side."""

    colour: Vector  # Lab
    spread: Vector

    def log_density(self, lab: Colours) -> Plane:
        """Log density for each pixel."""
        return self._exponent(lab) - np.float32(np.log(self.spread).sum())

    def likeness(self, lab: Colours) -> Plane:
        """1 for the very colour, towards 0 for others."""
        return np.exp(self._exponent(lab))

    def _exponent(self, lab: Colours) -> Plane:
        offset = (lab - self.colour.astype(np.float32)) / self.spread.astype(np.float32)
        offset[..., 0] *= np.where(offset[..., 0] < 0, np.float32(0.55), np.float32(0.7))
        result: Plane = -0.5 * (offset**2).sum(axis=-1)
        return np.maximum(result, -40)


def skin_from(lab: Colours, where: Mask, least_spread: tuple[float, float, float]) -> SkinModel:
    """The skin model of the pixels marked, outliers (lips, shadows, glare) left out."""
    pixels = lab[where].astype(np.float64)
    middle = np.median(pixels, axis=0)
    scatter = np.maximum(np.median(np.abs(pixels - middle), axis=0) * 1.48, [6, 3, 3])
    typical = pixels[(np.abs(pixels - middle) < 2.5 * scatter).all(axis=1)]
    typical = typical if len(typical) else pixels
    return SkinModel(np.median(typical, axis=0), np.maximum(typical.std(axis=0) * 1.3, least_spread))
