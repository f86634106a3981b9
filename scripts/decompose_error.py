"""How far measured % BSA is from the truth of a phantom study, by visit, surface and tilt, as a page in Markdown.

    bsa-measure phantom --out STUDY --patients 10
    bsa-measure import STUDY STUDY/truth/masks --reader truth --surfaces STUDY/truth/surfaces
    bsa-measure measure STUDY
    python scripts/decompose_error.py STUDY > page.md

With the true masks as the reading, segmentation is perfect, and what is left is projection (a pixel is not an area,
and part of a surface is out of sight) and the chart (its weights are not this patient's). Leave out ``--surfaces`` and
the surfaces come from the silhouette: what more is lost is the price of not knowing where one surface ends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bsa_measure.files import read_table
from bsa_measure.protocol import standard_views

Row = Mapping[str, str]


def main() -> None:
    """Read results/ and truth/ of the study named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    study = Path(sys.argv[1])
    sys.stdout.write(page(study))


def page(study: Path) -> str:
    """The page about one measured phantom study."""
    visits = _paired(study, "visits.csv", ("patient", "visit"), "detached_bsa_percent")
    surfaces = _paired(study, "surfaces.csv", ("patient", "visit", "surface"), "detached_fraction")
    endpoints = _paired(study, "endpoints.csv", ("patient", "visit"), "healed_percent")
    chart = np.array([float(t["detached_bsa_percent"]) for _, t in visits])
    mesh = np.array([float(t["mesh_detached_bsa_percent"]) for _, t in visits])
    measured = np.array([float(m["detached_bsa_percent"]) for m, _ in visits])
    patients = len({m["patient"] for m, _ in visits})
    lines = [
        "# What is left when segmentation is perfect",
        "",
        f"{patients} phantom patients, {len(visits)} visits, {len(surfaces)} surface readings.",
        "",
        "| detached % BSA | n | bias | 95 % limits |",
        "|---|---|---|---|",
        _line("measured − chart BSA (projection)", measured - chart),
        _line("chart BSA − true BSA (chart)", chart - mesh),
        _line("measured − true BSA (both)", measured - mesh),
        "",
        "| healed percent, measured − chart | n | bias | 95 % limits |",
        "|---|---|---|---|",
        *(
            _line(day, _differences(pairs, "healed_percent"))
            for day, pairs in _grouped(endpoints, lambda row: row["visit"]).items()
        ),
        "",
        _calls(endpoints),
        "",
        "| detached fraction of a surface, points | n | bias | 95 % limits |",
        "|---|---|---|---|",
        *(
            _line(name, 100 * _differences(pairs, "detached_fraction"))
            for name, pairs in _grouped(surfaces, lambda row: row["surface"]).items()
        ),
        "",
        "| tilt of the view, degrees | n | bias, points | 95 % limits |",
        "|---|---|---|---|",
        *_by_tilt(study, surfaces),
    ]
    return "\n".join(lines) + "\n"


def _paired(study: Path, table: str, keys: Sequence[str], value: str) -> list[tuple[Row, Row]]:
    """Rows of results/ and truth/ with the same keys where both have the value."""
    truth = {tuple(row[k] for k in keys): row for row in read_table(study / "truth" / table, (*keys, value))}
    pairs = []
    for row in read_table(study / "results" / table, (*keys, value)):
        known = truth.get(tuple(row[k] for k in keys))
        if known is not None and row[value] and known[value]:
            pairs.append((row, known))
    return pairs


def _differences(pairs: Sequence[tuple[Row, Row]], value: str) -> np.ndarray:
    return np.array([float(m[value]) - float(t[value]) for m, t in pairs])


def _grouped(pairs: Sequence[tuple[Row, Row]], key) -> dict[str, list[tuple[Row, Row]]]:  # type: ignore[no-untyped-def]
    groups: dict[str, list[tuple[Row, Row]]] = {}
    for pair in pairs:
        groups.setdefault(key(pair[0]), []).append(pair)
    return groups


def _line(name: str, differences: np.ndarray) -> str:
    """Bias and 95 % limits of agreement: mean ± 1.96 SD (Bland and Altman 1986)."""
    if len(differences) < 2:
        return f"| {name} | {len(differences)} | | |"
    bias, spread = differences.mean(), 1.96 * differences.std(ddof=1)
    return f"| {name} | {len(differences)} | {bias:+.2f} | {bias - spread:+.2f} to {bias + spread:+.2f} |"


def _calls(endpoints: Sequence[tuple[Row, Row]]) -> str:
    called = [(m["response"], t["response"]) for m, t in endpoints if m["day"] == "7" and t["response"]]
    same = sum(m == t for m, t in called)
    unsure = sum(m == "undetermined" for m, _ in called)
    return f"Calls on D7: {same} of {len(called)} as the truth, {unsure} undetermined."


def _by_tilt(study: Path, surfaces: Sequence[tuple[Row, Row]]) -> list[str]:
    view_of = {surface: name for name, view in standard_views().items() for surface in view.surfaces}
    tilts = {
        (row["patient"], row["visit"], row["view"]): float(row["tilt_degrees"])
        for row in read_table(study / "truth" / "photos.csv", ("patient", "visit", "view", "tilt_degrees"))
    }
    found: dict[str, list[float]] = {"0 to 4": [], "4 to 8": [], "8 and more": []}
    for measured, true in surfaces:
        tilt = tilts.get((measured["patient"], measured["visit"], view_of.get(measured["surface"], "")))
        if tilt is not None:
            name = "0 to 4" if tilt < 4 else "4 to 8" if tilt < 8 else "8 and more"
            found[name].append(100 * (float(measured["detached_fraction"]) - float(true["detached_fraction"])))
    return [_line(name, np.array(values)) for name, values in found.items()]


if __name__ == "__main__":
    main()
