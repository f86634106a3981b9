"""Continuous monitoring of a yes-or-no outcome in one group of patients.

Thall & Simon (Biometrics 1994): the share E under the new treatment has a Beta prior, the share S under the standard
another one that the trial does not change. After every patient,

    stop, too few:   P(E > S + delta | data) < a lower limit
    stop, too many:  P(E > S + delta | data) > an upper limit

Too few responders is futility; too many toxic events is harm; too many responders is a promising treatment. Both
limits turn into counts, so that how the rule behaves is found by enumerating all courses of a trial, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from .proportion import Beta, probability_greater


@dataclass(frozen=True)
class Limit:
    """A limit of P(E > S + delta | data)."""

    probability: float
    delta: float = 0.0


@dataclass(frozen=True)
class Rule:
    """When to stop.

    Attributes:
        prior: of the share E under the new treatment.
        standard: of the share S under the standard treatment.
        planned: number of patients of the whole trial.
        minimum: the first look is after this many patients.
        every: patients between two looks.
        too_few, too_many: the limits; None or a limit that cannot be crossed (0 and 1) never stops.
    """

    prior: Beta
    standard: Beta
    planned: int
    minimum: int = 1
    every: int = 1
    too_few: Limit | None = None
    too_many: Limit | None = None

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many patients the rule is applied; the last look is at the planned number."""
        return tuple(sorted({*range(self.minimum, self.planned + 1, self.every), self.planned}))

    def probability(self, events: int, patients: int, delta: float = 0.0) -> float:
        """P(E > S + delta | data)."""
        return probability_greater(self.prior.updated(events, patients), self.standard, delta)


@dataclass(frozen=True)
class Bound:
    """One look of a stopping boundary.

    Attributes:
        patients: after how many.
        at_most: this many events or fewer stop the trial; None when no count does.
        at_least: this many events or more stop the trial; None when no count does.
    """

    patients: int
    at_most: int | None
    at_least: int | None

    def crossed(self, events: int) -> str:
        """``too few``, ``too many`` or nothing."""
        if self.at_most is not None and events <= self.at_most:
            return "too few"
        return "too many" if self.at_least is not None and events >= self.at_least else ""


def boundary(rule: Rule) -> tuple[Bound, ...]:
    """The stopping boundary, one :class:`Bound` a look.

    P(E > S + delta) rises with every event, so each limit is one count at each look, found by bisection.
    """
    return tuple(Bound(n, _at_most(rule, n), _at_least(rule, n)) for n in rule.looks)


def _at_most(rule: Rule, patients: int) -> int | None:
    limit = rule.too_few
    if limit is None or limit.probability <= 0:
        return None
    goes_on = _first(patients + 1, lambda r: rule.probability(r, patients, limit.delta) >= limit.probability)
    return goes_on - 1 if goes_on else None


def _at_least(rule: Rule, patients: int) -> int | None:
    limit = rule.too_many
    if limit is None or limit.probability >= 1:
        return None
    stops = _first(patients + 1, lambda r: rule.probability(r, patients, limit.delta) > limit.probability)
    return stops if stops <= patients else None


def _first(end: int, holds: Callable[[int], bool]) -> int:
    """Smallest number from 0 to ``end`` - 1 from which a condition holds; ``end`` when it never does."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


@dataclass(frozen=True)
class Behaviour:
    """How often a rule stops a trial, at one true share.

    Attributes:
        share: the true share of events.
        stopped_too_few, stopped_too_many: probability that the trial stops before its planned number.
        crossed_too_few, crossed_too_many: the same, the last look included.
        expected_patients: mean number of patients treated.
    """

    share: float
    stopped_too_few: float
    stopped_too_many: float
    crossed_too_few: float
    crossed_too_many: float
    expected_patients: float


def behaviour(bounds: Sequence[Bound], planned: int, share: float) -> Behaviour:
    """Operating characteristics of a boundary by exact enumeration.

    The probability of every count among trials that still run is carried from patient to patient; at each look the
    counts that stop are taken out. No simulation is involved.
    """
    at = {bound.patients: bound for bound in bounds}
    running = np.ones(1)  # probability of 0, 1, ... events among the trials that still run
    stopped = {"too few": 0.0, "too many": 0.0}
    crossed = {"too few": 0.0, "too many": 0.0}
    expected = 0.0
    for n in range(1, planned + 1):
        expected += float(running.sum())
        running = np.convolve(running, [1 - share, share])
        bound = at.get(n)
        if bound is None:
            continue
        for events in range(n + 1):
            side = bound.crossed(events)
            if side:
                crossed[side] += float(running[events])
                if n < planned:
                    stopped[side] += float(running[events])
                running[events] = 0.0
    return Behaviour(share, stopped["too few"], stopped["too many"], crossed["too few"], crossed["too many"], expected)


@dataclass(frozen=True)
class Success:
    """The final criterion: P(share > reference | all patients) > certainty (Lee & Liu, Clin Trials 2008)."""

    reference: float
    certainty: float

    def reached(self, prior: Beta, events: int, patients: int) -> bool:
        return prior.updated(events, patients).above(self.reference) > self.certainty

    def least_events(self, prior: Beta, patients: int) -> int | None:
        """The fewest events with which the trial succeeds; None when no count does."""
        least = _first(patients + 1, lambda r: self.reached(prior, r, patients))
        return least if least <= patients else None


def predictive_probability(prior: Beta, events: int, patients: int, planned: int, success: Success) -> float:
    """Probability, given the data, that the trial will succeed when all planned patients are in (Lee & Liu 2008).

    The number of events among the patients to come is beta-binomial under the posterior.
    """
    left = max(planned - patients, 0)
    future = np.arange(left + 1)
    now = prior.updated(events, patients)
    logs = (
        special.gammaln(left + 1)
        - special.gammaln(future + 1)
        - special.gammaln(left - future + 1)
        + special.betaln(now.a + future, now.b + left - future)
        - special.betaln(now.a, now.b)
    )
    least = success.least_events(prior, patients + left)
    if least is None:
        return 0.0
    return min(1.0, float(np.exp(logs)[events + future >= least].sum()))


def probability_of_success(prior: Beta, planned: int, success: Success, share: float) -> float:
    """Probability that a trial without early stopping succeeds, at a true share of "yes" (binomial, exact)."""
    least = success.least_events(prior, planned)
    if least is None:
        return 0.0
    return 1.0 if least == 0 else float(special.betainc(least, planned - least + 1, share))
