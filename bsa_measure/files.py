"""The one way to write a file, and to read and write a table.

A file is written beside its place and moved there in one step, so that it is either the old or the new one,
never half of each.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from .errors import StudyError

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_UNFINISHED = ".part"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically, making its folder if need be.

    Raises:
        StudyError: the folder cannot be written to, or the disk is full. Nothing is left behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=_UNFINISHED, dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise StudyError(_unwritable(path, error.strerror)) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system offers that; Windows keeps them by itself."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def held(path: Path, sentence: str) -> Iterator[None]:
    """Hold a lock file, so that only one program at a time does what the lock stands for.

    The lock is SQLite's: it works the same on every system and ends with the program, however that ends.

    Raises:
        StudyError: another program holds it (with ``sentence``), or the file cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = stack.enter_context(closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)))
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            raise StudyError(sentence if busy else _unwritable(path.parent, str(error))) from error
        except OSError as error:
            raise StudyError(_unwritable(path.parent, error.strerror)) from error
        yield  # outside: what goes wrong meanwhile is not the lock's fault


def _unwritable(path: Path, reason: str | None) -> str:
    return (
        f"{printable(path.name)} cannot be written ({reason or 'no reason given'}): check that the disk has room, "
        "that you may write to its folder, and that no other program has it open."
    )


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a killed program had not finished writing."""
    return path.name.startswith(".") and path.name.endswith(_UNFINISHED)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically, with ``\\n`` line ends on every system. Raises as write_bytes."""
    # A file name that is no UTF-8 comes with lone surrogates, which become question marks.
    write_bytes(path, text.encode("utf-8", errors="replace"))


def read_text(path: Path) -> str:
    """Read a UTF-8 text file, with or without a byte-order mark.

    Raises:
        StudyError: missing, unreadable, or in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name} is not in UTF-8: save it again as 'CSV UTF-8'.") from error
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: check that it exists and may be opened.") from error


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A table as CSV: comma, header line, decimal point, an absent value empty, no cell that runs as a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # Twelve significant digits: more than any photograph resolves, and the same on every computer.
        return f"{value:.12g}" if math.isfinite(value) else ""
    if isinstance(value, int):
        return str(value)
    return defuse(str(value))


def defuse(text: str) -> str:
    """Text that a spreadsheet shows instead of running: a leading ``=``, ``+``, ``-``, ``@`` or tab gets a quote."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def undefuse(text: str) -> str:
    """The text as it was before :func:`defuse`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text


def read_table(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV table; semicolons instead of commas are accepted, as some spreadsheets write them.

    Returns:
        One dictionary a row, column name (lower case) to text without surrounding blanks; empty rows are left out.

    Raises:
        StudyError: unreadable, or a required column is missing.
    """
    text = read_text(path)
    header = text.lstrip("\n").split("\n", 1)[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        lines = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise StudyError(f"{path.name} is not a table ({error}): save it again as 'CSV UTF-8'.") from error
    lines = [line for line in lines if any(line)]
    columns = [name.lower() for name in lines[0]] if lines else []
    missing = [name for name in required if name not in columns]
    if missing:
        raise StudyError(f"{path.name} has no column {missing[0]!r}: its first line must name {', '.join(required)}.")
    for number, line in enumerate(lines[1:], start=2):
        if any(line[len(columns) :]):
            raise StudyError(
                f"{path.name}: row {number} has more cells than the first line has columns: write decimals with a "
                "point, and one thing a cell."
            )
    return [dict(zip(columns, [*line, *[""] * len(columns)], strict=False)) for line in lines[1:]]


def cell_number(text: str) -> float | None:
    """The finite number in a cell, with a decimal point or a decimal comma; None for anything else."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def printable(text: str) -> str:
    """A name fit for a message: one line, no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def quoted(path: Path) -> str:
    """A path as it can be pasted into a command line, on any system."""
    text = str(path)
    return text if re.fullmatch(r"[\w./:\\~-]+", text) else f'"{text}"'
