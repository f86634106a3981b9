"""The numbers beside the photograph: always in sight, new at the end of every stroke."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtSvgWidgets import QSvgWidget
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..numbers import Numbers, numbers
from .correction import Correction

_WIDTH = 290
_SLOW_MS = 120  # the body map follows the numbers by this much, so that quick strokes are not held up by drawing


class FiguresView(QWidget):
    """This photograph's fractions, the visit's % BSA, healed percent and the body map."""

    def __init__(self, correction: Correction) -> None:
        super().__init__()
        self._correction = correction
        self.setMinimumWidth(_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self.text)
        self.map = QSvgWidget()
        self.map.setMinimumSize(240, 150)
        self.map.setMaximumHeight(360)
        self.map.setStyleSheet("background: white; border-radius: 4px;")
        layout.addWidget(self.map, 1)
        self._shown: Numbers | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SLOW_MS)
        self._timer.timeout.connect(self._draw)
        correction.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the numbers of the open photograph as it is painted now."""
        session, photo = self._correction.session, self._correction.photo
        if photo is None:
            return
        found = numbers(photo.count.areas.weighted, session.figures(), session.study.protocol.endpoint)
        self._shown = found
        self.text.setText(_html(found, provisional=photo.count.provisional, missing=len(session.unmeasured())))
        self._make_room()
        if not self._timer.isActive():
            self._timer.start()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """The lines break anew."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """The numbers are never cut off; the body map takes what is left."""
        needed = max(self.text.heightForWidth(self.text.width()), 0)  # -1: there is no text yet
        if needed != self.text.minimumHeight():
            self.text.setMinimumHeight(needed)

    def _draw(self) -> None:
        if self._shown is not None:
            self.map.load(QByteArray(self._shown.body_map.encode()))
            self.map.renderer().setAspectRatioMode(Qt.AspectRatioMode.KeepAspectRatio)


def _html(found: Numbers, *, provisional: bool, missing: int) -> str:
    rows = "".join(
        f"<tr><td>{line.title}&nbsp;</td><td align=right>&nbsp;{line.detached}</td>"
        f"<td align=right>&nbsp;{line.reepithelialised}</td><td align=right>&nbsp;{line.assessable}</td></tr>"
        for line in found.surfaces
    )
    parts = [
        "<table cellspacing=2><tr><td><b>This photo</b></td><td align=right>&nbsp;detached</td>"
        f"<td align=right>&nbsp;re-epith.</td><td align=right>&nbsp;seen</td></tr>{rows}</table>"
    ]
    for title, lines in (("This visit", found.visit), ("This patient", found.healed)):
        if lines:
            parts.append(f"<b>{title}</b><br>{'<br>'.join(lines)}")
    if missing:
        parts.append(f"<i>{missing} other photos of this patient are not counted yet.</i>")
    if provisional:
        parts.append("<i>The outline changed: counting anew …</i>")
    return "<p>".join(parts)
