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
    frame = float(labels.size)

    def area(tissue: Tissue) -> float:
        pixels = (labels == tissue) & on_surface
        if area_weight is None:
            return float(np.count_nonzero(pixels)) / frame
        return float(area_weight[pixels].sum(dtype=np.float64)) / frame

    return Areas(
        intact=area(Tissue.INTACT),
        detached=area(Tissue.DETACHED),
        reepithelialised=area(Tissue.REEPITHELIALISED),
        not_assessable=area(Tissue.NOT_ASSESSABLE),
    )
