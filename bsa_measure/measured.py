"""What `measure` has found, read back from the tables in ``results/``, which are never changed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .bsa import Extent
from .errors import StudyError
from .files import read_table, read_text, undefuse
from .protocol import Protocol, load_protocol
from .results import visit_label
from .study import PROTOCOL_FILE

RESPONSES: Final = ("yes", "no", "undetermined", "")


@dataclass(frozen=True)
class Member:
    """One patient as measured.

    Attributes:
        eligible: ``yes``, ``no`` or ``undetermined``.
        calls: reported study day to ``yes``, ``no``, ``undetermined``, or empty when no detachment was ever seen.
        detached: study day of every measured visit to % BSA detached.
        probability: that the patient responded on the day of the call, given the error of the reading; None where
            the reader has no error model.
    """

    patient: str
    age_years: float | None
    eligible: str
    calls: Mapping[int, str]
    detached: Mapping[int, Extent] = field(default_factory=dict)
    probability: float | None = None


@dataclass(frozen=True)
class Measured:
    """What `measure` has found, read back from ``results/``.

    Attributes:
        study: name of the study folder.
        members: in the order of patients.csv, which is taken for the order of inclusion.
        provenance: of the measurement, as in provenance.json.
    """

    study: str
    protocol: Protocol
    members: tuple[Member, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)


def read_measured(folder: Path) -> Measured:
    """Read the protocol and what `measure` has written.

    Raises:
        StudyError: not a study folder, `measure` has not been run, or its tables do not fit the protocol.
        ProtocolError, ChartError: study.toml is wrong.
    """
    if not (folder / PROTOCOL_FILE).is_file():
        raise StudyError(f"{folder.name or folder} is not a study folder (no {PROTOCOL_FILE}): run 'bsa-measure init'.")
    protocol, _ = load_protocol(folder / PROTOCOL_FILE)
    results = folder / "results"
    for name in ("patients.csv", "endpoints.csv", "visits.csv", "provenance.json"):
        if not (results / name).is_file():
            raise StudyError(f"results/{name} is not there: run 'bsa-measure measure' on this study first.")
    try:
        calls, probabilities = _calls(results / "endpoints.csv", protocol.endpoint.day)
        detached = _extents(results / "visits.csv")
        members = tuple(
            Member(
                patient=undefuse(row["patient"]),
                age_years=float(row["age_years"]) if row["age_years"] else None,
                eligible=row["eligible"],
                calls=calls.get(row["patient"], {}),
                detached=detached.get(row["patient"], {}),
                probability=probabilities.get(row["patient"]),
            )
            for row in read_table(results / "patients.csv", ("patient", "age_years", "eligible"))
        )
        provenance = json.loads(read_text(results / "provenance.json"))
    except ValueError as error:
        raise StudyError(f"A table in results/ is damaged ({error}): run 'bsa-measure measure' again.") from error
    for member in members:
        missing = [day for day in protocol.endpoint.reported_days if day not in member.calls]
        if missing:
            raise StudyError(
                f"results/endpoints.csv has no row of {member.patient} for {visit_label(missing[0])}, which study.toml "
                "asks for: run 'bsa-measure measure' again."
            )
    return Measured(folder.resolve().name, protocol, members, provenance if isinstance(provenance, dict) else {})


def _calls(path: Path, call_day: int) -> tuple[dict[str, dict[int, str]], dict[str, float]]:
    """Patient to day to response, and patient to the probability of response on the day of the call."""
    found: dict[str, dict[int, str]] = {}
    probabilities: dict[str, float] = {}
    for row in read_table(path, ("patient", "day", "response")):
        if row["response"] not in RESPONSES:
            raise ValueError(f"{path.name} holds the response {row['response']!r}")
        day, probability = int(row["day"]), row.get("probability_of_response", "")
        found.setdefault(row["patient"], {})[day] = row["response"]
        if day == call_day and probability:
            probabilities[row["patient"]] = float(probability)
    return found, probabilities


def _extents(path: Path) -> dict[str, dict[int, Extent]]:
    columns = ("detached_bsa_percent", "detached_bsa_low", "detached_bsa_high")
    found: dict[str, dict[int, Extent]] = {}
    for row in read_table(path, ("patient", "day", *columns)):
        if all(row[column] for column in columns):
            found.setdefault(row["patient"], {})[int(row["day"])] = Extent(*(float(row[column]) for column in columns))
    return found
