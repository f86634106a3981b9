"""Plugins > Correct photographs, and Plugins > Decide between readers: which study, and who is there."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from bsa_measure.errors import BsaMeasureError

from ..places import sample_copy
from . import adjudicate, window


class _StudyForm(QWidget):
    """The fields that both ways in have in common; what is wrong is said below them in one sentence."""

    def __init__(self, napari_viewer: Any, who: str, opens: Callable[[], None]) -> None:
        super().__init__()
        # From its menu napari hands out a proxy that hides the window, in which the study is to be shown.
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._form = form = QFormLayout(self)
        self.folder = QLineEdit()
        choose = QPushButton("…")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self.folder)
        row.addWidget(choose)
        form.addRow("Study folder", row)
        self.reader = QLineEdit(getpass.getuser())
        form.addRow(who, self.reader)
        self.open_button = QPushButton("Open")
        self.open_button.clicked.connect(lambda: opens())
        form.addRow(self.open_button)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        form.addRow(self.sentence)

    def leave(self) -> None:
        """The study is open: its panels need the room."""
        dock = self.parentWidget()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        if dock is not None:
            dock.hide()

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Study folder")
        if chosen:
            self.folder.setText(chosen)


class StartWidget(_StudyForm):
    """Choose a study and correct its photographs in this window.

    Args:
        napari_viewer: given by napari.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Reader", self.open)
        self.blinded = QCheckBox("visits in random order, no dates, no other labels")
        self._form.insertRow(2, "Blinded", self.blinded)
        sample = QPushButton("Open the sample study")
        sample.clicked.connect(self._sample)
        self._form.insertRow(4, sample)

    def open(self) -> None:
        """Open the study; what is wrong is said in one sentence."""
        self.sentence.clear()
        folder, reader = Path(self.folder.text()), self.reader.text()
        say, blinded = self.sentence.setText, self.blinded.isChecked()
        window.attach_later(self._viewer, folder, reader, say, blinded=blinded, done=self.leave)

    def _sample(self) -> None:
        try:
            self.folder.setText(str(sample_copy()))
        except BsaMeasureError as error:
            self.sentence.setText(str(error))
            return
        self.open()


class DecideWidget(_StudyForm):
    """Choose a study and decide between its readers in this window.

    Args:
        napari_viewer: given by napari.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Adjudicator", self.open)

    def open(self) -> None:
        """Open the study; what is wrong, such as a study with one reader, is said in one sentence."""
        self.sentence.clear()
        folder, adjudicator = Path(self.folder.text()), self.reader.text()
        adjudicate.attach_later(self._viewer, folder, adjudicator, self.sentence.setText, done=self.leave)
