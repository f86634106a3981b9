"""How long `bsa-measure audit` takes on a large study. One command:

    python benchmarks/audit_speed.py [--photos 3000] [--readers 2] [--rounds 3]

Makes a study in a temporary folder as `measure` leaves it after a model and so many people have read every photograph:
masks and overlays of realistic size and different bytes, the tables, the record with its signatures and locks. Only
the photographs are left out, which audit does not open. Prints the seconds of whole runs of the command, start of the
program included, with the folder's files in the system's memory and, on Linux, read from the disk. Seconds hold for
the computer they were taken on, and those by the clock only when nothing else runs on it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from bsa_measure.mask_png import encode_mask
from bsa_measure.readings import NewAct, NewReading, Readings, mask_path
from bsa_measure.signing import lock, sign
from bsa_measure.study import open_study
from bsa_measure.sums import write_sums

VISITS = ("D-1", "D00", "D05", "D07", "D10", "D15")
VIEWS = ("trunk-anterior", "trunk-posterior", "buttocks", "genitalia", "arm-left-anterior", "arm-right-anterior")


def mask(random: np.random.Generator, side: int = 2048) -> np.ndarray:
    """A (side * 3 / 4, side) uint8 mask with a ragged outline and patches, as a model draws them."""
    field = random.normal(0, 1, (side * 3 // 4 // 16, side // 16)).astype(np.float32)
    field = cv2.resize(cv2.GaussianBlur(field, (0, 0), 3), (side, side * 3 // 4), interpolation=cv2.INTER_CUBIC)
    return np.digitize(field, (-0.15, 0.1, 0.2)).astype(np.uint8)


def make_study(folder: Path, photos: int, readers: int) -> None:
    random = np.random.default_rng(1)
    per_patient = len(VISITS) * len(VIEWS)
    patients = [f"P{number:03d}" for number in range(1, 1 + -(-photos // per_patient))]
    folder.mkdir()
    (folder / "study.toml").write_text("", encoding="utf-8")
    lines = "".join(f"{patient},40,-3\n" for patient in patients)
    (folder / "patients.csv").write_text(f"patient,age_years,index_day\n{lines}", encoding="utf-8")
    (folder / "photos").mkdir()
    results = folder / "results"
    places = [(patient, visit, view) for patient in patients for visit in VISITS for view in VIEWS][:photos]
    # The files differ in their last bytes, which no reader of PNG looks at; their sizes are those of real masks.
    masks = [encode_mask(mask(random)) for _ in range(20)]
    one = NewReading("model", "model:m", "", "", "", "", "", "0", "b" * 64, model_sha256="c" * 64)
    readings: list[NewReading] = []
    written: list[Path] = []
    overlay = random.integers(0, 256, 150_000, np.uint8).tobytes()
    for number, (patient, visit, view) in enumerate(places):
        for reader in range(1 + readers):
            data = masks[(number + reader) % len(masks)] + bytes((reader,)) + number.to_bytes(4, "big")
            sha256 = hashlib.sha256(data).hexdigest()
            mask_path(folder, sha256).parent.mkdir(parents=True, exist_ok=True)
            mask_path(folder, sha256).write_bytes(data)
            new = replace(one, photo_sha256=f"{number:064x}", patient=patient, visit=visit, view=view)
            new = replace(new, mask_sha256=sha256)
            if reader:
                new = replace(new, kind="manual", reader=f"R{reader}", role="reader", model_sha256="")
            readings.append(new)
        for place, data in (
            (results / "overlays" / patient / visit / f"{view}.jpg", overlay + number.to_bytes(4, "big")),
            (results / "cache" / f"{number:032x}.jpg", overlay[:15_000] + number.to_bytes(4, "big")),
            (results / "cache" / f"{number:032x}.json", b"{}" * 600 + number.to_bytes(4, "big")),
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            written.append(place)
    record = Readings(folder)
    record.add(readings)
    head = record.head()
    study = open_study(folder)
    seen = {"record_entries": head.number, "record_hash": head.hash, "tables": dict(study.tables)}
    (results / "provenance.json").write_text(json.dumps(seen), encoding="utf-8")
    rows = "".join(f"{patient},{visit},{view},photos/{patient}/{visit}/{view}.jpg\n" for patient, visit, view in places)
    (results / "photos.csv").write_text(f"patient,visit,view,file\n{rows}", encoding="utf-8")
    surfaces = "".join(f"{p},{v},surface-{s},0.123456789012\n" for p in patients for v in VISITS for s in range(35))
    (results / "surfaces.csv").write_text(f"patient,visit,surface,detached_fraction\n{surfaces}", encoding="utf-8")
    written += [results / name for name in ("provenance.json", "photos.csv", "surfaces.csv")]
    sums = write_sums(results, written)
    act = NewAct("results", "", "0", study.protocol.sha256, covers_sha256=sums, model_sha256="c" * 64)
    record.add_acts([act])
    for patient in patients[:15]:
        sign(folder, person="A. Weiß", role="adjudicator", meaning="approval", patient=patient)
    lock(folder, person="A. Weiß")


def audit_seconds(folder: Path) -> tuple[float, float]:
    """Seconds of one run by the clock, and of processor time."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "bsa_measure.cli", "audit", str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def forget_files(folder: Path) -> bool:
    """Let the system forget what it keeps of the study's files, so that the next run reads the disk."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--readers", type=int, default=2, help="people who have read each photograph, beside the model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make the study here, or use the one that is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.keep or Path(place) / "study"
        if not folder.exists():
            make_study(folder, arguments.photos, arguments.readers)
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        print(f"{arguments.photos} photographs, {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB, {os.cpu_count()} cores")
        for _ in range(arguments.rounds):
            print(
                "audit, files in memory:   {:.1f} s by the clock, {:.1f} s of processor time".format(
                    *audit_seconds(folder)
                )
            )
        if forget_files(folder):
            print(
                "audit, files on the disk: {:.1f} s by the clock, {:.1f} s of processor time".format(
                    *audit_seconds(folder)
                )
            )


if __name__ == "__main__":
    main()
