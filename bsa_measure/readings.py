"""Readings: who or what said which pixel is what, when and why. Never changed, only followed by a newer one.

A reading ties a photograph (by the SHA-256 of its original file) to a mask. Masks are PNG files in
``masks/``, each named after the SHA-256 of its own bytes. Readings, and what people do besides reading (signing,
locking, declaring a surface uninvolved: acts), are rows of the SQLite file ``readings.db``: its triggers refuse UPDATE
and DELETE, and every row carries the hash of the row before it, so that a change made behind the program's back is
found by :meth:`Readings.check`.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from .errors import LockedError, MaskError, ReadingError, StudyError
from .files import printable, sync_folder, write_bytes
from .mask_png import decode_mask, decode_own, encode_mask
from .record_schema import FIRST_PREVIOUS, columns_of, expected_schema, prepare, schema, version_of
from .tissue import Tissue

Kind = Literal["model", "manual", "adjudicated"]
Role = Literal["", "reader", "adjudicator", "monitor", "investigator"]
ActKind = Literal["sign", "lock", "unlock", "uninvolved", "involved", "results"]

ROLES: Final[tuple[Role, ...]] = ("reader", "adjudicator", "monitor", "investigator")
RECORD_FILE: Final = "readings.db"
_DAMAGED: Final = "readings.db is damaged: restore the study from its backup."
_REFUSED_BY_LOCKS: Final = ("uninvolved", "involved")
# Later than the first version of the format: left out of the hash when empty, so that older rows keep theirs.
_LATER: Final = ("role", "bedside_sha256", "painted_sha256")

_PLACES_OF_PHOTO: Final = "SELECT DISTINCT patient, visit FROM readings WHERE photo_sha256 = ?"
_NUMBERS: Final = ("number", "parent", "working_long_side", "certainty", "active_seconds")

LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NewReading:
    """What is to be recorded; the record adds number, time and hashes.

    Attributes:
        kind: how the mask was made.
        reader: a person's name, or ``model:NAME``.
        photo_sha256: of the original file.
        patient, visit, view: where the photograph lay.
        mask_sha256: of the classes, stored with :func:`store_mask`.
        software, protocol_sha256: version of the program, and the protocol it was made under.
        surfaces_sha256: a stored surface map made by a person; empty: the automatic split.
        reason: why it was made.
        parent: number of the reading it started from.
        model_sha256, working_long_side, certainty: of a model; empty or None for a person.
        active_seconds: time a person spent on it.
        role: of the person in the trial; empty for a model.
        bedside_sha256: a stored mask, 1 where skin was found detachable at the bedside (Nikolsky), else 0; empty: none.
        painted_sha256: a stored mask, 1 where a person painted, else 0; empty: not kept.
    """

    kind: Kind
    reader: str
    photo_sha256: str
    patient: str
    visit: str
    view: str
    mask_sha256: str
    software: str
    protocol_sha256: str
    surfaces_sha256: str = ""
    reason: str = ""
    parent: int | None = None
    model_sha256: str = ""
    working_long_side: int | None = None
    certainty: float | None = None
    active_seconds: float | None = None
    role: Role = ""
    bedside_sha256: str = ""
    painted_sha256: str = ""

    @property
    def masks(self) -> tuple[str, ...]:
        """Hashes of every file in ``masks/`` that this reading names."""
        named = (self.mask_sha256, self.surfaces_sha256, self.bedside_sha256, self.painted_sha256)
        return tuple(sha256 for sha256 in named if sha256)


@dataclass(frozen=True)
class Reading(NewReading):
    """A recorded reading."""

    number: int = 0
    created_utc: str = ""
    previous_hash: str = ""
    hash: str = ""


@dataclass(frozen=True)
class NewAct:
    """What somebody did besides reading; the record adds number, time, account and hashes.

    Attributes:
        kind: ``sign``, ``lock``, ``unlock``; ``uninvolved`` or ``involved`` (a surface is declared free of lesions,
            or that is taken back); ``results`` (the program wrote ``results/``).
        person: printed name; empty for ``results``.
        role: of the person in the trial; a signature needs one.
        patient, visit: what it is about; no visit: the whole patient; no patient: the whole study.
        surface: of a declaration.
        meaning: of a signature, e.g. ``review``, ``approval``, ``responsibility``, ``authorship``.
        reason: why; ``unlock`` and ``involved`` need one.
        covers_sha256: of the results that were signed, locked or written.
        software, model_sha256, protocol_sha256: what they were made with.
    """

    kind: ActKind
    person: str
    software: str
    protocol_sha256: str
    role: Role = ""
    patient: str = ""
    visit: str = ""
    surface: str = ""
    meaning: str = ""
    reason: str = ""
    covers_sha256: str = ""
    model_sha256: str = ""


@dataclass(frozen=True)
class Act(NewAct):
    """A recorded act; ``account`` is the computer's account under which it was done."""

    account: str = ""
    number: int = 0
    created_utc: str = ""
    previous_hash: str = ""
    hash: str = ""


@dataclass(frozen=True)
class Head:
    """Where the record ends: number and hash of its last entry. Kept elsewhere, it tells later if rows were cut off."""

    number: int
    hash: str


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was recorded; ``number`` is the entry's, 0 where it is about the whole record."""

    number: int
    sentence: str


Entry = TypeVar("Entry", Reading, Act)
_TABLES: Final[dict[type[Reading] | type[Act], str]] = {Reading: "readings", Act: "acts"}
_COLUMNS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in _TABLES}


class Readings:
    """The record of one study; safe for several programs at once.

    Args:
        folder: the study folder.
        read_only: change nothing in the folder: a record of an older format is read as it lies, and one that does not
            exist has no entries. Otherwise it is made, or brought to this version's format.

    Raises:
        ReadingError: the record is damaged, in use for too long, or written by a newer version.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._path = folder / RECORD_FILE
        self._read_only = read_only
        with self._connection() as connection:
            if read_only:
                version_of(connection)
            else:
                prepare(connection)

    def add(self, readings: Sequence[NewReading]) -> list[Reading]:
        """Record readings, all or none; when this returns they are on the disk.

        Raises:
            LockedError: a reading belongs to something that is locked, or its photograph was read there before.
            ReadingError: the record cannot be written, or a mask is not in ``masks/``.
        """
        for reading in readings:
            for sha256 in reading.masks:
                if not mask_path(self.folder, sha256).is_file():
                    raise ReadingError(f"The mask {sha256[:12]}… is not in masks/: store it before recording it.")
            if reading.role and (reading.role not in ROLES or reading.kind == "model"):
                raise ReadingError(f"{reading.role!r} is no role of {printable(reading.reader)}: choose another.")
        with self._writing() as connection:
            acts = _read(connection, Act)
            places = {(reading.patient, reading.visit) for reading in readings}
            if any(act.kind == "lock" for act in acts):
                # A photograph that is moved out of what is locked, and back, would bring a new reading along.
                for sha256 in {reading.photo_sha256 for reading in readings}:
                    places |= {(str(row[0]), str(row[1])) for row in connection.execute(_PLACES_OF_PHOTO, (sha256,))}
            for patient, visit in sorted(places):
                refuse_locked(acts, patient, visit)
            return [_append(connection, Reading, asdict(reading)) for reading in readings]

    def add_acts(self, acts: Sequence[NewAct], *, seen: Head | None = None) -> list[Act]:
        """Record acts, all or none; when this returns they are on the disk.

        Args:
            acts: what is to be recorded.
            seen: the last entry that was taken into account; refused where somebody has recorded something since.

        Raises:
            LockedError: a declaration about something that is locked.
            ReadingError: something that the act needs is missing, it is locked or unlocked already, something else
                was recorded meanwhile, or the record cannot be written.
        """
        recorded: list[Act] = []
        with self._writing() as connection:
            if seen is not None and _head(connection) != seen:
                raise ReadingError("Something was recorded in this study meanwhile: run the same command again.")
            before = _read(connection, Act)
            for act in acts:
                _check_act(act, [*before, *recorded])
                recorded.append(_append(connection, Act, {**asdict(act), "account": _account()}))
        return recorded

    def all(self) -> list[Reading]:
        """Every reading, in the order of recording."""
        with self._connection() as connection:
            return _read(connection, Reading)

    def acts(self) -> list[Act]:
        """Every act, in the order of recording."""
        with self._connection() as connection:
            return _read(connection, Act)

    def entries(self) -> list[Reading | Act]:
        """Readings and acts, in the order of recording."""
        with self._connection() as connection:
            connection.execute("BEGIN")  # one state of the record, whoever writes meanwhile
            found: list[Reading | Act] = [*_read(connection, Reading), *_read(connection, Act)]
        return sorted(found, key=lambda entry: entry.number)

    def head(self) -> Head:
        """The last entry; number 0 when there is none."""
        with self._connection() as connection:
            return _head(connection)

    def check(self) -> list[Fault]:
        """Check schema, hash chain and every mask that a reading names.

        Returns:
            Every fault, in the order of the record; empty when everything is as it was recorded.
        """
        faults: list[Fault] = []
        with self._connection() as connection:
            connection.execute("BEGIN")
            damage = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            if damage != ["ok"]:
                faults.append(Fault(0, _DAMAGED))
            faults += _schema_faults(schema(connection), version_of(connection))
            entries = [*_rows(connection, Reading), *_rows(connection, Act)]
        entries.sort(key=lambda entry: int(entry["number"]))
        faults += _chain_faults(entries)
        faults += _mask_faults(self.folder, entries)
        return sorted(faults, key=lambda fault: fault.number)

    def verify(self) -> list[str]:
        """The sentences of :meth:`check`."""
        return [fault.sentence for fault in self.check()]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with _connected(self._path, read_only=self._read_only) as connection:
            yield connection


@contextmanager
def _connected(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    try:
        with _read_only(path) if read_only else closing(_opened(path)) as connection:
            connection.row_factory = sqlite3.Row
            # Bytes that are no text are for check() to find, not for reading to fail on.
            connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            # EXTRA also waits for the folder: what was acknowledged survives a loss of power.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
    except UnicodeDecodeError as error:  # SQLite quotes what is malformed in its own messages
        raise ReadingError(_DAMAGED) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise ReadingError(_DAMAGED) from error
        raise ReadingError(
            f"readings.db cannot be used ({error}): check that the disk has room, that you may write to the "
            "study folder, and that no other program holds the file."
        ) from error


def _opened(database: str | Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=30, isolation_level=None, uri=isinstance(database, str))


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot change the file; to an empty database where there is no file."""
    with ExitStack() as stack:
        connection = stack.enter_context(closing(_opened(_address(path) if path.is_file() else ":memory:")))
        try:
            connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            # A killed program left a write half done. It is taken back in a copy, and in the study by whoever writes.
            place = Path(stack.enter_context(TemporaryDirectory()))
            try:
                for name in (path.name, f"{path.name}-journal"):
                    shutil.copyfile(path.with_name(name), place / name)
            except OSError as gone:
                raise ReadingError("readings.db was changed while it was read: run the same command again.") from gone
            connection = stack.enter_context(closing(_opened(place / path.name)))
        yield connection


def _address(path: Path) -> str:
    """A file as SQLite wants it named to open it for reading only, also on a Windows server (``//server/share``)."""
    name = path.absolute().as_posix()
    return f"file://{'' if name.startswith('/') else '/'}{quote(os.fsencode(name), safe='/:')}?mode=ro"


def recorded_acts(folder: Path) -> list[Act]:
    """The acts of a study whose record may not exist yet; changes nothing in the folder.

    Raises:
        ReadingError: as for :class:`Readings`.
    """
    return Readings(folder, read_only=True).acts()


def lock_on(acts: Iterable[Act], patient: str = "", visit: str = "") -> Act | None:
    """The lock that holds a visit, a patient as a whole, or the study as a whole; None when it is open.

    Of all locks and unlocks that cover it, the latest counts: after the study was locked, one visit can be unlocked.
    """
    last: Act | None = None
    for act in acts:
        if act.kind in ("lock", "unlock") and act.patient in ("", patient) and act.visit in ("", visit):
            last = act
    return last if last is not None and last.kind == "lock" else None


def scope_title(patient: str = "", visit: str = "") -> str:
    """``the study``, ``P1`` or ``P1 D07``."""
    return printable(f"{patient} {visit}".strip()) or "the study"


def refuse_locked(acts: Iterable[Act], patient: str, visit: str) -> None:
    """Raise LockedError, naming the lock, where nothing may be recorded."""
    lock = lock_on(acts, patient, visit)
    if lock is not None:
        raise LockedError(
            f"{scope_title(patient, visit)} is locked (by {printable(lock.person)} on {lock.created_utc[:10]}, "
            f"entry {lock.number}): nothing can be recorded for it until it is unlocked with a reason."
        )


def _check_act(act: NewAct, before: Sequence[Act]) -> None:
    scope = scope_title(act.patient, act.visit)
    if act.kind != "results" and (not act.person.strip() or printable(act.person) != act.person):
        raise ReadingError("Whoever signs, locks or declares needs a printable name: give it.")
    if act.role and act.role not in ROLES:
        raise ReadingError(f"{printable(act.role)!r} is no role: choose one of {', '.join(ROLES)}.")
    if act.visit and not act.patient:
        raise ReadingError(f"The visit {printable(act.visit)} needs its patient: name the patient too.")
    if act.kind == "sign" and not (act.meaning.strip() and act.role and act.covers_sha256):
        raise ReadingError("A signature needs a role, a meaning and the results it covers: give them.")
    if act.kind in ("unlock", "involved") and not act.reason.strip():
        raise ReadingError(f"To {'unlock' if act.kind == 'unlock' else 'take back'} {scope}, give a reason.")
    if act.kind in _REFUSED_BY_LOCKS:
        if not (act.patient and act.visit and act.surface):
            raise ReadingError("A declaration needs patient, visit and surface: give them.")
        refuse_locked(before, act.patient, act.visit)
    locked = _locked_within(before, act.patient, act.visit)
    if act.kind == "lock" and all(locked):
        raise ReadingError(f"{scope} is locked already: nothing was done.")
    if act.kind == "unlock" and not any(locked):
        raise ReadingError(f"{scope} is not locked: nothing was done.")


def _locked_within(acts: Sequence[Act], patient: str, visit: str) -> list[bool]:
    """Whether it is locked itself, and so for every part of it that was ever locked or unlocked by itself."""
    parts = {(patient, visit)}
    for act in acts:
        if act.kind in ("lock", "unlock") and patient in ("", act.patient) and visit in ("", act.visit):
            parts.add((act.patient, act.visit))
    return [lock_on(acts, *part) is not None for part in parts]


def _rows(connection: sqlite3.Connection, kind: type[Reading] | type[Act]) -> list[dict[str, Any]]:
    names = columns_of(_TABLES[kind], _COLUMNS[kind], version_of(connection))
    if not names:
        return []
    return [dict(row) for row in connection.execute(f"SELECT {', '.join(names)} FROM {_TABLES[kind]} ORDER BY number")]


def _read(connection: sqlite3.Connection, kind: type[Entry]) -> list[Entry]:
    return [kind(**{name: _as_declared(name, value) for name, value in row.items()}) for row in _rows(connection, kind)]


def _as_declared(name: str, value: object) -> Any:
    """A value as its column declares it, whatever somebody made of the file; check() says what is wrong."""
    if name in _NUMBERS:
        return value if isinstance(value, int | float) else None
    return value if isinstance(value, str) else repr(value)


def _account() -> str:
    try:
        return printable(getpass.getuser())
    except (OSError, KeyError, ImportError):  # no account has this number, or none is known
        return ""


def _head(connection: sqlite3.Connection) -> Head:
    there = schema(connection)
    ends = [
        connection.execute(f"SELECT number, hash FROM {table} ORDER BY number DESC LIMIT 1").fetchone()
        for table in _TABLES.values()
        if f"table {table}" in there
    ]
    last = max((row for row in ends if row is not None), key=lambda row: row["number"], default=None)
    return Head(0, FIRST_PREVIOUS) if last is None else Head(last["number"], last["hash"])


def _append(connection: sqlite3.Connection, kind: type[Entry], content: Mapping[str, object]) -> Entry:
    """Write one entry behind the last, inside the caller's transaction."""
    head = _head(connection)
    row: dict[str, Any] = {
        **content,
        "number": head.number + 1,
        "created_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "previous_hash": head.hash,
    }
    for name in ("certainty", "active_seconds"):
        if row.get(name) is not None:
            row[name] = float(row[name])
            if not math.isfinite(row[name]):
                raise ReadingError(f"The {name} of a reading is not a number that can be recorded: leave it out.")
    row["hash"] = _hash(row)
    columns = _COLUMNS[kind]
    marks = ", ".join("?" * len(columns))
    try:
        connection.execute(
            f"INSERT INTO {_TABLES[kind]} ({', '.join(columns)}) VALUES ({marks})", [row[name] for name in columns]
        )
    except UnicodeEncodeError as error:
        raise ReadingError("A name that is no text cannot be recorded: rename the file or folder.") from error
    stored = connection.execute(f"SELECT * FROM {_TABLES[kind]} WHERE number = ?", (row["number"],)).fetchone()
    if stored is None or dict(stored) != row:  # what cannot be verified later is never acknowledged
        raise ReadingError("readings.db did not keep what was written: check the disk.")
    return kind(**row)


def _hash(row: Mapping[str, object]) -> str:
    content = {name: value for name, value in row.items() if name != "hash" and (value != "" or name not in _LATER)}
    ordered = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(ordered.encode()).hexdigest()


def _schema_faults(found: Mapping[str, str], version: int) -> list[Fault]:
    expected = expected_schema(version)
    faults: list[Fault] = []
    for name in sorted({*found, *expected}):
        if name.startswith("index sqlite_autoindex") and name in found and name in expected:
            continue
        if name not in found:
            faults.append(Fault(0, f"The {name} is missing from readings.db: rows may have been changed or removed."))
        elif found[name] != expected.get(name):
            faults.append(Fault(0, f"The {printable(name)} of readings.db is not the program's: somebody altered it."))
    return faults


def _chain_faults(entries: Sequence[Mapping[str, Any]]) -> list[Fault]:
    faults: list[Fault] = []
    previous, expected = FIRST_PREVIOUS, 1
    for entry in entries:
        number = entry["number"]
        if number != expected:
            faults.append(Fault(expected, f"{_entries_title(expected, number)} missing from the record."))
        elif entry["previous_hash"] != previous:
            faults.append(Fault(number, f"{_title(entry)} does not follow the entry before it: one was exchanged."))
        if _hash(entry) != entry["hash"]:
            faults.append(Fault(number, f"{_title(entry)} is not as it was recorded."))
        previous, expected = entry["hash"], number + 1
    return faults


def _entries_title(first: int, found: int) -> str:
    last = found - 1
    return f"Entries {first} to {last} are" if last > first else f"Entry {first} is"


def _title(entry: Mapping[str, Any]) -> str:
    what = f"reading of {entry['view']}" if "view" in entry else str(entry["kind"])
    return printable(f"Entry {entry['number']} ({what}, {scope_title(str(entry['patient']), str(entry['visit']))})")


def _mask_faults(folder: Path, entries: Sequence[Mapping[str, Any]]) -> list[Fault]:
    first: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if "view" in entry:
            for column in ("mask_sha256", "surfaces_sha256", "bedside_sha256", "painted_sha256"):
                if entry.get(column):
                    first.setdefault(str(entry[column]), entry)

    def problem(sha256: str) -> str:
        try:
            _mask_bytes(folder, sha256)
        except (MaskError, ValueError) as error:  # a hash that was tampered with need not even be a file name
            return str(error)
        return ""

    with ThreadPoolExecutor() as pool:  # reading waits for the disk, and hashing lets other threads work
        problems = zip(first.values(), pool.map(problem, first), strict=True)
    return [Fault(entry["number"], f"{_title(entry)}: {text}") for entry, text in problems if text]


def mask_path(folder: Path, sha256: str) -> Path:
    """Where the mask with this hash lies in a study folder."""
    return folder / "masks" / sha256[:2] / f"{sha256}.png"


def store_mask(folder: Path, labels: LabelArray) -> str:
    """Store a (height, width) uint8 label image under the hash of its own bytes, and return the hash.

    Raises:
        StudyError: the study folder cannot be written to, or the mask is there and cannot be read.
    """
    data = encode_mask(labels)
    sha256 = hashlib.sha256(data).hexdigest()
    path = mask_path(folder, sha256)
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        stored = None
    except OSError as error:
        raise StudyError(
            f"masks/{path.name[:12]}… cannot be read ({error.strerror}): check who may open it."
        ) from error
    if stored != data:
        write_bytes(path, data)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
    return sha256


def load_mask(folder: Path, sha256: str) -> LabelArray:
    """The (height, width) uint8 label image with this hash.

    Raises:
        MaskError: missing, or not as it was stored.
    """
    data = _mask_bytes(folder, sha256)
    labels = decode_own(data)
    return decode_mask(data, f"the mask {sha256[:12]}…") if labels is None else labels


def _mask_bytes(folder: Path, sha256: str) -> bytes:
    try:
        data = mask_path(folder, sha256).read_bytes()
    except OSError as error:
        raise MaskError(
            f"the mask {sha256[:12]}… is missing from masks/: restore the study from its backup."
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise MaskError(f"the mask {sha256[:12]}… is not as it was stored: restore the study from its backup.")
    return data


def check_classes(labels: LabelArray, name: str) -> None:
    """Refuse a mask with a value that is not a tissue class.

    Raises:
        MaskError: naming the value.
    """
    largest = int(labels.max(initial=0))
    if largest > max(Tissue):
        raise MaskError(f"{name} has the value {largest}, which is no tissue class (0 to {max(Tissue):d}): correct it.")
