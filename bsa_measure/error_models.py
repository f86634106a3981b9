"""Error models as files: one a reader, TOML, with the program's models or in a study's folder ``error-models/``.

A study's own file speaks louder than the one that comes with a model. A file holds for the geometry that its fractions
were formed with and, for a model, for the version named by its SHA-256; otherwise it is not used.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import StudyError
from .files import read_text
from .segment import Model, registered_error_model
from .uncertainty import Blunder, ErrorModel, FractionError, KindError, Spurious

FOLDER: Final = "error-models"
MODEL_PREFIX: Final = "model:"
_FORMAT: Final = 1
_HEAD: Final = """\
# How far one reader's fractions of a surface are from the reference, on a logit scale (docs/method.md, "Error models").
# Written by the program from paired readings; fit it again rather than change it.
"""
_NUMBERS: Final = (
    "floor", "centre", "slope", "bias", "spread", "patient", "visit", "place", "nothing_ratio", "nothing_spread",
)  # fmt: skip


@dataclass(frozen=True)
class StoredErrorModel:
    """An error model and the SHA-256 of its file."""

    model: ErrorModel
    sha256: str


def find_error_models(
    folder: Path, readers: Collection[str], *, geometry: str, model: Model, models: Path | None = None
) -> dict[str, StoredErrorModel]:
    """Reader to error model, for those of the readers that have one which holds here.

    Args:
        folder: the study folder.
        readers: whose readings make up the results.
        geometry: with which this study's fractions are formed.
        model: that this study uses.
        models: folder of the site's own models.

    Raises:
        StudyError: a file in ``error-models/`` cannot be used, or two of them are about one reader.
        ModelError: the program's own file was changed.
    """
    found: dict[str, StoredErrorModel] = {}
    shipped = registered_error_model(model.name, models)
    if shipped is not None:
        found[MODEL_PREFIX + model.name] = _stored(shipped, f"the error model of {model.name}")
    found |= study_error_models(folder)
    return {
        reader: stored
        for reader, stored in found.items()
        if reader in readers and stored.model.geometry == geometry and _same_version(stored.model, model)
    }


def _same_version(error: ErrorModel, model: Model) -> bool:
    return error.reader != MODEL_PREFIX + model.name or error.model_sha256 == model.sha256


def study_error_models(folder: Path) -> dict[str, StoredErrorModel]:
    """Reader to error model, of a study's own files. Raises StudyError as above."""
    found: dict[str, StoredErrorModel] = {}
    for path in sorted((folder / FOLDER).glob("*.toml")):
        stored = _stored(read_text(path), f"{FOLDER}/{path.name}")
        if stored.model.reader in found:
            raise StudyError(
                f"{FOLDER}/{path.name} is a second error model of {stored.model.reader}: keep one and remove the other."
            )
        found[stored.model.reader] = stored
    return found


def study_error_model_path(folder: Path, reader: str) -> Path:
    """Where a study's own error model of a reader goes: named so that every reader has another file."""
    plain = re.sub(r"[^a-z0-9]+", "-", reader.lower()).strip("-")[:40] or "reader"
    return folder / FOLDER / f"{plain}-{hashlib.sha256(reader.encode()).hexdigest()[:6]}.toml"


def _stored(text: str, name: str) -> StoredErrorModel:
    return StoredErrorModel(parse_error_model(text, name), hashlib.sha256(text.encode()).hexdigest())


def error_model_text(error: ErrorModel) -> str:
    """The file of an error model."""
    lines = [_HEAD, f"format = {_FORMAT}"]
    for key in ("reader", "reference", "model_sha256", "geometry", "source"):
        lines.append(f"{key} = {json.dumps(getattr(error, key), ensure_ascii=False)}")
    lines += [f"patients = {error.patients}", f"visits = {error.visits}"]
    for key in ("detached", "reepithelialised"):
        fraction: FractionError | None = getattr(error, key)
        if fraction is None:
            continue
        lines += ["", f"[{key}]", *(f"{name} = {getattr(fraction, name):.4f}" for name in _NUMBERS)]
        b = fraction.blunder
        lines.append(f"blunder = {{ share = {b.share:.4f}, bias = {b.bias:.4f}, spread = {b.spread:.4f} }}")
        if fraction.spurious is not None:
            lines.append(f"spurious = {{ level = {fraction.spurious.level:.4f}, fall = {fraction.spurious.fall:.4f} }}")
        lines += ["", f"[{key}.kinds]"]
        for name, kind in fraction.kinds.items():
            about = f"bias = {kind.bias:.4f}, spread = {kind.spread:.4f}, readings = {kind.readings}"
            lines.append(f"{json.dumps(name, ensure_ascii=False)} = {{ {about} }}")
    return "\n".join(lines) + "\n"


def parse_error_model(text: str, name: str) -> ErrorModel:
    """The error model in the text of a file; ``name`` is what errors call the file.

    Raises:
        StudyError: not such a file, or of a newer version of the program.
    """
    try:
        record = tomllib.loads(text)
        if record["format"] != _FORMAT:
            raise StudyError(f"{name} was written by another version of the program: fit the error model again.")
        covered = record.get("reepithelialised")
        return ErrorModel(
            reader=_word(record, "reader"),
            reference=_word(record, "reference"),
            patients=_count(record, "patients"),
            visits=_count(record, "visits"),
            detached=_fraction(record["detached"]),
            reepithelialised=_fraction(covered) if covered is not None else None,
            geometry=_word(record, "geometry"),
            model_sha256=_word(record, "model_sha256"),
            source=_word(record, "source"),
        )
    except KeyError as error:
        raise StudyError(f"{name} has no {error}: fit the error model again.") from error
    except (tomllib.TOMLDecodeError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"{name} cannot be used ({error}): fit the error model again.") from error


def _word(record: Mapping[str, Any], key: str) -> str:
    if not isinstance(record[key], str):
        raise ValueError(f"{key} is not a text")
    return str(record[key])


def _count(record: Mapping[str, Any], key: str) -> int:
    if not isinstance(record[key], int) or record[key] < 1:
        raise ValueError(f"{key} is not a number of 1 or more")
    return int(record[key])


def _fraction(record: Mapping[str, Any]) -> FractionError:
    numbers = {name: _number(record, name) for name in _NUMBERS}
    if not 0 < numbers["floor"] < 1:
        raise ValueError("floor is not between 0 and 1")
    for key in ("spread", "patient", "visit", "place", "nothing_ratio", "nothing_spread"):
        if numbers[key] < 0:
            raise ValueError(f"{key} is below 0")
    kinds = {}
    for name, kind in record["kinds"].items():
        kinds[name] = KindError(_number(kind, "bias"), _number(kind, "spread"), int(kind["readings"]))
        if kinds[name].spread < 0:
            raise ValueError(f"the spread of {name} is below 0")
    # Files from before spurious patches were told from blunders have none.
    spurious = record.get("spurious")
    return FractionError(
        **numbers,
        blunder=_blunder(record["blunder"]),
        kinds=kinds,
        spurious=Spurious(_number(spurious, "level"), _number(spurious, "fall")) if spurious is not None else None,
    )


def _blunder(record: Mapping[str, Any]) -> Blunder:
    found = Blunder(*(_number(record, key) for key in ("share", "bias", "spread")))
    if not 0 <= found.share <= 1 or found.spread < 0:
        raise ValueError("blunder is no share and spread")
    return found


def _number(record: Mapping[str, Any], key: str) -> float:
    value = float(record[key])
    if not math.isfinite(value):
        raise ValueError(f"{key} is not finite")
    return value
