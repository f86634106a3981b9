"""A photograph in, one tissue class per pixel out: the one door through which every model enters.

``models/registry.toml`` names the models that come with the program, with the SHA-256 of each one's data file.
A model is built once per process and answers with class probabilities, at any size of the photograph's shape.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .protocol import suggestion
from .tissue import Tissue

CLASSES: Final = len(Tissue)


class Model(Protocol):
    """Anything that tells the tissue classes of a photograph apart.

    Attributes:
        name: its name in the registry.
        sha256: of its data file, as hexadecimal digits; what a protocol locks.
        licence: SPDX name of the terms under which the data file may be used.
        notice: one sentence on where its numbers come from and what it must not be used for.
    """

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def notice(self) -> str: ...

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Class probabilities of an upright (height, width, 3) uint8 red-green-blue photograph.

        Returns:
            (5, h, w) float32 that sums to 1 over the first axis, in the order of :class:`Tissue`. It may be
            smaller than the photograph, in the same proportions.
        """
        ...


@dataclass(frozen=True)
class Entry:
    """One model of a registry: what it is called, how it is built, from which bytes, on which terms."""

    name: str
    kind: str
    sha256: str
    licence: str
    notice: str


@dataclass(frozen=True)
class Segmentation:
    """The classes of one photograph.

    Attributes:
        labels: (height, width) uint8, values of :class:`Tissue`, as large as the photograph.
        certainty: mean probability of the chosen class over all pixels that are not background, 0 to 1;
            0 where the whole photograph is background.
    """

    labels: npt.NDArray[np.uint8]
    certainty: float


def segment(model: Model, pixels: npt.NDArray[np.uint8]) -> Segmentation:
    """Tissue classes of an upright (height, width, 3) uint8 red-green-blue photograph.

    The model's probabilities are brought to the size of the photograph bilinearly, and each pixel takes the
    most probable class; of two equally probable ones, the one with the smaller number.
    """
    probabilities = model.probabilities(pixels)
    height, width = pixels.shape[:2]
    # One class after the other: a stack of five full-size float images would be 60 MB a photograph.
    best = np.full((height, width), -1.0, np.float32)
    labels = np.zeros((height, width), np.uint8)
    for number, plane in enumerate(probabilities):
        full = plane
        if plane.shape != (height, width):
            full = np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        np.copyto(labels, np.uint8(number), where=full > best)
        np.maximum(best, full, out=best)
    body = labels != Tissue.BACKGROUND
    certainty = float(best[body].mean(dtype=np.float64)) if body.any() else 0.0
    return Segmentation(labels, certainty)


def model_names(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the models in a folder with a ``registry.toml``; by default, those that come with the program.

    Raises:
        ModelError: there is no registry, or it cannot be read.
    """
    return tuple(sorted(_registry(_models(folder))))


@cache
def load_model(name: str, folder: Path | None = None) -> Model:
    """Build a model from a registry, after checking that its data file is the registered one.

    The same model is returned each time within a process.

    Args:
        name: as in the registry.
        folder: where ``registry.toml`` lies; by default, the models that come with the program.

    Raises:
        ModelError: unknown name, damaged registry, or a data file that is missing or was changed.
    """
    models = _models(folder)
    registry = _registry(models)
    if name not in registry:
        known = ", ".join(sorted(registry)) or "none"
        raise ModelError(
            f"There is no model named {name!r}{suggestion(name, registry)}: the installed models are {known}."
        )
    record = registry[name]
    try:
        entry = Entry(name, record["kind"], record["sha256"], record["licence"], record["notice"])
        file = str(record["file"])
    except KeyError as error:
        raise ModelError(f"The model {name} has no {error} in registry.toml: install the program again.") from error
    builders = _builders()
    if entry.kind not in builders:
        raise ModelError(
            f"The model {name} is of the kind {entry.kind!r}, which this version cannot run: install a newer version."
        )
    try:
        data = (models / file).read_bytes()
    except OSError as error:
        raise ModelError(f"The model {name} lacks its file {file}: install the program again.") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ModelError(
            f"The model {name} was changed or damaged: {file} is not the registered file, install the program again."
        )
    return builders[entry.kind](entry, data)


def _builders() -> dict[str, Callable[[Entry, bytes], Model]]:
    # Imported here: what one kind of model needs is not loaded for another.
    from .classical import build

    return {"classical": build}


def _models(folder: Path | None) -> Traversable:
    return resources.files("bsa_measure_models") if folder is None else folder


def _registry(models: Traversable) -> dict[str, dict[str, Any]]:
    try:
        registry = tomllib.loads((models / "registry.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError("The list of models, registry.toml, cannot be read: install the program again.") from error
    return {name: record for name, record in registry.items() if isinstance(record, dict)}
