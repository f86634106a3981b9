"""The study folder: what lies where, and what its names and tables mean.

    my-study/
      study.toml  patients.csv  uninvolved.csv
      photos/PATIENT/VISIT/VIEW[-n].jpg
      masks/  readings.db  results/  [truth/]

Reading a study never fails because of one bad file: what cannot be used is listed with a sentence, and the
rest goes on.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .chart import Chart
from .errors import ReadingError, StudyError
from .files import cell_number, printable, read_table, write_text
from .photo import SUFFIXES
from .protocol import Protocol, View, load_protocol, protocol_text, suggestion
from .readings import recorded_acts
from .results import Patient, PhotoResult, TrueVisit, visit_label
from .segment import default_model
from .sums import file_hash

PROTOCOL_FILE = "study.toml"
PATIENT_COLUMNS = ("patient", "age_years", "index_day", "sex", "height_cm", "weight_kg")
UNINVOLVED_COLUMNS = ("patient", "visit", "surface")
EVERY_SURFACE = "*"
"""In uninvolved.csv: every surface of this visit that has no photograph."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # no file on Windows may be called so
_VISIT = re.compile(r"[Dd]([+-]?\d{1,4})")
_VIEW = re.compile(r"(?P<view>.+?)(?:-(?P<number>\d+))?")


@dataclass(frozen=True)
class PhotoFile:
    """A file under photos/ and what its place says.

    Attributes:
        path: where it lies.
        file: path inside the study folder, with forward slashes.
        patient, visit, view: as named by the folders and the file; ``visit`` normalised where it is a study day.
        day: study day; None when the visit's folder is misnamed.
        shows: the view's definition; None when the view is unknown.
        overlay: where its overlay picture goes inside ``results/``.
        problem: why the photograph cannot be measured, as a sentence; empty when it can.
    """

    path: Path
    file: str
    patient: str
    visit: str
    view: str
    day: int | None
    shows: View | None
    overlay: str
    problem: str = ""


@dataclass(frozen=True)
class Study:
    """A study folder as read; see :func:`open_study`.

    Attributes:
        folder: the study folder.
        protocol, chart: what study.toml fixes.
        patients: by identifier, in the order of patients.csv.
        photos: every photograph, sorted by patient, day and the protocol's order of views.
        uninvolved: (patient, day) to the surfaces declared free of lesions, EVERY_SURFACE among them where the row
            says so, and those that a person has declared in the record; see :func:`declared_uninvolved`.
        involved: (patient, day) to the surfaces that a person has declared not to be free of lesions after all, which
            counts more than uninvolved.csv.
        truth: (patient, day) to the known truth, for phantoms.
        unplaced: (patient, day, or None where it is not known) of every file whose view or day cannot be told.
        problems: sentences about tables and files out of place.
        tables: file name to SHA-256 of patients.csv and uninvolved.csv as they were read; empty for one that is absent.
    """

    folder: Path
    protocol: Protocol
    chart: Chart
    patients: Mapping[str, Patient]
    photos: tuple[PhotoFile, ...]
    uninvolved: Mapping[tuple[str, int], frozenset[str]]
    involved: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    truth: Mapping[tuple[str, int], TrueVisit] = field(default_factory=dict)
    unplaced: frozenset[tuple[str, int | None]] = frozenset()
    problems: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        """Folder of everything that is computed."""
        return self.folder / "results"


def parse_visit(text: str) -> int | None:
    """Study day of a visit name such as ``D7``, ``D07`` or ``D-2``; None for anything else."""
    match = _VISIT.fullmatch(text.strip())
    return int(match[1]) if match else None


def parse_view(stem: str) -> str:
    """View of a file stem such as ``trunk-anterior`` or ``Trunk-Anterior-2``."""
    match = _VIEW.fullmatch(stem.strip().lower())
    return match["view"] if match else stem


def init_study(folder: Path, protocol: str = "lysyme") -> None:
    """Write a new study folder with a commented protocol and empty tables.

    Raises:
        StudyError: the folder already holds a study, or cannot be written to.
        ProtocolError: there is no protocol of this name.
    """
    # A study keeps the model that it began with, also when a later version of the program recommends another.
    text = protocol_text(protocol).replace('\nmodel = ""\n', f'\nmodel = "{default_model()}"\n')
    if (folder / PROTOCOL_FILE).exists():
        raise StudyError(f"{_called(folder)} already holds a study ({PROTOCOL_FILE}): choose another folder.")
    for name, columns in (("patients.csv", PATIENT_COLUMNS), ("uninvolved.csv", UNINVOLVED_COLUMNS)):
        if not (folder / name).exists():  # a table that somebody has begun is kept
            write_text(folder / name, ",".join(columns) + "\n")
    try:
        (folder / "photos").mkdir(exist_ok=True)
    except OSError as error:
        raise StudyError(f"{_called(folder)} cannot be written to: choose another folder.") from error
    # Last, so that a folder is a study only when it is complete.
    write_text(folder / PROTOCOL_FILE, text)


def open_study(folder: Path) -> Study:
    """Read a study folder: protocol, tables and the names of its photographs (not yet the photographs).

    Raises:
        StudyError: not a study folder, or patients.csv cannot be used at all.
        ProtocolError, ChartError: study.toml or its chart is wrong.
    """
    if not (folder / PROTOCOL_FILE).is_file():
        if not folder.is_dir():
            raise StudyError(f"There is no folder {printable(str(folder))!r}: check the spelling of its name.")
        raise StudyError(
            f"{_called(folder)} is not a study folder (it has no {PROTOCOL_FILE}): name another folder, or make this "
            "one a study with  bsa-measure init."
        )
    protocol, chart = load_protocol(folder / PROTOCOL_FILE)
    problems: list[str] = []
    tables = {name: file_hash(folder / name) for name in ("patients.csv", "uninvolved.csv")}
    patients, refused = _read_patients(folder / "patients.csv", chart, problems)
    unplaced: set[tuple[str, int | None]] = set()
    photos = _read_photos(folder / "photos", protocol, chart, patients, refused, problems, unplaced)
    uninvolved = _read_uninvolved(folder / "uninvolved.csv", chart, patients, problems)
    involved = _apply_declarations(folder, uninvolved, chart, patients, problems)
    truth = _read_truth(folder / "truth" / "visits.csv", problems)
    return Study(
        folder,
        protocol,
        chart,
        patients,
        photos,
        uninvolved,
        involved,
        problems=tuple(problems),
        truth=truth,
        unplaced=frozenset(unplaced),
        tables=tables,
    )


def _called(folder: Path) -> str:
    return printable(folder.absolute().name or str(folder))


def _read_patients(path: Path, chart: Chart, problems: list[str]) -> tuple[dict[str, Patient], dict[str, str]]:
    """Patients that can be measured, and the reason for each that cannot."""
    patients: dict[str, Patient] = {}
    refused: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for row in read_table(path, ("patient", "age_years")):
        name = composed(row["patient"])
        try:
            patient = _patient(name, row, chart)
            if name in patients:
                raise StudyError(f"patients.csv lists the patient {name!r} twice: keep one row.")
            first = spellings.setdefault(name.casefold(), name)
            if first != name:
                raise StudyError(
                    f"patients.csv lists {first!r} and {name!r}, which are one folder on many computers:"
                    " rename one of the patients."
                )
        except StudyError as error:
            problems.append(str(error))
            patients.pop(name, None)
            refused.setdefault(name, str(error))
            continue
        if name not in refused:
            patients[name] = patient
    return patients, refused


def _patient(name: str, row: Mapping[str, str], chart: Chart) -> Patient:
    unfit = any(c in '/\\:*?"<>|' or not c.isprintable() for c in name)
    if not name or name.startswith(".") or name.endswith(".") or unfit or _RESERVED.fullmatch(name):
        raise StudyError(
            f"patients.csv: {name!r} cannot be a patient's identifier, because no folder can be called so on every "
            "computer: use letters, digits, - and _."
        )
    age = _number(row, "age_years", name)
    if age is None:
        raise StudyError(
            f"patients.csv gives no age_years for the patient {name!r}: the chart depends on it, fill it in."
        )
    if not chart.from_age[0] <= age <= 130:
        raise StudyError(f"patients.csv: age_years {age:g} of the patient {name!r} cannot be right: correct it.")
    index_day = _number(row, "index_day", name)
    if index_day is not None and index_day != int(index_day):
        raise StudyError(f"patients.csv: index_day of the patient {name!r} must be a whole study day, e.g. -4.")
    return Patient(
        patient=name,
        age_years=age,
        index_day=None if index_day is None else int(index_day),
        sex=row.get("sex", ""),
        height_cm=_number(row, "height_cm", name),
        weight_kg=_number(row, "weight_kg", name),
    )


def _number(row: Mapping[str, str], column: str, patient: str) -> float | None:
    text = row.get(column, "")
    if not text:
        return None
    value = cell_number(text)
    if value is None:
        raise StudyError(f"patients.csv: {column} of the patient {patient!r} is not a number ({text!r}): correct it.")
    return value


def _read_photos(
    folder: Path,
    protocol: Protocol,
    chart: Chart,
    patients: Mapping[str, Patient],
    refused: Mapping[str, str],
    problems: list[str],
    unplaced: set[tuple[str, int | None]],
) -> tuple[PhotoFile, ...]:
    found: list[PhotoFile] = []
    overlays: set[str] = set()
    for patient in _entries(folder, problems):
        if not patient.is_dir():
            problems.append(_out_of_place(patient, folder))
            continue
        for visit in _entries(Path(patient.path), problems):
            if not visit.is_dir():
                problems.append(_out_of_place(visit, folder))
                unplaced.add((composed(patient.name), None))
                continue
            for entry in _entries(Path(visit.path), problems):
                suffix = Path(entry.name).suffix.lower()
                if entry.is_dir():
                    problems.append(_out_of_place(entry, folder))
                    unplaced.add((composed(patient.name), parse_visit(visit.name)))
                    continue
                if suffix not in SUFFIXES:
                    place = _place(Path(entry.path), folder)
                    problems.append(
                        f"{place} is not a JPEG, PNG, TIFF, HEIC or DICOM file: export it again as JPEG, or move it."
                    )
                    unplaced.add((composed(patient.name), parse_visit(visit.name)))
                    continue
                photo = _photo_file(Path(entry.path), folder, protocol, chart, overlays)
                problem = _photo_problem(photo, protocol, chart, patients, refused)
                found.append(photo if not problem else PhotoFile(**{**photo.__dict__, "problem": problem}))
    unplaced |= {(photo.patient, photo.day) for photo in found if photo.shows is None or photo.day is None}
    order = {view: index for index, view in enumerate(protocol.views)}
    patient_order = {patient: index for index, patient in enumerate(patients)}

    def key(photo: PhotoFile) -> tuple[int, str, float, int, str]:
        day = math.inf if photo.day is None else photo.day
        return (
            patient_order.get(photo.patient, len(patient_order)),
            photo.patient,
            day,
            order.get(photo.view, len(order)),
            photo.file,
        )

    return tuple(sorted(found, key=key))


def _entries(folder: Path, problems: list[str]) -> Iterator[os.DirEntry[str]]:
    """A folder's entries by name; hidden files and links are left out, links with a sentence."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError:
        problems.append(f"The folder {printable(folder.name)} cannot be opened: check that you may read it.")
        return
    for entry in entries:
        if entry.name.startswith((".", "~")) or entry.name.lower() in ("thumbs.db", "desktop.ini"):
            continue
        if entry.is_symlink():
            problems.append(f"{printable(entry.name)} in {folder.name} is a link: put the photo itself there.")
            continue
        yield entry


def _out_of_place(entry: os.DirEntry[str], photos: Path) -> str:
    place = _place(Path(entry.path), photos)
    return f"{place} is out of place, as photographs lie at photos/PATIENT/VISIT/VIEW.jpg: move it."


def _place(path: Path, photos: Path) -> str:
    return printable(path.relative_to(photos.parent).as_posix())


def composed(name: str) -> str:
    """A name with each accented letter as one character; some computers take it apart in file names."""
    return unicodedata.normalize("NFC", name)


def _photo_file(path: Path, photos: Path, protocol: Protocol, chart: Chart, overlays: set[str]) -> PhotoFile:
    patient, visit_folder = composed(path.parent.parent.name), composed(path.parent.name)
    day = parse_visit(visit_folder)
    visit = visit_folder if day is None else visit_label(day)
    view = parse_view(composed(path.stem))
    overlay = f"overlays/{patient}/{visit}/{path.stem}.jpg"
    if overlay.lower() in overlays:  # the same stem twice: VIEW.jpg and VIEW.png, or D7 and D07
        overlay = f"overlays/{patient}/{visit_folder}/{path.name}.jpg"
    overlays.add(overlay.lower())
    file = path.relative_to(photos.parent).as_posix()
    return PhotoFile(path, file, patient, visit, view, day, protocol.view(view, chart), overlay)


def _photo_problem(
    photo: PhotoFile,
    protocol: Protocol,
    chart: Chart,
    patients: Mapping[str, Patient],
    refused: Mapping[str, str],
) -> str:
    # What is wrong with a folder is said of the folder, so that it is said once and not for each of its photographs.
    visit_folder = printable(photo.file.rpartition("/")[0])
    patient_folder = visit_folder.rpartition("/")[0]
    name = printable(photo.path.name)
    if photo.patient in refused:
        return refused[photo.patient]
    if photo.patient not in patients:
        near = suggestion(photo.patient, patients)
        return f"{patient_folder} is no patient of patients.csv{near}: rename the folder, or add the patient."
    if photo.day is None:
        return f"{visit_folder} is not a study day: name the folder like D07 or D-2."
    if not protocol.visits.first_day <= photo.day <= protocol.visits.last_day:
        first, last = visit_label(protocol.visits.first_day), visit_label(protocol.visits.last_day)
        return f"{visit_folder} is outside the protocol's {first} to {last}: correct the folder's name."
    if photo.shows is None:
        near = suggestion(photo.view, [*protocol.views, *chart.surfaces])
        return f"{name} is not named after a view{near}: rename it to one of the views that 'bsa-measure check' lists."
    missing = [surface for surface in photo.shows.surfaces if surface not in chart.surfaces]
    if missing:
        return (
            f"{name} shows {missing[0]!r}, which the chart {chart.title} does not have: name a surface of the chart, "
            f"or define the view {photo.view} in study.toml."
        )
    return ""


def _read_uninvolved(
    path: Path, chart: Chart, patients: Mapping[str, Patient], problems: list[str]
) -> dict[tuple[str, int], frozenset[str]]:
    if not path.exists():
        return {}
    declared: dict[tuple[str, int], frozenset[str]] = {}
    try:
        rows = read_table(path, UNINVOLVED_COLUMNS)
    except StudyError as error:
        problems.append(str(error))
        return {}
    for row in rows:
        patient, surface, day = composed(row["patient"]), row["surface"].lower(), parse_visit(row["visit"])
        if patient not in patients:
            near = suggestion(patient, patients)
            problems.append(f"uninvolved.csv: {patient!r} is no patient of patients.csv{near}: correct that line.")
        elif day is None:
            problems.append(f"uninvolved.csv: {row['visit']!r} is not a study day: write it like D07 or D-2.")
        elif surface != EVERY_SURFACE and surface not in chart.surfaces:
            near = suggestion(surface, chart.surfaces)
            problems.append(
                f"uninvolved.csv: {surface!r} is no surface of the chart {chart.title}{near}: correct that line."
            )
        else:
            declared[patient, day] = declared.get((patient, day), frozenset()) | {surface}
    return declared


def _apply_declarations(
    folder: Path,
    uninvolved: dict[tuple[str, int], frozenset[str]],
    chart: Chart,
    patients: Mapping[str, Patient],
    problems: list[str],
) -> dict[tuple[str, int], frozenset[str]]:
    """Add what people have declared in the record, the latest word of each surface, and return what they took back."""
    try:
        acts = recorded_acts(folder)
    except ReadingError as error:
        problems.append(str(error))
        return {}
    latest: dict[tuple[str, int, str], bool] = {}
    for act in acts:
        if act.kind in ("uninvolved", "involved"):
            day = parse_visit(act.visit)
            if day is None or act.patient not in patients or act.surface not in chart.surfaces:
                place = printable(f"{act.patient} {act.visit} {act.surface}")
                problems.append(f"Entry {act.number} of the record declares {place}, which this study does not have.")
            else:
                latest[act.patient, day, act.surface] = act.kind == "uninvolved"
    involved: dict[tuple[str, int], frozenset[str]] = {}
    for (patient, day, surface), free in latest.items():
        target = uninvolved if free else involved
        target[patient, day] = target.get((patient, day), frozenset()) | {surface}
    return involved


def _read_truth(path: Path, problems: list[str]) -> dict[tuple[str, int], TrueVisit]:
    if not path.exists():
        return {}
    truth: dict[tuple[str, int], TrueVisit] = {}
    try:
        for row in read_table(path, ("patient", "visit", "detached_bsa_percent")):
            day = parse_visit(row["visit"])
            if day is not None:
                healed = row.get("reepithelialised_bsa_percent", "")
                truth[row["patient"], day] = TrueVisit(
                    float(row["detached_bsa_percent"]), float(healed) if healed else None
                )
    except (StudyError, ValueError) as error:
        problems.append(f"truth/visits.csv cannot be used and is left out ({error}).")
        return {}
    return truth


def about(photo: PhotoFile | PhotoResult, problem: str) -> str:
    """A photograph's problem as a sentence that names its whole place under photos/."""
    place, name = printable(photo.file), printable(photo.file.rpartition("/")[2])
    if problem.startswith(("photos/", "patients.csv")):
        return problem
    return place + problem.removeprefix(name) if problem.startswith(f"{name} ") else f"{place}: {problem}"


def declared_uninvolved(study: Study, patient: str, day: int) -> frozenset[str]:
    """Surfaces of a visit that are declared free of lesions.

    A surface that was photographed is never covered by a sweeping declaration (``*``, or ``unphotographed =
    "uninvolved"`` in the protocol), not even when its photograph was refused; only naming it declares it. What a
    person has taken back in the record is not declared, whatever uninvolved.csv says.
    """
    declared = study.uninvolved.get((patient, day), frozenset())
    involved = study.involved.get((patient, day), frozenset())
    named = declared - {EVERY_SURFACE} - involved
    if EVERY_SURFACE not in declared and study.protocol.measure.unphotographed == "unseen":
        return named
    # A file whose view or day is not known may show any surface of this visit: nothing is swept then.
    if {(patient, day), (patient, None)} & study.unplaced:
        return named
    photographed = {
        surface
        for photo in study.photos
        if (photo.patient, photo.day) == (patient, day) and photo.shows is not None
        for surface in photo.shows.surfaces
    }
    return named | (frozenset(study.chart.surfaces) - photographed - involved)


def missing_views(study: Study, patient: str, day: int, shown: Collection[str]) -> tuple[str, ...]:
    """Planned views of a visit that are still to be taken.

    Args:
        shown: surfaces that a usable photograph of this visit shows.

    Returns:
        The views of which a surface is neither shown nor declared uninvolved, in the protocol's order.
    """
    settled = {*shown, *declared_uninvolved(study, patient, day)}
    views = study.protocol.views
    return tuple(name for name in study.protocol.planned_views if not settled.issuperset(views[name].surfaces))
