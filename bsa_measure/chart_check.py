"""How far the printed chart is from a body of the patient's sex, age, height and weight.

A chart gives every surface the same share of the skin in everybody of an age. The phantom bodies, whose skin is
measured on their meshes, differ from it and from each other; what a patient's own shares would be is interpolated
between them. It checks the chart, it does not replace it: what is reported is always the chart's % BSA.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .body_shape import one_side
from .bsa import VisitBsa
from .chart import Chart
from .chart_check_table import BODIES, SHARES
from .results import Patient

_MALE, _FEMALE = frozenset({"m", "male", "man", "boy"}), frozenset({"f", "w", "female", "woman", "girl"})
# How different two bodies are: one step for so many years up to 20, centimetres and kg/m², three for the other sex.
# Chosen so that every body is foretold best by the others (docs/bodies.md).
_YEARS, _GROWN, _CENTIMETRES, _BMI, _OTHER_SEX = 5.0, 20.0, 10.0, 3.0, 3.0


def body_shares(
    chart: Chart,
    age_years: float,
    *,
    sex: str = "",
    height_cm: float | None = None,
    weight_kg: float | None = None,
    without: int | None = None,
) -> dict[str, float]:
    """Share of every surface in the skin of a body like the patient's, in % of the BSA; they sum to 100.

    The mean over the phantom bodies, each weighing exp(-d²/2) where d is how different it is; what is not known of
    the patient makes no difference. Beyond the bodies there are, the nearest one counts.

    Args:
        chart: whose surfaces are wanted; the shares do not depend on its weights.
        age_years: of the patient.
        sex: ``male``, ``m``, ``female``, ``f``; anything else is not known.
        height_cm: of the patient.
        weight_kg: of the patient.
        without: number of a phantom body to leave out, for finding out how well the others foretell it.

    Returns:
        Surface to its share; empty where the chart has surfaces that nobody has measured.
    """
    if any(one_side(surface) not in SHARES for surface in chart.surfaces):
        return {}
    squares = [_difference(body, sex, age_years, height_cm, weight_kg) for body in BODIES]
    if without is not None:
        squares[without] = math.inf
    least = min(squares)
    weights = [math.exp((least - square) / 2) for square in squares]
    shares = {
        surface: math.fsum(w * share for w, share in zip(weights, SHARES[one_side(surface)], strict=True))
        for surface in chart.surfaces
    }
    whole = math.fsum(shares.values())  # the table is rounded
    return {surface: 100 * share / whole for surface, share in shares.items()}


def shares_of(patient: Patient, chart: Chart) -> dict[str, float]:
    """The same for a row of patients.csv."""
    return body_shares(
        chart, patient.age_years, sex=patient.sex, height_cm=patient.height_cm, weight_kg=patient.weight_kg
    )


def chart_error(visit: VisitBsa, shares: Mapping[str, float]) -> float | None:
    """By how many % BSA the detached skin of a visit would read otherwise with these shares in place of the chart's:
    sum of (share - weight) f over the surfaces whose fraction is known; None where none is."""
    known = [(s, s.detached.point) for s in visit.surfaces if s.detached is not None and s.surface in shares]
    if not known:
        return None
    return math.fsum((shares[surface.surface] - surface.weight) * f for surface, f in known)


def misplaced(shares: Mapping[str, float], others: Mapping[str, float]) -> float:
    """% BSA that one puts on surfaces where the other has less: half the sum of all differences."""
    return math.fsum(abs(share - others[surface]) for surface, share in shares.items()) / 2


def _difference(
    body: tuple[str, float, float, float], sex: str, age: float, height: float | None, weight: float | None
) -> float:
    """Square of how different a phantom body is, in steps."""
    its_sex, its_age, its_height, its_weight = body
    known = sex.strip().lower()
    steps = [(min(age, _GROWN) - min(its_age, _GROWN)) / _YEARS]
    if known in _MALE | _FEMALE:
        steps.append(_OTHER_SEX if (known in _MALE) != (its_sex == "male") else 0.0)
    if height is not None and height > 0:
        steps.append((height - its_height) / _CENTIMETRES)
        if weight is not None and weight > 0:
            steps.append((weight / (height / 100) ** 2 - its_weight / (its_height / 100) ** 2) / _BMI)
    return math.fsum(step * step for step in steps)
