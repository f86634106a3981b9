"""Error models: fitted from paired readings, kept in files, found and used by measure."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study

from bsa_measure.compare import compare_readers
from bsa_measure.error_fit import Paired, fit_error_model, fit_fractions, spurious_floor, spurious_readings
from bsa_measure.error_models import (
    error_model_text,
    find_error_models,
    parse_error_model,
    study_error_model_path,
    study_error_models,
)
from bsa_measure.error_pairs import fit_to_truth, keep_error_model
from bsa_measure.errors import ModelError, ReadingError, StudyError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.segment import load_model, registered_error_model
from bsa_measure.study import open_study
from bsa_measure.uncertainty import Blunder, ErrorModel, FractionError, KindError, Spurious, from_logit, to_logit

FLOOR = 0.01
EXAMPLE = ErrorModel(
    reader='model:"odd" name\\é',
    reference="truth",
    patients=12,
    visits=24,
    detached=FractionError(
        0.01, -2.5, 0.9, 0.1, 0.3, 0.05, 0.1, 0.02, 0.5, 0.25, Blunder(0.03, -1.0, 2.0),
        {"genitalia": KindError(0.2, 0.4, 24)}, Spurious(-3.2, 0.7),
    ),
    source="12 phantom patients",
)  # fmt: skip


def pairs(
    *,
    patients: int,
    visits: int = 3,
    seed: int = 1,
    bias: float = 0.0,
    patient: float = 0.0,
    visit: float = 0.0,
    place: float = 0.0,
    spread: float = 0.1,
) -> list[Paired]:
    """Readings spread over all fractions and a truth that departs from them by known errors on the logit scale."""
    rng = np.random.default_rng(seed)
    found = []
    names = [f"{part}-{side}-{face}" for part in ("thigh", "leg") for side in ("left", "right") for face in ("a", "p")]
    for p in range(patients):
        of_patient = patient * rng.standard_normal()
        of_place = {name: place * rng.standard_normal() for name in names}
        for day in range(visits):
            of_visit = visit * rng.standard_normal()
            for name in names:
                read = float(rng.uniform(0.05, 0.95))
                error = bias + of_patient + of_visit + of_place[name] + spread * rng.standard_normal()
                true = float(from_logit(to_logit(np.array([read]), FLOOR) + error, FLOOR)[0])
                found.append(Paired(f"P{p}", day, name, read, true))
    return found


@pytest.mark.parametrize(
    ("name", "known"),
    [("bias", 0.5), ("spread", 0.4), ("patient", 0.5), ("visit", 0.5), ("place", 0.5)],
)
def test_the_fit_finds_what_the_error_is_made_of(name: str, known: float) -> None:
    found = fit_fractions(pairs(patients=30, visits=6, **{name: known}), rounds=300)
    expected = {"bias": 0.0, "spread": 0.1, "patient": 0.0, "visit": 0.0, "place": 0.0, name: known}
    assert found.floor == FLOOR  # no surface without lesions: the usual floor
    assert found.slope == pytest.approx(1, abs=0.1)
    # The mean of the shared errors of 30 patients is itself uncertain, by 0.5 / sqrt(30); so are their spreads.
    for other, value in expected.items():
        tolerance = 0.2 if name != "spread" and other != "spread" else 0.07
        assert getattr(found, other) == pytest.approx(value, abs=tolerance), other


def test_rare_blunders_do_not_widen_the_usual_spread() -> None:
    usual = pairs(patients=20, spread=0.1)
    wrong = [replace(p, reference=0.002) if i % 25 == 0 else p for i, p in enumerate(usual)]
    found = fit_fractions(wrong, rounds=300)
    assert found.spread < 0.2
    assert found.blunder.share == pytest.approx(0.04, abs=0.02)
    assert found.blunder.bias < -1


def test_small_spurious_patches_are_no_blunders_of_large_surfaces() -> None:
    # Where nothing is, every other surface has a patch of 1 to 3 %; what was read above 5 % is always something.
    rng = np.random.default_rng(3)
    some = pairs(patients=12, spread=0.1)
    empty = [
        replace(p, surface=f"arm-{i % 8}", read=float(rng.uniform(0.01, 0.03)) if i % 2 else 0.0, reference=0.0)
        for i, p in enumerate(some)
    ]
    found = fit_fractions([*some, *empty], rounds=300)
    assert found.blunder.share < 0.015
    assert found.spread < 0.15
    assert found.spurious is not None
    small, large = found.spurious.chance(to_logit(np.array([0.02, 0.3]), found.floor))
    assert small > 0.9
    assert large < 0.01


def test_how_often_a_patch_is_spurious_is_found() -> None:
    rng = np.random.default_rng(4)
    read = rng.uniform(-4.5, 3.0, 4000)
    known = Spurious(level=-3.0, fall=0.8)
    found = spurious_readings(read, rng.random(4000) < known.chance(read))
    assert found is not None
    assert found.level == pytest.approx(-3.0, abs=0.3)
    assert found.fall == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize(("always", "low", "high"), [(False, 0.0, 0.1), (True, 0.9, 1.0)])
def test_few_readings_that_agree_do_not_make_a_patch_certain(always: bool, low: float, high: float) -> None:
    read = np.linspace(-4.0, 0.0, 12)
    found = spurious_readings(read, np.full(12, always))
    assert found is not None
    assert low < float(found.chance(read).mean()) < high
    assert spurious_readings(read[:0], np.zeros(0, bool)) is None


def test_places_that_stay_alike_do_not_hide_the_reading() -> None:
    # Seven visits to surfaces that do not change: who knows the place need not read it. Of a new patient no place is
    # known, so that the truth has to follow the reading.
    rng = np.random.default_rng(5)
    some = []
    for patient in range(15):
        for place in ("thigh-left-a", "thigh-right-a", "leg-left-a", "leg-right-a", "arm-left-a", "arm-right-a"):
            level = rng.normal(-1.0, 1.0)
            for day in range(7):
                true, read = from_logit(np.array([level, level + rng.normal(0.0, 0.8)]), FLOOR)
                some.append(Paired(f"P{patient}", day, place, float(read), float(true)))
    found = fit_fractions(some, rounds=300)
    # Regression to the mean: slope 1 / (1 + 0.64), and what is left has a spread of 0.8 / sqrt(1.64).
    assert found.slope == pytest.approx(0.61, abs=0.1)
    together = np.linalg.norm([found.spread, found.place, found.patient, found.visit])
    assert together == pytest.approx(0.625, abs=0.1)


def test_kinds_with_few_readings_are_drawn_towards_the_others() -> None:
    # Thighs read 0.6 too low in 20 patients; of the genitalia there are two readings, 3 too low.
    many = pairs(patients=20, bias=0.6)
    odd = [
        Paired("P0", day, "genitalia", 0.3, float(from_logit(to_logit(np.array([0.3]), FLOOR) + 3.0, FLOOR)[0]))
        for day in (0, 1)
    ]
    found = fit_fractions([*many, *odd], rounds=300)
    assert found.kinds["thigh-a"].bias == pytest.approx(0.6, abs=0.1)
    assert found.kinds["genitalia"].readings == 2
    assert 0.5 < found.kinds["genitalia"].bias < 3.0


def test_the_floor_is_what_is_marked_where_there_is_nothing() -> None:
    nothing = [Paired("P", day, "leg-left-a", 0.03, 0.0) for day in range(20)]
    assert spurious_floor(nothing) == pytest.approx(0.03)
    assert spurious_floor([replace(p, read=0.5) for p in nothing]) == 0.05
    assert spurious_floor(nothing[:5]) == 0.01


def test_a_reader_who_is_always_right_has_next_to_no_error() -> None:
    right = [replace(p, reference=p.read) for p in pairs(patients=6)]
    found = fit_fractions(right, rounds=200)
    assert max(found.spread, found.patient, found.visit, found.place, abs(found.bias)) < 0.05


def test_the_same_pairs_in_any_order_give_the_same_bytes() -> None:
    some = pairs(patients=5, visits=2)
    assert fit_fractions(some, rounds=20) == fit_fractions(some[::-1], rounds=20)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(ReadingError, match="4 patients"):
        fit_error_model(pairs(patients=4), [], reader="A", reference="B", geometry="flat")


def test_a_file_says_the_same_when_read_again() -> None:
    assert parse_error_model(error_model_text(EXAMPLE), "x.toml") == EXAMPLE


def test_a_file_without_spurious_patches_has_none() -> None:
    lines = [line for line in error_model_text(EXAMPLE).splitlines() if not line.startswith("spurious")]
    assert parse_error_model("\n".join(lines), "x.toml").detached == replace(EXAMPLE.detached, spurious=None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"),
        ("floor = 0.0100", "floor = 0"),
        ("floor = 0.0100", 'floor = "much"'),
        ("slope = 0.9000\n", ""),
        ("visit = 0.1000", "visit = -0.1"),
        ("bias = 0.2000", "bias = nan"),
        ("share = 0.0300", "share = 3"),
        ("patients = 12", "patients = 0"),
        ("[detached]", "[detached"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(old: str, new: str) -> None:
    text = error_model_text(EXAMPLE)
    assert old in text
    with pytest.raises(StudyError, match=r"x\.toml"):
        parse_error_model(text.replace(old, new, 1), "x.toml")


def test_shipped_error_models_can_be_read_and_belong_to_their_model() -> None:
    model = load_model("classical-v1")
    found = find_error_models(Path("nowhere"), {"model:classical-v1"}, geometry="silhouette", model=model)
    error = found["model:classical-v1"].model
    assert error.model_sha256 == model.sha256
    assert error.patients >= 8
    # It was fitted for another geometry, or nobody asked for this reader: not used.
    assert not find_error_models(Path("nowhere"), {"model:classical-v1"}, geometry="flat", model=model)
    assert not find_error_models(Path("nowhere"), {"Duval"}, geometry="silhouette", model=model)


def test_a_changed_shipped_error_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(error_model_text(EXAMPLE), encoding="utf-8")
    registry = '[m]\nerror_model = "e.toml"\nerror_model_sha256 = "00"\n'
    (tmp_path / "registry.toml").write_text(registry, encoding="utf-8")
    with pytest.raises(ModelError, match="changed or damaged"):
        registered_error_model("m", tmp_path)
    (tmp_path / "registry.toml").write_text("[m]\n", encoding="utf-8")
    assert registered_error_model("m", tmp_path) is None


def test_two_files_about_one_reader_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = tmp_path / "error-models" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(error_model_text(EXAMPLE), encoding="utf-8")
    with pytest.raises(StudyError, match="second error model"):
        study_error_models(tmp_path)


def test_readers_with_similar_names_have_files_of_their_own(tmp_path: Path) -> None:
    names = {study_error_model_path(tmp_path, name).name for name in ("Anna K", "anna-k", "Анна", "../x")}
    assert len(names) == 4
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") for name in names)


# Through measure


def study_of_two_readers(root: Path, patients: int = 5) -> Path:
    """Two readers of a surface at D0 and D7; Klein outlines a tenth more rows than Duval."""
    names = [f"P{number}" for number in range(1, patients + 1)]
    study = write_study(
        root / "study",
        protocol='[measure]\ngeometry = "flat"\n[endpoint]\ndraws = 2000\n',
        patients="\n".join(f"{name},40,-4" for name in names),
        uninvolved="\n".join(f"{name},{day},*" for name in names for day in ("D0", "D7")),
    )
    for seed, name in enumerate(names):
        for day, rows in (("D0", 100 + 4 * seed), ("D7", 10 + seed)):
            save_photo(study / "photos" / name / day / "trunk-anterior.jpg", skin_photo(2 * seed + (day == "D7")))
            for reader, factor in (("Duval", 1.0), ("Klein", 1.1)):
                end = round(rows * factor)
                mask = limb_mask({(0, end): 2, (end, 200): 1})
                save_mask(root / reader / name / day / "trunk-anterior.png", mask)
    for reader in ("Klein", "Duval"):
        report = import_masks(open_study(study), root / reader, reader=reader)
        assert (len(report.recorded), report.problems) == (2 * patients, ())
    return study


def endpoints(study: Path) -> dict[str, dict[str, str]]:
    with (study / "results" / "endpoints.csv").open(encoding="utf-8", newline="") as file:
        return {row["patient"]: row for row in csv.DictReader(file) if row["visit"] == "D07"}


def test_measure_uses_a_reader_s_error_model_and_says_when_there_is_none(tmp_path: Path) -> None:
    study = study_of_two_readers(tmp_path)
    measure(study)
    row = endpoints(study)["P1"]
    # H = 100 (1 - 10 / 100) = 90 exactly, no hidden skin
    assert (row["response"], row["probability_of_response"], row["interval_from"]) == ("yes", "", "hidden skin")
    report = (study / "results" / "report.html").read_text(encoding="utf-8")
    assert "no error model of Duval" in report

    comparison = compare_readers(study, ["Duval", "Klein"])
    sentence = keep_error_model(comparison)
    assert "Error model of Duval against Klein" in sentence
    results = measure(study)
    row = endpoints(study)["P1"]
    assert row["interval_from"] == "error model"
    assert float(row["healed_bounds_low"]) == float(row["healed_bounds_high"]) == pytest.approx(90)
    assert float(row["healed_low"]) < 90 < float(row["healed_high"])
    assert row["response"] == "undetermined"
    assert 0 < float(row["probability_of_response"]) < 1
    report = (study / "results" / "report.html").read_text(encoding="utf-8")
    assert "90\u00a0% probability within" in report
    assert "The probability of a response is" in report
    provenance = json.loads((study / "results" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["error_models"] == {"Duval": study_error_models(study)["Duval"].sha256}
    assert results.patients[0].simulated is not None
    with (study / "results" / "visits.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    low, high = float(first["detached_bsa_interval_low"]), float(first["detached_bsa_interval_high"])
    assert low < high
    # Klein, who is taken for right, reads a tenth more: 6.5 % BSA are more likely 7.15.
    assert low < 7.15 < high
    # The contract of low and high is what hidden skin leaves open, as before.
    assert float(first["detached_bsa_low"]) == float(first["detached_bsa_high"]) == pytest.approx(6.5)

    before = {name: (study / "results" / name).read_bytes() for name in ("visits.csv", "endpoints.csv")}
    measure(study)
    assert before == {name: (study / "results" / name).read_bytes() for name in before}


def test_two_patients_give_no_error_model(tmp_path: Path) -> None:
    study = study_of_two_readers(tmp_path, patients=2)
    with pytest.raises(ReadingError, match="2 patients"):
        keep_error_model(compare_readers(study, ["Duval", "Klein"]))


def test_a_phantom_study_measured_from_other_readings_is_refused(tmp_path: Path) -> None:
    study = study_of_two_readers(tmp_path)
    with pytest.raises(StudyError, match="phantom study"):
        fit_to_truth([study], "Duval")
    measure(study)
    (study / "truth").mkdir()
    (study / "truth" / "surfaces.csv").write_bytes((study / "results" / "surfaces.csv").read_bytes())
    with pytest.raises(StudyError, match="not from Klein alone"):
        fit_to_truth([study], "Klein")
    found = fit_to_truth([study], "Duval")
    assert (found.patients, found.visits, found.geometry) == (5, 10, "flat")
