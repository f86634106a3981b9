"""A patch: the new content of one rectangle of a label image, and what every tool does with an area it has chosen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Labels: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.bool_]
Box: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Patch:
    """New classes of a rectangle; everything outside it stays as it is.

    Attributes:
        top, left: row and column of the rectangle's first pixel.
        labels: (height, width) uint8 classes that the rectangle is to hold; empty when nothing changes.
    """

    top: int
    left: int
    labels: Labels

    @property
    def box(self) -> Box:
        """Rows and columns of the rectangle."""
        height, width = self.labels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to lay."""
        return self.labels.size == 0

    def lay(self, labels: Labels) -> None:
        """Write the rectangle into (height, width) uint8 labels."""
        labels[self.box] = self.labels

    def applied(self, labels: Labels) -> Labels:
        """A copy of the labels with the rectangle laid over it."""
        new = labels.copy()
        self.lay(new)
        return new

    def inverse(self, labels: Labels) -> Patch:
        """The patch that brings back what these labels hold in the rectangle now."""
        return Patch(self.top, self.left, labels[self.box].copy())


NOTHING = Patch(0, 0, np.zeros((0, 0), np.uint8))
"""The patch of a tool that has nothing to change."""


@dataclass(frozen=True, eq=False)
class Area:
    """A set of pixels: true pixels of a rectangle.

    Attributes:
        top, left: row and column of the rectangle's first pixel.
        inside: (height, width) bool.
    """

    top: int
    left: int
    inside: Mask

    @property
    def box(self) -> Box:
        """Rows and columns of the rectangle."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def on(self, shape: tuple[int, int]) -> Mask:
        """The area as a bool image of this (height, width)."""
        whole = np.zeros(shape, bool)
        whole[self.box] = self.inside
        return whole


def paint(labels: Labels, area: Area, tissue: int, *, locked: Collection[int] = (), keep: Mask | None = None) -> Patch:
    """Give an area one class.

    Args:
        labels: (height, width) uint8 classes as they are.
        area: where; it lies within the labels.
        tissue: the new class.
        locked: classes whose pixels stay as they are.
        keep: (height, width) bool, pixels that stay as they are whatever their class.
    """
    return replace(labels, area, np.uint8(tissue), locked=locked, keep=keep)


def replace(
    labels: Labels, area: Area, classes: Labels | np.uint8, *, locked: Collection[int] = (), keep: Mask | None = None
) -> Patch:
    """Give every pixel of an area a class of its own: (height, width of the area) uint8; else as :func:`paint`."""
    before = labels[area.box]
    change = before != classes
    change &= area.inside
    for tissue in locked:
        change &= before != tissue
    if keep is not None:
        change &= ~keep[area.box]
    after = before.copy()
    np.copyto(after, classes, where=change)
    return trimmed(Patch(area.top, area.left, after), change)


def trimmed(patch: Patch, change: Mask) -> Patch:
    """The part of a patch that holds every true pixel of ``change``, which is as large as the patch."""
    left, top, width, height = cv2.boundingRect(change.view(np.uint8))
    if not width:
        return NOTHING
    part = patch.labels[top : top + height, left : left + width].copy()
    return Patch(patch.top + top, patch.left + left, part)


def difference(before: Labels, after: Labels) -> Patch:
    """The smallest patch that turns one label image into another of the same size."""
    return trimmed(Patch(0, 0, after), np.asarray(cv2.compare(before, after, cv2.CMP_NE)) > 0)


def around(box: Box, margin: int, shape: tuple[int, int]) -> Box:
    """A rectangle with a margin of pixels on every side, as far as the image of this (height, width) reaches."""
    rows, columns = box
    return (
        slice(max(rows.start - margin, 0), min(rows.stop + margin, shape[0])),
        slice(max(columns.start - margin, 0), min(columns.stop + margin, shape[1])),
    )
