"""Networks behind the segmentation door: tiny ones whose every answer is known (see tests/networks)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from bsa_measure.errors import ModelError
from bsa_measure.network import Made, NetworkModel, network_size, softmax
from bsa_measure.segment import Model, load_model, segment

NETWORKS = Path(__file__).parent / "networks"
BACKGROUND, INTACT, DETACHED, HEALED, HIDDEN = COLOURS = (
    (50, 100, 200),
    (220, 170, 140),
    (170, 40, 45),
    (230, 120, 160),
    (250, 250, 250),
)


def register(folder: Path, data: bytes, name: str = "tiny") -> Path:
    """A folder of models with one network in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(data)
    (folder / "registry.toml").write_text(
        f'[{name}]\nkind = "onnx"\nfile = "{name}.onnx"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        'licence = "Apache-2.0"\nnotice = "Tells colours apart, nothing else."\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(params=["colours", "colours-half"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    return load_model("tiny", register(tmp_path, (NETWORKS / f"{request.param}.onnx").read_bytes()))


def bands(height: int, width: int) -> np.ndarray:
    """A band of each class's colour from left to right, in the order of the classes."""
    picture = np.empty((height, width, 3), np.uint8)
    for number, colour in enumerate(COLOURS):
        picture[:, number * width // 5 : (number + 1) * width // 5] = colour
    return picture


@pytest.mark.parametrize("size", [(1200, 900), (900, 1200), (500, 160), (64, 320), (333, 517)])
def test_every_pixel_gets_the_class_of_its_colour(model: Model, size: tuple[int, int]) -> None:
    labels = segment(model, bands(*size)).labels
    assert labels.shape == size
    width = size[1]
    for number in range(5):
        inner = slice(round((number + 0.2) * width / 5), round((number + 0.8) * width / 5))
        assert (labels[:, inner] == number).all()


def test_probabilities_follow_the_logits_and_the_temperature(tmp_path: Path) -> None:
    picture = np.empty((96, 160, 3), np.uint8)
    picture[:] = INTACT
    distance = ((np.array(COLOURS) / 127.5 - np.array(INTACT) / 127.5) ** 2).sum(axis=1)
    for name, temperature in (("colours", 1.0), ("colours-half", 2.0)):
        model = load_model("tiny", register(tmp_path / name, (NETWORKS / f"{name}.onnx").read_bytes()))
        expected = np.exp(-5 * distance / temperature)
        expected /= expected.sum()
        found = model.probabilities(picture)
        assert found.dtype == np.float32
        assert np.allclose(found, expected[:, None, None], atol=1e-5)


def test_further_looks_are_averaged_with_the_first(tmp_path: Path) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (300, 400, 3)).astype(np.uint8), (0, 0), 9)
    answers = {}
    for name in ("colours", "colours-small", "colours-both"):
        model = load_model("tiny", register(tmp_path / name, (NETWORKS / f"{name}.onnx").read_bytes()))
        answers[name] = model.probabilities(picture)
    assert answers["colours-small"].shape == (5, 60, 80)
    small = np.stack([cv2.resize(plane, (160, 120)) for plane in answers["colours-small"]])
    assert not np.allclose(small, answers["colours"], atol=1e-3)
    np.testing.assert_allclose(answers["colours-both"], (answers["colours"] + small) / 2, atol=1e-6)


def test_a_mirrored_look_is_that_of_the_mirrored_photograph_turned_back(tmp_path: Path) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (300, 400, 3)).astype(np.uint8), (0, 0), 9)
    folder = register(tmp_path, (NETWORKS / "leaning-mirrored.onnx").read_bytes())
    model = load_model("tiny", folder)
    assert isinstance(model, NetworkModel)
    first, plain = model.look(picture, 1.0), model.look(picture, 0.5)
    mirrored = model.look(np.ascontiguousarray(picture[:, ::-1]), 0.5)[:, :, ::-1]
    assert not np.allclose(plain, mirrored, atol=1e-2)
    larger = np.stack([cv2.resize(np.ascontiguousarray(plane), (160, 120)) for plane in mirrored])
    np.testing.assert_allclose(model.probabilities(picture), (first + larger) / 2, atol=1e-5)


def test_the_odds_of_detached_are_multiplied(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (96, 160, 3)).astype(np.uint8)
    plain, odds = (
        load_model("tiny", register(tmp_path / name, (NETWORKS / f"{name}.onnx").read_bytes())).probabilities(picture)
        for name in ("colours", "colours-odds")
    )
    np.testing.assert_allclose(odds.sum(axis=0), 1, atol=1e-6)
    expected = 3 * plain[2] / (1 + 2 * plain[2])  # odds p/(1-p), tripled
    np.testing.assert_allclose(odds[2], expected, atol=1e-5)


def test_an_answer_at_half_the_size_is_half_the_size(tmp_path: Path) -> None:
    data = (NETWORKS / "colours-half.onnx").read_bytes()
    model = load_model("tiny", register(tmp_path, data))
    assert model.probabilities(bands(400, 300)).shape == (5, 80, 60)  # long side 160, half of it answered


def test_padding_does_not_reach_the_answer(tmp_path: Path) -> None:
    """160 x 100 is padded to 160 x 128; the answer is 160 x 100."""
    model = load_model("tiny", register(tmp_path, (NETWORKS / "colours.onnx").read_bytes()))
    assert model.probabilities(bands(160, 100)).shape == (5, 160, 100)


@pytest.mark.parametrize(
    ("photo", "made", "seen"),
    [
        ((4032, 3024), Made(1024, 1.0), (1024, 768)),
        ((3000, 4000), Made(1024, 1.0), (768, 1024)),
        ((512, 384), Made(1024, 1.0), (512, 384)),  # never enlarged, unless its file says so
        ((512, 384), Made(1024, 1.0, most_enlarged=1.5), (768, 576)),
        ((512, 384), Made(640, 1.0, most_enlarged=4.0), (640, 480)),
        ((2048, 65), Made(1024, 1.0), (1024, 32)),
        ((5000, 64), Made(256, 1.0), (256, 4)),
    ],
)
def test_the_size_at_which_a_network_sees_a_photo(photo: tuple[int, int], made: Made, seen: tuple[int, int]) -> None:
    assert network_size(*photo, made) == seen


def test_one_and_two_threads_answer_the_same(tmp_path: Path) -> None:
    data = (NETWORKS / "colours.onnx").read_bytes()
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    threads, answers = cv2.getNumThreads(), []
    try:
        for number in (1, 2):
            cv2.setNumThreads(number)
            model = load_model("tiny", register(tmp_path / str(number), data))
            answers.append(model.probabilities(picture).tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert answers[0] == answers[1]


def test_choosing_a_network_does_not_start_it(tmp_path: Path) -> None:
    folder = register(tmp_path, (NETWORKS / "colours.onnx").read_bytes())
    code = (
        "import sys; from pathlib import Path; from bsa_measure.segment import load_model; "
        f"print(load_model('tiny', Path({str(folder)!r})).sha256, 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"not_assessable", b"not_assessible", "its classes are"),
        (b"bsa_measure_format", b"bsa_measure_farmat", "its format is None, not 1"),
        (b"temperature", b"temporature", "float"),
    ],
)
def test_a_network_made_for_something_else_is_refused(tmp_path: Path, old: bytes, new: bytes, says: str) -> None:
    data = (NETWORKS / "colours.onnx").read_bytes()
    assert data.count(old) == 1
    model = load_model("tiny", register(tmp_path, data.replace(old, new)))
    with pytest.raises(ModelError, match=f"The model tiny cannot be run .*{says}.*use another model"):
        model.probabilities(bands(100, 100))


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    model = load_model("tiny", register(tmp_path, b"no network at all"))
    with pytest.raises(ModelError, match="The model tiny cannot be run"):
        model.probabilities(bands(100, 100))


def test_what_a_network_was_made_for_survives_its_file() -> None:
    made = Made(1024, 1.2345678901234567, 1.5, (0.75, 0.5), True, 1.5)
    assert Made.read(made.metadata()) == made
    shorter = {
        key: value
        for key, value in made.metadata().items()
        if key not in ("most_enlarged", "further_looks", "mirrored_looks", "detached_odds")
    }
    assert Made.read(shorter) == Made(1024, made.temperature)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": "0"},
        {"temperature": "nan"},
        {"long_side": "7"},
        {"long_side": ""},
        {"further_looks": "0.5,2"},
        {"further_looks": "half"},
        {"mirrored_looks": "perhaps"},
        {"detached_odds": "0"},
    ],
)
def test_metadata_that_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="."):
        Made.read({**Made(1024, 1.0).metadata(), **wrong})


def test_softmax_by_hand() -> None:
    logits = np.log(np.array([1, 2, 3, 4, 10], np.float32))[:, None, None]
    assert np.allclose(softmax(logits.copy(), 1.0).ravel(), [0.05, 0.1, 0.15, 0.2, 0.5], atol=1e-6)
    cooled = np.sqrt([1, 2, 3, 4, 10])  # a temperature of 2 takes the square root of the odds
    assert np.allclose(softmax(logits.copy(), 2.0).ravel(), cooled / cooled.sum(), atol=1e-6)
    huge = softmax(np.array([1000, 0, 0, 0, 999], np.float32)[:, None, None], 1.0).ravel()
    assert np.allclose(huge, [0.7310586, 0, 0, 0, 0.2689414], atol=1e-6)
