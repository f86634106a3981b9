"""Two readers as SVG: differences against means (Bland and Altman 1986), and one against the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .words import escaped, percent

_WIDTH: Final = 560
_HEIGHT: Final = 340
_LEFT: Final = 62
_RIGHT: Final = 118
_TOP: Final = 14
_BOTTOM: Final = 50
_SQUARE: Final = 340
_DOT: Final = "#b34a00"
_LINE: Final = "#0072b2"


@dataclass(frozen=True)
class Point:
    """One row: what each reader says, and what a reader sees who points at it."""

    a: float
    b: float
    hint: str


@dataclass(frozen=True)
class Level:
    """A horizontal line of the difference plot with its interval."""

    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    length: float
    log: bool = False

    def __call__(self, value: float) -> float:
        return self.start + self.length * (self._at(value) - self._at(self.low)) / (
            self._at(self.high) - self._at(self.low)
        )

    def _at(self, value: float) -> float:
        return math.log(value) if self.log else value


def difference_plot_svg(
    points: Sequence[Point],
    levels: Sequence[Level],
    *,
    title: str,
    x_title: str,
    y_title: str,
    margin: float | None = None,
    log: bool = False,
) -> str:
    """Differences A - B against means; on the log scale ratios A / B against geometric means.

    Args:
        points: both values, above zero on the log scale.
        levels: bias and limits, with their intervals as bands.
        title: what a screen reader says.
        x_title, y_title: what the axes show, with unit.
        margin: drawn as a dashed line on either side of zero.
        log: ratios, both axes logarithmic.
    """
    xs = [math.sqrt(p.a * p.b) if log else (p.a + p.b) / 2 for p in points]
    ys = [p.a / p.b if log else p.a - p.b for p in points]
    shown = [*ys, *(v for level in levels for v in (level.value, level.low, level.high) if v is not None)]
    if margin is not None:
        shown += [-margin, margin]
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    x = _Axis(*_range(xs, log), _LEFT, inner_width, log)
    y = _Axis(*_range([*shown, 1.0 if log else 0.0], log), _TOP + inner_height, -inner_height, log)
    right = _WIDTH - _RIGHT
    parts = [_frame(x, y, right, _TOP + inner_height, x_title, y_title)]
    nothing = y(1.0 if log else 0.0)
    parts.append(f'<path class="zero" d="M{_LEFT} {nothing:.1f}H{right}" stroke="#5f5a55" stroke-width="1"/>')
    if margin is not None:
        for value in (-margin, margin):
            parts.append(
                f'<path class="margin" d="M{_LEFT} {y(value):.1f}H{right}" stroke="#6a3d7c" stroke-width="1.3" '
                'stroke-dasharray="2 4"/>'
            )
    heights = _spread([y(level.value) for level in levels], 25)
    for level, text_y in zip(levels, heights, strict=True):
        if level.low is not None and level.high is not None:
            parts.append(
                f'<rect class="target" x="{_LEFT}" y="{y(level.high):.1f}" width="{inner_width}" '
                f'height="{max(y(level.low) - y(level.high), 0.5):.1f}" fill="{_LINE}" fill-opacity=".13"/>'
            )
        dash = "" if level.name in ("bias", "ratio") else ' stroke-dasharray="6 3"'
        parts.append(
            f'<path class="limit" d="M{_LEFT} {y(level.value):.1f}H{right}" stroke="{_LINE}" '
            f'stroke-width="1.5"{dash}/>'
            f'<text class="limit-text" x="{right + 7}" y="{text_y - 1:.1f}" fill="#005a8c">{escaped(level.name)}'
            f'<tspan x="{right + 7}" dy="12">{_signed(level.value, log)}</tspan></text>'
        )
    parts += [_dot(x(px), y(py), p.hint) for px, py, p in zip(xs, ys, points, strict=True)]
    if margin is not None:
        parts.append(
            f'<text class="margin-text" x="{_LEFT + 6}" y="{y(margin) - 4:.1f}" fill="#6a3d7c">'
            f"margin of the protocol, ± {margin:g}</text>"
        )
    return _svg(_WIDTH, _HEIGHT, "difference-plot", title, parts)


def identity_plot_svg(
    points: Sequence[Point], *, title: str, x_title: str, y_title: str, threshold: float | None = None
) -> str:
    """One reader against the other with the line of identity; ``threshold`` draws the limit of a call for each."""
    values = [v for p in points for v in (p.a, p.b)]
    low, high = _range([*values, *([threshold] if threshold is not None else [])], log=False)
    inner = _SQUARE - _TOP - _BOTTOM
    x, y = _Axis(low, high, _LEFT, inner), _Axis(low, high, _TOP + inner, -inner)
    parts = [_frame(x, y, _LEFT + inner, _TOP + inner, x_title, y_title)]
    parts.append(
        f'<path class="zero" d="M{x(low):.1f} {y(low):.1f}L{x(high):.1f} {y(high):.1f}" stroke="#5f5a55" '
        'stroke-width="1.2"/>'
    )
    if threshold is not None:
        parts.append(
            f'<path class="limit" d="M{x(threshold):.1f} {_TOP}V{_TOP + inner}M{_LEFT} {y(threshold):.1f}'
            f'H{_LEFT + inner}" stroke="{_LINE}" stroke-width="1.3" stroke-dasharray="6 3" fill="none"/>'
        )
    parts += [_dot(x(p.b), y(p.a), p.hint) for p in points]
    return _svg(_LEFT + inner + 16, _SQUARE, "identity-plot", title, parts)


def _svg(width: float, height: float, name: str, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" role="img" viewBox="0 0 {width} {height}" '
        f'font-family="system-ui, sans-serif" font-size="11"><title>{escaped(title)}</title>{"".join(parts)}</svg>'
    )


def _frame(x: _Axis, y: _Axis, right: float, bottom: float, x_title: str, y_title: str) -> str:
    parts = []
    for tick in _ticks(y):
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{right}" stroke="#d9d4cd" stroke-width=".8"/>'
            f'<text class="ink" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#3a3632">'
            f"{_tick_text(tick)}</text>"
        )
    for tick in _ticks(x):
        parts.append(
            f'<path class="grid" d="M{x(tick):.1f} {_TOP}V{bottom}" stroke="#d9d4cd" stroke-width=".8"/>'
            f'<text class="ink" x="{x(tick):.1f}" y="{bottom + 15:.1f}" text-anchor="middle" fill="#3a3632">'
            f"{_tick_text(tick)}</text>"
        )
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text class="soft" x="{(_LEFT + right) / 2:.1f}" y="{bottom + 34:.1f}" text-anchor="middle" fill="#5f5a55">'
        f"{escaped(x_title)}</text>"
        f'<text class="soft" transform="translate(15 {middle:.1f}) rotate(-90)" text-anchor="middle" fill="#5f5a55">'
        f"{escaped(y_title)}</text>"
    )
    return "".join(parts)


def _range(values: Sequence[float], log: bool) -> tuple[float, float]:
    """The values with a little room around them; never empty."""
    low, high = min(values), max(values)
    if log:
        factor = max((high / low) ** 0.06, 1.02)
        return low / factor, high * factor
    room = 0.06 * (high - low) or max(abs(high) * 0.1, 0.5)
    return low - room, high + room


def _ticks(axis: _Axis) -> list[float]:
    if axis.log:
        steps = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
        inside = [tick for tick in steps if axis.low <= tick <= axis.high]
        if len(inside) >= 3:
            return inside[:: max(1, math.ceil(len(inside) / 7))]
    span = axis.high - axis.low
    step = 10.0 ** math.floor(math.log10(span / 4))
    step = next(step * m for m in (1, 2, 2.5, 5, 10) if span / (step * m) <= 6)
    first = math.ceil(axis.low / step)
    return [round(i * step, 10) for i in range(first, math.floor(axis.high / step) + 1)]


def _tick_text(tick: float) -> str:
    return f"{tick:g}".replace("-", "−")


def _signed(value: float, log: bool) -> str:
    if log:
        return f"× {value:.2f}"
    return ("+" if value > 0 else "") + percent(value, decimals=2)


def _spread(heights: Sequence[float], apart: float) -> list[float]:
    """The same heights, moved so far apart that their labels do not overlap; their order stays."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [0.0] * len(heights)
    last = -math.inf
    for i in order:
        placed[i] = last = max(heights[i], last + apart)
    over = max(0.0, last - (_HEIGHT - _BOTTOM))
    return [height - over for height in placed]


def _dot(x: float, y: float, hint: str) -> str:
    return (
        f"<g><title>{escaped(hint)}</title>"
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{_DOT}" fill-opacity=".75"/></g>'
    )
