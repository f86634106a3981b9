"""Fill a polygon or a lasso."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import numpy.typing as npt

from .patch import NOTHING, Area, Labels, Patch, paint


def fill_polygon(labels: Labels, corners: npt.ArrayLike, tissue: int, *, locked: Collection[int] = ()) -> Patch:
    """Give the pixels inside a polygon and on its outline one class.

    Args:
        labels: (height, width) uint8 classes.
        corners: (N, 2) rows and columns of its corners in pixels, in order; it is closed from the last to the first
            and may leave the image. Where it crosses itself, what is enclosed twice lies outside.
        tissue: the new class.
        locked: classes whose pixels stay as they are.
    """
    points = np.asarray(corners, float)
    if len(points) < 3:
        return NOTHING
    height, width = labels.shape
    first = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, (height, width))
    if (last <= first).any():
        return NOTHING
    inside = np.zeros(tuple(last - first), np.uint8)
    moved = np.round(points - first).astype(np.int32)[:, ::-1]
    cv2.fillPoly(inside, [np.ascontiguousarray(moved)], 1)
    return paint(labels, Area(int(first[0]), int(first[1]), inside > 0), tissue, locked=locked)
