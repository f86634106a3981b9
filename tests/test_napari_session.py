"""One reader's work on a study without a window: the queue, the open photograph, and the readings it ends in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from bsa_measure_napari.blinding import blind_order, stored_seed
from bsa_measure_napari.loading import Cancelled
from bsa_measure_napari.numbers import numbers
from bsa_measure_napari.places import sample_copy, study_of
from bsa_measure_napari.queue import Candidate, Item, Known, blinded_queue, next_item, open_queue
from bsa_measure_napari.reasons import REASONS, Reason, suggested
from bsa_measure_napari.session import OpenPhoto, Session
from bsa_measure_napari.tools.lesion import swap_class
from drawing import RULES_OF_COLOUR, limb_mask, save_mask, save_photo, skin_photo, write_study
from terminal import table

from bsa_measure.errors import LockedError, ReadingError, StudyError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.readings import NewAct, Readings, load_mask
from bsa_measure.study import open_study

VIEWS = ("trunk-anterior", "arm-left-anterior")
VISITS = ("D0", "D5", "D7")
Labels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two views at three visits, measured by the model."""
    folder = write_study(
        tmp_path_factory.mktemp("made") / "study",
        protocol=RULES_OF_COLOUR,
        uninvolved="P1,D0,*\nP1,D5,*\nP1,D7,*",
    )
    for seed, (visit, view) in enumerate((v, w) for v in VISITS for w in VIEWS):
        save_photo(folder / "photos" / "P1" / visit / f"{view}.jpg", skin_photo(seed, shade=0))
    measure(folder)
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def opened(session: Session, item: Item | None = None) -> OpenPhoto:
    chosen = item or session.next()
    assert chosen is not None
    return session.show(chosen, session.load(chosen))


def stroke(photo: OpenPhoto, rows: slice, columns: slice, tissue: int) -> None:
    shown = photo.canvas.labels.copy()
    shown[rows, columns] = tissue
    photo.take(shown)


def finish(session: Session, reason: Reason) -> int:
    finished = session.finish(reason)
    reading = session.record(finished)
    session.recorded(finished, reading)
    return reading.number


# ------------------------------------------------------------------------------------------ the queue


def candidates(study: Path) -> list[Candidate]:
    photos = [photo for photo in open_study(study).photos if not photo.problem]
    return [Candidate(photo, f"{place:064d}") for place, photo in enumerate(photos)]


def test_the_worst_and_undecided_come_first_then_the_order_of_the_protocol(study: Path) -> None:
    known = [
        Known(),
        Known(decides=True),
        Known(problems=("Blurred.",)),
        Known(certainty=0.5),
        Known(certainty=0.95),
        Known(problems=("Blurred.",), certainty=0.4),
    ]
    listed = [replace(c, known=k) for c, k in zip(candidates(study), known, strict=True)]
    queue = open_queue(listed, done=(), drafts=())
    assert [int(item.sha256) for item in queue] == [5, 2, 3, 1, 0, 4]
    assert queue[0].reasons == ("Blurred.", "The model is unsure (40 %).")
    assert queue[3].reasons == ("Its visit decides the call.",)
    assert queue[-1].reasons == ()


def test_the_next_photograph_skips_what_is_done_and_comes_round(study: Path) -> None:
    listed = candidates(study)
    done = {listed[1].sha256, listed[2].sha256}
    queue = open_queue(listed, done=done, drafts={listed[4].sha256})
    assert [item.state for item in queue] == ["to do", "done", "done", "to do", "draft", "to do"]
    assert next_item(queue) == queue[0]
    assert next_item(queue, queue[0]) == queue[3]
    assert next_item(queue, queue[5]) == queue[0]
    everything = open_queue(listed, done={c.sha256 for c in listed}, drafts=())
    assert next_item(everything, everything[2]) is None


def test_a_visit_near_the_threshold_comes_early(study: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    for visit, rows in (("D0", 100), ("D5", 60), ("D7", 8)):  # D7: 92 % healed
        for view in VIEWS:
            save_mask(masks / "P1" / visit / f"{view}.png", limb_mask({(0, 200): 1, (0, rows): 2}))
    import_masks(open_study(study), masks, reader="Duval")
    measure(study)
    queue = Session.begin(study, "Roy").queue
    assert [item.photo.visit for item in queue] == ["D00", "D00", "D07", "D07", "D05", "D05"]
    assert "Its visit decides the call." in queue[0].reasons


def test_what_cannot_be_read_is_told_and_not_queued(study: Path) -> None:
    (study / "photos" / "P1" / "D7" / "elbow.jpg").write_bytes(b"x")
    session = Session.begin(study, "Duval")
    assert len(session.queue) == 6
    assert any("elbow.jpg" in sentence for sentence in session.left_out)


# ------------------------------------------------------------------------------------------ reading


def test_a_correction_becomes_a_reading_that_measure_uses(study: Path) -> None:
    session = Session.begin(study, "Duval")
    item = session.queue[0]
    photo = opened(session, item)
    model = photo.canvas.labels.copy()
    stroke(photo, slice(100, 200), slice(150, 250), 2)
    expected = photo.canvas.labels.copy()
    number = finish(session, Reason("lesion missed"))
    reading = Readings(study).all()[-1]
    assert (reading.number, reading.kind, reading.reader, reading.role) == (number, "manual", "Duval", "reader")
    assert reading.reason == "lesion missed"
    assert reading.parent is not None
    assert Readings(study).all()[reading.parent - 1].kind == "model"
    assert (reading.patient, reading.visit, reading.view) == ("P1", "D00", item.photo.view)
    assert np.array_equal(load_mask(study, reading.mask_sha256), expected)
    assert np.array_equal(load_mask(study, reading.painted_sha256), (expected != model).astype(np.uint8))
    assert reading.bedside_sha256 == reading.surfaces_sha256 == ""
    assert reading.active_seconds is not None
    assert session.item(item.sha256).state == "done"
    assert not list((study / "drafts").rglob("journal"))
    measure(study)
    row = next(row for row in table(study, "photos.csv") if row["file"] == item.photo.file)
    assert (row["reader"], row["status"]) == ("Duval", "measured")
    assert Readings(study).verify() == []


def test_the_numbers_in_the_window_are_those_of_measure(study: Path) -> None:
    session = Session.begin(study, "Duval")
    item = next(item for item in session.queue if item.photo.visit == "D07")
    photo = opened(session, item)
    assert session.unmeasured() == ()
    stroke(photo, slice(60, 140), slice(120, 280), 2)
    stroke(photo, slice(0, 20), slice(0, 400), 1)  # moves the outline
    assert photo.count.provisional
    assert photo.counted(photo.recount()())
    stroke(photo, slice(150, 160), slice(120, 200), 3)
    assert photo.count.doubt_is_old
    assert photo.counted(photo.recount()())
    figures = session.figures()
    assert figures is not None
    finish(session, Reason("border corrected"))
    measure(study)
    visit = next(row for row in table(study, "visits.csv") if row["visit"] == "D07")
    found = figures.visit.detached
    assert found is not None
    for value, column in ((found.point, ""), (found.low, "_low"), (found.high, "_high")):
        name = f"detached_bsa{column}" if column else "detached_bsa_percent"
        assert f"{value:.12g}" == visit[name]
    endpoint = next(row for row in table(study, "endpoints.csv") if row["visit"] == "D07")
    assert figures.healing.healed is not None
    assert f"{figures.healing.healed.point:.12g}" == endpoint["healed_percent"]
    shown = numbers(figures.areas.weighted, figures, session.study.protocol.endpoint)
    assert shown.body_map.startswith("<svg")
    assert any(line.startswith("detached") for line in shown.visit)


def test_a_count_that_was_overtaken_by_a_stroke_is_asked_again(study: Path) -> None:
    photo = opened(Session.begin(study, "Duval"))
    stroke(photo, slice(0, 50), slice(0, 400), 1)
    count = photo.recount()
    stroke(photo, slice(50, 60), slice(0, 400), 1)
    assert not photo.counted(count())
    assert photo.counted(photo.recount()())
    assert not photo.count.provisional


def test_undo_takes_the_count_back_too(study: Path) -> None:
    photo = opened(Session.begin(study, "Duval"))
    before = photo.count.areas
    stroke(photo, slice(100, 140), slice(120, 280), 2)
    changed = photo.count.areas
    assert changed != before
    photo.undo()
    assert photo.count.areas == before
    photo.redo()
    assert photo.count.areas == changed


def test_a_tool_s_patch_is_an_act_like_a_stroke(study: Path) -> None:
    photo = opened(Session.begin(study, "Duval"))
    labels = photo.canvas.labels
    assert photo.apply(swap_class(labels, (200, 200), 3), "other class") is not None
    assert labels[200, 200] == 3
    assert photo.apply(swap_class(labels, (200, 200), 3), "other class") is None
    photo.undo()
    assert photo.canvas.labels[200, 200] == 1


def test_a_study_that_was_never_measured_can_be_read_at_once(made: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path / "new", uninvolved="P1,D0,*")
    shutil.copytree(made / "photos" / "P1" / "D0", study / "photos" / "P1" / "D0")
    session = Session.begin(study, "Duval")
    steps: list[str] = []
    item = session.queue[0]
    photo = session.show(item, session.load(item, step=steps.append))
    assert steps == ["Reading the photo", "Asking the model", "Finding the surfaces"]
    assert photo.canvas.labels.any()
    waiting = session.unmeasured()
    assert [planned.photo.view for planned in waiting] == [session.queue[1].photo.view]
    figures = session.figures()
    assert figures is not None
    before = len(figures.visit.having("seen"))
    session.measured(waiting[0], session.measure_other(waiting[0]))
    assert session.unmeasured() == ()
    figures = session.figures()
    assert figures is not None
    assert len(figures.visit.having("seen")) > before


def test_waiting_can_be_given_up(study: Path) -> None:
    session = Session.begin(study, "Duval")

    def step(sentence: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        session.load(session.queue[0], step=step)
    assert session.open is None
    assert opened(session).canvas.labels.any()


# ------------------------------------------------------------------------------------------ nothing is lost


def test_a_draft_is_taken_up_with_every_stroke(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    item = photo.item
    stroke(photo, slice(100, 120), slice(150, 250), 2)
    stroke(photo, slice(130, 150), slice(150, 250), 3)
    photo.undo()
    expected = photo.canvas.labels.copy()
    session.leave()
    again = Session.begin(study, "Duval")
    assert again.item(item.sha256).state == "draft"
    assert again.next() == again.item(item.sha256)
    photo = opened(again)
    assert photo.resumed
    assert np.array_equal(photo.canvas.labels, expected)
    photo.redo()
    assert (photo.canvas.labels[130:150, 150:250] == 3).all()


def test_opening_another_photograph_keeps_the_draft_of_the_first(study: Path) -> None:
    session = Session.begin(study, "Duval")
    first = opened(session)
    stroke(first, slice(100, 120), slice(150, 250), 2)
    expected = first.canvas.labels.copy()
    opened(session, session.queue[3])
    assert session.item(first.item.sha256).state == "draft"
    assert np.array_equal(opened(session, first.item).canvas.labels, expected)


def test_two_people_on_one_photograph_leave_two_readings(study: Path) -> None:
    sessions = [Session.begin(study, name) for name in ("Duval", "Roy")]
    item = sessions[0].queue[0]
    for session, tissue in zip(sessions, (2, 3), strict=True):
        stroke(opened(session, session.item(item.sha256)), slice(100, 120), slice(150, 250), tissue)
    for session in sessions:
        finish(session, Reason("lesion missed"))
    own = [r for r in Readings(study).all() if r.photo_sha256 == item.sha256 and r.kind == "manual"]
    assert [r.reader for r in own] == ["Duval", "Roy"]
    assert [int(load_mask(study, r.mask_sha256)[110, 200]) for r in own] == [2, 3]
    assert own[0].parent == own[1].parent  # both started from the model
    assert Readings(study).verify() == []


def test_a_former_reading_of_a_person_is_changed_only_with_words(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    item = photo.item
    stroke(photo, slice(100, 120), slice(150, 250), 2)
    first = finish(session, Reason("lesion missed"))
    photo = opened(session, session.item(item.sha256))
    assert photo.canvas.basis.number == first
    assert photo.canvas.painted.any()  # what was painted then is still known as painted
    stroke(photo, slice(100, 120), slice(150, 250), 3)
    with pytest.raises(ReadingError, match="in a few words why"):
        session.finish(Reason("wrong class"))
    second = finish(session, Reason("wrong class", "already  covered"))
    reading = Readings(study).all()[-1]
    assert (reading.number, reading.parent, reading.reason) == (second, first, "wrong class: already covered")


def test_an_earlier_reading_can_be_gone_back_to(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    item = photo.item
    model = photo.canvas.labels.copy()
    stroke(photo, slice(100, 120), slice(150, 250), 2)
    finish(session, Reason("lesion missed"))
    photo = opened(session, session.item(item.sha256))
    earlier = session.readings_of(item)[0]
    assert earlier.kind == "model"
    photo.take_over(session.reading_planes(earlier.number))
    assert np.array_equal(photo.canvas.labels, model)
    assert photo.canvas.basis.number == earlier.number
    session.leave()
    photo = opened(session, session.item(item.sha256))  # also after the window was closed
    assert photo.canvas.basis.number == earlier.number
    photo.undo()
    assert (photo.canvas.labels[110, 150:250] == 2).all()


def test_a_bedside_examination_is_recorded_as_such(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    marked = np.zeros(photo.canvas.size, np.uint8)
    marked[100:110, 150:250] = 1
    photo.take_bedside(marked)
    finish(session, Reason("bedside examination"))
    reading = Readings(study).all()[-1]
    assert np.array_equal(load_mask(study, reading.bedside_sha256), marked)
    assert (load_mask(study, reading.mask_sha256)[100:110, 150:250] == 2).all()


def test_a_redrawn_surface_map_is_what_measure_uses(study: Path) -> None:
    session = Session.begin(study, "Duval")
    item = next(item for item in session.queue if item.photo.view == "arm-left-anterior")
    photo = opened(session, item)
    surfaces = photo.surfaces.copy()
    first, second = sorted(set(np.unique(surfaces)) - {0})[:2]
    surfaces[surfaces == second] = first
    photo.take_surfaces(surfaces)
    assert photo.count.provisional
    assert photo.counted(photo.recount()())
    finish(session, Reason("surface split corrected"))
    reading = Readings(study).all()[-1]
    assert np.array_equal(load_mask(study, reading.surfaces_sha256), surfaces)


def test_a_view_that_cannot_be_judged(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    body = photo.canvas.labels > 0
    photo.not_assessable()
    assert np.array_equal(photo.canvas.labels, np.where(body, 4, 0))
    figures = session.figures()
    assert figures is not None
    shown = {s.surface for s in figures.visit.having("unseen")}
    assert set(photo.count.areas.weighted) <= shown


def test_a_surface_is_declared_uninvolved_in_the_record_and_taken_back_with_a_reason(study: Path) -> None:
    (study / "uninvolved.csv").unlink()
    session = Session.begin(study, "Duval")
    opened(session, next(item for item in session.queue if item.photo.visit == "D07"))
    assert "genitalia" in session.unseen_surfaces()
    session.declare("genitalia")
    assert "genitalia" not in session.unseen_surfaces()
    assert session.declared_surfaces() == ("genitalia",)
    act = Readings(study).acts()[-1]
    assert (act.kind, act.person, act.patient, act.visit, act.surface) == (
        "uninvolved",
        "Duval",
        "P1",
        "D07",
        "genitalia",
    )
    with pytest.raises(ReadingError, match="give a reason"):
        session.declare("genitalia", uninvolved=False)
    session.declare("genitalia", uninvolved=False, reason="seen at the visit")
    assert session.declared_surfaces() == ()


def test_what_is_locked_takes_no_reading_and_the_draft_stays(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    stroke(photo, slice(100, 120), slice(150, 250), 2)
    lock = NewAct(
        kind="lock", person="Roy", software="0", protocol_sha256="", patient="P1", visit=photo.item.photo.visit
    )
    Readings(study).add_acts([lock])
    with pytest.raises(LockedError):
        session.record(session.finish(Reason("lesion missed")))
    session.leave()
    assert opened(Session.begin(study, "Duval"), photo.item).resumed


def test_full_size_readings_count_the_same(study: Path) -> None:
    (study / "study.toml").write_text("[measure]\nworking_long_side = 256\n", encoding="utf-8")
    session = Session.begin(study, "Duval", full_size=True)
    photo = opened(session)
    assert photo.canvas.size == (400, 400)
    assert photo.surfaces.shape == (400, 400)
    stroke(photo, slice(60, 140), slice(120, 280), 2)
    assert photo.counted(photo.recount()())
    areas = photo.count.areas
    finish(session, Reason("lesion missed"))
    again = Session.begin(study, "Duval")
    assert opened(again, photo.item).count.areas == areas


def test_a_draft_at_another_size_is_refused_with_what_to_do(study: Path) -> None:
    (study / "study.toml").write_text("[measure]\nworking_long_side = 256\n", encoding="utf-8")
    session = Session.begin(study, "Duval", full_size=True)
    photo = opened(session)
    stroke(photo, slice(60, 140), slice(120, 280), 2)
    session.leave()
    again = Session.begin(study, "Duval")
    with pytest.raises(StudyError, match="--full-size"):
        again.load(again.item(photo.item.sha256))


# ------------------------------------------------------------------------------------------ blinded


def test_the_blinded_order_is_random_stored_and_the_same_next_time(study: Path) -> None:
    first = Session.begin(study, "Duval", blinded=True, seed=3)
    again = Session.begin(study, "Duval", blinded=True)
    assert [item.sha256 for item in first.queue] == [item.sha256 for item in again.queue]
    with pytest.raises(StudyError, match="seed 3 already"):
        Session.begin(study, "Duval", blinded=True, seed=4)
    assert stored_seed(study / "drafts" / "other") != stored_seed(study / "drafts" / "another")


def test_every_order_of_visits_can_come_up() -> None:
    visits = [("P1", f"D{day:02d}") for day in (0, 5, 7)]
    orders = {blind_order(visits, seed).visits for seed in range(200)}
    assert len(orders) == 6
    assert blind_order(reversed(visits), 5) == blind_order(visits, 5)


def test_a_blinded_queue_keeps_visits_together_in_the_order_of_views(study: Path) -> None:
    listed = candidates(study)
    order = blind_order([(c.photo.patient, c.photo.visit) for c in listed], 3)
    queue = blinded_queue(listed, order, done=(), drafts=())
    assert [(item.photo.patient, item.photo.visit) for item in queue[::2]] == list(order.visits)
    assert [item.photo.view for item in queue] == list(VIEWS) * 3


def test_nothing_gives_patient_or_day_away_to_a_blinded_reader(study: Path) -> None:
    (study / "photos" / "P1" / "D7" / "elbow.jpg").write_bytes(b"x")
    session = Session.begin(study, "Duval", blinded=True, seed=3)
    steps: list[str] = []
    item = session.queue[0]
    session.show(item, session.load(item, step=steps.append))
    shown = [session.title, *steps, *session.left_out]
    for item in session.queue:
        shown += [item.name, *item.reasons]
    for text in shown:
        assert "P1" not in text
        for visit in VISITS:
            assert visit not in text
            assert visit.replace("D", "D0") not in text
    assert session.queue[0].name == "visit 1 of 3 · Chest and abdomen"


def test_a_blinded_first_pass_starts_from_nothing(study: Path) -> None:
    session = Session.begin(study, "Duval", blinded=True, seed=3)
    photo = opened(session)
    assert not photo.canvas.labels.any()
    assert photo.model is None
    assert photo.previous is None
    assert session.figures() is None
    assert session.unmeasured() == ()
    assert session.readings_of(photo.item) == ()
    photo.take(limb_mask({(0, 200): 1, (50, 80): 2}))
    shown = numbers(
        photo.counted(photo.recount()()) and photo.count.areas.weighted, None, session.study.protocol.endpoint
    )
    assert shown.visit == shown.healed == ()
    assert shown.surfaces[0].detached != "–"
    finish(session, Reason(suggested(photo.canvas.history.done, blank=True)))
    reading = Readings(study).all()[-1]
    assert (reading.parent, reading.reason) == (None, "outlined by hand (blinded)")
    again = opened(session, session.item(photo.item.sha256))
    assert again.model is not None  # after the own reading is in the record
    assert np.array_equal(again.canvas.labels, photo.canvas.labels)


def test_a_blinded_reader_does_not_go_on_from_an_open_draft_and_a_lock_names_no_visit(study: Path) -> None:
    session = Session.begin(study, "Duval")
    photo = opened(session)
    stroke(photo, slice(100, 120), slice(150, 250), 2)
    session.leave()
    blind = Session.begin(study, "Duval", blinded=True, seed=3)
    again = opened(blind, blind.item(photo.item.sha256))
    assert not again.resumed
    assert not again.canvas.labels.any()
    Readings(study).add_acts([NewAct(kind="lock", person="Roy", software="0", protocol_sha256="", patient="P1")])
    with pytest.raises(LockedError, match="^This visit is locked: nothing can be recorded for it.$"):
        blind.record(blind.finish(Reason("outlined by hand")))


def test_a_blinded_reader_never_sees_another_reader_s_labels(study: Path) -> None:
    other = Session.begin(study, "Roy")
    item = other.queue[0]
    stroke(opened(other, item), slice(100, 120), slice(150, 250), 2)
    finish(other, Reason("lesion missed"))
    session = Session.begin(study, "Duval", blinded=True, seed=3)
    photo = opened(session, session.item(item.sha256))
    assert not photo.canvas.labels.any()
    assert session.readings_of(photo.item) == ()


# ------------------------------------------------------------------------------------------ the rest


def test_the_visit_before_is_shown_with_the_labels_that_count(study: Path) -> None:
    session = Session.begin(study, "Duval")
    items = {(i.photo.visit, i.photo.view): i for i in session.queue}
    stroke(opened(session, items["D05", "trunk-anterior"]), slice(100, 120), slice(150, 250), 3)
    finish(session, Reason("lesion missed"))
    photo = opened(session, items["D07", "trunk-anterior"])
    assert photo.previous is not None
    assert photo.previous.title == "P1 · D05"
    assert photo.previous.labels is not None
    assert (photo.previous.labels[100:120, 150:250] == 3).all()
    assert opened(session, items["D00", "trunk-anterior"]).previous is None


@pytest.mark.parametrize("name", ["", "  ", "model:x", "a\nb"])
def test_a_reader_needs_a_person_s_name(study: Path, name: str) -> None:
    with pytest.raises(StudyError, match="needs a name"):
        Session.begin(study, name)


def test_reasons() -> None:
    assert Reason("lesion missed").sentence(changes_a_person=False) == "lesion missed"
    assert Reason("lesion missed", " at the\nrim ").sentence(changes_a_person=True) == "lesion missed: at the rim"
    for reason in (Reason("other"), Reason("no such")):
        with pytest.raises(ReadingError):
            reason.sentence(changes_a_person=False)
    with pytest.raises(ReadingError):
        Reason("lesion missed", "  ").sentence(changes_a_person=True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (2, 3, "wrong class"),
        (3, 2, "wrong class"),
        (1, 4, "dressing, cream or glare taken for skin"),
        (2, 0, "dressing, cream or glare taken for skin"),
        (1, 2, "border corrected"),
    ],
)
def test_the_reason_is_suggested_from_what_was_done(study: Path, before: int, after: int, expected: str) -> None:
    assert set(REASONS) >= {expected, "confirmed as it is"}
    photo = opened(Session.begin(study, "Duval"))
    assert suggested(photo.canvas.history.done) == "confirmed as it is"
    photo.canvas.labels[100:200, 150:250] = before
    stroke(photo, slice(100, 200), slice(150, 250), after)
    assert suggested(photo.canvas.history.done) == expected
    photo.undo()
    assert suggested(photo.canvas.history.done) == "confirmed as it is"


def test_a_study_is_found_from_anything_inside_it(study: Path, tmp_path: Path) -> None:
    photo = study / "photos" / "P1" / "D7" / "trunk-anterior.jpg"
    for path in (study, study / "study.toml", study / "photos" / "P1", photo):
        assert study_of(path) == (study if path == study else study.absolute())
    assert study_of(tmp_path) is None
    session = Session.begin(study, "Duval")
    item = session.item_of(photo)
    assert item is not None
    assert item.photo.path == photo
    assert session.item_of(tmp_path / "x.jpg") is None


def test_the_sample_study_is_copied_once_and_kept(tmp_path: Path) -> None:
    copy = sample_copy(tmp_path)
    assert len(list((copy / "photos").rglob("*.jpg"))) > 100
    (copy / "study.toml").write_text("[trial]\nname = 'mine'\n", encoding="utf-8")
    assert sample_copy(tmp_path) == copy
    assert "mine" in (copy / "study.toml").read_text(encoding="utf-8")
