"""A dermatologist at a real window, with a real mouse, whose computer dies in the middle."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from window_hand import available, virtual_screen  # noqa: E402 - needs the path

from bsa_measure.measure import measure  # noqa: E402
from bsa_measure.readings import Readings  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not available(), reason="needs Xvfb and xdotool"),
    pytest.mark.skipif(importlib.util.find_spec("napari") is None, reason="the [napari] extra is not installed"),
]

VIEWS = ("trunk-anterior", "arm-left-anterior")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Four photographs of the sample study."""
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("study.toml", "patients.csv"):
        shutil.copy(ROOT / "sample_images" / name, folder / name)
    for visit in ("D-1", "D07"):
        for view in VIEWS:
            target = folder / "photos" / "PH-001" / visit / f"{view}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "sample_images" / "photos" / "PH-001" / visit / f"{view}.jpg", target)
    return folder


def said(report: Path) -> list[dict[str, Any]]:
    if not report.exists():
        return []
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def visits(study: Path) -> dict[str, float]:
    with (study / "results" / "visits.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["patient"] == "PH-001" and row["detached_bsa_percent"]]
    return {row["visit"]: float(row["detached_bsa_percent"]) for row in rows}


def start(display: str, study: Path, scene: str, report: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
    command = [sys.executable, str(ROOT / "tests" / "window_scene.py"), str(study), scene, str(report)]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def test_three_photos_are_corrected_although_the_power_goes(study: Path, tmp_path: Path) -> None:
    measure(study)
    before = visits(study)
    report = tmp_path / "report"
    with virtual_screen() as display:
        window = start(display, study, "correct", report)
        deadline = time.monotonic() + 400
        while not any("kill" in line for line in said(report)):
            assert window.poll() is None, "the window ended by itself"
            assert time.monotonic() < deadline, said(report)
            time.sleep(0.5)
        window.send_signal(signal.SIGKILL)
        window.wait()
        painted = said(report)
        assert painted.pop(0) == {"grown": True}, "Ctrl+Z, 3, G and a click give a proposal"
        assert [line["figures_changed"] for line in painted[:3]] == [True, True, True]
        assert len([r for r in Readings(study).all() if r.kind == "manual"]) == 2
        report.unlink()
        assert start(display, study, "resume", report).wait(400) == 0
    found = said(report)
    assert found[0] == {
        "photo": painted[-1]["photo"],
        "labels": painted[-1]["labels"],
        "resumed": True,
        "done": 2,
    }
    assert found[1] == {"finished": True}
    manual = [r for r in Readings(study).all() if r.kind == "manual"]
    assert [r.reader for r in manual] == ["Duval"] * 3
    assert all(r.active_seconds for r in manual)
    assert Readings(study).verify() == []
    measure(study)
    after = visits(study)
    touched = {r.visit for r in manual}
    assert all(after[visit] != before[visit] for visit in touched)
    assert all(after[visit] == before[visit] for visit in before if visit not in touched)
