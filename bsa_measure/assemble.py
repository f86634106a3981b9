"""From measured photographs to visits, courses and calls: the straight way through the middle, without files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .bsa import VisitBsa, visit_bsa
from .course import Healing, healing
from .endpoint import Call, call, category, eligibility
from .fractions import Areas, pool
from .results import Course, Patient, PatientResult, PhotoResult, Provenance, StudyResults
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
    first, last = protocol.visits.first_day, protocol.visits.last_day
    named = {photo.day for photo in photos if photo.day is not None} | declared
    days = sorted(day for day in named if first <= day <= last)
    visits, calls = _course(study, patient, photos, days, flat=False)
    flat_visits, flat_calls = _course(study, patient, photos, days, flat=True)
    rule = protocol.endpoint
    whole = healing(visits, max(days, default=0), maximum=rule.maximum, look_forward=True)
    return PatientResult(
        patient=patient,
        chart_column=study.chart.column(patient.age_years),
        visits=visits,
        missing_views=_missing_views(study, patient.patient, photos, days),
        calls=tuple(_compared(pair, flat) for pair, flat in zip(calls, flat_calls, strict=True)),
        eligible=eligibility(visits, patient.index_day, protocol.eligibility),
        category=category(whole.maximum, rule.category),
        maximum=whole.peak,
        maximum_day=whole.peak_day,
        photos=tuple(photos),
        flat=Course(flat_visits, flat_calls),
    )


def _course(
    study: Study, patient: Patient, photos: Sequence[PhotoResult], days: Sequence[int], *, flat: bool
) -> tuple[tuple[VisitBsa, ...], tuple[tuple[Healing, Call], ...]]:
    rule = study.protocol.endpoint
    visits = tuple(_visit(study, patient, day, [p for p in photos if p.day == day], flat=flat) for day in days)
    calls = []
    for day in rule.reported_days:
        healed = healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward)
        calls.append((healed, call(healed, rule)))
    return visits, tuple(calls)


def _compared(pair: tuple[Healing, Call], flat: tuple[Healing, Call]) -> tuple[Healing, Call]:
    """A call with a flag for a person where it depends on the geometry."""
    healed, answer = pair
    if answer.response == flat[1].response:
        return pair
    note = f"counting pixels alike gives {flat[1].response}"
    if flat[0].healed is not None:
        note += f" ({flat[0].healed.point:.1f} % healed)"
    return healed, replace(answer, flags=(*answer.flags, f"the call depends on the geometry: {note}"))


def _visit(study: Study, patient: Patient, day: int, photos: Sequence[PhotoResult], *, flat: bool) -> VisitBsa:
    shown: dict[str, list[Areas]] = {}
    for photo in photos:
        if photo.status != "refused":
            for surface, areas in (photo.areas_flat if flat else photo.areas).items():
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
