"""Writes what the analysis of all patients has found: cohort.html, cohort.json and cohort.csv in ``results/``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from . import __version__
from .clinical import COLUMNS, empty_table
from .cohort import cohort
from .cohort_results import Cohort, Monitoring
from .files import table_text, write_text
from .measured import read_measured
from .survival import Healing

COHORT_COLUMNS: Final = ("section", "item", "quantity", "value", "low", "high")
"""Shares and probabilities are 0 to 1; ``low`` and ``high`` are the ends of the interval of ``value``."""

Row = dict[str, object]


def cohort_study(folder: Path) -> Cohort:
    """Analyse a measured study folder and write cohort.html, cohort.json and cohort.csv.

    Raises:
        StudyError: `measure` has not been run, a table cannot be used, or the disk is full.
        ProtocolError, ChartError: study.toml is wrong.
    """
    from .report.cohort_page import render_cohort

    found = cohort(folder)
    results = folder / "results"
    write_text(results / "cohort.csv", table_text(COHORT_COLUMNS, rows(found)))
    write_text(results / "cohort.json", json.dumps(to_json(found), indent=2, allow_nan=False) + "\n")
    write_text(results / "cohort.html", render_cohort(found))
    return found


def write_empty_tables(folder: Path) -> list[str]:
    """Write the clinician's tables that are not there yet, to be filled in; returns their names. Raises as above."""
    patients = [member.patient for member in read_measured(folder).members]
    absent = [name for name in COLUMNS if not (folder / name).exists()]
    for name in absent:
        write_text(folder / name, empty_table(name, patients))
    return absent


def to_json(found: Cohort) -> dict[str, Any]:
    """Everything of a cohort as plain JSON values."""
    values = {f.name: _plain(getattr(found, f.name)) for f in dataclasses.fields(found) if f.name != "measured"}
    scorten = values["scorten"]
    if scorten is not None and found.scorten is not None:
        for row, source in zip(scorten["rows"], found.scorten.rows, strict=True):
            row["score"] |= {"low": source.score.low, "high": source.score.high, "missing": list(source.score.missing)}
    return {
        "software": __version__,
        "study": found.measured.study,
        "trial": found.measured.protocol.trial.name,
        "protocol_sha256": found.measured.protocol.sha256,
        "measured": dict(found.measured.provenance),
        "endpoint": found.endpoint.model_dump(mode="json"),
        "rules": found.rules.model_dump(mode="json"),
        **values,
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def rows(found: Cohort) -> Iterator[Row]:
    """One number a row."""
    for count in found.counts:
        share = count.responders / count.patients if count.patients else None
        yield _row("responders", count.title, "responders", count.responders)
        yield _row("responders", count.title, "patients", count.patients)
        yield _row("responders", count.title, "share, exact interval", share, count.exact)
        yield _row("responders", count.title, "posterior mean", count.posterior.mean, count.credible)
    for prior in found.priors:
        name = f"{prior.title} Beta({prior.prior.a:g}, {prior.prior.b:g})"
        yield _row("priors", name, "posterior mean", prior.mean, prior.credible)
    if found.expected is not None:
        yield _row("responders", "expected", "responders", found.expected.responders, found.expected.interval)
    yield from _monitoring_rows("efficacy", found.efficacy)
    yield _row("efficacy", "all planned patients", "predictive probability", found.predictive)
    yield _row("efficacy", "all planned patients", "least responders for success", found.least_responders)
    if found.toxicity is not None:
        yield from _monitoring_rows("toxicity", found.toxicity)
    for case in found.misclassified:
        result = case.result
        item = f"sensitivity {result.call.sensitivity:g}, specificity {result.call.specificity:g}"
        yield _row("errors of the call", item, "corrected share", result.corrected, result.exact)
        yield _row("errors of the call", item, "posterior mean", result.mean, result.interval)
        yield _row("errors of the call", item, "probability above reference", result.above_reference)
        yield _row("errors of the call", item, "false success", case.false_success)
        yield _row("errors of the call", item, "true success", case.true_success)
        yield _row("errors of the call", item, "futility stop at target", case.stopped_at_target)
    if found.scorten is not None:
        for patient in found.scorten.rows:
            score = patient.score
            known = score.low if score.low == score.high else None
            yield _row("scorten", patient.patient, "score", known, (score.low, score.high))
        for name, mortality in (("table", found.scorten.table), ("formula", found.scorten.formula)):
            yield _row("scorten", name, "patients", mortality.patients)
            yield _row("scorten", name, "deaths", mortality.deaths)
            yield _row("scorten", name, "deaths predicted", mortality.expected)
            yield _row("scorten", name, "observed / predicted", mortality.ratio, mortality.ratio_interval)
    yield from _healing_rows("skin", found.healing)
    for site, healing in (found.mucosa or {}).items():
        yield from _healing_rows(site, healing)


def _monitoring_rows(section: str, found: Monitoring) -> Iterator[Row]:
    for bound in found.bounds:
        yield _row(section, f"after {bound.patients}", "stop at or under", bound.at_most)
        yield _row(section, f"after {bound.patients}", "stop at or over", bound.at_least)
    for look in found.path:
        yield _row(section, look.patient, found.event, look.events)
        yield _row(section, look.patient, "P(too few side)", look.few)
        yield _row(section, look.patient, "P(too many side)", look.many)
    for b in found.behaviours:
        yield _row(section, f"true share {b.share:g}", "stops early, too few", b.stopped_too_few)
        yield _row(section, f"true share {b.share:g}", "stops early, too many", b.stopped_too_many)
        yield _row(section, f"true share {b.share:g}", "expected patients", b.expected_patients)


def _healing_rows(item: str, healing: Healing) -> Iterator[Row]:
    for step in healing.steps:
        yield _row("time to healing", f"{item} D{step.day}", "at risk", step.at_risk)
        yield _row("time to healing", f"{item} D{step.day}", "share healed", step.share, step.interval)
        yield _row("time to healing", f"{item} D{step.day}", "share healed, missed visits", step.between_visits)
    yield _row("time to healing", item, "median day", healing.median_day)


def _row(section: str, item: str, quantity: str, value: float | None, ends: tuple[float, float] | None = None) -> Row:
    low, high = ends or (None, None)
    return {"section": section, "item": item, "quantity": quantity, "value": value, "low": low, "high": high}
