"""A study's adjudication: opens the readings, keeps the key of the blinding, records the decisions.

The rule, the order and the letters are in ``adjudication``, whose first lines show how these functions are used.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from . import __version__
from .adjudication import (
    CONSENSUS,
    FEWEST_FOR_CONSENSUS,
    FRESH,
    Blinding,
    Decision,
    DisputedPhoto,
    DisputedVisit,
    Labels,
    Worklist,
    agreed_by,
    consensus,
    worklist,
)
from .compare import Comparison, Progress, compare_readers
from .errors import BsaMeasureError, MaskError, ReadingError
from .files import held, printable, read_text, write_text
from .final_readings import default_readers
from .imports import fitted_mask
from .measure import MODEL_PREFIX
from .photo import photo_size, working_size
from .photo_job import resize_mask
from .readings import NewReading, Reading, Readings, check_classes, load_mask, refuse_locked, store_mask
from .results import visit_label
from .staple import staple
from .study import open_study

KEY_FILE: Final = "adjudication/key.json"
_ABOUT: Final = (
    "Which reader is which letter at each visit. Whoever adjudicates must not see this file. The seed draws the "
    "letters: keep it with the study, or pages that were handed out no longer fit."
)


@dataclass(frozen=True)
class Adjudication:
    """A study's readers compared, and what a third person has to decide.

    Attributes:
        folder: the study folder.
        comparison: of the readers; it names them, so it is not for the adjudicator's eyes.
        blinding: draws the letters.
        worklist: what has to be decided, with the decisions there are.
    """

    folder: Path
    comparison: Comparison
    blinding: Blinding
    worklist: Worklist


@dataclass(frozen=True)
class BlindedPhoto:
    """A disputed photograph as the adjudicator sees it; names, times and hashes are left out.

    Attributes:
        file, path: the photograph.
        masks: letter to (height, width) uint8 tissue classes at the working size.
        surfaces: letter to the surface map that this reader drew; letters without one use the automatic split.
        contribution: to the difference of the visit, % BSA, between the letters of ``between``.
        decided: the choice is made already.
    """

    file: str
    path: Path
    masks: Mapping[str, Labels]
    surfaces: Mapping[str, Labels]
    between: tuple[str, str]
    contribution: float
    decided: bool


@dataclass(frozen=True)
class DecisionReport:
    """What became of decisions: new readings, how many were recorded before, a sentence for each that is refused."""

    recorded: tuple[Reading, ...]
    unchanged: int
    problems: tuple[str, ...]


def open_adjudication(
    folder: Path,
    readers: Sequence[str] = (),
    *,
    workers: int = 1,
    seed: str | None = None,
    progress: Progress | None = None,
) -> Adjudication:
    """Compare a study's readers and list what has to be decided.

    Args:
        folder: the study folder.
        readers: two or more names as in the record; none: see ``final_readings.default_readers``.
        workers: number of processes.
        seed: of a study whose letters are not drawn yet, for examples that must come out alike; else it is random.
        progress: called after every photograph.

    Raises:
        ReadingError: there are not two readers, they share no photograph, or the key is damaged.
        BsaMeasureError: the study cannot be used.
    """
    study = open_study(folder)
    chosen = tuple(readers) or default_readers(Readings(folder).all(), study.protocol)
    if len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise ReadingError("Adjudication is between different readers, at least two: name each of them once.")
    comparison = compare_readers(folder, chosen, workers=workers, progress=progress)
    blinding = _blinding(comparison, seed)
    return Adjudication(folder, comparison, blinding, worklist(comparison, Readings(folder).all(), blinding))


def refreshed(adjudication: Adjudication) -> Adjudication:
    """The same with the decisions that are recorded by now; nothing is compared again."""
    record = Readings(adjudication.folder).all()
    return replace(adjudication, worklist=worklist(adjudication.comparison, record, adjudication.blinding))


def _blinding(comparison: Comparison, seed: str | None) -> Blinding:
    """The study's seed, drawn when it is first needed; beside it the letters, for whoever may open the key."""
    folder = comparison.study.folder
    path = folder / KEY_FILE
    with held(folder / "adjudication" / ".lock", "Somebody is opening this adjudication: try again."):
        if path.is_file():
            try:
                drawn = str(json.loads(read_text(path))["seed"])
            except (ValueError, KeyError, TypeError) as error:
                raise ReadingError(f"{KEY_FILE} is damaged: restore the study from its backup.") from error
            if seed is not None and seed != drawn:
                raise ReadingError(f"The letters of this study are drawn already ({KEY_FILE}): leave out the seed.")
        else:
            drawn = secrets.token_hex(16) if seed is None else seed
        blinding = Blinding(drawn)
        names = [reader.reader for reader in comparison.readers]
        letters = {
            f"{row.patient}/{visit_label(row.day)}": [names[i] for i in blinding.order(row.patient, row.day, names)]
            for row in comparison.visits
        }
        document = {"about": _ABOUT, "seed": drawn, "letters_A_B": letters}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        if not path.is_file() or read_text(path) != text:
            write_text(path, text)
    return blinding


def find_disputed(adjudication: Adjudication, file: str) -> tuple[DisputedVisit, DisputedPhoto]:
    """The visit and photograph of the worklist with this path.

    Raises:
        ReadingError: it is not on the worklist.
    """
    for visit in adjudication.worklist.visits:
        for disputed in visit.photos:
            if disputed.file == file:
                return visit, disputed
    raise ReadingError(f"{printable(file)} is not on the worklist: decide only what is disputed and read differently.")


def blinded_photo(adjudication: Adjudication, file: str) -> BlindedPhoto:
    """What the readers made of a disputed photograph, without telling who is who.

    Raises:
        ReadingError: the photograph is not on the worklist.
        MaskError: a mask is missing or damaged.
    """
    visit, disputed = find_disputed(adjudication, file)
    read = dict(zip(visit.letters, (disputed.compared.readings[place] for place in visit.order), strict=True))
    size = _working_size(adjudication, disputed)
    surfaces = {letter: _surfaces_of(reading, disputed) for letter, reading in read.items()}
    return BlindedPhoto(
        file=file,
        path=disputed.compared.photo.path,
        masks={letter: _at_size(adjudication, reading.mask_sha256, size) for letter, reading in read.items()},
        surfaces={letter: _at_size(adjudication, sha256, size) for letter, sha256 in surfaces.items() if sha256},
        between=(visit.letters[visit.between[0]], visit.letters[visit.between[1]]),
        contribution=disputed.contribution,
        decided=disputed.decision is not None,
    )


def _working_size(adjudication: Adjudication, disputed: DisputedPhoto) -> tuple[int, int]:
    _, width, height = photo_size(disputed.compared.photo.path)
    return working_size(width, height, adjudication.comparison.study.protocol.measure.working_long_side)


def _at_size(adjudication: Adjudication, sha256: str, size: tuple[int, int]) -> Labels:
    labels = load_mask(adjudication.folder, sha256)
    return labels if labels.shape == size[::-1] else resize_mask(labels, *size)


def _surfaces_of(reading: Reading, disputed: DisputedPhoto) -> str:
    # A surface map drawn for another view means nothing.
    return reading.surfaces_sha256 if reading.view == disputed.compared.photo.view else ""


def record_decisions(adjudication: Adjudication, decisions: Sequence[Decision], *, adjudicator: str) -> DecisionReport:
    """Record decisions as adjudicated readings. What is decided alike already is not recorded again.

    A chosen reading becomes the parent of the decision; a consensus names its readings in the reason. Refused are
    decisions about what is locked, and about a photograph that one of the readers has read again since it was compared:
    nobody has seen that reading.

    Args:
        adjudication: as opened or refreshed.
        decisions: one a photograph.
        adjudicator: who decides; not one of the readers.

    Raises:
        ReadingError: the adjudicator's name cannot be used, or the record cannot be written.
    """
    name = adjudicator.strip()
    if not name or name.startswith(MODEL_PREFIX) or printable(name) != name:
        raise ReadingError("The adjudicator needs a name that does not begin with 'model:', e.g. --adjudicator Marin.")
    if name.casefold() in {reader.reader.casefold() for reader in adjudication.comparison.readers}:
        raise ReadingError("The adjudicator is one of the readers: a third person has to decide.")
    record = Readings(adjudication.folder)
    acts = record.acts()
    latest = {reading.photo_sha256: reading for reading in record.all() if reading.kind == "adjudicated"}
    new: list[NewReading] = []
    problems: list[str] = []
    unchanged = 0
    for decision in decisions:
        try:
            visit, disputed = find_disputed(adjudication, decision.file)
            refuse_locked(acts, disputed.compared.photo.patient, disputed.compared.photo.visit)
            reading = _reading(adjudication, visit, disputed, decision, name)
        except BsaMeasureError as error:
            problems.append(str(error))
            continue
        before = latest.get(reading.photo_sha256)
        if before is not None and not disputed.outdated and _same(before, reading):
            unchanged += 1
        else:
            new.append(reading)
    again = _read_again(adjudication, record.all())
    problems += [again[reading.photo_sha256] for reading in new if reading.photo_sha256 in again]
    seen = [reading for reading in new if reading.photo_sha256 not in again]
    return DecisionReport(tuple(record.add(seen)), unchanged, tuple(problems))


def _read_again(adjudication: Adjudication, record: Sequence[Reading]) -> dict[str, str]:
    """Hash of a disputed photograph to a sentence, where a reader has read it again since it was compared."""
    readers = {reader.reader for reader in adjudication.comparison.readers}
    newest = {r.photo_sha256: r.number for r in record if r.reader in readers and r.kind != "adjudicated"}
    return {
        photo.compared.readings[0].photo_sha256: f"{printable(photo.file)} has been read again in the meantime: decide "
        "from a newly made page."
        for visit in adjudication.worklist.visits
        for photo in visit.photos
        if newest.get(photo.compared.readings[0].photo_sha256, 0) > max(r.number for r in photo.compared.readings)
    }


def _same(before: Reading, now: NewReading) -> bool:
    return all(getattr(before, n) == getattr(now, n) for n in ("reader", "mask_sha256", "surfaces_sha256", "reason"))


def _reading(
    adjudication: Adjudication, visit: DisputedVisit, disputed: DisputedPhoto, decision: Decision, adjudicator: str
) -> NewReading:
    reason = decision.reason.strip()
    if not reason:
        raise ReadingError(f"{printable(decision.file)} is decided without a reason: give one.")
    photo, readings = disputed.compared.photo, disputed.compared.readings
    mask, surfaces, bedside, parent = "", "", "", None
    letter = decision.choice.strip().upper()
    if letter in visit.letters:
        chosen = readings[visit.order[visit.letters.index(letter)]]
        mask, surfaces, parent = chosen.mask_sha256, _surfaces_of(chosen, disputed), chosen.number
        bedside = chosen.bedside_sha256
    elif agreed_by(decision.choice):
        if len(readings) < FEWEST_FOR_CONSENSUS:
            raise ReadingError(f"{printable(decision.file)}: a consensus needs three readers, choose A, B or fresh.")
        size = _working_size(adjudication, disputed)
        masks = [_at_size(adjudication, reading.mask_sha256, size) for reading in readings]
        agreed = consensus(masks) if decision.choice == CONSENSUS else staple(masks).labels
        maps = {_surfaces_of(reading, disputed) for reading in readings}
        # Surface maps are no matter of a vote: one that all share is kept, else the automatic split.
        mask, surfaces = store_mask(adjudication.folder, agreed), maps.pop() if len(maps) == 1 else ""
        reason = f"{agreed_by(decision.choice)}{', '.join(str(r.number) for r in readings)}: {reason}"
    elif decision.choice == FRESH and decision.mask is not None:
        mask = _stored(adjudication, disputed, decision.mask, classes=True)
        if decision.surfaces is not None:
            surfaces = _stored(adjudication, disputed, decision.surfaces, classes=False)
    else:
        raise ReadingError(
            f"{printable(decision.file)}: {printable(decision.choice)!r} is no choice: write "
            f"{', '.join(visit.letters)}, consensus, staple, or the file name of a fresh mask."
        )
    return NewReading(
        kind="adjudicated",
        reader=adjudicator,
        photo_sha256=readings[0].photo_sha256,
        patient=photo.patient,
        visit=photo.visit,
        view=photo.view,
        mask_sha256=mask,
        surfaces_sha256=surfaces,
        software=__version__,
        protocol_sha256=adjudication.comparison.study.protocol.sha256,
        reason=reason,
        parent=parent,
        active_seconds=decision.active_seconds,
        role="adjudicator",
        bedside_sha256=bedside,
    )


def _stored(adjudication: Adjudication, disputed: DisputedPhoto, labels: Labels, *, classes: bool) -> str:
    """A fresh mask or surface map at the working size, checked and stored."""
    name = printable(disputed.file)
    _, width, height = photo_size(disputed.compared.photo.path)
    study = adjudication.comparison.study
    fitted = fitted_mask(labels, f"the fresh mask of {name}", (width, height), study.protocol.measure.working_long_side)
    if classes:
        check_classes(fitted, f"the fresh mask of {name}")
    elif int(fitted.max(initial=0)) > len(study.chart.surfaces):
        raise MaskError(f"The surface map of {name} names a surface that the chart does not have: draw it again.")
    return store_mask(adjudication.folder, fitted)
