"""How much skin a pixel stands for: the weight a(x) of every pixel of a photograph.

A limb or trunk is round, so a photograph shows its flanks foreshortened and a pixel near the outline stands for
more skin than one in the middle. ``silhouette`` takes every row of the silhouette for the chord of a half-cylinder
that faces the camera: a pixel from u1 to u2 (-1 at one outline, 1 at the other) stands for the arc
R (asin u2 - asin u1). The rows of a tilted cylinder have the same profile, so its tilt does not matter.
"""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from .tissue import Tissue

Geometry = Literal["flat", "silhouette"]

LARGEST_WEIGHT: Final = 5.0
"""No pixel counts more than this many central ones: at the very outline the picture knows nothing."""


def area_weight(labels: npt.NDArray[np.uint8], geometry: Geometry) -> npt.NDArray[np.float32] | None:
    """Skin area that each pixel stands for, up to a common factor.

    Args:
        labels: (height, width) uint8 tissue classes; the silhouette is everything that is not background.
        geometry: ``flat``: every pixel counts alike. ``silhouette``: half-cylinder, row by row.

    Returns:
        (height, width) float32, at least 1 inside the silhouette; None where every pixel counts alike.
    """
    if geometry == "flat":
        return None
    return half_cylinder(_without_holes(labels != Tissue.BACKGROUND))


def half_cylinder(silhouette: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Arc length that each pixel of a silhouette stands for, row by row.

    A row that the frame of the photograph cuts off has no outline there and stays flat. Outside the silhouette
    the weight is 1.
    """
    rows, columns = silhouette.shape
    padded = np.zeros((rows, columns + 2), np.int8)
    padded[:, 1:-1] = silhouette
    steps = np.diff(padded, axis=1)
    row, first = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    whole = (first > 0) & (end < columns)
    row, first, end = row[whole], first[whole], end[whole]
    length = end - first
    weight = np.ones(silhouette.shape, np.float32)
    if not len(length):
        return weight
    x = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    radius = np.repeat(length / 2.0, length)
    left = np.arcsin(np.clip(x / radius - 1.0, -1.0, 1.0))
    right = np.arcsin(np.clip((x + 1) / radius - 1.0, -1.0, 1.0))
    arc = np.minimum(radius * (right - left), LARGEST_WEIGHT)
    weight[np.repeat(row, length), np.repeat(first, length) + x] = arc
    return weight


def _without_holes(body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The silhouette with its holes filled: an electrode on the chest is no outline of the body."""
    contours, _ = cv2.findContours(body.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(body.shape, np.uint8)
    cv2.drawContours(filled, list(contours), -1, 1, thickness=cv2.FILLED)
    return filled.astype(bool)
