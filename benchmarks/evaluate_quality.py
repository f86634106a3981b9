"""How the quality verdicts fall on real photographs, as they are and after each has been spoilt in a known way.

    python benchmarks/evaluate_quality.py DATA [--split dev_val] [--workers 2] [--out FOLDER]

DATA holds ``wounds/`` and ``skin/``, each with ``manifest.csv`` and ``images/``. Blur and shake are given in
thousandths of the photo's longer side, exposure in stops. Writes quality.md; the same photographs give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bsa_measure.photo import Photo, read_photo
from bsa_measure.quality import Quality, judge
from bsa_measure.quality_limits import QualityLimits
from bsa_measure.segment import load_model, segment

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def blur(thousandths: float, pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), thousandths * max(pixels.shape) / 1000), np.uint8)


def shake(thousandths: float, pixels: Pixels) -> Pixels:
    length = max(3, round(thousandths * max(pixels.shape) / 1000) | 1)
    return np.asarray(cv2.filter2D(pixels, -1, np.full((1, length), 1 / length)), np.uint8)


def expose(stops: float, pixels: Pixels) -> Pixels:
    light = np.clip((pixels / 255.0) ** 2.2 * 2.0**stops, 0, 1)
    return np.asarray(light ** (1 / 2.2) * 255, np.uint8)


def noise(sigma: float, pixels: Pixels) -> Pixels:
    return np.asarray(np.clip(pixels + np.random.default_rng(0).normal(0, sigma, pixels.shape), 0, 255), np.uint8)


SPOILT = {
    "as it is": partial(blur, 0.001),
    "noise of 8 grey levels": partial(noise, 8),
    **{f"blur {b:g}": partial(blur, b) for b in (1, 2, 3, 4, 6)},
    **{f"shake {s:g}": partial(shake, s) for s in (12, 20)},
    **{f"{s:+g} stops": partial(expose, s) for s in (-5, -3, -1.5, 1.5, 3)},
}


def verdicts(data: Path, file: str) -> list[Quality]:
    cv2.setNumThreads(1)
    photo = read_photo(data / file, long_side=2048)
    answers = []
    for spoil in SPOILT.values():
        pixels = np.ascontiguousarray(spoil(photo.pixels))
        labels = segment(load_model("classical-v1"), pixels).labels
        spoilt = Photo(pixels, photo.sha256, photo.width, photo.height, photo.taken)
        answers.append(judge(spoilt, labels, "leg-left-anterior", QualityLimits()))
    return answers


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="dev_val")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    options = parser.parse_args(None if arguments is None else list(arguments))
    lines = [
        "| photographs | spoilt by | usable | warn | retake | most frequent problems |",
        "|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        for kind, source, title in (("wounds", "", "clinic"), ("skin", "Clothing", "street")):
            with (options.data / kind / "manifest.csv").open(encoding="utf-8", newline="") as table:
                rows = [r for r in csv.DictReader(table) if r["split"] == options.split and source in r["source"]]
            found = list(pool.map(partial(verdicts, options.data / kind), [r["file"] for r in rows], chunksize=4))
            for i, name in enumerate(SPOILT):
                shares = Counter(answers[i].verdict for answers in found)
                problems = Counter(p.split(":")[0] for answers in found for p in answers[i].problems)
                often = ", ".join(f"{problem} ({number})" for problem, number in problems.most_common(3))
                percent = " | ".join(f"{100 * shares[v] / len(rows):.0f} %" for v in ("usable", "warn", "retake"))
                lines.append(f"| {title}, {options.split} ({len(rows)}) | {name} | {percent} | {often} |")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "quality.md").write_bytes("\n".join([*lines, ""]).encode())


if __name__ == "__main__":
    main()
