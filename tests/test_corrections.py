"""A study's own corrections as data to train on: whose mask counts, and that patients stay whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from terminal import bsa_measure

from bsa_measure.errors import MaskError, TrainingError
from bsa_measure.imports import import_masks
from bsa_measure.readings import Readings, mask_path
from bsa_measure.study import open_study
from bsa_measure.training.corrections import corrections, write_corrections
from bsa_measure.training.data import examples, read_data_file, read_mask

PATIENTS = ("P1", "P2", "P3", "P4")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Four patients with two photographs each; all of D07 are corrected by Duval."""
    folder = write_study(tmp_path / "study", patients="\n".join(f"{p},40,-3" for p in PATIENTS))
    for number, patient in enumerate(PATIENTS):
        for day in (0, 7):
            photo = skin_photo(10 * number + day, side=200)
            save_photo(folder / f"photos/{patient}/D{day:02}/trunk-anterior.jpg", photo)
        outline(folder, "Duval", patient, {(0, 100): 1, (100, 200): 2})
    return folder


def outline(study: Path, reader: str, patient: str, rows: dict[tuple[int, int], int], adjudicated: bool = False) -> str:
    masks = study.parent / f"masks-{reader}-{len(list(study.parent.iterdir()))}"
    save_mask(masks / patient / "D07" / "trunk-anterior.png", limb_mask(rows, side=200))
    report = import_masks(open_study(study), masks, reader=reader, adjudicated=adjudicated)
    return report.recorded[0].mask_sha256


def test_only_what_a_person_outlined_is_taken(study: Path) -> None:
    found = corrections(study)
    assert [(c.patient, c.visit, c.view, c.reader, c.kind) for c in found] == [
        (patient, "D07", "trunk-anterior", "Duval", "manual") for patient in PATIENTS
    ]
    assert all((study / c.photo).is_file() and (study / c.mask).is_file() for c in found)


def test_a_study_in_which_nobody_has_read_stays_without_a_record(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    assert corrections(folder) == []
    assert not (folder / "readings.db").exists()


def test_the_newest_counts_and_an_adjudicator_before_all(study: Path) -> None:
    outline(study, "Board", "P1", {(0, 50): 3, (50, 200): 1}, adjudicated=True)
    final = outline(study, "Board", "P1", {(0, 60): 3, (60, 200): 1}, adjudicated=True)
    outline(study, "Okafor", "P1", {(0, 200): 1})  # later, but no adjudicator
    newer = outline(study, "Okafor", "P2", {(0, 200): 2})
    found = {c.patient: c for c in corrections(study)}
    assert Path(found["P1"].mask).stem == final
    assert (found["P1"].reader, found["P1"].kind) == ("Board", "adjudicated")
    assert Path(found["P2"].mask).stem == newer
    assert found["P3"].reader == "Duval"


def test_the_data_files_hold_the_photographs_and_masks(study: Path, tmp_path: Path) -> None:
    made = write_corrections(study, tmp_path / "out", name="own-1", start="phantom-v2", folds=0)
    assert (made.photographs, made.patients, made.fold_files) == (4, 4, ())
    data = read_data_file(made.data_file)
    assert (data.recipe.name, data.recipe.start) == ("own-1", "phantom-v2")
    found = examples(data, made.data_file.parent)
    assert [e.group for e in found] == list(PATIENTS)
    for example in found:
        assert np.array_equal(read_mask(example, data.source[0]), limb_mask({(0, 100): 1, (100, 200): 2}, side=200))


def test_every_patient_is_left_out_once_and_never_split(study: Path, tmp_path: Path) -> None:
    for patient in PATIENTS:
        masks = tmp_path / "more"
        save_mask(masks / patient / "D00" / "trunk-anterior.png", limb_mask({(0, 200): 1}, side=200))
    import_masks(open_study(study), masks, reader="Duval")
    made = write_corrections(study, tmp_path / "out", name="own-1", start="phantom-v2", folds=3)
    assert made.photographs == 8
    assert len(made.fold_files) == 3
    left_out: list[str] = []
    for file in made.fold_files:
        found = examples(read_data_file(file), file.parent)
        test = {e.group for e in found if e.part == "test"}
        assert test
        assert not test & {e.group for e in found if e.part != "test"}
        assert sum(e.part == "test" for e in found) == 2 * len(test)
        left_out += test
    assert sorted(left_out) == list(PATIENTS)
    names = {read_data_file(file).recipe.name for file in (made.data_file, *made.fold_files)}
    assert len(names) == 4


def test_more_folds_than_patients_leave_each_patient_out(study: Path, tmp_path: Path) -> None:
    assert len(write_corrections(study, tmp_path / "out", name="own-1", start="x", folds=9).fold_files) == 4


def test_a_mask_that_was_changed_is_not_learned_from(study: Path) -> None:
    path = mask_path(study, Readings(study).all()[0].mask_sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(MaskError, match="not as it was stored"):
        corrections(study)


def test_a_study_without_corrections_is_refused(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    with pytest.raises(TrainingError, match="no reading by a person"):
        write_corrections(folder, tmp_path / "out", name="own-1", start="x")


def test_the_command(study: Path, tmp_path: Path) -> None:
    before = sorted(path.relative_to(study) for path in study.rglob("*"))
    done = bsa_measure("corrections", study, "--out", tmp_path / "out", "--name", "own-1", "--folds", 2)
    assert done.returncode == 0, done.stderr
    assert "4 photographs of 4 patients." in done.stdout
    assert sorted(path.relative_to(study) for path in study.rglob("*")) == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "corrections.csv",
        "data.toml",
        "fold-1.toml",
        "fold-2.toml",
    ]


def test_a_single_patient_is_not_left_out(study: Path, tmp_path: Path) -> None:
    lone = write_study(tmp_path / "lone", patients="P1,40,-3")
    save_photo(lone / "photos/P1/D07/trunk-anterior.jpg", skin_photo(1, side=200))
    outline(lone, "Duval", "P1", {(0, 200): 1})
    made = write_corrections(lone, tmp_path / "out", name="own-1", start="phantom-v2")
    assert (made.patients, made.fold_files) == (1, ())
