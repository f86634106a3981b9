"""Nothing that matters can be changed without `audit` noticing, and the blinded edition tells nobody who is who."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import sqlite3
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from drawing import limb_mask, save_mask, save_photo, skin_photo
from terminal import bsa_measure, contents, table

from bsa_measure import measure as measuring
from bsa_measure import signing
from bsa_measure.audit import audit_study, blinded_table, select, summary, trail_line, trail_table
from bsa_measure.errors import LockedError, ReadingError, StudyError
from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.readings import NewReading, Reading, Readings, store_mask
from bsa_measure.signing import lock, sign, signed_rows, unlock
from bsa_measure.study import open_study

FORMAT_1 = Path(__file__).parent / "old_studies" / "format-1"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with readings by a model, a reader and an adjudicator, measured, signed and locked."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    shutil.copytree(FORMAT_1, folder)
    measure(folder)
    sign(folder, person="A. Weiß", role="adjudicator", meaning="approval", patient="P1", visit="D7")
    lock(folder, person="C. Lind", patient="P1")
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "study")
    return tmp_path / "study"


def correction(folder: Path, visit: str = "D07") -> NewReading:
    """A new reading of the photograph of a visit, quite different from those before."""
    before = next(r for r in reversed(Readings(folder).all()) if r.visit == visit)
    mask = store_mask(folder, limb_mask({(0, 200): 2}))
    return NewReading(
        kind="adjudicated",
        reader="Okafor",
        photo_sha256=before.photo_sha256,
        patient="P1",
        visit=visit,
        view=before.view,
        mask_sha256=mask,
        software="0.9-test",
        protocol_sha256="",
        role="adjudicator",
    )


def faults(folder: Path, **options: str) -> list[str]:
    return [fault.sentence for fault in audit_study(folder, **options).faults]


# Signing and locking


def test_a_signature_keeps_what_it_covers(study: Path) -> None:
    act = next(act for act in Readings(study).acts() if act.kind == "sign")
    assert (act.person, act.role, act.meaning, act.patient, act.visit) == (
        "A. Weiß", "adjudicator", "approval", "P1", "D07",
    )  # fmt: skip
    rows = signed_rows(study, act)
    assert rows["visits.csv"] == [row for row in table(study, "visits.csv") if row["visit"] == "D07"]
    assert {row["visit"] for row in rows["photos.csv"]} == {"D07"}
    assert "endpoints.csv" not in rows  # they speak of more than this visit
    whole = sign(study, person="A. Weiß", role="adjudicator", meaning="approval")
    assert signed_rows(study, whole)["endpoints.csv"] == table(study, "endpoints.csv")
    assert faults(study) == []
    measure(study)
    page = (study / "results" / "report.html").read_text(encoding="utf-8")
    assert "P1 D07 signed by A. Weiß (adjudicator, approval)" in page
    assert "P1 locked by C. Lind" in page


def test_results_older_than_the_readings_cannot_be_signed(study: Path) -> None:
    unlock(study, person="C. Lind", patient="P1", reason="second look")
    Readings(study).add([correction(study)])
    with pytest.raises(StudyError, match=r"Entry 11 of the record \(P1 D07\) is newer than results/: run"):
        sign(study, person="A. Weiß", role="reader", meaning="review", patient="P1")
    sign(study, person="A. Weiß", role="reader", meaning="review", patient="P1", visit="D0")  # nothing new there
    measure(study)
    sign(study, person="A. Weiß", role="reader", meaning="review", patient="P1")


def test_results_that_somebody_edited_cannot_be_signed(study: Path) -> None:
    path = study / "results" / "visits.csv"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"D07", b"D08"))
    assert path.read_bytes() != data
    with pytest.raises(StudyError, match="not those that measure wrote last"):
        sign(study, person="A. Weiß", role="reader", meaning="review")


def test_a_reading_that_slips_in_while_somebody_signs_stops_the_signature(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = signing._store

    def late(*arguments: object) -> str:
        Readings(study).add([replace(correction(study), patient="P2", photo_sha256="c" * 64)])
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(signing, "_store", late)
    before = Readings(study).acts()
    with pytest.raises(ReadingError, match="Something was recorded in this study meanwhile"):
        sign(study, person="A. Weiß", role="reader", meaning="review")
    assert Readings(study).acts() == before


def test_what_is_not_up_to_date_is_locked_without_its_results(study: Path) -> None:
    unlock(study, person="C. Lind", patient="P1", reason="second look")
    assert lock(study, person="C. Lind", patient="P1", visit="D00").covers_sha256
    Readings(study).add([correction(study)])
    assert lock(study, person="C. Lind", patient="P1", visit="D07").covers_sha256 == ""
    assert faults(study) == []


def test_what_was_locked_and_has_changed_since_is_named(study: Path) -> None:
    before = next(sentence for sentence in audit_study(study).standing if "locked by" in sentence)
    assert "changed" not in before
    (study / "uninvolved.csv").write_text("patient,visit,surface\nP1,D00,*\n", encoding="utf-8")
    measure(study)
    after = next(sentence for sentence in audit_study(study).standing if "locked by" in sentence)
    assert after.startswith(f"{before.rstrip('.')}; the results have changed since then (")


@pytest.mark.parametrize(
    ("name", "text"),
    [("study.toml", "[endpoint]\nday = 5\n"),
     ("patients.csv", "patient,age_years,index_day\nP1,41,-3\n"),
     ("uninvolved.csv", "patient,visit,surface\nP1,D07,genitalia\n")],
)  # fmt: skip
def test_results_made_from_another_protocol_or_table_cannot_be_signed(study: Path, name: str, text: str) -> None:
    assert (study / name).read_text(encoding="utf-8") != text
    (study / name).write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=f"{name} is not as it was when results/ were made: run"):
        sign(study, person="A. Weiß", role="reader", meaning="review")


@pytest.mark.parametrize(
    ("patient", "visit", "says"),
    [("P2", "", "'P2' is no patient"), ("P1", "day 7", "not a study day"), ("", "D07", "needs its patient"),
     ("P1", "D15", "nothing about P1 D15")],
)  # fmt: skip
def test_what_is_not_there_cannot_be_signed(study: Path, patient: str, visit: str, says: str) -> None:
    with pytest.raises(StudyError, match=says):
        sign(study, person="A. Weiß", role="reader", meaning="review", patient=patient, visit=visit)


def test_results_that_changed_after_they_were_signed_are_named_until_they_are_signed_again(study: Path) -> None:
    unlock(study, person="C. Lind", patient="P1", reason="second look")
    Readings(study).add([correction(study)])
    measure(study)
    said = [sentence for sentence in faults(study) if "signed by" in sentence]
    assert len(said) == 1
    assert "P1 D07 signed by A. Weiß (adjudicator, approval)" in said[0]
    assert "since then: photos.csv P1 D07 photos/P1/D07/trunk-anterior.jpg reader: Émile, now Okafor and" in said[0]
    page = (study / "results" / "report.html").read_text(encoding="utf-8")
    assert "the results have changed since then" in page
    sign(study, person="A. Weiß", role="adjudicator", meaning="approval", patient="P1", visit="D07")
    assert faults(study) == []


def test_measure_goes_on_in_what_is_locked_with_what_is_recorded(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (study / "study.toml").write_text('[measure]\nmodel = "classical-v1"\nreadings = ["model"]', encoding="utf-8")
    monkeypatch.setattr(measuring, "__version__", "99")
    save_photo(study / "photos" / "P1" / "D07" / "genitalia.jpg", skin_photo(5))
    before = Readings(study).all()
    results = measure(study)
    assert Readings(study).all() == before
    assert "P1 D07 is locked: its photographs are measured from what is recorded, and" in " ".join(results.problems)
    photos = {(p.visit, p.view): p for p in results.patients[0].photos}
    assert photos["D07", "trunk-anterior"].reader == before[1].reader
    assert photos["D07", "trunk-anterior"].mask_sha256 == before[1].mask_sha256
    assert photos["D07", "genitalia"].status == "refused"
    assert "has no reading that can be used, and P1 D07 is locked" in photos["D07", "genitalia"].problems[0]
    unlock(study, person="C. Lind", reason="late photograph", patient="P1", visit="D07")
    results = measure(study)
    assert [(r.visit, r.software) for r in Readings(study).all()[len(before) :]] == [("D07", "99"), ("D07", "99")]
    assert not [problem for problem in results.problems if problem.startswith("P1 D07 is locked")]


def test_in_what_is_locked_nobody_stands_in_for_the_reader_who_was_asked_for(study: Path) -> None:
    network = (Path(__file__).parent / "networks" / "colours.onnx").read_bytes()
    (study / "models").mkdir()
    (study / "models" / "tiny.onnx").write_bytes(network)
    (study / "models" / "registry.toml").write_text(
        f'[tiny]\nkind = "onnx"\nfile = "tiny.onnx"\nsha256 = "{hashlib.sha256(network).hexdigest()}"\n'
        'licence = "CC0-1.0"\nnotice = "Tells colours apart."\n',
        encoding="utf-8",
    )
    photos = measure(study, reader="model:tiny").patients[0].photos
    assert {(photo.status, photo.reader) for photo in photos} == {("refused", "")}
    assert "has no reading that can be used, and P1" in photos[0].problems[0]


def test_in_what_is_locked_no_reading_counts_that_the_protocol_leaves_out(study: Path) -> None:
    unlock(study, person="C. Lind", reason="a second reading", patient="P1")
    Readings(study).add([replace(correction(study), reader="Marin")])  # the latest of all
    lock(study, person="C. Lind", patient="P1")
    readers = {}
    for order in ('["model"]', '["model", "adjudicated"]', '["adjudicated", "model"]'):
        protocol = f'[measure]\nmodel = "phantom-v2"\nreadings = {order}'  # a model that has not read
        (study / "study.toml").write_text(protocol, encoding="utf-8")
        photos = measure(study).patients[0].photos
        readers[order] = next(p.reader for p in photos if (p.visit, p.view) == ("D07", "trunk-anterior"))
    assert list(readers.values()) == ["model:classical-v1", "model:classical-v1", "Marin"]


def test_a_lock_holds_a_photograph_that_is_moved_away_and_back(study: Path) -> None:
    read = Readings(study).entries()
    for place in ({"visit": "D21"}, {"patient": "P2"}):
        with pytest.raises(LockedError, match=r"P1 D07 is locked \(by C. Lind"):
            Readings(study).add([replace(correction(study), **place)])
    assert Readings(study).entries() == read
    # One that nobody had read before the lock.
    inside, outside = (study / "photos" / place / "D07" / "genitalia.jpg" for place in ("P1", "P2"))
    save_photo(outside, skin_photo(5))
    sha256 = hashlib.sha256(outside.read_bytes()).hexdigest()
    Readings(study).add([replace(correction(study), patient="P2", view="genitalia", photo_sha256=sha256)])
    outside.rename(inside)
    photo = next(photo for photo in measure(study).patients[0].photos if photo.view == "genitalia")
    assert photo.status == "refused"
    assert "has no reading that can be used, and P1 D07 is locked" in photo.problems[0]


def test_masks_for_a_locked_visit_are_refused_and_the_others_taken(study: Path, tmp_path: Path) -> None:
    unlock(study, person="C. Lind", reason="late masks", patient="P1", visit="D00")
    for visit in ("D00", "D07"):
        save_mask(tmp_path / "masks" / "P1" / visit / "trunk-anterior.png", limb_mask({(0, 200): 1}))
    report = import_masks(open_study(study), tmp_path / "masks", reader="Okafor")
    assert [reading.visit for reading in report.recorded] == ["D00"]
    assert [problem.partition(" (")[0] for problem in report.problems] == ["P1 D07 is locked"]


def test_a_visit_that_is_locked_while_it_is_measured_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "study"
    shutil.copytree(FORMAT_1, folder)
    save_photo(folder / "photos" / "P1" / "D07" / "genitalia.jpg", skin_photo(5))
    real = measuring.plan

    def late(*arguments: object, **options: object) -> object:
        planned = real(*arguments, **options)  # type: ignore[arg-type]
        lock(folder, person="C. Lind", patient="P1", visit="D07")
        return planned

    monkeypatch.setattr(measuring, "plan", late)
    photos = {p.view: p for p in measure(folder).patients[0].photos if p.visit == "D07"}
    assert photos["genitalia"].status == "refused"
    assert "P1 D07 is locked (by C. Lind" in photos["genitalia"].problems[0]
    assert photos["trunk-anterior"].status == "measured"


def test_a_picture_or_number_kept_between_runs_is_not_taken_over_when_it_was_changed(study: Path) -> None:
    tables = {name: (study / "results" / name).read_bytes() for name in ("visits.csv", "surfaces.csv")}
    for path in (study / "results" / "cache").glob("*.json"):
        kept = json.loads(path.read_bytes())
        for areas in kept["areas"].values():
            areas["detached"] = 0.0
        path.write_text(json.dumps(kept), encoding="utf-8")
    assert [sentence.split()[0] for sentence in faults(study)] == [
        f"results/cache/{path.name}" for path in sorted((study / "results" / "cache").glob("*.json"))
    ]
    measure(study)
    assert tables == {name: (study / "results" / name).read_bytes() for name in tables}
    assert faults(study) == []


@pytest.mark.parametrize("listed", ["not at all", "as it is now"])
def test_a_number_kept_between_runs_is_not_believed_when_the_list_was_changed_with_it(study: Path, listed: str) -> None:
    results = study / "results"
    before = (results / "visits.csv").read_bytes()
    lines = (results / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    for path in (results / "cache").glob("*.json"):
        kept = json.loads(path.read_bytes())
        for areas in kept["areas"].values():
            areas["detached"] = 0.0
        path.write_text(json.dumps(kept), encoding="utf-8")
        lines = [line for line in lines if not line.endswith(path.name)]
        if listed == "as it is now":
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  cache/{path.name}")
    (results / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    measure(study)
    assert (results / "visits.csv").read_bytes() == before
    assert faults(study) == []


# What is found


def test_an_untouched_study_is_as_it_was_recorded(study: Path) -> None:
    found = audit_study(study)
    assert found.faults == ()
    assert [entry.number for entry in found.entries] == list(range(1, 10))
    assert (found.masks, found.head.number) == (4, 9)
    # five tables, report, provenance, and of each photograph: overlay, small picture, weights, numbers
    assert found.files == 5 + 2 + 2 * 4
    assert faults(study, expect=found.entries[3].hash) == []
    shutil.rmtree(study / "results")
    assert faults(study) == []
    measure(study)
    assert faults(study) == []


def cut_off(folder: Path, last: int) -> None:
    """Remove the entries after ``last``, and put the triggers back as if nothing had happened."""
    connection = sqlite3.connect(folder / "readings.db", isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for name in ("readings", "acts"):
        connection.execute(f"DELETE FROM {name} WHERE number > {last}")
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()


def test_rows_cut_off_at_the_end_are_noticed(study: Path) -> None:
    noted = Readings(study).head().hash
    cut_off(study, 8)  # the lock
    assert faults(study) == []  # nothing inside the study knows of the last entry,
    assert f"No entry has the hash {noted[:16]}…" in faults(study, expect=noted)[0]  # but whoever noted its hash does
    assert faults(study, expect=noted[:16])
    cut_off(study, 6)
    assert "The record does not say how results/ looked" in faults(study)[0]
    cut_off(study, 5)
    assert "computed from entry 6, which is not in the record" in faults(study)[0]
    (study / "readings.db").unlink()
    assert faults(study)[0] == "readings.db is missing: restore the study from its backup."
    with pytest.raises(StudyError, match="too short"):
        faults(study, expect="abc")


@pytest.mark.parametrize("kept", ["endpoints.csv", "report.html"])
def test_results_without_their_list_are_not_believed(study: Path, kept: str) -> None:
    for path in (study / "results").iterdir():
        if path.is_file() and path.name != kept:
            path.unlink()
    (study / "results" / kept).write_text("patient,day,response\nP1,7,yes\n", encoding="utf-8")
    assert "results/SHA256SUMS is not what entry 7 says it was" in "\n".join(faults(study))


@pytest.mark.parametrize("break_", ["\r", '"', "\x00"])
def test_a_table_that_is_no_table_any_more_gets_sentences(study: Path, break_: str) -> None:
    table = study / "results" / "visits.csv"
    text = table.read_text(encoding="utf-8")
    middle = text.index("P1,") + 4
    table.write_bytes((text[:middle] + break_ + text[middle + 1 :]).encode())
    said = "\n".join(faults(study))
    assert "results/visits.csv is not as measure wrote it" in said
    assert "since then: visits.csv" in said


def test_something_signed_that_no_entry_names_is_mentioned(study: Path) -> None:
    cut_off(study, 7)  # before the signature; the lock keeps rows of its own
    found = audit_study(study)
    assert found.faults == ()
    assert len(found.remarks) == len(list((study / "signed").iterdir())) == 2
    assert "belongs to no entry: a signature that was not finished" in summary(found)


def test_an_emptied_record_is_noticed_and_left_as_it_is(study: Path) -> None:
    (study / "readings.db").write_bytes(b"")
    shutil.rmtree(study / "results")
    assert faults(study) == ["readings.db has no entries: restore the study from its backup."]
    shutil.rmtree(study / "masks")  # what was signed is still there
    assert faults(study) == ["readings.db has no entries: restore the study from its backup."]
    assert (study / "readings.db").read_bytes() == b""


def test_auditing_an_old_record_changes_nothing_and_finds_what_was_altered(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(FORMAT_1, folder)
    before = contents(folder)
    found = audit_study(folder)
    assert (len(found.entries), found.masks, found.faults) == (6, 4, ())
    assert found.head.hash == "eb2011070dd2947e55b4a0a824f938709ddf3b8f53b3bec96fd2222b006482f5"
    assert contents(folder) == before
    connection = sqlite3.connect(folder / "readings.db", isolation_level=None)
    connection.execute("DROP TRIGGER readings_are_never_changed")
    connection.execute("UPDATE readings SET reader = 'Okafor' WHERE number = 4")
    connection.close()
    said = faults(folder)
    assert "The trigger readings_are_never_changed is missing" in said[0]
    assert said[1] == "Entry 4 (reading of trunk-anterior, P1 D07) is not as it was recorded."


def test_the_first_bad_entry_is_named_first(study: Path) -> None:
    connection = sqlite3.connect(study / "readings.db", isolation_level=None)
    connection.execute("DROP TRIGGER readings_are_never_changed")
    connection.execute("UPDATE readings SET reason = 'x' WHERE number IN (5, 3)")
    connection.close()
    said = faults(study)
    assert "trigger readings_are_never_changed is missing" in said[0]
    assert said[1].startswith("Entry 3 (reading of trunk-anterior, P1 D00) is not as")
    assert said[2].startswith("Entry 5 (reading of trunk-anterior, P1 D07) is not as")


def content(folder: Path) -> object:
    """Everything that the record says to whoever reads it: definitions, rows, version."""
    connection = sqlite3.connect(folder / "readings.db")
    try:
        return [
            connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall(),
            *(connection.execute(f"SELECT * FROM {name} ORDER BY number").fetchall() for name in ("readings", "acts")),
            connection.execute("PRAGMA user_version").fetchall(),
        ]
    finally:
        connection.close()


def tamper(study: Path, tries: int, seed: int) -> dict[str, tuple[int, int]]:
    """Change single bytes, one at a time; part of the study to (changes, changes that audit noticed).

    A change of the database that goes unnoticed must leave everything that it says as it was.
    """
    random = np.random.default_rng(seed)
    parts = {
        "record": [study / "readings.db"],
        "masks": sorted((study / "masks").rglob("*.png")),
        "results": sorted(path for path in (study / "results").rglob("*") if path.is_file() and path.stat().st_size),
        "signed": sorted((study / "signed").iterdir()),
    }
    before = content(study)
    counts: dict[str, tuple[int, int]] = {}
    for part, files in parts.items():
        noticed = 0
        for _ in range(tries):
            path = files[int(random.integers(len(files)))]
            original = path.read_bytes()
            changed = bytearray(original)
            place = int(random.integers(len(changed)))
            changed[place] ^= int(random.integers(1, 256))
            path.write_bytes(bytes(changed))
            try:
                found = bool(audit_study(study).faults)
            except ReadingError:
                found = True
            assert found or (part == "record" and content(study) == before), (path.name, place)
            noticed += found
            path.write_bytes(original)
            for left in study.glob("readings.db-*"):
                left.unlink()
        counts[part] = tries, noticed
    assert audit_study(study).faults == ()
    return counts


def test_a_changed_byte_is_noticed_wherever_it_says_something(study: Path) -> None:
    counts = tamper(study, 25, seed=1)
    for part in ("masks", "results", "signed"):
        assert counts[part] == (25, 25)
    assert counts["record"][1] > 0


@pytest.mark.slow
def test_thousands_of_changed_bytes_are_noticed(study: Path) -> None:
    counts = tamper(study, 2500, seed=2)
    for part, (tries, noticed) in counts.items():
        sys.stdout.write(f"{part}: {tries} single bytes changed, {noticed} noticed\n")  # shown by pytest -rP
    for part in ("masks", "results", "signed"):
        assert counts[part] == (2500, 2500)


# The trail


def test_the_trail_is_chosen_by_patient_reader_and_day(study: Path) -> None:
    other = replace(correction(study), patient="P2", visit="D00", photo_sha256="c" * 64)
    Readings(study).add([other])
    found = audit_study(study)
    assert [e.number for e in select(found.entries, patient="P2")] == [10]
    assert [e.number for e in select(found.entries, reader="Duval")] == [3, 4, 5]
    assert [e.number for e in select(found.entries, reader="A. Weiß")] == [8]
    made = date(2026, 11, 22)  # the day of the old entries
    assert [e.number for e in select(found.entries, last=made) if e.number < 7] == [1, 2, 3, 4, 5, 6]
    assert [e.number for e in select(found.entries, first=date(2026, 11, 23)) if e.number < 7] == []
    rows = list(csv.DictReader(io.StringIO(trail_table(found, found.entries))))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 11)]
    fifth = rows[4]
    assert (fifth["who"], fifth["follows"], fifth["reason"]) == ("Duval", "4", "the edge is dry: healed")
    assert (fifth["hash"], fifth["as_recorded"]) == (found.entries[4].hash, "yes")
    assert rows[7]["meaning"] == "approval"
    first = found.entries[0]
    assert isinstance(first, Reading)
    assert (rows[0]["working_long_side"], float(rows[0]["certainty"])) == (
        str(first.working_long_side), pytest.approx(first.certainty)
    )  # fmt: skip
    assert rows[1]["previous_hash"] == rows[0]["hash"]
    line = trail_line(found.entries[4])
    assert "P1 D07 trunk-anterior read by Duval on 2026-11-22 04:29 UTC, after entry 4" in line
    assert "the edge is dry: healed" in line


def test_the_blinded_edition_tells_nobody_who_is_who(study: Path) -> None:
    unlock(study, person="C. Lind", patient="P1", reason="Okafor was wrong")
    record = Readings(study)
    for minutes in range(3):  # how often somebody has read must not show either
        record.add([replace(correction(study), active_seconds=61.0 + minutes, reason=f"try {minutes}")])
    found = audit_study(study)
    editions = [blinded_table(found), blinded_table(found)]
    rows = [list(csv.DictReader(io.StringIO(edition))) for edition in editions]
    # D00: the model and Duval; D07: the model, Duval, Émile and Okafor
    assert [row["visit"] for row in rows[0]] == ["D00"] * 2 + ["D07"] * 4
    codes = [{row["code"] for row in edition} for edition in rows]
    assert len(codes[0]) == len(codes[1]) == 6  # nobody has the same code on two photographs,
    assert not codes[0] & codes[1]  # or in two editions
    for edition in rows:
        for visit in ("D00", "D07"):
            listed = [row["code"] for row in edition if row["visit"] == visit]
            assert listed == sorted(listed)
    told = editions[0].lower()
    for entry in found.entries:
        # Short numbers may stand in a code by chance; that no column holds them is checked below.
        shown = ("patient", "visit", "view", "photo_sha256")
        for name, value in vars(entry).items():
            if name not in shown and isinstance(value, str) and value and value not in ("lock", "unlock"):
                assert value.lower() not in told, name
        assert entry.created_utc[:10] not in told
    assert set(rows[0][0]) == {
        "patient", "visit", "view", "photo_sha256", "code", "photo_as_recorded", "visit_locked",
    }  # fmt: skip


def test_whoever_read_first_or_most_does_not_stand_first_in_the_blinded_edition(tmp_path: Path) -> None:
    """Two readers of 200 photographs; a reader's rows cannot be told from the other's by place or code."""
    shutil.copytree(FORMAT_1, tmp_path / "study")
    record = Readings(tmp_path / "study")
    mask = record.all()[0].mask_sha256
    one = correction(tmp_path / "study")
    record.add(
        [
            replace(one, photo_sha256=f"{photo:064x}", reader=reader, mask_sha256=mask)
            for photo in range(200)
            for reader in ("first", "second")
        ]
    )
    found = audit_study(tmp_path / "study")
    rows = list(csv.DictReader(io.StringIO(blinded_table(found))))
    assert len({row["code"] for row in rows}) == len(rows) == 400 + 5


# At the terminal


def test_the_commands(study: Path, tmp_path: Path) -> None:
    done = bsa_measure("audit", study, "--out", tmp_path / "trail.csv")
    assert done.returncode == 0, done.stderr
    assert "9 entries: 6 readings by 3 readers, 3 acts. 4 masks and 15 files" in done.stdout
    assert "Everything is as it was recorded." in done.stdout
    assert len((tmp_path / "trail.csv").read_text(encoding="utf-8").splitlines()) == 10
    refused = bsa_measure("import", study, tmp_path / "nowhere", "--reader", "x")
    assert refused.returncode == 2
    again = bsa_measure("lock", study, "--person", "C. Lind", "--patient", "P1")
    assert (again.returncode, again.stderr) == (2, "bsa-measure: P1 is locked already: nothing was done.\n")
    opened = bsa_measure("unlock", study, "--person", "C. Lind", "--patient", "P1", "--reason", "late photograph")
    assert opened.returncode == 0
    assert Readings(study).head().hash in opened.stdout
    signed = bsa_measure("sign", study, "--person", "B. Roy", "--role", "investigator", "--meaning", "responsibility")
    assert signed.stdout.startswith("The study signed by B. Roy (investigator, responsibility) on 20"), signed.stderr
    (study / "results" / "visits.csv").write_text("nothing", encoding="utf-8")
    bad = bsa_measure("audit", study)
    assert bad.returncode == 1
    assert "results/visits.csv is not as measure wrote it: if you know why, run" in bad.stdout
    assert bsa_measure("audit", tmp_path).returncode == 2


def test_the_blinded_edition_at_the_terminal(study: Path) -> None:
    for option in (("--reader", "Duval"), ("--from", "2026-01-01"), ("--to", "2026-01-01")):
        refused = bsa_measure("audit", study, "--blinded", *option)
        assert refused.returncode == 2
        assert "would tell who is who" in refused.stderr
    next((study / "masks").rglob("*.png")).unlink()
    done = bsa_measure("audit", study, "--blinded", "--patient", "P1")
    assert done.returncode == 1
    for told in ("Duval", "model", "Weiß", "Lind", "mask", "2026"):
        assert told not in done.stdout + done.stderr
    assert "Something is not as it was recorded" in done.stderr
    assert done.stdout.startswith("patient,visit,view,")
