"""The data file: what each source's masks can tell, and which photographs are learned from or judged on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsa_measure.errors import TrainingError
from bsa_measure.training.data import examples, pick, read_data_file, read_mask

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
