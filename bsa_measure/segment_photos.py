"""Masks of single photographs, outside any study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import PhotoError
from .files import printable, write_bytes
from .mask_png import encode_mask
from .measure import choose_model
from .photo import read_photo
from .photo_job import resize_mask
from .protocol import Protocol
from .segment import segment


def segment_photos(
    photos: Sequence[Path],
    out: Path,
    *,
    model: str | None = None,
    models: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[str]]:
    """Write the class mask of every photograph as ``out/STEM.png``, as large as the upright photograph.

    Returns:
        How many masks were written, and a sentence for every photograph that was refused.

    Raises:
        StudyError: the folder cannot be written to.
        ModelError: the model is unknown or damaged.
    """
    protocol = Protocol()
    chosen = choose_model(protocol, model, models=models)
    problems: list[str] = []
    taken: dict[str, Path] = {}
    for done, path in enumerate(photos, start=1):
        try:
            twin = taken.setdefault(path.stem.lower(), path)
            if twin is not path:
                raise PhotoError(
                    f"{printable(path.name)} would get the same mask name as {printable(twin.name)}: rename it."
                )
            mask = out / f"{path.stem}.png"
            if any(mask.exists() and other.exists() and mask.samefile(other) for other in photos):
                raise PhotoError(
                    f"{printable(path.name)} cannot get a mask in this folder, as it would replace the photograph "
                    f"{printable(mask.name)}: name another folder with --out."
                )
            photo = read_photo(path, long_side=protocol.measure.working_long_side)
            labels = segment(chosen, photo.pixels).labels
            if labels.shape != (photo.height, photo.width):
                labels = resize_mask(labels, photo.width, photo.height)
            write_bytes(mask, encode_mask(labels))
        except PhotoError as error:
            problems.append(str(error))
        if progress:
            progress(done, len(photos))
    return len(photos) - len(problems), problems
