"""The work on one photograph: read, judge quality, find classes, add up areas, draw the outline picture.

A job is a pure description that can be sent to another process or computer; an outcome is small and can be
stored. What a job writes (mask, overlay) is written atomically, so that stopping at any moment leaves only
whole files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .chart import Chart
from .errors import MaskError, PhotoError
from .files import printable, write_bytes
from .fractions import Areas, Doubt, bounding_box
from .geometry import Geometry, area_weights
from .photo import Photo, read_photo
from .protocol import View
from .quality import judge, photo_fingerprint
from .quality_limits import QualityLimits
from .readings import check_classes, load_mask, store_mask
from .report.overlay import draw_overlay, draw_weight, thumbnail
from .runs import find_runs
from .scale import Scale, find_scale
from .segment import load_model, segment
from .surfaces import surface_map, surface_number
from .tissue import Tissue

OVERLAY_LONG_SIDE = 1024
WEIGHT_LONG_SIDE = 280


@dataclass(frozen=True)
class PhotoJob:
    """Everything needed to measure one photograph.

    Attributes:
        folder: the study folder.
        file: the photograph, as a path inside it.
        photo_sha256: of the photograph when the job was planned.
        view_name, view: the standard photograph it is.
        chart: numbers the surfaces.
        long_side: of the working image, in pixels.
        geometry: how much skin a pixel stands for.
        marker_side_mm: of the scale marker that may lie in the photograph; 0: none is looked for.
        limits: of photograph quality.
        model: name of the model that is asked when there is no mask yet.
        models: folder of the site's own models, if there are any.
        mask_sha256: a stored reading's mask; empty: ask the model.
        surfaces_sha256: a stored reading's surface map; empty: the automatic split.
        overlay: where the outline picture goes, as a path inside the study folder.
        thumbnail: where its small copy goes, likewise.
        weight_picture: where the small picture of the area weight goes, likewise.
    """

    folder: Path
    file: str
    photo_sha256: str
    view_name: str
    view: View
    chart: Chart
    long_side: int
    geometry: Geometry
    marker_side_mm: float
    limits: QualityLimits
    model: str
    models: Path | None
    mask_sha256: str
    surfaces_sha256: str
    overlay: str
    thumbnail: str
    weight_picture: str


@dataclass(frozen=True)
class PhotoOutcome:
    """What a job found.

    Attributes:
        verdict: ``usable``, ``warn`` or ``retake``; ``refused`` when the photograph could not be read at all.
        problems: sentences a nurse can act on.
        areas: surface name to areas, in units of the frame.
        areas_flat: the same with every pixel counted alike.
        geometry_flags: surface name to the reason why its geometry is not to be trusted.
        outline: surface name to what a wrong outline would change.
        scale: what a scale marker says, of the upright original; None where none was found.
        detached_cm2: of the view's surfaces, with that scale.
        mask_sha256: of the mask used; empty when refused.
        certainty: of the model, if the model was asked.
        fingerprint: of the picture, for finding near-duplicates.
    """

    verdict: str
    problems: tuple[str, ...] = ()
    areas: Mapping[str, Areas] | None = None
    areas_flat: Mapping[str, Areas] | None = None
    geometry_flags: Mapping[str, str] = field(default_factory=dict)
    outline: Mapping[str, Doubt] = field(default_factory=dict)
    scale: Scale | None = None
    detached_cm2: float | None = None
    mask_sha256: str = ""
    certainty: float | None = None
    fingerprint: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values, to be stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PhotoOutcome:
        """The reverse of :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: not such values.
        """
        areas, flat = (
            None if listed is None else {name: Areas(**values) for name, values in listed.items()}
            for listed in (data["areas"], data["areas_flat"])
        )
        return cls(
            verdict=str(data["verdict"]),
            problems=tuple(data["problems"]),
            areas=areas,
            areas_flat=flat,
            geometry_flags={str(name): str(flag) for name, flag in data["geometry_flags"].items()},
            outline={
                str(name): Doubt(*(_span(doubt[kind]) for kind in ("detached", "reepithelialised")))
                for name, doubt in data["outline"].items()
            },
            scale=None if data["scale"] is None else Scale(**data["scale"]),
            detached_cm2=data["detached_cm2"],
            mask_sha256=str(data["mask_sha256"]),
            certainty=data["certainty"],
            fingerprint=data["fingerprint"],
        )


def _span(ends: Sequence[float]) -> tuple[float, float]:
    least, most = ends
    return float(least), float(most)


def measure_photo(job: PhotoJob) -> PhotoOutcome:
    """Do the work on one photograph. A photograph that cannot be used gives an outcome that says why.

    Raises:
        StudyError: the study folder cannot be written to, which ends the whole batch.
        ModelError: the model cannot be loaded, likewise.
    """
    try:
        photo = read_photo(job.folder / job.file, long_side=job.long_side)
    except PhotoError as error:
        return PhotoOutcome("refused", (str(error),))
    if photo.sha256 != job.photo_sha256:
        name = printable(job.file)
        return PhotoOutcome("refused", (f"{name} was changed while it was measured: run the same command again.",))
    try:
        labels, certainty = _labels(job, photo)
        surfaces = _surfaces(job, labels)
    except MaskError as error:
        return PhotoOutcome("refused", (f"{job.file} cannot be measured: {error}",))
    mask_sha256 = job.mask_sha256 or store_mask(job.folder, labels)
    drawn = draw_overlay(photo.pixels, labels, long_side=OVERLAY_LONG_SIDE)
    write_bytes(job.folder / job.overlay, thumbnail(drawn, OVERLAY_LONG_SIDE))
    write_bytes(job.folder / job.thumbnail, thumbnail(drawn))
    quality = judge(photo, labels, job.view_name, job.limits)
    areas = view_areas(labels, surfaces, job.view, job.chart, job.geometry)
    if areas.weight is not None:
        shown = [surface_number(name, job.chart) for name in job.view.surfaces]
        picture = draw_weight(photo.pixels, labels, surfaces, areas.weight, shown, long_side=WEIGHT_LONG_SIDE)
        write_bytes(job.folder / job.weight_picture, thumbnail(picture, WEIGHT_LONG_SIDE))
    scale, detached_cm2 = _size(job, photo, areas.weighted)
    return PhotoOutcome(
        verdict=quality.verdict,
        problems=quality.problems,
        areas=areas.weighted,
        areas_flat=areas.flat,
        geometry_flags=areas.flags,
        outline=areas.doubt,
        scale=scale,
        detached_cm2=detached_cm2,
        mask_sha256=mask_sha256,
        certainty=certainty,
        fingerprint=photo_fingerprint(photo.pixels),
    )


def _size(job: PhotoJob, photo: Photo, areas: Mapping[str, Areas]) -> tuple[Scale | None, float | None]:
    """The scale of the upright original and how many cm² are detached, if the photograph shows a marker."""
    found = find_scale(photo.pixels, job.marker_side_mm) if job.marker_side_mm else None
    if found is None:
        return None, None
    height, width = photo.pixels.shape[:2]
    frame = height * width * found.cm_per_pixel**2
    detached = math.fsum(each.detached * frame for each in areas.values())
    return replace(found, cm_per_pixel=found.cm_per_pixel * width / photo.width), detached


def inspect_photo(job: PhotoJob) -> PhotoOutcome:
    """Judge one photograph's quality; measures nothing and writes nothing. Raises ModelError as measure_photo."""
    try:
        photo = read_photo(job.folder / job.file, long_side=job.long_side)
    except PhotoError as error:
        return PhotoOutcome("refused", (str(error),))
    labels, _ = _labels(job, photo)
    quality = judge(photo, labels, job.view_name, job.limits)
    return PhotoOutcome(quality.verdict, quality.problems)


def _labels(job: PhotoJob, photo: Photo) -> tuple[npt.NDArray[np.uint8], float | None]:
    """The classes of every pixel, from the stored reading or from the model, and how certain the model is."""
    height, width = photo.pixels.shape[:2]
    if not job.mask_sha256:
        segmentation = segment(load_model(job.model, job.models), photo.pixels)
        return segmentation.labels, segmentation.certainty
    labels = load_mask(job.folder, job.mask_sha256)
    check_classes(labels, job.file)
    # The protocol's working size may have changed since the mask was stored.
    return labels if labels.shape == (height, width) else resize_mask(labels, width, height), None


@dataclass(frozen=True)
class ViewAreas:
    """Areas of every surface that a view shows: ``weighted`` by the skin that a pixel stands for, ``flat`` with every
    pixel alike; ``flags``, ``doubt`` and ``weight`` as in :class:`AreaWeight`."""

    weighted: Mapping[str, Areas]
    flat: Mapping[str, Areas]
    flags: Mapping[str, str]
    doubt: Mapping[str, Doubt] = field(default_factory=dict)
    weight: npt.NDArray[np.float32] | None = None


def view_areas(
    labels: npt.NDArray[np.uint8],
    surfaces: npt.NDArray[np.uint8],
    view: View,
    chart: Chart,
    geometry: Geometry,
) -> ViewAreas:
    """Areas of every surface that a view shows, from its (height, width) uint8 classes and surface map."""
    return areas_of_masks([labels], surfaces, view, chart, geometry)[0]


def areas_of_masks(
    masks: Sequence[npt.NDArray[np.uint8]],
    surfaces: npt.NDArray[np.uint8],
    view: View,
    chart: Chart,
    geometry: Geometry,
) -> list[ViewAreas]:
    """As :func:`view_areas` for several readers' classes of one silhouette and one surface map, at about the price of
    one."""
    # Nothing counts beside the surfaces; a run cut at the box's edge adds up to the same, since float64 holds the sum
    # of a photograph's float32 weights without rounding.
    box = bounding_box(surfaces > 0)
    inside, *readers = (np.ascontiguousarray(image[box]) for image in (surfaces, *masks))
    runs = find_runs([inside, *readers])
    on = runs.of(inside)
    found = area_weights(masks, surfaces, view, chart, geometry)
    weight = found[0].weight
    skin = None if weight is None else runs.sums(weight[box])
    listed = []
    for labels, own in zip(readers, found, strict=True):
        classes = runs.of(labels)
        flat = _areas_by_surface(on, classes, runs.lengths, surfaces.size, view, chart)
        weighted = flat if skin is None else _areas_by_surface(on, classes, skin, surfaces.size, view, chart)
        listed.append(ViewAreas(weighted, flat, own.flags, own.doubt, weight))
    return listed


def _areas_by_surface(
    surfaces: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.uint8],
    areas: npt.NDArray[np.float64] | npt.NDArray[np.intp],
    frame: int,
    view: View,
    chart: Chart,
) -> dict[str, Areas]:
    """Areas of the view's surfaces from pieces (R,) with a surface's number, a class and an area in pixels each."""
    cells = surfaces.astype(np.intp) * len(Tissue) + classes
    totals = np.bincount(cells, areas, minlength=256 * len(Tissue)).reshape(-1, len(Tissue)) / float(frame)
    return {
        name: Areas(**{tissue.name.lower(): float(row[tissue]) for tissue in Tissue if tissue != Tissue.BACKGROUND})
        for name in view.surfaces
        for row in (totals[surface_number(name, chart)],)
    }


def resize_mask(labels: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """A (height, width) uint8 mask at another size, each pixel the class of the nearest one."""
    return np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _surfaces(job: PhotoJob, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if not job.surfaces_sha256:
        return surface_map(labels, job.view, job.chart)
    surfaces = load_mask(job.folder, job.surfaces_sha256)
    if int(surfaces.max(initial=0)) > len(job.chart.surfaces):
        raise MaskError(f"The surface map of {job.file} names a surface that the chart does not have: draw it again.")
    return resize_mask(surfaces, labels.shape[1], labels.shape[0]) if surfaces.shape != labels.shape else surfaces
