"""What ``adjudicate`` writes for the adjudicator, and the table of decisions that comes back.

``results/adjudication/`` holds the worklist and a page; neither names a reader, a model or a mask. The worklist is the
form as well: filled in, or saved from the page, it is read by :func:`read_decisions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .adjudicate import Adjudication
from .adjudication import CONSENSUS, FRESH, STAPLE, Decision, DisputedVisit, status
from .errors import BsaMeasureError, ReadingError, StudyError
from .files import printable, quoted, read_table, table_text, undefuse, write_bytes, write_text
from .imports import read_mask
from .results import visit_label
from .study import composed, parse_visit

WORKLIST: Final = "worklist.csv"
PAGE: Final = "adjudicate.html"
WORKLIST_COLUMNS: Final = (
    "rank",
    "patient",
    "visit",
    "day",
    "why",
    "difference_bsa_percent",
    "view",
    "file",
    "contribution_bsa_percent",
    "detached_apart",
    "status",
    "code",
    "choice",
    "reason",
)
_NEEDED: Final = ("patient", "visit", "file", "code", "choice", "reason")


def adjudication_folder(study: Path) -> Path:
    """Where the blinded files go; what names readers lies elsewhere."""
    return study / "results" / "adjudication"


def write_worklist(adjudication: Adjudication, *, workers: int = 1) -> Path:
    """Write the worklist and the page, and return their folder.

    What is filled in there already is carried over where file and code still fit. Where a choice does not, the old
    table is kept beside the new one as ``worklist-old.csv`` (``worklist-old-2.csv``, ...).

    Raises:
        StudyError: the folder cannot be written to.
    """
    from .report.adjudication_page import render_adjudication

    folder = adjudication_folder(adjudication.folder)
    filled, readable = _filled_in(folder / WORKLIST)
    listed = [{**row, **filled.pop((str(row["file"]), str(row["code"])), {})} for row in _rows(adjudication)]
    if filled or not readable:
        write_bytes(_free_name(folder), (folder / WORKLIST).read_bytes())
    write_text(folder / WORKLIST, table_text(WORKLIST_COLUMNS, listed))
    write_text(folder / PAGE, render_adjudication(adjudication, workers=workers))
    return folder


def _filled_in(path: Path) -> tuple[dict[tuple[str, str], dict[str, str]], bool]:
    """(file, code) to choice and reason, of every row with one of them; and whether the table could be read."""
    try:
        rows = read_table(path, _NEEDED) if path.is_file() else []
    except StudyError:
        return {}, False
    filled: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        cells = {name: undefuse(row[name]) for name in ("choice", "reason")}
        if any(cells.values()):
            key = undefuse(row["file"]), row["code"]
            if key in filled:  # decided twice: a person has to look
                return {}, False
            filled[key] = cells
    return filled, True


def _free_name(folder: Path) -> Path:
    old, number = folder / "worklist-old.csv", 1
    while old.exists():
        number += 1
        old = folder / f"worklist-old-{number}.csv"
    return old


def _rows(adjudication: Adjudication) -> Iterable[Mapping[str, object]]:
    for rank, visit in enumerate(adjudication.worklist.visits, start=1):
        for disputed in visit.photos:
            photo = disputed.compared.photo
            yield {
                "rank": rank,
                "patient": visit.patient,
                "visit": visit_label(visit.day),
                "day": visit.day,
                "why": " ".join(visit.why),
                "difference_bsa_percent": visit.difference,
                "view": photo.view,
                "file": photo.file,
                "contribution_bsa_percent": disputed.contribution,
                "detached_apart": disputed.apart,
                "status": status(disputed),
                "code": visit.code,
            }


def closing_lines(adjudication: Adjudication) -> str:
    """What the terminal says: the visits to decide, no names."""
    found = adjudication.worklist
    undecided = found.open_visits
    limit = f"{found.limit:.2f} % BSA"
    lines = [
        f"{len(found.visits)} of {found.compared} visits are disputed (limit {limit}), "
        f"{len(found.visits) - len(undecided)} of them decided."
    ]
    if undecided:
        lines.append("To decide, the most important first:")
    for visit in undecided:
        apart = "one sees nothing" if visit.difference is None else f"{abs(visit.difference):.2f} % BSA apart"
        lines.append(
            f"  - {printable(visit.patient)} {visit_label(visit.day)}: {', '.join(_WHY[why] for why in visit.why)}; "
            f"{apart}; {len(visit.open_photos)} of {len(visit.photos)} photographs open"
        )
    folder = adjudication_folder(adjudication.folder)
    study = quoted(adjudication.folder)
    lines.append(f"Page: {folder / PAGE}")
    old = sorted(folder.glob("worklist-old*.csv"))
    if old:
        lines.append(f"Choices that no longer fit are kept in: {', '.join(map(str, old))}")
    if undecided:
        lines.append(f"Then:  bsa-measure adjudicate {study} --decisions decisions.csv --adjudicator NAME")
    else:
        lines.append(f"Next:  bsa-measure adjudicate {study} --final")
    return "\n".join(lines)


_WHY: Final = {
    "call": "the call differs",
    "category": "the category differs",
    "difference": "the difference is beyond the limit",
    "seen": "not everybody sees something",
}


def read_decisions(adjudication: Adjudication, path: Path) -> tuple[list[Decision], list[str]]:
    """The decisions in a filled-in worklist, and a sentence for every row that cannot be used.

    A row without a choice is not decided yet. A row without a file decides every photograph of its visit that has no
    row of its own. A choice that ends in .png is a fresh mask, beside the table.

    Raises:
        StudyError: not a table, or a column is missing.
    """
    visits = {(visit.patient, visit.day): visit for visit in adjudication.worklist.visits}
    single: dict[str, Decision] = {}
    rest: dict[tuple[str, int], tuple[str, str]] = {}
    problems: list[str] = []
    for number, row in enumerate(read_table(path, _NEEDED), start=2):
        row = {name: undefuse(cell) for name, cell in row.items()}
        if not row["choice"]:
            continue
        where = f"{printable(path.name)}, row {number}"
        try:
            visit = _visit(visits, row, where)
            if not row["reason"]:
                raise ReadingError(f"{where}: a decision needs a reason, give one.")
            if not row["file"]:
                rest[visit.patient, visit.day] = row["choice"], row["reason"]
            elif row["file"] in single:
                raise ReadingError(f"{where}: {printable(row['file'])} is decided twice: keep one row.")
            else:
                single[row["file"]] = _decision(row["file"], row["choice"], row["reason"], path.parent, where)
        except BsaMeasureError as error:
            problems.append(str(error))
    for (patient, day), (choice, reason) in rest.items():
        for disputed in visits[patient, day].photos:
            if disputed.file not in single:
                try:
                    single[disputed.file] = _decision(disputed.file, choice, reason, None, f"{patient} D{day}")
                except ReadingError as error:
                    problems.append(str(error))
                    break
    return list(single.values()), problems


def _visit(visits: Mapping[tuple[str, int], DisputedVisit], row: Mapping[str, str], where: str) -> DisputedVisit:
    patient, day = composed(row["patient"]), parse_visit(row["visit"])
    visit = None if day is None else visits.get((patient, day))
    if visit is None:
        raise ReadingError(f"{where}: {printable(row['patient'])} {printable(row['visit'])} is not on the worklist.")
    if row["file"] and row["file"] not in {disputed.file for disputed in visit.photos}:
        raise ReadingError(f"{where}: {printable(row['file'])} is no disputed photograph of this visit: correct it.")
    if row["code"] != visit.code:
        raise ReadingError(
            f"{where}: the code is not that of the readings as they are now: decide from a newly made page, and copy "
            "the code with the row."
        )
    return visit


def _decision(file: str, choice: str, reason: str, folder: Path | None, where: str) -> Decision:
    if not choice.lower().endswith(".png"):
        return Decision(file, choice.lower() if choice.lower() in (CONSENSUS, STAPLE) else choice, reason)
    if folder is None:
        raise ReadingError(f"{where}: a fresh mask belongs to one photograph, name its file.")
    return Decision(file, FRESH, reason, mask=read_mask(folder / choice))
