"""The correction in a real napari window. Run by tests/test_napari_windows.py in a process with a screen of its own."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from bsa_measure_napari._qt.start import StartWidget
from bsa_measure_napari._qt.window import Review, attach
from drawing import RULES_OF_COLOUR, save_photo, skin_photo, write_study
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QListWidget, QToolButton, QWidget

from bsa_measure.measure import measure
from bsa_measure.readings import Readings
from bsa_measure.tissue import Tissue

VIEWS = ("trunk-anterior", "arm-left-anterior")
PATIENT = "LY-417"
SLOW = 60_000  # ms; a busy computer


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(
        tmp_path_factory.mktemp("made") / "trial",
        protocol=RULES_OF_COLOUR,
        patients=f"{PATIENT},40,-3",
        uninvolved=f"{PATIENT},D5,*",
    )
    for seed, (visit, view) in enumerate((v, w) for v in ("D5", "D9") for w in VIEWS):
        save_photo(folder / "photos" / PATIENT / visit / f"{view}.jpg", skin_photo(seed))
    measure(folder)
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "trial"))


@pytest.fixture
def make_viewer(qtbot: Any) -> Iterator[Callable[[], Any]]:
    """napari windows that are closed afterwards. napari's own fixture refuses a second canvas in a window."""
    viewers: list[Any] = []

    def make() -> Any:
        viewers.append(napari.Viewer(show=True))
        return viewers[-1]

    yield make
    for viewer in viewers:
        with contextlib.suppress(RuntimeError):  # a test closed it
            viewer.close()
    qtbot.wait(50)


@pytest.fixture
def opened(make_viewer: Any, qtbot: Any, study: Path) -> Callable[..., Review]:
    def open_review(**options: Any) -> Review:
        viewer = make_viewer()
        review = attach(viewer, study, "Duval", **options)
        qtbot.waitUntil(lambda: review.correction.photo is not None, timeout=SLOW)
        return review

    return open_review


def button(review: Review, name: str) -> QToolButton:
    found = review.panel.findChild(QToolButton, f"action-{name}")
    assert found is not None
    return found


def settle(qtbot: Any, review: Review) -> None:
    qtbot.waitUntil(lambda: not (review.correction.work.busy or review.correction.background.busy), timeout=SLOW)
    qtbot.wait(50)


def move_to(review: Review, row: float, column: float) -> None:
    review.viewer.cursor.position = (row, column)


def test_from_the_first_photograph_to_the_next(opened: Callable[..., Review], qtbot: Any, study: Path) -> None:
    review = opened()
    correction = review.correction
    photo = correction.photo
    assert photo is not None
    first = photo.item
    assert review.viewer.title == f"trial – {first.name}"
    assert correction.layers.mask.data.dtype == np.uint8
    before = photo.canvas.labels.copy()
    numbers = review.figures.text.text()
    assert "This visit" in numbers
    # A dab of the brush: the numbers change by themselves.
    button(review, "brush").click()
    correction.layers.mask.brush_size = 60
    correction.layers.mask.paint((200, 200), int(Tissue.DETACHED))
    qtbot.waitUntil(lambda: review.figures.text.text() != numbers, timeout=SLOW)
    assert photo.canvas.labels[200, 200] == Tissue.DETACHED
    changed = photo.canvas.labels.copy()
    # Undo and redo, by the key and by the button.
    qtbot.keyClick(review.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: np.array_equal(photo.canvas.labels, before), timeout=SLOW)
    assert np.array_equal(correction.layers.mask.data, before)
    # The bounds follow a moment later, when the outline's doubt has been found anew.
    qtbot.waitUntil(lambda: review.figures.text.text() == numbers, timeout=SLOW)
    button(review, "redo").click()
    assert np.array_equal(correction.layers.mask.data, changed)
    assert review.panel.reason.currentText() == "border corrected"
    review.panel.reason.setCurrentText("lesion missed")
    review.panel.reason.activated.emit(review.panel.reason.currentIndex())
    review.panel.done_button.click()
    qtbot.waitUntil(lambda: correction.photo is not None and correction.photo.item != first, timeout=SLOW)
    reading = Readings(study).all()[-1]
    assert (reading.reader, reading.reason, reading.photo_sha256) == ("Duval", "lesion missed", first.sha256)
    assert review.queue.head.text() == "Duval: 1 of 4 photos done"
    assert review.panel.words.text() == ""


def test_every_tool_acts_on_the_labels(opened: Callable[..., Review], qtbot: Any) -> None:
    review = opened()
    correction = review.correction
    photo = correction.photo
    assert photo is not None
    labels = photo.canvas.labels
    review.panel.class_button(Tissue.REEPITHELIALISED).click()
    assert correction.tissue == Tissue.REEPITHELIALISED
    # Fill: a click changes the connected pixels of one class.
    button(review, "fill").click()
    assert correction.mode == "fill"
    assert button(review, "fill").isChecked()
    move_to(review, 200, 200)
    correction.click()
    assert labels[200, 200] == Tissue.REEPITHELIALISED
    # A locked class stays, also under the brush.
    correction.toggle_lock(Tissue.REEPITHELIALISED)
    correction.choose_class(Tissue.DETACHED)
    correction.layers.mask.paint((200, 200), int(Tissue.DETACHED))
    assert correction.layers.mask.data[200, 200] == Tissue.REEPITHELIALISED, "it stays while the brush goes over it"
    qtbot.wait(50)
    assert labels[200, 200] == Tissue.REEPITHELIALISED
    correction.toggle_lock(Tissue.REEPITHELIALISED)
    # Grow: seen first, larger with the wheel, laid down when accepted.
    button(review, "grow").click()
    acts = len(photo.canvas.history.done)
    correction.click()
    proposal = correction.layers.proposal
    assert correction.layers.proposing
    small = np.count_nonzero(proposal.data)
    correction.resize(-3)
    assert np.count_nonzero(proposal.data) < small
    assert len(photo.canvas.history.done) == acts
    button(review, "reject").click()
    assert not correction.layers.proposing
    assert not proposal.data.any()
    correction.click()
    button(review, "accept").click()
    assert photo.canvas.history.done[-1].what == "grow to edge"
    assert labels[200, 200] == Tissue.DETACHED
    # Nikolsky: painted on a layer of its own, recorded as such.
    button(review, "nikolsky").click()
    correction.layers.bedside.paint((300, 200), 1)
    qtbot.waitUntil(lambda: photo.canvas.bedside[300, 200] == 1, timeout=SLOW)
    assert labels[300, 200] == Tissue.DETACHED
    assert correction.layers.mask.data[300, 200] == Tissue.DETACHED
    # Holes, smooth and swap act on the lesion under the mouse.
    button(review, "brush").click()
    correction.layers.mask.data[296:299, 196:199] = Tissue.INTACT
    correction.layers.mask.refresh()
    qtbot.waitUntil(lambda: labels[297, 197] == Tissue.INTACT, timeout=SLOW)
    move_to(review, 300, 200)
    for name in ("fill-holes", "smooth", "swap-class"):
        correction.choose_class(Tissue.NOT_ASSESSABLE)
        button(review, name).click()
    assert labels[300, 200] == Tissue.NOT_ASSESSABLE
    assert photo.canvas.bedside[300, 200] == 0
    # The outline of the body moves: counted anew behind the window.
    correction.layers.mask.paint((200, 20), int(Tissue.INTACT))
    qtbot.waitUntil(lambda: labels[200, 20] == Tissue.INTACT, timeout=SLOW)
    qtbot.waitUntil(lambda: not photo.count.provisional, timeout=SLOW)
    button(review, "nothing-assessable").click()
    assert set(np.unique(labels)) == {0, 4}
    # Where there is nothing to propose, that is said.
    button(review, "grow").click()
    move_to(review, 200, 200)
    correction.choose_class(Tissue.NOT_ASSESSABLE)
    correction.toggle_lock(Tissue.BACKGROUND)
    correction.click()
    assert not correction.layers.proposing
    assert "already" in review.panel.sentence.text()
    button(review, "reject").click()
    correction.toggle_lock(Tissue.BACKGROUND)
    for _ in range(len(photo.canvas.history.done)):
        button(review, "undo").click()
    assert photo.canvas.painted.sum() == 0
    assert np.array_equal(correction.layers.mask.data, labels)
    button(review, "undo").click()
    assert review.panel.sentence.text() == "There is nothing to take back."


def test_what_is_shown_and_how(opened: Callable[..., Review], qtbot: Any, study: Path) -> None:
    review = opened()
    layers = review.correction.layers
    for name, layer in (("model", layers.model), ("whose", layers.person), ("skin-per-pixel", layers.weight)):
        assert not layer.visible
        button(review, name).click()
        assert layer.visible
    button(review, "outlines").click()
    assert layers.mask.contour > 0
    opacity = layers.mask.opacity
    button(review, "fainter").click()
    assert layers.mask.opacity == pytest.approx(opacity - 0.1)
    size = layers.mask.brush_size
    button(review, "larger-brush").click()
    assert layers.mask.brush_size > size
    # The visit before: the same place at the same zoom, in both directions.
    session = review.correction.session
    review.correction.open_item(next(i for i in session.queue if i.photo.visit == "D09"))
    qtbot.waitUntil(lambda: review.previous is not None and review.previous.has_photo, timeout=SLOW)
    assert review.previous is not None
    assert review.previous.head.text() == f"{PATIENT} · D05"
    here, there = review.viewer.scene.camera, review.previous.model.scene.camera
    here.center, here.zoom = (0, 120, 90), 3.0
    assert there.center == pytest.approx((0, 120, 90))
    assert there.zoom == pytest.approx(3.0)
    there.zoom = 1.5
    assert here.zoom == pytest.approx(1.5)
    # Copying from it is a proposal.
    button(review, "copy-before").click()
    settle(qtbot, review)
    assert review.panel.sentence.text()


def test_counting_anew_spares_a_stroke_that_is_not_at_its_end(opened: Callable[..., Review], qtbot: Any) -> None:
    review = opened()
    correction = review.correction
    photo = correction.photo
    assert photo is not None
    mask = correction.layers.mask
    mask.paint((200, 20), int(Tissue.INTACT))  # the outline of the body moves
    qtbot.waitUntil(lambda: photo.count.provisional, timeout=SLOW)
    # The button is still held: napari has painted and says nothing before it is let go.
    mask.data[296:299, 196:199] = Tissue.NOT_ASSESSABLE
    qtbot.waitUntil(lambda: not photo.count.provisional, timeout=SLOW)
    assert (mask.data[296:299, 196:199] == Tissue.NOT_ASSESSABLE).all()
    acts = len(photo.canvas.history.done)
    button(review, "undo").click()
    assert len(photo.canvas.history.done) == acts, "the stroke that was under the brush is what is taken back"
    assert photo.canvas.labels[297, 197] != Tissue.NOT_ASSESSABLE
    assert photo.canvas.labels[200, 20] == Tissue.INTACT


def test_closing_the_window_keeps_every_stroke(
    make_viewer: Any, opened: Callable[..., Review], qtbot: Any, study: Path
) -> None:
    review = opened()
    photo = review.correction.photo
    assert photo is not None
    review.correction.layers.mask.paint((200, 200), int(Tissue.DETACHED))
    review.window.close()
    expected = photo.canvas.labels
    assert expected[200, 200] == Tissue.DETACHED
    again = attach(make_viewer(), study, "Duval")
    qtbot.waitUntil(lambda: again.correction.photo is not None, timeout=SLOW)
    assert again.correction.photo is not None
    assert again.correction.photo.item == again.correction.session.item(photo.item.sha256)
    assert np.array_equal(again.correction.layers.mask.data, expected)
    assert "every stroke is there" in again.panel.sentence.text()


def texts(widget: QWidget) -> list[str]:
    """Everything that a window says, anywhere."""
    found = [widget.windowTitle(), widget.toolTip(), widget.statusTip()]
    for child in widget.findChildren(QWidget):
        found += [child.toolTip(), child.statusTip(), child.windowTitle(), child.objectName()]
        if isinstance(child, QLabel | QLineEdit | QToolButton):
            found.append(child.text())
        if isinstance(child, QComboBox):
            found += [child.itemText(i) for i in range(child.count())]
        if isinstance(child, QListWidget):
            rows = [child.item(i) for i in range(child.count())]
            found += [row.text() for row in rows] + [row.toolTip() for row in rows]
    return found


def test_a_blinded_window_gives_neither_patient_nor_day_away(opened: Callable[..., Review], qtbot: Any) -> None:
    review = opened(blinded=True, seed=5)
    settle(qtbot, review)
    photo = review.correction.photo
    assert photo is not None
    assert review.previous is None
    assert not review.correction.layers.mask.data.any()
    said: list[str] = []
    review.correction.said.connect(said.append)
    for name in ("model", "copy-before", "whose", "skin-per-pixel"):
        button(review, name).click()
    move_to(review, 200, 200)
    shown = [*texts(review.window), *said, review.viewer.title, review.viewer.status, review.viewer.help]
    for layer in review.viewer.layers:
        shown += [layer.name, str(layer.metadata), str(layer.source.path)]
    assert any("visit 1 of 2" in str(text) for text in shown)
    for text in map(str, shown):
        for secret in (PATIENT, "D5", "D05", "D9", "D09", "trial", "model:"):
            assert secret not in text, text


def test_what_goes_wrong_is_one_sentence_in_the_window(opened: Callable[..., Review], qtbot: Any, study: Path) -> None:
    review = opened()
    session = review.correction.session
    other = next(item for item in session.queue if item.photo.visit == "D09")
    other.photo.path.write_bytes(b"")
    review.correction.open_item(other)
    qtbot.waitUntil(lambda: "is empty (0 bytes)" in review.panel.sentence.text(), timeout=SLOW)
    assert review.correction.photo is not None  # the one before stays
    # Waiting can be given up.
    review.correction.open_item(session.queue[1])
    review.panel.cancel.click()
    assert not review.correction.work.busy
    # A second study belongs into a window of its own.
    with pytest.raises(Exception, match="shows a study already"):
        attach(review.viewer, study, "Roy")


def test_plugin_doors(make_viewer: Any, qtbot: Any, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = make_viewer()
    photo = study / "photos" / PATIENT / "D9" / "arm-left-anterior.jpg"
    viewer.open(str(photo), plugin="bsa-measure")
    qtbot.waitUntil(lambda: "arm" in viewer.title.lower(), timeout=SLOW)
    start = StartWidget(viewer)
    qtbot.addWidget(start)
    start.folder.setText(str(study))
    start.open()
    assert "shows a study already" in start.sentence.text()
    start.folder.setText(str(study / "nowhere"))
    start.open()
    assert start.sentence.text()  # still the same: the window is taken


def test_the_plugins_menu_opens_a_study_and_its_form_makes_room(make_viewer: Any, qtbot: Any, study: Path) -> None:
    viewer = make_viewer()
    dock, form = viewer.window.add_plugin_dock_widget("bsa-measure", "Correct photographs")
    form.folder.setText(str(study))
    form.reader.setText("Duval")
    form.open_button.click()
    qtbot.waitUntil(lambda: viewer.title.startswith("trial – "), timeout=SLOW)
    assert not dock.isVisible()


def test_a_study_that_is_none_is_said_in_the_widget(make_viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    start = StartWidget(make_viewer())
    qtbot.addWidget(start)
    start.folder.setText(str(tmp_path / "nowhere"))
    start.open()
    qtbot.waitUntil(lambda: "There is no folder" in start.sentence.text(), timeout=SLOW)


def test_the_sample_study_opens_from_the_file_menu(
    make_viewer: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    viewer = make_viewer()
    viewer.open_sample("bsa-measure", "sample-study")
    qtbot.waitUntil(lambda: "bsa-measure-sample – PH-001" in viewer.title, timeout=2 * SLOW)
    assert "opening" not in viewer.layers
    assert (tmp_path / "bsa-measure-sample" / "study.toml").is_file()
