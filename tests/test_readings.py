from __future__ import annotations

import hashlib
import io
import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import limb_mask, write_study
from PIL import Image

from bsa_measure.errors import LockedError, MaskError, ReadingError, StudyError
from bsa_measure.files import held
from bsa_measure.mask_png import decode_own
from bsa_measure.readings import (
    NewAct,
    NewReading,
    Readings,
    check_classes,
    decode_mask,
    encode_mask,
    load_mask,
    lock_on,
    mask_path,
    recorded_acts,
    store_mask,
)
from bsa_measure.study import declared_uninvolved, open_study

FORMAT_1 = Path(__file__).parent / "old_studies" / "format-1"


def reading(mask: str, reader: str = "Duval") -> NewReading:
    return NewReading(
        kind="manual",
        reader=reader,
        photo_sha256="a" * 64,
        patient="P1",
        visit="D07",
        view="trunk-anterior",
        mask_sha256=mask,
        software="0",
        protocol_sha256="b" * 64,
        reason="missed island",
    )


def act(kind: str, patient: str = "", visit: str = "", **other: str) -> NewAct:
    given = {"person": "Dr Weiß", "software": "0", "protocol_sha256": "b" * 64, **other}
    return NewAct(kind=kind, patient=patient, visit=visit, **given)  # type: ignore[arg-type]


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Readings, str]:
    return tmp_path, Readings(tmp_path), store_mask(tmp_path, limb_mask({(0, 200): 1}))


def test_a_reading_comes_back_as_it_was_recorded(study: tuple[Path, Readings, str]) -> None:
    folder, record, mask = study
    first, second = record.add([reading(mask), replace(reading(mask, "Émile"), parent=None)])
    assert Readings(folder).all() == [first, second]
    assert (first.number, second.number) == (1, 2)
    assert second.previous_hash == first.hash
    assert first.created_utc.endswith("+00:00")
    assert record.verify() == []


def test_readings_and_acts_are_one_chain(study: tuple[Path, Readings, str]) -> None:
    folder, record, mask = study
    first = record.add([replace(reading(mask), role="reader", painted_sha256=mask)])[0]
    lock = record.add_acts([act("lock", "P2")])[0]
    second = record.add([reading(mask)])[0]
    assert [first.number, lock.number, second.number] == [1, 2, 3]
    assert (lock.previous_hash, second.previous_hash) == (first.hash, lock.hash)
    assert record.entries() == [first, lock, second]
    assert (record.all(), record.acts()) == ([first, second], [lock])
    assert (record.head().number, record.head().hash) == (3, second.hash)
    assert lock.account
    assert record.verify() == []


def test_a_certainty_given_as_a_whole_number_can_be_verified(study: tuple[Path, Readings, str]) -> None:
    _, record, mask = study
    record.add([replace(reading(mask), certainty=1, active_seconds=90)])
    assert record.verify() == []
    with pytest.raises(ReadingError, match="certainty"):
        record.add([replace(reading(mask), certainty=float("nan"))])


ATTACKS = {
    "UPDATE readings SET reader = 'other'": "never changed",
    "DELETE FROM readings": "never deleted",
    "UPDATE acts SET person = 'other'": "never changed",
    "DELETE FROM acts": "never deleted",
    "INSERT OR REPLACE INTO readings SELECT * FROM readings WHERE number = 1": "follows the last",
    # number and predecessor would fit, and the hash's uniqueness would delete the row that has it
    "INSERT OR REPLACE INTO acts SELECT 4, kind, person, role, patient, visit, surface, meaning, reason, covers_sha256,"
    " account, created_utc, software, model_sha256, protocol_sha256, (SELECT hash FROM acts WHERE number = 3), hash"
    " FROM acts WHERE number = 3": "follows the last",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_schema_refuses_to_change_what_is_recorded(study: tuple[Path, Readings, str], attack: str) -> None:
    folder, record, mask = study
    record.add([reading(mask), reading(mask)])
    record.add_acts([act("lock", "P2")])
    before = record.entries()
    connection = sqlite3.connect(folder / "readings.db")
    with pytest.raises(sqlite3.IntegrityError, match=ATTACKS[attack]):
        connection.execute(attack)
    connection.close()
    assert record.entries() == before


def behind_the_back(folder: Path, *changes: str, triggers: bool) -> None:
    """Change the record with all triggers dropped, and, if so wished, put back as if nothing had happened."""
    connection = sqlite3.connect(folder / "readings.db", isolation_level=None)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in found:
        connection.execute(f"DROP TRIGGER {name}")
    for change in changes:
        connection.execute(change)
    for _, sql in found if triggers else ():
        connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    ("change", "named"),
    [("UPDATE readings SET reader = 'other' WHERE number = 2", "Entry 2 (reading of trunk-anterior, P1 D07) is not as"),
     ("DELETE FROM readings WHERE number = 2", "Entry 2 is missing"),
     ("UPDATE readings SET certainty = 0.5 WHERE number = 1", "Entry 1 (reading of trunk-anterior, P1 D07) is not as"),
     ("UPDATE readings SET parent = 1 WHERE number = 3", "Entry 3 (reading of trunk-anterior, P1 D07) is not as"),
     ("UPDATE acts SET patient = 'P2'", "Entry 4 (lock, P2) is not as it was recorded"),
     ("UPDATE readings SET reader = CAST(x'ff' AS TEXT) WHERE number = 1", "Entry 1 (reading of trunk-anterior, P1"),
     ("UPDATE readings SET role = 'monitor' WHERE number = 1", "Entry 1 (reading of trunk-anterior, P1 D07) is not")],
)  # fmt: skip
def test_a_change_behind_the_back_of_the_triggers_is_found(
    study: tuple[Path, Readings, str], change: str, named: str
) -> None:
    folder, record, mask = study
    record.add([reading(mask, name) for name in ("a", "b", "c")])
    record.add_acts([act("lock", "P1")])
    behind_the_back(folder, change, triggers=True)
    assert named in record.verify()[0]


def test_a_trigger_that_was_dropped_is_noticed(study: tuple[Path, Readings, str]) -> None:
    folder, record, _ = study
    behind_the_back(folder, "CREATE TABLE extra (x)", triggers=False)
    said = "\n".join(record.verify())
    assert "trigger readings_are_never_deleted is missing" in said
    assert "trigger acts_respect_locks is missing" in said
    assert "table extra of readings.db is not the program's" in said


# Locks


def test_nothing_is_recorded_for_what_is_locked_until_it_is_unlocked_with_a_reason(
    study: tuple[Path, Readings, str],
) -> None:
    _, record, mask = study
    record.add_acts([act("lock", "P1", "D07")])
    model = replace(reading(mask, "model:m"), kind="model")
    for refused in (reading(mask), model):
        with pytest.raises(LockedError, match=r"P1 D07 is locked \(by Dr Weiß on 20.*entry 1\): nothing can be rec"):
            record.add([replace(refused, visit="D00"), refused])
    with pytest.raises(LockedError, match="P1 D07 is locked"):
        record.add_acts([act("uninvolved", "P1", "D07", surface="genitalia")])
    assert len(record.entries()) == 1
    record.add([replace(reading(mask), visit="D00"), replace(reading(mask), patient="P2")])
    with pytest.raises(ReadingError, match="To unlock P1 D07, give a reason"):
        record.add_acts([act("unlock", "P1", "D07")])
    with pytest.raises(ReadingError, match="locked already"):
        record.add_acts([act("lock", "P1", "D07")])
    record.add_acts([act("unlock", "P1", "D07", reason="wrong photograph")])
    record.add([reading(mask)])
    with pytest.raises(ReadingError, match="not locked"):
        record.add_acts([act("unlock", "P1", "D07", reason="again")])
    assert record.verify() == []


def test_of_the_locks_that_cover_a_visit_the_latest_counts(study: tuple[Path, Readings, str]) -> None:
    _, record, mask = study
    steps: list[tuple[NewAct, set[str]]] = [
        (act("lock", "P1", "D07"), {"P1 D07"}),
        (act("lock"), {"P1 D07", "P1 D00", "P2 D07", "P1", ""}),
        (act("unlock", "P1", "D07", reason="r"), {"P1 D00", "P2 D07", "P1", ""}),
        (act("unlock", "P2", reason="r"), {"P1 D00", "P1", ""}),
        (act("lock", "P1"), {"P1 D07", "P1 D00", "P1", ""}),
        (act("unlock", reason="r"), set()),
    ]
    for step, locked in steps:
        record.add_acts([step])
        for scope in ("P1 D07", "P1 D00", "P2 D07", "P1", ""):
            patient, _, visit = scope.partition(" ")
            assert (lock_on(record.acts(), patient, visit) is not None) == (scope in locked), (step, scope)
            if visit:  # what the program says, the schema enforces
                connection = sqlite3.connect(record.folder / "readings.db")
                values = (record.head().number + 1, patient, visit, record.head().hash, scope)
                sql = (
                    "INSERT INTO readings VALUES (?1, 'manual', 'x', '', ?2, ?3, '', '', '', '', '', NULL, '', '', '',"
                    " NULL, NULL, NULL, '', '', '', ?4, ?5)"
                )
                if scope in locked:
                    with pytest.raises(sqlite3.IntegrityError, match="locked"):
                        connection.execute(sql, values)
                else:
                    connection.execute(sql, values)
                connection.rollback()
                connection.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(act("sign", "P1", role="reader", meaning="review"), "the results it covers"),
     (act("sign", "P1", meaning="review", covers_sha256="c"), "needs a role"),
     (act("sign", "P1", role="owner", meaning="review", covers_sha256="c"), "'owner' is no role"),
     (act("lock", person=" "), "printable name"),
     (act("lock", visit="D07"), "needs its patient"),
     (act("uninvolved", "P1", "D07"), "patient, visit and surface"),
     (act("involved", "P1", "D07", surface="genitalia"), "give a reason")],
)  # fmt: skip
def test_an_act_that_lacks_something_is_refused(study: tuple[Path, Readings, str], wrong: NewAct, says: str) -> None:
    _, record, _ = study
    with pytest.raises(ReadingError, match=says):
        record.add_acts([wrong])
    assert record.entries() == []


def test_what_a_person_declares_counts_beside_uninvolved_csv(tmp_path: Path) -> None:
    folder = write_study(tmp_path, uninvolved="P1,D07,genitalia\nP1,D07,trunk-anterior\nP1,D00,*")
    assert recorded_acts(folder) == []
    assert not (folder / "readings.db").exists()
    record = Readings(folder)
    for surface in ("neck-anterior", "genitalia", "neck-posterior"):
        record.add_acts([act("uninvolved", "P1", "D07", surface=surface)])
    record.add_acts([act("involved", "P1", "D7", surface="genitalia", reason="one blister")])
    record.add_acts([act("involved", "P1", "D07", surface="neck-posterior", reason="wrong side")])
    record.add_acts([act("uninvolved", "P1", "D07", surface="neck-posterior")])
    record.add_acts([act("involved", "P1", "D00", surface="genitalia", reason="not looked at")])
    record.add_acts([act("uninvolved", "P9", "D00", surface="genitalia")])
    study = open_study(folder)
    assert declared_uninvolved(study, "P1", 7) == {"trunk-anterior", "neck-anterior", "neck-posterior"}
    assert declared_uninvolved(study, "P1", 0) == set(study.chart.surfaces) - {"genitalia"}
    assert study.problems == ("Entry 8 of the record declares P9 D00 genitalia, which this study does not have.",)


# Older records


def test_a_record_of_the_first_format_is_read_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(FORMAT_1, folder)
    old = sqlite3.connect(folder / "readings.db")
    old.row_factory = sqlite3.Row
    rows = [dict(row) for row in old.execute("SELECT * FROM readings ORDER BY number")]
    assert old.execute("PRAGMA user_version").fetchone()[0] == 1
    old.close()
    assert len(rows) == 6
    assert rows[-1]["hash"] == "eb2011070dd2947e55b4a0a824f938709ddf3b8f53b3bec96fd2222b006482f5"

    assert recorded_acts(folder) == []
    assert (folder / "readings.db").read_bytes() == (FORMAT_1 / "readings.db").read_bytes()

    record = Readings(folder)
    assert [{name: asdict(r)[name] for name in rows[0]} for r in record.all()] == rows
    assert {(r.role, r.bedside_sha256, r.painted_sha256) for r in record.all()} == {("", "", "")}
    assert record.verify() == []
    following = record.add([replace(reading(record.all()[0].mask_sha256), role="reader")])[0]
    assert (following.number, following.previous_hash) == (7, rows[-1]["hash"])
    assert Readings(folder).verify() == []


def test_an_old_record_that_was_tampered_with_is_found_after_it_was_brought_to_this_format(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(FORMAT_1, folder)
    connection = sqlite3.connect(folder / "readings.db")
    for name in ("changed", "deleted"):
        connection.execute(f"DROP TRIGGER readings_are_never_{name}")
    connection.execute("UPDATE readings SET reader = 'Okafor' WHERE number = 4")
    connection.commit()
    connection.close()
    assert Readings(folder).verify() == ["Entry 4 (reading of trunk-anterior, P1 D07) is not as it was recorded."]


@pytest.mark.parametrize("version", [0, 1])
def test_a_record_that_lies_about_its_format_is_refused(study: tuple[Path, Readings, str], version: int) -> None:
    folder, record, mask = study
    record.add([reading(mask)])
    connection = sqlite3.connect(folder / "readings.db")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(ReadingError, match="is damaged"):
        Readings(folder)


def test_reading_only_makes_no_record_and_changes_none(tmp_path: Path) -> None:
    record = Readings(tmp_path, read_only=True)
    assert (record.entries(), record.head().number, record.verify()) == ([], 0, [])
    with pytest.raises(ReadingError):
        record.add_acts([act("lock")])
    assert list(tmp_path.iterdir()) == []
    made = Readings(tmp_path).add_acts([act("lock")])
    before = (tmp_path / "readings.db").read_bytes()
    assert (record.entries(), record.verify()) == (made, [])
    with pytest.raises(ReadingError, match="readonly"):
        record.add_acts([act("unlock", reason="r")])
    assert (tmp_path / "readings.db").read_bytes() == before


HALF_A_WRITE = """
import os, pathlib, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("PRAGMA cache_spill = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE half (x)")
for _ in range(200):
    connection.execute("INSERT INTO half VALUES (randomblob(3000))")
os._exit(1)
"""


def test_a_half_done_write_of_a_killed_program_is_not_read_and_is_left_to_the_next_writer(tmp_path: Path) -> None:
    made = Readings(tmp_path).add_acts([act("lock")])
    subprocess.run([sys.executable, "-c", HALF_A_WRITE, str(tmp_path / "readings.db")], check=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"readings.db", "readings.db-journal"}
    assert len(before["readings.db"]) > 300_000
    record = Readings(tmp_path, read_only=True)
    assert (record.entries(), record.verify()) == (made, [])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert Readings(tmp_path).entries() == made


def test_a_changed_or_missing_mask_is_found(study: tuple[Path, Readings, str]) -> None:
    folder, record, mask = study
    record.add([reading(mask)])
    path = mask_path(folder, mask)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(MaskError, match="not as it was stored"):
        load_mask(folder, mask)
    assert "not as it was stored" in record.verify()[0]
    path.unlink()
    assert "missing" in record.verify()[0]


def test_a_reading_without_its_mask_is_refused(study: tuple[Path, Readings, str]) -> None:
    _, record, _ = study
    with pytest.raises(ReadingError, match="not in masks"):
        record.add([reading("c" * 64)])
    assert record.all() == []


def test_all_or_none_are_recorded(study: tuple[Path, Readings, str]) -> None:
    _, record, mask = study
    with pytest.raises(ReadingError):
        record.add([reading(mask), replace(reading(mask), kind="guess")])  # type: ignore[arg-type]
    assert record.all() == []


def test_a_record_of_a_newer_version_is_refused(study: tuple[Path, Readings, str]) -> None:
    folder, _, _ = study
    connection = sqlite3.connect(folder / "readings.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ReadingError, match="newer version"):
        Readings(folder)


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readings.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ReadingError, match="is damaged: restore"):
        Readings(tmp_path)


def _write(job: tuple[str, str, int]) -> int:
    folder, mask, count = job
    record = Readings(Path(folder))
    for _ in range(count):
        record.add([reading(mask)])
    return count


def test_several_writers_at_once_lose_nothing(study: tuple[Path, Readings, str]) -> None:
    folder, record, mask = study
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        written = sum(pool.map(_write, [(str(folder), mask, 10)] * 3))
    assert len(record.all()) == written == 30
    assert record.verify() == []


def test_masks_are_named_after_their_bytes_and_kept_once(tmp_path: Path) -> None:
    labels = limb_mask({(0, 200): 2})
    first, second = store_mask(tmp_path, labels), store_mask(tmp_path, labels.copy())
    assert first == second
    assert np.array_equal(load_mask(tmp_path, first), labels)
    assert len(list((tmp_path / "masks").rglob("*.png"))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (260, 400)])
def test_a_mask_is_read_as_any_reader_of_png_reads_it(tmp_path: Path, shape: tuple[int, int]) -> None:
    labels = np.random.default_rng(shape[1]).integers(0, 5, shape, np.uint8)
    data = encode_mask(labels)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        assert np.array_equal(np.array(image), labels)
    assert np.array_equal(decode_own(data), labels)
    assert np.array_equal(load_mask(tmp_path, store_mask(tmp_path, labels)), labels)


def test_a_mask_that_another_program_or_version_wrote_is_read_alike(tmp_path: Path) -> None:
    labels = limb_mask({(0, 100): 1, (100, 200): 4})
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, "PNG", optimize=True)
    older = bytes(cv2.imencode(".png", labels)[1])  # as version 0.1 wrote them
    for data in (buffer.getvalue(), older):
        sha256 = hashlib.sha256(data).hexdigest()
        path = mask_path(tmp_path, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        assert np.array_equal(load_mask(tmp_path, sha256), labels)
    assert decode_own(older) is None, "differences from pixel to pixel are for Pillow"
    assert decode_own(encode_mask(labels)[:-30]) is None


def test_the_class_number_is_read_whatever_the_palette_shows() -> None:
    labels = limb_mask({(0, 100): 1, (100, 200): 4})
    image = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    image.putpalette([value for _ in range(256) for value in (255, 255, 255)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert np.array_equal(decode_mask(buffer.getvalue(), "m"), labels)
    assert np.array_equal(decode_mask(encode_mask(labels), "m"), labels)


def test_a_mask_that_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    labels = limb_mask({(0, 200): 1})
    path = mask_path(tmp_path, store_mask(tmp_path, labels))
    path.unlink()
    path.mkdir()  # stands for a file without permission, which an administrator may read all the same
    with pytest.raises(StudyError, match=r"masks/.*… cannot be read"):
        store_mask(tmp_path, labels)


def test_what_goes_wrong_under_a_lock_is_not_said_to_be_the_lock(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the network is gone"), held(tmp_path / "lock", "busy"):
        raise OSError("the network is gone")
    with held(tmp_path / "lock", "busy"), pytest.raises(StudyError, match="busy"), held(tmp_path / "lock", "busy"):
        pass


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(MaskError, match="value 7"):
        check_classes(limb_mask({(0, 1): 7}), "m.png")


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode_mask(limb_mask({}))[:60]])
def test_a_damaged_mask_gets_a_sentence(data: bytes) -> None:
    with pytest.raises(MaskError, match=r"m\.png"):
        decode_mask(data, "m.png")
