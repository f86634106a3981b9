"""How far `measure` is from the fastest that its network allows. One command:

    python benchmarks/inference.py [--model NAME] [--models FOLDER] [--photos 34] [--rounds 3]

The floor is what no program can save: decoding a JPEG at the smallest scale that fills the working image, and the
bare calls of the network. The same photographs are then measured by `measure`, all included: planning, hashing,
quality, classes, mask, outline picture, areas, record, tables and report. Both run in one process on one core, in
turns, and the ratio is of processor time, so that other programs disturb it little. Then the whole command with two
workers by the clock, from start to report. Times hold for the computer they were taken on; the ratio is what is
compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from measure_speed import HEIGHT, WIDTH, command_seconds, write_study

from bsa_measure.measure import measure
from bsa_measure.network import MULTIPLE, NetworkModel, network_size
from bsa_measure.segment import default_model, load_model

PARTS = ("decode", "network")


def floor(model: NetworkModel, photos: list[Path]) -> dict[str, float]:
    """Seconds of processor time a photograph: reduced decode, and the bare network call."""
    session, made = model.started
    images = []
    for factor in (1.0, *made.further_looks):
        width, height = (-(-side // MULTIPLE) * MULTIPLE for side in network_size(WIDTH, HEIGHT, made, factor))
        images.append(np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32))
    spent = dict.fromkeys(PARTS, 0.0)
    for path in photos:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        start = time.process_time()
        cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)
        spent["decode"] += time.process_time() - start
        start = time.process_time()
        for image in images:
            session.run(["logits"], {"image": image})
        spent["network"] += time.process_time() - start
    return {name: seconds / len(photos) for name, seconds in spent.items()}


def fresh(folder: Path) -> Path:
    for name in ("results", "masks"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "readings.db").unlink(missing_ok=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="default: the one that the program recommends")
    parser.add_argument("--models", type=Path, default=None, help="folder of other models")
    parser.add_argument("--photos", type=int, default=34, help="two visits")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = load_model(options.model or default_model(), options.models)
    if not isinstance(model, NetworkModel):
        raise SystemExit(f"{model.name} is no network: name one with --model.")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, OpenCV {cv2.__version__}")
    print(f"model {model.name}, {len(model.data) / 1e6:.1f} MB, long side {model.started[1].long_side}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        size = write_study(folder, options.photos)
        photos = sorted((folder / "photos").rglob("*.jpg"))
        print(f"{options.photos} photographs of {WIDTH} x {HEIGHT}, {size:.1f} MB each")
        floor(model, photos[:1])
        measure(fresh(folder), model=model.name, models=options.models, photo_glob=photos[0].name)
        ratios = []
        for _ in range(options.rounds):
            parts = floor(model, photos)
            fresh(folder)
            start = time.process_time()
            measure(folder, model=model.name, models=options.models)
            each = (time.process_time() - start) / len(photos)
            ratios.append(each / sum(parts.values()))
            print(
                f"floor {1000 * parts['decode']:.0f} + {1000 * parts['network']:.0f} ms, measure {1000 * each:.0f} ms "
                f"of processor time a photograph: ratio {ratios[-1]:.2f}"
            )
        print(f"ratio to the floor, median of {options.rounds}: {statistics.median(ratios):.2f}")
        command = [sys.executable, "-m", "bsa_measure.cli", "measure", str(fresh(folder)), "--workers", "2"]
        command += ["--model", model.name] + (["--models", str(options.models)] if options.models else [])
        seconds = command_seconds(command)
        print(f"two workers, start to report: {seconds / len(photos):.2f} s a photograph by the clock")


if __name__ == "__main__":
    main()
