"""Everything slow about opening a photograph, in one pure-looking call that a worker thread can make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.errors import BsaMeasureError, StudyError
from bsa_measure.files import printable
from bsa_measure.measure import MODEL_PREFIX, Planned, measure_planned
from bsa_measure.photo import Photo, read_photo, working_size
from bsa_measure.photo_job import resize_mask
from bsa_measure.readings import Reading, Readings, load_mask
from bsa_measure.segment import Model
from bsa_measure.study import Study

from .canvas import Basis, Plane
from .draft import Start, Taken, take_up
from .tools.counts import Count, count

FULL_SIZE: Final = 1_000_000
"""A long side that no photograph has: the photograph is read as large as it is."""

Step = Callable[[str], None]
"""Called with what is being done, as a sentence; may raise :class:`Cancelled`."""


class Cancelled(Exception):
    """The person no longer waits for it."""


@dataclass(frozen=True, eq=False)
class Previous:
    """The photograph of the same view at the visit before.

    Attributes:
        title: patient, visit and view.
        pixels: (height, width, 3) uint8 RGB.
        labels: (height, width) uint8 classes of the reading that counts; None when there is none.
        outlines: the same, of the outlines alone.
    """

    title: str
    pixels: npt.NDArray[np.uint8]
    labels: Plane | None
    outlines: Plane | None


@dataclass(frozen=True, eq=False)
class Loaded:
    """A photograph that is ready to be shown.

    Attributes:
        planned: what the study says about it.
        photo: its pixels.
        taken: canvas, start and active seconds.
        folder: of its draft.
        count: surfaces, weights and sums, at the working size.
        model: (height, width) uint8 labels of the model; None when they may not be seen or are not there.
        previous: the visit before; None when not allowed or absent.
    """

    planned: Planned
    photo: Photo
    taken: Taken
    folder: Path
    count: Count
    model: Plane | None
    previous: Previous | None


def count_of(planned: Planned, labels: Plane, surfaces: Plane | None) -> Count:
    """What `measure` would count: at the working size, with its surfaces and weights.

    Args:
        labels: (height, width) uint8 classes, at the working size or the photograph's own.
        surfaces: the surface map that a person has drawn, likewise; None: the automatic split.
    """
    job = planned.job
    assert job is not None
    height, width = labels.shape
    wide, high = working_size(width, height, job.long_side)
    if (wide, high) != (width, height):
        labels = resize_mask(labels, wide, high)
        surfaces = None if surfaces is None else resize_mask(surfaces, wide, high)
    return count(labels, job.view, job.chart, job.geometry, surfaces=surfaces)


def start_of_reading(folder: Path, reading: Reading, view: str, shape: tuple[int, int]) -> Start:
    """What a recorded reading hands on to the next one, at the size of the open photograph.

    Args:
        folder: the study folder.
        view: of the photograph; a surface map drawn for another view means nothing.
        shape: (height, width).

    Raises:
        MaskError: a mask is missing or damaged.
    """

    def plane(sha256: str) -> Plane | None:
        if not sha256:
            return None
        stored = load_mask(folder, sha256)
        return stored if stored.shape == shape else resize_mask(stored, shape[1], shape[0])

    labels = plane(reading.mask_sha256)
    assert labels is not None
    return Start(
        labels=labels,
        basis=Basis(reading.number, reading.reader, reading.kind != "model"),
        painted=plane(reading.painted_sha256),
        bedside=plane(reading.bedside_sha256),
        surfaces=plane(reading.surfaces_sha256) if reading.view == view else None,
    )


def nothing(shape: tuple[int, int]) -> Start:
    """A start without any labels, for a blinded reader or where the model has no answer."""
    return Start(np.zeros(shape, np.uint8))


@dataclass(frozen=True)
class Source:
    """Where the work on a photograph may start from, as the session has decided.

    Attributes:
        reading: a person's reading; None: the model's answer, or nothing.
        model: whether the model's labels may be seen.
        previous: the photograph of the visit before, and the reading of it that counts.
    """

    reading: Reading | None = None
    model: bool = True
    previous: tuple[Planned, Reading | None] | None = None


def load(
    study: Study,
    planned: Planned,
    folder: Path,
    source: Source,
    model: Model,
    *,
    long_side: int,
    step: Step = lambda sentence: None,
) -> Loaded:
    """Read a photograph, its labels and all that is shown beside it.

    Raises:
        BsaMeasureError: the photograph, its reading or its draft cannot be used.
        Cancelled: ``step`` raised it.
    """
    with ThreadPoolExecutor(1, "visit before") as beside:
        before: Future[Previous | None] | None = None
        if source.previous is not None:
            before = beside.submit(_previous, study, *source.previous, long_side=long_side)
        return _load(study, planned, folder, source, model, before, long_side=long_side, step=step)


def _load(
    study: Study,
    planned: Planned,
    folder: Path,
    source: Source,
    model: Model,
    before: Future[Previous | None] | None,
    *,
    long_side: int,
    step: Step,
) -> Loaded:
    step("Reading the photo")
    photo = read_photo(study.folder / planned.photo.file, long_side=long_side)
    height, width = photo.pixels.shape[:2]
    shape = (height, width)
    model_start = _model_start(study, planned, model, shape, step) if source.model else None
    if source.reading is not None:
        start = start_of_reading(study.folder, source.reading, planned.photo.view, shape)
    else:
        start = model_start or nothing(shape)
    taken = take_up(folder, start)
    if taken.canvas.size != shape:
        raise StudyError(
            f"The draft of this photo has {taken.canvas.size[1]} × {taken.canvas.size[0]} pixels and the photo is now "
            f"shown with {width} × {height}: open it at the size it was begun with (with or without --full-size)."
        )
    step("Finding the surfaces")
    counted = count_of(planned, taken.canvas.labels, taken.canvas.surfaces)
    previous = None
    if before is not None:
        step("Reading the photo of the visit before")
        previous = before.result()
    return Loaded(planned, photo, taken, folder, counted, None if model_start is None else model_start.labels, previous)


def _model_start(study: Study, planned: Planned, model: Model, shape: tuple[int, int], step: Step) -> Start | None:
    """The model's labels: from the record, or by asking it now; None when it has no answer."""
    reading = _model_reading(study, planned, model)
    if reading is None:
        step("Asking the model")
        choice = planned.choice
        assert choice is not None
        if choice.reading is not None:  # a person's reading counts, and the model was never asked
            return None
        measure_planned(study, planned, model)
        reading = _model_reading(study, planned, model)
    if reading is None:
        return None
    return start_of_reading(study.folder, reading, planned.photo.view, shape)


def _model_reading(study: Study, planned: Planned, model: Model) -> Reading | None:
    own = [
        reading
        for reading in Readings(study.folder).all()
        if reading.photo_sha256 == planned.sha256
        and reading.reader == MODEL_PREFIX + model.name
        and reading.model_sha256 == model.sha256
    ]
    return own[-1] if own else None


def _previous(study: Study, planned: Planned, reading: Reading | None, *, long_side: int) -> Previous | None:
    # It is looked at and copied from, not drawn on: the working size is enough.
    long_side = min(long_side, study.protocol.measure.working_long_side)
    try:
        photo = read_photo(study.folder / planned.photo.file, long_side=long_side)
        labels = None
        if reading is not None:
            height, width = photo.pixels.shape[:2]
            labels = start_of_reading(study.folder, reading, planned.photo.view, (height, width)).labels
    except BsaMeasureError:
        return None  # it is only there to look at
    title = f"{planned.photo.patient} · {planned.photo.visit}"
    return Previous(printable(title), photo.pixels, labels, None if labels is None else outlines(labels))


def outlines(labels: Plane, width: int = 2) -> Plane:
    """The classes within ``width`` pixels of another class; 0 elsewhere. (height, width) uint8, as given.

    The same as the contour of napari's Labels, which takes a second for 12 megapixels.
    """
    kernel = np.ones((2 * width - 1, 2 * width - 1), np.uint8)
    border = cv2.compare(cv2.erode(labels, kernel), cv2.dilate(labels, kernel), cv2.CMP_NE)
    return np.asarray(cv2.bitwise_and(labels, border), np.uint8)


def latest(readings: Sequence[Reading], *, reader: str | None = None) -> Reading | None:
    """The last reading that a person made, or that this reader made."""
    fitting = (r for r in reversed(readings) if r.kind != "model" and reader in (None, r.reader))
    return next(fitting, None)
