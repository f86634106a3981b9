"""What ``bsa-measure train`` does: train, calibrate, write a model folder."""

from __future__ import annotations

from pathlib import Path

from bsa_measure.errors import ModelError, TrainingError
from bsa_measure.network import NetworkModel
from bsa_measure.segment import load_model, model_names

from .data import read_data_file
from .finish import Finished, finish
from .loop import Progress, train


def train_model(
    data_file: Path,
    out: Path,
    *,
    sources: Path | None = None,
    models: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Finished:
    """Train the network that a data file describes, or go on with an interrupted run.

    Args:
        data_file: TOML, see :mod:`.data`.
        out: the run's folder; the finished model goes to ``models/NAME/`` in it.
        sources: where the file's relative folders start; by default its own folder.
        models: folder of the site's own models, where the recipe's ``start`` is looked for, too.
        threads: cores to use; by default all.
        progress: see :func:`.loop.train`.

    Raises:
        TrainingError: the data file, a source or the run's folder cannot be used, or the name is taken.
    """
    data = read_data_file(data_file)
    base = sources or data_file.parent
    name = data.recipe.name
    try:
        if name in model_names(models):
            raise TrainingError(
                f"There is a model named {name!r} already, and a model is never replaced: "
                "choose another `name` in [recipe]."
            )
        start = load_model(data.recipe.start, models) if data.recipe.start else None
    except ModelError as error:
        raise TrainingError(str(error)) from error
    if start is not None and not isinstance(start, NetworkModel):
        raise TrainingError(f"The model {start.name} is no network, so training cannot start from it: name another.")
    if start is not None:
        if data.recipe.start_sha256 not in ("", start.sha256):
            raise TrainingError(
                f"The model {start.name} is not the one that this recipe started from: get that one, or take "
                "`start_sha256` out of [recipe]."
            )
        # Written down, so that the recipe of the new model names what it came from.
        data = data.model_copy(update={"recipe": data.recipe.model_copy(update={"start_sha256": start.sha256})})
    trained = train(data, base, out, start=start.data if start else None, threads=threads, progress=progress)
    inherited = start.licence if start else ""
    return finish(trained.network, data, base, out / "models", inherited=inherited, log=trained.log)
