"""Ties a session to a viewer: what is painted goes to the session, what the session says goes to the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from bsa_measure.errors import BsaMeasureError
from bsa_measure.files import printable
from bsa_measure.measure import Planned
from bsa_measure.photo_job import PhotoOutcome
from bsa_measure.readings import Reading
from bsa_measure.tissue import Tissue

from ..canvas import Edit, Plane
from ..draft import Start
from ..picture import save_picture
from ..queue import Item
from ..reasons import Reason
from ..session import Finished, OpenPhoto, Session
from ..tools.counts import Count
from ..tools.grow import Growth, Pyramid, grow_to_edge
from ..tools.lesion import fill_holes, smooth_border, swap_class
from ..tools.patch import Mask, Patch, paint
from ..tools.registration import Proposal, copy_from_previous
from .layers import PhotoLayers
from .work import PAUSE_MS, Work

_CLICKED: Final = ("fill", "grow")
_SLACK: Final = 4.0  # pixels of the screen that a hand moves in a click

Tool = Callable[[OpenPhoto, tuple[int, int]], Patch]


class Correction(QObject):
    """The correction of one photograph after the other in one viewer.

    Signals:
        opened: another photograph is in the window.
        changed: an act was done or taken back; the numbers are to be shown anew.
        queue_changed: a photograph was done or begun.
        mode_changed: another tool or class is chosen.
        proposal_changed: whether there is something to accept or to give up.
        said: one sentence for the person.
        picture_wanted: the person wants the photograph with its outlines as a picture.
    """

    opened = Signal()
    changed = Signal()
    queue_changed = Signal()
    mode_changed = Signal()
    proposal_changed = Signal(bool)
    said = Signal(str)
    picture_wanted = Signal()
    _unsaved = Signal(str)
    _look_soon = Signal()

    def __init__(self, viewer: Any, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.session = session
        self.work = Work(self)
        self.background = Work(self)
        self.others = Work(self)
        self.layers = PhotoLayers(viewer, len(session.study.chart.surfaces))
        self.tissue = Tissue.DETACHED
        self.mode = "pan_zoom"
        self._waiting = False
        self._closing = False
        self._touched: set[int] = set()
        self._growth: Growth | None = None
        self._keep: Mask | None = None
        self._steps = 0
        self._proposal: tuple[str, Patch] | None = None
        self._pyramid: Pyramid | None = None
        viewer.mouse_drag_callbacks.append(self._pressed)
        viewer.mouse_wheel_callbacks.append(self._wheeled)
        self.work.failed.connect(self.said)
        self.background.failed.connect(self.said)
        self.others.failed.connect(self.said)
        self._unsaved.connect(self.said)
        # Queued: after the event that painted, and before the picture is drawn anew, which a timer would wait for.
        self._look_soon.connect(self.look, Qt.ConnectionType.QueuedConnection)
        self._count_soon = QTimer(self)
        self._count_soon.setSingleShot(True)
        self._count_soon.setInterval(PAUSE_MS)
        self._count_soon.timeout.connect(self._recount)
        for layer in self.layers.editable:
            # A dab and a fill say so before they are in the data, and undo says only set_data: so both are heard,
            # and the data are looked at one tick of the event loop later.
            layer.events.paint.connect(self._painted)
            layer.events.set_data.connect(self._painted)
            layer.events.mode.connect(self._mode_of_layer)
            # napari's own undo knows one layer only, and nothing of what a tool has done.
            layer.bind_key("Control-Z", lambda layer: self.undo(), overwrite=True)
            layer.bind_key("Control-Shift-Z", lambda layer: self.redo(), overwrite=True)
        viewer.title = session.title

    @property
    def photo(self) -> OpenPhoto | None:
        """The open photograph."""
        return self.session.open

    # ------------------------------------------------------------------------------------------------ which photo

    def open_next(self) -> None:
        """Open the next photograph that is not done."""
        item = self.session.next()
        if item is None:
            self.said.emit("Every photo is done. To look at one again, choose it in the list.")
            return
        self.open_item(item)

    def open_item(self, item: Item) -> None:
        """Open a photograph of the queue; what was painted on the one before stays as a draft."""
        self.work.start(
            f"Opening {item.name}",
            lambda step: self.session.load(item, step=step),
            lambda loaded: self._show(item, loaded),
        )

    def _show(self, item: Item, loaded: Any) -> None:
        self.background.cancel()
        self.others.cancel()
        photo = self.session.show(item, loaded, self._unsaved.emit)
        self._pyramid = pyramid = Pyramid(photo.pixels)
        self.background.start("", lambda step: pyramid.prepare(), lambda nothing: None)
        self.reject()
        self.layers.show(photo)
        self.viewer.title = f"{self.session.title} – {item.name}"
        self.choose_mode("paint" if self.mode == "pan_zoom" else self.mode)
        locked = self.session.lock()
        if locked:
            self.said.emit(locked)
        elif photo.resumed:
            self.said.emit("Taken up where it was left: every stroke is there.")
        self.opened.emit()
        self.queue_changed.emit()
        self.changed.emit()
        self._measure_others()

    def _measure_others(self) -> None:
        """Find the areas of the patient's other photographs, one after the other, behind the window."""
        waiting = self.session.unmeasured()
        if not waiting:
            return
        first = waiting[0]
        self.others.start(
            f"Counting the patient's other photos, {len(waiting)} left",
            lambda step: self.session.measure_other(first),
            lambda outcome: self._measured(first, outcome),
        )

    def _measured(self, planned: Planned, outcome: PhotoOutcome) -> None:
        self.session.measured(planned, outcome)
        self.changed.emit()
        self._measure_others()

    # ------------------------------------------------------------------------------------------------ painting

    def choose_class(self, tissue: Tissue) -> None:
        """The class that brush, polygon and fill give."""
        self.tissue = tissue
        self.layers.mask.selected_label = int(tissue)
        self.mode_changed.emit()

    def toggle_lock(self, tissue: Tissue) -> None:
        """Lock a class, so that none of its pixels changes, or unlock it."""
        if self.photo is not None:
            self.photo.canvas.locked ^= {int(tissue)}
            self.mode_changed.emit()

    def choose_mode(self, mode: str) -> None:
        """What a click does: ``pan_zoom``, ``paint``, ``polygon``, ``erase``, ``fill`` and ``grow`` act on the classes,
        ``bedside`` and ``surfaces`` paint on those layers."""
        self.reject()
        layer, napari_mode = self.layers.mask, mode
        if mode == "bedside":
            layer, napari_mode = self.layers.bedside, "paint"
            layer.selected_label = 1
        elif mode == "surfaces":
            layer, napari_mode = self.layers.surfaces, "paint"
            layer.visible = True
        elif mode in _CLICKED:
            napari_mode = "pan_zoom"  # a drag moves the photograph, a click is heard in _pressed
        if layer is self.layers.mask:
            layer.selected_label = int(self.tissue)
        self.mode = mode
        self.viewer.layers.selection.active = layer
        layer.mode = napari_mode
        self.mode_changed.emit()

    def change_brush(self, factor: float) -> None:
        """Make the brush larger or smaller."""
        for layer in self.layers.editable:
            layer.brush_size = float(np.clip(round(layer.brush_size * factor), 1, 2000))
        self.mode_changed.emit()

    def change_opacity(self, by: float) -> None:
        """Show the classes fainter or stronger."""
        self.layers.mask.opacity = float(np.clip(self.layers.mask.opacity + by, 0.0, 1.0))

    def toggle_outlines(self) -> None:
        """Show outlines instead of areas, or the reverse."""
        self.layers.toggle_outlines()

    def toggle_layer(self, name: str) -> None:
        """Show or hide one of the layers of :class:`PhotoLayers` by its attribute."""
        photo = self.photo
        layer = getattr(self.layers, name)
        if name == "model" and (photo is None or photo.model is None):
            self.said.emit("There are no labels of a model to show.")
            return
        layer.visible = not layer.visible
        if photo is not None:
            self.layers.update(photo)

    def _mode_of_layer(self, event: Any) -> None:
        # Somebody used napari's own controls.
        mode = str(event.mode)
        own = self.mode in ("bedside", "surfaces") or (self.mode in _CLICKED and mode == "pan_zoom")
        if event.source is self.layers.mask and mode != self.mode and not own:
            self.mode = mode
            self.mode_changed.emit()

    def _painted(self, event: Any) -> None:
        self._touched.add(id(event.source))
        if not self._waiting:
            self._waiting = True
            self._look_soon.emit()

    def look(self) -> None:
        """Take over what was painted on the layers since the last look."""
        self._waiting = False
        touched, self._touched = self._touched, set()
        photo = self.photo
        if photo is None or self.layers.mask.data.shape != photo.canvas.size:
            return
        acts: tuple[tuple[Any, Callable[[Plane], Edit | None]], ...] = (
            (self.layers.mask, photo.take),
            (self.layers.bedside, photo.take_bedside),
            (self.layers.surfaces, photo.take_surfaces),
        )
        for layer, take in acts:
            # The classes are always looked at: a stroke that is not at its end yet has not said anything.
            if layer is self.layers.mask or id(layer) in touched:
                edit = take(layer.data)
                if photo.canvas.locked:
                    self.layers.update(photo)  # what a lock refused is shown as it was
                if edit is not None:
                    self._acted(edit)

    def _acted(self, edit: Edit) -> None:
        """Something changed: show it, count it, and find the surfaces anew where the outline of the body moved."""
        photo = self.photo
        assert photo is not None
        self.layers.update(photo, edit)
        self.changed.emit()
        if photo.count.provisional or photo.count.doubt_is_old:
            self._count_soon.start()

    def _recount(self) -> None:
        """Count the open photograph anew, behind the window."""
        photo = self.photo
        if photo is None:
            return
        if self.background.busy:
            self._count_soon.start()
            return
        count = photo.recount()
        self.background.start("", lambda step: count(), lambda answer: self._counted(photo, answer))

    def _counted(self, photo: OpenPhoto, answer: tuple[int, Count]) -> None:
        if photo is not self.photo:
            return
        moved, before = photo.count.provisional, photo.surfaces
        if not photo.counted(answer):
            self._count_soon.start()
            return
        if moved:
            self.layers.follow_split(photo, before)
            self.layers.show_weight(photo)
        self.changed.emit()

    # ------------------------------------------------------------------------------------------------ tools

    def undo(self) -> None:
        """Take the last act back."""
        self._step(back=True)

    def redo(self) -> None:
        """Bring back the act that was taken back last."""
        self._step(back=False)

    def _step(self, *, back: bool) -> None:
        self.look()
        self.reject()
        photo = self.photo
        edit = None if photo is None else photo.undo() if back else photo.redo()
        if edit is None:
            self.said.emit("There is nothing to take back." if back else "There is nothing to bring back.")
            return
        self.said.emit(f"{'Taken back' if back else 'Brought back'}: {edit.what}.")
        self._acted(edit)

    def smooth(self) -> None:
        """Smooth the border of the lesion under the mouse."""
        self._use("smooth border", lambda p, at: smooth_border(p.canvas.labels, at, locked=p.canvas.locked))

    def holes(self) -> None:
        """Fill the holes of the lesion under the mouse."""
        self._use("fill holes", lambda p, at: fill_holes(p.canvas.labels, at, locked=p.canvas.locked))

    def swap(self) -> None:
        """Give the lesion under the mouse the chosen class."""
        tissue = self.tissue
        self._use("other class", lambda p, at: swap_class(p.canvas.labels, at, tissue, locked=p.canvas.locked))

    # ------------------------------------------------------------------------------------------------ proposals

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        """Hear a click of the left button: a press without a drag."""
        if self.mode not in _CLICKED or event.button != 1 or self.photo is None:
            return
        start = np.array(event.pos, float)
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = dragged or float(np.abs(np.array(event.pos) - start).max()) > _SLACK
            yield
        if not dragged:
            self.click()

    def _wheeled(self, viewer: Any, event: Any) -> None:
        if self._growth is not None:
            self.resize(1 if float(event.delta[1]) > 0 else -1)
            event.handled = True

    def click(self) -> None:
        """A click on the photograph in a mode that is for clicking."""
        photo, at = self.photo, self.point()
        if photo is None or at is None:
            return
        if self.mode == "fill":
            self.swap()
        elif self._proposal is not None and self._proposes(photo, at):
            self.accept()
        else:
            self._grow(photo, at)

    def _proposes(self, photo: OpenPhoto, at: tuple[int, int]) -> bool:
        """Whether the proposal would change a pixel."""
        assert self._proposal is not None
        patch = self._proposal[1]
        row, column = at[0] - patch.top, at[1] - patch.left
        height, width = patch.labels.shape
        inside = 0 <= row < height and 0 <= column < width
        return inside and bool(patch.labels[row, column] != photo.canvas.labels[at])

    def _grow(self, photo: OpenPhoto, at: tuple[int, int]) -> None:
        self.look()
        assert self._pyramid is not None
        self._growth = grow_to_edge(self._pyramid, at, photo.canvas.labels)
        # What a person has painted stays, unless the click means just that.
        self._keep = None if photo.canvas.painted[at] else photo.canvas.painted.view(np.bool_)
        self._steps = 0
        # The wheel belongs to the proposal until it is accepted or given up.
        self.viewer.scene.camera.mouse_zoom = False
        self._suggest(photo)

    def resize(self, steps: int) -> None:
        """Make the area that grows from the click larger or smaller."""
        if self._growth is not None and self.photo is not None:
            self._steps += steps
            self._suggest(self.photo)

    def _suggest(self, photo: OpenPhoto) -> None:
        assert self._growth is not None
        area = self._growth.area(self._steps)
        patch = paint(photo.canvas.labels, area, int(self.tissue), locked=photo.canvas.locked, keep=self._keep)
        self._offer("grow to edge", patch)
        if patch.is_empty:
            self.said.emit(
                f"All of it is {self.tissue.title} already, locked, or painted by hand. Wheel: size. Esc: no."
            )
            return
        self.said.emit(f"{self.tissue.title}? Wheel: size. Enter or a click on it: accept. Esc: no.")

    def copy_previous(self) -> None:
        """Propose the labels of the visit before on today's photograph."""
        self.look()
        photo = self.photo
        if photo is None:
            return
        previous = photo.previous
        if previous is None or previous.labels is None:
            self.said.emit("There are no labels of this view at a visit before.")
            return
        pixels, labels = previous.pixels, previous.labels
        canvas = photo.canvas
        today, locked, keep = canvas.labels.copy(), set(canvas.locked), canvas.painted.astype(bool)
        self.work.start(
            "Laying the visit before over this one",
            lambda step: copy_from_previous(photo.pixels, today, pixels, labels, locked=locked, keep=keep),
            lambda proposal: self._propose_copy(photo, proposal),
        )

    def _propose_copy(self, photo: OpenPhoto, proposal: Proposal) -> None:
        if photo is not self.photo:
            return
        patch = proposal.patch
        self.said.emit(proposal.sentence if patch is None else f"{proposal.sentence} Enter: accept. Esc: no.")
        if patch is not None and not patch.is_empty:
            self._offer("copy of the visit before", patch)

    def _offer(self, what: str, patch: Patch) -> None:
        self._proposal = what, patch
        self.layers.propose(patch)
        self.proposal_changed.emit(True)

    def accept(self) -> None:
        """Lay the proposal over the labels."""
        self.look()
        photo, proposal = self.photo, self._proposal
        if photo is None or proposal is None:
            return
        self.reject()
        what, patch = proposal
        edit = photo.apply(patch, what)
        if edit is not None:
            self._acted(edit)

    def reject(self) -> None:
        """Give the proposal up."""
        self._growth, self._proposal = None, None
        self.viewer.scene.camera.mouse_zoom = True
        self.layers.propose(None)
        self.proposal_changed.emit(False)

    def not_assessable(self) -> None:
        """Nothing of this view can be judged."""
        self.look()
        edit = None if self.photo is None else self.photo.not_assessable()
        if edit is not None:
            self._acted(edit)

    def compare_with(self, number: int) -> None:
        """Show the outlines of an earlier reading over this one; the same reading again hides them."""
        photo = self.photo
        if photo is None:
            return
        if self.layers.compared == number:
            self.layers.compare(None, None)
            return
        self.work.start(
            f"Reading {number}",
            lambda step: self.session.reading_planes(number),
            lambda start: self.layers.compare(number, start.labels),
        )

    def continue_from(self, number: int) -> None:
        """Take over an earlier reading of this photograph."""
        self.look()
        photo = self.photo
        if photo is not None:
            self.work.start(
                f"Reading {number}",
                lambda step: self.session.reading_planes(number),
                lambda start: self._take_over(photo, start),
            )

    def _take_over(self, photo: OpenPhoto, start: Start) -> None:
        if photo is self.photo:
            edit = photo.take_over(start)
            if edit is not None:
                self.said.emit(f"Now as in reading {start.basis.number}; Ctrl+Z takes it back.")
                self._acted(edit)

    def point(self) -> tuple[int, int] | None:
        """Row and column of the pixel under the mouse; None beside the photograph."""
        if self.photo is None:
            return None
        row, column = (int(round(value)) for value in self.viewer.cursor.position[-2:])
        height, width = self.photo.canvas.size
        return (row, column) if 0 <= row < height and 0 <= column < width else None

    def _use(self, what: str, tool: Tool) -> None:
        self.look()
        photo, at = self.photo, self.point()
        if photo is None or at is None:
            self.said.emit("Point at a lesion first.")
            return
        edit = photo.apply(tool(photo, at), what)
        if edit is None:
            self.said.emit("There is nothing to change here.")
            return
        self._acted(edit)

    def ask_for_picture(self) -> None:
        """Ask where the photograph with its outlines is to go; see :meth:`save_picture`."""
        if self.photo is not None:
            self.picture_wanted.emit()

    def save_picture(self, path: Path) -> None:
        """Write the open photograph with its outlines where the person says, never over another file."""
        self.look()
        photo = self.photo
        if photo is None:
            return
        labels, study = photo.canvas.labels.copy(), self.session.study.folder
        self.work.start(
            "Writing the picture",
            lambda step: save_picture(path, photo.pixels, labels, study),
            lambda written: self.said.emit(f"The picture is written: {printable(written.name)}."),
        )

    # ------------------------------------------------------------------------------------------------ the end

    def finish(self, reason: Reason) -> bool:
        """Record the reading and open the next photograph; False when the reason lacks words that it needs."""
        self.look()
        photo = self.photo
        if photo is None or self.work.busy:
            return True
        try:
            finished = self.session.finish(reason)
        except BsaMeasureError as error:
            self.said.emit(str(error))
            return False
        following: Item | None = self.session.next()
        same = following is not None and following.sha256 == photo.item.sha256

        def record(step: Any, finished: Finished = finished) -> Reading:
            return self.session.record(finished)

        def recorded(reading: Reading) -> None:
            self.session.recorded(finished, reading)
            self.queue_changed.emit()
            if self._closing:
                return
            if following is None or same:
                self.open_next()
            else:
                self.open_item(following)

        self.work.start("Recording the reading", record, recorded, cancellable=False)
        return True

    def close(self) -> None:
        """The window goes: what was painted stays as a draft."""
        self.look()
        self._closing = True
        self._count_soon.stop()
        self.work.settle()
        for work in (self.work, self.background, self.others):
            work.cancel()
        for work in (self.work, self.background, self.others):
            work.wait()
        self.viewer.mouse_drag_callbacks.remove(self._pressed)
        self.viewer.mouse_wheel_callbacks.remove(self._wheeled)
        self.session.leave()
