"""Paired fractions from which an error model is fitted: out of a measured phantom study, or out of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .error_fit import Paired, fit_error_model
from .error_models import error_model_text, study_error_model_path
from .errors import ReadingError, StudyError
from .files import read_table, undefuse, write_text
from .protocol import load_protocol
from .segment import load_model
from .study import PROTOCOL_FILE
from .uncertainty import ErrorModel

if TYPE_CHECKING:
    from .compare import Comparison

MODEL_PREFIX: Final = "model:"
_KEYS: Final = ("patient", "day", "surface")
_FRACTIONS: Final = ("detached_fraction", "reepithelialised_fraction")


def measured_pairs(study: Path, reader: str) -> tuple[list[Paired], list[Paired]]:
    """A reader's detached and re-epithelialised fractions beside the truth of a measured phantom study.

    Raises:
        StudyError: no truth, not measured, or measured from other readings than this reader's.
    """
    for name in ("truth/surfaces.csv", "results/surfaces.csv"):
        if not (study / name).is_file():
            raise StudyError(f"{study.name}/{name} is not there: it takes a phantom study that has been measured.")
    truth = {
        tuple(row[key] for key in _KEYS): row for row in read_table(study / "truth/surfaces.csv", (*_KEYS, *_FRACTIONS))
    }
    rows = read_table(study / "results/surfaces.csv", (*_KEYS, *_FRACTIONS, "reader", "status"))
    seen = [row for row in rows if row["status"] == "seen"]
    others = sorted({undefuse(row["reader"]) for row in seen} - {reader})
    if others or not seen:
        raise StudyError(
            f"results/surfaces.csv is not from {reader} alone: first run  bsa-measure measure STUDY --reader {reader}"
        )
    found = tuple(
        [_pair(row, truth[key], name) for row in seen if (key := tuple(row[k] for k in _KEYS)) in truth]
        for name in _FRACTIONS
    )
    return found[0], found[1]


def _pair(read: Mapping[str, str], true: Mapping[str, str], name: str) -> Paired:
    return Paired(undefuse(read["patient"]), int(read["day"]), read["surface"], float(read[name]), float(true[name]))


def fit_to_truth(studies: Sequence[Path], reader: str) -> ErrorModel:
    """The error model of a reader against the truth of measured phantom studies.

    Args:
        studies: one or more; patients of different studies are different ones, whatever they are called.
        reader: a person's name, or ``model:NAME``.

    Raises:
        StudyError: as :func:`measured_pairs`, or the studies differ in their geometry.
        ReadingError: too few patients.
    """
    detached: list[Paired] = []
    covered: list[Paired] = []
    geometries = set()
    for number, study in enumerate(studies):
        geometries.add(load_protocol(study / PROTOCOL_FILE)[0].measure.geometry)
        for found, kept in zip(measured_pairs(study, reader), (detached, covered), strict=True):
            kept += [replace(pair, patient=f"{number}/{pair.patient}") for pair in found]
    if len(geometries) != 1:
        raise StudyError("The studies were measured with different geometries: fit an error model to each apart.")
    model = load_model(reader.removeprefix(MODEL_PREFIX)) if reader.startswith(MODEL_PREFIX) else None
    patients = len({pair.patient for pair in detached})
    return fit_error_model(
        detached,
        covered,
        reader=reader,
        reference="truth",
        geometry=geometries.pop(),
        model_sha256=model.sha256 if model else "",
        source=f"{patients} phantom patients, {len(detached)} surface readings against the phantoms' truth",
    )


def fit_to_comparison(comparison: Comparison, first: int = 0, second: int = 1) -> ErrorModel:
    """The error model of one reader of a comparison against another, taken for the reference.

    Raises:
        ReadingError: too few patients with readings by both.
    """
    reader, reference = comparison.readers[first], comparison.readers[second]
    pairs = tuple(
        [
            Paired(row.patient, row.day, row.surface, read, true)
            for row in comparison.surfaces
            for read, true in [(getattr(row, name)[first], getattr(row, name)[second])]
            if read is not None and true is not None
        ]
        for name in ("detached", "reepithelialised")
    )
    detached, covered = pairs
    return fit_error_model(
        detached,
        covered,
        reader=reader.reader,
        reference=reference.reader,
        geometry=comparison.study.protocol.measure.geometry,
        model_sha256=reader.models[0] if len(reader.models) == 1 else "",
        source=f"{len({p.patient for p in detached})} patients, {len(detached)} surface readings read by both",
    )


def keep_error_model(comparison: Comparison) -> str:
    """Fit the error model of the first reader of a comparison and write it into the study's folder.

    Returns:
        A sentence on what was written.

    Raises:
        ReadingError: one reader twice, or too few patients with readings by both.
        StudyError: the study folder cannot be written to.
    """
    if comparison.intra:
        raise ReadingError("A reader's error is found against another reader: name another reader with --b.")
    found = fit_to_comparison(comparison)
    folder = comparison.study.folder
    path = study_error_model_path(folder, found.reader)
    write_text(path, error_model_text(found))
    return (
        f"Error model of {found.reader} against {found.reference}: {path.relative_to(folder).as_posix()}. "
        "The next measure gives intervals with it."
    )
