"""Grow to edge: one click inside a lesion, and the area that the photograph's own colour edges suggest.

From the click a front spreads over a window of the photograph. It is quick where the colour is that of the click, slow
where it is another, and slowest across an edge; the times of its arrival (a geodesic distance) order all areas that
contain the click, from a dot to the whole window. Suggested is the one at whose border the colour changes most. The
wheel then walks through the same order, so that it only ever follows edges too.

The window starts small and is enlarged as long as the area fills it; it is always reduced to the same few pixels, so
that the time does not depend on the size of the photograph.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.tissue import Tissue

from .lesion import Point, holes_of
from .patch import Area, Labels, Mask

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Lines = npt.NDArray[np.intp]

STEP: Final = 1.25
"""One notch of the wheel makes the area this many times larger or smaller."""

_SIDE: Final = 176  # pixels of the reduced window
_REACHES: Final = (0.06, 0.15, 0.35, 1.0)  # half side of the windows, as a share of the photograph's long side
_LEAST_REACH: Final = 48  # pixels
_LIGHTNESS: Final = 0.6  # weight of L against a and b: shine and shade change L most
_TOLERANCE: Final = 4.0  # colour difference (CIE 1976, L weighted) that does not slow the front down
_PLAIN, _COLOUR, _EDGE = 0.3, 0.06, 0.2  # time to cross a pixel: always, per squared difference, per squared gradient
_WALL: Final = 1e4  # time to cross a pixel beside the body
_SOONER: Final = 0.05  # a front that arrives earlier by less than this is not followed up
_GAP: Final = 3  # pixels between the two points at which a border's change of colour is taken
_LEAST_CHANGE: Final = 5.0  # of colour across a border, below which it is grain
_FEWEST_PAIRS: Final = 30  # a border with fewer tells little
_LEVELS: Final = 60
_SMALLEST: Final = 20  # pixels of the reduced window
_TOUCHES: Final = 0.01  # share of the window's rim within the area above which the window is too small
_HOLE: Final = 0.05  # holes up to this share of the area are shine or fibrin


class Pyramid:
    """A photograph and its halvings, made when first needed.

    Args:
        pixels: (height, width, 3) uint8 red-green-blue.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._levels = [np.ascontiguousarray(pixels)]
        self._making = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the photograph."""
        height, width = self._levels[0].shape[:2]
        return height, width

    def window(self, rows: slice, columns: slice, side: int) -> Pixels:
        """A rectangle of the photograph, reduced so that its longer side has at most ``side`` pixels."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        scale = min(1.0, side / max(height, width))
        level = 0
        while scale * 2 ** (level + 1) <= 1.0 and min(self._level(level).shape[:2]) > 2:
            level += 1
        step = 2**level
        reduced = self._level(level)
        top, left = rows.start // step, columns.start // step
        bottom, right = max(rows.stop // step, top + 1), max(columns.stop // step, left + 1)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        part = np.ascontiguousarray(reduced[top:bottom, left:right])
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)

    def prepare(self) -> None:
        """Make the halvings now: tens of milliseconds for 12 megapixels, safe in another thread."""
        while min(self._levels[-1].shape[:2]) > _SIDE:
            self._level(len(self._levels))

    def _level(self, level: int) -> Pixels:
        with self._making:
            while len(self._levels) <= level:
                last = self._levels[-1]
                size = max(1, last.shape[1] // 2), max(1, last.shape[0] // 2)
                self._levels.append(np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_AREA), np.uint8))
            return self._levels[level]


def grow_to_edge(pyramid: Pyramid, point: Point, labels: Labels | None = None) -> Growth:
    """Spread from a click.

    Args:
        pyramid: of the photograph.
        point: row and column of the click, within the photograph.
        labels: (height, width) uint8 classes as they are. A click on the body then never grows beyond it, and the
            outline of the body, where colours differ most, is not taken for the edge of a lesion.
    """
    body = None
    if labels is not None and labels[point] != Tissue.BACKGROUND:
        body = labels
    return Growth(pyramid, point, body)


class Growth:
    """All areas round one click; :meth:`area` with 0 steps is the suggestion."""

    def __init__(self, pyramid: Pyramid, point: Point, labels: Labels | None) -> None:
        self._pyramid = pyramid
        self._point = point
        self._labels = labels
        self._fronts: dict[int, _Front] = {}

    def area(self, steps: int = 0) -> Area:
        """The suggestion made larger (``steps`` > 0) or smaller by so many notches of the wheel."""
        index, level = self._suggestion
        if steps == 0:
            return self._fronts[index].area(level)
        wanted = self._fronts[index].size(level) * STEP**steps
        for index in range(len(_REACHES)):
            front = self._front(index)
            level = front.level_of(wanted)
            if not front.fills_window(level) or index == len(_REACHES) - 1:
                break
        return self._fronts[index].area(level)

    @cached_property
    def _suggestion(self) -> tuple[int, int]:
        for index in range(len(_REACHES)):
            front = self._front(index)
            level = front.clearest
            # A window that lies within the lesion shows no edge, only grain.
            if front.change[level] >= _LEAST_CHANGE and not front.fills_window(level):
                break
        return index, level

    def _front(self, index: int) -> _Front:
        if index not in self._fronts:
            self._fronts[index] = _spread(self._pyramid, self._point, self._labels, _REACHES[index])
        return self._fronts[index]


@dataclass(frozen=True, eq=False)
class _Front:
    """Arrival times in one reduced window.

    Attributes:
        rows, columns: of the window in the photograph.
        point: the click in the reduced window.
        arrival: (height, width) float32 time at which the front arrives.
        levels: (N,) times between which the areas differ enough to be told apart, ascending.
        change: (N,) change of colour across the border of the area of each level.
    """

    rows: slice
    columns: slice
    frame: tuple[int, int]
    point: Point
    arrival: Plane
    levels: Plane
    change: npt.NDArray[np.float64]

    @property
    def clearest(self) -> int:
        """The level with the clearest border."""
        return int(self.change.argmax())

    @property
    def _scale(self) -> float:
        """Pixels of the photograph for one of the reduced window."""
        height, width = self.arrival.shape
        whole = (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)
        return float(whole / (height * width))

    def size(self, level: int) -> float:
        """Area of a level, in pixels of the photograph."""
        return float(np.count_nonzero(self.arrival <= self.levels[level])) * self._scale

    def level_of(self, size: float) -> int:
        """The level whose area is nearest to ``size`` pixels of the photograph."""
        ordered = np.sort(self.arrival, axis=None)
        place = int(np.clip(round(size / self._scale), 1, ordered.size)) - 1
        return int(np.abs(self.levels - ordered[place]).argmin())

    def fills_window(self, level: int) -> bool:
        """Whether the area reaches the rim of the window where the photograph goes on beyond it."""
        inside = self.arrival <= self.levels[level]
        rims = (
            (inside[0], self.rows.start > 0),
            (inside[-1], self.rows.stop < self.frame[0]),
            (inside[:, 0], self.columns.start > 0),
            (inside[:, -1], self.columns.stop < self.frame[1]),
        )
        open_rims = [rim for rim, goes_on in rims if goes_on]
        length = sum(len(rim) for rim in open_rims)
        return length > 0 and sum(int(np.count_nonzero(rim)) for rim in open_rims) > _TOUCHES * length

    def area(self, level: int) -> Area:
        """The area of a level in the photograph: without small holes, its border smooth."""
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        small = _closed((self.arrival <= self.levels[level]).astype(np.uint8), self.point)
        # The border is drawn between the pixels of the reduced window, not along their edges.
        soft = cv2.GaussianBlur(small.view(np.uint8) * np.uint8(255), (0, 0), 0.8)
        grey = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))
        _, inside = cv2.threshold(grey, 127, 1, cv2.THRESH_BINARY)
        left, top, wide, tall = cv2.boundingRect(inside)
        part = np.ascontiguousarray(inside[top : top + tall, left : left + wide]).view(np.bool_)
        return Area(self.rows.start + top, self.columns.start + left, part)


def _closed(inside: npt.NDArray[np.uint8], point: Point) -> Mask:
    """The part round the click, with its small holes filled and single pixels at its border gone."""
    inside = np.asarray(cv2.medianBlur(inside, 5), np.uint8)
    inside[max(point[0] - 1, 0) : point[0] + 2, max(point[1] - 1, 0) : point[1] + 2] = 1
    _, numbers = cv2.connectedComponents(inside, connectivity=4)
    own = np.asarray(numbers == numbers[point])
    most = _HOLE * np.count_nonzero(own)
    count, holes, statistics, _ = cv2.connectedComponentsWithStats(holes_of(own).view(np.uint8), connectivity=4)
    small = np.zeros(count, bool)
    small[1:] = statistics[1:, cv2.CC_STAT_AREA] <= most
    filled: Mask = own | small[holes]
    return filled


def _spread(pyramid: Pyramid, point: Point, labels: Labels | None, reach: float) -> _Front:
    frame = pyramid.shape
    half = max(round(reach * max(frame)), _LEAST_REACH)
    rows, columns = (slice(max(at - half, 0), min(at + half + 1, end)) for at, end in zip(point, frame, strict=True))
    small = cv2.medianBlur(pyramid.window(rows, columns, _SIDE), 7)
    lab = cv2.cvtColor(small.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    lab *= np.array([_LIGHTNESS, 1, 1], np.float32)
    height, width = lab.shape[:2]
    row = min((point[0] - rows.start) * height // (rows.stop - rows.start), height - 1)
    column = min((point[1] - columns.start) * width // (columns.stop - columns.start), width - 1)
    around_click = lab[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].reshape(-1, 3)
    apart = np.sqrt(((lab - np.median(around_click, axis=0)) ** 2).sum(axis=2))
    slope = sum(
        (cv2.Sobel(lab, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) ** 2).sum(axis=2) for dx, dy in ((1, 0), (0, 1))
    )
    cost = _PLAIN + _COLOUR * np.maximum(apart - _TOLERANCE, 0) ** 2 + _EDGE * slope
    body = np.ones((height, width), bool)
    if labels is not None:
        part = cv2.resize(labels[rows, columns], (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        body = np.asarray(part != Tissue.BACKGROUND)
        body[row, column] = True
    arrival = arrival_times(np.where(body, cost, _WALL).astype(np.float32), (row, column))
    levels = _levels(arrival[body])
    change = border_change(arrival, apart, levels, body)
    return _Front(rows, columns, frame, (row, column), arrival, levels, change)


def arrival_times(cost: Plane, start: Point) -> Plane:
    """When a front that starts at one pixel arrives at the others, along rows and columns.

    Crossing from one pixel to the next takes the mean of their costs. Solved by sweeps: along a line the earliest
    arrival is a running minimum once the summed cost is taken off. After the first sweeps only the lines that another
    sweep has changed are swept again, which soon are few.

    Args:
        cost: (height, width) float32, positive.
        start: where it starts.
    """
    # The lines to sweep along are columns here: numpy is quicker from row to row than within one.
    upright = _Sweeps(cost)
    sideways = _Sweeps(np.ascontiguousarray(cost.T))
    times = np.full(cost.shape, np.float32(1e6))
    times[start] = 0
    rows: Lines = np.array([start[0]])
    while len(rows):
        columns = sideways.along(times.T, rows)
        if not len(columns):
            break
        rows = upright.along(times, columns)
    return times


class _Sweeps:
    """Sweeps down and up the columns of a map of costs.

    Args:
        cost: (length, lines) float32.
    """

    def __init__(self, cost: Plane) -> None:
        self._summed = np.zeros_like(cost)
        np.cumsum((cost[1:] + cost[:-1]) / 2, axis=0, out=self._summed[1:])

    def along(self, times: Plane, lines: Lines) -> Lines:
        """Sweep some of the columns of ``times``; returns the rows in which a time has become earlier."""
        before, summed = times[:, lines], self._summed[:, lines]
        after = running_minimum(before - summed) + summed
        back = running_minimum((before + summed)[::-1])[::-1] - summed
        np.minimum(after, back, out=after)
        np.minimum(after, before, out=after)
        times[:, lines] = after
        return np.flatnonzero(((before - after) > _SOONER).any(axis=1))


def running_minimum(values: Plane) -> Plane:
    """The least of every column so far, row by row: numpy's ``minimum.accumulate`` in a third of the time, by steps
    that double. ``values`` is used up."""
    step, length = 1, values.shape[0]
    spare = np.empty_like(values)
    while step < length:
        spare[:step] = values[:step]
        np.minimum(values[step:], values[:-step], out=spare[step:])
        values, spare = spare, values
        step *= 2
    return values


def _levels(arrival: Plane) -> Plane:
    ordered = np.sort(arrival, axis=None)
    most = max(round(0.95 * ordered.size), _SMALLEST + 1)
    places = np.unique(np.geomspace(_SMALLEST, most, _LEVELS).astype(int))
    return np.unique(ordered[np.minimum(places, ordered.size) - 1])


def border_change(arrival: Plane, apart: Plane, levels: Plane, body: Mask) -> npt.NDArray[np.float64]:
    """How much the colour moves away from the click's across the border of every level's area, on average.

    Every pair of pixels a few apart lies on the border of those levels that are reached by one and not by the other:
    two steps in a running sum, so that all levels are found at once.

    Args:
        arrival, apart: (height, width) float32, time of arrival and colour difference from the click.
        levels: (N,) ascending times.
        body: (height, width) bool; pairs that leave it do not count.
    """
    size = len(levels) + 1
    change, pairs = np.zeros(size), np.zeros(size)
    reached = np.searchsorted(levels, arrival)  # the first level that holds a pixel
    for a, b in ((np.s_[:, _GAP:], np.s_[:, :-_GAP]), (np.s_[_GAP:], np.s_[:-_GAP])):
        both = body[a] & body[b]
        first, second = reached[a][both], reached[b][both]
        step = apart[b][both] - apart[a][both]
        outward = np.where(first < second, step, -step)
        enters, leaves = np.minimum(first, second), np.maximum(first, second)
        change += np.bincount(enters, outward, size) - np.bincount(leaves, outward, size)
        pairs += np.bincount(enters, minlength=size) - np.bincount(leaves, minlength=size)
    return np.cumsum(change)[:-1] / np.maximum(np.cumsum(pairs)[:-1], _FEWEST_PAIRS)
