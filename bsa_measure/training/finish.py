"""From a trained network to a model folder: calibrated, exported, with the recipe, ready to be named by a study."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from bsa_measure.errors import TrainingError
from bsa_measure.files import quoted, write_bytes, write_text
from bsa_measure.network import Made, NetworkModel, network_size
from bsa_measure.photo_job import resize_mask

from .architecture import in_size
from .data import DataFile, Example, examples, pick, read_example
from .export import fit_temperature, to_onnx
from .looks import looks, made_for

_PIXELS: Final = 4000  # of each photograph, for the temperature


@dataclass(frozen=True)
class Finished:
    """A model folder: its path, the model's name and SHA-256."""

    folder: Path
    name: str
    sha256: str


def finish(
    network: nn.Module,
    data: DataFile,
    base: Path,
    folder: Path,
    *,
    start: NetworkModel | None = None,
    log: Sequence[dict[str, Any]] = (),
) -> Finished:
    """Calibrate a network on the ``tune`` photographs and write it as a model into a folder of models.

    The folder gets ``NAME/weights.onnx``, ``NAME/recipe.toml``, ``NAME/training.jsonl`` and an entry in
    ``registry.toml``.

    Args:
        network: trained.
        data: the data file that it was trained with.
        base: where its relative folders start.
        folder: of the models.
        start: the model that the training started from; its licence is inherited, and its temperature where there
            is no ``tune`` photograph.
        log: of the run.

    Raises:
        TrainingError: the folder has another model of this name: a model is never replaced silently.
    """
    name = data.recipe.name
    made = made_for(data.recipe)
    tune = pick(examples(data, base), "tune")
    temperature = _temperature(network, data, tune, made) if tune else start.started[1].temperature if start else 1.0
    made = replace(made, temperature=round(temperature, 4))
    weights = to_onnx(network, made.metadata())
    sha256 = hashlib.sha256(weights).hexdigest()
    check_name(folder, name, sha256)
    write_bytes(folder / name / "weights.onnx", weights)
    write_text(folder / name / "recipe.toml", recipe_text(data, log))
    write_text(folder / name / "training.jsonl", "".join(json.dumps(line) + "\n" for line in log))
    # Last: what the registry names is there.
    register(folder, name, sha256, licence_of(data, start.licence if start else ""))
    return Finished(folder / name, name, sha256)


def licence_of(data: DataFile, inherited: str = "") -> str:
    """Licence of a network trained on these sources: the code's, unless a source or its ancestor asks for more."""
    asked = sorted({*inherited.split(" AND "), *(source.licence for source in data.source)} - {"", "Apache-2.0"})
    return " AND ".join(asked) or "Apache-2.0"


def check_name(folder: Path, name: str, sha256: str) -> str:
    """The text of a folder's ``registry.toml``, where the name is free or this very model's.

    Raises:
        TrainingError: it has another model of this name, or cannot be read.
    """
    path = folder / "registry.toml"
    text = path.read_text(encoding="utf-8") if path.is_file() else "# The models of this folder.\n"
    try:
        known = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{quoted(path)} is not TOML ({error}): correct it.") from error
    if name in known and known[name].get("sha256") != sha256:
        raise TrainingError(f"{quoted(folder)} has another model named {name!r}: choose another `name` in [recipe].")
    return text


def register(folder: Path, name: str, sha256: str, licence: str) -> None:
    """Add a model to a folder's ``registry.toml``, unless it is there.

    Raises:
        TrainingError: it has another model of this name, or cannot be read.
    """
    text = check_name(folder, name, sha256)
    if name in tomllib.loads(text):
        return
    entry = {
        "kind": "onnx",
        "file": f"{name}/weights.onnx",
        "sha256": sha256,
        "licence": licence,
        "notice": "Trained by this site; not judged by the makers of the program: every mask needs a person's eye.",
    }
    lines = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in entry.items())
    write_text(folder / "registry.toml", f"{text.rstrip()}\n\n[{name}]\n{lines}")


def recipe_text(data: DataFile, log: Sequence[dict[str, Any]] = ()) -> str:
    """The data file, complete with every default, as TOML; where the run was ended early, that is said."""
    content = data.model_dump(mode="json", exclude_none=True)
    parts = [_table("[recipe]", content["recipe"])]
    parts += [_table("[[source]]", source) for source in content["source"]]
    head = "# Reproduces the model:  bsa-measure train recipe.toml --sources FOLDER --out DIR\n"
    if log and log[-1]["step"] < data.recipe.steps:
        head += f"# The run was ended at step {log[-1]['step']}: run to its end, the recipe gives other weights.\n"
    return f"{head}\n" + "\n".join(parts)


def _table(head: str, content: dict[str, Any]) -> str:
    return f"{head}\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in content.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@torch.no_grad()  # type: ignore[untyped-decorator]
def _temperature(network: nn.Module, data: DataFile, tune: Sequence[Example], made: Made) -> float:
    sources = {source.name: source for source in data.source}
    network.eval()
    rng = np.random.default_rng(data.recipe.seed)
    answers, masks, tables = [], [], []
    for example in tune:
        photo, mask = read_example(example, sources[example.source])
        pixels = photo.pixels
        width, height = network_size(pixels.shape[1], pixels.shape[0], made)
        values = resize_mask(mask, width, height).ravel()
        logits = torch.cat([in_size(look, (height, width)) for look in looks(network, pixels, made)]).flatten(2)
        places = torch.from_numpy(rng.choice(values.size, min(_PIXELS, values.size), replace=False))
        answers.append(logits[:, :, places])
        masks.append(torch.from_numpy(values.astype(np.int64))[places])
        tables.append(torch.from_numpy(sources[example.source].table))
    return fit_temperature(answers, masks, tables)
