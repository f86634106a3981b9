"""Masks made elsewhere become one reader's readings.

The masks lie in a tree that mirrors ``photos/``: PATIENT/VISIT/VIEW.png, one 8-bit class number a pixel, as large
as the upright photograph or as the working image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import __version__
from .errors import BsaMeasureError, MaskError, StudyError
from .files import printable
from .final_readings import FINAL
from .mask_png import decode_mask
from .photo import SUFFIXES, photo_size, working_size
from .photo_job import resize_mask
from .readings import Kind, NewReading, Reading, Readings, check_classes, refuse_locked, store_mask
from .study import PhotoFile, Study, composed, parse_visit


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        recorded: the new readings.
        unchanged: how many masks were the reader's latest reading already.
        problems: a sentence for every mask that was refused.
    """

    recorded: tuple[Reading, ...]
    unchanged: int
    problems: tuple[str, ...]


def import_masks(
    study: Study,
    masks: Path,
    *,
    reader: str,
    adjudicated: bool = False,
    surfaces: Path | None = None,
    reason: str = "imported",
) -> ImportReport:
    """Take every mask of a tree as a reading.

    Args:
        study: the study that the photographs belong to.
        masks: the tree of masks.
        reader: who made them; ``model:`` is kept for models.
        adjudicated: whether they are the final readings of an adjudication.
        surfaces: a tree like ``masks`` with surface maps, for the photographs that have one.
        reason: why they were made.

    Raises:
        StudyError: no such folder, or the reader's name cannot be used.
        ReadingError: the record cannot be written.
    """
    name = reader.strip()
    if not name or name.startswith("model:") or name == FINAL or printable(name) != name:
        raise StudyError(
            "The reader needs a name other than 'final' that does not begin with 'model:', e.g. --reader Duval."
        )
    if not masks.is_dir():
        raise StudyError(
            f"{printable(str(masks))!r} is not a folder: give the folder of masks that holds PATIENT/VISIT/VIEW.png."
        )
    kind: Kind = "adjudicated" if adjudicated else "manual"
    record = Readings(study.folder)
    acts = record.acts()
    before = {(r.photo_sha256, r.reader, r.kind): r for r in record.all()}
    photos = {_place(photo.patient, photo.visit, photo.path.stem): photo for photo in study.photos}
    new: list[NewReading] = []
    problems: list[str] = []
    unchanged = 0
    found = sorted(path for path in masks.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise StudyError(f"{printable(masks.name)} holds no mask: give the folder that holds PATIENT/VISIT/VIEW.png.")
    for path in found:
        place = path.relative_to(masks)
        try:
            if path.suffix.lower() != ".png":
                raise MaskError(f"{printable(place.as_posix())} is not a PNG: export the mask again as an 8-bit PNG.")
            photo = _photo_of(place, photos)
            refuse_locked(acts, photo.patient, photo.visit)
            reading = _reading(study, photo, path, surfaces / place if surfaces else None, kind, name, reason)
        except BsaMeasureError as error:
            problems.append(str(error))
            continue
        parent = before.get((reading.photo_sha256, name, kind))
        if parent and (parent.mask_sha256, parent.surfaces_sha256) == (reading.mask_sha256, reading.surfaces_sha256):
            unchanged += 1
            continue
        new.append(_follow(reading, parent))
    return ImportReport(tuple(record.add(new)), unchanged, tuple(problems))


def _follow(reading: NewReading, parent: Reading | None) -> NewReading:
    return reading if parent is None else replace(reading, parent=parent.number)


def _place(patient: str, visit: str, stem: str) -> tuple[str, int | str, str]:
    day = parse_visit(visit)
    return composed(patient), visit if day is None else day, composed(stem).lower()


def _photo_of(place: Path, photos: dict[tuple[str, int | str, str], PhotoFile]) -> PhotoFile:
    name = printable(place.as_posix())
    patient, visit = (place.parts[0], place.parts[1]) if len(place.parts) == 3 else ("", "")
    photo = photos.get(_place(patient, visit, place.stem))
    if photo is None:
        wanted = printable(place.with_suffix(".*").as_posix())
        raise MaskError(f"{name} has no photograph at photos/{wanted}: rename or remove the mask.")
    if photo.problem:
        raise MaskError(f"{name} belongs to a photograph that cannot be used: {photo.problem}")
    return photo


def _reading(
    study: Study, photo: PhotoFile, mask: Path, surfaces: Path | None, kind: Kind, reader: str, reason: str
) -> NewReading:
    sha256, width, height = photo_size(photo.path)
    long_side = study.protocol.measure.working_long_side
    labels = fitted_mask(read_mask(mask), _named(mask), (width, height), long_side)
    check_classes(labels, _named(mask))
    surfaces_sha256 = ""
    if surfaces is not None and surfaces.is_file():
        numbers = fitted_mask(read_mask(surfaces), _named(surfaces), (width, height), long_side)
        if int(numbers.max(initial=0)) > len(study.chart.surfaces):
            raise MaskError(f"{_named(surfaces)} names surface {numbers.max()}, which the chart does not have.")
        surfaces_sha256 = store_mask(study.folder, numbers)
    return NewReading(
        kind=kind,
        reader=reader,
        photo_sha256=sha256,
        patient=photo.patient,
        visit=photo.visit,
        view=photo.view,
        mask_sha256=store_mask(study.folder, labels),
        software=__version__,
        protocol_sha256=study.protocol.sha256,
        surfaces_sha256=surfaces_sha256,
        reason=reason,
        role="adjudicator" if kind == "adjudicated" else "reader",
    )


def _named(mask: Path) -> str:
    return printable("/".join(mask.parts[-3:]))


def read_mask(mask: Path) -> npt.NDArray[np.uint8]:
    """The pixels of an 8-bit PNG. Raises MaskError when it is missing or not such a PNG."""
    try:
        data = mask.read_bytes()
    except OSError as error:
        raise MaskError(f"{_named(mask)} cannot be read: check that the file may be opened.") from error
    return decode_mask(data, _named(mask))


def fitted_mask(
    labels: npt.NDArray[np.uint8], name: str, size: tuple[int, int], long_side: int
) -> npt.NDArray[np.uint8]:
    """The mask at the working size of its photograph of ``size`` (width, height); any other size raises MaskError."""
    working = working_size(*size, long_side)
    given = labels.shape[1], labels.shape[0]
    if given not in (size, working):
        raise MaskError(
            f"{name} has {given[0]} × {given[1]} pixels, its upright photo {size[0]} × {size[1]} and the "
            f"working image {working[0]} × {working[1]}: make the mask in one of these sizes."
        )
    return labels if given == working else resize_mask(labels, *working)
