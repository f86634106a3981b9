"""The curve of a training run as SVG: loss, and Dice on the photographs kept out, over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_WIDTH: Final = 760
_HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 250, 14, 34
_NOT_DICE = ("step", "loss", "seconds_a_step", "learning_rate")
# Okabe and Ito (2008).
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def training_curve(log: Sequence[Mapping[str, Any]]) -> str:
    """One ``<svg>`` of the lines of ``log.jsonl``: Dice between 0 and 1, the loss relative to its first value."""
    steps = [line["step"] for line in log]
    last = max(steps, default=1)
    names = [name for name in (log[0] if log else {}) if name not in _NOT_DICE]
    first = log[0]["loss"] if log else 1.0
    series = {"loss, relative to the first": [min(1.0, line["loss"] / first) for line in log]}
    series |= {name: [line[name] for line in log] for name in names}
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    parts = []
    for tenth in range(0, 11, 2):
        y = _TOP + height * (1 - tenth / 10)
        parts.append(f'<path d="M{_LEFT} {y:.1f}h{width}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for part in range(5):
        x = _LEFT + width * part / 4
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{last * part // 4}</text>')
    for number, (name, values) in enumerate(series.items()):
        color = "#888" if number == 0 else _COLORS[(number - 1) % len(_COLORS)]
        points = " ".join(
            f"{_LEFT + width * step / last:.1f},{_TOP + height * (1 - value):.1f}"
            for step, value in zip(steps, values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        y = _TOP + 14 + 16 * number
        parts.append(f'<path d="M{_WIDTH - _RIGHT + 12} {y - 4}h16" stroke="{color}" stroke-width="2"/>')
        value = f" {values[-1]:.3f}" if values else ""
        parts.append(f'<text x="{_WIDTH - _RIGHT + 34}" y="{y}">{escape(name)}{value}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="11">{"".join(parts)}</svg>\n'
    )
