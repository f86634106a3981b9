"""The report: what it says, where it draws it, and that it stays one safe, self-contained, reproducible page."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_studies import (
    areas,
    example_pictures,
    example_study,
    patient_result,
    plain_protocol,
    refused_photo,
    study,
)

from bsa_measure.bsa import Extent, VisitBsa, visit_bsa
from bsa_measure.chart import load_chart
from bsa_measure.protocol import Endpoint, standard_views
from bsa_measure.report.bodymap import SurfaceValue, body_map_svg, legend_svg, scale_color, shared_outlines_svg
from bsa_measure.report.course_plot import course_plot_svg, response_levels
from bsa_measure.report.figure import Outline, outlines
from bsa_measure.report.overlay import draw_overlay, thumbnail
from bsa_measure.report.page import render_report
from bsa_measure.report.words import interval, percent, ratio_decimals, surface_title
from bsa_measure.results import StudyResults
from bsa_measure.tissue import Tissue
from bsa_measure.uncertainty import Interval, Simulated, SimulatedCourse

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def results() -> StudyResults:
    return example_study()


@pytest.fixture(scope="module")
def page(results: StudyResults) -> str:
    return render_report(results, example_pictures(results, side=80))


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (89.94, "89.9"),
        (89.96, "89.96"),  # one decimal would say 90.0, which is a response
        (89.99996, "89.99996"),
        (90.0, "90.0"),
        (90.04, "90.04"),  # above the threshold, and says so
        (90.0 - 1e-12, "90.0"),  # a rounding error of binary sums is not a miss
        (99.97, "99.97"),
        (100.0, "100.0"),
        (0.02, "0.02"),
        (0.0, "0.0"),
        (-3.25, "−3.2"),
        (312.06, "312"),  # above 100 only the re-epithelialised percent lies: no tenth of it is known
        (100.2, "100.2"),  # and is never said to be 100
        (None, "–"),
    ],
)
def test_a_percentage_is_never_shown_on_the_wrong_side_of_a_limit(value: float | None, text: str) -> None:
    assert percent(value, 90) == text


def test_an_interval_without_an_upper_end_is_put_in_words() -> None:
    assert interval(Extent(95.0, 80.0, float("inf"))) == "80.0 or more"
    assert interval(Extent(6.15, 5.63, 6.93), decimals=2) == "5.63 – 6.93"


def test_the_printed_arithmetic_gives_the_printed_answer_when_done_again() -> None:
    # 100 (1 - 2.0004 / 20) = 89.998, but 100 (1 - 2.00 / 20.00) would be 90: four decimals are needed.
    decimals = ratio_decimals(2.0004, 20.0, lambda part, whole: 100 * (1 - part / whole), 90)
    assert decimals == 4
    assert ratio_decimals(1.0, 20.0, lambda part, whole: 100 * (1 - part / whole), 90) == 2


@pytest.mark.parametrize(
    ("surface", "title"),
    [
        ("thigh-left-anterior", "front of the left thigh"),
        ("upper-arm-right-posterior", "back of the right upper arm"),
        ("leg-left-posterior", "back of the left lower leg"),
        ("hand-right-palmar", "right palm"),
        ("hand-left-dorsal", "back of the left hand"),
        ("foot-left-plantar", "left sole"),
        ("buttock-right", "right buttock"),
        ("neck-posterior", "back of the neck"),
        ("genitalia", "genitalia"),
        ("scar-field-b", "scar field b"),
    ],
)
def test_surfaces_have_plain_names(surface: str, title: str) -> None:
    assert surface_title(surface) == title


# --- the body map ----------------------------------------------------------------------------------------------------


def _groups(svg: str) -> dict[str, ElementTree.Element]:
    """Every surface's group, by the first words of its tooltip."""
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is not None and title.text:
            found[title.text.split(":")[0]] = group
    return found


def _middle(group: ElementTree.Element) -> tuple[float, float]:
    """Middle of the box around a group's first path."""
    path = group.find(f"{SVG}path")
    assert path is not None
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path.attrib["d"])]
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


@pytest.mark.parametrize("chart", ["lund-browder", "rule-of-nines"])
def test_every_surface_of_the_charts_is_drawn(chart: str) -> None:
    assert set(outlines()) == set(load_chart(chart).surfaces)


def test_the_patients_left_is_right_in_the_front_view_and_left_in_the_back_view() -> None:
    groups = _groups(body_map_svg({}, title="map"))
    width = 392  # front figure in the left half of the picture, back figure in the right half
    front_midline, back_midline = (_middle(groups[name])[0] for name in ("face", "back of the head"))
    assert front_midline < width / 2 < back_midline
    pairs = 0
    for name, outline in outlines().items():
        side = next((word for word in name.split("-") if word in ("left", "right")), None)
        x = _middle(groups[surface_title(name)])[0]
        midline = front_midline if outline.side == "front" else back_midline
        if side is None:
            assert x == pytest.approx(midline, abs=0.1), name
            continue
        pairs += 1
        on_image_right = x > midline
        assert on_image_right == (side == "left" if outline.side == "front" else side == "right"), name
    assert pairs == 26


def test_palms_and_feet_seen_from_above_are_in_the_front_view() -> None:
    side = {name: outline.side for name, outline in outlines().items()}
    assert side["hand-left-palmar"] == side["foot-left-dorsal"] == side["genitalia"] == "front"
    assert side["hand-left-dorsal"] == side["foot-left-plantar"] == side["buttock-left"] == "back"


def test_the_body_is_drawn_from_head_to_foot() -> None:
    order = ["face", "front of the neck", "chest and abdomen", "front of the left thigh", "front of the left lower leg"]
    groups = _groups(body_map_svg({}, title="map"))
    heights = [_middle(groups[name])[1] for name in [*order, "top of the left foot"]]
    assert heights == sorted(heights)


def test_left_and_right_letters_stand_beside_the_right_figure() -> None:
    root = ElementTree.fromstring(body_map_svg({}, title="map"))
    letters = [(float(t.attrib["x"]), t.text) for t in root.iter(f"{SVG}text") if t.text in ("L", "R")]
    assert [letter for _, letter in sorted(letters)] == ["R", "L", "L", "R"]


def _inside(point: tuple[float, float], polygon: list[tuple[float, float]]) -> bool:
    x, y = point
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside


def test_hatching_stays_inside_its_surface() -> None:
    for name in ("trunk-anterior", "thigh-left-posterior", "hand-right-dorsal", "foot-left-plantar"):
        svg = body_map_svg({name: SurfaceValue("unseen")}, title="map")
        shape, hatch = _groups(svg)[surface_title(name)].findall(f"{SVG}path")
        outline: Outline = outlines()[name]
        shift = _middle(_groups(svg)["face" if outline.side == "front" else "back of the head"])[0]
        polygon = [(x + shift, y) for x, y in outline.polygon()]
        strokes = [
            tuple(map(float, found)) for found in re.findall(r"M(\S+) (\S+)L(\S+) (\S+?)(?=M|$)", hatch.attrib["d"])
        ]
        assert len(strokes) > 3, name
        assert all(_inside(((a + c) / 2, (b + d) / 2), polygon) for a, b, c, d in strokes), name
        assert shape.attrib["fill"] == "#ffffff"


def test_unseen_uninvolved_and_zero_look_different_and_say_so() -> None:
    values = {
        "trunk-anterior": SurfaceValue("unseen"),
        "trunk-posterior": SurfaceValue("uninvolved"),
        "head-anterior": SurfaceValue("seen", 0.0),
        "neck-anterior": SurfaceValue("seen", 0.25),
    }
    groups = _groups(body_map_svg(values, title="map"))
    paths = {name: group.findall(f"{SVG}path") for name, group in groups.items()}
    assert [len(paths[n]) for n in ("chest and abdomen", "back", "face", "front of the neck")] == [2, 2, 1, 1]
    assert "stroke-linecap" not in paths["chest and abdomen"][1].attrib  # lines
    assert paths["back"][1].attrib["stroke-linecap"] == "round"  # dots
    assert paths["face"][0].attrib["fill"] != paths["back"][0].attrib["fill"]
    tooltips = ["".join(g.find(f"{SVG}title").itertext()) for g in groups.values()]  # type: ignore[union-attr]
    assert "chest and abdomen: not photographed, or nothing of it can be assessed" in tooltips
    assert "back: declared free of lesions" in tooltips
    assert "front of the neck: 25 % detached" in tooltips


def test_the_colour_scale_is_fixed_and_darkens_all_the_way() -> None:
    for scale in ("detached", "reepithelialised"):
        steps = [0.0, 0.001, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0]
        light = [sum(scale_color(step, scale)) for step in steps]  # type: ignore[arg-type]
        assert light == sorted(light, reverse=True)
        assert len(set(light)) == len(light)
    # Another surface's value changes nothing: the scale is not stretched to the data.
    alone = body_map_svg({"trunk-anterior": SurfaceValue("seen", 0.3)}, title="map", numbers=False)
    both = body_map_svg(
        {"trunk-anterior": SurfaceValue("seen", 0.3), "trunk-posterior": SurfaceValue("seen", 0.9)},
        title="map",
        numbers=False,
    )
    color = "#{:02x}{:02x}{:02x}".format(*scale_color(0.3))
    assert color in alone
    assert color in both


def test_almost_nothing_is_not_written_as_zero_and_almost_all_not_as_hundred() -> None:
    values = {"trunk-anterior": SurfaceValue("seen", 0.004), "trunk-posterior": SurfaceValue("seen", 0.997)}
    written = [t.text for t in ElementTree.fromstring(body_map_svg(values, title="map")).iter(f"{SVG}text")]
    assert "‹1" in written
    assert "›99" in written


def test_a_surface_of_a_sites_own_chart_that_the_figure_lacks_breaks_nothing() -> None:
    svg = body_map_svg({"scar-field-b": SurfaceValue("seen", 0.5)}, title="map")
    assert len(_groups(svg)) == 33


# --- the course ------------------------------------------------------------------------------------------------------

WEIGHTS = load_chart("lund-browder").weights_at(40)


def _visit(day: int, trunk: float, back: float = 0.0) -> VisitBsa:
    shown = {"trunk-anterior": areas((trunk, 0.0)), "trunk-posterior": areas((back, 0.0))}
    return visit_bsa(day, WEIGHTS, shown, uninvolved=set(WEIGHTS))


VISITS = [_visit(0, 0.5), _visit(5, 0.8), _visit(7, 0.1, 0.4), _visit(10, 0.9, 0.4)]
# D by hand, 13 % BSA each for the front and the back of the trunk: 6.5, 10.4, 1.3 + 5.2 = 6.5, 11.7 + 5.2 = 16.9.


def test_the_response_line_is_a_tenth_of_the_maximum_so_far() -> None:
    levels = response_levels(VISITS, Endpoint(), range(-1, 12))
    assert [(level.day, round(level.level, 6)) for level in levels] == [
        *((day, 0.65) for day in range(5)),
        *((day, 1.04) for day in range(5, 10)),
        (10, 1.69),
        (11, 1.69),
    ]  # and none on D-1: no maximum is known yet


def test_the_response_line_looks_forward_when_the_protocol_does() -> None:
    levels = response_levels(VISITS, Endpoint(look_forward=True), (0, 7, 10))
    assert [round(level.level, 6) for level in levels] == [1.69, 1.69, 1.69]


def test_the_response_line_follows_the_protocols_maximum_threshold_and_numerator() -> None:
    # ever detached up to D7: 13 x 0.8 + 13 x 0.4 = 15.6; 20 % of it is 3.12.
    ever = response_levels(VISITS, Endpoint(maximum="ever-detached", threshold_percent=80), (7,))
    assert ever[0].level == pytest.approx(3.12)
    # With the re-epithelialised numerator E(t) must reach 90 % of M(7) = 10.4.
    covered = response_levels(VISITS, Endpoint(numerator="reepithelialised"), (7,))
    assert covered[0].level == pytest.approx(9.36)


def test_the_plot_draws_the_line_where_the_axis_says() -> None:
    protocol, _ = plain_protocol()
    svg = course_plot_svg(VISITS, protocol, title="course")
    root = ElementTree.fromstring(svg)
    ticks = {t.text: float(t.attrib["y"]) for t in root.iter(f"{SVG}text") if t.attrib.get("text-anchor") == "end"}
    zero, twenty = ticks["0"], ticks["20"]  # the strip's own 0 comes later and has the same text: take the first
    first_zero = next(
        float(t.attrib["y"]) for t in root.iter(f"{SVG}text") if t.text == "0" and t.attrib.get("text-anchor") == "end"
    )
    assert zero != first_zero
    per_percent = (first_zero - twenty) / 20
    line = next(p for p in root.iter(f"{SVG}path") if p.attrib.get("class") == "limit" and "L" in p.attrib["d"])
    heights = [float(pair.split(" ")[1]) for pair in re.split("[ML]", line.attrib["d"])[1:]]
    baseline = first_zero - 4  # text stands 4 units lower than its grid line
    levels = [(baseline - height) / per_percent for height in heights]
    assert levels == pytest.approx([0.65, 0.65, 1.04, 1.04, 1.69, 1.69], abs=0.06)


def test_a_missing_planned_visit_is_marked() -> None:
    protocol, _ = plain_protocol()
    assert course_plot_svg(VISITS, protocol, title="c").count(">missing<") == 1  # D15 of 0, 5, 7, 10, 15


def test_a_bound_far_above_everything_is_cut_off_and_written_out() -> None:
    protocol, _ = plain_protocol()
    hidden = visit_bsa(15, WEIGHTS, {"trunk-anterior": areas((0.1, 0.0))})  # all else unseen: high = 100 - 13 x 0.9
    svg = course_plot_svg([*VISITS, hidden], protocol, title="c")
    assert ">to 88.3<" in svg


# --- the page --------------------------------------------------------------------------------------------------------


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
                self.targets.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            self.styles += name == "style"


def _parsed(page: str) -> _Links:
    parser = _Links()
    parser.feed(page)
    return parser


def test_the_page_fetches_nothing(page: str) -> None:
    found = _parsed(page)
    outside = [t for t in found.targets if not t.startswith(("#", "data:image/jpeg;base64,"))]
    assert outside == []
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert "url(" not in style.group(1)
    assert "@import" not in style.group(1)


def test_every_link_inside_the_page_has_its_target_once(page: str) -> None:
    found = _parsed(page)
    assert len(found.ids) == len(set(found.ids))
    assert {t[1:] for t in found.targets if t.startswith("#")} <= set(found.ids)


def test_the_policy_allows_exactly_the_pages_own_style_and_script(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for tag in ("style", "script"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert text is not None
        digest = base64.b64encode(hashlib.sha256(text.group(1).encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy.group(1)
    assert policy.group(1).startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy.group(1)
    found = _parsed(page)
    assert (found.scripts, found.handlers, found.styles) == (1, [], 0)


def test_the_same_results_give_the_same_page(results: StudyResults, page: str) -> None:
    assert render_report(results, example_pictures(results, side=80)) == page
    later = replace(results.provenance, measured_utc="2031-01-01T00:00:00Z", command="bsa-measure measure D:\\x")
    assert render_report(replace(results, provenance=later), example_pictures(results, side=80)) == page


def test_no_path_of_the_machine_is_shown(page: str) -> None:
    assert "/home/" not in page


def test_every_drawing_is_valid_xml(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) > 100
    for drawing in [*drawings, shared_outlines_svg(), legend_svg("detached")]:
        ElementTree.fromstring(drawing)


def _cell_texts(page: str, anchor: str) -> str:
    row = re.search(
        rf'<tr data-call="\w+" data-to-do="\w+">\s*<th scope="row"><a href="#{anchor}">.*?</tr>', page, re.S
    )
    assert row is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row.group(0)))


def test_the_summary_answers_for_every_patient(page: str) -> None:
    response, none, near, hidden, missing, clean = (_cell_texts(page, f"patient-{i}") for i in range(1, 7))
    assert "LY-001 Response 97.3" in response
    assert "1 photograph to review" in response
    assert "LY-002 No response" in none
    assert "1 photograph refused" in none
    assert "LY-003 No response 89.96" in near  # never "90.0" beside "no"
    assert "90.0" not in near
    assert "points apart" in near
    assert "LY-004 Undetermined" in hidden
    assert "3 views missing at D7" in hidden
    assert "LY-005 Undetermined –" in missing
    assert "no measured photograph of D7" in missing
    assert "eligibility is open: patients.csv gives no index_day" in missing
    assert "LY-006 No detachment" in clean


def test_the_call_is_one_plain_sentence_with_its_arithmetic(page: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "At D7, 97.3 % of the maximal detached skin is healed: a response takes 90 %, which is reached" in text
    assert "100 × (1 − 0.69 / 25.54) = 97.30 %" in text
    assert "No call is possible: there is no measured photograph of D7." in text


def _with_intervals(results: StudyResults, healed: Interval, covered: Interval) -> StudyResults:
    """The study with intervals of the first patient on D7, as an error model would give them; else as it was."""
    day = Simulated(7, healed, covered, 0.4, Interval(24.0, 26.0), 0.1)
    simulated = SimulatedCourse(90.0, ("R",), {}, {7: day})
    return replace(results, patients=(replace(results.patients[0], simulated=simulated), *results.patients[1:]))


def test_a_value_outside_its_own_interval_says_why(results: StudyResults) -> None:
    # H of LY-001 on D7 is 97.30: the error model takes a known bias off the draws, not off the value.
    why = "the healed percent lies outside its interval: the interval is corrected for the known bias"
    outside = render_report(_with_intervals(results, Interval(60.0, 97.2), Interval(80.0, 99.0)), {})
    assert outside.count(why) == 1
    row = outside[: outside.index(why)].rindex("<tr")
    assert outside[row:].startswith('<tr class="flag-row the-call">')
    for end in (97.3, 97.2995):
        inside = render_report(_with_intervals(results, Interval(60.0, end), Interval(80.0, 99.0)), {})
        assert why not in inside
        assert "so that a value can lie outside its interval" in inside  # the method says it for all


def test_a_share_above_100_is_explained_where_it_is_shown(results: StudyResults, page: str) -> None:
    note = "It does not mean that more than all of it has healed."
    assert page.count(note) == 2  # the patients with hidden skin
    assert note not in page[: page.index('id="patient-2"')]
    assert "so that a value can lie outside its interval" not in page  # there is no error model in this study
    above = render_report(_with_intervals(results, Interval(60.0, 99.0), Interval(3.7, 312.06)), {})
    assert above.count(note) == 3
    assert note in above[: above.index('id="patient-2"')]
    assert '<span class="range">3.7 – 312</span>' in above


def test_hidden_skin_and_missing_views_are_listed(page: str) -> None:
    # trunk-posterior 13 + buttocks 5 + one sole 1.75 = 19.75 % of the body (7 years: column 5).
    assert "Unseen surfaces (19.8 % of the body):" in page
    assert "<b>Missing views:</b> Back; Buttocks; Soles of the feet." in page


def test_true_values_stand_beside_the_measured_ones_of_phantoms(results: StudyResults, page: str) -> None:
    # The phantom's truth: 1.1 % BSA at D7 after at most 29.4: 100 (1 - 1.1 / 29.4) = 96.26 % healed.
    assert '<span class="truth">true 96.3</span>' in page
    assert '<span class="truth">true 1.10</span>' in page
    without = render_report(replace(results, truth={}), {})
    assert 'class="truth"' not in without
    assert "true value" not in without


def test_photographs_without_a_picture_are_still_listed(results: StudyResults) -> None:
    bare = render_report(results, {})
    assert bare.count("no picture</div>") == sum(len(p.photos) for p in results.patients) + 1
    assert "data:image" not in bare


def test_problems_and_refused_photographs_are_named_with_their_reason(page: str) -> None:
    assert "did you mean &#39;thigh-left-anterior&#39;?" in page
    assert "photos/LY-009/D00/arm.jpg" in page
    assert "photos/LY-002/D07/trunk-anterior-2.jpg" in page


def test_the_page_says_what_it_was_made_with(page: str, results: StudyResults) -> None:
    assert results.provenance.model_sha256 in page
    assert results.protocol.sha256 in page
    assert results.chart.source in page
    assert "Not a medical device" in page


EVIL = '<script>alert("x")</script>\'"é&amp;\n\u202egpj.exe'


def test_names_from_outside_can_neither_run_nor_hide(results: StudyResults) -> None:
    protocol, chart = plain_protocol()
    named = patient_result(EVIL, {0: {"trunk-anterior": (0.4,)}, 7: {"trunk-anterior": (0.0,)}}, protocol, chart)
    photos = tuple(replace(photo, reader=EVIL, problems=(EVIL,), file=f"photos/{EVIL}.jpg") for photo in named.photos)
    named = replace(named, patient=replace(named.patient, sex=EVIL), photos=photos)
    evil = study(
        [named],
        protocol,
        chart,
        name=EVIL,
        problems=(EVIL,),
        refused=(refused_photo(EVIL, 7, EVIL, EVIL), refused_photo("stranger", 7, EVIL, EVIL)),
    )
    evil = replace(evil, provenance=replace(evil.provenance, model=EVIL, counts={EVIL: 1}, libraries={EVIL: EVIL}))
    written = render_report(evil, {photo.overlay: b"\xff\xd8" for photo in photos})
    found = _parsed(written)
    assert found.scripts == 1
    assert found.handlers == []
    assert all(t.startswith(("#", "data:image/jpeg;base64,")) for t in found.targets)
    assert "<script>alert" not in written
    assert "\u202e" not in written
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&#39;&#34;é&amp;amp;\\u000a\\u202egpj.exe" in written
    for drawing in re.findall(r"<svg.*?</svg>", written, re.DOTALL):
        ElementTree.fromstring(drawing)


def test_a_study_without_patients_or_visits_has_a_page() -> None:
    protocol, chart = plain_protocol()
    empty = render_report(study([], protocol, chart), {})
    assert "No patient." in empty
    unseen = patient_result("LY-010", {}, protocol, chart)
    assert "No call is possible" in render_report(study([unseen], protocol, chart), {})


def test_the_protocols_choices_are_printed_in_words() -> None:
    text = '[endpoint]\nmaximum = "ever-detached"\nlook_forward = true\nthreshold_percent = 80\n'
    text += 'numerator = "reepithelialised"\n'
    written = render_report(example_study(text), {})
    assert "every surface at its own worst visit, summed" in written
    assert "the whole course" in written
    assert "at least 80 % on D7, on the unrounded value" in written
    assert '<th scope="col" class="n">Re-epithelialised, %</th>' in written


def test_the_measurement_does_not_load_the_template_engine() -> None:
    code = "import bsa_measure.report.page, sys; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- pictures --------------------------------------------------------------------------------------------------------


def _scene() -> tuple[np.ndarray, np.ndarray]:
    pixels = np.full((300, 400, 3), 60, np.uint8)
    labels = np.zeros((300, 400), np.uint8)
    labels[50:250, 50:350] = Tissue.INTACT
    labels[100:200, 150:250] = Tissue.DETACHED
    return pixels, labels


def test_an_outline_has_its_class_colour_and_a_white_rim_and_leaves_the_inside_alone() -> None:
    pixels, labels = _scene()
    drawn = draw_overlay(pixels, labels)
    assert drawn.shape == (300, 400, 3)
    assert tuple(drawn[100, 200]) == Tissue.DETACHED.color
    assert tuple(drawn[50, 200]) == Tissue.INTACT.color
    assert (255, 255, 255) in {tuple(map(int, drawn[98, 200])), tuple(map(int, drawn[99, 200]))}
    assert tuple(drawn[150, 200]) == (60, 60, 60)
    assert tuple(pixels[100, 200]) == (60, 60, 60)  # the photograph itself is untouched


def test_a_single_detached_pixel_is_still_outlined() -> None:
    pixels, labels = _scene()
    labels[20, 20] = Tissue.DETACHED
    assert tuple(draw_overlay(pixels, labels)[20, 20]) == Tissue.DETACHED.color


def test_the_overlay_is_reduced_never_enlarged() -> None:
    pixels, labels = _scene()
    assert draw_overlay(pixels, labels, long_side=200).shape == (150, 200, 3)
    assert draw_overlay(pixels, labels, long_side=4000).shape == (300, 400, 3)


def test_thumbnails_are_small_reproducible_and_carry_no_metadata() -> None:
    pixels, labels = _scene()
    drawn = draw_overlay(pixels, labels)
    small = thumbnail(drawn, 200)
    assert small == thumbnail(drawn, 200)
    assert small.startswith(b"\xff\xd8")
    assert b"Exif" not in small
    assert b"ICC_PROFILE" not in small


# --- in a real browser -----------------------------------------------------------------------------------------------

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: the page cannot be tried in a real browser")
def test_a_browser_runs_the_page_without_a_complaint(page: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8", newline="\n")

    def browser(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments, file.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    shown = browser("--dump-dom")
    assert '<div class="tools">' in shown.stdout  # the script ran: it uncovers its own buttons
    assert "CONSOLE" not in shown.stderr  # nothing refused by the policy, no error
    browser(f"--print-to-pdf={tmp_path / 'report.pdf'}", "--no-pdf-header-footer")
    pdf = (tmp_path / "report.pdf").read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pages > 30  # every closed visit of six patients is opened in print


# --- the sheet for the wall ------------------------------------------------------------------------------------------

ROOT = Path(__file__).parent.parent


def _poster() -> str:
    spec = importlib.util.spec_from_file_location("make_view_poster", ROOT / "scripts" / "make_view_poster.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.poster_svg())


def test_the_sheet_of_views_is_up_to_date() -> None:
    drawn = (ROOT / "docs" / "views.svg").read_text(encoding="utf-8")
    assert drawn == _poster(), "run: python scripts/make_view_poster.py"


def test_the_sheet_shows_every_view_and_every_surface_once() -> None:
    root = ElementTree.fromstring(_poster())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for name, view in standard_views().items():
        assert texts.count(f"{name}.jpg") == 1
        assert texts.count(view.title) == 1
    bare = [
        use.attrib["href"][1:]
        for photo in root.findall(f".//{SVG}svg")
        for group in photo.iter(f"{SVG}g")
        if group.attrib.get("fill") == "#8fc1e3"
        for use in group.iter(f"{SVG}use")
    ]
    assert sorted(bare) == sorted(outlines())


def test_the_nurses_page_names_what_the_program_has() -> None:
    text = (ROOT / "docs" / "nurse.md").read_text(encoding="utf-8")
    chart = load_chart("lund-browder")
    declared = [line.split(",")[2] for line in text.splitlines() if re.match(r"LY-\d+,D\d+,", line)]
    assert declared
    assert all(surface in chart.surfaces or surface == "*" for surface in declared)
    stems = re.findall(r"\\D\d\d\\([a-z-]+?)(?:-\d)?\.jpg", text)
    assert stems
    assert all(stem in standard_views() for stem in stems)
