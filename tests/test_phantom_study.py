"""A phantom study is an ordinary study folder whose truth is known, and the same every time."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

pytest.importorskip("numba")

from bsa_measure.chart import load_chart
from bsa_measure.errors import PhantomError
from bsa_measure.phantom.command import generate_study
from bsa_measure.phantom.drape import drape
from bsa_measure.phantom.light import Lamp, Lighting
from bsa_measure.phantom.patients import generator
from bsa_measure.phantom.photograph import Fault, develop
from bsa_measure.phantom.raster import Buffers, Camera
from bsa_measure.phantom.render import Exposure
from bsa_measure.phantom.study import aim_of
from bsa_measure.study import open_study
from bsa_measure.tissue import Tissue

ASKED = {"patients": 1, "seed": 4, "visits": "D0,D7", "views": "trunk-anterior,hand-left-palmar", "size": 160}
GOOD = Fault(0.0, (1.0, 1.0, 1.0), 0.4, 0.5, (0.0, 0.0), 1.0, 0.2, 90, 1, False, ())


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "study"
    generate_study(folder, **ASKED)
    return folder


def test_a_phantom_study_is_a_study_folder(study: Path) -> None:
    opened = open_study(study)
    assert opened.problems == ()
    assert [photo.file for photo in opened.photos] == [
        f"photos/PH-001/{visit}/{view}.jpg"
        for visit in ("D00", "D07")
        for view in ("trunk-anterior", "hand-left-palmar")
    ]
    assert all(not photo.problem for photo in opened.photos)
    assert set(opened.truth) == {("PH-001", 0), ("PH-001", 7)}


def test_truth_is_as_large_as_the_upright_photograph(study: Path) -> None:
    surfaces = load_chart("lund-browder").surfaces
    for photo in sorted(study.glob("photos/*/*/*.jpg")):
        place = photo.relative_to(study / "photos").with_suffix(".png")
        with Image.open(photo) as picture:
            upright = ImageOps.exif_transpose(picture).size
        tissue = np.asarray(Image.open(study / "truth" / "masks" / place))
        surface = np.asarray(Image.open(study / "truth" / "surfaces" / place))
        assert tissue.dtype == surface.dtype == np.uint8
        assert tissue.shape == surface.shape == upright[::-1]
        assert tissue.max() <= Tissue.NOT_ASSESSABLE
        # Every pixel of skin lies on a surface, and nothing else does.
        assert np.array_equal(tissue > 0, surface > 0)
        number = surfaces.index("trunk-anterior" if "trunk" in photo.stem else "hand-left-palmar") + 1
        assert (surface == number).mean() > 0.05


def test_the_same_seed_gives_the_same_bytes_and_an_interrupted_run_goes_on(study: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    generate_study(again, **{**ASKED, "visits": "D7"})
    seen: list[str] = []
    result = generate_study(again, **ASKED, progress=lambda done, total, name: seen.append(f"{done}/{total} {name}"))
    assert (result.made, result.kept) == (2, 2)
    assert seen[0] == "0/4 PH-001/D00/trunk-anterior"
    assert files(again) == files(study)


def test_a_folder_is_not_continued_with_another_seed(study: Path) -> None:
    before = files(study)
    with pytest.raises(PhantomError, match="choose an empty folder"):
        generate_study(study, **{**ASKED, "seed": 5})
    assert files(study) == before


def test_a_real_study_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("patient,age_years\nA,40\n", encoding="utf-8")
    with pytest.raises(PhantomError, match="not a phantom study"):
        generate_study(tmp_path, **ASKED)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"patients": 0}, "at least one"), ({"visits": "Monday"}, "'Monday'"), ({"views": "left-ear"}, "left-ear"),
     ({"size": 20}, "20 pixels")],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_in_one_sentence(wrong: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match=message):
        generate_study(tmp_path / "x", **{**ASKED, **wrong})


def test_the_truth_tables_agree_with_each_other(study: Path) -> None:
    def table(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((study / "truth" / name).read_text(encoding="utf-8"))))

    for visit in table("visits.csv"):
        own = [row for row in table("surfaces.csv") if row["visit"] == visit["visit"]]
        assert sum(float(r["weight_percent"]) for r in own) == pytest.approx(100)
        chart = sum(float(r["weight_percent"]) * float(r["detached_fraction"]) for r in own)
        mesh = sum(float(r["mesh_share_percent"]) * float(r["detached_fraction"]) for r in own)
        assert float(visit["detached_bsa_percent"]) == pytest.approx(chart, abs=1e-6)
        assert float(visit["mesh_detached_bsa_percent"]) == pytest.approx(mesh, abs=1e-6)
    first, last = (float(v["detached_bsa_percent"]) for v in table("visits.csv"))
    endpoint = next(row for row in table("endpoints.csv") if row["day"] == "7")
    assert float(endpoint["healed_percent"]) == pytest.approx(100 * (1 - last / max(first, last)), abs=1e-6)
    assert endpoint["response"] == ("yes" if float(endpoint["healed_percent"]) >= 90 else "no")


def test_the_sheet_covers_the_rest_of_the_body_and_not_the_part() -> None:
    own, other = np.zeros((300, 300), bool), np.zeros((300, 300), bool)
    own[100:200, 100:200] = True  # 1 m to 250 pixels: a part of 40 cm
    other[:100, 100:200] = True  # what lies above it
    buffers = Buffers(np.where(own | other, 0, -1).astype(np.int32), np.zeros((300, 300, 2), np.float32),
                      np.where(own | other, 1.0, 0.0).astype(np.float32))  # fmt: skip
    camera = Camera(np.zeros(3), np.eye(3), 250.0, 300, 300, (150.0, 150.0))
    light = np.full((300, 300, 3), 0.1, np.float32)
    lighting = Lighting((Lamp((0.0, 0.0, -1.0), (1.0, 1.0, 1.0), 0.1),), (0.3, 0.3, 0.3), 0.0)
    sheet = drape(light, own, other, buffers, camera, lighting, np.random.default_rng(0))
    assert sheet[other].mean() > 0.95
    assert sheet[own].mean() < 0.05
    assert not sheet[280:].any()
    assert light[sheet].mean() > 0.3
    assert not drape(light, own, np.zeros_like(own), buffers, camera, lighting, np.random.default_rng(0)).any()


def scene() -> Exposure:
    """Half skin, half sheet, 90 by 120 pixels; a stripe of the skin shines."""
    light = np.full((90, 120, 3), 0.6, np.float32)
    light[:, :60] = (0.35, 0.22, 0.17)
    shine = np.zeros((90, 120), np.float32)
    light[25:40, 20:35] = 4.0
    shine[25:40, 20:35] = 3.7
    tissue = np.zeros((90, 120), np.uint8)
    tissue[:, :60] = Tissue.INTACT
    return Exposure(light, tissue, (tissue > 0).astype(np.uint8), shine, np.ones((90, 120), np.float32))


def test_skin_that_only_shines_cannot_be_assessed() -> None:
    tissue = develop(scene(), GOOD, 0, np.random.default_rng(0)).tissue
    assert (tissue[28:37, 23:32] == Tissue.NOT_ASSESSABLE).all()
    assert (tissue[60:, :60] == Tissue.INTACT).all()
    assert (tissue[:, 60:] == Tissue.BACKGROUND).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_file_is_upright_once_its_orientation_is_applied(orientation: int) -> None:
    fault = Fault(**{**GOOD.__dict__, "orientation": orientation, "located": True})
    taken = develop(scene(), fault, 0, np.random.default_rng(0))
    with Image.open(io.BytesIO(taken.jpeg)) as stored:
        assert stored.getexif()[0x0112] == orientation
        assert 2 in stored.getexif().get_ifd(0x8825)
        upright = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    assert upright.shape[:2] == taken.tissue.shape
    # Skin is redder than the sheet and lies at the left.
    redness = upright[..., 0] - upright[..., 2]
    assert redness[60:, 5:55].mean() > redness[60:, 65:].mean() + 20


def test_a_ruler_laid_down_is_not_skin() -> None:
    bare = scene()
    bare.tissue[:], bare.surface[:] = Tissue.INTACT, 1
    bare.tissue[:, 20:], bare.surface[:, 20:] = Tissue.BACKGROUND, 0
    fault = Fault(**{**GOOD.__dict__, "things": ("marker",)})
    before = bare.light.copy()
    taken = develop(bare, fault, 0, generator("things"))
    assert not np.array_equal(bare.light, before)
    assert np.array_equal(taken.tissue == 0, taken.surface == 0)
    # It lies beside the skin, but for a corner.
    assert (taken.tissue[:, :20] != Tissue.BACKGROUND).mean() > 0.9


def test_nothing_is_laid_over_a_picture_full_of_skin() -> None:
    full = scene()
    full.tissue[:], full.surface[:] = Tissue.INTACT, 1
    before = full.light.copy()
    fault = Fault(**{**GOOD.__dict__, "things": ("ruler", "card", "marker")})
    taken = develop(full, fault, 0, generator("things"))
    assert np.array_equal(full.light, before)
    assert (taken.surface == 1).all()


def test_the_tilt_is_told(study: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((study / "truth" / "photos.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 4
    assert all(0 <= float(row["tilt_degrees"]) < 22 for row in rows)
    aim = aim_of(4, "PH-001", 0, "trunk-anterior")
    assert float(rows[0]["roll_degrees"]) == pytest.approx(aim.roll)
