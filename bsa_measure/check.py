"""Read a whole study and measure nothing: what is missing, misnamed, unreadable or poor."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .batch import default_workers, run
from .files import printable
from .measure import choose_model, own_models, plan
from .photo_job import PhotoOutcome, inspect_photo
from .results import visit_label
from .study import Study, about, missing_views, open_study, parse_visit

_INDENT = 46  # where the last column begins


@dataclass(frozen=True)
class CheckedVisit:
    """One visit of one patient.

    Attributes:
        usable, warn, retake, refused: numbers of photographs.
        missing: planned views without a photograph.
    """

    patient: str
    visit: str
    usable: int
    warn: int
    retake: int
    refused: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes:
        visits: by patient and day.
        problems: a sentence each.
        views: the planned views.
        misnamed: whether a photograph is not named after a view.
    """

    visits: tuple[CheckedVisit, ...]
    problems: tuple[str, ...]
    views: tuple[str, ...]
    misnamed: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, misnamed, unreadable or poor."""
        return not self.problems and not any(v.missing or v.warn or v.retake or v.refused for v in self.visits)

    def text(self, width: int | None = None) -> str:
        """As a table for the terminal, ``width`` characters wide."""
        width = max(80, width or shutil.get_terminal_size((110, 24)).columns)
        lines = [f"{'patient':<14}{'visit':<8}{'usable':>6}{'warn':>5}{'retake':>7}{'refused':>8}  missing views"]
        for v in self.visits:
            counts = f"{v.usable:>6}{v.warn:>5}{v.retake:>7}{v.refused:>8}"
            row = f"{printable(v.patient):<13} {printable(v.visit):<7} {counts}"
            lines += textwrap.wrap(
                self._missing(v),
                width,
                initial_indent=f"{row}  ",
                subsequent_indent=" " * (_INDENT + 4),
                break_on_hyphens=False,
            )
        if any(v.warn or v.retake or v.refused for v in self.visits):
            lines += ["", "warn: measured, but doubtful: better take it again.  retake, refused: not measured."]
        if self.problems:
            lines += ["", "To be mended:", *(f"  - {problem}" for problem in self.problems)]
        if self.misnamed:
            views = ", ".join(self.views)
            lines += ["", "The views, each also with a number behind it (trunk-anterior-2):"]
            lines += textwrap.wrap(views, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        if any(v.missing for v in self.visits if self._begun(v)):
            lines += [
                "",
                "A surface that is free of lesions need not be photographed: list it in uninvolved.csv",
                "(patient,visit,surface; the surface * stands for all that have no photograph).",
            ]
        if self.complete:
            lines += ["", "Everything is in its place."]
        return "\n".join(lines)

    def _begun(self, visit: CheckedVisit) -> bool:
        return bool(visit.usable or visit.warn or visit.retake or visit.refused)

    def _missing(self, visit: CheckedVisit) -> str:
        if not visit.missing:
            return "-"
        if not self._begun(visit):
            return "no photograph yet"
        there = [view for view in self.views if view not in visit.missing]
        if not there:
            return "all"
        return f"all but {', '.join(there)}" if len(there) < len(visit.missing) else ", ".join(visit.missing)


def check_study(
    folder: Path, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Read every table and photograph of a study, and judge the photographs' quality.

    Raises:
        BsaMeasureError: the study, its protocol or the model cannot be used at all.
    """
    study = open_study(folder)
    models = own_models(study.folder)
    model = choose_model(study.protocol, models=models)
    plans = plan(study, (), model, models=models)
    jobs = [p.job for p in plans if p.job is not None]
    outcomes: dict[str, PhotoOutcome] = {}
    if progress:
        progress(0, len(jobs))
    for done, (index, outcome) in enumerate(run(inspect_photo, jobs, workers=workers or default_workers()), start=1):
        outcomes[jobs[index].file] = outcome
        if progress:
            progress(done, len(jobs))
    problems = list(study.problems)
    verdicts: dict[tuple[str, str], list[str]] = {}
    shown: dict[tuple[str, str], set[str]] = {}
    for planned in plans:
        photo = planned.photo
        result = outcomes.get(photo.file) or PhotoOutcome("refused", (planned.problem,))
        key = (photo.patient, photo.visit)
        verdicts.setdefault(key, []).append(result.verdict)
        if result.verdict in ("usable", "warn") and photo.shows is not None:
            shown.setdefault(key, set()).update(photo.shows.surfaces)
        problems += [about(photo, problem) for problem in result.problems]
    for patient in study.patients:
        for planned_day in study.protocol.visits.planned:
            verdicts.setdefault((patient, visit_label(planned_day)), [])
    return CheckReport(
        visits=tuple(
            _checked(study, patient, visit, verdicts[patient, visit], shown.get((patient, visit), ()))
            for patient, visit in sorted(verdicts, key=lambda key: _order(study, *key))
        ),
        problems=tuple(dict.fromkeys(problems)),
        views=study.protocol.planned_views,
        misnamed=any(photo.day is not None and photo.shows is None for photo in study.photos),
    )


def _order(study: Study, patient: str, visit: str) -> tuple[int, str, float, str]:
    """Patients in the order of patients.csv, strangers last; visits by day, those that are none last."""
    known = list(study.patients)
    day = parse_visit(visit)
    return known.index(patient) if patient in known else len(known), patient, 1e9 if day is None else day, visit


def _checked(study: Study, patient: str, visit: str, verdicts: Sequence[str], shown: Collection[str]) -> CheckedVisit:
    day = parse_visit(visit)
    known = day is not None and patient in study.patients
    return CheckedVisit(
        patient=patient,
        visit=visit,
        usable=verdicts.count("usable"),
        warn=verdicts.count("warn"),
        retake=verdicts.count("retake"),
        refused=verdicts.count("refused"),
        missing=missing_views(study, patient, day, shown) if known and day is not None else (),
    )
