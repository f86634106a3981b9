"""What a decision means for its visit and its patient while it is made: nothing is guessed, so there are two answers.

Whatever is not decided yet, in the open photograph and in the patient's others, counts once as A has it and once as B
has it. The two come together as the decision goes on, and are one when everything is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bsa_measure.adjudicate import Adjudication
from bsa_measure.compare import ComparedPhoto, read_result, working_job
from bsa_measure.compare_photos import areas_of_readings
from bsa_measure.errors import MaskError
from bsa_measure.final_readings import final_reading
from bsa_measure.photo import photo_size
from bsa_measure.photo_job import ViewAreas
from bsa_measure.readings import Reading, Readings
from bsa_measure.results import PhotoResult

from .canvas import Plane
from .tools.counts import Board, Count, Figures, count
from .tools.patch import Patch

UNDECIDED = 255
"""Value of a pixel of the result that nobody has decided yet."""


def filled(labels: Plane, by: Plane) -> Plane:
    """The result with what is undecided as one of the readers has it; both (height, width) uint8."""
    return np.where(labels == UNDECIDED, by, labels).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Standing:
    """How the open photograph's visit and patient stand, with the rest as A (first) and as B (second).

    Attributes:
        readers: the classes of the two readers of the open photograph.
        counts: its sums, filled up by each.
        boards: the patient's other photographs, likewise.
    """

    readers: tuple[Plane, Plane]
    counts: tuple[Count, Count]
    boards: tuple[Board, Board]

    @property
    def is_old(self) -> bool:
        """Whether something has to be counted anew: :meth:`recount`."""
        return any(found.provisional or found.doubt_is_old for found in self.counts)

    def after(self, before: Patch, new: Patch) -> Standing:
        """The same once ``new`` replaces ``before`` in the result."""
        found = tuple(
            found.after(*(Patch(p.top, p.left, filled(p.labels, reader[p.box])) for p in (before, new)))
            for found, reader in zip(self.counts, self.readers, strict=True)
        )
        return replace(self, counts=(found[0], found[1]))

    def figures(self) -> tuple[Figures, Figures]:
        """With the rest as A, and as B."""
        first, second = (board.figures(found.areas) for board, found in zip(self.boards, self.counts, strict=True))
        return first, second


def standing(
    adjudication: Adjudication,
    compared: ComparedPhoto,
    letters: tuple[int, int],
    readers: tuple[Plane, Plane],
    surfaces: Plane | None,
    result: Plane,
) -> tuple[Standing, Callable[[Plane], tuple[Count, Count]]]:
    """How a photograph that is opened stands, and how to count its result anew. Slow: tens of milliseconds, and a
    photograph's time more for each of the patient's that was decided otherwise than either reader has it.

    Args:
        adjudication: as opened or refreshed.
        compared: the photograph.
        letters: places of A and B among the readers of the comparison.
        readers: (height, width) uint8 classes of A and B.
        surfaces: the map that both drew alike; None: the automatic split.
        result: (height, width) uint8 classes, or :data:`UNDECIDED`.

    Raises:
        MaskError: a mask of the record is missing or damaged.
    """
    study, photo = adjudication.comparison.study, compared.photo
    view, geometry = photo.shows, study.protocol.measure.geometry
    assert view is not None

    def counts(labels: Plane) -> tuple[Count, Count]:
        first, second = (count(filled(labels, by), view, study.chart, geometry, surfaces=surfaces) for by in readers)
        return first, second

    record = Readings(adjudication.folder).all()
    own = [other for other in adjudication.comparison.photos if other.photo.patient == photo.patient]
    decided = {other.photo.file: _decided(adjudication, other, record) for other in own if other is not compared}
    boards = []
    for place in letters:
        listed: list[PhotoResult] = []
        for other in own:
            reading, areas = decided.get(other.photo.file) or (other.readings[place], other.areas[place])
            listed.append(read_result(other.photo, reading, areas))
        boards.append(Board(study, listed, photo.file, "adjudicated"))
    return Standing(readers, counts(result), (boards[0], boards[1])), counts


def _decided(
    adjudication: Adjudication, other: ComparedPhoto, record: Sequence[Reading]
) -> tuple[Reading, ViewAreas] | None:
    """The decision about a photograph and its areas; None where none stands."""
    own = [reading for reading in record if reading.photo_sha256 == other.readings[0].photo_sha256]
    names = [info.reader for info in adjudication.comparison.readers]
    decision = final_reading(own, "", names)
    if decision is None:
        return None
    for reading, areas in zip(other.readings, other.areas, strict=True):
        same = reading.mask_sha256 == decision.mask_sha256 and reading.surfaces_sha256 == decision.surfaces_sha256
        if same and reading.view == decision.view:
            return decision, areas
    _, width, height = photo_size(other.photo.path)
    job = working_job(adjudication.comparison.study, other.photo, (width, height), (decision,))
    outcome = areas_of_readings(job)
    if outcome.problem:
        raise MaskError(outcome.problem)
    return decision, outcome.areas[0]
