"""Which decoder learns more in the same time? One command (needs the extra [train]):

    python benchmarks/decoders.py DATA.toml --sources FOLDER --out DIR [--steps 500] [--start MODEL]

Trains one network for each decoder on the same crops in the same order and prints what each has learned (Dice, pooled,
on the `tune` photographs, which no network learns from), what a step and what an answer costs. The decoders start from
nothing; the encoder starts from ImageNet's weights, or from those of a model that has seen lesions: then a few hundred
batches tell decoders apart, though that encoder was trained under one of them. Stopped, it goes on from where a network
was last kept: after every 250 batches.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from bsa_measure.files import write_text
from bsa_measure.network import NetworkModel
from bsa_measure.segment import load_model
from bsa_measure.training.command import train_model
from bsa_measure.training.data import read_data_file
from bsa_measure.training.finish import recipe_text
from bsa_measure.training.recipe import DECODERS, Recipe

KEPT_EVERY = 250


def recipe_for(recipe: Recipe, decoder: str, start: str, steps: int) -> Recipe:
    """The data file's recipe for one of the networks that are compared."""
    changes: dict[str, object] = {"name": decoder, "decoder": decoder, "start": start, "start_sha256": ""}
    changes |= {"start_decoder": False, "steps": steps, "check_every": KEPT_EVERY}
    return recipe.model_copy(update=changes)


def answer_seconds(model: NetworkModel, side: int = 768, times: int = 7) -> float:
    """Processor time of one bare call, median."""
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, side, side)).astype(np.float32)
    session = model.started[0]
    spent = []
    for _ in range(times):
        start = time.process_time()
        session.run(["logits"], {"image": image})
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data file; its recipe's start, decoder and steps are replaced")
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--start", default="", help="a model whose encoder is taken; by default ImageNet's")
    parser.add_argument("--models", type=Path, default=None, help="folder of other models, where that one is")
    parser.add_argument("--threads", type=int, default=1)
    wish = parser.parse_args()
    data = read_data_file(wish.data)
    wish.out.mkdir(parents=True, exist_ok=True)
    for decoder in DECODERS:
        recipe = recipe_for(data.recipe, decoder, wish.start, wish.steps)
        path = wish.out / f"{decoder}.toml"
        write_text(path, recipe_text(data.model_copy(update={"recipe": recipe})))
        run = wish.out / decoder
        sources = wish.sources or wish.data.parent
        train_model(path, run, sources=sources, models=wish.models, threads=wish.threads)
        model = load_model(decoder, run / "models")
        assert isinstance(model, NetworkModel)
        print(f"{decoder}: {len(model.data) / 1e6:.1f} MB, answer {1000 * answer_seconds(model):.0f} ms at 768 x 768")
        print((run / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
