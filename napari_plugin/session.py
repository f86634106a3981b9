"""One reader's work on one study: the queue, the open photograph, and the reading that it ends in.

A session knows neither Qt nor napari. What is slow (:meth:`Session.begin`, :meth:`Session.load`,
:meth:`Session.record`) touches nothing that a window shows, so that a worker thread can do it; the rest is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bsa_measure import __version__
from bsa_measure.assemble import assemble
from bsa_measure.errors import LockedError, StudyError
from bsa_measure.files import printable
from bsa_measure.measure import MODEL_PREFIX, Planned, choose_model, measure_planned, photo_results, plan, provenance_of
from bsa_measure.photo_job import PhotoOutcome, ViewAreas, resize_mask
from bsa_measure.readings import NewAct, NewReading, Reading, Readings, lock_on, store_mask
from bsa_measure.results import PhotoResult
from bsa_measure.segment import Model
from bsa_measure.study import PhotoFile, Study, open_study
from bsa_measure.tissue import Tissue

from .blinding import BlindOrder, blind_order, stored_seed
from .canvas import Edit, Plane
from .draft import Drafted, Start, draft_folder, has_draft, reader_folder
from .loading import FULL_SIZE, Loaded, Previous, Source, Step, count_of, latest, load, start_of_reading
from .queue import Candidate, Item, Known, State, blinded_queue, deciding_visits, next_item, open_queue, with_state
from .reasons import Reason
from .tools.counts import Board, Count, Figures, at_working_size
from .tools.patch import Patch

BLIND_TITLE: Final = "blinded reading"


class OpenPhoto(Drafted):
    """The photograph that a reader works on. Every act is journalled as it is done.

    Args:
        item: its place in the queue.
        loaded: what :meth:`Session.load` returned.
        failed: called, from another thread, with a sentence when the draft cannot be written.

    Raises:
        StudyError: another window of the same reader holds the photograph.
    """

    def __init__(self, item: Item, loaded: Loaded, failed: Callable[[str], None]) -> None:
        self.item = item
        self.planned: Planned = loaded.planned
        self.pixels: npt.NDArray[np.uint8] = loaded.photo.pixels
        self.count: Count = loaded.count
        self.model: Plane | None = loaded.model
        self.previous: Previous | None = loaded.previous
        self._version = 0
        super().__init__(loaded.taken, loaded.folder, failed)

    @property
    def surfaces(self) -> Plane:
        """(height, width) uint8 surface map in use: a person's, or the automatic split."""
        if self.canvas.surfaces is not None:
            return self.canvas.surfaces
        height, width = self.canvas.size
        split = self.count.surfaces
        return split if split.shape == (height, width) else resize_mask(split, width, height)

    def recount(self) -> Callable[[], tuple[int, Count]]:
        """Count everything anew as it is painted now: a slow call for another thread, whose answer goes to
        :meth:`counted`. Needed when ``count.provisional`` or ``count.doubt_is_old``."""
        version, planned, labels = self._version, self.planned, self.canvas.labels.copy()
        surfaces = None if self.canvas.surfaces is None else self.canvas.surfaces.copy()
        return lambda: (version, count_of(planned, labels, surfaces))

    def counted(self, answer: tuple[int, Count]) -> bool:
        """Take over a new count; False when something was painted meanwhile and it has to be asked again."""
        version, found = answer
        if version != self._version:
            return False
        self.count = found
        return True

    def take(self, shown: Plane, what: str = "stroke") -> Edit | None:
        """Take over what was painted on a copy of the labels; see :meth:`Canvas.take`."""
        return self._did(self.canvas.take(shown, what))

    def apply(self, patch: Patch, what: str) -> Edit | None:
        """Lay a tool's patch over the labels."""
        return self._did(None if patch.is_empty else self.canvas.apply(patch, what))

    def take_bedside(self, shown: Plane) -> Edit | None:
        """Take over what was marked as detachable at the bedside."""
        return self._did(self.canvas.take_bedside(shown))

    def take_surfaces(self, shown: Plane, what: str = "surface map") -> Edit | None:
        """Take over a redrawn surface map."""
        return self._did(self.canvas.take_surfaces(shown, self.surfaces, what))

    def take_over(self, start: Start) -> Edit | None:
        """Go on from another reading of this photograph; this can be taken back."""
        nothing = np.zeros(self.canvas.size, np.uint8)
        painted = nothing if start.painted is None else start.painted
        bedside = nothing if start.bedside is None else start.bedside
        return self._did(self.canvas.take_over(start.labels, painted, bedside, start.surfaces, start.basis))

    def not_assessable(self) -> Edit | None:
        """Nothing of this view can be judged: all skin becomes not assessable, or the whole frame where there is
        none."""
        labels = self.canvas.labels
        body = labels != Tissue.BACKGROUND
        wanted = np.where(body if body.any() else True, np.uint8(Tissue.NOT_ASSESSABLE), labels).astype(np.uint8)
        return self.apply(Patch(0, 0, wanted), "whole view not assessable")

    def _changed(self, edit: Edit, *, back: bool) -> None:
        """Correct the sums by what an act changed."""
        self._version += 1
        if edit.of("surfaces") is not None:
            self.count = replace(self.count, provisional=True)
        change = edit.of("labels")
        if change is None:
            return
        before, new = (
            at_working_size(patch, self.canvas.size, self.count.surfaces.shape)
            for patch in ((change.after, change.before) if back else (change.before, change.after))
        )
        self.count = self.count.after(before, new)


@dataclass(frozen=True, eq=False)
class Finished:
    """A photograph as it is to be recorded: copies, so that the window can go on."""

    planned: Planned
    labels: Plane
    painted: Plane
    bedside: Plane
    surfaces: Plane | None
    parent: int | None
    reason: str
    seconds: float
    areas: ViewAreas


class Session:
    """See :meth:`begin`.

    Attributes:
        study, model: as opened.
        reader: the reader's name.
        queue: every photograph that can be read.
        open: the photograph in the window; None before the first and between two.
        left_out: photographs that cannot be read, with a sentence each; empty for a blinded reader.
    """

    def __init__(
        self,
        study: Study,
        reader: str,
        model: Model,
        plans: Sequence[Planned],
        readings: Sequence[Reading],
        order: BlindOrder | None,
        *,
        long_side: int,
    ) -> None:
        self.study = study
        self.reader = reader
        self.model = model
        self.open: OpenPhoto | None = None
        self.long_side = long_side
        self._order = order
        self._readings = list(readings)
        self._plans = {planned.sha256: planned for planned in plans if planned.job is not None}
        self._outcomes = {p.photo.file: p.stored for p in plans if p.stored is not None}
        self._all_plans = tuple(plans)
        self._board: Board | None = None
        self._read_here: set[str] = set()
        self.left_out = () if order else tuple(planned.problem for planned in plans if planned.job is None)
        self._results: dict[str, PhotoResult] = {}
        self.queue: tuple[Item, ...] = self._queue(plans)

    @classmethod
    def begin(
        cls, folder: Path, reader: str, *, blinded: bool = False, seed: int | None = None, full_size: bool = False
    ) -> Session:
        """Open a study for a reader. Reads every photograph's hash and the record: seconds for a large study.

        Args:
            folder: the study folder.
            reader: a person's name.
            blinded: visits in random order; neither patient, day, the model's nor another reader's labels are shown.
            seed: of the random order; drawn and stored when the reader has none yet.
            full_size: work at the photograph's own size instead of the protocol's.

        Raises:
            BsaMeasureError: the study, its record or its model cannot be used, or the name is no person's.
        """
        name = reader.strip()
        if not name or name.startswith(MODEL_PREFIX) or printable(name) != name:
            raise StudyError("The reader needs a name that does not begin with 'model:', e.g. --reader Duval.")
        study = open_study(folder)
        model = choose_model(study.protocol)
        record = Readings(folder)
        readings = record.all()
        plans = plan(study, readings, model, acts=record.acts())
        order = None
        if blinded:
            visits = [(p.photo.patient, p.photo.visit) for p in plans if p.job is not None]
            order = blind_order(visits, stored_seed(reader_folder(folder, name), seed))
        long_side = FULL_SIZE if full_size else study.protocol.measure.working_long_side
        return cls(study, name, model, plans, readings, order, long_side=long_side)

    @property
    def blinded(self) -> bool:
        """Whether the reader may know neither patient nor day."""
        return self._order is not None

    @property
    def title(self) -> str:
        """What the window is called."""
        return BLIND_TITLE if self.blinded else printable(self.study.folder.resolve().name)

    @property
    def done(self) -> int:
        """How many photographs of the queue the reader has read."""
        return sum(item.state == "done" for item in self.queue)

    def item(self, sha256: str) -> Item:
        """The place of a photograph in the queue."""
        return next(item for item in self.queue if item.sha256 == sha256)

    def next(self) -> Item | None:
        """The photograph to open next; None when all are read."""
        return next_item(self.queue, self.open.item if self.open else None)

    def readings_of(self, item: Item) -> tuple[Reading, ...]:
        """The readings of a photograph that this reader may see, in the order of recording.

        A blinded reader sees the own ones only.
        """
        found = [reading for reading in self._readings if reading.photo_sha256 == item.sha256]
        if self.blinded:
            found = [reading for reading in found if reading.reader == self.reader]
        return tuple(found)

    def item_of(self, path: Path) -> Item | None:
        """The place of a file in the queue; None when it is not in it."""
        wanted = path.absolute()
        return next((item for item in self.queue if item.photo.path.absolute() == wanted), None)

    def lock(self) -> str:
        """That the open photograph's visit is locked, so that no reading can be recorded; empty when it is not."""
        if self.open is None:
            return ""
        photo = self.open.planned.photo
        if lock_on(Readings(self.study.folder).acts(), photo.patient, photo.visit) is None:
            return ""
        return "This visit is locked: it can be looked at, and nothing can be recorded for it."

    def reading_planes(self, number: int) -> Start:
        """An earlier reading of the open photograph, to compare with or to go on from. Slow.

        Raises:
            MaskError: a mask is missing or damaged.
        """
        assert self.open is not None
        reading = next(reading for reading in self.readings_of(self.open.item) if reading.number == number)
        return start_of_reading(self.study.folder, reading, self.open.planned.photo.view, self.open.canvas.size)

    def unseen_surfaces(self) -> tuple[str, ...]:
        """Surfaces that no photograph of the open one's visit shows and that are not declared free of lesions."""
        figures = self.figures()
        if figures is None:
            return ()
        return tuple(s.surface for s in figures.visit.having("unseen") if not s.photos)

    def declared_surfaces(self) -> tuple[str, ...]:
        """Surfaces of the open photograph's visit that are declared free of lesions."""
        figures = self.figures()
        return () if figures is None else tuple(s.surface for s in figures.visit.having("uninvolved"))

    def declare(self, surface: str, *, uninvolved: bool = True, reason: str = "") -> None:
        """Record that a surface of the open photograph's visit is free of lesions, or take that back.

        Args:
            reason: why it is taken back.

        Raises:
            ReadingError: the visit is locked, or the reason is missing.
        """
        assert self.open is not None
        photo = self.open.planned.photo
        act = NewAct(
            kind="uninvolved" if uninvolved else "involved",
            person=self.reader,
            software=__version__,
            protocol_sha256=self.study.protocol.sha256,
            role="reader",
            patient=photo.patient,
            visit=photo.visit,
            surface=surface,
            reason=reason,
        )
        Readings(self.study.folder).add_acts([act])
        self.study = open_study(self.study.folder)
        self._board = None

    def load(self, item: Item, *, step: Step = lambda sentence: None) -> Loaded:
        """Read everything that is needed to show a photograph. Slow; safe in another thread.

        Raises:
            BsaMeasureError: the photograph, its reading or its draft cannot be used.
        """
        planned = self._plans[item.sha256]
        return load(
            self.study,
            planned,
            self._draft_folder(item.sha256),
            self._source(item),
            self.model,
            long_side=self.long_side,
            step=step,
        )

    def show(self, item: Item, loaded: Loaded, failed: Callable[[str], None] = lambda sentence: None) -> OpenPhoto:
        """Make a loaded photograph the open one; the draft of the one before stays on the disk.

        Raises:
            StudyError: another window of the same reader holds the photograph.
        """
        self.leave()
        self._board = None
        self.open = OpenPhoto(item, loaded, failed)
        return self.open

    def leave(self) -> None:
        """Close the open photograph; what was painted stays as a draft."""
        if self.open is None:
            return
        photo, self.open = self.open, None
        if photo.canvas.changed and photo.item.state == "to do":
            self._set_state(photo.item.sha256, "draft")
        photo.close()

    def unmeasured(self) -> tuple[Planned, ...]:
        """Other photographs of the open one's patient whose areas are not known yet; none for a blinded reader, who
        sees no figures of the visit."""
        if self.open is None or self.blinded:
            return ()
        photo = self.open.planned.photo
        return tuple(
            planned
            for planned in self._plans.values()
            if planned.photo.patient == photo.patient
            and planned.photo.file not in self._outcomes
            and planned.photo.file != photo.file
        )

    def measure_other(self, planned: Planned) -> PhotoOutcome:
        """Do what `measure` would do with another photograph. Slow; safe in another thread.

        Raises:
            BsaMeasureError: the study folder or the model cannot be used.
        """
        return measure_planned(self.study, planned, self.model)

    def measured(self, planned: Planned, outcome: PhotoOutcome) -> None:
        """Another photograph's areas are known now."""
        self._outcomes[planned.photo.file] = outcome
        kept = {file: result for file, result in self._results.items() if file in self._read_here}
        self._results = {photo.file: photo for photo in photo_results(self._all_plans, self._outcomes)} | kept
        self._board = None

    def figures(self) -> Figures | None:
        """What the open photograph as it is painted now means for its visit and its patient; None for a blinded
        reader."""
        photo = self.open
        if photo is None or self.blinded:
            return None
        if self._board is None:
            patient = photo.planned.photo.patient
            own = [result for result in self._results.values() if result.patient == patient]
            self._board = Board(self.study, own, photo.planned.photo.file, self.reader)
        return self._board.figures(photo.count.areas)

    def finish(self, reason: Reason) -> Finished:
        """The open photograph as it is to be recorded.

        Raises:
            ReadingError: the reason is missing words that it needs.
        """
        photo = self.open
        assert photo is not None
        photo.clock.touch()
        canvas = photo.canvas
        return Finished(
            photo.planned,
            canvas.labels.copy(),
            canvas.painted.copy(),
            canvas.bedside.copy(),
            None if canvas.surfaces is None else canvas.surfaces.copy(),
            canvas.basis.number,
            reason.sentence(changes_a_person=canvas.basis.by_person),
            photo.clock.seconds,
            photo.count.areas,
        )

    def record(self, finished: Finished) -> Reading:
        """Store the masks and record the reading. Slow; safe in another thread.

        Raises:
            BsaMeasureError: it cannot be written. The draft stays.
        """
        folder, photo = self.study.folder, finished.planned.photo
        new = NewReading(
            kind="manual",
            reader=self.reader,
            photo_sha256=finished.planned.sha256,
            patient=photo.patient,
            visit=photo.visit,
            view=photo.view,
            mask_sha256=store_mask(folder, finished.labels),
            software=__version__,
            protocol_sha256=self.study.protocol.sha256,
            surfaces_sha256="" if finished.surfaces is None else store_mask(folder, finished.surfaces),
            reason=f"{finished.reason} (blinded)" if self.blinded else finished.reason,
            parent=finished.parent,
            active_seconds=round(finished.seconds, 1),
            role="reader",
            painted_sha256=store_mask(folder, finished.painted),
            bedside_sha256=store_mask(folder, finished.bedside) if finished.bedside.any() else "",
        )
        try:
            return Readings(folder).add([new])[0]
        except LockedError as error:
            if self.blinded:  # the sentence names patient and visit
                raise LockedError("This visit is locked: nothing can be recorded for it.") from error
            raise

    def recorded(self, finished: Finished, reading: Reading) -> None:
        """The reading is in the record: the photograph is done and its draft is no longer needed."""
        self._readings.append(reading)
        file = finished.planned.photo.file
        if file in self._results:
            self._read_here.add(file)
            self._results[file] = replace(
                self._results[file],
                status="measured",
                reader=self.reader,
                areas=finished.areas.weighted,
                areas_flat=finished.areas.flat,
                geometry_flags=finished.areas.flags,
                outline=finished.areas.doubt,
            )
        self._set_state(reading.photo_sha256, "done")
        if self.open is not None and self.open.item.sha256 == reading.photo_sha256:
            photo, self.open = self.open, None
            photo.close(discard=True)

    def _draft_folder(self, sha256: str) -> Path:
        return draft_folder(self.study.folder, self.reader, sha256, blinded=self.blinded)

    def _source(self, item: Item) -> Source:
        mine = latest(self.readings_of(item), reader=self.reader)
        if self.blinded:
            return Source(mine, model=mine is not None)
        return Source(mine or latest(self.readings_of(item)), previous=self._before(item.photo))

    def _before(self, photo: PhotoFile) -> tuple[Planned, Reading | None] | None:
        """The photograph of the same view at the visit before, and the reading of it that counts."""
        if photo.day is None:
            return None
        earlier = [
            planned
            for planned in self._plans.values()
            if (planned.photo.patient, planned.photo.view) == (photo.patient, photo.view)
            and planned.photo.day is not None
            and planned.photo.day < photo.day
        ]
        if not earlier:
            return None
        planned = max(earlier, key=lambda p: (p.photo.day or 0, p.photo.file))
        own = [reading for reading in self._readings if reading.photo_sha256 == planned.sha256]
        return planned, latest(own) or next(reversed(own), None)

    def _queue(self, plans: Sequence[Planned]) -> tuple[Item, ...]:
        ready = [planned for planned in plans if planned.job is not None]
        done = {r.photo_sha256 for r in self._readings if r.kind != "model" and r.reader == self.reader}
        drafts = {p.sha256 for p in ready if has_draft(self._draft_folder(p.sha256))}
        if self._order is not None:
            blind = [Candidate(planned.photo, planned.sha256) for planned in ready]
            return blinded_queue(blind, self._order, done=done, drafts=drafts)
        photos = photo_results(plans, self._outcomes)
        self._results = {photo.file: photo for photo in photos}
        results = assemble(self.study, photos, provenance_of(self.study, self.model, "review", photos))
        rule = self.study.protocol.endpoint
        decides = deciding_visits(results.patients, rule.day, rule.threshold_percent)
        candidates = []
        for planned in ready:
            photo = planned.photo
            result = self._results[photo.file]
            asked = planned.stored is not None
            place = photo.day is not None and (photo.patient, photo.day) in decides
            known = Known(result.problems if asked else (), result.certainty if asked else None, asked and place)
            candidates.append(Candidate(photo, planned.sha256, known))
        return open_queue(candidates, done=done, drafts=drafts)

    def _set_state(self, sha256: str, state: State) -> None:
        self.queue = with_state(self.queue, {sha256: state})
