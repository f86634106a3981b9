"""How often a network looks, and the odds of *detached*: what each choice reaches. One command (extra [train]):

    python benchmarks/looks.py MODEL DATA.toml [--sources DIR] [--models DIR] [--part tune] [--photos 60]

For every choice of looks and of the factor on the odds of *detached*, and for each class that a source's masks can
tell: Dice pooled, Dice mean of the photographs that show the class, and area marked over true area. A choice is made on
the part ``tune``, which no network learns from and none is judged on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.network import NetworkModel
from bsa_measure.segment import load_model
from bsa_measure.tissue import Tissue
from bsa_measure.training.data import Example, Source, examples, pick, read_data_file, read_example
from bsa_measure.training.looks import overlaps

# Further looks, and whether they are mirrored.
LOOKS: tuple[tuple[tuple[float, ...], bool], ...] = (
    ((), False),
    ((0.75,), False),
    ((0.5,), False),
    ((0.75, 0.5), False),
    ((0.75,), True),
    ((0.5,), True),
    ((0.75, 0.5), True),
    ((1.0,), True),
    ((1.0, 0.5), True),
)
ODDS = (1.0, 1.25, 1.5, 2.0, 2.5)
Choice = tuple[tuple[float, ...], bool, float]  # further looks, whether mirrored, odds
# For each photograph and value of its mask: pixels marked, pixels true, pixels both.
Counts = dict[tuple[str, Choice], list[tuple[int, int, int]]]


def answers(model: NetworkModel, pixels: npt.NDArray[np.uint8]) -> dict[Choice, npt.NDArray[np.float32]]:
    """(5, h, w) probabilities of every choice."""
    first = model.look(pixels, 1.0)
    size = (first.shape[2], first.shape[1])
    seen = {}
    for factor, mirrored in {(factor, mirrored) for further, mirrored in LOOKS for factor in further}:
        look = model.look(pixels, factor, mirrored=mirrored)
        seen[factor, mirrored] = np.stack([cv2.resize(plane, size) for plane in look])
    found = {}
    for further, mirrored in LOOKS:
        mean = np.mean([first, *(seen[factor, mirrored] for factor in further)], axis=0)
        for odds in ODDS:
            answer = mean.copy()
            answer[Tissue.DETACHED] *= odds
            found[further, mirrored, odds] = answer
    return found


def count(model: NetworkModel, example: Example, source: Source, counts: Counts) -> None:
    photo, mask = read_example(example, source)
    for choice, answer in answers(model, photo.pixels).items():
        for name, row in overlaps(answer, mask, source).items():
            counts.setdefault((name, choice), []).append(row)


def cells(rows: list[tuple[int, int, int]]) -> tuple[str, str]:
    """Cells of a table: photographs that show the class, of all; Dice pooled, Dice mean, area marked over true area."""
    marked, true, both = np.array(rows).sum(axis=0)
    each = [2 * b / (m + t) for m, t, b in rows if t]
    mean = np.mean(each) if each else np.nan
    pooled = 2 * both / max(1, marked + true)
    return f"{len(each)} of {len(rows)}", f"{pooled:.3f} | {mean:.3f} | {marked / max(1, true):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--part", choices=("train", "tune"), default="tune")
    parser.add_argument("--photos", type=int, default=60, help="of each source, at most")
    wish = parser.parse_args()
    cv2.setNumThreads(1)
    model = load_model(wish.model, wish.models)
    if not isinstance(model, NetworkModel):
        raise SystemExit(f"{model.name} is no network.")
    data = read_data_file(wish.data)
    found = pick(examples(data, wish.sources or wish.data.parent), wish.part)
    counts: Counts = {}
    for source in data.source:
        own = [example for example in found if example.source == source.name]
        for example in own[:: -(-len(own) // wish.photos) or 1]:
            count(model, example, source, counts)
    print("| photographs: class | photos | further looks | odds times | Dice pooled | Dice mean | area marked / true |")
    print("|---|---|---|---|---|---|---|")
    for (name, (further, mirrored, odds)), rows in counts.items():
        photos, reached = cells(rows)
        seen = f"{', '.join(f'{look:g}' for look in further)}{' mirrored' if mirrored else ''}"
        print(f"| {name} | {photos} | {seen} | {odds:g} | {reached} |")


if __name__ == "__main__":
    main()
