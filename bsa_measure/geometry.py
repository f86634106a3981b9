"""How much skin a pixel stands for: the weight a(x) of every pixel of a photograph.

A limb or trunk is round, so a photograph shows its flanks foreshortened and a pixel near the outline stands for more
skin than one in the middle. ``silhouette`` lays chords across every body part at right angles to its axis, takes each
for the width of a half-cylinder that faces the camera, and gives a pixel the arc that it covers. The chords of a
tilted cylinder have the same profile, so its tilt does not matter.

A body is no cylinder: a back is flat, a shin is sharp, a head is a ball, and the lens hides a strip of either flank.
So the arc is multiplied by what a surface really carries at that place of its width and length, a small table per
surface (``body_shape``) fitted on phantom bodies; where a part widens or narrows more than usual it leans towards the
camera or away, which shifts the table along it. The skin of a surface that the photograph does not show counts
with the nearest skin that it shows. That is also how the front and the back photograph of a limb share its flanks:
each pixel counts for the surface it belongs to on the chart, whichever photograph shows it, and the photographs of a
surface are pooled; so a strip is never counted for two surfaces, and the strip that nobody shows is not lost. Where a
photograph shows more of the other half at one side, the patient was turned: as much of this half is hidden at the
opposite side, and the weight rises there.

Where the outline cannot be trusted, the surface counts flat and is flagged with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from .body_shape import Profile, mirrored, part_of, profile_of
from .chart import Chart
from .fractions import Doubt
from .protocol import View
from .surfaces import SurfaceMap, surface_number
from .tissue import Tissue

Geometry = Literal["flat", "silhouette"]
Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

LARGEST_WEIGHT: Final = 40.0
"""No pixel of the reduced silhouette counts more than this many central ones. The outermost pixel of a cylinder of
radius R pixels covers an arc of about √(2 R), 5 to 10 on a limb and 20 on a trunk that fills the frame, and the tables
carry up to twice as much there, for the skin behind it."""

SMALLEST_WEIGHT: Final = 0.1

LOWEST_SHOWN: Final = 0.5
HIGHEST_SHOWN: Final = 3.0
"""Ends of the heat map's colours, in average pixels of a surface."""

_LONG_SIDE = 640  # pixels of the reduced silhouette: finer changes nothing and costs time
_ELONGATED = 1.5  # a part this many times longer than wide has an axis of its own; else its axis is upright
_TAIL = 0.002  # share of a surface beyond each end that does not lengthen it
_CUT = 0.5  # share of a surface on chords without an outline at both ends, above which it counts flat
_CUT_NOTE = 0.2  # ... above which a person is told
_SMALL = 0.0005  # share of the frame below which a surface has no shape to speak of
_RAGGED = 0.12  # typical jump of the chord from row to row, in chords, above which an outline is no outline

_ROWS_FOR_TAPER = 20  # of the reduced silhouette

_PIXELS_FOR_DOUBT = 8000  # of a surface that are looked at when its outline is moved

OUTLINE_DOUBT: Final = 0.02
"""How wrong the width of a part may be, as a share of it: an outline drawn with care, at the working size."""

_DOUBTED: Final = (int(Tissue.DETACHED), int(Tissue.REEPITHELIALISED))
_BACKGROUND, _SURFACE, _OTHER_HALF, _ELSEWHERE, _FRAME = 0, 1, 2, 3, 4

FLAG_CUT = "outline cut by the frame"
FLAG_CUT_FLAT = "outline cut by the frame: counted flat"
FLAG_SMALL = "too small to have a shape: counted flat"
FLAG_RAGGED = "outline too ragged: counted flat"
_FLAT = (FLAG_CUT_FLAT, FLAG_RAGGED, FLAG_SMALL)


@dataclass(frozen=True)
class AreaWeight:
    """Skin area that each pixel stands for, up to a factor that is common to the pixels of a surface.

    Attributes:
        weight: (height, width) float32, positive and finite; None where every pixel counts alike.
        flags: surface name to the reason why its weight is not to be trusted; none where all is well.
        doubt: surface name to what a wrong outline would change, for every surface that is there.
    """

    weight: Image | None
    flags: Mapping[str, str]
    doubt: Mapping[str, Doubt] = field(default_factory=dict)


@dataclass(frozen=True)
class Chords:
    """Where the pixels (N,) of a surface lie on the body part, in the order of ``np.nonzero`` of the surface.

    Attributes:
        across: -1 at the outline towards the patient's inner side (right side for the head and trunk seen from the
            front), 0 in the middle, 1 at the opposite outline.
        along: 0 at the upper end of the surface, 1 at its lower end.
        radius: half length of the pixel's chord, in pixels.
        cut: whether its chord has no outline at an end.
        turned: how much more of the other half is shown at the side of -1 than at 1, as a share of the part.
        ends: whether the surface ends within the frame, so that ``along`` can be trusted.
        ragged: typical jump of the chord's length from row to row, in chords.
        taper: logarithm of how wide the part is at the surface's upper and lower fifth, against its mean: a part that
            leans towards the camera widens at its nearer end. None where the surface is too short to tell.
        inner, outer: how much further out the outlines are taken to be, at -1 and at 1, as shares of the width.
    """

    across: Image
    along: Image
    radius: Image
    cut: Mask
    turned: float
    ends: bool
    ragged: float
    taper: tuple[float, float] | None = None
    inner: float = 0.0
    outer: float = 0.0

    @property
    def arc(self) -> Image:
        """Length (N,) of the circle's arc that each pixel covers, in pixels; 1 where its chord has no outline. What
        lies beyond the pixels of a chord counts with its last pixel."""
        half = np.float32(0.5) / self.radius
        low, high = self._place(self.across - half), self._place(self.across + half)
        if self.inner > 0:
            low = np.where(self.across < 2 * half - 1, np.float32(-1), low)
        if self.outer > 0:
            high = np.where(self.across > 1 - 2 * half, np.float32(1), high)
        wide = np.arcsin(np.clip(high, -1, 1)) - np.arcsin(np.clip(low, -1, 1))
        return np.where(self.cut, np.float32(1), self.radius * np.float32(1 + self.inner + self.outer) * wide)

    @property
    def place(self) -> Image:
        """Place (N,) of each pixel across the part, -1 to 1: ``across`` unless the outlines were moved; 0 where its
        chord is cut."""
        return np.where(self.cut, np.float32(0), self._place(self.across))

    def _place(self, across: Image) -> Image:
        if not self.inner and not self.outer:
            return across
        wider = np.float32(1 + self.inner + self.outer)
        return (across + np.float32(1 + 2 * self.inner)) / wider - np.float32(1)

    def moved(self, inner: float, outer: float) -> Chords:
        """The same pixels if the outlines lay further out by these shares of the width, at -1 and at 1."""
        return replace(self, inner=inner, outer=outer)

    def some(self, chosen: Indices) -> Chords:
        """Only the pixels at these places in the order."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in ("across", "along", "radius", "cut")})


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
    return area_weights([labels], surfaces, view, chart, geometry)[0]


def area_weights(
    masks: Sequence[npt.NDArray[np.uint8]],
    surfaces: SurfaceMap,
    view: View,
    chart: Chart,
    geometry: Geometry,
) -> list[AreaWeight]:
    """As :func:`area_weight` for several masks (height, width) of one silhouette, at about the price of one: they have
    the same weight and the same flags, and each its own doubt."""
    if geometry == "flat" or not view.surfaces:
        return [AreaWeight(None, {}) for _ in masks]
    height, width = surfaces.shape
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    reduced = [cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT) for labels in masks]
    numbers = cv2.resize(surfaces, size, interpolation=cv2.INTER_NEAREST_EXACT)
    body = without_holes(reduced[0] != int(Tissue.BACKGROUND))
    weight = body.astype(np.float32)
    flags: dict[str, str] = {}
    doubts: list[dict[str, Doubt]] = [{} for _ in masks]
    for surface in view.surfaces:
        own = np.flatnonzero(body & (numbers == surface_number(surface, chart)))
        if len(own) < _SMALL * body.size:
            if len(own):
                flags[surface] = FLAG_SMALL
            continue
        chords, profile = lay_chords(body, numbers, surface, chart), profile_of(surface)
        flag = _distrust(chords)
        if flag:
            flags[surface] = flag
        if flag not in _FLAT:
            weight.ravel()[own] = skin_per_pixel(chords, profile)
        some = _spread_over(own, size[0])
        classes = [labels.ravel()[own[some]] for labels in reduced]
        found = outline_doubts(classes, weight.ravel()[own[some]], chords.some(some), profile, flag)
        for doubt, each in zip(doubts, found, strict=True):
            doubt[surface] = each
    # What lies beside the silhouette must not thin the weight at its edge.
    filled = np.maximum(cv2.dilate(weight, np.ones((5, 5), np.uint8)), np.float32(1))
    np.copyto(filled, weight, where=body)
    full = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return [AreaWeight(full, flags, doubt) for doubt in doubts]


def _distrust(chords: Chords) -> str:
    """Why the outline cannot be trusted; empty where it can."""
    cut = float(chords.cut.mean())
    if chords.ragged > _RAGGED:
        return FLAG_RAGGED
    if cut > _CUT:
        return FLAG_CUT_FLAT
    return FLAG_CUT if cut > _CUT_NOTE else ""


def _spread_over(own: Indices, width: int) -> Indices:
    """Which of a surface's pixels (N,), counted along rows of this width, are some of every row and of every column in
    proportion."""
    step = max(1, len(own) // _PIXELS_FOR_DOUBT)
    while step > 1 and math.gcd(step, width) > 1:  # else some columns would have none
        step += 1
    return np.flatnonzero(own % step == 0)


def outline_doubt(
    classes: npt.NDArray[np.uint8], weight: Image, chords: Chords, profile: Profile | None, flag: str = ""
) -> Doubt:
    """What a wrong outline would change in the fractions of a surface.

    Both outlines lie ``OUTLINE_DOUBT`` of the width further out or in, half of it each, or the part lies that much
    further to one side. Where ``flag`` says that the outline is not to be trusted, counting flat and counting as if it
    were count as well.

    Args:
        classes: (N,) uint8 tissue classes of the surface's pixels.
        weight: (N,) what they count.
        chords: theirs.
        profile: of the surface.
        flag: as in :class:`AreaWeight`.
    """
    return outline_doubts([classes], weight, chords, profile, flag)[0]


def outline_doubts(
    masks: Sequence[npt.NDArray[np.uint8]], weight: Image, chords: Chords, profile: Profile | None, flag: str = ""
) -> list[Doubt]:
    """As :func:`outline_doubt` for several readers' classes, each (N,), of the same pixels."""
    doubted = [any(bool((classes == tissue).any()) for tissue in _DOUBTED) for classes in masks]
    if not any(doubted):
        return [Doubt() for _ in masks]
    half = OUTLINE_DOUBT / 2
    weights = [weight]
    if flag not in _FLAT:
        ways = ((half, half), (-half, -half), (half, -half), (-half, half))
        weights += [skin_per_pixel(chords.moved(*way), profile) for way in ways]
    if flag:
        weights += [np.ones(len(weight), np.float32), skin_per_pixel(chords, profile)]
    return [_doubt(classes, weights) if any_ else Doubt() for classes, any_ in zip(masks, doubted, strict=True)]


def _doubt(classes: npt.NDArray[np.uint8], weights: Sequence[Image]) -> Doubt:
    """How far the fractions lie from those of the first weight under the others."""
    cells = classes.astype(np.intp)
    sums = [np.bincount(cells, each, minlength=len(Tissue)) for each in weights]

    def span(tissue: Tissue) -> tuple[float, float]:
        fractions = []
        for areas in sums:
            whole = float(areas[Tissue.INTACT] + areas[Tissue.DETACHED] + areas[Tissue.REEPITHELIALISED])
            fractions.append(float(areas[tissue]) / whole if whole > 0 else 0.0)
        return min(fractions) - fractions[0], max(fractions) - fractions[0]

    return Doubt(span(Tissue.DETACHED), span(Tissue.REEPITHELIALISED))


def skin_per_pixel(chords: Chords, profile: Profile | None) -> Image:
    """Weight (N,) float32 of a surface's pixels: their arc times what the surface carries there; without a profile the
    arc. A pixel beyond the outline counts nothing."""
    arc = chords.arc
    place = chords.place
    carried = (
        1.0
        if profile is None
        else profile.at(place, chords.along if chords.ends else None, chords.turned, chords.taper)
    )
    # A last pixel that also stands for what lies beyond it may well be worth more.
    largest = LARGEST_WEIGHT if chords.inner == chords.outer == 0 else np.inf
    skin = np.clip(arc * carried, SMALLEST_WEIGHT, largest)
    return np.where(arc > 0, skin, np.float32(0)).astype(np.float32)


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
    codes = _cropped(cv2.LUT(numbers, code_of) * body.view(np.uint8))
    turn, size = _upright(_is_part(codes))
    upright = cv2.warpAffine(codes, turn, size, flags=cv2.INTER_NEAREST, borderValue=_FRAME)
    runs = _find_runs(upright)
    # Where each pixel lies in the picture turned upright, and on which chord.
    own = np.flatnonzero(codes == _SURFACE).astype(np.int32)
    down = own // np.int32(codes.shape[1])
    x, y = (own - down * np.int32(codes.shape[1])).astype(np.float32), down.astype(np.float32)
    (a, b, c), (d, e, f) = turn.astype(np.float32)
    column = a * x + b * y + c
    row = np.rint(d * x + e * y + f).astype(np.intp)
    run = runs.at(row, np.rint(column).astype(np.intp))
    radius = runs.radius[run]
    across = np.clip((column + np.float32(0.5) - runs.first[run]) / radius - 1, -1, 1)
    rows = np.cumsum(np.bincount(row, minlength=size[1]))
    first, last = (int(np.searchsorted(rows, share * rows[-1])) for share in (_TAIL, 1 - _TAIL))
    along = np.clip((np.arange(size[1], dtype=np.float32) - first) / max(last - first, 1), 0, 1)
    sign = np.float32(-1 if mirrored(surface) else 1)
    length = runs.length_of_row[first : last + 1]
    jumps = np.abs(np.diff(length)) / np.maximum(length[1:], 1)
    return Chords(
        across=sign * across,
        along=along[row],
        radius=radius,
        cut=runs.cut[run],
        turned=float(sign) * _turned(upright, runs),
        ends=_ends_inside(upright, first, last),
        ragged=median(jumps.tolist()) if len(jumps) else 0.0,
        taper=_taper(length),
    )


def _taper(length: npt.NDArray[np.int64]) -> tuple[float, float] | None:
    """As in :class:`Chords`, from the length of every row (R,) of the surface."""
    if len(length) < _ROWS_FOR_TAPER:
        return None
    fifths = [max(float(median(some.tolist())), 1.0) for some in np.array_split(length, 5)]
    mean = sum(fifths) / 5
    return math.log(fifths[0] / mean), math.log(fifths[-1] / mean)


@dataclass(frozen=True)
class _Runs:
    """The chords of a part in the picture turned upright: ``of`` (height * width,) the chord of each pixel, in rows of
    ``width`` that begin one pixel beside the picture; of each chord (C,) its first column, its half length and whether
    the frame cuts it; ``length_of_row`` (height,). The last chord is none: what fell beside every chord when the
    picture was turned. It counts plainly."""

    of: Indices
    width: int
    first: Image
    radius: Image
    cut: Mask
    length_of_row: npt.NDArray[np.int64]

    def at(self, row: Indices, column: Indices) -> Indices:
        """The chord (N,) of pixels (N,) of the picture."""
        return np.asarray(self.of[row * self.width + (column + 1)])


def _find_runs(upright: npt.NDArray[np.uint8]) -> _Runs:
    height, width = len(upright), upright.shape[1] + 2
    padded = np.full((height, width), _FRAME, np.uint8)
    padded[:, 1:-1] = upright
    codes = padded.ravel()
    part = _is_part(codes)
    # No chord reaches a row's end, so that a change into a chord and one out of it take turns.
    changes = np.flatnonzero(part[1:] != part[:-1]) + 1
    first, end = changes[::2], changes[1::2]
    length, row = end - first, first // width
    number = np.full(2 * len(length) + 1, len(length), np.intp)
    number[1::2] = np.arange(len(length))
    return _Runs(
        of=np.repeat(number, np.diff(changes, prepend=0, append=len(codes))),
        width=width,
        first=np.append(first - row * width - 1, 0).astype(np.float32),
        radius=np.append(length / 2, 1).astype(np.float32),
        cut=np.append((codes[first - 1] == _FRAME) | (codes[end] == _FRAME), True),
        length_of_row=np.bincount(row, length, minlength=height).astype(np.int64),
    )


def _turned(upright: npt.NDArray[np.uint8], runs: _Runs) -> float:
    """How much more of the other half is shown at the left than at the right, as a share of the part's arcs."""
    other = np.flatnonzero(upright == _OTHER_HALF)
    if not len(other):
        return 0.0
    row, column = np.divmod(other, upright.shape[1])
    run = runs.at(row, column)
    radius, cut = runs.radius[run], runs.cut[run]
    left = (column.astype(np.float32) - runs.first[run]) / radius - 1
    arc = np.where(cut, 1, radius * (np.arcsin(np.clip(left + 1 / radius, -1, 1)) - np.arcsin(left)))
    more = float((arc * -np.sign(left + 0.5 / radius)).sum(dtype=np.float64))
    whole = float((runs.radius[:-1] * np.where(runs.cut[:-1], 2, np.pi)).sum(dtype=np.float64))
    return more / whole


def _is_part(codes: npt.NDArray[np.uint8]) -> Mask:
    """Which pixels belong to the part, to whichever half."""
    return np.asarray((codes == _SURFACE) | (codes == _OTHER_HALF))


def _cropped(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part with enough around it to see what borders on it."""
    left, top, width, height = cv2.boundingRect(_is_part(codes).view(np.uint8))
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
    moments = cv2.moments(part.view(np.uint8))
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


def relative_weight(weight: Image, surfaces: SurfaceMap) -> Image:
    """A weight against the average pixel of its surface: what a person can compare from surface to surface.

    Args:
        weight: (height, width) float32 of :func:`area_weight`.
        surfaces: (height, width) uint8 surface map; 0 is no surface and stays 1.

    Returns:
        (height, width) float32, 1 on the average of every surface.
    """
    pixels = np.bincount(surfaces.ravel(), minlength=256)
    total = np.bincount(surfaces.ravel(), weight.ravel(), minlength=256)
    average = np.where((pixels > 0) & (np.arange(256) > 0), total / np.maximum(pixels, 1), 1.0)
    relative = np.where(surfaces > 0, weight / average[surfaces], 1.0)
    return relative.astype(np.float32)


def weight_colours(weight: Image) -> npt.NDArray[np.uint8]:
    """Colours (..., 3) uint8 RGB of weights: dark violet counts least, yellow counts most."""
    level = np.clip((weight - LOWEST_SHOWN) / (HIGHEST_SHOWN - LOWEST_SHOWN), 0, 1)
    flat = np.round(level * 255).astype(np.uint8).reshape(-1, 1)
    return np.ascontiguousarray(cv2.applyColorMap(flat, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]).reshape(*weight.shape, 3)


def weight_picture(pixels: npt.NDArray[np.uint8], weight: Image, on_body: Mask) -> npt.NDArray[np.uint8]:
    """A photograph with its area weight as a heat map, in the colours of :func:`weight_colours`.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        weight: (height, width) float32, 1 for an average pixel (:func:`relative_weight`).
        on_body: (height, width) bool, where the heat map is laid over the photograph.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    mixed = cv2.addWeighted(pixels, 0.4, weight_colours(weight), 0.6, 0)
    return np.where(on_body[..., None], mixed, pixels).astype(np.uint8)


def without_holes(body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The silhouette with its holes filled: an electrode on the chest is no outline of the body."""
    contours, _ = cv2.findContours(body.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(body.shape, np.uint8)
    cv2.drawContours(filled, list(contours), -1, 1, thickness=cv2.FILLED)
    return filled.astype(bool)
