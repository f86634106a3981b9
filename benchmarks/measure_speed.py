"""How fast `measure` is, where the time goes, and whether memory grows. One command:

    python benchmarks/measure_speed.py [--photos 12] [--many 200]

Prints seconds for a 12-megapixel JPEG photograph with two worker processes, the shares of decoding, model and the
rest, the time of `--help`, the peak memory of a process at its 50th and its last photograph, and whether two fresh
runs give the same bytes in results/. The photographs are drawn: a body on a sheet with the grain of a camera. Times
hold for the computer they were taken on; times by the clock only when nothing else runs on it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bsa_measure import photo_job
from bsa_measure.measure import choose_model, measure, plan
from bsa_measure.photo_job import measure_photo
from bsa_measure.protocol import standard_views
from bsa_measure.study import open_study

WIDTH, HEIGHT = 4032, 3024


def draw(seed: int) -> np.ndarray:
    """(3024, 4032, 3) uint8 BGR: a trunk with red patches on a blue sheet, with texture at every scale."""
    random = np.random.default_rng(seed)
    pixels = np.empty((HEIGHT, WIDTH, 3), np.float32)
    pixels[:] = (150, 110, 75)
    cv2.ellipse(pixels, (WIDTH // 2, HEIGHT // 2), (1100, 1350), 0, 0, 360, (146, 170, 214), -1)
    for _ in range(6):
        x, y = int(random.uniform(1300, 2700)), int(random.uniform(600, 2400))
        cv2.ellipse(pixels, (x, y), (int(random.uniform(60, 300)), 160), 30, 0, 360, (80, 70, 190), -1)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 4)
    for scale, strength in ((64, 8.0), (16, 5.0), (4, 4.0), (2, 4.0)):
        grain = random.normal(0, strength, (HEIGHT // scale, WIDTH // scale)).astype(np.float32)
        pixels += cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    pixels += random.normal(0, 4.0, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def write_study(folder: Path, photos: int) -> float:
    """Write a study: one patient, every standard view at each visit; returns the mean size of a photograph in MB.

    From the 13th on, the photographs return brighter.
    """
    views = tuple(standard_views())
    (folder / "photos").mkdir(parents=True)
    (folder / "study.toml").write_text("", encoding="utf-8")
    (folder / "patients.csv").write_text("patient,age_years,index_day\nP1,40,-3\n", encoding="utf-8")
    first: list[np.ndarray] = []
    sizes = []
    for number in range(photos):
        if len(first) < min(12, photos):
            first.append(draw(number))
        pixels = first[number % len(first)]
        if number >= len(first):
            pixels = np.minimum(pixels, 230) + np.uint8(number // len(first))
        visit, view = divmod(number, len(views))
        path = folder / "photos" / "P1" / f"D{7 * visit}" / f"{views[view]}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 93])[1].tobytes()
        path.write_bytes(data)
        sizes.append(len(data) / 1e6)
    return statistics.mean(sizes)


def timed(name: str, spent: dict[str, float], work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return work(*arguments, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.process_time() - start

    return run


def shares(folder: Path) -> None:
    """Where one process spends its time, by timing the steps of the very job that `measure` runs."""
    cv2.setNumThreads(1)
    study = open_study(folder)
    jobs = [p.job for p in plan(study, (), choose_model(study.protocol)) if p.job is not None]
    measure_photo(jobs[0])  # the model is built once
    steps = {
        "decode": "read_photo",
        "model": "segment",
        "quality": "judge",
        "outline picture": "draw_overlay",
        "encode pictures": "thumbnail",
        "store mask": "store_mask",
        "areas": "view_areas",
        "fingerprint": "photo_fingerprint",
    }
    spent: dict[str, float] = {}
    for name, function in steps.items():
        setattr(photo_job, function, timed(name, spent, getattr(photo_job, function)))
    start = time.process_time()
    for job in jobs:
        measure_photo(job)
    total = time.process_time() - start
    print(f"one process, one thread: {total / len(jobs):.2f} s of processor time a photograph, of it")
    for name in steps:
        print(f"  {name:<16}{spent[name] / total:6.1%}  {1000 * spent[name] / len(jobs):6.0f} ms")
    print(f"  {'the rest':<16}{1 - sum(spent.values()) / total:6.1%}")


def command_seconds(command: list[str]) -> float:
    """Seconds by the clock of one run of `measure`; ends the benchmark with its words where it did not measure."""
    start = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1):  # 1: something needs a human, and everything was measured
        raise SystemExit(f"The command ended with exit code {done.returncode}: {done.stderr.strip()}")
    return seconds


def cli(*arguments: object) -> tuple[float, float]:
    """Seconds of one run of the program: by the clock, and of processor time (0 on Windows)."""
    before = os.times()
    seconds = command_seconds([sys.executable, "-m", "bsa_measure.cli", *map(str, arguments)])
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def fresh_results(folder: Path) -> dict[str, bytes]:
    """The bytes of results/ after a run from nothing, but for times and places in the record."""
    for name in ("results", "masks"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "readings.db").unlink(missing_ok=True)
    seconds, used = cli("measure", folder, "--workers", 2)
    photos = len(list((folder / "photos").rglob("*.jpg")))
    print(
        f"two workers, start to report: {seconds:.1f} s, {seconds / photos:.2f} s a photograph "
        f"({used / photos:.2f} s of processor time)"
    )
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in (folder / "results").rglob("*") if p.is_file()}
    lines = found["results/provenance.json"].splitlines()
    varies = (b"measured_utc", b"record_")
    found["results/provenance.json"] = b"\n".join(line for line in lines if not any(v in line for v in varies))
    found.pop("results/SHA256SUMS")  # names the provenance
    return found


def memory(folder: Path) -> None:
    """Peak memory of one process at its 50th and at its last photograph."""
    peaks: dict[int, float] = {}

    def note(done: int, total: int) -> None:
        if done in (1, 10, 50, 100, 150, total):
            peaks[done] = peak_megabytes()

    measure(folder, workers=1, progress=note)
    print("peak memory of one process: " + ", ".join(f"{mb:.0f} MB at photo {n}" for n, mb in sorted(peaks.items())))


def peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # Linux; its getrusage tells the peak of the process that started this one, if that is larger
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1000
    import resource  # not on Windows; there the memory is not measured

    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=12, help="photographs to time")
    parser.add_argument("--many", type=int, default=200, help="photographs to watch the memory over; 0: do not")
    parser.add_argument("--watch", type=Path, metavar="STUDY", help="only watch the memory over this study")
    options = parser.parse_args()
    if options.watch:
        memory(options.watch)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, OpenCV {cv2.__version__}")
    help_times = [cli("--help") for _ in range(7)]
    wall, used = (statistics.median(values) for values in zip(*help_times, strict=True))
    print(f"--help: {wall:.2f} s ({used:.2f} s of processor time), medians of 7")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        size = write_study(folder, options.photos)
        print(f"{options.photos} photographs of {WIDTH} x {HEIGHT}, {size:.1f} MB each")
        first, second = fresh_results(folder), fresh_results(folder)
        different = sorted(n for n in first.keys() | second.keys() if first.get(n) != second.get(n))
        print(
            "results/ of two fresh runs: " + (f"DIFFERENT: {', '.join(different)}" if different else "the same bytes")
        )
        shares(folder)
        if options.many and sys.platform != "win32":
            many = Path(place) / "many"
            write_study(many, options.many)
            # A process of its own: drawing takes more memory than measuring.
            subprocess.run([sys.executable, __file__, "--watch", str(many)], check=True)


if __name__ == "__main__":
    main()
