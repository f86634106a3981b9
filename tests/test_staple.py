from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bsa_measure.staple import staple
from bsa_measure.tissue import Tissue

INTACT, DETACHED = int(Tissue.INTACT), int(Tissue.DETACHED)


def column(*parts: tuple[int, int]) -> np.ndarray:
    """A mask of one row: (pixels, class) one after the other."""
    return np.concatenate([np.full(count, value, np.uint8) for count, value in parts])[None, :]


def test_what_each_reader_gets_right_is_found_where_the_counts_are_exactly_those_of_the_model() -> None:
    # 1,000 pixels of intact and 1,000 of detached skin; readers right with 0.9, 0.8 and 0.75, independently. A pattern
    # that is right, right, wrong is there 1,000 x 0.9 x 0.8 x 0.25 = 180 times for either truth, and so on. The
    # truest readers then are these readers: the likelihood is largest where the model gives the counts themselves.
    right = (0.9, 0.8, 0.75)
    patterns: list[tuple[tuple[int, ...], int]] = []
    for truth, other in ((INTACT, DETACHED), (DETACHED, INTACT)):
        for good in np.ndindex(2, 2, 2):
            times = 1000.0
            for reader, is_right in enumerate(good):
                times *= right[reader] if is_right else 1 - right[reader]
            patterns.append((tuple(truth if is_right else other for is_right in good), round(times)))
    assert sorted(count for _, count in patterns) == sorted(2 * [540, 180, 135, 45, 60, 20, 15, 5])
    masks = [column(*((count, said[reader]) for said, count in patterns)) for reader in range(3)]
    found = staple(masks)
    for reader, share in enumerate(right):
        expected = [[share, 1 - share], [1 - share, share]]
        np.testing.assert_allclose(found.confusion[reader, 1:3, 1:3], expected, atol=1e-6)
    # The odds that a pixel is detached of which the first alone says so: 0.9 x 0.2 x 0.25 to 0.1 x 0.8 x 0.75, 45 : 60,
    # and of which the first and the last say so: 135 : 20. The majority agrees with both.
    for (first, second, third), agreed in (((2, 1, 1), 1), ((2, 1, 2), 2), ((1, 2, 2), 2)):
        here = (masks[0] == first) & (masks[1] == second) & (masks[2] == third)
        assert set(found.labels[here]) == {agreed}


def test_a_good_reader_outweighs_two_who_are_wrong_in_their_own_ways() -> None:
    # He is right 19 times in 20, four others 13 times in 20. Where he and one more say detached and three say intact,
    # the odds of detached are (0.95 / 0.05) (0.65 / 0.35) (0.35 / 0.65)^3 = 19 x 0.290 = 5.5 to 1.
    random = np.random.default_rng(1)
    truth = random.integers(1, 3, 40_000).astype(np.uint8)
    masks = [
        np.where(random.random(truth.size) < share, truth, 3 - truth).astype(np.uint8)[None, :]
        for share in (0.95, 0.65, 0.65, 0.65, 0.65)
    ]
    found = staple(masks)
    assert found.confusion[0, 1, 1] == pytest.approx(0.95, abs=0.03)
    assert found.confusion[3, 1, 1] == pytest.approx(0.65, abs=0.03)
    votes = np.stack(masks)[:, 0]
    outvoted = (votes[0] == DETACHED) & (np.count_nonzero(votes == DETACHED, axis=0) == 2)
    assert outvoted.any()
    assert (found.labels[0, outvoted] == DETACHED).all()
    majority = np.where(np.count_nonzero(votes == DETACHED, axis=0) >= 3, DETACHED, INTACT)
    assert (found.labels[0] == truth).mean() > (majority == truth).mean() + 0.05


def test_two_alike_and_one_who_is_wrong_give_what_the_two_say() -> None:
    # The third calls 30 of 100 detached pixels intact and 10 of 400 intact ones detached.
    good = column((400, INTACT), (100, DETACHED), (300, 0))
    bad = column((390, INTACT), (10, DETACHED), (70, DETACHED), (30, INTACT), (300, 0))
    found = staple([good, bad, good])
    np.testing.assert_array_equal(found.labels, good)
    np.testing.assert_allclose(found.confusion[0, 1:3, 1:3], np.eye(2), atol=1e-6)
    np.testing.assert_allclose(found.confusion[1, 1:3, 1:3], [[0.975, 0.3], [0.025, 0.7]], atol=1e-6)


def test_how_much_sheet_is_in_the_frame_changes_nothing() -> None:
    rows = ((0, 1, 1, 2, 2, 3, 4, 1), (1, 1, 2, 2, 1, 3, 4, 0), (1, 1, 2, 2, 2, 2, 1, 0))
    masks = [np.repeat(np.array([row], np.uint8), 5, axis=0) for row in rows]
    wide = [np.pad(mask, 40) for mask in masks]
    np.testing.assert_array_equal(staple(wide).labels[40:-40, 40:-40], staple(masks).labels)
    np.testing.assert_allclose(staple(wide).confusion, staple(masks).confusion)
    assert not staple(wide).labels[:40].any()


def test_where_every_reader_says_something_else_nothing_is_decided() -> None:
    # Three readers alike elsewhere, and one pixel with three answers: each explains it as well as the others do.
    masks = [column((50, 1), (50, 2), (50, 3), (1, answer)) for answer in (1, 2, 3)]
    assert staple(masks).labels[0, -1] == Tissue.NOT_ASSESSABLE


@settings(deadline=None)
@given(
    st.integers(3, 5).flatmap(
        lambda readers: arrays.arrays(np.uint8, (readers, 6, 7), elements=st.integers(0, len(Tissue) - 1))
    )
)
def test_what_all_say_stands_and_no_class_is_invented(masks: np.ndarray) -> None:
    found = staple(list(masks)).labels
    agreed = (masks == masks[0]).all(axis=0)
    np.testing.assert_array_equal(found[agreed], masks[0][agreed])
    named = (masks == found).any(axis=0)
    assert set(found[~named]) <= {int(Tissue.NOT_ASSESSABLE)}, "what nobody named is at most left undecided"
    np.testing.assert_array_equal(staple([masks[0]] * len(masks)).labels, masks[0])


@settings(deadline=None)
@given(arrays.arrays(np.uint8, (3, 5, 6), elements=st.integers(0, 4)), st.permutations(range(3)))
def test_the_order_of_readers_changes_no_reader(masks: np.ndarray, order: list[int]) -> None:
    found, again = staple(list(masks)), staple([masks[place] for place in order])
    np.testing.assert_array_equal(again.confusion, found.confusion[order])
    np.testing.assert_array_equal(again.labels, found.labels)


def test_too_few_masks_or_of_different_sizes_are_refused() -> None:
    mask = column((3, 1))
    with pytest.raises(ValueError, match="three masks"):
        staple([mask, mask])
    with pytest.raises(ValueError, match="same size"):
        staple([mask, mask, mask[:, :2]])
    empty = np.zeros((4, 4), np.uint8)
    assert not staple([empty] * 3).labels.any()
