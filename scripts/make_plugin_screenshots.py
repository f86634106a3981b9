"""Make the pictures of the plugin's window in docs/: a person at work on the sample study, with a real mouse.

    python scripts/make_plugin_screenshots.py [--out docs]

Needs Xvfb and xdotool. The sample study is copied first; nothing in it is changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from window_hand import Hand, Scene, picture, play, virtual_screen

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_images"
VIEWS = ("trunk-anterior", "arm-left-anterior", "lower-limb-left-anterior")
OPENED = "trunk-anterior"


def copied(folder: Path) -> Path:
    """A few photographs of the sample study."""
    for name in ("study.toml", "patients.csv"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / name, folder / name)
    for visit in ("D-1", "D07"):
        for view in VIEWS:
            target = folder / "photos" / "PH-001" / visit / f"{view}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SAMPLE / "photos" / "PH-001" / visit / f"{view}.jpg", target)
    return folder


def two_readers(folder: Path, masks: Path) -> None:
    """Readings of two people: the truth, and the truth drawn more tightly with an island missed."""
    from bsa_measure.imports import import_masks
    from bsa_measure.study import open_study

    for reader in ("Duval", "Okafor"):
        for path in sorted((folder / "photos").rglob("*.jpg")):
            place = path.relative_to(folder / "photos").with_suffix(".png")
            mask = cv2.imread(str(SAMPLE / "truth" / "masks" / place), cv2.IMREAD_UNCHANGED)
            if reader == "Okafor":
                detached = (mask == 2).astype(np.uint8)
                mask[(detached == 1) & (cv2.erode(detached, np.ones((13, 13), np.uint8)) == 0)] = 1
                count, numbers, statistics, _ = cv2.connectedComponentsWithStats((mask == 2).astype(np.uint8))
                if count > 1:
                    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
                    mask[numbers == largest] = 3 if path.parent.name == "D07" else 1
            target = masks / reader / place
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), mask)
        import_masks(open_study(folder), masks / reader, reader=reader)


def idle(review: Any) -> Any:
    correction = review.correction
    return lambda: correction.photo is not None and not correction.work.busy and not correction.others.busy


def correcting(review: Any, hand: Hand, out: Path) -> Scene:
    """One photograph from the first look to *done*, a picture at each step."""
    correction = review.correction
    yield idle(review)
    item = next(i for i in correction.session.queue if i.photo.view == OPENED and i.photo.day == 7)
    correction.open_item(item)
    yield lambda: correction.photo is not None and correction.photo.item.sha256 == item.sha256
    yield idle(review)
    yield 2.0
    picture(out / "plugin-open.png")
    truth = cv2.imread(str(SAMPLE / "truth" / "masks" / "PH-001" / "D07" / f"{OPENED}.png"), cv2.IMREAD_UNCHANGED)
    height, width = correction.photo.canvas.size
    truth = cv2.resize(truth, (width, height), interpolation=cv2.INTER_NEAREST)
    wanted = (truth == 2) if (truth == 2).any() else (truth == 3)
    depth = cv2.distanceTransform(wanted.astype(np.uint8), cv2.DIST_L2, 5)
    row, column = (int(v) for v in np.unravel_index(depth.argmax(), depth.shape))
    yield from hand.key("3", "g")
    yield from hand.click(row, column)
    yield lambda: correction.layers.proposing
    yield from hand.wheel(2)
    yield 1.0
    picture(out / "plugin-grow.png")
    yield from hand.key("Return", "2", "b")
    yield from hand.drag([(row - 60, column), (row - 35, column + 40)])
    yield 1.5
    picture(out / "plugin-brush.png")
    yield from hand.key("o", "k")
    yield 1.5
    picture(out / "plugin-outlines.png")
    yield from hand.key("o", "k", "u")
    yield 1.5
    picture(out / "plugin-surfaces.png")
    yield from hand.key("b", "d")
    yield lambda: correction.session.done == 1
    yield idle(review)
    yield 2.0
    picture(out / "plugin-next.png")


def deciding(window: Any, hand: Hand, out: Path) -> Scene:
    """Two disagreements decided."""
    adjudicating = window.adjudicating
    yield lambda: adjudicating.photo is not None and not adjudicating.work.busy
    yield 1.5
    yield from hand.key("a", "b")
    yield 2.0
    picture(out / "plugin-adjudicate.png")


def one(scene: str, study: Path, out: Path) -> None:
    """Play a scene in this process, which has a screen."""
    if scene == "correct":
        from bsa_measure_napari._qt.window import open_window

        review = open_window(study, "Duval")
        play(review.viewer, correcting(review, Hand(review.viewer), out))
    else:
        from bsa_measure_napari._qt.adjudicate import open_window as open_adjudication

        window = open_adjudication(study, "Marin")
        play(window.viewer, deciding(window, Hand(window.viewer), out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--scene", choices=("correct", "decide"))
    parser.add_argument("--study", type=Path)
    chosen = parser.parse_args()
    if chosen.study is not None:
        one(chosen.scene, chosen.study, chosen.out)
        return
    from bsa_measure.measure import measure

    with tempfile.TemporaryDirectory() as place, virtual_screen() as display:
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        for scene in (chosen.scene,) if chosen.scene else ("correct", "decide"):
            study = copied(Path(place) / scene)
            if scene == "correct":
                measure(study)
            else:
                two_readers(study, Path(place) / "masks")
            command = [sys.executable, __file__, "--scene", scene, "--study", str(study), "--out", str(chosen.out)]
            subprocess.run(command, env=environment, check=True)
    for path in sorted(chosen.out.glob("plugin-*.png")):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
