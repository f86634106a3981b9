"""The protocol's rules: response, eligibility and category, each with the arithmetic in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .bsa import VisitBsa
from .course import Healing
from .protocol import Eligibility, Endpoint
from .uncertainty import Interval, Simulated

Answer = Literal["yes", "no", "undetermined"]
Category = Literal["SJS", "overlap", "TEN", "none", ""]

_ROUNDING = 1e-9  # sums of products in binary miss 90 by a few 1e-14; no photograph resolves this


@dataclass(frozen=True)
class Call:
    """Whether the patient responded on one study day.

    Attributes:
        response: ``yes``, ``no`` or ``undetermined``; None when there was never any detachment.
        reason: the arithmetic, in one sentence.
        flags: what a human has to look at.
    """

    response: Answer | None
    reason: str
    flags: tuple[str, ...] = ()


def call(healing: Healing, rule: Endpoint, simulated: Simulated | None = None) -> Call:
    """Apply the response rule to one patient on one study day.

    The unrounded value is compared with the threshold; an interval that straddles it gives ``undetermined``.

    Args:
        healing: the patient on that day.
        rule: the protocol's choices.
        simulated: the same day under the readers' error models. Its interval then decides in place of the bounds that
            hidden skin leaves, which it includes; where it lies beyond the threshold and the value does not, that is
            ``undetermined`` as well.
    """
    day = f"D{healing.day}"
    if healing.detached is None:
        return Call("undetermined", f"no measured photograph of {day}")
    if not healing.maximum:
        if healing.any_detachment_possible:
            return Call("undetermined", "no detachment seen, but part of the skin is hidden or not photographed")
        return Call(None, "no detachment observed")
    measure = healing.healed if rule.numerator == "decline" else healing.reepithelialised
    assert measure is not None
    flags = _disagreement(healing, rule)
    threshold, likely = rule.threshold_percent, likely_interval(simulated, rule)
    low, high = (measure.low, measure.high) if likely is None else (likely.low, likely.high)
    value = f"{_arithmetic(healing, rule)}, {_interval_words(low, high, simulated, likely, rule)}"
    reached = [number >= threshold - _ROUNDING for number in (low, measure.point, high)]
    if reached[0] != reached[2]:
        return Call("undetermined", f"{value}: the interval straddles the threshold", flags)
    if reached[0] != reached[1]:
        return Call("undetermined", f"{value}: the value and its interval lie on different sides of it", flags)
    return Call("yes" if reached[1] else "no", value, flags)


def likely_interval(simulated: Simulated | None, rule: Endpoint) -> Interval | None:
    """The simulated interval of what the protocol counts as healed; None where there is none."""
    if simulated is None:
        return None
    return simulated.healed if rule.numerator == "decline" else simulated.reepithelialised


def _interval_words(
    low: float, high: float, simulated: Simulated | None, likely: Interval | None, rule: Endpoint
) -> str:
    words = f"{low:.1f} to {high:.1f}" if math.isfinite(high) else f"{low:.1f} or more"
    if likely is not None and simulated is not None and simulated.probability is not None:
        kind = f"{rule.interval_percent:g} % interval {words}, probability of response {simulated.probability:.3f}"
    else:
        kind = f"interval {words}"
    return f"{kind}, threshold {rule.threshold_percent:g}"


def _arithmetic(healing: Healing, rule: Endpoint) -> str:
    d, e, m = healing.detached, healing.reepithelialised_bsa, healing.maximum
    assert d is not None
    assert m is not None
    if rule.numerator == "decline" and healing.healed is not None:
        return f"healed {healing.healed.point:.2f} % = 100 × (1 − {d.point:.3f} / {m:.3f})"
    assert e is not None
    assert healing.reepithelialised is not None
    return f"re-epithelialised {healing.reepithelialised.point:.2f} % = 100 × {e.point:.3f} / {m:.3f}"


def _disagreement(healing: Healing, rule: Endpoint) -> tuple[str, ...]:
    if healing.healed is None or healing.reepithelialised is None:
        return ()
    apart = abs(healing.healed.point - healing.reepithelialised.point)
    if apart <= rule.disagreement_points:
        return ()
    return (f"healed and re-epithelialised percent are {apart:.1f} points apart",)


def category(maximum: float | None, rule: Literal["1993", "french"], *, more_possible: bool = False) -> Category:
    """SJS below 10 % BSA, overlap from 10 to 30, TEN above 30 (Bastuji-Garin 1993); ``french`` puts 30 into TEN.

    Args:
        maximum: in % BSA.
        rule: whose limits.
        more_possible: whether hidden skin could be detached. Without any detachment seen the category is then not known
            (empty), as the call is ``undetermined``; else there is ``none``.
    """
    if not maximum:
        return "" if more_possible else "none"
    if maximum < 10 - _ROUNDING:
        return "SJS"
    ten = maximum >= 30 - _ROUNDING if rule == "french" else maximum > 30 + _ROUNDING
    return "TEN" if ten else "overlap"


@dataclass(frozen=True)
class Eligible:
    """Whether enough skin was detached early enough, and on which study day that was first seen."""

    answer: Answer
    day: int | None
    reason: str


def eligibility(visits: Sequence[VisitBsa], index_day: int | None, rule: Eligibility) -> Eligible:
    """Apply the eligibility rule: at least ``minimum_percent`` within ``within_days`` of the first symptoms.

    Args:
        visits: the patient's visits, in any order.
        index_day: study day of the first symptoms; None when unknown.
        rule: the protocol's limits. Bounds that straddle the minimum give ``undetermined``.
    """
    least = rule.minimum_percent - _ROUNDING
    known = sorted(visits, key=lambda v: v.day)
    if index_day is None:
        return Eligible("undetermined", None, "patients.csv gives no index_day")
    early = [(v.day, v.detached) for v in known if 0 <= v.day - index_day <= rule.within_days]
    if not any(extent for _, extent in early):
        return Eligible("undetermined", None, f"no measured visit within {rule.within_days} days of the index day")
    sure = [day for day, extent in early if extent and extent.low >= least]
    if sure:
        return Eligible("yes", sure[0], f"at least {rule.minimum_percent:g} % BSA on D{sure[0]}")
    possible = [day for day, extent in early if extent is None or extent.high >= least]
    if possible:
        return Eligible("undetermined", None, f"hidden skin decides whether {rule.minimum_percent:g} % BSA was reached")
    return Eligible("no", None, f"below {rule.minimum_percent:g} % BSA within {rule.within_days} days of the index day")
