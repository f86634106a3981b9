"""The photograph of the visit before, beside this one: the same place, at the same zoom."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.qt import QtViewer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from .correction import Correction
from .layers import tissue_colormap


class PreviousView(QWidget):
    """A second canvas whose camera follows the first, and the reverse."""

    def __init__(self, correction: Correction) -> None:
        super().__init__()
        self._correction = correction
        self._following = False
        self._ratio = (1.0, 1.0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.head = QLabel()
        layout.addWidget(self.head)
        self.model = ViewerModel()
        self.canvas = QtViewer(self.model)
        layout.addWidget(self.canvas, 1)
        self.photo = Image(np.zeros((2, 2, 3), np.uint8), name="before", rgb=True)
        self.mask = Labels(np.zeros((2, 2), np.uint8), name="classes before", colormap=tissue_colormap(), opacity=0.9)
        self.model.add_layer(self.photo)
        self.model.add_layer(self.mask)
        self._cameras: tuple[Any, Any] = (correction.viewer.scene.camera, self.model.scene.camera)
        for camera in self._cameras:
            camera.events.center.connect(self._moved)
            camera.events.zoom.connect(self._moved)
        correction.opened.connect(self._show)

    @property
    def has_photo(self) -> bool:
        """Whether there is a visit before."""
        photo = self._correction.photo
        return photo is not None and photo.previous is not None

    def _show(self) -> None:
        photo = self._correction.photo
        previous = None if photo is None else photo.previous
        if photo is None or previous is None:
            self.head.setText("No photo of this view at a visit before.")
            return
        self.head.setText(previous.title)
        self.photo.data = previous.pixels
        height, width = previous.pixels.shape[:2]
        self.mask.data = np.zeros((height, width), np.uint8) if previous.outlines is None else previous.outlines
        # Two cameras rarely give the same number of pixels: the same share of the frame is shown.
        self._ratio = (height / photo.canvas.size[0], width / photo.canvas.size[1])
        self._moved()

    def _moved(self, event: Any = None) -> None:
        if self._following or not self.has_photo:
            return
        here, there = self._cameras
        down, across = self._ratio
        self._following = True
        try:
            if event is None or event.source is here:
                depth, row, column = here.center
                there.center = (depth, row * down, column * across)
                there.zoom = here.zoom / down
            else:
                depth, row, column = there.center
                here.center = (depth, row / down, column / across)
                here.zoom = there.zoom * down
        finally:
            self._following = False

    def close_canvas(self) -> None:
        """Let go of the second canvas before the window goes."""
        for camera in self._cameras:
            camera.events.center.disconnect(self._moved)
            camera.events.zoom.disconnect(self._moved)
        self.canvas.close()
