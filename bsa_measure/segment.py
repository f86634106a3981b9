"""A photograph in, one tissue class per pixel out: the one door through which every model enters.

``models/registry.toml`` names the models that come with the program, with the SHA-256 of each one's data file, and
which of them a study gets that names none. A site's own models lie in a folder with a ``registry.toml`` of its own.
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
from .files import printable
from .protocol import suggestion
from .tissue import Tissue

CLASSES: Final = len(Tissue)

_NEVER_BEST: Final = 0.99 / CLASSES
"""The most probable of the classes has at least one over their number; a hair less, as floats do not sum to 1."""

_WHOLE: Final = 65535
"""Probability 1 in 16 bits."""


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

    The model's probabilities, in steps of 1/65535, are brought to the size of the photograph bilinearly, and each pixel
    takes the most probable class; of two equally probable ones, the one with the smaller number.
    """
    height, width = pixels.shape[:2]
    return most_probable(model.probabilities(pixels), width, height)


def most_probable(probabilities: npt.NDArray[np.float32], width: int, height: int) -> Segmentation:
    """The classes of a photograph of that size from its (5, h, w) class probabilities; see :func:`segment`."""
    # One class after the other, in the same memory and in 16 bits: the time goes into moving full-size planes.
    size = (width, height)
    best = cv2.resize(_sixteen_bits(probabilities[0]), size, interpolation=cv2.INTER_LINEAR)
    labels, better = np.zeros((height, width), np.uint8), np.empty((height, width), np.uint8)
    full = np.empty_like(best)
    for number, plane in enumerate(probabilities[1:], start=1):
        if plane.max() < _NEVER_BEST:
            continue
        cv2.resize(_sixteen_bits(plane), size, dst=full, interpolation=cv2.INTER_LINEAR)
        cv2.compare(full, best, cv2.CMP_GT, dst=better)
        cv2.bitwise_and(better, number, dst=better)
        cv2.max(labels, better, dst=labels)  # numbers rise, so the better class is also the larger one
        cv2.max(best, full, dst=best)
    certainty = cv2.mean(best, mask=labels)[0] / _WHOLE if labels.any() else 0.0
    return Segmentation(labels, float(certainty))


def _sixteen_bits(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    return (plane * np.float32(_WHOLE) + np.float32(0.5)).astype(np.uint16)


def model_names(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the models that come with the program, and of a site's own.

    Args:
        folder: of the site's own models.

    Raises:
        ModelError: a registry is missing or cannot be read.
    """
    return tuple(sorted(_known(folder)))


def default_model() -> str:
    """Name of the model that a study gets that names none.

    Raises:
        ModelError: the registry cannot be read, or recommends none.
    """
    try:
        return str(_read_registry(resources.files("bsa_measure_models"))["default"])
    except KeyError as error:
        raise ModelError("registry.toml recommends no model: install the program again.") from error


def model_with_sha256(sha256: str, folder: Path | None = None) -> str | None:
    """Name of the registered model whose data file has this SHA-256, or None.

    Raises:
        ModelError: a registry is missing or cannot be read.
    """
    known = _known(folder)
    return next((name for name in sorted(known) if known[name][1].get("sha256") == sha256), None)


@cache
def load_model(name: str, folder: Path | None = None) -> Model:
    """Build a model from a registry, after checking that its data file is the registered one.

    The same model is returned each time within a process.

    Args:
        name: as in the registry.
        folder: of a site's own models, beside those that come with the program.

    Raises:
        ModelError: unknown name, damaged registry, or a data file that is missing or was changed.
    """
    known = _known(folder)
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ModelError(
            f"There is no model named {name!r}{suggestion(name, known)}: the installed models are {names}."
        )
    models, record = known[name]
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


def registered_error_model(name: str, folder: Path | None = None) -> str | None:
    """The text of the error model that comes with a model; None where there is none.

    Args:
        name: of the model, as in the registry.
        folder: of a site's own models, beside those that come with the program.

    Raises:
        ModelError: the file is missing or was changed.
    """
    models, record = _known(folder).get(name, (resources.files("bsa_measure_models"), {}))
    if "error_model" not in record:
        return None
    try:
        data = (models / str(record["error_model"])).read_bytes()
    except OSError as error:
        raise ModelError(f"The error model of {name} is missing: install the program again.") from error
    data = data.replace(b"\r\n", b"\n")
    if hashlib.sha256(data).hexdigest() != record.get("error_model_sha256"):
        raise ModelError(f"The error model of {name} was changed or damaged: install the program again.")
    return data.decode()


def _builders() -> dict[str, Callable[[Entry, bytes], Model]]:
    # Imported here: naming a model needs none of them.
    from . import classical, network

    return {"classical": classical.build, "onnx": network.build}


def _known(folder: Path | None) -> dict[str, tuple[Traversable, dict[str, Any]]]:
    """Every model by name: where it lies, and what its registry says of it."""
    shipped = resources.files("bsa_measure_models")
    known = {name: (shipped, record) for name, record in _records(shipped).items()}
    if folder is None:
        return known
    for name, record in _records(folder).items():
        # A name stands for one model everywhere: in readings, in protocols and in what is published.
        if name in known and known[name][1].get("sha256") != record.get("sha256"):
            raise ModelError(
                f"registry.toml in {printable(folder.name)} calls a model {name}, as one that comes with the program "
                "is called: give it another name."
            )
        known[name] = (folder, record)
    return known


def _records(models: Traversable) -> dict[str, dict[str, Any]]:
    return {name: record for name, record in _read_registry(models).items() if isinstance(record, dict)}


def _read_registry(models: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads((models / "registry.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(
            f"The list of models, {printable(models.name)}/registry.toml, cannot be read: correct it, or install the "
            "program again if it came with it."
        ) from error
