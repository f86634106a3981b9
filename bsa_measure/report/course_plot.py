"""The course of one patient as SVG: % BSA over the study days, and healed percent under it.

The response line is the level that decides the call. With the numerator ``decline`` a visit responds when its
detached % BSA lies at or under (1 - threshold) M(t); with ``reepithelialised`` when its re-epithelialised % BSA
lies at or over threshold x M(t). M(t) is computed for every study day by the same function as the call, so that
``look_forward`` and ``ever-detached`` are drawn as they count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..bsa import Extent, VisitBsa
from ..course import healing
from ..protocol import Endpoint, Protocol
from ..results import TrueVisit
from .words import day_label, escaped, interval, percent

_WIDTH: Final = 660
_LEFT: Final = 52
_RIGHT: Final = 130
_TOP: Final = 16
_COURSE_HEIGHT: Final = 210
_STRIP_HEIGHT: Final = 96
_BETWEEN: Final = 42
_BOTTOM: Final = 40

_DETACHED: Final = "#b34a00"
_COVERED: Final = "#00785a"


@dataclass(frozen=True)
class ResponseLevel:
    """The % BSA that decides the response on one study day."""

    day: int
    maximum: float
    level: float


def response_levels(visits: Sequence[VisitBsa], rule: Endpoint, days: Sequence[int]) -> tuple[ResponseLevel, ...]:
    """The response line on each of these study days; days on which no maximum is known yet are left out."""
    share = rule.threshold_percent / 100
    levels = []
    for day in days:
        maximum = healing(visits, day, maximum=rule.maximum, look_forward=rule.look_forward).maximum
        if maximum:
            level = (1 - share) * maximum if rule.numerator == "decline" else share * maximum
            levels.append(ResponseLevel(day, maximum, level))
    return tuple(levels)


def course_plot_svg(
    visits: Sequence[VisitBsa], protocol: Protocol, *, title: str, truth: Mapping[int, TrueVisit] | None = None
) -> str:
    """The course as one ``<svg>`` element.

    Args:
        visits: of one patient, in any order.
        protocol: gives the planned days, the day of the call and its rule.
        title: what a screen reader says.
        truth: study day to the known truth, for phantoms.
    """
    plot = _Plot(sorted(visits, key=lambda v: v.day), protocol, truth or {})
    total = _TOP + _COURSE_HEIGHT + _BETWEEN + _STRIP_HEIGHT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="course" role="img" viewBox="0 0 {_WIDTH} {total}" '
        f'font-family="system-ui, sans-serif" font-size="11"><title>{escaped(title)}</title>'
        f"{plot.endpoint_marker()}{plot.course()}{plot.strip()}{plot.day_axis()}</svg>"
    )


class _Plot:
    def __init__(self, visits: Sequence[VisitBsa], protocol: Protocol, truth: Mapping[int, TrueVisit]) -> None:
        self.visits = visits
        self.known = [v for v in visits if v.detached is not None]
        self.protocol = protocol
        self.rule = protocol.endpoint
        self.truth = truth
        days = {*(v.day for v in visits), *protocol.visits.planned, *self.rule.reported_days, *truth}
        self.first, self.last = min(days), max(days)
        self.days = sorted(days)
        points = [e.point for v in self.known for e in (v.detached, v.reepithelialised) if e is not None]
        points += [t.detached for t in truth.values()]
        largest = max([*points, 1.0])
        highs = [v.detached.high for v in self.known if v.detached is not None]
        # Bounds far above everything else are cut off and written out, or one poor visit would flatten the course.
        self.top = _nice_top(max([largest, *(high for high in highs if high <= 2.2 * largest)]) * 1.04)

    def x(self, day: float) -> float:
        span = max(self.last - self.first, 1)
        return _LEFT + 14 + (day - self.first) / span * (_WIDTH - _LEFT - _RIGHT - 28)

    def y(self, value: float) -> float:
        return _TOP + _COURSE_HEIGHT * (1 - min(value, self.top) / self.top)

    def y_strip(self, value: float) -> float:
        return _TOP + _COURSE_HEIGHT + _BETWEEN + _STRIP_HEIGHT * (1 - min(max(value, 0.0), 100.0) / 100)

    def course(self) -> str:
        parts = [self._grid(_ticks(self.top), self.y, "% of the body surface")]
        parts.append(self._response_line())
        parts.append(self._band())
        covered = [(v.day, v.reepithelialised) for v in self.known if v.reepithelialised is not None]
        detached = [(v.day, v.detached) for v in self.known if v.detached is not None]
        parts.append(_line([(self.x(d), self.y(e.point)) for d, e in covered], "covered", _COVERED, "5 3"))
        parts.append(_line([(self.x(d), self.y(e.point)) for d, e in detached], "detached", _DETACHED))
        for day, extent in covered:
            hint = f"{day_label(day)}: re-epithelialised {percent(extent.point)} % BSA ({interval(extent)})"
            parts.append(_square(self.x(day), self.y(extent.point), hint))
        for day, extent in detached:
            parts.append(self._whisker(day, extent))
            hint = f"{day_label(day)}: detached {percent(extent.point)} % BSA ({interval(extent)})"
            parts.append(_disc(self.x(day), self.y(extent.point), hint))
        for day, true in sorted(self.truth.items()):
            hint = f"{day_label(day)}: true {percent(true.detached, decimals=2)} % BSA"
            parts.append(_diamond(self.x(day), self.y(true.detached), hint))
        parts += [self._missing(day) for day in self.protocol.visits.planned if day not in {v.day for v in self.known}]
        parts.append(self._key())
        return "".join(parts)

    def strip(self) -> str:
        """Healed percent of every measured visit, with the threshold."""
        threshold = self.rule.threshold_percent
        parts = [self._grid([0, 50, 100], self.y_strip, "healed, %")]
        y = self.y_strip(threshold)
        parts.append(
            f'<rect class="target" x="{_LEFT}" y="{self.y_strip(100):.1f}" width="{_WIDTH - _LEFT - _RIGHT}" '
            f'height="{y - self.y_strip(100):.1f}" fill="#0072b2" fill-opacity=".12"/>'
        )
        parts.append(
            f'<path class="limit" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#0072b2" stroke-width="1.4"/>'
            f'<text class="limit-text" x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}" fill="#005a8c">'
            f"response: {threshold:g} %</text>"
        )
        for visit in self.known:
            found = healing(self.visits, visit.day, maximum=self.rule.maximum, look_forward=self.rule.look_forward)
            if found.reepithelialised is not None:
                r = found.reepithelialised
                hint = f"{day_label(visit.day)}: re-epithelialised {percent(r.point, threshold)} % of the maximum"
                parts.append(_square(self.x(visit.day) + 6, self.y_strip(r.point), hint))
            if found.healed is not None:
                h = found.healed
                hint = f"{day_label(visit.day)}: healed {percent(h.point, threshold)} % ({interval(h, threshold)})"
                x = self.x(visit.day)
                parts.append(
                    f'<path class="detached" d="M{x:.1f} {self.y_strip(h.low):.1f}V{self.y_strip(h.high):.1f}" '
                    f'stroke="{_DETACHED}" stroke-width="3" stroke-opacity=".4" stroke-linecap="round"/>'
                )
                parts.append(_disc(x, self.y_strip(h.point), hint))
        return "".join(parts)

    def endpoint_marker(self) -> str:
        x = self.x(self.rule.day)
        bottom = _TOP + _COURSE_HEIGHT + _BETWEEN + _STRIP_HEIGHT
        return (
            f'<path class="limit" d="M{x:.1f} {_TOP}V{bottom}" stroke="#0072b2" stroke-width="9" stroke-opacity=".1"/>'
        )

    def day_axis(self) -> str:
        y = _TOP + _COURSE_HEIGHT + _BETWEEN + _STRIP_HEIGHT + 16
        parts = []
        last_x = -math.inf
        important = {*self.rule.reported_days, *self.protocol.visits.planned}
        for day in self.days:
            x = self.x(day)
            if x - last_x < 22 and day not in important:
                continue
            last_x = x
            weight = ' font-weight="700"' if day == self.rule.day else ""
            for level in (_TOP + _COURSE_HEIGHT + 16, y):
                parts.append(
                    f'<text class="ink" x="{x:.1f}" y="{level}" text-anchor="middle" fill="#3a3632"{weight}>'
                    f"{day_label(day)}</text>"
                )
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(
            f'<text class="soft" x="{middle}" y="{y + 17}" text-anchor="middle" fill="#5f5a55">study day</text>'
        )
        return "".join(parts)

    def _grid(self, ticks: Sequence[float], place: Callable[[float], float], name: str) -> str:
        parts = []
        for tick in ticks:
            y = place(tick)
            parts.append(
                f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#d9d4cd" stroke-width=".8"/>'
                f'<text class="ink" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#3a3632">{tick:g}</text>'
            )
        middle = (place(ticks[0]) + place(ticks[-1])) / 2
        parts.append(
            f'<text class="soft" transform="translate(13 {middle:.1f}) rotate(-90)" text-anchor="middle" '
            f'fill="#5f5a55">{name}</text>'
        )
        return "".join(parts)

    def _response_line(self) -> str:
        """A step line: M(t) changes only on the day of a visit."""
        days = sorted({self.first, *(visit.day for visit in self.known)})
        levels = response_levels(self.visits, self.rule, days)
        if not levels:
            return ""
        right = _WIDTH - _RIGHT
        corners = [(self.x(levels[0].day), self.y(levels[0].level))]
        for before, now in zip(levels, levels[1:], strict=False):
            if now.level != before.level:
                corners += [(self.x(now.day), self.y(before.level)), (self.x(now.day), self.y(now.level))]
        corners.append((right, self.y(levels[-1].level)))
        decline = self.rule.numerator == "decline"
        edge = self.y(0) if decline else self.y(self.top)
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
        area = f"{path}L{right} {edge:.1f}L{corners[0][0]:.1f} {edge:.1f}Z"
        share = 100 - self.rule.threshold_percent if decline else self.rule.threshold_percent
        hints = "; ".join(
            f"from {day_label(level.day)}: {percent(level.level, decimals=2)} % BSA"
            for i, level in enumerate(levels)
            if i == 0 or level.level != levels[i - 1].level
        )
        # The number that is written is the one that decides the call; later maxima may move the line on.
        at_call = next((level for level in reversed(levels) if level.day <= self.rule.day), levels[0])
        y = self.y(at_call.level)
        word = "≤" if decline else "≥"
        return (
            f'<path class="target" d="{area}" fill="#0072b2" fill-opacity=".12"/>'
            f"<g><title>response line, {share:g} % of the maximum: {hints}</title>"
            f'<path class="limit" d="{path}" fill="none" stroke="#0072b2" stroke-width="1.4"/></g>'
            f'<text class="limit-text" x="{right + 8}" y="{y - 1:.1f}" fill="#005a8c">response at '
            f'{day_label(self.rule.day)}:<tspan x="{right + 8}" dy="12">{word} '
            f"{percent(at_call.level, decimals=2)} % BSA</tspan></text>"
        )

    def _band(self) -> str:
        pairs = [(self.x(v.day), v.detached) for v in self.known if v.detached is not None]
        if len(pairs) < 2:
            return ""
        there = [f"{x:.1f} {self.y(e.high):.1f}" for x, e in pairs]
        back = [f"{x:.1f} {self.y(e.low):.1f}" for x, e in reversed(pairs)]
        return f'<path class="detached-band" d="M{"L".join(there + back)}Z" fill="{_DETACHED}" fill-opacity=".13"/>'

    def _whisker(self, day: int, extent: Extent) -> str:
        x, high, low = self.x(day), self.y(extent.high), self.y(extent.low)
        stroke = f'stroke="{_DETACHED}" stroke-width="1.2" fill="none"'
        if extent.high > self.top:  # cut off: an arrow head, and the value in words
            return (
                f'<path class="detached" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 3:.1f} {low:.1f}h6'
                f'M{x - 3.5:.1f} {high + 5:.1f}L{x:.1f} {high:.1f}L{x + 3.5:.1f} {high + 5:.1f}" {stroke}/>'
                f'<text class="soft" x="{x:.1f}" y="{high - 4:.1f}" text-anchor="middle" font-size="10" '
                f'fill="#5f5a55">to {percent(extent.high)}</text>'
            )
        return (
            f'<path class="detached" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 3:.1f} {low:.1f}h6'
            f'M{x - 3:.1f} {high:.1f}h6" {stroke}/>'
        )

    def _missing(self, day: int) -> str:
        x, y = self.x(day), self.y(0)
        return (
            f"<g><title>{day_label(day)}: planned, no measured photograph</title>"
            f'<path class="missing" d="M{x - 4:.1f} {y - 10:.1f}l8 8m0 -8l-8 8" stroke="#6b655f" stroke-width="1.8"/>'
            f'<text class="soft" x="{x:.1f}" y="{y + 27:.1f}" text-anchor="middle" font-size="10" fill="#5f5a55">'
            "missing</text></g>"
        )

    def _key(self) -> str:
        x = _WIDTH - _RIGHT + 8
        rows = [(_disc(x + 5, 0, ""), "detached"), (_square(x + 5, 0, ""), "re-epithelialised")]
        if self.truth:
            rows.append((_diamond(x + 5, 0, ""), "true value"))
        top = _TOP + 6
        return "".join(
            f'<g transform="translate(0 {top + 16 * i})">{mark}<text class="ink" x="{x + 15}" y="4" fill="#3a3632">'
            f"{text}</text></g>"
            for i, (mark, text) in enumerate(rows)
        )


def _nice_top(value: float) -> float:
    for step in (1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90):
        if value <= step:
            return float(step)
    return 100.0


def _ticks(top: float) -> list[float]:
    count = next(n for n in (4, 5, 3) if (top / n) in (0.25, 0.5, 1, 2, 2.5, 5, 10, 15, 20, 25) or n == 3)
    return [top * i / count for i in range(count + 1)]


def _line(points: Sequence[tuple[float, float]], name: str, color: str, dash: str = "") -> str:
    if len(points) < 2:
        return ""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path class="{name}" d="{path}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>'


def _hinted(shape: str, hint: str) -> str:
    return f"<g><title>{escaped(hint)}</title>{shape}</g>" if hint else shape


def _disc(x: float, y: float, hint: str) -> str:
    return _hinted(f'<circle class="detached-mark" cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_DETACHED}"/>', hint)


def _square(x: float, y: float, hint: str) -> str:
    shape = f'<rect class="covered-mark" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{_COVERED}"/>'
    return _hinted(shape, hint)


def _diamond(x: float, y: float, hint: str) -> str:
    shape = (
        f'<path class="true-mark" d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5Z" fill="none" '
        'stroke="#1a1a1a" stroke-width="1.5"/>'
    )
    return _hinted(shape, hint)
