"""The panel beside the photograph: classes, tools, the reason and the key that ends it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAction,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bsa_measure.tissue import Tissue

from ..picture import SUFFIX, proposed_name
from ..reasons import REASONS, Reason, suggested
from .actions import ACTIONS, CLASS_OF_KEY, DONE_KEY, Action
from .correction import Correction
from .keys import bind_key
from .layout import PRESSED, Scrolling, tight
from .surfaces_view import SurfacesView


class Panel(QWidget):
    """Classes, tools, the progress line and *done → next*.

    Args:
        correction: what the buttons act on.
        window: the main window, all of which obeys the keys.
    """

    def __init__(self, correction: Correction, window: QWidget) -> None:
        super().__init__()
        self.correction = correction
        self._window = window
        self._modes: dict[str, QToolButton] = {}
        self._classes: dict[Tissue, QToolButton] = {}
        self._locks: dict[Tissue, QCheckBox] = {}
        tools = QWidget()
        column = tight(QVBoxLayout(tools))
        column.addWidget(self._class_box())
        column.addWidget(self._tool_box("Draw", "draw", columns=4))
        column.addWidget(self._tool_box("Tools", "tools"))
        column.addWidget(self._row("proposal"))
        column.addWidget(self._row("history"))
        column.addWidget(self._row("brush"))
        column.addWidget(self._tool_box("Show", "look"))
        column.addWidget(SurfacesView(correction))
        column.addStretch()
        # On a low screen the tools scroll: what ends a photograph is always in sight.
        layout = tight(QVBoxLayout(self))
        layout.addWidget(Scrolling(tools), 1)
        layout.addWidget(self._done_box())
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setMinimumHeight(36)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.sentence)
        layout.addWidget(self._progress_row())
        correction.said.connect(self.sentence.setText)
        correction.mode_changed.connect(self._show_mode)
        correction.opened.connect(self._opened)
        correction.changed.connect(self._show_reason)
        correction.work.step.connect(self._show_step)
        correction.picture_wanted.connect(self._ask_for_picture)
        self._show_mode()

    # ------------------------------------------------------------------------------------------------ parts

    def _class_box(self) -> QGroupBox:
        box = QGroupBox("Class")
        grid = tight(QGridLayout(box))
        for row, (key, tissue) in enumerate(CLASS_OF_KEY.items()):
            button = QToolButton()
            button.setText(f"{key}  {tissue.title}")
            button.setToolTip(tissue.description)
            button.setIcon(_swatch(tissue))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet(PRESSED)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, tissue=tissue: self.correction.choose_class(tissue))
            lock = QCheckBox("lock")
            lock.setToolTip(f"No pixel of this class changes while it is locked (Shift+{key}).")
            lock.clicked.connect(lambda _=False, tissue=tissue: self.correction.toggle_lock(tissue))
            grid.addWidget(button, row, 0)
            grid.addWidget(lock, row, 1)
            self._classes[tissue], self._locks[tissue] = button, lock
            self._bind(key, button.click)
            self._bind(f"Shift+{key}", partial(self.correction.toggle_lock, tissue))
        return box

    def _tool_box(self, title: str, group: str, *, columns: int = 3) -> QGroupBox:
        box = QGroupBox(title)
        grid = tight(QGridLayout(box))
        for place, action in enumerate(a for a in ACTIONS if a.group == group):
            grid.addWidget(self._button(action), place // columns, place % columns)
        return box

    def _row(self, *groups: str) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for action in ACTIONS:
            if action.group in groups:
                layout.addWidget(self._button(action))
        return row

    def _button(self, action: Action) -> QToolButton:
        button = QToolButton()
        button.setText(f"{action.title} ({action.key})")
        button.setToolTip(action.hint)
        button.setCheckable(bool(action.mode))
        button.setStyleSheet(PRESSED)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setObjectName(f"action-{action.title.lower().replace(' ', '-')}")
        button.clicked.connect(lambda _=False: self._act(action))
        key = self._bind(action.key, button.click)
        if action.group == "proposal":
            # Return and Esc belong to the text field as long as there is nothing to accept.
            for part in (button, key):
                part.setEnabled(False)
                self.correction.proposal_changed.connect(part.setEnabled)
        if action.mode:
            self._modes[action.mode] = button
        return button

    def _done_box(self) -> QGroupBox:
        box = QGroupBox("Done")
        layout = tight(QVBoxLayout(box))
        self.reason = QComboBox()
        self.reason.addItems(REASONS)
        self.reason.activated.connect(self._reason_chosen)
        self.words = QLineEdit()
        self.words.setPlaceholderText("in your own words")
        self.words.returnPressed.connect(self.done)
        self.done_button = QPushButton(f"Done → next ({DONE_KEY})")
        self.done_button.setToolTip("Records the reading and opens the next photo.")
        self.done_button.clicked.connect(self.done)
        self._bind(DONE_KEY, self.done_button.click)
        for widget in (self.reason, self.words, self.done_button):
            layout.addWidget(widget)
        self._chosen = False
        return box

    def _progress_row(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self.progress = QLabel()
        self.progress.setWordWrap(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.correction.work.cancel)
        layout.addWidget(self.progress, 1)
        layout.addWidget(self.cancel)
        self._progress = row
        row.setVisible(False)
        return row

    def _bind(self, key: str, do: Callable[[], object]) -> QAction:
        return bind_key(self._window, self, key, do)

    # ------------------------------------------------------------------------------------------------ what happens

    def _act(self, action: Action) -> None:
        self.sentence.clear()
        action.do(self.correction)
        self._show_mode()

    def class_button(self, tissue: Tissue) -> QToolButton:
        """The button that chooses a class."""
        return self._classes[tissue]

    def done(self) -> None:
        """Record the reading and open the next photograph."""
        if not self.correction.finish(Reason(self.reason.currentText(), self.words.text())):
            self.words.setFocus()

    def _ask_for_picture(self) -> None:
        """Ask where the picture goes. A file that is there already is refused later, so the dialog need not ask."""
        photo = self.correction.photo
        if photo is None:
            return
        name = proposed_name(photo.planned.photo.view)
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Save the photo with its outlines",
            str(Path.home() / name),
            f"Picture (*{SUFFIX})",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if path:
            self.correction.save_picture(Path(path))

    def _opened(self) -> None:
        self._chosen = False
        self.words.clear()
        self._show_reason()

    def _reason_chosen(self) -> None:
        self._chosen = True

    def _show_reason(self) -> None:
        """Suggest a reason from what was done, until the person has chosen one."""
        photo = self.correction.photo
        if photo is not None and not self._chosen:
            self.reason.setCurrentText(suggested(photo.canvas.history.done, blank=not photo.canvas.basis.source))

    def _show_mode(self) -> None:
        correction = self.correction
        for mode, button in self._modes.items():
            button.setChecked(mode == correction.mode)
        locked = correction.photo.canvas.locked if correction.photo is not None else set()
        for tissue, button in self._classes.items():
            button.setChecked(tissue == correction.tissue)
            self._locks[tissue].setChecked(int(tissue) in locked)

    def _show_step(self, sentence: str) -> None:
        self._progress.setVisible(bool(sentence))
        self.progress.setText(f"{sentence} …" if sentence else "")
        self.cancel.setVisible(self.correction.work.cancellable)
        self.done_button.setEnabled(not sentence)


def _swatch(tissue: Tissue) -> QIcon:
    picture = QPixmap(16, 16)
    picture.fill(QColor(*tissue.color))
    return QIcon(picture)
