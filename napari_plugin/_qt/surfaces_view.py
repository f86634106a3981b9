"""Surfaces: which one the brush paints, and which ones of the visit are free of lesions without a photograph."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QGroupBox, QHBoxLayout, QInputDialog, QPushButton, QVBoxLayout, QWidget

from bsa_measure.errors import BsaMeasureError
from bsa_measure.report.words import surface_title
from bsa_measure.surfaces import surface_number

from .correction import Correction


class SurfacesView(QGroupBox):
    """Which surface is painted in the mode *surfaces*, and the declaration *uninvolved*."""

    def __init__(self, correction: Correction, parent: QWidget | None = None) -> None:
        super().__init__("Surfaces", parent)
        self._correction = correction
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        self.brush = QComboBox()
        self.brush.setToolTip("The surface that the brush paints after U; 0 belongs to none.")
        self.brush.activated.connect(self._choose)
        layout.addWidget(self.brush)
        row = QHBoxLayout()
        self.unseen = QComboBox()
        self.unseen.setToolTip("Surfaces of this visit that no photograph shows.")
        self.declare_button = QPushButton("Uninvolved")
        self.declare_button.setToolTip("Records that this surface is free of lesions at this visit.")
        self.declare_button.clicked.connect(self.declare)
        row.addWidget(self.unseen, 1)
        row.addWidget(self.declare_button)
        layout.addLayout(row)
        again = QHBoxLayout()
        self.declared = QComboBox()
        self.declared.setToolTip("Surfaces that are declared free of lesions.")
        self.back_button = QPushButton("Take back")
        self.back_button.clicked.connect(self._take_back)
        again.addWidget(self.declared, 1)
        again.addWidget(self.back_button)
        layout.addLayout(again)
        correction.opened.connect(self._opened)

    def _opened(self) -> None:
        photo = self._correction.photo
        if photo is None or photo.planned.job is None:
            return
        job = photo.planned.job
        self.brush.clear()
        for name in job.view.surfaces:
            self.brush.addItem(surface_title(name), surface_number(name, job.chart))
        others = [name for name in job.chart.surfaces if name not in job.view.surfaces]
        self.brush.addItem("no surface", 0)
        for name in others:  # what lies beside tells where a part ends
            self.brush.addItem(surface_title(name), surface_number(name, job.chart))
        self._choose()
        self._fill()

    def _fill(self) -> None:
        session = self._correction.session
        self.setVisible(True)
        for box, button, names in (
            (self.unseen, self.declare_button, session.unseen_surfaces()),
            (self.declared, self.back_button, session.declared_surfaces()),
        ):
            box.clear()
            for name in names:
                box.addItem(surface_title(name), name)
            box.setVisible(not session.blinded)
            button.setVisible(not session.blinded)
            button.setEnabled(bool(names))

    def _choose(self) -> None:
        number = self.brush.currentData()
        if number is not None:
            self._correction.layers.surfaces.selected_label = number

    def declare(self) -> None:
        """Record that the chosen surface is free of lesions at this visit."""
        self._record(self.unseen.currentData(), uninvolved=True, reason="")

    def _take_back(self) -> None:
        surface = self.declared.currentData()
        if surface is None:
            return
        reason, given = QInputDialog.getText(self, "Take back", f"Why is the {surface_title(surface)} not uninvolved?")
        if given:
            self._record(surface, uninvolved=False, reason=reason)

    def _record(self, surface: str | None, *, uninvolved: bool, reason: str) -> None:
        if surface is None:
            return
        try:
            self._correction.session.declare(surface, uninvolved=uninvolved, reason=reason)
        except BsaMeasureError as error:
            self._correction.said.emit(str(error))
            return
        self._fill()
        self._correction.changed.emit()
