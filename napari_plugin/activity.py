"""How long a person really worked on a photograph."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

IDLE_AFTER: Final = 60.0
"""Seconds without a stroke, a key or a movement of the mouse after which the clock stands still."""


class ActiveClock:
    """Adds up the time between one act and the next; of a longer pause only the first minute counts.

    Args:
        seconds: counted before, when a photograph is taken up again.
        now: the clock, in seconds.
        idle_after: the most that one pause adds, in seconds.
    """

    def __init__(
        self, seconds: float = 0.0, *, now: Callable[[], float] = monotonic, idle_after: float = IDLE_AFTER
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._idle_after = idle_after
        self._last: float | None = None

    def touch(self) -> None:
        """The person has just done something."""
        moment = self._now()
        if self._last is not None:
            self._seconds += min(max(moment - self._last, 0.0), self._idle_after)
        self._last = moment

    def rest(self) -> None:
        """The person turns to something else: the time until the next act does not count."""
        self._last = None

    @property
    def seconds(self) -> float:
        """Active seconds up to the last act."""
        return self._seconds
