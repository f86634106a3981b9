"""SCORTEN: seven points at admission, the mortality they predict, and deaths observed against it.

Bastuji-Garin et al., J Invest Dermatol 2000. One point each for age over 40, malignancy, heart rate over 120 a minute,
initial detached body surface over 10 %, urea over 10 mmol/L, glucose over 14 mmol/L, bicarbonate under 20 mmol/L. Every
comparison is strict. An item that is not known is not guessed: the score is then a range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy import special

from .bsa import Extent
from .proportion import distribution_of_sum

MORTALITY_TABLE: Final = (0.032, 0.032, 0.121, 0.353, 0.583, 0.90)
"""Predicted mortality at 0, 1, 2, 3, 4 and 5 or more points."""

_INTERCEPT: Final = -4.448
_SLOPE: Final = 1.237


@dataclass(frozen=True)
class Admission:
    """What is known of one patient at admission; None where it is not.

    Attributes:
        detached: initial detached or detachable % BSA, with its bounds, from the measured admission visit.
        heart_rate: beats a minute.
        urea, glucose, bicarbonate: serum, mmol/L.
    """

    age_years: float | None = None
    malignancy: bool | None = None
    heart_rate: float | None = None
    detached: Extent | None = None
    urea: float | None = None
    glucose: float | None = None
    bicarbonate: float | None = None


@dataclass(frozen=True)
class Item:
    """One of the seven items: its name, and whether it gives a point; None when it is not known."""

    name: str
    point: bool | None


@dataclass(frozen=True)
class Score:
    """A SCORTEN: seven items; ``low`` counts the known points, ``high`` the unknown ones as well."""

    items: tuple[Item, ...]

    @property
    def low(self) -> int:
        return sum(item.point is True for item in self.items)

    @property
    def high(self) -> int:
        return sum(item.point is not False for item in self.items)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items if item.point is None)


def score(patient: Admission) -> Score:
    """The seven items of one patient. A measured extent whose bounds straddle 10 % leaves that item unknown."""
    return Score(
        (
            Item("age over 40", _over(patient.age_years, 40)),
            Item("malignancy", patient.malignancy),
            Item("heart rate over 120/min", _over(patient.heart_rate, 120)),
            Item("detached BSA over 10 %", _extent_over(patient.detached, 10)),
            Item("urea over 10 mmol/L", _over(patient.urea, 10)),
            Item("glucose over 14 mmol/L", _over(patient.glucose, 14)),
            Item("bicarbonate under 20 mmol/L", None if patient.bicarbonate is None else patient.bicarbonate < 20),
        )
    )


def _over(value: float | None, limit: float) -> bool | None:
    return None if value is None else value > limit


def _extent_over(extent: Extent | None, limit: float) -> bool | None:
    if extent is None or extent.low <= limit < extent.high:
        return None
    return extent.low > limit


def mortality_from_table(points: int) -> float:
    """Predicted mortality, 0 to 1, as published by number of points."""
    return MORTALITY_TABLE[min(points, len(MORTALITY_TABLE) - 1)]


def mortality_from_formula(points: int) -> float:
    """Predicted mortality, 0 to 1: logit = -4.448 + 1.237 points."""
    return 1 / (1 + math.exp(-(_INTERCEPT + _SLOPE * points)))


@dataclass(frozen=True)
class Mortality:
    """Deaths observed among some patients against the deaths predicted for them.

    Attributes:
        patients, deaths: counted.
        expected: sum of the predicted probabilities.
        ratio: observed / expected, the standardised mortality ratio; None without patients.
        ratio_interval: exact (Poisson) interval of the ratio.
        fewer, more: probability of as few, and of as many, deaths or more extreme, if the prediction were right.
    """

    patients: int
    deaths: int
    expected: float
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    fewer: float | None
    more: float | None


def observed_against_predicted(deaths: int, predicted: Sequence[float], level: float = 0.95) -> Mortality:
    """Compare a number of deaths with the patients' predicted probabilities of death."""
    expected = math.fsum(predicted)
    if not predicted:
        return Mortality(0, deaths, 0.0, None, None, None, None)
    tail = (1 - level) / 2
    low = float(special.gammaincinv(deaths, tail)) if deaths else 0.0
    high = float(special.gammaincinv(deaths + 1, 1 - tail))
    chances = distribution_of_sum(predicted)
    return Mortality(
        patients=len(predicted),
        deaths=deaths,
        expected=expected,
        ratio=deaths / expected,
        ratio_interval=(low / expected, high / expected),
        fewer=min(1.0, float(chances[: deaths + 1].sum())),
        more=min(1.0, float(chances[deaths:].sum())),
    )
