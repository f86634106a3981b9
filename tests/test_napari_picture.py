"""The photograph with its outlines, written where a person says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsa_measure_napari.picture import proposed_name, save_picture
from drawing import skin_photo
from PIL import Image

from bsa_measure.errors import StudyError


def pixels() -> np.ndarray:
    return skin_photo(0)


def test_it_shows_the_photo_with_outlines_and_says_nothing_about_the_patient(tmp_path: Path) -> None:
    photo = pixels()
    labels = np.zeros(photo.shape[:2], np.uint8)
    labels[100:300, 120:280] = 1
    labels[150:220, 150:230] = 2
    written = save_picture(tmp_path / "meeting", photo, labels, tmp_path / "study")
    assert written == tmp_path / "meeting.jpg"
    with Image.open(written) as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert shown.shape == photo.shape
    apart = np.abs(shown - photo).max(axis=2) > 60
    assert apart[148:152, 160:220].mean() > 0.5, "the lesion's border is drawn"
    assert apart[170:200, 170:210].mean() < 0.05, "the skin inside it is left to be seen"
    assert proposed_name("trunk-anterior") == "trunk-anterior-outlines.jpg"


def test_it_never_goes_over_another_file_nor_among_the_photos_of_the_study(tmp_path: Path) -> None:
    photo = pixels()
    labels = np.zeros(photo.shape[:2], np.uint8)
    there = tmp_path / "slide.jpg"
    there.write_bytes(b"mine")
    for name in ("slide.jpg", "slide"):
        with pytest.raises(StudyError, match="slide.jpg is there already and stays as it is"):
            save_picture(tmp_path / name, photo, labels, tmp_path / "study")
    assert there.read_bytes() == b"mine"
    with pytest.raises(StudyError, match="outside the folder photos"):
        save_picture(tmp_path / "study" / "photos" / "P1" / "D0" / "arm.jpg", photo, labels, tmp_path / "study")
    assert not (tmp_path / "study").exists()
