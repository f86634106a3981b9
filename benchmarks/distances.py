"""How a network's answer depends on how large a lesion comes out in the picture. One command (extra [train]):

    python benchmarks/distances.py MODEL [MODEL ...] --data DATA.toml [--sources DIR] [--models DIR] [--part test]

Every photograph is given to the network as if the camera had been nearer or further away: at 0.5 to 2 times the size
at which the network sees it otherwise, and with nothing cut off. For each size, and for each class that a source's
masks can tell: Dice pooled, Dice mean of the photographs that show the class, and area marked over true area. A
network that knows lesions by how large they usually are falls off to one side.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
from looks import cells

from bsa_measure.network import NetworkModel
from bsa_measure.segment import load_model
from bsa_measure.training.data import examples, pick, read_data_file, read_example
from bsa_measure.training.looks import overlaps

SIZES = (0.5, 0.75, 1.0, 1.5, 2.0)


def seen_at(model: NetworkModel, size: float) -> NetworkModel:
    """The model, which sees photographs this many times as large."""
    session, made = model.started
    nearer = replace(model)
    # In the place of what it would read from its file.
    nearer.__dict__["started"] = (
        session,
        replace(made, long_side=round(size * made.long_side), most_enlarged=size * made.most_enlarged),
    )
    return nearer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models_named", metavar="MODEL", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--part", choices=("train", "tune", "test"), default="test")
    parser.add_argument("--photos", type=int, default=120, help="of each source, at most")
    wish = parser.parse_args()
    cv2.setNumThreads(1)
    named = [load_model(name, wish.models) for name in wish.models_named]
    networks = [model for model in named if isinstance(model, NetworkModel)]
    if len(networks) < len(named):
        raise SystemExit("Networks are asked for.")
    seen = [(model.name, size, seen_at(model, size)) for model in networks for size in SIZES]
    data = read_data_file(wish.data)
    found = pick(examples(data, wish.sources or wish.data.parent), wish.part)
    counts: dict[tuple[str, str, float], list[tuple[int, int, int]]] = {}
    for source in data.source:
        own = [example for example in found if example.source == source.name]
        for example in own[:: -(-len(own) // wish.photos) or 1]:
            photo, mask = read_example(example, source)
            for model_name, size, network in seen:
                for name, row in overlaps(network.probabilities(photo.pixels), mask, source).items():
                    counts.setdefault((name, model_name, size), []).append(row)
    print("| photographs: class | photos | model | seen at | Dice pooled | Dice mean | area marked / true |")
    print("|---|---|---|---|---|---|---|")
    for (name, model_name, size), rows in sorted(counts.items()):
        photos, reached = cells(rows)
        print(f"| {name} | {photos} | {model_name} | {size:g} | {reached} |")


if __name__ == "__main__":
    main()
