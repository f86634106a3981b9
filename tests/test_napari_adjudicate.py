"""A third person decides between two readers: the session behind the window, on a drawn study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsa_measure_napari.adjudicate_session import AdjudicationSession, OpenCase
from bsa_measure_napari.standing import UNDECIDED
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study

from bsa_measure.errors import ReadingError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.readings import Readings, load_mask
from bsa_measure.study import open_study
from bsa_measure.tissue import Tissue

FIRST = limb_mask({(10, 190): 1, (40, 90): 2, (150, 160): 2})
SECOND = limb_mask({(10, 190): 1, (40, 60): 2})
# They agree on rows 40 to 60 of 200; the first calls 60 to 90 and 150 to 160 detached as well.


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_study(tmp_path / "study", uninvolved="P1,D0,*\nP1,D7,*")
    for seed, visit in enumerate(("D0", "D7")):
        save_photo(folder / "photos" / "P1" / visit / "trunk-anterior.jpg", skin_photo(seed))
        save_mask(tmp_path / "first" / "P1" / visit / "trunk-anterior.png", FIRST)
        save_mask(tmp_path / "second" / "P1" / visit / "trunk-anterior.png", SECOND if visit == "D7" else FIRST)
    import_masks(open_study(folder), tmp_path / "first", reader="Duval")
    import_masks(open_study(folder), tmp_path / "second", reader="Okafor")
    return folder


def opened(session: AdjudicationSession) -> OpenCase:
    case = session.next()
    assert case is not None
    return session.show(session.load(case))


def letter_of(photo: OpenCase, mask: np.ndarray) -> str:
    """Which letter was drawn for the reader of this mask; it differs from run to run."""
    return photo.letters[0] if np.array_equal(photo.a, mask) else photo.letters[1]


def test_the_result_starts_with_what_both_agree_on_and_the_larger_disagreement_comes_first(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    assert [case.name for case in session.cases] == ["P1 D7 trunk-anterior"]
    photo = opened(session)
    agreed = FIRST == SECOND
    assert np.array_equal(photo.canvas.labels[agreed], FIRST[agreed])
    assert (photo.canvas.labels[~agreed] == UNDECIDED).all()
    assert [region.box[0] for region in photo.regions] == [slice(120, 180), slice(300, 320)]
    assert "Duval" not in session.cases[0].name + "".join(photo.letters)
    session.leave()


def test_taking_painting_and_merging_settle_regions_and_undo_opens_them_again(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    photo = opened(session)
    with pytest.raises(ReadingError, match="Go to a disagreement first"):
        photo.take("A")
    assert photo.next() is photo.regions[0]
    photo.take(letter_of(photo, SECOND))
    assert photo.settled == {0}
    assert photo.next() is photo.regions[1]
    photo.merge()
    assert photo.open_regions == 0
    assert photo.next() is None
    both = SECOND.copy()
    both[300:320] = FIRST[300:320]
    assert np.array_equal(photo.canvas.labels, both), "merging keeps what either called detached"
    photo.undo()
    assert photo.settled == {0}
    photo.redo()
    photo.undo()
    assert photo.go_to((310, 200)) is photo.regions[1]
    photo.paint_region(Tissue.NOT_ASSESSABLE)
    assert (photo.canvas.labels[300:320, 100:300] == Tissue.NOT_ASSESSABLE).all()
    photo.undo()
    photo.merge_rest()
    assert np.array_equal(photo.canvas.labels, both), "the region that was decided before stays as it was"
    photo.go_to((310, 200))
    shown = photo.canvas.labels.copy()
    shown[130, 150] = Tissue.REEPITHELIALISED
    assert photo.painted(shown) is not None
    session.leave()


def test_nothing_is_recorded_while_a_region_is_open_or_a_reason_missing(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    photo = opened(session)
    with pytest.raises(ReadingError, match="2 disagreements are not decided yet"):
        photo.decision("follows the visible border")
    photo.take("A", everything=True)
    with pytest.raises(ReadingError, match="needs a reason"):
        photo.decision("other", "  ")
    session.leave()


def test_a_reader_taken_as_a_whole_is_that_readers_reading_and_a_mixture_is_a_fresh_one(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    photo = opened(session)
    first, second = letter_of(photo, FIRST), letter_of(photo, SECOND)
    photo.take(second, everything=True)
    whole = photo.decision("follows the visible border")
    assert (whole.choice, whole.mask) == (second, None)
    assert photo.go_to((150, 200)) is photo.regions[0]
    assert photo.go_to((0, 0)) is None
    photo.take(first)
    mixed = photo.decision("both in part", "the island at the hip is a macule")
    assert mixed.choice == "fresh"
    reading = session.record(mixed)
    assert reading is not None
    session.recorded(mixed.file)
    assert (reading.kind, reading.reader, reading.reason) == (
        "adjudicated",
        "Marin",
        "both in part: the island at the hip is a macule",
    )
    stored = load_mask(study, reading.mask_sha256)
    expected = SECOND.copy()
    expected[120:180] = FIRST[120:180]
    assert np.array_equal(stored, expected)
    assert session.next() is None
    assert session.decided == 1
    assert not any((study / "drafts").rglob("journal"))
    assert Readings(study).verify() == []


def detached(photo: OpenCase) -> tuple[float, float]:
    """% BSA of the visit with the rest as A, as B."""
    figures = photo.figures
    assert figures is not None
    first, second = (found.visit.detached for found in figures)
    assert first is not None
    assert second is not None
    return first.point, second.point


def test_the_visit_is_counted_as_it_is_decided_and_ends_as_the_decision_that_is_recorded(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    photo = opened(session)
    visit = photo.case.visit
    shown = [visit.detached[visit.letters.index(letter)] for letter in photo.letters]
    assert detached(photo) == pytest.approx([extent.point for extent in shown if extent is not None])
    start = detached(photo)
    photo.next()
    photo.take(letter_of(photo, FIRST))
    after = detached(photo)
    place = photo.letters.index(letter_of(photo, FIRST))
    assert after[place] == start[place], "the rest as the reader who was taken has it: nothing is new"
    assert start[1 - place] < after[1 - place] < after[place]
    photo.undo()
    assert detached(photo) == start
    photo.redo()
    photo.next()
    photo.paint_region(Tissue.BACKGROUND)
    assert photo.is_old, "the outline of the body has moved"
    assert photo.counted(photo.recount()())
    assert not photo.is_old
    both = detached(photo)
    assert both[0] == both[1]
    decision = photo.decision("both in part")
    session.record(decision)
    session.recorded(decision.file)
    final = final_results(study)
    assert both[0] == pytest.approx(final, abs=1e-12)


def final_results(folder: Path) -> float:
    """Detached % BSA of the disputed visit as `measure` has it."""
    results = measure(folder, reader="Marin", workers=1)
    visit = next(v for v in results.patients[0].visits if v.day == 7)
    assert visit.detached is not None
    return visit.detached.point


def test_half_a_decision_survives_until_the_next_day(study: Path) -> None:
    session = AdjudicationSession.begin(study, "Marin")
    photo = opened(session)
    photo.next()
    photo.take("A")
    before = photo.canvas.labels.copy()
    session.leave()
    again = opened(AdjudicationSession.begin(study, "Marin"))
    assert again.resumed
    assert np.array_equal(again.canvas.labels, before)
    assert again.settled == {0}
    again.close()


def test_a_reader_cannot_decide_about_himself(study: Path) -> None:
    with pytest.raises(ReadingError, match="a third person has to decide"):
        AdjudicationSession.begin(study, "duval")
