"""One study a window: two at once would share keys, layers and the mouse."""

from __future__ import annotations

from typing import Any, Final

from qtpy.QtCore import QObject

from bsa_measure.errors import StudyError

SHOWN: Final = "bsa-measure-shown"
"""Object name of what shows a study in a napari window."""


def refuse_second(viewer: Any) -> None:
    """Raises StudyError where a viewer's window shows a study already."""
    if viewer.window._qt_window.findChild(QObject, SHOWN) is not None:
        raise StudyError("This window shows a study already: open the other one in a window of its own.")
