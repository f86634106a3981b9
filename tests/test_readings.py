from __future__ import annotations

import io
import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawing import limb_mask
from PIL import Image

from bsa_measure.errors import MaskError, ReadingError
from bsa_measure.readings import (
    NewReading,
    Readings,
    check_classes,
    decode_mask,
    encode_mask,
    load_mask,
    mask_path,
    store_mask,
)


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


def test_update_and_delete_are_refused(study: tuple[Path, Readings, str]) -> None:
    folder, record, mask = study
    record.add([reading(mask)])
    with sqlite3.connect(folder / "readings.db") as connection:
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute("UPDATE readings SET reader = 'other'")
        with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
            connection.execute("DELETE FROM readings")
    connection.close()


@pytest.mark.parametrize(
    "change",
    ["UPDATE readings SET reader = 'other' WHERE number = 2", "DELETE FROM readings WHERE number = 2",
     "UPDATE readings SET certainty = 0.5 WHERE number = 1"],
)  # fmt: skip
def test_a_change_behind_the_back_of_the_triggers_is_found(study: tuple[Path, Readings, str], change: str) -> None:
    folder, record, mask = study
    record.add([reading(mask, name) for name in ("a", "b", "c")])
    connection = sqlite3.connect(folder / "readings.db")
    connection.execute("DROP TRIGGER readings_are_never_changed")
    connection.execute("DROP TRIGGER readings_are_never_deleted")
    connection.execute(change)
    connection.commit()
    connection.close()
    assert record.verify()


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


def test_the_class_number_is_read_whatever_the_palette_shows() -> None:
    labels = limb_mask({(0, 100): 1, (100, 200): 4})
    image = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    image.putpalette([value for _ in range(256) for value in (255, 255, 255)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert np.array_equal(decode_mask(buffer.getvalue(), "m"), labels)
    assert np.array_equal(decode_mask(encode_mask(labels), "m"), labels)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(MaskError, match="value 7"):
        check_classes(limb_mask({(0, 1): 7}), "m.png")


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode_mask(limb_mask({}))[:60]])
def test_a_damaged_mask_gets_a_sentence(data: bytes) -> None:
    with pytest.raises(MaskError, match=r"m\.png"):
        decode_mask(data, "m.png")
