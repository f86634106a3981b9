"""The open photograph with its outlines as a picture: for a meeting or a letter, never for measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bsa_measure.errors import StudyError
from bsa_measure.files import printable, write_bytes
from bsa_measure.report.overlay import draw_overlay, thumbnail

from .canvas import Plane

SUFFIX: Final = ".jpg"
_LONG_SIDE: Final = 2048


def proposed_name(view: str) -> str:
    """A file name that says what is shown and not who."""
    return f"{view}-outlines{SUFFIX}"


def save_picture(path: Path, pixels: Plane, labels: Plane, study: Path) -> Path:
    """Write a photograph with its outlines as a JPEG without any metadata.

    Args:
        path: where; ``.jpg`` is added where it does not end so.
        pixels: (height, width, 3) uint8 RGB.
        labels: (height, width) uint8 classes.
        study: the study folder, among whose photographs no picture may lie.

    Returns:
        The file that was written.

    Raises:
        StudyError: a file of that name is there already, the place is among the study's photographs, or it cannot be
            written to.
    """
    if path.suffix.lower() not in (SUFFIX, ".jpeg"):
        path = path.with_name(path.name + SUFFIX)
    if path.resolve().is_relative_to((study / "photos").resolve()):
        raise StudyError("The picture would be taken for a photo of the study: save it outside the folder photos.")
    if path.exists():
        raise StudyError(f"{printable(path.name)} is there already and stays as it is: choose another name.")
    write_bytes(path, thumbnail(draw_overlay(pixels, labels, long_side=_LONG_SIDE), _LONG_SIDE))
    return path
