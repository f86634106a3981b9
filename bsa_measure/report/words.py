"""How numbers and surfaces are written for a reader: never rounded onto the wrong side of a limit."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from html import escape
from typing import Final

from ..bsa import Extent
from ..uncertainty import Interval

SAME: Final = 1e-9
"""Values nearer than this are the same number: binary sums miss a limit by less, no photograph resolves it."""

_MOST_DECIMALS: Final = 10
_PARTS: Final = {"upper-arm": "upper arm", "leg": "lower leg"}
_ASPECTS: Final = {"anterior": "front", "posterior": "back"}


def percent(value: float | None, *limits: float, decimals: int = 1) -> str:
    """A percentage without its sign, e.g. ``89.96``, with as many decimals as it needs to stay on its side.

    One decimal is enough unless it would show the value as, or beyond, a limit that it has not reached: 0, 100
    and the limits given. So 89.96 stays 89.96 where the threshold is 90, and 0.02 does not become 0.0. Above 100,
    where only the re-epithelialised percent of the maximum can lie, no decimal is needed: 312, not 312.1.
    """
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞"
    least = 0 if value > 100.0 else decimals
    return f"{value:.{_decimals(value, (0.0, 100.0, *limits), least, lambda shown: shown)}f}".replace("-", "−")


def probability(value: float | None) -> str:
    """A probability, 0 to 1, in percent; one found from draws is never said to be 0 or 100."""
    if value is None:
        return "–"
    if value < 0.001:
        return "below 0.1\u00a0%"
    if value > 0.999:
        return "above 99.9\u00a0%"
    return f"{100 * value:.1f}\u00a0%"


def interval(extent: Extent | Interval | None, *limits: float, decimals: int = 1) -> str:
    """``5.6 – 6.9``; empty when there is none."""
    if extent is None:
        return ""
    low = percent(extent.low, *limits, decimals=decimals)
    if math.isinf(extent.high):
        return f"{low} or more"
    return f"{low} – {percent(extent.high, *limits, decimals=decimals)}"


def ratio_decimals(part: float, whole: float, formula: Callable[[float, float], float], limit: float) -> int:
    """Decimals, at least 2, with which ``part`` and ``whole`` are written so that a reader who computes
    ``formula(part, whole)`` again lands on the same side of ``limit``."""
    exact = formula(part, whole)
    for decimals in range(2, _MOST_DECIMALS):
        a, b = round(part, decimals), round(whole, decimals)
        if b > 0 and _side(formula(a, b), limit) == _side(exact, limit):
            return decimals
    return _MOST_DECIMALS


def day_label(day: int) -> str:
    """``D7``, ``D−2``: a study day in running text."""
    return f"D{day}".replace("-", "−")


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 photograph``, ``3 photographs``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def surface_title(surface: str) -> str:
    """A surface in plain words, e.g. ``front of the left thigh`` for ``thigh-left-anterior``.

    The name of a site's own surface that follows no such pattern is returned with spaces for hyphens.
    """
    words = surface.split("-")
    aspect = words[-1] if words[-1] not in ("left", "right") else ""
    side = next((word for word in words if word in ("left", "right")), "")
    part = "-".join(word for word in words if word not in (side, aspect))
    special = {
        ("hand", "dorsal"): f"back of the {side} hand",
        ("hand", "palmar"): f"{side} palm",
        ("foot", "dorsal"): f"top of the {side} foot",
        ("foot", "plantar"): f"{side} sole",
        ("head", "anterior"): "face",
        ("head", "posterior"): "back of the head",
        ("trunk", "posterior"): "back",
        ("trunk", "anterior"): "chest and abdomen",
    }
    if (part, aspect) in special:
        return special[part, aspect]
    if aspect in _ASPECTS:
        of = f"{side} {_PARTS.get(part, part)}".strip()
        return f"{_ASPECTS[aspect]} of the {of}"
    if side and not aspect:
        return f"{side} {part}"
    return surface.replace("-", " ")


def visible(text: str) -> str:
    """The text with control characters and direction overrides written out: they could hide or reorder a name."""
    if text.isprintable():
        return text
    return "".join(_written_out(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in text)


def escaped(text: str) -> str:
    """The text, visible and safe inside an element or a quoted attribute of HTML or SVG."""
    return escape(visible(text))


def _written_out(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _decimals(value: float, limits: tuple[float, ...], least: int, shown_as: Callable[[float], float]) -> int:
    for decimals in range(least, _MOST_DECIMALS):
        shown = shown_as(round(value, decimals))
        if all(_side(shown, limit) == _side(value, limit) for limit in limits):
            return decimals
    return _MOST_DECIMALS


def _side(value: float, limit: float) -> int:
    """-1 below, 0 at, 1 above the limit."""
    if abs(value - limit) <= SAME:
        return 0
    return 1 if value > limit else -1
