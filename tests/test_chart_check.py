"""The printed chart beside a body of the patient's build."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from bsa_measure.body_shape import one_side
from bsa_measure.bsa import visit_bsa
from bsa_measure.chart import load_chart
from bsa_measure.chart_check import body_shares, chart_error, misplaced, shares_of
from bsa_measure.chart_check_table import BODIES, SHARES
from bsa_measure.fractions import Areas
from bsa_measure.results import Patient

CHART = load_chart("lund-browder")


def like(body: tuple[str, float, float, float], without: int | None = None) -> dict[str, float]:
    sex, age, height, weight = body
    return body_shares(CHART, age, sex=sex, height_cm=height, weight_kg=weight, without=without)


def test_the_shares_of_any_patient_sum_to_100() -> None:
    for patient in (Patient("P", 40), Patient("P", 3, sex="f", height_cm=95), Patient("P", 90, None, "m", 150, 300)):
        shares = shares_of(patient, CHART)
        assert list(shares) == list(CHART.surfaces)
        assert sum(shares.values()) == pytest.approx(100)


def test_left_and_right_are_alike_and_builds_differ() -> None:
    thin = body_shares(CHART, 25, sex="female", height_cm=168, weight_kg=48)
    obese = body_shares(CHART, 45, sex="female", height_cm=160, weight_kg=85)
    assert thin["leg-left-anterior"] == thin["leg-right-anterior"]
    # Fat lies on the buttocks rather than on the head and the hands.
    assert obese["buttock-left"] > thin["buttock-left"] + 0.5
    assert obese["head-anterior"] < thin["head-anterior"]


def test_a_body_that_is_left_out_is_foretold_far_better_than_by_the_chart() -> None:
    foretold, printed = [], []
    for number, body in enumerate(BODIES):
        true = {surface: SHARES[one_side(surface)][number] for surface in CHART.surfaces}
        foretold.append(misplaced(like(body, without=number), true))
        printed.append(misplaced(CHART.weights_at(body[1]), true))
    assert fmean(foretold) < fmean(printed) / 2


def test_the_error_of_the_chart_is_summed_over_the_patients_own_lesions() -> None:
    weights = {"trunk-anterior": 13.0, "thigh-left-anterior": 4.75, "head-anterior": 82.25}
    visit = visit_bsa(
        0,
        weights,
        {
            "trunk-anterior": Areas(intact=0.6, detached=0.4),
            "thigh-left-anterior": Areas(intact=0.8, detached=0.2),
        },
    )
    shares = {"trunk-anterior": 14.0, "thigh-left-anterior": 5.25, "head-anterior": 80.75}
    # (14 - 13) 0.4 + (5.25 - 4.75) 0.2; the head is unseen.
    assert chart_error(visit, shares) == pytest.approx(0.5)
    assert chart_error(visit_bsa(0, weights, {}), shares) is None


def test_half_of_all_differences_is_misplaced() -> None:
    assert misplaced({"a": 60.0, "b": 40.0}, {"a": 55.0, "b": 45.0}) == pytest.approx(5.0)


def test_a_chart_with_surfaces_that_nobody_measured_has_no_check() -> None:
    winged = replace(CHART, weights={**CHART.weights, "left-wing": (0.0,) * len(CHART.columns)})
    assert body_shares(winged, 40) == {}


def test_the_table_is_that_of_the_baked_bodies() -> None:
    pytest.importorskip("numba")
    from bsa_measure.phantom.body import body_names, load_body, surface_shares

    number = body_names().index("man-45")
    body = load_body("man-45")
    assert BODIES[number] == (body.sex, body.age_years, round(body.height_cm, 1), round(body.weight_kg, 1))
    shares = surface_shares(body)
    for surface in CHART.surfaces:
        mirror = surface.replace("-left", "-right") if "-left" in surface else surface.replace("-right", "-left")
        assert SHARES[one_side(surface)][number] == pytest.approx((shares[surface] + shares[mirror]) / 2, abs=0.001)
