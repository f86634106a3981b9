"""The doors through which napari itself comes in: a dropped study folder or photograph, and File > Open Sample."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsa_measure.errors import BsaMeasureError

from .places import sample_copy, study_of

LayerData = tuple[Any, ...]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader for a study folder, or for a photograph inside one; None for everything else."""
    first = Path(path if isinstance(path, str) else next(iter(path), ""))
    return read if study_of(first) is not None else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Open the study in the napari window that it was dropped onto; the layers come by themselves."""
    first = Path(path if isinstance(path, str) else next(iter(path)))
    folder = study_of(first)
    if folder is not None:
        _open_here(folder, first if first.is_file() else None)
    return [(None,)]


def open_sample() -> list[LayerData]:
    """Copy the sample study to a place that can be written to, and open it."""
    try:
        folder = sample_copy()
    except BsaMeasureError as error:
        _say(str(error))
        return []
    _open_here(folder, None)
    # napari wants a layer; it goes as soon as the first photograph is there.
    blank = np.zeros((2, 2, 3), np.uint8)
    return [(blank, {"name": "opening", "metadata": {"bsa-measure": "placeholder"}}, "image")]


def _open_here(folder: Path, photo: Path | None) -> None:
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.current_viewer()
    if viewer is None:
        _say("There is no napari window: run  bsa-measure review  with the study folder.")
        return

    def start() -> None:
        from ._qt.window import attach_later

        attach_later(viewer, folder, getpass.getuser(), _say, photo=photo)

    QTimer.singleShot(0, start)  # napari finishes its own opening first


def _say(sentence: str) -> None:
    from napari.utils.notifications import show_error

    show_error(sentence)
