"""Plots of all patients together, as SVG: stopping boundary, posterior, how the rule behaves, deaths, healing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..cohort_results import Monitoring
from ..proportion import Beta
from ..survival import Healing
from .words import count, day_label, escaped, percent

_WIDTH: Final = 620
_HEIGHT: Final = 300
_STOP: Final = "#b34a00"
_GO: Final = "#00785a"
_MARK: Final = "#0072b2"
_INK: Final = "#3a3632"
_SOFT: Final = "#5f5a55"


@dataclass(frozen=True)
class _Frame:
    """Where data land on the drawing: ``x`` and ``y`` are the first and last value of each axis."""

    x0: float
    x1: float
    y0: float
    y1: float
    left: int = 56
    right: int = 24
    top: int = 22
    bottom: int = 46
    width: int = _WIDTH
    height: int = _HEIGHT

    def x(self, value: float) -> float:
        return self.left + (value - self.x0) / (self.x1 - self.x0) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        return self.height - self.bottom - (value - self.y0) / (self.y1 - self.y0) * self.inner_height

    @property
    def inner_height(self) -> int:
        return self.height - self.top - self.bottom

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)

    def box(self, x0: float, x1: float, y0: float, y1: float) -> str:
        """Attributes of the rectangle between two pairs of values."""
        return (
            f'x="{self.x(x0):.1f}" y="{self.y(y1):.1f}" width="{self.x(x1) - self.x(x0):.1f}" '
            f'height="{self.y(y0) - self.y(y1):.1f}"'
        )

    def axes(
        self, x_ticks: Sequence[tuple[float, str]], x_name: str, y_ticks: Sequence[tuple[float, str]], y_name: str
    ) -> str:
        parts = []
        end = self.width - self.right
        for value, text in y_ticks:
            y = self.y(value)
            parts.append(
                f'<path class="grid" d="M{self.left} {y:.1f}H{end}" stroke="#d9d4cd" stroke-width=".8"/>'
                f'<text class="ink" x="{self.left - 7}" y="{y + 4:.1f}" text-anchor="end" fill="{_INK}">{text}</text>'
            )
        floor = self.height - self.bottom
        for value, text in x_ticks:
            parts.append(
                f'<path class="grid" d="M{self.x(value):.1f} {floor}v4" stroke="#d9d4cd"/>'
                f'<text class="ink" x="{self.x(value):.1f}" y="{floor + 17}" text-anchor="middle" fill="{_INK}">'
                f"{text}</text>"
            )
        middle = self.top + self.inner_height / 2
        parts.append(
            f'<text class="soft" x="{(self.left + end) / 2}" y="{floor + 35}" text-anchor="middle" '
            f'fill="{_SOFT}">{x_name}</text>'
            f'<text class="soft" transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle" '
            f'fill="{_SOFT}">{y_name}</text>'
        )
        return "".join(parts)

    def svg(self, title: str, *parts: str) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {self.width} {self.height}" '
            f'font-family="system-ui, sans-serif" font-size="11.5"><title>{escaped(title)}</title>'
            f"{''.join(parts)}</svg>"
        )


def _steps(last: int) -> range:
    """Round numbers from 0 to ``last``, at most about 16."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 500) if last / s <= 16)
    return range(0, last + 1, step)


def _label(x: float, y: float, text: str, kind: str, color: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escaped(text)}</text>'


def boundary_plot(monitoring: Monitoring, title: str) -> str:
    """The stopping boundary as zones, and the observed course as a stair."""
    planned = monitoring.rule.planned
    path = monitoring.path
    last = max([planned, *(look.patients for look in path)])
    events = [look.events for look in path]
    limits = [b for bound in monitoring.bounds for b in (bound.at_most, bound.at_least) if b is not None]
    # Toxic events are few: the empty part of the drawing above the boundary is left out.
    top = min(last, max([*events, *limits, 2]) + 2)
    frame = _Frame(0, last + 0.5, -0.5, top + 0.5)
    parts = [
        frame.axes(
            [(n, str(n)) for n in _steps(last)],
            "patients with a known outcome",
            [(n, str(n)) for n in _steps(top)],
            monitoring.event,
        )
    ]
    looks = [bound.patients for bound in monitoring.bounds]
    for i, bound in enumerate(monitoring.bounds):
        x0 = (looks[i - 1] + bound.patients) / 2 if i else bound.patients - 0.5
        x1 = (bound.patients + looks[i + 1]) / 2 if i + 1 < len(looks) else bound.patients + 0.5
        if bound.at_most is not None:
            hint = f"after {bound.patients}: {bound.at_most} or fewer stop"
            parts.append(_zone(frame.box(x0, x1, -0.5, bound.at_most + 0.5), hint))
        if bound.at_least is not None and bound.at_least <= top:
            hint = f"after {bound.patients}: {bound.at_least} or more stop"
            parts.append(_zone(frame.box(x0, x1, bound.at_least - 0.5, min(bound.patients, top) + 0.5), hint))
    if any(bound.at_most is not None for bound in monitoring.bounds):
        parts.append(_label(frame.x(last + 0.3), frame.y(0) + 4, "stop: too few", "stop-text", _STOP, "end"))
    high = [bound for bound in monitoring.bounds if bound.at_least is not None and bound.at_least <= top]
    if high:
        parts.append(_label(frame.x(last + 0.3), frame.top + 16, "stop: too many", "stop-text", _STOP, "end"))
    if path:
        stair = [(0.0, 0.0)]
        for look in path:
            stair += [(look.patients, stair[-1][1]), (look.patients, look.events)]
        parts.append(
            f'<path class="course-line" d="{frame.path(stair)}" fill="none" stroke="{_MARK}" stroke-width="2"/>'
        )
        parts += [
            _look_mark(frame, look.patients, look.events, look.patient, look.crossed, monitoring.event) for look in path
        ]
    return frame.svg(title, *parts)


def _zone(box: str, hint: str) -> str:
    return f'<g><title>{escaped(hint)}</title><rect class="stop-zone" {box} fill="{_STOP}" fill-opacity=".22"/></g>'


def _look_mark(frame: _Frame, patients: int, events: int, patient: str, crossed: str, event: str) -> str:
    x, y = frame.x(patients), frame.y(events)
    hint = f"{patient}: {count(events, event.removesuffix('s'))} among {count(patients, 'patient')}" + (
        f", {crossed}" if crossed else ""
    )
    ring = (
        f'<circle class="stop-ring" cx="{x:.1f}" cy="{y:.1f}" r="7.5" fill="none" stroke="{_STOP}" stroke-width="2"/>'
    )
    return (
        f"<g><title>{escaped(hint)}</title>{ring if crossed else ''}"
        f'<circle class="course-mark" cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{_MARK}"/></g>'
    )


def posterior_plot(
    prior: Beta, posterior: Beta, credible: tuple[float, float], references: Sequence[tuple[float, str]], title: str
) -> str:
    """Prior (dashed) and posterior density of a share; the credible interval is filled."""
    shares = np.linspace(0.002, 0.998, 499)
    after, before = posterior.density(shares), prior.density(shares)
    # A prior that is infinite at an end is cut off: the posterior decides the height.
    top = 1.12 * max(float(after[1:-1].max()), 1.2)
    frame = _Frame(0, 1, 0, top, top=38)
    inside = (shares >= credible[0]) & (shares <= credible[1])
    curve = [(float(x), min(float(y), top)) for x, y in zip(shares, after, strict=True)]
    area = [(credible[0], 0.0), *(p for p, keep in zip(curve, inside, strict=True) if keep), (credible[1], 0.0)]
    first = [(float(x), min(float(y), top)) for x, y in zip(shares, before, strict=True)]
    hint = f"{percent(100 * credible[0])} to {percent(100 * credible[1])} %"
    parts = [
        frame.axes([(i / 10, str(10 * i)) for i in range(11)], "share of patients, %", [(0, "")], "density"),
        f"<g><title>{hint}</title>"
        f'<path class="posterior-area" d="{frame.path(area)}Z" fill="{_MARK}" fill-opacity=".18"/></g>',
        f'<path class="prior-line" d="{frame.path(first)}" fill="none" stroke="{_SOFT}" stroke-dasharray="5 4" '
        'stroke-width="1.4"/>',
        f'<path class="course-line" d="{frame.path(curve)}" fill="none" stroke="{_MARK}" stroke-width="2"/>',
    ]
    for i, (share, text) in enumerate(references):
        x = frame.x(share)
        parts.append(
            f'<path class="reference" d="M{x:.1f} {frame.top - 4}V{frame.y(0):.1f}" stroke="{_STOP}" '
            'stroke-width="1.2" stroke-dasharray="2 3"/>'
        )
        parts.append(_label(x, frame.top - 9 - 13 * (i % 2), text, "stop-text", _STOP, "middle"))
    return frame.svg(title, *parts)


def behaviour_plot(monitoring: Monitoring, title: str) -> str:
    """Probability of stopping early by true share."""
    frame = _Frame(0, 1, 0, 1)
    parts = [
        frame.axes(
            [(i / 10, str(10 * i)) for i in range(11)],
            f"true share of {monitoring.event}, %",
            [(i / 4, str(25 * i)) for i in range(5)],
            "trials that stop early, %",
        )
    ]
    curves = [
        ("stop-line", _STOP, "too few", [(b.share, b.stopped_too_few) for b in monitoring.behaviours]),
        ("course-line", _MARK, "too many", [(b.share, b.stopped_too_many) for b in monitoring.behaviours]),
    ]
    for kind, color, text, points in curves:
        if any(y > 0 for _, y in points):
            parts.append(
                f'<path class="{kind}" d="{frame.path(points)}" fill="none" stroke="{color}" stroke-width="2">'
                f"<title>{text}</title></path>"
            )
            parts += [
                f"<g><title>true share {percent(100 * x)} %: {percent(100 * y)} % stop early, {text}</title>"
                f'<circle class="{kind}-mark" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{color}"/></g>'
                for x, y in points
            ]
            beside = next((p for p in points if 0.35 <= p[1] <= 0.75), points[len(points) // 2])
            parts.append(_label(frame.x(beside[0]) + 9, frame.y(beside[1]) - 3, text, "ink", _INK))
    return frame.svg(title, *parts)


def deaths_plot(chances: Sequence[float], observed: int, title: str) -> str:
    """How probable each number of deaths was by the prediction; the observed number stands out."""
    # Numbers of deaths that are next to impossible are left out at the right, but never the observed one.
    last = max([observed, *(i for i, chance in enumerate(chances) if chance >= 5e-4)])
    top = max(chances) * 1.15
    frame = _Frame(-0.7, last + 0.7, 0, top, height=230)
    step = next(s for s in (0.05, 0.1, 0.2, 0.25) if top / s <= 6 or s == 0.25)
    ticks = [(i * step, f"{100 * i * step:.0f}") for i in range(int(top / step) + 1)]
    parts = [frame.axes([(n, str(n)) for n in _steps(last)], "deaths", ticks, "probability, %")]
    for n in range(last + 1):
        kind, color = ("stop-bar", _STOP) if n == observed else ("plain-bar", "#b9b2a8")
        hint = f"{count(n, 'death')}: {percent(100 * chances[n])} %"
        box = frame.box(n - 0.36, n + 0.36, 0, chances[n])
        parts.append(f'<g><title>{hint}</title><rect class="{kind}" {box} fill="{color}"/></g>')
    above = frame.y(chances[observed]) - 6
    parts.append(_label(frame.x(observed), above, "observed", "stop-text", _STOP, "middle"))
    return frame.svg(title, *parts)


def healing_plot(healing: Healing, title: str, *, small: bool = False) -> str:
    """Share healed by study day (Kaplan-Meier), its interval, and how many are still followed."""
    last = max([1, *(step.day for step in healing.steps)])
    frame = _Frame(
        0, last * 1.04, 0, 1, left=62, bottom=68, height=250 if small else 330, width=540 if small else _WIDTH
    )
    days = sorted({0, *(step.day for step in healing.steps)})
    parts = [
        frame.axes(
            [(day, day_label(day)) for day in days],
            "",
            [(i / 4, str(25 * i)) for i in range(5)],
            "healed, %",
        )
    ]
    ends = [*(step.day for step in healing.steps[1:]), last * 1.04]
    stair = [(0.0, 0.0)]
    for step, end in zip(healing.steps, ends, strict=True):
        if step.interval is not None:
            box = frame.box(step.day, end, *step.interval)
            hint = f"{percent(100 * step.interval[0])} to {percent(100 * step.interval[1])} %"
            parts.append(
                f'<g><title>{hint}</title><rect class="covered-mark" {box} fill="{_GO}" fill-opacity=".15"/></g>'
            )
        stair += [(step.day, stair[-1][1]), (step.day, step.share)]
    stair.append((last * 1.04, stair[-1][1]))
    parts.append(f'<path class="covered" d="{frame.path(stair)}" fill="none" stroke="{_GO}" stroke-width="2.2"/>')
    for step in healing.steps:
        x, y = frame.x(step.day), frame.y(step.share)
        hint = f"{day_label(step.day)}: {percent(100 * step.share)} % healed; {step.healed} of {step.at_risk} at risk"
        parts.append(
            f'<g><title>{hint}</title><circle class="covered-mark" cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_GO}"/></g>'
        )
        if step.censored:
            parts.append(
                f"<g><title>{count(step.censored, 'patient')} last seen here, not healed</title>"
                f'<path class="censored" d="M{x + 8:.1f} {y - 6:.1f}v12" stroke="{_INK}" stroke-width="1.6"/></g>'
            )
    floor = frame.height - frame.bottom + 40
    parts.append(_label(4, floor, "at risk", "soft", _SOFT))
    for day in days:
        at_risk = next((step.at_risk for step in healing.steps if step.day == day), healing.patients)
        parts.append(_label(frame.x(day), floor, str(at_risk), "soft", _SOFT, "middle"))
    return frame.svg(title, *parts)
