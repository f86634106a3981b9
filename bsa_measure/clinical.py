"""Tables that the clinician fills for the analysis of all patients: what no photograph shows.

    scorten.csv    patient,admission_visit,malignancy,heart_rate_per_min,urea_mmol_l,glucose_mmol_l,
                   bicarbonate_mmol_l,died
    toxicity.csv   patient,toxicity
    mucosa.csv     patient,visit,site,healed

They lie in the study folder and are optional. An empty cell is "not known". Anything else that cannot be used refuses
the whole table, with one sentence: an analysis of half a table would be wrong and look right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import StudyError
from .files import cell_number, printable, read_table, table_text, undefuse
from .protocol import suggestion
from .results import visit_label
from .study import parse_visit

SCORTEN_FILE: Final = "scorten.csv"
TOXICITY_FILE: Final = "toxicity.csv"
MUCOSA_FILE: Final = "mucosa.csv"
SITES: Final = ("buccal", "nasal", "genital", "ocular")

# Column of scorten.csv -> attribute, and what a living patient can have: beyond it the unit or the comma is wrong.
_MEASURED: Final = {
    "heart_rate_per_min": ("heart_rate", 10.0, 350.0),
    "urea_mmol_l": ("urea", 0.2, 120.0),
    "glucose_mmol_l": ("glucose", 0.2, 120.0),
    "bicarbonate_mmol_l": ("bicarbonate", 1.0, 70.0),
}
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    SCORTEN_FILE: ("patient", "admission_visit", "malignancy", *_MEASURED, "died"),
    TOXICITY_FILE: ("patient", "toxicity"),
    MUCOSA_FILE: ("patient", "visit", "site", "healed"),
}
_YES: Final = frozenset({"yes", "y", "1", "true"})
_NO: Final = frozenset({"no", "n", "0", "false"})


@dataclass(frozen=True)
class AtAdmission:
    """One row of scorten.csv; None where the cell is empty.

    Attributes:
        admission_day: study day of the admission visit; None: the first measured visit.
        heart_rate: beats a minute.
        urea, glucose, bicarbonate: serum, mmol/L.
        died: whether the patient died.
    """

    admission_day: int | None = None
    malignancy: bool | None = None
    heart_rate: float | None = None
    urea: float | None = None
    glucose: float | None = None
    bicarbonate: float | None = None
    died: bool | None = None


@dataclass(frozen=True)
class Clinical:
    """What the clinician's tables say; a table that is not there is None.

    Attributes:
        admissions: patient to the row of scorten.csv.
        toxicity: patient to whether there was a toxic event; None where that is not known yet.
        mucosa: site and patient to study day to healed or not, for sites that were involved.
    """

    admissions: Mapping[str, AtAdmission] | None = None
    toxicity: Mapping[str, bool | None] | None = None
    mucosa: Mapping[str, Mapping[str, Mapping[int, bool | None]]] | None = None


def read_clinical(folder: Path, patients: Collection[str]) -> Clinical:
    """Read the clinician's tables of a study folder.

    Args:
        folder: the study folder.
        patients: who is in the study.

    Raises:
        StudyError: a table is there and cannot be used; the sentence names its first fault.
    """
    return Clinical(
        admissions=_read_scorten(folder / SCORTEN_FILE, patients),
        toxicity=_read_toxicity(folder / TOXICITY_FILE, patients),
        mucosa=_read_mucosa(folder / MUCOSA_FILE, patients),
    )


def empty_table(name: str, patients: Collection[str]) -> str:
    """The text of a table to be filled in, with a line for every patient where a patient has just one."""
    rows = [{"patient": patient} for patient in patients] if name != MUCOSA_FILE else []
    return table_text(COLUMNS[name], rows)


def _rows(path: Path, patients: Collection[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(where, patient, row) of every row; ``where`` begins a sentence about it."""
    for row in read_table(path, COLUMNS[path.name]):
        name = undefuse(row["patient"])
        if name not in patients:
            near = suggestion(name, patients)
            raise StudyError(f"{path.name} names the patient {printable(name)!r}{near}, who is not in this study.")
        yield f"{path.name}, patient {printable(name)!r}", name, row


def _read_scorten(path: Path, patients: Collection[str]) -> dict[str, AtAdmission] | None:
    if not path.is_file():
        return None
    found: dict[str, AtAdmission] = {}
    for where, name, row in _rows(path, patients):
        if name in found:
            raise StudyError(f"{where}: there are two rows, keep one.")
        numbers = {
            attribute: _number(where, column, row[column], low, high)
            for column, (attribute, low, high) in _MEASURED.items()
        }
        found[name] = AtAdmission(
            admission_day=_day(where, row["admission_visit"]) if row["admission_visit"] else None,
            malignancy=_answer(where, "malignancy", row["malignancy"]),
            died=_answer(where, "died", row["died"]),
            **numbers,
        )
    return found


def _read_toxicity(path: Path, patients: Collection[str]) -> dict[str, bool | None] | None:
    if not path.is_file():
        return None
    found: dict[str, bool | None] = {}
    for where, name, row in _rows(path, patients):
        if name in found:
            raise StudyError(f"{where}: there are two rows, keep one.")
        found[name] = _answer(where, "toxicity", row["toxicity"])
    return found


def _read_mucosa(path: Path, patients: Collection[str]) -> dict[str, dict[str, dict[int, bool | None]]] | None:
    if not path.is_file():
        return None
    found: dict[str, dict[str, dict[int, bool | None]]] = {site: {} for site in SITES}
    for where, name, row in _rows(path, patients):
        site, day = row["site"].lower(), _day(where, row["visit"])
        if site not in SITES:
            near = suggestion(site, SITES)
            raise StudyError(
                f"{where}: {printable(row['site'])!r} is not a site{near}: write one of {', '.join(SITES)}."
            )
        seen = found[site].setdefault(name, {})
        if day in seen:
            raise StudyError(f"{where}: {site} has two rows for {visit_label(day)}, keep one.")
        seen[day] = _answer(where, "healed", row["healed"])
    return found


def _answer(where: str, column: str, text: str) -> bool | None:
    word = text.lower()
    if word and word not in _YES | _NO:
        raise StudyError(f"{where}: {column} is {printable(text)!r}, write yes or no, or leave it empty.")
    return word in _YES if word else None


def _number(where: str, column: str, text: str, low: float, high: float) -> float | None:
    if not text:
        return None
    value = cell_number(text)
    if value is None:
        raise StudyError(f"{where}: {column} is {printable(text)!r}, which is not a number: correct it.")
    if not low <= value <= high:
        raise StudyError(f"{where}: {column} {value:g} cannot be right: check the unit and the decimal point.")
    return value


def _day(where: str, text: str) -> int:
    day = parse_visit(text)
    if day is None:
        raise StudyError(f"{where}: {printable(text)!r} is not a visit: write it like D07 or D-2.")
    return day
