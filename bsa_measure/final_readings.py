"""Which reading of a photograph is final: the adjudicated one, else that of the reader on whom the protocol relies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from .errors import ReadingError
from .files import printable
from .protocol import Protocol
from .readings import Reading

FINAL: Final = "final"
"""What ``measure --reader`` calls the final readings, whoever made each."""


def default_readers(record: Sequence[Reading], protocol: Protocol) -> tuple[str, ...]:
    """Whose readings are compared for adjudication: those the protocol names; else everybody who has read by hand, by
    name; where that is one person, the model as well.

    Raises:
        ReadingError: there are fewer than two.
    """
    if protocol.adjudication.readers:
        return protocol.adjudication.readers
    people = tuple(sorted({reading.reader for reading in record if reading.kind == "manual"}))
    model = automated_reader(record, protocol)
    if len(people) == 1 and model:
        return people[0], model
    if len(people) < 2:
        there = ", ".join(printable(name) for name in sorted({reading.reader for reading in record})) or "nobody yet"
        raise ReadingError(
            f"Adjudication needs two readers (read by: {there}): import a second reader's masks, or measure first so "
            "that the model's readings are there."
        )
    return people


def automated_reader(record: Sequence[Reading], protocol: Protocol) -> str:
    """The model whose readings stand beside those of people: the protocol's, else the last that has read; or empty."""
    read = [reading.reader for reading in record if reading.kind == "model"]
    wanted = f"model:{protocol.measure.model}"
    return wanted if wanted in read else read[-1] if read else ""


def final_reader(record: Sequence[Reading], protocol: Protocol) -> str:
    """Whose reading is final where nothing was adjudicated.

    Raises:
        ReadingError: the protocol names nobody, and there are not two readers.
    """
    return protocol.adjudication.final_reader or default_readers(record, protocol)[0]


def whose_rereading_counts(record: Sequence[Reading], protocol: Protocol) -> tuple[str, ...]:
    """Those whose later reading of a photograph undoes a decision about it: the readers compared by default; where
    there are not two, every person who has read."""
    try:
        return default_readers(record, protocol)
    except ReadingError:
        return tuple(sorted({reading.reader for reading in record if reading.kind == "manual"}))


def final_reading(readings: Sequence[Reading], otherwise: str, compared: Collection[str] = ()) -> Reading | None:
    """The final reading of a photograph; None where there is none.

    Args:
        readings: all of the photograph, in the order of recording.
        otherwise: whose reading is final where no decision stands.
        compared: the readers; a decision older than a reading of one of them is outdated and skipped.
    """
    decision = newest_decision(readings)
    if decision is not None:
        after = (r.number for r in readings if r.kind != "adjudicated" and r.reader in compared)
        if decision.number > max(after, default=0):
            return decision
    return next((r for r in reversed(readings) if r.reader == otherwise and r.kind != "adjudicated"), None)


def newest_decision(readings: Sequence[Reading]) -> Reading | None:
    """The last adjudicated reading of a photograph, outdated or not."""
    return next((r for r in reversed(readings) if r.kind == "adjudicated"), None)
