"""Deciding between two readers in a real napari window. Run by tests/test_napari_correction.py."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from bsa_measure_napari._qt.adjudicate import AdjudicationWindow
from bsa_measure_napari._qt.shown import SHOWN
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel, QListWidget, QWidget

from bsa_measure.imports import import_masks
from bsa_measure.study import open_study
from bsa_measure.tissue import Tissue

SLOW = 60_000  # ms; a busy computer
READERS = ("Duval", "Okafor")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """One photograph that two readers have read differently in two places."""
    folder = write_study(tmp_path / "trial", uninvolved="P1,D0,*\nP1,D7,*")
    for reader, skin in zip(READERS, ({(40, 90): 2, (150, 160): 2}, {(40, 60): 2}), strict=True):
        for seed, visit in enumerate(("D0", "D7")):
            save_photo(folder / "photos" / "P1" / visit / "trunk-anterior.jpg", skin_photo(seed))
            mask = limb_mask({(10, 190): 1, **(skin if visit == "D7" else {(40, 90): 2})})
            save_mask(tmp_path / reader / "P1" / visit / "trunk-anterior.png", mask)
    for reader in READERS:
        import_masks(open_study(folder), tmp_path / reader, reader=reader)
    return folder


@pytest.fixture
def viewer(qtbot: Any) -> Iterator[Any]:
    made = napari.Viewer(show=True)
    yield made
    with contextlib.suppress(RuntimeError):
        made.close()
    qtbot.wait(50)


def opened_from_the_menu(viewer: Any, qtbot: Any, study: Path, name: str) -> Any:
    """What Plugins > BSA measure > Decide between readers does, filled in and opened."""
    dock, form = viewer.window.add_plugin_dock_widget("bsa-measure", "Decide between readers")
    form.folder.setText(str(study))
    form.reader.setText(name)
    form.open_button.click()
    return dock, form


def test_a_decision_from_the_plugins_menu_shows_what_it_means_as_the_stroke_ends(
    viewer: Any, qtbot: Any, study: Path
) -> None:
    dock, _ = opened_from_the_menu(viewer, qtbot, study, "Marin")

    def shown() -> AdjudicationWindow | None:
        found = viewer.window._qt_window.findChild(QObject, SHOWN)
        return found if found is not None and found.adjudicating.photo is not None else None

    qtbot.waitUntil(lambda: shown() is not None, timeout=SLOW)
    window = shown()
    assert window is not None
    assert not dock.isVisible(), "the form makes room"
    photo, about = window.adjudicating.photo, window.panel.about
    assert photo is not None
    assert "<b>What is not decided yet as</b>" in about.text()
    assert "<td><b>A</b></td><td><b>B</b></td>" in about.text()
    assert "healed" in about.text()
    # A stroke on the result: the numbers follow by themselves.
    before = about.text()
    window.adjudicating.choose_class(Tissue.REEPITHELIALISED)
    window.adjudicating.brush()
    row, column = (int(v) for v in np.argwhere(photo.canvas.labels == Tissue.DETACHED).mean(axis=0))
    numbers = before[before.index("What is not") :]
    window.adjudicating.result.brush_size = 30
    window.adjudicating.result.paint((row, column), int(Tissue.REEPITHELIALISED))
    qtbot.waitUntil(lambda: numbers not in about.text(), timeout=SLOW)
    qtbot.waitUntil(lambda: not photo.is_old, timeout=SLOW)
    window.adjudicating.undo()
    qtbot.waitUntil(lambda: numbers in about.text() and not photo.is_old, timeout=SLOW)
    window.adjudicating.take(0)
    window.adjudicating.take(1)
    qtbot.waitUntil(lambda: "<b>As decided</b>" in about.text(), timeout=SLOW)
    # Who is who is nowhere to be read.
    widgets: list[QWidget] = [window.window, *window.window.findChildren(QWidget)]
    texts = [widget.toolTip() for widget in widgets] + [widget.windowTitle() for widget in widgets]
    texts += [widget.text() for widget in widgets if isinstance(widget, QLabel)]
    texts += [w.item(n).text() for w in widgets if isinstance(w, QListWidget) for n in range(w.count())]
    assert any("P1" in text for text in texts)
    assert not [text for text in texts for reader in READERS if reader in text]


def test_a_reader_who_wants_to_decide_is_told_in_the_form(viewer: Any, qtbot: Any, study: Path) -> None:
    dock, form = opened_from_the_menu(viewer, qtbot, study, READERS[0])
    qtbot.waitUntil(lambda: "a third person has to decide" in form.sentence.text(), timeout=SLOW)
    assert dock.isVisible()
    assert viewer.window._qt_window.findChild(QObject, SHOWN) is None
