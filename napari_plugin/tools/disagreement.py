"""Where two readers disagree: connected regions of different classes, the largest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.tissue import Tissue

from .patch import Area, Box, Labels, Patch, replace

SMALLEST: float = 1e-5
"""Regions below this share of the photograph's skin are left out: nobody draws a border that exactly twice."""


@dataclass(frozen=True, eq=False)
class Disagreement:
    """One connected region that two readers gave different classes.

    Attributes:
        area: its pixels.
        size: the skin it stands for, as a share of the photograph's skin in either reading.
        class_a, class_b: the class that each reader gave most of it.
    """

    area: Area
    size: float
    class_a: Tissue
    class_b: Tissue

    @property
    def box(self) -> Box:
        """Rows and columns of its smallest rectangle."""
        return self.area.box


def disagreements(
    a: Labels,
    b: Labels,
    area_weight: npt.NDArray[np.float32] | None = None,
    *,
    smallest: float = SMALLEST,
    border: int = 0,
) -> list[Disagreement]:
    """Regions in which two readings of one photograph differ.

    Args:
        a, b: (height, width) uint8 classes.
        area_weight: (height, width) skin area that a pixel stands for; None: every pixel counts alike.
        smallest: regions below this share of the skin are left out.
        border: a region that vanishes when this many pixels are peeled off its rim is left out as well: two hands
            never draw the same border. 0: only ``smallest`` counts.

    Returns:
        Ordered by size, the largest first; regions of equal size from top to bottom.
    """
    differ = np.asarray(cv2.compare(a, b, cv2.CMP_NE))
    skin = (a != Tissue.BACKGROUND) | (b != Tissue.BACKGROUND)
    count, numbers, statistics, _ = cv2.connectedComponentsWithStats(differ, connectivity=8)
    weight = np.ones(1) if area_weight is None else area_weight
    whole = float(np.count_nonzero(skin)) if area_weight is None else float(weight[skin].sum(dtype=np.float64))
    if count == 1 or whole <= 0:
        return []
    if area_weight is None:
        sizes = statistics[:, cv2.CC_STAT_AREA].astype(np.float64)
    else:
        at = numbers > 0
        sizes = np.bincount(numbers[at], weights=weight[at], minlength=count)
    thick = np.ones(count, bool)
    if border > 0:
        kernel = np.ones((2 * border + 1, 2 * border + 1), np.uint8)
        thick = np.bincount(numbers[cv2.erode(differ, kernel) > 0], minlength=count) > 0
    found = []
    for number in np.argsort(-sizes, kind="stable"):
        if number == 0 or not thick[number] or sizes[number] < smallest * whole:
            continue
        left, top, width, height = (int(value) for value in statistics[number, :4])
        box = slice(top, top + height), slice(left, left + width)
        inside = numbers[box] == number
        area = Area(top, left, inside)
        share = float(sizes[number]) / whole
        found.append(Disagreement(area, share, _most(a[box][inside]), _most(b[box][inside])))
    return found


def take(labels: Labels, chosen: Labels, region: Disagreement, *, locked: Collection[int] = ()) -> Patch:
    """Give a region the classes that ``chosen``, one of the two readings, gave it."""
    return replace(labels, region.area, chosen[region.box], locked=locked)


def merge(labels: Labels, a: Labels, b: Labels, region: Disagreement, *, order: Collection[int]) -> Patch:
    """Give every pixel of a region that one of its two classes which comes first in ``order``.

    With the detached class first, the result is what either reader called detached.
    """
    rank = np.zeros(len(Tissue), np.uint8)
    for place, tissue in enumerate(order):
        rank[tissue] = place
    first, second = a[region.box], b[region.box]
    return replace(labels, region.area, np.where(rank[first] <= rank[second], first, second))


def next_after(regions: list[Disagreement], settled: Collection[int], current: int | None) -> int | None:
    """Number of the next region that is not settled, after the current one and then from the start; None: all are."""
    start = -1 if current is None else current
    turn = [*range(start + 1, len(regions)), *range(0, min(start + 1, len(regions)))]
    return next((number for number in turn if number not in settled), None)


def _most(classes: Labels) -> Tissue:
    return Tissue(int(np.bincount(classes, minlength=len(Tissue)).argmax()))
