"""How numbers and surfaces are written for a reader: never rounded onto the wrong side of a limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from ..bsa import Extent

SAME: Final = 1e-9
"""Values nearer than this are the same number: binary sums miss a limit by less, no photograph resolves it."""

_MOST_DECIMALS: Final = 10
_PARTS: Final = {"upper-arm": "upper arm", "leg": "lower leg"}
_ASPECTS: Final = {"anterior": "front", "posterior": "back"}


def percent(value: float | None, *limits: float, decimals: int = 1) -> str:
    """A percentage without its sign, e.g. ``89.96``, with as many decimals as it needs to stay on its side.

    One decimal is enough unless it would show the value as, or beyond, a limit that it has not reached: 0, 100
    and the limits given. So 89.96 stays 89.96 where the threshold is 90, and 0.02 does not become 0.0.
    """
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.{_decimals(value, (0.0, 100.0, *limits), decimals, lambda shown: shown)}f}".replace("-", "−")


def interval(extent: Extent | None, *limits: float, decimals: int = 1) -> str:
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
    """A surface in plain words, e.g. ``left thigh, front`` for ``thigh-left-anterior``."""
    words = surface.split("-")
    aspect = words[-1]
    side = next((word for word in words if word in ("left", "right")), "")
    part = "-".join(word for word in words if word not in (side, aspect) or (word == aspect == side))
    special = {
        ("hand", "dorsal"): f"back of the {side} hand",
        ("hand", "palmar"): f"{side} palm",
        ("foot", "dorsal"): f"top of the {side} foot",
        ("foot", "plantar"): f"{side} sole",
        ("head", "anterior"): "face and front of the head",
        ("head", "posterior"): "back of the head",
        ("trunk", "posterior"): "back",
        ("trunk", "anterior"): "chest and abdomen",
    }
    if (part, aspect) in special:
        return special[part, aspect]
    if aspect in _ASPECTS:
        return f"{side} {_PARTS.get(part, part)}, {_ASPECTS[aspect]}".strip()
    if side == aspect and part:
        return f"{side} {part}"
    return surface.replace("-", " ")


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
