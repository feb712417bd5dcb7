"""What the self-check makes of its measures."""

from dataclasses import dataclass

import numpy as np

LEAST_SCORE = 0.5


@dataclass(frozen=True)
class Verdict:
    """How good a result is, 0..1, what that comes from, and what is wrong with it in words for a log."""

    score: float
    grades: dict[str, float]
    measures: dict[str, float]

    @property
    def problems(self) -> list[str]:
        """The grades that are poor."""
        return [problem for problem, grade in self.grades.items() if grade < 0.7]


def _grade(value: float, good: float, bad: float) -> float:
    """1 when as good as `good`, 0 when as bad as `bad`, straight between."""
    return float(np.clip((value - bad) / (good - bad), 0, 1))


# What counts as good and as bad of each measure, and what is wrong when it is bad.
Limits = dict[str, tuple[float, float, str]]

OUTLINE_LIMITS: Limits = {
    "ragged": (0.06, 0.11, "the garment's outline is ragged"),
    "nibbled": (0.3, 0.44, "the garment's outline is torn in one place"),
    "soft": (2.9, 3.6, "the garment's outline is blurred"),
}

UPPER_LIMITS: Limits = {
    "joints": (0.08, 0.4, "the body's joints moved"),
    "face": (1.0, 6.0, "the face changed"),
    "background": (0.002, 0.03, "the background changed"),
    "colours": (0.06, 0.4, "the garment's colours changed"),
    "holes": (0.005, 0.14, "the garment has holes"),
    "strayed": (0.01, 0.12, "the garment strays from the body"),
    "reparse": (0.92, 0.3, "the result does not read as a person in this garment"),
    "plan": (0.9, 0.75, "the garment is not where it should be"),
    "sleeves": (0.2, 0.7, "a sleeve is missing"),
    "torn": (0.03, 0.4, "the garment is torn or stretched"),
    "left over": (0.005, 0.1, "the old garment still shows"),
    "pieces": (0.005, 0.1, "the garment is in pieces"),
    "skin": (0.5, 2.2, "too much skin had to be invented"),
    "clothes": (0.05, 0.45, "too much of other clothes had to be invented"),
    "buried": (0.005, 0.06, "the garment reaches into the face"),
    "turned": (0.85, 0.5, "the body is turned too far"),
    "cut": (0.08, 0.3, "the garment's cut was not understood"),
    "rests": (0.001, 0.006, "a rest of the old garment shows beside the new one"),
    "bitten": (0.005, 0.014, "hair or neck was painted over"),
    "handless": (0.25, 0.6, "an arm ends without its hand"),
    "flat": (0.88, 0.96, "painted skin is flat"),
    "uneven": (0.24, 0.34, "the garment's collar is torn"),
} | OUTLINE_LIMITS


def verdict_of(measures: dict[str, float], limits: Limits) -> Verdict:
    """The worst fault decides; the others take a little more off."""
    grades = {words: _grade(measures[name], good, bad) for name, (good, bad, words) in limits.items()}
    score = min(grades.values()) * (1 - sum(1 - grade for grade in grades.values()) / 75)
    return Verdict(score, grades, measures)
