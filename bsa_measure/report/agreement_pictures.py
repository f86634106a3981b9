"""The photographs on which two readers differ most: each reader's outlines, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ..agreement_masks import BODY
from ..compare import ComparedPhoto, Comparison
from ..errors import PhotoError
from ..photo import read_photo
from ..photo_job import resize_mask
from ..readings import load_mask
from ..tissue import Tissue
from .overlay import draw_overlay, thumbnail

WORST: Final = 5
ONLY_A: Final = (213, 94, 0)
ONLY_B: Final = (0, 114, 178)
BOTH: Final = (240, 228, 66)
_LONG_SIDE: Final = 420

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class WorstPhoto:
    """One of the photographs on which two readers differ most.

    Attributes:
        compared: the photograph.
        apart: pixels that only one calls detached, as a share of the body shown.
        pictures: JPEG of A's outlines, B's outlines and the difference; empty where pictures are not wanted.
    """

    compared: ComparedPhoto
    apart: float
    pictures: tuple[bytes, ...]


def worst_photos(comparison: Comparison, pair: int) -> tuple[WorstPhoto, ...]:
    """The up to five photographs with the largest share of the body that only one of the two calls detached."""
    differing = [c for c in comparison.photos if c.pairs[pair].detached_apart > 0]
    worst = sorted(differing, key=lambda c: (-c.pairs[pair].detached_apart, c.photo.file))[:WORST]
    with_pictures = comparison.study.protocol.report.pictures
    of = comparison.pairs[pair]
    return tuple(
        WorstPhoto(
            compared,
            compared.pairs[pair].detached_apart,
            _pictures(comparison, compared, (of.first, of.second)) if with_pictures else (),
        )
        for compared in worst
    )


def difference_picture(pixels: Pixels, a: Pixels, b: Pixels) -> Pixels:
    """The photograph in pale grey with what only A, only B and both call detached in their colours.

    Args:
        pixels: (height, width, 3) uint8, red-green-blue.
        a, b: (height, width) uint8 tissue classes.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    drawn = np.repeat(110 + grey * 0.55, 3, axis=2)
    in_a, in_b = a == Tissue.DETACHED, b == Tissue.DETACHED
    for area, color, strength in (
        (in_a & in_b, BOTH, 0.45),
        (in_a & ~in_b, ONLY_A, 0.85),
        (in_b & ~in_a, ONLY_B, 0.85),
    ):
        drawn[area] = (1 - strength) * drawn[area] + strength * np.array(color, np.float32)
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def share_of_body(compared: ComparedPhoto, pair: int) -> tuple[float, float]:
    """Detached share of the body shown, for each of the two readers; 0 where a reader sees no body."""
    classes = compared.pairs[pair].classes
    lesion, body = classes["detached"], classes[BODY]
    return (
        lesion.share_a / body.share_a if body.share_a else 0.0,
        lesion.share_b / body.share_b if body.share_b else 0.0,
    )


def _pictures(comparison: Comparison, compared: ComparedPhoto, two: Sequence[int]) -> tuple[bytes, ...]:
    folder = comparison.study.folder
    try:
        pixels = read_photo(compared.photo.path, long_side=_LONG_SIDE).pixels
    except PhotoError:
        return ()
    height, width = pixels.shape[:2]
    a, b = (resize_mask(load_mask(folder, compared.readings[i].mask_sha256), width, height) for i in two)
    drawn = [draw_overlay(pixels, a), draw_overlay(pixels, b), difference_picture(pixels, a, b)]
    return tuple(thumbnail(picture, _LONG_SIDE) for picture in drawn)
