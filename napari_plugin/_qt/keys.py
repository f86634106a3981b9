"""Keys that the whole window obeys."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAction, QWidget


def bind_key(window: QWidget, owner: QWidget, key: str, do: Callable[[], object]) -> QAction:
    """Let a key of the main window call something; the binding lives as long as its owner.

    An action of the main window hears its key wherever the mouse last clicked, except in a text field.
    """
    action = QAction(owner)
    action.setShortcut(QKeySequence(key))
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    action.triggered.connect(lambda _=False: do())
    window.addAction(action)
    return action
