"""What `measure` has found out about a study: plain records from which the tables and the report are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .bsa import VisitBsa
from .chart import Chart
from .course import Healing
from .endpoint import Call, Category, Eligible
from .fractions import Areas, Doubt
from .protocol import Protocol
from .scale import Scale
from .uncertainty import SimulatedCourse

PhotoStatus = Literal["measured", "needs-review", "refused"]


@dataclass(frozen=True)
class Patient:
    """One row of patients.csv. The identifier is a pseudonym."""

    patient: str
    age_years: float
    index_day: int | None = None
    sex: str = ""
    height_cm: float | None = None
    weight_kg: float | None = None


@dataclass(frozen=True)
class PhotoResult:
    """One photograph: whether it was measured, by whose reading, and what it shows.

    Attributes:
        patient, visit, day, view: from the file's place; ``visit`` is normalised (``D07``).
        file: path inside the study folder, with forward slashes.
        sha256: of the original file; empty when it could not be read.
        status: ``measured``, ``needs-review`` (measured, but a human should look) or ``refused`` (not measured).
        problems: sentences a nurse can act on.
        reader: whose reading was used, e.g. ``model:classical-v1`` or a person's name; empty when refused.
        areas: surface name to areas, for the surfaces that the view shows.
        areas_flat: the same with every pixel counted alike, whatever the protocol's geometry.
        geometry_flags: surface name to the reason why its geometry is not to be trusted.
        outline: surface name to what a wrong outline would change.
        scale: what a scale marker says, of the upright original; None where none was found.
        detached_cm2: of the surfaces that the view shows, with that scale.
        certainty: how sure the reader's model was, 0 to 1; None for a person.
        mask_sha256: of the mask used.
        overlay: path of the outline picture inside ``results/``; empty when refused.
    """

    patient: str
    visit: str
    day: int | None
    view: str
    file: str
    sha256: str
    status: PhotoStatus
    problems: tuple[str, ...]
    reader: str
    areas: Mapping[str, Areas]
    certainty: float | None
    mask_sha256: str
    overlay: str
    areas_flat: Mapping[str, Areas] = field(default_factory=dict)
    geometry_flags: Mapping[str, str] = field(default_factory=dict)
    outline: Mapping[str, Doubt] = field(default_factory=dict)
    scale: Scale | None = None
    detached_cm2: float | None = None


@dataclass(frozen=True)
class Course:
    """Visits by study day, and a pair for every reported study day of the protocol."""

    visits: tuple[VisitBsa, ...]
    calls: tuple[tuple[Healing, Call], ...]


@dataclass(frozen=True)
class PatientResult:
    """One patient: every visit in % BSA, the calls, eligibility and category.

    Attributes:
        patient: the row of patients.csv.
        chart_column: the chart's age column.
        visits: by study day.
        missing_views: study day to the planned views without a usable photograph, for planned and present visits
            (surfaces declared uninvolved do not count as missing).
        calls: a pair for every reported study day of the protocol.
        eligible, category: for the whole course; the category is empty where it is not known.
        maximum: largest % BSA of all visits; None when there is none.
        maximum_day: its study day.
        photos: in the order of visits and of the protocol's views.
        flat: visits and calls with every pixel counted alike, by what hidden skin leaves open alone; the same visits
            as the above where the geometry is ``flat``.
        simulated: intervals and probabilities under the error models of the readers; None where one is not known.
        unknown_errors: readers of this patient's photographs whose error is not known.
    """

    patient: Patient
    chart_column: str
    visits: tuple[VisitBsa, ...]
    missing_views: Mapping[int, tuple[str, ...]]
    calls: tuple[tuple[Healing, Call], ...]
    eligible: Eligible
    category: Category
    maximum: float | None
    maximum_day: int | None
    photos: tuple[PhotoResult, ...]
    flat: Course | None = None
    simulated: SimulatedCourse | None = None
    unknown_errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrueVisit:
    """Known truth of a phantom's visit, in % BSA."""

    detached: float
    reepithelialised: float | None


@dataclass(frozen=True)
class Provenance:
    """What made these results.

    ``tables`` holds the SHA-256 of patients.csv and uninvolved.csv.

    ``record_entries`` and ``record_hash`` are number and hash of the last entry of the record that was taken into
    account; kept here, they tell if the record was cut off later. ``error_models`` maps a reader to the SHA-256 of the
    error model that was used.
    """

    version: str
    model: str
    model_sha256: str
    protocol: str
    protocol_sha256: str
    protocol_file_sha256: str
    chart: str
    command: str
    counts: Mapping[str, int]
    libraries: Mapping[str, str]
    measured_utc: str
    model_licence: str = ""
    model_notice: str = ""
    record_entries: int = 0
    record_hash: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    error_models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyResults:
    """Everything about a study.

    Attributes:
        name: of the study folder.
        patients: in the order of patients.csv.
        problems: of the study as a whole: files out of place, rows of tables that cannot be used.
        truth: patient and study day to the known truth, for phantom studies; else empty.
        provenance: what made the results.
        standing: what is signed and locked, a sentence each.
    """

    name: str
    protocol: Protocol
    chart: Chart
    patients: tuple[PatientResult, ...]
    refused_photos: tuple[PhotoResult, ...]
    problems: tuple[str, ...]
    truth: Mapping[tuple[str, int], TrueVisit]
    provenance: Provenance
    standing: tuple[str, ...] = ()


def visit_label(day: int) -> str:
    """``D07`` for study day 7, ``D-2`` for two days before day 0."""
    return f"D{day:02d}" if day >= 0 else f"D{day}"
