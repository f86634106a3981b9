"""Plugins > Correct photographs: which study, who reads, blinded or not."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from bsa_measure.errors import BsaMeasureError

from ..places import sample_copy
from .window import attach_later


class StartWidget(QWidget):
    """Choose a study and open it in this window.

    Args:
        napari_viewer: given by napari.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        form = QFormLayout(self)
        self.folder = QLineEdit()
        choose = QPushButton("…")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self.folder)
        row.addWidget(choose)
        form.addRow("Study folder", row)
        self.reader = QLineEdit(getpass.getuser())
        form.addRow("Reader", self.reader)
        self.blinded = QCheckBox("visits in random order, no dates, no other labels")
        form.addRow("Blinded", self.blinded)
        self.open_button = QPushButton("Open")
        self.open_button.clicked.connect(self.open)
        form.addRow(self.open_button)
        sample = QPushButton("Open the sample study")
        sample.clicked.connect(self._sample)
        form.addRow(sample)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        form.addRow(self.sentence)

    def open(self) -> None:
        """Open the study; what is wrong is said in one sentence."""
        self.sentence.clear()
        folder, reader = Path(self.folder.text()), self.reader.text()
        attach_later(self._viewer, folder, reader, self.sentence.setText, blinded=self.blinded.isChecked())

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Study folder")
        if chosen:
            self.folder.setText(chosen)

    def _sample(self) -> None:
        try:
            self.folder.setText(str(sample_copy()))
        except BsaMeasureError as error:
            self.sentence.setText(str(error))
            return
        self.open()
