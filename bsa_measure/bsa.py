"""From fractions to % BSA at one visit, with what is hidden carried as low and high.

With the chart's weight w_s of every surface s:

    point  D = sum w_s f_s                                   surfaces seen, or declared uninvolved (f = 0)
    low    L = sum w_s c_s f_s                               everything hidden is healthy
    high   U = sum w_s (c_s f_s + 1 - c_s) + sum w_unseen    everything hidden is detached

Where the outline of a body part is in doubt, low takes the least and high the most that f may be, in place of f.
Nothing hidden is ever silently healthy: point, low and high travel together. The re-epithelialised % BSA, E, is
formed in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from .fractions import Areas, Doubt

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
        readers: whose readings the areas come from.
        outline: by how much the fractions may be off because the outline may be.
    """

    surface: str
    weight: float
    status: Status
    areas: Areas = Areas()
    photos: int = 0
    readers: tuple[str, ...] = ()
    outline: Doubt = Doubt()

    @property
    def detached(self) -> Extent | None:
        """Detached fraction f with its bounds; None when unseen."""
        return self._fraction(self.areas.detached_fraction, self.outline.detached)

    @property
    def reepithelialised(self) -> Extent | None:
        """Re-epithelialised fraction e with its bounds; None when unseen."""
        return self._fraction(self.areas.reepithelialised_fraction, self.outline.reepithelialised)

    @property
    def assessable_fraction(self) -> float | None:
        """c, or None when the surface is not on a photograph."""
        return self.areas.assessable_fraction

    @property
    def geometry_low(self) -> float | None:
        """The least that the detached fraction of what is seen may be, given the doubt about the outline."""
        return self._off(self.outline.detached[0])

    @property
    def geometry_high(self) -> float | None:
        """The most that it may be."""
        return self._off(self.outline.detached[1])

    def _off(self, by: float) -> float | None:
        f = self.areas.detached_fraction
        return None if f is None or self.status != "seen" else min(max(f + by, 0.0), 1.0)

    def _fraction(self, fraction: float | None, doubt: tuple[float, float]) -> Extent | None:
        if self.status == "uninvolved":
            return Extent(0.0, 0.0, 0.0)
        if fraction is None:
            return None
        c = self.areas.assessable_fraction or 0.0
        least, most = max(fraction + doubt[0], 0.0), min(fraction + doubt[1], 1.0)
        # min, max: c f + 1 - c may miss f by a rounding error when c = 1.
        return Extent(fraction, min(c * least, fraction), max(c * most + (1.0 - c), fraction))


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
    readers: Mapping[str, tuple[str, ...]] | None = None,
    uninvolved: Collection[str] = (),
) -> VisitBsa:
    """Combine the surfaces of one visit.

    Args:
        day: study day.
        weights: % BSA of every surface of the chart at the patient's age.
        photographed: pooled areas of every surface that a photograph of this visit shows.
        photos: number of photographs of every surface.
        readers: whose readings every surface comes from.
        uninvolved: surfaces declared free of lesions. A photograph of the surface speaks louder.
    """
    counts, names = photos or {}, readers or {}

    def reading(surface: str, weight: float) -> SurfaceReading:
        areas = photographed.get(surface)
        if areas is not None and areas.seen > 0:
            return SurfaceReading(surface, weight, "seen", areas, counts.get(surface, 1), names.get(surface, ()))
        if areas is not None and areas.not_assessable > 0:
            return SurfaceReading(surface, weight, "unseen", areas, counts.get(surface, 1))
        return SurfaceReading(surface, weight, "uninvolved" if surface in uninvolved else "unseen")

    return VisitBsa(day, tuple(reading(surface, weight) for surface, weight in weights.items()))


def with_outline_doubt(visit: VisitBsa, doubts: Mapping[str, Doubt]) -> VisitBsa:
    """The same visit with what the outlines of its surfaces leave open, by surface."""
    return replace(
        visit,
        surfaces=tuple(replace(s, outline=doubts[s.surface]) if s.surface in doubts else s for s in visit.surfaces),
    )
