"""From measured photographs to visits, courses and calls: the straight way through the middle, without files."""

from __future__ import annotations

from collections.abc import Sequence

from .bsa import VisitBsa, visit_bsa
from .course import healing
from .endpoint import call, category, eligibility
from .fractions import Areas, pool
from .results import Patient, PatientResult, PhotoResult, Provenance, StudyResults
from .study import Study, declared_uninvolved, missing_views


def assemble(study: Study, photos: Sequence[PhotoResult], provenance: Provenance) -> StudyResults:
    """Combine the photographs of a study into its results.

    Args:
        study: protocol, chart, patients and declarations.
        photos: every photograph, measured or refused, in the order of the report.
        provenance: what made them.
    """
    by_patient: dict[str, list[PhotoResult]] = {name: [] for name in study.patients}
    homeless: list[PhotoResult] = []
    for photo in photos:
        by_patient.get(photo.patient, homeless).append(photo)
    return StudyResults(
        name=study.folder.resolve().name,
        protocol=study.protocol,
        chart=study.chart,
        patients=tuple(_patient_result(study, study.patients[name], listed) for name, listed in by_patient.items()),
        refused_photos=tuple(homeless),
        problems=study.problems,
        truth=study.truth,
        provenance=provenance,
    )


def _patient_result(study: Study, patient: Patient, photos: Sequence[PhotoResult]) -> PatientResult:
    protocol = study.protocol
    declared = {day for name, day in study.uninvolved if name == patient.patient}
    days = sorted({photo.day for photo in photos if photo.day is not None} | declared)
    visits = tuple(_visit(study, patient, day, [p for p in photos if p.day == day]) for day in days)
    rule = protocol.endpoint
    calls = []
    for day in rule.reported_days:
        healed = healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward)
        calls.append((healed, call(healed, rule)))
    whole = healing(visits, max(days, default=0), look_forward=True)
    return PatientResult(
        patient=patient,
        chart_column=study.chart.column(patient.age_years),
        visits=visits,
        missing_views=_missing_views(study, patient.patient, photos, days),
        calls=tuple(calls),
        eligible=eligibility(visits, patient.index_day, protocol.eligibility),
        category=category(whole.peak, rule.category),
        maximum=whole.peak,
        maximum_day=whole.peak_day,
        photos=tuple(photos),
    )


def _visit(study: Study, patient: Patient, day: int, photos: Sequence[PhotoResult]) -> VisitBsa:
    shown: dict[str, list[Areas]] = {}
    for photo in photos:
        if photo.status != "refused":
            for surface, areas in photo.areas.items():
                shown.setdefault(surface, []).append(areas)
    return visit_bsa(
        day,
        study.chart.weights_at(patient.age_years),
        {surface: pool(areas) for surface, areas in shown.items()},
        photos={surface: len(areas) for surface, areas in shown.items()},
        uninvolved=declared_uninvolved(study, patient.patient, day),
    )


def _missing_views(
    study: Study, patient: str, photos: Sequence[PhotoResult], days: list[int]
) -> dict[int, tuple[str, ...]]:
    missing: dict[int, tuple[str, ...]] = {}
    for day in sorted({*study.protocol.visits.planned, *days}):
        used = [photo for photo in photos if photo.day == day and photo.status != "refused"]
        views = missing_views(study, patient, day, {surface for photo in used for surface in photo.areas})
        if views:
            missing[day] = views
    return missing
