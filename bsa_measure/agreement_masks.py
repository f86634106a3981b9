"""How well two masks of one photograph agree: Dice, boundary Dice, distance of the outlines.

    Dice            2 |A and B| / (|A| + |B|)                            Dice, Ecology 1945;26:297
    boundary Dice   share of both outlines that lies within a stated tolerance of the other outline
                                                                         Nikolov, J Med Internet Res 2021;23:e26151
    HD95            the larger of the two 95th percentiles of the distances from each outline to the other
                                                                         Huttenlocher et al., IEEE PAMI 1993;15:850

Rule for an empty class. Neither reader outlines it: nothing to compare, all three are None, and the photograph is
counted as agreement on absence. One reader does: Dice and boundary Dice are 0 and there is no distance.

Outlines are compared on masks of at most ``OUTLINE_LONG_SIDE`` pixels, distances are given in percent of the longer
side, so that a protocol's working size does not change them. The frame of the photograph counts as an outline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from .fractions import bounding_box
from .runs import find_runs
from .tissue import Tissue

OUTLINE_LONG_SIDE: Final = 1024
BODY: Final = "body"
"""The silhouette: everything that is not background."""

COMPARED: Final = tuple(t.name.lower() for t in (Tissue.DETACHED, Tissue.REEPITHELIALISED, Tissue.NOT_ASSESSABLE))
"""The classes of which Dice is given, beside the silhouette."""

_OUTLINED: Final = (Tissue.DETACHED, Tissue.REEPITHELIALISED)
_CROSS: Final = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """One class in two masks.

    Attributes:
        share_a, share_b: of the photograph that each reader gives to the class.
        dice, boundary_dice: 0 to 1; None when neither outlines the class, or outlines were not compared.
        hd95_percent: of the photograph's longer side; None unless both outline the class.
    """

    share_a: float
    share_b: float
    dice: float | None
    boundary_dice: float | None = None
    hd95_percent: float | None = None


@dataclass(frozen=True)
class MaskAgreement:
    """Two masks of one photograph.

    Attributes:
        classes: by name: ``detached``, ``reepithelialised``, ``not_assessable`` and ``body``.
        same: share of all pixels with the same class.
        detached_apart: pixels that only one of the two calls detached, as a share of the body that either outlines.
    """

    classes: Mapping[str, Overlap]
    same: float
    detached_apart: float


def mask_agreement(a: Labels, b: Labels, tolerance_percent: float) -> MaskAgreement:
    """Compare two (height, width) uint8 class masks of the same size.

    Args:
        a, b: tissue classes.
        tolerance_percent: how far apart two outlines may lie and still count as the same, in percent of the longer
            side.
    """
    if a.shape != b.shape:
        raise ValueError("masks to compare must have the same size")
    counts = confusion(a, b)
    pixels = float(a.size)
    small_a, small_b = outline_size(a), outline_size(b)
    classes: dict[str, Overlap] = {}
    for tissue in (Tissue.DETACHED, Tissue.REEPITHELIALISED, Tissue.NOT_ASSESSABLE):
        area_a, area_b, both = counts[tissue].sum(), counts[:, tissue].sum(), counts[tissue, tissue]
        overlap = Overlap(float(area_a / pixels), float(area_b / pixels), _dice(area_a, area_b, both))
        if tissue in _OUTLINED and overlap.dice is not None:
            reduced = small_a == int(tissue), small_b == int(tissue)
            outlines = reduced if both_show(reduced) else (a == int(tissue), b == int(tissue))
            near, distance = outline_agreement(*outlines, tolerance_percent)
            overlap = Overlap(overlap.share_a, overlap.share_b, overlap.dice, near, distance)
        classes[tissue.name.lower()] = overlap
    body_a, body_b = pixels - counts[0].sum(), pixels - counts[:, 0].sum()
    both_body = counts[1:, 1:].sum()
    classes[BODY] = Overlap(float(body_a / pixels), float(body_b / pixels), _dice(body_a, body_b, both_body))
    detached = counts[Tissue.DETACHED].sum() + counts[:, Tissue.DETACHED].sum()
    apart = detached - 2 * counts[Tissue.DETACHED, Tissue.DETACHED]
    either = body_a + body_b - both_body
    return MaskAgreement(classes, float(np.trace(counts)) / pixels, float(apart / either) if either else 0.0)


def confusion(a: Labels, b: Labels) -> npt.NDArray[np.float64]:
    """(5, 5) how many pixels A gives the row's class and B the column's."""
    size = len(Tissue)
    runs = find_runs([a, b])
    cells = runs.of(a).astype(np.intp) * size + runs.of(b)
    return np.bincount(cells, runs.lengths, minlength=size * size).reshape(size, size).astype(np.float64)


def outline_agreement(a: Mask, b: Mask, tolerance_percent: float) -> tuple[float | None, float | None]:
    """Boundary Dice and HD95 (percent of the longer side) of two (height, width) masks; see the rule for an empty one.

    Distances are OpenCV's 5 x 5 chamfer distances, within 2 % of the Euclidean ones.
    """
    if not (a.any() and b.any()):
        return (None, None) if not (a.any() or b.any()) else (0.0, None)
    long_side = max(a.shape)
    box = bounding_box(a | b)  # outside it there is no outline to measure from
    edge_a, edge_b = _outline(a[box]), _outline(b[box])
    to_b, to_a = _distances(edge_a, edge_b), _distances(edge_b, edge_a)
    tolerance = tolerance_percent / 100 * long_side
    near = np.count_nonzero(to_b <= tolerance) + np.count_nonzero(to_a <= tolerance)
    farthest = max(float(np.percentile(to_b, 95)), float(np.percentile(to_a, 95)))
    return near / (len(to_a) + len(to_b)), 100 * farthest / long_side


def both_show(reduced: tuple[Mask, Mask]) -> bool:
    """Whether two masks at the size of :func:`outline_size` are to be compared there.

    Where one of them shows nothing it may hold a speck that was lost in reducing it: then the whole masks are.
    """
    return bool(reduced[0].any() and reduced[1].any())


def _dice(a: float, b: float, both: float) -> float | None:
    return float(2 * both / (a + b)) if a + b else None


def outline_size(labels: Labels) -> Labels:
    """A (height, width) mask at the size at which outlines are compared."""
    height, width = labels.shape
    longest = max(height, width)
    if longest <= OUTLINE_LONG_SIDE:
        return labels
    size = max(1, round(width * OUTLINE_LONG_SIDE / longest)), max(1, round(height * OUTLINE_LONG_SIDE / longest))
    return np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _outline(mask: Mask) -> Mask:
    """Pixels of the mask that touch something else, or its bounding box's edge."""
    pixels = mask.astype(np.uint8)
    inner = cv2.erode(pixels, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray((pixels ^ inner).view(np.bool_))


def _distances(outline: Mask, other: Mask) -> npt.NDArray[np.float32]:
    """(N,) the distance of every pixel of an outline to another outline."""
    field = cv2.distanceTransform((~other).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(field.ravel()[np.flatnonzero(outline)], np.float32)
