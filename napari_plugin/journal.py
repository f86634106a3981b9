"""The journal of a draft: every act is appended as it is done, so that a crash or a power cut loses nothing.

A record is four bytes of length, four bytes of CRC-32 (both little-endian) and the content: four bytes of header
length, the header as JSON, and the changed rectangles, each packed by zlib in the order of the header. What a
crash left half written at the end is cut off when the journal is opened again.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast, get_args

import numpy as np

from bsa_measure.errors import StudyError

from .canvas import Basis, Edit, PlaneName
from .tools.patch import Patch

_HEAD: Final = struct.Struct("<II")
_LENGTH: Final = struct.Struct("<I")
_LARGEST: Final = 1 << 30  # bytes; a longer record is damage

Done = Literal["edit", "undo", "redo"]


@dataclass(frozen=True)
class Entry:
    """One record of the journal.

    Attributes:
        done: a new act, or an act taken back or brought again.
        seconds: active seconds so far.
        what: name of the act.
        after: changed rectangles by plane.
        redraws: whether the act made the surface map a person's.
        basis: the reading that the act went on from.
    """

    done: Done
    seconds: float = 0.0
    what: str = ""
    after: Mapping[PlaneName, Patch] = field(default_factory=dict)
    redraws: bool = False
    basis: Basis | None = None


def entry_of(edit: Edit, seconds: float) -> Entry:
    """The record of a new act."""
    after = {change.plane: change.after for change in edit.changes}
    return Entry("edit", seconds, edit.what, after, edit.redraws, edit.basis)


def encode(entry: Entry) -> bytes:
    """A record as bytes."""
    blobs = [zlib.compress(np.ascontiguousarray(patch.labels).tobytes(), 1) for patch in entry.after.values()]
    header = {
        "done": entry.done,
        "seconds": round(entry.seconds, 3),
        "what": entry.what,
        "redraws": entry.redraws,
        "basis": None if entry.basis is None else asdict(entry.basis),
        "planes": [
            [plane, patch.top, patch.left, *patch.labels.shape, len(blob)]
            for (plane, patch), blob in zip(entry.after.items(), blobs, strict=True)
        ],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    content = b"".join([_LENGTH.pack(len(text)), text, *blobs])
    return _HEAD.pack(len(content), zlib.crc32(content)) + content


def decode(content: bytes) -> Entry:
    """The reverse of :func:`encode`, without the leading length and checksum.

    Raises:
        ValueError, KeyError, TypeError, struct.error, zlib.error: no such record.
    """
    (size,) = _LENGTH.unpack_from(content)
    header = json.loads(content[4 : 4 + size])
    if header["done"] not in get_args(Done):
        raise ValueError(f"unknown record {header['done']!r}")
    after: dict[PlaneName, Patch] = {}
    offset = 4 + size
    for plane, top, left, height, width, length in header["planes"]:
        data = zlib.decompress(content[offset : offset + length])
        after[cast(PlaneName, plane)] = Patch(top, left, np.frombuffer(data, np.uint8).reshape(height, width).copy())
        offset += length
    basis = None if header["basis"] is None else Basis(**header["basis"])
    return Entry(header["done"], header["seconds"], header["what"], after, header["redraws"], basis)


def read_entries(path: Path) -> tuple[list[Entry], int]:
    """Every whole record of a journal, and how many bytes they take; none when there is no journal.

    Raises:
        StudyError: the file is there and cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise StudyError(f"The draft {path.parent.name} cannot be read: check that you may open it.") from error
    entries: list[Entry] = []
    end = 0
    for content, after in _whole_records(data):
        try:
            entries.append(decode(content))
        except (ValueError, KeyError, TypeError, struct.error, zlib.error):
            break
        end = after
    return entries, end


def _whole_records(data: bytes) -> Iterator[tuple[bytes, int]]:
    offset = 0
    while offset + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, offset)
        end = offset + _HEAD.size + length
        content = data[offset + _HEAD.size : end]
        if length > _LARGEST or len(content) != length or zlib.crc32(content) != checksum:
            return
        yield content, end
        offset = end


class Journal:
    """An open journal, to which records are appended.

    Args:
        path: the file; made when it is not there.
        whole: how many bytes its whole records take; what follows is cut off.

    Raises:
        StudyError: it cannot be written.
    """

    def __init__(self, path: Path, whole: int) -> None:
        self._end = whole
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("r+b" if path.exists() else "w+b", buffering=0)
            self._file.truncate(whole)
        except OSError as error:
            raise self._unwritable(error) from error

    def append(self, entry: Entry) -> None:
        """Write a record; when this returns it is on the disk.

        Raises:
            StudyError: it cannot be written.
        """
        record = encode(entry)
        try:
            self._file.seek(self._end)
            self._file.truncate()  # half a record, where the disk was full
            self._file.write(record)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error
        self._end += len(record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unwritable(self, error: Exception) -> StudyError:
        reason = getattr(error, "strerror", None) or str(error)
        return StudyError(
            f"What you painted cannot be saved in drafts/ ({reason}): check that the disk has room and that you may "
            "write to the study folder; nothing is lost as long as this window stays open."
        )
