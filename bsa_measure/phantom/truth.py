"""The truth of a phantom: integrals over the mesh, and what the chart and the protocol make of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bsa_measure.bsa import VisitBsa, visit_bsa
from bsa_measure.chart import Chart
from bsa_measure.course import healing
from bsa_measure.endpoint import call
from bsa_measure.files import table_text
from bsa_measure.fractions import Areas
from bsa_measure.protocol import Protocol
from bsa_measure.results import visit_label
from bsa_measure.tables import ENDPOINT_COLUMNS, SURFACE_COLUMNS, VISIT_COLUMNS
from bsa_measure.tissue import Tissue

from .body import Body
from .disease import Disease, sample_skin

# Sides of every face are cut into this many for the integral; docs/phantoms.md tells what is lost.
SAMPLES_PER_SIDE = 2


@dataclass(frozen=True)
class SurfaceTruth:
    """One surface on one day, from the mesh.

    Attributes:
        areas: m² of each true class, whether or not something lies on it.
        covered: m² under dressings or cream.
    """

    areas: Areas
    covered: float


@dataclass(frozen=True)
class VisitTruth:
    """One visit of one patient: every chart surface by name."""

    patient: str
    age_years: float
    day: int
    surfaces: Mapping[str, SurfaceTruth]

    def mesh_percent(self, tissue: Tissue) -> float:
        """% of the mesh's skin that is ``tissue``: "true BSA", by area instead of by the chart's weights."""
        total = sum(s.areas.seen for s in self.surfaces.values())
        part = {
            Tissue.DETACHED: sum(s.areas.detached for s in self.surfaces.values()),
            Tissue.REEPITHELIALISED: sum(s.areas.reepithelialised for s in self.surfaces.values()),
        }[tissue]
        return 100 * part / total

    def by_chart(self, chart: Chart) -> VisitBsa:
        """ "Chart BSA": true fractions of every surface with the chart's weights."""
        areas = {name: truth.areas for name, truth in self.surfaces.items()}
        return visit_bsa(self.day, chart.weights_at(self.age_years), areas)


def visit_truth(patient: str, body: Body, disease: Disease, day: int, chart: Chart) -> VisitTruth:
    """Integrate one day over the skin of ``body`` (its present pose), surface by surface."""
    samples = sample_skin(body, SAMPLES_PER_SIDE)
    ready = disease.readiness[body.faces[samples.face]]
    readiness = np.einsum("nk,nk->n", ready, samples.weights).astype(np.float32)
    found = disease.findings(samples.rest, readiness, day)
    surfaces = {}
    for number, name in enumerate(chart.surfaces, start=1):
        here = samples.surface == number
        area, tissue = samples.area[here], found.tissue[here]
        surfaces[name] = SurfaceTruth(
            Areas(*(float(area[tissue == k].sum()) for k in (Tissue.INTACT, Tissue.DETACHED, Tissue.REEPITHELIALISED))),
            float(area[found.cover[here] > 0].sum()),
        )
    return VisitTruth(patient, body.age_years, day, surfaces)


_SURFACES = (*SURFACE_COLUMNS, "area_cm2", "mesh_share_percent")
_VISITS = (*VISIT_COLUMNS, "mesh_detached_bsa_percent", "mesh_reepithelialised_bsa_percent")
_ENDPOINTS = (*ENDPOINT_COLUMNS, "mesh_max_detached_bsa_percent", "mesh_healed_percent")
_READER = "truth"


def truth_tables(visits: Sequence[VisitTruth], protocol: Protocol, chart: Chart) -> dict[str, str]:
    """Text of truth/surfaces.csv, visits.csv and endpoints.csv, with the columns of ``results/`` and the mesh's own."""
    return {
        "surfaces.csv": table_text(_SURFACES, (row for visit in visits for row in _surface_rows(visit, chart))),
        "visits.csv": table_text(_VISITS, (_visit_row(visit, chart) for visit in visits)),
        "endpoints.csv": table_text(_ENDPOINTS, _endpoint_rows(visits, protocol, chart)),
    }


def _surface_rows(visit: VisitTruth, chart: Chart) -> Iterable[dict[str, object]]:
    weights = chart.weights_at(visit.age_years)
    total = sum(s.areas.seen for s in visit.surfaces.values())
    for name, truth in visit.surfaces.items():
        yield {
            "patient": visit.patient,
            "visit": visit_label(visit.day),
            "day": visit.day,
            "surface": name,
            "weight_percent": weights[name],
            "detached_fraction": truth.areas.detached_fraction,
            "reepithelialised_fraction": truth.areas.reepithelialised_fraction,
            "assessable_fraction": 1 - truth.covered / truth.areas.seen,
            "photos": 0,
            "reader": _READER,
            "status": "seen",
            "area_cm2": truth.areas.seen * 1e4,
            "mesh_share_percent": 100 * truth.areas.seen / total,
        }


def _visit_row(visit: VisitTruth, chart: Chart) -> dict[str, object]:
    bsa = visit.by_chart(chart)
    assert bsa.detached is not None
    assert bsa.reepithelialised is not None
    return {
        "patient": visit.patient,
        "visit": visit_label(visit.day),
        "day": visit.day,
        "detached_bsa_percent": bsa.detached.point,
        "detached_bsa_low": bsa.detached.low,
        "detached_bsa_high": bsa.detached.high,
        "reepithelialised_bsa_percent": bsa.reepithelialised.point,
        "reepithelialised_bsa_low": bsa.reepithelialised.low,
        "reepithelialised_bsa_high": bsa.reepithelialised.high,
        "surfaces_seen": len(visit.surfaces),
        "surfaces_unseen": 0,
        "surfaces_uninvolved": 0,
        "mesh_detached_bsa_percent": visit.mesh_percent(Tissue.DETACHED),
        "mesh_reepithelialised_bsa_percent": visit.mesh_percent(Tissue.REEPITHELIALISED),
    }


def _endpoint_rows(visits: Sequence[VisitTruth], protocol: Protocol, chart: Chart) -> Iterable[dict[str, object]]:
    rule = protocol.endpoint
    for patient in dict.fromkeys(visit.patient for visit in visits):
        own = [visit for visit in visits if visit.patient == patient]
        course = [visit.by_chart(chart) for visit in own]
        mesh = {visit.day: visit.mesh_percent(Tissue.DETACHED) for visit in own}
        for day in rule.reported_days:
            healed = healing(course, day, maximum=rule.maximum, look_forward=rule.look_forward)
            answer = call(healed, rule)
            largest = max((d for u, d in mesh.items() if rule.look_forward or u <= day), default=0.0)
            yield {
                "patient": patient,
                "visit": visit_label(day),
                "day": day,
                "max_detached_bsa_percent": healed.peak,
                "max_visit": None if healed.peak_day is None else visit_label(healed.peak_day),
                "ever_detached_bsa_percent": healed.ever_detached,
                "healed_percent": healed.healed.point if healed.healed else None,
                "healed_low": healed.healed.low if healed.healed else None,
                "healed_high": healed.healed.high if healed.healed else None,
                "reepithelialised_percent": healed.reepithelialised.point if healed.reepithelialised else None,
                "reepithelialised_low": healed.reepithelialised.low if healed.reepithelialised else None,
                "reepithelialised_high": healed.reepithelialised.high if healed.reepithelialised else None,
                "response": answer.response,
                "reason": answer.reason,
                "detached_bsa_percent": healed.detached.point if healed.detached else None,
                "flags": "; ".join(answer.flags),
                "mesh_max_detached_bsa_percent": largest or None,
                "mesh_healed_percent": 100 * (1 - mesh[day] / largest) if day in mesh and largest > 0 else None,
            }
