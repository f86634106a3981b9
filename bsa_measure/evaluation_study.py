"""A model judged on whole phantom patients: % BSA of every visit and the call, against the truth of the study."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from .agreement import agreement
from .errors import StudyError
from .evaluation import DRAWS, NOTHING, SEED
from .files import cell_number, read_table, read_text, undefuse, write_text
from .measure import measure
from .proportion import clopper_pearson
from .resampling import mean_by_patient
from .results import StudyResults
from .study import PROTOCOL_FILE

CLEAR_OF: Final = (85.0, 95.0)
"""Patients whose true healed percent lies in here are too close to 90 for their call to be held against a model."""

_VISIT: Final = ("patient", "day", "detached_bsa_percent")
_NEEDED: Final = (PROTOCOL_FILE, "patients.csv", "photos", "truth/visits.csv", "truth/endpoints.csv")


def judge_study(
    folder: Path,
    models: Sequence[str],
    *,
    models_folder: Path | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure a phantom study with each model, in a folder of its own, and compare with its truth.

    Args:
        folder: the study; it is not written to, and readings of people in it are left aside.
        models: names.
        models_folder: of the site's own models.
        workers: number of processes.
        progress: called after every photograph of each model.

    Returns:
        Model to the figures of :func:`compare_with_truth`.

    Raises:
        StudyError: not a phantom study with its true tables.
        ModelError: a model is unknown or damaged.
    """
    missing = next((name for name in _NEEDED if not (folder / name).exists()), None)
    if missing is not None:
        raise StudyError(f"{folder.name} has no {missing}: name a phantom study with its truth.")
    found: dict[str, Any] = {}
    for model in models:
        with tempfile.TemporaryDirectory(prefix="bsa-measure-") as place:
            copy = Path(place) / "study"
            _copy_without_readings(folder, copy)
            results = measure(
                copy,
                workers=workers,
                model=model,
                models=models_folder,
                reader=f"model:{model}",
                command="evaluate",
                progress=progress,
            )
            day = results.protocol.endpoint.day
            found[model] = compare_with_truth(_detached(results), _called(results), day, folder / "truth")
    # Whoever never finds anything reads 0 at every visit, and computes no response.
    nothing = dict.fromkeys((_visit(row) for row in read_table(folder / "truth/visits.csv", _VISIT)), 0.0)
    found[NOTHING] = compare_with_truth(nothing, {}, day, folder / "truth")
    return found


def _visit(row: Mapping[str, str]) -> tuple[str, int]:
    return undefuse(row["patient"]), int(row["day"])


def _detached(results: StudyResults) -> dict[tuple[str, int], float]:
    visits = ((p.patient.patient, v) for p in results.patients for v in p.visits)
    return {(patient, visit.day): visit.detached.point for patient, visit in visits if visit.detached is not None}


def _called(results: StudyResults) -> dict[str, str]:
    day = results.protocol.endpoint.day
    return {p.patient.patient: c.response or "" for p in results.patients for h, c in p.calls if h.day == day}


def compare_with_truth(
    detached: Mapping[tuple[str, int], float], called: Mapping[str, str], day: int, truth: Path
) -> dict[str, Any]:
    """What was measured of a phantom study against its true tables.

    The truth of a visit is % BSA by the chart, as a perfect reading of every surface would give. A visit that could not
    be measured is counted and left out of the errors; a call that is undetermined is not right.

    Args:
        detached: patient and study day to % BSA.
        called: patient to response.
        day: of the call.
        truth: folder of the true tables.

    Returns:
        ``visits`` (number, not measured, error and absolute error with intervals by patient, ICC(A,1)) and ``calls``
        (right among the patients whose true healed percent is outside 85 to 95, with its exact interval).
    """
    patients: list[str] = []
    pairs: list[tuple[float, float]] = []
    absent = 0
    for row in read_table(truth / "visits.csv", _VISIT):
        true = cell_number(row["detached_bsa_percent"])
        if true is None:
            continue
        point = detached.get(_visit(row))
        if point is None:
            absent += 1
            continue
        patients.append(row["patient"])
        pairs.append((point, true))
    values = np.array(pairs, float).reshape(-1, 2)
    error = values[:, 0] - values[:, 1]
    both = agreement(values, patients, draws=DRAWS, seed=SEED)
    return {
        "visits": {
            "number": len(pairs),
            "not_measured": absent,
            "patients": len(set(patients)),
            "error_mean": _plain(mean_by_patient([float(e) for e in error], patients, DRAWS, SEED)),
            "error_absolute_mean": _plain(mean_by_patient([abs(float(e)) for e in error], patients, DRAWS, SEED)),
            "icc_a1": _plain(both.by_patient.get("icc", both.icc)),
        },
        "calls": _calls(called, day, truth),
    }


def _calls(called: Mapping[str, str], day: int, truth: Path) -> dict[str, Any]:
    clear = right = undetermined = close = 0
    wrong: list[str] = []
    for row in read_table(truth / "endpoints.csv", ("patient", "day", "healed_percent", "response")):
        healed = cell_number(row["healed_percent"])
        if int(row["day"]) != day or healed is None:
            continue
        if CLEAR_OF[0] <= healed <= CLEAR_OF[1]:
            close += 1
            continue
        clear += 1
        answer = called.get(undefuse(row["patient"]))
        if answer == row["response"]:
            right += 1
        else:
            undetermined += answer not in ("yes", "no")
            wrong.append(undefuse(row["patient"]))
    low, high = clopper_pearson(right, clear)
    return {
        "day": day,
        "clear": clear,
        "too_close": close,
        "right": right,
        "undetermined": undetermined,
        "not_right": wrong,
        "share_right": {
            "value": round(right / clear, 4) if clear else None,
            "low": round(low, 4),
            "high": round(high, 4),
        },
    }


def _copy_without_readings(folder: Path, copy: Path) -> None:
    copy.mkdir(parents=True)
    # A lock says which model a study is measured with, not which ones may be judged on it.
    text = read_text(folder / PROTOCOL_FILE)
    write_text(copy / PROTOCOL_FILE, re.sub(r"(?m)^\s*model_sha256\s*=.*$", "", text))
    for name in ("patients.csv", "uninvolved.csv"):
        if (folder / name).is_file():
            shutil.copy2(folder / name, copy / name)
    for extra in folder.glob("*.toml"):  # a chart of the site's own
        if not (copy / extra.name).exists():
            shutil.copy2(extra, copy / extra.name)
    shutil.copytree(folder / "photos", copy / "photos", copy_function=_linked)


def _linked(source: str, target: str) -> None:
    """The same file under a second name where the disk can do that, else a copy; `measure` only reads it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _plain(estimate: Any) -> dict[str, float | None]:
    return {
        name: None if value is None else round(value, 4)
        for name, value in (("value", estimate.value), ("low", estimate.low), ("high", estimate.high))
    }
