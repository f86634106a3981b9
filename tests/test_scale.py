"""The scale marker: laid into photographs of phantoms at a known size, tilted, blurred, cut, and not there at all."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import save_mask, save_photo, skin_photo, write_study

from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.photo import read_photo
from bsa_measure.scale import MARKER_NUMBER, SMALLEST_SIDE, TILTED_DEGREES, find_scale, marker_cells, marker_svg
from bsa_measure.study import open_study

ROOT = Path(__file__).parent.parent
PHOTOS = sorted((ROOT / "sample_images" / "photos").rglob("*.jpg"))
SIDE_MM = 50.0


def phantom_photo() -> np.ndarray:
    """A rendered photograph at 1024 pixels."""
    path = next(path for path in PHOTOS if path.name == "trunk-anterior.jpg")
    pixels = read_photo(path, long_side=1024).pixels
    scale = 1024 / max(pixels.shape)
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))


def lay_marker(
    pixels: np.ndarray, side: float, *, tilt: float = 0, roll: float = 20, middle: tuple[float, float] = (110, 130)
) -> np.ndarray:
    """The marker on white paper, ``side`` pixels wide, seen by a pinhole camera one metre away.

    Args:
        tilt: degrees out of the image plane, about an axis that lies between the marker's sides.
        roll: degrees in the image plane.
    """
    cells = np.pad(~marker_cells(), 1, constant_values=True)
    art = np.kron(cells, np.ones((16, 16))).astype(np.float32) * 225 + 15
    half = 0.5 * 10 / 8 * SIDE_MM / 1000  # of the paper, in metres
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half
    turn, _ = cv2.Rodrigues(np.radians(tilt) * np.array([np.cos(0.5), np.sin(0.5), 0.0]))
    spin, _ = cv2.Rodrigues(np.array([0, 0, np.radians(roll)]))
    seen = corners @ (spin @ turn).T + [0, 0, 1]
    focal = side / (SIDE_MM / 1000)
    target = seen[:, :2] / seen[:, 2:] * focal + middle
    size = art.shape[0]
    source = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32) - 0.5
    shape = (pixels.shape[1] * 4, pixels.shape[0] * 4)  # drawn four times as large: a real edge is not a step of pixels
    matrix = cv2.getPerspectiveTransform(source, ((target + 0.5) * 4 - 0.5).astype(np.float32))
    ink = cv2.warpPerspective(art, matrix, shape, flags=cv2.INTER_LINEAR)
    there = cv2.warpPerspective(np.ones_like(art), matrix, shape, flags=cv2.INTER_LINEAR)
    ink, there = (
        cv2.resize(each, pixels.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None] for each in (ink, there)
    )
    return np.clip(pixels * (1 - there) + ink * np.minimum(there, 1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [40, 80, 130])
@pytest.mark.parametrize("roll", [0, 33, 90])
def test_a_marker_that_faces_the_camera_gives_the_scale(side: float, roll: float) -> None:
    found = find_scale(lay_marker(phantom_photo(), side, roll=roll), SIDE_MM)
    assert found is not None
    assert found.cm_per_pixel == pytest.approx(SIDE_MM / 10 / side, rel=0.03)
    assert found.note == ""


@pytest.mark.parametrize("tilt", [20, 35, 50])
def test_a_tilt_is_seen_and_taken_out_of_the_scale(tilt: float) -> None:
    found = find_scale(lay_marker(phantom_photo(), 90, tilt=tilt), SIDE_MM)
    assert found is not None
    assert found.cm_per_pixel == pytest.approx(SIDE_MM / 10 / 90, rel=0.04)
    assert found.tilt_degrees == pytest.approx(tilt, abs=5)
    assert ("tilted" in found.note) == (tilt > TILTED_DEGREES)


def test_blur_costs_little_until_nothing_is_read() -> None:
    sharp = lay_marker(phantom_photo(), 90)
    for sigma in (1.0, 2.0, 3.0):
        found = find_scale(cv2.GaussianBlur(sharp, (0, 0), sigma), SIDE_MM)
        assert found is not None
        assert found.cm_per_pixel == pytest.approx(SIDE_MM / 10 / 90, rel=0.03)
    assert find_scale(cv2.GaussianBlur(sharp, (0, 0), 15), SIDE_MM) is None


def test_part_of_a_marker_is_none() -> None:
    pixels = phantom_photo()
    assert find_scale(lay_marker(pixels, 90, middle=(110, 5)), SIDE_MM) is None
    covered = lay_marker(pixels, 90, roll=0)
    covered[:, :95] = 200  # a sheet over the left third
    assert find_scale(covered, SIDE_MM) is None


def test_a_small_marker_is_read_with_doubt() -> None:
    found = find_scale(lay_marker(phantom_photo(), SMALLEST_SIDE - 6), SIDE_MM)
    assert found is not None
    assert "pixels wide" in found.note


def test_two_markers_that_disagree_are_in_doubt() -> None:
    pixels = lay_marker(phantom_photo(), 90)
    alike = find_scale(lay_marker(pixels, 90, middle=(600, 900)), SIDE_MM)
    other = find_scale(lay_marker(pixels, 70, middle=(600, 900)), SIDE_MM)
    assert alike is not None
    assert other is not None
    assert alike.note == ""
    assert "2 markers differ in size" in other.note


def test_no_photograph_of_the_sample_study_shows_our_marker() -> None:
    some = PHOTOS[::8]
    assert len(some) > 10
    assert not [path for path in some if find_scale(read_photo(path, long_side=1024).pixels, SIDE_MM)]


def test_another_square_of_the_same_family_is_not_ours() -> None:
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    pixels = np.full((400, 400, 3), 230, np.uint8)
    pixels[100:260, 100:260] = cv2.aruco.generateImageMarker(family, MARKER_NUMBER + 1, 160)[..., None]
    assert find_scale(pixels, SIDE_MM) is None
    pixels[100:260, 100:260] = cv2.aruco.generateImageMarker(family, MARKER_NUMBER, 160)[..., None]
    found = find_scale(pixels, SIDE_MM)
    assert found is not None
    assert found.cm_per_pixel == pytest.approx(5 / 160, rel=0.01)


def test_the_printed_page_is_what_the_program_draws() -> None:
    assert (ROOT / "docs" / "marker.svg").read_text(encoding="utf-8") == marker_svg()
    assert marker_svg().count("<rect") == 2 + int(marker_cells().sum())  # paper and cutting line


def table(study: Path, name: str) -> list[dict[str, str]]:
    with (study / "results" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_with_a_marker_has_cm2_and_the_same_fractions(tmp_path: Path) -> None:
    photo = skin_photo(3, side=800)
    photo = lay_marker(photo, 80, roll=0, middle=(100, 100))
    labels = np.zeros((800, 800), np.uint8)
    labels[100:700, 200:600] = 1
    labels[300:400, 300:500] = 2
    found = {}
    for name, protocol in (("without", ""), ("with", "marker_side_mm = 50\n")):
        study = write_study(tmp_path / name, protocol=f'[measure]\ngeometry = "flat"\n{protocol}', uninvolved="P1,D0,*")
        save_photo(study / "photos" / "P1" / "D0" / "thigh-left-posterior.jpg", photo)
        save_mask(tmp_path / f"masks-{name}" / "P1" / "D0" / "thigh-left-posterior.png", labels)
        import_masks(open_study(study), tmp_path / f"masks-{name}", reader="Duval")
        measure(study)
        found[name] = study
    (row,) = table(found["with"], "photos.csv")
    # 80 pixels are 5 cm; 100 x 200 pixels are detached.
    assert float(row["cm_per_pixel"]) == pytest.approx(5 / 80, rel=0.02)
    assert float(row["detached_cm2"]) == pytest.approx(100 * 200 * (5 / 80) ** 2, rel=0.04)
    assert row["scale_note"] == ""
    (row,) = table(found["without"], "photos.csv")
    assert (row["cm_per_pixel"], row["detached_cm2"], row["scale_note"]) == ("", "", "")
    for name in ("surfaces.csv", "visits.csv", "endpoints.csv", "patients.csv"):
        assert table(found["with"], name) == table(found["without"], name)


def test_the_scale_is_that_of_the_upright_original(tmp_path: Path) -> None:
    photo = lay_marker(skin_photo(3, side=800), 120, roll=0, middle=(100, 100))
    study = write_study(
        tmp_path / "study", protocol="[measure]\nworking_long_side = 400\nmarker_side_mm = 50\n", uninvolved="P1,D0,*"
    )
    save_photo(study / "photos" / "P1" / "D0" / "thigh-left-posterior.jpg", photo)
    labels = np.zeros((400, 400), np.uint8)
    labels[50:350, 100:300] = 2
    save_mask(tmp_path / "masks" / "P1" / "D0" / "thigh-left-posterior.png", labels)
    import_masks(open_study(study), tmp_path / "masks", reader="Duval")
    measure(study)
    (row,) = table(study, "photos.csv")
    assert float(row["cm_per_pixel"]) == pytest.approx(5 / 120, rel=0.03)
