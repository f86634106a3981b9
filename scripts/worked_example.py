"""The worked example of docs/adjudicator.md: two simulated readers of a phantom study whose truth is known.

    python scripts/worked_example.py [--study sample_images] [--out DIR]

Copies the study's photographs, makes the masks of two readers from the true masks, and runs the commands of the page:
import, compare, adjudicate, decide, final tables. Prints what each says, and the final numbers beside the truth.

Duval over-paints: every detached patch is two pixels too wide (of a photograph of 1024), and patches under 60 pixels
are missed. Okafor takes re-epithelialised skin for detached on the backs of both legs and the sole views, on every
visit. The adjudicator sees only A and B and takes the one that lies nearer to the truth, which a person cannot do:
the example shows the way of the numbers, not how well people adjudicate.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bsa_measure.adjudicate import Adjudication, blinded_photo, open_adjudication
from bsa_measure.tissue import Tissue

CONFUSED = ("lower-limb-left-posterior", "lower-limb-right-posterior", "feet-plantar")
SMALLEST = 60
SEED = "worked example"
PHOTOS = (".jpg", ".jpeg", ".png")


def duval(truth: np.ndarray, view: str) -> np.ndarray:
    """Small patches missed, the others painted two pixels too wide."""
    labels = truth.copy()
    number, patches, stats, _ = cv2.connectedComponentsWithStats((truth == int(Tissue.DETACHED)).astype(np.uint8))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < SMALLEST)
    labels[np.isin(patches, small[small > 0])] = Tissue.INTACT
    wide = cv2.dilate((labels == int(Tissue.DETACHED)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    labels[wide & (truth != int(Tissue.BACKGROUND)) & (truth != int(Tissue.NOT_ASSESSABLE))] = Tissue.DETACHED
    return labels


def okafor(truth: np.ndarray, view: str) -> np.ndarray:
    """Re-epithelialised skin taken for detached on some views."""
    labels = truth.copy()
    if view in CONFUSED:
        labels[truth == int(Tissue.REEPITHELIALISED)] = Tissue.DETACHED
    return labels


def prepare(source: Path, folder: Path) -> Path:
    """The study without its truth, and the two readers' masks beside it."""
    study = folder / "study"
    shutil.copytree(source / "photos", study / "photos")
    for name in ("study.toml", "patients.csv", "uninvolved.csv"):
        if (source / name).exists():
            shutil.copy(source / name, study / name)
    for path in sorted((source / "truth" / "masks").rglob("*.png")):
        truth = np.array(Image.open(path))
        for name, reader in (("Duval", duval), ("Okafor", okafor)):
            out = folder / name / path.relative_to(source / "truth" / "masks")
            out.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(reader(truth, path.stem)).save(out)
    return study


def run(*arguments: object) -> None:
    """Print a command and what it says."""
    shown = " ".join(Path(a).name if isinstance(a, Path) else str(a) for a in arguments)
    print(f"\n$ bsa-measure {shown}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "bsa_measure.cli", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    print((done.stdout + done.stderr).rstrip() + f"\n(exit code {done.returncode})", flush=True)


def decide(found: Adjudication, truth: Path, out: Path) -> None:
    """Fill in the worklist: the letter whose mask has fewer wrong pixels."""
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "visit", "file", "code", "choice", "reason"])
        for visit in found.worklist.visits:
            for disputed in visit.photos:
                shown = blinded_photo(found, disputed.file)
                right = np.array(Image.open((truth / Path(*Path(disputed.file).parts[1:])).with_suffix(".png")))
                wrong = {letter: int(np.count_nonzero(mask != right)) for letter, mask in shown.masks.items()}
                nearer = min(wrong, key=lambda letter: (wrong[letter], letter))
                row = [visit.patient, f"D{visit.day}", disputed.file, visit.code]
                writer.writerow([*row, nearer, "surface dry and continuous" if "limb" in disputed.file else "margin"])


def beside_truth(study: Path, truth: Path) -> None:
    """Final and each reader's numbers beside the truth, as the page's table."""
    with (truth / "visits.csv").open(encoding="utf-8") as file:
        true = {(row["patient"], row["visit"]): float(row["detached_bsa_percent"]) for row in csv.DictReader(file)}
    with (study / "results" / "final" / "final.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["final_detached_bsa_percent"]]
    columns = [f"{name}_detached_bsa_percent" for name in ("reader_1", "reader_2", "final")]
    print(f"\n| visit | truth | {rows[0]['reader_1']} | {rows[0]['reader_2']} | final | adjudicated |")
    print("|---|---|---|---|---|---|")
    errors: dict[str, list[float]] = {column: [] for column in columns}
    for row in rows:
        right = true[row["patient"], row["visit"]]
        values = [float(row[column]) for column in columns]
        for column, value in zip(columns, values, strict=True):
            errors[column].append(abs(value - right))
        shown = " | ".join(f"{value:.2f}" for value in (right, *values))
        print(f"| {row['patient']} {row['visit']} | {shown} | {row['adjudicated']} |")
    print(f"| mean size of error | | {' | '.join(f'{np.mean(errors[column]):.2f}' for column in columns)} | |")
    print("\n| patient | call on D7: " + " | ".join((rows[0]["reader_1"], rows[0]["reader_2"], "final")) + " |")
    print("|---|---|---|---|")
    for row in rows:
        if row["day"] == "7":
            told = [
                f"{row[f'{name}_response']}, {float(row[f'{name}_healed_percent']):.1f} %"
                for name in ("reader_1", "reader_2", "final")
            ]
            print(f"| {row['patient']} | {' | '.join(told)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path(__file__).parent.parent / "sample_images")
    parser.add_argument("--out", type=Path, help="an empty folder to keep everything in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.out or Path(place)
        study = prepare(options.study, folder)
        for reader in ("Duval", "Okafor"):
            run("import", study, folder / reader, "--reader", reader)
        run("compare", study, "--a", "Okafor", "--b", "Duval")
        found = open_adjudication(study, seed=SEED)
        run("adjudicate", study)
        decide(found, options.study / "truth" / "masks", folder / "decisions.csv")
        run("adjudicate", study, "--decisions", folder / "decisions.csv", "--adjudicator", "Marin")
        run("adjudicate", study, "--final")
        beside_truth(study, options.study / "truth")


if __name__ == "__main__":
    main()
