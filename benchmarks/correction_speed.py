"""How fast the correction in the window is, and whether memory grows. One command, under a virtual screen if need be:

    xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/correction_speed.py [--strokes 60] [--photos 100]

A 12-megapixel photograph, at the working size (2048) and at its full size: stroke end until the new numbers stand in
the window (median and 95th percentile; processor time beside it), fill and grow to edge, opening until the
photograph can be painted on, and the memory after many photographs. The photograph is drawn: a body on a sheet with
patches and the grain of a camera. Times hold for the computer they were taken on, and by the clock only when nothing
else runs on it; the processor time says what the program itself takes.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from measure_speed import draw

from bsa_measure.measure import measure
from bsa_measure.tissue import Tissue

PATIENCE = 300.0  # seconds
Times = list[tuple[float, float]]
"""By the clock and of the processor, in milliseconds."""


def write_study(folder: Path, photos: int) -> None:
    """Photographs of one patient: one of 12 megapixels twice, then small copies to leaf through."""
    (folder / "photos").mkdir(parents=True)
    (folder / "study.toml").write_text("[measure]\nworking_long_side = 2048\n", encoding="utf-8")
    rows = ["patient,age_years,index_day", "P001,40,-3"]
    large = draw(1)
    place = folder / "photos" / "P001"
    for visit in ("D00", "D07"):
        (place / visit).mkdir(parents=True)
        # Brighter by one: the same file twice would be refused.
        shown = np.clip(large.astype(np.int16) + (visit == "D07"), 0, 255).astype(np.uint8)
        cv2.imwrite(str(place / visit / "trunk-anterior.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 92])
    small = cv2.resize(large, (1600, 1200), interpolation=cv2.INTER_AREA)
    for number in range(photos):
        patient = f"Q{number:03d}"
        rows.append(f"{patient},40,-3")
        target = folder / "photos" / patient / "D07" / "trunk-anterior.jpg"
        target.parent.mkdir(parents=True)
        other = np.clip(small.astype(np.int16) + number % 40 - 20, 0, 255).astype(np.uint8)
        other[:8, : 8 * (number % 150 + 1)] = number % 256
        cv2.imwrite(str(target), other, [cv2.IMWRITE_JPEG_QUALITY, 90])
    (folder / "patients.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def timed(do: Callable[[], object], until: Callable[[], bool]) -> tuple[float, float]:
    """Milliseconds by the clock and of the processor until a condition holds, with the event loop running."""
    from qtpy.QtWidgets import QApplication

    clock, processor = time.perf_counter(), time.process_time()
    do()
    while not until():
        QApplication.processEvents()
        if time.perf_counter() - clock > PATIENCE:
            raise TimeoutError("the window does not answer")
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


def idle(seconds: float = 0.3) -> None:
    """Let the window finish what it began."""
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def line(name: str, times: Times) -> str:
    """Median and 95th percentile of both clocks."""
    clock, processor = ([t[i] for t in times] for i in (0, 1))
    cut = [float(np.percentile(values, 95)) for values in (clock, processor)]
    return (
        f"| {name} | {statistics.median(clock):.0f} | {cut[0]:.0f} "
        f"| {statistics.median(processor):.0f} | {cut[1]:.0f} | {len(times)} |"
    )


def strokes(review: Any, count: int, *, outline: bool) -> Times:
    """Brush dabs of 400 pixels across: from the moment that the last of the stroke is in the labels until the numbers
    are in the window."""
    correction, random = review.correction, np.random.default_rng(3)
    layer, photo = correction.layers.mask, correction.photo
    body = np.argwhere(photo.canvas.labels == Tissue.INTACT)
    layer.brush_size = 400
    real = review.figures.text.setText
    shown: list[tuple[float, float]] = []

    def noted(text: str) -> None:
        real(text)
        shown.append((time.perf_counter(), time.process_time()))

    review.figures.text.setText = noted
    found: Times = []
    for number in range(count):
        row, column = random.integers(300, size=2) if outline else body[random.integers(len(body))]
        tissue = int(Tissue.INTACT) if outline else 2 + number % 2
        before = len(photo.canvas.history.done)
        layer.paint((int(row), int(column)), tissue)
        ended = time.perf_counter(), time.process_time()
        idle(0.02)
        if len(photo.canvas.history.done) > before and shown:
            found.append((1000 * (shown[0][0] - ended[0]), 1000 * (shown[0][1] - ended[1])))
        idle(0.6)  # the bounds are found anew
        shown.clear()
    review.figures.text.setText = real
    return found


def tools(review: Any, count: int) -> dict[str, Times]:
    """Fill and grow to edge, from the click until the picture on the layer is new."""
    correction, random = review.correction, np.random.default_rng(5)
    photo = correction.photo
    body = np.argwhere(photo.canvas.labels != Tissue.BACKGROUND)
    found: dict[str, Times] = {"fill": [], "grow to edge": []}
    for number in range(count):
        correction.viewer.cursor.position = tuple(map(float, body[random.integers(len(body))]))
        correction.choose_class(Tissue(1 + number % 3))
        for name, mode in (("fill", "fill"), ("grow to edge", "grow")):
            correction.choose_mode(mode)
            idle(0.1)
            found[name].append(timed(correction.click, lambda: True))
            correction.reject()
            idle(0.1)
    return found


def memory_mb() -> float:
    """Resident memory of this process."""
    import psutil

    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def open_photo(review: Any, item: Any) -> tuple[float, float]:
    """From asking for a photograph until it can be painted on."""
    correction = review.correction
    return timed(
        lambda: correction.open_item(item),
        lambda: correction.photo is not None and correction.photo.item.sha256 == item.sha256,
    )


def at_size(folder: Path, count: int, *, full_size: bool) -> list[str]:
    """The lines of the table for one size."""
    from bsa_measure_napari._qt.window import open_window

    review = open_window(folder, "Duval full size" if full_size else "Duval", full_size=full_size)
    session = review.correction.session
    items = [item for item in session.queue if item.photo.patient == "P001"]
    opening: Times = []
    for number in range(6):
        opening.append(open_photo(review, items[number % 2]))
        idle()
    height, width = review.correction.photo.canvas.size
    size = f"{width} × {height}"
    lines = [line(f"{size}: opened → editable", opening)]
    lines.append(line(f"{size}: stroke end → numbers", strokes(review, count, outline=False)))
    lines.append(line(f"{size}: the same, outline of the body moved", strokes(review, count // 4, outline=True)))
    for name, times in tools(review, max(count // 5, 5)).items():
        lines.append(line(f"{size}: {name}", times))
    review.window.close()
    idle(1.0)
    return lines


def leaf_through(folder: Path, photos: int) -> list[str]:
    """Memory while photographs are opened, painted on and left."""
    from bsa_measure_napari._qt.window import open_window

    review = open_window(folder, "Roy")
    items = [item for item in review.correction.session.queue if item.photo.patient != "P001"][:photos]
    lines = []
    for number, item in enumerate(items, start=1):
        open_photo(review, item)
        layer = review.correction.layers.mask
        layer.paint((layer.data.shape[0] // 2, layer.data.shape[1] // 2), int(Tissue.DETACHED))
        idle(0.05)
        if number in (10, len(items) // 2, len(items)):
            lines.append(f"{memory_mb():.0f} MB after {number} photographs")
    review.window.close()
    idle(1.0)
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=60)
    parser.add_argument("--photos", type=int, default=100)
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, OpenCV {cv2.__version__}\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "study"
        write_study(folder, chosen.photos)
        measure(folder, workers=2)
        print("| | median, ms | 95 % below, ms | processor: median | 95 % below | n |\n|---|---|---|---|---|---|")
        for full_size in (False, True):
            for row in at_size(folder, chosen.strokes, full_size=full_size):
                print(row, flush=True)
        print()
        for row in leaf_through(folder, chosen.photos):
            print(row, flush=True)


if __name__ == "__main__":
    main()
