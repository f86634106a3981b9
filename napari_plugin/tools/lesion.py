"""Tools that act on one lesion: the connected pixels of one class under the click."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from bsa_measure.tissue import Tissue

from .patch import NOTHING, Area, Labels, Mask, Patch, around, paint, replace

Point = tuple[int, int]
"""Row and column of a pixel."""


def lesion_at(labels: Labels, point: Point) -> Area:
    """The connected pixels (also over corners) that have the class of the pixel at ``point``.

    Args:
        labels: (height, width) uint8 classes.
        point: within the labels.
    """
    # The fill is marked in a picture of its own, so the labels are only read.
    marked = np.zeros((labels.shape[0] + 2, labels.shape[1] + 2), np.uint8)
    row, column = point
    flags = 8 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    _, _, _, (left, top, width, height) = cv2.floodFill(
        np.ascontiguousarray(labels), marked, (column, row), 0, 0, 0, flags
    )
    inside = marked[1 + top : 1 + top + height, 1 + left : 1 + left + width] == 1
    return Area(top, left, inside)


def swap_class(labels: Labels, point: Point, tissue: int, *, locked: Collection[int] = ()) -> Patch:
    """Give the lesion under a click another class; nothing happens where its class is locked."""
    if int(labels[point]) in locked:
        return NOTHING
    return paint(labels, lesion_at(labels, point), tissue)


def fill_holes(labels: Labels, point: Point, *, largest_share: float = 1.0, locked: Collection[int] = ()) -> Patch:
    """Give everything that the lesion under a click encloses the lesion's class.

    Args:
        labels: (height, width) uint8 classes.
        point: a pixel of the lesion.
        largest_share: a hole larger than this many times the lesion's own pixels stays: it is skin with a ring
            around it rather than a gap.
        locked: classes whose pixels stay as they are.
    """
    lesion = lesion_at(labels, point)
    holes = holes_of(lesion.inside)
    most = largest_share * np.count_nonzero(lesion.inside)
    count, numbers, statistics, _ = cv2.connectedComponentsWithStats(holes.view(np.uint8), connectivity=4)
    small = np.zeros(count, bool)
    small[1:] = statistics[1:, cv2.CC_STAT_AREA] <= most
    return paint(labels, Area(lesion.top, lesion.left, small[numbers]), int(labels[point]), locked=locked)


def holes_of(inside: Mask) -> Mask:
    """Pixels that a shape, given as a (height, width) bool image, encloses; what reaches the border is no hole."""
    outside = np.pad(~inside, 1, constant_values=True).view(np.uint8)
    flags = 4 | (2 << 8)
    cv2.floodFill(outside, None, (0, 0), 2, 0, 0, flags)
    return np.asarray(outside[1:-1, 1:-1] == 1)


def smooth_border(labels: Labels, point: Point, *, radius: float = 4.0, locked: Collection[int] = ()) -> Patch:
    """Smooth the border of the lesion under a click; a pixel farther from it than ``radius`` never changes.

    A pixel belongs to the lesion where the lesion holds the larger part of its neighbourhood, weighed by a bell curve.
    A straight border stays where it is, so the area is kept but for the smoothed corners. What the lesion gives up
    falls to the class that is strongest there.

    Args:
        labels: (height, width) uint8 classes.
        point: a pixel of the lesion.
        radius: of the neighbourhood, in pixels.
        locked: classes whose pixels stay as they are.
    """
    own = int(labels[point])
    if own in locked:
        return NOTHING
    lesion = lesion_at(labels, point)
    reach = int(np.ceil(radius))
    box = around(lesion.box, 2 * reach, (labels.shape[0], labels.shape[1]))
    before = labels[box]
    inside = np.zeros(before.shape, bool)
    top, left = lesion.top - box[0].start, lesion.left - box[1].start
    inside[top : top + lesion.inside.shape[0], left : left + lesion.inside.shape[1]] = lesion.inside
    share = _blurred(inside, radius)
    near = _near_border(inside, reach)
    gained = near & ~inside & (share > 0.5)
    lost = near & inside & (share < 0.5)
    classes = before.copy()
    classes[gained] = own
    if lost.any():
        if lost.sum() == inside.sum():  # a speck is left alone: smoothing is not erasing
            return NOTHING
        others = [tissue for tissue in Tissue if tissue != own]
        strength = np.stack([_blurred(before == tissue, radius) for tissue in others])
        classes[lost] = np.array(others, np.uint8)[strength.argmax(axis=0)][lost]
    return replace(labels, Area(box[0].start, box[1].start, gained | lost), classes, locked=locked)


def _blurred(mask: Mask, radius: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    size = 2 * int(np.ceil(radius)) + 1
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (size, size), radius / 2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _near_border(inside: Mask, reach: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    shape = inside.astype(np.uint8)
    return np.asarray(cv2.dilate(shape, disc) != cv2.erode(shape, disc))
