"""From visits to the maximum and to healed percent.

    M(t)  = max over visits u <= t of D(u)            "peak", the maximal BSA observed
          = sum_s w_s max over u <= t of f_s(u)       "ever-detached", never less than the peak
    H(t)  = 100 (1 - D(t) / M(t))                     healed percent
    R(t)  = 100 E(t) / M(t)                           re-epithelialised percent

Low and high follow from the bounds of each visit alone: H is lowest when day t is at its high bound and every
other visit at its low bound, and the reverse. That is exact, because H falls with D(t), also where day t itself
is the maximum, and rises with every other visit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .bsa import Extent, SurfaceReading, VisitBsa

Maximum = Literal["peak", "ever-detached"]


@dataclass(frozen=True)
class Healing:
    """One patient on one study day, relative to the maximum.

    Attributes:
        day: study day t.
        detached: D(t) in % BSA; None when the visit is missing or shows nothing.
        reepithelialised_bsa: E(t) in % BSA.
        peak: largest D(u) of the visits that count; None when there is none.
        peak_day: the visit of the peak.
        ever_detached: every surface at its own worst visit, % BSA.
        maximum: the one of the two that the protocol chose, M(t).
        healed: H(t) in percent with its bounds; None when M(t) = 0 or the visit is missing.
        reepithelialised: R(t) in percent with its bounds; likewise.
        any_detachment_possible: whether hidden skin could be detached although M(t) = 0.
    """

    day: int
    detached: Extent | None
    reepithelialised_bsa: Extent | None
    peak: float | None
    peak_day: int | None
    ever_detached: float | None
    maximum: float | None
    healed: Extent | None
    reepithelialised: Extent | None
    any_detachment_possible: bool


def healing(visits: Sequence[VisitBsa], day: int, *, maximum: Maximum = "peak", look_forward: bool = False) -> Healing:
    """Healed and re-epithelialised percent of one patient on one study day.

    Args:
        visits: the patient's visits, in any order, at most one a day.
        day: study day t.
        maximum: which maximum M(t) is.
        look_forward: whether visits after t count towards the maximum.
    """
    in_time = sorted((v for v in visits if look_forward or v.day <= day), key=lambda v: v.day)
    counted = [v for v in in_time if v.detached is not None]
    today = next((v for v in counted if v.day == day), None)
    # A visit of which nothing can be seen is no maximum observed, but anything from 0 to 100 within the bounds.
    others = [v for v in in_time if v.day != day]
    peak, peak_day = _peak(counted)
    ever = _ever_detached(counted, _point)
    chosen = peak if maximum == "peak" else ever
    healed = reepithelialised = None
    if today is not None and chosen:
        healed = _healed(today, others, maximum, chosen)
        reepithelialised = _reepithelialised(today, others, maximum, chosen)
    return Healing(
        day=day,
        detached=today.detached if today else None,
        reepithelialised_bsa=today.reepithelialised if today else None,
        peak=peak,
        peak_day=peak_day,
        ever_detached=ever,
        maximum=chosen,
        healed=healed,
        reepithelialised=reepithelialised,
        any_detachment_possible=any(v.detached is None or v.detached.high > 0 for v in in_time),
    )


def _healed(today: VisitBsa, others: list[VisitBsa], maximum: Maximum, chosen: float) -> Extent:
    d = today.detached
    assert d is not None
    point = 100.0 * (1.0 - d.point / chosen)
    most = _maximum(today, others, maximum, today_at=_high, others_at=_low)
    least = _maximum(today, others, maximum, today_at=_low, others_at=_high)
    low = 100.0 * (1.0 - d.high / most) if most > 0 else point
    high = 100.0 * (1.0 - d.low / least) if least > 0 else point
    return Extent(point, min(low, point), max(high, point))


def _reepithelialised(today: VisitBsa, others: list[VisitBsa], maximum: Maximum, chosen: float) -> Extent:
    e = today.reepithelialised
    assert e is not None
    point = 100.0 * e.point / chosen
    largest = _maximum(today, others, maximum, today_at=_high, others_at=_high)
    smallest = _maximum(today, others, maximum, today_at=_low, others_at=_low)
    low = 100.0 * e.low / largest if largest > 0 else point
    high = 100.0 * e.high / smallest if smallest > 0 else math.inf
    return Extent(point, min(low, point), max(high, point))


_NOTHING_SEEN = Extent(0.0, 0.0, 100.0)

Bound = Callable[[Extent | None], float]


def _point(extent: Extent | None) -> float:
    return extent.point if extent else 0.0


def _low(extent: Extent | None) -> float:
    return extent.low if extent else 0.0


def _high(extent: Extent | None) -> float:
    return extent.high if extent else 1.0  # an unseen surface may be wholly detached


def _peak(visits: list[VisitBsa]) -> tuple[float | None, int | None]:
    totals = [(v.detached.point, v.day) for v in visits if v.detached is not None]
    if not totals:
        return None, None
    value, day = max(totals, key=lambda total: (total[0], -total[1]))
    return value, day


def _ever_detached(visits: list[VisitBsa], at: Bound) -> float | None:
    if not visits:
        return None
    return _sum_of_worst([[(s, at(s.detached)) for s in v.surfaces] for v in visits])


def _maximum(today: VisitBsa, others: list[VisitBsa], maximum: Maximum, today_at: Bound, others_at: Bound) -> float:
    if maximum == "peak":
        return max([today_at(today.detached), *(others_at(v.detached or _NOTHING_SEEN) for v in others)])
    rows = [[(s, today_at(s.detached)) for s in today.surfaces]]
    rows += [[(s, others_at(s.detached)) for s in v.surfaces] for v in others]
    return _sum_of_worst(rows)


def _sum_of_worst(rows: list[list[tuple[SurfaceReading, float]]]) -> float:
    worst: dict[str, tuple[float, float]] = {}
    for row in rows:
        for surface, fraction in row:
            before = worst.get(surface.surface, (surface.weight, 0.0))[1]
            worst[surface.surface] = (surface.weight, max(before, fraction))
    return math.fsum(weight * fraction for weight, fraction in worst.values())
