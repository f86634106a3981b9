"""Bad input: one sentence that names the thing, the fault and the remedy; the rest of the study is measured."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from drawing import SIDE, limb_mask, save_mask, save_photo, skin_photo, write_study
from PIL import Image
from terminal import CODE, bsa_measure, children, contents, table, unfinished

from bsa_measure import files
from bsa_measure.errors import BsaMeasureError
from bsa_measure.files import held
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.readings import Readings
from bsa_measure.segment import default_model
from bsa_measure.study import open_study

PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
POSIX = pytest.mark.skipif(os.name != "posix", reason="uses names, signals or mounts that only POSIX systems have")


def jpeg(seed: int = 0, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(skin_photo(seed)).save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def picture(mode: str, size: tuple[int, int], kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def claimed_png(side: int) -> bytes:
    """A PNG of a few bytes that claims to be huge, in true colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def real_png_bomb(side: int) -> bytes:
    """A valid black and white PNG: 112 MB of pixels (900 million) in about 100 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + side // 8)
    data = b"".join([*(packer.compress(row * 1000) for _ in range(side // 1000)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# Where a bad photograph lies, its bytes, and what is said about it (name, fault, remedy).
PHOTOS: dict[str, tuple[bytes, str]] = {
    "LY-1/D1/trunk-anterior.jpg": (jpeg(11)[:4000], r"damaged or incomplete: copy it from the camera again\."),
    "LY-1/D1/trunk-posterior.jpg": (b"", r"is empty \(0 bytes\): copy it from the camera again\."),
    "LY-1/D1/buttocks.jpg": (picture("RGB", (100, 100)), r"is a PNG file under another name: rename it to end"),
    "LY-1/D1/genitalia.jpg": (b"Dear colleague, " * 50, r"is not a JPEG, PNG, TIFF, HEIC or DICOM photograph"),
    "LY-1/D1/arm-left-anterior.jpg": (picture("RGB", (1, 1), "JPEG"), r"only 1 × 1 pixels: take the photo again"),
    "LY-1/D1/arm-left-posterior.png": (claimed_png(30_000), r"more than 175 million pixels: use a photo"),
    "LY-1/D1/arm-right-anterior.png": (real_png_bomb(30_000), r"more than 175 million pixels: use a photo"),
    "LY-1/D1/arm-right-posterior.dcm": (b"\0" * 128 + b"DICM" + b"\0" * 99, r"holds no whole colour photograph"),
    "LY-1/D2/trunk-antérior.jpg": (jpeg(12), r"not named after a view \(did you mean 'trunk-anterior'\?\): rename it"),
    "LY-1/D2/ma photo n° 3.jpg": (jpeg(13), r"is not named after a view.*: rename it"),
    "LY-1/D2/=cmd.jpg": (jpeg(14), r"is not named after a view.*: rename it"),
    "LY-1/D2/buttocks.gif": (b"GIF89a", r"is not a JPEG, PNG, TIFF, HEIC or DICOM file: export it again"),
    "LY-1/Day 3/trunk-anterior.jpg": (jpeg(15), r"LY-1/Day 3 is not a study day: name the folder"),
    "LY-1/D999/trunk-anterior.jpg": (jpeg(16), r"D999 is outside the protocol's D-30 to D365: correct"),
    "LY-9/D0/trunk-anterior.jpg": (jpeg(17), r"photos/LY-9 is no patient of patients\.csv .*: rename"),
    "LY-2/D0/trunk-anterior.jpg": (jpeg(18), r"no age_years for the patient 'LY-2': .*fill it in"),
    "LY-1/D4/trunk-anterior.jpg": (jpeg(19), r"is the same photo as photos/LY-1/D6/.*: remove the"),
    "LY-1/D6/trunk-anterior.jpg": (jpeg(19), r"is the same photo as photos/LY-1/D4/.*: remove the"),
    "LY-1/stray.jpg": (jpeg(20), r"is out of place, as photographs lie at photos/PATIENT/VISIT/VIEW\.jpg: move it\."),
}  # fmt: skip
if os.name == "posix":
    PHOTOS |= {
        "LY-1/D2/trunk\nposterior.jpg": (jpeg(21), r"trunk.posterior\.jpg is not named after a view"),
        "LY-1/D2/<img src=x onerror=alert(1)>.jpg": (jpeg(22), r"onerror=alert\(1\)>\.jpg is not named after a view"),
        "LY-1/D2/bytes-\udcff.jpg": (jpeg(23), r"is not named after a view"),
    }
# Of these, the file is not in photos.csv, because nothing says that it is meant to be measured.
OUT_OF_PLACE = {"LY-1/D2/buttocks.gif", "LY-1/stray.jpg"}

PATIENTS = """\
LY-1,40,-3
LY-2,,-3
..,40,-3
CON,40,-3
a/b,40,-3
LY-7,200,-3
LY-8,forty,-3
ly-1,40,-3
=cmd(),40,-3
"""

TABLES = [
    r"patients\.csv: '\.\.' cannot be a patient's identifier.*: use letters",
    r"patients\.csv: 'CON' cannot be a patient's identifier",
    r"patients\.csv: 'a/b' cannot be a patient's identifier",
    r"patients\.csv: age_years 200 of the patient 'LY-7' cannot be right: correct it\.",
    r"patients\.csv: age_years of the patient 'LY-8' is not a number \('forty'\): correct it\.",
    r"patients\.csv lists 'LY-1' and 'ly-1', which are one folder on many computers: rename one",
    r"uninvolved\.csv: 'LY-99' is no patient of patients\.csv .*: correct that line\.",
    r"uninvolved\.csv: 'someday' is not a study day: write it like D07 or D-2\.",
    r"uninvolved\.csv: 'tigh-left-anterior' is no surface .*'thigh-left-anterior'.*: correct that line\.",
]
UNINVOLVED = "LY-1,D0,*\nLY-1,D7,*\nLY-99,D7,*\nLY-1,someday,*\nLY-1,D7,tigh-left-anterior"

# Planted in the good photographs; none of it may reach an output.
SECRETS = ("Jekyll", "48.8738", "serial-4711", "Hyde ward 3")


def good_jpeg(seed: int) -> bytes:
    exif = Image.Exif()
    exif[0x013B] = "Dr Jekyll"  # artist
    exif[0x010E] = "Hyde ward 3"  # description
    exif.get_ifd(0x8769)[0xA431] = "serial-4711"
    exif.get_ifd(0x8825)[2] = (48.0, 52.0, 25.6)
    exif.get_ifd(0x8825)[0x1D] = "48.8738"
    return jpeg(seed, exif=exif, comment=b"Dr Jekyll, Hyde ward 3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def study(home: Path) -> Path:
    """Two good photographs among everything that can be wrong with a study."""
    folder = write_study(home / "Étude à l'hôpital <b>", patients=PATIENTS.strip(), uninvolved=UNINVOLVED)
    for place, (data, _) in PHOTOS.items():
        path = folder / "photos" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for visit, seed in (("D0", 1), ("D07", 2)):
        (folder / "photos" / "LY-1" / visit).mkdir()
        (folder / "photos" / "LY-1" / visit / "Trunk-Anterior.JPG").write_bytes(good_jpeg(seed))
    for place in ("Thumbs.db", "LY-1/.DS_Store", "LY-1/D0/desktop.ini"):
        (folder / "photos" / place).write_bytes(b"clutter")
    if os.name == "posix":
        outside = home / "outside"
        save_photo(outside / "trunk-posterior.jpg", skin_photo(30))
        (folder / "photos" / "LY-1" / "D0" / "trunk-posterior.jpg").symlink_to(outside / "trunk-posterior.jpg")
        (folder / "photos" / "LY-1" / "D5").symlink_to(outside)
        (folder / "photos" / "loop").symlink_to(folder)
        (folder / "loop").symlink_to(folder)
    return folder


@pytest.fixture(scope="module")
def before(home: Path, study: Path) -> dict[str, bytes]:
    return contents(home)


@pytest.fixture(scope="module")
def checked(study: Path, before: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    return bsa_measure("check", study)


@pytest.fixture(scope="module")
def measured(study: Path, checked: object) -> subprocess.CompletedProcess[str]:
    return bsa_measure("measure", study, "--workers", 1)


def sentences(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("  - ") for line in done.stdout.splitlines() if line.startswith("  - ")]


def test_check_and_measure_end_with_1_because_something_needs_a_human(
    checked: subprocess.CompletedProcess[str], measured: subprocess.CompletedProcess[str]
) -> None:
    assert (checked.returncode, measured.returncode) == (1, 1)
    assert (checked.stderr, measured.stderr) == ("", "")


@pytest.mark.parametrize("place", PHOTOS)
def test_a_bad_photo_gets_one_sentence_and_is_refused(
    place: str, study: Path, checked: subprocess.CompletedProcess[str], measured: object
) -> None:
    says = PHOTOS[place][1]
    shown = "photos/" + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in place)
    of_folder = says.startswith(("LY-", "photos/LY-", "D999", "no age"))
    found = [s for s in sentences(checked) if re.search(says, s) and (of_folder or s.startswith(shown))]
    assert len(found) == 1, "\n".join(sentences(checked))
    if place in OUT_OF_PLACE:
        return
    file = f"photos/{place}".replace("\udcff", "?")
    row = next(row for row in table(study, "photos.csv") if row["file"] == file)
    assert row["status"] == "refused"
    assert re.search(says, row["problems"])
    assert row["reader"] == ""


@pytest.mark.parametrize("says", TABLES)
def test_a_bad_line_of_a_table_gets_one_sentence(says: str, checked: subprocess.CompletedProcess[str]) -> None:
    assert len([s for s in sentences(checked) if re.search(says, s)]) == 1, "\n".join(sentences(checked))


@POSIX
def test_links_are_not_followed(study: Path, checked: subprocess.CompletedProcess[str], measured: object) -> None:
    links = [s for s in sentences(checked) if "is a link: put the photo itself there." in s]
    assert len(links) == 3
    assert not [row for row in table(study, "photos.csv") if "D5" in row["file"] or "loop" in row["file"]]


def test_the_rest_of_the_study_is_measured(study: Path, measured: object) -> None:
    good = [row for row in table(study, "photos.csv") if row["status"] == "measured"]
    assert {(row["visit"], row["view"], row["reader"]) for row in good} == {
        ("D00", "trunk-anterior", f"model:{default_model()}"),
        ("D07", "trunk-anterior", f"model:{default_model()}"),
    }
    visits = {row["visit"]: row for row in table(study, "visits.csv") if row["patient"] == "LY-1"}
    assert visits["D00"]["detached_bsa_percent"] != ""
    # Some of this patient's files cannot be placed, so the sweeping "*" of D07 holds for nothing.
    assert visits["D07"]["surfaces_unseen"] == "32"
    assert [row["patient"] for row in table(study, "patients.csv")] == ["LY-1", "'=cmd()"]


def test_nothing_is_written_outside_results_masks_and_record(
    home: Path, study: Path, before: dict[str, bytes], measured: object
) -> None:
    new = {name: data for name, data in contents(home).items() if before.get(name) != data}
    place = study.name + "/"
    assert new
    assert all(name.startswith((f"{place}results/", f"{place}masks/", f"{place}readings.db")) for name in new)
    assert before.keys() <= contents(home).keys()
    assert unfinished(study) == []


def test_no_metadata_and_no_absolute_path_reaches_an_output(study: Path, home: Path, measured: object) -> None:
    secrets = [*SECRETS, str(home), str(Path.home() / "")]
    for folder in (study / "results", study / "masks"):
        for name, data in contents(folder).items():
            for secret in secrets:
                assert secret.encode() not in data, f"{secret} in {name}"
    overlays = sorted((study / "results" / "overlays").rglob("*.jpg"))
    assert len(overlays) == 2
    for overlay in overlays:
        with Image.open(overlay) as image:
            assert len(image.getexif()) == 0
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_no_cell_of_any_table_runs_as_a_formula(study: Path, measured: object) -> None:
    tables = sorted((study / "results").glob("*.csv"))
    assert len(tables) == 5
    seen = 0
    for path in tables:
        for row in table(study, path.name):
            for cell in row.values():
                seen += 1
                number = re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", cell)
                assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), f"{cell!r} in {path.name}"
    assert seen > 100
    assert "=cmd" in (study / "results" / "photos.csv").read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tags and attributes of a page, and what it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.shown: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def test_the_report_shows_names_as_text_and_runs_none_of_them(study: Path, measured: object) -> None:
    page = Page((study / "results" / "report.html").read_text(encoding="utf-8"))
    shown = " ".join(page.shown)
    assert page.tags.count("script") <= 1
    assert not [entry for entry in page.attributes if entry[1].startswith("on")]
    assert {value[:5] for tag, name, value in page.attributes if tag == "img" and name == "src"} == {"data:"}
    assert not [
        v for _, name, v in page.attributes if name in ("href", "src") and re.match(r"\s*(javascript|https?):", v)
    ]
    assert "Étude à l'hôpital <b>" in shown
    assert "=cmd()" in shown
    if os.name == "posix":
        assert "<img src=x onerror=alert(1)>.jpg" in shown


def test_the_report_says_everything_that_was_wrong(
    study: Path, measured: object, checked: subprocess.CompletedProcess[str]
) -> None:
    shown = " ".join(" ".join(Page((study / "results" / "report.html").read_text(encoding="utf-8")).shown).split())
    refused = [row for row in table(study, "photos.csv") if row["status"] == "refused"]
    assert len(refused) >= 17
    # The report writes out characters that could hide or reorder text, so it shows those as \\n and \\udcff.
    plain = [row for row in refused if row["file"].isprintable() and "?" not in row["file"]]
    missing = [row["file"] for row in plain if row["problems"].removeprefix("'") not in shown]
    assert missing == []
    assert len(plain) >= len(refused) - 2
    for says in TABLES:
        assert re.search(says, shown), says


@PROC
def test_a_decompression_bomb_costs_no_memory(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    save_photo(folder / "photos" / "P1" / "D0" / "trunk-posterior.jpg", skin_photo())
    code = (
        "import sys;from pathlib import Path;from bsa_measure.measure import measure;measure(Path(sys.argv[1]));"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )

    def peak() -> int:
        return int(subprocess.run([sys.executable, "-c", code, folder], capture_output=True, check=True).stdout)

    without = peak()
    shutil.rmtree(folder / "results")
    (folder / "photos" / "P1" / "D0" / "trunk-anterior.png").write_bytes(real_png_bomb(30_000))
    (folder / "photos" / "P1" / "D0" / "buttocks.png").write_bytes(claimed_png(30_000))
    assert peak() - without < 30_000  # kilobytes
    assert len([row for row in table(folder, "photos.csv") if "million pixels" in row["problems"]]) == 2


# A protocol or a table that cannot be used at all: nothing is measured, exit code 2.
CHART_101 = """
title = "Ours"
source = "our ward"
from_age = [0]
columns = ["all"]
[weights]
front = 50
back = 51
"""
UNUSABLE: dict[str, tuple[str, str, str]] = {
    "unknown key": ("study.toml", "[endpoint]\ntreshold_percent = 90", r"no key 'endpoint\.treshold_percent'"),
    "wrong value": ("study.toml", "[endpoint]\nthreshold_percent = 900", r"'endpoint\.threshold_percent' cannot"),
    "not TOML": ("study.toml", "[endpoint", r"study\.toml is not valid TOML .*: mend that line"),
    "not UTF-8": ("study.toml", "\udce9", r"study\.toml cannot be read: it must be a text file in UTF-8"),
    "sums to 101": ("study.toml", '[chart]\nname = "ours.toml"', r"chart ours\.toml sums to 101, not to 100: mend it"),
    "unknown chart": ("study.toml", '[chart]\nname = "lund"', r"no chart named 'lund': use one of"),
    "unknown surface": ("study.toml", '[views.x]\nsurfaces = ["tigh-left-anterior"]', r"'tigh-left-anterior'.*did"),
    "unknown model": ("study.toml", '[measure]\nmodel = "clasical-v1"', r"no model named 'clasical-v1' "),
    "no age column": ("patients.csv", "patient,age\nP1,40", r"patients\.csv has no column 'age_years': its"),
    "Latin-1 table": ("patients.csv", "patient,age_years\nZo\udce9,40", r"patients\.csv is not in UTF-8: save it"),
    "damaged record": ("readings.db", "not a database" * 100, r"readings\.db is damaged: restore the study"),
}  # fmt: skip


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_study_is_told_in_one_sentence(tmp_path: Path, fault: str) -> None:
    name, text, says = UNUSABLE[fault]
    folder = write_study(tmp_path / "study")
    (folder / "ours.toml").write_text(CHART_101, encoding="utf-8")
    save_photo(folder / "photos" / "P1" / "D0" / "trunk-anterior.jpg", skin_photo())
    (folder / name).write_bytes(text.encode("utf-8", errors="surrogateescape"))
    done = bsa_measure("measure", folder, "--workers", 1)
    assert done.returncode == 2
    assert re.search(says, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    assert str(tmp_path) not in done.stderr
    assert not (folder / "results" / "report.html").exists()


def test_what_is_no_study_is_told_in_one_sentence(tmp_path: Path) -> None:
    nowhere = bsa_measure("measure", tmp_path / "nowhere")
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    assert "no folder" in nowhere.stderr
    empty = bsa_measure("check", ".", cwd=tmp_path)
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path.name} is not a study folder" in empty.stderr
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_a_study_inside_a_loop_of_links_is_measured(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", uninvolved="P1,D0,*")
    save_photo(folder / "photos" / "P1" / "D0" / "trunk-anterior.jpg", skin_photo())
    (folder / "again").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    assert bsa_measure("measure", folder / "again" / "study" / "again" / "study").returncode == 0
    assert table(folder, "photos.csv")[0]["status"] == "measured"
    done = bsa_measure("measure", tmp_path / "itself")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def mask_bytes(mode: str) -> bytes:
    labels = limb_mask({(0, 100): 1, (100, 200): 2})
    if mode == "value 7":
        labels[0, 0] = 7
    images = {
        "value 7": lambda: Image.fromarray(labels),
        "good": lambda: Image.fromarray(labels),
        "palette": lambda: palette(labels),
        "wrong size": lambda: Image.fromarray(labels[:, :-1]),
        "RGB": lambda: Image.fromarray(np.repeat(labels[..., None], 3, axis=2)),
        "16-bit": lambda: Image.fromarray(labels.astype(np.uint16)),
    }
    buffer = io.BytesIO()
    images[mode]().save(buffer, "PNG")
    return buffer.getvalue()


def palette(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels, "L").convert("P")
    image.putdata(labels.ravel().tolist())
    image.putpalette([200, 0, 0] * 256)
    return image


def test_masks_that_cannot_be_used_are_refused_by_name_and_the_others_taken(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    views = ("trunk-anterior", "trunk-posterior", "buttocks", "genitalia", "feet-plantar", "arm-left-anterior")
    for seed, view in enumerate(views):
        save_photo(folder / "photos" / "P1" / "D0" / f"{view}.jpg", skin_photo(seed))
    masks = tmp_path / "masks" / "P1" / "D0"
    masks.mkdir(parents=True)
    cases = {
        "trunk-anterior.png": (mask_bytes("value 7"), r"P1/D0/trunk-anterior\.png has the value 7, .*: correct it"),
        "trunk-posterior.png": (mask_bytes("wrong size"), rf"has {SIDE - 1} × {SIDE} pixels, its upright photo {SIDE}"),
        "buttocks.png": (mask_bytes("RGB"), r"buttocks\.png is a colour or 16-bit picture: export it as grey"),
        "genitalia.png": (mask_bytes("16-bit"), r"genitalia\.png is a colour or 16-bit picture: export it as grey"),
        "arm-left-posterior.png": (mask_bytes("good"), r"has no photograph at photos/P1/D0/arm-left-pos"),
        "arm-left-anterior.tif": (b"II*\0", r"arm-left-anterior\.tif is not a PNG: export the mask again"),
        "head-neck-anterior.png": (b"", r"has no photograph"),
    }  # fmt: skip
    for name, (data, _) in cases.items():
        (masks / name).write_bytes(data)
    all_bad = bsa_measure("import", folder, tmp_path / "masks", "--reader", "Duval")
    assert all_bad.returncode == 2
    (masks / "feet-plantar.PNG").write_bytes(mask_bytes("palette"))
    done = bsa_measure("import", folder, tmp_path / "masks", "--reader", "Duval")
    assert done.returncode == 1
    assert "1 recorded, 0 unchanged, 7 refused" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == len(cases)
    for _, says in cases.values():
        assert len([line for line in lines if re.search(says, line)]) >= 1, done.stderr
    reading = Readings(folder).all()
    assert [(r.view, r.reader) for r in reading] == [("feet-plantar", "Duval")]
    assert len(list((folder / "masks").rglob("*.png"))) == 1


def test_import_from_an_empty_or_missing_folder_is_unusable(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    (tmp_path / "empty").mkdir()
    for name, says in (("empty", "holds no mask"), ("nowhere", "is not a folder")):
        done = bsa_measure("import", folder, tmp_path / name, "--reader", "Duval")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert says in done.stderr


def test_a_lost_mask_of_a_person_is_told_and_the_models_comes_back(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", uninvolved="P1,D0,*")
    for seed, view in enumerate(("trunk-anterior", "trunk-posterior")):
        save_photo(folder / "photos" / "P1" / "D0" / f"{view}.jpg", skin_photo(seed))
    save_mask(tmp_path / "m" / "P1" / "D0" / "trunk-anterior.png", limb_mask({(0, 200): 2}))
    import_masks(open_study(folder), tmp_path / "m", reader="Duval")
    measure(folder)
    undisturbed = contents(folder / "results")
    shutil.move(folder / "masks", tmp_path / "backup")
    shutil.rmtree(folder / "results")
    done = bsa_measure("measure", folder, "--workers", 1)
    assert done.returncode == 1
    assert re.search(r"photos/P1/D0/trunk-anterior.jpg cannot be measured: the mask .* restore", done.stdout), (
        done.stdout
    )
    assert {row["view"]: row["status"] for row in table(folder, "photos.csv")} == {
        "trunk-anterior": "refused",
        "trunk-posterior": "measured",
    }
    shutil.copytree(tmp_path / "backup", folder / "masks", dirs_exist_ok=True)
    measure(folder)
    assert contents(folder / "results") == undisturbed
    assert Readings(folder).verify() == []


# Disturbances: whatever happens, nothing half-written stays, and the next run ends as if nothing had happened.


def small_study(folder: Path, photos: int = 2) -> Path:
    write_study(folder, uninvolved="\n".join(f"P1,D{day},*" for day in range(photos)))
    for day in range(photos):
        save_photo(folder / "photos" / "P1" / f"D{day}" / "trunk-anterior.jpg", skin_photo(day))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = small_study(tmp_path_factory.mktemp("undisturbed") / "study")
    measure(folder)
    return contents(folder / "results")


def fault(folder: Path) -> str:
    """Measure; the sentence that ends it, or nothing when it completes."""
    try:
        measure(folder)
    except BsaMeasureError as error:
        return str(error)
    return ""


class _Full(io.FileIO):
    """A file on a disk that is full after half of what is written to it."""

    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_at(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the given write of the program (1 is the first) find the disk full; the list counts the writes."""
    writes: list[int] = []
    real = os.fdopen

    def fdopen(handle: int, mode: str) -> IO[bytes]:
        writes.append(len(writes) + 1)
        return _Full(handle, mode) if len(writes) == number else real(handle, mode)  # type: ignore[return-value]

    monkeypatch.setattr(files.os, "fdopen", fdopen)
    return writes


def test_a_full_disk_at_any_write_leaves_nothing_half_written(tmp_path: Path) -> None:
    reference = small_study(tmp_path / "0" / "study", photos=1)
    measure(reference)
    undisturbed = contents(reference / "results")
    number = 0
    while True:
        number += 1
        folder = small_study(tmp_path / str(number) / "study", photos=1)
        with pytest.MonkeyPatch.context() as patch:
            writes = full_at(number, patch)
            said = fault(folder)
        if not said:
            assert len(writes) < number
            break
        assert re.fullmatch(r"[\w.-]+ cannot be written \(No space left on device\): check .*\.", said)
        assert unfinished(folder) == []
        written = contents(folder / "results")
        assert all(data == undisturbed[name] for name, data in written.items())
        measure(folder)
        assert contents(folder / "results") == undisturbed
        assert Readings(folder).verify() == []
    assert number > 11  # mask, overlay, thumbnail, outcome of the photograph; seven files at the end


def test_a_record_that_cannot_grow_is_told_and_the_next_run_completes(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder = small_study(tmp_path / "study")
    real = sqlite3.connect
    for pages in range(1, 12):

        def connect(*arguments: Any, _pages: int = pages, **options: Any) -> sqlite3.Connection:
            connection = real(*arguments, **options)
            connection.execute(f"PRAGMA max_page_count = {_pages}")
            return connection

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", connect)
            said = fault(folder)
        if not said:
            break
        assert "readings.db cannot be used (database or disk is full): check that the disk has room" in said
        assert unfinished(folder) == []
        assert not (folder / "results" / "report.html").exists()
    else:
        pytest.fail("never completed")
    assert pages > 3
    assert contents(folder / "results") == undisturbed
    assert Readings(folder).verify() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of its own for a study; call it with mount options to change them."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("only an administrator may mount a disk")
        return place

    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only an administrator may mount a disk")
    yield mount
    subprocess.run(["umount", place], capture_output=True, check=False)


def test_a_disk_that_is_really_full_and_then_has_room(
    small_disk: Callable[[str], Path], undisturbed: dict[str, bytes]
) -> None:
    folder = small_study(small_disk("size=64k") / "study")
    for kilobytes in (64, 160):
        small_disk(f"remount,size={kilobytes}k")
        done = bsa_measure("measure", folder, "--workers", 1)
        assert done.returncode == 2, done.stdout
        assert done.stderr.count("\n") == 1
        assert "check that the disk has room" in done.stderr
        assert unfinished(folder) == []
    small_disk("remount,size=8m")
    assert bsa_measure("measure", folder, "--workers", 1).returncode == 0
    assert contents(folder / "results") == undisturbed


def test_a_read_only_study_can_be_checked_and_says_that_it_cannot_be_measured(
    small_disk: Callable[[str], Path],
) -> None:
    folder = small_study(small_disk("size=8m") / "study")
    small_disk("remount,ro")
    before = contents(folder)
    done = bsa_measure("measure", folder, "--workers", 1)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in done.stderr
    assert "you may write to" in done.stderr
    assert bsa_measure("check", folder, "--workers", 1).returncode == 1  # views of the coming visits are missing
    assert contents(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="an administrator may read every file")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    (folder / "photos" / "P1" / "D0" / "trunk-anterior.jpg").chmod(0)
    done = bsa_measure("measure", folder)
    assert done.returncode == 1
    assert (
        "photos/P1/D0/trunk-anterior.jpg cannot be opened: check that the file exists and may be read." in done.stdout
    )


def test_a_second_measure_at_the_same_time_is_sent_away(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    folder = small_study(tmp_path / "study")
    with held(folder / "results" / ".measuring", "busy"):
        done = bsa_measure("measure", folder)
        assert (done.returncode, done.stderr) == (
            2,
            "bsa-measure: This study is being measured already: wait until that has finished.\n",
        )
    command = [*CODE, "measure", str(folder), "--workers", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert 0 in [process.returncode for process in both], errors
    assert all(not error or "is being measured already" in error for error in errors), errors
    assert contents(folder / "results") == undisturbed
    assert len(Readings(folder).all()) == 2


def disturb(folder: Path, delay: float, how: str) -> tuple[int, str]:
    """Start measure with two workers, and after a while interrupt it, kill it, or kill one of its workers."""
    (folder / "results" / ".measuring").unlink(missing_ok=True)  # an earlier run's says nothing about this one
    process = subprocess.Popen(
        [*CODE, "measure", str(folder), "--workers", "2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    # In its first tenths of a second the program is still being loaded, and Python itself answers Ctrl-C.
    while how == "Ctrl-C" and not (folder / "results" / ".measuring").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while how == "kill a worker" and not children(process.pid) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        if how == "kill a worker":
            for worker in children(process.pid)[:1]:
                os.kill(worker, signal.SIGKILL)
        elif how == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.kill()
    errors = process.communicate(timeout=60)[1]
    while group_lives(process.pid):
        assert time.monotonic() < deadline, "a worker outlives its main process"
        time.sleep(0.05)
    return process.returncode, errors


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def continues(folder: Path, undisturbed: dict[str, bytes]) -> None:
    done = bsa_measure("measure", folder, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert contents(folder / "results") == undisturbed
    record = Readings(folder)
    assert record.verify() == []
    assert len({r.photo_sha256 for r in record.all()}) == len(record.all())


CODES = {"Ctrl-C": {0, 130}, "kill -9": {0, -9}, "kill a worker": {0, 2}}


@PROC
@pytest.mark.parametrize("how", CODES)
def test_measure_goes_on_after_any_end(tmp_path: Path, undisturbed: dict[str, bytes], how: str) -> None:
    folder = small_study(tmp_path / "study")
    for delay in (1.0, 2.0) if how == "kill -9" else (0.0,):
        code, errors = disturb(folder, delay, how)
        assert code in CODES[how], errors
        assert "Traceback" not in errors, errors
        if code == 2:
            assert re.fullmatch(r"bsa-measure: A worker process was ended .*: run again with --workers 1\.\n", errors)
    continues(folder, undisturbed)
    assert [name for name in unfinished(folder / "results") if how != "kill -9"] == []


@pytest.mark.slow
@PROC
def test_measure_goes_on_after_many_ends(tmp_path: Path) -> None:
    reference = small_study(tmp_path / "reference" / "study", photos=8)
    measure(reference)
    expected = contents(reference / "results")
    random = np.random.default_rng(5)
    for how, codes in CODES.items():
        for round_ in range(8):
            folder = small_study(tmp_path / f"{how} {round_}" / "study", photos=8)
            for _ in range(2):
                code, errors = disturb(folder, float(random.uniform(0, 4)), how)
                assert code in codes, errors
                assert "Traceback" not in errors, errors
            continues(folder, expected)
