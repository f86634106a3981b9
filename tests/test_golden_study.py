"""A whole study of drawn photographs and masks; every number below was computed by hand, in the comments."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study

from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.results import StudyResults
from bsa_measure.study import open_study

# Every mask is 400 x 400 pixels, described as 200 rows of two; its silhouette is the middle half of the columns, so
# that a class on 100 rows is half of the surface.
MASKS = {
    # --- patient A, 40 years, adult column ---------------------------------------------------------------------
    # D-1 trunk-anterior: 100 rows detached of 200 -> f = 0.5                      13    * 0.5  = 6.5
    ("A", "D-1", "trunk-anterior"): {(0, 100): 1, (100, 200): 2},
    # D-1 trunk-posterior: 40 detached, 120 intact, 40 hidden -> f = 40/160 = 0.25, c = 160/200 = 0.8
    #     point 13 * 0.25 = 3.25; low 13 * 0.8 * 0.25 = 2.6; high 13 * (0.2 + 0.2) = 5.2
    ("A", "D-1", "trunk-posterior"): {(0, 40): 2, (40, 160): 1, (160, 200): 4},
    # D-1 point 9.75, low 9.1, high 11.7
    # D0 trunk-anterior: 160 detached -> f = 0.8 -> 10.4; trunk-posterior declared uninvolved
    ("A", "D0", "trunk-anterior"): {(0, 40): 1, (40, 200): 2},
    # D0 lower limb, left, front: pixel row p of 400 lies at p / 399 of the silhouette; cuts at 0.46, 0.9.
    #     thigh pixel rows 0-183; 0-91 detached -> f = 92/184 = 0.5 -> 4.75 * 0.5 = 2.375; leg and foot intact
    ("A", "D0", "lower-limb-left-anterior"): {(0, 46): 2, (46, 200): 1},
    # D0 point 12.775 = low = high
    # D7 trunk-anterior: 14 detached, 146 re-epithelialised, 40 intact
    #     -> f = 0.07 -> 0.91; e = 0.73 -> 9.49
    ("A", "D7", "trunk-anterior"): {(0, 14): 2, (14, 160): 3, (160, 200): 1},
    # --- patient B, 3 years, column "1": head 8.5, thigh 3.25 ---------------------------------------------------
    # D0 head-anterior, two photographs: 50 of 200 and 150 of 200 detached -> pooled f = 200/400 = 0.5 -> 4.25
    ("B", "D0", "head-anterior"): {(0, 50): 2, (50, 200): 1},
    ("B", "D0", "head-anterior-2"): {(0, 150): 2, (150, 200): 1},
    # D7 head-anterior: 20 of 100 seen rows detached, 100 rows hidden -> f = 0.2, c = 0.5
    #     point 1.7; low 0.85; high 8.5 * (0.1 + 0.5) = 5.1
    ("B", "D7", "head-anterior"): {(0, 20): 2, (20, 100): 1, (100, 200): 4},
}


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResults]:
    root = tmp_path_factory.mktemp("golden")
    study = write_study(
        root / "study",
        protocol='[measure]\ngeometry = "flat"\n',
        patients="A,40,-4\nB,3,-9",
        uninvolved="A,D-1,*\nA,D00,*\nA,D7,*\nB,D0,*\nB,D7,*",
    )
    for seed, ((patient, visit, view), rows) in enumerate(MASKS.items()):
        save_photo(study / "photos" / patient / visit / f"{view}.jpg", skin_photo(seed))
        save_mask(root / "masks" / patient / visit / f"{view}.png", limb_mask(rows))
    report = import_masks(open_study(study), root / "masks", reader="Duval")
    assert (len(report.recorded), report.problems) == (len(MASKS), ())
    return study, measure(study)


def table(golden: tuple[Path, StudyResults], name: str) -> list[dict[str, str]]:
    with (golden[0] / "results" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(row: dict[str, str], *columns: str) -> list[float]:
    return [float(row[column]) for column in columns]


def test_visits(golden: tuple[Path, StudyResults]) -> None:
    rows = {(row["patient"], row["visit"]): row for row in table(golden, "visits")}
    columns = ("detached_bsa_percent", "detached_bsa_low", "detached_bsa_high", "reepithelialised_bsa_percent")
    assert numbers(rows["A", "D-1"], *columns) == pytest.approx([9.75, 9.1, 11.7, 0])
    assert numbers(rows["A", "D00"], *columns) == pytest.approx([12.775, 12.775, 12.775, 0])
    assert numbers(rows["A", "D07"], *columns) == pytest.approx([0.91, 0.91, 0.91, 9.49])
    assert numbers(rows["B", "D00"], *columns) == pytest.approx([4.25, 4.25, 4.25, 0])
    assert numbers(rows["B", "D07"], *columns) == pytest.approx([1.7, 0.85, 5.1, 0])
    # One view with three surfaces, and the trunk: 4 seen; 29 declared uninvolved.
    assert numbers(rows["A", "D00"], "surfaces_seen", "surfaces_unseen", "surfaces_uninvolved") == [4, 0, 29]


def test_surfaces(golden: tuple[Path, StudyResults]) -> None:
    rows = {(row["patient"], row["visit"], row["surface"]): row for row in table(golden, "surfaces")}
    columns = ("weight_percent", "detached_fraction", "reepithelialised_fraction", "assessable_fraction", "photos")
    assert numbers(rows["A", "D-1", "trunk-posterior"], *columns) == pytest.approx([13, 0.25, 0, 0.8, 1])
    assert numbers(rows["A", "D00", "thigh-left-anterior"], *columns) == pytest.approx([4.75, 0.5, 0, 1, 1])
    assert numbers(rows["A", "D00", "leg-left-anterior"], *columns) == pytest.approx([3.5, 0, 0, 1, 1])
    assert numbers(rows["B", "D00", "head-anterior"], *columns) == pytest.approx([8.5, 0.5, 0, 1, 2])
    assert rows["B", "D00", "head-anterior"]["reader"] == "Duval"
    assert rows["B", "D00", "trunk-anterior"]["assessable_fraction"] == ""


def test_endpoints(golden: tuple[Path, StudyResults]) -> None:
    rows = {(row["patient"], row["visit"]): row for row in table(golden, "endpoints")}
    assert [visit for patient, visit in rows if patient == "A"] == ["D05", "D07", "D10", "D15"]
    a, b = rows["A", "D07"], rows["B", "D07"]
    # A: peak 12.775 on D0. Ever detached: trunk front 10.4 + trunk back 3.25 + thigh 2.375 = 16.025.
    assert numbers(a, "max_detached_bsa_percent", "ever_detached_bsa_percent") == pytest.approx([12.775, 16.025])
    assert a["max_visit"] == "D00"
    # H = 100 (1 - 0.91 / 12.775) = 92.8767; both bounds the same, for D0 is the maximum in every case:
    # D-1 may be 11.7 at most. R = 100 * 9.49 / 12.775 = 74.2857.
    h = 100 * (1 - 0.91 / 12.775)
    assert numbers(a, "healed_percent", "healed_low", "healed_high") == pytest.approx([h, h, h])
    assert float(a["reepithelialised_percent"]) == pytest.approx(100 * 9.49 / 12.775)
    assert (a["response"], a["probability_of_response"]) == ("yes", "")
    assert "18.6 points apart" in a["flags"]  # 92.88 - 74.29
    # B: H = 100 (1 - 1.7 / 4.25) = 60. Low: D7 may be 5.1, then it is the maximum itself: 0. High: 100 (1 - 0.85/4.25).
    assert numbers(b, "healed_percent", "healed_low", "healed_high") == pytest.approx([60, 0, 80])
    assert b["response"] == "no"
    assert rows["A", "D15"]["response"] == "undetermined"
    assert rows["A", "D15"]["healed_percent"] == ""


def test_patients(golden: tuple[Path, StudyResults]) -> None:
    a, b = table(golden, "patients")
    # A: 12.775 on D0, day 4 of the disease: eligible, an overlap. B: at most 4.25: not eligible, SJS.
    assert [a[c] for c in ("chart_column", "eligible", "eligible_visit", "category")] == [
        "adult",
        "yes",
        "D00",
        "overlap",
    ]
    assert [b[c] for c in ("chart_column", "eligible", "eligible_visit", "category")] == ["1", "no", "", "SJS"]
    assert float(a["max_detached_bsa_percent"]) == pytest.approx(12.775)


def test_photos_and_provenance(golden: tuple[Path, StudyResults]) -> None:
    rows = table(golden, "photos")
    assert len(rows) == len(MASKS)
    assert {row["status"] for row in rows} == {"measured"}
    assert {row["reader"] for row in rows} == {"Duval"}
    assert rows[0]["file"] == "photos/A/D-1/trunk-anterior.jpg"
    provenance = json.loads((golden[0] / "results" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["counts"]["measured"] == len(MASKS)
    assert str(golden[0]) not in json.dumps(provenance)
