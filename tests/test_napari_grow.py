"""Grow to edge, and copying from the visit before, on pictures whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from bsa_measure_napari.tools.grow import Pyramid, arrival_times, grow_to_edge
from bsa_measure_napari.tools.patch import paint
from bsa_measure_napari.tools.registration import copy_from_previous

from bsa_measure.tissue import Tissue

SAMPLES = Path(__file__).parent.parent / "sample_images"
SKIN, RAW, SHEET = (214, 170, 146), (168, 62, 58), (70, 105, 150)


def painted(
    *shapes: tuple[npt.NDArray[np.bool_], tuple[int, int, int]], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """A picture with the grain of skin, and shapes of other colours on it."""
    random = np.random.default_rng(0)
    pixels = np.full((*size, 3), SKIN, np.float32)
    for where, colour in shapes:
        pixels[where] = colour
    coarse = cv2.resize(random.normal(0, 6, (size[0] // 8, size[1] // 8)).astype(np.float32), size[::-1])
    return np.clip(pixels + coarse[..., None] + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def disc(size: tuple[int, int], row: int, column: int, radius: int) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("radius", [12, 40, 150, 320])
def test_one_click_takes_a_lesion_of_any_size_with_its_shine(radius: int) -> None:
    size = (900, 700)
    lesion = disc(size, 450, 350, radius)
    shine = disc(size, 450 - radius // 2, 350, max(radius // 12, 1))
    pixels = painted((lesion, RAW), (shine, (250, 245, 240)), size=size)
    area = grow_to_edge(Pyramid(pixels), (450 + radius // 3, 350)).area()
    assert dice(area.on(size), lesion) > 0.94


def test_the_second_lesion_and_the_far_side_of_the_photo_stay_as_they_are() -> None:
    size = (600, 600)
    first, second = disc(size, 200, 200, 60), disc(size, 420, 420, 60)
    pixels = painted((first | second, RAW), size=size)
    labels = np.full(size, Tissue.INTACT, np.uint8)
    area = grow_to_edge(Pyramid(pixels), (200, 200), labels).area()
    assert not area.on(size)[second].any()
    after = paint(labels, area, Tissue.DETACHED).applied(labels)
    assert np.array_equal(after[300:, 300:], labels[300:, 300:])


def test_the_wheel_walks_through_areas_that_hold_one_another() -> None:
    size = (500, 500)
    pixels = painted((disc(size, 250, 250, 70), RAW), size=size)
    growth = grow_to_edge(Pyramid(pixels), (250, 250))
    counts = [int(growth.area(steps).inside.sum()) for steps in (-6, -3, 0, 3, 6)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2] < counts[4]
    assert growth.area(0).on(size)[250, 250]
    small, large = growth.area(-6).on(size), growth.area(3).on(size)
    assert np.count_nonzero(small & ~large) < 0.02 * np.count_nonzero(small)


def test_a_click_on_the_body_does_not_leave_it() -> None:
    size = (500, 500)
    limb = np.zeros(size, bool)
    limb[:, 180:320] = True
    lesion = disc(size, 250, 180, 60) & limb  # a lesion at the outline of a limb
    pixels = painted((~limb, SHEET), (lesion, RAW), size=size)
    labels = np.where(limb, np.uint8(Tissue.INTACT), np.uint8(Tissue.BACKGROUND))
    growth = grow_to_edge(Pyramid(pixels), (250, 200), labels)
    assert dice(growth.area().on(size), lesion) > 0.93
    assert np.count_nonzero(growth.area(12).on(size) & ~limb) < 0.02 * limb.sum()


@pytest.mark.parametrize("point", [(0, 0), (0, 63), (79, 0), (79, 63), (40, 30)])
def test_a_click_anywhere_in_a_plain_or_tiny_photograph_gives_an_area_round_it(point: tuple[int, int]) -> None:
    pixels = np.full((80, 64, 3), 128, np.uint8)
    area = grow_to_edge(Pyramid(pixels), point).area()
    assert area.on((80, 64))[point]


def test_the_same_click_gives_the_same_area() -> None:
    size = (400, 400)
    pixels = painted((disc(size, 200, 200, 50), RAW), size=size)
    first, second = (grow_to_edge(Pyramid(pixels), (200, 210)).area() for _ in range(2))
    assert np.array_equal(first.on(size), second.on(size))


@pytest.mark.parametrize("seed", range(3))
def test_arrival_times_are_those_of_shortest_paths(seed: int) -> None:
    graph = pytest.importorskip("skimage.graph")
    random = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(random.random((90, 120)).astype(np.float32) * 3, (0, 0), 2) ** 2
    cost = (0.3 + smooth + 20 * (random.random((90, 120)) > 0.97)).astype(np.float32)
    exact, _ = graph.MCP_Geometric(cost.astype(float), fully_connected=False).find_costs([(40, 60)])
    assert np.abs(arrival_times(cost, (40, 60)) - exact).max() < 0.005 * exact.max()


def test_arrival_times_on_a_small_map_are_those_worked_out_by_hand() -> None:
    cost = np.array([[1, 1, 1], [9, 9, 1], [1, 1, 1]], np.float32)
    # Along the top, down the right side and back: the wall in the middle costs more than the way round.
    assert arrival_times(cost, (0, 0)).tolist() == [[0, 1, 2], [5, 6, 3], [6, 5, 4]]


@pytest.fixture(scope="module")
def visit() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    path = SAMPLES / "photos" / "PH-001" / "D00" / "arm-left-anterior.jpg"
    pixels = cv2.imread(str(path))[..., ::-1]
    labels = cv2.imread(str(SAMPLES / "truth" / "masks" / "PH-001" / "D00" / "arm-left-anterior.png"), -1)
    size = pixels.shape[1], pixels.shape[0]
    return np.ascontiguousarray(pixels), cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)


def moved(picture: npt.NDArray[np.uint8], how: int) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7, 0.93)
    turn[:, 2] += (14, -9)
    return cv2.warpAffine(picture, turn, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)


def test_the_earlier_lesions_land_where_they_are_today(
    visit: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
) -> None:
    pixels, labels = visit
    today, truth = moved(pixels, cv2.INTER_LINEAR), moved(labels, cv2.INTER_NEAREST)
    blank = np.where(truth > 0, np.uint8(Tissue.INTACT), np.uint8(0))
    proposal = copy_from_previous(today, blank, pixels, labels)
    assert proposal.patch is not None
    assert proposal.registration is not None
    assert proposal.registration.quality > 0.8
    after = proposal.patch.applied(blank)
    assert dice(after == Tissue.DETACHED, truth == Tissue.DETACHED) > 0.95
    assert np.array_equal(after == 0, blank == 0), "the outline of the body is today's"


def test_painted_pixels_and_locked_classes_stay(visit: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]) -> None:
    pixels, labels = visit
    blank = np.where(labels > 0, np.uint8(Tissue.INTACT), np.uint8(0))
    keep = np.zeros(labels.shape, bool)
    keep[:320] = True
    locked = copy_from_previous(pixels, blank, pixels, labels, locked={Tissue.INTACT})
    assert locked.patch is not None
    assert locked.patch.is_empty
    kept = copy_from_previous(pixels, blank, pixels, labels, keep=keep)
    assert kept.patch is not None
    after = kept.patch.applied(blank)
    assert np.array_equal(after[:320], blank[:320])
    assert (after[320:] != blank[320:]).any()


def test_another_body_part_is_refused_with_the_reason(
    visit: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
) -> None:
    pixels, labels = visit
    other = cv2.imread(str(SAMPLES / "photos" / "PH-002" / "D07" / "trunk-anterior.jpg"))[..., ::-1]
    other_labels = cv2.imread(str(SAMPLES / "truth" / "masks" / "PH-002" / "D07" / "trunk-anterior.png"), -1)
    other_labels = cv2.resize(other_labels, other.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    proposal = copy_from_previous(np.ascontiguousarray(other), other_labels, pixels, labels)
    assert proposal.patch is None
    assert proposal.sentence.startswith("The two visits cannot be laid over each other: ")
    empty = copy_from_previous(pixels, np.zeros(labels.shape, np.uint8), pixels, labels)
    assert empty.patch is None
    assert "no skin" in empty.sentence
