"""Slow things, off the window's thread, with a line that says what is being done and a way to stop waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from qtpy.QtCore import QObject, Qt, Signal

from bsa_measure.errors import BsaMeasureError

from ..loading import Cancelled, Step

T = TypeVar("T")

PAUSE_MS: Final = 200
"""Counting anew takes turns with the hand: it begins when a stroke is not followed by another for so long."""


class Work(QObject):
    """Does one slow thing after the other; a new one makes the one before unwanted.

    Signals:
        step: what is being done, as a sentence; empty when nothing is.
        failed: one sentence.
    """

    step = Signal(str)
    failed = Signal(str)
    _ended = Signal(int, object, object)
    _stepped = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cancellable = True
        self._number = 0
        self._then: Callable[[Any], object] | None = None
        self._threads: list[threading.Thread] = []
        # Queued: what ends in another thread is looked at in the window's own.
        self._ended.connect(self._look, Qt.ConnectionType.QueuedConnection)
        self._stepped.connect(self._show, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether something is being done that is still wanted."""
        return self._then is not None

    def start(
        self, title: str, do: Callable[[Step], T], then: Callable[[T], object], *, cancellable: bool = True
    ) -> None:
        """Call ``do`` in another thread and ``then`` with its result in this one.

        Args:
            title: shown until ``do`` says something else through the function that it is given.
            cancellable: whether the person may stop waiting for it.
        """
        self.cancellable = cancellable
        self._result: tuple[int, object, BaseException | None] | None = None
        self._number += 1
        number = self._number
        self._then = then
        self.step.emit(title)

        def step(sentence: str) -> None:
            if number != self._number:
                raise Cancelled
            self._stepped.emit(number, sentence)

        def run() -> None:
            try:
                result, error = do(step), None
            except BaseException as raised:  # handed to the window's thread, which says it
                result, error = None, raised
            self._result = (number, result, error)
            self._ended.emit(number, result, error)

        thread = threading.Thread(target=run, name=title, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def settle(self) -> None:
        """Wait for what cannot be cancelled, and do what follows from it."""
        if self.busy and not self.cancellable:
            self.wait()
            if self._result is not None:
                self._look(*self._result)

    def cancel(self) -> None:
        """What is being done is no longer wanted; it ends at its next step and changes nothing here."""
        self._number += 1
        self._then = None
        self.step.emit("")

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until no thread is left, before the window goes."""
        for thread in self._threads:
            thread.join(seconds)

    def _show(self, number: int, sentence: str) -> None:
        if number == self._number:
            self.step.emit(sentence)

    def _look(self, number: int, result: object, error: BaseException | None) -> None:
        if number != self._number or self._then is None:
            return
        then, self._then = self._then, None
        self.step.emit("")
        if error is None:
            try:
                then(result)
            except BsaMeasureError as raised:
                self.failed.emit(str(raised))
        elif isinstance(error, BsaMeasureError):
            self.failed.emit(str(error))
        elif not isinstance(error, Cancelled):
            raise error
