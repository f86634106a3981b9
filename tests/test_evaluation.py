"""Judging a model: every figure against one worked out by hand, on pictures whose answer is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from drawing import save_mask, save_photo, skin_photo, write_study
from terminal import bsa_measure
from test_network import COLOURS, NETWORKS, register

from bsa_measure.agreement_masks import outline_size
from bsa_measure.errors import StudyError, TrainingError
from bsa_measure.evaluation import (
    NOTHING,
    Score,
    calibration_bins,
    calibration_error,
    nothing,
    score,
    summary,
    targets_of,
)
from bsa_measure.evaluation_photos import figures, judge_photos
from bsa_measure.evaluation_study import compare_with_truth, judge_study
from bsa_measure.files import table_text
from bsa_measure.measure import measure
from bsa_measure.segment import load_model
from bsa_measure.tissue import Tissue
from bsa_measure.training.data import Source, read_data_file

WOUND = (("background", "intact", "reepithelialised", "not_assessable"), ("detached",))
SKIN = (("background", "not_assessable"), ("intact", "detached", "reepithelialised"))


def table(values: tuple[tuple[str, ...], ...]) -> np.ndarray:
    return Source(name="s", folder=Path("s"), values=values).table


def test_a_mask_is_asked_only_for_what_it_can_tell() -> None:
    assert {name: list(inside) for name, inside in targets_of(table(WOUND)).items()} == {"detached": [False, True]}
    assert {name: list(inside) for name, inside in targets_of(table(SKIN)).items()} == {"skin": [False, True]}
    all_five = targets_of(Source(name="s", folder=Path("s")).table)
    assert list(all_five) == ["detached", "reepithelialised", "not_assessable", "intact", "skin", "body"]
    assert list(all_five["intact"]) == [False, True, False, False, False]
    assert list(all_five["skin"]) == [False, True, True, True, False]
    # Detached or re-epithelialised, it is not known which: neither can be judged, skin can.
    blurred = (("background",), ("intact",), ("detached", "reepithelialised"), ("not_assessable",))
    assert list(targets_of(table(blurred))) == ["not_assessable", "intact", "skin", "body"]
    outline = (("background",), ("intact", "detached", "reepithelialised", "not_assessable"))
    assert {name: list(inside) for name, inside in targets_of(table(outline)).items()} == {"body": [False, True]}


def test_one_photograph_by_hand() -> None:
    """A square of 20 x 20 in the reference, the same moved by 5 columns in the answer: 300 of 400 pixels in both."""
    mask, labels = np.zeros((100, 200), np.uint8), np.zeros((100, 200), np.uint8)
    mask[40:60, 50:70] = 1
    labels[40:60, 55:75] = Tissue.DETACHED
    found = score(mask, targets_of(table(WOUND))["detached"], labels, "detached", 0.5, region=20_000)
    assert (found.both, found.reference, found.answer) == (300, 400, 400)
    assert found.dice == 0.75
    assert found.iou == 0.6
    assert found.area_error == 0
    # Of each outline's 76 pixels, 15 on either long side lie on the other outline, and within 1 pixel (0.5 % of 200) of
    # it one more at the end of either long side and one of the short side beside it: 2 x 17.
    assert found.boundary == pytest.approx(2 * 34 / (2 * 76))
    assert found.calibration is None


def test_the_rule_for_an_empty_reference() -> None:
    empty, hit = np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)
    hit[10:20, 10:20] = Tissue.DETACHED
    inside = targets_of(table(WOUND))["detached"]
    agreed = score(empty, inside, empty, "detached", 0.5, region=2500)
    assert (agreed.dice, agreed.iou, agreed.boundary) == (1, 1, 1)
    alarm = score(empty, inside, hit, "detached", 0.5, region=2500)
    assert (alarm.dice, alarm.iou, alarm.boundary, alarm.area_error) == (0, 0, 0, 4)
    assert nothing(alarm) == Score(0, 0, 0, 2500, 1.0)
    # A speck that is lost where outlines are compared, at 1,024 pixels, is no empty mask.
    large, speck, near = (np.zeros((1536, 2048), np.uint8) for _ in range(3))
    speck[100, 100] = near[101, 101] = Tissue.DETACHED
    assert not outline_size(speck).any()
    assert outline_size(near).any()
    for mask, answer in ((speck, large), (large, speck)):
        missed = score((mask > 0).astype(np.uint8), inside, answer, "detached", 0.5, region=large.size)
        assert (missed.dice, missed.boundary) == (0, 0)
    found = score((speck > 0).astype(np.uint8), inside, near, "detached", 0.5, region=large.size)
    assert (found.dice, found.boundary) == (0, 1)  # one pixel apart, of ten that the tolerance allows
    missed = Score(10, 40, 20, 2500, 0.5)
    assert (nothing(missed).dice, nothing(missed).boundary, nothing(missed).area_error) == (0, 0, -1.6)


def test_pooled_and_mean_by_hand() -> None:
    scores = [Score(30, 40, 60, 1000, 0.5), Score(0, 0, 0, 1000, 1.0), Score(5, 10, 10, 1000, 0.2)]
    found = summary(scores, ["a", "a", "b"])
    assert found["dice_pooled"]["value"] == round(2 * 35 / 120, 4)
    assert found["dice_mean"]["value"] == round((0.6 + 1 + 0.5) / 3, 4)
    assert found["dice_mean_where_present"]["value"] == 0.55
    assert found["iou_pooled"]["value"] == round(35 / 85, 4)
    assert found["boundary_dice_mean"]["value"] == round(1.7 / 3, 4)
    assert found["sensitivity_pooled"]["value"] == 0.7
    assert found["precision_pooled"]["value"] == 0.5
    assert found["area_error_percent_mean"]["value"] == round(2 / 3, 4)
    assert (found["photographs"], found["groups"], found["without_reference"]) == (3, 2, 1)
    assert found["dice_pooled"]["low"] is None  # two groups are too few to draw from


def test_intervals_draw_whole_groups() -> None:
    """Ten groups of which each answer is all right or all wrong: the mean of ten draws of 0 or 1."""
    groups = [f"g{i}" for i in range(10) for _ in range(4)]
    scores = [Score(10 * (i % 2), 10, 10 * (i % 2), 100, 0.0) for i in range(10) for _ in range(4)]
    found = summary(scores, groups)["dice_mean"]
    assert found["value"] == 0.5
    # Binomial(10, 0.5) / 10 has its 2.5 % and 97.5 % quantiles at 0.2 and 0.8; photographs drawn singly: 0.35, 0.65.
    assert (found["low"], found["high"]) == (0.2, 0.8)


def test_calibration_by_hand() -> None:
    # Four pixels said 0.9, of which three are right; six said 0.1, of which none is.
    probability = np.array([[0.9] * 4 + [0.1] * 6], np.float32)
    truth = np.array([[True, True, True, False] + [False] * 6])
    error = calibration_error(calibration_bins(probability, truth))
    assert error == pytest.approx(0.4 * abs(0.75 - 0.9) + 0.6 * 0.1)
    assert calibration_error(np.zeros((15, 3))) is None
    certain = calibration_bins(np.ones((2, 2), np.float32), np.ones((2, 2), bool))
    assert calibration_error(certain) == 0


# ---------------------------------------------------------------------------------------------- photographs


def coloured(mask: np.ndarray) -> np.ndarray:
    """A photograph of which the network of tests/networks makes exactly this mask."""
    return np.array(COLOURS, np.uint8)[mask]


def body(detached: int, healed: int = 0) -> np.ndarray:
    """100 x 160: skin of 60 x 100 pixels, of which so many columns are detached and so many re-epithelialised."""
    mask = np.zeros((100, 160), np.uint8)
    mask[20:80, 30:130] = Tissue.INTACT
    mask[20:80, 30 : 30 + detached] = Tissue.DETACHED
    mask[20:80, 130 - healed : 130] = Tissue.REEPITHELIALISED
    return mask


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two sources: whole masks by body region, and wounds of which one is drawn twice as large as it is."""
    study = tmp_path / "study"
    for patient, (view, detached) in enumerate((("trunk-anterior", 20), ("thigh-left-anterior", 0)), start=1):
        save_photo(study / f"photos/P{patient}/D07/{view}.png", coloured(body(detached, healed=10)))
        save_mask(study / f"truth/masks/P{patient}/D07/{view}.png", body(detached, healed=10))
    wounds = tmp_path / "wounds"
    rows = ["file,mask,split,group,ITA_class"]
    for number, (drawn, true) in enumerate(((20, 10), (10, 10), (0, 0))):
        save_photo(wounds / f"{number}.png", coloured(body(drawn)))
        save_mask(wounds / f"{number}-mask.png", (body(true) == Tissue.DETACHED).astype(np.uint8))
        rows.append(f"{number}.png,{number}-mask.png,judged,g{number},{'dark' if number else 'light'}")
    (wounds / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "data.toml").write_text(
        '[[source]]\nname = "study"\nfolder = "study"\nsplit = "test"\n'
        '[[source]]\nname = "wounds"\nfolder = "wounds"\nmanifest = "manifest.csv"\nsplit = "split"\ntest = "judged"\n'
        f"values = {json.dumps(WOUND)}\n",
        encoding="utf-8",
    )
    register(tmp_path / "models", (NETWORKS / "colours.onnx").read_bytes())
    return tmp_path


def test_every_part_of_a_data_file_gets_its_figures(photographs: Path) -> None:
    data = read_data_file(photographs / "data.toml")
    judged = judge_photos(data, photographs, ["tiny"], folder=photographs / "models")
    records = {(r["source"], r["target"], r["kind"], r["part"]): r["answers"] for r in figures(judged, ["tiny"])}
    for target in ("detached", "reepithelialised", "skin", "not_assessable"):
        assert records["study", target, "all", "all"]["tiny"]["dice_pooled"]["value"] in (1, None)
    assert records["study", "detached", "region", "thigh"]["tiny"]["without_reference"] == 1
    assert records["study", "detached", "lesion", "5 to 20 %"]["tiny"]["photographs"] == 1
    every = records["wounds", "detached", "all", "all"]
    # Both: 600 + 600 pixels; references 600, 600, 0; answers 1200, 600, 0.
    assert every["tiny"]["dice_pooled"]["value"] == 0.8
    assert every["tiny"]["dice_mean"]["value"] == round((2 / 3 + 1 + 1) / 3, 4)
    assert every["tiny"]["area_error_percent_mean"]["value"] == round(100 * 600 / 16000 / 3, 4)
    assert every[NOTHING]["dice_pooled"]["value"] == 0
    assert every[NOTHING]["dice_mean"]["value"] == round(1 / 3, 4)
    assert every[NOTHING]["calibration_error"] is None
    # The network is certain to 1 % and wrong on 600 of 48,000 pixels.
    assert every["tiny"]["calibration_error"] == pytest.approx(600 / 48000, abs=0.005)
    assert records["wounds", "detached", "tone", "light"]["tiny"]["dice_mean"]["value"] == round(2 / 3, 4)
    assert records["wounds", "detached", "tone", "dark"]["tiny"]["dice_mean"]["value"] == 1
    assert ("wounds", "skin", "all", "all") not in records


def test_areas_are_in_percent_of_the_photograph_where_the_reference_shows_no_skin(photographs: Path) -> None:
    """Two photographs of 16,000 pixels, 1,200 of them falsely detached: one shows 6,000 pixels of skin, one none."""
    drawn = body(20)
    patches = np.where(drawn == Tissue.DETACHED, drawn, 0).astype(np.uint8)
    for patient, pixels, mask in ((1, drawn, body(0)), (2, patches, np.zeros_like(drawn))):
        view = "trunk-anterior" if patient == 1 else "thigh-left-anterior"
        save_photo(photographs / f"study/photos/P{patient}/D07/{view}.png", coloured(pixels))
        save_mask(photographs / f"study/truth/masks/P{patient}/D07/{view}.png", mask)
    data = read_data_file(photographs / "data.toml")
    judged = judge_photos(data, photographs, ["tiny"], folder=photographs / "models")
    detached = [j.scores["detached"]["tiny"] for j in judged if j.source == "study"]
    assert [(s.reference, s.answer) for s in detached] == [(0, 1200), (0, 1200)]
    assert [s.region for s in detached] == [6000, 16000]
    assert [s.area_error for s in detached] == [20, 7.5]
    assert [j.tags["lesion"] for j in judged if j.source == "study"] == ["none", "none"]


def test_a_mask_of_another_size_is_refused(photographs: Path) -> None:
    save_mask(photographs / "wounds" / "1-mask.png", np.zeros((99, 160), np.uint8))
    data = read_data_file(photographs / "data.toml")
    with pytest.raises(TrainingError, match="1-mask.png has 160 × 99 pixels and its photograph 160 × 100"):
        judge_photos(data, photographs, ["tiny"], folder=photographs / "models")


def test_the_command_writes_figures_and_tables(photographs: Path) -> None:
    out = photographs / "out"
    done = bsa_measure(
        "evaluate", "tiny", photographs / "data.toml", "--models", photographs / "models", "--out", out, "--workers", 1
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert list(metrics["models"]) == ["tiny", "classical-v1"]
    text = (out / "metrics.md").read_text(encoding="utf-8")
    assert done.stdout.strip() == text.strip()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| wou")]
    answers = [row[3] for row in rows if row[2] == "3 (1)"]
    assert answers == ["tiny", "classical-v1", NOTHING]
    assert next(row for row in rows if row[3] == "tiny")[4] == "0.800"
    for line in text.splitlines():  # every row as wide as its header
        if line.startswith("|---"):
            width = line.count("|")
        elif line.startswith("| ") and "source" not in line:
            assert line.replace("\\|", "").count("|") == width


@pytest.mark.parametrize(
    ("model", "beside", "names"),
    [
        ("tiny", ["again"], ["tiny", "classical-v1", "again"]),
        ("tiny", ["again", "classical-v1"], ["tiny", "classical-v1", "again"]),
        ("classical-v1", ["tiny"], ["classical-v1", "tiny"]),
    ],
)
def test_further_models_are_judged_beside_classical(
    photographs: Path, model: str, beside: list[str], names: list[str]
) -> None:
    register(photographs / "models", (NETWORKS / "colours.onnx").read_bytes())
    registry = photographs / "models" / "registry.toml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text + text.replace("[tiny]", "[again]"), encoding="utf-8")
    further = [word for name in beside for word in ("--beside", name)]
    folders = ("--models", photographs / "models", "--out", photographs / "out")
    done = bsa_measure("evaluate", model, photographs / "data.toml", *further, *folders, "--workers", 1)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((photographs / "out/metrics.json").read_text(encoding="utf-8"))
    assert list(metrics["models"]) == names
    assert all(list(record["answers"]) == [*names, NOTHING] for record in metrics["sets"])


def test_an_empty_part_is_refused(photographs: Path) -> None:
    done = bsa_measure("evaluate", "classical-v1", photographs / "data.toml", "--part", "tune", "--out", photographs)
    assert done.returncode == 2
    assert "No source has a photograph in the part 'tune'" in done.stderr


# ---------------------------------------------------------------------------------------------- whole patients


def write_truth(folder: Path, visits: list[tuple[str, int, float]], calls: list[tuple[str, float, str]]) -> Path:
    truth = folder / "truth"
    truth.mkdir(parents=True)
    rows = [{"patient": p, "day": d, "detached_bsa_percent": v} for p, d, v in visits]
    (truth / "visits.csv").write_text(table_text(("patient", "day", "detached_bsa_percent"), rows), encoding="utf-8")
    rows = [{"patient": p, "day": 7, "healed_percent": h, "response": r} for p, h, r in calls]
    columns = ("patient", "day", "healed_percent", "response")
    (truth / "endpoints.csv").write_text(table_text(columns, rows), encoding="utf-8")
    return truth


def test_errors_and_calls_by_hand(tmp_path: Path) -> None:
    truth = write_truth(
        tmp_path,
        [("A", 0, 20), ("A", 7, 1), ("B", 0, 30), ("B", 7, 12), ("C", 0, 10), ("D", 0, 10)],
        [("A", 95.1, "yes"), ("B", 60, "no"), ("C", 84.9, "no"), ("D", 92, "yes"), ("E", 99, "yes")],
    )
    detached = {("A", 0): 22.0, ("A", 7): 1.0, ("B", 0): 29.0, ("B", 7): 12.0, ("C", 0): 13.0}
    called = {"A": "yes", "B": "yes", "C": "undetermined", "D": "no", "E": "yes"}
    found = compare_with_truth(detached, called, 7, truth)
    visits, calls = found["visits"], found["calls"]
    assert (visits["number"], visits["not_measured"], visits["patients"]) == (5, 1, 3)
    assert visits["error_mean"]["value"] == 0.8  # (2 + 0 - 1 + 0 + 3) / 5
    assert visits["error_absolute_mean"]["value"] == 1.2
    # D is too close to 90 to count; B is called wrongly, C not at all.
    assert (calls["clear"], calls["too_close"], calls["right"], calls["undetermined"]) == (4, 1, 2, 1)
    assert calls["not_right"] == ["B", "C"]
    assert calls["share_right"]["value"] == 0.5


def test_a_phantom_study_is_measured_elsewhere_and_compared(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", uninvolved="P1,D0,*\nP1,D7,*")
    for seed, day in enumerate((0, 7)):
        save_photo(study / f"photos/P1/D{day}/trunk-anterior.jpg", skin_photo(seed))
    (study / "models").mkdir()
    register(study / "models", (NETWORKS / "colours.onnx").read_bytes())
    with pytest.raises(StudyError, match="has no truth/visits.csv"):
        judge_study(study, ["tiny"])
    write_truth(study, [("P1", 0, 3.0), ("P1", 7, 1.0), ("P1", 9, 2.0)], [("P1", 70, "no")])
    before = sorted(path.name for path in study.rglob("*"))
    found = judge_study(study, ["tiny"], models_folder=study / "models")
    assert sorted(path.name for path in study.rglob("*")) == before
    # The same as measuring the study and reading its table; the truth is 3 and 1.
    measure(study, model="tiny")
    with (study / "results" / "visits.csv").open(encoding="utf-8", newline="") as file:
        measured = [float(row["detached_bsa_percent"]) for row in csv.DictReader(file)]
    assert found["tiny"]["visits"]["error_mean"]["value"] == pytest.approx(np.mean(measured) - 2, abs=1e-4)
    assert found["tiny"]["visits"]["not_measured"] == 1  # D9 has no photograph
    # Nothing is predicted for every visit of the truth, whatever a model could measure.
    assert found[NOTHING]["visits"]["error_mean"]["value"] == -2
    assert (found[NOTHING]["visits"]["number"], found[NOTHING]["visits"]["not_measured"]) == (3, 0)
    assert found[NOTHING]["calls"]["share_right"]["value"] == 0
    # The command judges classical-v1 on it, too; that a study is locked to one model keeps no other from being judged.
    command = ("evaluate", "tiny", study, "--models", study / "models", "--out", tmp_path / "out", "--workers", 1)
    assert bsa_measure(*command).returncode == 0
    judged = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))["patients"]
    assert list(judged) == ["tiny", "classical-v1", NOTHING]
    assert judged["tiny"] == found["tiny"]
    sha256 = load_model("tiny", study / "models").sha256
    (study / "study.toml").write_text(f'[measure]\nmodel = "tiny"\nmodel_sha256 = "{sha256}"\n', encoding="utf-8")
    assert bsa_measure(*command).returncode == 0
    assert json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))["patients"] == judged
