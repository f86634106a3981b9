"""The human figure of the body map: a smooth outline of every surface of the standard charts, front and back.

The figure stands in the anatomical position: palms face forward, so that the front view shows the palms and the
backs of the feet, the back view the backs of the hands and, with the feet pointed as in a patient lying prone,
the soles. Neighbouring surfaces share their border exactly.

One half is drawn, the one at the image's right, and mirrored. In the front view we face the patient, whose left
is at the image's right; in the back view the patient's left is at the image's left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

Point = tuple[float, float]
Bezier = tuple[Point, Point, Point, Point]
Side = Literal["front", "back"]

HALF_WIDTH: Final = 92.0
"""The figure reaches from -HALF_WIDTH to HALF_WIDTH around its midline."""

HEIGHT: Final = 424.0
"""Height of the figure, in the same units."""

# Knots of the half at x >= 0, downwards. A curve passes through its knots; borders between surfaces start and end
# at knots of the outline, which keeps it smooth across them.
_HEAD = [(0, 4), (9.5, 6), (16, 13.5), (18, 25), (18, 28), (20.6, 28.2), (20.4, 34), (17.6, 38.5), (16.6, 41), (13, 50)]
_JAW_FRONT = [(13, 50), (7, 56.5), (0, 58.5)]
_NAPE_TOP = [(13, 50), (7, 52.5), (0, 53.2)]
_NECK = [(13, 50), (11.8, 57), (12.2, 64), (15.5, 69.5)]
_COLLAR_FRONT = [(15.5, 69.5), (8, 74.5), (0, 76.5)]
_COLLAR_BACK = [(15.5, 69.5), (8, 71.8), (0, 72.6)]
_SHOULDER = [(15.5, 69.5), (25.5, 75), (38, 78.8)]
_ARM_OUTER = [
    (38, 78.8), (45.6, 82.4), (50.8, 91), (53.4, 105.5), (56.4, 122), (60.6, 139.5), (65.2, 150), (68.4, 163),
    (71.4, 179), (75.2, 197),
]  # fmt: skip
_ARM_INNER = [(34.8, 110), (40.5, 123), (47.5, 138), (51.8, 148.5), (54, 158), (58.6, 175), (66, 199.5)]
_ARMPIT = [(38, 78.8), (36.2, 88), (34.6, 99), (34.8, 110)]
_ELBOW = [(60.6, 139.5), (56.8, 145), (51.8, 148.5)]
_WRIST = [(75.2, 197), (70.6, 199.2), (66, 199.5)]
_FLANK = [(34.8, 110), (33.2, 130), (30, 150), (29.6, 162), (33, 178), (36.6, 193), (38.6, 206), (39.4, 221)]
_LEG_OUTER = [
    (39.4, 221), (38.6, 240), (35.8, 265), (32.8, 286), (31.4, 300), (33, 314), (33.4, 330), (30.6, 350), (27.2, 370),
    (25.8, 384),
]  # fmt: skip
_LEG_INNER = [
    (2, 223), (5, 240), (9, 262), (12.4, 285), (13, 299), (12.2, 314), (12.8, 332), (15.2, 352), (17, 370),
    (16.8, 384),
]  # fmt: skip
_GROIN = [(38.6, 206), (28, 209.5), (17, 212), (9.6, 210)]
_PUBIS_TOP = [(9.6, 210), (0, 207.5)]
_PUBIS_SIDE = [(9.6, 210), (7.2, 217), (2, 223)]
_PUBIS_BOTTOM = [(2, 223), (1.6, 227.5), (0, 229)]
_PERINEUM_BACK = [(2, 223), (0, 223)]
_WAIST_BACK = [(33, 178), (20, 175.5), (8, 174.5), (0, 177)]
_FOLD = [(39.4, 221), (31, 226), (18, 228.5), (7, 226.5), (2, 223)]
_KNEE = [(31.4, 300), (22, 302.6), (13, 299)]
_ANKLE = [(25.8, 384), (21.4, 386.5), (16.8, 384)]
_MIDLINE: list[Point] = []

# The hand, thumb outward: finger tips as (base, tip, half width), in a frame whose origin is the wrist and whose
# second axis runs along the middle finger.
_HAND_ANGLE = math.radians(-15.5)
_HAND_ORIGIN = (70.6, 198.4)
_HAND = [
    (5.2, 3), (8.2, 7.4), (11.4, 12), (14.6, 16.6), (16.6, 20), (16.2, 22.2), (14, 22), (11.2, 18.8), (9, 16.4),
    (8.5, 17.4), (8.8, 20.4), (9.4, 25.4), (9.5, 30), (8.4, 31.8), (7, 30.4), (6.3, 26), (5.4, 21.2), (4.9, 20.9),
    (4.8, 22.6), (5, 28), (4.7, 32.8), (3.4, 34.8), (2, 33), (1.6, 28), (1.1, 21.9), (0.6, 21.4), (0.3, 22.6),
    (0, 27.6), (-0.8, 31.8), (-2.2, 33.2), (-3.4, 31.4), (-3.2, 27), (-3.1, 21.6), (-3.6, 20.9), (-4.2, 22.2),
    (-5.2, 25.6), (-6.5, 27.8), (-7.9, 27.8), (-8.4, 25.8), (-7.9, 22), (-7.5, 17), (-6.9, 9), (-5, 3),
]  # fmt: skip
# The foot, big toe inward.
_FOOT_FRONT = [
    (26.6, 392), (29.4, 401), (31.8, 408.5), (31.4, 411.6), (29.2, 411.4), (28.4, 411.2), (28.2, 413.6), (25.6, 413.4),
    (25.2, 413.2), (24.6, 415.4), (22.2, 415), (21.8, 415), (21, 417.2), (18.6, 416.4), (18.3, 416), (16.6, 418.6),
    (13.4, 417.4), (13.2, 411), (14.8, 403), (15.6, 393),
]  # fmt: skip
_FOOT_BACK = [
    (27.6, 388), (27.4, 396), (26.8, 403), (28.6, 410), (28.2, 414.6), (26.2, 416.4), (25.2, 416.6), (24.2, 418.4),
    (22.4, 418), (21.8, 418.2), (20.4, 419.8), (18.9, 418.8), (18.4, 418.8), (16.4, 421.4), (13.4, 419.6), (13.4, 412),
    (15.6, 403), (15.4, 395), (15.2, 388),
]  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """The closed outline of one surface.

    Attributes:
        surface: the chart's name.
        side: the view it is drawn in.
        curves: cubic Bezier curves, each (start, control, control, end), around the surface; x from the midline.
        label: where a number sits, roughly the middle of the surface.
    """

    surface: str
    side: Side
    curves: tuple[Bezier, ...]
    label: Point

    def path(self, midline: float = 0.0) -> str:
        """The outline as an SVG path, with the figure's midline at x = ``midline``."""
        start = self.curves[0][0]
        parts = [f"M{_number(start[0] + midline)} {_number(start[1])}"]
        for _, first, second, end in self.curves:
            xy = (f"{_number(x + midline)} {_number(y)}" for x, y in (first, second, end))
            parts.append("C" + " ".join(xy))
        return "".join(parts) + "Z"

    def polygon(self, steps: int = 6) -> tuple[Point, ...]:
        """The outline as a polygon with ``steps`` corners a curve."""
        return tuple(_at(curve, i / steps) for curve in self.curves for i in range(steps))


@cache
def outlines() -> Mapping[str, Outline]:
    """The outline of all 33 surfaces, by name."""
    found: dict[str, Outline] = {}

    def add(surface: str, side: Side, curves: Sequence[Bezier], label: Point) -> None:
        found[surface] = Outline(surface, side, tuple(curves), label)

    def both(halves: Sequence[Bezier]) -> list[Bezier]:
        """A region across the midline: the half drawn, then its mirror image back to the start."""
        return [*halves, *_reversed(_mirrored(halves))]

    head, neck, shoulder = _through(_HEAD), _through(_NECK), _through(_SHOULDER)
    flank, armpit = _through(_FLANK), _through(_ARMPIT)
    add("head-anterior", "front", both([*head, *_through(_JAW_FRONT)]), (0, 33))
    add("head-posterior", "back", both([*head, *_through(_NAPE_TOP)]), (0, 31))
    add("neck-anterior", "front", both([*_reversed(_through(_JAW_FRONT)), *neck, *_through(_COLLAR_FRONT)]), (0, 66))
    add("neck-posterior", "back", both([*_reversed(_through(_NAPE_TOP)), *neck, *_through(_COLLAR_BACK)]), (0, 62))
    trunk_front = [*_reversed(_through(_COLLAR_FRONT)), *shoulder, *armpit, *flank[:6], *_through(_GROIN)]
    add("trunk-anterior", "front", both([*trunk_front, *_through(_PUBIS_TOP)]), (0, 137))
    trunk_back = [*_reversed(_through(_COLLAR_BACK)), *shoulder, *armpit, *flank[:4], *_through(_WAIST_BACK)]
    add("trunk-posterior", "back", both(trunk_back), (0, 125))
    pubis = [*_reversed(_through(_PUBIS_TOP)), *_through(_PUBIS_SIDE), *_through(_PUBIS_BOTTOM)]
    add("genitalia", "front", both(pubis), (0, 217))

    cleft = [_line((2, 223), (0, 223)), _line((0, 223), (0, 177))]
    halves: list[tuple[str, Side, list[Bezier], Point]] = [
        ("buttock-{}", "back", [*_reversed(_through(_WAIST_BACK)), *flank[4:], *_through(_FOLD), *cleft], (18, 203)),
    ]
    arm_outer, arm_inner = _through(_ARM_OUTER), _through(_ARM_INNER)
    elbow, wrist, hand = _through(_ELBOW), _through(_WRIST), _hand()
    leg_outer, leg_inner = _through(_LEG_OUTER), _through(_LEG_INNER)
    knee, ankle = _through(_KNEE), _through(_ANKLE)
    upper_arm = [*arm_outer[:5], *elbow, *_reversed(arm_inner[:3]), *_reversed(armpit)]
    forearm = [*arm_outer[5:], *wrist, *_reversed(arm_inner[3:]), *_reversed(elbow)]
    leg = [*leg_outer[4:], *ankle, *_reversed(leg_inner[4:]), *_reversed(knee)]
    thigh_front = [*flank[6:], *leg_outer[:4], *knee, *_reversed(leg_inner[:4]), *_reversed(_through(_PUBIS_SIDE))]
    thigh_back = [*leg_outer[:4], *knee, *_reversed(leg_inner[:4]), *_reversed(_through(_FOLD))]
    halves += [
        ("upper-arm-{}-anterior", "front", upper_arm, (47.5, 116)),
        ("upper-arm-{}-posterior", "back", upper_arm, (47.5, 116)),
        ("forearm-{}-anterior", "front", forearm, (62, 169)),
        ("forearm-{}-posterior", "back", forearm, (62, 169)),
        ("hand-{}-palmar", "front", [*_reversed(wrist), *hand], (75.5, 211)),
        ("hand-{}-dorsal", "back", [*_reversed(wrist), *hand], (75.5, 211)),
        ("thigh-{}-anterior", "front", [*thigh_front, *_reversed(_through(_GROIN))], (22.5, 254)),
        ("thigh-{}-posterior", "back", thigh_back, (22.5, 258)),
        ("leg-{}-anterior", "front", leg, (22.8, 336)),
        ("leg-{}-posterior", "back", leg, (22.8, 336)),
        ("foot-{}-dorsal", "front", _foot(_FOOT_FRONT), (22, 402)),
        ("foot-{}-plantar", "back", _foot(_FOOT_BACK), (21.5, 405)),
    ]
    for name, side, curves, label in halves:
        right_of_image, left_of_image = ("left", "right") if side == "front" else ("right", "left")
        add(name.format(right_of_image), side, curves, label)
        add(name.format(left_of_image), side, _mirrored(curves), (-label[0], label[1]))
    return found


# Light strokes that make the figure readable: they carry no data.
def details(side: Side) -> tuple[str, ...]:
    """SVG paths, x from the midline, of features that help to tell front from back."""
    half = _FRONT_DETAILS if side == "front" else _BACK_DETAILS
    curves = [_through(knots) for knots in half]
    drawn = [*curves, *(_mirrored(curve) for curve in curves)]
    single = [_through(knots) for knots in (_FRONT_MIDDLE if side == "front" else _BACK_MIDDLE)]
    return tuple(_open_path(curve) for curve in [*drawn, *single])


_FRONT_DETAILS: list[list[Point]] = [
    [(4.8, 26.6), (7.4, 28), (10.4, 26.6)],  # closed eye
    [(5, 77.8), (16, 79), (30, 78)],  # collar bone
    [(6, 117), (17, 119.5), (27, 114)],  # chest
    [(16, 291), (22, 289.5), (28, 291.5)],  # knee cap
    [(56, 140), (60, 139.5)],  # bend of the elbow
]
_FRONT_MIDDLE: list[list[Point]] = [
    [(-2.2, 37.2), (0, 38.6), (2.2, 37.2)],  # nose
    [(-5, 45), (0, 46.2), (5, 45)],  # mouth
    [(0, 172), (0.9, 174), (0, 176)],  # navel
]
_BACK_DETAILS: list[list[Point]] = [
    [(9, 92), (17, 96), (22, 108), (17, 116)],  # shoulder blade
    [(17, 299), (22, 296), (27, 299.5)],  # hollow of the knee
    [(55, 140), (59, 142)],  # elbow
]
_BACK_MIDDLE: list[list[Point]] = [[(0, 84), (0, 168)]]  # spine


def head_profile(side: Literal["left", "right"]) -> tuple[str, ...]:
    """SVG paths, x from the middle, of the head seen from the patient's own left or right: outline, ear, eye, mouth.

    Seen from the patient's left, the nose points to the image's left.
    """
    curves = [_through(_PROFILE), _through(_PROFILE_EAR), _through(_PROFILE_EYE), _through(_PROFILE_MOUTH)]
    return tuple(_open_path(curve if side == "left" else _mirrored(curve)) for curve in curves)


_PROFILE = [
    (-6, 76), (-6.5, 66), (-6, 58.5), (-13, 57.5), (-18, 54.5), (-17.6, 50.5), (-18.8, 47), (-17.8, 45), (-19.2, 42.4),
    (-18.2, 39.6), (-22.6, 37), (-22.2, 34.6), (-18.6, 26.5), (-18.8, 20.5), (-15, 11), (-5, 4.6), (6, 4.4), (16, 10.5),
    (20.2, 21.5), (19.4, 33), (15, 42), (12.6, 50), (13.2, 60), (16.5, 68), (22, 76),
]  # fmt: skip
_PROFILE_EAR = [(3.5, 31), (4.5, 27.6), (8, 27.4), (9.4, 31), (7.2, 35.6), (5.4, 39), (3.6, 37.6), (3.5, 31)]
_PROFILE_EYE = [(-16.4, 28.4), (-14.2, 27), (-11.8, 28)]
_PROFILE_MOUTH = [(-18.6, 44.6), (-14.6, 45)]


def _hand() -> list[Bezier]:
    """From the inner end of the wrist around the fingers to its outer end, reversed to close a hand."""
    cos, sin = math.cos(_HAND_ANGLE), math.sin(_HAND_ANGLE)
    ox, oy = _HAND_ORIGIN
    turned = [(ox + x * cos - y * sin, oy + x * sin + y * cos) for x, y in _HAND]
    return _through([(75.2, 197), *turned, (66, 199.5)])


def _foot(knots: list[Point]) -> list[Bezier]:
    return [*_reversed(_through(_ANKLE)), *_through([(25.8, 384), *knots, (16.8, 384)])]


def _through(knots: Sequence[Point]) -> list[Bezier]:
    """A smooth curve through the knots: the natural cubic spline over chord length, as Bezier curves.

    The same knots in reverse give the same curve, so that neighbours share their border.
    """
    points = [(float(x), float(y)) for x, y in knots]
    steps = [math.dist(a, b) for a, b in zip(points, points[1:], strict=False)]
    slopes = [_slopes([p[axis] for p in points], steps) for axis in (0, 1)]
    curves = []
    for i, (start, end, step) in enumerate(zip(points, points[1:], steps, strict=False)):
        first = start[0] + slopes[0][i] * step / 3, start[1] + slopes[1][i] * step / 3
        second = end[0] - slopes[0][i + 1] * step / 3, end[1] - slopes[1][i + 1] * step / 3
        curves.append((start, first, second, end))
    return curves


def _slopes(values: list[float], steps: list[float]) -> list[float]:
    """Slope of the natural cubic spline at each knot: a tridiagonal system, solved by elimination."""
    n = len(values)
    rise = [(b - a) / h for a, b, h in zip(values, values[1:], steps, strict=False)]
    below = [0.0, *(steps[i] for i in range(1, n - 1)), 1.0]
    middle = [2.0, *(2 * (steps[i - 1] + steps[i]) for i in range(1, n - 1)), 2.0]
    above = [1.0, *(steps[i - 1] for i in range(1, n - 1)), 0.0]
    right = [3 * rise[0]]
    right += [3 * (steps[i] * rise[i - 1] + steps[i - 1] * rise[i]) for i in range(1, n - 1)]
    right += [3 * rise[-1]]
    for i in range(1, n):
        factor = below[i] / middle[i - 1]
        middle[i] -= factor * above[i - 1]
        right[i] -= factor * right[i - 1]
    slopes = [0.0] * n
    slopes[-1] = right[-1] / middle[-1]
    for i in range(n - 2, -1, -1):
        slopes[i] = (right[i] - above[i] * slopes[i + 1]) / middle[i]
    return slopes


def _line(start: Point, end: Point) -> Bezier:
    return (start, start, end, end)


def _reversed(curves: Sequence[Bezier]) -> list[Bezier]:
    return [(d, c, b, a) for a, b, c, d in reversed(curves)]


def _mirrored(curves: Sequence[Bezier]) -> list[Bezier]:
    return [((-a[0], a[1]), (-b[0], b[1]), (-c[0], c[1]), (-d[0], d[1])) for a, b, c, d in curves]


def _at(curve: Bezier, t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x, y = (sum(w * p[axis] for w, p in zip(weights, curve, strict=True)) for axis in (0, 1))
    return x, y


def _open_path(curves: Sequence[Bezier]) -> str:
    start = curves[0][0]
    rest = "".join(
        "C" + " ".join(f"{_number(x)} {_number(y)}" for x, y in (first, second, end))
        for _, first, second, end in curves
    )
    return f"M{_number(start[0])} {_number(start[1])}{rest}"


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")
