"""Auditing a study: is everything as it was recorded, and who did what, when and why.

Nothing is measured and nothing is changed, so that a study of thousands of photographs is audited in seconds.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from .errors import StudyError
from .files import is_unfinished, printable, table_text
from .readings import RECORD_FILE, Act, Fault, Head, Reading, Readings, lock_on, scope_title
from .record_schema import FIRST_PREVIOUS
from .signing import (
    PATIENT_TABLES,
    VISIT_TABLES,
    about_act,
    covered_rows,
    differences,
    latest_results,
    read_rows,
    signatures,
    signed_rows,
    standing,
    standing_locks,
)
from .study import PROTOCOL_FILE
from .sums import SUMS_FILE, changed_files, read_sums

TRAIL_COLUMNS: Final = (
    "number",
    "when_utc",
    "what",
    "who",
    "role",
    "patient",
    "visit",
    "view",
    "surface",
    "follows",
    "meaning",
    "reason",
    "mask_sha256",
    "surfaces_sha256",
    "bedside_sha256",
    "painted_sha256",
    "photo_sha256",
    "covers_sha256",
    "software",
    "model_sha256",
    "working_long_side",
    "certainty",
    "protocol_sha256",
    "active_seconds",
    "account",
    "previous_hash",
    "hash",
    "as_recorded",
)
BLINDED_COLUMNS: Final = ("patient", "visit", "view", "photo_sha256", "code", "photo_as_recorded", "visit_locked")
_AGAIN: Final = "if you know why, run 'bsa-measure measure' again; if not, restore the study from its backup."
_RESULTS_FILES: Final = (*VISIT_TABLES, *PATIENT_TABLES, "report.html", "provenance.json")
_FEWEST_DIGITS: Final = 16  # of a hash that somebody noted down


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        entries: readings and acts, in the order of recording.
        head: where the record ends.
        faults: what is not as it was recorded, in the order of the record.
        masks: how many masks were checked.
        files: how many files of ``results/`` were checked.
        standing: what is signed and locked, a sentence each.
        remarks: what is no fault but may be looked at.
    """

    entries: tuple[Reading | Act, ...]
    head: Head
    faults: tuple[Fault, ...]
    masks: int
    files: int
    standing: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def audit_study(folder: Path, *, expect: str = "") -> Audit:
    """Check the record, every mask, every file that `measure` wrote, and everything that was signed.

    Args:
        folder: the study folder.
        expect: the hash of an entry, noted down earlier; it has to be in the record still.

    Raises:
        StudyError: not a study folder.
        ReadingError: readings.db cannot be read at all.
    """
    if not (folder / PROTOCOL_FILE).is_file():
        raise StudyError(
            f"{printable(folder.absolute().name)} is not a study folder (it has no {PROTOCOL_FILE}): name another one."
        )
    record = Readings(folder, read_only=True)
    faults, entries = record.check(), record.entries()
    if not entries and any(path.is_file() for name in ("masks", "signed") for path in (folder / name).rglob("*")):
        state = "has no entries" if (folder / RECORD_FILE).is_file() else "is missing"
        faults.append(Fault(0, f"readings.db {state}: restore the study from its backup."))
    head = Head(entries[-1].number, entries[-1].hash) if entries else Head(0, FIRST_PREVIOUS)
    texts = _tables(folder / "results")
    listed, results_faults = _results_faults(folder / "results", entries)
    acts = [entry for entry in entries if isinstance(entry, Act)]
    faults += [*_expectation_faults(entries, expect), *results_faults, *_signing_faults(folder, acts, texts)]
    return Audit(
        entries=tuple(entries),
        head=head,
        faults=tuple(faults),
        masks=len({sha256 for entry in entries if isinstance(entry, Reading) for sha256 in entry.masks}),
        files=listed,
        standing=tuple(standing(folder, acts, texts) if texts else map(about_act, signatures(acts))),
        remarks=tuple(_unclaimed(folder, acts)),
    )


def _unclaimed(folder: Path, acts: Sequence[Act]) -> list[str]:
    """Files in ``signed/`` that no entry names: a program that was killed while signing leaves one."""
    named = {f"{act.covers_sha256}.json" for act in acts}
    return [
        f"signed/{printable(path.name)} belongs to no entry: a signature that was not finished, or was cut off."
        for path in sorted((folder / "signed").glob("*"))
        if path.name not in named and not is_unfinished(path)
    ]


def _tables(results: Path) -> dict[str, str]:
    names = [name for name in (*VISIT_TABLES, *PATIENT_TABLES) if (results / name).is_file()]
    return {name: (results / name).read_bytes().decode("utf-8", "replace") for name in names}


def _expectation_faults(entries: Sequence[Reading | Act], expect: str) -> list[Fault]:
    digits = expect.strip().lower()
    if not digits:
        return []
    if len(digits) < _FEWEST_DIGITS:
        raise StudyError(f"The hash {printable(expect)!r} is too short: give at least {_FEWEST_DIGITS} digits of it.")
    if any(entry.hash.startswith(digits) for entry in entries):
        return []
    return [Fault(0, f"No entry has the hash {printable(digits)[:16]}…: the record was cut off or exchanged.")]


def _results_faults(results: Path, entries: Sequence[Reading | Act]) -> tuple[int, list[Fault]]:
    """How many files were checked, and what is wrong with ``results/``; that it was deleted is not."""
    sums_hash, sums = read_sums(results)
    written = latest_results(entries)
    if not sums and not any((results / name).is_file() for name in _RESULTS_FILES):
        return 0, []
    faults = _anchor_faults(results / "provenance.json", entries)
    if written is None:
        faults.append(Fault(0, "The record does not say how results/ looked: run 'bsa-measure measure' again."))
    elif sums_hash != written.covers_sha256:
        faults.append(
            Fault(written.number, f"results/{SUMS_FILE} is not what entry {written.number} says it was: {_AGAIN}")
        )
    number = written.number if written else 0
    faults += [
        Fault(number, f"results/{printable(name)} is not as measure wrote it: {_AGAIN}")
        for name in changed_files(results, sums)
    ]
    return len(sums), faults


def _anchor_faults(provenance: Path, entries: Sequence[Reading | Act]) -> list[Fault]:
    """Whether the last entry that measure saw is still there."""
    try:
        known = json.loads(provenance.read_bytes())
        number, sha256 = int(known.get("record_entries", 0)), str(known.get("record_hash", ""))
    except (OSError, ValueError, TypeError, AttributeError):
        return [Fault(0, "results/provenance.json cannot be read: run 'bsa-measure measure' again.")]
    if not number or any((entry.number, entry.hash) == (number, sha256) for entry in entries):
        return []
    return [Fault(number, f"results/ were computed from entry {number}, which is not in the record as it was then.")]


def _signing_faults(folder: Path, acts: Sequence[Act], texts: Mapping[str, str]) -> list[Fault]:
    tables = read_rows(texts)
    standing_now = {*signatures(acts), *standing_locks(acts)}
    faults: list[Fault] = []
    for act in acts:
        if act.kind not in ("sign", "lock") or not act.covers_sha256:
            continue
        try:
            rows = signed_rows(folder, act)
        except (StudyError, ValueError) as error:
            faults.append(Fault(act.number, f"{about_act(act)}: {error}"))
            continue
        if texts and act in standing_now:
            changed = differences(rows, covered_rows(tables, act.patient, act.visit))
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            if changed:
                faults.append(Fault(act.number, f"{about_act(act)}; since then: {changed[0]}{more}."))
    return faults


def select(
    entries: Iterable[Reading | Act],
    *,
    patient: str = "",
    reader: str = "",
    first: date | None = None,
    last: date | None = None,
) -> list[Reading | Act]:
    """The entries about a patient, by a reader (or whoever signed, locked or declared), from one day to another.

    Days are those of the record's clock, UTC; both ends count.
    """
    return [
        entry
        for entry in entries
        if patient in ("", entry.patient)
        and reader in ("", who(entry))
        and (first is None or entry.created_utc[:10] >= first.isoformat())
        and (last is None or entry.created_utc[:10] <= last.isoformat())
    ]


def who(entry: Reading | Act) -> str:
    """The reader, or the person who acted."""
    return entry.reader if isinstance(entry, Reading) else entry.person


def trail_table(audit: Audit, entries: Iterable[Reading | Act]) -> str:
    """The trail as CSV, one row an entry, with everything that is recorded."""
    bad = {fault.number for fault in audit.faults}
    return table_text(TRAIL_COLUMNS, (_trail_row(entry, entry.number not in bad) for entry in entries))


def _trail_row(entry: Reading | Act, as_recorded: bool) -> dict[str, object]:
    return {
        **vars(entry),
        "when_utc": entry.created_utc,
        "what": entry.kind,
        "who": who(entry),
        "follows": getattr(entry, "parent", None),
        "as_recorded": as_recorded,
    }


def trail_line(entry: Reading | Act) -> str:
    """One entry as a line for the terminal."""
    if isinstance(entry, Act):
        reason = f': "{entry.reason}"' if entry.reason else ""
        return printable(f"{entry.number:>6}  {about_act(entry).rpartition(', entry ')[0]}{reason}")
    role = f" ({entry.role})" if entry.role else ""
    follows = f", after entry {entry.parent}" if entry.parent is not None else ""
    what = f"{scope_title(entry.patient, entry.visit)} {entry.view} read by {entry.reader}{role}"
    reason = f': "{entry.reason}"' if entry.reason else ""
    when = entry.created_utc[:16].replace("T", " ")
    return printable(f"{entry.number:>6}  {what} on {when} UTC{follows}{reason}")


def blinded_table(audit: Audit, *, patient: str = "") -> str:
    """An edition of the trail that cannot unblind a reader: that photographs were read, and by how many.

    One row for every photograph and reader, with a code drawn anew for every photograph and every edition, so that a
    code says nothing about another photograph. Left out is whatever tells one reader from another: names, roles, kinds,
    models, masks, parents, reasons, working times, software, numbers, hashes and dates; rows of one photograph stand
    in the order of their codes, and how often a reader has read it does not show.
    """
    bad = {fault.number for fault in audit.faults}
    acts = [entry for entry in audit.entries if isinstance(entry, Act)]
    readers: dict[tuple[str, str, str, str], set[str]] = {}
    spoilt: set[tuple[str, str, str, str]] = set()
    for entry in audit.entries:
        if isinstance(entry, Reading) and patient in ("", entry.patient):
            place = (entry.patient, entry.visit, entry.view, entry.photo_sha256)
            readers.setdefault(place, set()).add(entry.reader)
            if entry.number in bad:
                spoilt.add(place)
    rows = []
    for place in sorted(readers):
        codes: set[str] = set()
        while len(codes) < len(readers[place]):
            codes.add(secrets.token_hex(4))
        for code in sorted(codes):
            values = (*place, code, place not in spoilt, lock_on(acts, *place[:2]) is not None)
            rows.append(dict(zip(BLINDED_COLUMNS, values, strict=True)))
    return table_text(BLINDED_COLUMNS, rows)


def summary(audit: Audit) -> str:
    """What was checked, and how it stands, for the terminal."""
    readings = [entry for entry in audit.entries if isinstance(entry, Reading)]
    acts = len(audit.entries) - len(readings)
    lines = [
        f"{len(audit.entries)} entries: {len(readings)} readings by {len({r.reader for r in readings})} readers, "
        f"{acts} acts. {audit.masks} masks and {audit.files} files of results/ checked.",
        *(f"  {printable(sentence)}" for sentence in (*audit.standing, *audit.remarks)),
        f"The last entry is {audit.head.number}, with the hash {audit.head.hash}",
        "  Keep this hash outside the study: --expect HASH tells later whether the record was cut off or exchanged.",
    ]
    return "\n".join(lines)


def verdict(audit: Audit, most: int = 20) -> str:
    """Whether everything is as it was recorded, and else what is not, the first bad entry first."""
    if not audit.faults:
        return "Everything is as it was recorded."
    number = len(audit.faults)
    lines = [
        "One thing is not as it was recorded:" if number == 1 else f"{number} things are not as they were recorded:"
    ]
    lines += [f"  - {fault.sentence}" for fault in audit.faults[:most]]
    if number > most:
        lines.append(f"  ... and {number - most} more.")
    return "\n".join(lines)
