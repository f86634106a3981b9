"""Which photograph comes next: the worst and undecided first, then the order of the protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bsa_measure.results import PatientResult
from bsa_measure.study import PhotoFile

from .blinding import BlindOrder

State = Literal["to do", "draft", "done"]

LOW_CERTAINTY: Final = 0.8
"""Mean probability of the chosen class below which a model's labels are looked at early."""

NEAR_POINTS: Final = 5.0
"""Healed percent this near to the protocol's threshold makes its visits decide the call."""


@dataclass(frozen=True)
class Item:
    """One photograph of the queue.

    Attributes:
        photo: the file and its place.
        sha256: of the file.
        name: what the reader sees; blinded, it gives neither patient nor day away.
        state: whether the reader has a draft of it or has read it.
        reasons: why it comes early, in words; none where nothing is known against it.
    """

    photo: PhotoFile
    sha256: str
    name: str
    state: State = "to do"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known of a photograph before the reader sees it.

    Attributes:
        problems: of its quality, a sentence each.
        certainty: of the model, 0 to 1; None where a person read it or the model was not asked.
        decides: whether its visit decides the patient's call.
    """

    problems: tuple[str, ...] = ()
    certainty: float | None = None
    decides: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the photograph comes early, in words."""
        found = list(self.problems)
        if self._uncertain:
            found.append(f"The model is unsure ({100 * (self.certainty or 0.0):.0f} %).")
        if self.decides:
            found.append("Its visit decides the call.")
        return tuple(found)

    @property
    def _uncertain(self) -> bool:
        return self.certainty is not None and self.certainty < LOW_CERTAINTY

    def rank(self) -> tuple[bool, bool, bool]:
        """Sorts early what a person should see early: poor quality, then an unsure model, then the call."""
        return not self.problems, not self._uncertain, not self.decides


@dataclass(frozen=True)
class Candidate:
    """A photograph that can be put into the queue."""

    photo: PhotoFile
    sha256: str
    known: Known = field(default_factory=Known)


def open_queue(candidates: Sequence[Candidate], *, done: Collection[str], drafts: Collection[str]) -> tuple[Item, ...]:
    """The queue of a reader who may know everything.

    Args:
        candidates: in the order of the study: patient, day, the protocol's views.
        done, drafts: SHA-256 of the photographs that the reader has read, or has begun.
    """
    ordered = sorted(candidates, key=lambda c: c.known.rank())  # stable: else the order of the study
    return tuple(
        Item(c.photo, c.sha256, _open_name(c.photo), _state(c, done, drafts), c.known.reasons) for c in ordered
    )


def blinded_queue(
    candidates: Sequence[Candidate], order: BlindOrder, *, done: Collection[str], drafts: Collection[str]
) -> tuple[Item, ...]:
    """The queue of a blinded reader: visit by visit in random order, and no reason that a model or another reader
    had a part in."""
    ordered = sorted(candidates, key=lambda c: order.number((c.photo.patient, c.photo.visit)))
    return tuple(
        Item(
            c.photo,
            c.sha256,
            f"{order.name((c.photo.patient, c.photo.visit))} · {view_title(c.photo)}",
            _state(c, done, drafts),
        )
        for c in ordered
    )


def next_item(queue: Sequence[Item], after: Item | None = None) -> Item | None:
    """The next photograph that is not done: behind ``after``, and from the start when there is none left behind it."""
    position = -1 if after is None else next((i for i, item in enumerate(queue) if item.sha256 == after.sha256), -1)
    turn = [*queue[position + 1 :], *queue[: position + 1]]
    return next((item for item in turn if item.state != "done"), None)


def view_title(photo: PhotoFile) -> str:
    """The view in words."""
    title = photo.shows.title if photo.shows is not None else ""
    return title or photo.view.replace("-", " ")


def deciding_visits(patients: Iterable[PatientResult], day: int, threshold: float) -> frozenset[tuple[str, int]]:
    """(patient, day) of the visits on which an open call hangs: the day of the call, and the day of the maximum.

    Args:
        patients: as measured.
        day: of the call.
        threshold: healed percent from which a patient has responded.
    """
    found: set[tuple[str, int]] = set()
    for result in patients:
        for healed, answer in result.calls:
            if healed.day != day or healed.detached is None:
                continue
            near = healed.healed is not None and abs(healed.healed.point - threshold) <= NEAR_POINTS
            if near or answer.response == "undetermined":
                found.add((result.patient.patient, day))
                if healed.peak_day is not None:
                    found.add((result.patient.patient, healed.peak_day))
    return frozenset(found)


def with_state(queue: Sequence[Item], states: Mapping[str, State]) -> tuple[Item, ...]:
    """The queue with new states, by SHA-256 of the photograph."""
    return tuple(
        Item(item.photo, item.sha256, item.name, states.get(item.sha256, item.state), item.reasons) for item in queue
    )


def _open_name(photo: PhotoFile) -> str:
    return f"{photo.patient} · {photo.visit} · {view_title(photo)}"


def _state(candidate: Candidate, done: Collection[str], drafts: Collection[str]) -> State:
    if candidate.sha256 in drafts:
        return "draft"
    return "done" if candidate.sha256 in done else "to do"
