"""A third person's work on the photographs that two readers have read differently; knows neither Qt nor napari.

The result starts with what both readers agree on. Every region that they do not agree on is :data:`UNDECIDED` until the
adjudicator takes it from A or from B, merges the two, or paints it. So nothing is decided by leaving it alone, undo
opens a region again, and a decision cannot be recorded while a region is open. Slivers that are too small to be listed
are A's; the letters are drawn anew for every visit, so that favours nobody.

Shares with the correction: canvas, history, journal and draft, the tools, the active clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bsa_measure.adjudicate import (
    Adjudication,
    BlindedPhoto,
    blinded_photo,
    open_adjudication,
    record_decisions,
    refreshed,
)
from bsa_measure.adjudication import FRESH, Decision, DisputedPhoto, DisputedVisit
from bsa_measure.errors import ReadingError
from bsa_measure.geometry import area_weight
from bsa_measure.photo import read_photo
from bsa_measure.readings import Reading
from bsa_measure.report.words import day_label
from bsa_measure.surfaces import surface_map
from bsa_measure.tissue import Tissue

from .canvas import Edit, Plane
from .draft import Drafted, Start, Taken, reader_folder, take_up
from .standing import UNDECIDED, Standing, standing
from .tools.counts import Count, Figures
from .tools.disagreement import Disagreement, disagreements, merge, next_after, take
from .tools.patch import Patch, difference

SMALLEST: Final = 2e-4
"""Share of the photograph's skin below which a disagreement is not listed."""

MERGE_ORDER: Final = (
    Tissue.DETACHED,
    Tissue.REEPITHELIALISED,
    Tissue.NOT_ASSESSABLE,
    Tissue.INTACT,
    Tissue.BACKGROUND,
)
"""Merging takes what either reader called detached, then the next of these: it never makes skin healthier."""

REASONS: Final = (
    "follows the visible border",
    "the other missed a lesion",
    "redness or a macule, not detached",
    "healed, not detached",
    "dressing, cream or glare",
    "both in part",
    "other",
)
"""The list that an adjudicator chooses from."""


@dataclass(frozen=True)
class Case:
    """A photograph that has to be decided.

    Attributes:
        visit, disputed: as the worklist has them.
        name: patient, visit and view; no reader.
    """

    visit: DisputedVisit
    disputed: DisputedPhoto
    name: str

    @property
    def decided(self) -> bool:
        """Whether it has a decision that still holds."""
        return self.disputed.decision is not None


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A photograph that is ready to be shown.

    Attributes:
        case: which.
        pixels: (height, width, 3) uint8 RGB at the working size.
        a, b: (height, width) uint8 classes of the readings called ``letters[0]`` and ``letters[1]``.
        letters: the two readings that are shown, e.g. ``("A", "B")``.
        pair: both, with their surface maps.
        regions: where they differ, the largest first.
        taken: the result so far, from the draft.
        folder: of the draft.
        standing: what the result so far means; None where the view shows no surface.
        recount: how to count a result anew.
    """

    case: Case
    pixels: npt.NDArray[np.uint8]
    a: Plane
    b: Plane
    letters: tuple[str, str]
    pair: BlindedPhoto
    regions: tuple[Disagreement, ...]
    taken: Taken
    folder: Path
    standing: Standing | None
    recount: Callable[[Plane], tuple[Count, Count]] | None


class OpenCase(Drafted):
    """The photograph that is being decided. Every act is journalled as it is done.

    Args:
        loaded: what :meth:`AdjudicationSession.load` returned.
        failed: called, from another thread, with a sentence when the draft cannot be written.

    Raises:
        StudyError: another window of the same adjudicator holds the photograph.
    """

    def __init__(self, loaded: LoadedCase, failed: Callable[[str], None]) -> None:
        self.case = loaded.case
        self.pixels, self.a, self.b, self.letters = loaded.pixels, loaded.a, loaded.b, loaded.letters
        self.regions = loaded.regions
        self.current: int | None = None
        self._pair = loaded.pair
        self._standing, self._recount = loaded.standing, loaded.recount
        self._version = 0
        super().__init__(loaded.taken, loaded.folder, failed)

    @property
    def figures(self) -> tuple[Figures, Figures] | None:
        """The visit and the patient with everything that is not decided yet as A has it, and as B has it."""
        return None if self._standing is None else self._standing.figures()

    @property
    def is_old(self) -> bool:
        """Whether the figures have to be counted anew, because an outline has moved."""
        return self._standing is not None and self._standing.is_old

    def recount(self) -> Callable[[], tuple[int, tuple[Count, Count]]]:
        """Count anew: a slow call for another thread, whose answer goes to :meth:`counted`."""
        assert self._recount is not None
        version, labels, counts = self._version, self.canvas.labels.copy(), self._recount
        return lambda: (version, counts(labels))

    def counted(self, answer: tuple[int, tuple[Count, Count]]) -> bool:
        """Take over a new count; False when something was decided meanwhile and it has to be asked again."""
        version, found = answer
        if version != self._version or self._standing is None:
            return False
        self._standing = replace(self._standing, counts=found)
        return True

    def _changed(self, edit: Edit, *, back: bool) -> None:
        """Correct the sums by what an act changed."""
        self._version += 1
        change = edit.of("labels")
        if change is not None and self._standing is not None:
            patches = (change.after, change.before) if back else (change.before, change.after)
            self._standing = self._standing.after(*patches)

    @property
    def settled(self) -> frozenset[int]:
        """Numbers of the regions in which no pixel is undecided."""
        return frozenset(
            number
            for number, region in enumerate(self.regions)
            if not (self.canvas.labels[region.box][region.area.inside] == UNDECIDED).any()
        )

    @property
    def open_regions(self) -> int:
        """How many regions are still to be decided."""
        return len(self.regions) - len(self.settled)

    def next(self) -> Disagreement | None:
        """Go to the next region that is not settled; None when all are."""
        self.clock.touch()
        following = next_after(list(self.regions), self.settled, self.current)
        if following is None:
            return None
        self.current = following
        return self.regions[following]

    def go_to(self, point: tuple[int, int]) -> Disagreement | None:
        """Make the region at a pixel the current one; None where the readers agree."""
        for number, region in enumerate(self.regions):
            row, column = point[0] - region.area.top, point[1] - region.area.left
            height, width = region.area.inside.shape
            if 0 <= row < height and 0 <= column < width and region.area.inside[row, column]:
                self.current = number
                return region
        return None

    def take(self, letter: str, *, everything: bool = False) -> Edit | None:
        """Give the current region, or the whole photograph, the classes of one of the two readings.

        Raises:
            ReadingError: no region is current, or the letter is not one of the two.
        """
        if letter not in self.letters:
            raise ReadingError(f"{letter} is not one of the two readings that are shown.")
        chosen = self.a if letter == self.letters[0] else self.b
        if everything:
            return self._lay(difference(self.canvas.labels, chosen), f"all of {letter}")
        return self._lay(take(self.canvas.labels, chosen, self._region()), f"took {letter}")

    def merge(self) -> Edit | None:
        """Give every pixel of the current region the class of MERGE_ORDER that comes first of the two.

        Raises:
            ReadingError: no region is current.
        """
        merged = merge(self.canvas.labels, self.a, self.b, self._region(), order=MERGE_ORDER)
        return self._lay(merged, "merged")

    def merge_rest(self) -> Edit | None:
        """Merge, as :meth:`merge`, wherever nothing is decided yet."""
        result = self.canvas.labels.copy()
        for number in set(range(len(self.regions))) - self.settled:
            region = self.regions[number]
            merge(self.canvas.labels, self.a, self.b, region, order=MERGE_ORDER).lay(result)
        # What the adjudicator has painted inside an open region stays.
        decided = self.canvas.labels != UNDECIDED
        result[decided] = self.canvas.labels[decided]
        return self._lay(difference(self.canvas.labels, result), "merged the rest")

    def paint_region(self, tissue: Tissue) -> Edit | None:
        """Give the current region a class of the adjudicator's own.

        Raises:
            ReadingError: no region is current.
        """
        region = self._region()
        box = region.box
        new = np.where(region.area.inside, np.uint8(tissue), self.canvas.labels[box])
        return self._lay(Patch(region.area.top, region.area.left, new), f"painted {tissue.title}")

    def painted(self, shown: Plane) -> Edit | None:
        """Take over what was painted on a copy of the result."""
        return self._did(self.canvas.take(shown, "painted"))

    def decision(self, chosen: str, text: str = "") -> Decision:
        """The decision as it is to be recorded: one of the readings where nothing of it was changed, else a fresh one.

        Args:
            chosen: an entry of REASONS.
            text: in the adjudicator's own words; needed with ``other``.

        Raises:
            ReadingError: a region is open, or the reason is missing.
        """
        self.clock.touch()
        words = " ".join(text.split())
        if chosen not in REASONS or (chosen == "other" and not words):
            raise ReadingError("A decision needs a reason: choose one, or write in a few words why.")
        left = self.open_regions
        if left:
            regions = "One disagreement is" if left == 1 else f"{left} disagreements are"
            raise ReadingError(f"{regions} not decided yet: take A or B, merge, or paint.")
        reason = f"{chosen}: {words}" if words else chosen
        file, seconds = self.case.disputed.file, round(self.clock.seconds, 1)
        for letter, mask in zip(self.letters, (self.a, self.b), strict=True):
            if np.array_equal(self.canvas.labels, mask):
                return Decision(file, letter, reason, active_seconds=seconds)
        mask = np.where(self.canvas.labels == UNDECIDED, self.a, self.canvas.labels)
        return Decision(file, FRESH, reason, mask, _common_map(self._pair), seconds)

    def _region(self) -> Disagreement:
        if self.current is None:
            raise ReadingError("Go to a disagreement first: press N, or click on it.")
        return self.regions[self.current]

    def _lay(self, patch: Patch, what: str) -> Edit | None:
        return self._did(None if patch.is_empty else self.canvas.apply(patch, what))


class AdjudicationSession:
    """One adjudicator's work on one study; see :meth:`begin`.

    Attributes:
        adjudication: as opened; it names the readers, so nothing of it but the cases is shown.
        adjudicator: who decides.
        cases: every photograph of the worklist, the most important visit first.
        open: the photograph in the window.
    """

    def __init__(self, adjudication: Adjudication, adjudicator: str) -> None:
        self.adjudication = adjudication
        self.adjudicator = adjudicator
        self.open: OpenCase | None = None
        self.cases: tuple[Case, ...] = _cases(adjudication)

    @classmethod
    def begin(cls, folder: Path, adjudicator: str, *, workers: int = 1) -> AdjudicationSession:
        """Compare the study's readers and list what has to be decided. Slow: seconds to a minute.

        Raises:
            ReadingError: there are not two readers, or the adjudicator is one of them.
            BsaMeasureError: the study cannot be used.
        """
        adjudication = open_adjudication(folder, workers=workers)
        # Recording nothing checks the name before anything is painted.
        record_decisions(adjudication, (), adjudicator=adjudicator)
        return cls(adjudication, adjudicator.strip())

    @property
    def decided(self) -> int:
        """How many photographs have a decision."""
        return sum(case.decided for case in self.cases)

    def next(self) -> Case | None:
        """The next photograph without a decision, after the open one and then from the start; None: all have one."""
        files = [case.disputed.file for case in self.cases]
        start = files.index(self.open.case.disputed.file) + 1 if self.open else 0
        return next((case for case in (*self.cases[start:], *self.cases[:start]) if not case.decided), None)

    def load(self, case: Case) -> LoadedCase:
        """Read everything that is needed to show a photograph. Slow; safe in another thread.

        Raises:
            BsaMeasureError: the photograph, a mask or the draft cannot be used.
        """
        study = self.adjudication.comparison.study
        pair = blinded_photo(self.adjudication, case.disputed.file)
        a, b = (pair.masks[letter] for letter in pair.between)
        photo = read_photo(pair.path, long_side=study.protocol.measure.working_long_side)
        weight = self._weight(case, a)
        regions = tuple(disagreements(a, b, weight, smallest=SMALLEST))
        result = a.copy()
        for region in regions:
            result[region.box][region.area.inside] = UNDECIDED
        # The code changes when a reader reads again: then the old draft no longer fits.
        sha256 = case.disputed.compared.readings[0].photo_sha256
        folder = reader_folder(study.folder, self.adjudicator) / f"decide-{sha256[:16]}-{case.visit.code}"
        taken = take_up(folder, Start(result))
        found, recount = None, None
        if case.disputed.compared.photo.shows is not None:
            letters = [case.visit.letters.index(letter) for letter in pair.between]
            places = case.visit.order[letters[0]], case.visit.order[letters[1]]
            drawn = _common_map(pair)
            result = taken.canvas.labels
            found, recount = standing(self.adjudication, case.disputed.compared, places, (a, b), drawn, result)
        return LoadedCase(case, photo.pixels, a, b, pair.between, pair, regions, taken, folder, found, recount)

    def show(self, loaded: LoadedCase, failed: Callable[[str], None] = lambda sentence: None) -> OpenCase:
        """Make a loaded photograph the open one; the draft of the one before stays on the disk.

        Raises:
            StudyError: another window of the same adjudicator holds the photograph.
        """
        self.leave()
        self.open = OpenCase(loaded, failed)
        return self.open

    def leave(self) -> None:
        """Close the open photograph; what was decided in part stays as a draft."""
        if self.open is not None:
            self.open.close()
            self.open = None

    def record(self, decision: Decision) -> Reading | None:
        """Record a decision. Slow; safe in another thread.

        Returns:
            The new reading; None when the same decision was recorded before.

        Raises:
            BsaMeasureError: it cannot be written. The draft stays.
        """
        report = record_decisions(self.adjudication, [decision], adjudicator=self.adjudicator)
        if report.problems:
            raise ReadingError(report.problems[0])
        return report.recorded[0] if report.recorded else None

    def recorded(self, file: str) -> None:
        """The decision about a photograph is in the record: it is done and its draft no longer needed."""
        if self.open is not None and self.open.case.disputed.file == file:
            photo, self.open = self.open, None
            photo.close(discard=True)
        self.adjudication = refreshed(self.adjudication)
        self.cases = _cases(self.adjudication)

    def _weight(self, case: Case, labels: Plane) -> npt.NDArray[np.float32] | None:
        view = case.disputed.compared.photo.shows
        study = self.adjudication.comparison.study
        if view is None:
            return None
        numbers = surface_map(labels, view, study.chart)
        return area_weight(labels, numbers, view, study.chart, study.protocol.measure.geometry).weight


def _common_map(pair: BlindedPhoto) -> Plane | None:
    """The surface map of two readers who divided the surfaces alike; None: the automatic split decides."""
    first, second = (pair.surfaces.get(letter) for letter in pair.between)
    return first if first is not None and second is not None and np.array_equal(first, second) else None


def _cases(adjudication: Adjudication) -> tuple[Case, ...]:
    return tuple(
        Case(visit, disputed, f"{visit.patient} {day_label(visit.day)} {disputed.compared.photo.view}")
        for visit in adjudication.worklist.visits
        for disputed in visit.photos
    )
