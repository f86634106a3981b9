"""A study's own corrected readings as a source to learn from. Needs no torch.

Nothing is copied and nothing is written into the study: the data files name its folder, and the list of photographs
lies beside them. Patients stay whole: all photographs of one are in the same fold.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bsa_measure.errors import BsaMeasureError, TrainingError
from bsa_measure.files import printable, write_text
from bsa_measure.measure import doubled_photos
from bsa_measure.photo import file_sha256
from bsa_measure.readings import Reading, Readings, load_mask, mask_path
from bsa_measure.study import PhotoFile, open_study

FOLDS: Final = 5
_TABLE: Final = "corrections.csv"


@dataclass(frozen=True)
class Correction:
    """A photograph of a study with the mask that a person stands for.

    Attributes:
        photo, mask: paths inside the study folder, with forward slashes.
        patient, visit, view: as in the study.
        reader, kind, number: of the reading.
    """

    photo: str
    mask: str
    patient: str
    visit: str
    view: str
    reader: str
    kind: str
    number: int


@dataclass(frozen=True)
class Written:
    """What :func:`write_corrections` has written.

    Attributes:
        data_file: to train on all of it.
        fold_files: to train on all folds but one, and to judge on that one.
        photographs, patients: how many.
    """

    data_file: Path
    fold_files: tuple[Path, ...]
    photographs: int
    patients: int


def corrections(study_folder: Path) -> list[Correction]:
    """The photographs of a study that a person has outlined, in the order of their paths.

    A photograph's adjudicated reading counts before a manual one, and of several the newest. Photographs that cannot
    be measured (misnamed, twice there) are left out.

    Raises:
        StudyError, ProtocolError, ReadingError: the study or its record cannot be used.
        MaskError: a mask is missing, or not as it was stored.
    """
    study = open_study(study_folder)
    record = Readings(study_folder, read_only=True).all()
    chosen: dict[str, Reading] = {}
    for kind in ("manual", "adjudicated"):
        chosen |= {r.photo_sha256: r for r in record if r.kind == kind}
    hashes = {photo.file: (_sha256(photo), "") for photo in study.photos if not photo.problem}
    doubled = doubled_photos(study.photos, hashes)
    found = []
    for photo in sorted(study.photos, key=lambda p: p.file):
        reading = chosen.get(hashes.get(photo.file, ("", ""))[0])
        if reading is None or photo.file in doubled:
            continue
        load_mask(study_folder, reading.mask_sha256)  # as it was stored
        mask = mask_path(study_folder, reading.mask_sha256).relative_to(study_folder).as_posix()
        who = (reading.reader, reading.kind, reading.number)
        found.append(Correction(photo.file, mask, photo.patient, photo.visit, photo.view, *who))
    return found


def write_corrections(study_folder: Path, out: Path, *, name: str, start: str, folds: int = FOLDS) -> Written:
    """Write data files for ``bsa-measure train`` from the study's corrected readings.

    ``out/data.toml`` learns from all of them; ``out/fold-1.toml`` and so on learn from all folds but one, to which the
    patients of that fold are the ``test``, so that a site sees what its own corrections are worth before it uses them.

    Args:
        study_folder: with ``readings.db``.
        out: a folder outside the study.
        name: of the model to be made.
        start: name of the model to go on from.
        folds: how many; 0 for none, never more than there are patients, and none for a single patient.

    Raises:
        TrainingError: nothing was corrected.
        BsaMeasureError: as :func:`corrections`, or the folder cannot be written to.
    """
    found = corrections(study_folder)
    if not found:
        raise TrainingError(
            f"{printable(study_folder.resolve().name)} has no reading by a person: correct masks, or import some."
        )
    fold = _folds([correction.patient for correction in found], folds)
    count = max(fold.values()) + 1 if folds and len(fold) > 1 else 0
    splits = [f"fold_{number + 1}" for number in range(count)]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "mask", "group", "patient", "visit", "view", "reader", "kind", "reading", *splits])
    for c in found:
        parts = ["test" if fold[c.patient] == number else "train" for number in range(count)]
        writer.writerow([c.photo, c.mask, c.patient, c.patient, c.visit, c.view, c.reader, c.kind, c.number, *parts])
    write_text(out / _TABLE, table.getvalue())
    files = []
    for file, split in (("data", None), *((f"fold-{n}", split) for n, split in enumerate(splits, start=1))):
        model = name if split is None else f"{name}-{file}"
        write_text(out / f"{file}.toml", _data_file(study_folder, out, model, start, split))
        files.append(out / f"{file}.toml")
    return Written(files[0], tuple(files[1:]), len(found), len(fold))


def _data_file(study_folder: Path, out: Path, name: str, start: str, split: str | None) -> str:
    study, here = study_folder.resolve(), out.resolve()
    lines = [
        "# A study's own corrected readings. Add sources as you like: see docs/training.md.",
        "",
        "[recipe]",
        f"name = {json.dumps(name)}",
        f"start = {json.dumps(start)}",
        "steps = 600",
        "learning_rate = 0.0005",
        "",
        "[[source]]",
        'name = "corrections"',
        f"folder = {json.dumps(_relative(study, here), ensure_ascii=False)}",
        f"manifest = {json.dumps(_relative(here / _TABLE, study), ensure_ascii=False)}",
    ]
    return "\n".join([*lines, *([f'split = "{split}"'] if split else []), ""])


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


def _folds(patients: Sequence[str], folds: int) -> dict[str, int]:
    """Patient to fold: dealt out one after the other, in an order that does not follow their names."""
    order = sorted(set(patients), key=lambda patient: hashlib.sha256(patient.encode()).hexdigest())
    return {patient: place % max(1, min(folds, len(order))) for place, patient in enumerate(order)}


def _sha256(photo: PhotoFile) -> str:
    try:
        return file_sha256(photo.path)
    except BsaMeasureError:
        return ""  # what cannot be read has no reading
