"""Signing results, locking them against further readings, and unlocking them with a reason.

A signature covers the rows of the results tables as they were; a copy of them is kept in ``signed/`` under the hash
of its own bytes, so that what somebody put a name to can be read, and compared, whatever is computed later.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from . import __version__
from .errors import StudyError
from .files import sync_folder, undefuse, write_text
from .protocol import suggestion
from .readings import Act, ActKind, Head, NewAct, Reading, Readings, Role, lock_on, scope_title
from .results import visit_label
from .study import PROTOCOL_FILE, Study, open_study, parse_visit
from .sums import read_sums

VISIT_TABLES: Final = ("photos.csv", "surfaces.csv", "visits.csv")
PATIENT_TABLES: Final = ("endpoints.csv", "patients.csv")

Rows = Mapping[str, Sequence[Mapping[str, str]]]
"""File name of a table to its rows, column name to cell."""
PatientRows = Mapping[str, Mapping[str, Sequence[Mapping[str, str]]]]
"""The same, by patient."""


def sign(
    folder: Path, *, person: str, role: Role, meaning: str, patient: str = "", visit: str = "", reason: str = ""
) -> Act:
    """Sign the results of a visit, of a patient (no visit) or of the study (no patient).

    Args:
        folder: the study folder.
        person: printed name.
        role: in the trial.
        meaning: of the signature (21 CFR 11.50): ``review``, ``approval``, ``responsibility``, ``authorship``.
        patient, visit: what is signed.
        reason: a remark that is kept.

    Raises:
        StudyError: no such patient or visit, no results, or results that are older than the readings.
        ReadingError: the record cannot be written, or a name or meaning is missing.
    """
    study, record = open_study(folder), Readings(folder)
    patient, visit = _scope(study, patient, visit)
    rows, seen = _current_rows(study, record, patient, visit)
    covers = _store(folder, rows)
    return _record(study, record, "sign", person, role, patient, visit, meaning, reason, covers, seen)


def lock(folder: Path, *, person: str, role: Role = "", patient: str = "", visit: str = "", reason: str = "") -> Act:
    """Lock a visit, a patient or the study: no reading or declaration is recorded for it any more.

    The results of that moment are kept as with a signature, if there are any that are up to date. Raises as sign, but
    not for results.
    """
    study, record = open_study(folder), Readings(folder)
    patient, visit = _scope(study, patient, visit)
    try:
        rows, seen = _current_rows(study, record, patient, visit)
    except StudyError:  # none, or older than the readings: what is recorded is locked all the same
        return _record(study, record, "lock", person, role, patient, visit, "", reason, "")
    covers = _store(folder, rows)
    return _record(study, record, "lock", person, role, patient, visit, "", reason, covers, seen)


def unlock(folder: Path, *, person: str, reason: str, role: Role = "", patient: str = "", visit: str = "") -> Act:
    """Open what was locked, with a reason that is kept. Raises as sign."""
    study, record = open_study(folder), Readings(folder)
    patient, visit = _scope(study, patient, visit)
    return _record(study, record, "unlock", person, role, patient, visit, "", reason, "")


def _record(
    study: Study,
    record: Readings,
    kind: ActKind,
    person: str,
    role: Role,
    patient: str,
    visit: str,
    meaning: str,
    reason: str,
    covers: str,
    seen: Head | None = None,
) -> Act:
    act = NewAct(
        kind=kind,
        person=person.strip(),
        software=__version__,
        protocol_sha256=study.protocol.sha256,
        role=role,
        patient=patient,
        visit=visit,
        meaning=meaning.strip(),
        reason=reason.strip(),
        covers_sha256=covers,
    )
    return record.add_acts([act], seen=seen)[0]


def _scope(study: Study, patient: str, visit: str) -> tuple[str, str]:
    if patient and patient not in study.patients:
        near = suggestion(patient, study.patients)
        raise StudyError(f"{patient!r} is no patient of patients.csv{near}: correct the name.")
    if not visit:
        return patient, ""
    day = parse_visit(visit)
    if day is None:
        raise StudyError(f"{visit!r} is not a study day: write it like D07 or D-2.")
    if not patient:
        raise StudyError(f"The visit {visit} needs its patient: name the patient too.")
    return patient, visit_label(day)


def _current_rows(study: Study, record: Readings, patient: str, visit: str) -> tuple[Rows, Head]:
    """The rows of what is to be signed, once it is sure that they are what the readings say, and the last entry."""
    entries = record.entries()
    results = latest_results(entries)
    sums_hash, sums = read_sums(study.results)
    again = "run 'bsa-measure measure' on this study first."
    # Each is read once: what is signed is what was checked, also when `measure` writes at this moment.
    found = {name: _bytes(study.results / name) for name in _tables_of(sums)}
    changed = [name for name, data in found.items() if hashlib.sha256(data).hexdigest() != sums[name]]
    if results is None or sums_hash != results.covers_sha256 or changed:
        raise StudyError(f"The tables in results/ are not those that measure wrote last: {again}")
    made = json.loads(found["provenance.json"])
    seen, made_from = int(made["record_entries"]), made.get("tables", {})
    others = [PROTOCOL_FILE] if results.protocol_sha256 != study.protocol.sha256 else []
    others += [name for name, sha256 in study.tables.items() if made_from.get(name) != sha256]
    if others:
        raise StudyError(f"{others[0]} is not as it was when results/ were made: {again}")
    for entry in entries:
        inside = patient in ("", entry.patient) and visit in ("", entry.visit)
        if entry.number > seen and inside and _decides(entry, results):
            raise StudyError(
                f"Entry {entry.number} of the record ({scope_title(entry.patient, entry.visit)}) is newer than "
                f"results/: {again}"
            )
    tables = read_rows({name: data.decode() for name, data in found.items()})
    rows = covered_rows(tables, patient, visit)
    if not any(rows.values()):
        raise StudyError(f"results/ holds nothing about {scope_title(patient, visit)}: there is nothing to sign.")
    return rows, Head(entries[-1].number, entries[-1].hash)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a table that is missing is not as it was written
        return b""


def _decides(entry: Reading | Act, results: Act) -> bool:
    """Whether an entry that measure had not read when it began may change its results."""
    if isinstance(entry, Act):
        return entry.kind in ("uninvolved", "involved")
    # What the model of that run said in the course of it went into its results.
    return not (entry.kind == "model" and entry.model_sha256 == results.model_sha256 and entry.number < results.number)


def _tables_of(sums: Mapping[str, str]) -> dict[str, str]:
    return {name: sums[name] for name in (*VISIT_TABLES, *PATIENT_TABLES, "provenance.json") if name in sums}


def latest_results(entries: Iterable[Reading | Act]) -> Act | None:
    """The last time that `measure` wrote ``results/``."""
    written = [entry for entry in entries if isinstance(entry, Act) and entry.kind == "results"]
    return written[-1] if written else None


def read_rows(texts: Mapping[str, str]) -> PatientRows:
    """The rows of the results tables by patient.

    Args:
        texts: file name to the text of every table; those that are no results table are left out. A table that
            somebody has broken is read up to the break: what follows is not there.
    """
    found: dict[str, dict[str, list[dict[str, str]]]] = {}
    for name in (*VISIT_TABLES, *PATIENT_TABLES):
        if name in texts:
            by_patient = found.setdefault(name, {})
            # e.g. a stray carriage return, or a quotation mark that nothing closes
            with suppress(csv.Error):
                for row in csv.DictReader(io.StringIO(texts[name])):
                    by_patient.setdefault(undefuse(row.get("patient") or ""), []).append(row)
    return found


def covered_rows(tables: PatientRows, patient: str = "", visit: str = "") -> Rows:
    """The rows about a visit, a patient or the study."""
    names = VISIT_TABLES if visit else (*VISIT_TABLES, *PATIENT_TABLES)
    return {
        name: [
            row
            for listed in ([tables[name].get(patient, ())] if patient else tables[name].values())
            for row in listed
            if visit in ("", row.get("visit"))
        ]
        for name in names
        if name in tables
    }


def _store(folder: Path, rows: Rows) -> str:
    text = json.dumps(rows, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    path = _signed_path(folder, sha256)
    write_text(path, text)
    sync_folder(path.parent)
    return sha256


def _signed_path(folder: Path, sha256: str) -> Path:
    return folder / "signed" / f"{sha256}.json"


def signed_rows(folder: Path, act: Act) -> Rows:
    """What a signature or lock covers.

    Raises:
        StudyError: missing, or not as it was kept.
    """
    restore = "restore the study from its backup."
    path = _signed_path(folder, act.covers_sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StudyError(f"signed/{path.name[:12]}… is missing: {restore}") from error
    if hashlib.sha256(data).hexdigest() != act.covers_sha256:
        raise StudyError(f"signed/{path.name[:12]}… is not as it was kept: {restore}")
    rows: Rows = json.loads(data)
    return rows


def differences(signed: Rows, current: Rows) -> list[str]:
    """Where the results of today differ from those that were signed, in the columns that there were then.

    Returns:
        A few words for each cell or row, e.g. ``visits.csv P1 D07 detached_bsa_percent: 6.15, now 6.2``.
    """
    found: list[str] = []
    for name, rows in signed.items():
        now = {_key(row): row for row in current.get(name, ())}
        then = {_key(row): row for row in rows}
        for key in [*then, *(key for key in now if key not in then)]:
            title = " ".join(part for part in (name, *key) if part)
            if key not in now or key not in then:
                found.append(f"{title}: {'is gone' if key in then else 'is new'}")
                continue
            for column, cell in then[key].items():
                if now[key].get(column, "") != cell:
                    found.append(f"{title} {column}: {cell or 'empty'}, now {now[key].get(column) or 'empty'}")
    return found


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row.get(column) or "" for column in ("patient", "visit", "surface", "file"))


def signatures(acts: Sequence[Act]) -> list[Act]:
    """The signatures that stand: of each person, for each visit, patient or study, the last."""
    last = {(act.person, act.patient, act.visit): act for act in acts if act.kind == "sign"}
    return sorted(last.values(), key=lambda act: act.number)


def standing_locks(acts: Sequence[Act]) -> list[Act]:
    """The locks that hold something, in the order of recording."""
    locks = {(act.patient, act.visit): lock_on(acts, act.patient, act.visit) for act in acts if act.kind == "lock"}
    return sorted({lock for lock in locks.values() if lock is not None}, key=lambda act: act.number)


def about_act(act: Act) -> str:
    """One act in words, e.g. ``P1 D07 signed by A. Weiß (adjudicator, approval) on 2026-03-01 10:15 UTC, entry 12``."""
    done = {
        "sign": "signed",
        "lock": "locked",
        "unlock": "unlocked",
        "uninvolved": f"{act.surface} declared uninvolved",
        "involved": f"{act.surface} declared involved again",
        "results": "results written",
    }[act.kind]
    facts = ", ".join(fact for fact in (act.role, act.meaning) if fact)
    who = (f" by {act.person}" if act.person else "") + (f" ({facts})" if facts else "")
    when = act.created_utc[:16].replace("T", " ")
    what = done if act.kind == "results" else f"{scope_title(act.patient, act.visit)} {done}"
    return f"{what[0].upper()}{what[1:]}{who} on {when} UTC, entry {act.number}"


def standing(folder: Path, acts: Sequence[Act], texts: Mapping[str, str]) -> list[str]:
    """What is signed and locked, a sentence each, and whether the results are still those that were signed.

    Args:
        folder: the study folder.
        acts: of its record.
        texts: file name to the text of the tables of today.
    """
    tables = read_rows(texts)
    sentences = [f"{about_act(act)}{_still(folder, act, tables)}." for act in signatures(acts)]
    for act in standing_locks(acts):
        opened = [
            scope_title(other.patient, other.visit)
            for other in acts
            if other.kind == "unlock"
            and other.number > act.number
            and act.patient in ("", other.patient)
            and lock_on(acts, other.patient, other.visit) is None
        ]
        but = f", except {', '.join(dict.fromkeys(opened))}" if opened else ""
        still = _still(folder, act, tables) if act.covers_sha256 else ""
        sentences.append(f"{about_act(act)}{but}{still}.")
    return sentences


def _still(folder: Path, act: Act, tables: PatientRows) -> str:
    try:
        changed = differences(signed_rows(folder, act), covered_rows(tables, act.patient, act.visit))
    except (StudyError, ValueError) as error:
        return f"; what was kept with it cannot be read ({str(error).rstrip('.')})"
    if not changed:
        return ""
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"; the results have changed since then ({changed[0]}{more})"
