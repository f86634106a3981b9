"""Intervals by drawing patients, with replacement: what one patient's photographs have in common stays together.

Photographs, surfaces and visits of one patient resemble each other, so that an interval that treats them as
independent is too narrow. Here a draw takes whole patients; every row of a patient comes as often as the patient.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FEWEST_PATIENTS: Final = 5
"""With fewer patients than this a resampled interval says nothing: some draws are one patient over and over."""

_DEFINED: Final = 0.9  # share of the draws in which a value must exist for its interval to be given


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: None when it does not exist; ``reason`` then says why.
        low, high: of the interval; None when there is none.
        reason: why something is None, as a clause; empty when nothing is.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Groups:
    """Which patient each row belongs to, and how often each patient is drawn.

    Attributes:
        index: (rows,) int, the patient's number of every row.
        count: number of patients.
        draws: (draws, patients) float, how often a patient comes in a draw; each row sums to ``count``.
    """

    index: npt.NDArray[np.intp]
    count: int
    draws: FloatArray

    def sums(self, values: FloatArray) -> FloatArray:
        """(rows, ...) values summed patient by patient: (patients, ...)."""
        totals = np.zeros((self.count, *values.shape[1:]))
        np.add.at(totals, self.index, values)
        return totals

    def drawn(self, values: FloatArray) -> FloatArray:
        """(rows, ...) values summed over every draw: (draws, ...)."""
        return np.tensordot(self.draws, self.sums(values), axes=1)


def draw_patients(patients: Sequence[Hashable], draws: int, seed: int) -> Groups:
    """Decide the draws; the same patients, number of draws and seed give the same ones.

    Args:
        patients: of every row, in any order.
        draws: how many; 0 gives none.
        seed: of the generator.
    """
    numbers: dict[Hashable, int] = {}
    index = np.array([numbers.setdefault(patient, len(numbers)) for patient in patients], np.intp)
    count = len(numbers)
    if not count or not draws:
        return Groups(index, count, np.zeros((0, count)))
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=draws)
    return Groups(index, count, weights.astype(np.float64))


def percentile_interval(value: float | None, drawn: FloatArray, groups: Groups, confidence: float = 0.95) -> Estimate:
    """The percentile interval (Efron 1979) of a value from its (draws,) resampled values; NaN: does not exist."""
    if value is None:
        return Estimate(None, reason="the value itself does not exist")
    if groups.count < FEWEST_PATIENTS:
        return Estimate(value, reason=f"fewer than {FEWEST_PATIENTS} patients to draw from")
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < _DEFINED * max(len(drawn), 1):
        return Estimate(value, reason="in too many draws the value does not exist")
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return Estimate(value, float(low), float(high))


def mean_by_patient(values: Sequence[float | None], patients: Sequence[Hashable], draws: int, seed: int) -> Estimate:
    """The mean of the values that exist, each row counting alike, with its interval resampled by patient."""
    kept = [(value, patient) for value, patient in zip(values, patients, strict=True) if value is not None]
    if not kept:
        return Estimate(None, reason="there is no value")
    groups = draw_patients([patient for _, patient in kept], draws, seed)
    numbers = np.array([value for value, _ in kept])
    totals = groups.drawn(np.column_stack([numbers, np.ones_like(numbers)]))
    return percentile_interval(float(numbers.mean()), totals[:, 0] / totals[:, 1], groups)
