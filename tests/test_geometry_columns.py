"""What a study's tables say about geometry: flat figures beside corrected ones, and where a call depends on it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from drawing import save_mask, save_photo, skin_photo, write_study

from bsa_measure.geometry import FLAG_CUT_FLAT
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.study import open_study

SIDE = 400


def stripe(first: int, last: int) -> np.ndarray:
    """A limb of 200 columns on 300 rows of which the columns first … last - 1 are detached."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[50:350, 100:300] = 1
    labels[50:350, first:last] = 2
    return labels


def cut_stripe() -> np.ndarray:
    """The same limb, but the left edge of the photograph cuts it."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[50:350, :200] = 1
    labels[50:350, :20] = 2
    return labels


MASKS = {
    # D0: the middle half of the width is detached. Flat: f = 0.5.
    ("D0", "thigh-left-posterior"): stripe(150, 250),
    # D7: the middle 11 of 200 columns. Flat: f = 0.055.
    ("D7", "thigh-left-posterior"): stripe(195, 206),
    ("D7", "leg-left-posterior"): cut_stripe(),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("geometry")
    study = write_study(root / "study", uninvolved="P1,D0,*\nP1,D7,*")
    for seed, ((visit, view), labels) in enumerate(MASKS.items()):
        save_photo(study / "photos" / "P1" / visit / f"{view}.jpg", skin_photo(seed))
        save_mask(root / "masks" / "P1" / visit / f"{view}.png", labels)
    assert len(import_masks(open_study(study), root / "masks", reader="Duval").recorded) == len(MASKS)
    measure(study)
    return study / "results"


def rows(results: Path, name: str, **wanted: str) -> list[dict[str, str]]:
    with (results / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


def test_a_central_lesion_counts_less_than_its_pixels(results: Path) -> None:
    (row,) = rows(results, "surfaces", visit="D00", surface="thigh-left-posterior")
    assert float(row["detached_fraction_flat"]) == pytest.approx(0.5)
    # A cylinder would say 1/3; the back of a thigh is flatter than that in the middle.
    assert 0.28 < float(row["detached_fraction"]) < 0.45
    assert row["geometry_flag"] == ""
    (visit,) = rows(results, "visits", visit="D00")
    # The adult chart gives the back of the thigh 4.75 %.
    assert float(visit["detached_bsa_percent_flat"]) == pytest.approx(4.75 * 0.5)
    assert float(visit["detached_bsa_percent"]) == pytest.approx(4.75 * float(row["detached_fraction"]))


def test_a_surface_that_the_frame_cuts_counts_flat_and_says_so(results: Path) -> None:
    (row,) = rows(results, "surfaces", visit="D07", surface="leg-left-posterior")
    assert row["geometry_flag"] == FLAG_CUT_FLAT
    assert row["detached_fraction"] == row["detached_fraction_flat"]
    assert float(row["detached_fraction"]) == pytest.approx(0.1)


def test_the_flat_course_stands_beside_the_corrected_one(results: Path) -> None:
    (row,) = rows(results, "endpoints", visit="D07")
    # D7: 4.75 × 11/200 + 3.5 × 0.1 = 0.61125 of 2.375 at the maximum: healed 74.26 %.
    assert float(row["healed_percent_flat"]) == pytest.approx(100 * (1 - 0.61125 / 2.375))
    assert row["response_flat"] == "no"
    assert float(row["healed_percent"]) != pytest.approx(float(row["healed_percent_flat"]), abs=0.1)
    assert "depends on the geometry" not in row["flags"]  # both say no


def test_a_call_that_depends_on_the_geometry_is_flagged(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", uninvolved="P1,D0,*\nP1,D7,*")
    # D0: the two flanks, 50 columns each; D7: the 11 columns in the middle. Flat: 0.5 and 0.055, healed 89 %: no.
    # On a cylinder the flanks are 2/3 of the skin and the middle 0.035: healed 95 %: yes.
    flanks = stripe(100, 150)
    flanks[50:350, 250:300] = 2
    for seed, (visit, labels) in enumerate((("D0", flanks), ("D7", stripe(195, 206)))):
        save_photo(study / "photos" / "P1" / visit / "thigh-left-posterior.jpg", skin_photo(seed))
        save_mask(tmp_path / "masks" / "P1" / visit / "thigh-left-posterior.png", labels)
    import_masks(open_study(study), tmp_path / "masks", reader="Duval")
    measure(study)
    (row,) = rows(study / "results", "endpoints", visit="D07")
    assert (row["response"], row["response_flat"]) == ("yes", "no")
    assert "the call depends on the geometry: counting pixels alike gives no (89.0 % healed)" in row["flags"]


def test_a_wrong_outline_widens_the_interval(results: Path) -> None:
    (row,) = rows(results, "surfaces", visit="D00", surface="thigh-left-posterior")
    low, f, high = (float(row[name]) for name in ("geometry_low", "detached_fraction", "geometry_high"))
    # The middle half of the width: a width wrong by 2 % changes it by about 0.01 (test_geometry.py); where the table
    # carries more towards the outline than at it, every wrong outline may change it to the same side.
    assert f - 0.03 < low <= f <= high < f + 0.03
    assert high - low > 0.005
    (visit,) = rows(results, "visits", visit="D00")
    # All else is declared free of lesions, and nothing on the thigh is hidden.
    assert float(visit["detached_bsa_low"]) == pytest.approx(4.75 * low)
    assert float(visit["detached_bsa_high"]) == pytest.approx(4.75 * high)


def test_an_outline_that_the_frame_cuts_leaves_the_round_figure_open(results: Path) -> None:
    (row,) = rows(results, "surfaces", visit="D07", surface="leg-left-posterior")
    assert float(row["geometry_low"]) <= float(row["detached_fraction"]) <= float(row["geometry_high"])
    assert float(row["geometry_low"]) < float(row["geometry_high"])


def test_the_report_shows_how_much_each_pixel_counts_and_checks_the_chart(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    assert page.count('<details class="weight">') == len(MASKS)
    assert "what has no colour is not measured" in page
    (visit,) = rows(results, "visits", visit="D00")
    shown = re.search(r"would be D0: ([0-9.]+) \(([+−][0-9.]+)\) % BSA", page)
    assert shown is not None
    # Both are printed with two decimals.
    assert float(shown[1]) - float(shown[2].replace("−", "-")) == pytest.approx(
        float(visit["detached_bsa_percent"]), abs=0.0101
    )


def test_a_flat_study_has_neither_weights_nor_doubt(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", protocol='[measure]\ngeometry = "flat"\n', uninvolved="P1,D0,*")
    save_photo(study / "photos" / "P1" / "D0" / "thigh-left-posterior.jpg", skin_photo(0))
    save_mask(tmp_path / "masks" / "P1" / "D0" / "thigh-left-posterior.png", stripe(150, 250))
    import_masks(open_study(study), tmp_path / "masks", reader="Duval")
    measure(study)
    (row,) = rows(study / "results", "surfaces", visit="D00", surface="thigh-left-posterior")
    assert float(row["geometry_low"]) == float(row["geometry_high"]) == float(row["detached_fraction"])
    assert "how much each pixel counts" not in (study / "results" / "report.html").read_text(encoding="utf-8")
    assert not list((study / "results" / "cache").glob("*-weight.jpg"))
