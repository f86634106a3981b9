"""The program as a user meets it: started in a process of its own, judged by what it says and how it ends."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

CODE = [sys.executable, "-m", "bsa_measure.cli"]


def bsa_measure(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end. No user may ever see a traceback, whatever the input."""
    done = subprocess.run(
        [*CODE, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "110", **environment},
    )
    for stream in (done.stdout, done.stderr):
        assert "Traceback" not in stream, stream
        assert "fault of the program" not in stream, stream
    return done


def table(study: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table in results/."""
    with (study / "results" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what tells one run from another: times, and places in the record."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    for name, varies in (("provenance.json", rb'"measured_utc"|"record_'), ("SHA256SUMS", rb"provenance\.json$")):
        if name in found:
            found[name] = b"\n".join(line for line in found[name].splitlines() if not re.search(varies, line))
    return found


def unfinished(study: Path) -> list[str]:
    """Files that a write left half done."""
    return [path.name for path in study.rglob("*") if path.name.endswith((".part", "-journal", "-wal"))]


def children(pid: int) -> list[int]:
    """Worker processes of a process."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except (OSError, ValueError):
            continue
    return found
