"""Where a study lies that somebody opens by one of its files, and where the sample study goes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import bsa_measure
from bsa_measure.errors import StudyError
from bsa_measure.study import PROTOCOL_FILE

_SAMPLE_PARTS: Final = ("study.toml", "patients.csv", "photos", "truth")
_COPY_NAME: Final = "bsa-measure-sample"
_DEPTH: Final = 4  # photos/PATIENT/VISIT/VIEW.jpg


def study_of(path: Path) -> Path | None:
    """The study folder that a path is, or lies in; None for anything else."""
    candidates = [path, *list(path.absolute().parents)[:_DEPTH]]
    return next((folder for folder in candidates if (folder / PROTOCOL_FILE).is_file()), None)


def sample_source() -> Path:
    """The sample study that comes with the program's folder.

    Raises:
        StudyError: the program was installed without it.
    """
    folder = Path(bsa_measure.__file__).absolute().parent.parent / "sample_images"
    if not (folder / PROTOCOL_FILE).is_file():
        raise StudyError(
            "The sample study is not installed: make one with  bsa-measure phantom --out my-sample --patients 2"
        )
    return folder


def sample_copy(into: Path | None = None) -> Path:
    """A copy of the sample study that can be written to; the same one each time, with all work in it.

    Args:
        into: the folder that the copy lies in; the home folder by default, or a temporary one where that is closed.

    Raises:
        StudyError: there is no sample study, or no place for a copy.
    """
    source = sample_source()
    for parent in [into] if into is not None else [Path.home(), Path(tempfile.gettempdir())]:
        target = parent / _COPY_NAME
        if (target / PROTOCOL_FILE).is_file():
            return target
        try:
            for part in (*_SAMPLE_PARTS[1:], _SAMPLE_PARTS[0]):  # study.toml last: then it is a study
                _copy(source / part, target / part)
        except OSError:
            continue
        return target
    raise StudyError(f"The sample study cannot be copied to {_COPY_NAME}: check that the disk has room.")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        shutil.copyfile(source, target)
