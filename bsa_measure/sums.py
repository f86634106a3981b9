"""``results/SHA256SUMS``: what every file that `measure` wrote looked like when it was written.

The list has the form that ``sha256sum --check`` reads. Its own hash stands in the record, so that a change of a file
and of the list together is found as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from .files import write_text

SUMS_FILE: Final = "SHA256SUMS"


def write_sums(folder: Path, files: Iterable[Path]) -> str:
    """List files inside ``folder`` with their hashes, and return the hash of the list. What is not there is left out.

    Raises:
        StudyError: the folder cannot be written to.
    """
    named = {path.relative_to(folder).as_posix(): path for path in files}
    with ThreadPoolExecutor() as pool:
        hashes = dict(zip(named, pool.map(file_hash, named.values()), strict=True))
    text = "".join(f"{hashes[name]}  {name}\n" for name in sorted(named) if hashes[name])
    write_text(folder / SUMS_FILE, text)
    return hashlib.sha256(text.encode()).hexdigest()


def read_sums(folder: Path) -> tuple[str, dict[str, str]]:
    """The hash of the list, and path inside the folder to hash; empty where there is no list."""
    try:
        data = (folder / SUMS_FILE).read_bytes()
    except OSError:
        return "", {}
    lines = data.decode("utf-8", "replace").splitlines()
    parts = [line.partition("  ") for line in lines]
    return hashlib.sha256(data).hexdigest(), {name: sha256 for sha256, _, name in parts if name}


def changed_files(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """Those of the listed files that are missing or are not as they were written, sorted."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(file_hash, (folder / name for name in sums))
        return sorted(name for name, sha256 in zip(sums, found, strict=True) if sums[name] != sha256)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; empty when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):  # a list that was tampered with may name what cannot be a file
        return ""
