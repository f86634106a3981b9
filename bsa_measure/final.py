"""The final tables of a study: computed from final readings only, the automated and each reader's numbers beside them.

Every column goes through the main path (areas, fractions, % BSA, course, call) on its own; what differs between them
differs because of the masks alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .adjudicate import Adjudication
from .adjudication import CONSENSUS, STAPLE, DisputedVisit, agreed_by
from .batch import run
from .compare import Excluded, Progress, photo_sizes, reader_results, working_job
from .compare_photos import CompareJob, areas_of_readings
from .endpoint import Call
from .errors import ReadingError
from .files import printable, table_text, write_text
from .final_readings import automated_reader, default_readers, final_reader, final_reading, newest_decision
from .photo_job import ViewAreas
from .readings import Reading, Readings
from .results import PatientResult, StudyResults, visit_label
from .study import PhotoFile

TABLE: Final = "final.csv"
PAGE: Final = "final.html"
_NUMBERS: Final = (
    "detached_bsa_percent",
    "detached_bsa_low",
    "detached_bsa_high",
    "reepithelialised_bsa_percent",
    "healed_percent",
    "response",
    "max_detached_bsa_percent",
    "category",
)


@dataclass(frozen=True)
class Column:
    """One reading of the study as a whole: the final one, the model's, or a reader's.

    Attributes:
        name: ``final``, ``automated``, ``reader_1``, ... as the table's columns begin.
        reader: as in the record; for ``final`` whose reading counts where nothing was adjudicated.
        results: through the main path.
        photos: how many photographs it rests on.
    """

    name: str
    reader: str
    results: StudyResults
    photos: int


@dataclass(frozen=True)
class FinalRow:
    """One patient and study day.

    Attributes:
        state: ``no`` (not disputed), ``yes`` (adjudicated), ``open`` (disputed, not wholly decided), ``read again``
            (not disputed any more, and a decision was left aside because a reader has read the photograph again since).
        why: the parts of the rule by which it was disputed.
        decided: photographs of this visit whose final reading is adjudicated.
        reasons: of these decisions.
        cells: for each column, by name of the number.
    """

    patient: str
    day: int
    state: str
    why: tuple[str, ...]
    decided: int
    reasons: tuple[str, ...]
    cells: tuple[Mapping[str, object], ...]


@dataclass(frozen=True)
class FinalStudy:
    """Everything of the final tables.

    Attributes:
        adjudication: as opened.
        columns: final, automated (where a model has read), then each reader.
        rows: by patient and day: every visit, and every day of the protocol.
        chosen: whose reading was chosen how often; ``consensus``, ``consensus by STAPLE`` and ``fresh reading`` where
            nobody's.
        excluded: photographs without a final reading, and why.
    """

    adjudication: Adjudication
    columns: tuple[Column, ...]
    rows: tuple[FinalRow, ...]
    chosen: Mapping[str, int]
    excluded: tuple[Excluded, ...]


def final_study(adjudication: Adjudication, *, workers: int = 1, progress: Progress | None = None) -> FinalStudy:
    """Compute the final numbers of a study, and those of each reader beside them; writes nothing.

    Args:
        adjudication: as opened or refreshed.
        workers: number of processes.
        progress: called after every photograph.

    Raises:
        ReadingError: the readers compared are not those whom ``measure --reader final`` goes by.
    """
    study = adjudication.comparison.study
    record = Readings(study.folder, read_only=True).all()
    _refuse_other_readers(adjudication, default_readers(record, study.protocol))
    otherwise, model = final_reader(record, study.protocol), automated_reader(record, study.protocol)
    compared = [reader.reader for reader in adjudication.comparison.readers]
    readers = [name for name in compared if name != model]
    by_photo: dict[str, list[Reading]] = {}
    for reading in record:
        by_photo.setdefault(reading.photo_sha256, []).append(reading)
    jobs: list[CompareJob] = []
    chosen: list[tuple[PhotoFile, list[Reading | None], list[Reading]]] = []
    again: set[tuple[str, int | None]] = set()
    usable, excluded = photo_sizes(study)
    for photo, (sha256, width, height) in usable.items():
        readings = by_photo.get(sha256, [])
        wanted = [
            final_reading(readings, otherwise, compared),
            *(_latest(readings, name) for name in (model, *readers)),
        ]
        if newest_decision(readings) not in (None, wanted[0]):
            again.add((photo.patient, photo.day))
        if wanted[0] is None:
            excluded.append(Excluded(photo.file, "no final reading", fault=True))
        distinct = list({found.number: found for found in wanted if found is not None}.values())
        if distinct:
            jobs.append(working_job(study, photo, (width, height), distinct))
            chosen.append((photo, wanted, distinct))
    areas: list[dict[int, ViewAreas]] = [{} for _ in jobs]
    for done, (index, outcome) in enumerate(run(areas_of_readings, jobs, workers=workers), start=1):
        if outcome.problem:
            excluded.append(Excluded(jobs[index].file, outcome.problem, fault=True))
        numbers = [reading.number for reading in chosen[index][2]]
        areas[index] = dict(zip(numbers, outcome.areas, strict=False))
        if progress:
            progress(done, len(jobs))
    columns = []
    names = ["final", "automated", *(f"reader_{n}" for n in range(1, len(readers) + 1))]
    for place, (name, reader) in enumerate(zip(names, (otherwise, model, *readers), strict=True)):
        listed = [
            (photo, mine, found[mine.number])
            for (photo, wanted, _), found in zip(chosen, areas, strict=True)
            if (mine := wanted[place]) is not None and mine.number in found
        ]
        if listed or name == "final":
            columns.append(Column(name, reader, reader_results(study, listed, "adjudicate --final"), len(listed)))
    finals = [(photo, last) for photo, wanted, _ in chosen if (last := wanted[0]) is not None]
    return FinalStudy(
        adjudication=adjudication,
        columns=tuple(columns),
        rows=tuple(_rows(adjudication, columns, finals, again)),
        chosen=_whose(finals, record),
        excluded=tuple(sorted(excluded, key=lambda e: e.file)),
    )


def _refuse_other_readers(adjudication: Adjudication, counted: Sequence[str]) -> None:
    """A later reading of one of ``counted`` undoes a decision, here as in measuring: were others compared, these tables
    and ``measure --reader final`` would tell two stories."""
    compared = [reader.reader for reader in adjudication.comparison.readers]
    if set(compared) != set(counted):
        raise ReadingError(
            f"The final tables go by the readers {', '.join(map(printable, counted))}, and {', '.join(compared)} were "
            "compared: leave out --reader, or name the readers in study.toml ([adjudication], readers)."
        )


def _latest(readings: Sequence[Reading], reader: str) -> Reading | None:
    return next((r for r in reversed(readings) if r.reader == reader and r.kind != "adjudicated"), None)


def _whose(finals: Iterable[tuple[PhotoFile, Reading]], record: Sequence[Reading]) -> dict[str, int]:
    author = {reading.number: reading.reader for reading in record}
    counts: Counter[str] = Counter()
    for _, reading in finals:
        if reading.kind == "adjudicated":
            counts[_made_by(reading) if reading.parent is None else author.get(reading.parent, "")] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _made_by(reading: Reading) -> str:
    """How a decision came about that is nobody's reading."""
    names = {CONSENSUS: "consensus", STAPLE: "consensus by STAPLE"}
    together = (name for choice, name in names.items() if reading.reason.startswith(agreed_by(choice)))
    return next(together, "fresh reading")


def _rows(
    adjudication: Adjudication,
    columns: Sequence[Column],
    finals: Sequence[tuple[PhotoFile, Reading]],
    again: Collection[tuple[str, int | None]],
) -> Iterable[FinalRow]:
    study = adjudication.comparison.study
    disputed = {(visit.patient, visit.day): visit for visit in adjudication.worklist.visits}
    decided: dict[tuple[str, int | None], list[Reading]] = {}
    for photo, reading in finals:
        if reading.kind == "adjudicated":
            decided.setdefault((photo.patient, photo.day), []).append(reading)
    for results in zip(*(column.results.patients for column in columns), strict=True):
        patient = results[0].patient.patient
        days = {visit.day for result in results for visit in result.visits if visit.detached is not None}
        for day in sorted(days | set(study.protocol.endpoint.reported_days)):
            visit, readings = disputed.get((patient, day)), decided.get((patient, day), [])
            yield FinalRow(
                patient=patient,
                day=day,
                state=_state(visit, readings, (patient, day) in again),
                why=visit.why if visit else (),
                decided=len(readings),
                reasons=tuple(dict.fromkeys(reading.reason for reading in readings)),
                cells=tuple(_cells(result, day) for result in results),
            )


def _state(visit: DisputedVisit | None, decided: Sequence[Reading], again: bool) -> str:
    if visit is not None and visit.open_photos:
        return "open"
    if again:
        return "read again"
    return "yes" if decided else "no"


def _cells(result: PatientResult, day: int) -> dict[str, object]:
    visit = next((visit for visit in result.visits if visit.day == day), None)
    healed, called = next(((h, c) for h, c in result.calls if h.day == day), (None, Call(None, "")))
    detached = visit.detached if visit else None
    covered = visit.reepithelialised if visit else None
    values = (
        detached.point if detached else None,
        detached.low if detached else None,
        detached.high if detached else None,
        covered.point if covered else None,
        healed.healed.point if healed and healed.healed else None,
        called.response,
        result.maximum,
        result.category,
    )
    return dict(zip(_NUMBERS, values, strict=True))


def final_columns(found: FinalStudy) -> tuple[str, ...]:
    """The table's columns."""
    first = ("patient", "visit", "day", "adjudicated", "why", "adjudicated_photos", "reason")
    return (*first, *(name for c in found.columns for name in (_who(c), *(f"{c.name}_{n}" for n in _NUMBERS))))


def _who(column: Column) -> str:
    """The table's column that says who read: for the final one, who counts where nothing was adjudicated."""
    return "final_otherwise" if column.name == "final" else column.name


def final_table(found: FinalStudy) -> str:
    """One row a patient and day."""

    def cells(row: FinalRow) -> dict[str, object]:
        wide: dict[str, object] = {
            "patient": row.patient,
            "visit": visit_label(row.day),
            "day": row.day,
            "adjudicated": row.state,
            "why": " ".join(row.why),
            "adjudicated_photos": row.decided,
            "reason": "; ".join(row.reasons),
        }
        for column, numbers in zip(found.columns, row.cells, strict=True):
            wide[_who(column)] = column.reader
            wide |= {f"{column.name}_{name}": value for name, value in numbers.items()}
        return wide

    return table_text(final_columns(found), map(cells, found.rows))


def write_final(found: FinalStudy) -> Path:
    """Write the table and the page into ``results/final``, which names readers, and return the folder.

    Raises:
        StudyError: the folder cannot be written to.
    """
    from .report.final_page import render_final

    folder = found.adjudication.folder / "results" / "final"
    write_text(folder / TABLE, final_table(found))
    write_text(folder / PAGE, render_final(found))
    return folder


def closing_lines(found: FinalStudy, folder: Path) -> str:
    """What the terminal says at the end."""
    visits = found.adjudication.worklist
    undecided = len(visits.open_visits)
    lines = [
        f"{len(visits.visits)} of {visits.compared} visits were disputed, {len(visits.visits) - undecided} of them are "
        "decided."
    ]
    if undecided:
        lines.append(f"{undecided} are open: their rows hold the reading of {found.columns[0].reader} for now.")
    lines += [f"  - {excluded.file}: {excluded.reason}" for excluded in found.excluded]
    return "\n".join([*lines, f"Table: {folder / TABLE}", f"Page: {folder / PAGE}"])
