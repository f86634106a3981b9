"""Read a whole study and measure nothing: what is missing, misnamed, unreadable or poor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .batch import default_workers, run
from .files import printable
from .measure import choose_model, plan
from .photo_job import PhotoOutcome, inspect_photo
from .results import visit_label
from .study import missing_views, open_study, parse_visit


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
    """What `check` found."""

    visits: tuple[CheckedVisit, ...]
    problems: tuple[str, ...]
    views: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, misnamed, unreadable or poor."""
        return not self.problems and not any(v.missing or v.warn or v.retake or v.refused for v in self.visits)

    def text(self) -> str:
        """As a table for the terminal."""
        lines = [f"{'patient':<14}{'visit':<8}{'usable':>7}{'look':>6}{'retake':>8}{'refused':>9}  missing views"]
        for v in self.visits:
            missing = ", ".join(v.missing) if len(v.missing) < len(self.views) else "all"
            lines.append(
                f"{printable(v.patient):<14}{printable(v.visit):<8}{v.usable:>7}{v.warn:>6}{v.retake:>8}{v.refused:>9}"
                f"  {missing or 'none'}"
            )
        if self.problems:
            lines += ["", *(f"- {problem}" for problem in self.problems)]
        if any(v.missing for v in self.visits):
            lines += [
                "",
                "A surface that is free of lesions need not be photographed: list it in uninvolved.csv",
                "(patient,visit,surface; the surface * stands for all that have no photograph).",
            ]
        return "\n".join(lines)


def check_study(
    folder: Path, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Read every table and photograph of a study, and judge the photographs' quality.

    Raises:
        BsaMeasureError: the study, its protocol or the model cannot be used at all.
    """
    study = open_study(folder)
    model = choose_model(study.protocol)
    plans = plan(study, (), model)
    jobs = [p.job for p in plans if p.job is not None]
    outcomes: dict[str, PhotoOutcome] = {}
    if progress:
        progress(0, len(jobs))
    for done, (index, outcome) in enumerate(run(inspect_photo, jobs, workers=workers or default_workers()), start=1):
        outcomes[jobs[index].file] = outcome
        if progress:
            progress(done, len(jobs))
    problems = list(study.problems)
    verdicts: dict[tuple[str, str], dict[str, int]] = {}
    shown: dict[tuple[str, str], set[str]] = {}
    for planned in plans:
        photo = planned.photo
        result = outcomes.get(photo.file) or PhotoOutcome("refused", (planned.problem,))
        key = (photo.patient, photo.visit)
        counts = verdicts.setdefault(key, {"usable": 0, "warn": 0, "retake": 0, "refused": 0})
        counts[result.verdict] += 1
        if result.verdict in ("usable", "warn") and photo.shows is not None:
            shown.setdefault(key, set()).update(photo.shows.surfaces)
        place = printable(photo.file)
        problems += [problem if problem.startswith(place) else f"{place}: {problem}" for problem in result.problems]
    for name in study.patients:
        for planned_day in study.protocol.visits.planned:
            verdicts.setdefault((name, visit_label(planned_day)), {"usable": 0, "warn": 0, "retake": 0, "refused": 0})
    visits: list[CheckedVisit] = []
    for (patient, visit), counts in verdicts.items():
        day = parse_visit(visit)
        missing: tuple[str, ...] = ()
        if day is not None and patient in study.patients:
            missing = missing_views(study, patient, day, shown.get((patient, visit), set()))
        visits.append(CheckedVisit(patient, visit, **counts, missing=missing))
    return CheckReport(tuple(visits), tuple(problems), study.protocol.planned_views)
