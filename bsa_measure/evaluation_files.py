"""The command ``evaluate``: judges a model, writes ``metrics.json`` and the tables as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import __version__
from .evaluation import BASELINE, NOTHING, TOLERANCE_PERCENT
from .evaluation_photos import figures, judge_photos
from .evaluation_study import CLEAR_OF, judge_study
from .files import write_text
from .segment import load_model

if TYPE_CHECKING:
    from .training.data import Part

_COLUMNS: Final = (
    ("Dice pooled", "dice_pooled"),
    ("Dice mean", "dice_mean"),
    ("mean where present", "dice_mean_where_present"),
    ("IoU pooled", "iou_pooled"),
    ("boundary Dice", "boundary_dice_mean"),
)


def evaluate(
    model: str,
    data: Path,
    out: Path,
    *,
    beside: Sequence[str] = (),
    part: Part = "test",
    sources: Path | None = None,
    models: Path | None = None,
    workers: int = 1,
    tolerance_percent: float = TOLERANCE_PERCENT,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judge a model on a data file's photographs, or on a phantom study, and write ``metrics.json`` and ``metrics.md``.

    Args:
        model: name.
        data: a data file (TOML), or a phantom study folder with its truth.
        out: folder for the two files.
        beside: further models that are judged on the same; ``classical-v1`` always is.
        part: of the data file.
        sources: where the data file's relative folders start; by default its own folder.
        models: folder of the site's own models.
        workers: number of processes.
        tolerance_percent: of outlines, in percent of the longer side; by default the protocol's.
        progress: called after every photograph.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError, StudyError: the data file, a source or the study cannot be used.
        ModelError: a model is unknown or damaged.
    """
    names = tuple(dict.fromkeys((model, BASELINE, *beside)))
    metrics: dict[str, Any] = {
        "version": __version__,
        "models": {name: load_model(name, models).sha256 for name in names},
    }
    if data.is_dir():
        metrics["study"] = data.resolve().name
        metrics["patients"] = judge_study(data, names, models_folder=models, workers=workers, progress=progress)
        text = study_table(metrics)
    else:
        from .training.data import read_data_file

        judged = judge_photos(
            read_data_file(data),
            sources or data.parent,
            names,
            part=part,
            folder=models,
            workers=workers,
            tolerance_percent=tolerance_percent,
            progress=progress,
        )
        metrics |= {"part": part, "boundary_tolerance_percent": tolerance_percent, "sets": figures(judged, names)}
        text = photo_tables(metrics)
    write_text(out / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    write_text(out / "metrics.md", text)
    return metrics


def photo_tables(metrics: Mapping[str, Any]) -> str:
    """One table for all photographs of each source, and one for each kind of part."""
    titles = {
        "all": "All photographs",
        "tone": "By skin tone (typology angle)",
        "lesion": "By size of the lesion",
        "region": "By region",
    }
    lines = [
        *_head(metrics),
        f"Part `{metrics['part']}`. Boundary Dice at {metrics['boundary_tolerance_percent']:g} % of the longer side. "
        "Where the reference is empty, an empty answer scores 1 and any other 0; *where present* leaves those "
        "photographs out. Area errors are in % of the skin that the reference shows, or of the photograph where it "
        "shows none or cannot tell. In brackets: 95 % intervals, whole groups drawn.",
        "",
    ]
    for kind, title in titles.items():
        records = [record for record in metrics["sets"] if record["kind"] == kind]
        if records:
            lines += [f"### {title}", "", *_table(records, kind), ""]
    return "\n".join(lines)


def _table(records: Sequence[Mapping[str, Any]], kind: str) -> Iterator[str]:
    full = kind == "all"
    columns = [
        "source",
        "target",
        *([] if full else [kind]),
        "photos (empty)",
        "answer",
        *(name for name, _ in _COLUMNS),
    ]
    columns += ["area error", "\\|area error\\|", "calibration error"] if full else ["area error"]
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for record in records:
        for answer, found in record["answers"].items():
            if answer == NOTHING and not full:
                continue  # in metrics.json; here it would be a third of the rows
            cells = [record["source"], record["target"], *([] if full else [record["part"]])]
            cells += [f"{found['photographs']} ({found['without_reference']})", answer]
            cells += [_cell(found[key], 3) for _, key in _COLUMNS]
            cells.append(_cell(found["area_error_percent_mean"], 2))
            if full:
                cells.append(_cell(found["area_error_percent_absolute_mean"], 2))
                error = found["calibration_error"]
                cells.append("" if error is None else f"{error:.4f}")
            yield "| " + " | ".join(cells) + " |"


def study_table(metrics: Mapping[str, Any]) -> str:
    """The figures of whole phantom patients, a row a model."""
    low, high = CLEAR_OF
    lines = [
        *_head(metrics),
        "Measured minus true % BSA detached of every visit, and the call on the day of the endpoint among the patients "
        f"whose true healed percent is outside {low:g} to {high:g}; an undetermined call is not right. In brackets: "
        "95 % intervals, patients drawn (exact for the calls).",
        "",
        "| model | visits (not measured) | mean error | mean \\|error\\| | ICC(A,1) | calls right | undetermined |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in metrics["patients"].items():
        visits, calls = found["visits"], found["calls"]
        lines.append(
            f"| {name} | {visits['number']} ({visits['not_measured']}) | {_cell(visits['error_mean'], 2)} "
            f"| {_cell(visits['error_absolute_mean'], 2)} | {_cell(visits['icc_a1'], 3)} "
            f"| {calls['right']} of {calls['clear']}, {_cell(calls['share_right'], 2)} | {calls['undetermined']} |"
        )
    return "\n".join([*lines, ""])


def _head(metrics: Mapping[str, Any]) -> list[str]:
    named = ", ".join(f"{name} (SHA-256 {sha256[:12]}…)" for name, sha256 in metrics["models"].items())
    return [f"bsa-measure {metrics['version']}; models: {named}.", ""]


def _cell(estimate: Mapping[str, float | None], digits: int) -> str:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None:
        return ""
    interval = "" if low is None or high is None else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{value:.{digits}f}{interval}"
