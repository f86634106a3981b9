"""The adjudication window: A | B | result side by side, with one pan and zoom, and a panel to decide.

The third picture is the difference and the result in one: what is not decided yet is yellow, what is decided has the
colour of its class.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bsa_measure.bsa import Extent
from bsa_measure.errors import BsaMeasureError
from bsa_measure.protocol import Endpoint
from bsa_measure.tissue import Tissue

from ..adjudicate_session import REASONS, AdjudicationSession, Case, LoadedCase, OpenCase
from ..numbers import statements
from ..standing import UNDECIDED
from ..tools.disagreement import Disagreement
from .actions import CLASS_OF_KEY, DONE_KEY
from .keys import bind_key
from .layers import tissue_colormap
from .layout import PRESSED, Scrolling, tight
from .shown import SHOWN, refuse_second
from .work import PAUSE_MS, Work

_YELLOW: Final = (240 / 255, 228 / 255, 66 / 255, 1.0)
_CURRENT: Final = (1.0, 1.0, 1.0, 1.0)
_AREA_OPACITY: Final = 0.45
_ROOM: Final = 3.0  # a region is shown with so much around it
_CLOSEST: Final = 4.0  # screen pixels for one of the photograph


class Adjudicating(QObject):
    """Ties an adjudication session to a viewer.

    Signals:
        opened: another photograph is in the window.
        changed: a region was decided or opened again, or another is current.
        said: one sentence for the person.
    """

    opened = Signal()
    changed = Signal()
    said = Signal(str)
    _unsaved = Signal(str)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.session: AdjudicationSession | None = None
        self.work = Work(self)
        self.work.failed.connect(self.said)
        self.background = Work(self)
        self.background.failed.connect(self.said)
        self._count_soon = QTimer(self)
        self._count_soon.setSingleShot(True)
        self._count_soon.setInterval(PAUSE_MS)
        self._count_soon.timeout.connect(self._recount)
        self.changed.connect(self._look_at_count)
        self._unsaved.connect(self.said)
        self.tissue = Tissue.DETACHED
        self._waiting = False
        self._views = [_View(viewer, name) for name in ("A", "B", "result")]
        self.result = self._views[2].mask
        self.result.brush_size = 25
        self.result.events.paint.connect(self._painted)
        self.result.events.set_data.connect(self._painted)
        viewer.grid.stride = 3
        viewer.grid.shape = (1, 3)
        viewer.grid.enabled = True

    @property
    def photo(self) -> OpenCase | None:
        """The open photograph."""
        return None if self.session is None else self.session.open

    def begin(self, folder: Path, adjudicator: str) -> None:
        """Compare the readers, in another thread, and open the first photograph."""
        self.work.start(
            "Comparing the readers", lambda step: AdjudicationSession.begin(folder, adjudicator), self.go_on
        )

    def go_on(self, session: AdjudicationSession) -> None:
        """Open the first photograph of a session that is begun."""
        self.session = session
        self.open_next()

    def open_next(self) -> None:
        """Open the next photograph without a decision."""
        assert self.session is not None
        case = self.session.next()
        if case is None:
            self.said.emit("Everything is decided." if self.session.cases else "The readers agree: nothing to decide.")
            self.changed.emit()
            return
        self.open_case(case)

    def open_case(self, case: Case) -> None:
        """Open a photograph of the worklist; what was decided in part stays as a draft."""
        session = self.session
        assert session is not None
        self.work.start(f"Opening {case.name}", lambda step: session.load(case), self._show)

    def _show(self, loaded: LoadedCase) -> None:
        assert self.session is not None
        photo = self.session.show(loaded, self._unsaved.emit)
        for view, plane in zip(self._views, (photo.a, photo.b, photo.canvas.labels), strict=True):
            view.show(photo.pixels, plane.copy())
        self.viewer.title = f"Adjudication – {photo.case.name}"
        self.viewer.reset_view()
        self.move()
        self.said.emit("Taken up where it was left." if photo.resumed else "")
        self.opened.emit()
        self.next()

    # ------------------------------------------------------------------------------------------------ deciding

    def next(self) -> None:
        """Jump to the next disagreement that is not decided."""
        photo = self.photo
        if photo is None:
            return
        region = photo.next()
        if region is None:
            self.said.emit("Every disagreement is decided: choose a reason and press D.")
            self._mark(None)
        else:
            self._look_at(region)
        self.changed.emit()

    def here(self) -> None:
        """Make the disagreement under the mouse the current one."""
        photo = self.photo
        if photo is None:
            return
        row, column = (round(float(value)) for value in self.viewer.cursor.position[-2:])
        region = photo.go_to((row, column))
        if region is None:
            self.said.emit("The readers agree here.")
            return
        self._mark(region)
        self.changed.emit()

    def take(self, place: int, *, everything: bool = False) -> None:
        """Take the first (0) or second (1) reading, of the current region or of the whole photograph."""
        self._decide(lambda photo: photo.take(photo.letters[place], everything=everything))

    def merge(self) -> None:
        """Merge the two readings in the current region."""
        self._decide(lambda photo: photo.merge())

    def merge_rest(self) -> None:
        """Merge the two readings wherever nothing is decided yet."""
        self._decide(lambda photo: photo.merge_rest())

    def paint_region(self) -> None:
        """Give the current region the chosen class."""
        self._decide(lambda photo: photo.paint_region(self.tissue))

    def _decide(self, act: Callable[[OpenCase], object]) -> None:
        self.look()
        photo = self.photo
        if photo is None:
            return
        try:
            act(photo)
        except BsaMeasureError as error:
            self.said.emit(str(error))
            return
        self.said.emit("")
        self._refresh()
        self.next()

    def _look_at_count(self) -> None:
        if self.photo is not None and self.photo.is_old:
            self._count_soon.start()

    def _recount(self) -> None:
        """Count the result anew, behind the window."""
        photo = self.photo
        if photo is None or not photo.is_old:
            return
        if self.background.busy:
            self._count_soon.start()
            return
        count = photo.recount()

        def counted(answer: Any) -> None:
            if photo is self.photo:
                photo.counted(answer)
                self.changed.emit()

        self.background.start("", lambda step: count(), counted)

    def undo(self) -> None:
        """Take the last act back."""
        self._step(lambda photo: photo.undo(), "There is nothing to take back.")

    def redo(self) -> None:
        """Bring back the act that was taken back last."""
        self._step(lambda photo: photo.redo(), "There is nothing to bring back.")

    def _step(self, act: Callable[[OpenCase], object], otherwise: str) -> None:
        self.look()
        photo = self.photo
        if photo is not None:
            self.said.emit("" if act(photo) is not None else otherwise)
            self._refresh()
            self.changed.emit()

    def choose_class(self, tissue: Tissue) -> None:
        """The class that the brush and the region key give."""
        self.tissue = tissue
        self.result.selected_label = int(tissue)
        self.changed.emit()

    def brush(self) -> None:
        """Paint on the result."""
        self.viewer.layers.selection.active = self.result
        self.result.selected_label = int(self.tissue)
        self.result.mode = "paint"

    def move(self) -> None:
        """Drag to move, turn the wheel to zoom, in all three pictures."""
        self.viewer.layers.selection.active = self.result
        self.result.mode = "pan_zoom"

    def outlines(self) -> None:
        """Show outlines instead of areas, or the reverse."""
        for view in self._views:
            outlined = bool(view.mask.contour)
            view.mask.contour = 0 if outlined else 3
            view.mask.opacity = _AREA_OPACITY if outlined else 1.0

    def _painted(self, event: Any = None) -> None:
        if not self._waiting:
            self._waiting = True
            QTimer.singleShot(0, self.look)

    def look(self) -> None:
        """Take over what was painted on the result since the last look."""
        self._waiting = False
        photo = self.photo
        if (
            photo is not None
            and self.result.data.shape == photo.canvas.size
            and photo.painted(self.result.data) is not None
        ):
            self.changed.emit()

    def _refresh(self) -> None:
        photo = self.photo
        if photo is not None and not np.array_equal(self.result.data, photo.canvas.labels):
            np.copyto(self.result.data, photo.canvas.labels)
            self.result.refresh()

    def _look_at(self, region: Disagreement) -> None:
        """Bring a region into the middle of all three pictures."""
        self._mark(region)
        rows, columns = region.box
        height, width = self.viewer.canvas.size
        size = (rows.stop - rows.start, (columns.stop - columns.start))
        closest = min(height / (_ROOM * size[0]), width / 3 / (_ROOM * size[1]), _CLOSEST)
        photo = self.photo
        assert photo is not None
        whole = min(height / photo.canvas.size[0], width / 3 / photo.canvas.size[1])
        camera = self.viewer.scene.camera
        camera.zoom = max(closest, whole)
        camera.center = (0, (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2)

    def _mark(self, region: Disagreement | None) -> None:
        for view in self._views:
            view.mark(region)

    # ------------------------------------------------------------------------------------------------ the end

    def finish(self, reason: str, words: str) -> bool:
        """Record the decision and open the next photograph; False when something is missing."""
        self.look()
        session, photo = self.session, self.photo
        if session is None or photo is None or self.work.busy:
            return True
        try:
            decision = photo.decision(reason, words)
        except BsaMeasureError as error:
            self.said.emit(str(error))
            return photo.open_regions > 0  # else it is the reason that is missing

        def recorded(reading: object) -> None:
            session.recorded(decision.file)
            self.open_next()

        self.work.start("Recording the decision", lambda step: session.record(decision), recorded)
        return True

    def close(self) -> None:
        """The window goes: what was decided in part stays as a draft."""
        self.look()
        self._count_soon.stop()
        for work in (self.work, self.background):
            work.cancel()
        for work in (self.work, self.background):
            work.wait()
        if self.session is not None:
            self.session.leave()


class _View:
    """Photograph, classes and the outline of the current region, in one of the three pictures."""

    def __init__(self, viewer: Any, name: str) -> None:
        blank = np.zeros((2, 2), np.uint8)
        classes = tissue_colormap()
        classes.color_dict[UNDECIDED] = np.array(_YELLOW, np.float32)
        self.photo = Image(np.zeros((2, 2, 3), np.uint8), name=f"photo {name}", rgb=True)
        self.mask = Labels(blank.copy(), name=name, colormap=classes, opacity=_AREA_OPACITY)
        none = (0.0, 0.0, 0.0, 0.0)
        self.current = Labels(blank.copy(), name=f"disagreement {name}", opacity=1.0)
        self.current.colormap = type(classes)(color_dict={None: none, 0: none, 1: _CURRENT})
        self.current.contour = 2
        for layer in (self.photo, self.mask, self.current):
            viewer.add_layer(layer)

    def show(self, pixels: Any, plane: Any) -> None:
        """Another photograph."""
        self.photo.data = pixels
        self.mask.data = plane
        self.current.data = np.zeros(plane.shape, np.uint8)

    def mark(self, region: Disagreement | None) -> None:
        """Outline a region; None: none."""
        data = self.current.data
        data[:] = 0
        if region is not None:
            data[region.box] = region.area.inside
        self.current.refresh()


@dataclass(frozen=True)
class Decide:
    """One thing that a key or a button of the adjudication does: as :class:`.actions.Action`."""

    key: str
    title: str
    hint: str
    do: Callable[[Adjudicating], object]
    group: str = "Decide"


DECISIONS: Final = (
    Decide("N", "Next", "Jump to the next disagreement that is not decided.", Adjudicating.next),
    Decide("V", "This one", "Decide about the disagreement under the mouse.", Adjudicating.here),
    Decide("A", "Take A", "The disagreement is as A has it; goes on to the next.", lambda a: a.take(0)),
    Decide("B", "Take B", "The disagreement is as B has it; goes on to the next.", lambda a: a.take(1)),
    Decide("M", "Merge", "What either calls detached is detached; goes on to the next.", Adjudicating.merge),
    Decide("R", "Own class", "The disagreement gets the chosen class; goes on to the next.",
           Adjudicating.paint_region),
    Decide("Shift+A", "All of A", "The whole photo is as A has it.", lambda a: a.take(0, everything=True)),
    Decide("Shift+B", "All of B", "The whole photo is as B has it.", lambda a: a.take(1, everything=True)),
    Decide("Shift+M", "Merge the rest", "What either calls detached is detached, wherever nothing is decided yet.",
           Adjudicating.merge_rest),
    Decide("P", "Brush", "Paint the chosen class on the result.", Adjudicating.brush, "Draw"),
    Decide("Z", "Move", "Drag to move, turn the wheel to zoom.", Adjudicating.move, "Draw"),
    Decide("O", "Outlines", "Show outlines instead of areas.", Adjudicating.outlines, "Draw"),
    Decide("Ctrl+Z", "Undo", "Take the last act back.", Adjudicating.undo, "Draw"),
    Decide("Ctrl+Shift+Z", "Redo", "Bring it again.", Adjudicating.redo, "Draw"),
)  # fmt: skip


class AdjudicationPanel(QWidget):
    """The visit, the classes, the decisions, the reason and the key that ends the photograph."""

    def __init__(self, adjudicating: Adjudicating, window: QWidget) -> None:
        super().__init__()
        self.adjudicating = adjudicating
        self._window = window
        self.about = QLabel()
        self.about.setTextFormat(Qt.TextFormat.RichText)
        self.about.setWordWrap(True)
        self.about.setMinimumHeight(230)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        tools = QWidget()
        column = tight(QVBoxLayout(tools))
        for group in ("Decide", "Draw"):
            column.addWidget(self._box(group))
        column.addWidget(self._classes())
        self.cases = QListWidget()
        self.cases.setMinimumHeight(60)
        self.cases.itemDoubleClicked.connect(self._chosen)
        column.addWidget(self.cases, 1)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setMinimumHeight(36)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = tight(QVBoxLayout(self))
        layout.addWidget(self.about)
        layout.addWidget(Scrolling(tools), 1)
        layout.addWidget(self._done())
        layout.addWidget(self.sentence)
        adjudicating.said.connect(self.sentence.setText)
        adjudicating.work.step.connect(self._step)
        adjudicating.changed.connect(self.refresh)
        adjudicating.opened.connect(self.words_new)

    def words_new(self) -> None:
        """Another photograph needs a reason of its own."""
        self.words.clear()
        self.reason.setCurrentIndex(-1)

    def refresh(self) -> None:
        """Show where the work stands."""
        session, photo = self.adjudicating.session, self.adjudicating.photo
        if session is None:
            return
        if photo is not None:
            self.about.setText(_about(photo, session.adjudication.comparison.study.protocol.endpoint))
        for tissue, button in self._class_buttons.items():
            button.setChecked(tissue == self.adjudicating.tissue)
        self.cases.clear()
        for case in session.cases:
            here = photo is not None and case.disputed.file == photo.case.disputed.file
            self.cases.addItem(f"{'▶' if here else '✓' if case.decided else '·'}  {case.name}")

    def done(self) -> None:
        """Record the decision and open the next photograph."""
        if not self.adjudicating.finish(self.reason.currentText(), self.words.text()):
            self.words.setFocus()

    def _chosen(self) -> None:
        session = self.adjudicating.session
        if session is not None:
            self.adjudicating.open_case(session.cases[self.cases.currentRow()])

    def _step(self, sentence: str) -> None:
        if sentence:
            self.sentence.setText(f"{sentence} …")
        elif self.sentence.text().endswith(" …"):
            self.sentence.clear()
        self.done_button.setEnabled(not sentence)

    def _box(self, group: str) -> QGroupBox:
        box = QGroupBox(group)
        grid = tight(QGridLayout(box))
        for place, decide in enumerate(d for d in DECISIONS if d.group == group):
            button = QToolButton()
            button.setText(f"{decide.title} ({decide.key})")
            button.setToolTip(decide.hint)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setStyleSheet(PRESSED)
            button.clicked.connect(lambda _=False, decide=decide: decide.do(self.adjudicating))
            self._bind(decide.key, button.click)
            grid.addWidget(button, place // 3, place % 3)
        return box

    def _classes(self) -> QGroupBox:
        box = QGroupBox("Class")
        column = tight(QVBoxLayout(box))
        self._class_buttons: dict[Tissue, QToolButton] = {}
        for key, tissue in CLASS_OF_KEY.items():
            button = QToolButton()
            button.setText(f"{key}  {tissue.title}")
            button.setToolTip(tissue.description)
            button.setCheckable(True)
            red, green, blue = tissue.color
            button.setStyleSheet(f"QToolButton {{ border-left: 12px solid rgb({red}, {green}, {blue}); padding: 2px; }}"
                                 "QToolButton:checked { background: #1f6fb2; }")  # fmt: skip
            button.clicked.connect(lambda _=False, tissue=tissue: self.adjudicating.choose_class(tissue))
            self._bind(key, button.click)
            self._class_buttons[tissue] = button
            column.addWidget(button)
        return box

    def _done(self) -> QGroupBox:
        box = QGroupBox("Reason")
        column = tight(QVBoxLayout(box))
        self.reason = QComboBox()
        self.reason.addItems(REASONS)
        self.reason.setCurrentIndex(-1)
        self.reason.setPlaceholderText("choose a reason")
        self.words = QLineEdit()
        self.words.setPlaceholderText("in your own words")
        self.words.returnPressed.connect(self.done)
        self.done_button = QPushButton(f"Done → next ({DONE_KEY})")
        self.done_button.clicked.connect(self.done)
        self._bind(DONE_KEY, self.done_button.click)
        for widget in (self.reason, self.words, self.done_button):
            column.addWidget(widget)
        return box

    def _bind(self, key: str, do: Callable[[], object]) -> None:
        bind_key(self._window, self, key, do)


def _about(photo: OpenCase, rule: Endpoint) -> str:
    visit = photo.case.visit
    found = {letter: _bsa(visit.detached[visit.letters.index(letter)]) for letter in photo.letters}
    readers = ", ".join(f"<b>{letter}</b> {bsa}" for letter, bsa in found.items())
    added = photo.case.disputed.contribution
    region = "" if photo.current is None else _region(photo)
    return (
        f"<b>{photo.case.name}</b><br>Detached at this visit: {readers}. "
        f"This photo makes {added:+.2f} % BSA of the difference {photo.letters[0]} − {photo.letters[1]}."
        f"<p>{photo.open_regions} of {len(photo.regions)} disagreements left.{region}{_standing(photo, rule)}"
    )


def _standing(photo: OpenCase, rule: Endpoint) -> str:
    """The visit and the patient as decided so far; twice while it makes a difference how the rest is decided."""
    if photo.figures is None:
        return ""
    first, second = (statements(figures, rule) for figures in photo.figures)
    if first == second:
        rows = "".join(f"<tr><td>{name}&nbsp;</td><td>{value}</td></tr>" for name, value in first.items())
        return f"<p><b>As decided</b><table cellspacing=1>{rows}</table>"
    names = list(dict.fromkeys((*first, *second)))
    rows = "".join(
        f"<tr><td>{n}&nbsp;</td><td>{first.get(n, '–')}&nbsp;&nbsp;</td><td>{second.get(n, '–')}</td></tr>"
        for n in names
    )
    a, b = photo.letters
    return (
        "<p><b>What is not decided yet as</b>"
        f"<table cellspacing=1><tr><td></td><td><b>{a}</b></td><td><b>{b}</b></td></tr>{rows}</table>"
    )


def _region(photo: OpenCase) -> str:
    assert photo.current is not None
    region = photo.regions[photo.current]
    a, b = photo.letters
    share = 100 * region.size
    return f"<br>Here: {a} says {region.class_a.title}, {b} says {region.class_b.title} ({share:.2f} % of the skin)."


def _headings() -> QWidget:
    """What the three pictures are, above them."""
    row = QWidget()
    row.setMaximumHeight(28)
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    for text in ("A", "B", "Result (yellow: to be decided)"):
        heading = QLabel(text)
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        line.addWidget(heading, 1)
    return row


def _bsa(extent: Extent | None) -> str:
    return "not known" if extent is None else f"{extent.point:.2f} % BSA"


class AdjudicationWindow(QObject):
    """One napari viewer with its adjudication and its panel."""

    def __init__(self, viewer: Any) -> None:
        window: QWidget = viewer.window._qt_window
        super().__init__(window)
        self.setObjectName(SHOWN)
        self.viewer = viewer
        self.window = window
        self.adjudicating = Adjudicating(viewer, self)
        self.panel = AdjudicationPanel(self.adjudicating, window)
        viewer.window.add_dock_widget(self.panel, name="Decide", area="right", add_vertical_stretch=False)
        window.setCorner(Qt.Corner.TopRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        viewer.window.add_dock_widget(_headings(), name="Readings", area="top", add_vertical_stretch=False)
        with contextlib.suppress(AttributeError):
            for name in ("dockLayerList", "dockLayerControls"):
                getattr(viewer.window._qt_viewer, name).setVisible(False)
        QApplication.instance().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hear the window close."""
        if event.type() == QEvent.Type.Close and watched is self.window:
            QApplication.instance().removeEventFilter(self)
            self.adjudicating.close()
        return False


def attach_later(
    viewer: Any,
    folder: Path,
    adjudicator: str,
    failed: Callable[[str], None],
    *,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Open a study's disagreements in a napari window that is open already: the readers are compared behind it, and
    what is wrong is said through ``failed`` in one sentence; ``done`` is called when all is well."""
    try:
        refuse_second(viewer)
    except BsaMeasureError as error:
        failed(str(error))
        return

    def show(session: AdjudicationSession) -> None:
        refuse_second(viewer)
        AdjudicationWindow(viewer).adjudicating.go_on(session)
        done()

    work = Work(viewer.window._qt_window)
    work.failed.connect(failed)
    work.step.connect(lambda sentence: setattr(viewer, "status", sentence))
    work.start("Comparing the readers …", lambda step: AdjudicationSession.begin(folder, adjudicator), show)


def open_window(folder: Path, adjudicator: str) -> AdjudicationWindow:
    """Open a study's disagreements in a new napari window, on the most important one."""
    import napari

    viewer = napari.Viewer(title="Adjudication", show=False)
    shown = AdjudicationWindow(viewer)
    viewer.show()
    shown.window.showMaximized()
    shown.adjudicating.begin(folder, adjudicator)
    return shown
