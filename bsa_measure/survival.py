"""Time to healing, which is seen at visits only: Kaplan-Meier, and the estimate that knows of the gaps between visits.

A patient is seen unhealed at one visit and healed at a later one; when exactly is not known. The Kaplan-Meier
estimate dates healing at the visit that first shows it, which is late by up to a gap between visits. Where visits
were missed, Turnbull's estimate (J R Stat Soc B 1976) spreads the patient over the visits in the gap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

_ROUNDS = 5000
_SETTLED = 1e-12


@dataclass(frozen=True)
class Course:
    """When one patient healed.

    Attributes:
        patient: identifier.
        after: the last day on which the patient was seen unhealed, before ``by``; None when never.
        by: the first day on which the patient was seen healed; None when never.
        reopened: seen unhealed again on a later day.
    """

    patient: str
    after: int | None
    by: int | None
    reopened: bool = False

    @property
    def last(self) -> int | None:
        """Day of the event, or of the last visit without it; None when there was no usable visit."""
        return self.after if self.by is None else self.by


def course(patient: str, seen: Mapping[int, bool | None]) -> Course:
    """The course of one patient from what each visit showed: healed, not healed, or None for undecided."""
    days = sorted(day for day, healed in seen.items() if healed is not None)
    by = next((day for day in days if seen[day]), None)
    unhealed = [day for day in days if not seen[day] and (by is None or day < by)]
    reopened = by is not None and any(not seen[day] for day in days if day > by)
    return Course(patient, unhealed[-1] if unhealed else None, by, reopened)


@dataclass(frozen=True)
class Step:
    """The estimate on one day.

    Attributes:
        day: study day.
        at_risk: patients not yet healed and still followed just before it.
        healed: patients first seen healed on it.
        censored: patients last seen unhealed on it.
        share: of patients healed by this day, 0 to 1 (Kaplan-Meier).
        interval: of the share, by the log-log transform of the unhealed share; None where it is 0 or 1.
        between_visits: Turnbull's estimate of the same share.
    """

    day: int
    at_risk: int
    healed: int
    censored: int
    share: float
    interval: tuple[float, float] | None
    between_visits: float


@dataclass(frozen=True)
class Healing:
    """Time to healing of a group.

    Attributes:
        patients: followed, that is with a usable visit.
        steps: by day.
        median_day: the first day by which half are healed; None when it is not reached.
        courses: of every patient.
    """

    patients: int
    steps: tuple[Step, ...]
    median_day: int | None
    courses: tuple[Course, ...]

    def at(self, day: int) -> Step | None:
        """The estimate on a day that is one of the steps."""
        return next((step for step in self.steps if step.day == day), None)


def healing_times(courses: Sequence[Course], days: Sequence[int] = (), level: float = 0.95) -> Healing:
    """Kaplan-Meier estimate of the share healed, with Greenwood's variance, and Turnbull's beside it.

    Args:
        courses: patients without a usable visit are listed but do not count.
        days: study days that have a step even where nothing happens; every day of an event has one.
        level: of the interval.
    """
    followed = [c for c in courses if c.last is not None]
    shown = sorted({*days, *(c.last for c in followed if c.last is not None)})
    between = turnbull(followed, shown)
    z = float(special.ndtri((1 + level) / 2))
    unhealed, greenwood = 1.0, 0.0
    steps = []
    for day in shown:
        at_risk = sum(c.last is not None and c.last >= day for c in followed)
        healed = sum(c.by == day for c in followed)
        if healed:
            unhealed *= 1 - healed / at_risk
            greenwood += healed / (at_risk * (at_risk - healed)) if at_risk > healed else math.inf
        steps.append(
            Step(
                day=day,
                at_risk=at_risk,
                healed=healed,
                censored=sum(c.by is None and c.last == day for c in followed),
                share=1 - unhealed,
                interval=_interval(unhealed, greenwood, z),
                between_visits=between[day],
            )
        )
    median = next((step.day for step in steps if step.share >= 0.5), None)
    return Healing(len(followed), tuple(steps), median, tuple(courses))


def _interval(unhealed: float, greenwood: float, z: float) -> tuple[float, float] | None:
    if not 0 < unhealed < 1:
        return None
    spread = z * math.sqrt(greenwood) / abs(math.log(unhealed))
    return 1 - unhealed ** math.exp(-spread), 1 - unhealed ** math.exp(spread)


def turnbull(courses: Sequence[Course], days: Sequence[int]) -> dict[int, float]:
    """Share healed by each day, from intervals: the self-consistent estimate, found by expectation-maximisation.

    Args:
        courses: each says healed in (after, by], or not healed by ``after``.
        days: on which the share is wanted; must hold every ``by`` and ``after``, in order.
    """
    followed = [c for c in courses if c.last is not None]
    if not followed:
        return dict.fromkeys(days, 0.0)
    ends = np.array([*days, math.inf])  # a cell is what lies between two days; the last one is after all of them
    after = np.array([-math.inf if c.after is None else c.after for c in followed])
    by = np.array([math.inf if c.by is None else c.by for c in followed])
    possible = (ends > after[:, None]) & (ends <= by[:, None])
    mass = np.full(len(ends), 1 / len(ends))
    for _ in range(_ROUNDS):
        joint = possible * mass
        new = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - mass).max() < _SETTLED:
            break
        mass = new
    return dict(zip(days, np.cumsum(mass)[:-1].tolist(), strict=True))
