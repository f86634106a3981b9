"""What is painted on a photograph, how it is taken back, and what is left of it after a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from bsa_measure_napari.activity import ActiveClock
from bsa_measure_napari.canvas import Basis, Canvas, changed_box
from bsa_measure_napari.draft import Autosave, Start, draft_folder, has_draft, read_start, reader_folder, take_up
from bsa_measure_napari.journal import Entry, Journal, decode, encode, entry_of, read_entries
from bsa_measure_napari.tools.patch import Patch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsa_measure import files
from bsa_measure.errors import StudyError

Plane = npt.NDArray[np.uint8]
SHAPE = (12, 16)
BASE = np.zeros(SHAPE, np.uint8)
BASE[2:10, 2:14] = 1
BASE[4:6, 4:8] = 2


def planes(canvas: Canvas) -> list[Plane]:
    surfaces = np.full(SHAPE, 255, np.uint8) if canvas.surfaces is None else canvas.surfaces
    return [canvas.labels.copy(), canvas.painted.copy(), canvas.bedside.copy(), surfaces.copy()]


def same(a: list[Plane], b: list[Plane]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def painted(canvas: Canvas, rows: slice, columns: slice, tissue: int) -> Plane:
    shown = canvas.labels.copy()
    shown[rows, columns] = tissue
    return shown


def test_a_stroke_changes_its_rectangle_and_nothing_else() -> None:
    canvas = Canvas(BASE)
    edit = canvas.take(painted(canvas, slice(3, 5), slice(3, 6), 3))
    assert edit is not None
    change = edit.of("labels")
    assert change is not None
    assert (change.after.top, change.after.left, change.after.labels.shape) == (3, 3, (2, 3))
    expected = BASE.copy()
    expected[3:5, 3:6] = 3
    assert np.array_equal(canvas.labels, expected)
    assert np.array_equal(canvas.painted, (expected != BASE).astype(np.uint8))


def test_painting_what_is_there_already_is_no_act() -> None:
    canvas = Canvas(BASE)
    assert canvas.take(painted(canvas, slice(4, 6), slice(4, 8), 2)) is None
    assert canvas.apply(Patch(4, 4, BASE[4:6, 4:8].copy()), "tool") is None
    assert not canvas.changed


def test_a_locked_class_stays() -> None:
    canvas = Canvas(BASE)
    canvas.locked = {2}
    shown = painted(canvas, slice(4, 6), slice(3, 8), 3)
    edit = canvas.take(shown)
    assert edit is not None
    assert np.array_equal(canvas.labels[4:6, 3], [3, 3])
    assert (canvas.labels[4:6, 4:8] == 2).all()
    everything = np.full(SHAPE, 4, np.uint8)
    canvas.locked = {0, 1, 2, 3, 4}
    before = planes(canvas)
    assert canvas.take(everything) is None
    assert same(planes(canvas), before)


def test_a_bedside_mark_makes_skin_detachable_and_goes_when_the_class_changes() -> None:
    canvas = Canvas(BASE)
    shown = canvas.bedside.copy()
    shown[7:9, 7:9] = 1
    assert canvas.take_bedside(shown) is not None
    assert (canvas.labels[7:9, 7:9] == 2).all()
    assert canvas.bedside.sum() == 4
    assert canvas.painted[7:9, 7:9].all()
    canvas.take(painted(canvas, slice(7, 8), slice(7, 9), 1))
    assert canvas.bedside.sum() == 2
    wiped = np.zeros(SHAPE, np.uint8)
    assert canvas.take_bedside(wiped) is not None
    assert (canvas.labels[8, 7:9] == 2).all()  # only the statement about the examination is gone
    assert canvas.bedside.sum() == 0


def test_a_bedside_mark_spares_locked_skin() -> None:
    canvas = Canvas(BASE)
    canvas.locked = {1}
    shown = np.zeros(SHAPE, np.uint8)
    shown[4, 3:6] = 1  # one intact pixel, two detached
    canvas.take_bedside(shown)
    assert canvas.labels[4, 3] == 1
    assert canvas.bedside.sum() == 2


def test_a_redrawn_surface_map_is_whole_and_undo_gives_the_automatic_one_back() -> None:
    canvas = Canvas(BASE)
    automatic = np.where(BASE > 0, np.uint8(5), np.uint8(0)).astype(np.uint8)
    shown = automatic.copy()
    shown[8:10] = np.where(BASE[8:10] > 0, 6, 0)
    canvas.take_surfaces(shown, automatic)
    assert canvas.surfaces is not None
    assert np.array_equal(canvas.surfaces, shown)
    canvas.undo()
    assert canvas.surfaces is None
    canvas.redo()
    assert np.array_equal(canvas.surfaces, shown)


def test_a_new_act_ends_what_could_be_brought_again() -> None:
    canvas = Canvas(BASE)
    canvas.take(painted(canvas, slice(3, 4), slice(3, 4), 2))
    canvas.undo()
    canvas.take(painted(canvas, slice(5, 6), slice(9, 10), 3))
    assert canvas.redo() is None


def test_going_on_from_another_reading_names_it_and_can_be_taken_back() -> None:
    canvas = Canvas(BASE, basis=Basis(1, "model:x"))
    other = np.where(BASE == 2, np.uint8(3), BASE).astype(np.uint8)
    zeros = np.zeros(SHAPE, np.uint8)
    before = planes(canvas)
    canvas.take_over(other, zeros, zeros, None, Basis(7, "Duval", by_person=True))
    assert np.array_equal(canvas.labels, other)
    assert canvas.basis == Basis(7, "Duval", by_person=True)
    canvas.undo()
    assert same(planes(canvas), before)
    assert canvas.basis == Basis(1, "model:x")


def test_the_changed_box_is_the_smallest() -> None:
    other = BASE.copy()
    other[1, 3] = other[9, 12] = 9
    assert changed_box(BASE, other) == (slice(1, 10), slice(3, 13))
    assert changed_box(BASE, BASE.copy()) is None


# ------------------------------------------------------------------------------------------ acts of every kind

acts = st.lists(
    st.one_of(
        st.tuples(st.just("paint"), st.integers(0, 11), st.integers(0, 15), st.integers(1, 6), st.integers(0, 4)),
        st.tuples(st.just("bedside"), st.integers(0, 11), st.integers(0, 15), st.integers(1, 6), st.integers(0, 1)),
        st.tuples(st.just("surfaces"), st.integers(0, 11), st.integers(0, 15), st.integers(1, 6), st.integers(0, 9)),
        st.tuples(st.just("over"), st.integers(0, 11), st.integers(0, 15), st.integers(1, 6), st.integers(0, 4)),
        st.sampled_from([("undo",), ("redo",)]),
    ),
    max_size=14,
)
AUTOMATIC = np.where(BASE > 0, np.uint8(3), np.uint8(0)).astype(np.uint8)


def do(canvas: Canvas, act: tuple) -> Entry | None:  # type: ignore[type-arg]
    """Do one act and say what the journal would get."""
    if act[0] in ("undo", "redo"):
        done = canvas.undo() if act[0] == "undo" else canvas.redo()
        return None if done is None else Entry(act[0], 1.0)
    what, top, left, size, value = act
    box = (slice(top, top + size), slice(left, left + size))
    current = {"paint": canvas.labels, "bedside": canvas.bedside, "over": canvas.labels}.get(what)
    shown = (AUTOMATIC if canvas.surfaces is None else canvas.surfaces) if current is None else current
    shown = shown.copy()
    shown[box] = value
    if what == "paint":
        edit = canvas.take(shown)
    elif what == "bedside":
        edit = canvas.take_bedside(shown)
    elif what == "surfaces":
        edit = canvas.take_surfaces(shown, AUTOMATIC)
    else:
        edit = canvas.take_over(shown, canvas.painted.copy(), canvas.bedside.copy(), None, Basis(size, "x"))
    return None if edit is None else entry_of(edit, 1.0)


@settings(max_examples=60, deadline=None)
@given(acts=acts)
def test_undoing_everything_gives_the_start_and_redoing_everything_gives_the_end(acts: list) -> None:  # type: ignore[type-arg]
    canvas = Canvas(BASE)
    start = planes(canvas)
    for act in acts:
        do(canvas, act)
    end = planes(canvas)
    steps = 0
    while canvas.undo() is not None:
        steps += 1
    assert same(planes(canvas), start)
    for _ in range(steps):
        canvas.redo()
    assert same(planes(canvas), end)


@settings(max_examples=60, deadline=None)
@given(acts=acts)
def test_a_journal_gives_the_same_planes_and_the_same_history(acts: list) -> None:  # type: ignore[type-arg]
    canvas = Canvas(BASE)
    entries = [entry for entry in (do(canvas, act) for act in acts) if entry is not None]
    again = Canvas(BASE)
    for entry in entries:
        read = decode(encode(entry)[8:])
        if read.done == "edit":
            again.replay(read.what, read.after, redraws=read.redraws, basis=read.basis)
        elif read.done == "undo":
            again.undo()
        else:
            again.redo()
    assert same(planes(again), planes(canvas))
    assert len(again.history.done) == len(canvas.history.done)
    assert len(again.history.undone) == len(canvas.history.undone)
    assert again.basis == canvas.basis
    while canvas.undo() is not None:
        again.undo()
        assert same(planes(again), planes(canvas))


@settings(max_examples=60, deadline=None)
@given(acts=acts)
def test_a_bedside_mark_always_lies_on_detached_skin(acts: list) -> None:  # type: ignore[type-arg]
    canvas = Canvas(BASE)
    for act in acts:
        if act[0] != "over":
            do(canvas, act)
        assert (canvas.labels[canvas.bedside > 0] == 2).all()


# ------------------------------------------------------------------------------------------ drafts


def one_stroke(canvas: Canvas, tissue: int, row: int) -> Entry:
    edit = canvas.take(painted(canvas, slice(row, row + 1), slice(3, 9), tissue))
    assert edit is not None
    return entry_of(edit, float(row))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draft_folder(tmp_path, "Duval", "ab" * 32)


def begin(folder: Path, sentences: list[str] | None = None) -> tuple[Canvas, Autosave]:
    taken = take_up(folder, Start(BASE, Basis(4, "model:x")))
    return taken.canvas, Autosave(folder, taken, (sentences if sentences is not None else []).append)


def test_nothing_is_written_before_the_first_act_and_nothing_is_left_without_one(folder: Path) -> None:
    _, saver = begin(folder)
    assert not has_draft(folder)
    saver.close()
    assert not folder.exists()


def test_every_act_is_on_the_disk_when_flush_returns(folder: Path) -> None:
    canvas, saver = begin(folder)
    for row, tissue in ((3, 3), (4, 1), (8, 2)):
        edit = canvas.take(painted(canvas, slice(row, row + 1), slice(3, 9), tissue))
        assert edit is not None
        saver.edit(edit, float(row))
    canvas.undo()
    saver.step(back=True, seconds=9.5)
    saver.flush()
    # As a killed program leaves it: nothing was closed. The copy stands for the next start of the computer.
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    taken = take_up(copy, Start(np.full(SHAPE, 4, np.uint8)))
    assert same(planes(taken.canvas), planes(canvas))
    assert taken.seconds == 9.5
    assert taken.start.basis == Basis(4, "model:x")
    assert taken.canvas.redo() is not None
    saver.close()
    assert has_draft(folder)


def test_a_record_that_a_crash_cut_off_is_dropped_and_the_work_goes_on(folder: Path) -> None:
    canvas, saver = begin(folder)
    for row in (3, 8):
        edit = canvas.take(painted(canvas, slice(row, row + 1), slice(3, 9), 3))
        assert edit is not None
        saver.edit(edit, 0.0)
    saver.close()
    journal = folder / "journal"
    whole = journal.read_bytes()
    entries, end = read_entries(journal)
    assert (len(entries), end) == (2, len(whole))
    first = len(encode(entries[0]))
    for cut in range(first, len(whole)):  # wherever it stopped
        journal.write_bytes(whole[:cut])
        assert [len(read_entries(journal)[0]), read_entries(journal)[1]] == [1, first]
    journal.write_bytes(whole[:-1])
    canvas, saver = begin(folder)
    assert (canvas.labels[3, 3:9] == 3).all()
    assert (canvas.labels[8, 3:9] == 1).all()
    edit = canvas.take(painted(canvas, slice(9, 10), slice(3, 9), 4))
    assert edit is not None
    saver.edit(edit, 0.0)
    saver.close()
    assert len(read_entries(journal)[0]) == 2


def test_a_flipped_bit_ends_the_journal_there(folder: Path) -> None:
    canvas = Canvas(BASE)
    records = [encode(one_stroke(canvas, 3, row)) for row in (3, 6, 8)]
    path = folder / "journal"
    path.parent.mkdir(parents=True)
    damaged = bytearray(b"".join(records))
    damaged[len(records[0]) + 20] ^= 4
    path.write_bytes(bytes(damaged))
    assert len(read_entries(path)[0]) == 1


def test_a_full_disk_is_said_and_nothing_is_lost_once_there_is_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    canvas, saver = begin(folder, said)
    room = [False]
    real = Journal.append

    def append(journal: Journal, entry: Entry) -> None:
        if not room[0]:
            raise StudyError("no room")
        real(journal, entry)

    monkeypatch.setattr(Journal, "append", append)
    for row in (3, 6):
        edit = canvas.take(painted(canvas, slice(row, row + 1), slice(3, 9), 3))
        assert edit is not None
        saver.edit(edit, 0.0)
        saver.flush()
        room[0] = row == 3
    assert said == ["no room"]
    saver.close()
    assert same(planes(take_up(folder, Start(BASE)).canvas), planes(canvas))


def test_a_second_window_of_the_same_reader_is_refused(folder: Path) -> None:
    _, saver = begin(folder)
    with pytest.raises(StudyError, match="another window"):
        begin(folder)
    saver.close()
    begin(folder)[1].close()


def test_a_recorded_draft_is_removed(folder: Path) -> None:
    canvas, saver = begin(folder)
    edit = canvas.take(painted(canvas, slice(3, 4), slice(3, 9), 3))
    assert edit is not None
    saver.edit(edit, 0.0)
    saver.close(discard=True)
    assert not folder.exists()


def test_a_damaged_draft_is_said_and_one_of_a_newer_version_is_refused(folder: Path) -> None:
    canvas, saver = begin(folder)
    edit = canvas.take(painted(canvas, slice(3, 4), slice(3, 9), 3))
    assert edit is not None
    saver.edit(edit, 0.0)
    saver.close()
    about = json.loads((folder / "draft.json").read_text(encoding="utf-8"))
    (folder / "draft.json").write_text(json.dumps({**about, "format": 99}), encoding="utf-8")
    with pytest.raises(StudyError, match="newer version"):
        read_start(folder)
    (folder / "draft.json").write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match="is damaged: move"):
        take_up(folder, Start(BASE))


@pytest.mark.parametrize("a", ["Duval", "duval", "Dr. Émile Ünal", "a/b", "a_b", "CON", "..", "x" * 90])
def test_every_reader_has_a_folder_of_their_own_on_every_computer(tmp_path: Path, a: str) -> None:
    names = ["Duval", "duval", "Dr. Émile Ünal", "a/b", "a_b", "CON", "con", "..", "x" * 90, "x" * 91]
    mine = reader_folder(tmp_path, a)
    assert mine.parent == tmp_path / "drafts"
    assert len(mine.name) < 60
    others = {reader_folder(tmp_path, b).name.lower() for b in names if b != a}
    assert mine.name.lower() not in others
    assert files.printable(mine.name) == mine.name


# ------------------------------------------------------------------------------------------ time


def test_only_a_minute_of_a_pause_counts() -> None:
    now = [0.0]
    clock = ActiveClock(5.0, now=lambda: now[0])
    clock.touch()
    for moment in (10.0, 40.0, 400.0, 410.0):
        now[0] = moment
        clock.touch()
    assert clock.seconds == 5.0 + 10 + 30 + 60 + 10
    clock.rest()
    now[0] = 430.0
    clock.touch()
    assert clock.seconds == 115.0
