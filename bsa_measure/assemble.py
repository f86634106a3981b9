"""From measured photographs to visits, courses and calls: the straight way through the middle, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .bsa import VisitBsa, visit_bsa, with_outline_doubt
from .course import Healing, healing
from .endpoint import Call, call, category, eligibility
from .fractions import Areas, Doubt, pool, pool_doubts
from .protocol import Endpoint
from .results import Course, Patient, PatientResult, PhotoResult, Provenance, StudyResults
from .study import Study, declared_uninvolved, missing_views
from .uncertainty import ErrorModel, SimulatedCourse, simulate_course


def assemble(
    study: Study,
    photos: Sequence[PhotoResult],
    provenance: Provenance,
    errors: Mapping[str, ErrorModel] | None = None,
) -> StudyResults:
    """Combine the photographs of a study into its results.

    Args:
        study: protocol, chart, patients and declarations.
        photos: every photograph, measured or refused, in the order of the report.
        provenance: what made them.
        errors: reader to error model. A patient of whom every reader has one gets simulated intervals.
    """
    by_patient: dict[str, list[PhotoResult]] = {name: [] for name in study.patients}
    homeless: list[PhotoResult] = []
    for photo in photos:
        by_patient.get(photo.patient, homeless).append(photo)
    return StudyResults(
        name=study.folder.resolve().name,
        protocol=study.protocol,
        chart=study.chart,
        patients=tuple(
            _patient_result(study, study.patients[name], listed, errors or {}) for name, listed in by_patient.items()
        ),
        refused_photos=tuple(homeless),
        problems=study.problems,
        truth=study.truth,
        provenance=provenance,
    )


def _patient_result(
    study: Study, patient: Patient, photos: Sequence[PhotoResult], errors: Mapping[str, ErrorModel]
) -> PatientResult:
    protocol = study.protocol
    rule = protocol.endpoint
    visits, bounds = _course(study, patient, photos, flat=False)
    flat_visits, flat_calls = _course(study, patient, photos, flat=True)
    days = [visit.day for visit in visits]
    readers = {reader for visit in visits for surface in visit.surfaces for reader in surface.readers}
    simulated = _simulated(study, patient, visits, {r: errors[r] for r in readers if r in errors}, readers)
    whole = healing(visits, max(days, default=0), maximum=rule.maximum, look_forward=True)
    return PatientResult(
        patient=patient,
        chart_column=study.chart.column(patient.age_years),
        visits=visits,
        missing_views=_missing_views(study, patient.patient, photos, days),
        calls=tuple(
            (healed, _compared(_judged(healed, answer, rule, simulated), answer, flat))
            for (healed, answer), flat in zip(bounds, flat_calls, strict=True)
        ),
        eligible=eligibility(visits, patient.index_day, protocol.eligibility),
        category=category(whole.maximum, rule.category, more_possible=whole.any_detachment_possible or not visits),
        maximum=whole.peak,
        maximum_day=whole.peak_day,
        photos=tuple(photos),
        flat=Course(flat_visits, flat_calls),
        simulated=simulated,
        unknown_errors=tuple(sorted(readers - set(errors))),
    )


def _simulated(
    study: Study, patient: Patient, visits: Sequence[VisitBsa], errors: Mapping[str, ErrorModel], readers: set[str]
) -> SimulatedCourse | None:
    """Intervals and probabilities, where the error of every reader is known."""
    if not readers or set(errors) != readers:
        return None
    rule = study.protocol.endpoint
    return simulate_course(
        visits,
        errors,
        patient=patient.patient,
        days=rule.reported_days,
        maximum=rule.maximum,
        look_forward=rule.look_forward,
        numerator=rule.numerator,
        threshold=rule.threshold_percent,
        percent=rule.interval_percent,
        draws=rule.draws,
    )


def _course(
    study: Study, patient: Patient, photos: Sequence[PhotoResult], *, flat: bool
) -> tuple[tuple[VisitBsa, ...], tuple[tuple[Healing, Call], ...]]:
    rule = study.protocol.endpoint
    visits = visits_of(study, patient, photos, flat=flat)
    calls = []
    for day in rule.reported_days:
        healed = healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward)
        calls.append((healed, call(healed, rule)))
    return visits, tuple(calls)


def _judged(healed: Healing, bounds: Call, rule: Endpoint, simulated: SimulatedCourse | None) -> Call:
    """The call under the error models, or by the bounds of hidden skin alone where they are not known."""
    return bounds if simulated is None else call(healed, rule, simulated.days.get(healed.day))


def visits_of(
    study: Study, patient: Patient, photos: Sequence[PhotoResult], *, flat: bool = False
) -> tuple[VisitBsa, ...]:
    """Every visit of a patient that has a photograph or a declaration and lies within the protocol's days.

    Args:
        study: protocol, chart and declarations.
        patient: whose visits.
        photos: the patient's photographs, measured or refused.
        flat: whether every pixel counts alike, whatever the protocol's geometry.
    """
    declared = {day for name, day in study.uninvolved if name == patient.patient}
    named = {photo.day for photo in photos if photo.day is not None} | declared
    first, last = study.protocol.visits.first_day, study.protocol.visits.last_day
    days = sorted(day for day in named if first <= day <= last)
    return tuple(visit_of(study, patient, day, [p for p in photos if p.day == day], flat=flat) for day in days)


def _compared(answer: Call, bounds: Call, flat: tuple[Healing, Call]) -> Call:
    """A call with a flag for a person where, by the bounds of hidden skin alone, it depends on the geometry."""
    if bounds.response == flat[1].response:
        return answer
    note = f"counting pixels alike gives {flat[1].response}"
    if flat[0].healed is not None:
        note += f" ({flat[0].healed.point:.1f} % healed)"
    return replace(answer, flags=(*answer.flags, f"the call depends on the geometry: {note}"))


def visit_of(
    study: Study, patient: Patient, day: int, photos: Sequence[PhotoResult], *, flat: bool = False
) -> VisitBsa:
    """One visit of a patient from its photographs, measured or refused; ``flat`` as in :func:`visits_of`."""
    shown: dict[str, list[Areas]] = {}
    readers: dict[str, set[str]] = {}
    doubts: dict[str, list[tuple[Areas, Doubt]]] = {}
    for photo in photos:
        if photo.status != "refused":
            for surface, areas in (photo.areas_flat if flat else photo.areas).items():
                shown.setdefault(surface, []).append(areas)
                readers.setdefault(surface, set()).add(photo.reader)
                if not flat:
                    doubts.setdefault(surface, []).append((areas, photo.outline.get(surface, Doubt())))
    visit = visit_bsa(
        day,
        study.chart.weights_at(patient.age_years),
        {surface: pool(areas) for surface, areas in shown.items()},
        photos={surface: len(areas) for surface, areas in shown.items()},
        readers={surface: tuple(sorted(names)) for surface, names in readers.items()},
        uninvolved=declared_uninvolved(study, patient.patient, day),
    )
    return with_outline_doubt(visit, {surface: pool_doubts(listed) for surface, listed in doubts.items()})


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
