"""Studies built by hand for the tests of the report, through the same functions as `measure` uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bsa_measure.bsa import visit_bsa
from bsa_measure.chart import Chart
from bsa_measure.course import healing
from bsa_measure.endpoint import call, category, eligibility
from bsa_measure.fractions import Areas
from bsa_measure.protocol import Protocol, parse_protocol
from bsa_measure.report.overlay import draw_overlay, thumbnail
from bsa_measure.results import (
    Patient,
    PatientResult,
    PhotoResult,
    Provenance,
    StudyResults,
    TrueVisit,
    visit_label,
)

Shown = tuple[float, ...]
"""Detached fraction, re-epithelialised fraction (default 0) and assessable fraction (default 1)."""


def areas(shown: Shown) -> Areas:
    """Areas with these fractions, on a surface that fills 0.4 of the frame."""
    f, e, c = (*shown, *(0.0, 0.0, 1.0)[len(shown) :])
    seen = 0.4 * c
    return Areas(seen * (1 - f - e), seen * f, seen * e, 0.4 * (1 - c))


def patient_result(
    name: str,
    days: Mapping[int, Mapping[str, Shown]],
    protocol: Protocol,
    chart: Chart,
    *,
    age: float = 43,
    index_day: int | None = -5,
    unseen: Mapping[int, Iterable[str]] | None = None,
    missing: Mapping[int, tuple[str, ...]] | None = None,
    review: Iterable[tuple[int, str]] = (),
) -> PatientResult:
    """A patient whose surfaces are as given, all others declared uninvolved unless named in ``unseen``."""
    weights = chart.weights_at(age)
    unseen = {day: set(names) for day, names in (unseen or {}).items()}
    visits = tuple(
        visit_bsa(
            day,
            weights,
            {surface: areas(shown) for surface, shown in surfaces.items()},
            uninvolved=set(weights) - unseen.get(day, set()),
        )
        for day, surfaces in sorted(days.items())
    )
    rule = protocol.endpoint
    found = [healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward) for day in rule.reported_days]
    known = [(v.detached.point, -v.day) for v in visits if v.detached is not None]
    largest, negative = max(known, default=(None, None))
    return PatientResult(
        patient=Patient(name, age, index_day, "f", 168.0, 64.0),
        chart_column=chart.column(age),
        visits=visits,
        missing_views=missing or {},
        calls=tuple((healed, call(healed, rule)) for healed in found),
        eligible=eligibility(visits, index_day, protocol.eligibility),
        category=category(largest, rule.category),
        maximum=largest,
        maximum_day=-negative if negative is not None else None,
        photos=tuple(_photos(name, days, protocol, set(review))),
    )


def _photos(
    name: str, days: Mapping[int, Mapping[str, Shown]], protocol: Protocol, review: set[tuple[int, str]]
) -> Iterable[PhotoResult]:
    for day, surfaces in sorted(days.items()):
        for view_name, view in protocol.views.items():
            shown = {surface: areas(surfaces[surface]) for surface in view.surfaces if surface in surfaces}
            if not shown:
                continue
            doubtful = (day, view_name) in review
            yield PhotoResult(
                patient=name,
                visit=visit_label(day),
                day=day,
                view=view_name,
                file=f"photos/{name}/{visit_label(day)}/{view_name}.jpg",
                sha256="ab" * 32,
                status="needs-review" if doubtful else "measured",
                problems=("Slightly blurred: take it again, elbows resting on the bed rail.",) if doubtful else (),
                reader="model:classical-v1",
                areas=shown,
                certainty=0.61 if doubtful else 0.93,
                mask_sha256="cd" * 32,
                overlay=f"overlays/{name}/{visit_label(day)}/{view_name}.jpg",
            )


def study(
    patients: Iterable[PatientResult],
    protocol: Protocol,
    chart: Chart,
    *,
    name: str = "burns-unit-2026",
    problems: tuple[str, ...] = (),
    refused: tuple[PhotoResult, ...] = (),
    truth: Mapping[tuple[str, int], TrueVisit] | None = None,
) -> StudyResults:
    """A study of these patients."""
    return StudyResults(
        name=name,
        protocol=protocol,
        chart=chart,
        patients=tuple(patients),
        refused_photos=refused,
        problems=problems,
        truth=truth or {},
        provenance=Provenance(
            version="0.1.0",
            model="classical-v1",
            model_sha256="12" * 32,
            protocol=protocol.trial.name,
            protocol_sha256=protocol.sha256,
            protocol_file_sha256="34" * 32,
            chart=chart.title,
            command="bsa-measure measure /home/nurse/burns-unit-2026 --workers 2",
            counts={"photographs": 61, "patients": 6},
            libraries={"numpy": "2.4.6", "opencv": "5.0.0"},
            measured_utc="2026-11-22T01:00:00Z",
        ),
    )


def refused_photo(patient: str, day: int, file: str, problem: str) -> PhotoResult:
    """A photograph that could not be measured."""
    return PhotoResult(
        patient, visit_label(day), day, "trunk-anterior", file, "", "refused", (problem,), "", {}, None, "", ""
    )


def plain_protocol(text: str = "") -> tuple[Protocol, Chart]:
    """The protocol of this text and its chart."""
    return parse_protocol(text, None)


def course(
    peak: float, healing_rate: float, *, days: Iterable[int] = (-2, 0, 5, 7, 10, 15), seen: float = 1.0
) -> dict[int, dict[str, Shown]]:
    """A plausible course: trunk, arms, face and thighs detach, then heal by ``healing_rate`` a day after day 0."""
    share = {
        "trunk-anterior": 1.0,
        "trunk-posterior": 0.85,
        "head-anterior": 0.5,
        "neck-anterior": 0.6,
        "upper-arm-left-anterior": 0.7,
        "upper-arm-right-anterior": 0.45,
        "forearm-left-anterior": 0.35,
        "hand-left-palmar": 0.5,
        "hand-right-dorsal": 0.3,
        "thigh-left-anterior": 0.5,
        "thigh-right-posterior": 0.25,
        "buttock-left": 0.4,
        "foot-right-plantar": 0.8,
        "genitalia": 0.3,
    }
    found: dict[int, dict[str, Shown]] = {}
    for day in days:
        if day < 0:
            left, covered = 0.8, 0.0
        else:
            left = max(0.0, 1.0 - healing_rate * day)
            covered = min(1.0, healing_rate * day) * 0.95
        found[day] = {
            surface: (peak * factor * left, peak * factor * covered, seen) for surface, factor in share.items()
        }
    return found


def example_study(protocol_text: str = "") -> StudyResults:
    """Six patients: a response, none, a near miss, hidden skin, a missing visit, no detachment at all."""
    protocol, chart = plain_protocol(protocol_text)
    near = course(0.5, 0.09)
    d0 = sum(chart.weights_at(43)[s] * shown[0] for s, shown in near[0].items())
    factor = 0.1004 * d0 / sum(chart.weights_at(43)[s] * shown[0] for s, shown in near[5].items())
    near[7] = {surface: (shown[0] * factor, shown[1], 1.0) for surface, shown in near[5].items()}
    open_surfaces = ("trunk-posterior", "buttock-left", "buttock-right", "foot-left-plantar")
    hidden = course(0.6, 0.135, seen=0.97)
    for surface in open_surfaces:
        hidden[7].pop(surface, None)
    patients = [
        patient_result("LY-001", course(0.7, 0.139), protocol, chart, review=[(7, "trunk-anterior")]),
        patient_result("LY-002", course(0.45, 0.07, seen=0.96), protocol, chart, age=67),
        patient_result("LY-003", near, protocol, chart),
        patient_result(
            "LY-004",
            hidden,
            protocol,
            chart,
            age=7,
            unseen={7: open_surfaces},
            missing={7: ("trunk-posterior", "buttocks", "feet-plantar")},
        ),
        patient_result("LY-005", course(0.3, 0.12, days=(0, 5)), protocol, chart, index_day=None),
        patient_result(
            "LY-006", {0: {"trunk-anterior": (0.0,)}, 7: {"trunk-anterior": (0.0,)}}, protocol, chart, index_day=-3
        ),
    ]
    truth = {("LY-001", day): TrueVisit(d, e) for day, d, e in ((-2, 23.9, 0.0), (0, 29.4, 0.0), (7, 1.1, 27.0))}
    return study(
        patients,
        protocol,
        chart,
        truth=truth,
        problems=(
            "uninvolved.csv, line 4: there is no surface 'tigh-left-anterior'; did you mean 'thigh-left-anterior'?",
        ),
        refused=(
            refused_photo(
                "LY-002",
                7,
                "photos/LY-002/D07/trunk-anterior-2.jpg",
                "The file is truncated: copy it again from the camera.",
            ),
            refused_photo(
                "LY-009", 0, "photos/LY-009/D00/arm.jpg", "There is no patient LY-009 in patients.csv: add a row."
            ),
        ),
    )


def example_pictures(results: StudyResults, side: int = 240) -> dict[str, bytes]:
    """A small drawn picture for every photograph: skin with a red patch, in the proportion of its surface."""
    pictures = {}
    for patient in results.patients:
        for photo in patient.photos:
            height, width = (side, side * 3 // 4) if len(photo.view) % 2 else (side * 3 // 4, side)
            rows, columns = np.mgrid[:height, :width]
            pixels = np.full((height, width, 3), (92, 110, 118), np.uint8)
            labels = np.zeros((height, width), np.uint8)
            body = ((rows - height / 2) / (height * 0.46)) ** 2 + ((columns - width / 2) / (width * 0.34)) ** 2 < 1
            pixels[body], labels[body] = (205, 160, 132), 1
            shown = next(iter(photo.areas.values()))
            for fraction, tone, label, at in (
                (shown.detached_fraction or 0, (176, 52, 46), 2, 0.4),
                (shown.reepithelialised_fraction or 0, (222, 150, 140), 3, 0.6),
            ):
                radius = 0.34 * width * fraction**0.5
                spot = body & ((rows - height * at) ** 2 + (columns - width * at) ** 2 < radius**2)
                pixels[spot], labels[spot] = tone, label
            pictures[photo.overlay] = thumbnail(draw_overlay(pixels, labels))
    return pictures
