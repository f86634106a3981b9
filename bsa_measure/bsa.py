"""From fractions to % BSA at one visit, with what is hidden carried as low and high.

With the chart's weight w_s of every surface s:

    point  D = sum w_s f_s                                   surfaces seen, or declared uninvolved (f = 0)
    low    L = sum w_s c_s f_s                               everything hidden is healthy
    high   U = sum w_s (c_s f_s + 1 - c_s) + sum w_unseen    everything hidden is detached

Nothing hidden is ever silently healthy: point, low and high travel together. The re-epithelialised % BSA, E, is
formed in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from .fractions import Areas

Status = Literal["seen", "unseen", "uninvolved"]


@dataclass(frozen=True)
class Extent:
    """A percentage of the body surface with the bounds that hidden skin leaves open: low <= point <= high."""

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class SurfaceReading:
    """What is known of one surface at one visit.

    Attributes:
        surface: the chart's name.
        weight: % of the body surface.
        status: ``seen``, ``unseen`` (no photograph shows its state) or ``uninvolved`` (declared free of lesions).
        areas: pooled over the visit's photographs; empty unless seen.
        photos: how many photographs show the surface.
    """

    surface: str
    weight: float
    status: Status
    areas: Areas = Areas()
    photos: int = 0

    @property
    def detached(self) -> Extent | None:
        """Detached fraction f with its bounds; None when unseen."""
        return self._fraction(self.areas.detached_fraction)

    @property
    def reepithelialised(self) -> Extent | None:
        """Re-epithelialised fraction e with its bounds; None when unseen."""
        return self._fraction(self.areas.reepithelialised_fraction)

    @property
    def assessable_fraction(self) -> float | None:
        """c, or None when the surface is not on a photograph."""
        return self.areas.assessable_fraction

    def _fraction(self, fraction: float | None) -> Extent | None:
        if self.status == "uninvolved":
            return Extent(0.0, 0.0, 0.0)
        if fraction is None:
            return None
        c = self.areas.assessable_fraction or 0.0
        low = c * fraction
        # min, max: c f + 1 - c may miss f by a rounding error when c = 1.
        return Extent(fraction, min(low, fraction), max(low + (1.0 - c), fraction))


@dataclass(frozen=True)
class VisitBsa:
    """One visit of one patient in % BSA; ``detached`` and ``reepithelialised`` are None when nothing is known."""

    day: int
    surfaces: tuple[SurfaceReading, ...]

    @cached_property
    def detached(self) -> Extent | None:
        """Detached or detachable % BSA."""
        return self._total([surface.detached for surface in self.surfaces])

    @cached_property
    def reepithelialised(self) -> Extent | None:
        """Re-epithelialised % BSA."""
        return self._total([surface.reepithelialised for surface in self.surfaces])

    def having(self, status: Status) -> tuple[SurfaceReading, ...]:
        """The surfaces of this status."""
        return tuple(surface for surface in self.surfaces if surface.status == status)

    def _total(self, fractions: list[Extent | None]) -> Extent | None:
        known = [(s.weight, f) for s, f in zip(self.surfaces, fractions, strict=True) if f is not None]
        if not known:
            return None
        hidden = [s.weight for s, f in zip(self.surfaces, fractions, strict=True) if f is None]
        return Extent(
            point=math.fsum(w * f.point for w, f in known),
            low=math.fsum(w * f.low for w, f in known),
            high=math.fsum([*(w * f.high for w, f in known), *hidden]),
        )


def visit_bsa(
    day: int,
    weights: Mapping[str, float],
    photographed: Mapping[str, Areas],
    *,
    photos: Mapping[str, int] | None = None,
    uninvolved: Collection[str] = (),
) -> VisitBsa:
    """Combine the surfaces of one visit.

    Args:
        day: study day.
        weights: % BSA of every surface of the chart at the patient's age.
        photographed: pooled areas of every surface that a photograph of this visit shows.
        photos: number of photographs of every surface.
        uninvolved: surfaces declared free of lesions. A photograph of the surface speaks louder.
    """
    counts = photos or {}

    def reading(surface: str, weight: float) -> SurfaceReading:
        areas = photographed.get(surface)
        if areas is not None and areas.seen > 0:
            return SurfaceReading(surface, weight, "seen", areas, counts.get(surface, 1))
        if areas is not None and areas.not_assessable > 0:
            return SurfaceReading(surface, weight, "unseen", areas, counts.get(surface, 1))
        return SurfaceReading(surface, weight, "uninvolved" if surface in uninvolved else "unseen")

    return VisitBsa(day, tuple(reading(surface, weight) for surface, weight in weights.items()))
