"""The numbers beside the open photograph are the numbers that `measure` gives, to the last digit."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from bsa_measure_napari.tools.counts import Board, at_working_size, count
from bsa_measure_napari.tools.patch import Patch, difference
from drawing import limb_mask, save_mask, save_photo, skin_photo, write_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsa_measure.imports import import_masks
from bsa_measure.measure import measure
from bsa_measure.photo import working_size
from bsa_measure.photo_job import ViewAreas, resize_mask, view_areas
from bsa_measure.protocol import load_protocol
from bsa_measure.study import open_study
from bsa_measure.surfaces import surface_map
from bsa_measure.tissue import Tissue

Labels = npt.NDArray[np.uint8]
ROOT = Path(__file__).parent.parent
PROTOCOL, CHART = load_protocol(ROOT / "sample_images" / "study.toml")
ARM = PROTOCOL.views["arm-left-anterior"]


def truth(view: str = "arm-left-anterior") -> Labels:
    path = ROOT / "sample_images" / "truth" / "masks" / "PH-001" / "D00" / f"{view}.png"
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


TRUTH = truth()
strokes = st.lists(
    st.tuples(
        st.integers(0, TRUTH.shape[0] - 1),
        st.integers(0, TRUTH.shape[1] - 1),
        st.integers(1, 120),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=6,
)


def stroked(labels: Labels, row: int, column: int, radius: int, tissue: int) -> Patch:
    after = labels.copy()
    cv2.circle(after, (column, row), radius, tissue, -1)
    return difference(labels, after)


def sums(areas: ViewAreas) -> tuple[object, ...]:
    return areas.weighted, areas.flat, areas.flags


@pytest.mark.parametrize("geometry", ["flat", "silhouette"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strokes=strokes)
def test_counting_stroke_by_stroke_equals_counting_anew(
    geometry: str, strokes: list[tuple[int, int, int, int]]
) -> None:
    labels = TRUTH.copy()
    counted = count(labels, ARM, CHART, geometry)
    for stroke in strokes:
        patch = stroked(labels, *stroke)
        counted = counted.after(patch.inverse(labels), patch)
        patch.lay(labels)
        if counted.provisional:
            counted = count(labels, ARM, CHART, geometry)
    expected = view_areas(labels, surface_map(labels, ARM, CHART), ARM, CHART, geometry)
    assert sums(counted.areas) == sums(expected), "not nearly: equal"
    if geometry == "silhouette" and counted.doubt_is_old:
        counted = count(labels, ARM, CHART, geometry)
    assert counted.areas.doubt == expected.doubt


def test_only_a_change_of_the_silhouette_makes_the_count_provisional() -> None:
    counted = count(TRUTH, ARM, CHART, "silhouette")
    rows, columns = np.nonzero(TRUTH == Tissue.INTACT)
    middle = len(rows) // 2
    inside = Patch(int(rows[middle]), int(columns[middle]), np.array([[Tissue.DETACHED]], np.uint8))
    assert not counted.after(inside.inverse(TRUTH), inside).provisional
    hole = Patch(int(rows[middle]), int(columns[middle]), np.array([[Tissue.BACKGROUND]], np.uint8))
    assert counted.after(hole.inverse(TRUTH), hole).provisional
    redrawn = count(TRUTH, ARM, CHART, "flat", surfaces=surface_map(TRUTH, ARM, CHART))
    assert not redrawn.after(hole.inverse(TRUTH), hole).provisional, "a drawn map does not follow the silhouette"


def test_a_redrawn_surface_map_is_counted_as_measure_counts_it() -> None:
    drawn = surface_map(TRUTH, ARM, CHART)
    drawn[: TRUTH.shape[0] // 2][drawn[: TRUTH.shape[0] // 2] > 0] = drawn[drawn > 0].max()
    counted = count(TRUTH, ARM, CHART, "silhouette", surfaces=drawn).areas
    expected = view_areas(TRUTH, drawn, ARM, CHART, "silhouette")
    assert sums(counted) == sums(expected)
    assert counted.doubt == expected.doubt


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    full=st.tuples(st.integers(64, 400), st.integers(64, 400)),
    data=st.data(),
)
def test_a_patch_of_the_full_mask_changes_what_the_resized_mask_samples(
    full: tuple[int, int], data: st.DataObject
) -> None:
    width, height = working_size(full[1], full[0], data.draw(st.integers(48, max(full))))
    labels = np.random.default_rng(0).integers(0, 5, full).astype(np.uint8)
    top, left = data.draw(st.integers(0, full[0] - 1)), data.draw(st.integers(0, full[1] - 1))
    tall, wide = data.draw(st.integers(1, full[0] - top)), data.draw(st.integers(1, full[1] - left))
    patch = Patch(top, left, np.random.default_rng(1).integers(0, 5, (tall, wide)).astype(np.uint8))
    small = at_working_size(patch, full, (height, width))
    expected = resize_mask(patch.applied(labels), width, height)
    assert np.array_equal(small.applied(resize_mask(labels, width, height)), expected)


def test_the_figures_are_those_that_measure_writes(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", uninvolved="P1,D0,*\nP1,D7,*")
    views = ("trunk-anterior", "arm-left-anterior")
    for seed, (visit, view) in enumerate((v, w) for v in ("D0", "D7") for w in views):
        save_photo(study / "photos" / "P1" / visit / f"{view}.jpg", skin_photo(seed))
        mask = limb_mask({(10, 190): 1, (40, 90): 2})
        save_mask(tmp_path / "first" / "P1" / visit / f"{view}.png", mask)
    import_masks(open_study(study), tmp_path / "first", reader="Duval")
    results = measure(study)
    photo = next(p for p in results.patients[0].photos if (p.day, p.view) == (7, "arm-left-anterior"))
    before = limb_mask({(10, 190): 1, (40, 90): 2})
    after = before.copy()
    after[60:150, 110:140][after[60:150, 110:140] > 0] = 3
    after[20:70, 250:300][after[20:70, 250:300] > 0] = 2
    opened = open_study(study)
    measured = opened.protocol.measure
    view = opened.protocol.views["arm-left-anterior"]
    patch = difference(before, after)
    counted = count(before, view, opened.chart, measured.geometry).after(patch.inverse(before), patch)
    assert counted.doubt_is_old
    counted = replace(counted, doubt=count(after, view, opened.chart, measured.geometry).doubt)
    board = Board(opened, results.patients[0].photos, photo.file, "Duval")
    figures = board.figures(counted.areas)
    save_mask(tmp_path / "second" / "P1" / "D7" / "arm-left-anterior.png", after)
    import_masks(open_study(study), tmp_path / "second", reader="Duval")
    again = measure(study).patients[0]
    assert figures.visit == next(visit for visit in again.visits if visit.day == 7)
    assert (figures.healing, figures.call) == next((h, c) for h, c in again.calls if h.day == 7)
    assert figures.visit != next(visit for visit in results.patients[0].visits if visit.day == 7), "it did change"
    with (study / "results" / "visits.csv").open(encoding="utf-8", newline="") as file:
        written = next(row for row in csv.DictReader(file) if row["visit"] == "D07")
    assert figures.visit.detached is not None
    assert float(written["detached_bsa_percent"]) == pytest.approx(figures.visit.detached.point, abs=1e-6)
