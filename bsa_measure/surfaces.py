"""Which surface of the chart each pixel of a photograph shows.

A *surface map* is a uint8 image as large as the mask: 0 belongs to no surface that this photograph measures,
n is the n-th surface of the chart. The automatic split below divides the silhouette at the protocol's cuts; a
person can redraw it, and masks made elsewhere can bring their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .chart import Chart
from .fractions import bounding_box
from .protocol import View
from .tissue import Tissue

SurfaceMap = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_ELONGATED = 1.5  # a silhouette this many times longer than wide has an axis of its own
_FEW = 64  # sampled pixels below which guessing is not worth it
_STEEP = 1e-6  # pixels of position that a column adds at least, lest columns differ by rounding only
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
    body = labels != int(Tissue.BACKGROUND)
    numbers = np.array([surface_number(surface, chart) for surface in view.surfaces], np.uint8)
    if not len(numbers) or not body.any():
        return np.zeros(labels.shape, np.uint8)
    if len(numbers) == 1:
        return np.asarray(body.view(np.uint8) * numbers[0])
    box = bounding_box(body)
    line = _line(body, box, view.split)
    part = body[box].astype(np.uint8)
    inside = part.copy()
    for cut in view.cuts:
        part += _beyond(line, cut) & inside
    table = np.zeros(256, np.uint8)
    table[1 : len(numbers) + 1] = numbers
    found = np.zeros(labels.shape, np.uint8)
    found[box] = cv2.LUT(part, table)
    return found


@dataclass(frozen=True)
class _Line:
    """Where the pixels of a box in a photograph lie along the silhouette.

    The position of a pixel is (across[column] + down[row] - first) / length: 0 at the silhouette's first end, 1 at
    its last.
    """

    across: Floats  # (width,)
    down: Floats  # (height,)
    first: float
    length: float


def _line(body: npt.NDArray[np.bool_], box: tuple[slice, slice], split: str) -> _Line:
    """Lay the line that the silhouette, whole in the box, is divided along: its axis, or from the left edge to the
    right."""
    rows, columns = box
    # From the photograph's corner, however little of it is looked at: the axis is then the same to its last digit.
    dx, dy = _axis(body[: rows.stop, : columns.stop]) if split == "down" else (1.0, 0.0)
    across: Floats = np.asarray(dx * (np.arange(columns.start, columns.stop) + 0.5), np.float64)
    down: Floats = np.asarray(dy * (np.arange(rows.start, rows.stop) + 0.5), np.float64)
    body = np.ascontiguousarray(body[box])
    tail = int(_TAIL * np.count_nonzero(body))
    first = _smallest(across, down, body, tail)
    last = -_smallest(-across, -down, body, tail)
    return _Line(across, down, first, max(last - first, 1e-9))


def _smallest(across: Floats, down: Floats, body: npt.NDArray[np.bool_], place: int) -> float:
    """The value at ``place`` among the sorted across[column] + down[row] of the silhouette.

    Only values that can be so small are looked at: below a limit guessed from every eighth row and column.
    """
    step = 8
    some = (across[None, ::step] + down[::step, None])[body[::step, ::step]]
    if len(some) > 2 * _FEW:
        limit = float(np.partition(some, guess := min(2 * place // step**2 + _FEW, len(some) - 1))[guess])
        rows = np.flatnonzero(down + across.min() <= limit)
        columns = np.flatnonzero(across + down.min() <= limit)
        if len(rows) and len(columns):
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            near = (across[None, box[1]] + down[box[0], None])[body[box]]
            near = near[near <= limit]
            if len(near) > place:
                return float(np.partition(near, place)[place])
    return float(np.partition((across[None, :] + down[:, None])[body], place)[place])


def _beyond(line: _Line, cut: float) -> npt.NDArray[np.bool_]:
    """(height, width) whether a pixel of the box lies at a cut or beyond it."""
    width = len(line.across)
    step = (line.across[-1] - line.across[0]) / max(width - 1, 1)
    if abs(step) < _STEEP:
        # Columns hardly differ: what holds at both ends of a row holds along it.
        ends = (line.across[[0, -1]] + line.down[:, None] - line.first) / line.length >= cut
        beyond = np.repeat(ends[:, :1], width, axis=1)
        mixed = ends[:, 0] != ends[:, 1]
        beyond[mixed] = (line.across[None, :] + line.down[mixed, None] - line.first) / line.length >= cut
        return beyond
    # Along a row the position only rises or only falls: its first column beyond the cut is near where it should be.
    rising = line.across if step > 0 else line.across[::-1]
    about = np.searchsorted(rising, cut * line.length + line.first - line.down)
    near = np.clip(about[:, None] + np.arange(-2, 3), 0, width - 1)
    there = (rising[near] + line.down[:, None] - line.first) / line.length >= cut
    bound = np.where(there.any(axis=1), near[np.arange(len(near)), there.argmax(axis=1)], near[:, -1] + 1)
    kind = np.min_scalar_type(width)  # few bytes a pixel are compared quickly
    beyond = np.arange(width, dtype=kind)[None, :] >= bound.astype(kind)[:, None]
    return beyond if step > 0 else np.ascontiguousarray(beyond[:, ::-1])


def position_along(body: npt.NDArray[np.bool_], split: str) -> Floats:
    """Position of every pixel of the silhouette along it, row by row: 0 at its first end, 1 at its last.

    Args:
        body: (height, width) bool, with at least one pixel.
        split: ``down`` or ``right``.

    Returns:
        (pixels of the silhouette,) float64, in the order of ``body.nonzero()``.
    """
    box = bounding_box(body)
    line = _line(body, box, split)
    return ((line.across[None, :] + line.down[:, None])[body[box]] - line.first) / line.length


def _axis(body: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Direction of the limb, pointing down the photograph: its main axis when it has one, else straight down."""
    moments = cv2.moments(body.view(np.uint8))
    covariance = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    spread, axes = np.linalg.eigh(covariance / max(moments["m00"], 1.0))
    dx, dy = (float(component) for component in axes[:, 1])
    if spread[1] < _ELONGATED**2 * max(spread[0], 1e-9) or abs(dy) < 0.5:
        return 0.0, 1.0
    return (dx, dy) if dy > 0 else (-dx, -dy)
