"""The numbers beside the open photograph, kept up to date stroke by stroke.

The sums of every class on every surface are corrected by what a stroke changed, and everything after the sums is done
by the core, so that the number shown is the number that ``measure`` gives for the same mask: not nearly, but to the
last digit. An area weight is a float32 between 0.1 and 20, a multiple of 2**-27, and a photograph's weights sum to less
than 2**26; so every partial sum fits into a float64 exactly and the order of adding changes nothing.

Only a stroke that changes what is body and what is background moves the automatic split and the area weights of the
whole photograph. Its count is marked ``provisional`` and :func:`count` has to be asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.assemble import visit_of, visits_of
from bsa_measure.bsa import VisitBsa
from bsa_measure.chart import Chart
from bsa_measure.course import Healing, healing
from bsa_measure.endpoint import Call, call
from bsa_measure.fractions import Areas, Doubt
from bsa_measure.geometry import Geometry, area_weight
from bsa_measure.photo_job import ViewAreas
from bsa_measure.protocol import View
from bsa_measure.results import PhotoResult
from bsa_measure.study import Study
from bsa_measure.surfaces import SurfaceMap, surface_map, surface_number
from bsa_measure.tissue import Tissue

from .patch import Labels, Patch

_CLASSES = len(Tissue)


@dataclass(frozen=True, eq=False)
class Count:
    """Sums of the classes on the surfaces of one photograph.

    Attributes:
        names: surfaces that the view shows.
        place_of: (256,) surface number to its place in ``names``; ``len(names)`` for every other.
        surfaces: (height, width) uint8 surface map that was counted on.
        redrawn: whether a person drew that map, so that it does not follow the silhouette.
        weight: (height, width) float32 skin area of a pixel; None where every pixel counts alike.
        flags: surface name to the reason why its weight is not to be trusted.
        sums: (surfaces + 1, classes) float64 weighted sums.
        flat_sums: the same with every pixel counted alike.
        provisional: whether the silhouette has changed since the map and the weights were made.
        doubt: surface name to what a wrong outline would change, as it was when the photograph was last counted anew.
        doubt_is_old: whether labels have changed since; only the bounds of the figures follow from it.
    """

    names: tuple[str, ...]
    place_of: npt.NDArray[np.uint8]
    surfaces: SurfaceMap
    redrawn: bool
    weight: npt.NDArray[np.float32] | None
    flags: Mapping[str, str]
    sums: npt.NDArray[np.float64]
    flat_sums: npt.NDArray[np.float64]
    provisional: bool = False
    doubt: Mapping[str, Doubt] = field(default_factory=dict)
    doubt_is_old: bool = False

    def after(self, before: Patch, new: Patch) -> Count:
        """The count once ``new`` is laid over the labels, where it replaces ``before``, a patch of the same place."""
        changed = np.nonzero(before.labels != new.labels)
        if not len(changed[0]):
            return self
        old, now = before.labels[changed], new.labels[changed]
        place = self.place_of[self.surfaces[new.box][changed]].astype(np.int16) * _CLASSES
        weight = None if self.weight is None else self.weight[new.box][changed]
        flat_step = self._tally(place + now, None) - self._tally(place + old, None)
        step = flat_step if weight is None else self._tally(place + now, weight) - self._tally(place + old, weight)
        silhouette = bool(((old == Tissue.BACKGROUND) != (now == Tissue.BACKGROUND)).any())
        moves = silhouette and (self.weight is not None or not self.redrawn)
        return replace(
            self,
            sums=self.sums + step,
            flat_sums=self.flat_sums + flat_step,
            provisional=self.provisional or moves,
            doubt_is_old=self.doubt_is_old or self.weight is not None,
        )

    @property
    def areas(self) -> ViewAreas:
        """As the core's ``view_areas`` gives them for the same labels, without the picture of the weight."""
        flat = self._areas(self.flat_sums)
        weighted = flat if self.weight is None else self._areas(self.sums)
        return ViewAreas(weighted, flat, self.flags, self.doubt)

    def _areas(self, sums: npt.NDArray[np.float64]) -> dict[str, Areas]:
        frame = float(self.surfaces.size)
        share = sums / frame
        return {
            name: Areas(
                intact=float(row[Tissue.INTACT]),
                detached=float(row[Tissue.DETACHED]),
                reepithelialised=float(row[Tissue.REEPITHELIALISED]),
                not_assessable=float(row[Tissue.NOT_ASSESSABLE]),
            )
            for name, row in zip(self.names, share[:-1], strict=True)
        }

    def _tally(self, cells: npt.NDArray[np.int16], weight: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float64]:
        return _tally(cells, weight, len(self.names) + 1)


def count(labels: Labels, view: View, chart: Chart, geometry: Geometry, *, surfaces: SurfaceMap | None = None) -> Count:
    """Count a photograph anew.

    Args:
        labels: (height, width) uint8 classes at the working size, because that is what ``measure`` counts.
        view: the standard photograph it is.
        chart: numbers the surfaces.
        geometry: how much skin a pixel stands for.
        surfaces: (height, width) uint8 surface map, if a person has drawn one; else the automatic split.
    """
    split = surface_map(labels, view, chart) if surfaces is None else surfaces
    found = area_weight(labels, split, view, chart, geometry)
    names = tuple(view.surfaces)
    place_of = np.full(256, len(names), np.uint8)
    for place, name in enumerate(names):
        place_of[surface_number(name, chart)] = place
    cells = cv2.LUT(split, place_of * np.uint8(_CLASSES)) + labels
    rows = len(names) + 1
    flat = _tally(cells.ravel(), None, rows)
    sums = flat if found.weight is None else _tally(cells.ravel(), found.weight.ravel(), rows)
    return Count(names, place_of, split, surfaces is not None, found.weight, found.flags, sums, flat, doubt=found.doubt)


def _tally(
    cells: npt.NDArray[np.integer], weight: npt.NDArray[np.float32] | None, rows: int
) -> npt.NDArray[np.float64]:
    """Sum of the weights of every (surface, class), (rows, classes) float64."""
    counted = np.bincount(cells, weights=weight, minlength=rows * _CLASSES)
    return counted.astype(np.float64).reshape(rows, _CLASSES)


def at_working_size(patch: Patch, full: tuple[int, int], working: tuple[int, int]) -> Patch:
    """What a patch of the full-size mask changes in the working image, as the core's ``resize_mask`` samples it.

    Args:
        patch: on labels of ``full`` (height, width).
        full, working: (height, width) of the two.
    """
    if full == working:
        return patch
    rows = _sampled(full[0], working[0], patch.box[0])
    columns = _sampled(full[1], working[1], patch.box[1])
    part = patch.labels[np.ix_(rows[1] - patch.top, columns[1] - patch.left)]
    return Patch(rows[0], columns[0], part)


def _sampled(full: int, working: int, along: slice) -> tuple[int, npt.NDArray[np.intp]]:
    """First line of the working image that is sampled from these lines, and the line that each is sampled from."""
    # cv2 is asked rather than imitated: its rounding is its own.
    line = np.arange(full, dtype=np.float32)[None, :]
    source = cv2.resize(line, (working, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0].astype(np.intp)
    first, end = np.searchsorted(source, [along.start, along.stop])
    return int(first), source[first:end]


@dataclass(frozen=True)
class Figures:
    """What a change of the open photograph means.

    Attributes:
        areas: of the photograph.
        visit: the photograph's visit in % BSA.
        healing: the patient on the day of that visit, relative to the maximum.
        call: whether the patient would count as a responder if that day were the day of the call.
    """

    areas: ViewAreas
    visit: VisitBsa
    healing: Healing
    call: Call


class Board:
    """Everything that the open photograph's figures need from the other photographs of the patient.

    Args:
        study: protocol, chart and declarations.
        photos: every photograph of this patient, as ``measure`` has found them.
        file: the open photograph, as in :class:`PhotoResult`.
        reader: whose reading it will be.

    Raises:
        KeyError: ``photos`` does not hold the file, or the study not its patient.
    """

    def __init__(self, study: Study, photos: Sequence[PhotoResult], file: str, reader: str) -> None:
        by_file = {photo.file: photo for photo in photos}
        self._study, self._photo, self._reader = study, by_file.pop(file), reader
        self._patient = study.patients[self._photo.patient]
        self._same_day = [photo for photo in by_file.values() if photo.day == self._photo.day]
        own = [photo for photo in photos if photo.patient == self._photo.patient]
        self._other_visits = [v for v in visits_of(study, self._patient, own) if v.day != self._photo.day]

    def figures(self, areas: ViewAreas) -> Figures:
        """The figures with these areas in place of what the photograph counted until now."""
        day = self._photo.day
        assert day is not None, "a photograph without a day is not opened"
        # Whoever outlined a photograph by hand has judged it fit to be read.
        photo = replace(
            self._photo,
            status="measured",
            reader=self._reader,
            areas=areas.weighted,
            areas_flat=areas.flat,
            geometry_flags=areas.flags,
            outline=areas.doubt,
        )
        visit = visit_of(self._study, self._patient, day, [*self._same_day, photo])
        rule = self._study.protocol.endpoint
        visits = [*self._other_visits, visit]
        healed = healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward)
        return Figures(areas, visit, healed, call(healed, rule))
