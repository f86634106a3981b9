"""Where the silhouettes of the standard views are cut: the medians over the phantom bodies, for protocols/views.toml.

    python scripts/fit_view_cuts.py

For every body and every view of several surfaces, the exact border on the picture is found at the standard camera
and at four turned ones; printed are the median cut, its spread over bodies and cameras, and the share of the part's
pixels that the median cut puts on the wrong side.
"""

from __future__ import annotations

import numpy as np

from bsa_measure.phantom.body import body_names, load_body
from bsa_measure.phantom.raster import rasterize
from bsa_measure.phantom.views import Aim, aim_camera, surface_numbers
from bsa_measure.protocol import standard_views
from bsa_measure.surfaces import position_along

TILTS = ((0.0, 0.0), (8.0, 0.0), (-8.0, 0.0), (0.0, 8.0), (0.0, -8.0))
STEPS = np.linspace(0.0, 1.0, 401)


def main() -> None:
    for view_name, view in standard_views().items():
        if len(view.surfaces) < 2:
            continue
        numbers = surface_numbers(view.surfaces)
        cuts: list[list[float]] = []
        positions: list[tuple[np.ndarray, np.ndarray]] = []
        for name in body_names():
            body = load_body(name, "standing")
            for tilt in TILTS:
                camera = aim_camera(body, view_name, Aim(42.0, 0.85, tilt, 0.0, (0.0, 0.0)), 320)
                face = rasterize(body.vertices, body.faces, camera).face
                shown = np.where(face >= 0, body.surface[np.maximum(face, 0)], 0)
                part = np.isin(shown, numbers)
                along = position_along(part, view.split)
                order = np.searchsorted(numbers, shown[part], sorter=np.argsort(numbers))
                order = np.argsort(numbers)[order]
                positions.append((along, order))
                cuts.append([_best_cut(along, order <= index) for index in range(len(numbers) - 1)])
        median = np.median(cuts, axis=0)
        low, high = np.percentile(cuts, [5, 95], axis=0)
        wrong = np.mean([(np.searchsorted(median, along, side="right") != order).mean() for along, order in positions])
        print(f"{view_name:28s} cuts = {np.round(median, 2).tolist()}   5-95 %: {np.round(low, 2).tolist()}", end=" ")
        print(f"to {np.round(high, 2).tolist()}   wrong side: {100 * wrong:.1f} % of the part's pixels")


def _best_cut(along: np.ndarray, before: np.ndarray) -> float:
    """The cut that puts the fewest pixels on the wrong side."""
    first, last = np.sort(along[before]), np.sort(along[~before])
    wrong = len(first) - np.searchsorted(first, STEPS) + np.searchsorted(last, STEPS)
    return float(STEPS[np.flatnonzero(wrong == wrong.min()).mean().astype(int)])


if __name__ == "__main__":
    main()
