"""A share of patients: exact and Bayesian intervals, two shares compared, and the effect of a fallible call.

Everything here is exact or a quadrature of a smooth function: nothing is simulated, so the same counts always give
the same digits. Shares are 0 to 1, counts are whole patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_GRID = 4001


def _quadrature() -> tuple[Floats, Floats]:
    """Nodes and weights on 0 to 1, crowded towards both ends, where a distribution's quantiles change fastest."""
    small = [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 0.1]
    edges = np.array([0.0, *small, 0.5, *(1 - x for x in reversed(small)), 1.0])
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.diff(edges) / 2
    return (edges[:-1] + half)[:, None] + half[:, None] * nodes, half[:, None] * weights


_NODES, _WEIGHTS = (part.ravel() for part in _quadrature())


@dataclass(frozen=True)
class Beta:
    """A Beta(a, b) distribution of a share: like having seen ``a`` patients with and ``b`` without the event."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def updated(self, events: int, patients: int) -> Beta:
        """The distribution after ``events`` among ``patients``."""
        return Beta(self.a + events, self.b + patients - events)

    def above(self, share: float) -> float:
        """Probability that the share is greater than this one."""
        return float(special.betaincc(self.a, self.b, min(max(share, 0.0), 1.0)))

    def quantile(self, probability: float) -> float:
        return float(special.betaincinv(self.a, self.b, probability))

    def interval(self, level: float) -> tuple[float, float]:
        """Equal-tailed interval that holds the share with probability ``level``."""
        tail = (1 - level) / 2
        return self.quantile(tail), self.quantile(1 - tail)

    def density(self, shares: Floats) -> Floats:
        """Density at each share, float64, same shape; infinite at an end where ``a`` or ``b`` is below 1."""
        with np.errstate(divide="ignore"):
            logs = special.xlogy(self.a - 1, shares) + special.xlog1py(self.b - 1, -shares)
        return np.asarray(np.exp(logs - special.betaln(self.a, self.b)), dtype=np.float64)


def clopper_pearson(events: int, patients: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (Clopper & Pearson, Biometrika 1934); 0 to 1 when there is no patient."""
    tail = (1 - level) / 2
    low = float(special.betaincinv(events, patients - events + 1, tail)) if events else 0.0
    high = float(special.betaincinv(events + 1, patients - events, 1 - tail)) if events < patients else 1.0
    return low, high


def probability_greater(new: Beta, standard: Beta, delta: float = 0.0) -> float:
    """P(new > standard + delta) for two independent shares.

    The integral of P(new > s + delta) over the distribution of s, by Gauss-Legendre quadrature over the probability
    scale of s, cut where s + delta leaves 0 to 1.
    """
    # Below `start` the sum is negative, so that any share is greater; above `end` it is over 1, and none is.
    start = float(special.betainc(standard.a, standard.b, min(max(-delta, 0.0), 1.0)))
    end = float(special.betainc(standard.a, standard.b, min(max(1 - delta, 0.0), 1.0)))
    if end <= start:
        return start
    below = start + (end - start) * _NODES
    share = special.betaincinv(standard.a, standard.b, below)
    rest = special.betaincinv(standard.b, standard.a, 1.0 - below)
    # A share near 1 is told by what is missing to 1: the share itself has no digits left for it.
    beyond = np.where(
        share < 0.5,
        special.betaincc(new.a, new.b, np.clip(share + delta, 0.0, 1.0)),
        special.betainc(new.b, new.a, np.clip(rest - delta, 0.0, 1.0)),
    )
    return min(1.0, start + (end - start) * float(np.dot(_WEIGHTS, beyond)))


@dataclass(frozen=True)
class FallibleCall:
    """How often the call is right: ``sensitivity`` among true responders, ``specificity`` among the others."""

    sensitivity: float
    specificity: float

    def apparent(self, share: float) -> float:
        """The share of "yes" that a true share of responders leads to."""
        return self.sensitivity * share + (1 - self.specificity) * (1 - share)

    def corrected(self, apparent: float) -> float:
        """The true share behind an apparent one (Rogan & Gladen, Am J Epidemiol 1978), kept within 0 to 1."""
        share = (apparent + self.specificity - 1) / (self.sensitivity + self.specificity - 1)
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class CorrectedShare:
    """What the counted calls say about the true share, if the call errs as stated.

    Attributes:
        call: the assumed sensitivity and specificity.
        corrected: Rogan-Gladen point estimate; None without patients.
        exact: the exact interval's ends, corrected likewise.
        mean, interval: of the posterior.
        above_reference: posterior probability that the true share is greater than the reference.
    """

    call: FallibleCall
    corrected: float | None
    exact: tuple[float, float]
    mean: float
    interval: tuple[float, float]
    above_reference: float


def corrected_share(
    events: int, patients: int, call: FallibleCall, prior: Beta, *, reference: float, level: float = 0.95
) -> CorrectedShare:
    """Correct a counted share for a call that errs.

    The posterior of the true share p is proportional to prior(p) q^events (1-q)^(patients-events), with
    q = sensitivity p + (1-specificity)(1-p); it is formed on a grid of the prior's own quantiles.
    """
    edges = np.linspace(0.0, 1.0, _GRID)
    # Each cell holds the same prior probability, so that a prior that is infinite at 0 or 1 needs no special care.
    shares = special.betaincinv(prior.a, prior.b, (edges[:-1] + edges[1:]) / 2)
    yes = call.sensitivity * shares + (1 - call.specificity) * (1 - shares)
    logs = special.xlogy(events, yes) + special.xlogy(patients - events, 1 - yes)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    below = np.concatenate([[0.0], np.cumsum(weight)])
    borders = special.betaincinv(prior.a, prior.b, edges)
    tail = (1 - level) / 2
    low, high = np.interp([tail, 1 - tail], below, borders)
    exact = clopper_pearson(events, patients, level)
    return CorrectedShare(
        call=call,
        corrected=call.corrected(events / patients) if patients else None,
        exact=(call.corrected(exact[0]), call.corrected(exact[1])),
        mean=float(np.dot(weight, shares)),
        interval=(float(low), float(high)),
        above_reference=float(1 - np.interp(reference, borders, below)),
    )


def distribution_of_sum(probabilities: Sequence[float]) -> Floats:
    """Probability of 0, 1, 2, ... events when each patient has an own probability (Poisson-binomial), exactly.

    Returns:
        float64, one longer than ``probabilities``.
    """
    total = np.ones(1)
    for probability in probabilities:
        total = np.convolve(total, [1 - probability, probability])
    return total
