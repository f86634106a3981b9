"""From a mask to the fractions of a surface: which share is detached, re-epithelialised, and can be seen at all.

Within one photograph and one surface, A_k is the sum of a(x) over the pixels of class k, where a(x) is the
skin area that pixel x stands for. A fraction is a ratio of such areas, so that the distance of the camera
cancels. Areas are given as shares of the photograph's frame, so that its resolution cancels as well when
several photographs of one surface are pooled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .tissue import Tissue


@dataclass(frozen=True)
class Areas:
    """Area of each class on one surface, in units of the photograph's frame."""

    intact: float = 0.0
    detached: float = 0.0
    reepithelialised: float = 0.0
    not_assessable: float = 0.0

    @property
    def seen(self) -> float:
        """Area whose state can be seen."""
        return math.fsum((self.intact, self.detached, self.reepithelialised))

    @property
    def detached_fraction(self) -> float | None:
        """f = detached / seen; None when nothing is seen."""
        return self.detached / self.seen if self.seen > 0 else None

    @property
    def reepithelialised_fraction(self) -> float | None:
        """e = re-epithelialised / seen; None when nothing is seen."""
        return self.reepithelialised / self.seen if self.seen > 0 else None

    @property
    def assessable_fraction(self) -> float | None:
        """c = seen / (seen + not assessable); None when the surface is not on the photograph."""
        total = self.seen + self.not_assessable
        return self.seen / total if total > 0 else None


@dataclass(frozen=True)
class Doubt:
    """By how much the fractions of a surface may be off because its outline may be: (least, most), least <= 0 <= most.

    Formed by ``geometry.outline_doubt``; no doubt where every pixel counts alike.
    """

    detached: tuple[float, float] = (0.0, 0.0)
    reepithelialised: tuple[float, float] = (0.0, 0.0)


def pool_doubts(doubts: Iterable[tuple[Areas, Doubt]]) -> Doubt:
    """The doubt of a surface that several photographs show: each has its share in proportion to the area it shows."""
    listed = list(doubts)
    seen = math.fsum(areas.seen for areas, _ in listed)
    if seen <= 0:
        return Doubt()

    def pooled(ends: Iterable[float]) -> float:
        return math.fsum(areas.seen * end for (areas, _), end in zip(listed, ends, strict=True)) / seen

    return Doubt(
        detached=(pooled(d.detached[0] for _, d in listed), pooled(d.detached[1] for _, d in listed)),
        reepithelialised=(
            pooled(d.reepithelialised[0] for _, d in listed),
            pooled(d.reepithelialised[1] for _, d in listed),
        ),
    )


def pool(areas: Iterable[Areas]) -> Areas:
    """Pool a surface's areas over several photographs of one visit: sums of numerators and of denominators.

    The order of the photographs changes nothing, not even a last digit.
    """
    listed = list(areas)
    return Areas(
        intact=math.fsum(a.intact for a in listed),
        detached=math.fsum(a.detached for a in listed),
        reepithelialised=math.fsum(a.reepithelialised for a in listed),
        not_assessable=math.fsum(a.not_assessable for a in listed),
    )


def areas_on_surface(
    labels: npt.NDArray[np.uint8],
    on_surface: npt.NDArray[np.bool_],
    area_weight: npt.NDArray[np.float32] | None = None,
) -> Areas:
    """Area of each class on one surface of one photograph.

    Args:
        labels: (height, width) uint8 tissue classes.
        on_surface: (height, width) bool, true where the photograph shows this surface.
        area_weight: (height, width) a(x), the skin area that each pixel stands for; None: every pixel counts 1.
    """
    box = bounding_box(on_surface)
    on_box = on_surface[box]
    weight = None if area_weight is None else area_weight[box][on_box]
    return areas_of_pixels(labels[box][on_box], labels.size, weight)


def bounding_box(area: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the smallest box that holds a (height, width) area; empty slices where there is none."""
    left, top, width, height = cv2.boundingRect(area.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def areas_of_pixels(classes: npt.NDArray[np.uint8], frame: int, weight: npt.NDArray[np.float32] | None = None) -> Areas:
    """Area of each class among some pixels of a photograph.

    Args:
        classes: (N,) uint8 tissue classes.
        frame: pixels of the whole photograph.
        weight: (N,) a(x); None: every pixel counts 1.
    """

    def area(tissue: Tissue) -> float:
        chosen = classes == int(tissue)  # compared with the enumeration itself, numpy works on 64-bit integers
        if weight is None:
            return float(np.count_nonzero(chosen)) / float(frame)
        return float(weight[chosen].sum(dtype=np.float64)) / float(frame)

    return Areas(
        intact=area(Tissue.INTACT),
        detached=area(Tissue.DETACHED),
        reepithelialised=area(Tissue.REEPITHELIALISED),
        not_assessable=area(Tissue.NOT_ASSESSABLE),
    )
