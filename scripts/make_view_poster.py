"""Draw docs/views.svg: the standard photographs on one A4 sheet, for a nurse to pin to the wall.

    python scripts/make_view_poster.py            writes docs/views.svg
    python scripts/make_view_poster.py --out FILE

Titles, instructions and surfaces come from the protocol's standard view list, the figure from the report's body
map, so that the sheet cannot disagree with the program. Lengths are millimetres.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bsa_measure.protocol import View, standard_views
from bsa_measure.report.figure import HEIGHT, details, head_profile, outlines

WIDTH, PAGE_HEIGHT, MARGIN = 210.0, 297.0, 9.0
COLUMNS, ROWS = 4, 5
TOP = 51.0
GAP = 2.6
TILE_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
TILE_HEIGHT = (PAGE_HEIGHT - TOP - 8 - (ROWS - 1) * GAP) / ROWS

INK, SOFT, LINE, PAPER = "#1e1c1a", "#5a554f", "#4b4640", "#f3f0eb"
MEASURED, BLUE = "#8fc1e3", "#00568a"

RULES = (
    ("Left and right are the patient's.", "Facing the patient, the patient's left is on the right of the photo."),
    ("The end nearer the head is at the top", "of every photo. Only the soles are taken with the toes at the top."),
    ("Stand 1.5 m away or more, square to the skin.", "Zoom in rather than step closer; the same pose at every visit."),
    (
        "Only the part itself is bare.",
        "All skin in the photo counts as this part: cover the rest with a sheet.",
    ),
    ("Even light, no glare on wet skin.", "Elbows resting, no motion. Look at the photo before you move on."),
    ("No name, label or wristband in the photo.", "Dressings and cream hide skin: remove them if that is allowed."),
)


def poster_svg() -> str:
    """The whole sheet as one SVG document."""
    views = standard_views()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}mm" height="{PAGE_HEIGHT:g}mm" '
        f"viewBox=\"0 0 {WIDTH:g} {PAGE_HEIGHT:g}\" font-family=\"'Segoe UI', 'DejaVu Sans', Arial, sans-serif\">",
        "<title>The standard photographs</title>",
        f'<rect width="{WIDTH:g}" height="{PAGE_HEIGHT:g}" fill="#ffffff"/>',
        "<defs>",
        *(f'<path id="{name}" d="{outline.path()}"/>' for name, outline in outlines().items()),
        "</defs>",
        _head(len(views)),
    ]
    for index, (name, view) in enumerate(views.items()):
        parts.append(_tile(index, name, view))
    parts.append(_saving(len(views)))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(count: int) -> str:
    parts = [
        _text(MARGIN, 16, f"The {count} standard photographs of a visit", 7.2, weight=700),
        _text(
            MARGIN,
            22,
            "Blue: the skin to photograph. Dark frame: what the photo shows. Dashed: other skin, covered by a sheet.",
            3.1,
            color=SOFT,
        ),
    ]
    column = (WIDTH - 2 * MARGIN) / 2
    for index, (rule, more) in enumerate(RULES):
        x, y = MARGIN + (index % 2) * column, 29.5 + (index // 2) * 7.6
        parts.append(f'<circle cx="{x + 2.1:g}" cy="{y - 0.2:g}" r="2.1" fill="{BLUE}"/>')
        parts.append(_text(x + 2.1, y + 0.9, str(index + 1), 2.9, color="#ffffff", anchor="middle", weight=700))
        parts.append(_text(x + 6, y, rule, 3.0, weight=700))
        parts.append(_text(x + 6, y + 3.3, more, 2.5, color=SOFT))
    return "\n".join(parts)


def _tile(index: int, name: str, view: View) -> str:
    x, y = _place(index)
    parts = [
        f'<g transform="translate({x:.2f} {y:.2f})">',
        f'<rect width="{TILE_WIDTH:.2f}" height="{TILE_HEIGHT:.2f}" rx="2" fill="#ffffff" stroke="#cfc8be" '
        'stroke-width=".35"/>',
        _text(2.2, 4.9, view.title, 3.0 if len(view.title) < 24 else 2.65, weight=700),
        _text(2.2, 8.2, f"{name}.jpg", 2.25, color=BLUE, mono=True),
    ]
    picture_top, picture_height = 10.2, TILE_HEIGHT - 21.0
    if view.surfaces:
        parts.append(_locator(view.surfaces, 2.0, picture_top, picture_height - 3))
        parts.append(_photo(view.surfaces, 15.2, picture_top, TILE_WIDTH - 17.2, picture_height))
    else:
        parts.append(_profile(name, 14.5, picture_top, TILE_WIDTH - 16.5, picture_height))
    for row, line in enumerate(textwrap.wrap(view.how, 39)[:3]):
        parts.append(_text(2.2, TILE_HEIGHT - 7.6 + row * 3.0, line, 2.3))
    return "\n".join([*parts, "</g>"])


def _locator(surfaces: Sequence[str], x: float, y: float, height: float) -> str:
    """The whole figure, small, with the measured surfaces."""
    scale = height / HEIGHT
    side = outlines()[surfaces[0]].side
    drawn = "".join(
        f'<use href="#{name}" fill="{MEASURED if name in surfaces else "#ffffff"}"/>'
        for name, outline in outlines().items()
        if outline.side == side
    )
    caption = _text(x + 6, y + height + 2.2, f"from the {side}", 1.8, color=SOFT, anchor="middle")
    return (
        f'<g transform="translate({x + 6:.2f} {y:.2f}) scale({scale:.4f})" '
        f'stroke="{LINE}" stroke-width="2.4">{drawn}</g>{caption}'
    )


def _photo(surfaces: Sequence[str], x: float, y: float, width: float, height: float) -> str:
    """What the photograph shows: the part of the figure inside the frame, upright as the photo will be."""
    shown = [outlines()[name] for name in surfaces]
    side = shown[0].side
    corners = [corner for outline in shown for corner in outline.polygon()]
    left, right = min(px for px, _ in corners), max(px for px, _ in corners)
    top, bottom = min(py for _, py in corners), max(py for _, py in corners)
    margin = 0.07 * max(right - left, bottom - top) + 1
    left, right, top, bottom = left - margin, right + margin, top - margin, bottom + margin
    # No photo is narrower than 3 : 4.
    if right - left < 0.75 * (bottom - top):
        missing = 0.75 * (bottom - top) - (right - left)
        left, right = left - missing / 2, right + missing / 2
    elif bottom - top < 0.75 * (right - left):
        missing = 0.75 * (right - left) - (bottom - top)
        top, bottom = top - missing / 2, bottom + missing / 2
    scale = min(width / (right - left), height / (bottom - top))
    frame_width, frame_height = scale * (right - left), scale * (bottom - top)
    frame_x, frame_y = x + (width - frame_width) / 2, y + (height - frame_height) / 2
    stroke = 0.3 / scale
    covered = "".join(
        f'<use href="#{name}"/>'
        for name, outline in outlines().items()
        if outline.side == side and name not in surfaces
    )
    bare = "".join(f'<use href="#{name}"/>' for name in surfaces)
    figure = (
        f'<g fill="none" stroke="#a8a198" stroke-dasharray="{3 * stroke:.2f} {3 * stroke:.2f}">{covered}</g>'
        f'<g fill="{MEASURED}" stroke="{LINE}">{bare}</g>'
    )
    if surfaces[0].startswith(("head", "trunk")):  # eyes, navel, spine: they tell front from back
        lines = "".join(f'<path d="{path}"/>' for path in details(side))
        figure += f'<g fill="none" stroke="{LINE}" stroke-opacity=".55">{lines}</g>'
    turned = "plantar" in surfaces[0]  # soles: toes at the top, so the back view is turned round
    turn = f' transform="rotate(180 {(left + right) / 2:.2f} {(top + bottom) / 2:.2f})"' if turned else ""
    inner = (
        f'<svg x="{frame_x:.2f}" y="{frame_y:.2f}" width="{frame_width:.2f}" height="{frame_height:.2f}" '
        f'viewBox="{left:.2f} {top:.2f} {right - left:.2f} {bottom - top:.2f}">'
        f'<rect x="{left:.2f}" y="{top:.2f}" width="100%" height="100%" fill="{PAPER}"/>'
        f'<g stroke-width="{stroke:.2f}" stroke-linejoin="round"{turn}>{figure}</g></svg>'
    )
    middle = sum(px for px, _ in corners) / len(corners)
    letters = ""
    if abs(middle) < 1 and right - left > 12:
        first, second = ("R", "L") if (side == "front") != turned else ("L", "R")
        letters = _text(frame_x + 1.2, frame_y + frame_height - 1.2, first, 2.6, weight=700) + _text(
            frame_x + frame_width - 1.2, frame_y + frame_height - 1.2, second, 2.6, weight=700, anchor="end"
        )
    return inner + _frame(frame_x, frame_y, frame_width, frame_height) + letters


def _profile(name: str, x: float, y: float, width: float, height: float) -> str:
    side = "left" if "left" in name else "right"
    outline, *rest = head_profile("left" if side == "left" else "right")
    scale = height / 82
    frame_width = scale * 62
    frame_x = x + (width - frame_width) / 2
    lines = "".join(f'<path d="{path}" fill="none"/>' for path in rest)
    inner = (
        f'<svg x="{frame_x:.2f}" y="{y:.2f}" width="{frame_width:.2f}" height="{height:.2f}" viewBox="-31 -4 62 80">'
        f'<rect x="-31" y="-4" width="62" height="80" fill="{PAPER}"/>'
        f'<g stroke="{LINE}" stroke-width="{0.3 / scale:.2f}" stroke-linejoin="round"><path d="{outline}" '
        f'fill="#ffffff"/>{lines}</g></svg>'
    )
    return inner + _frame(frame_x, y, frame_width, height)


def _frame(x: float, y: float, width: float, height: float) -> str:
    """The border of the photo, with an arrow at its top edge: up is towards the head."""
    middle = x + width / 2
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="none" stroke="{INK}" '
        f'stroke-width=".5"/><path d="M{middle - 1.5:.2f} {y + 0.25:.2f}l1.5 -1.9l1.5 1.9Z" fill="{INK}"/>'
    )


def _saving(used: int) -> str:
    """The free cells at the end: where the files go."""
    x, y = _place(used)
    width = WIDTH - MARGIN - x
    lines = [
        ("Save every photo as", 3.2, 700, False),
        ("photos / PATIENT / VISIT / file name", 3.0, 400, True),
        ("photos/LY-001/D07/trunk-anterior.jpg", 2.6, 400, True),
        ("", 1.2, 400, False),
        ("A second photo of the same view ends in -2:  trunk-anterior-2.jpg", 2.5, 400, False),
        ("VISIT is the study day: D00 is the infusion, D-2 two days before it, D07 day seven.", 2.5, 400, False),
        ("PATIENT is the study's pseudonym, never a name.", 2.5, 400, False),
        ("Skin free of lesions need not be photographed: write it into uninvolved.csv.", 2.5, 400, False),
        ("Then run:  bsa-measure check my-study", 2.7, 700, False),
        ("For research use only; not a medical device.", 2.2, 400, False),
    ]
    parts = [
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{TILE_HEIGHT:.2f}" rx="2" fill="#e8f1f8"/>',
    ]
    baseline = y + 5.6
    for text, size, weight, mono in lines:
        parts.append(_text(x + 4, baseline, text, size, weight=weight, mono=mono))
        baseline += size * 1.6 if text else size
    return "\n".join(parts)


def _place(index: int) -> tuple[float, float]:
    row, column = divmod(index, COLUMNS)
    return MARGIN + column * (TILE_WIDTH + GAP), TOP + row * (TILE_HEIGHT + GAP)


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    color: str = INK,
    anchor: str = "start",
    weight: int = 400,
    mono: bool = False,
) -> str:
    family = " font-family=\"Consolas, 'DejaVu Sans Mono', monospace\"" if mono else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" font-weight="{weight}" fill="{color}" '
        f'text-anchor="{anchor}"{family}>{escape(text)}</text>'
    )


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "views.svg")
    out: Path = parser.parse_args().out
    out.write_text(poster_svg(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
