"""How much skin a pixel stands for: the weight a(x) of every pixel of a photograph.

A limb or trunk is round, so a photograph shows its flanks foreshortened and a pixel near the outline stands for more
skin than one in the middle. ``silhouette`` lays chords across every body part at right angles to its axis, takes each
for the width of a half-cylinder that faces the camera, and gives a pixel the arc that it covers. The chords of a
tilted cylinder have the same profile, so its tilt does not matter.

A body is no cylinder: a back is flat, a shin is sharp, a head is a ball, and the lens hides a strip of either flank.
So the arc is multiplied by what a surface really carries at that place of its width and length, a small table per
surface (``body_shape``) fitted on phantom bodies. The skin of a surface that the photograph does not show counts
with the nearest skin that it shows. That is also how the front and the back photograph of a limb share its flanks:
each pixel counts for the surface it belongs to on the chart, whichever photograph shows it, and the photographs of a
surface are pooled; so a strip is never counted for two surfaces, and the strip that nobody shows is not lost. Where a
photograph shows more of the other half at one side, the patient was turned: as much of this half is hidden at the
opposite side, and the weight rises there.

Where the outline cannot be trusted, the surface counts flat and is flagged with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from .body_shape import Profile, mirrored, part_of, profile_of
from .chart import Chart
from .protocol import View
from .surfaces import SurfaceMap, surface_number
from .tissue import Tissue

Geometry = Literal["flat", "silhouette"]
Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LARGEST_WEIGHT: Final = 20.0
"""No pixel of the reduced silhouette counts more than this many central ones. The outermost pixel of a cylinder of
radius R pixels covers an arc of about √(2 R): a limb reaches 5 to 10, a trunk that fills the frame 20."""

SMALLEST_WEIGHT: Final = 0.1

_LONG_SIDE = 640  # pixels of the reduced silhouette: finer changes nothing and costs time
_ELONGATED = 1.5  # a part this many times longer than wide has an axis of its own; else its axis is upright
_TAIL = 0.002  # share of a surface beyond each end that does not lengthen it
_CUT = 0.5  # share of a surface on chords without an outline at both ends, above which it counts flat
_CUT_NOTE = 0.2  # ... above which a person is told
_SMALL = 0.0005  # share of the frame below which a surface has no shape to speak of
_RAGGED = 0.12  # typical jump of the chord from row to row, in chords, above which an outline is no outline

_BACKGROUND, _SURFACE, _OTHER_HALF, _ELSEWHERE, _FRAME = 0, 1, 2, 3, 4

FLAG_CUT = "outline cut by the frame"
FLAG_CUT_FLAT = "outline cut by the frame: counted flat"
FLAG_SMALL = "too small to have a shape: counted flat"
FLAG_RAGGED = "outline too ragged: counted flat"


@dataclass(frozen=True)
class AreaWeight:
    """Skin area that each pixel stands for, up to a factor that is common to the pixels of a surface.

    Attributes:
        weight: (height, width) float32, positive and finite; None where every pixel counts alike.
        flags: surface name to the reason why its weight is not to be trusted; none where all is well.
    """

    weight: Image | None
    flags: Mapping[str, str]


@dataclass(frozen=True)
class Chords:
    """Where the pixels (N,) of a surface lie on the body part, in the order of ``np.nonzero`` of the surface.

    Attributes:
        across: -1 at the outline towards the patient's inner side (right side for the head and trunk seen from the
            front), 0 in the middle, 1 at the opposite outline.
        along: 0 at the upper end of the surface, 1 at its lower end.
        arc: length of the circle's arc that the pixel covers, in pixels; 1 where its chord has no outline.
        cut: whether its chord has no outline at an end.
        turned: how much more of the other half is shown at the side of -1 than at 1, as a share of the part.
        ends: whether the surface ends within the frame, so that ``along`` can be trusted.
        ragged: typical jump of the chord's length from row to row, in chords.
    """

    across: Floats
    along: Floats
    arc: Floats
    cut: Mask
    turned: float
    ends: bool
    ragged: float


def area_weight(
    labels: npt.NDArray[np.uint8],
    surfaces: SurfaceMap,
    view: View,
    chart: Chart,
    geometry: Geometry,
) -> AreaWeight:
    """Skin area that each pixel of a photograph stands for.

    Args:
        labels: (height, width) uint8 tissue classes; the silhouette is everything that is not background.
        surfaces: (height, width) uint8 surface map. It may name surfaces that the view does not measure: they
            tell where a part ends and how the patient is turned.
        view: the standard photograph; only its surfaces get a weight, the rest has 1.
        chart: numbers the surfaces.
        geometry: ``flat``: every pixel counts alike. ``silhouette``: as above.
    """
    if geometry == "flat" or not view.surfaces:
        return AreaWeight(None, {})
    height, width = labels.shape
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    body = without_holes(
        cv2.resize((labels != Tissue.BACKGROUND).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT) > 0
    )
    numbers = cv2.resize(surfaces, size, interpolation=cv2.INTER_NEAREST_EXACT)
    weight = np.ones(body.shape, np.float32)
    flags: dict[str, str] = {}
    for surface in view.surfaces:
        own = body & (numbers == surface_number(surface, chart))
        count = int(np.count_nonzero(own))
        if count < _SMALL * own.size:
            if count:
                flags[surface] = FLAG_SMALL
            continue
        chords = lay_chords(body, numbers, surface, chart)
        cut = float(chords.cut.mean())
        if chords.ragged > _RAGGED:
            flags[surface] = FLAG_RAGGED
        elif cut > _CUT:
            flags[surface] = FLAG_CUT_FLAT
        else:
            if cut > _CUT_NOTE:
                flags[surface] = FLAG_CUT
            weight[own] = skin_per_pixel(chords, profile_of(surface))
    known = np.where(body, weight, np.float32(0))
    # What lies beside the silhouette must not thin the weight at its edge.
    filled = np.where(body, weight, np.maximum(cv2.dilate(known, np.ones((5, 5), np.uint8)), np.float32(1)))
    return AreaWeight(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), flags)


def skin_per_pixel(chords: Chords, profile: Profile | None) -> Floats:
    """Weight (N,) of a surface's pixels: their arc times what the surface carries there; without a profile the arc."""
    if profile is None:
        carried = np.ones(len(chords.arc))
    else:
        at = np.where(chords.cut, 0.0, chords.across)
        column = np.interp(at, profile.across, np.arange(len(profile.across)))
        if chords.ends:
            row = np.interp(chords.along, profile.along, np.arange(len(profile.along)))
            table = profile.carried
        else:
            row = np.zeros(len(at))
            table = np.repeat(profile.carried.mean(axis=0, keepdims=True), 2, axis=0)
        left = np.minimum(column.astype(int), table.shape[1] - 2)
        top = np.minimum(row.astype(int), table.shape[0] - 2)
        x, y = column - left, row - top
        carried = (table[top, left] * (1 - x) + table[top, left + 1] * x) * (1 - y)
        carried += (table[top + 1, left] * (1 - x) + table[top + 1, left + 1] * x) * y
        carried += np.where(chords.cut, 0.0, chords.turned * np.interp(at, profile.across, profile.turned))
    return np.asarray(np.clip(chords.arc * carried, SMALLEST_WEIGHT, LARGEST_WEIGHT))


def lay_chords(body: Mask, numbers: SurfaceMap, surface: str, chart: Chart) -> Chords:
    """Lay chords across the part that a surface belongs to.

    Args:
        body: (height, width) the silhouette, without holes.
        numbers: (height, width) surface map.
        surface: has at least one pixel.
        chart: numbers the surfaces.
    """
    part = part_of(surface)
    code_of = np.full(256, _ELSEWHERE, np.uint8)
    for name in chart.surfaces:
        if part_of(name) == part:
            code_of[surface_number(name, chart)] = _OTHER_HALF
    code_of[surface_number(surface, chart)] = _SURFACE
    codes = _cropped(np.where(body, code_of[numbers], np.uint8(_BACKGROUND)))
    turn, size = _upright((codes == _SURFACE) | (codes == _OTHER_HALF))
    upright = cv2.warpAffine(codes, turn, size, flags=cv2.INTER_NEAREST, borderValue=_FRAME)
    if mirrored(surface):
        upright = np.ascontiguousarray(upright[:, ::-1])
    across, arc, cut = _rows((upright == _SURFACE) | (upright == _OTHER_HALF), upright == _FRAME)
    height = np.cumsum(np.count_nonzero(upright == _SURFACE, axis=1))
    first, last = (int(np.searchsorted(height, share * height[-1])) for share in (_TAIL, 1 - _TAIL))
    along = np.clip((np.arange(len(height), dtype=np.float32) - first) / max(last - first, 1), 0, 1)
    along = np.repeat(along[:, None], upright.shape[1], axis=1)
    half = arc * (upright == _OTHER_HALF)
    whole = float(arc[(upright == _SURFACE) | (upright == _OTHER_HALF)].sum())
    turned = float(half[across < 0].sum() - half[across > 0].sum()) / whole if whole else 0.0
    stack = cv2.merge([across, arc, cut.astype(np.float32), along])
    if mirrored(surface):
        stack = np.ascontiguousarray(stack[:, ::-1])
    rows, columns = codes.shape
    back = cv2.warpAffine(stack, turn, (columns, rows), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    at = back[codes == _SURFACE].astype(np.float64)
    length = np.count_nonzero((upright == _SURFACE) | (upright == _OTHER_HALF), axis=1)[first : last + 1]
    jumps = np.abs(np.diff(length)) / np.maximum(length[1:], 1)
    return Chords(
        across=at[:, 0],
        along=at[:, 3],
        # A pixel that fell beside every chord when the picture was turned lies at the outline; it counts plainly.
        arc=np.maximum(at[:, 1], 1.0),
        cut=at[:, 2] > 0.5,
        turned=turned,
        ends=_ends_inside(upright, first, last),
        ragged=float(np.median(jumps)) if len(jumps) else 0.0,
    )


def _cropped(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part with enough around it to see what borders on it."""
    part = ((codes == _SURFACE) | (codes == _OTHER_HALF)).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(part)
    margin = 6
    return codes[max(top - margin, 0) : top + height + margin, max(left - margin, 0) : left + width + margin]


def _ends_inside(upright: npt.NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether the frame cuts neither end of the surface: less than half of an end's pixels border on the frame."""
    for row, step in ((first, -1), (last, 1)):
        own = np.flatnonzero(upright[row] == _SURFACE)
        beyond = min(max(row + 3 * step, 0), len(upright) - 1)
        if len(own) and np.count_nonzero(upright[beyond, own] == _FRAME) > len(own) / 2:
            return False
    return True


def _upright(part: Mask) -> tuple[Floats, tuple[int, int]]:
    """Affine map (2, 3) that turns the part's axis upright, and the (width, height) that hold it with a margin."""
    moments = cv2.moments(part.astype(np.uint8), binaryImage=True)
    difference, mixed = moments["mu20"] - moments["mu02"], 2 * moments["mu11"]
    total, spread = moments["mu20"] + moments["mu02"], math.hypot(difference, mixed)
    elongated = total + spread >= _ELONGATED**2 * (total - spread)
    # Angle of the long axis against straight down, between -90 and 90 degrees.
    off = (0.5 * math.atan2(mixed, difference)) % math.pi - math.pi / 2 if elongated else 0.0
    cos, sin = math.cos(off), math.sin(off)
    matrix = np.array([[cos, sin], [-sin, cos]])
    rows, columns = part.shape
    corners = np.array([[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1]], float) @ matrix.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    wide, tall = np.ceil(high - low).astype(int) + 9
    return np.column_stack([matrix, 4 - low]), (int(wide), int(tall))


def _rows(part: Mask, frame: Mask) -> tuple[Image, Image, Mask]:
    """Place across each row's chord, -1 to 1, the circle's arc of each pixel, and whether the frame cuts the chord."""
    across, arc, cut = np.zeros(part.shape, np.float32), np.ones(part.shape, np.float32), np.zeros(part.shape, bool)
    padded = np.zeros((part.shape[0], part.shape[1] + 2), np.int8)
    padded[:, 1:-1] = part
    steps = np.diff(padded, axis=1)
    row, first = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    length = end - first
    if not len(length):
        return across, arc, cut
    beside = np.ones(padded.shape, bool)
    beside[:, 1:-1] = frame
    broken = np.repeat(beside[row, first] | beside[row, end + 1], length)
    x = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    radius = np.repeat(length / 2.0, length)
    where = (np.repeat(row, length), np.repeat(first, length) + x)
    across[where] = (x + 0.5) / radius - 1.0
    exact = radius * (ellipse_arc((x + 1) / radius - 1.0) - ellipse_arc(x / radius - 1.0))
    arc[where] = np.where(broken, 1.0, exact)
    cut[where] = broken
    return across, arc, cut


def ellipse_arc(u: npt.ArrayLike, depth: float = 1.0) -> Floats:
    """Length of an ellipse's arc from its middle to u, where its half width is 1.

    Args:
        u: any shape, -1 to 1 across the ellipse; clipped.
        depth: half depth over half width. 1 is a circle: asin u. Else the incomplete elliptic integral of the second
            kind, by the midpoint rule in 4096 steps (DLMF 19.2.5).
    """
    angle = np.arcsin(np.clip(u, -1.0, 1.0))
    if depth == 1.0:
        return np.asarray(angle)
    grid = np.linspace(-np.pi / 2, np.pi / 2, 4097)
    middle = (grid[1:] + grid[:-1]) / 2
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.cos(middle), depth * np.sin(middle)) * np.diff(grid))])
    return np.asarray(np.interp(angle, grid, length - length[2048]))


def weight_picture(pixels: npt.NDArray[np.uint8], weight: Image, on_body: Mask) -> npt.NDArray[np.uint8]:
    """A photograph with its area weight as a heat map: dark blue counts least, yellow counts most (3 or more).

    Args:
        pixels: (height, width, 3) uint8 RGB.
        weight: (height, width) float32.
        on_body: (height, width) bool, where the heat map is laid over the photograph.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    level = np.clip((weight - 0.5) / 2.5, 0, 1)
    colours = cv2.applyColorMap(np.round(level * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    mixed = cv2.addWeighted(pixels, 0.4, np.ascontiguousarray(colours), 0.6, 0)
    return np.where(on_body[..., None], mixed, pixels).astype(np.uint8)


def without_holes(body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The silhouette with its holes filled: an electrode on the chest is no outline of the body."""
    contours, _ = cv2.findContours(body.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(body.shape, np.uint8)
    cv2.drawContours(filled, list(contours), -1, 1, thickness=cv2.FILLED)
    return filled.astype(bool)
