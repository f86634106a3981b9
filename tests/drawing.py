"""Small studies drawn for the tests: pictures and masks whose every pixel is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIDE = 400
"""Drawn photographs are square, this many pixels a side; with fewer, their outlines would count as blurred."""

ROWS = 200
"""Masks are described in so many rows, whatever their size."""


def skin_photo(seed: int = 0, side: int = SIDE, shade: float = 0.5) -> np.ndarray:
    """Light skin of a limb, darker by ``shade`` at its sides, on a blue sheet, with a camera's grain; uint8 RGB."""
    random = np.random.default_rng(seed)
    pixels = np.empty((side, side, 3), np.float32)
    pixels[:] = (70, 105, 150)
    across = np.linspace(-1, 1, side * 3 // 4 - side // 4)
    light = 1 - shade * (1 - np.sqrt(1 - across**2))
    pixels[:, side // 4 : side * 3 // 4] = light[:, None] * (214, 170, 146)
    texture = cv2.resize(random.normal(0, 5, (side // 4, side // 4, 1)).astype(np.float32), (side, side))
    return np.clip(pixels + texture[..., None] + random.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


def limb_mask(rows: dict[tuple[int, int], int], side: int = SIDE) -> np.ndarray:
    """A mask whose silhouette is the middle half of the columns; ``rows`` maps (first, last + 1) of 200 to a class."""
    labels = np.zeros((side, side), np.uint8)
    for (first, last), tissue in rows.items():
        labels[first * side // ROWS : last * side // ROWS, side // 4 : side * 3 // 4] = tissue
    return labels


def save_photo(path: Path, pixels: np.ndarray) -> None:
    """Save as JPEG (or whatever the name says), making folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({"quality": 92} if path.suffix in (".jpg", ".jpeg") else {}))


def save_mask(path: Path, labels: np.ndarray) -> None:
    """Save as 8-bit grey PNG, making folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)


RULES_OF_COLOUR = '[measure]\nmodel = "classical-v1"\n'
"""Protocol for tests that need to know what a model makes of drawn skin: networks come and go."""


def write_study(folder: Path, *, protocol: str = "", patients: str = "P1,40,-3", uninvolved: str = "") -> Path:
    """A study folder without photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(protocol, encoding="utf-8")
    (folder / "patients.csv").write_text(f"patient,age_years,index_day\n{patients}\n", encoding="utf-8")
    if uninvolved:
        (folder / "uninvolved.csv").write_text(f"patient,visit,surface\n{uninvolved}\n", encoding="utf-8")
    (folder / "photos").mkdir(exist_ok=True)
    return folder
