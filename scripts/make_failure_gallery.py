"""The photographs of a phantom study on which a model errs most, as one picture for its card.

    python scripts/make_failure_gallery.py STUDY --model photo-v7 --out models/photo-v7/failures.jpg

One photograph a patient at most, chosen by the share of the body whose class is wrong about detachment: marked as
detached and not, or not marked and detached. Left the photograph, in the middle the true outlines, right the model's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.files import write_bytes
from bsa_measure.imports import read_mask
from bsa_measure.photo import read_photo
from bsa_measure.report.overlay import draw_overlay, thumbnail
from bsa_measure.segment import load_model, segment
from bsa_measure.tissue import Tissue

SIDE = 300
MARGIN = 8
Pixels = npt.NDArray[np.uint8]


def wrong_share(labels: Pixels, truth: Pixels) -> float:
    """Share of the body, by either mask, on which the two disagree whether the skin is detached."""
    body = np.count_nonzero((labels != Tissue.BACKGROUND) | (truth != Tissue.BACKGROUND))
    wrong = np.count_nonzero((labels == Tissue.DETACHED) != (truth == Tissue.DETACHED))
    return wrong / body if body else 0.0


def framed(pixels: Pixels) -> Pixels:
    """In the middle of a white square."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def main() -> None:
    """Choose and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="phantom study that the model has not seen")
    parser.add_argument("--model", required=True)
    parser.add_argument("--models", type=Path, default=None, help="folder of other models")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    wish = parser.parse_args()
    model = load_model(wish.model, wish.models)
    worst: dict[str, tuple[float, str]] = {}
    for path in sorted((wish.study / "photos").rglob("*.jpg")):
        name = path.relative_to(wish.study / "photos").with_suffix("").as_posix()
        truth = read_mask(wish.study / "truth" / "masks" / f"{name}.png")
        labels = segment(model, read_photo(path, long_side=max(truth.shape)).pixels).labels
        if labels.shape == truth.shape:
            worst[name.split("/")[0]] = max(
                worst.get(name.split("/")[0], (0.0, "")), (wrong_share(labels, truth), name)
            )
    rows = []
    for share, name in sorted(worst.values(), reverse=True)[: wish.rows]:
        print(f"{name}: {100 * share:.1f} % of the body")
        truth = read_mask(wish.study / "truth" / "masks" / f"{name}.png")
        pixels = read_photo(wish.study / "photos" / f"{name}.jpg", long_side=max(truth.shape)).pixels
        labels = segment(model, pixels).labels
        rows.append([framed(p) for p in (pixels, draw_overlay(pixels, truth), draw_overlay(pixels, labels))])
    gap = np.full((SIDE, MARGIN, 3), 255, np.uint8)
    drawn = [np.hstack([row[0], gap, row[1], gap, row[2]]) for row in rows]
    # Two photographs side by side.
    drawn = [np.hstack([a, gap, gap, gap, b]) for a, b in zip(drawn[::2], drawn[1::2], strict=False)]
    lines = [np.vstack([line, np.full((MARGIN, line.shape[1], 3), 255, np.uint8)]) for line in drawn]
    picture = np.vstack(lines)
    write_bytes(wish.out, thumbnail(picture, max(picture.shape)))


if __name__ == "__main__":
    main()
