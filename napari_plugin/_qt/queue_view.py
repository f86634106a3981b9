"""The queue as a list, and the earlier readings of the open photograph to go back to."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from ..queue import Item
from .correction import Correction

_MARK = {"to do": "○", "draft": "◐", "done": "●"}


class QueueView(QWidget):
    """Every photograph with its state; a double click opens it."""

    def __init__(self, correction: Correction) -> None:
        super().__init__()
        self._correction = correction
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        self.head = QLabel()
        self.head.setWordWrap(True)
        self.list = QListWidget()
        self.list.itemActivated.connect(self._open)
        layout.addWidget(self.head)
        layout.addWidget(self.list, 3)
        layout.addWidget(QLabel("Earlier readings of this photo"))
        self.readings = QListWidget()
        layout.addWidget(self.readings, 1)
        buttons = QHBoxLayout()
        self.compare = QPushButton("Compare")
        self.compare.setToolTip("Show the outlines of the chosen reading over this one.")
        self.compare.clicked.connect(self._compare)
        self.go_on = QPushButton("Continue from it")
        self.go_on.setToolTip("Take over the chosen reading; this can be taken back.")
        self.go_on.clicked.connect(self._continue)
        for button in (self.compare, self.go_on):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        correction.queue_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the queue and the readings as they are now."""
        session = self._correction.session
        self.head.setText(f"{session.reader}: {session.done} of {len(session.queue)} photos done")
        current = session.open.item.sha256 if session.open is not None else ""
        self.list.clear()
        for item in session.queue:
            row = QListWidgetItem(f"{_MARK[item.state]} {item.name}")
            row.setData(Qt.ItemDataRole.UserRole, item.sha256)
            row.setToolTip("\n".join(item.reasons))
            if item.state == "done":
                row.setForeground(QBrush(QColor(140, 140, 140)))
            self.list.addItem(row)
            if item.sha256 == current:
                self.list.setCurrentItem(row)
        self.readings.clear()
        if session.open is None:
            return
        for reading in session.readings_of(session.open.item):
            # A blinded reader sees own readings only, and their times say nothing about the patient's days.
            text = f"{reading.number}  {reading.reader}, {reading.created_utc[:16].replace('T', ' ')}: {reading.reason}"
            row = QListWidgetItem(text)
            row.setData(Qt.ItemDataRole.UserRole, reading.number)
            self.readings.addItem(row)

    def _open(self, row: QListWidgetItem) -> None:
        item: Item = self._correction.session.item(row.data(Qt.ItemDataRole.UserRole))
        self._correction.open_item(item)

    def _compare(self) -> None:
        row = self.readings.currentItem()
        if row is not None:
            self._correction.compare_with(row.data(Qt.ItemDataRole.UserRole))

    def _continue(self) -> None:
        row = self.readings.currentItem()
        if row is not None:
            self._correction.continue_from(row.data(Qt.ItemDataRole.UserRole))
