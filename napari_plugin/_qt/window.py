"""The window of a review: napari with the panels beside it, already on the first photograph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow

from bsa_measure.errors import StudyError

from ..session import Session
from .correction import Correction
from .figures import FiguresView
from .panel import Panel
from .previous import PreviousView
from .queue_view import QueueView
from .shown import SHOWN, refuse_second
from .work import Work

_PANEL_WIDTH: Final = 340
_SIDE_WIDTH: Final = 300
_AT_WORK: Final = (
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.KeyPress,
    QEvent.Type.Wheel,
)


class Review(QObject):
    """One napari viewer with its correction and its panels.

    Args:
        viewer: a napari viewer with a window.
        session: an opened study.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        window: QMainWindow = viewer.window._qt_window
        super().__init__(window)
        self.setObjectName(SHOWN)
        self.viewer = viewer
        self.window = window
        self.correction = Correction(viewer, session, self)
        self.panel = Panel(self.correction, window)
        self.figures = FiguresView(self.correction)
        self.queue = QueueView(self.correction)
        # What a blinded reader saw at another visit would tell the order of the visits.
        self.previous = None if session.blinded else PreviousView(self.correction)
        dock = viewer.window.add_dock_widget
        right = dock(self.panel, name="Correct", area="right", add_vertical_stretch=False)
        numbers = dock(self.figures, name="Numbers", area="left", add_vertical_stretch=False)
        queue = dock(self.queue, name="Photos", area="left", add_vertical_stretch=False)
        _tuck_away_napari(viewer)
        window.resizeDocks([right, numbers], [_PANEL_WIDTH, _SIDE_WIDTH], Qt.Orientation.Horizontal)
        window.resizeDocks([numbers, queue], [2, 1], Qt.Orientation.Vertical)
        self._beside: Any = None
        if self.previous is not None:
            self._beside = dock(self.previous, name="The visit before", area="right", add_vertical_stretch=False)
            window.splitDockWidget(self._beside, right, Qt.Orientation.Horizontal)
            self._beside.setVisible(False)
            self.correction.opened.connect(self._show_previous)
        QApplication.instance().installEventFilter(self)

    def _show_previous(self) -> None:
        """The second canvas takes room only where there is a visit before."""
        assert self.previous is not None
        shown = self.previous.has_photo
        if shown == self._beside.isVisible():
            return
        self._beside.setVisible(shown)
        if shown:
            width = (self.window.width() - _PANEL_WIDTH - _SIDE_WIDTH) * 2 // 5
            self.window.resizeDocks([self._beside], [width], Qt.Orientation.Horizontal)
        QTimer.singleShot(0, self.viewer.reset_view)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hear the window close, and whatever shows that the person is at work."""
        kind = event.type()
        if kind in _AT_WORK:
            photo = self.correction.photo
            if photo is not None:
                photo.clock.touch()
        elif kind == QEvent.Type.Close and watched is self.window:
            QApplication.instance().removeEventFilter(self)
            self.correction.close()
            if self.previous is not None:
                self.previous.close_canvas()
        return False


def _tuck_away_napari(viewer: Any) -> None:
    """Hide napari's own layer list and controls, which the panels replace; the Window menu brings them back."""
    with contextlib.suppress(AttributeError):
        for name in ("dockLayerList", "dockLayerControls"):
            getattr(viewer.window._qt_viewer, name).setVisible(False)


def attach(
    viewer: Any,
    folder: Path,
    reader: str,
    *,
    blinded: bool = False,
    seed: int | None = None,
    full_size: bool = False,
    photo: Path | None = None,
) -> Review:
    """Open a study in a napari viewer, on the first photograph of the queue or on the one given.

    Raises:
        BsaMeasureError: the study cannot be used, or the viewer shows a study already.
    """
    refuse_second(viewer)
    return _show(viewer, Session.begin(folder, reader, blinded=blinded, seed=seed, full_size=full_size), photo)


def attach_later(
    viewer: Any,
    folder: Path,
    reader: str,
    failed: Callable[[str], None],
    *,
    blinded: bool = False,
    photo: Path | None = None,
    done: Callable[[], None] = lambda: None,
) -> None:
    """As :func:`attach`, for a window that is open already: the study is read behind it, and what is wrong with it is
    said through ``failed`` in one sentence; ``done`` is called when all is well."""
    try:
        refuse_second(viewer)
    except StudyError as error:
        failed(str(error))
        return

    def show(session: Session) -> None:
        _show(viewer, session, photo)
        done()

    work = Work(viewer.window._qt_window)
    work.failed.connect(failed)
    work.step.connect(lambda sentence: setattr(viewer, "status", sentence))
    work.start(
        "Reading the study …",
        lambda step: Session.begin(folder, reader, blinded=blinded),
        show,
    )


def _show(viewer: Any, session: Session, photo: Path | None) -> Review:
    refuse_second(viewer)
    for layer in [layer for layer in viewer.layers if "bsa-measure" in layer.metadata]:
        viewer.layers.remove(layer)
    review = Review(viewer, session)
    item = None if photo is None else session.item_of(photo)
    if item is None:
        review.correction.open_next()
    else:
        review.correction.open_item(item)
    return review


def open_window(
    folder: Path, reader: str, *, blinded: bool = False, seed: int | None = None, full_size: bool = False
) -> Review:
    """Open a study in a new napari window. Raises as :func:`attach`."""
    import napari

    viewer = napari.Viewer(title="bsa-measure", show=False)
    try:
        review = attach(viewer, folder, reader, blinded=blinded, seed=seed, full_size=full_size)
    except BaseException:
        viewer.close()
        raise
    viewer.show()
    review.window.showMaximized()
    return review
