"""How much skin a pixel stands for: shapes whose skin is known exactly, outlines that are cut, and any mask at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsa_measure.body_shape import fitted_surfaces, mirrored, part_of, profile_of
from bsa_measure.chart import load_chart
from bsa_measure.fractions import Doubt, areas_on_surface
from bsa_measure.geometry import (
    FLAG_CUT,
    FLAG_CUT_FLAT,
    FLAG_SMALL,
    LARGEST_WEIGHT,
    SMALLEST_WEIGHT,
    area_weight,
    ellipse_arc,
    lay_chords,
    outline_doubt,
    relative_weight,
    skin_per_pixel,
    weight_picture,
)
from bsa_measure.photo_job import view_areas
from bsa_measure.protocol import View, standard_views
from bsa_measure.surfaces import surface_map, surface_number
from bsa_measure.tissue import Tissue

CHART = load_chart("lund-browder")
LIMB = View(surfaces=("thigh-left-anterior",))
THIGH = surface_number("thigh-left-anterior", CHART)


def upright_cylinder(width: int = 100, height: int = 400) -> np.ndarray:
    body = np.zeros((height + 40, width + 60), bool)
    body[20:-20, 30:-30] = True
    return body


def turned_cylinder(degrees: float, half_width: float = 60, half_length: float = 240) -> tuple[np.ndarray, np.ndarray]:
    """Silhouette of a cylinder whose axis leans, and the place of every pixel across it, -1 to 1."""
    angle = np.radians(degrees)
    y, x = np.mgrid[-290:290, -290:290] + 0.5
    across = (x * np.cos(angle) + y * np.sin(angle)) / half_width
    along = (-x * np.sin(angle) + y * np.cos(angle)) / half_length
    return (np.abs(across) < 1) & (np.abs(along) < 1), across


def test_a_circle_and_an_ellipse_have_the_length_of_geometry() -> None:
    assert ellipse_arc(1.0) - ellipse_arc(-1.0) == pytest.approx(np.pi)
    assert ellipse_arc(0.5) == pytest.approx(np.pi / 6)
    # Perimeter of an ellipse with half axes 1 and 0.5: 4 E(m = 0.75) = 4.844224 (Abramowitz and Stegun, table 17.2).
    assert ellipse_arc(1.0, 0.5) - ellipse_arc(-1.0, 0.5) == pytest.approx(4.844224 / 2, abs=1e-5)
    # No depth: a flat board.
    assert ellipse_arc(0.3, 0.0) == pytest.approx(0.3, abs=1e-4)


@pytest.mark.parametrize("degrees", [0, 12, -35, 60])
def test_the_front_third_of_a_cylinder_is_a_third_of_its_skin(degrees: float) -> None:
    body, across = turned_cylinder(degrees)
    numbers = np.where(body, THIGH, 0).astype(np.uint8)
    weight = skin_per_pixel(lay_chords(body, numbers, "thigh-left-anterior", CHART), None)
    # 60 of 180 degrees face the camera: |u| < sin 30° = 1/2, though they take half of the pixels.
    front = np.abs(across[body]) < 0.5
    assert front.mean() == pytest.approx(0.5, abs=0.01)
    assert weight[front].sum() / weight.sum() == pytest.approx(1 / 3, abs=0.012)


def test_a_chord_across_a_cone_grows_with_it() -> None:
    body = np.zeros((400, 300), bool)
    for row in range(20, 380):
        half = 40 + row // 5
        body[row, 150 - half : 150 + half] = True
    numbers = np.where(body, THIGH, 0).astype(np.uint8)
    chords = lay_chords(body, numbers, "thigh-left-anterior", CHART)
    rows = np.nonzero(body)[0]
    for row in (60, 350):
        width = np.count_nonzero(body[row])
        assert chords.arc[rows == row].sum() == pytest.approx(width * np.pi / 2, rel=0.03)


def test_the_frame_that_cuts_an_outline_flattens_the_surface_and_says_so() -> None:
    labels = np.zeros((400, 300), np.uint8)
    labels[:, :120] = Tissue.INTACT
    found = area_weight(labels, np.where(labels, THIGH, 0).astype(np.uint8), LIMB, CHART, "silhouette")
    assert found.flags == {"thigh-left-anterior": FLAG_CUT_FLAT}
    assert found.weight is not None
    assert (found.weight == 1).all()


def test_a_speck_counts_flat_and_says_so() -> None:
    labels = np.zeros((400, 300), np.uint8)
    labels[200:204, 100:104] = Tissue.INTACT
    found = area_weight(labels, np.where(labels, THIGH, 0).astype(np.uint8), LIMB, CHART, "silhouette")
    assert found.flags == {"thigh-left-anterior": FLAG_SMALL}


def test_flat_weighs_nothing() -> None:
    labels = np.ones((40, 30), np.uint8)
    assert area_weight(labels, labels, LIMB, CHART, "flat").weight is None


def test_an_arm_beside_the_trunk_is_no_part_of_its_chord() -> None:
    trunk, arm = (surface_number(name, CHART) for name in ("trunk-anterior", "upper-arm-left-anterior"))
    labels = np.zeros((400, 400), np.uint8)
    labels[50:350, 100:340] = Tissue.INTACT
    numbers = np.where(labels, trunk, 0).astype(np.uint8)
    numbers[50:350, 280:340] = np.where(labels[50:350, 280:340], arm, 0)
    chords = lay_chords(labels > 0, numbers, "trunk-anterior", CHART)
    # 180 columns of trunk, their middle at column 190.
    assert chords.across.max() == pytest.approx(1 - 1 / 180)
    columns = np.nonzero(numbers == trunk)[1]
    assert chords.across[columns == 190][0] == pytest.approx(0, abs=0.01)


def test_the_other_half_at_one_side_shows_how_the_patient_was_turned() -> None:
    back = surface_number("thigh-left-posterior", CHART)
    body = upright_cylinder()
    numbers = np.where(body, THIGH, 0).astype(np.uint8)
    straight = lay_chords(body, numbers, "thigh-left-anterior", CHART)
    numbers[:, 30:45] = np.where(body[:, 30:45], back, 0)
    turned = lay_chords(body, numbers, "thigh-left-anterior", CHART)
    # A strip of 15 of 100 columns is the arc from -90° to asin(-0.7) = -44.4°: 45.6 of 180 degrees.
    assert straight.turned == 0
    assert turned.turned == pytest.approx(45.6 / 180, abs=0.01)


def doubt_of_cylinder(first: float, last: float, flag: str = "") -> Doubt:
    """The doubt of a cylinder of 400 columns, detached between two places across it."""
    body = upright_cylinder(400, 500)
    numbers = np.where(body, THIGH, 0).astype(np.uint8)
    chords = lay_chords(body, numbers, "thigh-left-anterior", CHART)
    classes = np.where((chords.across > first) & (chords.across < last), Tissue.DETACHED, Tissue.INTACT)
    weight = np.ones(len(classes), np.float32) if flag == FLAG_CUT_FLAT else skin_per_pixel(chords, None)
    return outline_doubt(classes.astype(np.uint8), weight, chords, None, flag)


def test_a_wrong_outline_leaves_the_fraction_in_doubt() -> None:
    # The middle half: 1/3 of the skin. With a width 2 % larger asin(0.5 / 1.02) / (π/2), smaller likewise.
    least, most = doubt_of_cylinder(-0.5, 0.5).detached
    assert 1 / 3 + least == pytest.approx(2 * np.arcsin(0.5 / 1.02) / np.pi, abs=2e-3)
    assert 1 / 3 + most == pytest.approx(2 * np.arcsin(0.5 / 0.98) / np.pi, abs=2e-3)


def test_an_outline_that_lies_to_one_side_leaves_a_flank_in_doubt() -> None:
    # From u = 0.8 to the outline: (π/2 - asin 0.8) / π of the skin. The part 1 % further to the left: asin 0.82.
    least, most = doubt_of_cylinder(0.8, 1.1).detached
    share = (np.pi / 2 - np.arcsin([0.8, 0.82, 0.8 / 1.02])) / np.pi
    assert share[0] + least == pytest.approx(share[1], abs=2e-3)
    assert share[0] + most == pytest.approx(share[2], abs=3e-3)


def test_where_nothing_is_detached_or_all_is_nothing_is_in_doubt() -> None:
    assert doubt_of_cylinder(2, 3) == Doubt()
    least, most = doubt_of_cylinder(-2, 2).detached
    assert (least, most) == (0, 0)


def test_an_outline_that_is_not_trusted_leaves_flat_and_round_in_doubt() -> None:
    # Flat the middle half is 1/2, on the cylinder 1/3.
    least, most = doubt_of_cylinder(-0.5, 0.5, FLAG_CUT_FLAT).detached
    assert least == pytest.approx(1 / 3 - 1 / 2, abs=2e-3)
    assert most == pytest.approx(0, abs=1e-6)
    _, most = doubt_of_cylinder(-0.5, 0.5, FLAG_CUT).detached
    assert most == pytest.approx(1 / 2 - 1 / 3, abs=2e-3)


def test_left_and_right_are_mirror_images() -> None:
    body, _ = turned_cylinder(20)
    for left, right in (("thigh-left-anterior", "thigh-right-anterior"), ("hand-left-dorsal", "hand-right-dorsal")):
        weights = []
        for name, seen in ((left, body), (right, body[:, ::-1])):
            numbers = np.where(seen, surface_number(name, CHART), 0).astype(np.uint8)
            found = area_weight(seen.astype(np.uint8), numbers, View(surfaces=(name,)), CHART, "silhouette")
            assert found.weight is not None
            weights.append(cv2.blur(np.where(seen, found.weight, 0), (21, 21)))
        # Alike but for the pixel's width that the outline moves when the limb is turned upright.
        assert np.abs(weights[0] - weights[1][:, ::-1])[body].mean() < 0.03 * weights[0][body].mean()


def test_every_surface_of_the_chart_has_a_table_and_no_other() -> None:
    assert all(profile_of(name) is not None for name in CHART.surfaces)
    assert len(fitted_surfaces()) == 20
    assert profile_of("left-wing") is None
    assert part_of("upper-arm-left-posterior") == "upper-arm-left"
    assert [mirrored(name) for name in ("leg-right-anterior", "leg-left-anterior", "trunk-anterior")] == [
        True,
        False,
        False,
    ]


def test_the_tables_carry_more_at_the_flanks_of_what_is_round() -> None:
    for name in ("trunk-anterior", "trunk-posterior", "thigh-posterior", "leg-posterior", "head-anterior"):
        profile = profile_of(name)
        assert profile is not None
        rows = profile.carried[2:4].mean(axis=0)
        assert min(rows[0], rows[-1]) > rows[len(rows) // 2]
        assert (profile.carried > 0).all()


def limb_that_narrows(by: float) -> np.ndarray:
    """A silhouette 100 pixels wide on average, at its upper end wider by this share and at its lower one narrower."""
    body = np.zeros((440, 260), bool)
    for row in range(400):
        half = 50 * (1 + by * (0.5 - row / 399))
        body[20 + row, round(130 - half) : round(130 + half)] = True
    return body


def test_the_widths_of_both_ends_are_told_apart_at_any_size() -> None:
    for times in (1, 2):
        for by in (0.0, 0.6, -0.6):
            body = np.kron(limb_that_narrows(by), np.ones((times, times), bool))
            found = lay_chords(body, np.where(body, THIGH, 0).astype(np.uint8), "thigh-left-anterior", CHART).taper
            assert found is not None
            # The middle of the upper and of the lower fifth lie at 0.1 and 0.9 of the length.
            assert found == pytest.approx((np.log(1 + 0.4 * by), np.log(1 - 0.4 * by)), abs=0.02)


def test_a_taper_moves_weight_along_the_limb_and_no_more_than_it_was_fitted_for() -> None:
    profile = profile_of("thigh-left-anterior")
    assert profile is not None
    across, along = np.zeros(50, np.float32), np.linspace(0, 1, 50, dtype=np.float32)
    usual = (float(profile.usual_taper[0]), float(profile.usual_taper[1]))
    plain = profile.at(across, along, 0.0)
    assert profile.at(across, along, 0.0, usual) == pytest.approx(plain, abs=1e-5)
    widened, absurd = (profile.at(across, along, 0.0, (usual[0] + more, usual[1])) for more in (0.4, 4.0))
    assert np.abs(widened - plain).max() > 0.01
    assert absurd == pytest.approx(widened, abs=1e-5)
    # Where the surface's ends are not known, neither is the taper.
    assert profile.at(across, None, 0.0, (usual[0] + 0.4, usual[1])) == pytest.approx(profile.at(across, None, 0.0))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(name for name, v in standard_views().items() if v.surfaces)))
def test_weights_are_positive_and_finite_for_any_mask(seed: int, view_name: str) -> None:
    rng = np.random.default_rng(seed)
    view = standard_views()[view_name]
    height, width = (int(n) for n in rng.integers(1, 90, 2))
    labels = rng.integers(0, 5, (height, width), dtype=np.uint8) * (rng.random((height, width)) < rng.random())
    labels = labels.astype(np.uint8)
    if rng.random() < 0.5:
        labels = np.kron(labels, np.ones((9, 9), np.uint8))
    surfaces = surface_map(labels, view, CHART) if rng.random() < 0.5 else rng.integers(0, 35, labels.shape, np.uint8)
    weight = area_weight(labels, surfaces, view, CHART, "silhouette").weight
    assert weight is not None
    assert weight.shape == labels.shape
    assert weight.dtype == np.float32
    assert np.isfinite(weight).all()
    assert weight.min() >= SMALLEST_WEIGHT - 1e-6
    assert weight.max() <= LARGEST_WEIGHT + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(name for name, v in standard_views().items() if v.surfaces)))
def test_areas_are_the_sums_over_each_surface_wherever_it_lies_in_the_frame(seed: int, view_name: str) -> None:
    rng = np.random.default_rng(seed)
    view = standard_views()[view_name]
    height, width = (int(n) for n in rng.integers(1, 40, 2))
    patches = rng.integers(0, 5, (height, width), np.uint8) * (rng.random((height, width)) < 0.8)
    beside = [(int(a), int(b)) for a, b in rng.integers(0, 60, (2, 2))]
    labels = np.pad(np.kron(patches.astype(np.uint8), np.ones((5, 5), np.uint8)), beside)
    surfaces = surface_map(labels, view, CHART) if rng.random() < 0.7 else np.zeros_like(labels)
    found = view_areas(labels, surfaces, view, CHART, "silhouette")
    for name in view.surfaces:
        on_surface = surfaces == surface_number(name, CHART)
        assert found.weighted[name] == areas_on_surface(labels, on_surface, found.weight)
        assert found.flat[name] == areas_on_surface(labels, on_surface)


@settings(max_examples=15, deadline=None)
@given(st.floats(-40, 40), st.floats(0.05, 1.0))
def test_a_uniform_lesion_keeps_its_fraction(degrees: float, share: float) -> None:
    body, _ = turned_cylinder(degrees)
    labels = body.astype(np.uint8)
    numbers = np.where(body, THIGH, 0).astype(np.uint8)
    weight = area_weight(labels, numbers, LIMB, CHART, "silhouette").weight
    whole = np.where(body, Tissue.DETACHED, 0).astype(np.uint8)
    assert areas_on_surface(whole, body, weight).detached_fraction == 1.0
    # Every pixel detached to the same share, by chance: the weight neither adds nor takes.
    some = np.where(np.random.default_rng(1).random(body.shape) < share, Tissue.DETACHED, Tissue.INTACT)
    patchy = np.where(body, some, 0).astype(np.uint8)
    assert areas_on_surface(patchy, body, weight).detached_fraction == pytest.approx(share, abs=0.02)


@settings(max_examples=10, deadline=None)
@given(st.floats(-30, 30), st.sampled_from([2, 3]))
def test_the_size_of_the_photograph_changes_nothing(degrees: float, times: int) -> None:
    body, across = turned_cylinder(degrees)
    labels = np.where(across > 0.3, Tissue.DETACHED, Tissue.INTACT) * body
    found = []
    for factor in (1, times):
        large = np.kron(labels.astype(np.uint8), np.ones((factor, factor), np.uint8))
        numbers = np.where(large > 0, THIGH, 0).astype(np.uint8)
        weight = area_weight(large, numbers, LIMB, CHART, "silhouette").weight
        found.append(areas_on_surface(large, large > 0, weight).detached_fraction)
    assert found[0] == pytest.approx(found[1], abs=0.004)


def test_a_relative_weight_is_1_on_the_average_of_every_surface() -> None:
    surfaces = np.repeat(np.array([[0, 1, 1, 2]], np.uint8), 3, axis=0)
    weight = np.repeat(np.array([[7, 1, 3, 5]], np.float32), 3, axis=0)
    assert relative_weight(weight, surfaces).tolist() == [[1, 0.5, 1.5, 1]] * 3


def test_the_weight_picture_is_drawn_over_the_body_only() -> None:
    pixels = np.full((20, 30, 3), 90, np.uint8)
    weight = np.full((20, 30), 1, np.float32)
    weight[:, 20:] = 4
    on_body = np.zeros((20, 30), bool)
    on_body[5:15, 5:25] = True
    picture = weight_picture(pixels, weight, on_body)
    assert (picture[~on_body] == 90).all()
    # Where a pixel counts much it is yellow: more red and green than blue.
    assert int(picture[10, 22, 0]) > int(picture[10, 22, 2]) + 50
    assert int(picture[10, 10, 2]) > int(picture[10, 10, 0])
