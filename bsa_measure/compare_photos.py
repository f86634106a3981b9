"""The work on one photograph that several readers have read: areas for each reader, agreement for each pair.

A job is a pure description that can be sent to another process; every mask is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from .agreement_masks import MaskAgreement, mask_agreement
from .chart import Chart
from .errors import MaskError, PhotoError
from .geometry import Geometry
from .photo import read_photo
from .photo_job import ViewAreas, areas_of_masks, resize_mask
from .protocol import View
from .readings import check_classes, load_mask
from .skin_tone import typology_angle
from .surfaces import surface_map
from .tissue import Tissue

Labels = npt.NDArray[np.uint8]

TONE_LONG_SIDE = 384
"""Skin colour is a median over the body: this many pixels on the longer side are plenty."""


@dataclass(frozen=True)
class ReadMask:
    """One reader's mask of the photograph, as hashes into ``masks/``.

    Attributes:
        mask: the classes.
        surfaces: the surface map drawn by a person; empty: the automatic split.
    """

    mask: str
    surfaces: str = ""


@dataclass(frozen=True)
class CompareJob:
    """One photograph.

    Attributes:
        folder: the study folder.
        file: the photograph, as a path inside it.
        size: (width, height) of the working image.
        view, chart, geometry: as for measuring.
        masks: one a reader.
        tolerance_percent: of outlines, in percent of the longer side.
    """

    folder: Path
    file: str
    size: tuple[int, int]
    view: View
    chart: Chart
    geometry: Geometry
    masks: tuple[ReadMask, ...]
    tolerance_percent: float


@dataclass(frozen=True)
class CompareOutcome:
    """What a job found.

    Attributes:
        areas: for each reader, of every surface that the view shows.
        pairs: for each pair of readers, in the order of ``itertools.combinations``.
        problem: why the photograph cannot be compared, as a sentence; empty when it can.
    """

    areas: tuple[ViewAreas, ...] = ()
    pairs: tuple[MaskAgreement, ...] = ()
    problem: str = ""


def compare_photo(job: CompareJob) -> CompareOutcome:
    """Do the work on one photograph; a missing or damaged mask gives an outcome that says so."""
    return _outcome(job, pairs=True)


def areas_of_readings(job: CompareJob) -> CompareOutcome:
    """Only the areas of each reading; the outcome has no pairs."""
    return _outcome(job, pairs=False)


def _outcome(job: CompareJob, *, pairs: bool) -> CompareOutcome:
    try:
        labels = [_labels(job, read.mask) for read in job.masks]
        areas = _areas(job, labels)
    except MaskError as error:
        return CompareOutcome(problem=f"{job.file}: {error}")
    both = combinations(labels, 2) if pairs else ()
    return CompareOutcome(
        # The weight is a picture: it stays in this process.
        areas=tuple(replace(found, weight=None) for found in areas),
        pairs=tuple(mask_agreement(a, b, job.tolerance_percent) for a, b in both),
    )


def photo_skin_angle(job: CompareJob) -> float | None:
    """Typology angle, in degrees, of the skin that every reader calls intact; None where it cannot be told."""
    try:
        pixels = read_photo(job.folder / job.file, long_side=TONE_LONG_SIDE).pixels
        height, width = pixels.shape[:2]
        masks = [resize_mask(load_mask(job.folder, read.mask), width, height) for read in job.masks]
    except (PhotoError, MaskError):
        return None
    intact = np.logical_and.reduce([mask == Tissue.INTACT for mask in masks])
    # Not the border: there the photograph mixes skin with lesion and sheet.
    inner = cv2.erode(intact.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return typology_angle(pixels, inner)


def _labels(job: CompareJob, sha256: str) -> Labels:
    labels = load_mask(job.folder, sha256)
    check_classes(labels, job.file)
    # As in measuring: the protocol's working size may have changed since the mask was stored.
    return labels if labels.shape == job.size[::-1] else resize_mask(labels, *job.size)


def _areas(job: CompareJob, labels: Sequence[Labels]) -> list[ViewAreas]:
    """The areas of each reader. Readers of one silhouette and one surface map, as where both have corrected the same
    model, share what follows from these alone."""
    shapes: list[tuple[npt.NDArray[np.bool_], str, list[int]]] = []
    for place, (own, read) in enumerate(zip(labels, job.masks, strict=True)):
        body = own != int(Tissue.BACKGROUND)
        for other, surfaces, places in shapes:
            if surfaces == read.surfaces and np.array_equal(body, other):
                places.append(place)
                break
        else:
            shapes.append((body, read.surfaces, [place]))
    found: dict[int, ViewAreas] = {}
    for _, surfaces, places in shapes:
        masks = [labels[place] for place in places]
        split = _drawn_map(job, surfaces) if surfaces else surface_map(masks[0], job.view, job.chart)
        found |= zip(places, areas_of_masks(masks, split, job.view, job.chart, job.geometry), strict=True)
    return [found[place] for place in range(len(labels))]


def _drawn_map(job: CompareJob, sha256: str) -> Labels:
    drawn = load_mask(job.folder, sha256)
    if int(drawn.max(initial=0)) > len(job.chart.surfaces):
        raise MaskError("its surface map names a surface that the chart does not have: draw it again.")
    return resize_mask(drawn, *job.size) if drawn.shape != job.size[::-1] else drawn
