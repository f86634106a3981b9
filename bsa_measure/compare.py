"""Two readers or more of the same photographs: how well they agree, from the masks up to the call.

The photographs that every reader has read go through the main path once for each reader (areas, fractions, % BSA,
course, call); what differs between the results differs because of the masks alone. The same reader twice compares
the first with the last reading of each photograph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Final, Literal

import numpy as np

from . import __version__
from .agreement import Agreement, agreement
from .agreement_calls import CallAccuracy, CategoryAgreement, call_accuracy, category_agreement
from .agreement_masks import BODY, COMPARED, MaskAgreement
from .assemble import assemble
from .batch import run
from .bsa import Extent
from .compare_photos import CompareJob, CompareOutcome, ReadMask, compare_photo, photo_skin_angle
from .errors import PhotoError, ReadingError
from .files import printable
from .measure import MODEL_PREFIX, doubled_photos
from .photo import photo_size, working_size
from .photo_job import ViewAreas
from .protocol import AgreementRules
from .readings import Reading, Readings
from .resampling import Estimate, mean_by_patient
from .results import PatientResult, PhotoResult, Provenance, StudyResults
from .skin_tone import TONES, tone
from .study import PhotoFile, Study, open_study

CATEGORIES: Final = ("none", "SJS", "overlap", "TEN")
CALLS: Final = ("yes", "undetermined", "no", "no detachment")
SIZES: Final = ("none", "under 10 % BSA", "10 to 30 % BSA", "over 30 % BSA")
LESIONS: Final = ("under 5 % of the body shown", "5 to 20 %", "over 20 %")
_TONE_PHOTOS: Final = 5  # photographs of a patient from which the skin tone is taken

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReaderInfo:
    """One of the readers compared.

    Attributes:
        reader: as in the record; ``label`` is what tables call this reader or reading.
        label: the reader's name, with "first reading" or "last reading" where one reader is compared with himself.
        kinds: how the readings were made, and how many of each.
        models: SHA-256 of the model versions behind them; empty for a person.
        built_on: other readers whose reading was the starting point, and of how many of the photographs.
        minutes: median time a photograph took, where it was recorded.
        first, last: date of the earliest and latest of the readings used.
    """

    reader: str
    label: str
    kinds: Mapping[str, int]
    models: tuple[str, ...]
    built_on: Mapping[str, int]
    minutes: float | None
    first: str
    last: str


@dataclass(frozen=True)
class ComparedPhoto:
    """A photograph that every reader has read.

    Attributes:
        photo: where it lies.
        readings: one a reader.
        areas: one a reader.
        pairs: mask agreement of each pair of readers.
    """

    photo: PhotoFile
    readings: tuple[Reading, ...]
    areas: tuple[ViewAreas, ...]
    pairs: tuple[MaskAgreement, ...]


@dataclass(frozen=True)
class Excluded:
    """A photograph that is not compared, and why; ``fault`` where somebody has to mend something."""

    file: str
    reason: str
    fault: bool


@dataclass(frozen=True)
class SurfaceRow:
    """One surface at one visit; fractions for each reader, None where the reader saw nothing of it."""

    patient: str
    day: int
    surface: str
    weight: float
    detached: tuple[float | None, ...]
    reepithelialised: tuple[float | None, ...]
    assessable: tuple[float | None, ...]


@dataclass(frozen=True)
class VisitRow:
    """One visit in % BSA for each reader."""

    patient: str
    day: int
    photos: int
    detached: tuple[Extent | None, ...]
    reepithelialised: tuple[Extent | None, ...]


@dataclass(frozen=True)
class PatientRow:
    """One patient for each reader: healed percent and the call on the protocol's day, maximum and category (empty where
    it is not known)."""

    patient: str
    tone: str
    angle: float | None
    photos: int
    healed: tuple[Extent | None, ...]
    response: tuple[str, ...]
    maximum: tuple[float | None, ...]
    category: tuple[str, ...]


@dataclass(frozen=True)
class MaskSummary:
    """One class over all photographs, for one pair of readers.

    Attributes:
        name: ``detached``, ``reepithelialised``, ``not_assessable`` or ``body``.
        outlined: photographs on which at least one of the two outlines the class; Dice is their mean.
        absent: photographs on which neither does.
        one_sided: photographs on which only one does; their Dice is 0 and they have no distance.
        dice, boundary_dice, hd95_percent: means, resampled by patient.
        median_dice: the median.
    """

    name: str
    outlined: int
    absent: int
    one_sided: int
    dice: Estimate
    boundary_dice: Estimate
    hd95_percent: Estimate
    median_dice: float | None


@dataclass(frozen=True)
class Subgroup:
    """One line of a subgroup table: agreement on the number, or Dice of the detached class, or both."""

    name: str
    numbers: Agreement | None
    dice: Estimate | None
    photos: int


@dataclass(frozen=True)
class SubgroupTable:
    """Agreement within groups; ``unit`` is that of the number."""

    title: str
    unit: str
    groups: tuple[Subgroup, ...]


Decision = Literal["yes", "no", "undecided", "refused"]


@dataclass(frozen=True)
class Replacement:
    """Whether one reader may stand for the other under the protocol's margin.

    Attributes:
        decision: ``refused`` when there is too little data.
        lowest, highest: the outer ends of the limits' intervals, the wider of exact and resampled, % BSA.
        reason: for a refusal.
    """

    decision: Decision
    lowest: float | None
    highest: float | None
    reason: str = ""


@dataclass(frozen=True)
class PairAgreement:
    """Everything about two of the readers; ``first`` and ``second`` are places in ``Comparison.readers``.

    Attributes:
        masks: by class.
        surfaces: detached fraction of a surface, in percent.
        detached, reepithelialised: % BSA of a visit.
        maximum: largest % BSA of a patient.
        healed: healed percent of a patient on the protocol's day.
        call: the response on that day; ``accuracy`` judges the first reader by the second.
        category: SJS, overlap, TEN.
        subgroups: tables.
        replacement: under the protocol's margin.
    """

    first: int
    second: int
    masks: tuple[MaskSummary, ...]
    surfaces: Agreement
    detached: Agreement
    reepithelialised: Agreement
    maximum: Agreement
    healed: Agreement
    call: CategoryAgreement
    accuracy: CallAccuracy
    category: CategoryAgreement
    subgroups: tuple[SubgroupTable, ...]
    replacement: Replacement


@dataclass(frozen=True)
class AllReaders:
    """Agreement of more than two readers at once."""

    surfaces: Agreement
    detached: Agreement
    maximum: Agreement
    healed: Agreement
    call: CategoryAgreement
    category: CategoryAgreement


@dataclass(frozen=True)
class Comparison:
    """Everything about readers of the same photographs; see :func:`compare_readers`.

    Attributes:
        study: the study folder as read.
        readers: two or more; for one reader twice, the first and the last reading.
        intra: whether it is one reader twice.
        days_between: median days between the readings of a photograph, for one reader twice.
        photos, excluded: what was compared, and what was not.
        surfaces, visits, patients: the rows behind the figures, sorted as in the study.
        pairs: agreement of each pair of readers.
        together: of all readers; None for two.
    """

    study: Study
    readers: tuple[ReaderInfo, ...]
    intra: bool
    days_between: float | None
    photos: tuple[ComparedPhoto, ...]
    excluded: tuple[Excluded, ...]
    surfaces: tuple[SurfaceRow, ...]
    visits: tuple[VisitRow, ...]
    patients: tuple[PatientRow, ...]
    pairs: tuple[PairAgreement, ...]
    together: AllReaders | None


def compare_readers(
    folder: Path, readers: Sequence[str], *, workers: int = 1, progress: Progress | None = None
) -> Comparison:
    """Compare readers of a study; writes nothing.

    Args:
        folder: the study folder.
        readers: two or more names as in the record (``model:NAME`` for a model); the same name twice compares the
            reader's first with his last reading of each photograph.
        workers: number of processes.
        progress: called after every photograph.

    Raises:
        ReadingError: a reader has no reading, or there is no photograph that all have read.
        BsaMeasureError: the study cannot be used.
    """
    study = open_study(folder)
    record = Readings(folder, read_only=True).all()
    intra = len(readers) == 2 and readers[0] == readers[1]
    if not intra and len(set(readers)) != len(readers):
        raise ReadingError("A reader is named twice: name each reader once, or one reader exactly twice.")
    _check_readers(record, readers)
    jobs, chosen, excluded = _jobs(study, record, readers, intra)
    if not jobs:
        raise ReadingError(_nothing_to_compare(readers, intra, excluded))
    outcomes = _work(jobs, workers, progress)
    photos = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        photo, readings = chosen[job.file]
        if outcome.problem:
            excluded.append(Excluded(job.file, outcome.problem, fault=True))
        else:
            photos.append(ComparedPhoto(photo, readings, outcome.areas, outcome.pairs))
    if not photos:
        raise ReadingError(excluded[0].reason)
    angles = _skin_angles([job for job, outcome in zip(jobs, outcomes, strict=True) if not outcome.problem], workers)
    results = [
        reader_results(study, [(c.photo, c.readings[i], c.areas[i]) for c in photos], "compare")
        for i in range(len(readers))
    ]
    surfaces, visits, patients = _rows(study, results, photos, angles)
    rules = study.protocol.agreement
    return Comparison(
        study=study,
        readers=_infos(readers, intra, photos, record),
        intra=intra,
        days_between=_days_between(photos) if intra else None,
        photos=tuple(photos),
        excluded=tuple(sorted(excluded, key=lambda e: e.file)),
        surfaces=surfaces,
        visits=visits,
        patients=patients,
        pairs=tuple(
            _pair(number, first, second, photos, surfaces, visits, patients, rules)
            for number, (first, second) in enumerate(combinations(range(len(readers)), 2))
        ),
        together=_together(surfaces, visits, patients, rules) if len(readers) > 2 else None,
    )


# Which photographs


def _check_readers(record: Sequence[Reading], readers: Sequence[str]) -> None:
    known = sorted({reading.reader for reading in record})
    for name in readers:
        if name not in known:
            remedy = (
                f"run  bsa-measure measure STUDY --reader {name}  first"
                if name.startswith(MODEL_PREFIX)
                else "import this reader's masks first"
            )
            there = ", ".join(printable(reader) for reader in known) or "nobody yet"
            raise ReadingError(f"There is no reading by {printable(name)} (read by: {there}): {remedy}.")


def _jobs(
    study: Study, record: Sequence[Reading], readers: Sequence[str], intra: bool
) -> tuple[list[CompareJob], dict[str, tuple[PhotoFile, tuple[Reading, ...]]], list[Excluded]]:
    """What to compare, whose readings it is about, and what is left out."""
    usable, excluded = photo_sizes(study)
    by_photo: dict[str, list[Reading]] = {}
    for reading in record:
        by_photo.setdefault(reading.photo_sha256, []).append(reading)
    jobs: list[CompareJob] = []
    chosen: dict[str, tuple[PhotoFile, tuple[Reading, ...]]] = {}
    for photo, (sha256, width, height) in usable.items():
        found = _readings_of(by_photo.get(sha256, ()), readers, intra)
        if isinstance(found, str):
            excluded.append(Excluded(photo.file, found, fault=False))
            continue
        chosen[photo.file] = photo, found
        jobs.append(working_job(study, photo, (width, height), found))
    return jobs, chosen, excluded


def photo_sizes(study: Study) -> tuple[dict[PhotoFile, tuple[str, int, int]], list[Excluded]]:
    """SHA-256, width and height of every photograph that can be used, and those that cannot, with the reason."""
    excluded = [Excluded(photo.file, photo.problem, fault=True) for photo in study.photos if photo.problem]
    photos = [photo for photo in study.photos if not photo.problem]
    sizes = _sizes(photos)
    doubled = doubled_photos(photos, {file: (found[0], "") for file, found in sizes.items() if not found[3]})
    usable: dict[PhotoFile, tuple[str, int, int]] = {}
    for photo in photos:
        sha256, width, height, problem = sizes[photo.file]
        problem = problem or doubled.get(photo.file, "")
        if problem:
            excluded.append(Excluded(photo.file, problem, fault=True))
        else:
            usable[photo] = sha256, width, height
    return usable, excluded


def _sizes(photos: Sequence[PhotoFile]) -> dict[str, tuple[str, int, int, str]]:
    """File to SHA-256, width, height and problem. Threads, because hashing waits for the disk."""

    def one(photo: PhotoFile) -> tuple[str, int, int, str]:
        try:
            return *photo_size(photo.path), ""
        except PhotoError as error:
            return "", 0, 0, str(error)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip((photo.file for photo in photos), pool.map(one, photos), strict=True))


def _readings_of(found: Sequence[Reading], readers: Sequence[str], intra: bool) -> tuple[Reading, ...] | str:
    """The readings to compare, one a reader; or why there are none."""
    if intra:
        own = [reading for reading in found if reading.reader == readers[0]]
        return (own[0], own[-1]) if len(own) > 1 else f"read {'once' if own else 'never'} by {printable(readers[0])}"
    latest = [next((r for r in reversed(found) if r.reader == name), None) for name in readers]
    missing = [printable(name) for name, reading in zip(readers, latest, strict=True) if reading is None]
    if missing:
        return f"not read by {' and '.join(missing)}"
    return tuple(reading for reading in latest if reading is not None)


def working_job(study: Study, photo: PhotoFile, size: tuple[int, int], readings: Sequence[Reading]) -> CompareJob:
    """What to do for some readings of a photograph of ``size`` (width, height)."""
    assert photo.shows is not None
    settings = study.protocol.measure
    return CompareJob(
        folder=study.folder,
        file=photo.file,
        size=working_size(*size, settings.working_long_side),
        view=photo.shows,
        chart=study.chart,
        geometry=settings.geometry,
        # As in measuring: a surface map drawn for another view means nothing.
        masks=tuple(ReadMask(r.mask_sha256, r.surfaces_sha256 if r.view == photo.view else "") for r in readings),
        tolerance_percent=study.protocol.agreement.boundary_tolerance_percent,
    )


def _nothing_to_compare(readers: Sequence[str], intra: bool, excluded: Sequence[Excluded]) -> str:
    if intra:
        return f"{printable(readers[0])} has read no photograph twice: there is nothing to compare."
    names = " and ".join(printable(name) for name in readers)
    reasons = Counter(e.reason for e in excluded).most_common(1)
    why = f" ({reasons[0][0]})" if reasons else ""
    return f"There is no photograph that {names} have all read{why}: import the missing readings."


def _work(jobs: Sequence[CompareJob], workers: int, progress: Progress | None) -> list[CompareOutcome]:
    outcomes: list[CompareOutcome] = [CompareOutcome()] * len(jobs)
    if progress:
        progress(0, len(jobs))
    for done, (index, outcome) in enumerate(run(compare_photo, jobs, workers=workers), start=1):
        outcomes[index] = outcome
        if progress:
            progress(done, len(jobs))
    return outcomes


def _skin_angles(jobs: Sequence[CompareJob], workers: int) -> dict[str, float]:
    """Patient to typology angle: the median over a few photographs, spread over all there are."""
    by_patient: dict[str, list[CompareJob]] = {}
    for job in jobs:
        by_patient.setdefault(job.file.split("/")[1], []).append(job)
    sample = [
        (patient, listed[i])
        for patient, listed in by_patient.items()
        for i in sorted({round(j) for j in np.linspace(0, len(listed) - 1, min(_TONE_PHOTOS, len(listed)))})
    ]
    found: dict[str, list[float]] = {}
    for index, angle in run(photo_skin_angle, [job for _, job in sample], workers=workers):
        if angle is not None:
            found.setdefault(sample[index][0], []).append(angle)
    return {patient: median(angles) for patient, angles in found.items()}


# Through the main path, once for each reader


def read_result(photo: PhotoFile, reading: Reading, areas: ViewAreas) -> PhotoResult:
    """A photograph as `measure` would have it if this reading were the one that counts."""
    return PhotoResult(
        patient=photo.patient,
        visit=photo.visit,
        day=photo.day,
        view=photo.view,
        file=photo.file,
        sha256=reading.photo_sha256,
        status="measured",
        problems=(),
        reader=reading.reader,
        areas=areas.weighted,
        certainty=reading.certainty,
        mask_sha256=reading.mask_sha256,
        overlay="",
        areas_flat=areas.flat,
        outline=areas.doubt,
    )


def reader_results(
    study: Study, readings: Sequence[tuple[PhotoFile, Reading, ViewAreas]], command: str
) -> StudyResults:
    """The results of a study if these readings, with the areas they give, were all there is."""
    listed = [read_result(photo, reading, areas) for photo, reading, areas in readings]
    protocol = study.protocol
    provenance = Provenance(
        version=__version__,
        model="",
        model_sha256="",
        protocol=protocol.trial.name,
        protocol_sha256=protocol.sha256,
        protocol_file_sha256="",
        chart=study.chart.name,
        command=command,
        counts={"photos": len(listed)},
        libraries={},
        measured_utc="",
    )
    return assemble(study, listed, provenance)


def _rows(
    study: Study, results: Sequence[StudyResults], photos: Sequence[ComparedPhoto], angles: Mapping[str, float]
) -> tuple[tuple[SurfaceRow, ...], tuple[VisitRow, ...], tuple[PatientRow, ...]]:
    """Only visits and surfaces with a compared photograph: what was only declared is the same for every reader."""
    shown: dict[tuple[str, int], list[ComparedPhoto]] = {}
    for compared in photos:
        if compared.photo.day is not None:
            shown.setdefault((compared.photo.patient, compared.photo.day), []).append(compared)
    surfaces: list[SurfaceRow] = []
    visits: list[VisitRow] = []
    patients: list[PatientRow] = []
    for readings in zip(*(result.patients for result in results), strict=True):
        name = readings[0].patient.patient
        mine = {day: listed for (patient, day), listed in shown.items() if patient == name}
        if not mine:
            continue
        for of_visit in zip(*(reading.visits for reading in readings), strict=True):
            day = of_visit[0].day
            if day not in mine:
                continue
            visits.append(
                VisitRow(
                    patient=name,
                    day=day,
                    photos=len(mine[day]),
                    detached=tuple(visit.detached for visit in of_visit),
                    reepithelialised=tuple(visit.reepithelialised for visit in of_visit),
                )
            )
            there = {surface for compared in mine[day] for areas in compared.areas for surface in areas.weighted}
            for of_surface in zip(*(visit.surfaces for visit in of_visit), strict=True):
                if of_surface[0].surface in there:
                    areas = [one.areas for one in of_surface]
                    surfaces.append(
                        SurfaceRow(
                            patient=name,
                            day=day,
                            surface=of_surface[0].surface,
                            weight=of_surface[0].weight,
                            detached=tuple(a.detached_fraction for a in areas),
                            reepithelialised=tuple(a.reepithelialised_fraction for a in areas),
                            assessable=tuple(a.assessable_fraction for a in areas),
                        )
                    )
        patients.append(_patient_row(study, readings, sum(map(len, mine.values())), angles.get(name)))
    return tuple(surfaces), tuple(visits), tuple(patients)


def _patient_row(study: Study, readings: Sequence[PatientResult], photos: int, angle: float | None) -> PatientRow:
    day = study.protocol.endpoint.day
    rule = study.protocol.endpoint.numerator
    calls = [next(pair for pair in reading.calls if pair[0].day == day) for reading in readings]
    return PatientRow(
        patient=readings[0].patient.patient,
        tone="" if angle is None else tone(angle),
        angle=angle,
        photos=photos,
        healed=tuple(h.healed if rule == "decline" else h.reepithelialised for h, _ in calls),
        response=tuple(call.response or "no detachment" for _, call in calls),
        maximum=tuple(reading.maximum for reading in readings),
        category=tuple(reading.category for reading in readings),
    )


# Agreement


def _pair(
    number: int,
    first: int,
    second: int,
    photos: Sequence[ComparedPhoto],
    surfaces: Sequence[SurfaceRow],
    visits: Sequence[VisitRow],
    patients: Sequence[PatientRow],
    rules: AgreementRules,
) -> PairAgreement:
    two = (first, second)
    detached = _visit_agreement(visits, two, rules)
    return PairAgreement(
        first=first,
        second=second,
        masks=tuple(_mask_summary(name, photos, number, rules) for name in (*COMPARED, BODY)),
        surfaces=_surface_agreement(surfaces, two, rules),
        detached=detached,
        reepithelialised=_numbers([(v.patient, _points(v.reepithelialised, two)) for v in visits], rules),
        maximum=_numbers([(p.patient, [p.maximum[i] for i in two]) for p in patients], rules),
        healed=_numbers([(p.patient, _points(p.healed, two)) for p in patients], rules),
        call=_categories([p.response for p in patients], CALLS, two, patients, rules),
        accuracy=call_accuracy([p.response[first] for p in patients], [p.response[second] for p in patients]),
        category=_categories([p.category for p in patients], CATEGORIES, two, patients, rules),
        subgroups=_subgroups(number, two, photos, surfaces, visits, patients, rules),
        replacement=may_replace(detached, rules),
    )


def _together(
    surfaces: Sequence[SurfaceRow],
    visits: Sequence[VisitRow],
    patients: Sequence[PatientRow],
    rules: AgreementRules,
) -> AllReaders:
    everyone = tuple(range(len(patients[0].response)))
    return AllReaders(
        surfaces=_surface_agreement(surfaces, everyone, rules),
        detached=_visit_agreement(visits, everyone, rules),
        maximum=_numbers([(p.patient, list(p.maximum)) for p in patients], rules),
        healed=_numbers([(p.patient, _points(p.healed, everyone)) for p in patients], rules),
        call=_categories([p.response for p in patients], CALLS, everyone, patients, rules),
        category=_categories([p.category for p in patients], CATEGORIES, everyone, patients, rules),
    )


def may_replace(detached: Agreement, rules: AgreementRules) -> Replacement:
    """Judge the limits of agreement of the detached % BSA of a visit by the protocol's margin.

    ``yes``: the limits with the outer ends of their intervals lie within the margin. ``no``: a limit itself lies
    outside. ``undecided``: the limits lie within, an interval reaches outside. ``refused``: too few patients.
    """
    if detached.patients < rules.minimum_patients:
        were = "patient was" if detached.patients == 1 else "patients were"
        reason = f"{detached.patients} {were} compared and the protocol asks for {rules.minimum_patients}"
        return Replacement("refused", None, None, reason)
    limits, drawn = detached.difference, detached.by_patient
    if limits is None or limits.lower.value is None or limits.upper.value is None:
        return Replacement("refused", None, None, "there are too few visits that both have read")
    lows = [limits.lower.low, drawn["lower"].low]
    highs = [limits.upper.high, drawn["upper"].high]
    lowest = min(low for low in lows if low is not None)
    highest = max(high for high in highs if high is not None)
    margin = rules.margin_bsa_percent
    if -margin <= lowest and highest <= margin:
        return Replacement("yes", lowest, highest)
    outside = limits.lower.value < -margin or limits.upper.value > margin
    return Replacement("no" if outside else "undecided", lowest, highest)


def _points(extents: Sequence[Extent | None], readers: Sequence[int]) -> list[float | None]:
    found = [extents[i] for i in readers]
    return [extent.point if extent is not None else None for extent in found]


def _numbers(rows: Sequence[tuple[str, Sequence[float | None]]], rules: AgreementRules) -> Agreement:
    """Agreement on the rows in which every reader has a number."""
    kept: list[tuple[str, list[float]]] = []
    for patient, values in rows:
        numbers = [value for value in values if value is not None]
        if len(numbers) == len(values):
            kept.append((patient, numbers))
    readers = len(rows[0][1]) if rows else 2
    ratings = np.array([numbers for _, numbers in kept], np.float64).reshape(len(kept), readers)
    return agreement(ratings, [patient for patient, _ in kept], draws=rules.draws, seed=rules.seed)


def _surface_agreement(rows: Sequence[SurfaceRow], readers: Sequence[int], rules: AgreementRules) -> Agreement:
    return _numbers([(row.patient, [_percent(row.detached[i]) for i in readers]) for row in rows], rules)


def _visit_agreement(rows: Sequence[VisitRow], readers: Sequence[int], rules: AgreementRules) -> Agreement:
    return _numbers([(row.patient, _points(row.detached, readers)) for row in rows], rules)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _categories(
    answers: Sequence[Sequence[str]],
    categories: Sequence[str],
    readers: Sequence[int],
    patients: Sequence[PatientRow],
    rules: AgreementRules,
) -> CategoryAgreement:
    """Agreement on the patients of whom every reader's answer is known."""
    known = [
        (patient.patient, chosen)
        for patient, row in zip(patients, answers, strict=True)
        if all(chosen := [row[i] for i in readers])
    ]
    return category_agreement(
        [chosen for _, chosen in known],
        categories,
        [patient for patient, _ in known],
        draws=rules.draws,
        seed=rules.seed,
    )


def _mask_summary(name: str, photos: Sequence[ComparedPhoto], pair: int, rules: AgreementRules) -> MaskSummary:
    overlaps = [compared.pairs[pair].classes[name] for compared in photos]
    names = [compared.photo.patient for compared in photos]
    dice = [overlap.dice for overlap in overlaps]
    known = [value for value in dice if value is not None]

    def mean(values: Sequence[float | None]) -> Estimate:
        return mean_by_patient(values, names, rules.draws, rules.seed)

    return MaskSummary(
        name=name,
        outlined=len(known),
        absent=len(dice) - len(known),
        one_sided=sum(1 for o in overlaps if (o.share_a == 0) != (o.share_b == 0)),
        dice=mean(dice),
        boundary_dice=mean([overlap.boundary_dice for overlap in overlaps]),
        hd95_percent=mean([overlap.hd95_percent for overlap in overlaps]),
        median_dice=median(known) if known else None,
    )


def _subgroups(
    pair: int,
    two: tuple[int, int],
    photos: Sequence[ComparedPhoto],
    surfaces: Sequence[SurfaceRow],
    visits: Sequence[VisitRow],
    patients: Sequence[PatientRow],
    rules: AgreementRules,
) -> tuple[SubgroupTable, ...]:
    tones = {patient.patient: patient.tone or "not known" for patient in patients}

    def dice(chosen: Sequence[ComparedPhoto]) -> Estimate:
        values = [compared.pairs[pair].classes["detached"].dice for compared in chosen]
        return mean_by_patient(values, [compared.photo.patient for compared in chosen], rules.draws, rules.seed)

    by_surface: dict[str, list[SurfaceRow]] = {}
    for row in surfaces:
        by_surface.setdefault(row.surface, []).append(row)
    by_size: dict[str, list[VisitRow]] = {size: [] for size in SIZES}
    for visit in visits:
        points = [point for point in _points(visit.detached, two) if point is not None]
        if len(points) == 2:
            by_size[_size(sum(points) / 2)].append(visit)
    by_lesion: dict[str, list[ComparedPhoto]] = {lesion: [] for lesion in LESIONS}
    for compared in photos:
        classes = compared.pairs[pair].classes
        lesion, body = classes["detached"], classes[BODY]
        if lesion.dice is not None:
            share = (lesion.share_a + lesion.share_b) / max(body.share_a + body.share_b, 1e-12)
            by_lesion[LESIONS[0 if share < 0.05 else 1 if share <= 0.2 else 2]].append(compared)
    return (
        SubgroupTable(
            "Skin tone",
            "% BSA of a visit",
            tuple(
                Subgroup(
                    name,
                    _visit_agreement([v for v in visits if tones[v.patient] == name], two, rules),
                    dice(of_tone),
                    len(of_tone),
                )
                for name in (*TONES, "not known")
                if (of_tone := [c for c in photos if tones.get(c.photo.patient) == name])
            ),
        ),
        SubgroupTable(
            "Detached skin at the visit, mean of both",
            "% BSA of a visit",
            tuple(
                Subgroup(size, _visit_agreement(listed, two, rules), None, sum(v.photos for v in listed))
                for size, listed in by_size.items()
                if listed
            ),
        ),
        SubgroupTable(
            "Size of the lesion on the photograph, mean of both",
            "",
            tuple(Subgroup(lesion, None, dice(listed), len(listed)) for lesion, listed in by_lesion.items() if listed),
        ),
        SubgroupTable(
            "Surface",
            "% of the surface",
            tuple(
                Subgroup(name, _surface_agreement(listed, two, rules), None, len(listed))
                for name, listed in by_surface.items()
            ),
        ),
    )


def _size(detached: float) -> str:
    if detached == 0:
        return SIZES[0]
    return SIZES[1 if detached < 10 else 2 if detached <= 30 else 3]


# Who read, and when


def _infos(
    readers: Sequence[str], intra: bool, photos: Sequence[ComparedPhoto], record: Sequence[Reading]
) -> tuple[ReaderInfo, ...]:
    author = {reading.number: reading.reader for reading in record}
    labels = [f"{readers[0]}, first reading", f"{readers[0]}, last reading"] if intra else list(readers)
    infos = []
    for i, (reader, label) in enumerate(zip(readers, labels, strict=True)):
        used = [compared.readings[i] for compared in photos]
        times = [reading.active_seconds for reading in used if reading.active_seconds is not None]
        dates = sorted(reading.created_utc[:10] for reading in used)
        parents = [author.get(reading.parent, "") for reading in used if reading.parent is not None]
        infos.append(
            ReaderInfo(
                reader=reader,
                label=label,
                kinds=dict(sorted(Counter(reading.kind for reading in used).items())),
                models=tuple(sorted({reading.model_sha256 for reading in used} - {""})),
                built_on=dict(sorted(Counter(parent for parent in parents if parent != reader).items())),
                minutes=median(times) / 60 if times else None,
                first=dates[0],
                last=dates[-1],
            )
        )
    return tuple(infos)


def _days_between(photos: Sequence[ComparedPhoto]) -> float:
    apart = [
        datetime.fromisoformat(compared.readings[1].created_utc)
        - datetime.fromisoformat(compared.readings[0].created_utc)
        for compared in photos
    ]
    return median(delta.total_seconds() for delta in apart) / 86400
