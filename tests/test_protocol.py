from __future__ import annotations

from pathlib import Path

import pytest

from bsa_measure.chart import load_chart
from bsa_measure.errors import BsaMeasureError, ChartError, ProtocolError
from bsa_measure.protocol import (
    Protocol,
    builtin_protocols,
    load_protocol,
    parse_protocol,
    protocol_text,
    standard_views,
)


def test_an_empty_file_is_the_lysyme_protocol() -> None:
    protocol, chart = parse_protocol("", None)
    assert protocol.endpoint.day == 7
    assert protocol.endpoint.days == (5, 7, 10, 15)
    assert protocol.endpoint.threshold_percent == 90
    assert (protocol.endpoint.maximum, protocol.endpoint.look_forward) == ("peak", False)
    assert (protocol.eligibility.minimum_percent, protocol.eligibility.within_days) == (10, 10)
    assert chart.name == "lund-browder"


@pytest.mark.parametrize("name", builtin_protocols())
def test_the_commented_protocol_says_what_the_defaults_are(name: str) -> None:
    assert parse_protocol(protocol_text(name), None)[0] == Protocol()


def test_every_default_is_written_out_in_the_commented_protocol() -> None:
    text = protocol_text("lysyme")
    for section, fields in Protocol().model_dump().items():
        if section != "views":
            for key in fields:
                assert f"\n{key} = " in text or f"\n# {key} = " in text, key


def test_the_standard_views_show_every_surface_exactly_once() -> None:
    shown = [surface for view in standard_views().values() for surface in view.surfaces]
    assert sorted(shown) == sorted(load_chart("lund-browder").surfaces)


def test_every_surface_is_also_a_view_of_itself() -> None:
    protocol, chart = parse_protocol("", None)
    for surface in chart.surfaces:
        view = protocol.view(surface, chart)
        assert view is not None
        assert view.surfaces == (surface,)


def test_a_study_adds_and_replaces_views() -> None:
    protocol, _ = parse_protocol(
        '[views.thighs]\nsurfaces=["thigh-right-anterior","thigh-left-anterior"]\nsplit="right"\ncuts=[0.5]\n'
        '[views.genitalia]\ntitle="own"\nsurfaces=["genitalia"]',
        None,
    )
    assert protocol.views["thighs"].split == "right"
    assert protocol.views["genitalia"].title == "own"
    assert "trunk-anterior" in protocol.views


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[endpoint]\ntreshold_percent = 9", r"no key .endpoint.treshold_percent. .did you mean .threshold_percent.\?"),
        ("[endpoints]\nday = 7", r"no key 'endpoints' \(did you mean 'endpoint'\?\)"),
        ("colour = 1", "no key 'colour'"),
        ("[endpoint]\nthreshold_percent = 101", "'endpoint.threshold_percent'"),
        ('[endpoint]\nmaximum = "largest"', "'peak' or 'ever-detached'"),
        ('[measure]\nmodel_sha256 = "abc"', "'measure.model_sha256'"),
        ('[measure]\nreadings = ["model", "model"]', "each kind of reading once"),
        ('[views.x]\nsurfaces = ["thigh-left"]', r"'thigh-left', which the chart .*did you mean 'thigh-left-"),
        ('[views.x]\nsurfaces = ["genitalia", "buttock-left"]', "2 surfaces need 1 cuts"),
        ('[views.x]\nsurface = ["genitalia"]', "did you mean 'surfaces'"),
        ('[views."../x"]\nsurfaces = ["genitalia"]', "cannot be used"),
        ("day = ", "not valid TOML"),
    ],
)
def test_a_wrong_protocol_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        parse_protocol(text, None)


def test_a_site_chart_is_found_beside_the_protocol_and_refused_when_it_sums_to_101(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('[chart]\nname = "own.toml"', encoding="utf-8")
    with pytest.raises(ChartError, match="cannot be read"):
        load_protocol(tmp_path / "study.toml")
    chart = 'title="t"\nsource="s"\nfrom_age=[0]\ncolumns=["all"]\n[weights]\nfront = 50\nback = '
    (tmp_path / "own.toml").write_text(chart + "51", encoding="utf-8")
    with pytest.raises(ChartError, match="sums to 101"):
        load_protocol(tmp_path / "study.toml")
    (tmp_path / "own.toml").write_text(chart + "50", encoding="utf-8")
    protocol, loaded = load_protocol(tmp_path / "study.toml")
    assert loaded.surfaces == ("front", "back")
    assert protocol.view("front", loaded) is not None


def test_comments_do_not_change_the_protocol_but_values_do() -> None:
    empty = parse_protocol("", None)[0]
    assert parse_protocol("# a comment\n[endpoint]\nday = 7", None)[0].sha256 == empty.sha256
    assert parse_protocol("[endpoint]\nday = 10", None)[0].sha256 != empty.sha256


def test_the_day_of_the_call_is_reported_even_when_it_is_not_listed() -> None:
    protocol, _ = parse_protocol("[endpoint]\nday = 8\ndays = [15, 5]", None)
    assert protocol.endpoint.reported_days == (5, 8, 15)


def test_every_error_is_one_sentence() -> None:
    for text in ("[endpoint]\nday = 'x'", "[[", "[quality]\nblur = 1"):
        with pytest.raises(BsaMeasureError) as caught:
            parse_protocol(text, None)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")
