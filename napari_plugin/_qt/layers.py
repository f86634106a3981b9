"""The open photograph as napari layers. Colours come from ``tissue``; layer names say nothing about the patient."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from bsa_measure.tissue import Tissue

from ..canvas import Edit, Plane
from ..session import OpenPhoto
from ..tools.patch import Box, Patch
from .held_labels import HeldLabels

PHOTO, MASK, MODEL, PERSON, BEDSIDE, SURFACES, WEIGHT, PROPOSAL, EARLIER = (
    "photo",
    "classes",
    "the model's classes",
    "painted by a person",
    "bedside examination",
    "surfaces",
    "skin per pixel",
    "proposal",
    "earlier reading",
)

# Intact skin is most of a photograph: a light tint is enough, so that the skin itself stays visible.
_ALPHA: Final = {Tissue.BACKGROUND: 0.0, Tissue.INTACT: 0.35}
_AREA_OPACITY: Final = 0.4
_BEDSIDE: Final = (230, 159, 0)
_PERSON: Final = (240, 228, 66)
_SURFACE_COLORS: Final = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (213, 94, 0))
"""Okabe and Ito's colours once more; neighbours on a photograph are neighbours in the chart and differ."""


def tissue_colormap() -> DirectLabelColormap:
    """The classes in their colours."""
    colors: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0)}
    for tissue in Tissue:
        colors[int(tissue)] = (*(channel / 255 for channel in tissue.color), _ALPHA.get(tissue, 1.0))
    return DirectLabelColormap(color_dict=colors)


_TO_BACKGROUND: Final = 9  # in a proposal: would become background
_SHOWN_AS: Final = np.arange(256, dtype=np.uint8)
_SHOWN_AS[Tissue.BACKGROUND] = _TO_BACKGROUND
_NOTHING: Final[Plane] = np.zeros((2, 2), np.uint8)
_EVERYWHERE: Final[Box] = (slice(None), slice(None))
_PROPOSAL_SIDE: Final = 2048


def _proposal_colormap() -> DirectLabelColormap:
    colors = dict(tissue_colormap().color_dict)
    colors[int(Tissue.INTACT)] = (*(channel / 255 for channel in Tissue.INTACT.color), 1.0)
    colors[_TO_BACKGROUND] = (0.1, 0.1, 0.1, 1.0)
    return DirectLabelColormap(color_dict=colors)


def _one_color(color: tuple[int, int, int]) -> DirectLabelColormap:
    opaque = (*(channel / 255 for channel in color), 1.0)
    return DirectLabelColormap(color_dict={None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0), 1: opaque})


def _surface_colormap(count: int) -> DirectLabelColormap:
    colors: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0)}
    for number in range(1, count + 1):
        color = _SURFACE_COLORS[number % len(_SURFACE_COLORS)]
        colors[number] = (*(channel / 255 for channel in color), 1.0)
    return DirectLabelColormap(color_dict=colors)


class PhotoLayers:
    """The layers of one viewer. They are made once and get the planes of every photograph in turn.

    Args:
        viewer: a napari viewer or viewer model.
        surfaces: how many surfaces the chart has.
    """

    def __init__(self, viewer: Any, surfaces: int) -> None:
        self._viewer = viewer
        blank = np.zeros((2, 2), np.uint8)
        classes = tissue_colormap()
        # From the bottom to the top.
        self.photo = Image(np.zeros((2, 2, 3), np.uint8), name=PHOTO, rgb=True)
        self.weight = Image(np.ones((2, 2), np.float32), name=WEIGHT, colormap="viridis", opacity=0.6, visible=False)
        self.surfaces = Labels(
            blank.copy(), name=SURFACES, colormap=_surface_colormap(surfaces), opacity=0.35, visible=False
        )
        self.model = Labels(blank.copy(), name=MODEL, colormap=classes, opacity=1.0, visible=False)
        self.model.contour = 2
        self.mask = HeldLabels(blank.copy(), name=MASK, colormap=classes, opacity=_AREA_OPACITY)
        self.person = Labels(blank.copy(), name=PERSON, colormap=_one_color(_PERSON), opacity=0.8, visible=False)
        self.person.contour = 2
        self.bedside = HeldLabels(blank.copy(), name=BEDSIDE, colormap=_one_color(_BEDSIDE), opacity=0.6)
        self.earlier = Labels(blank.copy(), name=EARLIER, colormap=classes, opacity=1.0, visible=False)
        self.earlier.contour = 2
        self.compared: int | None = None
        self.proposal = Labels(blank.copy(), name=PROPOSAL, colormap=_proposal_colormap(), opacity=0.75)
        self.proposing = False
        self._proposed: Box = _EVERYWHERE
        self._all: tuple[Any, ...] = (
            self.photo,
            self.weight,
            self.surfaces,
            self.model,
            self.earlier,
            self.mask,
            self.person,
            self.bedside,
            self.proposal,
        )
        for layer in self._all:
            viewer.add_layer(layer)
        for layer in (self.mask, self.bedside, self.surfaces):
            layer.brush_size = 25

    @property
    def editable(self) -> tuple[Any, ...]:
        """The layers that a person paints on."""
        return self.mask, self.bedside, self.surfaces

    def show(self, photo: OpenPhoto) -> None:
        """Show another photograph from the start."""
        canvas = photo.canvas
        self.mask.held = self.bedside.held = canvas.held
        fresh = self.photo.data.shape[:2] != canvas.size
        self.photo.data = photo.pixels
        self.mask.data = canvas.labels.copy()
        self.bedside.data = canvas.bedside.copy()
        self.person.data = canvas.painted.copy()
        self.surfaces.data = photo.surfaces.copy()
        self.model.data = _NOTHING if photo.model is None else photo.model
        if photo.model is None:
            self.model.visible = False
        self._size_proposal(canvas.size)
        self.compare(None, None)
        self.show_weight(photo)
        if fresh:
            self._viewer.reset_view()

    def show_weight(self, photo: OpenPhoto) -> None:
        """The heat map of how much skin a pixel stands for: dark counts least, bright counts 3 or more."""
        weight, (height, width) = photo.count.weight, photo.canvas.size
        self.weight.data = np.ones((2, 2), np.float32) if weight is None else weight
        rows, columns = self.weight.data.shape
        self.weight.scale = (height / rows, width / columns)
        self.weight.contrast_limits = (0.5, 3.0)

    def update(self, photo: OpenPhoto, edit: Edit | None = None) -> None:
        """Bring the layers to what the session holds: after undo, a tool, a lock or a new surface map.

        Args:
            edit: what changed; None: look everywhere.
        """
        canvas = photo.canvas
        for name, layer, plane in (
            ("labels", self.mask, canvas.labels),
            ("bedside", self.bedside, canvas.bedside),
            ("painted", self.person, canvas.painted),
        ):
            if edit is None:
                _copy_into(layer, plane, _EVERYWHERE)
                continue
            for change in edit.changes:
                if change.plane == name:
                    _copy_into(layer, plane, change.after.box)
        if edit is None or edit.of("surfaces") is not None:
            _copy_into(self.surfaces, photo.surfaces, _EVERYWHERE)

    def follow_split(self, photo: OpenPhoto, before: Plane) -> None:
        """Show the automatic split that was found anew, unless somebody is painting on the one ``before``. Nothing else
        is touched: the brush may be on its way over the classes."""
        if np.array_equal(self.surfaces.data, before):
            _copy_into(self.surfaces, photo.surfaces, _EVERYWHERE)

    def compare(self, number: int | None, labels: Plane | None) -> None:
        """Show the outlines of an earlier reading; None: none."""
        self.compared = number
        self.earlier.data = _NOTHING if labels is None else labels
        self.earlier.visible = labels is not None

    def toggle_outlines(self) -> None:
        """Show outlines instead of areas, or the reverse; a thin line has to be opaque to be seen."""
        outlined = bool(self.mask.contour)
        self.mask.contour = 0 if outlined else 3
        self.mask.opacity = _AREA_OPACITY if outlined else 1.0

    def _size_proposal(self, size: tuple[int, int]) -> None:
        """Make room for proposals. On a large photograph they are shown with every second or third pixel: whoever sees
        all of it sees no single pixels, and a click is answered sooner."""
        step = -(-max(size) // _PROPOSAL_SIDE)
        self.proposing, self._proposed = False, _EVERYWHERE
        self.proposal.data = np.zeros(tuple(-(-side // step) for side in size), np.uint8)
        self.proposal.scale = (step, step)
        self.proposal.translate = ((step - 1) / 2, (step - 1) / 2)

    def propose(self, patch: Patch | None) -> None:
        """Show a patch before it is accepted; None: none."""
        shown = patch is not None and not patch.is_empty
        if not shown and not self.proposing:
            return
        # The layer is emptied rather than hidden: hiding one makes napari draw the whole window anew, twice.
        self.proposing = shown
        data, step = self.proposal.data, round(float(self.proposal.scale[0]))
        data[self._proposed] = 0
        if patch is not None and shown:
            self._proposed = self._draw_proposal(patch, data, step)
        self.proposal.refresh(thumbnail=False, highlight=False, extent=False)

    def _draw_proposal(self, patch: Patch, data: Plane, step: int) -> Box:
        # Only what would change is shown, not the rest of the rectangle; background needs a value that is seen.
        top, left = -patch.top % step, -patch.left % step
        new = patch.labels[top::step, left::step]
        now = self.mask.data[patch.box][top::step, left::step]
        top, left = (patch.top + top) // step, (patch.left + left) // step
        box = slice(top, top + new.shape[0]), slice(left, left + new.shape[1])
        data[box] = np.where(new == now, np.uint8(0), _SHOWN_AS[new])
        return box


def _copy_into(layer: Any, plane: Plane, box: Box) -> None:
    """Bring a part of a layer to the state of a plane; does nothing where it is there already."""
    if not np.array_equal(layer.data[box], plane[box]):
        layer.data[box] = plane[box]
        layer.refresh(thumbnail=False, highlight=False, extent=False)
