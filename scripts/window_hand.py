"""A hand at a real window: mouse and keys as the X server delivers them, for tests, pictures and benchmarks.

Needs Xvfb and xdotool. A scene is a generator that runs in the window's own thread; it yields what it waits for, a
number of seconds or a condition, and is gone on with from the event loop. So nothing of the window is bypassed.

    with virtual_screen() as display: ...     for the process that starts the one with the window
    play(viewer, scene(Hand(viewer)))         in the process with the window
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Wait = float | Callable[[], bool]
Scene = Iterator[Wait]
SIZE = (1600, 950)
_PATIENCE = 240.0  # seconds for one condition


def available() -> bool:
    """Whether a virtual screen and a hand can be had here."""
    return shutil.which("Xvfb") is not None and shutil.which("xdotool") is not None


@contextlib.contextmanager
def virtual_screen(size: tuple[int, int] = SIZE) -> Iterator[str]:
    """A screen of its own, as the value for DISPLAY."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as line:
            yield f":{line.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


class Hand:
    """Mouse and keyboard in front of one napari viewer; counts what it does.

    Attributes:
        clicks, keys, notches: so far; a drag is one click.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.clicks = self.keys = self.notches = 0
        window = viewer.window._qt_window
        window.showNormal()
        window.setGeometry(0, 0, *SIZE)
        window.activateWindow()
        self._window = int(window.winId())

    def place(self, row: float, column: float) -> tuple[int, int]:
        """Where a pixel of the photograph lies on the screen."""
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas.native
        camera = self.viewer.scene.camera
        x = (column - camera.center[2]) * camera.zoom + canvas.width() / 2
        y = (row - camera.center[1]) * camera.zoom + canvas.height() / 2
        point = canvas.mapToGlobal(QPoint(round(x), round(y)))
        return point.x(), point.y()

    def key(self, *names: str) -> Scene:
        """Press keys, as xdotool calls them."""
        for name in names:
            self.keys += 1
            yield from self._do("windowfocus", str(self._window), "key", "--clearmodifiers", name)

    def move(self, row: float, column: float) -> Scene:
        """Move the mouse to a pixel of the photograph."""
        yield from self._do("mousemove", *map(str, self.place(row, column)))

    def click(self, row: float, column: float, *, times: int = 1) -> Scene:
        """Click on a pixel of the photograph."""
        self.clicks += times
        yield from self.move(row, column)
        yield from self._do("click", "--repeat", str(times), "--delay", "60", "1")

    def wheel(self, notches: int) -> Scene:
        """Turn the wheel where the mouse is; up is positive."""
        self.notches += abs(notches)
        if notches:
            yield from self._do("click", "--repeat", str(abs(notches)), "--delay", "40", "4" if notches > 0 else "5")

    def drag(self, points: list[tuple[float, float]], *, steps: int = 8) -> Scene:
        """Hold the button and draw through pixels of the photograph."""
        self.clicks += 1
        yield from self.move(*points[0])
        yield from self._do("mousedown", "1")
        for (r0, c0), (r1, c1) in zip(points, points[1:], strict=False):
            for step in range(1, steps + 1):
                yield from self.move(r0 + (r1 - r0) * step / steps, c0 + (c1 - c0) * step / steps)
        yield from self._do("mouseup", "1")

    def type(self, text: str) -> Scene:
        """Type into the widget that has the focus."""
        self.keys += len(text)
        yield from self._do("type", "--delay", "8", text)

    def _do(self, *arguments: str) -> Scene:
        # Not waited for with run(): the window has to go on while the events come in.
        process = subprocess.Popen(["xdotool", *arguments], stderr=subprocess.DEVNULL)
        yield lambda: process.poll() is not None
        yield 0.05


def play(viewer: Any, scene: Scene, *, close: bool = True) -> None:
    """Run a scene beside the event loop, which is started here; what it raises is raised here."""
    import napari
    from qtpy.QtCore import QTimer

    raised: list[BaseException] = []
    waiting: list[tuple[Wait, float]] = [(0.5, time.monotonic())]

    def tick() -> None:
        wait, since = waiting[0]
        elapsed = time.monotonic() - since
        try:
            if not (wait() if callable(wait) else elapsed >= wait):
                if elapsed > _PATIENCE:
                    raise TimeoutError(f"waited {_PATIENCE:.0f} s for {wait}")
                return
            waiting[0] = next(scene), time.monotonic()
        except StopIteration:
            timer.stop()
            if close:
                viewer.close()
        except BaseException as error:
            raised.append(error)
            timer.stop()
            viewer.close()

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(10)
    napari.run()
    if raised:
        raise raised[0]


def picture(path: Path, *, most_bytes: int = 150_000) -> None:
    """Save what the screen shows as a PNG of at most so many bytes, as large and as colourful as that allows."""
    from PIL import Image, ImageGrab

    from bsa_measure.tissue import Tissue

    shown = ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).convert("RGB").crop((0, 0, *SIZE))
    path.parent.mkdir(parents=True, exist_ok=True)
    for width, colors in ((1200, 128), (1100, 112), (1000, 112), (900, 96), (800, 96), (700, 64)):
        height = round(shown.height * width / shown.width)
        small = shown.resize((width, height), Image.Resampling.LANCZOS)
        # A strip with the colours that mean something keeps them in the palette; it is cut off again.
        strip = Image.new("RGB", (width, height + 24))
        strip.paste(small)
        kept = [*(tissue.color for tissue in Tissue), (240, 228, 66), (255, 255, 255)]
        for place, color in enumerate(kept):
            left, right = (place * width // len(kept), (place + 1) * width // len(kept))
            strip.paste(color, (left, height, right, height + 24))
        reduced = strip.quantize(colors, dither=Image.Dither.NONE).crop((0, 0, width, height))
        reduced.save(path, optimize=True)
        if path.stat().st_size <= most_bytes:
            return
