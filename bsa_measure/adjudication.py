"""Which visits a third person has to decide, in which order, and how the readings are shown without their readers.

A visit is *disputed* when its readers differ by the protocol's rule (section ``[adjudication]``): the call differs, or
the category differs, or the largest difference of the detached % BSA exceeds max(minimum, MDC95 of these readers). A
difference of the call or the category is decided at the visits it is made of: the day of the call, and the visits at
which a reader sees the maximum.

Readings are shown as A, B, ... The letters are drawn anew for every visit, by a secret seed that is kept in the study
(``adjudication/key.json``), so that they stay the same as long as the study does. Everything here is pure; files are
opened in ``adjudicate``:

    adjudication = open_adjudication(folder)                 compares the readers, takes a minute for 3,000 photographs
    for visit in adjudication.worklist.visits:               DisputedVisit, the most important first
        for disputed in visit.photos:                        DisputedPhoto, the largest contribution first
            pair = blinded_photo(adjudication, disputed.file)       pair.masks["A"], pair.masks["B"]: uint8 classes
            record_decisions(adjudication, [Decision(disputed.file, "A", "reason")], adjudicator="Marin")
    adjudication = refreshed(adjudication)                   which photographs are decided by now
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from .bsa import Extent
from .compare import ComparedPhoto, Comparison, PatientRow, VisitRow
from .fractions import Areas, pool
from .protocol import AdjudicationRules
from .readings import Reading
from .staple import FEWEST_READERS
from .tissue import Tissue

Labels = npt.NDArray[np.uint8]
Why = Literal["call", "category", "difference", "seen"]

CONSENSUS: Final = "consensus"
STAPLE: Final = "staple"
FRESH: Final = "fresh"
FEWEST_FOR_CONSENSUS: Final = FEWEST_READERS
_CODE_FIRST: Final = "ghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Blinding:
    """The secret that decides which reader is A at which visit."""

    seed: str

    def order(self, patient: str, day: int, readers: Sequence[str]) -> tuple[int, ...]:
        """Places in ``readers`` of the readings A, B, ... of a visit, whatever order the readers are named in."""
        return tuple(sorted(range(len(readers)), key=lambda i: self._draw(patient, day, readers[i])))

    def code(self, patient: str, day: int, shown: Iterable[str]) -> str:
        """Eight characters that change when a reading of the visit does; without the seed they tell nothing.

        The first is none of 0-9 and a-f: spreadsheets take 00123456 and 12345e67 for numbers and write them anew.
        """
        drawn = self._draw(patient, day, *shown)
        return _CODE_FIRST[int(drawn[:8], 16) % len(_CODE_FIRST)] + drawn[8:15]

    def _draw(self, *parts: object) -> str:
        text = "\x1f".join(str(part) for part in (self.seed, *parts))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class DisputedPhoto:
    """A photograph of a disputed visit that its readers have read differently.

    Attributes:
        compared: the photograph, with its readings in the order of the comparison (not of the letters).
        contribution: what it adds to the visit's ``difference``, % BSA; see :func:`contributions`.
        apart: pixels that not all call detached, as a share of the body, between the two readings of ``between``.
        decision: the adjudicated reading; None while it is open.
        outdated: whether there was a decision, and a reader has read the photograph again since.
    """

    compared: ComparedPhoto
    contribution: float
    apart: float
    decision: Reading | None
    outdated: bool

    @property
    def file(self) -> str:
        """The photograph, as a path inside the study folder."""
        return self.compared.photo.file


@dataclass(frozen=True)
class DisputedVisit:
    """A visit that a third person has to decide.

    Attributes:
        patient, day: which.
        why: by which parts of the rule; ``seen``: somebody sees nothing at all where others do.
        order: places in ``Comparison.readers`` of the letters A, B, ...
        between: the two letters, as places in ``order``, whose difference is given: A and B, of more readers the one
            who sees most and the one who sees least.
        difference: detached % BSA, first less second of ``between``; None where one of them sees nothing.
        detached, reepithelialised: % BSA for each letter.
        photos: those that are read differently, the largest contribution first.
        alike: how many photographs of the visit are read alike, which needs no decision.
        code: of the readings shown; a decision names it, so that it cannot land on others.
    """

    patient: str
    day: int
    why: tuple[Why, ...]
    order: tuple[int, ...]
    between: tuple[int, int]
    difference: float | None
    detached: tuple[Extent | None, ...]
    reepithelialised: tuple[Extent | None, ...]
    photos: tuple[DisputedPhoto, ...]
    alike: int
    code: str

    @property
    def letters(self) -> tuple[str, ...]:
        """A, B, ... as many as there are readers."""
        return tuple(ascii_uppercase[: len(self.order)])

    @property
    def open_photos(self) -> tuple[DisputedPhoto, ...]:
        """Those without a decision."""
        return tuple(photo for photo in self.photos if photo.decision is None)


@dataclass(frozen=True)
class Worklist:
    """Everything that has to be decided.

    Attributes:
        limit: % BSA that a difference must exceed.
        mdc95: of these readers, from all their visits; None with fewer than three visits.
        visits: the most important first: the call, then the category, then by the size of the difference.
        compared: how many visits were compared.
    """

    limit: float
    mdc95: float | None
    visits: tuple[DisputedVisit, ...]
    compared: int

    @property
    def open_visits(self) -> tuple[DisputedVisit, ...]:
        """Visits with a photograph that is still to be decided."""
        return tuple(visit for visit in self.visits if visit.open_photos)


@dataclass(frozen=True)
class Decision:
    """What the adjudicator decides about one photograph.

    Attributes:
        file: the photograph, as a path inside the study folder.
        choice: a letter, ``consensus`` (the majority of three readers or more), ``staple`` (the other way to make one
            of three or more: the module of that name) or ``fresh``.
        reason: why; never empty.
        mask: (height, width) uint8 tissue classes of a fresh reading, as large as the upright photograph or as the
            working image.
        surfaces: its surface map, where one was drawn.
        active_seconds: time spent on it.
    """

    file: str
    choice: str
    reason: str
    mask: Labels | None = None
    surfaces: Labels | None = None
    active_seconds: float | None = None


def worklist(comparison: Comparison, record: Sequence[Reading], blinding: Blinding) -> Worklist:
    """The visits that a third person has to decide, and what is decided already.

    Args:
        comparison: of the readers.
        record: all readings of the study, in the order of recording.
        blinding: draws the letters.
    """
    rules = comparison.study.protocol.adjudication
    mdc95 = (comparison.together or comparison.pairs[0]).detached.mdc95.value
    limit = discordance_limit(rules, mdc95)
    by_visit: dict[tuple[str, int], list[ComparedPhoto]] = {}
    for compared in comparison.photos:
        if compared.photo.day is not None:
            by_visit.setdefault((compared.photo.patient, compared.photo.day), []).append(compared)
    decisions = {reading.photo_sha256: reading for reading in record if reading.kind == "adjudicated"}
    reasons = disputes(comparison, limit)
    found = [
        _visit(comparison, row, reasons[row.patient, row.day], by_visit[row.patient, row.day], decisions, blinding)
        for row in comparison.visits
        if (row.patient, row.day) in reasons
    ]
    # What cannot be told apart in a single pixel cannot be decided either.
    visits = sorted((visit for visit in found if visit.photos), key=_importance)
    return Worklist(limit, mdc95, tuple(visits), len(comparison.visits))


def discordance_limit(rules: AdjudicationRules, mdc95: float | None) -> float:
    """max(minimum, MDC95) in % BSA; the minimum alone where the protocol does without MDC95 or it is not known."""
    minimum = rules.minimum_difference_bsa_percent
    return max(minimum, mdc95) if rules.use_mdc95 and mdc95 is not None else minimum


def disputes(comparison: Comparison, limit: float) -> dict[tuple[str, int], tuple[Why, ...]]:
    """(patient, day) to the parts of the rule by which the visit is disputed."""
    protocol = comparison.study.protocol
    rules, endpoint = protocol.adjudication, protocol.endpoint
    found: dict[tuple[str, int], set[Why]] = {}
    for row in comparison.visits:
        points = [extent.point for extent in row.detached if extent is not None]
        if points and len(points) < len(row.detached):
            found.setdefault((row.patient, row.day), set()).add("seen")
        if points and max(points) - min(points) > limit:
            found.setdefault((row.patient, row.day), set()).add("difference")
    for patient in comparison.patients:
        visits = [row for row in comparison.visits if row.patient == patient.patient]
        if rules.call_differs and len(set(patient.response)) > 1:
            counted = [row for row in visits if endpoint.look_forward or row.day <= endpoint.day]
            days = {endpoint.day, *_days_of_maximum(patient, counted, every=endpoint.maximum == "ever-detached")}
            for row in visits:
                if row.day in days:
                    found.setdefault((row.patient, row.day), set()).add("call")
        if rules.category_differs and len(set(patient.category)) > 1:
            for day in _days_of_maximum(patient, visits, every=endpoint.maximum == "ever-detached"):
                found.setdefault((patient.patient, day), set()).add("category")
    order: tuple[Why, ...] = ("call", "category", "difference", "seen")
    return {visit: tuple(why for why in order if why in reasons) for visit, reasons in found.items()}


def _days_of_maximum(patient: PatientRow, visits: Sequence[VisitRow], *, every: bool) -> set[int]:
    """The visits that make the maximum, for any of the readers; all of them where it is made surface by surface."""
    if every:
        return {row.day for row in visits}
    days: set[int] = set()
    for reader in range(len(patient.response)):
        totals = [(extent.point, -row.day) for row in visits if (extent := row.detached[reader]) is not None]
        if totals:
            days.add(-max(totals)[1])
    return days


def _visit(
    comparison: Comparison,
    row: VisitRow,
    why: tuple[Why, ...],
    photos: Sequence[ComparedPhoto],
    decisions: Mapping[str, Reading],
    blinding: Blinding,
) -> DisputedVisit:
    order = blinding.order(row.patient, row.day, [reader.reader for reader in comparison.readers])
    detached = tuple(row.detached[place] for place in order)
    between = _most_and_least(detached)
    first, second = (order[letter] for letter in between)
    weights = comparison.study.chart.weights_at(comparison.study.patients[row.patient].age_years)
    added = contributions([(p.areas[first].weighted, p.areas[second].weighted) for p in photos], weights)
    pair = next(n for n, p in enumerate(comparison.pairs) if {p.first, p.second} == {first, second})
    disputed = [
        _photo(compared, contribution, compared.pairs[pair].detached_apart, decisions)
        for compared, contribution in zip(photos, added, strict=True)
        if read_differently(compared.readings)
    ]
    disputed.sort(key=lambda d: (-round(abs(d.contribution), 9), -d.apart, d.file))
    shown = [part for p in photos for place in order for part in (p.photo.file, *_shown(p.readings[place]))]
    points = [detached[letter] for letter in between]
    return DisputedVisit(
        patient=row.patient,
        day=row.day,
        why=why,
        order=order,
        between=between,
        difference=points[0].point - points[1].point if points[0] and points[1] else None,
        detached=detached,
        reepithelialised=tuple(row.reepithelialised[place] for place in order),
        photos=tuple(disputed),
        alike=len(photos) - len(disputed),
        code=blinding.code(row.patient, row.day, shown),
    )


def _photo(
    compared: ComparedPhoto, contribution: float, apart: float, decisions: Mapping[str, Reading]
) -> DisputedPhoto:
    decision = decisions.get(compared.readings[0].photo_sha256)
    outdated = decision is not None and decision.number < max(reading.number for reading in compared.readings)
    return DisputedPhoto(compared, contribution, apart, None if outdated else decision, outdated)


def _most_and_least(detached: Sequence[Extent | None]) -> tuple[int, int]:
    if len(detached) == 2:
        return 0, 1
    points = [(-1.0 if extent is None else extent.point) for extent in detached]
    most, least = points.index(max(points)), points.index(min(points))
    return (most, least) if most != least else (0, 1)


def _shown(reading: Reading) -> tuple[str, str]:
    return reading.mask_sha256, reading.surfaces_sha256


def read_differently(readings: Sequence[Reading]) -> bool:
    """Whether the readings of a photograph differ in a pixel, or in the surfaces they are divided into."""
    return len({_shown(reading) for reading in readings}) > 1


def contributions(
    photos: Sequence[tuple[Mapping[str, Areas], Mapping[str, Areas]]], weights: Mapping[str, float]
) -> list[float]:
    """What each photograph of a visit adds to the difference of the detached % BSA between two readers.

    It is the change of the visit's % BSA when this photograph alone is taken from the other reader, averaged over both
    ways round. Where a surface is on one photograph or on two, the contributions add up to the difference.

    Args:
        photos: for each photograph the areas by surface of the first and of the second reader.
        weights: % BSA of every surface at the patient's age.

    Returns:
        % BSA, first less second, in the order of ``photos``.
    """
    on: dict[str, list[int]] = {}
    for number, pair in enumerate(photos):
        for surface in {surface: None for areas in pair for surface in areas}:
            on.setdefault(surface, []).append(number)

    def fraction(surface: str, taken: Mapping[int, int]) -> float:
        found = pool(photos[number][reader].get(surface, Areas()) for number, reader in taken.items())
        return found.detached_fraction or 0.0

    added = [0.0] * len(photos)
    for surface, numbers in on.items():
        all_first, all_second = (dict.fromkeys(numbers, reader) for reader in (0, 1))
        for number in numbers:
            out = fraction(surface, all_first) - fraction(surface, {**all_first, number: 1})
            into = fraction(surface, {**all_second, number: 0}) - fraction(surface, all_second)
            added[number] += weights[surface] * (out + into) / 2
    return added


def _importance(visit: DisputedVisit) -> tuple[bool, bool, float, str, int]:
    size = float("inf") if visit.difference is None else abs(visit.difference)
    return "call" not in visit.why, "category" not in visit.why, -size, visit.patient, visit.day


def status(disputed: DisputedPhoto) -> str:
    """``decided``, ``open``, or ``read again``: a reader has read it since it was decided."""
    if disputed.decision is not None:
        return "decided"
    return "read again" if disputed.outdated else "open"


def agreed_by(choice: str) -> str:
    """How a reason begins where readers decided together, by ``consensus`` or ``staple``; empty for other choices."""
    return {CONSENSUS: "consensus of readings ", STAPLE: "consensus by STAPLE of readings "}.get(choice, "")


def consensus(masks: Sequence[Labels]) -> Labels:
    """The classes that most readers give: a majority vote, pixel by pixel.

    A pixel has the class that more than half of the readers give it. Where there is none, nobody has decided what the
    skin is: it is ``not_assessable``, which widens the bounds and never counts as healthy; or ``background`` where
    more than half see no skin. So a tie never turns detached or hidden skin into healthy skin.

    Args:
        masks: three (height, width) uint8 masks or more, of one size.
    """
    if len(masks) < FEWEST_FOR_CONSENSUS or len({mask.shape for mask in masks}) > 1:
        raise ValueError("a consensus needs three masks or more of the same size")
    agreed = np.full(masks[0].shape, Tissue.NOT_ASSESSABLE, np.uint8)
    for tissue in Tissue:
        votes = np.zeros(masks[0].shape, np.uint8)
        for mask in masks:
            votes += mask == int(tissue)
        agreed[2 * votes > len(masks)] = int(tissue)
    return agreed
