"""The command line as a nurse meets it: help, a first study, tables from a spreadsheet, the terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from drawing import SIDE, limb_mask, save_mask, save_photo, skin_photo, write_study
from PIL import Image
from terminal import CODE, bsa_measure, table

from bsa_measure.check import CheckedVisit, CheckReport
from bsa_measure.files import defuse, quoted

COMMANDS = ("init", "check", "measure", "segment", "import", "phantom")


def test_help_names_every_command_whole_and_the_first_steps() -> None:
    done = bsa_measure("--help", COLUMNS="80")
    assert done.returncode == 0
    for command in COMMANDS:
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"  {command} "))
        assert line.endswith("."), "cut off"
    assert "bsa-measure init my-study" in done.stdout
    assert "Exit code: 0 done" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = bsa_measure(command, "--help", COLUMNS="80")
    assert done.returncode == 0
    assert "{" not in done.stdout.splitlines()[0]
    sections = done.stdout.partition("Arguments:")[2] or done.stdout.partition("Options:")[2]
    entries = re.findall(r"^  (--[\w-]+|[A-Z]+)(.*(?:\n {4,}.*)*)", sections, re.MULTILINE)
    assert len(entries) >= 2
    assert all(re.search(r"[a-z]{2,}", text) for _, text in entries)


@pytest.mark.slow
def test_help_answers_at_once() -> None:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        bsa_measure("--help")
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.6  # 0.3 s on a quiet computer; tests run on busy ones


def test_wrong_words_are_answered_with_the_right_ones() -> None:
    done = bsa_measure("mesure", "x")
    assert (done.returncode, "Did you mean 'measure'?" in done.stderr) == (2, True)
    assert bsa_measure("measure").returncode == 2
    assert bsa_measure("measure", "x", "--workers", 0).returncode == 2


def test_a_first_study_from_init_to_report(tmp_path: Path) -> None:
    folder = tmp_path / "Étude à Créteil"
    folder.mkdir()
    # Exported from a spreadsheet set to French: byte-order mark, semicolons, decimal commas, Windows line ends.
    spreadsheet = "\ufeffpatient;age_years;index_day;sex;height_cm;weight_kg\r\nZoé-1;45,5;-3;F;170,5;60\r\n;;;;;\r\n"
    (folder / "patients.csv").write_bytes(spreadsheet.encode())
    made = bsa_measure("init", folder)
    assert made.returncode == 0
    assert (folder / "patients.csv").read_bytes() == spreadsheet.encode(), "a table that was begun is kept"
    next_command = made.stdout.splitlines()[-1].partition("bsa-measure ")[2]
    assert next_command == f'check "{folder}"', "can be pasted"
    (folder / "uninvolved.csv").write_bytes("patient;visit;surface\r\nZoé-1;D0;*\r\nZoé-1;d+7;*\r\n".encode())
    # The patient's folder as a Mac writes it, with the accent as a character of its own.
    for seed, place in enumerate(("D0/trunk-anterior.jpg", "D7/trunk-anterior.JPG", "D07/Trunk-Posterior.jpeg")):
        path = folder / "photos" / "Zoe\u0301-1" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(skin_photo(seed)).save(path, "JPEG", quality=92)
    checked = bsa_measure("check", folder, "--workers", 1)
    assert checked.returncode == 1
    lines = {tuple(line.split()[:2]): line for line in checked.stdout.splitlines()}
    assert lines["Zoé-1", "D00"].split()[2:] == ["1", "0", "0", "0", "-"]
    assert lines["Zoé-1", "D05"].endswith("no photograph yet")
    assert lines["Zoé-1", "D07"].split()[2] == "2"
    assert not (folder / "results").exists()
    assert not (folder / "readings.db").exists()
    measured = bsa_measure("measure", folder, "--workers", 1)
    assert measured.stderr == ""
    assert measured.stdout.startswith("3 photographs: ")
    assert measured.stdout.splitlines()[-1].endswith(f'bsa-measure measure "{folder}"')
    assert {(row["patient"], row["visit"]) for row in table(folder, "photos.csv")} == {
        ("Zoé-1", "D00"),
        ("Zoé-1", "D07"),
    }
    assert table(folder, "patients.csv")[0]["age_years"] == "45.5"
    assert (folder / "results" / "report.html").stat().st_size > 10_000


def test_init_leaves_a_study_alone(tmp_path: Path) -> None:
    assert bsa_measure("init", tmp_path).returncode == 0
    before = (tmp_path / "study.toml").read_bytes()
    again = bsa_measure("init", ".", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith(f"bsa-measure: {tmp_path.name} already holds a study")
    assert (tmp_path / "study.toml").read_bytes() == before


def test_a_console_that_knows_few_characters_is_no_obstacle(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", patients="日本-1,40,-3", uninvolved="日本-1,D0,*")
    save_photo(folder / "photos" / "日本-1" / "D0" / "Ω.jpg", skin_photo())
    for command in ("check", "measure"):
        done = bsa_measure(command, folder, "--workers", 1, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
        assert done.returncode == 1
        assert "not named after a view" in done.stdout
    assert table(folder, "photos.csv")[0]["file"] == "photos/日本-1/D0/Ω.jpg"


def test_segment_refuses_the_bad_and_writes_the_rest(tmp_path: Path) -> None:
    save_photo(tmp_path / "in" / "a.jpg", skin_photo())
    save_photo(tmp_path / "in" / "b" / "a.png", skin_photo(1))
    (tmp_path / "in" / "empty.jpg").write_bytes(b"")
    photos = [tmp_path / "in" / name for name in ("a.jpg", "b/a.png", "empty.jpg", "nowhere.jpg")]
    done = bsa_measure("segment", *photos, "--out", tmp_path / "masks")
    assert done.returncode == 1
    assert done.stdout == f"Wrote 1 mask to {tmp_path / 'masks'}.\n"
    assert len(done.stderr.splitlines()) == 3
    with Image.open(tmp_path / "masks" / "a.png") as mask:
        assert (mask.mode, mask.size) == ("L", (SIDE, SIDE))
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["a.png"]
    assert bsa_measure("segment", photos[2], "--out", tmp_path / "masks").returncode == 2


def test_a_mask_never_replaces_a_photograph(tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", skin_photo())
    before = (tmp_path / "a.png").read_bytes()
    done = bsa_measure("segment", "a.png", "--out", ".", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "a.png").read_bytes() == before) == (2, True)
    assert "would replace the photograph a.png: name another folder with --out." in done.stderr


def test_import_says_what_comes_next(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "my study")
    save_photo(folder / "photos" / "P1" / "D0" / "buttocks.jpg", skin_photo())
    save_mask(tmp_path / "m" / "P1" / "D00" / "Buttocks.PNG", limb_mask({(0, 200): 1}))
    done = bsa_measure("import", folder, tmp_path / "m", "--reader", "Duval")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Masks by Duval: 1 recorded, 0 unchanged, 0 refused.",
        f'Next:  bsa-measure measure "{folder}"',
    ]


def test_the_table_of_check_fits_its_terminal_and_is_short() -> None:
    views = tuple(f"view-{n}" for n in range(15))
    report = CheckReport(
        visits=(
            CheckedVisit("LY-001", "D00", 1, 0, 0, 0, views[1:]),
            CheckedVisit("LY-001", "D05", 10, 1, 0, 0, views[:5]),
            CheckedVisit("LY-001", "D07", 0, 0, 0, 0, views),
            CheckedVisit("LY-001", "D10", 0, 0, 1, 0, views),
        ),
        problems=(),
        views=views,
    )
    lines = report.text(80).splitlines()
    assert max(map(len, lines)) <= 92  # two sentences at the end are longer than the table
    assert lines[1].endswith("all but view-0")
    assert lines[2].endswith("view-0, view-1, view-2,")
    assert lines[3].strip() == "view-3, view-4"
    assert lines[4].endswith("no photograph yet")
    assert lines[5].endswith(" all")


def test_paths_in_commands_can_be_pasted() -> None:
    assert quoted(Path("study")) == "study"
    assert quoted(Path("my study")) == '"my study"'


@pytest.mark.parametrize("text", ["=1+1", "+33 1", "-2", "@SUM(A1)", "\tx", "\rx", "\nx"])
def test_text_that_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert defuse(text) == "'" + text


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_shows_progress_and_gets_its_cursor_back(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    for day in range(6):  # large, so that Ctrl-C comes before the last one is done
        save_photo(folder / "photos" / "P1" / f"D{day}" / "trunk-anterior.jpg", skin_photo(day, 2000))
    # The rules of colour find no fault with drawn skin; what a network sees in it is not the matter here.
    command = [*CODE, "measure", str(folder), "--workers", "1", "--model", "classical-v1"]
    code, shown = on_a_terminal(command, stop_at="Measuring photographs")
    assert code == 130
    assert "Stopped. What was finished is kept: run the same command again to go on." in shown
    assert "Traceback" not in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
    code, shown = on_a_terminal(command)
    assert code == 0
    assert "6/6" in shown or "5/6" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
    assert len(table(folder, "photos.csv")) == 6


def on_a_terminal(command: list[str], stop_at: str = "") -> tuple[int, str]:
    """Exit code and everything shown; Ctrl-C is pressed as soon as ``stop_at`` is shown."""
    import pty

    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env=environment, start_new_session=True, preexec_fn=_own_terminal
    )
    os.close(side)
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                data = os.read(main, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            shown += data
        if stop_at and stop_at.encode() in shown:
            os.write(main, b"\x03")
            stop_at = ""
    os.close(main)
    return process.wait(30), shown.decode(errors="replace")


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A test run that was started in the background ignores Ctrl-C, and what it starts would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
