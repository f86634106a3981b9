"""The formulas of fractions, % BSA, course and endpoint: hand-computed values and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsa_measure.bsa import VisitBsa, visit_bsa
from bsa_measure.chart import load_chart
from bsa_measure.course import healing
from bsa_measure.endpoint import call, category, eligibility
from bsa_measure.fractions import Areas, areas_on_surface, pool
from bsa_measure.protocol import Eligibility, Endpoint

ADULT = load_chart("lund-browder").weights_at(40)


def surface(f: float, c: float = 1.0, e: float = 0.0) -> Areas:
    """Areas of a surface with detached fraction f, re-epithelialised fraction e and assessable fraction c."""
    return Areas(intact=(1 - f - e) * c, detached=f * c, reepithelialised=e * c, not_assessable=1 - c)


def one_surface(day: int, percent: float, *, e: float = 0.0, c: float = 1.0) -> VisitBsa:
    """A visit on which only the front of the trunk (13 %) is involved, ``percent`` of the body."""
    areas = {"trunk-anterior": surface(percent / 13, c, e / 13)}
    return visit_bsa(day, ADULT, areas, uninvolved=ADULT)


def test_the_worked_example() -> None:
    # measurement.md, section 5.
    visit = visit_bsa(
        0,
        ADULT,
        {"trunk-anterior": surface(0.40, 0.90), "thigh-right-anterior": surface(0.20)},
        uninvolved=set(ADULT) - {"trunk-anterior", "thigh-right-anterior"},
    )
    assert visit.detached is not None
    assert visit.detached.point == pytest.approx(6.15)  # 13 * 0.40 + 4.75 * 0.20
    assert visit.detached.low == pytest.approx(5.63)  # 13 * 0.36 + 0.95
    assert visit.detached.high == pytest.approx(6.93)  # 13 * 0.46 + 0.95


def test_fractions_of_a_small_mask() -> None:
    # 4 intact, 3 detached, 1 re-epithelialised, 2 not assessable; 2 background.
    labels = np.array([[1, 1, 1, 1, 0, 0], [2, 2, 2, 3, 4, 4]], np.uint8)
    areas = areas_on_surface(labels, labels > 0)
    assert areas.detached_fraction == pytest.approx(3 / 8)
    assert areas.reepithelialised_fraction == pytest.approx(1 / 8)
    assert areas.assessable_fraction == pytest.approx(8 / 10)


def test_a_pixel_counts_as_much_as_the_skin_it_stands_for() -> None:
    labels = np.array([[1, 2]], np.uint8)
    areas = areas_on_surface(labels, labels > 0, np.array([[1.0, 3.0]], np.float32))
    assert areas.detached_fraction == pytest.approx(0.75)


def test_what_is_all_hidden_is_unseen_and_never_healthy() -> None:
    hidden = Areas(not_assessable=1.0)
    assert hidden.detached_fraction is None
    visit = visit_bsa(0, {"a": 60.0, "b": 40.0}, {"a": surface(0.5), "b": hidden})
    assert [s.status for s in visit.surfaces] == ["seen", "unseen"]
    assert visit.detached is not None
    assert (visit.detached.point, visit.detached.low, visit.detached.high) == (30, 30, 70)


def test_a_photograph_speaks_louder_than_a_declaration() -> None:
    visit = visit_bsa(0, {"a": 100.0}, {"a": surface(0.25)}, uninvolved={"a"})
    assert visit.detached is not None
    assert visit.detached.point == 25


def test_nothing_known_gives_no_number() -> None:
    assert visit_bsa(0, ADULT, {}).detached is None


def test_peak_ever_detached_and_look_forward() -> None:
    weights = {"a": 50.0, "b": 50.0}

    def visit(day: int, a: float, b: float) -> VisitBsa:
        return visit_bsa(day, weights, {"a": surface(a), "b": surface(b)})

    # D: 20, 25, 10, 40.  Ever detached up to D5: a 0.4 -> 20, b 0.4 -> 20: 40.
    visits = [visit(0, 0.4, 0.0), visit(2, 0.1, 0.4), visit(5, 0.1, 0.1), visit(9, 0.4, 0.4)]
    at5 = healing(visits, 5)
    assert (at5.peak, at5.peak_day) == (pytest.approx(25), 2)
    assert at5.ever_detached == pytest.approx(40)
    assert at5.healed is not None
    assert at5.healed.point == pytest.approx(60)  # 100 (1 - 10 / 25)
    ever = healing(visits, 5, maximum="ever-detached")
    assert ever.healed is not None
    assert ever.healed.point == pytest.approx(75)  # 100 (1 - 10 / 40)
    forward = healing(visits, 5, look_forward=True)
    assert forward.healed is not None
    assert forward.healed.point == pytest.approx(75)  # the maximum is 40, on D9


def test_bounds_of_healed_percent() -> None:
    weights = {"a": 100.0}
    # D0: f = 0.4, c = 0.5: low 20, point 40, high 70.  D7: f = 0.05, c = 0.9: low 4.5, point 5, high 14.5.
    visits = [visit_bsa(0, weights, {"a": surface(0.4, 0.5)}), visit_bsa(7, weights, {"a": surface(0.05, 0.9)})]
    found = healing(visits, 7).healed
    assert found is not None
    assert found.point == pytest.approx(87.5)  # 100 (1 - 5 / 40)
    assert found.low == pytest.approx(27.5)  # 100 (1 - 14.5 / 20)
    assert found.high == pytest.approx(100 * (1 - 4.5 / 70))


@pytest.mark.parametrize(
    ("today", "response"),
    [(1.0, "yes"), (1.0000001, "no"), (0.0, "yes"), (10.0, "no")],
)
def test_exactly_90_percent_is_a_response(today: float, response: str) -> None:
    rule = Endpoint()
    found = call(healing([one_surface(0, 10), one_surface(7, today)], 7), rule)
    assert found.response == response


@pytest.mark.parametrize("maximum", [0.3, 1.7, 3.0, 4.1, 7.0, 11.1, 12.9])
def test_a_tenth_left_is_a_response_in_spite_of_binary_rounding(maximum: float) -> None:
    assert call(healing([one_surface(0, maximum), one_surface(7, maximum / 10)], 7), Endpoint()).response == "yes"


def test_bounds_that_straddle_the_threshold_are_undetermined() -> None:
    # D7: 0.5 of 10 detached, half of the surface hidden: the truth may be anything up to 6.75.
    found = call(healing([one_surface(0, 10), one_surface(7, 0.5, c=0.5)], 7), Endpoint())
    assert found.response == "undetermined"
    assert "straddles" in found.reason


def test_a_missing_endpoint_visit_is_undetermined() -> None:
    found = call(healing([one_surface(0, 10)], 7), Endpoint())
    assert (found.response, "D7" in found.reason) == ("undetermined", True)


def test_no_detachment_at_all_gives_no_response() -> None:
    found = call(healing([one_surface(0, 0), one_surface(7, 0)], 7), Endpoint())
    assert (found.response, found.reason) == (None, "no detachment observed")


def test_no_detachment_seen_but_skin_hidden_is_undetermined() -> None:
    weights = {"a": 50.0, "b": 50.0}
    visits = [visit_bsa(day, weights, {"a": surface(0)}) for day in (0, 7)]
    assert call(healing(visits, 7), Endpoint()).response == "undetermined"


def test_a_visit_of_which_nothing_is_seen_leaves_everything_open() -> None:
    blank = visit_bsa(0, ADULT, {"trunk-anterior": Areas(not_assessable=1.0)})
    found = call(healing([blank, one_surface(3, 5.2), one_surface(7, 5.2)], 7), Endpoint())
    assert found.response == "undetermined"
    assert call(healing([blank, one_surface(7, 0)], 7), Endpoint()).response == "undetermined"
    assert eligibility([blank, one_surface(3, 5.2)], -2, Eligibility()).answer == "undetermined"
    assert eligibility([one_surface(3, 5.2)], -2, Eligibility()).answer == "no"


def test_the_registry_wording_counts_covered_skin() -> None:
    visits = [one_surface(0, 10), one_surface(7, 0, e=8)]
    healed = healing(visits, 7)
    assert healed.reepithelialised is not None
    assert healed.reepithelialised.point == pytest.approx(80)
    assert call(healed, Endpoint(numerator="reepithelialised")).response == "no"
    by_decline = call(healed, Endpoint())
    assert by_decline.response == "yes"
    assert "20.0 points apart" in by_decline.flags[0]


@pytest.mark.parametrize(
    ("maximum", "printed", "french"),
    [(None, "none", "none"), (0.0, "none", "none"), (9.99, "SJS", "SJS"), (10, "overlap", "overlap"),
     (30, "overlap", "TEN"), (30.01, "TEN", "TEN")],
)  # fmt: skip
def test_categories(maximum: float | None, printed: str, french: str) -> None:
    assert category(maximum, "1993") == printed
    assert category(maximum, "french") == french
    hidden = category(maximum, "1993", more_possible=True)
    assert hidden == (printed if printed != "none" else ""), "what was not seen is not known, what was seen is"


def test_eligibility_looks_at_the_first_ten_days_of_disease() -> None:
    rule = Eligibility()
    assert eligibility([one_surface(0, 10)], -10, rule).answer == "yes"
    assert eligibility([one_surface(0, 10)], -11, rule).answer == "undetermined"  # too late to know
    assert eligibility([one_surface(-2, 9.9), one_surface(8, 12)], -3, rule).answer == "no"
    assert eligibility([one_surface(0, 12, c=0.7)], -3, rule).answer == "undetermined"  # 8.4 to 12.3
    assert eligibility([one_surface(0, 12)], None, rule).answer == "undetermined"


shares = st.floats(0, 1).map(lambda x: round(x, 6))
surfaces = st.tuples(shares, shares, shares).map(lambda t: surface(t[0] * (1 - t[2]), t[1], t[2] * (1 - t[0])))
visits_of_three = st.lists(st.one_of(st.none(), surfaces), min_size=3, max_size=3)
courses = st.lists(visits_of_three, min_size=1, max_size=5)
WEIGHTS = {"a": 20.0, "b": 30.0, "c": 50.0}


def build(course: list[list[Areas | None]]) -> list[VisitBsa]:
    return [
        visit_bsa(day, WEIGHTS, {s: a for s, a in zip(WEIGHTS, row, strict=True) if a is not None})
        for day, row in enumerate(course)
    ]


@given(courses)
def test_bounds_contain_the_point(course: list[list[Areas | None]]) -> None:
    for visit in build(course):
        for extent in (visit.detached, visit.reepithelialised):
            if extent is not None:
                assert 0 <= extent.low <= extent.point + 1e-9
                assert extent.point <= extent.high + 1e-9
                assert extent.high <= 100 + 1e-9
    for maximum in ("peak", "ever-detached"):
        found = healing(build(course), len(course) - 1, maximum=maximum)
        if found.healed is not None:
            assert found.healed.low <= found.healed.point <= found.healed.high
            assert found.healed.high <= 100 + 1e-9


@given(visits_of_three, st.integers(0, 2), st.floats(0.0, 1.0))
def test_more_hidden_skin_never_narrows(row: list[Areas | None], index: int, share: float) -> None:
    before = build([row])[0].detached
    areas = row[index]
    if areas is None:
        return
    covered = Areas(
        intact=areas.intact * (1 - share),
        detached=areas.detached * (1 - share),
        reepithelialised=areas.reepithelialised * (1 - share),
        not_assessable=areas.not_assessable + areas.seen * share,
    )
    after = build([[covered if i == index else a for i, a in enumerate(row)]])[0].detached
    if before is None or after is None:
        return
    assert after.low <= before.low + 1e-9
    assert after.high >= before.high - 1e-9


@given(courses, st.booleans())
def test_the_maximum_is_never_less_than_today_and_ever_detached_never_less_than_the_peak(
    course: list[list[Areas | None]], look_forward: bool
) -> None:
    visits = build(course)
    for visit in visits:
        found = healing(visits, visit.day, look_forward=look_forward)
        if found.detached is not None:
            assert found.peak is not None
            assert found.ever_detached is not None
            assert found.peak >= found.detached.point
            assert found.ever_detached >= found.peak - 1e-9


@given(st.lists(surfaces, min_size=1, max_size=6), st.randoms())
def test_permuting_photographs_changes_nothing(photos: list[Areas], random: object) -> None:
    shuffled = list(photos)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pool(shuffled) == pool(photos)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_scaling_a_photograph_changes_nothing(seed: int, factor: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 5, (12, 9), dtype=np.uint8)
    larger = np.kron(labels, np.ones((factor, factor), np.uint8))
    small, large = areas_on_surface(labels, labels > 0), areas_on_surface(larger, larger > 0)
    for name in ("intact", "detached", "reepithelialised", "not_assessable"):
        assert math.isclose(getattr(small, name), getattr(large, name), abs_tol=1e-12)


@given(courses, st.lists(st.floats(0, 1), min_size=15, max_size=15))
def test_the_interval_holds_whatever_the_hidden_skin_is(course: list[list[Areas | None]], draws: list[float]) -> None:
    """Whichever share of the hidden skin is detached, the true healed percent lies between low and high."""
    visits = build(course)
    draw = iter(draws)
    totals = []
    for visit in visits:
        total = 0.0
        for s in visit.surfaces:
            extent = s.detached
            low, high = (0.0, 1.0) if extent is None else (extent.low, extent.high)
            total += s.weight * (low + (high - low) * next(draw))
        totals.append((visit.day, total))  # also of a visit of which nothing was seen
    day = len(course) - 1
    found = healing(visits, day)
    if found.healed is None:
        return
    maximum = max(total for _, total in totals)
    if maximum > 0:
        truth = 100 * (1 - dict(totals)[day] / maximum)
        assert found.healed.low - 1e-6 <= truth <= found.healed.high + 1e-6
