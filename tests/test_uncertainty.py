"""From a reader's error to intervals and the probability of a response: known values, and what must hold for any."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsa_measure.bsa import VisitBsa, visit_bsa, with_outline_doubt
from bsa_measure.chart import load_chart
from bsa_measure.course import healing
from bsa_measure.endpoint import call
from bsa_measure.fractions import Areas, Doubt
from bsa_measure.protocol import Endpoint
from bsa_measure.uncertainty import (
    Blunder,
    ErrorModel,
    FractionError,
    KindError,
    SimulatedCourse,
    Spurious,
    draw_visits,
    drawn_maximum,
    from_logit,
    kind_of,
    simulate_course,
    to_logit,
)

WEIGHTS = load_chart("lund-browder").weights_at(40)
MANY = 10**9  # patients: nothing is added for having seen only a few


def surface(f: float, c: float = 1.0, e: float = 0.0) -> Areas:
    return Areas(c * (1 - f - e), c * f, c * e, 1 - c)


def visit(day: int, shown: Mapping[str, Areas]) -> VisitBsa:
    readers = dict.fromkeys(WEIGHTS, ("A",))
    return visit_bsa(day, WEIGHTS, shown, readers=readers, uninvolved=set(WEIGHTS) - set(shown))


def model(
    patients: int = MANY, **errors: float | Blunder | Spurious | Mapping[str, KindError]
) -> dict[str, ErrorModel]:
    """An error model of reader A with a floor of 0.01 that is otherwise right, but for ``errors``."""
    error = FractionError(**{"floor": 0.01, **errors})  # type: ignore[arg-type]
    return {"A": ErrorModel("A", "truth", patients, 2 * patients, error, error)}


def simulated(visits: Sequence[VisitBsa], errors: Mapping[str, ErrorModel], patient: str = "P-1") -> SimulatedCourse:
    return simulate_course(visits, errors, patient=patient, days=(7,), draws=4000)


def test_the_logit_scale_by_hand() -> None:
    # l(0.5) = log(0.51 / 0.51) = 0; l(0) = log(0.01 / 1.01) = -4.6151
    assert float(to_logit(0.5, 0.01)) == 0
    assert float(to_logit(0.0, 0.01)) == pytest.approx(math.log(0.01 / 1.01))
    fractions = np.array([0.0, 0.003, 0.2, 0.5, 0.97, 1.0])
    assert from_logit(to_logit(fractions, 0.01), 0.01) == pytest.approx(fractions, abs=1e-12)
    assert list(from_logit(np.array([-100.0, 100.0]), 0.01)) == [0, 1]


def test_left_and_right_are_one_kind() -> None:
    assert [kind_of(s) for s in ("thigh-left-anterior", "buttock-right", "trunk-anterior", "genitalia")] == [
        "thigh-anterior",
        "buttock",
        "trunk-anterior",
        "genitalia",
    ]


def test_without_error_the_interval_is_the_value() -> None:
    visits = [visit(0, {"trunk-anterior": surface(0.8)}), visit(7, {"trunk-anterior": surface(0.06, e=0.7)})]
    found = simulated(visits, model())
    # D0 = 13 * 0.8 = 10.4; D7 = 13 * 0.06 = 0.78; H = 100 (1 - 0.78 / 10.4) = 92.5; R = 100 * 9.1 / 10.4 = 87.5
    assert (found.detached[0].low, found.detached[0].high) == pytest.approx((10.4, 10.4), abs=1e-3)
    day = found.days[7]
    assert day.healed is not None
    assert day.reepithelialised is not None
    assert (day.healed.low, day.healed.high) == pytest.approx((92.5, 92.5), abs=1e-3)
    assert (day.reepithelialised.low, day.reepithelialised.high) == pytest.approx((87.5, 87.5), abs=1e-3)
    assert (day.probability, day.excess) == (1.0, pytest.approx(0, abs=1e-4))


def test_exactly_the_threshold_counts_in_spite_of_32_bits() -> None:
    visits = [visit(0, {"trunk-anterior": surface(0.7)}), visit(7, {"trunk-anterior": surface(0.07)})]
    assert simulated(visits, model()).days[7].probability == 1.0


def test_a_bias_is_taken_off() -> None:
    # The reader's fraction is l-scale +1 too high everywhere: truth is l(0.8) - 1 with floor 0.01.
    visits = [visit(0, {"trunk-anterior": surface(0.8)}), visit(7, {"trunk-anterior": surface(0.2)})]
    found = simulated(visits, model(bias=-1.0))
    logit = math.log(0.81 / 0.21) - 1
    true = 1.02 / (1 + math.exp(-logit)) - 0.01
    assert found.detached[0].low == pytest.approx(13 * true, abs=1e-3)
    kinds = {"trunk-anterior": KindError(bias=0.0, spread=0.0)}
    assert simulated(visits, model(bias=-1.0, kinds=kinds)).detached[0].low == pytest.approx(10.4, abs=1e-3)


def test_a_slope_pulls_towards_the_centre() -> None:
    # Slope 0.5 around l = 0: truth is half of l(0.8) = log(0.81 / 0.21) = 1.350.
    visits = [visit(7, {"trunk-anterior": surface(0.8)})]
    half = 1.02 / (1 + math.exp(-0.5 * math.log(0.81 / 0.21))) - 0.01
    found = simulated(visits, model(slope=0.5)).detached[7]
    assert (found.low, found.high) == pytest.approx((13 * half, 13 * half), abs=1e-3)


def test_the_90_percent_interval_is_1_645_spreads_wide() -> None:
    # One surface at f = 0.5: df/dl = 1.02 / 4, so that 0.1 on the logit scale is 0.0255, 0.3315 % BSA of 13.
    visits = [visit(7, {"trunk-anterior": surface(0.5)})]
    found = simulate_course(visits, model(spread=0.1), patient="P", days=(7,)).detached[7]
    assert found.high - found.low == pytest.approx(2 * 1.645 * 0.3315, rel=0.03)
    assert found.high + found.low == pytest.approx(13, abs=0.03)


def test_shared_errors_add_up_and_single_ones_cancel() -> None:
    # Four surfaces of 4.75 %: alone, spreads add in squares (factor 2 over one surface); shared, they add (factor 4).
    thighs = {s: surface(0.5) for s in WEIGHTS if s.startswith("thigh")}
    width = {}
    for name in ("spread", "visit", "patient", "place"):
        found = simulate_course([visit(7, thighs)], model(**{name: 0.1}), patient="P", days=(7,)).detached[7]
        width[name] = found.high - found.low
    assert width["visit"] / width["spread"] == pytest.approx(2, rel=0.05)
    assert width["patient"] / width["spread"] == pytest.approx(2, rel=0.05)
    assert width["place"] / width["spread"] == pytest.approx(1, rel=0.05)


def test_an_error_shared_by_the_visits_of_a_patient_cancels_in_healed_percent() -> None:
    # Small fractions are nearly proportional to exp(l): a factor common to both visits leaves their ratio alone.
    visits = [visit(0, {"trunk-anterior": surface(0.10)}), visit(7, {"trunk-anterior": surface(0.02)})]

    def width(**errors: float) -> float:
        healed = simulated(visits, model(floor=1e-6, **errors)).days[7].healed
        assert healed is not None
        return healed.high - healed.low

    assert width(patient=0.2) < 0.15 * width(visit=0.2)
    assert width(place=0.2) < 0.15 * width(spread=0.2)


def test_few_patients_make_the_interval_wider() -> None:
    visits = [visit(0, {"trunk-anterior": surface(0.5)}), visit(7, {"trunk-anterior": surface(0.05)})]

    def width(patients: int) -> float:
        found = simulated(visits, model(patients, patient=0.3)).detached[0]
        return found.high - found.low

    # Student's t: t(0.95) is 2.132 with 4 degrees of freedom, times sqrt(1 + 1/5); against 1.645.
    assert width(5) / width(MANY) == pytest.approx(2.132 * math.sqrt(1.2) / 1.645, rel=0.1)


def test_where_nothing_was_read_the_error_is_another() -> None:
    visits = [visit(7, {"trunk-anterior": surface(0.0)})]
    assert simulated(visits, model(spread=3.0)).detached[7].high == pytest.approx(0, abs=1e-4)
    # Half of the draws are cut off at 0; the 95th percentile is l(0) + 1.645 * 0.5.
    up = 1.02 / (1 + math.exp(-(math.log(0.01 / 1.01) + 1.645 * 0.5))) - 0.01
    found = simulate_course(visits, model(spread=3.0, nothing_spread=0.5), patient="P", days=(7,)).detached[7]
    assert found.low == 0
    assert found.high == pytest.approx(13 * up, rel=0.06)


def test_blunders_come_as_often_as_they_should() -> None:
    visits = [visit(7, {"trunk-anterior": surface(0.5)})]
    (drawn,) = draw_visits(visits, model(blunder=Blunder(0.1, -3.0, 0.0)), patient="P")
    assert np.mean(drawn.detached < 6.4) == pytest.approx(0.095, abs=0.01)


def test_a_small_patch_is_nothing_as_often_as_it_should() -> None:
    # l(0.03) = log(0.04 / 0.98) = -3.1987 and l(0.5) = 0: odds exp(-3 + 3.1987) = 1.22 and exp(-3) = 0.0498
    errors = model(spurious=Spurious(level=-3.0, fall=1.0))
    for read, odds in ((0.03, 1.2198), (0.5, 0.0498)):
        (drawn,) = draw_visits([visit(7, {"trunk-anterior": surface(read)})], errors, patient="P")
        assert np.mean(drawn.detached == 0) == pytest.approx(odds / (1 + odds), abs=0.015)
    # Where nothing was read the error is another.
    (drawn,) = draw_visits([visit(7, {"trunk-anterior": surface(0.009)})], errors, patient="P")
    assert drawn.detached == pytest.approx(np.full(10_000, 13 * 0.009), abs=1e-3)


@pytest.mark.parametrize(("visits", "factor"), [(2, 0.56), (3, 0.85), (4, 1.03), (5, 1.16)])
def test_the_upward_bias_of_a_maximum_is_found(visits: int, factor: float) -> None:
    # Visits read alike, each with its own error: E max of k normal numbers is 0.564, 0.846, 1.029, 1.163 spreads.
    course = [visit(day, {"trunk-anterior": surface(0.5)}) for day in range(visits)]
    drawn = draw_visits(course, model(visit=0.1), patient="P-7", draws=20_000)
    spread = float(np.std(drawn[0].detached))
    nothing = np.zeros(20_000)
    most, excess = drawn_maximum(drawn, nothing, "peak")
    assert excess / spread == pytest.approx(factor, abs=0.03)
    assert float(most.mean()) == pytest.approx(6.5 - excess, abs=0.03)  # twice the bias is taken off 6.5 + excess


def test_every_surface_at_its_own_worst_is_biased_more() -> None:
    course = [visit(d, {"trunk-anterior": surface(0.5), "trunk-posterior": surface(0.5)}) for d in (0, 7)]
    drawn = draw_visits(course, model(spread=0.1), patient="P-7")
    nothing = np.zeros(10_000)
    # Each surface's own maximum of two is 0.564 * 0.3315 too high; the total's spread is sqrt(2) * 0.3315.
    assert drawn_maximum(drawn, nothing, "ever-detached")[1] == pytest.approx(2 * 0.564 * 0.3315, abs=0.02)
    assert drawn_maximum(drawn, nothing, "peak")[1] == pytest.approx(0.564 * math.sqrt(2) * 0.3315, abs=0.02)


def test_hidden_skin_is_drawn_between_its_bounds() -> None:
    # f = 0.4, c = 0.5 on 13 %: low 2.6, high 9.1; its 5th and 95th percentiles are 2.6 + 0.05 * 6.5 and 9.1 - 0.325.
    found = simulate_course([visit(7, {"trunk-anterior": surface(0.4, 0.5)})], model(), patient="P", days=(7,))
    assert found.detached[7].low == pytest.approx(2.925, abs=0.1)
    assert found.detached[7].high == pytest.approx(8.775, abs=0.1)


def test_a_doubtful_outline_counts_unless_the_error_holds_it_already() -> None:
    plain = visit(7, {"trunk-anterior": surface(0.5)})
    doubtful = with_outline_doubt(plain, {"trunk-anterior": Doubt(detached=(-0.02, 0.04))})
    # Fitted to another person, who has the same outline: evenly between 13 * 0.48 and 13 * 0.54.
    person = {"A": replace(model()["A"], reference="Klein")}
    found = simulated([doubtful], person).detached[7]
    assert (found.low, found.high) == pytest.approx((13 * 0.483, 13 * 0.537), abs=0.02)
    # Fitted to the truth.
    assert simulated([doubtful], model()) == simulated([plain], model())


def test_the_same_inputs_give_the_same_numbers_and_other_patients_change_nothing() -> None:
    visits = [visit(0, {"trunk-anterior": surface(0.5)}), visit(7, {"trunk-anterior": surface(0.05)})]
    errors = model(spread=0.3, visit=0.2, patient=0.1, place=0.1)
    assert simulated(visits, errors) == simulated(visits, errors)
    assert simulated(visits, errors) != simulated(visits, errors, "P-2")
    # A later visit leaves the draws of the earlier ones alone.
    later = [*visits, visit(15, {"trunk-anterior": surface(0.01)})]
    assert simulated(later, errors).detached[7] == simulated(visits, errors).detached[7]


def test_of_two_readers_of_a_surface_the_one_with_the_larger_error_counts() -> None:
    shown = {"trunk-anterior": surface(0.5)}
    both = visit_bsa(7, WEIGHTS, shown, readers={"trunk-anterior": ("A", "B")}, uninvolved=set(WEIGHTS) - set(shown))
    two = {"A": model(spread=0.1)["A"], "B": model(spread=0.5)["A"]}
    one = visit_bsa(7, WEIGHTS, shown, readers={"trunk-anterior": ("B",)}, uninvolved=set(WEIGHTS) - set(shown))
    assert simulated([both], two).detached == simulated([one], {"B": two["B"]}).detached


def test_the_interval_decides_the_call() -> None:
    rule = Endpoint()

    def answer(left: float, **errors: float) -> str | None:
        course = [visit(0, {"trunk-anterior": surface(0.8)}), visit(7, {"trunk-anterior": surface(left)})]
        found = healing(course, 7)
        return call(found, rule, simulated(course, model(**errors)).days[7]).response

    # left 0.06 of 0.8 is H = 92.5; 0.12 is 85; a small error leaves the call, a larger one opens it
    assert [answer(0.06, spread=0.01), answer(0.06, spread=0.5)] == ["yes", "undetermined"]
    assert [answer(0.12, spread=0.01), answer(0.12, spread=0.5)] == ["no", "undetermined"]
    # The reader reads too little: the value says yes, the interval no.
    assert answer(0.06, bias=1.0) == "undetermined"
    reason = call(healing([visit(0, {"trunk-anterior": surface(0.8)}), visit(7, {})], 7), rule).reason
    assert "probability" not in reason


def test_a_day_without_a_photograph_has_no_probability() -> None:
    found = simulate_course([visit(0, {"trunk-anterior": surface(0.5)})], model(), patient="P", days=(5, 7))
    assert found.days == {}


def test_no_detachment_at_all_has_no_probability() -> None:
    found = simulated([visit(0, {}), visit(7, {})], model(spread=1.0)).days[7]
    assert (found.healed, found.probability) == (None, None)


fractions = st.floats(0.0, 1.0)
seen = st.floats(0.3, 1.0)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(fractions, seen), min_size=2, max_size=4), st.floats(0, 2), st.floats(0, 2), st.booleans())
def test_whatever_was_read_the_results_are_possible(
    read: list[tuple[float, float]], spread: float, shared: float, forward: bool
) -> None:
    visits = [
        visit(7 * i, {"trunk-anterior": surface(f, c), "genitalia": surface(0.2)}) for i, (f, c) in enumerate(read)
    ]
    found = simulate_course(
        visits, model(12, spread=spread, visit=shared), patient="P", days=(7,), look_forward=forward, draws=500
    )
    assert all(0 <= i.low <= i.high <= 100 for i in found.detached.values())
    day = found.days[7]
    assert day.probability is not None
    assert 0 <= day.probability <= 1
    assert day.healed is not None
    assert -1e-4 <= day.healed.low <= day.healed.high <= 100
    assert day.excess >= 0


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0.05, 0.95), st.floats(0.01, 0.5), st.floats(1.2, 3.0), st.sampled_from(["spread", "visit", "patient"])
)
def test_a_wider_spread_gives_a_wider_interval(f: float, spread: float, times: float, name: str) -> None:
    visits = [visit(7, {"trunk-anterior": surface(f)})]

    def width(of: float) -> float:
        found = simulated(visits, model(**{name: of})).detached[7]
        return found.high - found.low

    assert width(times * spread) > width(spread)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.floats(0, 1))
def test_healed_percent_does_not_depend_on_the_size_of_the_surface(f: float, left: float, spread: float) -> None:
    # The same fractions on one surface of 13 % or of 1 % of the body: % BSA scales, healed percent does not.
    both = []
    for name in ("trunk-anterior", "genitalia"):
        visits = [visit(0, {name: surface(f)}), visit(7, {name: surface(left)})]
        found = simulated(visits, model(visit=spread))
        assert found.days[7].healed is not None
        both.append((found.days[7].healed, found.detached[0]))
    assert both[0][0].low == pytest.approx(both[1][0].low, abs=0.01)
    assert both[0][0].high == pytest.approx(both[1][0].high, abs=0.01)
    assert both[0][1].high == pytest.approx(13 * both[1][1].high, abs=0.01)


@pytest.mark.slow
def test_a_patient_day_takes_less_than_20_milliseconds() -> None:
    shown = {name: surface(0.2, 0.9) for name in WEIGHTS}
    visits = [visit(day, shown) for day in (-2, 0, 5, 7, 10, 15)]
    errors = model(
        12,
        spread=0.3,
        visit=0.2,
        patient=0.1,
        place=0.1,
        blunder=Blunder(0.05, -1.0, 1.5),
        spurious=Spurious(-3.0, 1.0),
    )
    start = time.process_time()
    simulate_course(visits, errors, patient="P", days=(5, 7, 10, 15))
    assert (time.process_time() - start) / len(visits) < 0.020
