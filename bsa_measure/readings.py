"""Readings: who or what said which pixel is what, when and why. Never changed, only followed by a newer one.

A reading ties a photograph (by the SHA-256 of its original file) to a mask. Masks are PNG files in
``masks/``, each named after the SHA-256 of its own bytes. Readings are rows of the SQLite file ``readings.db``:
its triggers refuse UPDATE and DELETE, and every row carries the hash of the row before it, so that a change
made behind the program's back is found by :meth:`Readings.verify`.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from .errors import MaskError, ReadingError
from .files import write_bytes
from .tissue import Tissue

FORMAT_VERSION: Final = 1
Kind = Literal["model", "manual", "adjudicated"]
_FIRST: Final = "0" * 64  # what the first row carries as the hash of its predecessor

_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS readings (
    number           INTEGER PRIMARY KEY,   -- 1, 2, 3, ... without gaps
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
    previous_hash    TEXT NOT NULL,
    hash             TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX IF NOT EXISTS readings_photo ON readings (photo_sha256);
CREATE TRIGGER IF NOT EXISTS readings_are_never_changed BEFORE UPDATE ON readings
    BEGIN SELECT RAISE(ABORT, 'a reading is never changed'); END;
CREATE TRIGGER IF NOT EXISTS readings_are_never_deleted BEFORE DELETE ON readings
    BEGIN SELECT RAISE(ABORT, 'a reading is never deleted'); END;
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""

LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NewReading:
    """What is to be recorded; the record adds number, time and hashes."""

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


@dataclass(frozen=True)
class Reading(NewReading):
    """A recorded reading."""

    number: int = 0
    created_utc: str = ""
    previous_hash: str = ""
    hash: str = ""


_COLUMNS: Final = tuple(field.name for field in fields(Reading))


class Readings:
    """The record of one study; safe for several programs at once.

    Args:
        folder: the study folder.

    Raises:
        ReadingError: the record is damaged, in use for too long, or written by a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "readings.db"
        with self._connection() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > FORMAT_VERSION:
                raise ReadingError("readings.db was written by a newer version of the program: update the program.")
            if version < FORMAT_VERSION:
                connection.executescript(_SCHEMA)

    def add(self, readings: Sequence[NewReading]) -> list[Reading]:
        """Record readings, all or none; when this returns they are on the disk.

        Raises:
            ReadingError: the record cannot be written, or a mask is not in ``masks/``.
        """
        for reading in readings:
            for sha256 in (reading.mask_sha256, reading.surfaces_sha256):
                if sha256 and not mask_path(self.folder, sha256).is_file():
                    raise ReadingError(f"The mask {sha256[:12]}… is not in masks/: store it before recording it.")
        recorded: list[Reading] = []
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT number, hash FROM readings ORDER BY number DESC LIMIT 1").fetchone()
            number, previous = (row["number"], row["hash"]) if row else (0, _FIRST)
            for reading in readings:
                number += 1
                content = {
                    **asdict(reading),
                    "number": number,
                    "created_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "previous_hash": previous,
                }
                complete = Reading(**content, hash=_hash(content))
                names = ", ".join(_COLUMNS)
                marks = ", ".join("?" * len(_COLUMNS))
                values = [getattr(complete, column) for column in _COLUMNS]
                connection.execute(f"INSERT INTO readings ({names}) VALUES ({marks})", values)
                recorded.append(complete)
                previous = complete.hash
            connection.execute("COMMIT")
        return recorded

    def all(self) -> list[Reading]:
        """Every reading, in the order of recording."""
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM readings ORDER BY number").fetchall()
        return [Reading(**dict(row)) for row in rows]

    def verify(self) -> list[str]:
        """Check the hash chain and every mask that a reading names.

        Returns:
            A sentence for each fault, in the order of the record; empty when everything is as it was recorded.
        """
        faults: list[str] = []
        previous = _FIRST
        checked: set[str] = set()
        for position, reading in enumerate(self.all(), start=1):
            content = {name: value for name, value in asdict(reading).items() if name != "hash"}
            if reading.number != position:
                faults.append(f"Reading {position} is missing from the record.")
            if reading.previous_hash != previous or _hash(content) != reading.hash:
                faults.append(f"Reading {reading.number} is not as it was recorded.")
            previous = reading.hash
            for sha256 in {reading.mask_sha256, reading.surfaces_sha256} - {""} - checked:
                checked.add(sha256)
                try:
                    load_mask(self.folder, sha256)
                except MaskError as error:
                    faults.append(f"Reading {reading.number}: {error}")
        return faults

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                yield connection
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise ReadingError("readings.db is damaged: restore the study from its backup.") from error
            raise ReadingError(
                f"readings.db cannot be used ({error}): check that the disk has room, that you may write to the "
                "study folder, and that no other program holds the file."
            ) from error


def _hash(content: dict[str, object]) -> str:
    ordered = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(ordered.encode()).hexdigest()


def mask_path(folder: Path, sha256: str) -> Path:
    """Where the mask with this hash lies in a study folder."""
    return folder / "masks" / sha256[:2] / f"{sha256}.png"


def store_mask(folder: Path, labels: LabelArray) -> str:
    """Store a (height, width) uint8 label image under the hash of its own bytes, and return the hash.

    Raises:
        StudyError: the study folder cannot be written to.
    """
    data = encode_mask(labels)
    sha256 = hashlib.sha256(data).hexdigest()
    path = mask_path(folder, sha256)
    if not path.exists():
        write_bytes(path, data)
    return sha256


def load_mask(folder: Path, sha256: str) -> LabelArray:
    """The (height, width) uint8 label image with this hash.

    Raises:
        MaskError: missing, or not as it was stored.
    """
    try:
        data = mask_path(folder, sha256).read_bytes()
    except OSError as error:
        raise MaskError(
            f"the mask {sha256[:12]}… is missing from masks/: restore the study from its backup."
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise MaskError(f"the mask {sha256[:12]}… is not as it was stored: restore the study from its backup.")
    return decode_mask(data, f"the mask {sha256[:12]}…")


def encode_mask(labels: LabelArray) -> bytes:
    """A label image as a grey 8-bit PNG; the pixel value is the class."""
    done, data = cv2.imencode(".png", np.ascontiguousarray(labels, np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise MaskError("the mask cannot be stored as PNG.")
    return bytes(data)


def decode_mask(data: bytes, name: str) -> LabelArray:
    """The pixels of a grey or palette 8-bit PNG, whatever its palette shows.

    Raises:
        MaskError: not such a PNG.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.mode not in ("L", "P", "1"):
                raise MaskError(f"{name} is a colour or 16-bit picture: export it as grey, 8 bits, one class a pixel.")
            if image.width * image.height > 250_000_000:
                raise MaskError(f"{name} is far larger than any photograph: make it again from its photograph.")
            return np.array(image, np.uint8)
    except MaskError:
        raise
    except Exception as error:  # Pillow reports damage as OSError, SyntaxError, ValueError, ...
        raise MaskError(f"{name} is not a PNG that can be read: export it again as an 8-bit PNG.") from error


def check_classes(labels: LabelArray, name: str) -> None:
    """Refuse a mask with a value that is not a tissue class.

    Raises:
        MaskError: naming the value.
    """
    largest = int(labels.max(initial=0))
    if largest > max(Tissue):
        raise MaskError(f"{name} has the value {largest}, which is no tissue class (0 to {max(Tissue):d}): correct it.")
