"""What ``bsa-measure train`` does: train, calibrate, write a model folder."""

from __future__ import annotations

from pathlib import Path

# Said now if they are missing, not after hours of training: the network is built with one and written with the other.
import onnx  # noqa: F401
import segmentation_models_pytorch  # noqa: F401

from bsa_measure.errors import ModelError, TrainingError
from bsa_measure.network import NetworkModel
from bsa_measure.segment import load_model, model_names

from .data import DataFile, read_data_file
from .export import architecture_of
from .finish import Finished, finish
from .loop import Progress, train


def train_model(
    data_file: Path,
    out: Path,
    *,
    sources: Path | None = None,
    models: Path | None = None,
    threads: int | None = None,
    end_here: bool = False,
    progress: Progress | None = None,
) -> Finished:
    """Train the network that a data file describes, or go on with an interrupted run.

    Args:
        data_file: TOML, see :mod:`.data`.
        out: the run's folder; the finished model goes to ``models/NAME/`` in it.
        sources: where the file's relative folders start; by default its own folder.
        models: folder of the site's own models, where the recipe's ``start`` is looked for, too.
        threads: cores to use; by default all.
        end_here: see :func:`.loop.train`; the model's recipe says at which step its run was ended.
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
        data = _continuing(data, start)
    trained = train(
        data, base, out, start=start.data if start else None, threads=threads, end_here=end_here, progress=progress
    )
    return finish(trained.network, data, base, out / "models", start=start, log=trained.log)


def _continuing(data: DataFile, start: NetworkModel) -> DataFile:
    """The data file with what it leaves open as in the model to start from.

    Written down with that model's hash, so that the recipe of the new model says all of it.
    """
    built = architecture_of(start.data)
    if built is None:
        raise TrainingError(
            f"The model {start.name} is of another make, so training cannot start from it: name another."
        )
    made = start.started[1]
    as_there = {
        "encoder": built[0],
        "decoder": built[1],
        "seen_long_side": made.long_side,
        "most_enlarged": made.most_enlarged,
        "further_looks": made.further_looks,
        "mirrored_looks": made.mirrored_looks,
        "detached_odds": made.detached_odds,
    }
    given = data.recipe.model_fields_set
    update = {key: value for key, value in as_there.items() if key not in given} | {"start_sha256": start.sha256}
    return data.model_copy(update={"recipe": data.recipe.model_copy(update=update)})
