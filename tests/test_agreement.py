"""Agreement of readers against printed values, values worked out by hand, and what must hold for any data."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bsa_measure.agreement import (
    agreement,
    bland_altman,
    concordance,
    growing_difference,
    intraclass,
    standard_error,
)
from bsa_measure.agreement_calls import (
    call_accuracy,
    category_agreement,
    cohen_kappa,
    exact_proportion,
    fleiss_kappa,
    gwet_ac1,
)
from bsa_measure.agreement_masks import confusion, mask_agreement, outline_agreement
from bsa_measure.resampling import draw_patients, mean_by_patient, percentile_interval
from bsa_measure.skin_tone import tone, typology_angle
from bsa_measure.tissue import Tissue

# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
# Bland and Altman 1986, table 1: peak expiratory flow, first readings of the Wright and of the mini meter, l/min.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)
PEFR = np.column_stack([WRIGHT, MINI])


def close(value: float, places: float = 1e-9) -> object:
    return pytest.approx(value, abs=places)


# Numbers: printed values


@pytest.mark.parametrize(
    ("model", "value", "low", "high"),
    [("1,1", 0.1657, -0.1329, 0.7226), ("2,1", 0.2898, 0.0188, 0.7611), ("3,1", 0.7148, 0.3425, 0.9459)],
)
def test_intraclass_of_shrout_and_fleiss(model: str, value: float, low: float, high: float) -> None:
    found = intraclass(SHROUT_FLEISS, model)
    assert (found.value, found.low, found.high) == (close(value, 5e-5), close(low, 5e-5), close(high, 5e-5))


def test_peak_flow_of_bland_and_altman() -> None:
    found = bland_altman(WRIGHT, MINI)
    assert found.bias.value == close(-2.12, 0.005)
    assert found.sd == close(38.77, 0.005)
    assert (found.bias.low, found.bias.high) == (close(-22.0, 0.05), close(17.8, 0.05))  # printed in the paper
    assert (found.lower.value, found.upper.value) == (close(-78.1, 0.05), close(73.9, 0.05))
    assert concordance(PEFR).value == close(0.9427, 5e-5)


# Numbers: by hand


def test_differences_worked_out_by_hand() -> None:
    found = bland_altman(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0]))
    assert (found.bias.value, found.sd) == (0.0, 1.0)
    assert (found.lower.value, found.upper.value) == (close(-1.959964, 1e-6), close(1.959964, 1e-6))
    # t(0.975; 2) / sqrt(3) = 4.302653 / 1.732051
    assert found.bias.high == close(2.484138, 1e-6)


def test_logarithms_give_ratios_and_leave_zeros_out() -> None:
    b = np.array([1.0, 2.0, 5.0, 0.0])
    found = bland_altman(np.array([2.0, 4.0, 10.0, 3.0]), b, log=True)
    assert (found.rows, found.left_out) == (3, 1)
    assert found.bias.value == close(2.0)
    assert (found.lower.value, found.upper.value) == (close(2.0), close(2.0))
    found = bland_altman(np.array([math.e, 1.0, 1.0]), np.array([1.0, 1.0, math.e]), log=True)
    assert (found.bias.value, found.sd) == (close(1.0), close(1.0))
    assert found.upper.value == close(math.exp(1.959964), 1e-5)


def test_a_constant_shift_by_hand() -> None:
    ratings = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
    # covariance and both variances 2/3, shift 1: 2 (2/3) / (4/3 + 1)
    assert concordance(ratings).value == close(4 / 7)
    # rows 2, columns 1.5, error 0: 2 / (2 + 2 (1.5) / 3)
    assert intraclass(ratings, "2,1").value == close(2 / 3)
    assert intraclass(ratings, "3,1").value == close(1.0)
    # reader variance (1.5 - 0) / 3 = 0.5
    assert standard_error(ratings).value == close(math.sqrt(0.5))
    found = agreement(ratings, ["P1", "P2", "P3"], draws=200, seed=1)
    assert found.mdc95.value == close(1.96)
    assert found.means == (2.0, 3.0)
    assert "fewer than 5 patients" in found.by_patient["bias"].reason


def test_three_readers_by_hand() -> None:
    # Two agree, the third reads 3 more: reader means 2, 2, 5; all variances and covariances 2/3.
    ratings = np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 5.0], [3.0, 3.0, 6.0]])
    # 2 * 3 covariances of 2/3, over 2 * 3 variances of 2/3 plus 0 + 9 + 9
    assert concordance(ratings).value == close(4 / (4 + 18))
    # columns: 3 (1 + 1 + 4) / 2 = 9; rows: 3 * 2 / 2 = 3
    assert intraclass(ratings, "2,1").value == close(3 / (3 + 3 * 9 / 3))
    found = agreement(ratings, ["P1", "P2", "P3"], draws=200, seed=1)
    assert found.readers == 3
    assert found.difference is None
    assert found.sem.value == close(math.sqrt(3.0))


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.3])
def test_constant_ratings_have_no_reliability_but_a_difference(constant: float) -> None:
    found = agreement(np.full((8, 2), constant), list("ABCDEFGH"), draws=200, seed=1)
    assert (found.icc.value, found.ccc.value) == (None, None)
    assert "all values are the same" in found.icc.reason
    assert "does not exist" in found.by_patient["icc"].reason
    assert found.difference is not None
    assert (found.difference.bias.value, found.sem.value) == (0.0, 0.0)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_rows_give_nothing_and_say_why(rows: int) -> None:
    found = agreement(np.ones((rows, 2)) * np.arange(rows)[:, None], ["P"] * rows, draws=200, seed=1)
    for estimate in (found.icc, found.ccc, found.sem, found.mdc95):
        assert estimate.value is None
        assert "fewer than 3 rows" in estimate.reason
    assert found.difference is None


def test_perfect_agreement() -> None:
    values = np.array([0.0, 3.0, 7.5, 12.0, 31.0])
    found = agreement(np.column_stack([values, values]), list("ABCDE"), draws=200, seed=1)
    assert (found.icc.value, found.icc.low, found.icc.high) == (1.0, 1.0, 1.0)
    assert (found.ccc.value, found.ccc.low) == (1.0, 1.0)
    assert found.mdc95.value == 0.0


def test_gaps_are_refused() -> None:
    with pytest.raises(ValueError, match="number in every place"):
        agreement(np.array([[1.0, np.nan]] * 4), list("ABCD"), draws=200, seed=1)


def test_the_log_scale_is_preferred_only_where_differences_grow() -> None:
    random = np.random.default_rng(5)
    size = np.linspace(1, 40, 60)
    growing = size * np.exp(random.normal(0, 0.2, 60))
    assert growing_difference(growing, size).prefer_log
    even = size + random.normal(0, 1, 60)
    assert not growing_difference(even, size).prefer_log
    assert not growing_difference(growing[:9], size[:9]).prefer_log
    mostly_zero = np.where(size > 35, growing, 0.0)
    assert not growing_difference(mostly_zero, np.where(size > 35, size, 0.0)).prefer_log


def test_limits_and_bias_cover_the_true_ones_as_often_as_they_say() -> None:
    # 2000 samples of 12 normal differences: each interval must hold the true value in 95 % of them, +/- 3 errors.
    random = np.random.default_rng(11)
    hits = np.zeros(3)
    z = 1.959963984540054
    for difference in random.normal(1.0, 2.0, (2000, 12)):
        found = bland_altman(difference, np.zeros(12))
        pairs = ((found.bias, 1.0), (found.lower, 1 - 2 * z), (found.upper, 1 + 2 * z))
        hits += [estimate.low <= true <= estimate.high for estimate, true in pairs]
    assert np.abs(hits / 2000 - 0.95).max() < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_the_interval_of_the_icc_covers_as_often_as_it_says() -> None:
    # Persons' variance 4, residual 1, two readers without a shift of their own: ICC(C,1) = 4 / 5.
    random = np.random.default_rng(12)
    hits = 0
    for _ in range(1000):
        ratings = random.normal(0, 2, (15, 1)) + random.normal(0, 1, (15, 2))
        found = intraclass(ratings, "3,1")
        hits += found.low <= 0.8 <= found.high
    assert abs(hits / 1000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 1000)


# Numbers: what holds for any ratings

RATINGS = arrays(float, st.tuples(st.integers(3, 12), st.just(2)), elements=st.integers(0, 400).map(lambda n: n / 4))


@given(RATINGS)
@settings(max_examples=60, deadline=None)
def test_exchanging_readers_turns_the_difference_and_nothing_else(ratings: np.ndarray) -> None:
    patients = list(range(len(ratings)))
    there = agreement(ratings, patients, draws=50, seed=3)
    back = agreement(ratings[:, ::-1], patients, draws=50, seed=3)
    for name in ("icc", "ccc", "sem", "mdc95"):
        one, other = getattr(there, name), getattr(back, name)
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert one.value == pytest.approx(other.value, abs=1e-8)
    assert there.difference is not None
    assert back.difference is not None
    assert there.difference.bias.value == pytest.approx(-back.difference.bias.value, abs=1e-9)
    assert there.difference.upper.value == pytest.approx(-back.difference.lower.value, abs=1e-9)


@given(RATINGS)
@settings(max_examples=60, deadline=None)
def test_coefficients_stay_in_their_range_and_inside_their_intervals(ratings: np.ndarray) -> None:
    icc, ccc = intraclass(ratings), concordance(ratings)
    assume(icc.value is not None)
    assert icc.value <= 1 + 1e-9  # below it has no bound in a handful of rows
    assert -1 - 1e-9 <= ccc.value <= 1 + 1e-9
    for found in (icc, ccc):
        if found.low is not None and found.high is not None:
            assert found.low - 1e-6 <= found.value <= found.high + 1e-6
    if np.ptp(ratings[:, 0]) and np.ptp(ratings[:, 1]):
        pearson = np.corrcoef(ratings.T)[0, 1]
        assert abs(ccc.value) <= abs(pearson) + 1e-9  # Lin: concordance never exceeds correlation


@given(RATINGS, st.integers(-40, 40))
@settings(max_examples=40, deadline=None)
def test_moving_all_values_alike_changes_no_agreement(ratings: np.ndarray, shift: int) -> None:
    patients = list(range(len(ratings)))
    one = agreement(ratings, patients, draws=50, seed=3)
    other = agreement(ratings + shift, patients, draws=50, seed=3)
    assert (one.icc.value is None) == (other.icc.value is None)
    if one.icc.value is not None:
        assert one.icc.value == pytest.approx(other.icc.value, abs=1e-7)
    assert one.sem.value == pytest.approx(other.sem.value, abs=1e-7)


# Resampling


def test_repeating_a_patients_rows_adds_no_certainty() -> None:
    """Three identical rows a patient: the formula's interval narrows, the one resampled by patient does not."""
    random = np.random.default_rng(8)
    once = random.normal(10, 3, (12, 1)) + random.normal(0, 1, (12, 2))
    patients = list(range(12))
    single = agreement(once, patients, draws=1000, seed=4)
    tripled = agreement(np.repeat(once, 3, axis=0), np.repeat(patients, 3).tolist(), draws=1000, seed=4)
    one, three = single.by_patient["bias"], tripled.by_patient["bias"]
    assert (one.low, one.high) == (pytest.approx(three.low), pytest.approx(three.high))
    assert single.difference is not None
    assert tripled.difference is not None
    width = [d.bias.high - d.bias.low for d in (single.difference, tripled.difference)]
    assert width[1] < 0.6 * width[0]


def test_the_same_seed_gives_the_same_draws_and_another_gives_others() -> None:
    a, b = (draw_patients(["x", "y", "z", "x", "u", "v"], 100, seed=9) for _ in range(2))
    assert a.count == 5
    assert (a.draws == b.draws).all()
    assert (a.draws.sum(axis=1) == 5).all()
    assert not (a.draws == draw_patients(["x", "y", "z", "x", "u", "v"], 100, seed=10).draws).all()


def test_a_drawn_patient_brings_all_his_rows() -> None:
    groups = draw_patients(["x", "y", "x"], 50, seed=1)
    sums = groups.drawn(np.array([1.0, 10.0, 2.0]))
    assert set(sums) <= {0 * 3 + 2 * 10, 3 + 10, 2 * 3}


def test_resampled_interval_of_a_mean_is_near_the_formula() -> None:
    values = np.random.default_rng(2).normal(5, 2, 200)
    found = mean_by_patient(list(values), list(range(200)), 4000, 1)
    half = 1.96 * values.std(ddof=1) / math.sqrt(200)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == (close(values.mean() - half, 0.03), close(values.mean() + half, 0.03))


def test_resampling_says_why_there_is_no_interval() -> None:
    assert "no value" in mean_by_patient([None, None], ["a", "b"], 100, 1).reason
    few = mean_by_patient([1.0, 2.0], ["a", "b"], 100, 1)
    assert (few.value, few.low) == (1.5, None)
    groups = draw_patients(list("abcdef"), 100, 1)
    gappy = percentile_interval(1.0, np.where(np.arange(100) < 20, np.nan, 1.0), groups)
    assert (gappy.value, gappy.low) == (1.0, None)
    assert "too many draws" in gappy.reason


# Categories


def test_kappa_by_hand() -> None:
    # 35 of 50 alike, by chance 0.5 * 0.6 + 0.5 * 0.4: (0.7 - 0.5) / 0.5
    found = cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))
    assert found.value == close(0.4)
    # statsmodels 0.15 cohens_kappa of the same table: std_kappa 0.1269961
    assert (found.high - found.low) / 2 / 1.959964 == close(0.1269961, 1e-6)


def test_weighted_kappa_by_hand() -> None:
    table = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 0.0], [1.0, 0.0, 2.0]])
    # Disagreement, linear: seen (1/2 + 1)/8 = 0.1875. Rows 3, 2, 3 and columns 3, 3, 2 of 8; by chance
    # [3*3/2 + 3*2 + 2*3/2 + 2*2/2 + 3*3 + 3*3/2] / 64 = 29/64.
    assert cohen_kappa(table, "linear").value == close(1 - 0.1875 / (29 / 64))
    # quadratic: seen (1/4 + 1)/8; by chance [9/4 + 6 + 6/4 + 4/4 + 9 + 9/4] / 64 = 22/64
    assert cohen_kappa(table, "quadratic").value == close(1 - (1.25 / 8) / (22 / 64))


def test_two_categories_need_no_weights() -> None:
    table = np.array([[7.0, 2.0], [1.0, 4.0]])
    assert cohen_kappa(table, "quadratic").value == close(cohen_kappa(table).value)


def test_ac1_stays_high_where_kappa_breaks_down() -> None:
    # 118 yes-yes, 5 yes-no, 2 no-yes: nearly always the same call. Share of yes 0.972; by chance 2 (0.972) (0.028).
    counts = np.array([[2.0, 0.0]] * 118 + [[1.0, 1.0]] * 7)
    assert gwet_ac1(counts).value == close((0.944 - 0.054432) / (1 - 0.054432))
    assert cohen_kappa(np.array([[118.0, 5.0], [2.0, 0.0]])).value < 0


def test_fleiss_kappa_of_the_1971_kind_of_table() -> None:
    # The worked example of many textbooks: ten subjects, fourteen readers, five categories, kappa 0.210.
    rows = """0 0 0 0 14 / 0 2 6 4 2 / 0 0 3 5 6 / 0 3 9 2 0 / 2 2 8 1 1 / 7 7 0 0 0 / 3 2 6 3 0 / 2 5 3 2 2
              / 6 5 2 1 0 / 0 2 2 3 7"""
    counts = np.array([[float(n) for n in row.split()] for row in rows.split("/")])
    assert fleiss_kappa(counts).value == close(0.210, 0.0005)


def test_one_category_for_all_has_no_kappa_but_an_ac1() -> None:
    found = category_agreement([("no", "no")] * 6, ("yes", "no"), list("ABCDEF"), draws=200, seed=1)
    assert found.kappa.value is None
    assert "by chance is certain" in found.kappa.reason
    assert (found.ac1.value, found.observed.value) == (1.0, 1.0)
    assert found.by_patient["kappa"].value is None


def test_categories_of_two_and_three_readers() -> None:
    calls = [("yes", "yes"), ("no", "no"), ("no", "yes"), ("undetermined", "undetermined"), ("yes", "yes")]
    two = category_agreement(calls, ("yes", "undetermined", "no"), list("ABCDE"), draws=500, seed=1)
    assert two.table == ((2, 0, 0), (0, 1, 0), (1, 0, 1))
    assert two.observed.value == close(0.8)
    # chance: 0.4 * 0.6 + 0.2 * 0.2 + 0.4 * 0.2
    assert two.kappa.value == close((0.8 - 0.36) / 0.64)
    drawn = two.by_patient["kappa"]
    assert drawn.low < two.kappa.value < drawn.high
    three = category_agreement(
        [(*c, c[0]) for c in calls], ("yes", "undetermined", "no"), list("ABCDE"), draws=9, seed=1
    )
    assert three.observed.value == close((4 + 1 / 3) / 5)
    assert three.linear.value is None
    assert three.table == ()
    assert category_agreement(calls[:2], ("yes", "no"), ["A", "B"], draws=9, seed=1).kappa.value is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 8, 0.0, 0.3694), (8, 8, 0.6306, 1.0), (10, 15, 0.3838, 0.8818), (1, 1, 0.025, 1.0)],
)
def test_exact_intervals(successes: int, trials: int, low: float, high: float) -> None:
    found = exact_proportion(successes, trials)
    assert (found.value, found.low, found.high) == (successes / trials, close(low, 5e-5), close(high, 5e-5))
    if successes == 0:
        assert found.high == close(1 - 0.025 ** (1 / trials))
    assert exact_proportion(0, 0).value is None


def test_an_undetermined_call_is_a_miss_and_an_undetermined_reference_is_left_out() -> None:
    found = call_accuracy(
        ["yes", "undetermined", "no", "yes", "undetermined", "yes"], ["yes", "yes", "no", "no", "no", "undetermined"]
    )
    assert (found.yes, found.no, found.left_out) == (2, 3, 1)
    assert (found.sensitivity.value, found.specificity.value) == (0.5, close(1 / 3))


# Masks


def square(row: int, column: int, side: int = 10, size: int = 40) -> np.ndarray:
    labels = np.ones((size, size), np.uint8)
    labels[row : row + side, column : column + side] = Tissue.DETACHED
    return labels


def test_shifted_squares_by_hand() -> None:
    found = mask_agreement(square(5, 5), square(5, 8), tolerance_percent=2.5)  # one pixel of 40
    lesion = found.classes["detached"]
    assert lesion.dice == close(2 * 70 / 200)
    assert (lesion.share_a, lesion.share_b) == (close(100 / 1600), close(100 / 1600))
    # Outlines have 36 pixels. Within one pixel of the other: of A's right end the columns 7 to 14 in the top and in
    # the bottom row (8 + 8), in its right column 13..14 rows the two next to those rows (2), and likewise for B.
    assert lesion.boundary_dice == close((8 + 8 + 2) / 36)
    assert lesion.hd95_percent == close(100 * 3 / 40)
    assert found.detached_apart == close(60 / 1600)
    assert found.same == close(1 - 60 / 1600)
    assert found.classes["body"].dice == 1.0


def test_the_rule_for_an_empty_class() -> None:
    none = np.ones((40, 40), np.uint8)
    neither = mask_agreement(none, none, 1.0).classes["detached"]
    assert (neither.dice, neither.boundary_dice, neither.hd95_percent) == (None, None, None)
    for a, b in ((none, square(5, 5)), (square(5, 5), none)):
        one = mask_agreement(a, b, 1.0).classes["detached"]
        assert (one.dice, one.boundary_dice, one.hd95_percent) == (0.0, 0.0, None)
    nobody = mask_agreement(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), 1.0)
    assert nobody.classes["body"].dice is None
    assert nobody.detached_apart == 0.0


def test_the_same_mask_agrees_fully() -> None:
    same = mask_agreement(square(3, 9), square(3, 9), 0.5).classes["detached"]
    assert (same.dice, same.boundary_dice, same.hd95_percent) == (1.0, 1.0, 0.0)


def test_a_speck_that_is_lost_where_outlines_are_compared_counts() -> None:
    speck, near = np.ones((1536, 2048), np.uint8), np.ones((1536, 2048), np.uint8)
    speck[100, 100] = near[101, 101] = 2
    assert mask_agreement(speck, speck, 0.5).classes["detached"].boundary_dice == 1
    found = mask_agreement(speck, near, 0.5).classes["detached"]
    assert (found.dice, found.boundary_dice) == (0, 1)  # one pixel apart, of ten that the tolerance allows
    assert found.hd95_percent == pytest.approx(100 * np.sqrt(2) / 2048, rel=0.03)


def test_masks_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="same size"):
        mask_agreement(np.ones((4, 4), np.uint8), np.ones((4, 5), np.uint8), 1.0)


def test_distances_do_not_depend_on_the_working_size() -> None:
    small = mask_agreement(square(5, 5, 10, 40), square(5, 8, 10, 40), 2.0).classes["detached"]
    large = mask_agreement(square(250, 250, 500, 2000), square(250, 400, 500, 2000), 2.0).classes["detached"]
    assert small.hd95_percent == pytest.approx(large.hd95_percent, abs=0.1)
    assert small.dice == close(large.dice)


@given(arrays(bool, (9, 9)), arrays(bool, (9, 9)))
@settings(max_examples=60, deadline=None)
def test_outlines_against_distances_worked_out_pair_by_pair(a: np.ndarray, b: np.ndarray) -> None:
    assume(a.any() and b.any())
    near, distance = outline_agreement(a, b, tolerance_percent=17.0)  # 1.53 pixels: a step or a diagonal
    edges = []
    for mask in (a, b):
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        edges.append(np.argwhere(mask & ~inner))
    apart = np.linalg.norm(edges[0][:, None] - edges[1][None], axis=2)
    to_b, to_a = apart.min(axis=1), apart.min(axis=0)
    close_by = np.count_nonzero(to_b <= 1.53) + np.count_nonzero(to_a <= 1.53)
    assert near == close(close_by / (len(to_a) + len(to_b)))
    exact = 100 * max(np.percentile(to_b, 95), np.percentile(to_a, 95)) / 9
    assert distance == pytest.approx(exact, rel=0.03, abs=1e-6)


@given(arrays(np.uint8, (6, 7), elements=st.integers(0, 4)), arrays(np.uint8, (6, 7), elements=st.integers(0, 4)))
@settings(max_examples=40, deadline=None)
def test_every_pixel_is_counted_once(a: np.ndarray, b: np.ndarray) -> None:
    counts = confusion(a, b)
    assert counts.sum() == 42
    for i in range(5):
        for j in range(5):
            assert counts[i, j] == np.count_nonzero((a == i) & (b == j))
    there, back = mask_agreement(a, b, 1.0), mask_agreement(b, a, 1.0)
    assert there.detached_apart == back.detached_apart
    assert there.classes["detached"].dice == back.classes["detached"].dice


# Skin tone


def lab(red: int, green: int, blue: int) -> tuple[float, float]:
    """L* and b* of an sRGB colour by the formulas of IEC 61966-2-1 and CIE 15."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    y = 0.212671 * linear[0] + 0.715160 * linear[1] + 0.072169 * linear[2]
    z = (0.019334 * linear[0] + 0.119193 * linear[1] + 0.950227 * linear[2]) / 1.088754
    root = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (y, z)]
    return 116 * root[0] - 16, 200 * (root[0] - root[1])


@pytest.mark.parametrize("color", [(240, 200, 180), (214, 170, 146), (150, 100, 75), (80, 50, 38)])
def test_the_angle_is_that_of_the_formula(color: tuple[int, int, int]) -> None:
    pixels = np.full((30, 30, 3), color, np.uint8)
    pixels[:5] = (0, 0, 255)
    intact = np.zeros((30, 30), bool)
    intact[5:] = True
    lightness, yellow = lab(*color)
    expected = math.degrees(math.atan((lightness - 50) / yellow))
    assert typology_angle(pixels, intact) == close(expected, 0.3)


def test_no_angle_without_skin_or_under_coloured_light() -> None:
    grey = np.full((40, 40, 3), 128, np.uint8)
    assert typology_angle(grey, np.zeros((40, 40), bool)) is None
    assert typology_angle(np.full((40, 40, 3), (90, 110, 200), np.uint8), np.ones((40, 40), bool)) is None


@pytest.mark.parametrize(
    ("angle", "name"),
    [(55.1, "very light"), (55.0, "light"), (30, "intermediate"), (10.1, "tan"), (0, "brown"), (-31, "dark")],
)
def test_tones_by_their_limits(angle: float, name: str) -> None:
    assert tone(angle) == name


# Oracles: other programs' results for the same data, when they are installed


@pytest.mark.slow
def test_against_pingouin_and_statsmodels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pingouin = pytest.importorskip("pingouin", reason="pip install pingouin statsmodels")
        pandas = pytest.importorskip("pandas")
        rater = pytest.importorskip("statsmodels.stats.inter_rater")
        proportion = pytest.importorskip("statsmodels.stats.proportion")
        random = np.random.default_rng(21)
        for readers in (2, 3, 5):
            ratings = random.normal(20, 6, (25, 1)) + random.normal(0, 2, (25, readers)) + np.arange(readers)
            long = pandas.DataFrame(
                [(row, reader, ratings[row, reader]) for row in range(25) for reader in range(readers)],
                columns=["row", "reader", "score"],
            )
            table = pingouin.intraclass_corr(long, targets="row", raters="reader", ratings="score", nan_policy="raise")
            interval = next(column for column in table.columns if column.startswith("CI95"))
            for model, place in (("1,1", 0), ("2,1", 1), ("3,1", 2)):
                found = intraclass(ratings, model)
                assert found.value == close(float(table["ICC"].iloc[place]), 1e-6)
                low, high = table[interval].iloc[place]
                assert (found.low, found.high) == (close(low, 0.0051), close(high, 0.0051))
        for size in (2, 4):
            table = random.integers(1, 9, (size, size)).astype(float)
            for weights, name in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
                theirs = rater.cohens_kappa(table, wt=name)
                ours = cohen_kappa(table, weights)
                assert ours.value == close(float(theirs.kappa))
                assert ours.low == close(max(-1.0, float(theirs.kappa_low)), 1e-6)
                assert ours.high == close(min(1.0, float(theirs.kappa_upp)), 1e-6)
        counts = random.multinomial(6, [0.5, 0.3, 0.2], 20)
        assert fleiss_kappa(counts.astype(float)).value == close(float(rater.fleiss_kappa(counts)))
        for successes, trials in ((0, 5), (3, 11), (11, 11)):
            low, high = proportion.proportion_confint(successes, trials, method="beta")
            ours = exact_proportion(successes, trials)
            assert (ours.low, ours.high) == (close(float(np.nan_to_num(low))), close(float(high)))
