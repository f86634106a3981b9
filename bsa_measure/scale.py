"""How large a pixel is, from a printed marker of known size that lies in the photograph.

The marker is one square of the AprilTag 36h11 family (Olson, ICRA 2011; 587 squares that differ in at least 11 of 36
cells), found with OpenCV; a square of another number or family is not ours and is not read. Its corners give the
homography of its plane. Where a plane is tilted away from the camera, the larger singular value of the homography's
derivative is the scale along the direction that the tilt does not foreshorten; the smaller one, over it, is the
cosine of the tilt (weak perspective: a marker is small beside its distance).

A scale holds at the depth of the marker, and cancels in every fraction: it says how many cm² are detached, and nothing
else depends on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

MARKER_NUMBER: Final = 7
"""Of the printed square in its family."""

TILTED_DEGREES: Final = 25.0
"""A marker that is tilted more than this lies in another plane than skin that faces the camera."""

SMALLEST_SIDE: Final = 32.0
"""Of the marker, in pixels; the corners of a smaller one tell the scale within no better than some 3 %."""

UNEQUAL: Final = 0.05
"""Two markers in one photograph may differ by this share before the scale is in doubt."""

_CELLS = 8  # of a side: six of the code, and a black cell around it
_WHITE = 1  # cells of white paper that the black square needs around it


@dataclass(frozen=True)
class Scale:
    """What a marker says.

    Attributes:
        cm_per_pixel: where the marker lies, of the image that was searched.
        tilt_degrees: of the marker against the image plane; within some 10° it cannot be told from none.
        note: why the scale is in doubt; empty where it is not.
    """

    cm_per_pixel: float
    tilt_degrees: float
    note: str = ""


def find_scale(pixels: npt.NDArray[np.uint8], side_mm: float) -> Scale | None:
    """Look for the marker; None where there is none, or only a part of it.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        side_mm: of the black square as printed.
    """
    options = cv2.aruco.DetectorParameters()
    options.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(_family(), options)
    quads, numbers, _ = detector.detectMarkers(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    if numbers is None:
        return None
    found = [
        _scale_of(quad.reshape(4, 2), side_mm)
        for quad, number in zip(quads, numbers.ravel(), strict=True)
        if number == MARKER_NUMBER
    ]
    if not found:
        return None
    best = min(found, key=lambda scale: scale.tilt_degrees)
    sizes = [scale.cm_per_pixel for scale in found]
    if max(sizes) > (1 + UNEQUAL) * min(sizes):
        note = "; ".join(filter(None, (best.note, f"{len(found)} markers differ in size")))
        return Scale(best.cm_per_pixel, best.tilt_degrees, note)
    return best


def _scale_of(quad: npt.NDArray[np.float32], side_mm: float) -> Scale:
    """From the corners (4, 2) in pixels, from the upper left one clockwise."""
    side = side_mm / 10
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    h = cv2.getPerspectiveTransform(square, quad.astype(np.float32))
    # The derivative of the map from cm to pixels at the marker's middle.
    x, y, w = h @ np.array([side / 2, side / 2, 1])
    slope = (h[:2, :2] - np.outer([x / w, y / w], h[2, :2])) / w
    large, small = np.linalg.svd(slope, compute_uv=False)
    tilt = math.degrees(math.acos(min(1.0, float(small / large))))
    notes = []
    if tilt > TILTED_DEGREES:
        notes.append(f"marker tilted by {tilt:.0f}°")
    if large * side < SMALLEST_SIDE:
        notes.append(f"marker only {large * side:.0f} pixels wide")
    return Scale(float(1 / large), tilt, "; ".join(notes))


def marker_cells() -> npt.NDArray[np.bool_]:
    """The square (8, 8), true where it is black."""
    return np.asarray(cv2.aruco.generateImageMarker(_family(), MARKER_NUMBER, _CELLS) < 128)


def _family() -> cv2.aruco.Dictionary:
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


def marker_svg(side_mm: float = 50.0) -> str:
    """A card with the marker, to be printed at 100 % and cut out, as one SVG document; lengths are millimetres."""
    cell = side_mm / _CELLS
    edge = max(_WHITE * cell, 6.0)
    width, height = side_mm + 2 * edge, side_mm + 2 * edge + 21
    black = [
        f'<rect x="{edge + column * cell:g}" y="{edge + row * cell:g}" width="{cell:g}" height="{cell:g}"/>'
        for row, column in np.argwhere(marker_cells())
    ]
    low = edge + side_mm
    words = (
        "Print at 100 % on matt paper. Measure the black square with a ruler:",
        f"drawn {side_mm:g} mm, printed ______ mm = marker_side_mm in study.toml.",
        "Lay it flat beside the part, as high as the middle of the part,",
        "and facing the camera.",
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
            f"viewBox=\"0 0 {width:g} {height:g}\" font-family=\"'Segoe UI', 'DejaVu Sans', Arial, sans-serif\">",
            "<title>Scale marker</title>",
            f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
            f'<rect x="0.1" y="0.1" width="{width - 0.2:g}" height="{height - 0.2:g}" fill="none" stroke="#b0aaa2" '
            'stroke-width="0.2" stroke-dasharray="2 1.5"/>',
            f'<g fill="#000000" shape-rendering="crispEdges">{"".join(black)}</g>',
            *(
                f'<text x="{width / 2:g}" y="{low + edge + 3.5 * line:g}" font-size="1.75" text-anchor="middle" '
                f'fill="#1e1c1a">{text}</text>'
                for line, text in enumerate(words)
            ),
            f'<path d="M{edge:g} {low + edge + 14:g}h{side_mm:g}m{-side_mm:g} -1.2v2.4m{side_mm:g} -2.4v2.4" '
            'fill="none" stroke="#1e1c1a" stroke-width="0.3"/>',
            f'<text x="{width / 2:g}" y="{low + edge + 18:g}" font-size="1.75" text-anchor="middle" fill="#1e1c1a">'
            f"{side_mm:g} mm</text>",
            "</svg>",
            "",
        ]
    )
