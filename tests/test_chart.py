from __future__ import annotations

import pytest

from bsa_measure.chart import builtin_charts, load_chart, parse_chart
from bsa_measure.errors import ChartError

# measurement.md, section 3: % of the body surface, by column 0, 1, 5, 10, 15, adult.
PRINTED = {
    "head-anterior": (9.5, 8.5, 6.5, 5.5, 4.5, 3.5),
    "neck-posterior": (1, 1, 1, 1, 1, 1),
    "trunk-anterior": (13, 13, 13, 13, 13, 13),
    "trunk-posterior": (13, 13, 13, 13, 13, 13),
    "buttock-left": (2.5, 2.5, 2.5, 2.5, 2.5, 2.5),
    "genitalia": (1, 1, 1, 1, 1, 1),
    "upper-arm-right-anterior": (2, 2, 2, 2, 2, 2),
    "forearm-left-posterior": (1.5, 1.5, 1.5, 1.5, 1.5, 1.5),
    "hand-right-palmar": (1.25, 1.25, 1.25, 1.25, 1.25, 1.25),
    "thigh-left-anterior": (2.75, 3.25, 4, 4.25, 4.5, 4.75),
    "leg-right-posterior": (2.5, 2.5, 2.75, 3, 3.25, 3.5),
    "foot-left-plantar": (1.75, 1.75, 1.75, 1.75, 1.75, 1.75),
}
SMALL = 'title="t"\nsource="s"\nfrom_age=[0]\ncolumns=["all"]\n[weights]\n'


@pytest.mark.parametrize("name", builtin_charts())
def test_every_column_sums_to_100(name: str) -> None:
    chart = load_chart(name)
    for age in chart.from_age:
        assert sum(chart.weights_at(age).values()) == pytest.approx(100, abs=1e-9)


@pytest.mark.parametrize(("surface", "weights"), PRINTED.items())
def test_lund_browder_has_the_printed_values(surface: str, weights: tuple[float, ...]) -> None:
    assert load_chart("lund-browder").weights[surface] == weights


def test_adult_front_is_48_and_back_is_52() -> None:
    weights = load_chart("lund-browder").weights_at(40)
    front = ("anterior", "palmar", "genitalia")
    # Dorsum of the foot is seen from the front, back of the hand from behind.
    anterior = sum(
        w for s, w in weights.items() if s.endswith(front) or (s.startswith("foot") and s.endswith("dorsal"))
    )
    assert anterior == pytest.approx(48)
    assert sum(weights.values()) - anterior == pytest.approx(52)


@pytest.mark.parametrize(
    ("age", "column"),
    [
        (0, "0"),
        (0.9, "0"),
        (1, "1"),
        (3, "1"),
        (4.99, "1"),
        (5, "5"),
        (10, "10"),
        (15, "15"),
        (17.9, "15"),
        (18, "adult"),
    ],
)
def test_a_column_holds_from_its_age_until_the_next(age: float, column: str) -> None:
    assert load_chart("lund-browder").column(age) == column


def test_rule_of_nines_by_region() -> None:
    weights = load_chart("rule-of-nines").weights_at(40)

    def region(*starts: str) -> float:
        return sum(weight for surface, weight in weights.items() if surface.startswith(starts))

    assert region("head", "neck") == pytest.approx(9)
    assert region("upper-arm-left", "forearm-left", "hand-left") == pytest.approx(9)
    assert region("thigh-right", "leg-right", "foot-right") == pytest.approx(18)
    assert region("trunk-anterior") == pytest.approx(18)
    assert region("trunk-posterior", "buttock") == pytest.approx(18)
    assert region("genitalia") == pytest.approx(1)


@pytest.mark.parametrize("weights", ["a=100\nb=1", "a=60\nb=39.999", "a=100.5"])
def test_a_chart_that_does_not_sum_to_100_is_refused_and_the_sum_named(weights: str) -> None:
    with pytest.raises(ChartError, match=r"sums to (101|99\.999|100\.5)"):
        parse_chart(SMALL + weights, "own.toml")


def test_tenths_that_binary_numbers_cannot_hold_still_sum_to_100() -> None:
    assert parse_chart(SMALL + "a=33.3\nb=33.3\nc=33.4", "own.toml").surfaces == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weights = [", "not a valid TOML"),
        (SMALL + "a = -1\nb = 101", "not a percentage"),
        (SMALL + 'a = "13"', "one number"),
        (SMALL + "a = [50, 50]", "one number"),
        ("title = 'x'", "needs exactly the keys"),
        ('title="t"\nsource="s"\nfrom_age=0\ncolumns=["all"]\n[weights]\na=100', "list of ages"),
        ('title="t"\nsource="s"\nfrom_age=["y"]\ncolumns=["all"]\n[weights]\na=100', "list of ages"),
        ('title="t"\nsource="s"\nfrom_age=[0]\ncolumns=["all"]\nweights=5', "table of weights"),
    ],
)
def test_a_bad_chart_file_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ChartError, match=says):
        parse_chart(text, "own.toml")


def test_an_unknown_chart_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(ChartError, match="lund-browder, rule-of-nines"):
        load_chart("palm-rule")
