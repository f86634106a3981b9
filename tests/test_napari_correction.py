"""The checks in tests/windows/ need a napari window: they run in a process of their own, with a screen of its own."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from window_hand import virtual_screen  # noqa: E402 - needs the path

CHECKS = sorted((Path(__file__).parent / "windows").glob("*_checks.py"))
PATIENCE = 500  # seconds; about one minute on an idle computer


def environment(display: str) -> dict[str, str]:
    return {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}


@functools.cache
def lacking() -> str:
    """What is not there; empty where a window can be opened."""
    missing = [name for name in ("napari", "PyQt6", "pytestqt") if importlib.util.find_spec(name) is None]
    if missing:
        return f"{missing[0]} is not installed: pip install 'bsa-measure[napari,test]'"
    if shutil.which("Xvfb") is None:
        return "there is no Xvfb: apt-get install the packages that the README lists"
    return ""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if lacking():
        pytest.skip(lacking())
    with virtual_screen() as name:
        opens = [sys.executable, "-c", "from PyQt6.QtWidgets import QApplication; QApplication([])"]
        done = subprocess.run(opens, env=environment(name), capture_output=True, timeout=PATIENCE)
        if done.returncode:
            pytest.skip("Qt opens no window here: apt-get install the packages that the README lists")
        yield name


@pytest.mark.parametrize("checks", CHECKS, ids=lambda path: path.stem)
def test_in_a_window(checks: Path, display: str, tmp_path: Path) -> None:
    settings = {"NAPARI_CONFIG": str(tmp_path / "napari.yaml")}
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "-W", "ignore", "-x"]
    done = subprocess.run(
        [*command, "--tb=short", f"--basetemp={tmp_path / 'windows'}", str(checks)],
        env=environment(display) | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
