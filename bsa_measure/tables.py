"""The tables of ``results/``: every column's name and how it is filled, stated once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from .bsa import Extent, VisitBsa
from .files import table_text
from .results import PatientResult, PhotoResult, StudyResults, visit_label

Row = Mapping[str, object]

PHOTO_COLUMNS: Final = (
    "patient",
    "visit",
    "day",
    "view",
    "file",
    "sha256",
    "status",
    "problems",
    "reader",
    "cm_per_pixel",
    "detached_cm2",
    "scale_note",
)
SURFACE_COLUMNS: Final = (
    "patient",
    "visit",
    "day",
    "surface",
    "weight_percent",
    "detached_fraction",
    "reepithelialised_fraction",
    "assessable_fraction",
    "photos",
    "reader",
    "status",
    "detached_fraction_flat",
    "geometry_flag",
    "geometry_low",
    "geometry_high",
)
VISIT_COLUMNS: Final = (
    "patient",
    "visit",
    "day",
    "detached_bsa_percent",
    "detached_bsa_low",
    "detached_bsa_high",
    "reepithelialised_bsa_percent",
    "surfaces_seen",
    "surfaces_unseen",
    "reepithelialised_bsa_low",
    "reepithelialised_bsa_high",
    "surfaces_uninvolved",
    "missing_views",
    "detached_bsa_percent_flat",
    "detached_bsa_interval_low",
    "detached_bsa_interval_high",
)
ENDPOINT_COLUMNS: Final = (
    "patient",
    "visit",
    "day",
    "max_detached_bsa_percent",
    "max_visit",
    "ever_detached_bsa_percent",
    "healed_percent",
    "healed_low",
    "healed_high",
    "reepithelialised_percent",
    "probability_of_response",
    "response",
    "reason",
    "detached_bsa_percent",
    "reepithelialised_low",
    "reepithelialised_high",
    "flags",
    "healed_percent_flat",
    "response_flat",
    "interval_from",
    "healed_bounds_low",
    "healed_bounds_high",
    "max_detached_bsa_interval_low",
    "max_detached_bsa_interval_high",
    "max_detached_bsa_excess",
)
PATIENT_COLUMNS: Final = (
    "patient",
    "age_years",
    "chart_column",
    "eligible",
    "eligible_visit",
    "category",
    "max_detached_bsa_percent",
    "eligible_reason",
)


def tables(results: StudyResults) -> dict[str, str]:
    """File name to the text of every table."""
    patients = results.patients
    return {
        "photos.csv": table_text(PHOTO_COLUMNS, _photo_rows(results)),
        "surfaces.csv": table_text(SURFACE_COLUMNS, (row for p in patients for row in _surface_rows(p))),
        "visits.csv": table_text(VISIT_COLUMNS, (row for p in patients for row in _visit_rows(p))),
        "endpoints.csv": table_text(ENDPOINT_COLUMNS, (row for p in patients for row in _endpoint_rows(p))),
        "patients.csv": table_text(PATIENT_COLUMNS, map(_patient_row, patients)),
    }


def _photo_rows(results: StudyResults) -> Iterable[Row]:
    photos = [photo for patient in results.patients for photo in patient.photos] + list(results.refused_photos)
    for photo in photos:
        yield {
            "patient": photo.patient,
            "visit": photo.visit,
            "day": photo.day,
            "view": photo.view,
            "file": photo.file,
            "sha256": photo.sha256,
            "status": photo.status,
            "problems": " ".join(photo.problems),
            "reader": photo.reader,
            "cm_per_pixel": photo.scale.cm_per_pixel if photo.scale else None,
            "detached_cm2": photo.detached_cm2,
            "scale_note": photo.scale.note if photo.scale else "",
        }


def _surface_rows(result: PatientResult) -> Iterable[Row]:
    for visit in result.visits:
        readers = _readers(result.photos, visit.day)
        flags = _geometry_flags(result.photos, visit.day)
        flat = {s.surface: s.detached for v in _flat_visits(result) if v.day == visit.day for s in v.surfaces}
        for surface in visit.surfaces:
            detached, healed = surface.detached, surface.reepithelialised
            yield {
                "patient": result.patient.patient,
                "visit": visit_label(visit.day),
                "day": visit.day,
                "surface": surface.surface,
                "weight_percent": surface.weight,
                "detached_fraction": detached.point if detached else None,
                "reepithelialised_fraction": healed.point if healed else None,
                "assessable_fraction": surface.assessable_fraction,
                "photos": surface.photos,
                "reader": readers.get(surface.surface, ""),
                "status": surface.status,
                "detached_fraction_flat": _point(flat.get(surface.surface)),
                "geometry_flag": flags.get(surface.surface, ""),
                "geometry_low": surface.geometry_low,
                "geometry_high": surface.geometry_high,
            }


def _point(interval: Extent | None) -> float | None:
    return interval.point if interval else None


def _flat_visits(result: PatientResult) -> tuple[VisitBsa, ...]:
    return result.flat.visits if result.flat else ()


def _geometry_flags(photos: Iterable[PhotoResult], day: int) -> dict[str, str]:
    """Surface to what is wrong with its outline on this day's photographs."""
    found: dict[str, set[str]] = {}
    for photo in photos:
        if photo.day == day and photo.status != "refused":
            for surface, flag in photo.geometry_flags.items():
                found.setdefault(surface, set()).add(flag)
    return {surface: "; ".join(sorted(flags)) for surface, flags in found.items()}


def _readers(photos: Iterable[PhotoResult], day: int) -> dict[str, str]:
    """Surface to whose readings of this day it comes from, joined when several."""
    names: dict[str, set[str]] = {}
    for photo in photos:
        if photo.day == day and photo.status != "refused":
            for surface in photo.areas:
                names.setdefault(surface, set()).add(photo.reader)
    return {surface: "; ".join(sorted(readers)) for surface, readers in names.items()}


def _visit_rows(result: PatientResult) -> Iterable[Row]:
    flat = {visit.day: visit.detached for visit in _flat_visits(result)}
    likely = result.simulated.detached if result.simulated else {}
    for visit in result.visits:
        detached, healed = visit.detached, visit.reepithelialised
        within = likely.get(visit.day)
        yield {
            "patient": result.patient.patient,
            "visit": visit_label(visit.day),
            "day": visit.day,
            "detached_bsa_percent": detached.point if detached else None,
            "detached_bsa_low": detached.low if detached else None,
            "detached_bsa_high": detached.high if detached else None,
            "reepithelialised_bsa_percent": healed.point if healed else None,
            "reepithelialised_bsa_low": healed.low if healed else None,
            "reepithelialised_bsa_high": healed.high if healed else None,
            "surfaces_seen": len(visit.having("seen")),
            "surfaces_unseen": len(visit.having("unseen")),
            "surfaces_uninvolved": len(visit.having("uninvolved")),
            "missing_views": " ".join(result.missing_views.get(visit.day, ())),
            "detached_bsa_percent_flat": _point(flat.get(visit.day)),
            "detached_bsa_interval_low": within.low if within else None,
            "detached_bsa_interval_high": within.high if within else None,
        }


def _endpoint_rows(result: PatientResult) -> Iterable[Row]:
    flat = {healing.day: (healing.healed, call) for healing, call in (result.flat.calls if result.flat else ())}
    for healing, call in result.calls:
        healed_flat, call_flat = flat.get(healing.day, (None, None))
        healed, covered = healing.healed, healing.reepithelialised
        simulated = result.simulated.days.get(healing.day) if result.simulated else None
        likely = simulated.healed if simulated else None
        likely_covered = simulated.reepithelialised if simulated else None
        maximum = simulated.maximum if simulated else None
        healed_within, covered_within = likely or healed, likely_covered or covered
        yield {
            "patient": result.patient.patient,
            "visit": visit_label(healing.day),
            "day": healing.day,
            "max_detached_bsa_percent": healing.peak,
            "max_visit": None if healing.peak_day is None else visit_label(healing.peak_day),
            "ever_detached_bsa_percent": healing.ever_detached,
            "healed_percent": healed.point if healed else None,
            "healed_low": healed_within.low if healed_within else None,
            "healed_high": healed_within.high if healed_within else None,
            "reepithelialised_percent": covered.point if covered else None,
            "reepithelialised_low": covered_within.low if covered_within else None,
            "reepithelialised_high": covered_within.high if covered_within else None,
            "probability_of_response": simulated.probability if simulated else None,
            "response": call.response,
            "reason": call.reason,
            "detached_bsa_percent": healing.detached.point if healing.detached else None,
            "flags": "; ".join(call.flags),
            "healed_percent_flat": _point(healed_flat),
            "response_flat": call_flat.response if call_flat else None,
            "interval_from": None if healed is None else "error model" if likely else "hidden skin",
            "healed_bounds_low": healed.low if healed else None,
            "healed_bounds_high": healed.high if healed else None,
            "max_detached_bsa_interval_low": maximum.low if maximum else None,
            "max_detached_bsa_interval_high": maximum.high if maximum else None,
            "max_detached_bsa_excess": simulated.excess if simulated else None,
        }


def _patient_row(result: PatientResult) -> Row:
    return {
        "patient": result.patient.patient,
        "age_years": result.patient.age_years,
        "chart_column": result.chart_column,
        "eligible": result.eligible.answer,
        "eligible_visit": None if result.eligible.day is None else visit_label(result.eligible.day),
        "category": result.category,
        "max_detached_bsa_percent": result.maximum,
        "eligible_reason": result.eligible.reason,
    }
