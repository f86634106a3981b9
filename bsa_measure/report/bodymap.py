"""The body map: how much of every surface is detached, front and back, as one SVG picture.

The patient's left is at the image's right in the front view and at the image's left in the back view. The colour
scale is fixed from 0 to 100 %, so that two maps can be compared. Hatched: no photograph shows the surface.
Dotted: declared free of lesions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from ..bsa import Status
from .figure import HALF_WIDTH, HEIGHT, Point, details, outlines
from .words import escaped, surface_title

Scale = Literal["detached", "reepithelialised"]
Color = tuple[int, int, int]

WIDTH: Final = 392
"""Width of the picture in its own units: two figures side by side."""

_GAP: Final = 12.0
_MIDLINES: Final = {"front": HALF_WIDTH + 6, "back": 3 * HALF_WIDTH + _GAP - 2}
_CAPTION_HEIGHT: Final = 22
_LINE: Final = "#4b4640"
_NONE: Final[Color] = (248, 245, 240)  # exactly 0 %: the smallest amount above it is clearly tinted
_SCALES: Final[Mapping[Scale, tuple[Color, ...]]] = {
    # One hue from light to dark each, so that the order survives any colour blindness and a grey print.
    "detached": ((254, 226, 198), (252, 187, 121), (240, 131, 50), (200, 80, 8), (112, 37, 2)),
    "reepithelialised": ((214, 239, 230), (150, 211, 190), (74, 172, 141), (12, 122, 92), (2, 66, 51)),
}
_SMALL: Final = ("foot", "genitalia", "hand", "forearm", "neck")


@dataclass(frozen=True)
class SurfaceValue:
    """What the map shows of one surface.

    Attributes:
        status: ``seen``, ``unseen`` (hatched) or ``uninvolved`` (dotted).
        fraction: 0 to 1; used when seen.
        note: ends the tooltip, e.g. the interval.
        mostly_hidden: hatch the colour too, because it stands on less than half of the surface.
    """

    status: Status
    fraction: float | None = None
    note: str = ""
    mostly_hidden: bool = False


def body_map_svg(
    values: Mapping[str, SurfaceValue],
    *,
    title: str,
    scale: Scale = "detached",
    numbers: bool = True,
    highlight: frozenset[str] = frozenset(),
    shared_outlines: bool = False,
) -> str:
    """Front and back body map as one ``<svg>`` element.

    Args:
        values: by surface name. A surface of the figure that is absent is left blank; a surface that the figure
            does not have is not drawn.
        title: what a screen reader says, and the picture's tooltip.
        scale: which colours.
        numbers: whether the percentages are written on the surfaces.
        highlight: surfaces with a heavy outline.
        shared_outlines: refer to the outlines of :func:`shared_outlines_svg`, which the same page must contain,
            instead of repeating them: a page with many maps stays small.
    """
    surfaces = [_surface(name, values.get(name), scale, numbers, shared_outlines) for name in outlines()]
    heavy = "".join(
        f'<path d="{_path(name)}" fill="none" stroke="#1a1a1a" stroke-width="2.4" stroke-linejoin="round"/>'
        for name in sorted(highlight & outlines().keys())
    )
    lines = _use("details") if shared_outlines else _details_svg()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="body-map" role="img" font-family="system-ui, sans-serif" '
        f'viewBox="0 0 {WIDTH} '
        f'{HEIGHT + _CAPTION_HEIGHT:g}"><title>{escaped(title)}</title>'
        f'<g stroke="{_LINE}" stroke-width=".8" stroke-linejoin="round">{"".join(surfaces)}</g>'
        f"{lines}{heavy}{_captions()}</svg>"
    )


def shared_outlines_svg() -> str:
    """An invisible ``<svg>`` that a page with maps of ``shared_outlines=True`` must contain once."""
    parts = []
    for name in outlines():
        parts.append(f'<path id="o-{name}" d="{_path(name)}"/>')
        parts.append(f'<path id="h-{name}" d="{_hatch(name)}"/><path id="p-{name}" d="{_dots(name)}"/>')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="outlines" width="0" height="0" aria-hidden="true"><defs>'
        f'{"".join(parts)}<g id="details">{_details_svg()}</g></defs></svg>'
    )


def scale_color(fraction: float, scale: Scale = "detached") -> Color:
    """Red, green and blue, 0-255, of a fraction from 0 to 1."""
    if fraction <= 0:
        return _NONE
    stops = _SCALES[scale]
    position = min(fraction, 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    share = position - index
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(stops[index], stops[index + 1], strict=True))
    return red, green, blue


def hexadecimal(color: Color) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def legend_svg(scale: Scale) -> str:
    """The colour scale with its marks, what hatching and dots mean, as one ``<svg>`` element."""
    name = "detached" if scale == "detached" else "re-epithelialised"
    steps = 50
    bars = "".join(
        f'<rect x="{52 + i * 4}" y="6" width="4.2" height="12" '
        f'fill="{hexadecimal(scale_color((i + 0.5) / steps, scale))}"/>'
        for i in range(steps)
    )
    marks = "".join(
        f'<text class="ink" x="{52 + float(mark.split()[0]) * 2:g}" y="30" text-anchor="middle">{mark}</text>'
        for mark in ("1", "25", "50", "75", "100 %")
    )
    zero = f'<rect x="10" y="6" width="12" height="12" fill="{hexadecimal(_NONE)}" stroke="{_LINE}" stroke-width=".6"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="legend" role="img" viewBox="0 0 350 34" font-size="11">'
        f"<title>Colour scale: % of the surface {name}, from 0 to 100</title>"
        f'{zero}<text class="ink" x="16" y="30" text-anchor="middle">none</text>{bars}{marks}'
        f'<text class="ink" x="258" y="16">{name}</text></svg>'
    )


def _surface(name: str, value: SurfaceValue | None, scale: Scale, numbers: bool, shared: bool) -> str:
    outline = outlines()[name]
    seen = value is not None and value.status == "seen" and value.fraction is not None
    fraction = value.fraction if value is not None and seen and value.fraction is not None else 0.0
    fill = hexadecimal(scale_color(fraction, scale)) if seen else "#ffffff"
    shape = _use(f"o-{name}", f' fill="{fill}"') if shared else f'<path d="{_path(name)}" fill="{fill}"/>'
    status = value.status if value is not None else ""
    if status == "unseen" or (value is not None and value.mostly_hidden):
        marks = ' fill="none" stroke="#5f5a55" stroke-width="1.1"'
        shape += _use(f"h-{name}", marks) if shared else f'<path d="{_hatch(name)}"{marks}/>'
    elif status == "uninvolved":
        marks = ' fill="none" stroke="#8a837b" stroke-width="1.3" stroke-linecap="round"'
        shape += _use(f"p-{name}", marks) if shared else f'<path d="{_dots(name)}"{marks}/>'
    text = ""
    if seen and numbers and fraction > 0:
        x, y = outline.label
        size = 7 if name.startswith(_SMALL) else 10
        ink = "#ffffff" if _is_dark(scale_color(fraction, scale)) else "#1a1a1a"
        text = (
            f'<text x="{x + _MIDLINES[outline.side]:g}" y="{y + size * 0.35:g}" font-size="{size}" stroke="none" '
            f'fill="{ink}" text-anchor="middle">{_short(fraction)}</text>'
        )
    return f"<g><title>{escaped(_tooltip(name, value, scale))}</title>{shape}{text}</g>"


def _tooltip(name: str, value: SurfaceValue | None, scale: Scale) -> str:
    title = surface_title(name)
    if value is None:
        return title
    if value.status == "unseen" or (value.status == "seen" and value.fraction is None):
        what = "not photographed, or nothing of it can be assessed"
    elif value.status == "uninvolved":
        what = "declared free of lesions"
    else:
        what = f"{_short(value.fraction or 0.0)} % {'detached' if scale == 'detached' else 're-epithelialised'}"
    return f"{title}: {what}{'; ' + value.note if value.note else ''}"


def _short(fraction: float) -> str:
    """Whole percent, but never 0 or 100 for a surface that is not quite there."""
    if 0 < fraction < 0.01:
        return "‹1"
    if 0.99 < fraction < 1:
        return "›99"
    return f"{100 * fraction:.0f}"


def _is_dark(color: Color) -> bool:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] < 125


def _use(name: str, attributes: str = "") -> str:
    return f'<use href="#{name}"{attributes}/>'


@cache
def _path(name: str) -> str:
    outline = outlines()[name]
    return outline.path(_MIDLINES[outline.side])


@cache
def _details_svg() -> str:
    groups = []
    for side in ("front", "back"):
        lines = "".join(f'<path d="{path}"/>' for path in details("front" if side == "front" else "back"))
        groups.append(f'<g transform="translate({_MIDLINES[side]:g} 0)">{lines}</g>')
    return (
        '<g fill="none" stroke="#4b4640" stroke-opacity=".45" stroke-width=".8" stroke-linecap="round">'
        f"{''.join(groups)}</g>"
    )


def _captions() -> str:
    front, back = _MIDLINES["front"], _MIDLINES["back"]
    letters = [(front - 52, "R"), (front + 52, "L"), (back - 52, "L"), (back + 52, "R")]
    marks = "".join(
        f'<text class="ink" x="{x:g}" y="52" font-size="15" font-weight="600" text-anchor="middle">{letter}</text>'
        for x, letter in letters
    )
    names = "".join(
        f'<text class="ink" x="{x:g}" y="{HEIGHT + 17:g}" font-size="13" text-anchor="middle">{text}</text>'
        for x, text in ((front, "Front"), (back, "Back"))
    )
    return f'<g fill="#3a3632">{marks}{names}</g>'


@cache
def _hatch(name: str, spacing: float = 5.0) -> str:
    """Lines rising to the right across the surface. Computed, because a pattern fill prints badly."""
    corners = _placed_polygon(name)
    turned = [(x + y, y - x) for x, y in corners]  # constant x + y is a line rising to the right
    lines = []
    offset = spacing * (int(min(u for u, _ in turned) / spacing) + 1)
    while offset < max(u for u, _ in turned):
        for start, end in _crossings(turned, offset):
            a, b = ((offset - start) / 2, (offset + start) / 2), ((offset - end) / 2, (offset + end) / 2)
            lines.append(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}")
        offset += spacing * 1.4
    return "".join(lines)


@cache
def _dots(name: str, spacing: float = 6.0) -> str:
    """A grid of dots inside the surface, as strokes of no length."""
    corners = _placed_polygon(name)
    dots = []
    row = 0
    y = spacing * (int(min(y for _, y in corners) / spacing) + 0.5)
    while y < max(y for _, y in corners):
        for start, end in _crossings([(q, p) for p, q in corners], y):
            x = spacing * (int(start / spacing) + (row % 2) / 2)
            while x < end - 1:
                if x > start + 1:
                    dots.append(f"M{x:.1f} {y:.1f}h.01")
                x += spacing
        y += spacing
        row += 1
    return "".join(dots)


def _placed_polygon(name: str) -> list[Point]:
    outline = outlines()[name]
    return [(x + _MIDLINES[outline.side], y) for x, y in outline.polygon()]


def _crossings(corners: list[Point], level: float) -> list[tuple[float, float]]:
    """Where the line first coordinate = ``level`` runs inside the polygon: pairs of second coordinates."""
    hits = []
    for (u0, v0), (u1, v1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (u0 <= level) != (u1 <= level):
            hits.append(v0 + (level - u0) / (u1 - u0) * (v1 - v0))
    hits.sort()
    return list(zip(hits[::2], hits[1::2], strict=True))
