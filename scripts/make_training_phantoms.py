"""Photograph phantom patients for training: many patients, a few photographs each, always the same.

    python scripts/make_training_phantoms.py OUT --patients 200 --seed 7001 [--photos 8] [--long-side 640]

The folder has the shape of a phantom study (photos/, truth/masks/, truth/surfaces/) without its tables. It goes on
where it stopped. About two and a half seconds of one core a photograph.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bsa_measure.phantom.patients import draw_patient, generator
from bsa_measure.phantom.study import VISITS, Sitter, write_photograph
from bsa_measure.protocol import load_protocol, standard_views


def main() -> None:
    """Make the photographs, or go on where it stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the photographs")
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--first", type=int, default=1, help="number of the first patient")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--photos", type=int, default=8, help="of each patient")
    parser.add_argument("--long-side", type=int, default=640, help="pixels")
    wish = parser.parse_args()
    protocol, _ = load_protocol()
    # The views that are measured, and now and then one of the others.
    views = [*protocol.planned_views] * 4 + [*standard_views()]
    with ThreadPoolExecutor(2) as pool:
        for number in range(wish.first, wish.first + wish.patients):
            sitter = Sitter(draw_patient(wish.seed, number))
            rng = generator(wish.seed, "training photographs", number)
            places = {(int(rng.choice(VISITS)), views[int(rng.integers(len(views)))]) for _ in range(wish.photos)}
            for made in [
                pool.submit(write_photograph, wish.out, sitter, wish.seed, day, view, wish.long_side)
                for day, view in sorted(places)
            ]:
                made.result()
            sys.stderr.write(f"\r{number - wish.first + 1}/{wish.patients} patients")
    sys.stderr.write("\n")


if __name__ == "__main__":
    main()
