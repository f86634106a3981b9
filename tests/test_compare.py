"""Two readers of a small drawn study, from their masks to the sentence, through the real command."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from typer.testing import CliRunner

from bsa_measure.agreement import agreement
from bsa_measure.cli import app
from bsa_measure.compare import Comparison, compare_readers, may_replace
from bsa_measure.compare_files import comparison_tables, default_folder, write_comparison
from bsa_measure.errors import ReadingError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.protocol import AgreementRules
from bsa_measure.readings import NewReading, Readings, mask_path, store_mask
from bsa_measure.study import open_study

PATIENTS = [f"P{i}" for i in range(1, 7)]
# Rows of 200 that each reader calls detached on the chest (13 % BSA) at D0 and at D7; P1 decides the call.
DUVAL = {"P1": (100, 10), "P2": (60, 2), "P3": (150, 60), "P4": (40, 0), "P5": (90, 45), "P6": (170, 8)}
OKAFOR = {"P1": (100, 12), "P2": (64, 2), "P3": (140, 62), "P4": (44, 2), "P5": (90, 40), "P6": (176, 8)}
LIN = {patient: (d0 + 5, d7) for patient, (d0, d7) in DUVAL.items()}
# Drawn squares are no limbs: with every pixel alike, and no doubt of an outline, the figures can be had by hand.
PROTOCOL = '[measure]\ngeometry = "flat"\n[agreement]\nminimum_patients = 6\ndraws = 200\n'


def mask(rows: int) -> np.ndarray:
    """Skin with the first rows detached, over the whole width of the limb."""
    return limb_mask({(0, rows): 2, (rows, 200): 1})


def masks_of(folder: Path, rows: dict[str, tuple[int, int]]) -> Path:
    for patient, heights in rows.items():
        for visit, height in zip(("D0", "D7"), heights, strict=True):
            save_mask(folder / patient / visit / "trunk-anterior.png", mask(height))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("compare")
    folder = write_study(
        base / "study",
        protocol=PROTOCOL,
        patients="\n".join(f"{p},40,-3" for p in PATIENTS),
        uninvolved="\n".join(f"{p},{visit},*" for p in PATIENTS for visit in ("D0", "D5", "D7")),
    )
    for number, (patient, visit) in enumerate((p, v) for p in PATIENTS for v in ("D0", "D7")):
        save_photo(folder / "photos" / patient / visit / "trunk-anterior.jpg", skin_photo(number))
    study = open_study(folder)
    for name, rows in (("Duval", DUVAL), ("Okafor", OKAFOR), ("Lin", LIN)):
        assert not import_masks(study, masks_of(base / name, rows), reader=name).problems
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture(scope="module")
def both(made: Path) -> Comparison:
    return compare_readers(made, ["Okafor", "Duval"])


def in_this_process(*arguments: object) -> Any:
    """The command without the cost of a new process."""
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bsa_measure.cli", "compare", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**__import__("os").environ, "PYTHONIOENCODING": "utf-8"},
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_one_page_one_document_and_four_tables(study: Path) -> None:
    done = command(study, "--a", "Okafor", "--b", "Duval", "--workers", 1)
    assert done.returncode == 0, done.stderr
    folder = study / "results" / "compare-Okafor-Duval"
    names = {path.name for path in folder.iterdir()}
    assert names == {"agreement.html", "agreement.json", "photos.csv", "surfaces.csv", "visits.csv", "patients.csv"}
    assert "12 photographs of 6 patients compared" in done.stdout
    assert "Okafor may replace Duval" in done.stdout
    document = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    assert document["pairs"][0]["sentence"] in done.stdout

    # By hand: P1's chest, 13 % BSA, 100 of 200 rows at D0; 10 and 12 rows at D7.
    first = next(row for row in rows(folder / "visits.csv") if (row["patient"], row["visit"]) == ("P1", "D07"))
    assert float(first["detached_bsa_percent_a"]) == pytest.approx(13 * 12 / 200)
    assert float(first["detached_bsa_percent_b"]) == pytest.approx(13 * 10 / 200)
    patient = rows(folder / "patients.csv")[0]
    assert float(patient["healed_percent_a"]) == pytest.approx(88)
    assert float(patient["healed_percent_b"]) == pytest.approx(90)
    assert (patient["response_a"], patient["response_b"]) == ("no", "yes")
    assert float(patient["max_detached_bsa_percent_a"]) == pytest.approx(6.5)
    surface = rows(folder / "surfaces.csv")[1]
    assert (surface["surface"], surface["visit"]) == ("trunk-anterior", "D07")
    assert float(surface["detached_fraction_a"]) == pytest.approx(0.06)
    photo = rows(folder / "photos.csv")[1]
    assert float(photo["detached_dice"]) == pytest.approx(2 * 10 / 22, abs=1e-9)
    assert float(photo["detached_apart"]) == pytest.approx(2 / 200, abs=1e-9)


def test_figures_of_the_whole_study_by_hand(both: Comparison) -> None:
    pair = both.pairs[0]
    differences = [13 / 200 * (mine - other) for p in PATIENTS for mine, other in zip(OKAFOR[p], DUVAL[p], strict=True)]
    assert pair.detached.rows == 12
    assert pair.detached.patients == 6
    assert pair.detached.difference is not None
    assert pair.detached.difference.bias.value == pytest.approx(np.mean(differences))
    assert pair.detached.difference.sd == pytest.approx(np.std(differences, ddof=1))
    # Healed at D7, Duval: 90 yes, 96.7 yes, 60, 100 yes, 50, 95.3 yes. Okafor: 88 no, 96.9, 55.7, 95.5, 55.6, 95.5.
    assert pair.call.table[0][0] == 3
    assert pair.call.table[2][0] == 1
    assert pair.call.observed.value == pytest.approx(5 / 6)
    assert (pair.accuracy.yes, pair.accuracy.no) == (4, 2)
    assert pair.accuracy.sensitivity.value == 0.75
    assert pair.accuracy.specificity.value == 1.0
    # 13 % of the body at most: P3 and P6 of Duval reach 9.75 and 11.05, of Okafor 9.1 and 11.44.
    assert [row.category for row in both.patients][5] == ("overlap", "overlap")
    assert pair.category.observed.value == 1.0
    lesion = next(summary for summary in pair.masks if summary.name == "detached")
    assert (lesion.outlined, lesion.absent, lesion.one_sided) == (12, 0, 1)


def test_every_reader_goes_through_the_same_path_as_measuring(study: Path, both: Comparison) -> None:
    for place, reader in enumerate(("Okafor", "Duval")):
        results = measure(study, reader=reader)
        for patient in results.patients:
            name = patient.patient.patient
            measured = {visit.day: visit.detached for visit in patient.visits}
            compared = {row.day: row.detached[place] for row in both.visits if row.patient == name}
            assert compared == {day: measured[day] for day in compared}
            row = next(row for row in both.patients if row.patient == name)
            healing, call = next(pair for pair in patient.calls if pair[0].day == 7)
            assert (row.healed[place], row.response[place]) == (healing.healed, call.response)
            assert (row.maximum[place], row.category[place]) == (patient.maximum, patient.category)


def test_visits_that_were_only_declared_do_not_count_as_agreement(both: Comparison) -> None:
    assert {row.day for row in both.visits} == {0, 7}  # D5 is declared free of lesions and has no photograph
    assert {row.surface for row in both.surfaces} == {"trunk-anterior"}


def test_a_reader_against_an_equal_one_agrees_fully(study: Path, tmp_path: Path) -> None:
    import_masks(open_study(study), masks_of(tmp_path / "copy", DUVAL), reader="Copy")
    pair = compare_readers(study, ["Duval", "Copy"]).pairs[0]
    assert (pair.detached.icc.value, pair.detached.ccc.value) == (1.0, 1.0)
    assert pair.detached.mdc95.value == 0.0
    assert pair.call.kappa.value == 1.0
    assert [summary.dice.value for summary in pair.masks if summary.outlined] == [1.0, 1.0]
    assert pair.replacement.decision == "yes"


def test_what_is_not_compared_is_listed_with_its_reason(study: Path, tmp_path: Path) -> None:
    save_photo(study / "photos" / "P1" / "D7" / "trunk-posterior.jpg", skin_photo(50))
    save_photo(study / "photos" / "P1" / "D7" / "no-such-view.jpg", skin_photo(51))
    save_photo(study / "photos" / "P2" / "D7" / "trunk-posterior.jpg", skin_photo(3))  # P2's D7 chest again
    save_mask(tmp_path / "one" / "P1" / "D7" / "trunk-posterior.png", mask(5))
    import_masks(open_study(study), tmp_path / "one", reader="Okafor")
    done = in_this_process(study, "--a", "Okafor", "--b", "Duval", "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 1
    assert "no-such-view" in done.stdout
    listed = {r["file"]: r["reason"] for r in rows(tmp_path / "out" / "photos.csv") if r["status"] == "not compared"}
    assert listed["photos/P1/D7/trunk-posterior.jpg"] == "not read by Duval"
    assert "not named after a view" in listed["photos/P1/D7/no-such-view.jpg"]
    assert "same photo as" in listed["photos/P2/D7/trunk-posterior.jpg"]
    page = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    assert "not read by Duval" in page


def test_a_subset_read_by_the_second_reader_is_no_fault(study: Path, tmp_path: Path) -> None:
    some = {patient: DUVAL[patient] for patient in PATIENTS[:3]}
    import_masks(open_study(study), masks_of(tmp_path / "some", some), reader="Few")
    done = in_this_process(study, "--a", "Few", "--b", "Duval", "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 0
    assert "6 photographs of 3 patients compared, 6 left out" in done.stdout
    assert "No statement is made whether Few may replace Duval: 3 patients were compared and the protocol asks" in (
        done.stdout
    )


def test_a_lost_mask_is_reported_and_the_rest_is_compared(study: Path) -> None:
    reading = next(r for r in Readings(study).all() if r.reader == "Duval" and (r.patient, r.visit) == ("P3", "D00"))
    mask_path(study, reading.mask_sha256).unlink()
    found = compare_readers(study, ["Okafor", "Duval"])
    assert len(found.photos) == 11
    assert [(e.file, e.fault) for e in found.excluded] == [("photos/P3/D0/trunk-anterior.jpg", True)]
    assert "restore the study from its backup" in found.excluded[0].reason


@pytest.mark.parametrize(
    ("readers", "sentence"),
    [
        (("Okafor", "Nobody"), "There is no reading by Nobody (read by: Duval, Lin, Okafor)"),
        (("Okafor", "model:classical-v1"), "bsa-measure measure STUDY --reader model:classical-v1"),
        (("Okafor", "Okafor"), "has read no photograph twice"),
        (("Okafor", "Duval", "Okafor"), "named twice"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(made: Path, readers: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ReadingError) as caught:
        compare_readers(made, readers)
    assert sentence in str(caught.value)


def test_an_unknown_reader_ends_the_command_as_unusable(made: Path) -> None:
    done = command(made, "--a", "Okafor", "--b", "Nobody")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_same_reader_twice_compares_first_and_last_reading(study: Path, tmp_path: Path) -> None:
    again = {patient: (d0 + 4, d7) for patient, (d0, d7) in DUVAL.items() if patient != "P6"}
    import_masks(open_study(study), masks_of(tmp_path / "again", again), reader="Duval")
    found = compare_readers(study, ["Duval", "Duval"])
    assert found.intra
    assert [reader.label for reader in found.readers] == ["Duval, first reading", "Duval, last reading"]
    # D7 was drawn alike, so its mask is the reading that is there already: only D0 has two readings.
    assert {compared.photo.visit for compared in found.photos} == {"D00"}
    assert {row.patient for row in found.patients} == set(PATIENTS[:5])
    difference = found.pairs[0].detached.difference
    assert difference is not None
    assert difference.bias.value == pytest.approx(-13 * 4 / 200)
    assert {e.reason for e in found.excluded} == {"read once by Duval"}
    write_comparison(found, tmp_path / "out")
    page = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    assert "Intra-reader agreement" in page
    assert "less than a day" in page


def test_three_readers_are_compared_in_pairs_and_together(made: Path, tmp_path: Path) -> None:
    found = compare_readers(made, ["Duval", "Okafor", "Lin"])
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert found.together is not None
    assert found.together.detached.readers == 3
    assert found.together.detached.rows == 12
    lin = found.pairs[1].detached.difference
    assert lin is not None
    assert lin.bias.value == pytest.approx(-13 * 2.5 / 200)
    write_comparison(found, tmp_path / "out")
    page = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    assert "All 3 readers together" in page
    visits = rows(tmp_path / "out" / "visits.csv")
    assert len(visits) == 3 * 12
    assert {(row["reader_a"], row["reader_b"]) for row in visits} == {
        ("Duval", "Okafor"),
        ("Duval", "Lin"),
        ("Okafor", "Lin"),
    }


def test_a_model_is_a_reader_like_any_other(study: Path) -> None:
    measure(study, reader="model:classical-v1")
    found = compare_readers(study, ["model:classical-v1", "Duval"])
    model = found.readers[0]
    assert len(model.models) == 1
    assert model.kinds == {"model": 12}
    assert found.readers[1].models == ()


def test_the_page_says_when_a_reading_started_from_another(study: Path, tmp_path: Path) -> None:
    record = Readings(study)
    of_duval = next(r for r in record.all() if r.reader == "Duval" and (r.patient, r.visit) == ("P1", "D00"))
    corrected = NewReading(
        kind="manual",
        reader="Marin",
        photo_sha256=of_duval.photo_sha256,
        patient="P1",
        visit="D00",
        view=of_duval.view,
        mask_sha256=store_mask(study, mask(101)),
        software="test",
        protocol_sha256="",
        parent=of_duval.number,
    )
    record.add([corrected])
    found = compare_readers(study, ["Marin", "Duval"])
    assert found.readers[0].built_on == {"Duval": 1}
    assert found.pairs[0].detached.icc.value is None  # one visit
    write_comparison(found, tmp_path / "out")
    page = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    assert "started from a reading by Duval" in page
    assert "agree too well" in page


# The sentence


def visits(differences: list[float], patients: int) -> object:
    base = np.linspace(5, 30, len(differences))
    ratings = np.column_stack([base + np.array(differences), base])
    return agreement(ratings, [i % patients for i in range(len(differences))], draws=400, seed=1)


def test_the_margin_decides() -> None:
    rules = AgreementRules(margin_bsa_percent=2.0, minimum_patients=10)
    random = np.random.default_rng(3)
    narrow, wide = random.normal(0, 0.3, 40), random.normal(0, 3, 40)
    biased, close_call = random.normal(2.2, 0.1, 40), random.normal(0, 0.85, 40)
    assert may_replace(visits(list(narrow), 20), rules).decision == "yes"
    assert may_replace(visits(list(wide), 20), rules).decision == "no"
    assert may_replace(visits(list(biased), 20), rules).decision == "no"
    assert may_replace(visits(list(close_call), 20), rules).decision == "undecided"


def test_too_few_patients_are_refused_however_many_visits() -> None:
    rules = AgreementRules(margin_bsa_percent=2.0, minimum_patients=10)
    found = may_replace(visits([0.01, -0.01] * 100, 9), rules)
    assert found.decision == "refused"
    assert "9 patients" in found.reason
    assert may_replace(visits([0.01, -0.01] * 100, 10), rules).decision == "yes"


# The page and the tables


def test_the_page_is_self_contained_and_follows_grras(both: Comparison, tmp_path: Path) -> None:
    write_comparison(both, tmp_path)
    page = (tmp_path / "agreement.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "<script" not in page
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b", re.sub(r"base64,[A-Za-z0-9+/=]+", "", page))
    items = [int(n) for n in re.findall(r">GRRAS (\d+)", page)]
    assert set(items) >= {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15}
    first = [items.index(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15)]
    assert first == sorted(first)
    assert page.count('class="worst"') == 5
    assert page.count("data:image/jpeg;base64,") == 15
    trend = both.pairs[0].detached.trend
    assert trend is not None
    assert trend.prefer_log  # the readers differ by more rows where more is detached: shown as ratios as well
    assert page.count('class="difference-plot"') == 3
    assert page.count('class="identity-plot"') == 2
    assert 'alt="P3 D00 trunk anterior, difference"' in page


def test_the_worst_photograph_comes_first(both: Comparison, tmp_path: Path) -> None:
    write_comparison(both, tmp_path)
    page = (tmp_path / "agreement.html").read_text(encoding="utf-8")
    shown = re.findall(r'class="worst">\s*<p><b>([^<]+)</b>', page)
    # Rows apart: P3 D0 10, P6 D0 6, P5 D7 5, P2 D0 4, P4 D0 4.
    assert [title.removesuffix(" trunk anterior") for title in shown] == [
        "P3 D00",
        "P6 D00",
        "P5 D07",
        "P2 D00",
        "P4 D00",
    ]


def test_the_same_readings_give_the_same_bytes(made: Path, both: Comparison, tmp_path: Path) -> None:
    write_comparison(both, tmp_path / "one")
    write_comparison(compare_readers(made, ["Okafor", "Duval"], workers=2), tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_without_pictures_the_page_names_the_photographs_only(study: Path, tmp_path: Path) -> None:
    (study / "study.toml").write_text(PROTOCOL + "[report]\npictures = false\n", encoding="utf-8")
    write_comparison(compare_readers(study, ["Okafor", "Duval"]), tmp_path / "out")
    page = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert page.count('class="worst"') == 5


def test_a_strange_name_harms_neither_page_nor_table_nor_disk(study: Path, tmp_path: Path) -> None:
    name = "=<b>Dr. D'Angelo/x</b>"
    import_masks(open_study(study), masks_of(tmp_path / "strange", LIN), reader=name)
    found = compare_readers(study, [name, "Duval"])
    folder = default_folder(study, [name, "Duval"])
    assert folder.parent == study / "results"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", folder.name)
    write_comparison(found, folder)
    page = (folder / "agreement.html").read_text(encoding="utf-8")
    assert "<b>Dr." not in page
    assert "&lt;b&gt;Dr." in page
    assert comparison_tables(found)["visits.csv"].count("'=<b>") == 12


def test_skin_tone_and_size_make_subgroups(both: Comparison) -> None:
    tables = {table.title: table for table in both.pairs[0].subgroups}
    tones = tables["Skin tone"].groups
    assert sum(group.photos for group in tones) == 12
    assert {row.tone for row in both.patients} == {"light"}  # drawn in one colour, sRGB 214, 170, 146
    sizes = tables["Detached skin at the visit, mean of both"].groups
    assert [group.name for group in sizes] == ["under 10 % BSA", "10 to 30 % BSA"]
    assert sum(group.photos for group in sizes) == 12
    assert [group.name for group in tables["Surface"].groups] == ["trunk-anterior"]
