"""How the panels make the most of a small screen."""

from __future__ import annotations

from typing import Final, TypeVar

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QLayout, QScrollArea, QWidget

Layout = TypeVar("Layout", bound=QLayout)

PRESSED: Final = (
    "QToolButton { border: 1px solid #5a626c; border-radius: 3px; padding: 1px; }"
    "QToolButton:checked { background: #1f6fb2; border-color: #cfe3f5; }"
    "QToolButton:pressed { background: #4a525c; }"
)
"""A button of a tool; the chosen one is blue."""


def tight(layout: Layout) -> Layout:
    """Little room between the buttons: a hospital's laptop shows 800 lines."""
    layout.setContentsMargins(4, 4, 4, 4)
    layout.setSpacing(3)
    return layout


class Scrolling(QScrollArea):
    """What may scroll where the screen is low, always at its full width.

    Args:
        tools: what is inside.
    """

    def __init__(self, tools: QWidget) -> None:
        super().__init__()
        self.setWidget(tools)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """The width follows what is inside: its fonts come only when it is shown."""
        if event is not None and watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._widen()
        return bool(super().eventFilter(watched, event))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """As above."""
        self._widen()
        super().showEvent(event)

    def _widen(self) -> None:
        tools, bar = self.widget(), self.verticalScrollBar()
        if tools is not None and bar is not None:
            self.setMinimumWidth(tools.minimumSizeHint().width() + bar.sizeHint().width())
