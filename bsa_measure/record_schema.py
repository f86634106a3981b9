"""The tables of ``readings.db``, and how the record of an older version becomes one of this version.

Two tables, one chain: a reading and an act (a signature, a lock, ...) take their numbers from the same count, and
each carries the hash of the entry before it, whichever table that lies in. Triggers refuse every UPDATE and DELETE,
an entry that does not follow the last one, and whatever would change a locked visit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from .errors import ReadingError

FORMAT_VERSION: Final = 2
APPLICATION_ID: Final = 0x42534152
"""Says in the file's header that it is a record of readings ("BSAR")."""

FIRST_PREVIOUS: Final = "0" * 64
"""What the first entry carries as the hash of its predecessor."""

_READINGS: Final = """\
CREATE TABLE readings (
    number           INTEGER PRIMARY KEY,   -- 1, 2, 3, ... over readings and acts together, without gaps
    kind             TEXT NOT NULL CHECK (kind IN ('model', 'manual', 'adjudicated')),
    reader           TEXT NOT NULL,         -- a person's name, or model:NAME
    photo_sha256     TEXT NOT NULL,         -- of the original file
    patient          TEXT NOT NULL,         -- where the photograph lay
    visit            TEXT NOT NULL,
    view             TEXT NOT NULL,
    mask_sha256      TEXT NOT NULL,         -- the file in masks/
    surfaces_sha256  TEXT NOT NULL,         -- a surface map made by a person, in masks/; empty: the automatic split
    created_utc      TEXT NOT NULL,
    reason           TEXT NOT NULL,
    parent           INTEGER REFERENCES readings (number),
    software         TEXT NOT NULL,
    model_sha256     TEXT NOT NULL,         -- empty for a person
    protocol_sha256  TEXT NOT NULL,
    working_long_side INTEGER,              -- pixels of the image a model saw; NULL for a person
    certainty        REAL,                  -- of a model, 0 to 1
    active_seconds   REAL,                  -- time a person spent on it
    role             TEXT NOT NULL,         -- of the person in the trial; empty for a model, and before format 2
    bedside_sha256   TEXT NOT NULL,         -- pixels found detachable at the bedside, in masks/; empty: none
    painted_sha256   TEXT NOT NULL,         -- pixels that a person painted, in masks/; empty: not kept
    previous_hash    TEXT NOT NULL,
    hash             TEXT NOT NULL UNIQUE
) STRICT"""

_ACTS: Final = """\
CREATE TABLE acts (
    number           INTEGER PRIMARY KEY,
    kind             TEXT NOT NULL,         -- sign, lock, unlock, uninvolved, involved, results
    person           TEXT NOT NULL,         -- printed name; empty for what the program did by itself
    role             TEXT NOT NULL,
    patient          TEXT NOT NULL,         -- empty: the whole study
    visit            TEXT NOT NULL,         -- empty: all visits
    surface          TEXT NOT NULL,         -- of a declaration
    meaning          TEXT NOT NULL,         -- of a signature
    reason           TEXT NOT NULL,
    covers_sha256    TEXT NOT NULL,         -- of the results that were signed, locked or written
    account          TEXT NOT NULL,         -- of the computer, under which it was done
    created_utc      TEXT NOT NULL,
    software         TEXT NOT NULL,
    model_sha256     TEXT NOT NULL,
    protocol_sha256  TEXT NOT NULL,
    previous_hash    TEXT NOT NULL,
    hash             TEXT NOT NULL UNIQUE
) STRICT"""

_INDEX: Final = "CREATE INDEX readings_photo ON readings (photo_sha256)"


def _triggers(table: str, what: str, locked_kinds: str = "") -> tuple[str, ...]:
    only = f"NEW.kind IN ({locked_kinds}) AND " if locked_kinds else ""
    return (
        f"CREATE TRIGGER {table}_are_never_changed BEFORE UPDATE ON {table}\n"
        f"    BEGIN SELECT RAISE(ABORT, '{what} is never changed'); END",
        f"CREATE TRIGGER {table}_are_never_deleted BEFORE DELETE ON {table}\n"
        f"    BEGIN SELECT RAISE(ABORT, '{what} is never deleted'); END",
        # Also holds off INSERT OR REPLACE, which would delete a row without asking the trigger above.
        f"CREATE TRIGGER {table}_follow_the_last_entry BEFORE INSERT ON {table}\n"
        "    WHEN NEW.number IS NOT 1 + max(coalesce((SELECT max(number) FROM readings), 0),\n"
        "                                   coalesce((SELECT max(number) FROM acts), 0))\n"
        "      OR NEW.previous_hash IS NOT coalesce((SELECT hash FROM readings WHERE number = NEW.number - 1),\n"
        f"          (SELECT hash FROM acts WHERE number = NEW.number - 1), '{FIRST_PREVIOUS}')\n"
        "      OR EXISTS (SELECT 1 FROM readings WHERE hash = NEW.hash)\n"
        "      OR EXISTS (SELECT 1 FROM acts WHERE hash = NEW.hash)\n"
        "    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one'); END",
        # Of all locks and unlocks that cover a visit, the latest holds.
        f"CREATE TRIGGER {table}_respect_locks BEFORE INSERT ON {table}\n"
        f"    WHEN {only}'lock' IS (SELECT kind FROM acts WHERE kind IN ('lock', 'unlock')\n"
        "        AND patient IN ('', NEW.patient) AND visit IN ('', NEW.visit) ORDER BY number DESC LIMIT 1)\n"
        "    BEGIN SELECT RAISE(ABORT, 'this visit is locked'); END",
    )


_TRIGGERS: Final = (
    *_triggers("readings", "a reading"),
    *_triggers("acts", "an act", "'uninvolved', 'involved'"),
)
_MARKS: Final = (f"PRAGMA user_version = {FORMAT_VERSION}", f"PRAGMA application_id = {APPLICATION_ID}")

_FORMAT_1_COLUMNS: Final = (
    "number, kind, reader, photo_sha256, patient, visit, view, mask_sha256, surfaces_sha256, created_utc, reason, "
    "parent, software, model_sha256, protocol_sha256, working_long_side, certainty, active_seconds, previous_hash, hash"
)
_READINGS_1: Final = "\n".join(
    line
    for line in _READINGS.replace("over readings and acts together, ", "").split("\n")
    if not line.strip().startswith(("role ", "bedside_sha256 ", "painted_sha256 "))
)
# The table is made anew, so that a record has the same schema whatever it began as; the rows keep their hashes.
_FROM_1: Final = (
    "DROP INDEX IF EXISTS readings_photo",
    "DROP TRIGGER IF EXISTS readings_are_never_changed",
    "DROP TRIGGER IF EXISTS readings_are_never_deleted",
    "ALTER TABLE readings RENAME TO readings_1",
    _READINGS,
    f"INSERT INTO readings ({_FORMAT_1_COLUMNS}, role, bedside_sha256, painted_sha256)\n"
    f"    SELECT {_FORMAT_1_COLUMNS}, '', '', '' FROM readings_1 ORDER BY number",
    "DROP TABLE readings_1",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new record, or bring an older record to this version, in one step or not at all.

    Raises:
        ReadingError: written by a newer version, or damaged.
        sqlite3.Error: cannot be used.
    """
    if _version(connection) == FORMAT_VERSION:
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # while a table takes the place of another
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)  # again, now that no other program can be at it
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version < FORMAT_VERSION:
        expected: set[str] = {"readings"} if version == 1 else set()
        if tables != expected:
            raise ReadingError("readings.db is damaged: restore the study from its backup.")
        first = _FROM_1 if version == 1 else (_READINGS,)
        for statement in (*first, _ACTS, _INDEX, *_TRIGGERS, *_MARKS):
            connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA foreign_keys = ON")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the record's format; 0 for one that is still empty.

    Raises:
        ReadingError: newer than this program, or a record that lies about its version.
    """
    version = _version(connection)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {0: set(), 1: {"readings"}}.get(version, {"readings", "acts"}) <= tables or (not version and tables):
        raise ReadingError("readings.db is damaged: restore the study from its backup.")
    return version


def columns_of(table: str, columns: Sequence[str], version: int) -> list[str]:
    """Those of the columns that a table has in this version; none where there was no such table yet."""
    if version == FORMAT_VERSION:
        return list(columns)
    known = _FORMAT_1_COLUMNS.split(", ") if (table, version) == ("readings", 1) else ()
    return [name for name in columns if name in known]


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > FORMAT_VERSION:
        raise ReadingError("readings.db was written by a newer version of the program: update the program.")
    return version


def schema(connection: sqlite3.Connection) -> dict[str, str]:
    """Name to SQL of everything that the database defines."""
    rows = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_master ORDER BY name")
    return {str(name): str(sql) for name, sql in rows}


def expected_schema(version: int = FORMAT_VERSION) -> dict[str, str]:
    """What :func:`schema` gives for an untouched record of this version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        if version == FORMAT_VERSION:
            prepare(connection)
        elif version == 1:
            for statement in (_READINGS_1, _INDEX, *_triggers("readings", "a reading")[:2]):
                connection.execute(statement)
        return schema(connection)
    finally:
        connection.close()
