"""The chart against the mesh: how much of the body each surface really is on the phantoms.

The chart's weights are what a trial computes with; the mesh's shares are what is true of a phantom. Their
difference is the chart's part of the error of a measured % BSA, apart from projection and segmentation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bsa_measure.chart import load_chart

from .body import Body, surface_shares


@dataclass(frozen=True)
class Share:
    """One surface of one body; both shares in % of the BSA, each summing to 100 over a body's surfaces."""

    body: str
    age_years: float
    column: str
    surface: str
    mesh_percent: float
    chart_percent: float


def share_table(bodies: Iterable[Body]) -> tuple[Share, ...]:
    """Mesh share beside the Lund-Browder weight at the body's age, for every surface of every body."""
    chart = load_chart("lund-browder")
    return tuple(
        Share(body.name, body.age_years, chart.column(body.age_years), surface, mesh, weights[surface])
        for body in bodies
        for weights in [chart.weights_at(body.age_years)]
        for surface, mesh in surface_shares(body).items()
    )


def misplaced_percent(body: Body) -> float:
    """% BSA that the chart puts on surfaces where this body has less: half the sum of all differences."""
    return sum(abs(share.mesh_percent - share.chart_percent) for share in share_table([body])) / 2


def du_bois_square_metres(height_cm: float, weight_kg: float) -> float:
    """BSA in m²: 0.007184 · W^0.425 · H^0.725 (Du Bois D, Du Bois EF. Arch Intern Med 1916;17:863-871)."""
    return float(0.007184 * weight_kg**0.425 * height_cm**0.725)


def mosteller_square_metres(height_cm: float, weight_kg: float) -> float:
    """BSA in m²: √(W · H / 3600) (Mosteller RD. N Engl J Med 1987;317:1098)."""
    return float((weight_kg * height_cm / 3600) ** 0.5)
