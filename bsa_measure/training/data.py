"""The data file: which photographs a network learns from or is judged on, and what their masks can tell.

A data file is TOML: a ``[recipe]`` (see :mod:`.recipe`) and one ``[[source]]`` for each set of photographs.
Masks of different origin know different things. A phantom's mask tells all five tissue classes apart; a wound
mask tells *detached* from everything else and says nothing of the rest; a skin mask tells skin from background.
``values`` states it: entry n lists the classes that a pixel with the value n may have.

Needs no torch: :mod:`bsa_measure.evaluation` reads the same file.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bsa_measure.errors import MaskError, PhotoError, TrainingError
from bsa_measure.files import quoted
from bsa_measure.mask_png import decode_mask
from bsa_measure.photo import SUFFIXES, Photo, photo_size, read_photo, working_size
from bsa_measure.photo_job import resize_mask
from bsa_measure.protocol import suggestion
from bsa_measure.tissue import Tissue

from .recipe import Recipe, Sizes, in_order

ClassName = Literal["background", "intact", "detached", "reepithelialised", "not_assessable"]
Part = Literal["train", "tune", "test"]
_EACH: Final = tuple((t.name.lower(),) for t in Tissue)
_LARGEST: Final = 1280  # photographs are read no larger: no crop shows more than this
_FEW: Final = 5  # groups, of which one at least is kept out to choose settings with
Pixels = npt.NDArray[np.uint8]


class Source(BaseModel):
    """One set of photographs with masks.

    Attributes:
        name: what tables and logs call it.
        folder: where it lies, relative to the data file or to the folder given beside it.
        manifest: a CSV in the folder with the columns ``file`` and ``mask``, and those named below; without one,
            the folder is a study with ``photos/`` and ``truth/masks/``, and patients are the groups.
        group: column whose photographs stay together: one patient, one wound, one scene.
        split: column that says which part a photograph belongs to; without one, ``test`` is empty. Of a study, the
            part of all its photographs: the same text as ``test`` makes it a source to be judged on.
        train, test: its values for the two parts.
        where: further columns and the text that their cells must hold, e.g. ``{source = "Co-Parsing"}``.
        values: the classes that each mask value may stand for.
        share: how often photographs of this source are drawn in training, relative to the others.
        long_side: range of sizes to which they are brought in training, instead of the recipe's.
        tune_share: the chance of each group of ``train`` to be kept out, to choose settings with; of five groups or
            more one at least is.
        licence: of the photographs; a network trained on them inherits it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    folder: Path
    manifest: str | None = None
    group: str = "group"
    split: str | None = None
    train: str = "train"
    test: str = "test"
    where: dict[str, str] = {}
    values: tuple[tuple[ClassName, ...], ...] = _EACH  # type: ignore[assignment]
    share: Annotated[float, Field(ge=0)] = 1.0
    long_side: Sizes | None = None
    tune_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    licence: str = "Apache-2.0"

    @model_validator(mode="after")
    def _each_value_stands_for_something(self) -> Source:
        if not 2 <= len(self.values) <= 256 or not all(self.values):
            raise ValueError("values needs two entries or more, each with one class or more")
        in_order(self.long_side)
        return self

    @property
    def table(self) -> npt.NDArray[np.bool_]:
        """(values, classes): whether a pixel of this value may have this class."""
        table = np.zeros((len(self.values), len(Tissue)), np.bool_)
        for value, names in enumerate(self.values):
            for name in names:
                table[value, Tissue[name.upper()]] = True
        return table

    @property
    def value_of_class(self) -> npt.NDArray[np.uint8]:
        """(classes,): the mask value that a pixel of this class has; the first one where several may stand for it."""
        return np.asarray(self.table.argmax(axis=0), np.uint8)


class DataFile(BaseModel):
    """A data file: the recipe and the sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Recipe = Recipe()
    source: tuple[Source, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> DataFile:
        names = [source.name for source in self.source]
        if not names or len(set(names)) < len(names):
            raise ValueError("a data file needs at least one [[source]], each with a name of its own")
        return self


@dataclass(frozen=True)
class Example:
    """One photograph with its mask.

    Attributes:
        source: the name of its source.
        photo, mask: the two files.
        group: photographs of the same group never lie in different parts.
        part: ``train`` to learn from, ``tune`` to choose settings with, ``test`` to be judged on.
        about: the other columns of its manifest's row; patient, visit and view for a study.
    """

    source: str
    photo: Path
    mask: Path
    group: str
    part: Part
    about: Mapping[str, str]


def read_data_file(path: Path) -> DataFile:
    """Read and check a data file.

    Raises:
        TrainingError: it cannot be read, or a key or value is wrong; the sentence names it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"The data file {quoted(path)} cannot be read: check its name.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"The data file {quoted(path)} is not TOML ({error}): correct it.") from error
    try:
        return DataFile.model_validate(content)
    except ValidationError as error:
        raise TrainingError(_sentence(path, error)) from error


def examples(data: DataFile, base: Path) -> list[Example]:
    """Every photograph of every source, in a fixed order.

    Args:
        data: what :func:`read_data_file` returned.
        base: relative folders start here: the data file's own folder, or another one.

    Raises:
        TrainingError: a folder, a table, a photograph or a mask is missing, or photographs of one group would lie in
            different parts.
    """
    found: list[Example] = []
    for source in data.source:
        folder = base / source.folder
        if not folder.is_dir():
            raise TrainingError(f"The source {source.name!r} has no folder {quoted(folder)}: correct `folder`.")
        rows = _listed(source, folder) if source.manifest is not None else _study(source, folder)
        if not rows:
            raise TrainingError(f"The source {source.name!r} holds no photograph: check {quoted(folder)}.")
        found += _some_kept_out(rows) if source.tune_share else rows
    placed: dict[str, Example] = {}
    for example in found:
        other = placed.setdefault(example.group, example)
        if other.part != example.part:
            raise TrainingError(
                f"The group {example.group!r} would lie in two parts, {other.part} ({quoted(other.photo)}) and "
                f"{example.part} ({quoted(example.photo)}): correct the table, or give both the same `tune_share`."
            )
    return found


def _some_kept_out(found: list[Example]) -> list[Example]:
    """With one group as ``tune`` where there are enough to learn from and chance has kept out none."""
    groups = {example.group for example in found if example.part != "test"}
    if len(groups) < _FEW or any(example.part == "tune" for example in found):
        return found
    chosen = min(groups, key=_between_0_and_1)
    return [replace(example, part="tune") if example.group == chosen else example for example in found]


def read_example(example: Example, source: Source, long_side: int = _LARGEST) -> tuple[Photo, Pixels]:
    """A photograph, its longer side at most ``long_side`` pixels, and its mask in the same size.

    Returns:
        The photograph, ``pixels`` (height, width, 3) uint8 upright, and the (height, width) uint8 mask.

    Raises:
        TrainingError: as :func:`read_mask`; or the photograph cannot be read, or has other proportions than its mask.
    """
    try:
        photo = read_photo(example.photo, long_side=long_side)
    except PhotoError as error:
        raise TrainingError(str(error)) from error
    mask = _fitting_mask(example, source, photo.width, photo.height)
    height, width = photo.pixels.shape[:2]
    return photo, mask if mask.shape == (height, width) else resize_mask(mask, width, height)


def check_example(example: Example, source: Source) -> None:
    """As :func:`read_example`, but of the photograph only the size is read. Raises as that."""
    try:
        _, width, height = photo_size(example.photo)
    except PhotoError as error:
        raise TrainingError(str(error)) from error
    _fitting_mask(example, source, width, height)


def _fitting_mask(example: Example, source: Source, width: int, height: int) -> Pixels:
    mask = read_mask(example, source)
    if mask.shape[::-1] != working_size(width, height, max(mask.shape)):
        raise TrainingError(
            f"The mask {quoted(example.mask)} has {mask.shape[1]} × {mask.shape[0]} pixels and its photograph "
            f"{width} × {height}: make it again from the upright photograph."
        )
    return mask


def read_mask(example: Example, source: Source) -> npt.NDArray[np.uint8]:
    """(height, width) uint8 mask of an example.

    Raises:
        TrainingError: not a grey 8-bit PNG, or a value that ``values`` does not explain.
    """
    try:
        mask = decode_mask(example.mask.read_bytes(), f"The mask {quoted(example.mask)}")
    except OSError as error:
        raise TrainingError(f"The mask {quoted(example.mask)} cannot be read: make it again.") from error
    except MaskError as error:
        raise TrainingError(str(error)) from error
    if int(mask.max(initial=0)) >= len(source.values):
        raise TrainingError(
            f"The mask {quoted(example.mask)} has the value {int(mask.max())}, which `values` of the source "
            f"{source.name!r} does not explain: save it with the values 0 to {len(source.values) - 1}, or add an entry."
        )
    return mask


def _listed(source: Source, folder: Path) -> list[Example]:
    path = folder / str(source.manifest)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # A row that ends early has empty cells.
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"The table {quoted(path)} cannot be read: check `manifest`.") from error
    needed = ["file", "mask", source.group, *([source.split] if source.split else []), *source.where]
    for column in needed:
        if rows and column not in rows[0]:
            raise TrainingError(f"The table {quoted(path)} has no column {column!r}{suggestion(column, rows[0])}.")
    found = []
    for row in rows:
        if any(text not in row[column] for column, text in source.where.items()):
            continue
        part = _part(source, row[source.group], row[source.split] if source.split else None)
        if part is None:
            continue
        about = {name: cell for name, cell in row.items() if name not in ("file", "mask", None)}
        photo, mask = folder / row["file"], folder / row["mask"]
        for named in (photo, mask):
            if not named.is_file():
                raise TrainingError(f"{quoted(path)} names {quoted(named)}, which is not there: correct the table.")
        found.append(Example(source.name, photo, mask, row[source.group], part, about))
    return found


def _study(source: Source, folder: Path) -> list[Example]:
    photos, masks = folder / "photos", folder / "truth" / "masks"
    found = []
    for photo in sorted(photos.glob("*/*/*")):
        if photo.suffix.lower() not in SUFFIXES:
            continue
        patient, visit = photo.parts[-3:-1]
        mask = masks / patient / visit / f"{photo.stem}.png"
        if not mask.is_file():
            raise TrainingError(f"{quoted(photo)} has no mask {quoted(mask)}: remove the photograph or add the mask.")
        # Every phantom study counts its patients from 1.
        group = f"{source.name}/{patient}"
        part = _part(source, group, source.train if source.split is None else source.split)
        if part is not None:
            about = {"patient": patient, "visit": visit, "view": photo.stem}
            found.append(Example(source.name, photo, mask, group, part, about))
    return found


def _part(source: Source, group: str, split: str | None) -> Part | None:
    if split == source.test:
        return "test"
    if split is not None and split != source.train:
        return None
    return "tune" if _between_0_and_1(group) < source.tune_share else "train"


def _between_0_and_1(text: str) -> float:
    """The same number for the same text, everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / float(1 << 48)


def examples_sha256(found: Sequence[Example]) -> str:
    """One hash of all examples: which photographs in which part, how large their files are, and every mask's bytes."""
    total = hashlib.sha256()
    for example in found:
        place = "/".join(example.photo.parts[-4:])
        line = f"{example.source} {example.part} {example.group} {place} {example.photo.stat().st_size} "
        total.update(line.encode() + hashlib.sha256(example.mask.read_bytes()).digest())
    return total.hexdigest()


def pick(found: Sequence[Example], part: Part) -> list[Example]:
    """The examples of one part."""
    return [example for example in found if example.part == part]


def _sentence(path: Path, error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(step) for step in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"The data file {quoted(path)} has an unknown key {where!r}: correct or remove it."
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"The data file {quoted(path)}: {where!r} cannot be used, correct it: {reason[:1].lower()}{reason[1:]}."
