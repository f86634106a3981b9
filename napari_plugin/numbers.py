"""The numbers beside the photograph, in words and as a body map. They are the ones that `measure` would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bsa_measure.bsa import Extent
from bsa_measure.fractions import Areas
from bsa_measure.protocol import Endpoint
from bsa_measure.report.bodymap import SurfaceValue, body_map_svg
from bsa_measure.report.content import surface_value
from bsa_measure.report.words import day_label, interval, percent, surface_title

from .tools.counts import Figures

RESPONSE = {"yes": "response", "no": "no response", "undetermined": "undetermined", None: "no detachment observed"}


@dataclass(frozen=True)
class SurfaceLine:
    """One surface of the photograph, in percent of what can be seen of it."""

    title: str
    detached: str
    reepithelialised: str
    assessable: str


@dataclass(frozen=True)
class Numbers:
    """What stands beside the photograph.

    Attributes:
        surfaces: of this photograph.
        visit: % BSA of the visit, one line each; empty for a blinded reader.
        healed: healed percent against the maximum, and the call; likewise.
        body_map: an ``<svg>`` element: the visit, or this photograph alone for a blinded reader.
    """

    surfaces: tuple[SurfaceLine, ...]
    visit: tuple[str, ...]
    healed: tuple[str, ...]
    body_map: str


def numbers(areas: Mapping[str, Areas], figures: Figures | None, rule: Endpoint) -> Numbers:
    """Put the figures into words.

    Args:
        areas: of every surface that the photograph shows.
        figures: of the visit and the patient; None for a blinded reader.
        rule: of the call.
    """
    lines = tuple(_surface_line(name, found) for name, found in areas.items())
    here = frozenset(areas)
    if figures is None:
        values = {
            name: SurfaceValue("seen" if found.seen > 0 else "unseen", found.detached_fraction)
            for name, found in areas.items()
        }
        return Numbers(lines, (), (), body_map_svg(values, title="This photo", highlight=here))
    visit = figures.visit
    values = {surface.surface: surface_value(surface, "detached") for surface in visit.surfaces}
    body_map = body_map_svg(values, title=f"Detached at {day_label(visit.day)}", highlight=here)
    return Numbers(lines, _visit_lines(figures), _healed_lines(figures, rule), body_map)


def _surface_line(name: str, areas: Areas) -> SurfaceLine:
    def shown(fraction: float | None) -> str:
        return "–" if fraction is None else f"{percent(100 * fraction)} %"

    return SurfaceLine(
        surface_title(name),
        shown(areas.detached_fraction),
        shown(areas.reepithelialised_fraction),
        shown(areas.assessable_fraction),
    )


def statements(figures: Figures, rule: Endpoint) -> dict[str, str]:
    """The visit and the patient in a few words each, to be laid beside those of other figures."""
    visit, healed = figures.visit, figures.healing
    found = {
        f"{name}, % BSA": "not known" if extent is None else _with_bounds(extent)
        for name, extent in (("detached", visit.detached), ("re-epith.", visit.reepithelialised))
    }
    chosen = healed.healed if rule.numerator == "decline" else healed.reepithelialised
    limit = rule.threshold_percent
    if chosen is not None and healed.maximum is not None:
        found["healed, %"] = f"{percent(chosen.point, limit)} ({interval(chosen, limit)})"
    found[f"at {limit:g} %"] = RESPONSE[figures.call.response]
    return found


def _visit_lines(figures: Figures) -> tuple[str, ...]:
    """The visit in % BSA, one statement a line."""
    visit = figures.visit
    lines = [f"detached {_bsa(visit.detached)}", f"re-epithelialised {_bsa(visit.reepithelialised)}"]
    unseen = len(visit.having("unseen"))
    if unseen:
        lines.append(f"{unseen} of {len(visit.surfaces)} surfaces not seen")
    return tuple(lines)


def _bsa(extent: Extent | None) -> str:
    if extent is None:
        return "not known"
    return f"{percent(extent.point, decimals=2)} % BSA ({interval(extent, decimals=2)})"


def _with_bounds(extent: Extent) -> str:
    return f"{percent(extent.point, decimals=2)} ({interval(extent, decimals=2)})"


def _healed_lines(figures: Figures, rule: Endpoint) -> tuple[str, ...]:
    """Healed percent against the maximum, and the call; or why there is none."""
    healed = figures.healing
    if healed.healed is None or healed.maximum is None:
        return (figures.call.reason,)
    chosen = healed.healed if rule.numerator == "decline" else healed.reepithelialised
    limit = rule.threshold_percent
    name = "healed" if rule.numerator == "decline" else "re-epithelialised"
    assert chosen is not None
    at = "" if healed.peak_day is None or rule.maximum != "peak" else f" on {day_label(healed.peak_day)}"
    return (
        f"{name} {percent(chosen.point, limit)} % ({interval(chosen, limit)})",
        f"of the maximum {percent(healed.maximum, decimals=2)} % BSA{at}",
        f"at {limit:g} %: {RESPONSE[figures.call.response]}",
    )
