"""The data file: what each source's masks can tell, and which photographs are learned from or judged on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsa_measure.errors import TrainingError
from bsa_measure.training.data import check_example, examples, pick, read_data_file, read_example, read_mask

WOUNDS = """
[[source]]
name = "wounds"
folder = "wounds"
manifest = "manifest.csv"
split = "split"
test = "judged"
values = [["background", "intact"], ["detached"]]
tune_share = 0.0
licence = "CC-BY-NC-4.0"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "data.toml"
    path.write_text(text, encoding="utf-8")
    return path


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 6), value, np.uint8))


def wounds(folder: Path, *rows: str) -> None:
    (folder / "wounds").mkdir()
    for row in rows:
        name = row.split(",")[0]
        picture(folder / "wounds" / f"{name}.png")
        picture(folder / "wounds" / f"{name}-mask.png", 1)
    lines = "".join(f"{n}.png,{n}-mask.png,{split},{group}\n" for n, split, group in (r.split(",") for r in rows))
    (folder / "wounds" / "manifest.csv").write_text("file,mask,split,group\n" + lines, encoding="utf-8")


def test_a_listed_source_is_split_as_its_table_says(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,p1", "b,judged,p2", "c,elsewhere,p3")
    data = read_data_file(write(tmp_path, WOUNDS))
    found = examples(data, tmp_path)
    assert [(e.photo.stem, e.part, e.group) for e in found] == [("a", "train", "p1"), ("b", "test", "p2")]
    assert data.source[0].table.tolist() == [[True, True, False, False, False], [False, False, True, False, False]]


def test_a_study_is_its_own_list_and_patients_stay_whole(tmp_path: Path) -> None:
    for patient in range(40):
        for view in ("trunk-anterior", "buttocks"):
            picture(tmp_path / f"study/photos/PH-{patient:03}/D07/{view}.png")
            picture(tmp_path / f"study/truth/masks/PH-{patient:03}/D07/{view}.png", 4)
    data = read_data_file(write(tmp_path, '[[source]]\nname = "study"\nfolder = "study"\ntune_share = 0.25\n'))
    found = examples(data, tmp_path)
    parts = {part: {e.group for e in pick(found, part)} for part in ("train", "tune", "test")}
    assert not parts["train"] & parts["tune"]
    assert not parts["test"]
    # 40 patients at 0.25: ten expected, and the same ones on every machine.
    assert 4 <= len(parts["tune"]) <= 16
    assert len(found) == 80
    assert read_mask(found[0], data.source[0]).tolist() == [[4] * 6] * 8


def test_where_keeps_the_rows_that_say_so(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,left-1", "b,train,right-1")
    data = read_data_file(write(tmp_path, WOUNDS + 'where = {group = "left"}\n'))
    assert [e.photo.stem for e in examples(data, tmp_path)] == ["a"]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="unknown key 'recipe.stepps'"):
        read_data_file(write(tmp_path, "[recipe]\nstepps = 3\n" + WOUNDS))
    with pytest.raises(TrainingError, match="not TOML"):
        read_data_file(write(tmp_path, "[recipe"))
    with pytest.raises(TrainingError, match="a name of its own"):
        read_data_file(write(tmp_path, WOUNDS + WOUNDS))
    with pytest.raises(TrainingError, match="no folder"):
        examples(read_data_file(write(tmp_path, WOUNDS)), tmp_path)
    wounds(tmp_path, "a,train,p1")
    with pytest.raises(TrainingError, match="no column 'patient'"):
        examples(read_data_file(write(tmp_path, WOUNDS + 'group = "patient"\n')), tmp_path)
    (tmp_path / "wounds" / "a-mask.png").unlink()
    with pytest.raises(TrainingError, match="a-mask.png.*not there"):
        examples(read_data_file(write(tmp_path, WOUNDS)), tmp_path)


def test_a_mask_value_without_a_meaning_is_refused(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,p1")
    picture(tmp_path / "wounds" / "a-mask.png", 255)
    data = read_data_file(write(tmp_path, WOUNDS))
    with pytest.raises(TrainingError, match="the value 255, which `values`"):
        read_mask(examples(data, tmp_path)[0], data.source[0])


def test_a_mask_must_be_of_its_photograph(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,p1")
    data = read_data_file(write(tmp_path, WOUNDS))
    example = examples(data, tmp_path)[0]
    cv2.imwrite(str(example.photo), np.zeros((160, 120), np.uint8))
    # As if drawn on a photograph whose rotation was not followed.
    cv2.imwrite(str(example.mask), np.ones((60, 80), np.uint8))
    for read in (read_example, check_example):
        with pytest.raises(TrainingError, match="a-mask.png has 80 × 60 pixels and its photograph 120 × 160"):
            read(example, data.source[0])
    # In another size of the same proportions it fits.
    cv2.imwrite(str(example.mask), np.ones((80, 60), np.uint8))
    check_example(example, data.source[0])
    assert read_example(example, data.source[0])[1].tolist() == [[1] * 120] * 160
    cv2.imwrite(str(example.mask), np.ones((80, 60, 3), np.uint8))
    with pytest.raises(TrainingError, match="a-mask.png is a colour or 16-bit picture: export it as grey"):
        check_example(example, data.source[0])


def test_a_group_in_two_parts_is_refused(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,p1", "b,judged,p1")
    with pytest.raises(TrainingError, match=r"'p1' would lie in two parts, train \(.*a.png.*and test \(.*b.png"):
        examples(read_data_file(write(tmp_path, WOUNDS)), tmp_path)


@pytest.mark.parametrize(("patients", "kept_out"), [(4, 0), (5, 1)])
def test_of_five_patients_one_is_kept_out_to_calibrate_with(tmp_path: Path, patients: int, kept_out: int) -> None:
    wounds(tmp_path, *(f"{name},train,p-{name}" for name in "abcde"[:patients]))
    # So small a chance keeps nobody out.
    data = read_data_file(write(tmp_path, WOUNDS.replace("tune_share = 0.0", "tune_share = 0.000001")))
    assert len(pick(examples(data, tmp_path), "tune")) == kept_out
    data = read_data_file(write(tmp_path, WOUNDS))
    assert not pick(examples(data, tmp_path), "tune")


def test_a_row_that_ends_early_is_named(tmp_path: Path) -> None:
    wounds(tmp_path, "a,train,p1")
    with (tmp_path / "wounds" / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("b.png\n")
    data = read_data_file(write(tmp_path, WOUNDS.replace('test = "judged"', 'test = ""')))
    with pytest.raises(TrainingError, match="names .*b.png.*not there"):
        examples(data, tmp_path)


@pytest.mark.parametrize("sizes", ["[1100, 448]", "[0, 0]"])
def test_a_range_of_sizes_must_make_sense(tmp_path: Path, sizes: str) -> None:
    for text in (f"[recipe]\nlong_side = {sizes}\n{WOUNDS}", f"{WOUNDS}long_side = {sizes}\n"):
        with pytest.raises(TrainingError, match="long_side|greater than or equal to 32"):
            read_data_file(write(tmp_path, text))
