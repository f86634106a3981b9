"""All patients together: published check values, values worked out by hand, and one study from end to end."""

from __future__ import annotations

import csv
import doctest
import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bsa_measure.bsa import Extent
from bsa_measure.clinical import COLUMNS, read_clinical
from bsa_measure.cohort import analyse, cohort
from bsa_measure.cohort_rules import CohortRules
from bsa_measure.cohort_tables import COHORT_COLUMNS, cohort_study, write_empty_tables
from bsa_measure.errors import ProtocolError, StudyError
from bsa_measure.files import table_text
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.measured import Measured, Member, read_measured
from bsa_measure.monitoring import (
    Bound,
    Limit,
    Rule,
    Success,
    behaviour,
    boundary,
    predictive_probability,
    probability_of_success,
)
from bsa_measure.proportion import (
    Beta,
    FallibleCall,
    clopper_pearson,
    corrected_share,
    distribution_of_sum,
    probability_greater,
)
from bsa_measure.protocol import load_protocol, parse_protocol
from bsa_measure.report.cohort_page import render_cohort
from bsa_measure.scorten import (
    Admission,
    mortality_from_formula,
    mortality_from_table,
    observed_against_predicted,
    score,
)
from bsa_measure.study import init_study, open_study
from bsa_measure.survival import Course, course, healing_times
from bsa_measure.tables import ENDPOINT_COLUMNS, PATIENT_COLUMNS, VISIT_COLUMNS

shares = st.floats(0.01, 0.99)
weights = st.floats(0.2, 60)


# Shares


def test_ten_of_fifteen_under_a_uniform_prior() -> None:
    posterior = Beta(1, 1).updated(10, 15)
    assert posterior.mean == pytest.approx(0.647, abs=5e-4)
    assert posterior.interval(0.95) == pytest.approx((0.413, 0.848), abs=5e-4)


def test_the_exact_interval_of_none_and_of_all_in_closed_form() -> None:
    assert clopper_pearson(0, 8) == pytest.approx((0, 1 - 0.025 ** (1 / 8)))
    assert clopper_pearson(8, 8) == pytest.approx((0.025 ** (1 / 8), 1))
    assert clopper_pearson(0, 0) == (0, 1)


@given(st.integers(1, 40), st.data(), st.floats(0.5, 0.99))
def test_the_exact_interval_leaves_half_the_error_in_each_tail(n: int, data: st.DataObject, level: float) -> None:
    r = data.draw(st.integers(0, n))
    low, high = clopper_pearson(r, n, level)
    assert low <= r / n <= high
    if r:
        assert stats.binom.sf(r - 1, n, low) == pytest.approx((1 - level) / 2)
    if r < n:
        assert stats.binom.cdf(r, n, high) == pytest.approx((1 - level) / 2)


def test_one_share_greater_than_another_in_closed_form() -> None:
    uniform = Beta(1, 1)
    assert probability_greater(uniform, uniform) == pytest.approx(0.5)
    assert probability_greater(Beta(2, 1), uniform) == pytest.approx(2 / 3)  # its mean
    assert probability_greater(uniform, uniform, 0.2) == pytest.approx(0.8**2 / 2)  # a triangle of the unit square
    assert probability_greater(uniform, uniform, -0.2) == pytest.approx(1 - 0.8**2 / 2)


@given(weights, weights, weights, weights)
def test_either_share_is_the_greater(a: float, b: float, c: float, d: float) -> None:
    one, other = Beta(a, b), Beta(c, d)
    assert probability_greater(one, other) + probability_greater(other, one) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("delta", [0, 0.1, -0.1])
def test_one_share_greater_than_another_by_plain_integration(delta: float) -> None:
    new, standard = Beta(0.6, 7.4), Beta(15, 35)
    expected, _ = integrate.quad(
        lambda s: stats.beta.pdf(s, 15, 35) * stats.beta.sf(s + delta, 0.6, 7.4), 0, 1, points=[0.1, 0.3]
    )
    assert probability_greater(new, standard, delta) == pytest.approx(expected, abs=1e-9)


def test_the_number_of_events_among_unequal_patients() -> None:
    assert distribution_of_sum([]) == pytest.approx([1])
    assert distribution_of_sum([0.5, 0.2]) == pytest.approx([0.4, 0.5, 0.1])


@given(st.lists(shares, min_size=1, max_size=6))
def test_the_distribution_of_a_sum_keeps_its_mean(chances: list[float]) -> None:
    found = distribution_of_sum(chances)
    assert found.sum() == pytest.approx(1)
    assert sum(i * p for i, p in enumerate(found)) == pytest.approx(sum(chances))


# Monitoring


def test_predictive_probability_as_published() -> None:
    flat = predictive_probability(Beta(1, 1), 16, 23, 40, Success(0.5, 0.9))
    assert flat == pytest.approx(0.8871897, abs=5e-8)
    lee_liu = predictive_probability(Beta(0.6, 0.4), 16, 23, 40, Success(0.6, 0.9))
    assert lee_liu == pytest.approx(0.565559, abs=5e-7)


def test_predictive_probability_when_all_patients_are_in_is_a_verdict() -> None:
    success = Success(0.3, 0.9)
    assert [round(predictive_probability(Beta(1, 1), r, 15, 15, success), 12) for r in (6, 7)] == [0, 1]
    assert success.least_events(Beta(1, 1), 15) == 7
    one = Success(0.5, 0.9)  # one patient proves nothing: P(share > 0.5 | 1 of 1) = 0.75
    assert one.least_events(Beta(1, 1), 1) is None
    assert predictive_probability(Beta(1, 1), 0, 0, 1, one) == 0


@given(st.integers(0, 12), st.integers(0, 12), shares, shares)
def test_predictive_probability_rises_with_every_responder(r: int, more: int, reference: float, sure: float) -> None:
    n, success = 12, Success(reference, sure)
    low, high = sorted((r, more))
    before = predictive_probability(Beta(1, 1), low, n, 20, success)
    after = predictive_probability(Beta(1, 1), high, n, 20, success)
    assert 0 <= before <= after + 1e-12 <= 1 + 1e-9


def test_probability_of_success_is_a_binomial_tail() -> None:
    success = Success(0.3, 0.9)
    assert probability_of_success(Beta(1, 1), 15, success, 0.6) == pytest.approx(stats.binom.sf(6, 15, 0.6))
    assert probability_of_success(Beta(1, 1), 1, Success(0.5, 0.9), 0.6) == 0


THALL_SIMON = Rule(Beta(0.6, 1.4), Beta(15, 35), planned=15, too_few=Limit(0.05))


def test_the_futility_boundary_as_published() -> None:
    at_most = {bound.patients: bound.at_most for bound in boundary(THALL_SIMON)}
    assert at_most == {n: None if n < 6 else 0 if n < 13 else 1 for n in range(1, 16)}
    assert all(bound.at_least is None for bound in boundary(THALL_SIMON))


def test_every_count_of_a_boundary_obeys_the_rule() -> None:
    rule = Rule(Beta(0.2, 1.8), Beta(10, 90), 12, too_few=Limit(0.2, 0.05), too_many=Limit(0.9, 0.02))
    for bound in boundary(rule):
        for events in range(bound.patients + 1):
            few = rule.probability(events, bound.patients, 0.05) < 0.2
            many = rule.probability(events, bound.patients, 0.02) > 0.9
            assert (bound.at_most is not None and events <= bound.at_most) == few
            assert (bound.at_least is not None and events >= bound.at_least) == many


def test_looks_begin_at_the_minimum_and_end_with_the_last_patient() -> None:
    assert Rule(Beta(1, 1), Beta(1, 1), planned=15, minimum=5, every=4).looks == (5, 9, 13, 15)


def test_a_rule_without_limits_never_stops() -> None:
    rule = Rule(Beta(1, 1), Beta(15, 35), 10, too_few=Limit(0.0), too_many=Limit(1.0))
    found = behaviour(boundary(rule), 10, 0.01)
    assert (found.stopped_too_few, found.stopped_too_many, found.expected_patients) == pytest.approx((0, 0, 10))


def test_behaviour_of_a_rule_by_hand() -> None:
    # Three patients, stop after two without an event: with a share of one half, a quarter of the trials.
    bounds = [Bound(2, 0, None), Bound(3, 1, 3)]
    found = behaviour(bounds, 3, 0.5)
    assert found.stopped_too_few == pytest.approx(0.25)
    assert found.expected_patients == pytest.approx(2.75)
    # At the third: not stopped, and one event (two of eight courses), or three events (one of eight).
    assert found.crossed_too_few == pytest.approx(0.25 + 2 / 8)
    assert (found.stopped_too_many, found.crossed_too_many) == pytest.approx((0, 1 / 8))


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.integers(1, 3), st.integers(1, 4))
def test_behaviour_equals_the_sum_over_every_single_course(share: float, minimum: int, every: int) -> None:
    rule = Rule(Beta(0.6, 1.4), Beta(3, 7), 8, minimum=minimum, every=every, too_few=Limit(0.15), too_many=Limit(0.93))
    bounds = boundary(rule)
    at = {bound.patients: bound for bound in bounds}
    few = many = patients = 0.0
    for outcomes in itertools.product((0, 1), repeat=8):
        chance = share ** sum(outcomes) * (1 - share) ** (8 - sum(outcomes))
        stops = ((n, at[n].crossed(sum(outcomes[:n]))) for n in sorted(at) if n < 8)
        n, side = next(((n, side) for n, side in stops if side), (8, ""))
        few += chance * (side == "too few")
        many += chance * (side == "too many")
        patients += chance * n
    found = behaviour(bounds, 8, share)
    assert (found.stopped_too_few, found.stopped_too_many) == pytest.approx((few, many), abs=1e-12)
    assert found.expected_patients == pytest.approx(patients)


def test_the_published_boundary_stops_a_useless_treatment_at_the_sixth_patient() -> None:
    found = behaviour(boundary(THALL_SIMON), 15, 0.0)
    assert (found.stopped_too_few, found.expected_patients) == pytest.approx((1, 6))


# A call that errs


def test_the_corrected_share_by_hand() -> None:
    assert FallibleCall(0.9, 0.8).apparent(0.5) == pytest.approx(0.55)
    assert FallibleCall(0.9, 0.8).corrected(0.5) == pytest.approx(0.3 / 0.7)
    assert FallibleCall(0.9, 0.8).corrected(0.1) == 0


@given(shares, st.floats(0.55, 1), st.floats(0.55, 1))
def test_correcting_undoes_the_error(share: float, sensitivity: float, specificity: float) -> None:
    call = FallibleCall(sensitivity, specificity)
    assert call.corrected(call.apparent(share)) == pytest.approx(share)


def test_a_perfect_call_changes_nothing() -> None:
    found = corrected_share(10, 15, FallibleCall(1, 1), Beta(0.6, 1.4), reference=0.5)
    plain = Beta(0.6, 1.4).updated(10, 15)
    assert found.corrected == pytest.approx(10 / 15)
    assert found.exact == pytest.approx(clopper_pearson(10, 15))
    assert found.mean == pytest.approx(plain.mean, abs=1e-6)
    assert found.interval == pytest.approx(plain.interval(0.95), abs=1e-5)
    assert found.above_reference == pytest.approx(plain.above(0.5), abs=1e-5)


def test_the_posterior_of_the_true_share_by_plain_integration() -> None:
    def weight(p: float) -> float:
        q = 0.9 * p + 0.2 * (1 - p)
        return float(stats.beta.pdf(p, 2, 3)) * q**10 * (1 - q) ** 5

    total, _ = integrate.quad(weight, 0, 1)
    mean, _ = integrate.quad(lambda p: p * weight(p), 0, 1)
    above, _ = integrate.quad(weight, 0.3, 1)
    found = corrected_share(10, 15, FallibleCall(0.9, 0.8), Beta(2, 3), reference=0.3)
    assert found.mean == pytest.approx(mean / total, abs=1e-6)
    assert found.above_reference == pytest.approx(above / total, abs=1e-5)


def test_without_patients_the_prior_remains() -> None:
    found = corrected_share(0, 0, FallibleCall(0.9, 0.8), Beta(2, 3), reference=0.3)
    assert found.corrected is None
    assert found.mean == pytest.approx(0.4, abs=1e-6)


# SCORTEN

NO_POINT = Admission(40, False, 120, Extent(10, 10, 10), 10, 14, 20)


def test_every_comparison_is_strict() -> None:
    found = score(NO_POINT)
    assert (found.low, found.high, found.missing) == (0, 0, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age_years", 40.5),
        ("malignancy", True),
        ("heart_rate", 120.5),
        ("detached", Extent(12, 10.1, 14)),
        ("urea", 10.01),
        ("glucose", 14.01),
        ("bicarbonate", 19.9),
    ],
)
def test_each_item_gives_one_point_and_none_is_guessed(name: str, value: object) -> None:
    known = score(Admission(**{**vars(NO_POINT), name: value}))
    assert (known.low, known.high) == (1, 1)
    unknown = score(Admission(**{**vars(NO_POINT), name: None}))
    assert (unknown.low, unknown.high, len(unknown.missing)) == (0, 1, 1)


@pytest.mark.parametrize(
    ("extent", "point"),
    [(Extent(8, 7, 10), False), (Extent(9, 8, 10.5), None), (Extent(11, 10, 12), None), (Extent(11, 10.5, 12), True)],
)
def test_an_extent_whose_bounds_straddle_ten_percent_is_not_known(extent: Extent, point: bool | None) -> None:
    items = {item.name: item.point for item in score(Admission(detached=extent)).items}
    assert items["detached BSA over 10 %"] is point


def test_predicted_mortality() -> None:
    assert [mortality_from_table(points) for points in range(8)] == [0.032, 0.032, 0.121, 0.353, 0.583, 0.9, 0.9, 0.9]
    for points in range(8):
        chance = mortality_from_formula(points)
        assert math.log(chance / (1 - chance)) == pytest.approx(-4.448 + 1.237 * points)
    assert mortality_from_formula(3) == pytest.approx(0.323660, abs=1e-6)  # 1 / (1 + e^0.737)


def test_observed_against_predicted_by_hand() -> None:
    found = observed_against_predicted(1, [0.5, 0.2])
    assert (found.expected, found.ratio) == pytest.approx((0.7, 1 / 0.7))
    assert (found.fewer, found.more) == pytest.approx((0.9, 0.6))  # 0.4 + 0.5 and 0.5 + 0.1
    # The exact Poisson interval of one event is 0.0253 to 5.5716.
    assert found.ratio_interval == pytest.approx((0.025318 / 0.7, 5.571643 / 0.7), abs=1e-5)
    none = observed_against_predicted(0, [0.5, 0.2])
    assert none.ratio_interval == pytest.approx((0, -math.log(0.025) / 0.7))
    assert observed_against_predicted(0, []).ratio is None


# Time to healing


def test_kaplan_meier_by_hand() -> None:
    courses = [Course("a", None, 5), Course("b", 5, 7), Course("c", 7, None), Course("d", 7, 10)]
    found = healing_times(courses)
    assert [(s.day, s.at_risk, s.healed, s.censored) for s in found.steps] == [
        (5, 4, 1, 0),
        (7, 3, 1, 1),
        (10, 1, 1, 0),
    ]
    assert [s.share for s in found.steps] == pytest.approx([1 / 4, 1 / 2, 1])
    # log-log interval of 3/4 among four: 0.128 to 0.961 unhealed.
    assert found.steps[0].interval == pytest.approx((1 - 0.96055, 1 - 0.12795), abs=1e-4)
    assert found.steps[2].interval is None
    assert found.median_day == 7


def test_days_on_which_nothing_happens_have_a_step_too() -> None:
    found = healing_times([Course("a", 5, None), Course("b", None, None)], days=(5, 7))
    assert [(s.day, s.at_risk, s.share) for s in found.steps] == [(5, 1, 0), (7, 0, 0)]
    assert (found.patients, len(found.courses), found.median_day) == (1, 2, None)
    assert healing_times([], days=(5,)).steps[0].share == 0


def test_a_missed_visit_is_spread_over_its_gap() -> None:
    # b healed by D7; a somewhere between D5 and D10: that both had by D7 is the likeliest.
    found = healing_times([Course("a", 5, 10), Course("b", 5, 7)])
    assert [s.share for s in found.steps] == pytest.approx([0.5, 1])
    assert [s.between_visits for s in found.steps] == pytest.approx([1, 1], abs=1e-3)


DAYS = (5, 7, 10, 15)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
def test_with_every_visit_made_both_estimates_agree(patients: list[tuple[int, bool]]) -> None:
    courses = [
        Course(str(i), (None, *DAYS)[k], DAYS[k]) if healed else Course(str(i), DAYS[k], None)
        for i, (k, healed) in enumerate(patients)
    ]
    for step in healing_times(courses, DAYS).steps:
        # After the last patient is lost, nothing can be said: the estimates may part.
        if step.at_risk:
            assert step.between_visits == pytest.approx(step.share, abs=2e-3)


def test_a_course_of_visits() -> None:
    assert course("a", {5: False, 7: None, 10: True, 15: True}) == Course("a", 5, 10)
    assert course("a", {5: True, 7: False, 10: True}) == Course("a", None, 5, reopened=True)
    assert course("a", {15: False, 5: False, 7: None}) == Course("a", 15, None)
    assert course("a", {5: None}) == Course("a", None, None)


# The protocol


def test_the_protocol_sets_the_rules() -> None:
    protocol, _ = parse_protocol(
        "[cohort]\nefficacy_prior = [0.6, 1.4]\nminimum_patients = 1\nplanned_patients = 13", None
    )
    found = analyse(Measured("s", protocol, ()), read_clinical(Path("no-such-folder"), ()))
    assert [b.patients for b in found.efficacy.bounds if b.at_most == 0] == [6, 7, 8, 9, 10, 11, 12]
    assert found.efficacy.bounds[-1] == Bound(13, 1, None)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("efficacy_prior = [0, 1]", "greater than 0"),
        ("planned_patients = 3", "minimum_patients"),
        ("futility_limit = 1.0", "futility_limit"),
        ("target_rate = 0.2", "target_rate"),
        ("call_sensitivities = [0.5]", "greater than 0.5"),
        ("futility_limits = 0.05", "futility_limit'"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(line: str, word: str) -> None:
    with pytest.raises(ProtocolError, match=re.escape(word)):
        parse_protocol(f"[cohort]\n{line}", None)


# A study

CALLS = {
    "LY-001": ("no", "yes", "yes", "yes"),
    "LY-002": ("no", "no", "yes", "yes"),
    "LY-003": ("undetermined", "undetermined", "yes", "yes"),
    "LY-004": ("no", "no", "no", "no"),
    "=LY-005": ("yes", "yes", "yes", "no"),
    "LY<6>": ("", "", "", ""),
}


def make_study(folder: Path) -> Path:
    """A measured study: CALLS at D5, D7, D10 and D15; initial extent 8, 11, 14, ... % BSA at D-2."""
    init_study(folder)
    results = folder / "results"
    results.mkdir()

    def write(name: str, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
        (results / name).write_text(table_text(columns, rows), encoding="utf-8")

    write(
        "endpoints.csv",
        ENDPOINT_COLUMNS,
        [
            {"patient": patient, "day": day, "response": response}
            for patient, calls in CALLS.items()
            for day, response in zip(DAYS, calls, strict=True)
        ],
    )
    ages = (43.0, 30.0, 61.0, 75.0, 22.0, 50.0)
    write(
        "patients.csv",
        PATIENT_COLUMNS,
        [
            {"patient": p, "age_years": age, "eligible": "no" if p == "LY-002" else "yes"}
            for p, age in zip(CALLS, ages, strict=True)
        ],
    )
    write(
        "visits.csv",
        VISIT_COLUMNS,
        [
            {
                "patient": patient,
                "day": day,
                "detached_bsa_percent": 8.0 + 3 * i + day,
                "detached_bsa_low": 7.0 + 3 * i + day,
                "detached_bsa_high": 9.5 + 3 * i + day,
            }
            for i, patient in enumerate(CALLS)
            for day in (0, 2)
        ],
    )
    protocol, _ = load_protocol(folder / "study.toml")
    provenance = {"version": "0.1.0", "model": "classical-v1", "protocol_sha256": protocol.sha256}
    (results / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = make_study(tmp_path / "my-study")
    (folder / "toxicity.csv").write_text(
        "patient,toxicity\nLY-001,no\nLY-002,yes\n=LY-005,no\nLY-003,\n", encoding="utf-8"
    )
    (folder / "scorten.csv").write_text(
        ";".join(COLUMNS["scorten.csv"])
        + "\nLY-001;;no;130;5,5;8;25;no\nLY-002;D02;no;100;5;8;25;no\n"
        + "LY-003;;yes;130;11;15;;yes\nLY-004;D09;no;;5;8;25;\n",
        encoding="utf-8",
    )
    (folder / "mucosa.csv").write_text(
        "patient,visit,site,healed\nLY-001,D0,buccal,no\nLY-001,D7,buccal,yes\nLY-002,D5,buccal,no\n"
        "LY-003,D-1,ocular,yes\nLY-004,D15,Ocular,no\n",
        encoding="utf-8",
    )
    return folder


def test_what_undetermined_does_to_the_count(study: Path) -> None:
    found = cohort(study)
    assert [(c.responders, c.patients) for c in found.counts] == [(2, 4), (2, 5), (3, 5), (2, 3)]
    assert found.undetermined == ("LY-003",)
    assert found.undetached == ("LY<6>",)
    assert found.counts[0].exact == clopper_pearson(2, 4)
    assert found.counts[0].posterior == Beta(3, 3)
    assert [look.patient for look in found.efficacy.path] == ["LY-001", "LY-002", "LY-004", "=LY-005"]
    assert [look.events for look in found.efficacy.path] == [1, 1, 1, 2]
    text = " ".join(found.notes)
    for words in ("LY-003): they are in neither", "seen in LY<6>", "LY-002; counted", "none in =LY-005", "LY-004, "):
        assert words in text


def test_toxicity_is_counted_where_it_is_known(study: Path) -> None:
    found = cohort(study)
    assert found.toxicity is not None
    assert [(look.patient, look.events) for look in found.toxicity.path] == [
        ("LY-001", 0),
        ("LY-002", 1),
        ("=LY-005", 1),
    ]
    assert found.toxicity_unknown == ("LY-003", "LY-004", "LY<6>")


def test_scorten_takes_the_measured_extent_of_the_admission_visit(study: Path) -> None:
    found = cohort(study).scorten
    assert found is not None
    rows = {row.patient: row for row in found.rows}
    # LY-001: over 40, heart rate, 8 % at its first visit.
    assert (rows["LY-001"].score.low, rows["LY-001"].score.high, rows["LY-001"].admission_day) == (2, 2, 0)
    assert (rows["LY-002"].score.low, rows["LY-002"].admission_day) == (1, 2)  # 12 to 14.5 % on D2
    # LY-003: over 40, malignancy, heart rate, 13 to 15.5 %, urea, glucose; bicarbonate is not known.
    assert (rows["LY-003"].score.low, rows["LY-003"].score.high) == (6, 7)
    assert rows["LY-004"].detached is None
    assert rows["LY-004"].score.missing == ("heart rate over 120/min", "detached BSA over 10 %")
    assert len(rows["LY<6>"].score.missing) == 5
    assert (found.table.patients, found.table.deaths) == (2, 0)
    assert found.table.expected == pytest.approx(0.121 + 0.032)
    assert found.formula.expected == pytest.approx(mortality_from_formula(2) + mortality_from_formula(1))
    assert (found.known_survival, found.deaths) == (3, 1)
    assert found.expected_range == pytest.approx((0.121 + 0.032 + 0.9, 0.121 + 0.032 + 0.9))


def test_time_to_response_and_to_mucosal_healing(study: Path) -> None:
    found = cohort(study)
    assert [(c.patient, c.after, c.by) for c in found.healing.courses] == [
        ("LY-001", 5, 7),
        ("LY-002", 7, 10),
        ("LY-003", None, 10),
        ("LY-004", 15, None),
        ("=LY-005", None, 5),
    ]
    assert [step.share for step in found.healing.steps] == pytest.approx([1 / 5, 2 / 5, 4 / 5, 4 / 5])
    assert found.mucosa is not None
    assert found.mucosa["buccal"].patients == 2
    step = found.mucosa["buccal"].at(7)
    assert step is not None
    assert (step.at_risk, step.share) == (1, 1.0)
    # Healed the day before the infusion: never at risk.
    assert [c.patient for c in found.mucosa["ocular"].courses] == ["LY-004"]
    assert found.mucosa["nasal"].patients == 0


def test_a_boundary_that_is_crossed_is_said(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    text = (folder / "study.toml").read_text(encoding="utf-8").replace("minimum_patients = 5", "minimum_patients = 2")
    text = text.replace("futility_limit = 0.05", "futility_limit = 0.9")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    found = cohort_study(folder)
    crossing = found.efficacy.first_crossing
    assert crossing is not None
    assert (crossing.patients, crossing.crossed) == (2, "too few")
    page = (folder / "results" / "cohort.html").read_text(encoding="utf-8")
    assert "the stopping boundary was crossed after 2 patients (1 responder: too few)" in page
    # study.toml is not the one under which the results were measured.
    assert any("run 'bsa-measure measure' again" in note for note in found.notes)


def test_probabilities_of_response_give_the_expected_responders() -> None:
    protocol, _ = parse_protocol("", None)
    calls = dict.fromkeys((5, 7, 10, 15), "undetermined")
    members = tuple(Member(p, 40, "yes", calls, probability=chance) for p, chance in (("a", 0.5), ("b", 0.2)))
    found = analyse(Measured("s", protocol, members), read_clinical(Path("no-such-folder"), ()))
    assert found.expected is not None
    assert (found.expected.patients, found.expected.responders) == (2, pytest.approx(0.7))
    assert found.expected.interval == (0, 2)  # 0.4, 0.5, 0.1


def test_the_files_say_what_was_found_and_are_the_same_every_time(study: Path) -> None:
    cohort_study(study)
    results = study / "results"
    names = ("cohort.html", "cohort.json", "cohort.csv")
    first = {name: (results / name).read_bytes() for name in names}
    cohort_study(study)
    assert {name: (results / name).read_bytes() for name in names} == first
    with (results / "cohort.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COHORT_COLUMNS
    assert rows[2]["quantity"] == "share, exact interval"
    assert [float(rows[2][c]) for c in ("value", "low", "high")] == pytest.approx([0.5, *clopper_pearson(2, 4)])
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    data = json.loads(first["cohort.json"])
    assert data["counts"][0]["responders"] == 2
    assert data["rules"]["futility_limit"] == 0.05
    assert data["scorten"]["rows"][2]["score"]["missing"] == ["bicarbonate under 20 mmol/L"]


def test_the_page_needs_nothing_beside_it_and_prints_every_prior(study: Path) -> None:
    page = render_cohort(cohort(study))
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "LY<6>" not in page
    assert "LY&lt;6&gt;" in page
    for key in CohortRules.model_fields:
        assert f'<th scope="row">{key}</th>' in page
    assert "Nobody has set these for this trial" in page
    assert "2 of 4 patients with a determined call responded at D7: 50.0 %" in page
    assert page.count("<svg") == 9  # posterior, two boundaries, two behaviours, deaths, skin, buccal, ocular
    for svg in re.findall(r"<svg.*?</svg>", page):
        assert "nan" not in svg
        assert "inf" not in svg.replace("infusion", "")


def test_a_study_without_any_call_still_makes_a_page() -> None:
    protocol, _ = parse_protocol("", None)
    page = render_cohort(analyse(Measured("s", protocol, ()), read_clinical(Path("no-such-folder"), ())))
    assert "No patient has a determined call at D7." in page


def test_the_clinicians_tables_can_be_written_empty(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    assert write_empty_tables(folder) == list(COLUMNS)
    assert (folder / "toxicity.csv").read_text().splitlines()[:2] == ["patient,toxicity", "LY-001,"]
    assert write_empty_tables(folder) == []
    found = cohort(folder)
    assert found.toxicity is not None
    assert found.toxicity.path == ()
    assert found.scorten is not None
    assert found.scorten.table.patients == 0
    cohort_study(folder)


HEADER = ",".join(COLUMNS["scorten.csv"])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("toxicity.csv", "patient\nLY-001\n", "no column 'toxicity'"),
        ("toxicity.csv", "patient,toxicity\nLY-01,no\n", "'LY-01' (did you mean 'LY-001'?), who is not in this study."),
        ("toxicity.csv", "patient,toxicity\nLY-001,no\nLY-001,no\n", "two rows"),
        ("toxicity.csv", "patient,toxicity\nLY-001,maybe\n", "toxicity is 'maybe', write yes or no"),
        ("scorten.csv", f"{HEADER}\nLY-001,,,,5,144,,\n", "glucose_mmol_l 144 cannot be right: check the unit"),
        ("scorten.csv", f"{HEADER}\nLY-001,,,fast,5,8,,\n", "heart_rate_per_min is 'fast'"),
        ("scorten.csv", f"{HEADER}\nLY-001,,,nan,5,8,,\n", "not a number"),
        ("scorten.csv", f"{HEADER}\nLY-001,day 1,,,,,,\n", "'day 1' is not a visit"),
        ("scorten.csv", f"{HEADER}\nLY-001,,,,,,,\nLY-001,,,,,,,\n", "two rows"),
        ("mucosa.csv", "patient,visit,site,healed\nLY-001,D7,nose,no\n", "'nose' is not a site"),
        ("mucosa.csv", "patient,visit,site,healed\nLY-001,D7,nasal,no\nLY-001,D07,nasal,no\n", "two rows for D07"),
        ("mucosa.csv", "patient,visit,site,healed\nLY-001,,nasal,no\n", "'' is not a visit"),
    ],
)
def test_a_bad_table_is_refused_with_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    folder = make_study(tmp_path / "s")
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=re.escape(words)) as caught:
        cohort(folder)
    assert str(caught.value).startswith(name)


def test_before_measure_there_is_nothing_to_analyse(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not a study folder"):
        read_measured(tmp_path)
    init_study(tmp_path / "s")
    with pytest.raises(StudyError, match="run 'bsa-measure measure'"):
        read_measured(tmp_path / "s")


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("endpoints.csv", ",yes,", ",perhaps,", "'perhaps'"),
        ("endpoints.csv", "LY-001,,7,", "LY-001,,8,", "LY-001 for D07"),
        ("patients.csv", "43", "forty", "could not convert"),
        ("provenance.json", "{", "", "damaged"),
    ],
)
def test_damaged_results_are_refused(tmp_path: Path, name: str, before: str, after: str, words: str) -> None:
    path = make_study(tmp_path / "s") / "results" / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(StudyError, match=words):
        read_measured(tmp_path / "s")


def test_from_photographs_to_the_page(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", patients="A,40,-3\nB,50,-3", uninvolved="A,D0,*\nA,D7,*\nB,D0,*\nB,D7,*")
    # A: half of the chest, then a fiftieth of that; B: half, then a quarter.
    rows = {("A", "D0"): 100, ("A", "D7"): 2, ("B", "D0"): 100, ("B", "D7"): 50}
    for seed, ((patient, visit), detached) in enumerate(rows.items()):
        save_photo(study / "photos" / patient / visit / "trunk-anterior.jpg", skin_photo(seed))
        mask = limb_mask({(0, detached): 2, (detached, 200): 1})
        save_mask(tmp_path / "masks" / patient / visit / "trunk-anterior.png", mask)
    import_masks(open_study(study), tmp_path / "masks", reader="Duval")
    measure(study)
    (study / "scorten.csv").write_text(",".join(COLUMNS["scorten.csv"]) + "\nB,,no,130,5,8,25,no\n", encoding="utf-8")
    found = cohort_study(study)
    assert [(look.patient, look.events) for look in found.efficacy.path] == [("A", 1), ("B", 1)]
    assert found.scorten is not None
    row = found.scorten.rows[1]
    assert (row.score.low, row.score.high, row.admission_day) == (2, 2, 0)  # age, heart rate; 6.5 % is not over 10
    assert row.detached is not None
    assert row.detached.point == pytest.approx(6.5)
    assert not any("has changed" in note for note in found.notes)
    assert "1 of 2 patients with a determined call responded" in (study / "results" / "cohort.html").read_text("utf-8")


def test_the_command(study: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bsa_measure.cli", "cohort", *arguments], capture_output=True, text=True
        )

    done = run(str(study))
    assert done.returncode == 0, done.stderr
    assert "2 of 4 patients with a determined call responded at D7" in done.stdout
    assert "Before using these numbers" in done.stdout
    assert (study / "results" / "cohort.html").is_file()
    empty = run(str(tmp_path))
    assert (empty.returncode, empty.stdout) == (2, "")
    assert empty.stderr.startswith("bsa-measure: ")
    assert len(empty.stderr.splitlines()) == 1


def test_the_examples_for_the_statistician_hold() -> None:
    page = Path(__file__).parent.parent / "docs" / "statistician.md"
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted > 10
    assert found.failed == 0
