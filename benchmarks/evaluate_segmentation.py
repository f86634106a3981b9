"""How well a model outlines open wounds and skin on real photographs, beside predicting nothing.

    python benchmarks/evaluate_segmentation.py DATA [--model classical-v1] [--out FOLDER] [--workers 2]

DATA holds ``wounds/`` and ``skin/``, each with ``manifest.csv``, ``images/`` and ``masks/`` (0 and 1). The same
photographs give the same bytes. Writes metrics.json and metrics.md.

Rules: a wound is what the model calls detached; skin is everything that it does not call background. Pooled
figures add the pixels of all photographs first; means weigh each photograph alike. Where the reference is empty,
an empty answer scores 1 and any other 0. Intervals are 95 % bootstrap intervals of the mean, drawn by group of
photographs that show the same patient or scene (2,000 draws, seed 0).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bsa_measure.photo import read_photo
from bsa_measure.segment import load_model, segment
from bsa_measure.tissue import Tissue

LONG_SIDE = 2048
Counts = tuple[int, int, int]  # pixels in both, in the reference, in the answer


def count(folder: Path, model: str, row: dict[str, str]) -> Counts:
    """Overlap of one photograph's answer with its reference mask."""
    cv2.setNumThreads(1)
    photo = read_photo(folder / row["file"], long_side=LONG_SIDE)
    labels = segment(load_model(model), photo.pixels).labels
    mask = cv2.imread(str(folder / row["mask"]), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != labels.shape:
        raise SystemExit(f"{row['mask']} does not fit its photograph")
    reference = mask > 0
    answer = labels == Tissue.DETACHED if folder.name == "wounds" else labels != Tissue.BACKGROUND
    return int((reference & answer).sum()), int(reference.sum()), int(answer.sum())


def dice(both: int, reference: int, answer: int) -> float:
    return 1.0 if reference + answer == 0 else 2 * both / (reference + answer)


def iou(both: int, reference: int, answer: int) -> float:
    return 1.0 if reference + answer == 0 else both / (reference + answer - both)


def summary(rows: list[dict[str, str]], counts: list[Counts]) -> dict[str, Any]:
    """Every figure of one set of photographs, rounded to what it can bear."""
    both, reference, answer = (sum(c[i] for c in counts) for i in range(3))
    each = np.array([dice(*c) for c in counts])
    low, high = interval([row["group"] or row["file"] for row in rows], each)
    return {
        "photographs": len(rows),
        "without_reference": sum(c[1] == 0 for c in counts),
        "dice_pooled": round(dice(both, reference, answer), 4),
        "dice_mean": round(float(each.mean()), 4),
        "dice_mean_interval": [round(low, 4), round(high, 4)],
        "iou_pooled": round(iou(both, reference, answer), 4),
        "iou_mean": round(float(np.mean([iou(*c) for c in counts])), 4),
        "sensitivity_pooled": round(both / reference, 4) if reference else None,
        "precision_pooled": round(both / answer, 4) if answer else None,
        "answered_share_of_reference": round(answer / reference, 4) if reference else None,
    }


def interval(groups: list[str], values: np.ndarray[Any, Any]) -> tuple[float, float]:
    members: dict[str, list[float]] = defaultdict(list)
    for group, value in zip(groups, values, strict=True):
        members[group].append(float(value))
    sums = np.array([sum(members[g]) for g in sorted(members)])
    sizes = np.array([len(members[g]) for g in sorted(members)])
    draws = np.random.default_rng(0).integers(0, len(sums), (2000, len(sums)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def strata(kind: str, rows: list[dict[str, str]]) -> dict[str, Callable[[dict[str, str]], bool]]:
    """The named parts that are reported apart."""
    if kind == "wounds":
        return {
            "all": lambda row: True,
            "wound above 5 % of the photo": lambda row: float(row["mask_fraction"]) > 0.05,
            "wound 1 to 5 %": lambda row: 0.01 < float(row["mask_fraction"]) <= 0.05,
            "wound up to 1 %": lambda row: 0 < float(row["mask_fraction"]) <= 0.01,
        }
    parts: dict[str, Callable[[dict[str, str]], bool]] = {}
    for source, of in (("clinic", is_clinic), ("street", lambda row: not is_clinic(row))):
        parts[source] = of
        for tone in sorted({row["ITA_class"] for row in rows}):
            parts[f"{source}, {tone}"] = lambda row, of=of, tone=tone: of(row) and row["ITA_class"] == tone
    return parts


def is_clinic(row: dict[str, str]) -> bool:
    return row["source"].startswith("FUSeg")


def evaluate(data: Path, model: str, workers: int) -> dict[str, Any]:
    result: dict[str, Any] = {"model": model, "model_sha256": load_model(model).sha256, "sets": {}}
    with ProcessPoolExecutor(workers) as pool:
        for kind in ("wounds", "skin"):
            folder = data / kind
            with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            counts = list(pool.map(partial(count, folder, model), rows, chunksize=8))
            for split in ("dev_val", "dev_train"):
                for name, belongs in strata(kind, rows).items():
                    chosen = [i for i, row in enumerate(rows) if row["split"] == split and belongs(row)]
                    if not chosen:
                        continue
                    part = [rows[i] for i in chosen]
                    answers = [counts[i] for i in chosen]
                    nothing = [(0, reference, 0) for _, reference, _ in answers]
                    result["sets"][f"{kind} {split}: {name}"] = {
                        model: summary(part, answers),
                        "predict nothing": summary(part, nothing),
                    }
    return result


def table(result: dict[str, Any]) -> str:
    lines = [
        f"Model {result['model']}, SHA-256 {result['model_sha256']}",
        "",
        "| set | photos | answer | Dice pooled | Dice mean (95 %) | IoU pooled | IoU mean | found | right |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, answers in result["sets"].items():
        for answer, s in answers.items():
            low, high = s["dice_mean_interval"]
            lines.append(
                f"| {name} | {s['photographs']} | {answer} | {s['dice_pooled']:.3f} | {s['dice_mean']:.3f} "
                f"({low:.3f}–{high:.3f}) | {s['iou_pooled']:.3f} | {s['iou_mean']:.3f} "
                f"| {share(s['sensitivity_pooled'])} | {share(s['precision_pooled'])} |"
            )
    return "\n".join([*lines, ""])


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="classical-v1")
    parser.add_argument("--out", type=Path, default=Path("build/segmentation"))
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(None if arguments is None else list(arguments))
    result = evaluate(options.data, options.model, options.workers)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "metrics.json").write_bytes((json.dumps(result, indent=1) + "\n").encode())
    (options.out / "metrics.md").write_bytes(table(result).encode())


if __name__ == "__main__":
    main()
