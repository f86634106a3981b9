"""Readers of a small drawn study, from a disagreement to the final word of a third person."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from terminal import bsa_measure
from typer.testing import CliRunner

from bsa_measure.adjudicate import (
    Adjudication,
    blinded_photo,
    open_adjudication,
    record_decisions,
    refreshed,
)
from bsa_measure.adjudicate_files import WORKLIST_COLUMNS, closing_lines, read_decisions, write_worklist
from bsa_measure.adjudication import (
    Blinding,
    Decision,
    consensus,
    contributions,
    discordance_limit,
)
from bsa_measure.cli import app
from bsa_measure.errors import ReadingError, StudyError
from bsa_measure.final import final_study, write_final
from bsa_measure.final_readings import default_readers, final_reading
from bsa_measure.fractions import Areas
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.protocol import AdjudicationRules
from bsa_measure.readings import NewAct, NewReading, Readings, load_mask, store_mask
from bsa_measure.staple import staple
from bsa_measure.study import open_study

PATIENTS = [f"P{i}" for i in range(1, 7)]
VIEWS = ("trunk-anterior", "trunk-posterior")
# Rows of 200 detached on the chest and on the back (13 % BSA each), at D0 and at D7.
DUVAL = {
    "P1": ((100, 60), (10, 6)),  # 90.00 % healed: yes
    "P2": ((60, 60), (2, 0)),
    "P3": ((150, 20), (60, 0)),
    "P4": ((40, 0), (0, 0)),
    "P5": ((90, 0), (45, 0)),
    "P6": ((150, 0), (8, 0)),
}
# P1: 88.75 %, no. P3: 2.6 % BSA more at D0. P6: 10.4 instead of 9.75 % BSA, overlap instead of SJS.
OKAFOR = DUVAL | {"P1": ((100, 60), (12, 6)), "P3": ((180, 30), (60, 0)), "P6": ((160, 0), (8, 0))}
PROTOCOL = """[measure]
geometry = "flat"
[agreement]
minimum_patients = 6
draws = 200
[adjudication]
use_mdc95 = false
"""
SEED = "for the tests"


def mask(rows: int) -> np.ndarray:
    return limb_mask({(0, rows): 2, (rows, 200): 1})


def masks_of(folder: Path, rows: dict[str, tuple[tuple[int, int], tuple[int, int]]]) -> Path:
    for patient, visits in rows.items():
        for visit, heights in zip(("D0", "D7"), visits, strict=True):
            for view, height in zip(VIEWS, heights, strict=True):
                save_mask(folder / patient / visit / f"{view}.png", mask(height))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("adjudicate")
    folder = write_study(
        base / "study",
        protocol=PROTOCOL,
        patients="\n".join(f"{p},40,-3" for p in PATIENTS),
        uninvolved="\n".join(f"{p},{visit},*" for p in PATIENTS for visit in ("D0", "D7")),
    )
    for number, (patient, visit, view) in enumerate((p, d, v) for p in PATIENTS for d in ("D0", "D7") for v in VIEWS):
        save_photo(folder / "photos" / patient / visit / f"{view}.jpg", skin_photo(number))
    study = open_study(folder)
    for name, rows in (("Duval", DUVAL), ("Okafor", OKAFOR)):
        assert not import_masks(study, masks_of(base / name, rows), reader=name).problems
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture(scope="module")
def opened(made: Path) -> Adjudication:
    return open_adjudication(made, seed=SEED)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fill(worklist: Path, out: Path, choices: dict[str, tuple[str, str]]) -> Path:
    """The worklist with choice and reason of some photographs."""
    listed = rows(worklist)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, WORKLIST_COLUMNS)
        writer.writeheader()
        for row in listed:
            row["choice"], row["reason"] = choices.get(row["file"], ("", ""))
            writer.writerow(row)
    return out


def letter_of(found: Adjudication, patient: str, day: int, reader: str) -> str:
    visit = next(v for v in found.worklist.visits if (v.patient, v.day) == (patient, day))
    names = [found.comparison.readers[place].reader for place in visit.order]
    return visit.letters[names.index(reader)]


# The rule and the order


def test_the_rule_finds_calls_categories_and_differences_and_nothing_else(opened: Adjudication) -> None:
    found = [(v.patient, v.day, v.why) for v in opened.worklist.visits]
    # P1's maximum (D0) is read alike, so that only D7 is left to decide. P3's 30 rows on the chest and 10 on the back
    # are 13 * 40 / 200 = 2.6 % BSA. P6: 9.75 is SJS and 10.4 is overlap, a difference of 0.65.
    assert found == [("P1", 7, ("call",)), ("P6", 0, ("category",)), ("P3", 0, ("difference",))]
    assert opened.worklist.limit == 2.0
    assert opened.worklist.compared == 12


def test_photographs_come_by_what_they_add_and_those_read_alike_are_left_out(opened: Adjudication) -> None:
    p1, p6, p3 = opened.worklist.visits
    assert [photo.file for photo in p3.photos] == [f"photos/P3/D0/{view}.jpg" for view in VIEWS]
    sign = 1 if letter_of(opened, "P3", 0, "Okafor") == "A" else -1
    assert [photo.contribution for photo in p3.photos] == pytest.approx([sign * 1.95, sign * 0.65])
    assert p3.difference == pytest.approx(sign * 2.6)
    assert [photo.file for photo in p1.photos] == ["photos/P1/D7/trunk-anterior.jpg"]
    assert (p1.alike, p6.alike, p3.alike) == (1, 1, 0)


def test_the_limit_is_the_larger_of_the_minimum_and_mdc95() -> None:
    rules = AdjudicationRules()
    assert discordance_limit(rules, 3.1) == 3.1
    assert discordance_limit(rules, 1.2) == 2.0
    assert discordance_limit(rules, None) == 2.0
    assert discordance_limit(rules.model_copy(update={"use_mdc95": False}), 3.1) == 2.0


def test_each_part_of_the_rule_can_be_switched_off(study: Path) -> None:
    rule = "call_differs = false\ncategory_differs = false\nminimum_difference_bsa_percent = 0.5\n"
    (study / "study.toml").write_text(PROTOCOL + rule, encoding="utf-8")
    found = open_adjudication(study, seed=SEED)
    assert [(v.patient, v.day, v.why) for v in found.worklist.visits] == [
        ("P3", 0, ("difference",)),
        ("P6", 0, ("difference",)),
    ]


def test_contributions_by_hand() -> None:
    # One surface on two photographs, 100 pixels each: the first reader sees 30 + 10, the second 10 + 10 detached.
    first = [{"s": Areas(70, 30)}, {"s": Areas(90, 10)}]
    second = [{"s": Areas(90, 10)}, {"s": Areas(90, 10)}]
    assert contributions(list(zip(first, second, strict=True)), {"s": 13.0}) == pytest.approx([1.3, 0.0])
    # Hidden skin leaves the denominator: 20 / 100 against 20 / 50 of one surface.
    hidden = [({"s": Areas(80, 20)}, {"s": Areas(30, 20, 0, 50)})]
    assert contributions(hidden, {"s": 10.0}) == pytest.approx([-2.0])
    # A photograph that only the second reader can see at all.
    assert contributions([({"s": Areas(0, 0, 0, 9)}, {"s": Areas(3, 1)})], {"s": 8.0}) == pytest.approx([-2.0])


def test_contributions_of_two_photographs_of_a_surface_add_up() -> None:
    random = np.random.default_rng(5)
    photos = [tuple({"s": Areas(*random.uniform(1, 9, 4))} for _ in range(2)) for _ in range(2)]
    whole = [sum(p[i]["s"].detached for p in photos) / sum(p[i]["s"].seen for p in photos) for i in range(2)]
    assert sum(contributions(photos, {"s": 7.0})) == pytest.approx(7 * (whole[0] - whole[1]))


# Blinding


def test_the_letters_stay_the_same_and_do_not_depend_on_who_is_named_first(made: Path, opened: Adjudication) -> None:
    again = open_adjudication(made, ["Okafor", "Duval"])
    for visit, other in zip(opened.worklist.visits, again.worklist.visits, strict=True):
        assert visit.detached == other.detached
        assert visit.code == other.code
    key = json.loads((made / "adjudication" / "key.json").read_text(encoding="utf-8"))
    assert key["seed"] == SEED
    assert key["letters_A_B"]["P3/D00"].index("Okafor") == "AB".index(letter_of(opened, "P3", 0, "Okafor"))


def test_letters_are_fair_and_independent_between_visits() -> None:
    blinding = Blinding("any")
    firsts = [blinding.order(f"P{i}", day, ["x", "y"])[0] for i in range(200) for day in (0, 7)]
    assert 160 < sum(firsts) < 240  # 200 +/- 4 standard deviations
    same = sum(a == b for a, b in zip(firsts[::2], firsts[1::2], strict=True))
    assert 70 < same < 130
    assert {Blinding(str(i)).order("P1", 0, ["x", "y", "z"]) for i in range(200)} == {
        *((a, b, 3 - a - b) for a in range(3) for b in range(3) if a != b)
    }


def test_a_study_without_a_seed_draws_its_own_and_keeps_it(study: Path) -> None:
    shutil.rmtree(study / "adjudication", ignore_errors=True)
    first = open_adjudication(study).blinding.seed
    assert len(first) == 32
    assert open_adjudication(study).blinding.seed == first
    with pytest.raises(ReadingError, match="drawn already"):
        open_adjudication(study, seed="another")


def test_nothing_that_is_handed_out_tells_who_has_read(study: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    folder = write_worklist(found)
    record = Readings(study).all()
    secrets = {"Duval", "Okafor", "manual", SEED, "classical"}
    secrets |= {part for r in record for part in (r.mask_sha256, r.mask_sha256[:12], r.created_utc[:10], r.hash[:12])}
    assert sorted(path.name for path in folder.iterdir()) == ["adjudicate.html", "worklist.csv"]
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not [secret for secret in secrets if secret in text]


def test_the_blinded_pair_holds_each_readers_mask_under_its_letter(opened: Adjudication) -> None:
    pair = blinded_photo(opened, "photos/P3/D0/trunk-anterior.jpg")
    duval, okafor = (letter_of(opened, "P3", 0, name) for name in ("Duval", "Okafor"))
    np.testing.assert_array_equal(pair.masks[duval], mask(150))
    np.testing.assert_array_equal(pair.masks[okafor], mask(180))
    assert list(pair.masks) == ["A", "B"]
    assert not pair.decided
    assert "Duval" not in repr(replace(pair, masks={}))
    with pytest.raises(ReadingError, match="not on the worklist"):
        blinded_photo(opened, "photos/P2/D0/trunk-anterior.jpg")


# Decisions


def test_the_whole_way_through_the_command(study: Path, tmp_path: Path) -> None:
    open_adjudication(study, seed=SEED)
    done = bsa_measure("adjudicate", study, "--workers", 1)
    assert done.returncode == 1  # somebody has to decide
    assert "3 of 12 visits are disputed (limit 2.00 % BSA), 0 of them decided" in done.stdout
    assert "P1 D07: the call differs; 0.13 % BSA apart; 1 of 1 photographs open" in done.stdout
    assert "Duval" not in done.stdout
    assert "Okafor" not in done.stdout
    worklist = study / "results" / "adjudication" / "worklist.csv"
    found = open_adjudication(study)
    choices = {
        "photos/P1/D7/trunk-anterior.jpg": (letter_of(found, "P1", 7, "Okafor"), "two more rows are moist"),
        "photos/P6/D0/trunk-anterior.jpg": (letter_of(found, "P6", 0, "Duval").lower(), "the rim is intact"),
        "photos/P3/D0/trunk-anterior.jpg": ("own.png", "=neither, drawn anew"),
    }
    save_mask(tmp_path / "own.png", mask(165))
    table = fill(worklist, tmp_path / "decisions.csv", choices)
    done = bsa_measure("adjudicate", study, "--decisions", table, "--adjudicator", "Marin", "--workers", 1)
    assert done.returncode == 1
    assert "Decisions by Marin: 3 recorded, 0 unchanged, 0 refused." in done.stdout
    assert "2 of them decided" in done.stdout
    assert "P3 D00" in done.stdout  # its back is still open
    assert [row["status"] for row in rows(worklist)] == ["decided", "decided", "decided", "open"]

    record = {(r.patient, r.view): r for r in Readings(study).all() if r.kind == "adjudicated"}
    assert {(r.reader, r.role) for r in record.values()} == {("Marin", "adjudicator")}
    chosen = record["P1", "trunk-anterior"]
    parent = Readings(study).all()[chosen.parent - 1] if chosen.parent else None
    assert parent is not None
    assert (parent.reader, parent.mask_sha256, parent.visit) == ("Okafor", chosen.mask_sha256, "D07")
    assert chosen.reason == "two more rows are moist"
    fresh = record["P3", "trunk-anterior"]
    assert fresh.parent is None
    assert fresh.reason == "=neither, drawn anew"
    np.testing.assert_array_equal(load_mask(study, fresh.mask_sha256), mask(165))

    again = bsa_measure("adjudicate", study, "--decisions", table, "--adjudicator", "Marin", "--workers", 1)
    assert "0 recorded, 3 unchanged, 0 refused" in again.stdout

    # What is measured now rests on the decisions: P1 has not responded.
    results = measure(study)
    p1 = results.patients[0]
    assert next(call for healing, call in p1.calls if healing.day == 7).response == "no"


def test_one_line_decides_the_rest_of_a_visit(study: Path, tmp_path: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    visit = found.worklist.visits[2]
    first = visit.photos[0].file
    lines = ["patient,visit,file,code,choice,reason"]
    lines += [f"P3,D0,{first},{visit.code},A,first", f"P3,D0,,{visit.code},B,all else"]
    (tmp_path / "d.csv").write_text("\n".join(lines), encoding="utf-8")
    decisions, problems = read_decisions(found, tmp_path / "d.csv")
    assert not problems
    assert [(d.file, d.choice, d.reason) for d in decisions] == [
        (first, "A", "first"),
        (visit.photos[1].file, "B", "all else"),
    ]
    record_decisions(found, decisions, adjudicator="Marin")
    assert [v.patient for v in refreshed(found).worklist.open_visits] == ["P1", "P6"]


def test_a_decision_falls_when_a_reader_reads_again(study: Path, tmp_path: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    visit = found.worklist.visits[0]
    record_decisions(found, [Decision(visit.photos[0].file, "A", "so")], adjudicator="Marin")
    import_masks(open_study(study), masks_of(tmp_path / "new", {"P1": ((100, 60), (14, 6))}), reader="Okafor")
    later = open_adjudication(study)
    assert later.worklist.visits[0].photos[0].outdated
    assert later.worklist.visits[0].open_photos
    assert later.worklist.visits[0].code != visit.code
    # The old page's code no longer fits, so that its letters cannot land on the new readings.
    (tmp_path / "d.csv").write_text(
        f"patient,visit,file,code,choice,reason\nP1,D7,{visit.photos[0].file},{visit.code},B,x\n", encoding="utf-8"
    )
    decisions, problems = read_decisions(later, tmp_path / "d.csv")
    assert not decisions
    assert "decide from a newly made page" in problems[0]
    report = record_decisions(later, [Decision(visit.photos[0].file, "A", "so")], adjudicator="Marin")
    assert len(report.recorded) == 1


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            "P1,D7,{file},{code},C,x",
            "'C' is no choice: write A, B, consensus, staple, or the file name of a fresh",
        ),
        ("P1,D7,{file},{code},A,", "needs a reason"),
        ("P1,D7,{file},{code},consensus,x", "a consensus needs three readers"),
        ("P1,D7,{file},{code},STAPLE,x", "a consensus needs three readers"),
        ("P1,D7,photos/P1/D7/trunk-posterior.jpg,{code},A,x", "no disputed photograph of this visit"),
        ("P2,D7,{file},{code},A,x", "P2 D7 is not on the worklist"),
        ("P1,soon,{file},{code},A,x", "P1 soon is not on the worklist"),
        ("P1,D7,{file},12345678,A,x", "the code is not that of the readings"),
        ("P1,D7,{file},{code},none.png,x", "none.png cannot be read"),
        ("P1,D7,{file},{code},small.png,x", "make the mask in one of these sizes"),
        ("P1,D7,{file},{code},nine.png,x", "no tissue class"),
        ("P1,D7,,{code},small.png,x", "name its file"),
    ],
)
def test_a_row_that_cannot_be_used_is_one_sentence(
    opened: Adjudication, tmp_path: Path, row: str, sentence: str
) -> None:
    found = opened
    visit = found.worklist.visits[0]
    save_mask(tmp_path / "small.png", np.ones((50, 50), np.uint8))
    save_mask(tmp_path / "nine.png", np.full((400, 400), 9, np.uint8))
    text = row.format(file=visit.photos[0].file, code=visit.code)
    (tmp_path / "d.csv").write_text(f"patient,visit,file,code,choice,reason\n{text}\n", encoding="utf-8")
    decisions, problems = read_decisions(found, tmp_path / "d.csv")
    report = record_decisions(found, decisions, adjudicator="Marin")
    assert not report.recorded
    assert sentence in (*problems, *report.problems)[0]


@pytest.mark.parametrize(
    ("name", "sentence"), [("Duval", "one of the readers"), (" ", "needs a name"), ("model:x", "needs a name")]
)
def test_the_adjudicator_is_a_third_person(opened: Adjudication, name: str, sentence: str) -> None:
    with pytest.raises(ReadingError, match=sentence):
        record_decisions(opened, [], adjudicator=name)


def test_decisions_need_the_adjudicators_name(made: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["adjudicate", str(made), "--decisions", str(tmp_path / "d.csv")])
    assert done.exit_code == 2
    assert "belong together" in done.output


# Who is compared


def test_a_model_stands_in_for_the_second_person(study: Path) -> None:
    record = Readings(study).all()
    protocol = open_study(study).protocol
    assert default_readers(record, protocol) == ("Duval", "Okafor")
    one = [reading for reading in record if reading.reader == "Duval"]
    with pytest.raises(ReadingError, match=r"needs two readers \(read by: Duval\)"):
        default_readers(one, protocol)
    model = replace(one[0], kind="model", reader="model:classical-v1")
    assert default_readers([*one, model], protocol) == ("Duval", "model:classical-v1")
    with pytest.raises(ReadingError, match="name each of them once"):
        open_adjudication(study, ["Duval", "Duval"])


# Three readers


def test_majority_and_what_happens_to_a_tie() -> None:
    masks = [
        np.array([column], np.uint8)
        for column in ([1, 1, 0, 2, 1, 0, 4, 0], [1, 2, 0, 3, 2, 1, 4, 1], [1, 2, 1, 1, 4, 2, 1, 0])
    ]
    # Two of three decide. 2-3-1 and 1-2-4 are nobody's majority, nor is 0-1-2: not assessable, never intact.
    assert consensus(masks).tolist() == [[1, 2, 0, 4, 4, 4, 4, 0]]
    four = [np.array([[value]], np.uint8) for value in (1, 1, 4, 4)]
    assert consensus(four).tolist() == [[4]]
    with pytest.raises(ValueError, match="three masks"):
        consensus(masks[:2])


def test_three_readers_may_decide_by_consensus(study: Path, tmp_path: Path) -> None:
    third = {p: DUVAL[p] for p in PATIENTS} | {"P3": ((160, 30), (60, 0))}
    import_masks(open_study(study), masks_of(tmp_path / "Lin", third), reader="Lin")
    found = open_adjudication(study, seed=SEED)
    assert [reader.reader for reader in found.comparison.readers] == ["Duval", "Lin", "Okafor"]
    visit = next(v for v in found.worklist.visits if v.patient == "P3")
    assert visit.letters == ("A", "B", "C")
    names = [found.comparison.readers[place].reader for place in visit.order]
    assert [names[letter] for letter in visit.between] == ["Okafor", "Duval"]  # who sees most and who sees least
    assert visit.difference == pytest.approx(2.6)
    chest = visit.photos[0].file
    report = record_decisions(found, [Decision(chest, "consensus", "two of three")], adjudicator="Marin")
    np.testing.assert_array_equal(load_mask(study, report.recorded[0].mask_sha256), mask(160))
    assert re.match(r"consensus of readings \d+, \d+, \d+: two of three", report.recorded[0].reason)
    page = (write_worklist(found) / "adjudicate.html").read_text(encoding="utf-8")
    assert 'value="consensus"' in page
    assert 'value="staple"' in page
    assert 'value="C"' in page


def test_three_readers_may_decide_by_staple_from_the_command_line(study: Path, tmp_path: Path) -> None:
    third = {p: DUVAL[p] for p in PATIENTS} | {"P3": ((160, 30), (60, 0))}
    import_masks(open_study(study), masks_of(tmp_path / "Lin", third), reader="Lin")
    found = open_adjudication(study, seed=SEED)
    visit = next(v for v in found.worklist.visits if v.patient == "P3")
    chest = visit.photos[0]
    table = tmp_path / "decisions.csv"
    header = "patient,visit,file,code,choice,reason"
    table.write_text(f"{header}\nP3,D{visit.day},{chest.file},{visit.code},Staple,weighed\n", encoding="utf-8")
    done = CliRunner().invoke(
        app, ["adjudicate", str(study), "--decisions", str(table), "--adjudicator", "Marin", "--workers", "1"]
    )
    assert "1 recorded, 0 unchanged, 0 refused" in done.output, done.output
    made = Readings(study).all()[-1]
    assert (made.kind, made.reader, made.parent) == ("adjudicated", "Marin", None)
    numbers = ", ".join(str(reading.number) for reading in chest.compared.readings)
    assert made.reason == f"consensus by STAPLE of readings {numbers}: weighed"
    masks = [load_mask(study, reading.mask_sha256) for reading in chest.compared.readings]
    np.testing.assert_array_equal(load_mask(study, made.mask_sha256), staple(masks).labels)
    CliRunner().invoke(app, ["adjudicate", str(study), "--final", "--workers", "1"])
    assert "consensus by STAPLE" in (study / "results" / "final" / "final.html").read_text(encoding="utf-8")


# The page


def test_the_page_is_self_contained_blinded_and_the_same_each_time(opened: Adjudication, study: Path) -> None:
    folder = write_worklist(replace(opened, folder=study))
    page = (folder / "adjudicate.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count('<section class="disputed"') == 3
    assert page.count("data:image/jpeg;base64,") == 4 * 4  # photograph, A, B, difference of four photographs
    assert page.count('href="#visit-2"') == 2  # from the list of visits, and from the visit before
    # Healed percents and maxima would tell which letters of two visits are one reader: words only.
    assert "Calls, not by letter: no, yes." in page
    assert "Categories, not by letter: SJS, overlap." in page
    assert not re.search(r"88\.[78]|90\.0 %", re.sub(r"base64,[A-Za-z0-9+/=]+", "", page))
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b", text)
    first = (folder / "adjudicate.html").read_bytes()
    write_worklist(replace(opened, folder=study), workers=2)
    assert (folder / "adjudicate.html").read_bytes() == first


def test_a_strange_name_of_a_patient_harms_neither_page_nor_table(tmp_path: Path) -> None:
    name = "=P<b>1"
    if any(c in name for c in '<>"'):
        name = "=P'1&amp;"  # what a folder may be called on every system
    folder = write_study(tmp_path / "s", protocol=PROTOCOL, patients=f"{name},40,-3", uninvolved=f"{name},D0,*")
    save_photo(folder / "photos" / name / "D0" / "trunk-anterior.jpg", skin_photo(1))
    study = open_study(folder)
    for reader, height in (("Duval", 20), ("Okafor", 150)):
        save_mask(tmp_path / reader / name / "D0" / "trunk-anterior.png", mask(height))
        assert not import_masks(study, tmp_path / reader, reader=reader).problems
    found = open_adjudication(folder, seed=SEED)
    out = write_worklist(found)
    page = (out / "adjudicate.html").read_text(encoding="utf-8")
    assert "=P&#39;1&amp;amp;" in page
    assert "'=P'1" in (out / "worklist.csv").read_text(encoding="utf-8")
    table = fill(out / "worklist.csv", tmp_path / "d.csv", {f"photos/{name}/D0/trunk-anterior.jpg": ("A", "seen")})
    decisions, problems = read_decisions(found, table)
    assert not problems
    assert len(record_decisions(found, decisions, adjudicator="Marin").recorded) == 1


CHROMIUM: Any = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PRESS = """
URL.createObjectURL = (blob) => { blob.text().then((text) => { document.title = JSON.stringify(text); }); return "#"; };
const field = document.querySelector("fieldset.choice");
field.querySelector("input[value=B]").click();
field.querySelector(".reason").value = 'moist, "glistening"';
document.getElementById("save").click();
"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: the page cannot be tried in a real browser")
def test_choices_made_in_a_browser_come_back_as_decisions(study: Path, tmp_path: Path) -> None:
    from bsa_measure.report.template import content_hash

    found = open_adjudication(study, seed=SEED)
    page = (write_worklist(found) / "adjudicate.html").read_text(encoding="utf-8")
    # The policy stays as it is, but for one more script that presses the buttons.
    page = page.replace("script-src &#39;", f"script-src &#39;{content_hash(PRESS)}&#39; &#39;", 1)
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", f"<script>{PRESS}</script></body>"), encoding="utf-8", newline="\n")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    saved = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)[1]))  # type: ignore[index]
    (tmp_path / "decisions.csv").write_text(saved, encoding="utf-8")
    decisions, problems = read_decisions(found, tmp_path / "decisions.csv")
    assert not problems
    first = found.worklist.visits[0].photos[0].file
    assert [(d.file, d.choice, d.reason) for d in decisions] == [(first, "B", 'moist, "glistening"')]


def test_a_table_without_codes_is_refused(opened: Adjudication, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("patient,visit,file,choice,reason\n", encoding="utf-8")
    with pytest.raises(StudyError, match="no column 'code'"):
        read_decisions(opened, tmp_path / "d.csv")


# Final tables


def decided(study: Path) -> Adjudication:
    """P1 decided for Okafor, P6 by a fresh mask, P3 left open."""
    found = open_adjudication(study, seed=SEED)
    record_decisions(
        found,
        [
            Decision("photos/P1/D7/trunk-anterior.jpg", letter_of(found, "P1", 7, "Okafor"), "moist rim"),
            Decision("photos/P6/D0/trunk-anterior.jpg", "fresh", "drawn anew", mask=mask(156)),
        ],
        adjudicator="Marin",
    )
    return refreshed(found)


def test_final_tables_rest_on_final_readings_only_with_every_reader_beside_them(study: Path) -> None:
    found = final_study(decided(study))
    assert [(column.name, column.reader, column.photos) for column in found.columns] == [
        ("final", "Duval", 24),
        ("reader_1", "Duval", 24),
        ("reader_2", "Okafor", 24),
    ]
    folder = write_final(found)
    table = {(row["patient"], row["visit"]): row for row in rows(folder / "final.csv")}
    p1 = table["P1", "D07"]
    assert (p1["adjudicated"], p1["why"], p1["adjudicated_photos"], p1["reason"]) == ("yes", "call", "1", "moist rim")
    assert (p1["final_response"], p1["reader_1_response"], p1["reader_2_response"]) == ("no", "yes", "no")
    # Chest 12 and back 6 of 200 rows, 13 % BSA each: 1.17; the maximum is 13 * 160 / 200 = 10.4.
    assert float(p1["final_detached_bsa_percent"]) == pytest.approx(1.17)
    assert float(p1["final_healed_percent"]) == pytest.approx(88.75)
    assert float(p1["reader_1_healed_percent"]) == pytest.approx(90)
    p6 = table["P6", "D00"]
    assert float(p6["final_detached_bsa_percent"]) == pytest.approx(13 * 156 / 200)
    assert (p6["final_category"], p6["reader_1_category"], p6["reader_2_category"]) == ("overlap", "SJS", "overlap")
    # P3 is open: until it is decided the first reader's number stands, and the table says so.
    p3 = table["P3", "D00"]
    assert p3["adjudicated"] == "open"
    assert float(p3["final_detached_bsa_percent"]) == pytest.approx(13 * 170 / 200)
    assert table["P2", "D00"]["adjudicated"] == "no"
    assert dict(found.chosen) == {"Okafor": 1, "fresh reading": 1}
    page = (folder / "final.html").read_text(encoding="utf-8")
    assert "Decided for Okafor" in page
    assert "disputed (25.0 %)" in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)


def test_measuring_the_final_readings_gives_the_final_numbers(study: Path) -> None:
    found = final_study(decided(study))
    results = measure(study, reader="final")
    for mine, other in zip(results.patients, found.columns[0].results.patients, strict=True):
        assert [visit.detached for visit in mine.visits] == [visit.detached for visit in other.visits]
        assert [call.response for _, call in mine.calls] == [call.response for _, call in other.calls]
    assert {photo.reader for photo in results.patients[0].photos} == {"Duval", "Marin"}


def test_the_protocol_names_whose_reading_is_final_otherwise(study: Path) -> None:
    (study / "study.toml").write_text(PROTOCOL + 'final_reader = "Okafor"\n', encoding="utf-8")
    found = final_study(open_adjudication(study, seed=SEED))
    assert found.columns[0].reader == "Okafor"
    p3 = next(row for row in found.rows if (row.patient, row.day) == ("P3", 0))
    assert p3.cells[0]["detached_bsa_percent"] == pytest.approx(13 * 210 / 200)


def test_the_final_reading_is_the_last_adjudicated_one(made: Path) -> None:
    readings = [r for r in Readings(made).all() if (r.patient, r.view, r.visit) == ("P1", VIEWS[0], "D07")]
    first = replace(readings[0], kind="adjudicated", reader="Marin", number=100)
    second = replace(first, number=101)
    assert final_reading([*readings, first, second], "Duval") == second
    assert final_reading(readings, "Okafor") == readings[1]
    assert final_reading(readings, "Nobody") is None


def test_the_final_tables_by_the_command(study: Path) -> None:
    decided(study)
    done = CliRunner().invoke(app, ["adjudicate", str(study), "--final", "--workers", "1"])
    assert done.exit_code == 1
    assert "3 of 12 visits were disputed, 2 of them are decided." in done.output
    assert "1 are open: their rows hold the reading of Duval for now." in done.output
    assert not (study / "results" / "adjudication").exists()


def test_the_final_readings_of_another_model_are_not_taken_for_the_chosen_models(tmp_path: Path) -> None:
    protocol = PROTOCOL + 'final_reader = "model:other"\n'
    folder = write_study(tmp_path / "s", protocol=protocol, patients="P1,40,-3", uninvolved="P1,D0,*")
    save_photo(folder / "photos" / "P1" / "D0" / "trunk-anterior.jpg", skin_photo(1))
    automatic = measure(folder).patients[0].photos[0]
    record = Readings(folder)
    drawn = store_mask(folder, mask(150))
    other = replace(record.all()[0], reader="model:other", model_sha256="0" * 64, mask_sha256=drawn)
    record.add([NewReading(**{field.name: getattr(other, field.name) for field in fields(NewReading)})])
    assert measure(folder).patients[0].photos[0] == automatic
    final = measure(folder, reader="final").patients[0].photos[0]
    assert (final.reader, final.mask_sha256) == ("model:other", drawn)
    assert final.areas != automatic.areas


def test_no_spreadsheet_takes_a_code_for_a_number() -> None:
    codes = [Blinding("any").code(f"P{i}", 7, ["shown"]) for i in range(300)]
    assert all(re.fullmatch(r"[g-z][0-9a-f]{7}", code) for code in codes)
    assert len(set(codes)) == 300


# What the adjudicator has filled in


def test_a_filled_in_worklist_is_carried_over_and_never_lost(study: Path, tmp_path: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    folder = write_worklist(found)
    worklist = folder / "worklist.csv"
    p1, p3 = "photos/P1/D7/trunk-anterior.jpg", "photos/P3/D0/trunk-anterior.jpg"
    fill(worklist, worklist, {p1: ("A", "=moist"), p3: ("", "ask Weiß")})
    filled = worklist.read_bytes()
    write_worklist(found)
    kept = {row["file"]: (row["choice"], row["reason"]) for row in rows(worklist) if row["choice"] or row["reason"]}
    assert kept == {p1: ("A", "'=moist"), p3: ("", "ask Weiß")}
    assert not list(folder.glob("worklist-old*"))
    # P1 is read again: the choice was made of other readings. The old table stays, the rest is carried over.
    import_masks(open_study(study), masks_of(tmp_path / "new", {"P1": ((100, 60), (14, 6))}), reader="Okafor")
    before = worklist.read_bytes()
    later = open_adjudication(study)
    write_worklist(later)
    assert (folder / "worklist-old.csv").read_bytes() == before
    assert {row["file"]: row["reason"] for row in rows(worklist) if row["reason"]} == {p3: "ask Weiß"}
    assert "worklist-old.csv" in closing_lines(later)
    # A table that cannot be read is kept as it is, beside the first.
    worklist.write_bytes(filled.replace(b"choice", b"chioce"))
    write_worklist(later)
    assert b"chioce" in (folder / "worklist-old-2.csv").read_bytes()


def test_a_locked_visit_refuses_its_own_decisions_only(study: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    Readings(study).add_acts([NewAct("lock", "Weiß", "1", "", patient="P1", visit="D07")])
    decisions = [Decision(f"photos/{visit}/trunk-anterior.jpg", "A", "so") for visit in ("P1/D7", "P6/D0")]
    report = record_decisions(found, decisions, adjudicator="Marin")
    assert [reading.patient for reading in report.recorded] == ["P6"]
    assert len(report.problems) == 1
    assert "P1 D07 is locked" in report.problems[0]


def test_a_decision_never_lands_on_a_reading_that_was_made_meanwhile(study: Path, tmp_path: Path) -> None:
    found = open_adjudication(study, seed=SEED)
    decisions = [Decision(f"photos/{visit}/trunk-anterior.jpg", "A", "so") for visit in ("P1/D7", "P6/D0")]
    import_masks(open_study(study), masks_of(tmp_path / "new", {"P1": ((100, 60), (14, 6))}), reader="Okafor")
    report = record_decisions(found, decisions, adjudicator="Marin")
    assert [reading.patient for reading in report.recorded] == ["P6"]
    assert report.problems == (
        "photos/P1/D7/trunk-anterior.jpg has been read again in the meantime: decide from a newly made page.",
    )


def test_no_detachment_is_a_word_on_the_page(opened: Adjudication) -> None:
    from bsa_measure.report.adjudication_page import _calls

    visit = next(v for v in opened.worklist.visits if v.why == ("call",))
    row = replace(opened.comparison.patients[0], response=("undetermined", "no detachment"), healed=(None, None))
    assert _calls(visit, row) == "Calls, not by letter: no detachment, undetermined."


def test_every_photograph_to_decide_is_shown_and_can_be_chosen(tmp_path: Path) -> None:
    views = ("trunk-anterior", "trunk-posterior", "thigh-left-anterior", "thigh-right-anterior", "leg-left-anterior")
    views = (*views, "leg-right-anterior", "thigh-left-posterior", "thigh-right-posterior")
    folder = write_study(tmp_path / "s", protocol=PROTOCOL, patients="P1,40,-3", uninvolved="P1,D0,*")
    for number, view in enumerate(views):
        save_photo(folder / "photos" / "P1" / "D0" / f"{view}.jpg", skin_photo(number))
        for reader, height in (("Duval", 20), ("Okafor", 150)):
            save_mask(tmp_path / reader / "P1" / "D0" / f"{view}.png", mask(height))
    for reader in ("Duval", "Okafor"):
        assert not import_masks(open_study(folder), tmp_path / reader, reader=reader).problems
    page = (write_worklist(open_adjudication(folder, seed=SEED)) / "adjudicate.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 4 * len(views)
    for view in views:
        assert page.count(f'data-file="photos/P1/D0/{view}.jpg"') == 1


def test_final_tables_of_others_than_the_protocols_readers_are_refused(study: Path, tmp_path: Path) -> None:
    third = {p: DUVAL[p] for p in PATIENTS}
    import_masks(open_study(study), masks_of(tmp_path / "Lin", third), reader="Lin")
    two = open_adjudication(study, ("Okafor", "Duval"), seed=SEED)
    with pytest.raises(ReadingError, match=r"go by the readers Duval, Lin, Okafor, and Okafor, Duval were compared"):
        final_study(two)
    (study / "study.toml").write_text(PROTOCOL + 'readers = ["Duval", "Okafor"]\n', encoding="utf-8")
    assert final_study(open_adjudication(study, ("Okafor", "Duval"))).rows


def test_an_outdated_decision_is_not_the_final_reading(study: Path, tmp_path: Path) -> None:
    decided(study)
    # Okafor reads P1 D7 again: still disputed. P6 D0: as Duval reads it, not disputed any more.
    again = {"P1": ((100, 60), (14, 6)), "P6": ((150, 0), (8, 0))}
    import_masks(open_study(study), masks_of(tmp_path / "new", again), reader="Okafor")
    found = final_study(open_adjudication(study))
    row = {(r.patient, r.day): r for r in found.rows}
    assert (row["P1", 7].state, row["P6", 0].state, row["P2", 0].state) == ("open", "read again", "no")
    assert row["P1", 7].cells[0]["detached_bsa_percent"] == row["P1", 7].cells[1]["detached_bsa_percent"]
    results = measure(study, reader="final")
    assert {photo.reader for patient in results.patients for photo in patient.photos} == {"Duval"}
