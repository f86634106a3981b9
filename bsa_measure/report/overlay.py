"""Pictures of what was measured: the photograph with the outline of every tissue class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ..geometry import HIGHEST_SHOWN, LOWEST_SHOWN, relative_weight, weight_colours, weight_picture
from ..photo import reduced
from ..tissue import Tissue

Pixels = npt.NDArray[np.uint8]

_HALO: Final = (255, 255, 255)
# Later ones are drawn over earlier ones, so that the measured class is never hidden.
_ORDER: Final = (Tissue.INTACT, Tissue.NOT_ASSESSABLE, Tissue.REEPITHELIALISED, Tissue.DETACHED)
_JPEG_QUALITY: Final = 82


def draw_overlay(pixels: Pixels, labels: Pixels, *, long_side: int = 1024) -> Pixels:
    """The photograph with outlines in the colours of the tissue classes.

    Every outline is a coloured line on a wider white one, so that it shows on light and on dark skin. Intact skin
    is outlined together with everything else that is not background: its line is the silhouette.

    Args:
        pixels: (height, width, 3) uint8, red-green-blue.
        labels: (height, width) uint8 tissue classes of the same photograph.
        long_side: of the result, in pixels; a smaller photograph is not enlarged.

    Returns:
        (height, width, 3) uint8, red-green-blue.
    """
    height, width = _size(pixels.shape[0], pixels.shape[1], long_side)
    drawn = _resized(pixels, height, width)
    classes = labels
    if labels.shape != (height, width):
        classes = np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    core = max(1, round(max(height, width) / 400))
    for tissue in _ORDER:
        area = classes != int(Tissue.BACKGROUND) if tissue is Tissue.INTACT else classes == int(tissue)
        contours, _ = cv2.findContours(area.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(drawn, contours, -1, _HALO, core + 2, cv2.LINE_8)
        cv2.drawContours(drawn, contours, -1, tissue.color, core, cv2.LINE_8)
    return drawn


def draw_weight(
    pixels: Pixels,
    labels: Pixels,
    surfaces: Pixels,
    weight: npt.NDArray[np.float32],
    shown: Sequence[int],
    *,
    long_side: int = 280,
) -> Pixels:
    """The photograph with its area weight as a heat map over the surfaces that its view measures.

    Args:
        pixels: (height, width, 3) uint8, red-green-blue.
        labels: (height, width) uint8 tissue classes.
        surfaces: (height, width) uint8 surface map.
        weight: (height, width) float32 area weight.
        shown: numbers of the surfaces that the view measures.
        long_side: of the result, in pixels.

    Returns:
        (height, width, 3) uint8, red-green-blue.
    """
    height, width = _size(pixels.shape[0], pixels.shape[1], long_side)

    def small(picture: Pixels) -> Pixels:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

    numbers = np.where(small(labels) != Tissue.BACKGROUND, small(surfaces), 0).astype(np.uint8)
    relative = relative_weight(reduced(weight, width, height), numbers)
    return weight_picture(_resized(pixels, height, width), relative, np.isin(numbers, list(shown)))


def weight_scale_svg() -> str:
    """The colours of the area weight beside what they stand for."""
    steps, width, left = 12, 14, 14
    span = HIGHEST_SHOWN - LOWEST_SHOWN
    middles = (LOWEST_SHOWN + span * (np.arange(steps) + 0.5) / steps).astype(np.float32)
    boxes = "".join(
        f'<rect x="{left + k * width}" y="1" width="{width}" height="11" fill="#{red:02x}{green:02x}{blue:02x}"/>'
        for k, (red, green, blue) in enumerate(weight_colours(middles))
    )
    marks = ((LOWEST_SHOWN, f"{LOWEST_SHOWN:g} ×"), (1.0, "1 ×"), (HIGHEST_SHOWN, f"{HIGHEST_SHOWN:g} × and more"))
    places = [left + steps * width * (at - LOWEST_SHOWN) / span for at, _ in marks]
    words = "".join(
        f'<text class="soft" x="{place:g}" y="24" font-size="10.5" text-anchor="middle">{text}</text>'
        for place, (_, text) in zip(places, marks, strict=True)
    )
    return (
        '<svg class="weight-scale" viewBox="0 0 236 27" width="236" height="27" role="img" '
        f'aria-label="Colours from half an average pixel to three">{boxes}{words}</svg>'
    )


def thumbnail(pixels: Pixels, long_side: int = 360) -> bytes:
    """A small JPEG of a picture, without any metadata; the same picture gives the same bytes.

    Args:
        pixels: (height, width, 3) uint8, red-green-blue.
        long_side: in pixels; a smaller picture is not enlarged.
    """
    height, width = _size(pixels.shape[0], pixels.shape[1], long_side)
    small = cv2.cvtColor(_resized(pixels, height, width), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded.tobytes()


def _size(height: int, width: int, long_side: int) -> tuple[int, int]:
    longest = max(height, width)
    if longest <= long_side:
        return height, width
    return max(1, round(height * long_side / longest)), max(1, round(width * long_side / longest))


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels.copy()
    return reduced(pixels, width, height)
