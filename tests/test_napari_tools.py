"""The tools of a correction, on hand-made arrays and by their properties."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from bsa_measure_napari.tools.disagreement import Disagreement, disagreements, merge, next_after, take
from bsa_measure_napari.tools.lesion import fill_holes, lesion_at, smooth_border, swap_class
from bsa_measure_napari.tools.patch import NOTHING, Area, Patch, difference, paint
from bsa_measure_napari.tools.polygon import fill_polygon
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bsa_measure.tissue import Tissue

Labels = npt.NDArray[np.uint8]
INTACT, DETACHED, HIDDEN = Tissue.INTACT, Tissue.DETACHED, Tissue.NOT_ASSESSABLE


def drawn(*rows: str) -> Labels:
    """A label image from digits; a dot is background."""
    return np.array([[0 if mark == "." else int(mark) for mark in row] for row in rows], np.uint8)


def shown(labels: Labels) -> list[str]:
    return ["".join("." if value == 0 else str(value) for value in row) for row in labels]


# A busy computer is no fault of the tools.
patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

# A picture with blobs in it, rather than noise, so that lesions have an inside.
blobs = arrays(np.uint8, (9, 11), elements=st.integers(0, 4)).map(lambda a: np.kron(a, np.ones((3, 3), np.uint8)))
points = st.tuples(st.integers(0, 26), st.integers(0, 32))
locks = st.sets(st.sampled_from(list(Tissue)))
TOOLS = {
    "swap": lambda labels, point, locked: swap_class(labels, point, DETACHED, locked=locked),
    "fill": lambda labels, point, locked: fill_holes(labels, point, locked=locked),
    "smooth": lambda labels, point, locked: smooth_border(labels, point, radius=3, locked=locked),
    "polygon": lambda labels, point, locked: fill_polygon(
        labels, [point, (0, 0), (20, 5), (4, 31)], DETACHED, locked=locked
    ),
}


@pytest.mark.parametrize("tool", sorted(TOOLS))
@patient
@given(labels=blobs, point=points, locked=locks)
def test_a_tool_is_local_reversible_and_leaves_locked_classes_alone(
    tool: str, labels: Labels, point: tuple[int, int], locked: set[int]
) -> None:
    before = labels.copy()
    patch = TOOLS[tool](labels, point, locked)
    assert np.array_equal(labels, before), "a tool only proposes"
    back = patch.inverse(labels)
    after = patch.applied(labels)
    outside = np.ones(labels.shape, bool)
    outside[patch.box] = False
    assert np.array_equal(after[outside], before[outside])
    held = np.isin(before, list(locked))
    assert np.array_equal(after[held], before[held])
    assert np.array_equal(back.applied(after), before)
    changed = np.argwhere(after != before)
    if len(changed):  # the patch is the smallest rectangle that holds the change
        assert (patch.top, patch.left) == tuple(changed.min(axis=0))
        assert patch.labels.shape == tuple(np.ptp(changed, axis=0) + 1)
    else:
        assert patch.is_empty


@pytest.mark.parametrize("tool", ["swap", "fill", "polygon"])
@patient
@given(labels=blobs, point=points, locked=locks)
def test_using_a_tool_twice_changes_nothing_more(
    tool: str, labels: Labels, point: tuple[int, int], locked: set[int]
) -> None:
    after = TOOLS[tool](labels, point, locked).applied(labels)
    assert TOOLS[tool](after, point, locked).is_empty


@patient
@given(labels=blobs, other=blobs)
def test_the_difference_turns_one_picture_into_the_other(labels: Labels, other: Labels) -> None:
    assert np.array_equal(difference(labels, other).applied(labels), other)
    assert difference(labels, labels).is_empty


def test_painting_keeps_locked_classes_and_kept_pixels() -> None:
    labels = drawn("1141", "1141")
    keep = np.zeros(labels.shape, bool)
    keep[0, 0] = True
    patch = paint(labels, Area(0, 0, np.ones((2, 4), bool)), DETACHED, locked={HIDDEN}, keep=keep)
    assert shown(patch.applied(labels)) == ["1242", "2242"]


def test_a_lesion_is_connected_over_corners_and_ends_at_the_frame() -> None:
    labels = drawn("2..", ".2.", "..1")
    lesion = lesion_at(labels, (0, 0))
    assert (lesion.top, lesion.left) == (0, 0)
    assert lesion.inside.tolist() == [[True, False], [False, True]]


def test_the_class_of_one_lesion_is_swapped_and_its_twin_stays() -> None:
    labels = drawn("221122", "221122")
    patch = swap_class(labels, (0, 5), Tissue.REEPITHELIALISED)
    assert shown(patch.applied(labels)) == ["221133", "221133"]
    assert swap_class(labels, (0, 5), Tissue.REEPITHELIALISED, locked={DETACHED}) is NOTHING


def test_holes_are_filled_but_not_a_large_island_nor_a_bay_nor_a_locked_class() -> None:
    labels = drawn(
        "2222222",
        "2122112",
        "2222112",
        "2422112",
        "2222222",
        "2222.22",
    )
    whole = fill_holes(labels, (0, 0)).applied(labels)
    assert shown(whole) == ["2222222"] * 5 + ["2222.22"]
    small = fill_holes(labels, (0, 0), largest_share=0.1, locked={HIDDEN}).applied(labels)
    assert shown(small) == ["2222222", "2222112", "2222112", "2422112", "2222222", "2222.22"]


def test_a_hole_with_something_in_it_is_filled_as_one() -> None:
    labels = drawn("22222", "21112", "21212", "21112", "22222")
    assert shown(fill_holes(labels, (0, 0)).applied(labels)) == ["22222"] * 5


def test_smoothing_takes_a_spike_and_fills_a_notch_but_keeps_a_straight_border() -> None:
    labels = np.full((60, 60), INTACT, np.uint8)
    labels[20:, :] = DETACHED
    labels[14:20, 30] = DETACHED  # spike
    labels[20:26, 10] = INTACT  # notch
    after = smooth_border(labels, (40, 40)).applied(labels)
    straight = np.full((60, 60), INTACT, np.uint8)
    straight[20:, :] = DETACHED
    assert np.count_nonzero(after != straight) <= 6  # of 12
    assert smooth_border(straight, (40, 40)).is_empty


def test_smoothing_gives_what_is_lost_to_the_class_beside_it() -> None:
    labels = np.full((60, 60), INTACT, np.uint8)
    labels[:, 30:] = 0
    labels[30:, :] = DETACHED
    labels[20:30, 28] = DETACHED
    labels[20:30, 50] = DETACHED
    after = smooth_border(labels, (50, 50), radius=4).applied(labels)
    assert after[22, 28] == INTACT
    assert after[22, 50] == Tissue.BACKGROUND


def test_a_disc_keeps_its_area_within_one_percent_when_smoothed() -> None:
    y, x = np.mgrid[:200, :200]
    labels = np.where((y - 100) ** 2 + (x - 100) ** 2 <= 60**2, DETACHED, INTACT).astype(np.uint8)
    after = smooth_border(labels, (100, 100)).applied(labels)
    assert abs(int((after == 2).sum()) - int((labels == 2).sum())) < 0.01 * (labels == 2).sum()


def test_a_speck_is_not_smoothed_away() -> None:
    labels = np.full((30, 30), INTACT, np.uint8)
    labels[15, 15] = DETACHED
    assert smooth_border(labels, (15, 15)).is_empty


def test_a_polygon_is_filled_with_its_outline_and_cut_at_the_frame() -> None:
    labels = np.full((6, 6), INTACT, np.uint8)
    patch = fill_polygon(labels, [(-3, 2), (-3, 9), (3, 9), (3, 2)], DETACHED)
    assert shown(patch.applied(labels)) == ["112222"] * 4 + ["111111"] * 2
    assert fill_polygon(labels, [(1, 1), (2, 2)], DETACHED).is_empty
    assert fill_polygon(labels, [(9, 9), (9, 12), (12, 9)], DETACHED).is_empty


A = drawn("1112211", "1112211", "1111111", "2111114", "1111111")
B = drawn("1111111", "1111111", "1111111", "1111111", "1111111")


def test_disagreements_come_largest_first_with_what_each_reader_said() -> None:
    found = disagreements(A, B)
    assert [region.box for region in found] == [
        (slice(0, 2), slice(3, 5)),
        (slice(3, 4), slice(0, 1)),
        (slice(3, 4), slice(6, 7)),
    ]
    assert [(r.class_a, r.class_b) for r in found] == [(DETACHED, INTACT), (DETACHED, INTACT), (HIDDEN, INTACT)]
    assert [r.size for r in found] == pytest.approx([4 / 35, 1 / 35, 1 / 35])


def test_a_small_region_at_the_flank_outweighs_a_large_one_in_the_middle() -> None:
    weight = np.ones(A.shape, np.float32)
    weight[3, 0] = 5.5
    found = disagreements(A, B, weight)
    assert found[0].box == (slice(3, 4), slice(0, 1))
    assert found[0].size == pytest.approx(5.5 / (34 + 5.5))


def test_thin_rims_and_specks_can_be_left_out() -> None:
    a, b = np.full((40, 40), INTACT, np.uint8), np.full((40, 40), INTACT, np.uint8)
    a[5:15, 5:15] = DETACHED
    b[5:15, 6:15] = DETACHED  # a rim one pixel wide
    b[25:30, 25:30] = DETACHED
    assert len(disagreements(a, b)) == 2
    assert [r.box for r in disagreements(a, b, border=1)] == [(slice(25, 30), slice(25, 30))]
    assert disagreements(a, b, smallest=0.1) == []
    assert disagreements(a, a) == []


@patient
@given(a=blobs, b=blobs)
def test_taking_every_region_from_one_reader_gives_that_readers_mask(a: Labels, b: Labels) -> None:
    found = disagreements(a, b, smallest=0)
    covered = sum((r.area.on(a.shape).astype(int) for r in found), np.zeros(a.shape, int))
    assert np.array_equal(covered, (a != b).astype(int)), "every disagreement once, nothing else"
    labels = a.copy()
    for region in found:
        take(labels, b, region).lay(labels)
    assert np.array_equal(labels, b)
    assert [r.size for r in found] == sorted((r.size for r in found), reverse=True)


def test_merging_takes_the_class_that_comes_first() -> None:
    (region,) = disagreements(drawn("221"), drawn("114"))
    order = (Tissue.DETACHED, Tissue.REEPITHELIALISED, Tissue.NOT_ASSESSABLE, Tissue.INTACT, Tissue.BACKGROUND)
    assert shown(merge(drawn("000"), drawn("221"), drawn("114"), region, order=order).applied(drawn("000"))) == ["224"]


def test_the_next_disagreement_goes_round_and_skips_what_is_settled() -> None:
    regions: list[Disagreement] = disagreements(A, B)
    assert next_after(regions, (), None) == 0
    assert next_after(regions, {1}, 0) == 2
    assert next_after(regions, {2}, 2) == 0
    assert next_after(regions, {0, 1, 2}, 1) is None


def test_a_patch_knows_its_place() -> None:
    patch = Patch(1, 2, drawn("22"))
    assert shown(patch.applied(drawn("11111", "11111"))) == ["11111", "11221"]
    assert patch.inverse(drawn("11111", "11341")).labels.tolist() == [[3, 4]]
