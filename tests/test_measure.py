"""The main job as a nurse meets it: resuming, redoing only what changed, several processes, the model's lock."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study

from bsa_measure import photo_job
from bsa_measure.errors import ModelError, StudyError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.protocol import load_protocol
from bsa_measure.readings import Readings
from bsa_measure.segment import Model, Segmentation, default_model, load_model
from bsa_measure.study import init_study, open_study
from bsa_measure.summary import closing_summary

VIEWS = ("trunk-anterior", "trunk-posterior", "arm-left-anterior")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_study(tmp_path / "study", uninvolved="P1,D0,*\nP1,D7,*")
    for seed, (visit, view) in enumerate((v, w) for v in ("D0", "D7") for w in VIEWS):
        save_photo(folder / "photos" / "P1" / visit / f"{view}.jpg", skin_photo(seed))
    return folder


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photographs that were read again, in order."""
    done: list[str] = []
    real = photo_job.read_photo

    def counting(path: Path, *, long_side: int) -> photo_job.Photo:
        done.append(f"{path.parent.name}/{path.stem}")
        return real(path, long_side=long_side)

    monkeypatch.setattr(photo_job, "read_photo", counting)
    return done


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def photos(study: Path) -> dict[str, dict[str, str]]:
    with (study / "results" / "photos.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"].removeprefix("photos/P1/"): row for row in csv.DictReader(file)}


def test_a_second_run_does_nothing_again_and_writes_the_same_bytes(study: Path, worked: list[str]) -> None:
    measure(study)
    assert len(worked) == 6
    first = files(study / "results")
    worked.clear()
    measure(study)
    assert worked == []
    second = files(study / "results")
    for result in (first, second):
        provenance = json.loads(result.pop("provenance.json"))
        assert provenance.pop("measured_utc")
        provenance = {name: value for name, value in provenance.items() if not name.startswith("record_")}
        result["provenance.json"] = json.dumps(provenance).encode()
        result["SHA256SUMS"] = b"".join(
            line for line in result["SHA256SUMS"].splitlines() if b"provenance.json" not in line
        )
    # The report names the time of its making once, as provenance.json does.
    assert first.keys() == second.keys()
    different = [name for name in first if first[name] != second[name]]
    assert different == []
    assert len(Readings(study).all()) == 6


def test_results_can_be_deleted_and_come_back_the_same_from_the_readings(study: Path) -> None:
    measure(study)
    before = files(study / "results")
    shutil.rmtree(study / "results")
    measure(study)
    after = files(study / "results")
    assert {name: after[name] for name in after if name.endswith((".csv", ".jpg"))} == {
        name: before[name] for name in before if name.endswith((".csv", ".jpg"))
    }
    assert len(Readings(study).all()) == 6


def test_after_a_stop_the_model_is_not_asked_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = photo_job.segment

    def counting(model: Model, pixels: np.ndarray) -> Segmentation:
        asked.append(model.name)
        return real(model, pixels)

    def stop(done: int, _: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(photo_job, "segment", counting)
    with pytest.raises(KeyboardInterrupt):
        measure(study, progress=stop)
    measure(study)
    assert len(asked) == len(Readings(study).all()) == 6


def test_only_what_changed_is_done_again(study: Path, worked: list[str]) -> None:
    measure(study)
    worked.clear()
    save_photo(study / "photos" / "P1" / "D7" / "trunk-anterior.jpg", skin_photo(99))
    measure(study)
    assert worked == ["D7/trunk-anterior"]
    worked.clear()
    save_mask(study.parent / "m" / "P1" / "D0" / "trunk-posterior.png", limb_mask({(0, 200): 2}))
    import_masks(open_study(study), study.parent / "m", reader="Duval")
    measure(study)
    assert worked == ["D0/trunk-posterior"]
    worked.clear()
    (study / "study.toml").write_text("[measure]\nworking_long_side = 256", encoding="utf-8")
    measure(study)
    assert len(worked) == 6
    worked.clear()
    (study / "study.toml").write_text("[measure]\nworking_long_side = 256\n[endpoint]\nday = 5", encoding="utf-8")
    measure(study)
    assert worked == []


def test_a_persons_reading_replaces_the_models_and_the_protocol_decides(study: Path) -> None:
    measure(study)
    save_mask(study.parent / "m" / "P1" / "D07" / "trunk-anterior.png", limb_mask({(0, 100): 1, (100, 200): 2}))
    import_masks(open_study(study), study.parent / "m", reader="Duval")
    save_mask(study.parent / "m" / "P1" / "D07" / "trunk-anterior.png", limb_mask({(0, 150): 1, (150, 200): 2}))
    import_masks(open_study(study), study.parent / "m", reader="Board", adjudicated=True)
    key = "D7/trunk-anterior.jpg"
    measure(study)
    assert photos(study)[key]["reader"] == "Board"
    assert photos(study)["D7/trunk-posterior.jpg"]["reader"] == f"model:{default_model()}"
    (study / "study.toml").write_text('[measure]\nreadings = ["manual", "model"]', encoding="utf-8")
    measure(study)
    assert photos(study)[key]["reader"] == "Duval"
    results = measure(study, reader="Duval")
    assert photos(study)[key]["reader"] == "Duval"
    assert "no reading by Duval" in photos(study)["D7/trunk-posterior.jpg"]["problems"]
    seven = next(visit for visit in results.patients[0].visits if visit.day == 7)
    assert {s.surface for s in seven.having("seen")} == {"trunk-anterior"}
    measure(study, reader=f"model:{default_model()}")
    assert photos(study)[key]["reader"] == f"model:{default_model()}"


def test_the_same_mask_again_is_no_new_reading_and_a_new_one_names_its_parent(study: Path) -> None:
    masks = study.parent / "m"
    save_mask(masks / "P1" / "D07" / "trunk-anterior.png", limb_mask({(0, 200): 1}))
    assert len(import_masks(open_study(study), masks, reader="Duval").recorded) == 1
    again = import_masks(open_study(study), masks, reader="Duval")
    assert (len(again.recorded), again.unchanged) == (0, 1)
    save_mask(masks / "P1" / "D07" / "trunk-anterior.png", limb_mask({(0, 200): 2}))
    changed = import_masks(open_study(study), masks, reader="Duval")
    assert changed.recorded[0].parent == 1


def test_a_locked_model_is_the_only_one(study: Path) -> None:
    sha256 = load_model("classical-v1").sha256
    (study / "study.toml").write_text(f'[measure]\nmodel_sha256 = "{sha256}"', encoding="utf-8")
    assert measure(study).provenance.model_sha256 == sha256
    (study / "study.toml").write_text(f'[measure]\nmodel_sha256 = "{"0" * 64}"', encoding="utf-8")
    with pytest.raises(ModelError, match="locks the model.*on purpose"):
        measure(study)


@pytest.fixture
def own_network(study: Path) -> str:
    """SHA-256 of a network of the site's own, which lies in the study folder under the name ``tiny``."""
    data = (Path(__file__).parent / "networks" / "colours.onnx").read_bytes()
    (study / "models").mkdir()
    (study / "models" / "tiny.onnx").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    (study / "models" / "registry.toml").write_text(
        f'[tiny]\nkind = "onnx"\nfile = "tiny.onnx"\nsha256 = "{sha256}"\nlicence = "CC-BY-NC-4.0"\n'
        'notice = "Tells colours apart."\n',
        encoding="utf-8",
    )
    return sha256


def test_a_model_in_the_study_folder_is_found_by_its_name(study: Path, own_network: str) -> None:
    results = measure(study, model="tiny")
    made = results.provenance
    assert (made.model, made.model_sha256, made.model_licence) == ("tiny", own_network, "CC-BY-NC-4.0")
    assert {row["reader"] for row in photos(study).values()} == {"model:tiny"}
    assert closing_summary(results, study).count("Model tiny (licence CC-BY-NC-4.0): Tells colours apart.") == 1


def test_a_folder_of_models_elsewhere_is_found(study: Path, own_network: str, tmp_path: Path) -> None:
    elsewhere = (study / "models").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="no model named 'tiny'"):
        measure(study, model="tiny")
    assert measure(study, model="tiny", models=elsewhere, workers=2).provenance.model_sha256 == own_network


def test_a_lock_without_a_name_finds_its_model_and_refuses_another(study: Path, own_network: str) -> None:
    (study / "study.toml").write_text(f'[measure]\nmodel_sha256 = "{own_network}"', encoding="utf-8")
    assert measure(study).provenance.model == "tiny"
    classical = load_model("classical-v1").sha256
    with pytest.raises(ModelError) as refused:
        measure(study, model="classical-v1")
    # The sentence says what to write, in full, to change the model on purpose.
    assert f'model = "classical-v1"  and  model_sha256 = "{classical}"' in str(refused.value)


def test_a_new_study_names_the_recommended_model(tmp_path: Path) -> None:
    init_study(tmp_path / "new")
    assert load_protocol(tmp_path / "new" / "study.toml")[0].measure.model == default_model()


def test_photo_glob_measures_only_what_matches_and_keeps_the_rest(study: Path, worked: list[str]) -> None:
    measure(study, photo_glob="P1/D0/*")
    assert sorted(worked) == [f"D0/{view}" for view in sorted(VIEWS)]
    assert "not measured yet" in photos(study)["D7/trunk-anterior.jpg"]["problems"]
    worked.clear()
    measure(study)
    assert len(worked) == 3
    worked.clear()
    measure(study, photo_glob="nothing")
    assert worked == []
    assert {row["status"] for row in photos(study).values()} != {"refused"}


def test_photo_glob_never_empties_the_others_after_an_upgrade(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure(study)
    before = {place: row["status"] for place, row in photos(study).items()}
    monkeypatch.setattr("bsa_measure.measure.__version__", "99")
    measure(study, photo_glob="P1/D0/*")
    assert {place: row["status"] for place, row in photos(study).items()} == before
    assert not any("not measured yet" in row["problems"] for row in photos(study).values())


def test_several_processes_give_the_same_tables(study: Path, tmp_path: Path) -> None:
    measure(study, workers=2)
    both = {name: text for name, text in files(study / "results").items() if name.endswith(".csv")}
    for name in ("results", "masks"):
        shutil.rmtree(study / name)
    (study / "readings.db").unlink()
    measure(study, workers=1)
    assert both == {name: text for name, text in files(study / "results").items() if name.endswith(".csv")}


def test_a_photograph_that_is_gone_leaves_no_picture_behind(study: Path) -> None:
    measure(study)
    assert (study / "results" / "overlays" / "P1" / "D07" / "trunk-anterior.jpg").is_file()
    (study / "photos" / "P1" / "D7" / "trunk-anterior.jpg").unlink()
    measure(study)
    assert not (study / "results" / "overlays" / "P1" / "D07" / "trunk-anterior.jpg").exists()


def wait_for_readings(study: Path, number: int, process: subprocess.Popen[str]) -> None:
    """Until so many readings are recorded (0: until the record exists), or the process has ended."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (study / "readings.db").exists() and (number == 0 or len(Readings(study).all()) >= number):
            return
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_ctrl_c_at_any_moment_loses_nothing(study: Path) -> None:
    command = [sys.executable, "-m", "bsa_measure.cli", "measure", str(study), "--workers", "2"]
    for recorded in (0, 1, 2, 4):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        wait_for_readings(study, recorded, process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors
        # Minus the signal: Ctrl-C came when everything was done and Python was already closing down.
        assert process.returncode in (0, 1, 130, -signal.SIGINT)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    record = Readings(study)
    assert record.verify() == []
    assert len({r.photo_sha256 for r in record.all()}) == 6
    assert not list(study.rglob("*.part"))


@pytest.mark.filterwarnings("default")  # a busy cluster's farewell is not ours to judge
def test_a_dask_cluster_gives_the_same_tables(study: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the [cluster] extra is not installed")
    measure(study)
    alone = {name: text for name, text in files(study / "results").items() if name.endswith(".csv")}
    shutil.rmtree(study / "results")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0
    ) as cluster:
        measure(study, scheduler=cluster.scheduler_address)
    assert alone == {name: text for name, text in files(study / "results").items() if name.endswith(".csv")}


def test_a_scheduler_that_does_not_answer_gets_a_sentence(study: Path) -> None:
    pytest.importorskip("distributed", reason="the [cluster] extra is not installed")
    with pytest.raises(StudyError, match="No Dask scheduler answers"):
        measure(study, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("sweeping", ["P1,D7,*", ""])
def test_a_refused_photograph_is_never_declared_healthy_by_a_sweeping_word(study: Path, sweeping: str) -> None:
    (study / "uninvolved.csv").write_text(f"patient,visit,surface\n{sweeping}\n", encoding="utf-8")
    if not sweeping:
        (study / "study.toml").write_text('[measure]\nunphotographed = "uninvolved"', encoding="utf-8")
    (study / "photos" / "P1" / "D7" / "trunk-anterior.jpg").write_bytes(b"")
    seven = next(visit for visit in measure(study).patients[0].visits if visit.day == 7)
    assert [s.surface for s in seven.having("unseen")] == ["trunk-anterior"]
    with (study / "uninvolved.csv").open("a", encoding="utf-8") as file:
        file.write("P1,D7,trunk-anterior\n")
    seven = next(visit for visit in measure(study).patients[0].visits if visit.day == 7)
    assert seven.having("unseen") == ()


def test_earlier_readings_at_another_size_do_not_change_the_result(study: Path) -> None:
    measure(study)
    (study / "study.toml").write_text("[measure]\nworking_long_side = 256", encoding="utf-8")
    measure(study)
    after = files(study / "results")
    shutil.rmtree(study / "results")
    shutil.rmtree(study / "masks")
    (study / "readings.db").unlink()
    measure(study)
    fresh = files(study / "results")
    assert {name: data for name, data in after.items() if name.endswith((".csv", ".jpg"))} == {
        name: data for name, data in fresh.items() if name.endswith((".csv", ".jpg"))
    }


@pytest.mark.parametrize("name", ["D7/trunk-anteror.jpg", "D7b/trunk-anterior.jpg", "D7/trunk-anterior.webp"])
def test_a_misnamed_photograph_is_never_declared_healthy_by_a_sweeping_word(study: Path, name: str) -> None:
    place = study / "photos" / "P1" / name
    place.parent.mkdir(exist_ok=True)
    (study / "photos" / "P1" / "D7" / "trunk-anterior.jpg").rename(place)
    seven = next(visit for visit in measure(study).patients[0].visits if visit.day == 7)
    assert "trunk-anterior" in {s.surface for s in seven.having("unseen")}
    assert seven.having("uninvolved") == ()


def test_a_photograph_that_changes_while_it_is_measured_is_not_recorded_as_the_old_one(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = photo_job.read_photo
    changed = study / "photos" / "P1" / "D7" / "trunk-anterior.jpg"

    def late(path: Path, *, long_side: int) -> photo_job.Photo:
        if path == changed:
            save_photo(path, skin_photo(77))
        return real(path, long_side=long_side)

    monkeypatch.setattr(photo_job, "read_photo", late)
    measure(study)
    assert "was changed while it was measured" in photos(study)["D7/trunk-anterior.jpg"]["problems"]
    assert len(Readings(study).all()) == 5
