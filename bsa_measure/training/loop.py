"""The training loop: plain, seeded, and it goes on where it was interrupted.

A run's folder holds ``checkpoint.pt`` (everything to go on from), ``log.jsonl`` (a line a check),
``curve.svg`` and, at the end, ``network.pt`` (the averaged weights). Checkpoints are torch files with tensors and
numbers only, read with ``weights_only=True``; nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate

from bsa_measure.errors import TrainingError
from bsa_measure.files import quoted, write_bytes, write_text
from bsa_measure.network import Made

from .architecture import build_network, depthwise_in_float32, freeze, in_size, parameter_groups, training_mode
from .crops import Crops
from .curve import training_curve
from .data import DataFile, Example, Source, check_example, examples, examples_sha256, pick, read_example
from .export import load_onnx_weights
from .looks import made_for, overlaps, probabilities
from .loss import partial_label_loss

_LOOKED_AT: Final = 24  # tune photographs a source, at most, at each check
_WARM_UP: Final = 0.05
Progress = Callable[[int, int, dict[str, Any]], None]


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        network: with the averaged weights, in evaluation mode.
        log: what ``log.jsonl`` holds.
    """

    network: nn.Module
    log: tuple[dict[str, Any], ...]


def train(
    data: DataFile,
    base: Path,
    out: Path,
    *,
    start: bytes | None = None,
    threads: int | None = None,
    end_here: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a network, or go on with a run that was interrupted.

    Args:
        data: the data file; its recipe must not change within a run.
        base: where its relative folders start.
        out: the run's folder.
        start: the ONNX file of a model whose weights are continued; by default ImageNet's encoder.
        threads: cores to use; by default all.
        end_here: take the averaged weights of the last checkpoint as they are instead of going on.
        progress: called with (step, steps, the last line of the log).

    Raises:
        TrainingError: the folder holds another run, a source cannot be used, the model to start from does not fit, or
            there is no checkpoint to end at.
    """
    recipe = data.recipe
    torch.manual_seed(recipe.seed)
    if threads:
        torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    sources = {source.name: source for source in data.source}
    found = examples(data, base)
    crops = Crops(pick(found, "train"), sources, recipe)
    for example in found:
        if example.part != "test":
            check_example(example, sources[example.source])
    looked_at = _few(pick(found, "tune"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # crops are all of one size
    network = build_network(recipe, imagenet=start is None)
    if start is not None:
        load_onnx_weights(network, start, decoder=recipe.start_decoder)
    freeze(network, recipe.frozen_stages)
    if recipe.precision == "bfloat16" and device.type == "cpu":
        depthwise_in_float32(network)
    network.to(device, memory_format=torch.channels_last)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(parameter_groups(network, recipe))
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=recipe.steps + 1,
        pct_start=max(_WARM_UP, 2 / (recipe.steps + 1)),  # a rise takes a step at least
        cycle_momentum=False,
        div_factor=10,
        final_div_factor=50,
    )
    _claim(out, data, found, start)
    log: list[dict[str, Any]] = []
    step = 0
    if (out / "checkpoint.pt").is_file():
        kept = _tensors(out / "checkpoint.pt")
        network.load_state_dict(kept["network"])
        average = {name: value.to(device) for name, value in kept["average"].items()}
        optimizer.load_state_dict(kept["optimizer"])
        rates.load_state_dict(kept["rates"])
        step = int(kept["step"])
        log = [line for line in _log(out) if line["step"] <= step]
    elif end_here:
        raise TrainingError(
            f"{quoted(out)} has no checkpoint to end at: the first is made at step {recipe.check_every}."
        )
    training_mode(network)
    total, began = torch.zeros((), device=device), time.perf_counter()
    since = step
    for picture, mask, allowed in () if end_here else _batches(crops, step, device):
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = network(picture.to(device, memory_format=torch.channels_last, non_blocking=True))
        logits = in_size(logits.float(), (mask.shape[1], mask.shape[2]))
        loss = partial_label_loss(logits, mask.to(device, non_blocking=True), allowed)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        rates.step()
        step += 1
        _towards(average, network, recipe.averaging, step)
        total += loss.detach()
        if step % recipe.check_every == 0 or step == recipe.steps:
            # Asked for only now: a GPU would wait for every batch otherwise.
            if not math.isfinite(float(total)):
                raise TrainingError(
                    f"By step {step} the loss is no number any more: train again with a lower learning_rate."
                )
            line: dict[str, Any] = {
                "step": step,
                "loss": round(float(total) / (step - since), 4),
                "seconds_a_step": round((time.perf_counter() - began) / (step - since), 3),
                "learning_rate": rates.get_last_lr()[-1],
                **_scores(network, average, looked_at, sources, made_for(recipe)),
            }
            log.append(line)
            _keep(out, step, network, average, optimizer, rates, log)
            training_mode(network)
            total, since, began = torch.zeros((), device=device), step, time.perf_counter()
            if progress is not None:
                progress(step, recipe.steps, line)
    finished = build_network(recipe, imagenet=False).eval()
    if start is not None and recipe.start_weight:
        load_onnx_weights(finished, start)
        average = _mean(average, finished.state_dict(), recipe.start_weight)
    finished.load_state_dict(average)
    _save(out / "network.pt", finished.state_dict())
    return Trained(finished, tuple(log))


def _batches(crops: Crops, step: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    batch, on_gpu = crops.recipe.batch, device.type != "cpu"
    # Other processes prepare crops while this one computes; crops depend on their number alone.
    readers = os.cpu_count() or 1 if on_gpu else 1
    loader = DataLoader(crops, batch_size=batch, sampler=range(step * batch, len(crops)), num_workers=readers,
                        prefetch_factor=4, pin_memory=on_gpu, collate_fn=_together)  # fmt: skip
    for together in loader:
        if isinstance(together, TrainingError):
            raise together
        yield together


def _together(crops: list[Any]) -> Any:
    """A batch; or what was wrong with a crop, which as an exception would arrive with the reader's traceback."""
    faults = [crop for crop in crops if isinstance(crop, TrainingError)]
    return faults[0] if faults else default_collate(crops)


def _towards(average: dict[str, Tensor], network: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average, which follows quickly at the start of a run."""
    decay = min(decay, (1 + step) / (10 + step))
    current = network.state_dict()
    moving = [name for name, value in current.items() if value.is_floating_point()]
    with torch.no_grad():
        # All at once: tensor by tensor, a GPU would spend more on being asked than on the work.
        torch._foreach_lerp_([average[name] for name in moving], [current[name] for name in moving], 1 - decay)
        for name in current.keys() - set(moving):
            average[name].copy_(current[name])


def _mean(average: dict[str, Tensor], begun: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """The mean of the trained weights and of those begun with, which has this ``weight`` in it."""
    return {
        name: value.cpu().lerp(begun[name], weight) if value.is_floating_point() else value
        for name, value in average.items()
    }


def _few(tune: Sequence[Example]) -> list[Example]:
    few: list[Example] = []
    for name in dict.fromkeys(example.source for example in tune):
        mine = [example for example in tune if example.source == name]
        few += mine[:: max(1, len(mine) // _LOOKED_AT)][:_LOOKED_AT]
    return few


@torch.no_grad()  # type: ignore[untyped-decorator]
def _scores(
    network: nn.Module,
    average: dict[str, Tensor],
    looked_at: Sequence[Example],
    sources: dict[str, Source],
    made: Made,
) -> dict[str, float]:
    """Dice, pooled, of the averaged weights for each source and each value of its masks beyond the first.

    They look at whole photographs as the finished network will.
    """
    current = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    sums: dict[str, list[int]] = {}
    for example in looked_at:
        source = sources[example.source]
        photo, mask = read_example(example, source)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False):  # photographs are of many sizes
            answer = probabilities(network, photo.pixels, made).cpu().numpy()
        for name, (marked, true, both) in overlaps(answer, mask, source).items():
            sum_of = sums.setdefault(name, [0, 0])
            sum_of[0] += both
            sum_of[1] += marked + true
    network.load_state_dict(current)
    return {name: round(2 * both / either, 4) if either else 1.0 for name, (both, either) in sums.items()}


def _claim(out: Path, data: DataFile, found: Sequence[Example], start: bytes | None) -> None:
    """Remember in the folder what the run learns from, masks included, so that it is not continued with others."""
    content = {
        "data": data.model_dump(mode="json"),
        "start_sha256": hashlib.sha256(start).hexdigest() if start else "",
        "examples_sha256": examples_sha256(found),
    }
    text = json.dumps(content, indent=1) + "\n"
    path = out / "data.json"
    if not path.is_file():
        write_text(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise TrainingError(f"{quoted(out)} holds a run with another recipe or other sources: choose an empty folder.")


def _keep(
    out: Path,
    step: int,
    network: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    rates: torch.optim.lr_scheduler.LRScheduler,
    log: Sequence[dict[str, Any]],
) -> None:
    # A log that is longer than the checkpoint is cut when the run goes on; one that is shorter would stay so.
    write_text(out / "log.jsonl", "".join(json.dumps(line) + "\n" for line in log))
    _save(
        out / "checkpoint.pt",
        {
            "step": step,
            "network": network.state_dict(),
            "average": average,
            "optimizer": optimizer.state_dict(),
            "rates": {key: value for key, value in rates.state_dict().items() if not callable(value)},
        },
    )
    write_text(out / "curve.svg", training_curve(log))


def _save(path: Path, content: Any) -> None:
    file = io.BytesIO()
    torch.save(content, file)
    write_bytes(path, file.getvalue())


def _tensors(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch reports damage as RuntimeError, UnpicklingError, EOFError, OSError, ...
        raise TrainingError(f"{quoted(path)} is not a checkpoint that can be read: train again.") from error


def _log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
