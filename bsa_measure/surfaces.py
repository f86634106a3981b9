"""Which surface of the chart each pixel of a photograph shows.

A *surface map* is a uint8 image as large as the mask: 0 belongs to no surface that this photograph measures,
n is the n-th surface of the chart. The automatic split below divides the silhouette at the protocol's cuts; a
person can redraw it, and masks made elsewhere can bring their own.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .chart import Chart
from .protocol import View
from .tissue import Tissue

SurfaceMap = npt.NDArray[np.uint8]

_ELONGATED = 1.5  # a silhouette this many times longer than wide has an axis of its own
_TAIL = 0.002  # share of the silhouette beyond each end that does not lengthen it: specks and toes of noise


def surface_number(surface: str, chart: Chart) -> int:
    """The pixel value of a surface in a surface map."""
    return chart.surfaces.index(surface) + 1


def surface_map(labels: npt.NDArray[np.uint8], view: View, chart: Chart) -> SurfaceMap:
    """Divide the silhouette of a photograph among the surfaces that its view shows.

    Args:
        labels: (height, width) uint8 tissue classes; the silhouette is everything that is not background.
        view: the standard photograph, with its surfaces in order, the direction of the split and its cuts.
        chart: gives the surfaces their numbers.

    Returns:
        (height, width) uint8 surface map; background and views without surfaces are 0.
    """
    body = labels != Tissue.BACKGROUND
    numbers = np.array([surface_number(surface, chart) for surface in view.surfaces], np.uint8)
    if not len(numbers) or not body.any():
        return np.zeros(labels.shape, np.uint8)
    if len(numbers) == 1:
        return np.where(body, numbers[0], np.uint8(0)).astype(np.uint8)
    position = position_along(body, view.split)
    index = np.zeros(len(position), np.uint8)
    for cut in view.cuts:  # a few: quicker than a search for every pixel
        index += position >= cut
    surfaces = np.zeros(labels.shape, np.uint8)
    surfaces[body] = numbers[index]
    return surfaces


def position_along(body: npt.NDArray[np.bool_], split: str) -> npt.NDArray[np.float64]:
    """Position of every pixel of the silhouette along it, row by row: 0 at its first end, 1 at its last.

    Args:
        body: (height, width) bool, with at least one pixel.
        split: ``down`` or ``right``.

    Returns:
        (pixels of the silhouette,) float64, in the order of ``body.nonzero()``.
    """
    dx, dy = _axis(body) if split == "down" else (1.0, 0.0)
    rows, columns = body.shape
    projection = dx * (np.arange(columns) + 0.5)[None, :] + dy * (np.arange(rows) + 0.5)[:, None]
    inside = projection[body]
    tail = int(_TAIL * len(inside))
    ends = (tail, len(inside) - 1 - tail)
    first, last = np.partition(inside, ends)[list(ends)]
    position: npt.NDArray[np.float64] = (inside - first) / max(last - first, 1e-9)
    return position


def _axis(body: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Direction of the limb, pointing down the photograph: its main axis when it has one, else straight down."""
    moments = cv2.moments(body.astype(np.uint8), binaryImage=True)
    covariance = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    spread, axes = np.linalg.eigh(covariance / max(moments["m00"], 1.0))
    dx, dy = (float(component) for component in axes[:, 1])
    if spread[1] < _ELONGATED**2 * max(spread[0], 1e-9) or abs(dy) < 0.5:
        return 0.0, 1.0
    return (dx, dy) if dy > 0 else (-dx, -dy)
