"""Killed writers, crowds of writers and full disks: nothing acknowledged is lost, and the record verifies.

Run as a program, this file is such a writer: it records readings (and now and then an act) until it is killed, and
says of each, after it was recorded, which it was.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsa_measure.errors import BsaMeasureError, ReadingError
from bsa_measure.readings import NewAct, NewReading, Readings, store_mask

FORMAT_1 = Path(__file__).parent / "old_studies" / "format-1"


def reading(folder: Path, writer: str, number: int) -> NewReading:
    labels = np.full((24, 24), number % 4, np.uint8)
    labels.flat[:4] = np.frombuffer(number.to_bytes(4, "little"), np.uint8) % 5
    return NewReading(
        kind="manual",
        reader=writer,
        photo_sha256="a" * 64,
        patient="P1",
        visit="D07",
        view="trunk-anterior",
        mask_sha256=store_mask(folder, labels),
        software="0",
        protocol_sha256="b" * 64,
        reason="x" * (number % 7 * 300),  # rows of many sizes: a row in one page, a row in several
    )


def write_for_ever(folder: Path, writer: str) -> None:
    record = Readings(folder)
    number = 0
    while True:
        number += 1
        if number % 5:
            batch = [reading(folder, writer, number + i) for i in range(1 + number % 3)]
            entries: list[Any] = list(record.add(batch))
        else:
            kind = "lock" if number % 10 else "unlock"
            try:
                entries = list(record.add_acts([NewAct(kind, writer, "0", "", patient=writer, reason="test")]))
            except ReadingError:  # it is locked already, from before this writer was killed
                continue
        for entry in entries:
            os.write(1, f"{entry.number} {entry.hash}\n".encode())
        time.sleep(0.02)  # lets the others in: whoever never pauses starves a crowd on a slow disk


def start(folder: Path, writer: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, str(folder), writer], stdout=subprocess.PIPE, bufsize=0)


def kill_writers(folder: Path, kills: int, writers: int, seed: int, longest: float) -> tuple[int, int]:
    """Start and kill writers, several at a time on one record.

    Returns:
        How many entries were acknowledged, and how many of these are not in the record as they were acknowledged.
    """
    random = np.random.default_rng(seed)
    acknowledged: set[tuple[int, str]] = set()
    done = 0
    while done < kills:
        crowd = [start(folder, f"W{i}") for i in range(min(writers, kills - done))]
        first = [process.stdout.readline() for process in crowd if process.stdout]  # each has begun to write
        for process in crowd:
            time.sleep(float(random.uniform(0, longest)))
            process.kill()  # SIGKILL; TerminateProcess on Windows
        for line, process in zip(first, crowd, strict=True):
            rest, _ = process.communicate(timeout=60)
            for said in (line + rest).decode().split("\n")[:-1]:  # an unfinished line acknowledges nothing
                number, sha256 = said.split()
                acknowledged.add((int(number), sha256))
        done += len(crowd)
    record = Readings(folder)
    assert record.verify() == []
    recorded = {(entry.number, entry.hash) for entry in record.entries()}
    return len(acknowledged), len(acknowledged - recorded)


def test_a_writer_killed_at_any_instant_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    acknowledged, lost = kill_writers(tmp_path, kills=15, writers=3, seed=1, longest=0.15)
    assert acknowledged >= 15
    assert lost == 0


@pytest.mark.slow
def test_hundreds_of_killed_writers_lose_nothing(tmp_path: Path) -> None:
    acknowledged, lost = kill_writers(tmp_path, kills=400, writers=4, seed=2, longest=0.08)
    # shown by pytest -rP
    sys.stdout.write(f"400 writers killed: {acknowledged} entries acknowledged, {lost} of them lost\n")
    assert acknowledged >= 400
    assert lost == 0


OPEN_AND_STOP = "import sys, pathlib; from bsa_measure.readings import Readings; Readings(pathlib.Path(sys.argv[1]))"


@pytest.mark.slow
def test_a_kill_while_an_old_record_is_brought_to_this_format_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    versions = set()
    for round_ in range(40):
        folder = tmp_path / str(round_)
        shutil.copytree(FORMAT_1, folder)
        process = subprocess.Popen([sys.executable, "-c", OPEN_AND_STOP, str(folder)])
        deadline = time.monotonic() + 60
        while not (folder / "readings.db-journal").exists() and process.poll() is None:
            assert time.monotonic() < deadline
        time.sleep(float(random.uniform(0, 0.004)))
        process.kill()
        process.wait()
        connection = sqlite3.connect(folder / "readings.db")
        versions.add(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.close()
        record = Readings(folder)
        assert len(record.all()) == 6
        assert record.verify() == []
    assert versions <= {1, 2}


def fill(record: Readings, kept: list[Any]) -> None:
    """Record until it is refused; ``kept`` receives what was acknowledged."""
    for number in range(2000):
        kept += record.add([reading(record.folder, "W", number)])


def test_a_full_disk_refuses_and_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Readings(tmp_path)
    kept: list[Any] = record.add([reading(tmp_path, "W", number) for number in range(3)])
    pages = 16
    real = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        with pytest.raises(ReadingError, match=r"full\): check that the disk has room"):
            fill(record, kept)
        with pytest.raises(ReadingError, match="full"):
            record.add([reading(tmp_path, "W", 6) for _ in range(20)])
        assert record.all() == kept  # still readable while the disk is full
    assert record.verify() == []
    kept += record.add([reading(tmp_path, "W", 1)])  # and there is room again
    assert record.all() == kept
    assert record.verify() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("a small disk can only be made by the administrator of a Linux computer")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_runs_full_under_mask_and_record(small_disk: Path) -> None:
    record = Readings(small_disk)
    kept: list[Any] = []
    with pytest.raises(BsaMeasureError, match="check that the disk has room"):
        fill(record, kept)
    assert kept
    assert record.all() == kept
    assert record.verify() == []
    assert not list(small_disk.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    kept += record.add([reading(small_disk, "W", 3)])
    assert record.all() == kept
    assert record.verify() == []


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), sys.argv[2])
