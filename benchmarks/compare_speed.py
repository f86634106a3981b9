"""How long `compare` takes for a large study, and where the time goes. One command:

    python benchmarks/compare_speed.py [--photos 3000] [--study DIR] [--profile 60]

Makes a study of two readers (or uses the one in DIR again): patients with six visits of the sixteen views that carry
weight, photographs and masks of 2048 x 1536 pixels. Photographs of a view share their pixels and differ in a comment
inside the file. Masks are a body with wavy patches; in a quarter of the photographs the second reader has moved the
outline of the body as well. Prints seconds by the clock and of processor time, and a hash of the tables, so that two
versions of the program can be told to give the same. Compare times only when taken in one sitting.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from bsa_measure import __version__
from bsa_measure.mask_png import encode_mask
from bsa_measure.protocol import standard_views
from bsa_measure.readings import NewReading, Readings, mask_path

WIDTH, HEIGHT = 1536, 2048
DAYS = (-1, 0, 5, 7, 10, 15)
VIEWS = tuple(name for name, view in standard_views().items() if view.surfaces)
READERS = ("Duval", "Okafor")
VARIANTS = 3  # different pairs of masks a view


def waves(random: np.random.Generator, coarse: int) -> np.ndarray:
    """(HEIGHT, WIDTH) float32 smooth noise."""
    grid = random.normal(0, 1, (HEIGHT // coarse, WIDTH // coarse)).astype(np.float32)
    return cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def mask_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two readers' masks of one photograph."""
    random = np.random.default_rng(seed)
    body = np.zeros((HEIGHT, WIDTH), np.uint8)
    half, tilt = int(random.uniform(300, 560)), random.uniform(-12, 12)
    cv2.ellipse(body, (WIDTH // 2, HEIGHT // 2), (half, 920), float(tilt), 0, 360, 1, -1)
    field, covered, hidden = waves(random, 128), waves(random, 128), waves(random, 256)
    masks = []
    for reader in range(2):
        labels = body.copy()
        if reader and seed % 4 == 0:
            labels = cv2.dilate(labels, np.ones((5, 5), np.uint8))
        own = field + 0.15 * waves(random, 64) * reader
        labels[(labels > 0) & (covered > 1.1)] = 3
        labels[(labels > 0) & (own > 0.9)] = 2
        labels[(labels > 0) & (hidden > 1.6)] = 4
        masks.append(labels)
    return masks[0], masks[1]


def photograph(seed: int) -> bytes:
    """A body on a sheet, as JPEG."""
    random = np.random.default_rng(seed)
    pixels = np.full((HEIGHT, WIDTH, 3), (150, 110, 75), np.float32)
    cv2.ellipse(pixels, (WIDTH // 2, HEIGHT // 2), (450, 920), 0, 0, 360, (146, 170, 214), -1)
    pixels += 4 * waves(random, 8)[..., None]
    return cv2.imencode(".jpg", np.clip(pixels, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture as another file."""
    data = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(data) + 2).to_bytes(2, "big") + data + jpeg[2:]


def write_study(folder: Path, photos: int) -> None:
    """Write photographs, masks and record."""
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text("", encoding="utf-8")
    pictures = [photograph(number) for number in range(len(VIEWS))]
    hashes: list[tuple[str, str]] = []
    for seed in range(len(VIEWS) * VARIANTS):
        pair = []
        for labels in mask_pair(seed):
            data = encode_mask(labels)
            sha256 = hashlib.sha256(data).hexdigest()
            path = mask_path(folder, sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            pair.append(sha256)
        hashes.append((pair[0], pair[1]))
    new: list[NewReading] = []
    patients = []
    for number in range(photos):
        view = VIEWS[number % len(VIEWS)]
        day = DAYS[number // len(VIEWS) % len(DAYS)]
        patient = f"P{number // (len(VIEWS) * len(DAYS)) + 1:03d}"
        if patient not in patients:
            patients.append(patient)
        path = folder / "photos" / patient / f"D{day}" / f"{view}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = with_comment(pictures[number % len(VIEWS)], str(number))
        path.write_bytes(data)
        pair = hashes[number % len(VIEWS) * VARIANTS + number // len(VIEWS) % VARIANTS]
        for reader, mask in zip(READERS, pair, strict=True):
            new.append(
                NewReading(
                    kind="manual",
                    reader=reader,
                    photo_sha256=hashlib.sha256(data).hexdigest(),
                    patient=patient,
                    visit=f"D{day:02d}" if day >= 0 else f"D{day}",
                    view=view,
                    mask_sha256=mask,
                    software=__version__,
                    protocol_sha256="",
                    reason="benchmark",
                )
            )
    (folder / "patients.csv").write_text(
        "patient,age_years,index_day\n" + "".join(f"{patient},40,-5\n" for patient in patients), encoding="utf-8"
    )
    Readings(folder).add(new)


def timed(folder: Path) -> None:
    """One run of the command with two workers."""
    start, before = time.perf_counter(), os.times()
    command = ["compare", str(folder), "--a", READERS[0], "--b", READERS[1], "--workers", "2"]
    subprocess.run([sys.executable, "-m", "bsa_measure.cli", *command], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"compare, two workers: {time.perf_counter() - start:.1f} s by the clock, {used:.1f} s of processor time")
    digest = hashlib.sha256()
    for path in sorted((folder / "results").rglob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    print(f"sha256 of what it wrote: {digest.hexdigest()[:16]}")


def profiled(folder: Path, photos: int) -> None:
    """Where one process spends its time on the photographs."""
    from bsa_measure import compare

    cv2.setNumThreads(1)
    study = compare.open_study(folder)
    jobs, _, _ = compare._jobs(study, Readings(folder).all(), READERS, False)
    compare.compare_photo(jobs[0])
    start = time.process_time()
    with cProfile.Profile(time.process_time) as profile:
        for job in jobs[:photos]:
            compare.compare_photo(job)
    spent = (time.process_time() - start) / min(photos, len(jobs))
    print(f"one process, one thread: {1000 * spent:.0f} ms of processor time a photograph")
    pstats.Stats(profile).sort_stats("tottime").print_stats(18)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--study", type=Path, help="keep the study here, or use the one that is here")
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="only profile this many photographs")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, OpenCV {cv2.__version__}")
    with tempfile.TemporaryDirectory() as place:
        folder = options.study or Path(place) / "study"
        if not folder.exists():
            write_study(folder, options.photos)
            print(f"{options.photos} photographs of {WIDTH} x {HEIGHT}")
        if options.profile:
            profiled(folder, options.profile)
        else:
            timed(folder)


if __name__ == "__main__":
    main()
