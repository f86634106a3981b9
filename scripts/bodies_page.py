"""Write ``docs/bodies.md`` and ``docs/bodies.png``: what the phantoms' bodies are, measured on the baked file.

    python scripts/bodies_page.py

Needs the extra ``[phantom]``, not anny. Run it after every bake.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

import cv2
import numba
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from bsa_measure.body_shape import one_side  # noqa: E402
from bsa_measure.chart import load_chart  # noqa: E402
from bsa_measure.chart_check import body_shares, misplaced  # noqa: E402
from bsa_measure.chart_check_table import BODIES, SHARES  # noqa: E402
from bsa_measure.phantom.body import PARTS, Body, body_names, bsa_square_metres, load_body, vertex_normals  # noqa: E402
from bsa_measure.phantom.pose import POSES  # noqa: E402
from bsa_measure.phantom.shares import (  # noqa: E402
    Share,
    du_bois_square_metres,
    misplaced_percent,
    mosteller_square_metres,
    share_table,
)

TEXT = ROOT / "scripts/bodies_page.md"
BUILDS = {"1": ("girl-1", "boy-1"), "5": ("girl-5", "boy-5"), "10": ("girl-10", "boy-10"), "15": ("girl-15", "boy-15")}


def merged(surface: str) -> str:
    """A surface without its side: left and right differ by less than a tenth of a point."""
    return surface.replace("-left", "").replace("-right", "")


def per_surface(shares: list[Share]) -> dict[str, tuple[float, float]]:
    """Mesh and chart % of each surface, both sides together, as the mean over the bodies in the table."""
    bodies = {share.body for share in shares}
    sums: dict[str, tuple[float, float]] = {}
    for share in shares:
        name = merged(share.surface)
        mesh, chart = sums.get(name, (0.0, 0.0))
        sums[name] = (mesh + share.mesh_percent / len(bodies), chart + share.chart_percent / len(bodies))
    return sums


def head_cm(body: Body) -> float:
    """Circumference of the head as a tape takes it: the longest way round above the eyes, ears left out."""
    ears = np.unique(body.faces[body.parts == PARTS.index("ear")])
    points = np.delete(body.rest, ears, axis=0)
    eye, top = body.landmarks["eye-left"][2], body.landmarks["head-top"][2]
    points = points[points[:, 2] > eye]
    longest = 0.0
    for slope in np.linspace(-0.2, 0.3, 6):
        tilted = points[:, 2] - slope * (points[:, 1] - points[:, 1].mean())
        for level in np.linspace(eye + 0.15 * (top - eye), top - 0.25 * (top - eye), 12):
            ring = points[np.abs(tilted - level) < 0.004][:, :2] * [1, np.hypot(1, slope)]
            if len(ring) > 10:
                longest = max(longest, cv2.arcLength(cv2.convexHull(ring.astype(np.float32)), closed=True))
    return 100 * longest


def area_table(bodies: list[Body]) -> str:
    rows = [
        "| body | height, cm | weight, kg | BMI | head, cm | mesh, m² | to Du Bois | to Mosteller | misplaced, % BSA |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for body in bodies:
        area, who = bsa_square_metres(body), (body.height_cm, body.weight_kg)
        bmi = body.weight_kg / (body.height_cm / 100) ** 2
        du_bois, mosteller = (100 * (area / f(*who) - 1) for f in (du_bois_square_metres, mosteller_square_metres))
        rows.append(
            f"| {body.name} | {body.height_cm:.0f} | {body.weight_kg:.1f} | {bmi:.1f} | {head_cm(body):.1f} "
            f"| {area:.3f} | {du_bois:+.1f} % | {mosteller:+.1f} % | {misplaced_percent(body):.1f} |"
        )
    return "\n".join(rows)


def age_table(bodies: list[Body]) -> str:
    adults = tuple(body.name for body in bodies if body.age_years >= 18)
    columns = {**BUILDS, "adult": adults}
    tables = {
        column: per_surface([share for share in share_table(bodies) if share.body in names])
        for column, names in columns.items()
    }
    singles = {
        name: per_surface(list(share_table([body]))) for body in bodies for name in [body.name] if name in adults
    }
    heads = [column if column == "adult" else f"{column} y" for column in columns]
    rows = ["| surface (left and right together) | " + " | ".join(heads) + " | adults from … to |"]
    rows.append("|---" * (len(columns) + 2) + "|")
    for surface in tables["adult"]:
        cells = [f"{tables[c][surface][1]:g} / **{tables[c][surface][0]:.1f}**" for c in columns]
        spread = [single[surface][0] for single in singles.values()]
        rows.append(f"| {surface} | " + " | ".join(cells) + f" | {min(spread):.1f} … {max(spread):.1f} |")
    return "\n".join(rows)


def foretold_table(bodies: list[Body]) -> str:
    rows = ["| body | the chart | the other bodies |", "|---|---|---|"]
    chart = load_chart("lund-browder")
    errors: list[tuple[float, float]] = []
    for number, body in enumerate(bodies):
        true = {surface: SHARES[one_side(surface)][number] for surface in chart.surfaces}
        sex, age, height, weight = BODIES[number]
        guessed = body_shares(chart, age, sex=sex, height_cm=height, weight_kg=weight, without=number)
        errors.append((misplaced(chart.weights_at(age), true), misplaced(guessed, true)))
        rows.append(f"| {body.name} | {errors[-1][0]:.1f} | {errors[-1][1]:.1f} |")
    printed, foretold = (fmean(column) for column in zip(*errors, strict=True))
    return "\n".join([*rows, f"| **mean** | **{printed:.1f}** | **{foretold:.1f}** |"])


def pose_table(bodies: list[Body]) -> str:
    rows = ["| pose | area against standing: mean | from … to |", "|---|---|---|"]
    for pose in POSES:
        changes = [100 * (bsa_square_metres(load_body(b.name, pose)) / bsa_square_metres(b) - 1) for b in bodies]
        rows.append(f"| {pose} | {fmean(changes):+.1f} % | {min(changes):+.1f} … {max(changes):+.1f} % |")
    return "\n".join(rows)


def page(bodies: list[Body]) -> str:
    """The whole page: the words of ``bodies_page.md`` with the tables put in."""
    text = TEXT.read_text(encoding="utf-8")
    for name, table in (
        ("areas", area_table),
        ("ages", age_table),
        ("foretold", foretold_table),
        ("poses", pose_table),
    ):
        text = text.replace(f"<!-- {name} -->", table(bodies))
    return text


# --- the picture


@numba.njit(cache=False)  # type: ignore[untyped-decorator]
def nearest_faces(points: NDArray[np.float64], faces: NDArray[np.int32], rows: int, columns: int) -> NDArray[np.int32]:
    """The face that each pixel shows, -1 = none; points are (column, row, nearness)."""
    near = np.full((rows, columns), -1e9)
    shown = np.full((rows, columns), -1, np.int32)
    for face in range(len(faces)):
        a, b, c = points[faces[face, 0]], points[faces[face, 1]], points[faces[face, 2]]
        double = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if double == 0:
            continue
        for row in range(max(0, int(min(a[1], b[1], c[1]))), min(rows, int(max(a[1], b[1], c[1])) + 1)):
            for column in range(max(0, int(min(a[0], b[0], c[0]))), min(columns, int(max(a[0], b[0], c[0])) + 1)):
                x, y = column + 0.5, row + 0.5
                u = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / double
                v = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / double
                depth = u * a[2] + v * b[2] + (1 - u - v) * c[2]
                if u >= 0 and v >= 0 and u + v <= 1 and depth > near[row, column]:
                    near[row, column], shown[row, column] = depth, face
    return shown


def picture(body: Body, towards: tuple[float, float, float], rows: int = 640, columns: int = 420) -> NDArray[np.uint8]:
    """The body's surfaces in flat colours, seen from a direction, orthographically."""
    eye = np.array(towards) / np.linalg.norm(towards)
    right = np.cross([0.0, 0.0, 1.0], eye)
    right /= np.linalg.norm(right)
    up = np.cross(eye, right)
    scale = 0.94 * rows / float(np.ptp(body.vertices[:, 2]))
    centred = body.vertices - (body.vertices.min(axis=0) + body.vertices.max(axis=0)) / 2
    points = np.stack([centred @ right * scale + columns / 2, rows / 2 - centred @ up * scale, centred @ eye], axis=1)
    shown = nearest_faces(points, body.faces, rows, columns)
    turns = (np.arange(len(load_chart("lund-browder").surfaces) + 1) * 0.381966) % 1
    colours = np.stack([0.62 + 0.33 * np.cos(2 * np.pi * (turns + shift)) for shift in (0, 1 / 3, 2 / 3)], axis=1)
    light = 0.45 + 0.55 * np.clip(vertex_normals(body.vertices, body.faces)[body.faces].mean(axis=1) @ eye, 0, 1)
    lit = 255 * colours[body.surface] * light[:, None]
    return np.where((shown >= 0)[:, :, None], lit[shown], 255).astype(np.uint8)


def main() -> None:
    bodies = [load_body(name) for name in body_names()]
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs/bodies.md").write_text(page(bodies), encoding="utf-8", newline="\n")
    views = ((0, -1, 0), (1, 0, 0), (0, 1, 0))
    shown = [picture(load_body(name, subdivisions=2), view) for name in ("woman-45", "boy-5") for view in views]
    strip = Image.fromarray(np.concatenate(shown, axis=1))
    strip.quantize(96).save(ROOT / "docs/bodies.png", optimize=True)


if __name__ == "__main__":
    main()
