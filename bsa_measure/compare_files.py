"""What ``compare`` writes: the page, every figure as JSON, and every row behind them as tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from . import __version__
from .agreement_masks import BODY, COMPARED
from .compare import Comparison, PairAgreement
from .files import table_text, write_text
from .results import visit_label

Row = Mapping[str, object]

_READERS: Final = ("reader_a", "reader_b")
PHOTO_COLUMNS: Final = (
    *("patient", "visit", "day", "view", "file", *_READERS, "status", "reason", "same_class", "detached_apart"),
    *(f"{name}_dice" for name in (*COMPARED, BODY)),
    *(f"{name}_{measure}" for name in COMPARED[:2] for measure in ("boundary_dice", "hd95_percent")),
)
SURFACE_COLUMNS: Final = (
    *("patient", "visit", "day", "surface", "weight_percent", *_READERS),
    *(f"{name}_fraction_{letter}" for name in ("detached", "reepithelialised", "assessable") for letter in ("a", "b")),
)
VISIT_COLUMNS: Final = (
    *("patient", "visit", "day", "photos", *_READERS),
    *(f"detached_bsa_{end}_{letter}" for letter in ("a", "b") for end in ("percent", "low", "high")),
    *("reepithelialised_bsa_percent_a", "reepithelialised_bsa_percent_b"),
)
PATIENT_COLUMNS: Final = (
    *("patient", "day", "photos", "skin_tone", "typology_angle", *_READERS),
    *(
        f"{name}_{letter}"
        for name in ("max_detached_bsa_percent", "healed_percent", "response", "category")
        for letter in ("a", "b")
    ),
)


def default_folder(study: Path, readers: Iterable[str]) -> Path:
    """``results/compare-A-B`` with names that are safe on every system."""
    names = [re.sub(r"[^A-Za-z0-9_]+", "-", reader).strip("-") or "reader" for reader in readers]
    return study / "results" / "-".join(["compare", *names])


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write ``agreement.html``, ``agreement.json`` and four tables into a folder.

    Raises:
        StudyError: the folder cannot be written to.
    """
    from .report.agreement_page import render_agreement

    for name, text in comparison_tables(comparison).items():
        write_text(out / name, text)
    document = json.dumps(_plain(comparison_document(comparison)), indent=1, ensure_ascii=False)
    write_text(out / "agreement.json", document + "\n")
    # Last, so that a page never speaks of files that are not there.
    write_text(out / "agreement.html", render_agreement(comparison))


def closing_lines(comparison: Comparison, out: Path) -> str:
    """What the terminal says at the end; ``out`` is where the files are."""
    from .report.agreement_content import replacement_sentence
    from .report.words import count

    lines = [
        f"{count(len(comparison.photos), 'photograph')} of {count(len(comparison.patients), 'patient')} compared, "
        f"{len(comparison.excluded)} left out.",
        *(replacement_sentence(comparison, pair) for pair in comparison.pairs),
    ]
    faults = [excluded.reason for excluded in comparison.excluded if excluded.fault]
    if faults:
        lines += ["A human has to look at:", *(f"  - {reason}" for reason in dict.fromkeys(faults))]
    return "\n".join([*lines, f"Report: {out / 'agreement.html'}"])


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Everything that was computed, as plain values."""
    from .report.agreement_content import heading, replacement_sentence

    labels = [reader.label for reader in comparison.readers]
    protocol = comparison.study.protocol
    return {
        "title": heading(comparison),
        "version": __version__,
        "protocol": protocol.trial.name,
        "protocol_sha256": protocol.sha256,
        "chart": comparison.study.chart.name,
        "rules": protocol.agreement.model_dump(mode="json"),
        "readers": [asdict(reader) for reader in comparison.readers],
        "intra_reader": comparison.intra,
        "median_days_between": comparison.days_between,
        "counts": {
            "patients": len(comparison.patients),
            "visits": len(comparison.visits),
            "surfaces": len(comparison.surfaces),
            "photos": len(comparison.photos),
            "excluded": len(comparison.excluded),
        },
        "pairs": [
            {
                "reader_a": labels[pair.first],
                "reader_b": labels[pair.second],
                "sentence": replacement_sentence(comparison, pair),
                **asdict(pair),
            }
            for pair in comparison.pairs
        ],
        "together": asdict(comparison.together) if comparison.together else None,
        "excluded": [asdict(excluded) for excluded in comparison.excluded],
    }


def comparison_tables(comparison: Comparison) -> dict[str, str]:
    """File name to the text of every table; one row for each pair of readers."""
    pairs = [
        (
            number,
            pair,
            {"reader_a": comparison.readers[pair.first].label, "reader_b": comparison.readers[pair.second].label},
        )
        for number, pair in enumerate(comparison.pairs)
    ]
    photos = [row for number, _, names in pairs for row in _photo_rows(comparison, number, names)]
    return {
        "photos.csv": table_text(PHOTO_COLUMNS, [*photos, *_excluded_rows(comparison)]),
        "surfaces.csv": table_text(
            SURFACE_COLUMNS, (r for _, p, names in pairs for r in _surface_rows(comparison, p, names))
        ),
        "visits.csv": table_text(
            VISIT_COLUMNS, (r for _, p, names in pairs for r in _visit_rows(comparison, p, names))
        ),
        "patients.csv": table_text(
            PATIENT_COLUMNS, (r for _, p, names in pairs for r in _patient_rows(comparison, p, names))
        ),
    }


def _photo_rows(comparison: Comparison, number: int, names: Row) -> Iterable[Row]:
    for compared in comparison.photos:
        found, photo = compared.pairs[number], compared.photo
        row: dict[str, object] = {
            **{"patient": photo.patient, "visit": photo.visit, "day": photo.day, "view": photo.view, **names},
            "file": photo.file,
            "status": "compared",
            "same_class": found.same,
            "detached_apart": found.detached_apart,
        }
        for name, overlap in found.classes.items():
            row[f"{name}_dice"] = overlap.dice
            row[f"{name}_boundary_dice"] = overlap.boundary_dice
            row[f"{name}_hd95_percent"] = overlap.hd95_percent
        yield row


def _excluded_rows(comparison: Comparison) -> Iterable[Row]:
    places = {photo.file: photo for photo in comparison.study.photos}
    for excluded in comparison.excluded:
        photo = places[excluded.file]
        yield {
            **{"patient": photo.patient, "visit": photo.visit, "day": photo.day, "view": photo.view},
            **{"file": photo.file, "status": "not compared", "reason": excluded.reason},
        }


def _surface_rows(comparison: Comparison, pair: PairAgreement, names: Row) -> Iterable[Row]:
    for row in comparison.surfaces:
        yield {
            **{"patient": row.patient, "visit": visit_label(row.day), "day": row.day, "surface": row.surface, **names},
            "weight_percent": row.weight,
            **_letters("detached_fraction", row.detached, pair),
            **_letters("reepithelialised_fraction", row.reepithelialised, pair),
            **_letters("assessable_fraction", row.assessable, pair),
        }


def _visit_rows(comparison: Comparison, pair: PairAgreement, names: Row) -> Iterable[Row]:
    for row in comparison.visits:
        cells: dict[str, object] = {"patient": row.patient, "visit": visit_label(row.day), "day": row.day, **names}
        cells["photos"] = row.photos
        for letter, place in (("a", pair.first), ("b", pair.second)):
            detached, covered = row.detached[place], row.reepithelialised[place]
            if detached is not None:
                cells[f"detached_bsa_percent_{letter}"] = detached.point
                cells[f"detached_bsa_low_{letter}"] = detached.low
                cells[f"detached_bsa_high_{letter}"] = detached.high
            cells[f"reepithelialised_bsa_percent_{letter}"] = covered.point if covered else None
        yield cells


def _patient_rows(comparison: Comparison, pair: PairAgreement, names: Row) -> Iterable[Row]:
    for row in comparison.patients:
        yield {
            **{"patient": row.patient, "day": comparison.study.protocol.endpoint.day, "photos": row.photos, **names},
            "skin_tone": row.tone,
            "typology_angle": row.angle,
            **_letters("max_detached_bsa_percent", row.maximum, pair),
            **_letters("healed_percent", [healed.point if healed else None for healed in row.healed], pair),
            **_letters("response", row.response, pair),
            **_letters("category", row.category, pair),
        }


def _letters(name: str, values: Any, pair: PairAgreement) -> dict[str, object]:
    return {f"{name}_a": values[pair.first], f"{name}_b": values[pair.second]}


def _plain(value: Any) -> Any:
    """Numbers with twelve significant digits, the same on every computer; what is not finite is absent."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    return value
